"""The dat format: its types, its labels, and everything that can be wrong in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.load import load, save
from btfsynth.errors import DataError, UsageError
from btfsynth.ports import Port


def read(tmp_path: Path, text: str) -> Dataset:
    path = tmp_path / "a.dat"
    path.write_text(text)
    return load(path)


def test_boolean_in_free_layout(tmp_path: Path) -> None:
    """White space means nothing."""
    dataset = read(tmp_path, "2 2\n 3 2 2\n\n0 1 1\t1 0   1 1\n1\n0 0")
    assert dataset.inputs.tolist() == [[0, 1, 1], [1, 1, 1]]
    assert dataset.targets.tolist() == [[1, 0], [0, 0]]
    assert dataset.input_kind is InputKind.BOOLEAN
    assert dataset.output_kind is OutputKind.BOOLEAN
    assert (dataset.input_ports, dataset.output_ports) == ((Port("x", 3),), (Port("y", 2),))


def test_two_one_is_one_bit_and_not_a_label(tmp_path: Path) -> None:
    """Outputs '2 1' are one Boolean output."""
    dataset = read(tmp_path, "2\n2 1\n2 1\n0 1\n1 0\n")
    assert dataset.targets.tolist() == [[1], [0]]
    assert dataset.output_kind is OutputKind.BOOLEAN


def test_labels_become_one_hot_rows(tmp_path: Path) -> None:
    """Outputs 'C 1' are a class from 0 to C-1."""
    dataset = read(tmp_path, "3\n2 2\n3 1\n0 0 2\n0 1 0\n1 1 1\n")
    assert dataset.targets.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert dataset.output_kind is OutputKind.LABEL


def test_analog_inputs(tmp_path: Path) -> None:
    """Inputs of type 0 are numbers from 0 to 1."""
    dataset = read(tmp_path, "2\n0 2\n2 1\n0.25 1 1\n0 1e-3 0\n")
    assert dataset.inputs.tolist() == np.array([[0.25, 1], [0, 1e-3]], dtype=np.float32).tolist()
    assert dataset.input_kind is InputKind.ANALOG


def test_one_hot_inputs_given_as_bits(tmp_path: Path) -> None:
    """Inputs of type 1 are bits."""
    dataset = read(tmp_path, "2\n1 3\n2 1\n0 1 0 1\n1 0 0 0\n")
    assert dataset.inputs.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert dataset.input_kind is InputKind.BOOLEAN


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(1, InputKind.ONE_HOT_GENERATOR), (2, InputKind.HYPERCUBE_GENERATOR)],
)
def test_generators(tmp_path: Path, kind: int, expected: InputKind) -> None:
    """No inputs: the patterns are outputs only, and may repeat or differ."""
    dataset = read(tmp_path, f"3\n{kind} 0\n2 2\n0 1\n1 1\n0 1\n")
    assert dataset.input_kind is expected
    assert dataset.inputs.shape == (3, 0)
    assert dataset.targets.tolist() == [[0, 1], [1, 1], [0, 1]]
    save(dataset, tmp_path / "b.dat")
    assert load(tmp_path / "b.dat").content_hash == dataset.content_hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4\n2 2\n2", ":3: expected the number of outputs, got the end of the file"),
        ("x\n2 2\n2 1\n", ":1: expected the number of patterns, got 'x'"),
        ("-4\n2 2\n2 1\n", ":1: expected the number of patterns, got '-4'"),
        ("4.0\n2 2\n2 1\n", ":1: expected the number of patterns, got '4.0'"),
        ("1" * 5000, ":1: expected the number of patterns, got '1111"),
        ("0\n2 2\n2 1\n", ":1: expected at least one pattern, got 0"),
        ("1\n3 2\n2 1\n0 0 0", ":2: expected input type 0 .* 1 .* or 2 .*, got 3"),
        ("1\n0 0\n2 1\n0", ":2: expected at least one input of type 0, got 0"),
        ("1\n2 2\n0 1\n0 0 0", ":3: expected output type 2 .* got 0"),
        ("1\n2 2\n2 0\n0 0", ":3: expected at least one output, got 0"),
        ("1\n2 2\n3 2\n0 0 0 0", ":3: expected outputs '2 n' .* or 'C 1' .* got '3 2'"),
        (
            "4\n2 2\n2 1\n0 0 0\n1 0 0\n0 1 0\n1 1\n",
            r":7: expected 12 values for 4 patterns of 2 inputs and 1 output, got 11",
        ),
        (
            "1\n2 1\n2 2\n0 0 0\n1\n",
            r":5: expected 3 values for 1 pattern of 1 input and 2 outputs, got 4",
        ),
        ("1000000000000\n2 2\n2 1\n0 0 0\n", "expected 3000000000000 values for .* got 3"),
        ("1\n2 999999999999\n2 1\n0 0\n", "expected 1000000000000 values for 1 pattern .* got 2"),
        ("1\n2 1\n1000000000000 1\n0 0\n", ":3: 1 pattern of 1000000000000 classes are more than"),
        ("2\n2 1\n2 1\n0 1\n2 0\n", ":5: pattern 2, input 1: expected 0 or 1, got '2'"),
        ("2\n2 1\n2 2\n0 1 1\n1 0\nx\n", ":6: pattern 2, output 2: expected 0 or 1, got 'x'"),
        ("1\n2 1\n2 1\n0 " + "1" * 99, ":4: expected a number, got '1111"),
        (
            "1\n0 1\n2 1\nnan 1\n",
            ":4: pattern 1, input 1: expected a number from 0 to 1, got 'nan'",
        ),
        ("1\n0 1\n2 1\n1.5 1\n", ":4: .* expected a number from 0 to 1, got '1.5'"),
        ("2\n0 1\n2 1\n0.5 1\nhalf 1\n", ":5: pattern 2, input 1: .* got 'half'"),
        ("1\n2 1\n3 1\n0 3\n", ":4: pattern 1, its class: expected a label from 0 to 2, got '3'"),
        ("1\n2 1\n3 1\n0 -1\n", ":4: .* expected a label from 0 to 2, got '-1'"),
        ("2\n1 3\n2 1\n0 1 0 1\n1 1 0 0\n", ":5: pattern 2: expected exactly one 1 .* got 2"),
        ("2\n2 1\n2 1\n0 1\n0 0\n", ":5: contradicts line 4: the same inputs, but output y is 1"),
        ("2\n0 1\n2 1\n.5 1\n0.5 0\n", ":5: contradicts line 4"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    """Every fault is one line that names the file, the line and what was expected."""
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "a.dat"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_labels_are_written_as_labels(tmp_path: Path) -> None:
    """A label stays a label, and the text is what the format says."""
    text = "3\n2 2\n3 1\n0 0 2\n0 1 0\n1 1 1\n"
    dataset = read(tmp_path, text)
    save(dataset, tmp_path / "b.dat")
    assert (tmp_path / "b.dat").read_text() == text


def test_two_classes_are_written_as_two_bits(tmp_path: Path) -> None:
    """'2 1' would be one bit."""
    rows = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    dataset = Dataset(
        "t", "t", rows, rows, (Port("x", 2),), (Port("y", 2),), output_kind=OutputKind.LABEL
    )
    save(dataset, tmp_path / "a.dat")
    assert load(tmp_path / "a.dat").targets.tolist() == rows.tolist()


def test_dont_cares_cannot_be_written(tmp_path: Path) -> None:
    """The format has no don't-care."""
    bits = np.array([[0], [1]], dtype=np.uint8)
    ports = (Port("x", 1),), (Port("y", 1),)
    dataset = Dataset("t", "t", bits, bits, *ports, care=np.array([[True], [False]]))
    with pytest.raises(UsageError, match="cannot hold don't-care outputs"):
        save(dataset, tmp_path / "a.dat")
