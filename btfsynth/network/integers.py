"""A trained network with weights for hardware: integers over the bits of its inputs, or few and small ones.

An analog input ``v`` coded as ``n = round(N v)`` is ``x = (2 n - N) / N`` for a neuron. Since ``n`` is a
weighted sum of bits, ``x`` is the sum of ``bit weight * (2 b - 1)``, up to a constant and a division by N. A
neuron over analog inputs is therefore a neuron over bits, with weights that are multiples of its own. These are
rounded to integers, one neuron after the other: each gets the smallest integers that keep its value on the
training patterns, given the integer neurons before it.

A network trained on a sample has weights that have not all settled: its neurons read the inputs they need, and
others with small weights, which cause errors outside the sample. Every neuron is refitted by linear programming
with the smallest sum of magnitudes that still separates the patterns. This sum is minimal at corners with few
nonzero weights (D. Donoho, Comm. Pure Appl. Math. 59, 797 (2006)). A neuron must keep its value only on the
patterns where the other value would make a correct target wrong: its observability care set, as in logic
synthesis (H. Savoj and R. Brayton, DAC 1990). Each change can simplify other neurons, so this is repeated in
rounds until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import TopologyError, UsageError
from btfsynth.network.network import Topology, TrainedNetwork, require_comparable
from btfsynth.ports import Port
from btfsynth.settings.table import MAX_WEIGHT_BITS

_MAX_ROUNDS = 12
_ZERO = 1e-7
"""Magnitude below which a weight counts as 0, if the smallest sum has magnitude 1."""
_SOLVED = 0

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Sparsification:
    """Number of weights after refitting, and correct outputs of the network."""

    weights: int
    nonzero_before: int
    nonzero: int
    neurons: int
    used: int
    bits: int
    bits_right_before: int
    bits_right: int
    rounds: int


def sparsify(network: TrainedNetwork, dataset: Dataset) -> tuple[TrainedNetwork, Sparsification]:
    """Return a network with few weights that keeps every correct target of the given one.

    Output neurons are fitted to the targets, so more targets may become correct. Rows of weights are scaled to
    the norm of training, the square root of the fan-in; a neuron without influence becomes constant.
    """
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to fit weights on, got "
            f"{dataset.input_kind.value} ones"
        )
    topology = network.topology
    found = dataset.n_inputs, dataset.n_outputs
    if found != (topology.n_inputs, topology.n_outputs):
        raise TopologyError(
            f"the network has {topology.n_inputs} inputs and {topology.n_outputs} outputs, "
            f"{dataset.name} has {found[0]} and {found[1]}"
        )
    before = network.bits_right(dataset)
    fit = _Fit(network, dataset)
    rounds = fit.run()
    made = replace(network, weights=fit.scaled())
    return made, Sparsification(
        weights=topology.n_edges,
        nonzero_before=int(np.count_nonzero(network.weights)),
        nonzero=int(np.count_nonzero(made.weights)),
        neurons=topology.n_neurons,
        used=int(fit.used.sum()),
        bits=int(dataset.care_mask.sum()),
        bits_right_before=before,
        bits_right=made.bits_right(dataset),
        rounds=rounds,
    )


class _Fit:
    """Weights while they are fitted, and the values of all nodes on the patterns."""

    def __init__(self, network: TrainedNetwork, dataset: Dataset) -> None:
        self.topology = network.topology
        self.weights = network.weights.astype(np.float64)
        self.values = network.node_values(dataset.inputs).astype(np.float64)
        self.goal = 2.0 * dataset.targets.astype(np.float64) - 1.0
        self.matters = dataset.care_mask.astype(bool)
        self.used = np.ones(self.topology.n_neurons, dtype=bool)

    def run(self) -> int:
        """Fit all neurons in rounds until the weights stay as they are; return the rounds."""
        for number in range(1, _MAX_ROUNDS + 1):
            former = self.weights.copy()
            for neuron in range(self.topology.n_neurons):
                # At first each keeps its values, so that the outputs can choose among all there are.
                self._fit(neuron, everywhere=number == 1)
            if np.array_equal(former, self.weights):
                return number
        return _MAX_ROUNDS

    def scaled(self) -> NDArray[np.float32]:
        """Return the weights with rows of the norm that training has."""
        topology, weights = self.topology, self.weights.copy()
        for neuron in range(topology.n_neurons):
            edges = self._edges(neuron)
            norm = float(np.linalg.norm(weights[edges]))
            if norm > 0:
                weights[edges] *= np.sqrt(edges.stop - edges.start) / norm
        return np.asarray(weights, dtype=np.float32)

    def _edges(self, neuron: int) -> slice:
        start = self.topology.fanin_start
        return slice(int(start[neuron]), int(start[neuron + 1]))

    def _fit(self, neuron: int, *, everywhere: bool) -> None:
        """Give a neuron the smallest weights with which no correct target becomes wrong."""
        topology = self.topology
        edges, node = self._edges(neuron), topology.first_neuron + neuron
        output = neuron - (topology.n_neurons - topology.n_outputs)
        wanted = self.values[:, node]
        if output >= 0:
            care = self.matters[:, output]
            wanted = np.where(care, self.goal[:, output], wanted)
            care = care | self._observable(neuron, wanted)
        elif everywhere:
            care = np.ones(len(wanted), dtype=bool)
        else:
            care = self._observable(neuron, wanted)
        self.used[neuron] = output >= 0 or bool(care.any())
        if not care.any():
            weights = np.zeros(edges.stop - edges.start)
            weights[0] = 1.0
        else:
            signed = self.values[care][:, topology.sources[edges]] * wanted[care, None]
            fitted = _least_weights(signed)
            if fitted is None:
                return
            weights = fitted
        self.weights[edges] = weights
        self._evaluate(self.values, neuron)

    def _observable(self, neuron: int, wanted: Reals) -> NDArray[np.bool_]:
        """Return ``(patterns,)``: where the other value would make a right target wrong.

        An output neuron's own target does not count, only those of outputs that read it.
        """
        topology = self.topology
        own = neuron - (topology.n_neurons - topology.n_outputs)
        if neuron == topology.n_neurons - 1:  # nothing reads it
            return np.zeros(len(wanted), dtype=bool)
        outputs = slice(topology.n_nodes - topology.n_outputs, topology.n_nodes)
        right = (self.values[:, outputs] == self.goal) & self.matters
        flipped = self.values.copy()
        flipped[:, topology.first_neuron + neuron] = -wanted
        self._evaluate(flipped, neuron + 1)
        spoilt = right & (flipped[:, outputs] != self.goal)
        if own >= 0:
            spoilt[:, own] = False
        return np.asarray(spoilt.any(axis=1))

    def _evaluate(self, values: Reals, first: int) -> None:
        """Evaluate all neurons from one on. Modifies values."""
        topology = self.topology
        for neuron in range(first, topology.n_neurons):
            edges = self._edges(neuron)
            sums = values[:, topology.sources[edges]] @ self.weights[edges]
            values[:, topology.first_neuron + neuron] = np.where(sums > 0, 1.0, -1.0)


def _least_weights(signed: Reals) -> Reals | None:
    """Return ``(fan-in,)`` weights of the smallest magnitude sum for which all sums are at least 1, or None.

    `signed` is ``(patterns, fan-in)`` -1/+1: the inputs of the neuron times its desired value.
    """
    rows = np.unique(signed, axis=0)
    fan_in = rows.shape[1]
    from scipy.optimize import linprog  # slow to import, and few networks come here

    solved = linprog(
        np.ones(2 * fan_in),
        A_ub=np.hstack([-rows, rows]),
        b_ub=-np.ones(len(rows)),
        bounds=(0, None),
        method="highs",
    )
    if solved.status != _SOLVED:
        return None
    weights = np.asarray(solved.x[:fan_in] - solved.x[fan_in:])
    weights[np.abs(weights) < _ZERO] = 0.0
    return weights if bool((rows @ weights > 0.5).all()) else None


_LARGEST = (*range(1, 9), *(step << power for power in range(2, 9) for step in (3, 4)), 1536, 2047)
"""Magnitudes of the largest weight, in the order in which they are tried."""
_MIXTURES = 4
"""Number of mixtures per training pattern, on which labels must stay."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Rounding:
    """Effects of rounding."""

    # Bits of the largest integer weight, its sign counted; of inputs, before the weights of their
    # bits
    weight_bits: int
    zeros: int
    weights: int
    patterns: int
    changed: int  # Of these, where an output bit is not what it was before rounding
    # Of these, where the largest sum is that of another class; None where no label is asked for
    labels_changed: int | None


def round_network(
    network: TrainedNetwork,
    dataset: Dataset,
    code: InputCode | None,
    input_ports: tuple[Port, ...],
    *,
    weight_bits: int | None = None,
    label: bool = False,
) -> tuple[TrainedNetwork, Rounding]:
    """Return a network of integer weights over bits, and the effects of rounding.

    Analog inputs have the rounded values of their code; Boolean inputs have no code. A weight has up to
    `weight_bits` bits including the sign; by default each neuron gets as few bits as keep it unchanged on the
    patterns. With `label`, the sums of the output neurons are rounded on one scale, so that they can be
    compared.
    """
    if weight_bits is not None and not 2 <= weight_bits <= MAX_WEIGHT_BITS:
        raise UsageError(f"`weights`: expected 2 to {MAX_WEIGHT_BITS} bits, got {weight_bits}")
    if (dataset.input_kind, code is None) not in (
        (InputKind.BOOLEAN, True),
        (InputKind.ANALOG, False),
    ):
        raise UsageError(f"{dataset.source}: expected Boolean inputs, or analog ones and a code")
    if label:
        require_comparable(network)
    rounder = _Rounder(network, dataset, code, weight_bits, label)
    rounded = rounder.run(input_ports)
    before = network.output_sums(dataset.inputs if code is None else code.quantised(dataset.inputs))
    after = rounded.output_sums(dataset.inputs if code is None else code.bits(dataset.inputs))
    integers = np.abs(rounder.integers)
    relabelled = int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
    return rounded, Rounding(
        weight_bits=1 + int(integers.max(initial=1)).bit_length(),
        zeros=int((integers == 0).sum()),
        weights=len(integers),
        patterns=dataset.n_patterns,
        changed=int(((before > 0) != (after > 0)).any(axis=1).sum()),
        labels_changed=relabelled if label else None,
    )


def round_keeping_labels(
    network: TrainedNetwork,
    dataset: Dataset,
    code: InputCode | None,
    input_ports: tuple[Port, ...],
    valid: Dataset | None = None,
) -> tuple[TrainedNetwork, Rounding]:
    """Return a network of small integers that keeps the label of every pattern.

    Every neuron gets the smallest integers that keep its value, as by `round_network`: here on the training
    patterns, on the validation set, and on mixtures of training patterns, which stand in for unseen patterns.
    Targets of the validation set are not used. Labels of unseen patterns may change.
    """
    seen = [dataset.inputs, *_mixtures(dataset.inputs, code)]
    if valid is not None:
        seen.insert(1, valid.inputs)
    inputs = np.concatenate(seen)
    # Rounding looks at what the network makes of patterns, so their targets may be any.
    targets = np.zeros((len(inputs), dataset.n_outputs), dtype=np.uint8)
    targets[:, 0] = 1
    every = replace(dataset, inputs=inputs, targets=targets, care=None)
    return round_network(network, every, code, input_ports, label=True)


def _mixtures(inputs: NDArray[Any], code: InputCode | None) -> list[NDArray[Any]]:
    """Return mixtures of patterns: some for every pattern, which has the larger share in each.

    Analog values are mixed in proportion and then coded; some Boolean inputs come from the other pattern.
    """
    random = np.random.Generator(np.random.PCG64(0))
    made: list[NDArray[Any]] = []
    for _ in range(_MIXTURES):
        others = inputs[random.integers(len(inputs), size=len(inputs))]
        share = random.random((len(inputs), 1)) / 2
        if code is None:
            made.append(np.where(random.random(inputs.shape) < share, others, inputs))
        else:
            made.append(code.quantised((1 - share) * inputs + share * others))
    return made


class _Rounder:
    """A rounding in progress.

    Sums are over whole numbers: an analog input is ``2 n - levels``, a neuron or a Boolean input -1 or 1. On
    this scale, all weights except those of analog inputs are multiplied by ``levels``.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        dataset: Dataset,
        code: InputCode | None,
        weight_bits: int | None,
        label: bool,
    ) -> None:
        self.network = network
        self.code = code
        self.levels = 1 if code is None else code.levels
        self.label = label
        self.sizes = _LARGEST if weight_bits is None else ((1 << (weight_bits - 1)) - 1,)
        topology = network.topology
        if code is None:
            numbers, seen = dataset.inputs.astype(np.int64), dataset.inputs
        else:
            numbers, seen = code.numbers(dataset.inputs), code.quantised(dataset.inputs)
        self.wanted = network.node_values(seen) > 0
        self.values = np.empty((dataset.n_patterns, topology.n_nodes), dtype=np.int64)
        self.values[:, 0] = -1
        self.values[:, 1 : topology.first_neuron] = 2 * numbers - self.levels
        self.integers = np.zeros(topology.n_edges - int((topology.sources == 0).sum()), np.int64)
        self.made = 0
        self.rows: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []

    def run(self, input_ports: tuple[Port, ...]) -> TrainedNetwork:
        topology = self.network.topology
        joint = topology.n_neurons - topology.n_outputs if self.label else topology.n_neurons
        for neuron in range(joint):
            self.add(neuron, *self.alone(neuron))
        if self.label:
            scale = self.joint_scale(range(joint, topology.n_neurons))
            for neuron in range(joint, topology.n_neurons):
                _, weights, bias = self.scaled(neuron)
                self.add(neuron, np.rint(weights * scale).astype(np.int64), round(bias * scale))
        counts = [len(sources) for sources, _ in self.rows]
        width = 1 if self.code is None else self.code.width
        widths = topology.widths
        expanded = Topology(
            n_inputs=topology.n_inputs * width,
            n_outputs=topology.n_outputs,
            fanin_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            sources=np.concatenate([sources for sources, _ in self.rows]),
            widths=None if widths is None else (widths[0] * width, *widths[1:]),
        )
        weights = np.concatenate([weights for _, weights in self.rows])
        code = {} if self.code is None else {"code": self.code.text}
        training = {**self.network.training, "integers": True, **code}
        return replace(
            self.network,
            topology=expanded,
            weights=weights.astype(np.float32),
            input_ports=input_ports,
            training=training,
        )

    def scaled(self, neuron: int) -> tuple[NDArray[np.int32], NDArray[np.float64], float]:
        """Return sources other than the constant, weights and bias in terms of the whole numbers."""
        topology = self.network.topology
        edges = slice(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
        sources = topology.sources[edges]
        weights = self.network.weights[edges].astype(np.float64)
        bias = -float(weights[sources == 0].sum()) * self.levels
        weights = np.where(sources >= topology.first_neuron, weights * self.levels, weights)
        return sources[sources != 0], weights[sources != 0], bias

    def alone(self, neuron: int) -> tuple[Integers, int]:
        """Return the smallest integers, and a bias, that keep a neuron on all or nearly all patterns."""
        sources, weights, bias = self.scaled(neuron)
        wanted = self.wanted[:, self.network.topology.first_neuron + neuron]
        heaviest = float(np.abs(weights).max(initial=0.0))
        if not heaviest:
            return np.zeros(len(weights), dtype=np.int64), 1 if bias > 0 else -1
        best: tuple[int, Integers, int] | None = None
        for size in self.sizes:
            scale = size / heaviest
            integers = np.rint(weights * scale).astype(np.int64)
            sums = self.values[:, sources] @ integers
            threshold = self.representable(
                _threshold(sums, wanted, -bias * scale), int(self.bias_shift(sources, integers))
            )
            wrong = int(((sums > threshold) != wanted).sum())
            if best is None or wrong < best[0]:
                best = wrong, integers, -threshold
            if not wrong:
                break
        assert best is not None  # there is a size to try
        return best[1], best[2]

    def joint_scale(self, neurons: range) -> float:
        """Return the smallest scale of all output neurons that keeps bits and labels on the patterns."""
        rows = [self.scaled(neuron) for neuron in neurons]
        heaviest = max(float(np.abs(weights).max(initial=0.0)) for _, weights, _ in rows)
        if not heaviest:
            return 1.0
        topology = self.network.topology
        wanted = self.wanted[:, topology.n_nodes - topology.n_outputs :]
        exact = np.stack([self.values[:, s] @ w + b for s, w, b in rows], axis=1)
        best = (len(wanted) + 1, 1.0)
        for size in self.sizes:
            scale = size / heaviest
            sums = np.stack(
                [
                    self.values[:, s] @ np.rint(w * scale).astype(np.int64) + round(b * scale)
                    for s, w, b in rows
                ],
                axis=1,
            )
            wrong = ((sums > 0) != wanted).any(axis=1) | (
                sums.argmax(axis=1) != exact.argmax(axis=1)
            )
            if int(wrong.sum()) < best[0]:
                best = int(wrong.sum()), scale
            if not best[0]:
                break
        return best[1]

    def bias_shift(self, sources: NDArray[np.int32], integers: Integers) -> int:
        """Return what the bits of analog inputs count together beyond twice their number less levels."""
        if self.code is None:
            return 0
        analog = sources < self.network.topology.first_neuron
        return int(integers[analog].sum()) * self.code.unused

    @staticmethod
    def representable(threshold: int, shift: int) -> int:
        """Return the nearest threshold whose weight on the constant is exact in single precision."""
        return int(np.float32(threshold - shift)) + shift

    def add(self, neuron: int, integers: Integers, bias: int) -> None:
        """Take integers for a neuron; its values on the patterns follow, and its edges from bits."""
        topology = self.network.topology
        sources, _, _ = self.scaled(neuron)
        # node 0 is -1
        constant = -bias - self.bias_shift(sources, integers)
        sums = self.values[:, sources] @ integers + bias
        self.values[:, topology.first_neuron + neuron] = np.where(sums > 0, 1, -1)
        self.integers[self.made : self.made + len(integers)] = integers
        self.made += len(integers)
        bits = (1,) if self.code is None else self.code.bit_weights
        shift = topology.n_inputs * (len(bits) - 1)
        edges: list[NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]
        weights: list[NDArray[np.float64]] = [np.array([constant], dtype=np.float64)]
        for source, integer in zip(sources.tolist(), integers.tolist(), strict=True):
            if source < topology.first_neuron:
                edges.append(1 + (source - 1) * len(bits) + np.arange(len(bits)))
                weights.append(np.array(bits, dtype=np.float64) * integer)
            else:
                edges.append(np.array([source + shift]))
                weights.append(np.array([integer], dtype=np.float64))
        self.rows.append((np.concatenate(edges).astype(np.int32), np.concatenate(weights)))


def _threshold(sums: Integers, wanted: NDArray[np.bool_], given: float) -> int:
    """Return the threshold nearest to the given one that tells the on-set from the off-set.

    If none does, the given one.
    """
    threshold = int(np.floor(given))
    low = int(sums[~wanted].max()) if not wanted.all() else threshold
    high = int(sums[wanted].min()) - 1 if wanted.any() else threshold
    if low > high:
        return threshold
    return min(max(threshold, low), high)
