"""Fitted classifiers of scikit-learn, alone or at the end of a Pipeline, as imported models.

The transformers of a Pipeline become features of the columns that the user has (see
`btfsynth.models.grid`).
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn, word_of
from btfsynth.errors import MissingToolError, UsageError, shown
from btfsynth.models import sklearn_linear, sklearn_trees
from btfsynth.models.ensemble import Origin
from btfsynth.models.grid import Feature, NumberFeature, Values, WordFeature
from btfsynth.models.readers import Reading, ReadOptions, labels_of
from btfsynth.models.record import ImportedModel, Library
from btfsynth.plugins import install_command

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
        If the model is not supported; the message lists what is, or an alternative.
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
    """Return the steps of a Pipeline, nested ones included."""
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
    """Return an array of numbers as doubles, the type of the borders."""
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "biuf":
        return rows.astype(np.float64)
    return rows


def _rows(values: NDArray[np.float64], columns: Columns, model: Any) -> Any:
    """Return numbers and indices of categories as rows for the model."""
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


# Transformers

_KNOWN = (
    "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, Binarizer, KBinsDiscretizer, OneHotEncoder, "
    "OrdinalEncoder, SimpleImputer, ColumnTransformer, FeatureUnion or a selection of features"
)


@dataclass
class Columns:
    """The columns of a model, and which of them turn out to be words."""

    names: list[str]
    words: dict[int, tuple[str, ...]] = field(default_factory=dict)
    # The categories of scikit-learn, to make rows from
    given: dict[int, list[Any]] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)

    def columns(self) -> list[TableColumn]:
        return [TableColumn(name, self.words.get(place)) for place, name in enumerate(self.names)]

    def raw(self) -> list[Feature]:
        return [NumberFeature(place) for place in range(len(self.names))]

    def as_words(self, feature: Feature, categories: Sequence[Any], where: str) -> WordFeature:
        """Mark a column as words; no other feature may use it as numbers."""
        column = feature.column
        name = shown(self.names[column], 40)
        if not isinstance(feature, NumberFeature) or feature.steps:
            raise UsageError(f"{where}: column {name}: expected it neither scaled nor binned")
        if any(each is None or each != each for each in categories):  # noqa: PLR0124 - NaN
            raise UsageError(
                f"{where}: column {name}: a category for missing values is not supported; replace them by a "
                "word first"
            )
        words = tuple(word_of(each) for each in categories)
        if len(set(words)) < len(words) or self.words.get(column, words) != words:
            raise UsageError(
                f"{where}: column {name}: expected different words, the same in every use"
            )
        self.words[column] = words
        self.given[column] = list(categories)
        return WordFeature(column, np.arange(float(len(words))))

    def require_kinds(self, features: Sequence[Feature], where: str) -> None:
        """Refuse a column that is used as words by one feature and as numbers by another."""
        for feature in features:
            if not isinstance(feature, WordFeature) and feature.column in self.words:
                name = shown(self.names[feature.column], 40)
                raise UsageError(
                    f"{where}: column {name}: is both words and numbers; copy the column"
                )


def input_columns(model: Any, X: Any) -> Columns:
    """Return the columns of a fitted model, with the names of the training or else of `X`."""
    first = model
    while hasattr(first, "steps"):
        first = first.steps[0][1]
    names = getattr(first, "feature_names_in_", None)
    if names is not None:
        return Columns([str(each) for each in names])
    count = getattr(first, "n_features_in_", None)
    if count is None:
        raise UsageError(f"{type(model).__name__}: expected a fitted model; call fit before")
    if X is not None and hasattr(X, "columns") and len(X.columns) == count:
        return Columns([str(each) for each in X.columns])
    return Columns([f"x[{place}]" for place in range(count)])


def transformed(step: Any, features: Sequence[Feature], columns: Columns) -> list[Feature]:
    """Return the output features of a fitted transformer.

    Raises
    ------
    UsageError
        If an output feature would depend on several columns.
    """
    kind = type(step).__name__
    if step is None or step == "passthrough" or kind == "SimpleImputer":
        return _imputed(step, features)
    if kind == "FunctionTransformer" and step.func is None:
        return list(features)
    if kind in _ELEMENTWISE:
        return _ELEMENTWISE[kind](step, features)
    if kind == "Pipeline":
        found = list(features)
        for _, each in step.steps:
            found = transformed(each, found, columns)
        return found
    if kind == "KBinsDiscretizer":
        return _binned(step, features)
    if kind == "OneHotEncoder":
        return _one_hot(step, features, columns)
    if kind == "OrdinalEncoder":
        return [
            columns.as_words(feature, categories, kind)
            for feature, categories in zip(features, step.categories_, strict=True)
        ]
    if kind == "ColumnTransformer":
        return _by_columns(step, features, columns)
    if kind == "FeatureUnion":
        return [
            each
            for _, part in step.transformer_list
            if part != "drop"
            for each in transformed(part, features, columns)
        ]
    if hasattr(step, "get_support"):
        return [features[place] for place in step.get_support(indices=True)]
    raise UsageError(
        f"{kind}: is not supported before a model, expected {_KNOWN}; import the model alone, with these "
        "columns as inputs"
    )


def _imputed(step: Any, features: Sequence[Feature]) -> list[Feature]:
    """Return the features unchanged; the code refuses rows with missing values."""
    if getattr(step, "indicator_", None) is not None:
        raise UsageError("SimpleImputer: add_indicator is not supported; train without it")
    statistics = getattr(step, "statistics_", None)
    if statistics is not None and len(statistics) != len(features):
        raise UsageError("SimpleImputer: drops an empty column; remove the column first")
    return list(features)


def _scaled(factors: Any, shift: Any, features: Sequence[Feature], first: str) -> list[Feature]:
    """Return features scaled and shifted, in the library's order of operations."""
    found = []
    for place, feature in enumerate(features):
        by = None if factors is None else np.float64(factors[place])
        off = None if shift is None else np.float64(shift[place])
        found.append(feature.mapped(_affine(by, off, first)))
    return found


def _affine(by: Any, off: Any, first: str) -> Callable[[Values], Values]:
    def divide(values: Values) -> Values:  # less an offset, then divided
        values = values if off is None else values - off
        return values if by is None else values / by

    def multiply(values: Values) -> Values:
        return np.asarray(values * by + off)

    return divide if first == "shift" else multiply


def _standard(step: Any, features: Sequence[Feature]) -> list[Feature]:
    mean = step.mean_ if step.with_mean else None
    return _scaled(step.scale_ if step.with_std else None, mean, features, "shift")


def _robust(step: Any, features: Sequence[Feature]) -> list[Feature]:
    center = step.center_ if step.with_centering else None
    return _scaled(step.scale_ if step.with_scaling else None, center, features, "shift")


def _min_max(step: Any, features: Sequence[Feature]) -> list[Feature]:
    found = _scaled(step.scale_, step.min_, features, "factor")
    if not step.clip:
        return found
    low, high = (float(each) for each in step.feature_range)
    return [feature.mapped(lambda values: np.clip(values, low, high)) for feature in found]


def _max_abs(step: Any, features: Sequence[Feature]) -> list[Feature]:
    found = _scaled(step.scale_, None, features, "shift")
    if not getattr(step, "clip", False):
        return found
    return [feature.mapped(lambda values: np.clip(values, -1.0, 1.0)) for feature in found]


def _binarized(step: Any, features: Sequence[Feature]) -> list[Feature]:
    edge = np.array([np.nextafter(float(step.threshold), np.inf)])  # above the threshold
    return [feature.cut(edge, lambda values: values) for feature in features]


_ELEMENTWISE: dict[str, Callable[[Any, Sequence[Feature]], list[Feature]]] = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "Binarizer": _binarized,
}


def _binned(step: Any, features: Sequence[Feature]) -> list[Feature]:
    found: list[Feature] = []
    for place, feature in enumerate(features):
        edges = np.asarray(step.bin_edges_[place][1:-1], dtype=np.float64)
        if step.encode == "ordinal":
            found.append(feature.cut(edges, lambda values: values))
            continue
        for number in range(int(step.n_bins_[place])):
            found.append(feature.cut(edges, _is(float(number))))
    return found


def _is(number: float) -> Callable[[Values], Values]:
    return lambda values: (values == number).astype(np.float64)


def _one_hot(step: Any, features: Sequence[Feature], columns: Columns) -> list[Feature]:
    infrequent = getattr(step, "infrequent_categories_", None)
    if infrequent is not None and any(each is not None for each in infrequent):
        raise UsageError(
            "OneHotEncoder: infrequent categories are not supported; train without min_frequency and "
            "max_categories min_frequency and "
            "max_categories"
        )
    found: list[Feature] = []
    for place, feature in enumerate(features):
        categories = list(step.categories_[place])
        dropped = None if step.drop_idx_ is None else step.drop_idx_[place]
        for number, category in enumerate(categories):
            if number == dropped:
                continue
            if isinstance(feature, NumberFeature) and not feature.steps:
                word = columns.as_words(feature, categories, "OneHotEncoder")
                found.append(word.mapped(_is(float(number))))
            elif isinstance(feature, NumberFeature):
                raise UsageError("OneHotEncoder: expected unscaled or binned columns")
            else:
                found.append(feature.mapped(_is(float(category))))
    return found


def _by_columns(step: Any, features: Sequence[Feature], columns: Columns) -> list[Feature]:
    names = list(getattr(step, "feature_names_in_", []))
    found: list[Feature] = []
    for _, part, chosen in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        places = _places(chosen, names, len(features))
        found += transformed(part, [features[place] for place in places], columns)
    return found


def _places(chosen: Any, names: Sequence[Any], count: int) -> list[int]:
    """Return the columns of a part of a ColumnTransformer, given by name, number, slice or mask."""
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            start = 0 if chosen.start is None else names.index(chosen.start)
            stop = count if chosen.stop is None else names.index(chosen.stop) + 1
            return list(range(count))[start : stop : chosen.step]
        return list(range(count))[chosen]
    listed = [chosen] if isinstance(chosen, (str, int)) else list(chosen)
    if listed and all(isinstance(each, (bool, np.bool_)) for each in listed):
        return [place for place, taken in enumerate(listed) if taken]
    return [names.index(each) if isinstance(each, str) else int(each) % count for each in listed]
