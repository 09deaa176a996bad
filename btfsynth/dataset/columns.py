"""Columns of an uncoded table: numbers, or words of a few categories, with missing cells.

A column is a name with ``(rows,)`` float64: numbers, indices of categories for words, NaN for missing cells.
Cells come as text (`column_of_cells`) or as Python and NumPy values (`column_of_values`), whole tables as
arrays and frames (`frame_columns`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, plural, shown

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|[+-]?(nan|inf)", re.I)
"""A cell that is a number."""

MISSING = frozenset(("", "-", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "<null>"))
"""Marks of a missing value, in lower case, as written by R, spreadsheets, pandas, KEEL and ARFF."""

_FEW = 0.05
"""Maximum share of words among numbers that count as typing errors."""


@dataclass(frozen=True)
class TableColumn:
    """The content of one column of a table."""

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
    """Read a column of text; with `words` its cells are categories, even if they look like numbers.

    `place` describes the place of a row.

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
    """Return whether a value of an array means a missing value: None, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    try:
        return not isinstance(value, str) and bool(value != value)  # noqa: PLR0124 - only NaN differs
    except (TypeError, ValueError):  # of pandas' NA, which is no bool
        return True


# Arrays and frames of any type as the columns of a table; pandas is not imported for it.


def is_frame(values: Any) -> bool:
    """Return whether something is a pandas frame, or works like one."""
    return hasattr(values, "columns") and hasattr(values, "iloc")


def is_series(values: Any) -> bool:
    return hasattr(values, "iloc") and hasattr(values, "isna") and not is_frame(values)


def frame_columns(what: str, values: Any) -> tuple[list[TableColumn], NDArray[np.float64]]:
    """Return columns and ``(rows, columns)`` float64 of a frame, an array or nested lists.

    Raises
    ------
    DataError
        If rows have different lengths, or a column contains neither numbers nor words.
    """
    if is_series(values):
        found = [_series_column(_name(values.name, 0), values)]
    elif is_frame(values):
        found = [
            _series_column(_name(name, place), values.iloc[:, place])
            for place, name in enumerate(values.columns)
        ]
    else:
        return _array_columns(what, values)
    if not found:
        raise DataError(f"{what}: expected at least one column, got none")
    return [column for column, _ in found], np.stack([each for _, each in found], axis=1)


def _name(name: Any, place: int) -> str:
    return f"column {place}" if name is None else str(name)


def _series_column(name: str, series: Any) -> Cells:
    missing = np.asarray(series.isna(), dtype=np.bool_)
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        codes = np.asarray(series.cat.codes, dtype=np.float64)
        codes[missing] = np.nan
        words = tuple(str(each) for each in dtype.categories)
        return TableColumn(name, words, bool(dtype.ordered)), codes
    kind = getattr(dtype, "kind", "O")
    if kind in "biuf":
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return column_of_values(name, numbers, missing)
    _require_readable(name, kind, dtype)
    return column_of_values(name, list(series), missing)


def _require_readable(name: str, kind: str, dtype: Any) -> None:
    if kind in "cmMV":
        raise DataError(f"column {shown(name, 40)}: expected numbers or words, got {dtype}")


def _array_columns(what: str, values: Any) -> tuple[list[TableColumn], NDArray[np.float64]]:
    array = _array(what, values)
    fields = array.dtype.names
    if fields is not None:  # of a structured array
        array = array.reshape(-1)
        names = list(fields)
        parts = [array[name] for name in names]
    elif array.ndim == 2 and array.shape[1]:
        names = [f"x[{place}]" for place in range(array.shape[1])]
        parts = list(array.T)
    else:
        raise DataError(f"{what}: expected rows of columns, got shape {array.shape}")
    if fields is None and array.dtype.kind in "biuf":
        numbers = array.astype(np.float64)
        if np.isinf(numbers).any():
            row, column = (int(place) for place in np.argwhere(np.isinf(numbers))[0])
            raise DataError(
                f"{what}: expected finite numbers, got {numbers[row, column]:g} in row {row}, column {column}"
            )
        return [TableColumn(name) for name in names], numbers
    found = []
    for name, part in zip(names, parts, strict=True):
        _require_readable(name, part.dtype.kind, part.dtype)
        listed = part.tolist()
        found.append(column_of_values(name, listed, np.array([is_missing(v) for v in listed])))
    return [column for column, _ in found], np.stack([each for _, each in found], axis=1)


def _array(what: str, values: Any) -> NDArray[Any]:
    if np.ma.isMaskedArray(values):
        return np.ma.filled(values.astype(np.float64), np.nan)
    if hasattr(values, "toarray"):  # a sparse matrix
        values = values.toarray()
    if isinstance(values, np.ndarray):
        return values
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US":  # of numbers and words that were mixed: each as it was given
            array = np.asarray(values, dtype=object)
    except (TypeError, ValueError):
        raise DataError(f"{what}: expected rows of equal length") from None
    if array.dtype.kind == "O" and array.ndim == 1 and len(array):
        raise DataError(
            f"{what}: expected rows of equal length, got {plural(len(array), 'object')}"
        )
    return array


# Targets: bits, or the labels of classes.

Targets = tuple[tuple[Any, ...], NDArray[np.float64]]
"""The classes, empty for bits, and ``(rows, outputs)`` float64: 0 or 1, NaN for don't-cares."""


def wanted_targets(y: Any, classes: bool | None) -> Targets:
    """Return the targets in `y`.

    Parameters
    ----------
    classes
        True if `y` contains labels, with one output per class; False if it contains bits. By default a column
        of words, or of whole numbers other than 0 and 1, contains labels, and two classes are one bit.

    Raises
    ------
    DataError
        If `y` is neither.
    """
    if classes:
        found, places = _labels(y)
        return found, _one_hot(places, len(found))
    try:
        targets = number_matrix("y", y)
    except DataError:
        if classes is not None or not _is_column(y):
            raise
        targets = None
    if targets is not None:
        bits = np.isnan(targets) | np.isin(targets, (0, 1))
        whole = np.isnan(targets) | (np.floor(targets) == targets)
        if classes is not None or bits.all() or targets.shape[1] != 1 or not whole.all():
            require_values("y", targets, bits, "0, 1 or NaN for a don't-care")
            return (), targets
        y = targets[:, 0]
    found, places = _labels(y)
    if len(found) < 2:
        raise DataError(
            f"y: expected labels of at least 2 classes, got {plural(len(found), 'class')}"
        )
    found = tuple(int(each) if isinstance(each, float) else each for each in found)
    if len(found) == 2:
        return found, np.where(places < 0, np.nan, places)[:, None]
    return found, _one_hot(places, len(found))


def _is_column(y: Any) -> bool:
    shape = np.shape(y)
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _labels(y: Any) -> tuple[tuple[Any, ...], NDArray[np.intp]]:
    """Return the different labels, sorted, and the index of each, -1 for a missing one."""
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"y: expected one label per pattern, got shape {values.shape}")
    listed = values.tolist()
    if values.dtype.kind in "cmMV" or any(isinstance(value, complex) for value in listed):
        raise DataError("y: expected numbers or words as labels")
    missing = np.array([is_missing(value) for value in listed], dtype=np.bool_)
    places = np.full(len(values), -1, dtype=np.intp)
    try:
        found, places[~missing] = np.unique(values[~missing], return_inverse=True)
    except TypeError:
        raise DataError("y: expected labels of one type") from None
    return tuple(found.tolist()), places


def _one_hot(places: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = (places[:, None] == np.arange(count)).astype(np.float64)
    rows[places < 0] = np.nan
    return rows


def number_matrix(what: str, values: Any) -> NDArray[np.float64]:
    """Return columns of numbers, NaN for masked or missing ones; a single column may be flat."""
    try:
        if np.ma.isMaskedArray(values):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        elif hasattr(values, "toarray"):  # a sparse matrix
            values = values.toarray()
        elif hasattr(values, "to_numpy") and hasattr(values, "isna"):
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.iscomplexobj(values):
            values = np.asarray(values).astype(object)  # which float refuses
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{what}: expected numbers in rows of equal length; `classes=True` takes labels"
        ) from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(f"{what}: expected rows of columns, got shape {array.shape}")
    return array


def require_values(what: str, values: NDArray[Any], good: NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise DataError(
            f"{what}: expected {expected}, got {values[row, column]:g} in row {row}, column {column} "
            "(the first is 0)"
        )
