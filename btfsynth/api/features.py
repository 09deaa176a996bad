"""Features of a classifier: numbers, words and gaps, read as `btfsynth.Dataset` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Complex, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn, frame_columns, is_frame
from btfsynth.dataset.fit_code import MAX_WORDS
from btfsynth.errors import DataError, plural, shown


@dataclass(frozen=True)
class Features:
    """Columns and their values, ``(samples, features)`` float64 (see `btfsynth.dataset.columns`)."""

    columns: tuple[TableColumn, ...]
    values: NDArray[np.float64]

    def require_usable(self) -> None:
        """Refuse words among numbers, and too many different words, with what to do about it."""
        for place, column in enumerate(self.columns):
            name = f"feature {shown(column.name, 40)}"
            if column.doubt:
                raise ValueError(f"{name}: {column.doubt}; None stands for a missing value")
            given = self.values[:, place]
            count = 0 if column.is_number else len(np.unique(given[~np.isnan(given)]))
            if count > MAX_WORDS:
                raise ValueError(
                    f"{name}: expected numbers, or at most {MAX_WORDS} different words, got {count} in "
                    f"{plural(len(given), 'sample')}; leave the feature out, or put words together"
                )


def read_features(given: Any, checked: NDArray[Any], names: Sequence[str]) -> Features:
    """Return the features of samples.

    Parameters
    ----------
    given, checked
        The samples as they were passed, and as an array that scikit-learn has checked.
    names
        Names of the features.

    Raises
    ------
    TypeError
        If a value is neither a number nor a word.
    ValueError
        If a number is not finite.
    """
    if checked.dtype.kind == "O":
        _require_plain(checked)
    framed = is_frame(given) and (
        checked.dtype.kind not in "biuf"
        or any(hasattr(each, "categories") for each in given.dtypes)
    )
    try:
        columns, values = frame_columns("X", given if framed else checked)
    except DataError as error:
        raise ValueError(str(error)) from None
    named = zip(columns, names, strict=True)
    return Features(tuple(replace(column, name=name) for column, name in named), values)


def _require_plain(values: NDArray[Any]) -> None:
    for kind in set(map(type, values.ravel().tolist())):
        container = issubclass(kind, Iterable) and not issubclass(kind, (str, bytes))
        if container or (issubclass(kind, Complex) and not issubclass(kind, Real)):
            raise TypeError(f"argument must be a string or a number, got {kind.__name__}")
