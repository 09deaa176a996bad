"""Topologies: what is refused, layered graphs, widths as text."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.errors import TopologyError
from btfsynth.network.network import MAX_EDGES, Topology, layered


def test_sizes_follow_from_the_edges() -> None:
    """Nodes are the constant, the inputs and the neurons; fan-in counts the bias."""
    topology = Topology(2, 1, np.array([0, 3, 5]), np.array([0, 1, 2, 3, 1]))
    assert (topology.n_neurons, topology.n_edges, topology.n_nodes) == (2, 5, 5)
    assert topology.first_neuron == 3
    assert topology.fan_in.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("n_outputs", "start", "sources", "message"),
    [
        (1, [0, 1, 2], [0, 4], "edge 1 from node 4 to node 4: expected it to come from an earlier"),
        (1, [0, 2, 3], [0, 3, 0], "edge 1 from node 3 to node 3"),
        (1, [0, 1, 3], [4, 0, 1], "edge 0 from node 4 to node 3"),
        (1, [0, 2], [1, 1], "two edges join the same two nodes"),
        (1, [0, 1, 1], [0], "every neuron needs at least one edge"),
        (1, [0, 0, 1], [0], "every neuron needs at least one edge"),
        (1, [1, 2], [0, 0], "every neuron needs at least one edge"),
        (1, [0, 2], [0], "every neuron needs at least one edge"),
        (1, [0, 2, 1, 3], [0, 1, 2], "every neuron needs at least one edge"),
        (1, [0], [], "at least one neuron"),
        (1, [], [], "at least one neuron"),
        (1, [[0, 1]], [0], "at least one neuron"),
        (0, [0, 1], [0], "expected 1 to 1 outputs .* got 0"),
        (2, [0, 1], [0], "expected 1 to 1 outputs .* got 2"),
        (1, [0, 1], [-1], "whole numbers from 0"),
        (1, [0, 2**32 + 1], [0], "whole numbers from 0"),
        (1, [0, 1], [0.5], "whole numbers from 0"),
        (1, [0, 1], [float("nan")], "whole numbers from 0"),
    ],
)
def test_what_is_no_network_is_refused(
    n_outputs: int, start: object, sources: object, message: str
) -> None:
    """Every broken rule of the graph is an error of its own."""
    with pytest.raises(TopologyError, match=message):
        Topology(2, n_outputs, np.array(start), np.array(sources))


@pytest.mark.parametrize("widths", [(2,), (3, 1), (2, 2), (2, 1, 1), ()])
def test_widths_that_are_not_the_graphs_are_refused(widths: tuple[int, ...]) -> None:
    """The widths of a layered network must add up to its nodes."""
    with pytest.raises(TopologyError, match="are not those of the network"):
        Topology(2, 1, np.array([0, 3]), np.array([0, 1, 2]), widths)


def test_the_arrays_of_the_caller_stay_their_own() -> None:
    """A topology freezes copies."""
    start, sources = np.array([0, 1], dtype=np.int32), np.array([0], dtype=np.int32)
    topology = Topology(2, 1, start, sources)
    sources[0] = 2
    assert topology.sources.tolist() == [0]
    with pytest.raises(ValueError, match="read-only"):
        topology.sources[0] = 1


def test_a_layer_sees_the_constant_and_the_layer_before() -> None:
    """2-2-1: each neuron's edges, in order."""
    topology = layered((2, 2, 1))
    assert topology.fanin_start.tolist() == [0, 3, 6, 9]
    assert topology.sources.tolist() == [0, 1, 2, 0, 1, 2, 0, 3, 4]
    assert (topology.n_inputs, topology.n_outputs) == (2, 1)
    assert topology.widths == (2, 2, 1)


def test_with_skip_every_layer_sees_the_inputs_once() -> None:
    """1-2-2-1: the first layer is as without, the others see the input as well."""
    topology = layered((1, 2, 2, 1), skip=True)
    assert topology.fan_in.tolist() == [2, 2, 4, 4, 4]
    assert topology.sources.tolist() == [0, 1, 0, 1, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 4, 5]


@pytest.mark.parametrize("widths", [(), (3,), (3, 0), (0, 3), (3, -1, 2)])
def test_layers_need_two_positive_widths(widths: tuple[int, ...]) -> None:
    """Fewer widths or empty layers are refused, and shown."""
    with pytest.raises(TopologyError, match="expected at least two positive numbers") as caught:
        layered(widths)
    assert repr(",".join(map(str, widths))) in str(caught.value)


@pytest.mark.parametrize(
    ("widths", "skip", "edges"),
    [
        ((10**12, 1), False, 10**12 + 1),
        ((1, 10**6, 10**6), False, 2 * 10**6 + (10**6 + 1) * 10**6),
        ((1 << 29, 1, 1, 1), True, (1 << 29) + 1 + 2 * (2 + (1 << 29))),
    ],
)
def test_too_many_edges_are_refused_before_they_are_made(
    widths: tuple[int, ...], skip: bool, edges: int
) -> None:
    """The number of edges is computed, not tried."""
    with pytest.raises(TopologyError, match=f"make {edges} edges, expected at most {MAX_EDGES}"):
        layered(widths, skip=skip)
