"""What a model reads, as functions of the columns that its user has: numbers, pieces of them, or words.

Every feature depends on one column. A number keeps its order through scalers, so that a threshold behind them
is a border before them, found by bisection over all doubles with the library's own arithmetic: exact to the
last bit. What sorts numbers into bins, or words into codes, has finitely many values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.models.grid import Question, above, first_double

Values = NDArray[np.float64]
Step = Callable[[Values], Values]
"""A rising function, value by value."""


@dataclass(frozen=True, eq=False)
class NumberFeature:
    """A column of numbers, after rising functions."""

    column: int
    steps: tuple[Step, ...] = ()

    def of(self, values: Values) -> Values:
        with np.errstate(over="ignore", invalid="ignore"):
            for step in self.steps:
                values = step(values)
        return values

    def mapped(self, step: Step) -> Feature:
        return replace(self, steps=(*self.steps, step))

    def cut(self, edges: Values, after: Step) -> Feature:
        """Return what a function makes of how many of ascending edges the value reaches."""
        borders = first_double(lambda x: self.of(x) >= edges, len(edges))
        return PiecesFeature.of(self.column, borders, after(np.arange(len(edges) + 1.0)))


@dataclass(frozen=True, eq=False)
class PiecesFeature:
    """A column of numbers of which only the interval counts: ``values[k]`` where `k` borders are reached."""

    column: int
    borders: tuple[float, ...]
    values: Values

    @classmethod
    def of(cls, column: int, borders: Values, values: Values) -> PiecesFeature:
        """Leave out borders that every number reaches or none does, and pieces without numbers."""
        below, finite = int((borders == -np.inf).sum()), np.isfinite(borders)
        inner = borders[finite]
        pieces = values[below : below + len(inner) + 1]
        last = np.append(np.diff(inner) > 0, True)[: len(inner)]
        return cls(column, tuple(inner[last].tolist()), np.append(pieces[:1], pieces[1:][last]))

    def mapped(self, step: Step) -> Feature:
        return replace(self, values=step(self.values))

    def cut(self, edges: Values, after: Step) -> Feature:
        return self.mapped(
            lambda values: after(np.searchsorted(edges, values, side="right").astype(np.float64))
        )


@dataclass(frozen=True, eq=False)
class WordFeature:
    """A column of categories, each with a value."""

    column: int
    values: Values

    def mapped(self, step: Step) -> Feature:
        return replace(self, values=step(self.values))

    def cut(self, edges: Values, after: Step) -> Feature:
        return self.mapped(
            lambda values: after(np.searchsorted(edges, values, side="right").astype(np.float64))
        )


Feature = NumberFeature | PiecesFeature | WordFeature


def ask(
    features: Sequence[Feature],
    asked: NDArray[np.intp],
    thresholds: Values,
    goes_right: Callable[[Values, Values], NDArray[np.bool_]],
) -> list[Question]:
    """Return for each split of a tree the question of which true is the way to the right.

    Parameters
    ----------
    asked, thresholds
        ``(splits,)`` number of the feature, and what it is compared with.
    goes_right
        The comparison as the library makes it, value by value: rising in the value.
    """
    found: list[Question | None] = [None] * len(asked)
    for number in np.unique(asked).tolist():
        feature = features[number]
        places = np.flatnonzero(asked == number)
        limits = thresholds[places]
        if isinstance(feature, NumberFeature):
            borders = _borders(feature, limits, goes_right)
            for place, border in zip(places.tolist(), borders.tolist(), strict=True):
                found[place] = above(feature.column, border)
            continue
        for place, limit in zip(places.tolist(), limits.tolist(), strict=True):
            right = goes_right(feature.values, np.full(len(feature.values), limit))
            found[place] = _question(feature, right)
    return [each for each in found if each is not None]


def _borders(
    feature: NumberFeature,
    limits: Values,
    goes_right: Callable[[Values, Values], NDArray[np.bool_]],
) -> Values:
    different, back = np.unique(limits, return_inverse=True)
    borders = first_double(lambda x: goes_right(feature.of(x), different), len(different))
    return np.asarray(borders[back.reshape(-1)])


def _question(feature: PiecesFeature | WordFeature, right: NDArray[np.bool_]) -> Question:
    if isinstance(feature, WordFeature):
        return Question(feature.column, words=frozenset(np.flatnonzero(right).tolist()))
    changes = np.flatnonzero(right[1:] != right[:-1])
    borders = tuple(feature.borders[place] for place in changes.tolist())
    return Question(feature.column, borders, bool(right[0]))
