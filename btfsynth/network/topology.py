"""The graph of a network: which node feeds which neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import TopologyError

MAX_EDGES = 1 << 30


@dataclass(frozen=True, eq=False)
class Topology:
    """A directed acyclic graph of neurons.

    Node 0 is the constant -1 (the source of every bias), nodes 1 to ``n_inputs`` are the inputs, the
    neurons follow in topological order and the last ``n_outputs`` of them are the outputs. The edges
    into neuron ``k`` (node ``1 + n_inputs + k``) are ``fanin_start[k] : fanin_start[k + 1]``.

    The arrays are copied and the copies are read-only.
    """

    n_inputs: int  # Input nodes, the constant not counted
    n_outputs: int
    fanin_start: NDArray[np.int32]  # (neurons + 1,) int32, first edge of every neuron
    sources: NDArray[np.int32]  # (edges,) int32, the node each edge comes from
    # The widths of a layered network from inputs to outputs; None for any other graph
    widths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        start = _whole_numbers(self.fanin_start)
        sources = _whole_numbers(self.sources)
        if start.ndim != 1 or sources.ndim != 1 or len(start) < 2:
            raise TopologyError("a network needs at least one neuron")
        if start[0] != 0 or start[-1] != len(sources) or np.any(start[1:] <= start[:-1]):
            raise TopologyError("every neuron needs at least one edge into it")
        if not 1 <= self.n_outputs <= len(start) - 1:
            raise TopologyError(
                f"expected 1 to {len(start) - 1} outputs (there are as many neurons), "
                f"got {self.n_outputs}"
            )
        targets = np.repeat(np.arange(len(start) - 1), np.diff(start)) + 1 + self.n_inputs
        if np.any(sources < 0) or np.any(sources >= targets):
            edge = int(np.argmax((sources < 0) | (sources >= targets)))
            raise TopologyError(
                f"edge {edge} from node {sources[edge]} to node {targets[edge]}: "
                "expected it to come from an earlier node"
            )
        pairs = targets.astype(np.int64) * (int(targets[-1]) + 1) + sources
        if len(np.unique(pairs)) != len(pairs):
            raise TopologyError("two edges join the same two nodes")
        widths = self.widths
        if widths is not None and (
            len(widths) < 2
            or widths[0] != self.n_inputs
            or widths[-1] != self.n_outputs
            or sum(widths[1:]) != len(start) - 1
        ):
            raise TopologyError(f"widths {widths} are not those of the network")
        start.setflags(write=False)
        sources.setflags(write=False)
        object.__setattr__(self, "fanin_start", start)
        object.__setattr__(self, "sources", sources)

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.fanin_start) - 1

    @property
    def n_edges(self) -> int:
        """Number of edges, biases included."""
        return len(self.sources)

    @property
    def n_nodes(self) -> int:
        """Number of nodes: the constant, the inputs and the neurons."""
        return 1 + self.n_inputs + self.n_neurons

    @property
    def first_neuron(self) -> int:
        """Node number of the first neuron."""
        return 1 + self.n_inputs

    @cached_property
    def fan_in(self) -> NDArray[np.int32]:
        """``(neurons,)`` int32: edges into every neuron, its bias included."""
        return np.diff(self.fanin_start).astype(np.int32)

    @cached_property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Runs of neurons (first, last + 1) that have the same sources: they can be evaluated together."""
        start, sources = self.fanin_start, self.sources
        runs: list[tuple[int, int]] = []
        for neuron in range(self.n_neurons):
            fanin = sources[start[neuron] : start[neuron + 1]]
            if runs:
                first = runs[-1][0]
                if np.array_equal(fanin, sources[start[first] : start[first + 1]]):
                    runs[-1] = (first, neuron + 1)
                    continue
            runs.append((neuron, neuron + 1))
        return tuple(runs)


def _whole_numbers(values: NDArray[Any]) -> NDArray[np.int32]:
    """Copy numbers; those that a cast would wrap or cut off are refused first."""
    array = np.asarray(values)
    if array.size and (
        array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= np.iinfo(np.int32).max
    ):
        raise TopologyError("expected the edges as whole numbers from 0 to 2^31 - 2")
    return np.array(array, dtype=np.int32, order="C")


def layered(widths: Sequence[int], skip: bool = False) -> Topology:
    """Return a network of layers that see the constant, the layer before and, with `skip`, the inputs."""
    if len(widths) < 2 or any(width < 1 for width in widths):
        shown = ",".join(str(width) for width in widths)
        raise TopologyError(
            f"widths {shown!r}: expected at least two positive numbers, such as 4,4,4"
        )
    edges = sum(after * (1 + before) for before, after in pairwise(widths))
    if skip:
        edges += widths[0] * sum(widths[2:])
    if edges > MAX_EDGES:
        raise TopologyError(f"the widths make {edges} edges, expected at most {MAX_EDGES}")
    sources: list[NDArray[np.int32]] = []
    counts: list[int] = []
    inputs = np.arange(1, widths[0] + 1)
    before = inputs
    for depth, width in enumerate(widths[1:]):
        seen = [np.zeros(1, dtype=np.int64), before]
        if skip and depth:
            seen.insert(1, inputs)
        fanin = np.concatenate(seen).astype(np.int32)
        sources.extend([fanin] * width)
        counts.extend([len(fanin)] * width)
        first = int(before[-1]) + 1
        before = np.arange(first, first + width)
    return Topology(
        n_inputs=widths[0],
        n_outputs=widths[-1],
        fanin_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        sources=np.concatenate(sources),
        widths=tuple(int(width) for width in widths),
    )
