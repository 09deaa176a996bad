"""Least-sum integer weights, by integer programming with HiGHS (Huangfu and Hall, 2018).

Which weights tell the on-set from the off-set is a set of linear inequalities, one a vector. Only the few
vectors nearest to the threshold matter: they are brought in as they turn out to be violated. The work is
bounded by the number of branch-and-bound nodes, not by time, so that the result is the same on every
machine; a solution is taken only if it is right in whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.threshold import ThresholdFunction

_LARGEST = 64
_NODES = 500
_ROUNDS = 30
_AT_ONCE = 48
"""Vectors that are brought in a round; as many as there are inputs where these are more."""
_SLACK = 1e-6


def least_weights(values: NDArray[np.int8], on: NDArray[np.bool_]) -> ThresholdFunction | None:
    """Find integer weights of minimum sum that are right on given vectors.

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
    """Return ``(inputs,)`` real weights of the least sum, of which many are zero; None if there are none."""
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
