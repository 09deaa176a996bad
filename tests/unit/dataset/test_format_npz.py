"""NumPy archives, whole, partial, and tampered with."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btfsynth.dataset.code import require_bits
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.load import load, save
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError
from btfsynth.ports import Port

XOR_INPUTS = [[0, 0], [1, 0], [0, 1], [1, 1]]
XOR = [0, 1, 1, 0]


@pytest.mark.parametrize("names", [("inputs", "targets"), ("X", "y")])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, np.bool_])
@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_plain_arrays_suffice(
    tmp_path: Path, names: tuple[str, str], dtype: Any, writer: Any
) -> None:
    """Inputs and targets of any number type, under either pair of names."""
    arrays = {names[0]: np.array(XOR_INPUTS, dtype=dtype), names[1]: np.array(XOR, dtype=dtype)}
    writer(tmp_path / "a.npz", **arrays)
    assert load(tmp_path / "a.npz").content_hash == parse_task("parity:2").content_hash


def test_other_numbers_are_analog_inputs(tmp_path: Path) -> None:
    """Inputs between 0 and 1 are analog without a word."""
    np.savez(tmp_path / "a.npz", X=[[0.5], [1.0]], y=[[0], [1]])
    assert load(tmp_path / "a.npz").input_kind is InputKind.ANALOG


def test_everything_is_kept(tmp_path: Path) -> None:
    """Name, ports, kinds, care and the meaning of what is not listed."""
    (tmp_path / "a.dat").write_text("3\n2 2\n3 1\n0 0 2\n0 1 0\n1 1 1\n")
    (tmp_path / "b.pla").write_text(".i 2\n.o 2\n.ilb a b\n.type fr\n00 1-\n11 -0\n")
    for name in ("a.dat", "b.pla"):
        dataset = load(tmp_path / name)
        save(dataset, tmp_path / "copy.npz")
        copy = load(tmp_path / "copy.npz")
        assert copy.content_hash == dataset.content_hash
        assert copy.name == dataset.name
        assert copy.source == "copy.npz"
        assert copy.unlisted_dont_care == dataset.unlisted_dont_care
        assert copy.output_kind is dataset.output_kind
    assert load(tmp_path / "a.dat").output_kind is OutputKind.LABEL


BAD_ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"inputs": XOR_INPUTS}, "expected an array 'targets' or 'y', got: inputs"),
    ({}, "expected an array 'inputs' or 'X', got: none"),
    ({"X": XOR_INPUTS, "y": XOR[:3]}, "expected as many targets as inputs, got 3 and 4"),
    ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, "expected at least one pattern"),
    ({"X": np.zeros((1, 2, 3)), "y": [1]}, "matrix of numbers, got 3 dimensions"),
    ({"X": [["a", "b"]], "y": [1]}, "expected inputs to be numbers, got text such as 'a'"),
    ({"X": [[1j]], "y": [1]}, "of type complex"),
    ({"X": [[2]], "y": [1]}, "inputs, pattern 1, column 1: expected 0 or 1, got 2"),
    ({"X": [[0], [1]], "y": [1, 256]}, "targets, pattern 2, column 1: expected 0 or 1, .* got 256"),
    ({"X": [[0], [1]], "y": [[1, 1], [0, 2]]}, "pattern 2, column 2: expected 0 or 1, got 2"),
    ({"X": [[0], [1]], "y": [1, 0.5]}, "targets, pattern 2, column 1: expected 0 or 1, got 0.5"),
    ({"X": [[0], [1]], "y": [["a", "b"], ["b", "a"]]}, "got text in 2 columns"),
    ({"X": [[0], [1]], "y": ["a", "a"]}, "one column of 2 to 1000 classes"),
    ({"X": [[0]], "y": np.zeros(1, "V4")}, "expected targets to be a matrix of numbers"),
    ({"X": [[0]], "y": [1], "care": np.zeros((1, 1), "V4")}, "care to be a matrix of 0 and 1"),
    ({"X": [[0]], "y": [1], "care": np.zeros((1, 1), "M8[s]")}, "care to be a matrix of 0 and 1"),
    ({"X": [[0]], "y": [1], "care": [["yes"]]}, "expected care to be a matrix of 0 and 1"),
    (
        {"X": [[0]], "y": [1], "unlisted_dont_care": "no"},
        "expected unlisted_dont_care to be 0 or 1",
    ),
    ({"X": [[0]], "y": np.zeros(1, [("a", "u1")])}, "expected targets to be a matrix of numbers"),
    ({"X": np.zeros((1, 1), "m8[s]"), "y": [1]}, "expected inputs to be a matrix of numbers"),
    ({"X": [[-1.0]], "y": [1], "input_kind": "analog"}, "inputs, pattern 1, column 1"),
    ({"X": [[0], [1]], "y": [1, np.nan]}, "targets, pattern 2, .* got nan"),
    ({"X": [[0.5], [np.nan]], "y": [1, 0]}, "pattern 2, column 1: expected a number from 0 to 1"),
    ({"X": [[0.5], [1.5]], "y": [1, 0]}, "column 1: expected a number from 0 to 1, got 1.5"),
    ({"X": [[0], [0]], "y": [1, 0]}, "patterns 1 and 2 contradict each other"),
    ({"X": [[0]], "y": [1], "care": [[1, 1]]}, r"expected care of shape \(1, 1\), got \(1, 2\)"),
    ({"X": [[0]], "y": [1], "care": [[3]]}, "care, pattern 1, column 1: expected 0 or 1"),
    ({"X": [[0]], "y": [1], "input_kind": "odd"}, "input_kind to be one of: boolean, analog"),
    ({"X": [[0]], "y": [1], "input_port_names": ["a"]}, "one name and one whole-number width"),
    (
        {"X": [[0]], "y": [1], "input_port_names": ["a"], "input_port_widths": [2]},
        "widths that add up to 1, the number of columns, got '2'",
    ),
    (
        {"X": [[0]], "y": [1], "output_port_names": ["a", "b"], "output_port_widths": [2, -1]},
        "output port widths that add up to 1",
    ),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS, ids=[case[1] for case in BAD_ARRAYS])
def test_bad_arrays(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    """Every fault is one line that names the file."""
    path = tmp_path / "a.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    with pytest.raises(DataError, match=message) as caught:
        require_bits(load(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_pickles_are_refused(tmp_path: Path) -> None:
    """An array of objects would run code when read."""
    np.savez(tmp_path / "a.npz", X=np.array([{}, []], dtype=object), y=[0, 1])
    with pytest.raises(DataError, match="an array holds Python objects"):
        load(tmp_path / "a.npz")


def array_with_header(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        array_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**6, 10**6)}"),
        array_with_header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 1)}", b"\0"
        ),
        array_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1)}"),
        array_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2)}", b"\0" * 7),
        array_with_header("{'descr': 'rubbish', 'fortran_order': False, 'shape': (1,)}"),
        array_with_header("((((("),
        array_with_header("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000, 1)}"),
        b"\x93NUMPY\x09\x00\x10\x00",
    ],
)
def test_tampered_arrays(tmp_path: Path, content: bytes) -> None:
    """An array that is not what its header says is refused, huge claims before allocation."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("inputs.npy", content)
        archive.writestr("targets.npy", content)
    with pytest.raises(DataError, match="expected an archive of plain NumPy arrays"):
        load(tmp_path / "a.npz")


def test_every_truncation_and_many_flips_are_refused_or_harmless(tmp_path: Path) -> None:
    """No damage to an archive raises anything but a DataError."""
    save(parse_task("full_adder"), tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    path = tmp_path / "b.npz"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError):
            load(path)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 400):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load(path)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017


def test_an_archive_that_unpacks_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes are added up before anything is unpacked."""
    stream = io.BytesIO()
    np.savez_compressed(stream, X=np.zeros((1 << 16, 64), dtype=np.uint8), y=np.zeros(1 << 16))
    (tmp_path / "a.npz").write_bytes(stream.getvalue())
    monkeypatch.setattr("btfsynth.dataset.formats.npz_file.MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(DataError, match="expected arrays of at most 1 MiB, got 4 MiB"):
        load(tmp_path / "a.npz")


def test_the_archive_carries_no_date(tmp_path: Path) -> None:
    """Every member has the earliest date a zip can hold, so the bytes depend on the data only."""
    save(parse_task("full_adder"), tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.create_system for member in archive.infolist()} == {3}


def test_ranges_are_kept(tmp_path: Path) -> None:
    """Ports whose bits do not count up from 0 come back, and count in the hash; what is wrong is said."""
    ports = (Port("a", 2, low=1, step=-1),), (Port("y", 1),)
    dataset = Dataset("t", "t", np.array(XOR_INPUTS), np.array(XOR).reshape(-1, 1), *ports)
    save(dataset, tmp_path / "a.npz")
    back = load(tmp_path / "a.npz")
    assert back.input_ports == ports[0]
    assert back.content_hash == dataset.content_hash
    plain = Dataset("t", "t", dataset.inputs, dataset.targets, (Port("a", 2),), ports[1])
    assert plain.content_hash != dataset.content_hash
    save(plain, tmp_path / "b.npz")
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    assert "input_port_ranges" in arrays
    with np.load(tmp_path / "b.npz") as archive:
        assert "input_port_ranges" not in archive
    for ranges, said in (
        ([[0, -1]], r"expected bits from 0 to [0-9]+, got \[-1:0\]"),
        ([[0, 2]], "expected bits from 0"),
        ([0], "expected input_port_ranges to be two whole numbers"),
        ([[0.0, 1.0]], "expected input_port_ranges to be two whole numbers"),
    ):
        np.savez(tmp_path / "c.npz", **{**arrays, "input_port_ranges": np.array(ranges)})
        with pytest.raises(DataError, match=said):
            load(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        ([[0, 1], [1, 1], [1, 0]], [0, 1, 1]),
        ([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [0.0, 1.0, 1.0]),
        ([[-1, 1], [1, 1], [1, -1]], [-1, 1, 1]),
        ([[0.5, 1], [1, 1], [1, 0]], [2, 0, 1]),
        ([[0, 1], [1, 1], [1, 0]], [3, 4, 5]),
        ([[0, 1], [1, 1], [1, 0]], ["b", "a", "c"]),
        ([[0, 1], [1, 1], [1, 0]], ["no", "yes", "yes"]),
        ([[0, 1], [1, 1], [1, 0]], [1, 2, 1]),
    ],
)
@pytest.mark.parametrize("form", ["%s", "%.18e"])
def test_the_same_numbers_are_the_same_data(
    tmp_path: Path, inputs: Any, targets: Any, form: str
) -> None:
    """Whether they come from an archive or from a table, however the numbers are written."""
    np.savez(tmp_path / "a.npz", X=np.array(inputs), y=np.array(targets))
    rows = [
        [*(form % value for value in row), target if isinstance(target, str) else form % target]
        for row, target in zip(inputs, targets, strict=True)
    ]
    text = "".join(",".join(map(str, row)) + "\n" for row in [["a", "b", "y"], *rows])
    (tmp_path / "a.csv").write_text(text)
    archive, table = load(tmp_path / "a.npz"), load(tmp_path / "a.csv")
    assert archive.input_kind is table.input_kind
    assert archive.output_kind is table.output_kind
    assert archive.inputs.tolist() == table.inputs.tolist()
    assert archive.targets.tolist() == table.targets.tolist()
    assert bool(archive.care_mask.all()) is bool(table.care_mask.all()) is True


def test_classes_are_named(tmp_path: Path) -> None:
    """In the order of their labels; two of them are a bit."""
    np.savez(tmp_path / "a.npz", X=[[0], [1], [1]], y=["versicolor", "setosa", "setosa"])
    dataset = load(tmp_path / "a.npz")
    assert dataset.targets[:, 0].tolist() == [1, 0, 0]
    assert dataset.notices == ("targets: 2 classes, 0 = 'setosa', 1 = 'versicolor'",)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_damaged_members(tmp_path: Path, method: int) -> None:
    """Whatever packs an array, its damage is one line that quotes little of it."""
    array = io.BytesIO()
    np.save(array, np.zeros((40, 40)))
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("X.npy", array.getvalue())
    data = path.read_bytes()
    for place in range(0, len(data) - 1, 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"a\.npz") as caught:
            load(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < len(str(path)) + 300
