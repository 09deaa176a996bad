"""Layers of a quantised network as integer threshold neurons over bits.

An activation with few levels ``v0 < v1 < ...`` is ``v0`` plus a step for each of its bits, where bit ``t`` is 1
from level ``t + 1`` on (a thermometer code). The next layer therefore adds bits with weights that are multiples
of one number, and its sum takes few values. The model's own operators are evaluated on each of them in single
precision: batch normalisation, scales and quantiser together become an integer threshold, from which a bit is
1. That is a neuron (M. Courbariaux et al., "Binarized neural networks", 2016; Y. Umuroglu et al., "FINN", FPGA
2017, which solves for the same threshold).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import signed_digits

MOST_LEVELS = 16
"""Maximum levels of an activation."""
_LARGEST_WEIGHT = 4096
_MOST_SUMS = 1 << 18
_MULTIPLE = 2.0**-20
"""Maximum distance of a weight from a multiple of the step, as a share of the largest weight of the neuron."""
_EPSILON = 2.0**-24
_EXACT_BITS = 15
"""Maximum bits of class factors that are tried to keep every label."""
_FACTOR_BITS = 12

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Apply = Callable[[NDArray[Any]], NDArray[Any]]


class NotIntegerError(Exception):
    """The reason why a layer cannot become integer neurons; the caller adds its name."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Activations as sums of bits.

    Activation ``e`` is ``base[e]`` plus the sum of ``step[e, b]`` over the bits ``b`` that are 1; `step` is
    ``(activations, bits)``. `values` lists the levels of each.
    """

    base: Floats
    step: Floats
    values: Sequence[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Neurons:
    """``(neurons, bits)`` int64 weights of 0/1 bits; a neuron is 1 from its threshold on."""

    weights: Integers
    thresholds: Integers


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums of bits: ``scale * (weights @ bits) + rest`` in real numbers.

    `error`: maximum error of sums in single precision; 0 if they are exact in any order.
    """

    weights: Integers
    scale: Floats
    rest: Floats
    error: Floats

    @property
    def low(self) -> Integers:
        return np.asarray(np.minimum(self.weights, 0).sum(axis=1))

    @property
    def high(self) -> Integers:
        return np.asarray(np.maximum(self.weights, 0).sum(axis=1))

    def numbers(self) -> Integers:
        """Return ``(values, neurons)``: all possible integer values of each sum, the last one repeated."""
        rows = int((self.high - self.low).max()) + 1
        if rows > _MOST_SUMS:
            raise NotIntegerError(
                f"a sum of up to {rows} values, expected at most {_MOST_SUMS}; use weights of fewer bits"
            )
        return np.asarray(np.minimum(self.low + np.arange(rows)[:, None], self.high))

    def floats(self, numbers: Integers, off: float = 0.0) -> NDArray[np.float32]:
        """Return the sums in single precision, shifted by a share of their error."""
        return np.asarray(numbers * self.scale + self.rest + off * self.error, dtype=np.float32)


def add_up(levels: Levels, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> Sums:
    """Return ``activations @ weights + bias``; `weights` is ``(activations, neurons)``.

    Raises
    ------
    NotIntegerError
        If the weights of a neuron have no common step.
    """
    wide = weights.astype(np.float64)
    rows = wide.T @ levels.step
    found = [_whole(row) for row in rows]
    for neuron, each in enumerate(found):
        if each is None:
            raise NotIntegerError(
                f"weights that are not multiples of one step up to {_LARGEST_WEIGHT} (neuron {neuron}); "
                "quantise them when training, or round them before the export"
            )
    integers = np.array([each[0] for each in found if each], dtype=np.int64)
    scale = np.array([each[1] for each in found if each])
    rest = wide.T @ levels.base + bias.astype(np.float64)
    return Sums(integers.reshape(rows.shape), scale, rest, _rounding(levels, weights, bias))


def _whole(row: Floats) -> tuple[list[int], float] | None:
    """Return a row as integers times a scale."""
    largest = float(np.abs(row).max(initial=0.0))
    if largest == 0:
        return [0] * len(row), 1.0
    for size in range(1, _LARGEST_WEIGHT + 1):
        scale = largest / size
        whole = np.rint(row / scale)
        if np.abs(row - whole * scale).max() <= _MULTIPLE * largest / size:
            return [int(each) for each in whole], scale
    return None


def _rounding(levels: Levels, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> Floats:
    """Return the maximum error of sums in single precision; 0 if they are exact in any order."""
    largest = np.array([float(np.abs(each).max()) for each in levels.values])
    total = np.abs(weights.astype(np.float64)).T @ largest + np.abs(bias.astype(np.float64))
    unit = np.array([_last_bit(each).min() for each in levels.values])
    units = np.minimum((_last_bit(weights) * unit[:, None]).min(axis=0), _last_bit(bias))
    exact = total <= units / _EPSILON
    return np.where(exact, 0.0, total * _EPSILON * (len(weights) + 2))


def _last_bit(values: NDArray[np.float32]) -> Floats:
    """Return the value of the lowest 1 bit of the significand of each number; infinity for 0."""
    part, power = np.frexp(values.astype(np.float64))
    whole = np.rint(part * 2.0**24).astype(np.int64)
    last = (whole & -whole).astype(np.float64) * 2.0 ** (power - 24)
    return np.where(whole == 0, np.inf, last)


def quantised(sums: Sums, apply: Apply, index: Integers) -> tuple[Neurons, Levels, int]:
    """Return the neurons of sums followed by operators: one neuron per bit of the levels.

    ``apply`` maps ``(rows, sums)`` to ``(rows, activations)``; activation ``e`` depends on sum ``index[e]``
    alone. The last value counts activations whose bits depend on how single precision rounds the sum.

    Raises
    ------
    NotIntegerError
        If there are too many levels, or they are not monotonic in the sum.
    """
    numbers = sums.numbers()
    made = apply(sums.floats(numbers))
    near = [apply(sums.floats(numbers, off)) for off in (-1.0, 1.0)] if sums.error.any() else []
    turned = np.zeros(made.shape[1], dtype=np.bool_)
    for each in near:
        turned |= (each != made).any(axis=0)
    weights: list[Integers] = []
    thresholds: list[int] = []
    values, owners, steps = [], [], []
    for place in range(made.shape[1]):
        source = int(index[place])
        own, count = made[:, place], int(sums.high[source] - sums.low[source]) + 1
        levels, first, rising = _steps(own[:count])
        values.append(levels)
        for number, start in enumerate(first):
            # From the start on, or up to before it: -S >= 1 - start.
            at = int(sums.low[source]) + start
            weights.append(sums.weights[source] if rising else -sums.weights[source])
            thresholds.append(at if rising else 1 - at)
            owners.append(place)
            steps.append(float(levels[number + 1]) - float(levels[number]))
    bits = len(thresholds)
    step = np.zeros((made.shape[1], bits))
    step[owners, np.arange(bits)] = steps
    base = np.array([float(each[0]) for each in values])
    neurons = Neurons(
        np.array(weights, dtype=np.int64).reshape(bits, sums.weights.shape[1]),
        np.array(thresholds, dtype=np.int64),
    )
    return neurons, Levels(base, step, values), int(turned.sum())


def _steps(values: NDArray[Any]) -> tuple[NDArray[np.float32], list[int], bool]:
    """Return the ascending levels, where each above the lowest begins or ends, and whether they increase."""
    plain = values.astype(np.float32)
    if not np.isfinite(plain).all():
        raise NotIntegerError("an activation that is not finite")
    changes = np.flatnonzero(np.diff(plain)) + 1
    if len(changes) >= MOST_LEVELS:
        raise NotIntegerError(
            f"a float activation of more than {MOST_LEVELS} levels; add a quantiser of up to 4 bits after it"
        )
    levels = plain[np.concatenate([[0], changes])]
    rising = bool((np.diff(levels) > 0).all())
    if not rising and not (np.diff(levels) < 0).all():
        raise NotIntegerError("an activation that is not monotonic in the sum")
    if rising:
        return levels, changes.tolist(), True
    # If levels decrease, level t lasts until just before change t; the highest comes first.
    return levels[::-1], changes.tolist()[::-1], False


@dataclass(frozen=True, eq=False)
class Scores:
    """Integer scores of classes: ``factor * (weights @ bits) + offset``, added up."""

    weights: Integers
    factor: Integers
    offset: Integers
    bound: float  # Maximum error of a score; 0 if every comparison has the model's result
    # How far single precision may move a score of the model; 0 if that turns over no comparison
    rounding: float = 0.0


def scored(sums: Sums, apply: Apply, index: Integers, bits: int | None) -> Scores:
    """Return sums followed by operators as scores on one integer scale.

    The largest factor has at most `bits` bits. None takes up to 15 bits if these compare all scores as the
    model does, otherwise 12.

    Raises
    ------
    NotIntegerError
        If a score is not linear in its sum.
    """
    numbers = sums.numbers()
    made = np.asarray(apply(sums.floats(numbers)), dtype=np.float64)
    low, high = sums.low[index], sums.high[index]
    columns = [
        made[: int(b - a) + 1, place] for place, (a, b) in enumerate(zip(low, high, strict=True))
    ]
    slope = np.array([(c[-1] - c[0]) / max(1, len(c) - 1) for c in columns])
    middle = (low + high) // 2
    start = np.array([c[0] for c in columns]) + slope * (middle - low)
    largest = max(float(np.abs(made).max()), 1e-30)
    for each, a, first in zip(columns, slope, start, strict=True):
        line = first + a * (np.arange(len(each)) - (len(each) - 1) // 2)
        if np.abs(line - each).max() > 1e-5 * largest:
            raise NotIntegerError("a score that is not linear in its sum")
    rated = _Rated(columns, slope, start, low, middle)
    found = rated.exact(bits or _EXACT_BITS)
    factor, centred, bound = found or rated.rounded(bits or _FACTOR_BITS)
    offset = centred - factor * middle
    moved = [apply(sums.floats(numbers, off)) for off in (-1.0, 1.0)] if sums.error.any() else []
    rounding = max((float(np.abs(each - made).max()) for each in moved), default=0.0)
    if not _meet(columns, 2 * rounding):
        rounding = 0.0
    return Scores(sums.weights[index], factor, offset, bound, rounding)


def _meet(columns: Sequence[Floats], gap: float) -> bool:
    """Return whether two classes have scores as near to each other as a gap above 0."""
    values = np.concatenate(columns)
    owner = np.repeat(np.arange(len(columns)), [len(each) for each in columns])
    order = np.argsort(values)
    near = np.diff(values[order]) <= gap
    return bool(gap > 0 and (near & (np.diff(owner[order]) != 0)).any())


@dataclass(frozen=True, eq=False)
class _Rated:
    columns: Sequence[Floats]
    slope: Floats
    start: Floats
    low: Integers
    middle: Integers

    def _whole(self, size: float) -> tuple[Integers, Integers]:
        largest = float(np.abs(self.slope).max()) or float(np.abs(self.start).max()) or 1.0
        unit = size / largest
        return (
            np.rint(self.slope * unit).astype(np.int64),
            np.rint(self.start * unit).astype(np.int64),
        )

    def exact(self, bits: int) -> tuple[Integers, Integers, float] | None:
        """Return the smallest factors with which all sums of all classes compare like the scores."""
        sizes = [*range(1, 65), *(round(2 ** (power / 8)) for power in range(49, 8 * _EXACT_BITS))]
        for size in sizes:
            if size >> bits:
                break
            factor, start = self._whole(size)
            if self._compares(factor, start):
                return factor, start, 0.0
        return None

    def _compares(self, factor: Integers, start: Integers) -> bool:
        whole = [
            factor[k] * (np.arange(len(each)) + self.low[k] - self.middle[k]) + start[k]
            for k, each in enumerate(self.columns)
        ]
        scores = [np.sort(each) for each in self.columns]
        sums = [np.sort(each) for each in whole]
        for k, each in enumerate(self.columns):
            # Of equal scores the first class wins: a later one must exceed them.
            if not self._flat(k, whole[k]):
                return False
            for later in range(k + 1, len(self.columns)):
                wanted = np.searchsorted(scores[later], np.sort(each), side="right")
                if not np.array_equal(wanted, np.searchsorted(sums[later], sums[k], side="right")):
                    return False
        return True

    def _flat(self, k: int, whole: Integers) -> bool:
        """Return True if integers increase, decrease and stay equal where scores do."""
        return np.array_equal(np.sign(np.diff(whole)), np.sign(np.diff(self.columns[k])))

    def rounded(self, bits: int) -> tuple[Integers, Integers, float]:
        """Return factors of this many bits that need few adders."""
        best = None
        for size in np.linspace(2 ** (bits - 1), 2**bits - 1, 65):
            factor, start = self._whole(float(size))
            cost = sum(len(signed_digits(abs(int(each)))) for each in factor)
            if best is None or cost < best[0]:
                best = cost, factor, start, self._error(float(size), factor, start)
        assert best is not None
        return best[1], best[2], best[3]

    def _error(self, size: float, factor: Integers, start: Integers) -> float:
        largest = float(np.abs(self.slope).max()) or float(np.abs(self.start).max()) or 1.0
        worst = 0.0
        for k, each in enumerate(self.columns):
            whole = factor[k] * (np.arange(len(each)) + self.low[k] - self.middle[k]) + start[k]
            worst = max(worst, float(np.abs(whole * (largest / size) - each).max()))
        return worst
