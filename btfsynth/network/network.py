"""Networks: graph, weights and accuracy.

`Topology` is the graph, a `TrainedNetwork` has the weights and is evaluated; `measure` counts correct bits,
whole patterns and class labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.table_code import Scalar, TableCode
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import TopologyError, UsageError
from btfsynth.ports import Port, total_width

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


# A topology and its weights


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """Threshold neurons with real weights: a neuron is +1 where ``W . x > 0`` and -1 elsewhere."""

    name: str  # Name of the function
    topology: Topology  # The graph
    weights: NDArray[np.float32]  # (edges,) float32, one weight an edge
    # The ports whose bits the inputs and outputs are
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    # How it was trained, as JSON values (seed, trial, iterations, gap, parameters, data hash)
    training: dict[str, Any] = field(default_factory=dict)
    # What makes the input bits of the columns of a table, and the classes of the outputs
    code: TableCode | None = None
    classes: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        given = np.asarray(self.weights)
        if given.dtype.kind not in "fiu":
            raise TopologyError(f"expected real weights, got {given.dtype}")
        with np.errstate(over="ignore"):  # what overflows is infinite and refused below
            weights = np.array(given, dtype=np.float32, order="C")
        if weights.shape != (self.topology.n_edges,):
            raise TopologyError(
                f"{weights.shape} weights for a network of {self.topology.n_edges} edges"
            )
        if not np.isfinite(weights).all():
            raise TopologyError("a weight is not a finite number")
        bits = total_width(self.input_ports), total_width(self.output_ports)
        if bits != (self.topology.n_inputs, self.topology.n_outputs):
            raise TopologyError(
                f"{self.name}: ports of {bits[0]} and {bits[1]} bits for a network of "
                f"{self.topology.n_inputs} inputs and {self.topology.n_outputs} outputs"
            )
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)

    def node_values(self, inputs: NDArray[Any]) -> NDArray[np.int8]:
        """Return ``(vectors, nodes)`` int8 -1/+1 for inputs of 0/1 or in [0, 1]; analog inputs show their sign.

        This is the reference: sums in float64, in edge order.
        """
        values, _ = self._evaluate(inputs)
        return np.where(values > 0, 1, -1).astype(np.int8)

    def output_sums(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``(vectors, outputs)`` float64: ``W . x`` of every output neuron.

        An output is 1 if its sum is above 0. If outputs represent classes, the largest sum decides the class,
        even if no output, or more than one, is 1.
        """
        return self._evaluate(inputs)[1]

    def _evaluate(self, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the values of all nodes and the sums of the output neurons."""
        topology = self.topology
        if inputs.ndim != 2 or inputs.shape[1] != topology.n_inputs:
            raise TopologyError(
                f"{self.name}: expected vectors of {topology.n_inputs} inputs, got {inputs.shape}"
            )
        values = np.empty((len(inputs), topology.n_nodes), dtype=np.float64)
        values[:, 0] = -1.0
        values[:, 1 : topology.first_neuron] = 2.0 * inputs.astype(np.float64) - 1.0
        weights = self.weights.astype(np.float64)
        start = topology.fanin_start
        first_output = topology.n_neurons - topology.n_outputs
        sums = np.empty((len(inputs), topology.n_outputs), dtype=np.float64)
        for first, last in topology.layers:
            sources = topology.sources[start[first] : start[first + 1]]
            rows = weights[start[first] : start[last]].reshape(last - first, len(sources))
            total = np.zeros((len(inputs), last - first))
            for j, source in enumerate(sources):
                total += values[:, source, None] * rows[:, j]
            nodes = slice(topology.first_neuron + first, topology.first_neuron + last)
            values[:, nodes] = np.where(total > 0, 1.0, -1.0)
            begin = max(first, first_output)
            if begin < last:
                sums[:, begin - first_output : last - first_output] = total[:, begin - first :]
        return values, sums

    def outputs(self, inputs: NDArray[Any]) -> NDArray[np.uint8]:
        """Return ``(vectors, outputs)`` uint8 0/1 for input vectors (see `node_values`)."""
        return (self.output_sums(inputs) > 0).astype(np.uint8)

    def require_outputs_of(self, dataset: Dataset) -> None:
        """Refuse targets of another width: a single column would be compared with every output."""
        if dataset.n_outputs != self.topology.n_outputs:
            raise TopologyError(
                f"{self.name}: expected targets of {self.topology.n_outputs} outputs, got "
                f"{dataset.n_outputs} in {dataset.source}"
            )

    def bits_right(self, dataset: Dataset) -> int:
        """Return the number of correct targets, don't-cares excluded."""
        self.require_outputs_of(dataset)
        right = self.outputs(dataset.inputs) == dataset.targets
        return int((right & dataset.care_mask).sum())

    def vectors_right(self, dataset: Dataset) -> int:
        """Return the number of patterns whose targets are all correct, don't-cares excluded."""
        self.require_outputs_of(dataset)
        right = self.outputs(dataset.inputs) == dataset.targets
        return int((right | ~dataset.care_mask).all(axis=1).sum())


def cut_network(
    network: TrainedNetwork, layer: int, port: str
) -> tuple[TrainedNetwork, TrainedNetwork]:
    """Cut a network after a layer into two consecutive networks.

    An autoencoder cut at its narrowest layer is an encoder and a decoder. Layer 1 is the first after the
    inputs.
    """
    topology, widths = network.topology, network.topology.widths
    if widths is None or not 1 <= layer <= len(widths) - 2:
        shown = "no layers" if widths is None else f"widths {','.join(map(str, widths))}"
        raise TopologyError(f"{network.name}: {shown}: there is no hidden layer {layer}")
    between = (Port(port, widths[layer]),)
    neurons = sum(widths[1 : layer + 1])
    edges = int(topology.fanin_start[neurons])
    first = replace(
        network,
        topology=Topology(
            topology.n_inputs,
            widths[layer],
            topology.fanin_start[: neurons + 1],
            topology.sources[:edges],
            widths[: layer + 1],
        ),
        weights=network.weights[:edges],
        output_ports=between,
    )
    # The last neurons of the first network are the inputs of the second, from node 1 on.
    shift = topology.first_neuron + neurons - widths[layer] - 1
    sources = topology.sources[edges:].astype(np.int64)
    if np.any((sources > 0) & (sources <= shift)):
        raise TopologyError(f"{network.name}: a neuron after layer {layer} reads a node before it")
    second = replace(
        network,
        topology=Topology(
            widths[layer],
            topology.n_outputs,
            topology.fanin_start[neurons:] - edges,
            np.where(sources > 0, sources - shift, 0),
            widths[layer:],
        ),
        weights=network.weights[edges:],
        input_ports=between,
    )
    return first, second


# What a network gets right, and labels as hardware has them


@dataclass(frozen=True)
class Accuracy:
    """Numbers of correct bits, patterns and classes of a network on a data set."""

    patterns: int
    bits: int
    bits_right: int
    # Patterns with all targets that matter correct. Of a class that is a one-hot row:
    # its output and no other is 1
    vectors_right: int
    # Patterns whose class has the largest sum W . x of all output neurons; None where the targets
    # are no classes
    labels_right: int | None = None
    labels: int = 0  # patterns whose class is known

    @property
    def bit_share(self) -> float:
        return self.bits_right / max(1, self.bits)

    @property
    def vector_share(self) -> float:
        return self.vectors_right / self.patterns

    @property
    def label_share(self) -> float | None:
        """Share of correct classes; None if the targets are not classes."""
        return None if self.labels_right is None else self.labels_right / max(1, self.labels)

    def label_record(self) -> dict[str, Any]:
        """Return the figures of classes as JSON values, empty without classes."""
        if self.labels_right is None:
            return {}
        return {"labels_right": self.labels_right, "label_accuracy": self.label_share}


def measure(network: TrainedNetwork, dataset: Dataset) -> Accuracy:
    """Count the correct bits, patterns and classes of a network, in one evaluation.

    A class is read from the output neurons as the first of the largest sums, so that every pattern has one.
    Bits and whole patterns are read from the signs, as hardware has them.
    """
    network.require_outputs_of(dataset)
    sums = network.output_sums(dataset.inputs)
    right = (sums > 0) == dataset.targets.astype(np.bool_)
    named = sums.argmax(axis=1) if dataset.output_kind is OutputKind.LABEL else None
    return accuracy_of(right, dataset, named)


def accuracy_of(
    right: NDArray[np.bool_], dataset: Dataset, labels: NDArray[np.int64] | None
) -> Accuracy:
    """Count correct bits, patterns and, if ``(patterns,)`` labels are given, classes that are known."""
    care = dataset.care_mask
    known = care.all(axis=1)
    named = None
    if labels is not None:
        named = int((labels == dataset.targets.argmax(axis=1))[known].sum())
    return Accuracy(
        patterns=dataset.n_patterns,
        bits=int(care.sum()),
        bits_right=int((right & care).sum()),
        vectors_right=int((right | ~care).all(axis=1).sum()),
        labels_right=named,
        labels=0 if named is None else int(known.sum()),
    )


def label_width(classes: int) -> int:
    return max(1, (classes - 1).bit_length())


def label_port(output_ports: Sequence[Port], classes: int) -> Port:
    """Return the port of the class: ``class_number``, or the first ``class_number_N`` that is free.

    ``label`` and ``class`` are keywords of hardware languages.
    """
    taken = {port.name for port in output_ports}
    names = ("class_number" if k == 0 else f"class_number_{k}" for k in count())
    free = next(name for name in names if name not in taken)
    return Port(free, label_width(classes))


def require_comparable(network: TrainedNetwork) -> None:
    """Refuse a network whose output neurons read each other: their sums are not there at once."""
    topology = network.topology
    first = topology.n_nodes - topology.n_outputs
    edges = topology.sources[topology.fanin_start[topology.n_neurons - topology.n_outputs] :]
    if edges.max(initial=0) >= first:
        raise UsageError(
            f"{network.name}: an output neuron reads another output neuron, so their sums cannot be compared"
        )


def hardware_outputs(
    network: TrainedNetwork, label: bool
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return the function of a network's hardware: ``(vectors, inputs)`` to ``(vectors, output bits)``, 0/1.

    With `label`, the number of the class follows the output bits: that of the output neuron with the largest
    sum ``W . x``, the first of equal ones, least significant bit first.
    """

    def outputs(inputs: NDArray[Any]) -> NDArray[np.uint8]:
        sums = network.output_sums(inputs)
        signs = (sums > 0).astype(np.uint8)
        if not label:
            return signs
        classes = bits_of(sums.argmax(axis=1), label_width(sums.shape[1]))
        return np.concatenate([signs, classes], axis=1)

    return outputs
