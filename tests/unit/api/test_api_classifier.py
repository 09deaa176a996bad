"""The scikit-learn classifier: the estimator's contract, inputs, labels, stopping and seeds."""

from __future__ import annotations

import _thread
import doctest
import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import btfsynth as btf
from btfsynth.api import classifier
from btfsynth.api.classifier import BTFClassifier
from btfsynth.dataset.dataset import InputKind
from btfsynth.errors import UsageError
from btfsynth.network.formats import load_network, save_network
from btfsynth.plugins import install_command

BITS = np.array([[n >> k & 1 for k in range(3)] for n in range(8)])
COUNTS = BITS.sum(axis=1)


def exact(**changes) -> BTFClassifier:
    """A classifier that learns any function of three bits."""
    return BTFClassifier(**{"hidden_widths": (8, 8), "trials": 20, "random_state": 1, **changes})


def scratch(**changes) -> BTFClassifier:
    """A classifier for tests that do not ask for a good network."""
    options = {"hidden_widths": (4,), "max_iterations": 20, "stop": "none", "random_state": 1}
    return BTFClassifier(**{**options, **changes})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [BTFClassifier(votes=30), BTFClassifier(hidden_widths=(8,), max_iterations=300)]
)
def test_scikit_learns_own_checks(estimator, check):
    """Every check scikit-learn has for classifiers passes; none is expected to fail."""
    check(estimator)


def test_example_of_the_documentation(tmp_path, monkeypatch):
    """The docstrings' examples do what they show."""
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(classifier)
    assert results.attempted
    assert not results.failed


def test_digits_in_grey():
    """512 of scikit-learn's 8x8 grey digits, 64-64-10 at sigma 5: over 90% of the held-out labels right."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        images, labels, train_size=512, random_state=0, stratify=labels
    )
    model = BTFClassifier(
        (64,),
        sigma=5.0,
        beta=0.4,
        max_iterations=1_000,
        stop="none",
        inputs="common",
        random_state=1,
    ).fit(seen, seen_labels)
    accuracy = model.score(unseen, unseen_labels)
    print(f"held-out labels right: {accuracy:.2%} of {len(unseen)}")
    assert model.network_.topology.widths == (64, 64, 10)
    assert accuracy > 0.9


@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [False, True], [7, 3]])
def test_two_classes_are_one_output(labels):
    """Parity of three bits: one output neuron, positive for the second class in sorted order."""
    y = np.array(labels)[COUNTS % 2]
    model = exact().fit(BITS, y)
    assert model.network_.topology.n_outputs == 1
    assert model.classes_.tolist() == sorted(labels)
    np.testing.assert_array_equal(model.predict(BITS), y)
    np.testing.assert_array_equal(model.decision_function(BITS) > 0, y == model.classes_[1])


def test_more_classes_are_one_hot():
    """Four classes: one output neuron each, the largest sum names the class."""
    y = np.array(["none", "one", "two", "all"])[COUNTS]
    model = exact().fit(BITS, y)
    sums = model.decision_function(BITS)
    assert sums.shape == (8, 4)
    np.testing.assert_array_equal(model.classes_[sums.argmax(axis=1)], y)
    np.testing.assert_array_equal(
        model.network_.outputs(BITS), y[:, None] == model.classes_
    )  # exact: only the class's own output is 1


@pytest.mark.parametrize(
    ("inputs", "X", "kind", "low", "span"),
    [
        ("auto", [[0, 1], [1, 1]], InputKind.BOOLEAN, [0, 0], [1, 1]),
        ("auto", [[0.0, 0.5], [1, 1]], InputKind.ANALOG, [0, 0], [1, 1]),
        ("auto", [[0, 3], [1, 7]], InputKind.ANALOG, [0, 3], [1, 4]),
        ("unit", [[0, 1], [1, 1]], InputKind.ANALOG, [0, 0], [1, 1]),
        ("feature", [[5, 3], [5, 7]], InputKind.ANALOG, [5, 3], [np.inf, 4]),
        ("common", [[0, 3], [5, 16]], InputKind.ANALOG, [0, 0], [16, 16]),
    ],
)
def test_scale_of_the_inputs(inputs, X, kind, low, span):
    """Each way to read the features takes the map it promises from the training data."""
    model = scratch(inputs=inputs).fit(np.array(X), [0, 1])
    assert model.input_kind_ is kind
    np.testing.assert_array_equal(model.input_low_, low)
    np.testing.assert_array_equal(model.input_span_, span)


def test_features_beyond_the_training_range_are_clipped():
    """An analog value is held between the least and the greatest of its training values."""
    random = np.random.default_rng(1)
    X = random.uniform(-3, 5, (30, 4))
    model = scratch().fit(X, X[:, 0] > 1)
    low, high = X.min(axis=0), X.max(axis=0)
    np.testing.assert_array_equal(
        model.decision_function([low - 9, high + 9]), model.decision_function([low, high])
    )


@pytest.mark.parametrize(
    ("inputs", "X", "message"),
    [
        ("boolean", [[0.0, 0.5], [1, 1]], "0 or 1"),
        ("boolean", [[0, 2], [1, 1]], "0 to 2"),
        ("unit", [[0, -1], [1, 1]], "-1 to 1"),
        (
            "auto",
            [[0, -1.7e308], [1, 1.7e308]],
            "feature 1: expected a range that a double can hold",
        ),
    ],
)
def test_features_of_another_kind_are_refused(inputs, X, message):
    """Features that are not what the parameter says are a ValueError that names their range."""
    with pytest.raises(ValueError, match=message):
        scratch(inputs=inputs).fit(np.array(X), [0, 1])


def test_bits_are_asked_for_again():
    """What was trained on bits refuses anything else."""
    model = scratch().fit(BITS, COUNTS > 1)
    with pytest.raises(ValueError, match="0 or 1"):
        model.predict([[0, 1, 0.5]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": 1}, "sigma"),
        ({"beta": 2}, "beta"),
        ({"gamma": 1}, "gamma"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"precision": 16}, "precision"),
        ({"trials": 0}, "trials"),
        ({"stop": "soon"}, "`stop`: expected one of exact, gap, both, none, got 'soon'"),
        ({"inputs": "grey"}, "inputs: expected one of auto, boolean, unit, feature, common"),
        ({"hidden_widths": 8}, "hidden_widths: expected whole numbers such as"),
        ({"hidden_widths": (2.5,)}, "hidden_widths"),
        ({"hidden_widths": (0,)}, "widths"),
        ({"hidden_widths": None, "skip": True}, "skip: requires hidden_widths"),
        ({"beta": "fast"}, "`beta`: expected a number .*, got 'fast'"),
        ({"max_iterations": 1.5}, "`max_iterations`: expected a whole number .*, got 1.5"),
        ({"random_state": -1}, "seed"),
    ],
)
def test_parameters_out_of_range(changes, message):
    """A bad parameter is one clear line when the training begins."""
    with pytest.raises(UsageError, match=message):
        scratch(**changes).fit(BITS, COUNTS > 1)


def test_what_is_not_reached_is_told():
    """A rule that no trial meets gives a warning with the share got right, and a network all the same."""
    with pytest.warns(
        ConvergenceWarning, match=r"no trial of 3 .* 'gap' within 5 iterations.* of 8"
    ):
        model = scratch(stop="gap", max_iterations=5, trials=3).fit(BITS, COUNTS % 2)
    assert model.n_iter_ == 5
    assert model.n_trials_ == 3
    assert model.predict(BITS).shape == (8,)


def test_gap_rule_waits_for_the_gap():
    """The gap rule ends a trial below its limit, and history and gap say so."""
    model = exact(stop="gap", gap_limit=0.3, gamma=1e-2).fit(BITS, COUNTS > 1)
    assert model.gap_ < 0.3
    last = model.history_[-1]
    assert (last.iterations, last.gap) == (model.n_iter_, model.gap_)


@pytest.mark.parametrize("jobs", [2, 3])
def test_threads_do_not_change_the_network(jobs):
    """The same seed gives the same weights with any number of threads."""
    one = exact().fit(BITS, COUNTS % 2)
    more = exact(n_jobs=jobs).fit(BITS, COUNTS % 2)
    assert one.network_.weights.tobytes() == more.network_.weights.tobytes()
    assert one.n_trials_ == more.n_trials_


def test_random_state_names_the_start():
    """The same RandomState, the same weights; another, others."""
    weights = [
        scratch(random_state=np.random.RandomState(seed)).fit(BITS, COUNTS > 1).network_.weights
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_default_widths_come_from_the_data():
    """Without widths the network has two hidden layers sized by the data."""
    model = scratch(hidden_widths=None, method="projections").fit(BITS, COUNTS)
    assert model.network_.topology.widths == (3, 8, 8, 4)


def test_skip_shows_every_layer_the_inputs():
    """With skip the neurons of every layer see bias, inputs and the layer before."""
    model = scratch(hidden_widths=(4, 5), skip=True).fit(BITS, COUNTS > 1)
    assert model.network_.topology.widths == (3, 4, 5, 1)
    assert model.network_.topology.n_edges == 4 * (1 + 3) + 5 * (1 + 3 + 4) + (1 + 3 + 5)
    again = clone(model)
    assert not hasattr(again, "network_")
    again.fit(BITS, COUNTS > 1)
    np.testing.assert_array_equal(again.network_.weights, model.network_.weights)


def test_numbers_of_a_search_are_taken(tmp_path):
    """NumPy's numbers, as a search draws them, leave a record that can be written."""
    options = {
        "sigma": np.float32(5),
        "max_iterations": np.int64(7),
        "hidden_widths": np.array([4]),
    }
    model = scratch(**options).fit(BITS, COUNTS)
    record = json.loads(json.dumps(model.network_.training))
    assert (record["sigma"], record["iterations"]) == (5.0, 7)
    save_network(model.network_, tmp_path / "n.npz")


def test_names_of_columns_become_ports():
    """The columns of a data frame are the input ports, in order."""
    frame = pandas.DataFrame(BITS, columns=["a", "b", "carry"])
    model = scratch().fit(frame, COUNTS > 1)
    assert [port.name for port in model.network_.input_ports] == ["a", "b", "carry"]
    assert model.feature_names_in_.tolist() == ["a", "b", "carry"]


def test_network_can_be_saved(tmp_path):
    """The network goes through the package's own file, and the estimator through pickle."""
    model = exact().fit(BITS, COUNTS > 1)
    save_network(model.network_, tmp_path / "n.npz")
    loaded = load_network(tmp_path / "n.npz")
    np.testing.assert_array_equal(loaded.outputs(BITS)[:, 0], COUNTS > 1)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(BITS), model.predict(BITS))


def test_network_of_analog_inputs_stands_alone(tmp_path):
    """A network written and read has the same sums on features that are scaled as the model says."""
    X, y = load_iris(return_X_y=True)
    model = scratch(hidden_widths=(8,), sigma=5.0).fit(X, y)
    save_network(model.network_, tmp_path / "iris.npz")
    scaled = ((X - model.input_low_) / model.input_span_).astype(np.float32)
    np.testing.assert_array_equal(
        load_network(tmp_path / "iris.npz").output_sums(scaled), model.decision_function(X)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_in_a_pipeline_and_a_search():
    """The estimator works behind a scaler and within a grid search over its own parameters."""
    random = np.random.default_rng(3)
    X = random.normal(size=(60, 2)) + np.repeat([[0, 0], [8, 0], [0, 8]], 20, axis=0)
    y = np.repeat(["a", "b", "c"], 20)
    model = make_pipeline(StandardScaler(), BTFClassifier((6,), max_iterations=400, random_state=1))
    search = GridSearchCV(model, {"btfclassifier__sigma": [3.0, 5.0]}, cv=2)
    search.fit(X, y)
    assert search.best_score_ > 0.9


def test_ctrl_c_ends_the_training():
    """An interrupt is passed on, so that a search around the training ends as well."""
    model = scratch(max_iterations=10**9)
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(BITS, COUNTS > 1)
    timer.join()
    assert not hasattr(model, "network_")


def test_without_scikit_learn():
    """All other modules work without scikit-learn; this one says in a line what to install."""
    script = """
import importlib, pkgutil, sys
sys.modules["sklearn"] = None
import btfsynth
from btfsynth.errors import MissingToolError
for module in pkgutil.walk_packages(btfsynth.__path__, "btfsynth."):
    if module.name != "btfsynth.__main__":
        try:
            importlib.import_module(module.name)
        except MissingToolError as error:
            print(f"{module.name}: {error}")
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.splitlines() == [
        f"btfsynth.{module}: scikit-learn 1.6 or later is not installed; "
        + install_command("scikit-learn")
        for module in ("api.classifier", "api.transformer")
    ]


def test_without_arguments_it_learns_digits_by_votes():
    """Half of scikit-learn's digits, nothing told: over 95% of the other half."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        images, labels, train_size=0.5, random_state=0, stratify=labels
    )
    model = BTFClassifier(votes=60, random_state=1).fit(seen, seen_labels)
    assert model.score(unseen, unseen_labels) > 0.95
    hidden = model.network_.topology.fan_in[:-10]
    assert hidden.max() <= 7
    shares = model.predict_proba(unseen)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares.argmax(axis=1), model.predict(unseen))


def test_few_samples_are_learnt_until_all_are_right():
    """Parity of three bits, which no single input tells anything of."""
    for y in (COUNTS % 2, COUNTS):
        assert BTFClassifier(random_state=1).fit(BITS, y).score(BITS, y) == 1


def test_noise_is_not_learnt():
    """Three in ten labels wrong: samples left out of the training say how many votes."""
    random = np.random.default_rng(1)
    X = random.integers(0, 2, (2000, 10))
    truth = X[:, :3].sum(axis=1) > 1
    y = np.where(random.random(2000) < 0.3, ~truth, truth)
    model = BTFClassifier(random_state=1).fit(X, y)
    assert (model.predict(X) == truth).mean() > 0.95


@pytest.mark.parametrize("classes", [2, 3])
def test_hardware_of_a_data_frame(tmp_path, classes):
    """Thresholds are the ports; the netlist and the hardware name the classes that the model does."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X[y < classes], y[y < classes].map({0: "a", 1: "b", 2: "c"})
    model = BTFClassifier(levels=5, votes=6, random_state=1).fit(X, y)
    assert model.network_.input_ports[0].name == X.columns[0]
    bits = model.code_.encode(X)
    assert bits.shape[1] == model.network_.topology.n_inputs == 16
    found = model.to_netlist()(bits)
    number = found[:, 3] + 2 * found[:, 4] if classes == 3 else found[:, 0]
    np.testing.assert_array_equal(model.classes_[number], model.predict(X))
    built = model.write(tmp_path / "out", X, y, simulators=["amaranth"], passes="light")
    assert built.verified
    assert built.design.code == model.code_
    assert built.design.predict(X).tolist() == model.predict(X).tolist()
    decoded = model.code_.decode(model.decision_function(X))
    assert decoded.tolist() == model.predict(X).tolist()
    meanings = [port.meaning for port in built.design.manifest.inputs]
    assert meanings[3].startswith("petal width (cm) >= ")
    right = built.accuracy["netlist"]["valid"]
    assert (right.labels_right if classes == 3 else right.bits_right) == (
        model.predict(X) == y
    ).sum()


def test_votes_in_a_pipeline_and_a_grid():
    X, y = load_iris(return_X_y=True)
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), BTFClassifier(random_state=1)),
        {"btfclassifier__levels": [2, 8]},
        cv=3,
    ).fit(X, y)
    assert grid.best_score_ > 0.9
    assert clone(grid.best_estimator_[-1]).get_params()["method"] == "auto"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "vote"}, "method: expected one of"),
        ({"method": "votes", "hidden_widths": (3,)}, "expected no hidden_widths"),
        ({"votes": 0}, "votes: expected at least 1"),
        ({"levels": 1}, "levels: expected at least 2"),
    ],
)
def test_settings_of_votes_are_checked(changes, message):
    with pytest.raises(UsageError, match=message):
        BTFClassifier(**changes).fit(BITS, COUNTS % 2)


def test_margins_of_projections_have_no_probabilities():
    assert not hasattr(scratch(), "predict_proba")
    assert hasattr(BTFClassifier(), "predict_proba")


def flowers(count: int, seed: int) -> tuple[pandas.DataFrame, np.ndarray]:
    """Rows of a length, a colour and an order of sizes, with gaps, and what they say."""
    random = np.random.default_rng(seed)
    frame = pandas.DataFrame(
        {
            "length": random.uniform(0, 9, count),
            "colour": random.choice(["r", "g", "b"], count),
            "size": pandas.Categorical(
                random.choice(["S", "M", "L"], count), ["S", "M", "L"], ordered=True
            ),
        }
    )
    y = np.where(frame["colour"] == "r", "rose", np.where(frame["size"] > "S", "lily", "aster"))
    frame.loc[random.random(count) < 0.1, "length"] = np.nan
    frame.loc[count // 2, "colour"] = None
    return frame, y


def test_words_and_gaps_are_read_as_a_data_set_reads_them(tmp_path):
    """A frame gives the bits that btf.Dataset gives; so do its rows as objects, but for the order."""
    X, y = flowers(150, 1)
    model = BTFClassifier(votes=8, random_state=1).fit(X, y)
    assert model.score(X, y) > 0.98
    data = btf.Dataset(X, y, conflicts="keep").coded("quantile:15")
    assert data.code.bit_meanings == model.code_.bit_meanings
    np.testing.assert_array_equal(model.code_.encode(X), data.X)
    assert any(note.startswith("length: ") and "missing values" in note for note in model.notes_)
    later, wanted = flowers(80, 2)
    assert model.score(later, wanted) > 0.95
    objects = BTFClassifier(votes=8, random_state=1).fit(X.to_numpy(dtype=object), y)
    assert objects.code_.bit_meanings["x1"] == ["x1 is b", "x1 is g", "x1 is r"]
    assert objects.score(later.to_numpy(dtype=object), wanted) > 0.95
    built = model.write(tmp_path / "out", later, wanted, simulators=["amaranth"], passes="light")
    assert built.verified
    assert built.design.predict(later).tolist() == model.predict(later).tolist()


def test_gaps_and_new_words_count_as_the_code_says():
    """NaN in floats, None among words, and a word that no training sample had."""
    X = [[1.0, "a"], [2.0, "a"], [3.0, "b"], [np.nan, None]]
    model = BTFClassifier(random_state=1).fit(X, [0, 0, 1, 0])
    bits = model.code_.encode([[2.0, "a"]]).tolist()
    assert model.code_.encode([[None, "pink"], [float("nan"), None]]).tolist() == bits * 2
    sums = model.decision_function([[2.0, "a"], [None, "pink"], [np.nan, None]])
    assert len(set(sums.tolist())) == 1
    gaps = np.where(BITS == 0, np.nan, BITS).astype(float)
    gaps[0] = [0, 0, 0]
    assert BTFClassifier(random_state=1).fit(gaps, COUNTS > 1).predict(gaps).shape == (8,)
    floats = BTFClassifier(random_state=1).fit(BITS.astype(float), COUNTS % 2)
    np.testing.assert_array_equal(floats.predict([[np.nan, 1, 1]]), floats.predict([[0, 1, 1]]))


@pytest.mark.parametrize("method", ["votes", "projections"])
def test_the_tag_says_whether_gaps_are_taken(method):
    model = BTFClassifier(method=method, random_state=1, max_iterations=20, stop="none")
    assert get_tags(model).input_tags.allow_nan is (method == "votes")
    gaps = np.where(BITS == 1, np.nan, BITS)
    gaps[0] = 1
    if method == "votes":
        model.fit(gaps, COUNTS > 1)
    else:
        with pytest.raises(ValueError, match="NaN"):
            model.fit(gaps, COUNTS > 1)
        for words in (np.array([["r"], ["s"]]), np.array([["r", 1], ["s", 2]], dtype=object)):
            with pytest.raises(ValueError, match="'votes' words as well"):
                model.fit(words, [0, 1])


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ([*range(39), "r"], ValueError, "feature 'x0': expected a number as in most rows, got 'r'"),
        (
            [f"w{n}" for n in range(70)],
            ValueError,
            "at most 64 different words, got 70 in 70 sampl",
        ),
        ([1, {}], TypeError, "argument must be a string or a number, got dict"),
        ([1, 2j, "r"], TypeError, "argument must be a string or a number, got complex"),
        ([1.0, np.inf, None], ValueError, "expected a finite number"),
        ([1.0, np.inf], ValueError, "infinity"),
    ],
)
def test_cells_that_are_refused(cells, kind, message):
    X = np.array(cells, dtype=object)[:, None]
    if message == "infinity":
        X = X.astype(float)
    with pytest.raises(kind, match=message):
        BTFClassifier(random_state=1).fit(X, np.arange(len(X)) % 2)


def test_a_word_where_the_training_had_numbers():
    model = BTFClassifier(random_state=1).fit(BITS, COUNTS > 1)
    with pytest.raises(ValueError, match="column 'x1': expected a number, as the code has there"):
        model.predict([[0, "r", 1]])


@pytest.mark.parametrize(
    ("X", "meaning"),
    [
        (np.full((30, 2), 1.5), {"x0": "x0 >= 1.5; missing counts as 1.5"}),
        (np.full((30, 1), np.nan), {"x0": "x0 >= 0; missing counts as 0"}),
        (
            pandas.DataFrame({"colour": ["red"] * 30, "size": [1] * 30}),
            {"colour": "colour is red; missing counts as red"},
        ),
    ],
)
def test_features_that_tell_nothing_give_the_most_frequent_class(tmp_path, X, meaning):
    """All samples are the same: every sample is of that class, in hardware too."""
    model = BTFClassifier(votes=10, random_state=1).fit(X, ["a", "b", "b"] * 10)
    assert set(model.predict(X)) == {"b"}
    assert model.code_.meanings == meaning
    design = model.to_netlist().write(tmp_path / "d")
    assert design.code == model.code_
    assert set(design.predict(X)) == {"b"}


def test_the_netlist_says_what_its_ports_mean(tmp_path):
    """The code stays when the netlist gets smaller, and goes with its hardware; a cone has no classes."""
    rows = [[20, "red"], [31, "blue"], [44, "red"], [58, "blue"]] * 5
    model = BTFClassifier(random_state=1).fit(rows, ["no", "no", "yes", "yes"] * 5)
    netlist = model.to_netlist()
    assert netlist.code == model.code_
    assert netlist.optimize("light").renamed("m").code == model.code_
    assert netlist.cone("y").code == btf.Code(model.code_.core)
    design = netlist.write(tmp_path / "d")
    assert design.netlist.code == model.code_
    assert "x0 >= " in (tmp_path / "d" / "classifier.v").read_text()
    assert design.predict(rows).tolist() == model.predict(rows).tolist()
