"""Data sets from arrays, lists and frames, and what is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import btfsynth as btf

ROWS = [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_arrays_of_any_type():
    """Bits may be of any numeric or Boolean type; a copy is kept that cannot be changed."""
    for kind in (bool, np.int64, np.float32, np.uint8):
        X = np.array(ROWS, dtype=kind)
        data = btf.Dataset(X, X.all(axis=1))
        assert data.X.dtype == np.uint8
        assert data.y.tolist() == [[0], [0], [0], [1]]
        assert [port.label for port in (*data.inputs, *data.outputs)] == ["x[2]", "y"]
    X[0, 0] = 1
    assert data.X[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.X[0, 0] = 1
    with pytest.raises(AttributeError):
        data.core = None


def test_frames_name_the_ports():
    """Columns of a frame are ports, those with an index buses, in the order of the indices."""
    frame = pd.DataFrame(ROWS, columns=["a[1]", "a[0]"])
    data = btf.Dataset(frame, pd.Series([0, 1, 2, 3], name="odd") % 2)
    assert [port.label for port in data.inputs] == ["a[2]"]
    assert data["a"].tolist() == [0, 1, 2, 3]
    assert data["odd"].tolist() == [0, 1, 0, 1]


def test_ports_by_width_and_as_objects():
    """Widths by name and Port objects give the same ports."""
    one = btf.Dataset(ROWS, ROWS, inputs={"a": 1, "b": 1}, outputs={"y": 2})
    ports = [btf.Port("a", 1), btf.Port("b", 1)]
    other = btf.Dataset(ROWS, ROWS, inputs=ports, outputs=[btf.Port("y", 2)])
    assert one.inputs == other.inputs
    assert one.outputs == other.outputs
    assert one["y"].tolist() == [0, 2, 1, 3]


def test_dont_cares_and_missing_values():
    """NaN in y is a don't-care, also that of a frame."""
    frame = pd.DataFrame({"y": [0, None, 1, 1]})
    data = btf.Dataset(ROWS, frame)
    assert data.care.tolist() == [[True], [False], [True], [True]]
    assert "3 of 4" in repr(data)


@pytest.mark.parametrize("wrap", [pd.Series, pd.DataFrame])
def test_classes_of_a_named_column_are_its_port(wrap):
    """A column of a frame names the port that has a bit for each of its classes; so does `outputs`."""
    rows, labels = [[1.5], [2.5], [3.5]], ["low", "high", "mid"]
    frame = pd.DataFrame({"grade": labels})
    data = btf.Dataset(rows, frame["grade"] if wrap is pd.Series else frame)
    assert [(port.name, port.width) for port in data.outputs] == [("grade", 3)]
    assert data.classes == ("high", "low", "mid")
    for told in ("grade", ["grade"]):
        assert btf.Dataset(rows, labels, outputs=told) == data
    assert len(btf.Dataset(rows, labels, outputs=["a", "b", "c"]).outputs) == 3
    with pytest.raises(btf.DataError, match="expected ports of 3 bits in all, got 2"):
        btf.Dataset(rows, labels, outputs=["a", "b"])


def test_classes_are_one_hot():
    """Labels of any type become an output each, in sorted order."""
    data = btf.Dataset(ROWS, ["red", "blue", "red", "green"], classes=True)
    assert data.classes == ("blue", "green", "red")
    assert data.y.argmax(axis=1).tolist() == [2, 0, 2, 1]
    with pytest.raises(btf.DataError, match="one label per pattern"):
        btf.Dataset(ROWS, ROWS, classes=True)


def test_analog_inputs_become_bits_by_a_code():
    """Values between 0 and 1 are analog; a code makes them ports of bits."""
    data = btf.Dataset([[0.25], [0.75]], [0, 1], inputs=["v"])
    assert data.X.dtype == np.float32
    coded = data.coded("binary:2")
    assert (coded.X.dtype, coded["v"].tolist()) == (np.uint8, [1, 2])
    with pytest.raises(btf.UsageError, match="binary:K"):
        data.coded("octal:3")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((ROWS, [0, 1]), "as many patterns in both"),
        (([0, 1], [0, 1]), "expected rows of columns, got shape"),
        (([[0], [0, 1]], [0, 1]), "rows of equal length"),
        ((ROWS, [0, 1, 2.5, 0]), "0, 1 or NaN"),
        (([[0, 0], [0, 0]], [0, 1]), "contradict"),
        ((ROWS, ["a", "a", "a", "a"]), "at least 2 classes"),
    ],
)
def test_what_is_refused(arguments, said):
    """Shapes, values and contradictions are one line of error."""
    with pytest.raises(btf.DataError, match=said):
        btf.Dataset(*arguments)


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (["a"], "ports of 2 bits in all, got 1"),
        ({"a": 3}, "ports of 2 bits in all, got 3"),
        (["a", "a"], "different names"),
        ({"a": 2, "b": 0}, "at least 1 bit"),
    ],
)
def test_ports_that_do_not_fit(ports, said):
    """Ports have as many bits as there are columns, and different names."""
    with pytest.raises(btf.DataError, match=said):
        btf.Dataset(ROWS, [0, 1, 1, 0], inputs=ports)


def test_copies_and_pickles_are_the_same_data():
    """A copy and what comes out of a pickle have the patterns and the ports."""
    data = btf.load("multiplier:2")
    for other in (copy.copy(data), copy.deepcopy(data), pickle.loads(pickle.dumps(data))):
        assert np.array_equal(other.X, data.X)
        assert other.outputs == data.outputs
        assert repr(other) == repr(data)


def test_equal_content_is_equal():
    """Ports, patterns and what matters of them; the name does not count, what does not matter neither."""
    data = btf.load("multiplier:2")
    same = btf.load("multiplier:2").renamed("m")
    assert data == same
    assert hash(data) == hash(same)
    assert len({data, same, btf.load("full_adder")}) == 2
    assert data != btf.load("full_adder")
    assert data != "multiplier:2"
    nan = float("nan")
    first = btf.Dataset(ROWS, [0, 1, 1, nan])
    assert first == btf.Dataset(np.array(ROWS), [0, 1, 1, nan], name="other")
    for other in (
        btf.Dataset(ROWS, [0, 1, 1, 0]),
        btf.Dataset(ROWS, [0, 1, 0, nan]),
        btf.Dataset(ROWS, [0, 1, 1, nan], inputs=["a", "b"]),
        btf.Dataset(ROWS[:3], [0, 1, 1]),
    ):
        assert first != other
    labels = btf.Dataset(ROWS, ["x", "y", "y", "x"], classes=True)
    assert labels == labels.renamed("n")
    assert labels != btf.Dataset(ROWS, ["x", "z", "z", "x"], classes=True)


def test_messages_call_arrays_by_their_name():
    data = btf.Dataset(ROWS, [0, 1, 1, 1], name="either")
    with pytest.raises(btf.UsageError, match="the patterns of data set 'either' have 2 and 1"):
        btf.smallest("full_adder").netlist.score(data)


def test_load_says_what_is_unknown(tmp_path):
    """Neither a task nor a file, a port that there is not, and what is no source at all."""
    with pytest.raises(btf.UsageError, match="not a task"):
        btf.load("multiplyer:2")
    with pytest.raises(
        btf.UsageError, match="multiplier_2: expected a port, one of a, b, p, got 'q'"
    ):
        btf.load("multiplier:2")["q"]
    with pytest.raises(btf.UsageError, match=r"btfsynth.Dataset\(X, y\) makes one"):
        btf.train(ROWS)
    with pytest.raises(btf.UsageError, match="no circuit behind"):
        btf.load("multiplier:2").circuit  # noqa: B018
    path = tmp_path / "m.csv"
    btf.load("multiplier:2").save(path)
    assert np.array_equal(btf.load(path, name="m").y, btf.load("multiplier:2").y)


def test_tables_print_and_go_to_pandas():
    """A table has columns, slices, text, HTML with its text escaped, and makes a frame."""
    tasks = btf.tasks()
    assert tasks["name"].tolist() == pd.DataFrame(tasks)["name"].tolist()
    assert isinstance(tasks[:2], type(tasks))
    assert repr(tasks[:1]).splitlines()[0].split() == list(tasks.columns)
    assert "<td>multiplier:N[xM]</td>" in tasks._repr_html_()
    assert "<script>" not in btf.load("full_adder", name="<script>")._repr_html_()
    with pytest.raises(KeyError, match="one of name, signature"):
        tasks["nothing"]


def test_what_is_missing_in_an_array_is_a_dont_care():
    """A mask, a missing value of a nullable frame and a sparse matrix count as what they say."""
    sparse = pytest.importorskip("scipy.sparse")
    mask = [False, True, False, False]
    for y in (
        np.ma.array([0, 1, 1, 1], mask=mask),
        pd.Series([False, None, True, True], dtype="boolean"),
        pd.Series([0, None, 1, 1], dtype="Int64"),
    ):
        data = btf.Dataset(sparse.csr_matrix(ROWS), y)
        assert data.care[:, 0].tolist() == [not hidden for hidden in mask]
        assert data.X.tolist() == ROWS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ROWS, [0, 1, 1]), "X and y: expected as many patterns in both, got 4 and 3"),
        (([[0, 0], [0, np.inf]], [0, 1]), "X: expected finite numbers, got inf in row 1, column 1"),
        ((ROWS, [0, 1, 2.5, 1]), "y: expected 0, 1 or NaN for a don't-care, got 2.5 in row 2"),
        ((ROWS, [0, 1, 1j, 1]), "y: expected numbers"),
        ((ROWS, [["a"] * 2] * 4), "`classes=True` takes labels"),
    ],
)
def test_arrays_that_do_not_fit_are_named(arguments, message):
    """The message has the argument and the place of the value, counted as Python does."""
    with pytest.raises(btf.DataError, match=message):
        btf.Dataset(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": {"a": "2"}}, "inputs: expected ports of at least 1 bit"),
        ({"inputs": ["a", " "]}, "inputs: expected a name for every port, got a blank one"),
        ({"outputs": "out[0]", "name": ""}, "name: expected a text that is not blank"),
        ({"name": 3}, "name: expected a text that is not blank, got 3"),
    ],
)
def test_names_that_no_file_could_have_are_refused(options, message):
    with pytest.raises(btf.DataError, match=message):
        btf.Dataset(ROWS, [0, 1, 1, 1], **options)


def test_a_single_name_is_a_name():
    """A text is one name, not one for each of its letters; other labels become text."""
    data = btf.Dataset(ROWS, [0, 1, 1, 1], inputs=[1, 2], outputs="out")
    assert [port.name for port in (*data.inputs, *data.outputs)] == ["1", "2", "out"]
    with pytest.raises(btf.DataError, match="expected ports of 2 bits in all, got 1"):
        btf.Dataset(ROWS, [0, 1, 1, 1], inputs="ab")


def test_samples_and_codes_of_a_wrong_type_are_refused():
    data = btf.load("multiplier:2")
    for n, seed in ((2.5, 1), ("3", 1), (3, "a"), (3, 1.5)):
        with pytest.raises(btf.UsageError, match="sample"):
            data.sample(n, seed)
    assert len(data.sample(np.int64(3), np.int64(2))) == 3
    with pytest.raises(btf.UsageError, match="expected binary:K"):
        data.coded(3)
    with pytest.raises(btf.UsageError, match="expected a port"):
        data[:3]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 0], [0, 3]], "X: expected a value from 0 to 1, got 3 in row 1, column 1"),
        ([[0, None], [0, 1]], "X: expected a value from 0 to 1, got nan in row 0"),
        ([[0, "a"], [0, "b"]], "X: expected a value from 0 to 1, got words in column"),
    ],
)
def test_a_table_is_no_input_of_a_training(rows, message):
    """Where bits are needed the value that is none is named, and what makes bits of it."""
    with pytest.raises(btf.DataError, match=f"{message}.*`code=auto`"):
        btf.train(btf.Dataset(rows, [0, 1]))


def test_load_names_what_it_was_given(tmp_path):
    """Arrays and netlists have their own functions."""
    for given in (ROWS, btf.load("full_adder"), None):
        with pytest.raises(btf.UsageError, match=r"btfsynth.Dataset\(X, y\) takes arrays"):
            btf.load(given)
    netlist = btf.smallest("full_adder").netlist
    for ending in ("v", "blif", "mig"):
        netlist.save(tmp_path / f"adder.{ending}")
        with pytest.raises(btf.DataError, match="expected patterns, got a netlist"):
            btf.load(tmp_path / f"adder.{ending}")
