"""Tables: which columns are inputs, their values, and everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.code import require_bits
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.load import load, save
from btfsynth.errors import DataError, UsageError
from btfsynth.ports import Port


def read(tmp_path: Path, text: str, **options: object) -> Dataset:
    path = tmp_path / "a.csv"
    path.write_text(text)
    return load(path, **options)  # type: ignore[arg-type]


def ports(dataset: Dataset) -> str:
    """Describe the ports as ``a2 b1 -> p4``."""
    sides = [
        " ".join(f"{port.name}:{port.width}" for port in side)
        for side in (dataset.input_ports, dataset.output_ports)
    ]
    return " -> ".join(sides)


BODY = "0,0,1,1\n1,0,0,1\n"


@pytest.mark.parametrize(
    ("text", "outputs", "expected", "how"),
    [
        ("a,b,c,d\n" + BODY, 2, "a:1 b:1 -> c:1 d:1", None),
        ("a,b,c,y\n" + BODY, ["a"], "b:1 c:1 y:1 -> a:1", None),
        ("p[0],p[1],c,y\n" + BODY, ["p"], "c:1 y:1 -> p:2", None),
        ("in:a,b,in:c,y\n" + BODY, None, "a:1 c:1 -> b:1 y:1", None),
        ("out:a,b,c,y\n" + BODY, None, "b:1 c:1 y:1 -> a:1", None),
        ("in:a,out:b,in:c,out:d\n" + BODY, None, "a:1 c:1 -> b:1 d:1", None),
        ("a,,b,c\n0,,1,1\n1,,0,1\n", None, "a:1 -> b:1 c:1", "separator"),
        ("a,->,b,c\n0,,1,1\n1,,0,1\n", None, "a:1 -> b:1 c:1", "separator"),
        ("0,1,|,1\n1,1,|,0\n", None, "x:2 -> y:1", "separator"),
        ("a,b,out_1,out_2\n" + BODY, None, "a:1 b:1 -> out_1:1 out_2:1", "names"),
        ("x0,x1,x2,y\n" + BODY, None, "x0:1 x1:1 x2:1 -> y:1", "names"),
        ("x[0],x[1],q[1],q[0]\n" + BODY, None, "x:2 -> q:2", "names"),
        ("a,y,b,c\n" + BODY + "1,1,0,1\n", None, "a:1 y:1 b:1 -> c:1", "last column"),
        ("a,b,c,d\n" + BODY, None, "a:1 -> b:1 c:1 d:1", "all input vectors"),
        (BODY, None, "x:1 -> y:3", "all input vectors"),
        ("0,0,1,1\n0,1,0,0\n1,0,1,0\n1,1,0,0\n", None, "x:2 -> y:2", "all input vectors"),
        ("0,0,1\n0,1,0\n1,0,1\n", None, "x:2 -> y:1", "last column"),
    ],
)
def test_which_columns_are_inputs(
    tmp_path: Path, text: str, outputs: object, expected: str, how: str | None
) -> None:
    """Each rule in its turn, and a notice where it was a guess."""
    dataset = read(tmp_path, text, outputs=outputs)
    assert ports(dataset) == expected
    if how is None:
        assert dataset.notices == ()
    else:
        (notice,) = dataset.notices
        assert how in notice
        assert notice.startswith("inputs: ")


def test_the_notice_names_the_ports(tmp_path: Path) -> None:
    """The user sees what was taken for what."""
    dataset = read(tmp_path, "a[0],a[1],b,y\n0,1,0,1\n1,1,0,0\n")
    assert dataset.notices == ("inputs: a[1:0], b; outputs: y (by the names of the last columns)",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
@pytest.mark.parametrize("end", ["", ","])
def test_delimiters_and_words(tmp_path: Path, delimiter: str, end: str) -> None:
    """Comma, semicolon or tab; true and false; comments; a delimiter at the end of each line."""
    rows = [["a", "b", "y"], ["0", "True", "1"], ["false", "0", "?"], ["1", "1", "0"]]
    text = "# it's \"quoted\n" + "".join(
        delimiter.join(row) + (delimiter.strip(" ") if end else "") + "\n" for row in rows
    )
    dataset = read(tmp_path, text)
    assert dataset.inputs.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert dataset.targets[dataset.care_mask].tolist() == [1, 0]
    assert dataset.care_mask.tolist() == [[True], [False], [True]]


@pytest.mark.parametrize("mark", ["-", "x", "X", "?", ""])
def test_dont_care_outputs(tmp_path: Path, mark: str) -> None:
    """All ways to say that an output does not matter."""
    dataset = read(tmp_path, f"a,y0,y1\n0,{mark},1\n1,0,{mark}\n")
    assert dataset.care_mask.tolist() == [[False, True], [True, False]]


def test_cubes_in_the_inputs(tmp_path: Path) -> None:
    """A - or x among the inputs stands for both values."""
    dataset = read(tmp_path, "a,b,c,y\n0,-,X,1\n1,1,0,0\n")
    rows = {tuple(row): y for row, (y,) in zip(dataset.inputs, dataset.targets, strict=True)}
    assert rows == {(0, 0, 0): 1, (0, 1, 0): 1, (0, 0, 1): 1, (0, 1, 1): 1, (1, 1, 0): 0}


def test_columns_of_numbers(tmp_path: Path) -> None:
    """A column name[msb:lsb] is an unsigned number."""
    text = "a[1:0],b[1:0],p[3:0]\n" + "".join(
        f"{a},{b},{a * b if (a, b) != (3, 1) else '-'}\n" for a in range(4) for b in range(4)
    )
    dataset = read(tmp_path, text, outputs=["p"])
    assert ports(dataset) == "a:2 b:2 -> p:4"
    for row, target, care in zip(dataset.inputs, dataset.targets, dataset.care_mask, strict=True):
        a, b = int(row[0] + 2 * row[1]), int(row[2] + 2 * row[3])
        if (a, b) == (3, 1):
            assert not care.any()
        else:
            assert care.all()
            assert sum(int(bit) << place for place, bit in enumerate(target)) == a * b


def test_numbers_that_list_all_vectors(tmp_path: Path) -> None:
    """The rule of all input vectors counts the bits of the columns."""
    dataset = read(tmp_path, "a[1:0],b[2:1],c\n0,1,0\n1,0,0\n2,3,1\n3,2,1\n")
    assert ports(dataset) == "a:2 -> b:2 c:1"


def test_analog_inputs(tmp_path: Path) -> None:
    """A decimal point among the inputs makes them analog."""
    dataset = read(tmp_path, "a,b,y\n0,0.25,1\n1,1e-2,0\n")
    assert dataset.input_kind is InputKind.ANALOG
    assert dataset.inputs.tolist() == np.array([[0, 0.25], [1, 0.01]], np.float32).tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n0,1,1\n0,1\n", ":3: expected 3 fields as in line 1, got 2"),
        ("a,b,y\n0,1,1,1\n", ":2: expected 3 fields as in line 1, got 4"),
        ("a,b,y\n0,2,1\n", ":2: column 'b': expected 0, 1 or -, got '2'"),
        ("a,b,y\n0,1,1\n0,0,no\n", ":3: column 'y': expected 0, 1 or -, got 'no'"),
        ("a,b,y\n0,,1\n", ":2: column 'b': expected 0, 1 or -, got ''"),
        ("0,1,abc\n", ":1: column 'y': expected 0, 1 or -, got 'abc'"),
        ("a,y\nnan,1\n0,0\n", ":2: column 'a': expected a number from 0 to 1, got 'nan'"),
        ("a,y\n0.5,1\n1.5,0\n", ":3: column 'a': expected a number from 0 to 1, got '1.5'"),
        ("a,y\n0.5,1\n-,0\n", ":3: column 'a': expected a number from 0 to 1, got '-'"),
        ("a,y\n0,0.5\n", ":2: column 'y': expected 0, 1 or -, got '0.5'"),
        ("a[1:0],y\n4,1\n", r":2: column 'a\[1:0\]': expected a number below 4, got '4'"),
        ("a[1:0],y\n-1,1\n", ":2: .* got '-1'"),
        ("a[0:1],y\n1,1\n", r":1: expected name\[msb:lsb\] of at most 62 bits, got 'a\[0:1\]'"),
        ("a[99:0],y\n1,1\n", ":1: expected name"),
        ("a,a,y\n0,1,1\n", ":1: the column name 'a' is used twice"),
        ("a[0],a[1:0],y\n0,1,1\n", r":1: the column name 'a\[0\]' is used twice"),
        ("a,b,y\n", ":1: expected rows of values after the header, got none"),
        ("a\n0\n", ":1: expected values separated by commas, semicolons or tabs"),
        ("a,\n0,\n", ":1: expected at least one input and one output column"),
        ("in:a,in:b\n0,1\n", ":1: the marks in: and out: leave no output column"),
        ("out:a,out:b\n0,1\n", ":1: the marks in: and out: leave no input column"),
        ("in:a,b,out:c\n0,1,1\n", ":1: some columns are marked in: and some out:, but 'b' is not"),
        ("a,b,y\n0,1,1\n1,1,0\n0,1,0\n", ":4: contradicts line 2: .* output y is 1 there and 0"),
        ("a,b,y\n0,1,1\n0,-,0\n", ":3: contradicts line 2"),
        ('a,b,y\n0,"1,1\n', "no table: "),
        (",".join(["-"] * 21 + ["1"]) + "\n", "expand to 2097152 input vectors; at most 1048576"),
        ("# only\n# comments, here\n", "expected values separated"),
        (f"{'0' * 200_000},1\n", ":1: no table: field larger"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    """Every fault is one line that names the file, the line and what was expected."""
    with pytest.raises(DataError, match=message) as caught:
        require_bits(read(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "a.csv"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (0, "expected 1 to 2 output columns of 3 columns, got 0"),
        (3, "expected 1 to 2 output columns of 3 columns, got 3"),
        (["z"], "no column 'z'; columns are: a, b, c"),
        (["a", "b", "c"], "not all"),
        ([], "expected some of the columns"),
    ],
)
def test_outputs_that_do_not_fit(tmp_path: Path, outputs: object, message: str) -> None:
    """What the caller says is checked against the table."""
    with pytest.raises(UsageError, match=message):
        read(tmp_path, "a,b,c\n0,1,1\n", outputs=outputs)


def test_outputs_cannot_be_named_without_a_header(tmp_path: Path) -> None:
    """Without a header there are no names."""
    with pytest.raises(UsageError, match="named only if the file has a header"):
        read(tmp_path, "0,1,1\n", outputs=["y"])


def test_analog_inputs_of_zeros_and_ones_stay_analog(tmp_path: Path) -> None:
    """Written 0.0 and 1.0, they read back as what they were."""
    values = np.array([[0.0], [1.0]], dtype=np.float32)
    dataset = Dataset(
        "t", "t", values, values, (Port("a", 1),), (Port("y", 1),), input_kind=InputKind.ANALOG
    )
    save(dataset, tmp_path / "a.csv")
    assert load(tmp_path / "a.csv").content_hash == dataset.content_hash


def test_a_bus_that_does_not_begin_at_zero(tmp_path: Path) -> None:
    """A column of numbers is a bus of its own bits; two columns of one bus are its bits."""
    dataset = read(tmp_path, "in:a[7:6],in:b,out:y[3:2],out:y[1:0]\n1,0,2,1\n2,1,0,3\n")
    assert dataset.input_ports == (Port("a", 2, low=6), Port("b", 1))
    assert dataset.output_ports == (Port("y", 4),)
    assert dataset.inputs.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert dataset.targets.tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    save(dataset, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().startswith("in:a[6],in:a[7],in:b,out:y[0],")
    beside = read(tmp_path, "in:a[7:6],in:a[5],out:y\n1,0,1\n2,1,0\n")
    assert [port.name for port in beside.input_ports] == ["a[6]", "a[7]", "a[5]"]


XOR = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\na;b;y\r\n0;0;0\r\n0;1;1\r\n1;0;1\r\n1;1;0\r\n",
        '"sep=|"\na|b|y\n0|0|0\n0|1|1\n1|0|1\n1|1|0\n',
        "a;b;y;;\n0;0;0;;\n0;1;1;;\n1;0;1;;\n1;1;0;;\n;;;;\n;;;;\n",
        ",,,,\n,a,b,y,\n,0,0,0,\n,,,,\n,0,1,1,\n,1,0,1,\n,1,1,0,\n",
        "a,b,y\n0,0,0,\n0,1,1\n1,0,1,,\n1,1,0\n",
        "a,b,y\n0.0,0.0,0.0\n0.0,1.0,1.0\n1.0,0.0,1.0\n1.0,1.0,0.0\n",
        "a,b,y\n0.0,0.0,0\n0.0,1.0,1\n1.0,0.0,1\n1.0,1.0,0\n",
        "a,b,y\nFalse,0,0\nFALSE,1,1.\n1e0,false,TRUE\nTrue,+1,-0.0\n",
        "a;b;y\n0,0;0;0,0\n0;1,000e+00;1\n1;0;1,0\n1;1;0\n",
        "# a,b,y\n0.000e+00,0.000e+00,0.000e+00\n0e0,1e0,1e0\n1e0,0e0,1e0\n1e0,1e0,0e0\n",
        "# made by hand\n# a b y\n0.0e+00 0.0e+00 0.0e+00\n 0 1  1\n1 0 1\n1 1 0\n",
        ",a,b,y\n0,0,0,0\n1,0,1,1\n2,1,0,1\n3,1,1,0\n",
        "Unnamed: 0,a,b,y\n0,0,0,0\n1,0,1,1\n2,1,0,1\n3,1,1,0\n",
        "index,a,b,y\n1,0,0,0\n2,0,1,1\n3,1,0,1\n4,1,1,0\n",
        '"a" "b" "y"\n"1" 0 0 0\n"2" 0 1 1\n"3" 1 0 1\n"4" 1 1 0\n',
        '"a","b","y"\n"1",0,0,0\n"2",0,1,1\n"3",1,0,1\n"4",1,1,0\n',
        "a,b,y\n-1,-1,-1\n-1,1,1\n1,-1,1\n1,1,-1\n",
        "a,b,y\n-1.0,-1.0,0\n-1.0,1.0,1\n1.0,-1.0,1\n1.0,1.0,0\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_as_spreadsheets_and_libraries_write_it(tmp_path: Path, text: str, encoding: str) -> None:
    """One function in the layouts of Excel, pandas and NumPy."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    dataset = load(path)
    assert ports(dataset) == "a:1 b:1 -> y:1"
    assert dataset.input_kind is InputKind.BOOLEAN
    found = zip(dataset.inputs.tolist(), dataset.targets[:, 0].tolist(), strict=True)
    assert {tuple(inputs): target for inputs, target in found} == XOR
    assert dataset.care_mask.all()


def test_what_is_changed_is_noted(tmp_path: Path) -> None:
    """A column that is dropped, signs that become bits."""
    notices = read(tmp_path, "Unnamed: 0,a,b,y\n0,-1,1,-1\n1,1,1,1\n").notices
    assert notices[0] == "Unnamed: 0 contains row numbers and is ignored"
    assert notices[2:] == ("inputs: -1 is read as 0", "outputs: -1 is read as 0")


@pytest.mark.parametrize("mark", ["NA", "N/A", "#N/A", "<NA>"])
def test_a_missing_output_does_not_matter(tmp_path: Path, mark: str) -> None:
    """In bits, in numbers and among words, where it is no class; as an input it is no bit."""
    dataset = read(tmp_path, f'"a","b","y"\nTRUE,FALSE,{mark}\nTRUE,TRUE,TRUE\n')
    assert dataset.care_mask[:, 0].tolist() == [False, True]
    assert dataset.notices[-1] == f"outputs: '{mark}', 1 time, is read as a don't-care"
    words = read(tmp_path, f"a,b,class\n0,0,no\n0,1,{mark}\n1,0,yes\n1,1,{mark}\n")
    assert ports(words) == "a:1 b:1 -> class:1"
    assert words.care_mask[:, 0].tolist() == [True, False, True, False]
    assert "2 times" in words.notices[-1]
    numbers = read(tmp_path, f"a,b,class\n0,0,3\n0,1,{mark}\n1,0,4\n1,1,5\n")
    assert numbers.care_mask.all(axis=1).tolist() == [True, False, True, True]
    with pytest.raises(DataError, match=r":3: column 'b': expected 0, 1 or -"):
        require_bits(read(tmp_path, f"a,b,y\n0,1,1\n0,{mark},1\n"))


@pytest.mark.parametrize(
    "cells",
    [("0001", "0010", "0011", "1010"), ("0x1", "0X2", "0b11", "0xa"), ("1", "2", "3", "10")],
)
def test_ways_to_write_numbers(tmp_path: Path, cells: tuple[str, ...]) -> None:
    """Of one binary digit a bit, hexadecimal, decimal; ``0010`` of four bits is never ten."""
    text = "in:d[3:0],out:y[3:0]\n" + "".join(f"{cell},{cell}\n" for cell in cells)
    dataset = read(tmp_path, text)
    assert (dataset.inputs @ [1, 2, 4, 8]).tolist() == [1, 2, 3, 10]
    assert (dataset.targets @ [1, 2, 4, 8]).tolist() == [1, 2, 3, 10]
    binary = "d[3:0]: 4 digits of 0 and 1 each, read as binary numbers"
    assert (binary in dataset.notices) == (cells[0] == "0001")


def test_binary_digits_of_another_width_are_decimal(tmp_path: Path) -> None:
    """Unless the digits are as many as the bits, and all are 0 and 1."""
    for cells, found in ((("10", "11"), [10, 11]), (("0010", "0002"), [10, 2])):
        dataset = read(tmp_path, f"in:d[3:0],out:y\n{cells[0]},1\n{cells[1]},0\n")
        assert (dataset.inputs @ [1, 2, 4, 8]).tolist() == found


def test_windows_1252(tmp_path: Path) -> None:
    """What Excel saves as CSV without UTF-8; random bytes are still refused."""
    path = tmp_path / "a.csv"
    path.write_bytes("Größe;b;Güte\n0;1;gut\n1;0;mäßig\n0;0;gut\n".encode("cp1252"))
    dataset = load(path)
    assert [port.name for port in dataset.input_ports] == ["Größe", "b"]
    assert dataset.notices[0] == "the text is not UTF-8 and is read as Windows-1252"
    assert dataset.notices[-1] == "Güte: 2 classes, 0 = 'gut', 1 = 'mäßig'"
    path.write_bytes(b"a,b\n0,\x81\n")
    with pytest.raises(DataError, match=":2: expected UTF-8 text, got the byte 0x81"):
        load(path)


def test_decimal_commas(tmp_path: Path) -> None:
    """Where something else separates, with a header and without."""
    for text in ("u;v;y\n0,25;0,5;0\n0,75;0,5;1\n", "0,25\t0,5\t0\n0,75\t0,5\t1\n"):
        dataset = read(tmp_path, text)
        assert dataset.input_kind is InputKind.ANALOG
        assert dataset.inputs.tolist() == [[0.25, 0.5], [0.75, 0.5]]


@pytest.mark.parametrize(
    ("labels", "codes", "note"),
    [
        ("0 1 2", [0, 1, 2], "label: 3 classes, 0 = 0, 1 = 1, 2 = 2"),
        ("3.0 1.0 2.0", [2, 0, 1], "label: 3 classes, 0 = 1, 1 = 2, 2 = 3"),
        ("red blue green", [2, 0, 1], "label: 3 classes, 0 = 'blue', 1 = 'green', 2 = 'red'"),
    ],
)
def test_classes(tmp_path: Path, labels: str, codes: list[int], note: str) -> None:
    """A single output of whole numbers or words: one-hot rows, as .dat files have them."""
    rows = [f"0.{place}2,{place % 2},{label}\n" for place, label in enumerate(labels.split())]
    dataset = read(tmp_path, f"u,v,label\n{''.join(rows)}")
    assert dataset.output_kind is OutputKind.LABEL
    assert ports(dataset) == "u:1 v:1 -> label:3"
    assert dataset.targets.argmax(axis=1).tolist() == codes
    assert dataset.notices[-1] == note


def test_two_classes_are_a_bit(tmp_path: Path) -> None:
    """And a label that is not there does not matter."""
    dataset = read(tmp_path, "a,b,class\n0,0,no\n0,1,yes\n1,0,\n")
    assert ports(dataset) == "a:1 b:1 -> class:1"
    assert dataset.targets[:, 0].tolist()[:2] == [0, 1]
    assert dataset.care_mask[:, 0].tolist() == [True, True, False]
    assert dataset.notices[-1] == "class: 2 classes, 0 = 'no', 1 = 'yes'"
    dataset = read(tmp_path, "a,b,class\n0,0,2\n0,1,1\n1,0,\n1,1,3\n")
    assert dataset.care_mask.all(axis=1).tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n0,1,1\n1,1,nan\n", ":3: column 'y': expected 0, 1 or -, got 'nan'"),
        ("a,b,y\n0.5,1,1\n,1,0\n", ":3: column 'a': expected a number from 0 to 1, got ''"),
        ("a,b,y\n0,1,0\n1,1,17\n", ":3: column 'y': expected 0, 1 or -, or 2 to 1000 classes"),
        ("a,b,y\n0,1,yes\n1,1,1\n", ":2: column 'y': expected 0, 1 or -, got 'yes'"),
        ("a,b,y\n0,1,0\n-1,1,1\n", ":3: column 'a': expected 0, 1 or -, got '-1'"),
        ("a,b,y,z\n0,1,0,5\n1,1,1,6\n", ":2: column 'z': expected 0, 1 or -, got '5'"),
        ("a,b\n0,1,,7\n0,0\n", ":2: expected 2 fields as in line 1, got 4"),
    ],
)
def test_what_is_still_refused(tmp_path: Path, text: str, message: str) -> None:
    """What may be a slip is not guessed at where bits are needed."""
    with pytest.raises(DataError, match=message):
        require_bits(read(tmp_path, text))


def test_thousands_of_columns(tmp_path: Path) -> None:
    """As gene expressions have them."""
    names = ",".join(f"g{place}" for place in range(5000))
    rows = "".join(",".join(["0.5", "1"] * 2500) + f",{y}\n" for y in ("a", "a"))
    rows += ",".join(["0.25", "1"] * 2500) + ",b\n"
    dataset = read(tmp_path, f"{names},label\n{rows}")
    assert dataset.inputs.shape == (3, 5000)
    assert dataset.targets[:, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_of_drawn_rows_are_ignored(tmp_path, name):
    """What pandas writes of a part of a table has the numbers of its rows, in any order."""
    path = tmp_path / "part.csv"
    path.write_text(f"{name},a,b,y\n17,0,1,1\n4,1,0,0\n121,1,1,1\n", encoding="utf-8")
    dataset = load(path)
    assert [port.name for port in dataset.input_ports] == ["a", "b"]
    assert "row numbers" in dataset.notices[0]
