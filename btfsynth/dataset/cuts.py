"""Real features as bits, each of them whether the feature is at least a threshold.

Thresholds part the training values of a feature into levels of equally many, at most so many levels; where it
has no more different values than that, every one is a level. A threshold lies half way between two values that
were seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.ports import Port

_MOST_BYTES = 1 << 28
"""What the bits of the training samples take: fewer levels where it would be more."""


@dataclass(frozen=True)
class Cuts:
    """The thresholds of every feature, rising; none for one that tells nothing."""

    thresholds: tuple[tuple[float, ...], ...]

    @property
    def width(self) -> int:
        return sum(len(own) for own in self.thresholds)

    def bits(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return ``(samples, width)`` uint8 0/1 for ``(samples, features)`` values."""
        made = np.empty((len(values), self.width), dtype=np.uint8)
        place = 0
        for feature, own in enumerate(self.thresholds):
            column = values[:, feature].astype(
                np.float64
            )  # in single precision a threshold is rounded
            for threshold in own:
                made[:, place] = column >= threshold
                place += 1
        return made

    def ports(self, names: Sequence[str]) -> tuple[Port, ...]:
        """Return a port for every feature that has bits, its lowest threshold first."""
        return tuple(
            Port(name, len(own)) for name, own in zip(names, self.thresholds, strict=True) if own
        )


def cut_columns(values: NDArray[Any], levels: int) -> Cuts:
    """Choose the thresholds of ``(samples, features)`` values."""
    columns = [np.unique(values[:, feature]) for feature in range(values.shape[1])]
    while levels > 2:
        width = sum(min(levels, len(different)) - 1 for different in columns)
        if width * len(values) <= _MOST_BYTES:
            break
        levels = (levels + 1) // 2
    thresholds = [
        _cut(values[:, feature], different, levels) for feature, different in enumerate(columns)
    ]
    if not any(thresholds):  # samples that are all alike still need an input
        thresholds[0] = (float(columns[0][0]),)
    return Cuts(tuple(thresholds))


def _cut(column: NDArray[Any], different: NDArray[Any], levels: int) -> tuple[float, ...]:
    upper = np.arange(1, len(different))
    if len(upper) >= levels:
        at = np.quantile(column, np.arange(1, levels) / levels, method="higher")
        upper = np.unique(np.searchsorted(different, at))
        upper = upper[upper > 0]
    high = different[upper].astype(np.float64)
    low = different[upper - 1].astype(np.float64)
    middle = low / 2 + high / 2
    return tuple(np.where((middle > low) & (middle <= high), middle, high).tolist())
