"""PLA files against an oracle that looks at one minterm and one row at a time."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load, save
from btfsynth.errors import DataError, UsageError
from btfsynth.ports import Port

Rows = list[tuple[str, str]]
Table = dict[str, str]


def oracle(kind: str, n: int, m: int, rows: Rows) -> Table | None:
    """Return the outputs (0, 1, -) of every pattern by its inputs; None for a contradiction."""
    table: Table = {}
    for bits in itertools.product("01", repeat=n):
        vector = "".join(bits)
        outputs = ""
        for output in range(m):
            said = {
                {"4": "1", "2": "-", "3": "0"}.get(marks[output], marks[output])
                for cube, marks in rows
                if all(c in "-2" or c == v for c, v in zip(cube, vector, strict=True))
            }
            if kind in ("fr", "fdr"):
                if {"0", "1"} <= said:
                    return None
                loose = kind == "fdr" and "-" in said
                outputs += "0" if "0" in said else "1" if "1" in said and not loose else "-"
            elif kind in ("r", "dr"):
                outputs += "0" if "0" in said else "-" if kind == "dr" and "-" in said else "1"
            elif kind == "fd" and "-" in said:
                outputs += "-"
            else:
                outputs += "1" if "1" in said else "0"
        if kind not in ("fr", "fdr") or outputs != "-" * m:
            table[vector] = outputs
    return table


def as_table(dataset: Dataset) -> Table:
    """Return a data set as the oracle does."""
    table = {}
    for inputs, targets, care in zip(
        dataset.inputs, dataset.targets, dataset.care_mask, strict=True
    ):
        marks = [str(t) if c else "-" for t, c in zip(targets, care, strict=True)]
        table["".join(map(str, inputs))] = "".join(marks)
    assert len(table) == dataset.n_patterns
    return table


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.pla"
    path.write_text(text)
    return path


def pla(kind: str, n: int, m: int, rows: Rows) -> str:
    body = "".join(f"{cube} {marks}\n" for cube, marks in rows)
    return f".i {n}\n.o {m}\n.type {kind}\n{body}.e\n"


@st.composite
def files(draw: st.DrawFn) -> tuple[int, int, Rows]:
    n, m = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    row = st.tuples(
        st.text("01-2", min_size=n, max_size=n), st.text("01-~423", min_size=m, max_size=m)
    )
    return n, m, draw(st.lists(row, max_size=6))


@pytest.mark.parametrize("kind", ["f", "fd", "fr", "fdr", "r", "dr"])
@settings(max_examples=80, deadline=None)
@given(content=files())
def test_every_type_against_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, kind: str, content: tuple[int, int, Rows]
) -> None:
    """Cubes, overlaps and don't-cares of every type mean what the oracle says."""
    n, m, rows = content
    path = write(tmp_path_factory.mktemp("pla"), pla(kind, n, m, rows))
    expected = oracle(kind, n, m, rows)
    if not expected:
        with pytest.raises(DataError, match=r"contradicts line|no output|at least one pattern"):
            load(path)
        return
    dataset = load(path)
    assert as_table(dataset) == expected
    assert dataset.unlisted_dont_care is (kind not in ("f", "r"))
    assert [port.width for port in dataset.input_ports] == [n]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("f", {"00": "00", "10": "10", "01": "00", "11": "10"}),
        ("fd", {"00": "0-", "10": "1-", "01": "00", "11": "10"}),
        ("fr", {"00": "0-", "10": "1-", "11": "10"}),
        ("fdr", {"00": "0-", "10": "1-", "11": "10"}),
    ],
)
def test_one_file_read_as_each_type(tmp_path: Path, kind: str, expected: dict[str, str]) -> None:
    """The same rows worked out by hand for each type."""
    rows = [("00", "0-"), ("10", "1-"), ("11", "10"), ("01", "~~")]
    assert as_table(load(write(tmp_path, pla(kind, 2, 2, rows)))) == expected


def test_the_default_type_is_fd(tmp_path: Path) -> None:
    """Without .type a - is a don't-care."""
    path = write(tmp_path, ".i 1\n.o 1\n0 -\n1 1\n")
    assert as_table(load(path)) == {"0": "-", "1": "1"}


def test_rows_over_several_lines(tmp_path: Path) -> None:
    """Characters count, not lines; several rows of one line are taken too. Names go on as well."""
    text = (
        ".i 4\n.o 3\n.ilb a b\nc d\n.ob x y z\n.type fr\n"
        "0110\n  1-0\n01\n11 |\n0 1\n1\n1000 110 1001 001\n.e\n"
    )
    dataset = load(write(tmp_path, text))
    assert as_table(dataset) == {"0110": "1-0", "0111": "011", "1000": "110", "1001": "001"}
    assert [port.name for port in dataset.input_ports] == ["a", "b", "c", "d"]
    assert dataset.notices == ("2 rows span more than one line",)


def test_what_is_passed_over_is_noted(tmp_path: Path) -> None:
    """A count of rows that is off, a keyword that is not known; pairs of inputs say nothing here."""
    text = "two bits\n.i 2\n.i 2\n.o 1\n.p 7\n.colour red\n.pair 1 (0 1)\n.type f\n11 1\n.e\n00 1\n"
    dataset = load(write(tmp_path, text))
    assert as_table(dataset) == {"00": "0", "10": "0", "01": "0", "11": "1"}
    assert dataset.notices == (
        "line 1 is ignored as a title: 'two bits'",
        "line 6: the unknown keyword '.colour' is ignored",
        "line 5: .p 7 announces 7 rows, the file has 1; all are read",
    )


def test_sizes_by_mv(tmp_path: Path) -> None:
    """One variable of many values, the outputs, is what .i and .o state."""
    assert as_table(load(write(tmp_path, ".mv 3 2 1\n.type fr\n10 1\n"))) == {"10": "1"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("f", {"00": "10", "10": "10", "01": "10", "11": "01"}),
        ("fd", {"00": "10", "10": "1-", "01": "10", "11": "01"}),
        ("fr", {"10": "1-", "11": "01"}),
        ("dr", {"00": "01", "10": "1-", "01": "01", "11": "01"}),
    ],
)
def test_phase(tmp_path: Path, kind: str, expected: dict[str, str]) -> None:
    """On and off change places where .phase has a 0, as espresso reads it."""
    text = f".i 2\n.o 2\n.type {kind}\n.phase 01\n10 0-\n11 11\n.e\n"
    dataset = load(write(tmp_path, text))
    assert as_table(dataset) == expected
    assert dataset.notices == (".phase: 1 output is complemented, as espresso reads it",)


@pytest.mark.parametrize("kind", ["fr", "fdr"])
def test_rows_that_overlap(tmp_path: Path, kind: str) -> None:
    """They list more vectors than there are, and are the table all the same."""
    rng = np.random.default_rng(5)
    rows: Rows = []
    for _ in range(100):
        cube = list("-" * 15 + str(rng.integers(0, 2)))
        cube[rng.integers(0, 15)] = "1"
        rows.append(("".join(cube), cube[15]))
    rows.append(("0-1" + "-" * 13, "-"))
    path = write(tmp_path, pla(kind, 16, 1, rows))
    dataset = load(path)
    table = as_table(dataset)
    for number in rng.integers(0, 1 << 16, 200):
        vector = f"{number:016b}"
        said = {
            m for cube, m in rows if all(c in ("-", v) for c, v in zip(cube, vector, strict=True))
        }
        if said <= {"-"} or (kind == "fdr" and said == {"-", "1"}):
            assert vector not in table
        else:
            assert table[vector] == ("0" if "0" in said else "1")
    path.write_text(pla(kind, 16, 1, [*rows, ("1" * 15 + "-", "1")]))
    with pytest.raises(DataError, match=r"a\.pla:105: contradicts line"):
        load(path)


def test_layout_is_free(tmp_path: Path) -> None:
    """Comments, bars, spaces inside rows, and anything after .e."""
    text = "# head\n.i 2 # two\n.o 1\n.model m\n\n1 0|1 # one\n  0\t1 1\n.end\nrubbish\n"
    assert as_table(load(write(tmp_path, text))) == {"00": "0", "10": "1", "01": "1", "11": "0"}


def test_names_make_ports(tmp_path: Path) -> None:
    """Named columns are grouped into buses, least significant bit first."""
    text = (
        ".i 3\n.o 2\n.ilb a[1] b a[0]\n.ob p[1] p[0]\n.type fr\n"
        "100 10\n"  # a = 2 -> p = 2
        "001 01\n"  # a = 1 -> p = 1
    )
    dataset = load(write(tmp_path, text))
    assert dataset.input_ports == (Port("a", 2), Port("b", 1))
    assert dataset.output_ports == (Port("p", 2),)
    assert dataset.inputs.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert dataset.targets.tolist() == [[0, 1], [1, 0]]


def test_a_table_without_names_has_the_first_column_lowest(tmp_path: Path) -> None:
    """Column i is bit i."""
    dataset = load(write(tmp_path, ".i 3\n.o 1\n.type f\n100 1\n"))
    assert dataset.input_ports == (Port("x", 3),)
    assert dataset.targets[:, 0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".i 2\n.o 1\n10 1\n1 1\n", r":4: expected 3 characters \(2 inputs and 1 output\), got 2"),
        (".i 2\n.o 1\n1011\n", ":3: expected 3 characters .* got 4"),
        (".i 2\n.o 1\n1|01\n", r":3: expected 2 inputs before the '\|', got 1"),
        (".i 2\n.o 1\n1a 1\n", ":3: input 2: expected 0, 1 or -, got 'a'"),
        (".i 2\n.o 1\n10 x\n", ":3: output 1: expected 0, 1, - or ~, got 'x'"),
        (".i 2\n.o 1\n1€ 1\n", r":3: input 2: expected 0, 1 or -, got '\?'"),
        ("10 1\n", ":1: expected .i and .o before the first row, got '10 1'"),
        (".i 2\n", "expected a line .o with the number of outputs, got none"),
        (".o 2\n", "expected a line .i with the number of inputs, got none"),
        (".i 0\n.o 1\n", ":1: expected a whole number from 1 to 1000000 after .i, got '0'"),
        (".i two\n.o 1\n", ":1: .* got 'two'"),
        (".i 1000000000000\n.o 1\n", ":1: .* got '1000000000000'"),
        (".i 2 3\n.o 1\n", ":1: .* got '2 3'"),
        (".i 2\n.i 3\n", ":2: .i is given twice"),
        (".i 2\n.o 1\n.type g\n", ":3: expected .type f, fd, fr, fdr, r or dr, got 'g'"),
        (".i 2\n.o 1\n11 1\n.type f\n", ":4: expected .type before the first row"),
        (".i 2\n.o 1\n.phase 11\n", ":3: expected 1 characters 0 or 1 after .phase, got '11'"),
        (".mv 5 2 3 4 2\n", ":1: .mv '5 2 3 4 2' has multi-valued variables"),
        (".mv 3 2\n", ":1: expected .mv variables binary-variables sizes, got '3 2'"),
        (".kiss\n", ":1: .kiss describes a state machine; expected only Boolean"),
        (
            ".i 2\n.o 1\n.symbolic 0 1 ; a b ;\n",
            ":3: .symbolic joins inputs into a multi-valued variable",
        ),
        (".i 2\n.o 2\n11\n.e\n", ":3: expected 4 characters .* got 2"),
        (".i 2\n.o 2\n11\n011\n0010\n", ":3: expected 4 characters .* got 2"),
        (".i 2\n.o 2\n1100 01\n", ":3: expected 4 characters .* got 6"),
        (".i 2\n.o 2\n11\n1|0\n", r":4: expected 2 inputs before the '\|', got 3"),
        (".i 2\n.o 1\n.ilb a\n", ":3: expected 2 input names after .ilb, got 1"),
        (".i 2\n.o 1\n.ilb a a\n", ":3: the input name 'a' is used twice"),
        (".i 1\n.o 2\n.ob y y\n", ":3: the output name 'y' is used twice"),
        (".i 21\n.o 1\n", "complete table, which has at most 20 inputs; got .i 21 .*type fr"),
        (".i 20\n.o 1000000\n", "20 inputs and 1000000 outputs is too large"),
        (".i 2\n.o 1\n.type fr\n", "no output is specified"),
        (".i 2\n.o 1\n.type fr\n11 1\n1- 0\n", ":5: contradicts line 4: .* output y is 1 there"),
        (".i 2\n.o 2\n.type fdr\n11 10\n\n1- 1-\n-1 -1\n", r":7: .* line 4: .* output y\[1\]"),
        (
            f".i 21\n.o 1\n.type fr\n{'-' * 21} 1\n",
            "list 2097152 input vectors, .* at most 1048576",
        ),
        (f".i 99\n.o 1\n.type fr\n{'-' * 99} 1\n", f"list {2**99} input vectors"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    """Every fault is one line that names the file, the line and what was expected."""
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_many_inputs_are_fine_where_patterns_are_listed(tmp_path: Path) -> None:
    """Type fr takes inputs wider than a machine word, and merges duplicates."""
    rows = [("1" * 99 + "-", "1-"), ("1" * 100, "-0"), ("0" * 100, "00")]
    dataset = load(write(tmp_path, pla("fr", 100, 2, rows)))
    expected = {"1" * 99 + "0": "1-", "1" * 100: "10", "0" * 100: "00"}
    assert as_table(dataset) == expected


def test_a_large_table_is_read_in_seconds(tmp_path: Path) -> None:
    """A thousand wide cubes of 16 inputs, checked at random minterms."""
    rng = np.random.default_rng(0)
    rows: Rows = [
        ("".join(rng.choice(list("01-----"), 16)), "".join(rng.choice(list("01-"), 4)))
        for _ in range(1000)
    ]
    table = as_table(load(write(tmp_path, pla("fd", 16, 4, rows))))
    assert len(table) == 1 << 16
    for number in rng.integers(0, 1 << 16, 40):
        vector = f"{number:016b}"
        hits = [
            marks
            for cube, marks in rows
            if all(c in ("-", v) for c, v in zip(cube, vector, strict=True))
        ]
        for output in range(4):
            said = {marks[output] for marks in hits}
            expected = "-" if "-" in said else "1" if "1" in said else "0"
            assert table[vector][output] == expected


def test_constants_round_trip(tmp_path: Path) -> None:
    """An output that is never 1 needs no row at all."""
    path = write(tmp_path, ".i 1\n.o 1\n.type f\n")
    dataset = load(path)
    assert dataset.targets.tolist() == [[0], [0]]
    save(dataset, path)
    assert ".p 0\n" in path.read_text()
    assert load(path).content_hash == dataset.content_hash


@pytest.mark.parametrize("name", ["a b", "a#", "", " a"])
def test_names_pla_cannot_hold(tmp_path: Path, name: str) -> None:
    """White space and comment signs in a name are refused when writing."""
    bits = np.array([[0], [1]], dtype=np.uint8)
    dataset = Dataset("t", "t", bits, bits, (Port(name, 1),), (Port("y", 1),))
    with pytest.raises(UsageError, match="cannot hold the port name"):
        save(dataset, tmp_path / "a.pla")
