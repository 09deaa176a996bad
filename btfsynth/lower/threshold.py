"""Threshold functions: reduction to few inputs and small integer weights, and a normal form over literals.

There are two reductions:

- `reduce_on_vectors` keeps the function on given vectors (the care set, or all input vectors). Weights are
  dropped, smallest first, while a threshold still separates on-set and off-set.
- `reduce_exactly` keeps the function on all combinations of its inputs. Weights are rounded to integers if the
  rounding provably changes no sign, and small ones are dropped if all of them together change none.

A *pseudo-Boolean constraint* is a threshold function over literals of a netlist: ``sum of weights[j] *
literals[j] >= bound`` over 0/1 literals with positive integer weights (Een and Soerensson, Translating
pseudo-Boolean constraints into SAT, JSAT 2006). All constructions of threshold functions start from this normal
form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import FALSE, TRUE

_LARGEST_INTEGER = 8
_LARGER_INTEGERS = tuple(step << power for power in range(2, 16) for step in (3, 4))
"""Larger integers that weights are rounded to where the vectors that count are known: 12, 16, 24, ..."""
_LISTED = 12
"""Maximum inputs for listing all combinations."""
_ROUNDING = 1e-9
"""Part of a sum that floating point may have lost."""


@dataclass(frozen=True)
class ThresholdFunction:
    """True where ``sum of weights[j] * x[inputs[j]] > threshold``, with every x -1 or +1; no weight is 0."""

    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    threshold: int


def _scaled(weights: NDArray[Any], threshold: float) -> tuple[list[int], int]:
    """Return weights and threshold, multiplied by a power of two that makes all of them exact integers."""
    numbers = [Fraction(float(weight)) for weight in weights] + [Fraction(float(threshold))]
    factor = max(number.denominator for number in numbers)
    *scaled, last = (int(number * factor) for number in numbers)
    return scaled, last


def _with_zeros_dropped(weights: list[int], threshold: int) -> ThresholdFunction:
    kept = [j for j, weight in enumerate(weights) if weight]
    return ThresholdFunction(tuple(kept), tuple(weights[j] for j in kept), threshold)


def _gap(sums: NDArray[Any], on: NDArray[np.bool_]) -> tuple[float, float]:
    off = sums[~on].max() if not on.all() else -np.inf
    return float(off), float(sums[on].min() if on.any() else np.inf)


def reduce_on_vectors(
    weights: NDArray[np.float64], values: NDArray[np.int8], on: NDArray[np.bool_]
) -> ThresholdFunction | None:
    """Find few inputs and small integer weights that are correct on given vectors.

    ``(inputs,)`` float64 weights, ``(vectors, inputs)`` int8 -1/+1 values, ``(vectors,)`` bool where the
    neuron is true. None if the given weights do not separate on-set and off-set by more than rounding could.
    """
    if on.all() or not on.any():
        return ThresholdFunction((), (), -1 if on.all() else 0)
    points, where = np.unique(
        np.concatenate([values, on[:, None].astype(np.int8)], axis=1), axis=0, return_index=True
    )
    values, on = points[:, :-1].astype(np.float64), on[where]
    kept = np.ones(len(weights), dtype=np.bool_)
    sums = values @ weights
    margin = _ROUNDING * float(np.abs(weights).max(initial=0.0))
    off, least = _gap(sums, on)
    if off >= least - margin:
        return None
    changed = True
    while changed:
        changed = False
        for j in np.argsort(np.abs(weights), kind="stable"):
            if not kept[j]:
                continue
            without = sums - weights[j] * values[:, j]
            off, least = _gap(without, on)
            if off < least - margin:
                sums, kept[j], changed = without, False, True
    reduced = np.where(kept, weights, 0.0)
    for largest in (*range(1, _LARGEST_INTEGER + 1), *_LARGER_INTEGERS):
        integers = np.rint(reduced * (largest / np.abs(reduced).max()))
        off, least = _gap(values @ integers, on)
        if off < least:
            return _with_zeros_dropped([int(k) for k in integers], int(off))
    off, least = _gap(sums, on)
    return _with_zeros_dropped(*_scaled(reduced, (off + least) / 2))


def reduce_exactly(weights: NDArray[np.float64], bias: float) -> ThresholdFunction:
    """Find few, small integer weights with the same sign on every -1/+1 input; else keep the given ones.

    With ``W = s K + r``, K integers, the signs agree wherever ``|r| summed < s |K . x + k|``, and the right
    side is at least s when the integers sum to an odd number. The bias is rounded with the weights.
    """
    everything = np.append(weights, bias)
    largest_weight = float(np.abs(everything).max())
    for largest in range(1, _LARGEST_INTEGER + 1) if largest_weight > 0 else ():
        scale = largest_weight / largest
        integers = np.rint(everything / scale)
        rest = np.abs(everything - scale * integers).sum()
        if int(integers.sum()) % 2 and rest < scale * (1 - _ROUNDING):
            return _with_zeros_dropped([int(k) for k in integers[:-1]], -int(integers[-1]))
    few = _few_that_decide(weights, bias)
    if few is not None:
        return few
    return _with_zeros_dropped(*_scaled(weights, -bias))


def _few_that_decide(weights: NDArray[np.float64], bias: float) -> ThresholdFunction | None:
    """Return the function of the largest weights alone, if all the others together can turn no sign."""
    order = np.argsort(-np.abs(weights), kind="stable")
    rest = float(np.abs(weights).sum())
    margin = _ROUNDING * (rest + abs(bias))
    sums = np.array([bias])
    for count in range(min(_LISTED, len(order)) + 1):
        if np.abs(sums).min() > rest + margin:
            kept = np.sort(order[:count])
            # The shape in full: with no weight left, NumPy cannot tell how many rows there are.
            values = np.array(list(product((-1, 1), repeat=count)), dtype=np.int8)
            values = values.reshape(1 << count, count)
            on = values @ weights[kept] + bias > 0
            function = reduce_on_vectors(weights[kept], values, on)
            assert function is not None  # their sums are apart by more than rounding
            inputs = tuple(int(kept[j]) for j in function.inputs)
            return ThresholdFunction(inputs, function.weights, function.threshold)
        if count < len(order):
            weight = float(weights[order[count]])
            sums = np.concatenate([sums - weight, sums + weight])
            rest -= abs(weight)
    return None


@dataclass(frozen=True)
class PseudoBoolean:
    """A constraint, true if the weights of the true literals sum to at least the bound.

    Literals are of different nodes, none constant, by descending weight and then by node; weights are positive
    and none exceeds the bound. A constant constraint has no literals and the bound 0 (true) or 1
    (false).
    """

    literals: tuple[int, ...]
    weights: tuple[int, ...]
    bound: int

    @cached_property
    def constant(self) -> int | None:
        if self.literals:
            return None
        return TRUE if self.bound <= 0 else FALSE


def pseudo_boolean(function: ThresholdFunction, literals: Sequence[int]) -> PseudoBoolean:
    """Convert a threshold function of literals to the normal form.

    Constants are folded, literals of one node are merged, and weights larger than necessary are reduced.
    """
    # sum w x > T with x = 2 b - 1 is sum 2 w b >= T + 1 + sum w.
    bound = function.threshold + 1
    weights: dict[int, int] = {}
    for position, weight in zip(function.inputs, function.weights, strict=True):
        literal = literals[position]
        signed = -weight if literal & 1 else weight  # the value of a complement is -x
        bound += signed
        weights[literal >> 1] = weights.get(literal >> 1, 0) + 2 * signed
    weights.pop(FALSE >> 1, None)
    terms: list[tuple[int, int]] = []
    for node, weight in weights.items():
        if weight < 0:  # w b = -|w| + |w| (1 - b)
            bound -= weight
        if weight:
            terms.append((abs(weight), 2 * node + int(weight < 0)))
    return normal_form(terms, bound)


def normal_form(terms: Sequence[tuple[int, int]], bound: int) -> PseudoBoolean:
    """Return the normal form of (positive weight, literal) terms, no two of one node, and a bound."""
    terms = list(terms)
    total = sum(weight for weight, _ in terms)
    if bound <= 0:
        return PseudoBoolean((), (), 0)
    if total < bound:
        return PseudoBoolean((), (), 1)
    terms, bound = _divided(terms, bound)
    # A literal that must be true needs a weight of slack + 1, one that suffices alone the weight of the bound.
    slack = sum(weight for weight, _ in terms) - bound
    for place, (weight, literal) in enumerate(terms):
        if weight > slack + 1:
            bound -= weight - slack - 1
            terms[place] = (slack + 1, literal)
    terms, bound = _divided([(min(weight, bound), literal) for weight, literal in terms], bound)
    terms.sort(key=lambda term: (-term[0], term[1]))
    return PseudoBoolean(
        tuple(literal for _, literal in terms), tuple(weight for weight, _ in terms), bound
    )


def _divided(terms: list[tuple[int, int]], bound: int) -> tuple[list[tuple[int, int]], int]:
    """Divide by the greatest common divisor of the weights; the bound is rounded up."""
    divisor = gcd(*(weight for weight, _ in terms))
    return [(weight // divisor, literal) for weight, literal in terms], -(-bound // divisor)


# Minimum-sum integer weights, by integer programming with HiGHS (Huangfu and Hall, 2018).
#
# Weights that separate on-set and off-set satisfy a set of linear inequalities, one per vector.
# Only the few vectors nearest to the threshold matter: they are added when they are violated. The
# work is bounded by the number of branch-and-bound nodes, not by time, so that the result is the
# same on every machine; a solution is used only if it is correct in integers.

_LARGEST = 64
_NODES = 500
_ROUNDS = 30
_AT_ONCE = 48
"""Vectors added per round, or as many as there are inputs if these are more."""
_SLACK = 1e-6


def least_weights(values: NDArray[np.int8], on: NDArray[np.bool_]) -> ThresholdFunction | None:
    """Find integer weights of minimum sum that are correct on given vectors.

    ``(vectors, inputs)`` int8 -1/+1 values; `on` ``(vectors,)`` bool. None if no weights up to 64 exist or
    the search does not finish.
    """
    weights = _separate(_signed(values, on), whole=True)
    if weights is None:
        return None
    kept = np.flatnonzero(weights[:-1])
    return ThresholdFunction(
        tuple(int(j) for j in kept), tuple(int(weights[j]) for j in kept), -int(weights[-1])
    )


def sparse_weights(values: NDArray[np.int8], on: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return ``(inputs,)`` real weights of minimum sum, many of them zero; None if there are none."""
    weights = _separate(_signed(values, on), whole=False)
    return None if weights is None else weights[:-1]


def drop_inputs(
    values: NDArray[np.int8], on: NDArray[np.bool_], order: Sequence[int]
) -> NDArray[np.int64]:
    """Drop inputs one by one while some weights of the others separate on-set and off-set.

    Returns the remaining inputs, ascending.
    """
    signed = _signed(values, on)
    kept = np.ones(signed.shape[1], dtype=np.bool_)
    for j in order:
        kept[j] = False
        if _separate(signed[:, kept], whole=False) is None:
            kept[j] = True
    return np.flatnonzero(kept[:-1])


def _signed(values: NDArray[np.int8], on: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the vectors, each once, with a one for the bias, all to be on the positive side."""
    points = np.where(on, 1, -1).astype(np.int8)[:, None] * np.append(
        values, np.ones((len(values), 1), dtype=np.int8), axis=1
    )
    return np.unique(points, axis=0).astype(np.float64)


def _separate(signed: NDArray[np.float64], whole: bool) -> NDArray[np.float64] | None:
    """Minimise the sum of ``|weights|`` with ``signed @ weights >= 1``."""
    # Nearest to the threshold that the sum of all vectors sets: a guess at which are hard.
    guess = np.argsort(signed @ signed.sum(axis=0), kind="stable")
    active = np.zeros(len(signed), dtype=np.bool_)
    at_once = max(_AT_ONCE, signed.shape[1])
    active[guess[:at_once]] = True
    for _ in range(_ROUNDS):
        weights = _solve(signed[active], whole)
        if weights is None:
            return None
        margins = signed @ weights
        if margins.min() > 1 - _SLACK:
            return weights
        worst = np.argsort(margins, kind="stable")[:at_once]
        active[worst[margins[worst] < 1 - _SLACK]] = True
    return None


def _solve(signed: NDArray[np.float64], whole: bool) -> NDArray[np.float64] | None:
    width = signed.shape[1]
    from scipy.optimize import Bounds, LinearConstraint, milp  # slow to import, seldom needed

    result = milp(
        np.ones(2 * width),
        integrality=np.full(2 * width, int(whole)),
        bounds=Bounds(0, _LARGEST if whole else np.inf),
        constraints=LinearConstraint(np.concatenate([signed, -signed], axis=1), 1, np.inf),
        options={"node_limit": _NODES},
    )
    if result.x is None:
        return None
    weights: NDArray[np.float64] = result.x[:width] - result.x[width:]
    return np.rint(weights) if whole else weights
