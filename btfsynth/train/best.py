"""The best network of a trial so far, by targets right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.network.accuracy import Accuracy

__all__ = ["Candidate", "new_best", "score"]


def new_best(stop_at: int = -1) -> NDArray[np.float64]:
    """Return the counters that `btfsynth.train.kernel.run_steps` keeps of the best network, float64 (5,).

    Parameters
    ----------
    stop_at
        Targets right at which the steps stop; -1 never stops them.
    """
    return np.array([-1, stop_at, 0, 0, np.inf], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that a trial has been through.

    Parameters
    ----------
    score
        What decides between two, the larger one wins (see `score`).
    weights
        ``(edges,)``, the trainer's float type.
    iterations, mean
        The step, and the mean squared gap there.
    codes
        ``(patterns, inputs)`` uint8: the generated inputs there; None where inputs are given.
    """

    score: tuple[int, int, float]
    weights: NDArray[np.floating[Any]]
    iterations: int
    mean: float
    codes: NDArray[np.uint8] | None = None

    def better_than(self, other: Candidate | None) -> bool:
        """Tell whether it is to be kept in place of another one; of equal ones the earlier stays."""
        return other is None or self.score > other.score


def score(seen: int, valid: Accuracy | None, mean: float) -> tuple[int, int, float]:
    """Return what decides between two networks of a trial, to be compared item by item.

    First what is right of the held-out patterns, of classes where they have any and of bits elsewhere; then the
    training targets right; then the smaller gap.

    Parameters
    ----------
    seen
        Training targets right.
    valid
        What is right of the held-out patterns; None without any or if they are not to choose.
    mean
        Mean squared gap.
    """
    held = 0
    if valid is not None:
        labels = valid.labels_right
        held = valid.bits_right if labels is None else labels
    return held, seen, -mean
