"""A trained network: a topology and its weights, evaluated and cut at a layer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.table_code import Scalar, TableCode
from btfsynth.errors import TopologyError
from btfsynth.network.topology import Topology
from btfsynth.ports import Port, total_width


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

        An output is 1 where its sum is above 0; where outputs stand for classes, the largest sum
        names one even if no output, or more than one, is 1.
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
        """Return how many of the targets that matter come out right."""
        self.require_outputs_of(dataset)
        right = self.outputs(dataset.inputs) == dataset.targets
        return int((right & dataset.care_mask).sum())

    def vectors_right(self, dataset: Dataset) -> int:
        """Return the number of patterns with all targets that matter correct."""
        self.require_outputs_of(dataset)
        right = self.outputs(dataset.inputs) == dataset.targets
        return int((right | ~dataset.care_mask).all(axis=1).sum())


def cut_network(
    network: TrainedNetwork, layer: int, port: str
) -> tuple[TrainedNetwork, TrainedNetwork]:
    """Return what comes before the outputs of a layer, and what is made of them, as two networks.

    The second on the outputs of the first is the whole one: an autoencoder cut at its narrowest layer is an
    encoder and a decoder. Layer 1 is the first after the inputs.
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
        raise TopologyError(f"{network.name}: a neuron behind layer {layer} sees what lies before")
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
