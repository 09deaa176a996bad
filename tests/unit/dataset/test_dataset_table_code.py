"""Codes that are chosen from the rows of a table, applied to others, and written to a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import btfsynth as btf
from btfsynth.dataset.code import (
    choose_code,
    code_of_record,
    code_record,
    load_code,
    parse_code,
    with_code,
)
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.fit_code import between
from btfsynth.dataset.table_code import LEVELS, ORDER, SKIP, STEPS, WORDS
from btfsynth.errors import DataError, UsageError

NUMBERS = st.lists(
    st.integers(-5, 5) | st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=30
).filter(lambda values: len({7 * float(value) + 3 for value in values}) > 1)


def table(columns: dict[str, list[object]], y: list[object] | None = None) -> Dataset:
    rows = list(map(list, zip(*columns.values(), strict=True)))
    wanted = [place % 2 for place in range(len(rows))] if y is None else y
    X = np.array(rows, dtype=object)
    return btf.Dataset(X, wanted, inputs=list(columns), conflicts="keep").core


def chosen(data: Dataset, text: str, missing: str = "impute"):
    return choose_code(data, parse_code(text), missing)[0]


@given(NUMBERS, st.integers(1, 6))
def test_quantiles_divide_the_rows(values, count):
    """Thresholds ascend between values that occur; with enough of them every value has a code of its own."""
    data = table({"v": [7 * value + 3 for value in values]})
    (code,) = chosen(data, f"quantile:{count}").columns
    numbers = data.inputs[:, 0]
    different = np.unique(numbers)
    assert 1 <= len(code.thresholds) <= count
    assert list(code.thresholds) == sorted(set(code.thresholds))
    assert different[0] < code.thresholds[0]
    assert code.thresholds[-1] <= different[-1]
    if len(different) - 1 <= count:
        assert len(np.unique(code.bits(numbers), axis=0)) == len(different)
    # No threshold nearer to the median would halve the rows better.
    if count == 1:
        below = int((numbers < code.thresholds[0]).sum())
        best = min(abs(int((numbers < v).sum()) - len(numbers) / 2) for v in different[1:])
        assert abs(below - len(numbers) / 2) == best


def test_thresholds_of_a_tree_are_where_targets_change():
    """Two steps of a function are found among a hundred values; quantiles of as many bits miss them."""
    values = np.arange(100, 200)
    targets = [int(117 <= value < 124) for value in values]
    data = btf.Dataset(values[:, None], targets).core
    (code,) = chosen(data, "tree:2").columns
    assert [116 < code.thresholds[0] <= 117, 123 < code.thresholds[1] <= 124] == [True, True]
    assert np.array_equal(code.bits(values.astype(float)).sum(axis=1) == 1, np.array(targets) == 1)
    (other,) = chosen(data, "quantile:2").columns
    assert not 116 < other.thresholds[0] <= 117


def test_a_column_alone_of_no_use_keeps_a_threshold():
    """Both inputs of a parity tell nothing alone."""
    data = btf.Dataset([[0, 5], [0, 7], [3, 5], [3, 7]], [0, 1, 1, 0]).core
    coded = with_code(data, chosen(data, "tree:3"))
    assert coded.inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e6))
def test_the_shortest_number_between(low, span):
    high = low + span
    if low < high:
        assert low < between(low, high) <= high
    assert between(38, 39) == 38.5
    assert between(0, 1) == 0.5


def test_words_one_hot_and_in_order():
    """A bit per category, one bit for two, a thermometer for an order, nothing for a constant."""
    data = table(
        {
            "colour": ["red", "blue", "green", "red"],
            "sex": ["f", "m", "m", "f"],
            "size": ["S", "L", "M", "S"],
            "same": ["k", "k", "k", "k"],
            "code": [7, 3, 3, 5],
        }
    )
    code = chosen(data, "auto,size=ordinal:S<M<L,code=onehot")
    assert [each.kind for each in code.columns] == [WORDS, WORDS, ORDER, SKIP, WORDS]
    bits = with_code(data, code).inputs.tolist()
    # blue, green, red | m | M or later, L or later | 3, 5, 7
    assert bits[0] == [0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert bits[1] == [1, 0, 0, 1, 1, 1, 1, 0, 0]
    assert code.bit_meanings()["size"] == ["size is M or later", "size is L or later"]
    assert code.bit_meanings()["sex"] == ["sex is m"]
    assert code.meanings()["sex"] == "sex: 0 is f, 1 is m; missing counts as f"


def test_other_rows_are_coded_alike():
    """Columns go by name, words by spelling; what is missing or unknown counts as the code says."""
    data = table({"n": [1, 2, 4, 8, None], "w": ["a", "b", "c", "a", None]})
    code = chosen(data, "quantile:3")
    bits = with_code(data, code)
    assert (
        bits.inputs[4].tolist()
        == code.bits(data.columns, np.array([[2.0, 0.0]]), "")[0][0].tolist()
    )
    assert "n: 1 missing value, read as 2" in bits.notices
    other = table({"w": ["c", "zebra"], "n": [8, np.nan]})
    found = with_code(other, code)
    assert found.inputs.tolist() == [[1, 1, 1, 0, 0, 1], bits.inputs[4].tolist()]
    strict = chosen(data, "quantile:3", "error")
    with pytest.raises(DataError, match="column 'n': expected a value that the code knows"):
        with_code(data, strict)
    with pytest.raises(
        DataError, match="column 'n': expected a number, as the code has there, got 'a'"
    ):
        with_code(table({"n": ["a", "b"], "w": ["a", "b"]}), code)
    with pytest.raises(
        UsageError, match="expected the 2 columns of the code, got 1; there is no 'n'"
    ):
        with_code(table({"w": ["a", "b"]}), code)


@pytest.mark.parametrize("text", ["binary:3", "levels:5", "thermometer:4", "threshold:0.3"])
@given(values=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_linear_codes_say_what_they_do(text, values):
    """The code that goes with the design gives the same bits as the one that made it."""
    data = btf.Dataset(np.array(values)[:, None] * 0.5 + 0.25, [0] * len(values), conflicts="keep")
    if data.core.input_kind.value != "analog":
        return
    coded = data.coded(text)
    assert coded.code is not None
    assert np.array_equal(coded.code.encode(data.X), coded.X)


TABLES = st.lists(
    st.tuples(st.none() | st.integers(-3, 9), st.sampled_from(["p", "q", "r<", 'x"y', None])),
    min_size=3,
    max_size=12,
)
SPECS = st.sampled_from(["auto", "quantile:2", "tree:3", "binary:2", "levels:5", "thermometer:3"])


@given(TABLES, SPECS)
def test_a_code_survives_its_file(rows, text):
    """What is written and read back codes every row alike."""
    data = table({"n": [number for number, _ in rows], "w": [word for _, word in rows]})
    if data.input_kind.value != "table":
        return
    try:
        code = chosen(data, text)
    except DataError:
        return  # all columns are constant
    record = json.loads(json.dumps(code_record(code, ("a", 1))))
    back, classes = code_of_record(record)
    assert (back, classes) == (code, ("a", 1))
    assert np.array_equal(with_code(data, back).inputs, with_code(data, code).inputs)
    assert sum(map(len, back.bit_meanings().values())) == back.width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "expected format 1, got 2"),
        ({"kind": "map"}, "expected an input code"),
        ({"columns": []}, "columns: expected a list"),
        (
            {"columns": [{"name": "a", "kind": "thresholds"}]},
            r"columns\[0\]: expected the name of a port",
        ),
        ({"missing": "zero"}, "as `missing`"),
        ({"classes": [[1]]}, "classes: expected a list of names"),
        ({"columns": [{"name": "a", "kind": "skip"}]}, "expected different ports, at least one"),
    ],
)
def test_files_that_are_no_code(tmp_path: Path, change: dict[str, object], message: str):
    data = table({"n": [1, 2, 3], "w": ["a", "b", "c"]})
    path = tmp_path / "code.json"
    path.write_text(json.dumps({**code_record(chosen(data, "auto")), **change}))
    with pytest.raises(DataError, match=message) as caught:
        load_code(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": [2.0, 1.0]}, "ascending"),
        ({"thresholds": ["1"]}, "numbers as thresholds"),
        ({"thresholds": []}, "at least 1 threshold"),
        ({"fill": "much"}, "expected a number as fill"),
        ({"kind": WORDS, "categories": []}, "expected 1 to "),
        ({"kind": ORDER, "categories": ["a"]}, "expected 2 to "),
        ({"kind": WORDS, "categories": ["a", "a"]}, "different words"),
        ({"kind": WORDS, "categories": ["a", "b"], "fill": "c"}, "expected a category as fill"),
        ({"kind": LEVELS, "low": 1, "high": 1, "levels": 3}, "low below high"),
        ({"kind": LEVELS, "low": 1, "high": 2, "levels": 0}, "1 to 4095 levels"),
        ({"kind": "sum"}, "expected a known kind"),
    ],
)
def test_columns_that_are_no_code(change: dict[str, object], message: str):
    record = code_record(chosen(table({"n": [1, 2, 3]}), "auto"))
    assert record["columns"][0]["kind"] == STEPS
    record["columns"][0] |= change
    with pytest.raises(DataError, match=rf"columns\[0\]: .*{message}"):
        code_of_record(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantile:0", "from 1 to 256"),
        ("tree", "from 1 to 256"),
        ("quantile:3,5", "expected COLUMN=RULE after a comma"),
        ("auto,a=grey", "expected auto, quantile:K"),
        ("a=skip,a=auto", "expected different columns"),
        ("a=ordinal:S", "expected categories such as S<M<L"),
        ("a=threshold:x", "expected a number as threshold"),
    ],
)
def test_specifications_that_are_none(text: str, message: str):
    with pytest.raises(UsageError, match=message):
        parse_code(text)


def test_what_a_column_may_not_be():
    """A slip among numbers, too many words and rules that do not fit are refused, and can be overruled."""
    slip = table({"n": [*range(60), "6O"], "v": [place % 7 for place in range(61)]})
    with pytest.raises(
        DataError, match=r"column 'n': expected a number as in most rows, got '6O' in row 60"
    ):
        chosen(slip, "auto")
    assert chosen(slip, "auto,n=skip").columns[0].kind == SKIP
    many = table({"id": [f"k{place}" for place in range(80)], "v": list(range(80))})
    with pytest.raises(
        DataError, match="column 'id': expected at most 64 categories, got 80 in 80 rows"
    ):
        chosen(many, "auto")
    assert chosen(many, "auto,id=onehot").columns[0].width == 80
    with pytest.raises(UsageError, match="column 'id': `code` tree is for numbers"):
        chosen(many, "auto,id=tree:3")
    with pytest.raises(UsageError, match="no column 'x'; columns are: id, v"):
        chosen(many, "auto,x=skip")
    with pytest.raises(UsageError, match="the order lacks 'k10', which occurs"):
        chosen(many, "auto,id=ordinal:k0<k1")


def test_unknown_words_are_not_called_missing():
    rows, kinds = [["red"], ["red"], ["blue"], ["green"]], ["n", "n", "y", "y"]
    code = btf.Dataset(rows, kinds, inputs=["colour"], outputs=["ok"]).coded("auto").code
    later = btf.Dataset(
        [["pink"], [None], ["blue"], ["blue"]], kinds, inputs=["colour"], outputs=["ok"]
    )
    notes = later.coded(code).core.notices
    assert "colour: 1 missing value, 1 unknown value, read as red" in notes
