"""Truth tables as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load, save
from btfsynth.dataset.patterns import sample
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError, UsageError
from btfsynth.ports import Port


def read(tmp_path: Path, text: str) -> Dataset:
    path = tmp_path / "a.truth"
    path.write_text(text)
    return load(path)


def test_the_leftmost_character_is_the_highest_pattern(tmp_path: Path) -> None:
    """Of 1000 only the pattern 3, both inputs 1, is 1."""
    dataset = read(tmp_path, "# and, then input 0 itself\n1000\n\n1010  # x[0]\n")
    assert dataset.inputs.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert dataset.targets.tolist() == [[0, 0], [0, 1], [0, 0], [1, 1]]
    assert (dataset.input_ports, dataset.output_ports) == ((Port("x", 2),), (Port("y", 2),))
    assert dataset.exhaustive


@pytest.mark.parametrize("n", [2, 3, 5])
def test_hexadecimal_is_four_patterns_a_digit(tmp_path: Path, n: int) -> None:
    """A hexadecimal line is the number whose bit k is the output at pattern k."""
    number = 0xCAFEBABE & ((1 << (1 << n)) - 1)
    dataset = read(tmp_path, f"0x{number:0{(1 << n) // 4}X}\n")
    assert dataset.n_inputs == n
    assert dataset.targets[:, 0].tolist() == [(number >> k) & 1 for k in range(1 << n)]


def test_dont_care(tmp_path: Path) -> None:
    """A - does not matter."""
    dataset = read(tmp_path, "1-0-\n0110")
    assert dataset.care_mask.tolist() == [[False, True], [True, True], [False, True], [True, True]]
    assert dataset.targets[dataset.care_mask].tolist() == [0, 0, 1, 1, 1, 0]
    save(dataset, tmp_path / "b.tt")
    assert (tmp_path / "b.tt").read_text() == "1-0-\n0110\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0110\n012\n", ":2: expected 0, 1 and - or a hexadecimal number after 0x, got '012'"),
        ("0110\n011\n", ":2: expected 4 patterns as in line 1, got 3"),
        ("# a\n011\n", ":2: expected a power of two of patterns, at least 2, got 3"),
        ("1\n", ":1: expected a power of two of patterns, at least 2, got 1"),
        ("0xfff\n", ":1: expected a power of two of patterns, at least 2, got 12"),
        ("0x\n", ":1: expected 0, 1 and -"),
        ("0xg1\n", ":1: expected 0, 1 and -"),
        ("# nothing\n", "expected one line of 0 and 1 per output, got none"),
        ("0x" + "0" * (1 << 19), ":1: expected a table of at most 20 inputs, got 21"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    """Every fault is one line that names the file, the line and what was expected."""
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "a.truth"))


def test_written_from_patterns_in_any_order(tmp_path: Path) -> None:
    """The order of the patterns does not matter to a table."""
    save(sample(parse_task("majority:3"), 8, 5), tmp_path / "a.tt")
    assert (tmp_path / "a.tt").read_text() == "11101000\n"


def test_a_part_of_the_patterns_is_no_table(tmp_path: Path) -> None:
    """Missing vectors are counted."""
    with pytest.raises(UsageError, match="needs all 8 input vectors, 5 are listed"):
        save(sample(parse_task("majority:3"), 5, 5), tmp_path / "a.tt")
