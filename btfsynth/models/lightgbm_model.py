"""Classifiers of LightGBM, from the text of ``save_model`` or the JSON of ``dump_model``.

A split sends ``x <= threshold`` to the left, both in double precision; numbers up to 1e-35, in single
precision, are read as 0. The margin of a class is the sum of one leaf per tree of the class, in double
precision.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.errors import DataError, UsageError, shown
from btfsynth.lower.trees import LEAF
from btfsynth.models.ensemble import Origin, RealEnsemble, Splits, ordered, over_questions
from btfsynth.models.grid import NumberFeature, Values
from btfsynth.models.readers import Reading, ReadOptions, broken, labels_of
from btfsynth.models.record import ImportedModel, Library

_KIND = "LightGBM"
_VERSIONS = ("v3", "v4")
_EPS = float(np.finfo(np.float64).eps)
_ZERO = float(np.float32(1e-35))
_CATEGORICAL, _MISSING_TYPE = 1, 12
"""Bits of a split's ``decision_type``."""
_MISSING_WORDS = ("None", "Zero", "NaN")


def above(values: Values, limits: Values) -> NDArray[np.bool_]:
    """Return where a split goes right."""
    return np.asarray(np.where(np.abs(values) <= _ZERO, 0.0, values) > limits)


@dataclass(frozen=True, eq=False)
class _Booster:
    trees: tuple[Splits, ...]
    leaves: tuple[NDArray[np.float64], ...]
    names: tuple[str, ...]
    classes: int
    outputs: int


def read_lightgbm(model: Any, X: Any = None, options: ReadOptions | None = None) -> ImportedModel:
    """Return a fitted ``LGBMClassifier``, or a ``Booster`` of a classifier, in bits."""
    kind = type(model).__name__
    if kind.endswith(("Regressor", "Ranker")):
        raise UsageError(f"{kind}: expected a classifier, got a regressor; train LGBMClassifier")
    booster = getattr(model, "booster_", model)
    if not hasattr(booster, "model_to_string"):
        raise UsageError(f"{kind}: expected a fitted LGBMClassifier or a Booster of LightGBM")
    found = _of_text(booster.model_to_string(), kind)
    labels = labels_of(model.classes_, kind) if hasattr(model, "classes_") else None
    predict = model.predict if labels is not None else None
    return _imported(found, kind, X, options or ReadOptions(), _asked(booster, predict), labels)


def read_lightgbm_file(path: Path, X: Any, options: ReadOptions) -> ImportedModel:
    """Read the text of ``save_model``, or the JSON of ``dump_model``.

    Only the text can be compared with the library, which does not read the JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("{"):
            return _imported(_of_json(json.loads(text), _KIND), _KIND, X, options, None, None)
        _require_whole(text, path)
        found = _of_text(text, _KIND)
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise broken(_KIND, error, path) from None
    try:
        import lightgbm
    except ImportError:
        return _imported(found, _KIND, X, options, None, None)
    booster = lightgbm.Booster(model_str=text)
    return _imported(found, _KIND, X, options, _asked(booster, None), None)


def _require_whole(text: str, path: Path) -> None:
    """Refuse a truncated or edited text, on which LightGBM would end the process."""
    body, ends, rest = text.partition("end of trees")
    header, first, trees = body.partition("\nTree=")
    sizes = [int(size) for size in _fields(header).get("tree_sizes", "").split()]
    where, trees = 0, first[1:] + trees
    whole = bool(ends) and ("\nparameters:" not in rest or "\nend of parameters" in rest)
    for size in sizes:
        whole = whole and size > 0 and trees.startswith("Tree=", where)
        where += size
    if not whole or trees[where:].strip() or (not sizes and first):
        raise DataError(
            "expected a model of LightGBM as it was saved, got one whose trees do not match `tree_sizes`; the "
            "file was truncated or edited, so save the model again",
            path,
        )


def _asked(booster: Any, predict: Any) -> Library:
    """Return the library with its labels and margins."""
    import lightgbm

    def margins(X: Any) -> NDArray[np.float64]:
        found = np.asarray(booster.predict(X, raw_score=True), dtype=np.float64)
        return np.stack([np.zeros(len(found)), found], axis=1) if found.ndim == 1 else found

    def labels(X: Any) -> NDArray[Any]:
        if predict is not None:
            return np.asarray(predict(X))
        found = np.asarray(booster.predict(X))
        return found.argmax(axis=1) if found.ndim == 2 else (found > 0.5).astype(np.int64)

    return Library(f"{_KIND} {lightgbm.__version__}", labels, margins)


def _imported(
    found: _Booster,
    kind: str,
    X: Any,
    options: ReadOptions,
    library: Library | None,
    labels: tuple[Any, ...] | None,
) -> ImportedModel:
    features = [NumberFeature(place) for place in range(len(found.names))]
    questions, plain = over_questions(found.trees, features, above)
    trees = tuple(
        replace(tree, value=leaves, output=number % found.outputs)
        for number, (tree, leaves) in enumerate(zip(plain, found.leaves, strict=True))
    )
    ensemble = RealEnsemble(trees, (0.0,) * found.outputs)
    if library is not None:
        size = sum(float(np.abs(tree.value).max()) for tree in trees)
        library = replace(library, rounding=_EPS * size * len(trees))
    classes = tuple(range(found.classes)) if labels is None else labels
    source = kind if kind == _KIND else f"{_KIND} {kind}"
    origin = Origin(options.name or "lightgbm", source, classes, library, lambda values: values)
    columns = [TableColumn(name) for name in found.names]
    return Reading(kind, columns, features, origin, options, X).ensemble(ensemble, questions)


def _header(
    version: str, objective: str, names: Sequence[str], outputs: int, kind: str
) -> tuple[tuple[str, ...], int]:
    """Check the header of a model; return the names of its columns and the number of classes."""
    if version not in _VERSIONS:
        raise UsageError(
            f"{kind}: expected version {', '.join(_VERSIONS)}, got {shown(version, 20)}; load and "
            "save it with LightGBM 3 or 4"
        )
    name = objective.split(" ", maxsplit=1)[0]
    if name not in ("binary", "multiclass", "multiclassova"):
        raise UsageError(
            f"{kind}: objective {shown(name, 40)} is not supported, expected binary, multiclass or "
            "multiclassova"
        )
    return tuple(names), 2 if outputs == 1 else outputs


def _of_text(text: str, kind: str) -> _Booster:
    """Read the text of a model: a block of ``key=value`` lines, then one for each tree."""
    blocks = text.split("end of trees", maxsplit=1)[0].split("\nTree=")
    header = _fields(blocks[0])
    outputs = int(header["num_tree_per_iteration"])
    names, classes = _header(
        header.get("version", ""),
        header.get("objective", ""),
        header["feature_names"].split(" "),
        outputs,
        kind,
    )
    made = [_tree_of_text(_fields(block), number, kind) for number, block in enumerate(blocks[1:])]
    return _Booster(*_two(made), names, classes, outputs)


def _two(
    made: Sequence[tuple[Splits, NDArray[np.float64]]],
) -> tuple[tuple[Splits, ...], tuple[NDArray[np.float64], ...]]:
    return tuple(shape for shape, _ in made), tuple(leaves for _, leaves in made)


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def _tree_of_text(
    fields: Mapping[str, str], number: int, kind: str
) -> tuple[Splits, NDArray[np.float64]]:
    """Return a tree: its splits, then its leaves, which are numbered -1, -2, ... as children."""
    if fields.get("is_linear", "0") not in ("", "0"):
        raise UsageError(f"{kind}: tree {number} has linear leaves; train with linear_tree=false")
    values = _numbers(fields["leaf_value"])
    splits = int(fields["num_leaves"]) - 1
    if splits == 0:
        return _leaf(values[:1])
    types = _numbers(fields["decision_type"]).astype(np.int64)
    feature = _numbers(fields["split_feature"]).astype(np.int64)
    for split, decision in enumerate(types.tolist()):
        missing = _MISSING_WORDS[(decision & _MISSING_TYPE) >> 2]
        _require_plain(
            bool(decision & _CATEGORICAL), missing, f"{kind}: tree {number}, split {split}"
        )
    children = [_numbers(fields[key]).astype(np.int64) for key in ("left_child", "right_child")]
    left, right = (np.where(each < 0, splits - each - 1, each) for each in children)
    leaf = np.zeros(len(values), dtype=np.int64)
    shape = Splits(
        np.concatenate([feature, leaf + LEAF]),
        np.concatenate([_numbers(fields["threshold"]), np.zeros(len(values))]),
        np.concatenate([left, leaf]),
        np.concatenate([right, leaf]),
    )
    return ordered(shape, np.concatenate([np.zeros(splits), values]))


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array([float(each) for each in text.split()], dtype=np.float64)


def _leaf(value: NDArray[np.float64]) -> tuple[Splits, NDArray[np.float64]]:
    zero = np.zeros(1, dtype=np.int64)
    return Splits(zero + LEAF, np.zeros(1), zero, zero), value


def _require_plain(categorical: bool, missing: str, where: str) -> None:
    if categorical:
        raise UsageError(
            f"{where}: by categories, which is not supported; train on one-hot columns (OneHotEncoder)"
        )
    if missing != "None":
        raise UsageError(
            f"{where}: treats missing values separately (missing_type {missing}), which is not supported; "
            "impute them before training, or train with use_missing=false"
        )


def _of_json(record: Any, kind: str) -> _Booster:
    outputs = int(record["num_tree_per_iteration"])
    names, classes = _header(
        record.get("version", ""),
        record.get("objective", ""),
        record["feature_names"],
        outputs,
        kind,
    )
    made = []
    for number, tree in enumerate(record["tree_info"]):
        nodes: list[dict[str, Any]] = list(_nodes(tree["tree_structure"]))
        place = {id(node): at for at, node in enumerate(nodes)}
        inner = ["split_index" in node for node in nodes]
        for node in (node for node, splits in zip(nodes, inner, strict=True) if splits):
            missing, where = node.get("missing_type", "None"), node["split_index"]
            _require_plain(
                node["decision_type"] != "<=", missing, f"{kind}: tree {number}, split {where}"
            )
        shape = Splits(
            np.array([each.get("split_feature", LEAF) for each in nodes], dtype=np.int64),
            np.array([each.get("threshold", 0.0) for each in nodes], dtype=np.float64),
            np.array([place.get(id(each.get("left_child")), 0) for each in nodes]),
            np.array([place.get(id(each.get("right_child")), 0) for each in nodes]),
        )
        made.append((shape, np.array([float(each.get("leaf_value", 0)) for each in nodes])))
    return _Booster(*_two(made), names, classes, outputs)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Visit the nodes of a tree, parents before their children."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [node[key] for key in ("right_child", "left_child") if key in node]
