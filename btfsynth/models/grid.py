"""What a model reads and asks of its columns, and the code of the columns that keeps the answers apart.

A question is about one column: whether a number is in some half-open intervals, or a word is one of some. The
borders of all questions of a column are its grid: two numbers between the same borders get the same answers. A
column becomes a bit per border, the number of the interval, or, where its values are whole, the number itself;
a question is then comparisons of these bits, exact for every value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.table_code import (
    INTERVAL,
    LEVELS,
    REFUSE,
    SKIP,
    STEPS,
    WORDS,
    ColumnCode,
    TableCode,
)
from btfsynth.errors import UsageError, shown
from btfsynth.lower.trees import Comparison, lower_comparisons, values_of
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE

_FEW = 8
"""Borders of a column up to which each is a bit of its own if nothing is told."""
_MOST_LEVELS = 4095
AUTO, THRESHOLDS, INTERVALS, NUMBERS = "auto", "thresholds", "intervals", "numbers"


@dataclass(frozen=True)
class Question:
    """True of numbers where an odd or even number of borders is reached, or of some words.

    Parameters
    ----------
    column
        Number of the column.
    borders
        Ascending and finite; the answer changes where a number reaches one of them.
    first
        The answer below all borders.
    words
        Indices of the categories for which it is true; None for numbers.
    """

    column: int
    borders: tuple[float, ...] = ()
    first: bool = False
    words: frozenset[int] | None = None

    def answers(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return ``(rows,)`` bool for numbers or indices of categories."""
        if self.words is not None:
            return np.isin(values, list(self.words))
        reached = np.searchsorted(np.array(self.borders, dtype=np.float64), values, side="right")
        return np.asarray((reached + self.first) % 2 == 1)


def first_double(
    holds: Callable[[NDArray[np.float64]], NDArray[np.bool_]], count: int
) -> NDArray[np.float64]:
    """Return the smallest double for which each of several monotonic conditions holds.

    Parameters
    ----------
    holds
        From ``(count,)`` float64 to ``(count,)`` bool: condition `i` of number `i`; once true, true for every
        larger number.

    Returns
    -------
    ``(count,)`` float64; minus infinity if the lowest finite number satisfies it, infinity if none does.
    """
    largest = _key(np.array([np.finfo(np.float64).max]))[0]
    low, high = np.full(count, -largest), np.full(count, largest)  # holds at high, not below low
    with np.errstate(over="ignore", invalid="ignore"):
        always = holds(_number(low))
        never = ~holds(_number(high))
        for _ in range(64):
            middle = (low >> 1) + (high >> 1) + (low & high & 1)
            true = holds(_number(middle))
            high = np.where(true, middle, high)
            low = np.where(true, low, np.minimum(middle + 1, high))
    return np.where(always, -np.inf, np.where(never, np.inf, _number(high)))


def _key(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Map doubles to int64 in the same order; both zeros to 0."""
    bits = numbers.view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _number(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    bits = np.where(keys < 0, np.int64(-(2**63)) - keys, keys)
    return np.ascontiguousarray(bits, dtype=np.int64).view(np.float64)


def above(column: int, border: float) -> Question:
    """Return the question whether a number reaches a border, which may be infinite."""
    if math.isinf(border):
        return Question(column, first=border < 0)
    return Question(column, (float(border),))


@dataclass(frozen=True, eq=False)
class Grid:
    """Columns, the questions asked of them, and the code that answers them."""

    columns: tuple[TableColumn, ...]
    questions: tuple[Question, ...]
    code: TableCode

    @cached_property
    def _first_bit(self) -> list[int]:
        starts = np.cumsum([0, *(each.width for each in self.code.columns)])
        return [int(start) for start in starts]

    def bits_of(self, column: int) -> list[int]:
        """Return the numbers of the input bits of a column, least significant first."""
        first = self._first_bit[column]
        return list(range(first, first + self.code.columns[column].width))

    def parts(self, question: Question) -> list[tuple[Comparison, bool]]:
        """Return comparisons of input bits, and whether each is inverted.

        Of numbers, ``p1 and not (p2 and not (p3 ...))``, the first with the answer below all borders; of words
        any of them.
        """
        bits = self.bits_of(question.column)
        coded = self.code.columns[question.column]
        if question.words is not None:
            if len(bits) == 1:
                return [(Comparison((bits[0],), 1), 1 not in question.words)]
            return [(Comparison((bits[place],), 1), False) for place in sorted(question.words)]
        return [(self._reaches(coded, bits, border), False) for border in question.borders]

    def _reaches(self, coded: ColumnCode, bits: list[int], border: float) -> Comparison:
        if coded.kind == STEPS:
            return Comparison((bits[coded.thresholds.index(border)],), 1)
        if coded.kind == INTERVAL:
            return Comparison(tuple(bits), coded.thresholds.index(border) + 1)
        return Comparison(tuple(bits), math.ceil(border) - int(coded.low))

    @cached_property
    def _asked(self) -> tuple[list[Comparison], list[list[tuple[int, bool]]]]:
        place: dict[Comparison, int] = {}
        asked = []
        for question in self.questions:
            constant = self.constant(question)
            parts = [] if constant is not None else self.parts(question)
            asked.append(
                [(place.setdefault(each, len(place)), inverted) for each, inverted in parts]
            )
        return list(place), asked

    def constant(self, question: Question) -> bool | None:
        """Return the answer to a question if it is constant."""
        if question.words is not None:
            categories = self.columns[question.column].categories or ()
            if not question.words or len(question.words) == len(categories):
                return bool(question.words)
            return None
        return None if question.borders else question.first

    def answers(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``(rows, questions)`` uint8 0/1 for ``(rows, input bits)``."""
        comparisons, asked = self._asked
        known = values_of(comparisons, bits).astype(np.bool_)
        found = np.empty((len(bits), len(self.questions)), dtype=np.uint8)
        for number, (question, parts) in enumerate(zip(self.questions, asked, strict=True)):
            values = [known[:, part] ^ inverted for part, inverted in parts]
            if not values:
                found[:, number] = self.constant(question) or False
            elif question.words is not None:
                found[:, number] = np.any(values, axis=0)
            else:
                made = np.zeros(len(bits), dtype=np.bool_)
                for value in reversed(values):
                    made = value & ~made
                found[:, number] = made ^ question.first
        return found

    def lower(self, builder: NetlistBuilder, inputs: Sequence[int]) -> list[int]:
        """Build the answers to all questions; return a literal for each."""
        comparisons, asked = self._asked
        known = lower_comparisons(builder, comparisons, inputs)
        found = []
        for question, parts in zip(self.questions, asked, strict=True):
            literals = [known[part] ^ int(inverted) for part, inverted in parts]
            if not literals:
                found.append(TRUE if self.constant(question) else FALSE)
                continue
            made = FALSE
            for literal in reversed(literals):
                if question.words is not None:
                    made = builder.or_(literal, made)
                else:
                    made = builder.and_(literal, made ^ 1)
            found.append(made ^ int(question.first and question.words is None))
        return found


def make_grid(
    columns: Sequence[TableColumn],
    questions: Sequence[Question],
    rule: str,
    values: NDArray[np.float64] | None,
    source: str,
) -> Grid:
    """Choose the code of columns.

    Parameters
    ----------
    rule
        `AUTO`, `THRESHOLDS`, `INTERVALS` or `NUMBERS` (see the settings).
    values
        ``(rows, columns)`` float64 of known rows, which show which columns are whole numbers.
    source
        Name of the model in messages.
    """
    borders: list[set[float]] = [set() for _ in columns]
    for question in questions:
        borders[question.column].update(question.borders)
    used = {question.column for question in questions}
    names = port_names(columns)
    made = []
    for place, column in enumerate(columns):
        known = None if values is None else values[:, place]
        if place not in used:
            made.append(ColumnCode(column.name, SKIP))
        elif column.categories is not None:
            made.append(words_code(column, names[place]))
        else:
            rising = tuple(sorted(borders[place]))
            made.append(_number_code(column, names[place], rising, rule, known, source))
    code = TableCode(rule, tuple(made), REFUSE)
    if not code.width:
        raise UsageError(f"{source}: gives every row the same label; there is no hardware to make")
    return Grid(tuple(columns), tuple(questions), code)


def port_names(columns: Sequence[TableColumn]) -> list[str]:
    """Return a name for the port of each column: ``x_0`` for ``x[0]``."""
    names = [column.name.replace("[", "_").replace("]", "") for column in columns]
    return names if len(set(names)) == len(names) else [column.name for column in columns]


def words_code(column: TableColumn, port: str) -> ColumnCode:
    """Return a bit per category; one bit for two."""
    words = column.categories or ()
    if len(words) < 2:
        return ColumnCode(column.name, SKIP)
    return ColumnCode(column.name, WORDS, port, categories=words, fill=words[0])


def _number_code(
    column: TableColumn,
    port: str,
    borders: tuple[float, ...],
    rule: str,
    values: NDArray[np.float64] | None,
    source: str,
) -> ColumnCode:
    if not borders:
        return ColumnCode(column.name, SKIP)
    if rule in (AUTO, NUMBERS):
        whole = whole_code(column, port, borders, values)
        if whole is not None:
            return whole
        if rule == NUMBERS:
            raise UsageError(
                f"{source}: column {shown(column.name, 40)}: `code=numbers` needs rows `X` of whole numbers "
                f"in a range of up to {_MOST_LEVELS}; `code=auto` uses the thresholds of the model"
            )
    few = rule == THRESHOLDS or (rule != INTERVALS and len(borders) <= _FEW)
    return ColumnCode(column.name, STEPS if few else INTERVAL, port, thresholds=borders)


def whole_code(
    column: TableColumn,
    port: str,
    borders: Sequence[float],
    values: NDArray[np.float64] | None,
) -> ColumnCode | None:
    """Return the code of whole numbers over a range that includes all borders; None if they are not whole.

    Numbers outside the range have the answers of its ends.
    """
    if values is None or not len(values) or not (np.floor(values) == values).all():
        return None
    low = min([float(values.min()), *(math.ceil(each) - 1.0 for each in borders[:1])])
    high = max([float(values.max()), *(float(math.ceil(each)) for each in borders[-1:])])
    if low > 0 and int(high).bit_length() == int(high - low).bit_length():
        low = 0.0
    if not 0 < high - low <= _MOST_LEVELS:
        return None
    return ColumnCode(
        column.name, LEVELS, port, low=low, high=high, levels=int(high - low), fill=low
    )


def border_values(grid: Grid, column: int) -> NDArray[np.float64]:
    """Return values of a column on, and just below, each of its borders; for words, all indices."""
    coded = grid.code.columns[column]
    words = grid.columns[column].categories
    if words is not None:
        return np.arange(len(words), dtype=np.float64)
    borders = {each for asked in grid.questions if asked.column == column for each in asked.borders}
    at = np.array(sorted(borders), dtype=np.float64)
    if coded.kind == LEVELS:
        at = np.ceil(at)
        return np.unique(np.concatenate([at - 1, at, [coded.low, coded.high]]))
    return np.concatenate([np.nextafter(at, -np.inf), at]) if len(at) else np.zeros(1)


# What a model reads, as functions of the columns that its user has: numbers, pieces of them, or words.
#
# Every feature depends on one column. A number keeps its order through scalers, so that a threshold behind them
# is a border before them, found by bisection over all doubles with the library's own arithmetic: exact to the
# last bit. What sorts numbers into bins, or words into codes, has finitely many values.

Values = NDArray[np.float64]
Step = Callable[[Values], Values]
"""An increasing function, elementwise."""


@dataclass(frozen=True, eq=False)
class NumberFeature:
    """A column of numbers, after increasing functions."""

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
        """Return a function of the number of ascending edges that a value reaches."""
        borders = first_double(lambda x: self.of(x) >= edges, len(edges))
        return PiecesFeature.of(self.column, borders, after(np.arange(len(edges) + 1.0)))


@dataclass(frozen=True, eq=False)
class PiecesFeature:
    """A column of numbers by interval: ``values[k]`` if `k` borders are reached."""

    column: int
    borders: tuple[float, ...]
    values: Values

    @classmethod
    def of(cls, column: int, borders: Values, values: Values) -> PiecesFeature:
        """Remove borders that all numbers or no number reach, and empty intervals."""
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
    """Return the question of each split of a tree; true goes right.

    Parameters
    ----------
    asked, thresholds
        ``(splits,)`` index of the feature, and its threshold.
    goes_right
        The comparison of the library, elementwise and increasing in the value.
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
