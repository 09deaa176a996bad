"""A trained network as a netlist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower.cofactors import lower_table, make_table
from btfsynth.lower.support import ThresholdFunction, reduce_exactly, reduce_on_vectors
from btfsynth.lower.threshold import lower_threshold
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import (
    Preserve,
    Reference,
    care_reference,
    count_wrong,
    function_reference,
)
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS, unpack_bits
from btfsynth.network.trained import TrainedNetwork

__all__ = ["LoweringReport", "choose_preserve", "lower_network", "make_reference"]
_MAX_DIAGRAM = 300
"""Cells a neuron's threshold diagram may take where its table is there to fall back on."""
_MAX_DIAGRAM_ALONE = 20_000


@dataclass(frozen=True)
class LoweringReport:
    """What lowering came to.

    Parameters
    ----------
    preserved
        Which function the netlist keeps.
    proof
        How it was checked.
    largest_support
        Inputs of the neuron that kept the most.
    from_tables
        Neurons too wide for a threshold diagram, built from their table over the network's inputs.
    cells
        Cells of the netlist.
    """

    preserved: Preserve
    proof: str
    largest_support: int
    from_tables: int
    cells: int


def choose_preserve(dataset: Dataset, network: TrainedNetwork) -> Preserve:
    """Choose what to keep: the targets if they say all there is to say, else the network.

    Patterns that list every input vector, or whose source says that the others do not matter, leave
    nothing to guess. A sample is there to be generalised from: what the network makes of the other vectors
    is its result.
    """
    says_all = dataset.exhaustive or dataset.unlisted_dont_care
    right = network.bits_right(dataset) == int(dataset.care_mask.sum())
    return Preserve.CARE if says_all and right else Preserve.NETWORK


def make_reference(network: TrainedNetwork, dataset: Dataset, preserve: Preserve) -> Reference:
    """Return the vectors that lowering and passes are held against.

    Parameters
    ----------
    network
        Its outputs are the targets when the network is to be kept.
    dataset
        Its targets are the targets otherwise; it must be Boolean.
    preserve
        What to keep.

    Raises
    ------
    UsageError
        If the inputs are not Boolean, or the targets are to be kept and the network misses one.
    """
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.name}: only Boolean inputs can be lowered to a netlist, got "
            f"{dataset.input_kind.value} ones"
        )
    if preserve is Preserve.CARE:
        if network.bits_right(dataset) != int(dataset.care_mask.sum()):
            raise UsageError(
                f"{dataset.name}: the network misses targets, so they cannot be what is preserved"
            )
        return care_reference(dataset)
    return function_reference(network.outputs, dataset.n_inputs, dataset.inputs)


def lower_network(network: TrainedNetwork, reference: Reference) -> tuple[Netlist, LoweringReport]:
    """Turn every neuron into majority cells.

    Each neuron keeps its output on every vector of the reference if that is complete, and on every
    combination of its inputs otherwise.

    Parameters
    ----------
    network
        What to lower.
    reference
        From `make_reference`.

    Raises
    ------
    NetlistError
        If a neuron takes too many cells, or the result is not what it must be.
    """
    topology = network.topology
    vectors = unpack_bits(reference.inputs, reference.vectors)
    values = network.node_values(vectors)
    builder = NetlistBuilder(network.name, network.input_ports, network.output_ports)
    inputs = [builder.input(bit) for bit in range(topology.n_inputs)]
    literals = [FALSE, *inputs]
    tabulated = reference.complete and topology.n_inputs <= MAX_EXHAUSTIVE_INPUTS
    largest, from_tables = 0, 0
    for neuron in range(topology.n_neurons):
        function, edges = _reduce_neuron(network, neuron, values, reference.complete)
        sources = [literals[int(node)] for node in topology.sources[edges]]
        limit = _MAX_DIAGRAM if tabulated else _MAX_DIAGRAM_ALONE
        literal = None
        if function is not None:
            largest = max(largest, len(function.inputs))
            literal = lower_threshold(builder, function, sources, limit)
        if literal is None and tabulated:
            on = values[:, topology.first_neuron + neuron] > 0
            literal = lower_table(builder, make_table(vectors, on), inputs)
            from_tables += 1
        if literal is None:
            problem = (
                "has sums so near its threshold that rounding decides"
                if function is None
                else f"of {len(function.inputs)} inputs takes more than {limit} cells"
            )
            raise NetlistError(
                f"{network.name}: neuron {neuron} {problem}; train to a small gap (--stop gap) so that "
                "fewer weights remain"
            )
        literals.append(literal)
    netlist = builder.build(literals[len(literals) - topology.n_outputs :])
    wrong = count_wrong(netlist, reference)
    if wrong:
        raise NetlistError(f"{network.name}: lowering broke {wrong} of {reference.vectors} vectors")
    report = LoweringReport(
        reference.preserve, reference.proof, largest, from_tables, netlist.n_cells
    )
    return netlist, report


def _reduce_neuron(
    network: TrainedNetwork, neuron: int, values: NDArray[np.int8], complete: bool
) -> tuple[ThresholdFunction | None, NDArray[np.int64]]:
    """Return a neuron's function over its edges other than the bias, and these edges.

    None for the function if rounding decides on a sum (see `reduce_on_vectors`).
    """
    topology = network.topology
    edges = np.arange(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
    is_bias = topology.sources[edges] == 0
    weights = network.weights.astype(np.float64)
    bias = -float(weights[edges[is_bias]].sum())
    edges = edges[~is_bias]
    if not complete:
        return reduce_exactly(weights[edges], bias), edges
    seen = values[:, topology.sources[edges]]
    on = values[:, topology.first_neuron + neuron] > 0
    return reduce_on_vectors(weights[edges], seen, on), edges
