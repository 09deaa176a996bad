"""Fitted classifiers of scikit-learn, alone or at the end of a Pipeline, as imported models."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import MissingToolError, UsageError
from btfsynth.extras import install_command
from btfsynth.models import sklearn_linear, sklearn_trees
from btfsynth.models.ensemble import Origin
from btfsynth.models.readers import ReadOptions
from btfsynth.models.reading import Reading, labels_of
from btfsynth.models.record import ImportedModel, Library
from btfsynth.models.sklearn_pipeline import Columns, input_columns, transformed

Reader = Callable[[Any, Reading], ImportedModel]

_READERS: dict[str, Reader] = {
    "DecisionTreeClassifier": sklearn_trees.decision_tree,
    "ExtraTreeClassifier": sklearn_trees.decision_tree,
    "RandomForestClassifier": sklearn_trees.forest,
    "ExtraTreesClassifier": sklearn_trees.forest,
    "AdaBoostClassifier": sklearn_trees.ada_boost,
    "GradientBoostingClassifier": sklearn_trees.gradient_boosting,
    "HistGradientBoostingClassifier": sklearn_trees.hist_gradient_boosting,
    "LogisticRegression": sklearn_linear.linear_classifier,
    "LogisticRegressionCV": sklearn_linear.linear_classifier,
    "LinearSVC": sklearn_linear.linear_classifier,
    "RidgeClassifier": sklearn_linear.linear_classifier,
    "SGDClassifier": sklearn_linear.linear_classifier,
    "Perceptron": sklearn_linear.linear_classifier,
    "LinearDiscriminantAnalysis": sklearn_linear.linear_classifier,
    "BernoulliNB": sklearn_linear.bernoulli_bayes,
    "MLPClassifier": sklearn_linear.perceptron,
}


def read_sklearn(model: Any, X: Any = None, options: ReadOptions | None = None) -> ImportedModel:
    """Return a fitted classifier in bits.

    Raises
    ------
    UsageError
        If it is none that is supported; the message says what is, or the way round.
    """
    options = options or ReadOptions()
    steps = _steps(model)
    last = steps[-1]
    kind = type(last).__name__
    read = _reader(last)
    columns = input_columns(model, X)
    features = columns.raw()
    for step in steps[:-1]:
        features = transformed(step, features, columns)
    columns.require_kinds(features, kind)
    if getattr(last, "n_features_in_", len(features)) != len(features):
        raise UsageError(f"{kind}: expected a fitted model of {len(features)} features")
    classes = labels_of(getattr(last, "classes_", None), kind)
    library = Library(f"scikit-learn {_version()}", lambda rows: _quietly(model.predict, rows))
    origin = Origin(
        options.name or _words(kind),
        f"scikit-learn {kind}",
        classes,
        library,
        lambda values: _rows(values, columns, model),
    )

    def before(rows: Any) -> Any:
        rows = _double(rows)
        for step in steps[:-1]:
            if step is not None and step != "passthrough":
                rows = _quietly(step.transform, rows)
        return rows

    reading = Reading(kind, columns.columns(), features, origin, options, X, before)
    return read(last, reading)


def _steps(model: Any) -> list[Any]:
    """Return the steps of a Pipeline, of Pipelines in it, too."""
    if not hasattr(model, "steps"):
        return [model]
    return [inner for _, step in model.steps for inner in _steps(step)]


def _reader(model: Any) -> Reader:
    kind = type(model).__name__
    if kind in _READERS:
        return _READERS[kind]
    known = ", ".join(_READERS)
    if getattr(model, "_estimator_type", "") == "regressor" or kind.endswith("Regressor"):
        raise UsageError(
            f"{kind}: expected a classifier, got a regressor; train {kind.replace('Regressor', 'Classifier')} "
            "on intervals of the target"
        )
    raise UsageError(f"{kind}: is not supported; expected a fitted model of scikit-learn: {known}")


def _version() -> str:
    try:
        import sklearn
    except ImportError:
        raise MissingToolError(
            f"scikit-learn is not installed; {install_command('scikit-learn')}"
        ) from None
    return str(sklearn.__version__)


def _words(kind: str) -> str:
    """Return a name such as ``random_forest``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.removesuffix("Classifier")).lower()


def _quietly(function: Callable[[Any], Any], rows: Any) -> Any:
    """Call a method of scikit-learn without its warnings on names of columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(_double(rows))


def _double(rows: Any) -> Any:
    """Return an array of numbers as doubles, in which the borders are."""
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "biuf":
        return rows.astype(np.float64)
    return rows


def _rows(values: NDArray[np.float64], columns: Columns, model: Any) -> Any:
    """Return numbers, and places of categories, as rows that the model takes."""
    first = _steps(model)[0]
    named = hasattr(first, "feature_names_in_")
    if not columns.words and not named:
        return values
    made: list[list[Any]] = []
    for place in range(values.shape[1]):
        given = columns.given.get(place)
        column = values[:, place].tolist()
        made.append(column if given is None else [given[int(each)] for each in column])
    if named:
        pd = importlib.import_module("pandas")
        return pd.DataFrame(dict(zip(columns.names, made, strict=True)))
    return np.array(made, dtype=object).T
