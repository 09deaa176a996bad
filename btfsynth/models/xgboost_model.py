"""Classifiers of XGBoost, from the JSON that ``save_model`` writes.

A split sends ``x < threshold`` to the left, both in single precision. The margin of a class is its base score
and a leaf of each of its trees; XGBoost adds them in single precision, in the order of the trees.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.errors import DataError, MissingToolError, UsageError, plural, shown
from btfsynth.lower.trees import LEAF
from btfsynth.models.ensemble import Origin, RealEnsemble, Splits, ordered, over_questions
from btfsynth.models.grid import NumberFeature, Values
from btfsynth.models.readers import Reading, ReadOptions, broken
from btfsynth.models.record import ImportedModel, Library
from btfsynth.plugins import install_command

_KIND = "XGBoost"
_FIRST, _LAST = (1, 7), 3
"""Supported versions: from the first, up to the last major number."""
_EPS32 = float(np.finfo(np.float32).eps)
_OBJECTIVES = {"binary:logistic": 1, "multi:softprob": 0, "multi:softmax": 0}


def at_least(values: Values, limits: Values) -> NDArray[np.bool_]:
    """Return where a split goes right: not below the threshold, in single precision."""
    return np.asarray(values.astype(np.float32) >= limits.astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Booster:
    """A classifier as described by its file."""

    trees: tuple[Splits, ...]
    leaves: tuple[NDArray[np.float64], ...]
    outputs: tuple[int, ...]  # The class of each tree
    bias: tuple[float, ...]
    names: tuple[str, ...]
    classes: int


def read_xgboost(model: Any, X: Any = None, options: ReadOptions | None = None) -> ImportedModel:
    """Return a fitted ``XGBClassifier``, or a ``Booster`` of a classifier, in bits."""
    kind = type(model).__name__
    if kind.endswith(("Regressor", "Ranker")):
        raise UsageError(f"{kind}: expected a classifier, got a regressor; train XGBClassifier")
    classifier = None
    booster = model
    if hasattr(model, "get_booster"):
        missing = getattr(model, "missing", math.nan)
        if missing is not None and not math.isnan(missing):
            raise UsageError(
                f"{kind}: `missing` is {missing:g}, so its splits treat that value separately; train with "
                "missing=nan on rows without missing values"
            )
        classifier, booster = model, model.get_booster()
    if not hasattr(booster, "save_raw"):
        raise UsageError(f"{kind}: expected an XGBClassifier or a Booster of XGBoost")
    record = json.loads(bytes(booster.save_raw("json")))
    best = None if classifier is None else getattr(booster, "best_iteration", None)
    stopped = "best_iteration" in booster.attributes()
    last = int(best) + 1 if best is not None and stopped else None
    return _imported(record, kind, X, options or ReadOptions(), _asked(model, booster, last), last)


def read_xgboost_file(path: Path, X: Any, options: ReadOptions) -> ImportedModel:
    """Read the file of ``save_model``: JSON, or UBJSON where XGBoost is installed.

    After early stopping, the rounds up to the best one are used, as by an ``XGBClassifier``.
    """
    library = _installed()
    if path.suffix.lower() == ".ubj":
        if library is None:
            raise MissingToolError(
                f"{path}: UBJSON needs xgboost; {install_command('xgboost')}, or save the model as .json"
            )
        booster = library.Booster()
        booster.load_model(str(path))
        record = json.loads(bytes(booster.save_raw("json")))
    else:
        try:
            record = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise DataError(f"expected JSON: {error}", path) from None
    try:
        best = record["learner"].get("attributes", {}).get("best_iteration")
        last = None if best is None else int(best) + 1
        return _imported(record, _KIND, X, options, _loaded(path, library, last), last)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise broken(_KIND, error, path) from None


def _loaded(path: Path, library: Any, last: int | None) -> Library | None:
    """Return the library for the model of a file; None if it is not installed or refuses the file."""
    if library is None:
        return None
    booster = library.Booster()
    try:
        booster.load_model(str(path))
    except ValueError:  # XGBoost's own errors
        return None
    return _asked(None, booster, last)


def _installed() -> Any:
    try:
        import xgboost
    except ImportError:
        return None
    return xgboost


def _asked(model: Any, booster: Any, last: int | None) -> Library:
    """Return the library with its labels and margins."""
    import xgboost

    until = (0, 0 if last is None else last)

    def margins(X: Any) -> NDArray[np.float64]:
        matrix = xgboost.DMatrix(_plain(X), feature_names=booster.feature_names)
        found = np.asarray(booster.predict(matrix, output_margin=True, iteration_range=until))
        found = found.astype(np.float64)
        return np.stack([np.zeros(len(found)), found], axis=1) if found.ndim == 1 else found

    def labels(X: Any) -> NDArray[Any]:
        if model is not None and hasattr(model, "classes_"):
            return np.asarray(model.predict(_plain(X)))
        matrix = xgboost.DMatrix(_plain(X), feature_names=booster.feature_names)
        found = np.asarray(booster.predict(matrix, iteration_range=until))
        if found.ndim == 2:
            return np.asarray(found.argmax(axis=1))
        multi = float(found.max(initial=0)) > 1
        return (found if multi else found > 0.5).astype(np.int64)

    return Library(f"XGBoost {xgboost.__version__}", labels, margins)


def _plain(X: Any) -> Any:
    return X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X, dtype=np.float64)


def _imported(
    record: Any,
    kind: str,
    X: Any,
    options: ReadOptions,
    library: Library | None,
    last: int | None,
) -> ImportedModel:
    found = _booster(record, kind, last)
    questions, plain = over_questions(
        found.trees, [NumberFeature(place) for place in range(len(found.names))], at_least
    )
    trees = tuple(
        replace(tree, value=leaves, output=output)
        for tree, leaves, output in zip(plain, found.leaves, found.outputs, strict=True)
    )
    ensemble = RealEnsemble(trees, found.bias)
    if library is not None:
        size = sum(float(np.abs(tree.value).max()) for tree in trees) + max(map(abs, found.bias))
        library = replace(library, rounding=_EPS32 * size * (len(trees) / len(found.bias) + 2))
    classes = tuple(range(found.classes))
    origin = Origin(
        options.name or "xgboost",
        f"{_KIND} {kind}" if kind != _KIND else kind,
        classes,
        library,
        lambda values: values,
    )
    columns = [TableColumn(name) for name in found.names]
    features = [NumberFeature(place) for place in range(len(columns))]
    return Reading(kind, columns, features, origin, options, X).ensemble(ensemble, questions)


def _booster(record: Any, kind: str, last: int | None) -> _Booster:
    version = tuple(int(each) for each in record.get("version", (0,)))
    if version < _FIRST or version[0] > _LAST:
        raise UsageError(
            f"{kind}: expected version {'.'.join(map(str, _FIRST))} to {_LAST}, got "
            f"{'.'.join(map(str, version))}; load and save it with one of these"
        )
    learner = record["learner"]
    objective = learner["objective"]["name"]
    if objective not in _OBJECTIVES:
        raise UsageError(
            f"{kind}: objective {objective} is not supported, expected {', '.join(_OBJECTIVES)}"
        )
    booster = learner["gradient_booster"]
    dropped: Sequence[float] | None = None
    if booster["name"] == "dart":
        dropped, booster = booster["weight_drop"], booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise UsageError(f"{kind}: expected trees, got booster {shown(booster['name'])}")
    parameters = learner["learner_model_param"]
    if int(parameters.get("num_target", 1)) > 1:
        raise UsageError(f"{kind}: expected one column of labels, got {parameters['num_target']}")
    classes = max(2, int(parameters["num_class"]))
    outputs = 1 if classes == 2 and objective == "binary:logistic" else classes
    model = booster["model"]
    count = len(model["trees"])
    if last is not None:
        pointers = model.get("iteration_indptr")
        count = min(count, int(pointers[last]) if pointers else last * outputs)
    places = tuple(int(each) for each in model["tree_info"][:count])
    made = [_tree(tree, number, kind) for number, tree in enumerate(model["trees"][:count])]
    weights = np.ones(count) if dropped is None else np.array(dropped[:count], dtype=np.float32)
    leaves = tuple(
        (leaf.astype(np.float32) * np.float32(weight)).astype(np.float64)
        for (_, leaf), weight in zip(made, weights, strict=True)
    )
    names = tuple(learner.get("feature_names") or ())
    if len(names) != int(parameters["num_feature"]):
        names = tuple(f"x[{place}]" for place in range(int(parameters["num_feature"])))
    bias = _bias(str(parameters["base_score"]), objective, outputs)
    return _Booster(tuple(shape for shape, _ in made), leaves, places, bias, names, classes)


def _bias(text: str, objective: str, outputs: int) -> tuple[float, ...]:
    """Return the base scores as margins: before version 3 one for all classes, since then one per class."""
    scores = [float(each) for each in text.strip("[]").split(",")]
    if len(scores) == 1:
        scores *= outputs
    if len(scores) != outputs:
        raise DataError(f"base_score: expected {plural(outputs, 'number')}, got {len(scores)}")
    if objective == "binary:logistic":
        scores = [-math.log(1 / each - 1) for each in scores]
    return tuple(float(np.float32(each)) for each in scores)


def _tree(tree: Any, number: int, kind: str) -> tuple[Splits, NDArray[np.float64]]:
    left = np.array(tree["left_children"], dtype=np.int64)
    right = np.array(tree["right_children"], dtype=np.int64)
    inner = left != -1
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise UsageError(
            f"{kind}: tree {number} has leaves of several sums (multi_output_tree); train with "
            "multi_strategy='one_output_per_tree'"
        )
    types = np.array(tree.get("split_type", []), dtype=np.int64)
    if (types[inner[: len(types)]] != 0).any() or tree.get("categories_nodes"):
        raise UsageError(
            f"{kind}: tree {number} splits by categories, which is not supported; train on one-hot columns "
            "(OneHotEncoder)"
        )
    threshold = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    if not np.isfinite(threshold[inner]).all():
        raise UsageError(
            f"{kind}: tree {number} has a split by missing values, which is not supported; impute them before "
            "training"
        )
    splits = Splits(
        np.where(inner, np.array(tree["split_indices"], dtype=np.int64), LEAF),
        threshold,
        np.where(inner, left, 0),
        np.where(inner, right, 0),
    )
    return ordered(splits, threshold)
