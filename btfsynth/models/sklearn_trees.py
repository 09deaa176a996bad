"""Trees of scikit-learn: one, forests of them, and boosted ones.

Splits compare a number in single precision with a double: ``float32(x) <= threshold`` goes to the left; only
those of HistGradientBoosting compare doubles. A leaf of a forest contains the share of every class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.lower.trees import LEAF, IntegerTree, RealTree
from btfsynth.models.ensemble import RealEnsemble, Splits, label_tree_model, over_questions
from btfsynth.models.grid import Values
from btfsynth.models.readers import Reading
from btfsynth.models.record import ImportedModel

_NO_CHILD = -1
_EPS = float(np.finfo(np.float64).eps)


def single(values: Values, limits: Values) -> NDArray[np.bool_]:
    """Return where a number in single precision is above a double, that is, goes right."""
    return np.asarray(values.astype(np.float32).astype(np.float64) > limits)


def double(values: Values, limits: Values) -> NDArray[np.bool_]:
    return np.asarray(values > limits)


def decision_tree(model: Any, reading: Reading) -> ImportedModel:
    shape = _splits(model.tree_, reading.kind)
    questions, (tree,) = over_questions([shape], reading.features, single)
    label = model.tree_.value[:, 0, :].argmax(axis=1).astype(np.int64)
    grid = reading.grid(questions)
    return label_tree_model(
        IntegerTree(tree.test, tree.low, tree.high, label), grid, reading.origin
    )


def forest(model: Any, reading: Reading) -> ImportedModel:
    trees = [each.tree_ for each in model.estimators_]
    values = [tree.value[:, 0, :] for tree in trees]

    def scores(X: Any) -> NDArray[np.float64]:
        return np.asarray(model.predict_proba(reading.before(X)) * len(trees))

    return _summed(trees, values, reading.scored(scores, len(trees) * len(trees) * _EPS))


def _summed(
    trees: Sequence[Any], values: Sequence[NDArray[np.float64]], reading: Reading
) -> ImportedModel:
    """Return trees whose leaves, ``(nodes, classes)``, are added; the largest sum decides the class."""
    shapes = [_splits(tree, reading.kind) for tree in trees]
    questions, plain = over_questions(shapes, reading.features, single)
    made: list[RealTree] = []
    for tree, leaves in zip(plain, values, strict=True):
        if leaves.shape[1] == 2:
            made.append(replace(tree, value=leaves[:, 1] - leaves[:, 0]))
            continue
        made += [replace(tree, value=leaf, output=label) for label, leaf in enumerate(leaves.T)]
    count = len(reading.origin.classes)
    ensemble = RealEnsemble(tuple(made), (0.0,) * (1 if count == 2 else count))
    return reading.ensemble(ensemble, questions)


def ada_boost(model: Any, reading: Reading) -> ImportedModel:
    if getattr(model, "algorithm", "SAMME") == "SAMME.R":
        raise UsageError(f"{reading.kind}: expected algorithm SAMME, got SAMME.R; train with SAMME")
    weights = model.estimator_weights_[: len(model.estimators_)]
    total, count = float(model.estimator_weights_.sum()), len(model.classes_)
    trees, values = [], []
    for each, weight in zip(model.estimators_, weights.tolist(), strict=True):
        if type(each).__name__ not in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
            raise UsageError(
                f"{reading.kind}: expected decision trees to be boosted, got {type(each).__name__}"
            )
        places = np.searchsorted(model.classes_, each.classes_)
        label = places[each.tree_.value[:, 0, :].argmax(axis=1)]
        trees.append(each.tree_)
        values.append((label[:, None] == np.arange(count)) * weight)

    def scores(X: Any) -> NDArray[np.float64]:
        found = model.decision_function(reading.before(X)) * total
        if count == 2:
            return np.stack([np.zeros(len(found)), found / 2], axis=1)
        return np.asarray((found + total / (count - 1)) * (count - 1) / count)

    return _summed(trees, values, reading.scored(scores, 8 * len(trees) * total * _EPS))


def gradient_boosting(model: Any, reading: Reading) -> ImportedModel:
    if not isinstance(model.init_, str) and type(model.init_).__name__ != "DummyClassifier":
        raise UsageError(
            f"{reading.kind}: an init estimator is not supported; train with init=None or 'zero'"
        )
    trees = [each.tree_ for each in model.estimators_.reshape(-1)]
    outputs = model.estimators_.shape[1]
    shapes = [_splits(tree, reading.kind) for tree in trees]
    questions, plain = over_questions(shapes, reading.features, single)
    made = [
        replace(tree, value=model.learning_rate * fitted.value[:, 0, 0], output=number % outputs)
        for number, (tree, fitted) in enumerate(zip(plain, trees, strict=True))
    ]
    bias = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    ensemble = RealEnsemble(tuple(made), tuple(bias.tolist()), inclusive=True)
    scored = reading.scored(_decision(model, reading), _float_rounding(ensemble))
    return scored.ensemble(ensemble, questions)


def hist_gradient_boosting(model: Any, reading: Reading) -> ImportedModel:
    if getattr(model, "is_categorical_", None) is not None:
        raise UsageError(
            f"{reading.kind}: splits by categories are not supported; use a OneHotEncoder before it in a "
            "Pipeline"
        )
    made, shapes = [], []
    rounds = model._predictors
    for each in (tree for trees in rounds for tree in trees):
        nodes = each.nodes
        leaf = nodes["is_leaf"].astype(bool)
        if not np.isfinite(nodes["num_threshold"][~leaf]).all():
            raise UsageError(
                f"{reading.kind}: has a split by missing values, which is not supported; impute them before "
                "training (SimpleImputer)"
            )
        shapes.append(
            Splits(
                np.where(leaf, LEAF, nodes["feature_idx"]).astype(np.int64),
                nodes["num_threshold"].astype(np.float64),
                nodes["left"].astype(np.int64),
                nodes["right"].astype(np.int64),
            )
        )
    questions, plain = over_questions(shapes, reading.features, double)
    outputs = model.n_trees_per_iteration_
    for number, tree in enumerate(plain):
        nodes = rounds[number // outputs][number % outputs].nodes
        made.append(replace(tree, value=nodes["value"].astype(np.float64), output=number % outputs))
    bias = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    ensemble = RealEnsemble(tuple(made), tuple(bias.tolist()))
    scored = reading.scored(_decision(model, reading), _float_rounding(ensemble))
    return scored.ensemble(ensemble, questions)


def _decision(model: Any, reading: Reading) -> Callable[[Any], NDArray[np.float64]]:
    def scores(X: Any) -> NDArray[np.float64]:
        found = np.asarray(model.decision_function(reading.before(X)))
        if found.ndim == 1:
            return np.stack([np.zeros(len(found)), found], axis=1)
        return found

    return scores


def _float_rounding(ensemble: RealEnsemble) -> float:
    """Return the maximum error of sums of doubles, added leaf by leaf."""
    largest = sum(float(np.abs(tree.value).max()) for tree in ensemble.trees)
    return _EPS * len(ensemble.trees) * (largest + max(map(abs, ensemble.bias)))


def _splits(tree: Any, kind: str) -> Splits:
    inner = tree.children_left != _NO_CHILD
    if not np.isfinite(tree.threshold[inner]).all():
        raise UsageError(
            f"{kind}: has a split by missing values, which is not supported; impute them before training "
            "(SimpleImputer)"
        )
    return Splits(
        np.where(inner, tree.feature, LEAF).astype(np.int64),
        tree.threshold.astype(np.float64),
        np.where(inner, tree.children_left, 0).astype(np.int64),
        np.where(inner, tree.children_right, 0).astype(np.int64),
    )
