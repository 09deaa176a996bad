"""Classifiers of XGBoost and LightGBM, as objects and as files, and what is refused of them."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from sklearn.datasets import load_iris

import btfsynth as btf
from btfsynth.models.readers import read_model_file
from btfsynth.netlist.simulation import evaluate

X, Y = load_iris(return_X_y=True)
TWO = (Y == 2).astype(int)


def require_same(found, labels):
    assert found.predict(X).tolist() == list(labels)
    outputs = evaluate(found.netlist.core, found.core.bits(X))
    assert found.core.labels(outputs) == list(labels)
    assert found.compared["same"].tolist() == found.compared["rows"].tolist()


@pytest.mark.parametrize("labels", [Y, TWO], ids=["three", "two"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"booster": "dart", "rate_drop": 0.5},
        {"base_score": 0.2},
        {"objective": "multi:softmax", "num_class": 3},
    ],
    ids=str,
)
def test_xgboost(settings, labels, tmp_path):
    """The object, its Booster, and its JSON and UBJSON are the same model, with the library's labels."""
    xgboost = pytest.importorskip("xgboost")
    if "num_class" in settings and labels is TWO:
        pytest.skip("two classes have the logistic objective")
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=3, n_jobs=1, random_state=1, **settings)
    model.fit(X, labels)
    found = btf.from_xgboost(model, X)
    require_same(found, model.predict(X).tolist())
    for ending in ("json", "ubj"):
        model.save_model(tmp_path / f"m.{ending}")
        again = btf.from_xgboost(tmp_path / f"m.{ending}", X)
        require_same(again, model.predict(X).tolist())
        assert (
            again.netlist.to_blif().split("\n", 3)[3] == found.netlist.to_blif().split("\n", 3)[3]
        )
    require_same(btf.from_xgboost(model.get_booster(), X), model.predict(X).tolist())


def test_rounds_after_the_best_do_not_count():
    """A training that was stopped early predicts with the rounds up to the best one."""
    xgboost = pytest.importorskip("xgboost")
    random = np.random.default_rng(1)
    noisy = np.where(random.random(150) < 0.3, 1 - TWO, TWO)
    model = xgboost.XGBClassifier(n_estimators=20, n_jobs=1, early_stopping_rounds=4)
    model.fit(X[::2], noisy[::2], eval_set=[(X[1::2], noisy[1::2])], verbose=False)
    assert model.best_iteration < 15
    require_same(btf.from_xgboost(model, X), model.predict(X).tolist())


@pytest.mark.parametrize("labels", [Y, np.array(["a", "b"])[TWO]], ids=["three", "words"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"boosting_type": "dart"}, {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}],
    ids=str,
)
def test_lightgbm(settings, labels, tmp_path):
    """The object, its text and its JSON are the same model."""
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(
        n_estimators=3, num_leaves=6, n_jobs=1, verbose=-1, random_state=1, **settings
    ).fit(X, labels)
    found = btf.from_lightgbm(model, X, leaf_bits=8)
    assert found.predict(X).tolist() == model.predict(X).tolist()
    model.booster_.save_model(tmp_path / "m.txt")
    (tmp_path / "m.json").write_text(json.dumps(model.booster_.dump_model()))
    for file in ("m.txt", "m.json"):
        again = btf.from_lightgbm(tmp_path / file, X, leaf_bits=8)
        assert again.core.bound == found.core.bound
        assert (
            again.core.function(again.core.bits(X)) == found.core.function(found.core.bits(X))
        ).all()
        assert again.netlist.cells == found.netlist.cells
    assert len(btf.from_lightgbm(tmp_path / "m.txt", X).compared) == 2


@pytest.mark.parametrize("part", ["trees", "parameters", "last tree", "digit"])
def test_a_cut_or_edited_file_of_lightgbm_is_refused(part, tmp_path):
    """LightGBM itself would end the process, or the model would have fewer trees."""
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=3, max_depth=3, n_jobs=1, verbose=-1).fit(X, TWO)
    text = model.booster_.model_to_string()
    path = tmp_path / "m.txt"
    path.write_text(text)
    assert btf.from_lightgbm(path).compared["rows"].tolist()
    last, end = text.index("Tree=2"), text.index("end of trees")
    broken = {
        "trees": text[: last + 20],
        "parameters": text[: text.index("parameters:") + 15],
        "last tree": text[:last] + text[end:],
        "digit": text.replace("leaf_value=", "leaf_value=0", 1),
    }
    path.write_text(broken[part])
    with pytest.raises(
        btf.DataError, match=r"model of LightGBM as it was saved.*truncated or edited"
    ):
        btf.from_lightgbm(path)


def test_lightgbm_reads_tiny_numbers_as_zero():
    """Numbers up to 1e-35 are 0 to it: they go where 0 goes."""
    lightgbm = pytest.importorskip("lightgbm")
    rows = np.repeat([[-1.0], [0.0], [1.0]], 20, axis=0)
    labels = np.repeat([0, 1, 1], 20)
    model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=1, n_jobs=1, verbose=-1)
    model.fit(rows, labels)
    found = btf.from_lightgbm(model, rows)
    tiny = float(np.float32(1e-35))
    near = np.array([[-tiny], [np.nextafter(-tiny, -1)], [tiny], [-1e-40], [0.0]])
    assert found.predict(near).tolist() == model.predict(near).tolist()


# A model by hand, as XGBoost 2 writes it.

TREE = {
    "left_children": [1, -1, -1],
    "right_children": [2, -1, -1],
    "split_indices": [0, 0, 0],
    "split_conditions": [0.1, -1.0, 1.0],
    "tree_param": {"size_leaf_vector": "1"},
    "split_type": [0, 0, 0],
}
MODEL = {
    "learner": {
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "1"},
        "objective": {"name": "binary:logistic"},
        "gradient_booster": {"name": "gbtree", "model": {"trees": [TREE], "tree_info": [0]}},
    },
    "version": [2, 0, 3],
}


def changed(path: str, value: object) -> dict:
    """Return the model with one value changed."""
    model = copy.deepcopy(MODEL)
    *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    place = model
    for key in way:
        place = place[key]
    place[last] = value
    return model


def test_a_split_of_xgboost_is_below(tmp_path):
    """x < 0.1 in single precision: the number 0.1 in double precision goes to the right, too."""
    (tmp_path / "m.json").write_text(json.dumps(MODEL))
    found = read_model_file(tmp_path / "m.json")
    single = float(np.float32(0.1))
    below = np.nextafter(np.float32(0.1), np.float32(0))
    rows = [[0.1], [single], [float(below)], [0.0]]
    assert found.predict(rows).tolist() == [1, 1, 0, 0]


TREES = "learner/gradient_booster/model/trees/0"
REFUSED = [
    (
        "learner/objective/name",
        "reg:squarederror",
        "reg:squarederror is not supported, expected binary:logistic",
    ),
    (
        "learner/objective/name",
        "binary:hinge",
        "binary:hinge is not supported, expected binary:logistic",
    ),
    ("version", [0, 90, 0], "expected version 1.7 to 3, got 0.90.0; load and save it"),
    ("version", [7, 0, 0], "expected version 1.7 to 3, got 7.0.0"),
    ("learner/gradient_booster/name", "gblinear", "expected trees"),
    (f"{TREES}/split_type", [1, 0, 0], "tree 0 splits by categories.*OneHotEncoder"),
    (f"{TREES}/tree_param", {"size_leaf_vector": "3"}, "multi_strategy='one_output_per_tree'"),
    (f"{TREES}/left_children", [0, -1, -1], "expected children"),
    (f"{TREES}/split_conditions", [float("inf"), 0, 1], "split by missing values.*impute"),
]


@pytest.mark.parametrize(("path", "value", "words"), REFUSED, ids=lambda each: str(each)[:24])
def test_what_is_not_supported_of_xgboost(path, value, words, tmp_path, monkeypatch):
    """One line that names the object and the way round."""
    monkeypatch.setattr("btfsynth.models.xgboost_model._installed", lambda: None)
    (tmp_path / "m.json").write_text(json.dumps(changed(path, value)))
    with pytest.raises(btf.UsageError, match=words) as caught:
        read_model_file(tmp_path / "m.json")
    assert "\n" not in str(caught.value)


def test_another_version_of_lightgbm(tmp_path):
    model = {
        "version": "v2",
        "num_tree_per_iteration": 1,
        "objective": "binary",
        "feature_names": ["a"],
    }
    (tmp_path / "m.json").write_text(json.dumps({**model, "tree_info": []}))
    with pytest.raises(
        btf.UsageError, match=r"expected version v3, v4, got .v2.; load and save it"
    ):
        read_model_file(tmp_path / "m.json")


def test_other_files(tmp_path):
    """Pickles are not read, and nothing is taken for what it is not."""
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(btf.UsageError, match=r"expected no pickle.* `btf.from_sklearn`"):
        read_model_file(tmp_path / "m.pkl")
    (tmp_path / "m.txt").write_text("hello")
    with pytest.raises(btf.UsageError, match=r"expected a model: XGBoost .*LightGBM"):
        read_model_file(tmp_path / "m.txt")
    for text in (
        '{"learner": []}',
        '{"learner": {',
        '{"learner": {"attributes": 3}, "version": [2, 0]}',
    ):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(btf.DataError, match=r"m\.json"):
            read_model_file(tmp_path / "m.json")
    (tmp_path / "m.txt").write_text("tree\nversion=v4\n")
    with pytest.raises(btf.DataError, match=r"m\.txt: expected a model of LightGBM"):
        read_model_file(tmp_path / "m.txt")
    with pytest.raises(btf.DataError, match="no such file"):
        read_model_file(tmp_path / "none.json")


BROKEN = [
    ("learner/objective", None, "got one without 'objective'"),
    (f"{TREES}/split_indices", [99, 0, 0], "got parts that do not fit each other"),
    (f"{TREES}/left_children", [1], "got parts that do not fit each other"),
    (f"{TREES}/right_children", [2, -1, -1, -1], "got parts that do not fit each other"),
    ("learner/learner_model_param/base_score", "abc", "got a value that is none: .*abc"),
    ("version", "x", "got a value that is none"),
]


@pytest.mark.parametrize(("path", "value", "words"), BROKEN, ids=lambda each: str(each)[-24:])
def test_a_broken_file_is_told_without_words_of_python(path, value, words, tmp_path, monkeypatch):
    monkeypatch.setattr("btfsynth.models.xgboost_model._installed", lambda: None)
    model = changed(path, value)
    if value is None:
        del model["learner"]["objective"]
    (tmp_path / "m.json").write_text(json.dumps(model))
    with pytest.raises(
        btf.DataError, match=rf"m\.json: expected a model of XGBoost, {words}"
    ) as caught:
        read_model_file(tmp_path / "m.json")
    assert "save the model again" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Error", "index", "shape", "\n"))


def test_settings_that_send_values_their_own_way():
    """Splits for missing values and for categories, and what is no classifier."""
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"n_estimators": 2, "n_jobs": 1, "verbose": -1}
    holes = X.copy()
    holes[::3, 2] = np.nan
    model = lightgbm.LGBMClassifier(**settings).fit(holes[:, 2:3], Y)
    with pytest.raises(btf.UsageError, match=r"tree 0, split 0: .*missing_type NaN.* impute them"):
        btf.from_lightgbm(model)
    grades = np.rint(X[:, :1])
    model = lightgbm.LGBMClassifier(**settings, min_data_per_group=1, cat_smooth=0)
    model.fit(grades, Y, categorical_feature=[0])
    with pytest.raises(btf.UsageError, match="by categories"):
        btf.from_lightgbm(model)
    with pytest.raises(btf.UsageError, match="linear leaves"):
        btf.from_lightgbm(lightgbm.LGBMClassifier(**settings, linear_tree=True).fit(X, Y))
    with pytest.raises(btf.UsageError, match="got a regressor; train LGBMClassifier"):
        btf.from_lightgbm(lightgbm.LGBMRegressor(**settings).fit(X, Y))
    xgboost = pytest.importorskip("xgboost")
    with pytest.raises(btf.UsageError, match="`missing` is 0"):
        btf.from_xgboost(xgboost.XGBClassifier(n_estimators=1, n_jobs=1, missing=0.0).fit(X, Y))
    with pytest.raises(btf.UsageError, match="got a regressor"):
        btf.from_xgboost(xgboost.XGBRegressor(n_estimators=1, n_jobs=1).fit(X, Y))
