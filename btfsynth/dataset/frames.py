"""Arrays and frames of any type as the columns of a table; pandas is not imported for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import Cells, TableColumn, column_of_values, is_missing
from btfsynth.errors import DataError, plural, shown


def is_frame(values: Any) -> bool:
    """Tell whether something is a frame of pandas, or what works like one."""
    return hasattr(values, "columns") and hasattr(values, "iloc")


def is_series(values: Any) -> bool:
    return hasattr(values, "iloc") and hasattr(values, "isna") and not is_frame(values)


def frame_columns(what: str, values: Any) -> tuple[list[TableColumn], NDArray[np.float64]]:
    """Return columns and ``(rows, columns)`` float64 of a frame, an array or nested lists.

    Raises
    ------
    DataError
        If there are no rows of equal length, or a column holds neither numbers nor words.
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
"""The classes, none for bits, and ``(rows, outputs)`` float64: 0 or 1, NaN where the target does not matter."""


def wanted_targets(y: Any, classes: bool | None) -> Targets:
    """Return what `y` asks for.

    Parameters
    ----------
    classes
        True if `y` holds labels, each class an output of its own; False if it holds bits; None to see: a
        column of words, or of whole numbers beyond 0 and 1, holds labels, and two classes are one bit.

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
    """Return the different labels, sorted, and the place of each among them, -1 if there is none."""
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
    """Return columns of numbers, NaN for what a mask or a frame leaves out; a single column may be flat."""
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
