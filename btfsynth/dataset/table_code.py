"""The code of a table: the conversion of every column to the bits of a port, also for new rows.

A code is chosen from training rows (`fit_code`) and then fixed. It defines the meaning of each bit of a port
and the replacement of missing values, which is all that is needed to feed the hardware. It can be written as
JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn, word_of
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import DataError, UsageError, plural, shown
from btfsynth.ports import Port

Scalar = str | int | float | bool
"""The name of a class."""

SKIP, STEPS, WORDS, ORDER, LEVELS = "skip", "thresholds", "one-hot", "order", "levels"
INTERVAL = "interval"
"""Codes of a column: none; bit ``i`` is ``v >= thresholds[i]``; a bit per category, or one bit for the second
of two; bit ``i`` is 1 if the category comes after the first ``i + 1``; the bits of a number of levels; the bits
of the number of thresholds that ``v`` reaches."""

IMPUTE, REFUSE = "impute", "error"
"""Treatment of a missing value: replaced by the value in the code, or refused."""

_SHOWN = 12
"""Thresholds and categories of a port that a short line lists."""


@dataclass(frozen=True)
class ColumnCode:
    """The code of one column.

    Parameters
    ----------
    name, port
        Of the column, and of the port in the data; no port if the column is skipped.
    thresholds
        Ascending; of `STEPS` and `INTERVAL`.
    categories
        Of `WORDS` and `ORDER`, in the order of the bits.
    low, high, levels
        Of `LEVELS`: ``round(levels * (v - low) / (high - low))``, clipped to 0 and `levels`, halves rounded up.
    fill
        Replacement of a missing value: a number, or one of the categories. A word that is not a category counts
        as missing.
    """

    name: str
    kind: str
    port: str = ""
    thresholds: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    levels: int = 0
    fill: float | str = 0.0

    @cached_property
    def width(self) -> int:
        """Bits of the port; 0 if there is none."""
        if self.kind == STEPS:
            return len(self.thresholds)
        if self.kind == WORDS:
            return 1 if self._is_either else len(self.categories)
        if self.kind == ORDER:
            return len(self.categories) - 1
        if self.kind == INTERVAL:
            return len(self.thresholds).bit_length()
        return self.levels.bit_length() if self.kind == LEVELS else 0

    @property
    def _is_either(self) -> bool:
        """Whether one bit distinguishes two categories."""
        return self.kind == WORDS and len(self.categories) == 2

    @property
    def reads_words(self) -> bool:
        return self.kind in (WORDS, ORDER)

    def bits(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return ``(rows, width)`` uint8 for numbers, or for indices of categories, without missing values."""
        if self.kind == STEPS:
            above = values[:, None] >= np.array(self.thresholds, dtype=np.float64)
            return np.asarray(above, dtype=np.uint8)
        if self.kind == INTERVAL:
            return bits_of(np.searchsorted(self.thresholds, values, side="right"), self.width)
        if self.kind == WORDS and not self._is_either:
            return np.asarray(values[:, None] == np.arange(self.width), dtype=np.uint8)
        if self.reads_words:
            return np.asarray(values[:, None] > np.arange(self.width), dtype=np.uint8)
        if self.kind == LEVELS:
            unit = (values - self.low) / (self.high - self.low)
            numbers = np.floor(np.clip(unit, 0, 1) * self.levels + 0.5).astype(np.int64)
            return bits_of(numbers, self.width)
        return np.zeros((len(values), 0), dtype=np.uint8)

    def bit_meanings(self) -> list[str]:
        """Return the condition for a 1 of every bit, from the least significant on."""
        if self.kind == STEPS:
            return [f"{self.name} >= {number_text(each)}" for each in self.thresholds]
        if self.kind == WORDS:
            shown_words = self.categories[1:] if self._is_either else self.categories
            return [f"{self.name} is {each}" for each in shown_words]
        if self.kind == ORDER:
            return [f"{self.name} is {each} or later" for each in self.categories[1:]]
        return [f"bit {bit} of {self._formula}" for bit in range(self.width)]

    @property
    def _formula(self) -> str:
        if self.kind == INTERVAL:
            return f"how many of its {len(self.thresholds)} thresholds {self.name} reaches"
        if (self.low, self.high) == (0, 1):
            return f"round({self.levels} * {self.name})"
        low, span = number_text(self.low), number_text(self.high - self.low)
        if self.high - self.low == self.levels:
            what = self.name if not self.low else f"{self.name} - {low}"
            return f"{what} as a whole number, within 0 to {self.levels}"
        return f"round({self.levels} * ({self.name} - {low}) / {span}), within 0 to {self.levels}"

    def meaning(self, missing: str, short: bool = False) -> str:
        """Return the meaning of the port on one line, the least significant bit first.

        All thresholds and categories are listed, unless `short` is set.
        """
        listed = _some if short else ", ".join
        if self.kind == STEPS:
            text = f"{self.name} >= {listed([number_text(each) for each in self.thresholds])}"
        elif self._is_either:
            text = f"{self.name}: 0 is {self.categories[0]}, 1 is {self.categories[1]}"
        elif self.kind == WORDS:
            text = f"{self.name} is {listed(self.categories)}"
        elif self.kind == INTERVAL:
            listed_steps = listed([number_text(each) for each in self.thresholds])
            text = f"how many of these {self.name} reaches: {listed_steps}"
        elif self.kind == ORDER:
            text = f"{self.name} is, or comes after, {listed(self.categories[1:])}"
        else:
            text = self._formula
        order = ", bit 0 first" if self.width > 1 and self.kind not in (LEVELS, INTERVAL) else ""
        fill = self.fill if isinstance(self.fill, str) else number_text(self.fill)
        return text + order + (f"; missing counts as {fill}" if missing == IMPUTE else "")


def number_text(number: float) -> str:
    """Return a number as it reads back."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)


def _some(words: Sequence[str]) -> str:
    if len(words) <= _SHOWN:
        return ", ".join(words)
    return f"{', '.join(words[: _SHOWN - 2])}, ..., {words[-1]} ({len(words)})"


@dataclass(frozen=True)
class TableCode:
    """The codes of all columns of a table, in their order.

    Parameters
    ----------
    text
        The specification, such as ``quantile:7``.
    missing
        `IMPUTE` or `REFUSE`.
    """

    text: str
    columns: tuple[ColumnCode, ...]
    missing: str = IMPUTE

    @property
    def ports(self) -> tuple[Port, ...]:
        return tuple(Port(each.port, each.width) for each in self.columns if each.width)

    @property
    def width(self) -> int:
        """Bits of a row."""
        return sum(each.width for each in self.columns)

    def meanings(self, short: bool = False) -> dict[str, str]:
        """Return a line for every port, by its name in the data (see `ColumnCode.meaning`)."""
        return {each.port: each.meaning(self.missing, short) for each in self.columns if each.width}

    def bit_meanings(self) -> dict[str, list[str]]:
        """Return the meaning of each bit by port."""
        return {each.port: each.bit_meanings() for each in self.columns if each.width}

    def places(self, columns: Sequence[TableColumn], source: str) -> list[int]:
        """Return where the columns of the code are among those of a table: by name, else by position.

        Raises
        ------
        UsageError
            If a column is not there.
        """
        names = {column.name: place for place, column in enumerate(columns)}
        missing = [each.name for each in self.columns if each.width and each.name not in names]
        if not missing and len(names) == len(columns):
            return [names.get(each.name, -1) for each in self.columns]
        if len(columns) != len(self.columns):
            lacking = f"; there is no {shown(missing[0], 40)}" if missing else ""
            raise UsageError(
                f"{source}: expected the {plural(len(self.columns), 'column')} of the code, got "
                f"{len(columns)}{lacking}"
            )
        return list(range(len(columns)))

    def bits(
        self,
        columns: Sequence[TableColumn],
        values: NDArray[np.float64],
        source: str,
        lines: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.uint8], list[str]]:
        """Code rows of a table.

        Parameters
        ----------
        values
            ``(rows, columns)`` float64 (see `btfsynth.dataset.columns`).
        source, lines
            Names the table in messages; the line of each row in its file, if there is one.

        Returns
        -------
        ``(rows, width)`` uint8 0/1, and a note for each column with missing values.

        Raises
        ------
        DataError
            If a column has words where the code has numbers, or a required value is missing.
        """
        made, notes = [], []
        for each, place in zip(self.columns, self.places(columns, source), strict=True):
            if not each.width:
                continue
            given = _as_coded(each, columns[place], values[:, place], source, lines)
            gone = np.isnan(given)
            if gone.any():
                if self.missing == REFUSE:
                    row = int(np.argmax(gone))
                    raise DataError(
                        f"column {shown(each.name, 40)}: expected a value that the code knows, got a "
                        "missing or unknown one; the code replaces none, so fill the cell first",
                        source,
                        None if lines is None else int(lines[row]),
                    )
                fill = each.categories.index(str(each.fill)) if each.reads_words else each.fill
                given = np.where(gone, float(fill), given)
                missing = int(np.isnan(values[:, place]).sum())
                counts = ((missing, "missing value"), (int(gone.sum()) - missing, "unknown value"))
                said = ", ".join(plural(count, what) for count, what in counts if count)
                notes.append(f"{each.name}: {said}, read as {_fill_text(each)}")
            made.append(each.bits(given))
        rows = len(values)
        return np.concatenate(made or [np.zeros((rows, 0), dtype=np.uint8)], axis=1), notes


def _fill_text(code: ColumnCode) -> str:
    return code.fill if isinstance(code.fill, str) else number_text(code.fill)


def _as_coded(
    code: ColumnCode,
    column: TableColumn,
    values: NDArray[np.float64],
    source: str,
    lines: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Return the values of a column as its code has them: numbers, or places among its categories."""
    if not code.reads_words:
        if column.categories is None:
            return values
        numbers = _numbers_of(column.categories)
        bad = np.isnan(numbers)
        if bad.any():
            first = np.isin(values, np.flatnonzero(bad))
            if first.any():
                row = int(np.argmax(first))
                raise DataError(
                    f"column {shown(code.name, 40)}: expected a number, as the code has there, got "
                    f"{shown(column.categories[int(values[row])], 40)}",
                    source,
                    None if lines is None else int(lines[row]),
                )
        return _looked_up(values, numbers)
    place: Mapping[str, int] = {word: code for code, word in enumerate(code.categories)}
    if column.categories is None:  # a file in which all its words are numbers
        different, back = np.unique(values, return_inverse=True)
        found = [place.get(word_of(each), np.nan) for each in different.tolist()]
        return np.array(found, dtype=np.float64)[back.reshape(-1)]
    return _looked_up(values, np.array([place.get(each, np.nan) for each in column.categories]))


def _looked_up(values: NDArray[np.float64], meaning: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``meaning[values]``, NaN where a value is."""
    found = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    if len(meaning):
        found[known] = meaning.astype(np.float64)[values[known].astype(np.intp)]
    return found


def _numbers_of(words: Sequence[str]) -> NDArray[np.float64]:
    """Return words as numbers, NaN for other words."""

    def number(word: str) -> float:
        try:
            return float(word)
        except ValueError:
            return float("nan")

    return np.array([number(word) for word in words], dtype=np.float64)


def plain_class(name: Any) -> Scalar:
    """Return the name of a class as a file has it."""
    return name if isinstance(name, (str, int, float, bool)) else str(name)


def class_of(classes: Sequence[Any], outputs: NDArray[Any]) -> list[Any]:
    """Return the class of each row of outputs, ``(rows, bits)`` 0/1 or sums: that of the largest of several."""
    if not classes:
        raise UsageError("expected outputs with classes, got plain bits")
    if outputs.shape[1] == 1 and len(classes) == 2:
        places = (outputs[:, 0] > 0).astype(np.intp)
    elif outputs.shape[1] == len(classes):
        places = outputs.argmax(axis=1)
    else:
        raise UsageError(
            f"expected outputs of {plural(len(classes), 'class', 'classes')}, got {outputs.shape[1]} bits"
        )
    return [classes[place] for place in places.tolist()]
