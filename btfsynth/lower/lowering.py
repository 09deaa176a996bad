"""Lower a trained network to a netlist.

Neurons are lowered one after the other, with don't-cares on the vectors where they do not matter. Later neurons
see the values that earlier ones took there, so the same freedom is never used twice: at any time, the values
are those of the cells made so far, followed by the neurons not lowered yet, and the outputs are correct
wherever they matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower.adder import WIDE, SharedAdders, lower_counter
from btfsynth.lower.cheapest import Candidate, cheapest_form, make, take_back, with_least_weights
from btfsynth.lower.class_sums import ClassNeuron, lower_class_sums
from btfsynth.lower.threshold import (
    ThresholdFunction,
    drop_inputs,
    least_weights,
    pseudo_boolean,
    reduce_exactly,
    reduce_on_vectors,
    sparse_weights,
)
from btfsynth.netlist.builder import NetlistBuilder, lower_table, make_table
from btfsynth.netlist.netlist import FALSE, Netlist, majority_of
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    care_reference,
    count_wrong,
    function_reference,
    pack_bits,
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


# A neuron with known values on all vectors where it matters
#
# An existing signal is tried first, then a majority of three of them, then threshold functions of the neuron's
# inputs: with weights dropped in order, with the minimum sum of weights, with the fewest inputs. All are built
# and counted.
#
# The *errors* of a literal are the vectors where the neuron matters and has another value. A literal without
# errors can replace the neuron, and so can the majority of three literals if no two of them err together (the
# test of `btfsynth.passes.replacement`, before the neuron has cells of its own).

_PAYS = 3
"""Integer programs are solved if the best candidate needs at least this many cells."""
_WHOLE_INPUTS = 14
_NOTHING = 1e-9
"""Weights of a linear program that are zero but for rounding."""


@dataclass(frozen=True, eq=False)
class NeuronOnVectors:
    """A neuron to lower: ``(inputs,)`` float64 weights without the bias, and a literal per input.

    `seen`, ``(vectors, inputs)`` int8 -1/+1, are the values of the inputs; `on`, ``(vectors,)`` bool, is the
    neuron's value, relevant where `matters` is set. `signals` are ``(nodes, words)`` uint64 signatures of the
    builder's nodes, None if there are too many. Linear programs are solved up to `effort` inputs times
    vectors.
    """

    weights: NDArray[np.float64]
    literals: Sequence[int]
    seen: NDArray[np.int8]
    on: NDArray[np.bool_]
    matters: NDArray[np.bool_]
    signals: NDArray[np.uint64] | None
    effort: int


def lower_on_vectors(builder: NetlistBuilder, neuron: NeuronOnVectors) -> Candidate | None:
    """Return the candidate with the fewest cells, None if the weights do not separate on-set and off-set."""
    existing = _from_signals(builder, neuron)
    if existing is not None:
        return existing
    best: Candidate | None = None
    for function in _functions(neuron):
        if best is not None and len(best.cells) < _PAYS:
            break
        if function is not None:
            candidate = cheapest_form(builder, pseudo_boolean(function, neuron.literals))
            if best is None or len(candidate.cells) < len(best.cells):
                best = candidate
    return best


def _from_signals(builder: NetlistBuilder, neuron: NeuronOnVectors) -> Candidate | None:
    if neuron.signals is None:
        return None
    target, care = pack_bits(np.stack([neuron.on, neuron.matters], axis=1))
    errors = literal_errors(neuron.signals, target, care)
    start = builder.n_cells
    literal = find_signal(errors)
    if literal is not None:
        return Candidate("signal", start, (), literal)
    majority = find_majority(errors)
    if majority is None:
        return None
    return take_back(builder, "majority of signals", start, builder.maj(*majority))


def _functions(neuron: NeuronOnVectors) -> Iterator[ThresholdFunction | None]:
    """Yield threshold functions that are correct where the neuron matters."""
    seen, on = neuron.seen[neuron.matters], neuron.on[neuron.matters]
    greedy = reduce_on_vectors(neuron.weights, seen, on)
    yield greedy
    if on.all() or not on.any():
        return
    if greedy is not None and len(greedy.inputs) <= _WHOLE_INPUTS:
        yield _on_inputs(least_weights(seen[:, greedy.inputs], on), greedy.inputs)
    inputs = np.arange(seen.shape[1])
    if seen.size > neuron.effort and greedy is not None:
        inputs = np.array(greedy.inputs)
    if len(seen) * len(inputs) <= neuron.effort:
        yield from _by_programs(seen, on, inputs)


def _by_programs(
    seen: NDArray[np.int8], on: NDArray[np.bool_], inputs: NDArray[np.int64]
) -> Iterator[ThresholdFunction | None]:
    """Yield the solutions of linear and integer programs over some of the inputs."""
    sparse = sparse_weights(seen[:, inputs], on)
    if sparse is None:
        return
    yield _on_inputs(reduce_on_vectors(sparse, seen[:, inputs], on), inputs)
    kept = np.flatnonzero(np.abs(sparse) > _NOTHING)
    if len(kept) <= _WHOLE_INPUTS:
        order = np.argsort(np.abs(sparse[kept]), kind="stable").tolist()
        fewest = inputs[kept][drop_inputs(seen[:, inputs[kept]], on, order)]
        yield _on_inputs(least_weights(seen[:, fewest], on), fewest)
    if len(inputs) <= _WHOLE_INPUTS:
        yield _on_inputs(least_weights(seen[:, inputs], on), inputs)


def _on_inputs(
    function: ThresholdFunction | None, inputs: Sequence[int] | NDArray[np.int64]
) -> ThresholdFunction | None:
    if function is None:
        return None
    return ThresholdFunction(
        tuple(int(inputs[j]) for j in function.inputs), function.weights, function.threshold
    )


Words = NDArray[np.uint64]

_MAX_LITERALS = 384
_WORK = 20_000_000
"""Maximum words compared for one neuron."""
_MAX_WORDS = 1 << 22


class SignalValues:
    """The signatures of all nodes of a builder, from ``(input bits, words)`` uint64 of its inputs."""

    def __init__(self, inputs: Words) -> None:
        self._values = np.zeros((1 + len(inputs), inputs.shape[1]), dtype=np.uint64)
        self._values[1:] = inputs

    def follow(self, builder: NetlistBuilder) -> Words | None:
        """Return ``(nodes, words)`` uint64 of all nodes made so far, None if that needs too much memory."""
        nodes = 1 + builder.n_inputs + builder.n_cells
        words = self._values.shape[1]
        if nodes * words > _MAX_WORDS:
            return None
        rows = list(self._values)
        for node in range(len(rows), nodes):
            fanin = builder.fanin(2 * node)
            assert fanin is not None  # the rows of the inputs are there
            x, y, z = (~rows[lit >> 1] if lit & 1 else rows[lit >> 1] for lit in fanin)
            rows.append(majority_of(x, y, z))
        if nodes > len(self._values):
            self._values = np.array(rows)
        return self._values


def literal_errors(values: Words, target: Words, care: Words) -> Words:
    """Return ``(2 * nodes, words)`` uint64, the vectors on which each literal errs.

    `values`: ``(nodes, words)`` uint64, row 0 the constant false; `target` and `care`: ``(words,)`` uint64,
    the neuron and where it matters.
    """
    errors = np.empty((2 * len(values), values.shape[1]), dtype=np.uint64)
    errors[0::2] = (values ^ target) & care
    errors[1::2] = errors[0::2] ^ care
    return errors


def find_signal(errors: Words) -> int | None:
    right = np.flatnonzero(~errors.any(axis=1))
    return int(right[0]) if len(right) else None


def find_majority(errors: Words) -> tuple[int, int, int] | None:
    """Return three literals of which no two err together, None if none are found.

    If there are many literals, those with the fewest errors are tried; of the correct majorities, the one with
    the lowest nodes, nearest to the inputs, is returned.
    """
    count = np.unpackbits(errors.view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
    limit = min(_MAX_LITERALS, int((_WORK / errors.shape[1]) ** 0.5))
    tried = np.sort(np.argsort(count, kind="stable")[:limit])
    rows = errors[tried]
    apart = np.ones((len(rows), len(rows)), dtype=np.bool_)
    for word in rows.T:
        apart &= (word[:, None] & word[None, :]) == 0
    ahead = np.triu(apart, 1)
    joined = (ahead.astype(np.float32) @ apart.astype(np.float32) > 0) & ahead
    found = np.argwhere(joined)
    if not len(found):
        return None
    first, second = found[0]
    third = np.flatnonzero(apart[first] & apart[second])[0]
    a, b, c = (int(tried[k]) for k in (first, second, third))
    return a, b, c
