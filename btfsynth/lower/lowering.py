"""Lower a trained network to a netlist.

Neurons are lowered one after the other, with don't-cares on the vectors where they do not matter. Later neurons
see the values that earlier ones took there, so the same freedom is never used twice: at any time, the values
are those of the cells made so far, followed by the neurons not lowered yet, and the outputs are correct
wherever they matter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower.adder import WIDE, SharedAdders, lower_counter
from btfsynth.lower.cheapest import Candidate, cheapest_form, make, take_back, with_least_weights
from btfsynth.lower.class_sums import ClassNeuron, lower_class_sums
from btfsynth.lower.on_vectors import NeuronOnVectors, SignalValues, lower_on_vectors
from btfsynth.lower.threshold import pseudo_boolean, reduce_exactly
from btfsynth.netlist.builder import NetlistBuilder, lower_table, make_table
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    care_reference,
    count_wrong,
    function_reference,
    unpack_bits,
)
from btfsynth.network.network import (
    TrainedNetwork,
    hardware_outputs,
    label_port,
    require_comparable,
)
from btfsynth.settings.table import Preserve

_TABLE_PAYS = 24
"""Cells of a neuron from which on its table over the network's inputs is tried as well."""
_NEURON_EFFORT = 150_000
"""Inputs times vectors of a neuron up to which linear programs are solved, ..."""
_EFFORT = 4_000_000
"""... and of all neurons together."""
_FREEDOM_WORK = 400_000_000
"""Maximum vectors times edges times neurons for computing the vectors where neurons matter."""


@dataclass(frozen=True)
class LoweringReport:
    """Result of lowering; `forms` counts the neurons built in each form, by its name."""

    preserved: Preserve
    proof: str
    cells: int
    forms: dict[str, int]


def choose_preserve(dataset: Dataset, network: TrainedNetwork) -> Preserve:
    """Choose what the netlist must match: the targets if they define the function completely, else the network.

    Targets define it if the patterns list every input vector, or if their source says that other vectors do not
    matter. For a sample, the result is the network, with its values on the other vectors.
    """
    right = network.bits_right(dataset) == int(dataset.care_mask.sum())
    return Preserve.CARE if dataset.says_all and right else Preserve.NETWORK


def make_reference(
    network: TrainedNetwork,
    dataset: Dataset,
    preserve: Preserve,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
) -> Reference:
    """Return the vectors that lowering and passes are checked against.

    `label` adds the number of the class (see `lower_network`); `seen`, ``(vectors, inputs)``, are further
    vectors of the sample. A `UsageError` if inputs are not Boolean, or if the targets are to be kept and
    the network misses one or a label is requested.
    """
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.name}: only Boolean inputs can be lowered to a netlist, got "
            f"{dataset.input_kind.value} ones"
        )
    if preserve is Preserve.CARE:
        if label:
            raise UsageError(
                f"{dataset.name}: targets do not define sums; with a label the network is kept"
            )
        if network.bits_right(dataset) != int(dataset.care_mask.sum()):
            raise UsageError(
                f"{dataset.name}: the network misses targets, so they cannot be preserved"
            )
        return care_reference(dataset)
    listed = dataset.inputs if seen is None else np.concatenate([dataset.inputs, seen])
    return function_reference(hardware_outputs(network, label), dataset.n_inputs, listed)


def lower_network(
    network: TrainedNetwork, reference: Reference, label: bool = False
) -> tuple[Netlist, LoweringReport]:
    """Turn every neuron into majority cells, in the form with the fewest new cells.

    If the reference is complete, the outputs that matter are kept on its vectors, and a neuron is free where
    it does not affect them. Otherwise each neuron is kept on every combination of its inputs. `label` adds a
    port with the number of the class: that of the output neuron with the largest sum ``W . x``, the first of
    equal ones; then, too, every neuron is kept on every combination. A `NetlistError` if a neuron depends on
    rounding or the result fails its check.
    """
    netlist, forms = (
        _OnVectors(network, reference).lower()
        if reference.complete and not label
        else _exactly(network, label)
    )
    wrong = count_wrong(netlist, reference)
    if wrong:
        raise NetlistError(f"{network.name}: lowering broke {wrong} of {reference.vectors} vectors")
    report = LoweringReport(reference.preserve, reference.proof, netlist.n_cells, forms)
    return netlist, report


def _edges(
    network: TrainedNetwork, neuron: int
) -> tuple[NDArray[np.int32], NDArray[np.float64], float]:
    """Return the sources of a neuron other than the constant, their weights, and the bias."""
    topology = network.topology
    edges = slice(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
    sources = topology.sources[edges]
    weights = network.weights[edges].astype(np.float64)
    is_bias = sources == 0
    return sources[~is_bias], weights[~is_bias], -float(weights[is_bias].sum())


def _exactly(network: TrainedNetwork, label: bool) -> tuple[Netlist, dict[str, int]]:
    """Lower every neuron exactly on all combinations of its inputs.

    Wide neurons are lowered separately and again with shared adders; the version with fewer cells is kept.
    """
    alone = _exactly_by(network, label, share=False)
    if network.topology.fan_in.max() <= WIDE:
        return alone
    sharing = _exactly_by(network, label, share=True)
    return sharing if sharing[0].n_cells < alone[0].n_cells else alone


def _exactly_by(
    network: TrainedNetwork, label: bool, share: bool
) -> tuple[Netlist, dict[str, int]]:
    topology = network.topology
    ports = network.output_ports
    if label:
        require_comparable(network)
        ports = (*ports, label_port(ports, topology.n_outputs))
    builder = NetlistBuilder(network.name, network.input_ports, ports)
    shared = SharedAdders(builder) if share else None
    literals = [FALSE, *(builder.input(bit) for bit in range(topology.n_inputs))]
    forms: Counter[str] = Counter()
    alone = topology.n_neurons - topology.n_outputs if label else topology.n_neurons
    for neuron in range(alone):
        sources, weights, bias = _edges(network, neuron)
        constraint = pseudo_boolean(
            reduce_exactly(weights, bias), [literals[node] for node in sources]
        )
        if shared is not None and len(constraint.literals) > WIDE:
            forms["shared sum"] += 1
            literals.append(lower_counter(builder, constraint, shared))
            continue
        candidate = cheapest_form(builder, with_least_weights(constraint))
        forms[candidate.form] += 1
        literals.append(make(builder, candidate))
    if label:
        classes = _class_neurons(network, literals)
        outputs, number = lower_class_sums(builder, classes, shared)
        forms["sum"] = len(classes)
        return builder.build([*outputs, *number]), dict(sorted(forms.items()))
    return _finish(network, builder, literals), dict(sorted(forms.items()))


def _class_neurons(network: TrainedNetwork, literals: list[int]) -> list[ClassNeuron]:
    topology = network.topology
    found = []
    for neuron in range(topology.n_neurons - topology.n_outputs, topology.n_neurons):
        sources, weights, bias = _edges(network, neuron)
        found.append(ClassNeuron(weights, [literals[node] for node in sources], bias))
    return found


def _finish(network: TrainedNetwork, builder: NetlistBuilder, literals: list[int]) -> Netlist:
    return builder.build(literals[len(literals) - network.topology.n_outputs :])


class _OnVectors:
    def __init__(self, network: TrainedNetwork, reference: Reference) -> None:
        self.network = network
        self.vectors = unpack_bits(reference.inputs, reference.vectors)
        care = unpack_bits(reference.care, reference.vectors).astype(np.bool_)
        self.values = NeuronValues(network, self.vectors, care)
        self.builder = NetlistBuilder(network.name, network.input_ports, network.output_ports)
        self.inputs = [self.builder.input(bit) for bit in range(network.topology.n_inputs)]
        self.literals = [FALSE, *self.inputs]
        self.signals = SignalValues(reference.inputs)
        topology = network.topology
        work = reference.vectors * topology.n_edges * topology.n_neurons
        self.free = work <= _FREEDOM_WORK
        self.effort = min(_NEURON_EFFORT, _EFFORT // topology.n_neurons)

    def lower(self) -> tuple[Netlist, dict[str, int]]:
        forms: Counter[str] = Counter()
        for neuron in range(self.network.topology.n_neurons):
            candidate = self._candidate(neuron)
            forms[candidate.form] += 1
            literal = make(self.builder, candidate)
            self.literals.append(literal)
            self._follow(neuron, literal)
        return _finish(self.network, self.builder, self.literals), dict(sorted(forms.items()))

    def _candidate(self, neuron: int) -> Candidate:
        sources, weights, _ = _edges(self.network, neuron)
        values = self.values.values
        on = values[:, self.network.topology.first_neuron + neuron] > 0
        signals = self.signals.follow(self.builder) if self.free else None
        matters = np.ones(len(on), dtype=np.bool_)
        if signals is not None:
            matters = self.values.where_it_matters(neuron)
        literals = [self.literals[node] for node in sources]
        best = lower_on_vectors(
            self.builder,
            NeuronOnVectors(
                weights, literals, values[:, sources], on, matters, signals, self.effort
            ),
        )
        if best is None or len(best.cells) >= _TABLE_PAYS:
            table = self._table(on, matters)
            if table is not None and (best is None or len(table.cells) < len(best.cells)):
                best = table
        if best is None:
            raise NetlistError(
                f"{self.network.name}: neuron {neuron} has sums too close to its threshold; train with "
                "`stop=gap` and a small `gap_limit`, so that fewer nonzero weights remain"
            )
        return best

    def _table(self, on: NDArray[np.bool_], matters: NDArray[np.bool_]) -> Candidate | None:
        """Lower a neuron from its table over the network's inputs; return None if these are too many."""
        if len(self.inputs) > MAX_EXHAUSTIVE_INPUTS:
            return None
        start = self.builder.n_cells
        table = make_table(self.vectors[matters], on[matters])
        return take_back(
            self.builder, "table", start, lower_table(self.builder, table, self.inputs)
        )

    def _follow(self, neuron: int, literal: int) -> None:
        """Give the later neurons the values of this one where it did not matter."""
        signals = self.signals.follow(self.builder) if self.free else None
        if signals is None:
            self.free = False  # whatever is lowered from now on is right on every vector
            return
        words = signals[literal >> 1] ^ np.uint64(-(literal & 1) % 2**64)
        on = unpack_bits(words[None, :], len(self.vectors))[:, 0] > 0
        self.values.replace(neuron, on)


class NeuronValues:
    """The values of all nodes on ``(vectors, inputs)`` uint8 vectors, with some neurons replaced.

    `care` is ``(vectors, outputs)`` bool: the outputs that matter.
    """

    def __init__(
        self, network: TrainedNetwork, vectors: NDArray[np.uint8], care: NDArray[np.bool_]
    ) -> None:
        self._network = network
        self._care = care
        self._weights = network.weights.astype(np.float64)
        self.values = network.node_values(vectors)

    def where_it_matters(self, neuron: int) -> NDArray[np.bool_]:
        """Return ``(vectors,)`` bool for a neuron by its number."""
        topology = self._network.topology
        node = topology.first_neuron + neuron
        flipped = self.values.copy()
        flipped[:, node] *= -1
        changed = self._evaluate(flipped, neuron)
        outputs = slice(topology.n_nodes - topology.n_outputs, None)
        differs = changed[:, outputs] != self.values[:, outputs]
        return np.asarray((differs & self._care).any(axis=1))

    def replace(self, neuron: int, on: NDArray[np.bool_]) -> None:
        """Give a neuron other values; those of all later ones follow."""
        node = self._network.topology.first_neuron + neuron
        new = np.where(on, 1, -1).astype(np.int8)
        if not np.array_equal(new, self.values[:, node]):
            self.values[:, node] = new
            self._evaluate(self.values, neuron)

    def _evaluate(self, values: NDArray[np.int8], after: int) -> NDArray[np.int8]:
        """Evaluate all neurons after one, as the network itself does: in float64, in edge order."""
        topology = self._network.topology
        start = topology.fanin_start
        for first, last in topology.layers:
            first = max(first, after + 1)  # noqa: PLW2901
            if first >= last:
                continue
            sources = topology.sources[start[first] : start[first + 1]]
            rows = self._weights[start[first] : start[last]].reshape(last - first, len(sources))
            total = np.zeros((len(values), last - first))
            for j, source in enumerate(sources):
                total += values[:, source, None] * rows[:, j]
            nodes = slice(topology.first_neuron + first, topology.first_neuron + last)
            values[:, nodes] = np.where(total > 0, 1, -1)
        return values
