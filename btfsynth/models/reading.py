"""What readers of models share: the columns, the rows that are known, the labels and the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.frames import frame_columns
from btfsynth.errors import UsageError, WidthError, shown
from btfsynth.models.ensemble import Origin, RealEnsemble, ensemble_model
from btfsynth.models.features import Feature
from btfsynth.models.grid import Grid, Question, make_grid
from btfsynth.models.readers import ReadOptions
from btfsynth.models.record import ImportedModel


@dataclass(frozen=True, eq=False)
class Reading:
    """A model on its way in.

    Parameters
    ----------
    kind
        What it is, for messages.
    features
        What it reads, of the columns.
    origin
        Its name and labels, and the library.
    X
        Rows that are known, as the library takes them; or None.
    before
        From rows as the library takes them to those of the model itself: the steps of a pipeline before it.
    """

    kind: str
    columns: Sequence[TableColumn]
    features: Sequence[Feature]
    origin: Origin
    options: ReadOptions
    X: Any = None
    before: Callable[[Any], Any] = lambda X: X

    def scored(self, scores: Callable[[Any], NDArray[np.float64]], rounding: float) -> Reading:
        """Return it with the sums that decide in the library."""
        library = self.origin.library
        if library is None:
            return self
        library = replace(library, scores=scores, rounding=rounding)
        return replace(self, origin=replace(self.origin, library=library))

    def over(self, features: Sequence[Feature]) -> Reading:
        return replace(self, features=features)

    def grid(self, questions: Sequence[Question]) -> Grid:
        """Return the code of the columns for these questions."""
        return make_grid(self.columns, questions, self.options.code, self.values(), self.kind)

    def values(self) -> NDArray[np.float64] | None:
        """Return the known rows as numbers in the order of the columns."""
        if self.X is None:
            return None
        found, values = frame_columns("X", self.X)
        names = [column.name for column in found]
        wanted = [column.name for column in self.columns]
        if set(wanted) <= set(names) and len(set(names)) == len(names):
            return values[:, [names.index(name) for name in wanted]]
        if len(names) != len(wanted):
            raise WidthError(
                f"{self.kind}: expected rows of {len(wanted)} columns, got {len(names)}"
            )
        return values

    def ensemble(self, ensemble: RealEnsemble, questions: Sequence[Question]) -> ImportedModel:
        """Return trees in integers."""
        grid = self.grid(questions)
        return ensemble_model(ensemble, grid, self.origin, self.X, self.options.leaf_bits)


def labels_of(classes: Any, kind: str) -> tuple[Any, ...]:
    """Return the labels of a model as plain values; refuse a single one, and several columns of them."""
    if isinstance(classes, list) and classes and isinstance(classes[0], np.ndarray):
        raise UsageError(f"{kind}: expected one column of labels, got {len(classes)}")
    found = tuple(np.asarray(classes).tolist())
    if len(found) < 2:
        raise UsageError(f"{kind}: expected at least 2 classes, got {shown(list(found))}")
    return found
