"""Classifiers of scikit-learn: every row has the library's label, in the integers and in the netlist."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

import btfsynth as btf
from btfsynth.netlist.simulation import evaluate

X, Y = load_iris(return_X_y=True)
TWO = np.where(Y == 2, "late", "early")
TENTHS = np.rint(X * 10)
BINS = {"quantile_method": "averaged_inverted_cdf"}
TREE = DecisionTreeClassifier(max_depth=3, random_state=1)


def fitted(model, rows=X, labels=Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, labels)


def require_same(found, rows, labels):
    """The integer model and the netlist have the labels, and nothing was left to rounding."""
    assert found.predict(rows).tolist() == list(labels)
    outputs = evaluate(found.netlist.core, found.core.bits(rows))
    assert found.core.labels(outputs) == list(labels)
    assert found.compared["same"].tolist() == found.compared["rows"].tolist()
    assert len(found.compared) == 2


@pytest.mark.parametrize("labels", [Y, TWO], ids=["three", "two"])
@pytest.mark.parametrize(
    "model",
    [
        TREE,
        ExtraTreeClassifier(random_state=1),
        RandomForestClassifier(5, random_state=1),
        ExtraTreesClassifier(4, max_depth=3, random_state=1),
        GradientBoostingClassifier(n_estimators=3, random_state=1),
        GradientBoostingClassifier(n_estimators=2, init="zero", random_state=1),
        HistGradientBoostingClassifier(max_iter=3, random_state=1),
        AdaBoostClassifier(n_estimators=4, random_state=1),
        AdaBoostClassifier(TREE, n_estimators=3, random_state=1),
        make_pipeline(KBinsDiscretizer(4, **BINS), LogisticRegression()),
        make_pipeline(KBinsDiscretizer(4, encode="ordinal", **BINS), LinearSVC(random_state=1)),
        make_pipeline(MinMaxScaler(), Binarizer(threshold=0.4), BernoulliNB()),
        BernoulliNB(binarize=2.5),
        make_pipeline(
            StandardScaler(),
            KBinsDiscretizer(3, encode="onehot-dense", **BINS),
            MLPClassifier((4,), activation="identity", max_iter=30, random_state=1),
        ),
    ],
    ids=lambda model: str(model).partition("\n")[0][:60],
)
def test_classifiers(model, labels):
    """Trees, forests, boosted trees and what is linear over bins, for two classes and for three."""
    model = fitted(model, labels=labels)
    require_same(btf.from_sklearn(model, X), X, model.predict(X).tolist())


@pytest.mark.parametrize(
    "before",
    [
        [StandardScaler()],
        [RobustScaler(), MinMaxScaler((-1, 1), clip=True)],
        [MaxAbsScaler()],
        [KBinsDiscretizer(5, encode="onehot", **BINS)],
        [KBinsDiscretizer(5, encode="ordinal", **BINS), StandardScaler()],
        [KBinsDiscretizer(3, encode="ordinal", **BINS), OneHotEncoder(drop="first")],
        [FeatureUnion([("a", StandardScaler()), ("b", Binarizer(threshold=3.0))])],
        [ColumnTransformer([("a", StandardScaler(), [2, 0])], remainder="passthrough")],
    ],
    ids=lambda steps: "-".join(type(step).__name__ for step in steps),
)
def test_a_tree_behind_transformers(before):
    """Thresholds behind scalers and bins are borders of the columns that the user has."""
    model = fitted(make_pipeline(*before, TREE))
    found = btf.from_sklearn(model, X)
    require_same(found, X, model.predict(X).tolist())
    assert len(found.code.core.columns) == 4


def test_columns_of_words():
    """Categories are bits, of numbers and of words, by the names of a frame in any order."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "size": random.choice(["S", "M", "L"], 90),
            "grade": random.integers(1, 5, 90),
            "t": random.normal(size=90),
        }
    )
    labels = np.where((frame["size"] == "M") ^ (frame["t"] > 0.3), "yes", "no")
    encoders = ColumnTransformer(
        [
            ("words", OneHotEncoder(), ["size"]),
            ("order", OrdinalEncoder(), ["grade"]),
            ("numbers", "passthrough", ["t"]),
        ]
    )
    model = fitted(make_pipeline(encoders, DecisionTreeClassifier(random_state=1)), frame, labels)
    found = btf.from_sklearn(model, frame)
    require_same(found, frame, model.predict(frame).tolist())
    assert found.predict(frame[["t", "size", "grade"]]).tolist() == model.predict(frame).tolist()


@pytest.mark.parametrize("labels", [Y, TWO], ids=["three", "two"])
@pytest.mark.parametrize("before", [[], [StandardScaler()]], ids=["plain", "scaled"])
def test_linear_models_of_whole_numbers(before, labels):
    """Whole numbers go in as they are; the model is a network of one layer, and its netlist says the same."""
    model = fitted(make_pipeline(*before, RidgeClassifier()), TENTHS, labels)
    found = btf.from_sklearn(model, TENTHS)
    require_same(found, TENTHS, model.predict(TENTHS).tolist())
    network = found.core.network
    sums = network.output_sums(found.core.bits(TENTHS))
    places = sums.argmax(axis=1) if len(found.classes) > 2 else (sums[:, 0] > 0).astype(int)
    assert [found.classes[place] for place in places] == model.predict(TENTHS).tolist()
    assert any("whole numbers: x[0]" in note for note in found.notes)


def test_whole_numbers_of_trees():
    """A column of whole numbers is a port that takes them; others are bits for thresholds."""
    rows = np.column_stack([TENTHS[:, 2], X[:, 3]])
    model = fitted(DecisionTreeClassifier(random_state=1), rows)
    found = btf.from_sklearn(model, rows)
    require_same(found, rows, model.predict(rows).tolist())
    first, second = found.code.core.columns
    assert (first.kind, first.low, first.levels, second.kind) == ("levels", 10, 59, "thresholds")
    assert found.code.meanings["x_0"] == "x[0] - 10 as a whole number, within 0 to 59"


def test_few_bits_of_a_leaf_are_within_their_bound():
    """Labels that rounding changes are counted, and only where two sums are nearer than it."""
    model = fitted(GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=1))
    rows = np.random.default_rng(1).normal(X.mean(axis=0), X.std(axis=0), (2000, 4))
    found = btf.from_sklearn(model, rows, leaf_bits=1)
    assert found.core.bound > 0
    assert 0 < found.compared[0].near < 2000
    assert found.notes[0].startswith("leaves of 1 bit: the error of a sum is at most")
    exact = btf.from_sklearn(model, rows)
    assert exact.compared[0].near == 0


def test_a_wrong_label_is_an_error_that_shows_the_row():
    """A model that was changed after the fact is found out: the row, and both labels."""
    model = fitted(DecisionTreeClassifier(random_state=1))
    found = btf.from_sklearn(model, X)
    model.tree_.threshold[0] = 5.5
    with pytest.raises(btf.VerificationError) as caught:
        found.compare(X)
    assert "scikit-learn" in str(caught.value)
    assert "the row is [7" in str(caught.value)
    assert "predicts 0, the bits give" in str(caught.value)


REFUSED = [
    (DecisionTreeRegressor(), "DecisionTreeRegressor: expected a classifier, got a regressor"),
    (MLPClassifier((3,), max_iter=5), "hidden activation relu .* `btf.train`"),
    (LogisticRegression(), r"column 'x\[0\]': sums of real numbers .* KBinsDiscretizer"),
    (make_pipeline(OneHotEncoder(min_frequency=20), TREE), "infrequent categories"),
]


@pytest.mark.parametrize(("model", "words"), REFUSED, ids=lambda each: str(each)[:30])
def test_what_is_not_supported_names_the_way_round(model, words):
    """One line that names the object and what to do."""
    with pytest.raises(btf.UsageError, match=words) as caught:
        btf.from_sklearn(fitted(model), X)
    assert "\n" not in str(caught.value)


def test_missing_values_are_refused():
    """A split by missing values, and a row that has one."""
    holes = X.copy()
    holes[Y == 0, 2] = np.nan
    model = fitted(DecisionTreeClassifier(max_depth=1, random_state=1), holes[:, 2:3], Y == 0)
    with pytest.raises(btf.UsageError, match=r"split by missing values.*SimpleImputer"):
        btf.from_sklearn(model)
    whole = btf.from_sklearn(fitted(TREE), X)
    with pytest.raises(btf.DataError, match=r"'x\[2\]': expected a value .*fill the cell first"):
        whole.predict(holes)
    with pytest.raises(btf.UsageError, match="X: expected at least one row"):
        btf.from_sklearn(fitted(TREE), X[:0])
    with pytest.raises(btf.UsageError, match="X: expected at least one row"):
        whole.compare(X[:0])
    with pytest.raises(btf.UsageError, match="expected a fitted model"):
        btf.from_sklearn(DecisionTreeClassifier())


def test_a_forest_becomes_verified_hardware(tmp_path):
    """From a fitted forest to a folder that is simulated, proven, and predicts as the forest does."""
    rows, labels = X[:, 2:], TWO
    model = fitted(RandomForestClassifier(3, max_depth=3, random_state=1), rows, labels)
    found = btf.from_sklearn(model, rows, name="late")
    design = found.write(tmp_path / "late", rows, simulators=["amaranth"], effort="low")
    assert design.predict(rows).tolist() == model.predict(rows).tolist()
    assert design.netlist.equivalent(found.netlist)
    assert design.netlist.cells <= found.netlist.cells
    assert design.verify("amaranth", mutants=10)
    assert design.manifest.options["imported"] == "scikit-learn RandomForestClassifier"
    assert repr(found).startswith("<Imported: late, source scikit-learn RandomForestClassifier")


def test_passes_that_take_more_lookup_tables_are_not_kept(tmp_path, monkeypatch):
    """Unless they are asked for: fewer cells may need more tables."""
    rows = X[:, 2:]
    found = btf.from_sklearn(
        fitted(RandomForestClassifier(2, max_depth=2, random_state=1), rows), rows
    )
    costs = {found.netlist.cells: (3, 1, 0)}
    monkeypatch.setattr(
        "btfsynth.flow.importing.lut_cost", lambda netlist: costs.get(netlist.n_cells, (4, 1, 0))
    )
    settings = {"simulators": ["amaranth"]}
    built = found.write(tmp_path / "built", rows, **settings)
    smaller = found.write(tmp_path / "smaller", rows, objective="cells", **settings)
    assert smaller.netlist.cells < built.netlist.cells == found.netlist.cells
    assert any("the netlist is as built" in each for each in built.manifest.notices)
    assert not any("the netlist is as built" in each for each in smaller.manifest.notices)
