"""Tables as people have them: what is read from files, frames and arrays of any type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import btfsynth as btf
from btfsynth.dataset.columns import MISSING
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.load import load
from btfsynth.errors import DataError

WORDS = (
    st.text("abcxyz<>& é'\"/*", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda word: word and word.lower() not in MISSING)
)


def read(folder: Path, text: str, name: str = "t.csv") -> Dataset:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load(path)


def listed(dataset: Dataset) -> list[list[object]]:
    """Return the inputs as they stood in the file, None where there was nothing."""
    return [
        [
            None
            if np.isnan(value)
            else column.categories[int(value)]
            if column.categories
            else value
            for column, value in zip(dataset.columns, row, strict=True)
        ]
        for row in dataset.inputs.tolist()
    ]


def test_words_numbers_and_gaps(tmp_path: Path) -> None:
    """A table of a German spreadsheet: semicolons, decimal commas, quotes and cells without a value."""
    data = read(tmp_path, 'age;job;t;y\n39;"clerk; day";40,5;no\n50;?;-1,5;yes\n;nurse;2e3;no\n')
    assert data.input_kind is InputKind.TABLE
    assert listed(data) == [[39, "clerk; day", 40.5], [50, None, -1.5], [None, "nurse", 2000]]
    assert data.classes == ("no", "yes")
    assert data.targets[:, 0].tolist() == [0, 1, 0]
    assert data.lines is not None
    assert data.lines.tolist() == [2, 3, 4]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_separator_and_header_by_content(tmp_path: Path, separator: str, header: bool) -> None:
    """Words below are no header if they come again; the name of the file does not matter."""
    rows = [
        ["x", "o", "b", "win"],
        ["o", "x", "b", "loss"],
        ["x", "b", "o", "win"],
        ["b", "o", "x", "loss"],
    ]
    names = [["left", "middle", "right", "result"]] if header else []
    text = "".join(separator.join(row) + "\n" for row in (*names, *rows))
    data = read(tmp_path, text, "t.dat")
    assert data.n_patterns == 4
    assert listed(data)[0] == ["x", "o", "b"]
    assert data.classes == ("loss", "win")
    assert data.columns[0].name == ("left" if header else "x[0]")


def test_yes_and_no_are_bits_if_nothing_else_is_there(tmp_path: Path) -> None:
    data = read(tmp_path, "a,b,y\nyes,0,1\nNo,1,0\n")
    assert (data.input_kind, data.inputs.tolist()) == (InputKind.BOOLEAN, [[1, 0], [0, 1]])
    assert "a: yes is read as 1" in data.notices
    data = read(tmp_path, "a,b,y\nyes,0,1\nno,1,0\nmaybe,1,0\n")
    assert listed(data) == [["yes", 0], ["no", 1], ["maybe", 1]]


def test_numbers_of_classes_with_gaps(tmp_path: Path) -> None:
    """Whole numbers that come again are classes; others may be what is to be predicted, or a slip."""
    rows = "".join(f"{place},{label}\n" for place, label in enumerate([1, 7, 7, 3, 1, 3]))
    data = read(tmp_path, f"a,y\n{rows}")
    assert (data.classes, data.output_kind) == ((1, 3, 7), OutputKind.LABEL)
    with pytest.raises(
        DataError, match=r":3: column 'price': expected 0, 1 or -, or 2 to 1000 classes"
    ):
        read(tmp_path, "a,price\n0,1\n5,20\n7,300\n")


KEEL = """@relation flowers
@attribute Length real [4.0, 8.0]
@attribute Colour{red, 'dark blue', white}
@attribute Kind {b, a}
@attribute Petals integer [3, 9]
@inputs Length, Colour, Petals
@outputs Kind
@data
4.5, red, a, 5
{rows}"""


def test_keel_and_arff(tmp_path: Path) -> None:
    """Outputs are those that KEEL names; in ARFF the attribute called class, or the last one."""
    data = read(
        tmp_path, KEEL.replace("{rows}", "5.5,'dark blue',b,<null>\n?,white,a,3\n"), "f.dat"
    )
    assert listed(data) == [[4.5, "red", 5], [5.5, "dark blue", None], [None, "white", 3]]
    assert (data.classes, data.targets[:, 0].tolist()) == (("a", "b"), [0, 1, 0])
    arff = "% by Weka\n@RELATION r\n@ATTRIBUTE class {1,2}\n@ATTRIBUTE 'a b' NUMERIC\n@ATTRIBUTE c {1,2,3}\n"
    data = read(tmp_path, f"{arff}@DATA\n1,2.5,1\n{{0 2,1 -4,2 3}}\n2,?,2\n", "r.arff")
    assert [column.name for column in data.columns] == ["a b", "c"]
    assert listed(data) == [[2.5, "1"], [-4, "3"], [None, "2"]]
    assert data.classes == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "5.5, green, a, 5\n",
            ":10: attribute 'Colour': expected one of dark blue, red, white, got 'green'",
        ),
        ("long, red, a, 5\n", ":10: attribute 'Length': expected a number, got 'long'"),
        ("5.5, red, a\n", ":10: expected 4 values, one per attribute, got 3"),
        ("{9 3}\n", ":10: expected the number of an attribute, 0 to 3, and a value, got '9 3'"),
    ],
)
def test_attributes_that_are_not_kept(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, KEEL.replace("{rows}", text), "f.dat")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@relation r\n@attribute a numeric\n@attribute b {0,1}\n",
            ":4: expected @data before the rows",
        ),
        (
            "@relation r\n@attribute a numeric\n@data\n1\n",
            ":2: expected at least one input and one output",
        ),
        ("@relation r\n@attribute a complex\n@data\n", ":2: attribute 'a': expected numeric, real"),
        (
            "@relation r\n@attribute a\n@attribute b {0,1}\n@data\n",
            ":2: attribute 'a': expected numeric",
        ),
        (
            "@relation r\n@attribute a real\n@attribute a real\n@data\n1,1\n",
            ":3: the attribute name 'a' is",
        ),
        ("@relation r\n@atribute a real\n", ":2: expected @attribute, @outputs or @data"),
        (
            "@relation r\n@attribute a real\n@attribute b real\n@data\n",
            ":4: expected rows after @data",
        ),
    ],
)
def test_headers_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, "r.arff")


@given(
    st.lists(st.tuples(st.none() | st.integers(-9, 9), st.none() | WORDS), min_size=2, max_size=8)
)
def test_arrays_are_read_as_they_are(rows):
    """Lists of numbers, words and None become the same table in any form of array."""
    table = [[number, word] for number, word in rows]
    y = [place % 2 for place in range(len(rows))]
    data = btf.Dataset(np.array(table, dtype=object), y, conflicts="keep").core
    if data.input_kind is InputKind.TABLE:
        assert listed(data) == table
    assert btf.Dataset(table, y, conflicts="keep").core.content_hash == data.content_hash


@pytest.mark.parametrize("dtype", ["i1", "u2", "f4", "f8", "?", "f2"])
def test_arrays_of_any_type(dtype: str) -> None:
    """0 and 1 are bits in every type, and other numbers a table."""
    X = np.array([[0, 1], [1, 0]], dtype=dtype)
    assert btf.Dataset(X, [0, 1]).core.input_kind is InputKind.BOOLEAN
    if dtype != "?":
        assert btf.Dataset(3 * X, [0, 1]).core.inputs.tolist() == [[0, 3], [3, 0]]


def test_a_structured_array_names_its_columns() -> None:
    X = np.array([(1.5, "a"), (2.5, "b")], dtype=[("size", "f4"), ("kind", "U3")])
    data = btf.Dataset(X, ["no", "yes"])
    assert [port.name for port in data.inputs] == ["size", "kind"]
    assert listed(data.core) == [[1.5, "a"], [2.5, "b"]]
    with pytest.raises(
        btf.DataError, match="column 'when': expected numbers or words, got datetime64"
    ):
        btf.Dataset(np.array([("2024-01-01",)], dtype=[("when", "M8[D]")]), [1])


def test_frames_of_pandas() -> None:
    """Nullable numbers, categories in their order, words and booleans; a series of labels."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "size": pd.Categorical(["S", "L", None], categories=["S", "M", "L"], ordered=True),
            "word": ["a", None, "b"],
            "flag": [True, False, True],
        }
    )
    data = btf.Dataset(frame, pd.Series(["yes", None, "no"], name="ok"))
    assert listed(data.core) == [[1, "S", "a", 1], [None, "L", None, 0], [3, None, "b", 1]]
    assert data.core.columns[1].ordered
    assert (data.classes, data.care[:, 0].tolist()) == (("no", "yes"), [True, False, True])
    assert [port.name for port in data.outputs] == ["ok"]


def test_labels_of_arrays() -> None:
    """Three or more labels are an output each, two are one; a label that is missing does not matter."""
    X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    data = btf.Dataset(X, [3, 5, 9, np.nan])
    assert (data.classes, data.y.tolist()[:3]) == ((3, 5, 9), np.eye(3).tolist())
    assert data.care.all(axis=1).tolist() == [True, True, True, False]
    data = btf.Dataset(X, ["b", "a", "a", None])
    assert (data.classes, data.y[:3, 0].tolist()) == (("a", "b"), [1, 0, 0])
    assert btf.Dataset(X, [0.0, 1.0, 1.0, 0.0]).classes == ()


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e9, 1e9), st.none() | WORDS, st.none() | st.sampled_from("pqr")
        ),
        min_size=3,
        max_size=8,
    )
)
def test_a_table_survives_its_file(tmp_path_factory: pytest.TempPathFactory, rows) -> None:
    """Numbers to the last digit, words with quotes and commas, gaps and classes."""
    labels = [label for *_, label in rows]
    if len(set(labels) - {None}) < 2:
        return
    X = np.array([[number, word] for number, word, _ in rows], dtype=object)
    data = btf.Dataset(
        X, np.array(labels, dtype=object), inputs=["n", "w"], outputs=None, conflicts="keep"
    )
    if data.core.input_kind is not InputKind.TABLE:
        return
    path = tmp_path_factory.mktemp("t") / "t.csv"
    data.save(path)
    back = btf.load(path, conflicts="keep")
    assert listed(back.core) == listed(data.core)
    assert (back.classes, back.y.tolist()) == (data.classes, data.y.tolist())
    assert back.care.tolist() == data.care.tolist()
    for ending in ("npz", "pla", "arff", "dat"):
        with pytest.raises(btf.UsageError, match=r"table|words and numbers"):
            data.save(path.with_suffix(f".{ending}"))
