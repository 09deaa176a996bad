"""Networks cut at a layer: the two halves, one after the other, are the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.errors import TopologyError
from btfsynth.network.network import Topology, TrainedNetwork, cut_network, layered
from btfsynth.ports import Port


def random_network(widths: tuple[int, ...], seed: int, skip: bool = False) -> TrainedNetwork:
    """Return layers of random weights."""
    topology = layered(widths, skip)
    weights = np.random.default_rng(seed).normal(size=topology.n_edges).astype(np.float32)
    ports = (Port("x", widths[0]),), (Port("y", widths[-1]),)
    return TrainedNetwork("n", topology, weights, *ports)


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5), st.integers(0, 10**6), st.data())
@settings(max_examples=40, deadline=None)
def test_the_halves_make_the_whole(widths: list[int], seed: int, data: st.DataObject) -> None:
    """On every input vector, whatever the layer."""
    network = random_network(tuple(widths), seed)
    layer = data.draw(st.integers(1, len(widths) - 2))
    first, second = cut_network(network, layer, "code")
    vectors = np.array([[n >> b & 1 for b in range(widths[0])] for n in range(1 << widths[0])])
    assert np.array_equal(second.outputs(first.outputs(vectors)), network.outputs(vectors))
    assert first.topology.widths == tuple(widths[: layer + 1])
    assert second.topology.widths == tuple(widths[layer:])
    assert first.output_ports == second.input_ports == (Port("code", widths[layer]),)
    assert (first.input_ports, second.output_ports) == (network.input_ports, network.output_ports)


@pytest.mark.parametrize("layer", [0, 2, 7])
def test_only_hidden_layers(layer: int) -> None:
    """Inputs and outputs are no place to cut."""
    with pytest.raises(TopologyError, match=f"widths 2,3,2: there is no hidden layer {layer}"):
        cut_network(random_network((2, 3, 2), 1), layer, "code")


def test_a_layer_that_is_passed_by() -> None:
    """Neurons that see the inputs beside the layer cannot do without these."""
    with pytest.raises(TopologyError, match="reads a node before it"):
        cut_network(random_network((2, 3, 2), 1, skip=True), 1, "code")


def test_a_graph_has_no_layers() -> None:
    """Widths are needed to say where a layer is."""
    graph = Topology(1, 1, np.array([0, 1, 2]), np.array([1, 2]))
    network = TrainedNetwork(
        "n", graph, np.ones(2, dtype=np.float32), (Port("x", 1),), (Port("y", 1),)
    )
    with pytest.raises(TopologyError, match="no layers: there is no hidden layer 1"):
        cut_network(network, 1, "code")
