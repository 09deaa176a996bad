"""Random networks against a neuron-by-neuron evaluator, and through damaged files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import networks

from btfsynth.errors import DataError
from btfsynth.network.formats import load_network, save_network
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port


@given(network=networks())
@settings(max_examples=60, deadline=None)
def test_evaluation_agrees_with_the_naive_one(network: TrainedNetwork) -> None:
    """Every input vector, any graph, ties included."""
    vectors = naive.all_vectors(network.topology.n_inputs)
    found = network.outputs(np.array(vectors).reshape(len(vectors), -1))
    assert found.tolist() == [naive.network_bits(network, vector) for vector in vectors]


@given(network=networks())
@settings(max_examples=40, deadline=None)
def test_file_round_trip(network: TrainedNetwork, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Graph, weights, ports, names and training come back."""
    path = tmp_path_factory.mktemp("network") / "n.npz"
    save_network(network, path)
    back = load_network(path)
    assert (back.name, back.training) == (network.name, network.training)
    assert (back.input_ports, back.output_ports) == (network.input_ports, network.output_ports)
    assert np.array_equal(back.weights, network.weights)
    for field in ("n_inputs", "n_outputs", "widths"):
        assert getattr(back.topology, field) == getattr(network.topology, field)
    assert np.array_equal(back.topology.fanin_start, network.topology.fanin_start)
    assert np.array_equal(back.topology.sources, network.topology.sources)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file to damage, and its bytes."""
    path = tmp_path_factory.mktemp("network") / "n.npz"
    weights = np.linspace(-1, 1, 9, dtype=np.float32)
    network = TrainedNetwork("t", layered((2, 2, 1)), weights, (Port("x", 2),), (Port("y", 1),))
    save_network(network, path)
    return path, path.read_bytes()


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_a_network_or_a_data_error(
    data: st.DataObject, saved: tuple[Path, bytes]
) -> None:
    """Bytes changed or cut off anywhere: nothing but a DataError comes of it."""
    path, content = saved
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 3))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    damaged = path.with_name("damaged.npz")
    damaged.write_bytes(bytes(changed))
    message = "damaged.npz: "
    try:
        load_network(damaged)
    except DataError as error:
        message = str(error)
    assert "damaged.npz: " in message


@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    skip=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_layers_see_what_they_should(widths: list[int], skip: bool) -> None:
    """Each neuron's sources by counting nodes layer by layer."""
    topology = layered(widths, skip=skip)
    layers, node = [], 1
    for width in widths:
        layers.append(list(range(node, node + width)))
        node += width
    assert topology.n_nodes == node
    expected = []
    for depth, layer in enumerate(layers[1:]):
        seen = [0, *(layers[0] if skip and depth else []), *layers[depth]]
        expected += [seen] * len(layer)
    start = topology.fanin_start
    found = [topology.sources[a:b].tolist() for a, b in pairwise(start)]
    assert found == expected
