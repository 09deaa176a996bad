"""A model in bits beside the library that made it: the same labels, or an error that shows the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, VerificationError, plural, shown
from btfsynth.models.record import ImportedModel

_BORDER_ROWS = 1024


@dataclass(frozen=True)
class Comparison:
    """How many rows have the library's label, and how many another one within the bound that is stated."""

    what: str
    rows: int
    same: int

    @property
    def near(self) -> int:
        """Rows whose label another rounding decides."""
        return self.rows - self.same


def compare_rows(model: ImportedModel, X: Any, what: str = "X") -> Comparison:
    """Compare the labels of rows with those of the library.

    Raises
    ------
    VerificationError
        If a label differs although the sums of the two classes are farther apart than rounding accounts for.
    """
    assert model.library is not None
    outputs = model.function(model.bits(X))
    expected = np.asarray(model.library.predict(X))
    if len(expected) != len(outputs):
        raise DataError(f"{model.source}: expected a label per row of {what}, got {expected.shape}")
    if not model.classes:
        differ = (outputs != expected.reshape(outputs.shape)).any(axis=1)
        found: Any = outputs
    else:
        found = np.array(model.labels(outputs))
        differ = np.array([str(a) != str(b) for a, b in _pairs(found, expected)], dtype=np.bool_)
    allowed = differ & _near(model, X, found, expected) if differ.any() else differ
    wrong = differ & ~allowed
    if wrong.any():
        row = int(np.argmax(wrong))
        raise VerificationError(
            f"{model.name}: {plural(int(wrong.sum()), 'row')} of {what} differ, the first is row {row}: "
            f"{model.library.name} predicts {_word(expected[row])}, the bits give {_word(found[row])}; "
            f"the row is {_row_text(X, row)}"
        )
    return Comparison(what, len(outputs), int((~differ).sum()))


def compare_borders(model: ImportedModel) -> Comparison | None:
    """Compare rows at the borders of what the model tells apart; None if it has none to try."""
    if model.library is None or model.border_rows is None:
        return None
    return compare_rows(model, model.border_rows(_BORDER_ROWS), "rows at its thresholds")


def _pairs(found: NDArray[Any], expected: NDArray[Any]) -> zip[tuple[Any, Any]]:
    return zip(found.tolist(), expected.reshape(-1).tolist(), strict=True)


def _near(
    model: ImportedModel, X: Any, found: NDArray[Any], expected: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mark rows in which the two labels' sums are as near as rounding can turn over."""
    library = model.library
    far = np.zeros(len(found), dtype=np.bool_)
    if library is None or library.scores is None or not model.classes:
        return far
    scores = np.asarray(library.scores(X), dtype=np.float64)
    place = {str(each): number for number, each in enumerate(model.classes)}
    rows = np.arange(len(found))
    given = [[place[str(each)] for each in labels] for labels in (found, expected.reshape(-1))]
    apart = np.abs(scores[rows, given[1]] - scores[rows, given[0]])
    return np.asarray(apart <= 2 * (model.bound + library.rounding))


def _word(value: Any) -> str:
    return shown(
        value.tolist() if isinstance(value, np.ndarray) else getattr(value, "item", lambda: value)()
    )


def _row_text(X: Any, row: int) -> str:
    if hasattr(X, "iloc"):
        values = X.iloc[row].tolist()
    elif hasattr(X, "toarray"):
        values = X[[row]].toarray()[0].tolist()
    else:
        values = np.asarray(X[row]).tolist()
    words = [f"{value:.17g}" if isinstance(value, float) else str(value) for value in values[:40]]
    return f"[{', '.join(words)}{', ...' if len(values) > 40 else ''}]"
