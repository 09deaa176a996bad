"""Files of models by their kind: what is in a file decides which reader takes it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import SIGNS_NOTICE
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.models.record import ImportedModel
from btfsynth.settings.setting import Options
from btfsynth.settings.table import READ

_HEAD = 4096


@dataclass(frozen=True)
class ReadOptions(Options, settings=READ):
    """How a model becomes bits; readers take what concerns them.

    Parameters
    ----------
    (settings)
    name
        Name of the function; None: that of the kind of model, or of the file.
    """

    code: str = "auto"
    leaf_bits: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class FileKind:
    """A kind of file: how it is told by its name and first bytes, and ``module:function`` that reads it.

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
"""Of which the first that fits is taken."""


def read_model_file(
    path: StrPath, X: Any = None, options: ReadOptions | None = None
) -> ImportedModel:
    """Read a model from a file of another library.

    Raises
    ------
    UsageError
        If it is of no known kind, or a pickle, which could run anything.
    DataError
        If it is not what its kind has.
    """
    path = as_path(path)
    head = _head(path)
    ending = path.suffix.lower()
    if _is_pickle(ending, head):
        raise UsageError(
            f"{path}: expected no pickle, which can run any code when it is read; load it yourself and hand "
            "the model to `btf.from_sklearn` in Python"
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
    """Return the inputs of data as rows, -1 as -1: float64 numbers, or Python values where there are words."""
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
