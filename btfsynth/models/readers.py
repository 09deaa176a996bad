"""Files of models; the content of a file decides its reader.

`Reading` is shared by the readers: the columns, the known rows, the labels and the library.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn, frame_columns
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import SIGNS_NOTICE
from btfsynth.errors import DataError, UsageError, WidthError, shown
from btfsynth.files import StrPath, as_path
from btfsynth.models.ensemble import Origin, RealEnsemble, ensemble_model
from btfsynth.models.grid import Feature, Grid, Question, make_grid
from btfsynth.models.record import ImportedModel, require_rows
from btfsynth.settings.setting import Options
from btfsynth.settings.table import READ

_HEAD = 4096


@dataclass(frozen=True)
class ReadOptions(Options, settings=READ):
    """Options of the conversion to bits; each reader uses those that apply.

    Parameters
    ----------
    (settings)
    name
        Name of the function; None for that of the kind of model, or of the file.
    """

    code: str = "auto"
    leaf_bits: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class FileKind:
    """A kind of file, recognised by its name and first bytes, and its reader ``module:function``.

    The function takes the path, rows or None, and `ReadOptions`.
    """

    what: str
    fits: Callable[[str, bytes], bool]
    reader: str


def _is_pickle(ending: str, head: bytes) -> bool:
    return ending in (".pkl", ".pickle", ".joblib", ".sav") or head[:1] == b"\x80"


KINDS: tuple[FileKind, ...] = (
    FileKind(
        "XGBoost (.json, .ubj)",
        lambda ending, head: ending == ".ubj" or re.match(rb'\s*\{\s*"learner"', head) is not None,
        "btfsynth.models.xgboost_model:read_xgboost_file",
    ),
    FileKind(
        "LightGBM (text, or .json of dump_model)",
        lambda _, head: (
            head.startswith((b"tree\n", b"tree\r\n")) or b'"num_tree_per_iteration"' in head
        ),
        "btfsynth.models.lightgbm_model:read_lightgbm_file",
    ),
    FileKind(
        "ONNX or QONNX (.onnx)",
        lambda ending, _: ending == ".onnx",
        "btfsynth.models.onnx_model:read_onnx",
    ),
    FileKind(
        "a torchlogix circuit (.json)",
        lambda ending, head: b'"n_inputs"' in head,
        "btfsynth.models.gates:read_torchlogix",
    ),
    FileKind(
        "gates or lookup tables (.npz with connections0)",
        lambda ending, _: ending == ".npz",
        "btfsynth.models.gates:read_gates_npz",
    ),
)
"""The kinds of files; the first that fits is used."""


def read_model_file(
    path: StrPath, X: Any = None, options: ReadOptions | None = None
) -> ImportedModel:
    """Read a model from a file of another library.

    Raises
    ------
    UsageError
        If the kind is unknown, or the file is a pickle, which could run any code.
    DataError
        If the content is invalid.
    """
    path = as_path(path)
    head = _head(path)
    ending = path.suffix.lower()
    if _is_pickle(ending, head):
        raise UsageError(
            f"{path}: expected no pickle, because reading one can run any code; load it in Python and pass "
            "the model to `btf.from_sklearn`"
        )
    for kind in KINDS:
        if kind.fits(ending, head):
            module, _, function = kind.reader.partition(":")
            read = getattr(importlib.import_module(module), function)
            found: ImportedModel = read(path, X, options or ReadOptions())
            return found
    known = ", ".join(kind.what for kind in KINDS)
    raise UsageError(f"{path}: expected a model: {known}")


def rows_of(dataset: Dataset) -> NDArray[Any]:
    """Return the inputs of data as rows, with -1 kept: float64 numbers, or Python values if there are words."""
    if not any(column.categories for column in dataset.columns):
        rows = np.asarray(dataset.inputs, dtype=np.float64)
        return 2 * rows - 1 if SIGNS_NOTICE in dataset.notices else rows
    rows = np.array(dataset.inputs, dtype=object)
    for place, column in enumerate(dataset.columns):
        if column.categories is not None:
            words = np.array([*column.categories, None], dtype=object)
            codes = np.nan_to_num(dataset.inputs[:, place], nan=len(column.categories))
            rows[:, place] = words[codes.astype(np.intp)]
    return rows


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None


def broken(library: str, error: Exception, path: Path) -> DataError:
    """Return what an error of reading values says of a file."""
    if isinstance(error, KeyError):
        why = f"got one without {shown(error.args[0], 60)}"
    elif isinstance(error, ValueError) and type(error) is ValueError and "shape" not in str(error):
        why = f"got a value that is none: {shown(str(error), 100)}"
    else:
        why = "got parts that do not fit each other"
    return DataError(
        f"expected a model of {library}, {why}; the file was cut or edited, so save the model again",
        path,
    )


# A model on its way in


@dataclass(frozen=True, eq=False)
class Reading:
    """A model during import.

    Parameters
    ----------
    kind
        Kind of model, for messages.
    features
        Features of the columns that it reads.
    origin
        Its name, labels and library.
    X
        Known rows in the library's form, or None.
    before
        From these rows to those of the model itself: the previous steps of a pipeline.
    """

    kind: str
    columns: Sequence[TableColumn]
    features: Sequence[Feature]
    origin: Origin
    options: ReadOptions
    X: Any = None
    before: Callable[[Any], Any] = lambda X: X

    def __post_init__(self) -> None:
        if self.X is not None:
            require_rows(self.X)

    def scored(self, scores: Callable[[Any], NDArray[np.float64]], rounding: float) -> Reading:
        """Return the library with the sums that decide."""
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
    """Return the labels of a model as plain values; refuse a single label or several label columns."""
    if isinstance(classes, list) and classes and isinstance(classes[0], np.ndarray):
        raise UsageError(f"{kind}: expected one column of labels, got {len(classes)}")
    found = tuple(np.asarray(classes).tolist())
    if len(found) < 2:
        raise UsageError(f"{kind}: expected at least 2 classes, got {shown(list(found))}")
    return found
