"""Columns of a table as it is: numbers, or words of a few categories, with cells that are missing.

A column is a name with ``(rows,)`` float64: numbers as they are, words as places among the categories, NaN for
what is missing. Cells come as text (`column_of_cells`) or as Python and NumPy values (`column_of_values`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, shown

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|[+-]?(nan|inf)", re.I)
"""A cell that is a number."""

MISSING = frozenset(("", "-", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "<null>"))
"""What a cell without a value holds, in lower case: as R, spreadsheets, pandas, KEEL and ARFF write it."""

_FEW = 0.05
"""Up to this share of cells that are words among numbers, these are taken for slips."""


@dataclass(frozen=True)
class TableColumn:
    """What one column of a table holds."""

    name: str
    # Its words, sorted or in their order; None if it holds numbers
    categories: tuple[str, ...] | None = None
    ordered: bool = False  # True if the order of the categories means something
    # What is wrong with taking these words for categories, with the place: a few words among numbers
    doubt: str = field(default="", compare=False)

    @property
    def is_number(self) -> bool:
        return self.categories is None


Cells = tuple[TableColumn, NDArray[np.float64]]
"""A column and its values, ``(rows,)`` float64."""


class BadCell(Exception):  # noqa: N818 - the caller makes an error of it that names the line
    """A cell that cannot be read."""

    def __init__(self, row: int, expected: str) -> None:
        super().__init__(expected)
        self.row, self.expected = row, expected


def column_of_cells(
    name: str,
    cells: Sequence[str],
    *,
    words: bool = False,
    place: Callable[[int], str] = "in row {}".format,
) -> Cells:
    """Read a column of text; `words` tells that its cells are categories, whatever they look like.

    `place` says where a row is.

    Raises
    ------
    BadCell
        For a number that is not finite.
    """
    different = set(cells)
    present = {cell for cell in different if cell.lower() not in MISSING}
    numbers = {cell: float(cell) for cell in present if NUMBER.fullmatch(cell)}
    if not words and len(numbers) == len(present):
        infinite = {cell for cell, number in numbers.items() if not math.isfinite(number)}
        if infinite:
            row = next(row for row, cell in enumerate(cells) if cell in infinite)
            raise BadCell(row, "a finite number")
        known = {cell: numbers.get(cell, math.nan) for cell in different}
        return TableColumn(name), _values(known[cell] for cell in cells)
    doubt = ""
    if not words and 3 * len(numbers) >= 2 * len(present):
        odd = [row for row, cell in enumerate(cells) if cell in present and cell not in numbers]
        if len(odd) <= _FEW * len(cells):
            doubt = (
                f"expected a number as in most rows, got {shown(cells[odd[0]], 40)} {place(odd[0])}"
            )
    categories = tuple(sorted(present, key=_by_size))
    codes = {cell: float(code) for code, cell in enumerate(categories)}
    values = _values(codes.get(cell, math.nan) for cell in cells)
    return TableColumn(name, categories, doubt=doubt), values


def _by_size(cell: str) -> tuple[float, str]:
    """Sort words that are numbers by their size, before all others."""
    number = float(cell) if NUMBER.fullmatch(cell) else math.inf
    return (number if math.isfinite(number) else math.inf, cell)


def _values(numbers: Iterable[float]) -> NDArray[np.float64]:
    return np.fromiter(numbers, dtype=np.float64)


def column_of_values(name: str, values: Sequence[Any], missing: NDArray[np.bool_]) -> Cells:
    """Read a column of Python or NumPy values of any type; `missing`, ``(rows,)``, marks those without one.

    Values are numbers if all are; else they are read as the text of a file.
    """
    known = [value for value, gone in zip(values, missing.tolist(), strict=True) if not gone]
    if all(isinstance(value, (int, float, np.number, np.bool_)) for value in known):
        made = np.full(len(missing), np.nan)
        try:
            made[~missing] = np.array([float(value) for value in known])
        except (OverflowError, TypeError):
            raise DataError(f"column {shown(name, 40)}: expected real numbers") from None
        if np.isinf(made).any():
            row = int(np.argmax(np.isinf(made)))
            raise DataError(
                f"column {shown(name, 40)}, row {row}: expected a finite number, got {made[row]:g}"
            )
        return TableColumn(name), made
    cells = ["" if gone else word_of(each) for each, gone in zip(values, missing, strict=True)]
    try:
        return column_of_cells(name, cells)
    except BadCell as bad:
        raise DataError(
            f"column {shown(name, 40)}, row {bad.row}: expected {bad.expected}, got {cells[bad.row]}"
        ) from None


def word_of(value: Any) -> str:
    """Return a value as a file has it: whole numbers without a point."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def is_missing(value: Any) -> bool:
    """Tell whether a value of an array stands for none: None, NaN, NaT and pandas' NA."""
    if value is None:
        return True
    try:
        return not isinstance(value, str) and bool(value != value)  # noqa: PLR0124 - only NaN differs
    except (TypeError, ValueError):  # of pandas' NA, which is no bool
        return True
