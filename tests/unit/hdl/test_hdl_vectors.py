"""Vector tables: from data, to a file and back, and files that are not right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import DataError
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port


def dataset(inputs, targets, care=None, kind=InputKind.BOOLEAN):
    """A data set of one input and one output port."""
    inputs, targets = np.array(inputs), np.array(targets)
    ports = (Port("a", inputs.shape[1]),), (Port("p", targets.shape[1]),)
    return Dataset("data", "test", inputs, targets, *ports, care=care, input_kind=kind)


def test_repeated_patterns_are_merged():
    """Patterns with the same inputs give one vector that cares for what any of them cares for."""
    care = np.array([[1, 0], [1, 1], [0, 1]], dtype=bool)
    table = VectorTable.from_dataset(dataset([[1, 1], [0, 1], [1, 1]], [[1, 0]] * 3, care))
    assert table.inputs.tolist() == [[1, 1], [0, 1]]
    assert table.expected.tolist() == [[1, 0], [1, 0]]
    assert table.care.tolist() == [[True, True], [True, True]]
    assert not table.exhaustive


def test_contradiction_is_refused():
    """The same inputs with different targets make no vector."""
    with pytest.raises(DataError, match="pattern 0 and a later one"):
        VectorTable.from_dataset(dataset([[0], [0]], [[0], [1]]))


def test_analog_data_are_refused():
    """Only Boolean inputs can be test vectors."""
    with pytest.raises(DataError, match="Boolean inputs"):
        VectorTable.from_dataset(dataset([[0.5]], [[1]], kind=InputKind.ANALOG))


def test_layout_of_the_file(tmp_path):
    """A line is 1, care, expected and inputs, each most significant bit first."""
    care = np.array([[True, False]])
    table = VectorTable.from_dataset(dataset([[1, 0, 0]], [[1, 1]], care))
    table.write(tmp_path / "v.mem")
    assert (tmp_path / "v.mem").read_text() == "1" + "01" + "01" + "001" + "\n"


@given(st.data(), st.integers(1, 5), st.integers(1, 3), st.integers(1, 9))
def test_round_trip(tmp_path_factory, data, n_inputs, n_outputs, count):
    """What is written is read back."""
    bits = st.integers(0, 1)
    table = VectorTable(
        data.draw(hnp.arrays(np.uint8, (count, n_inputs), elements=bits)),
        data.draw(hnp.arrays(np.uint8, (count, n_outputs), elements=bits)),
        data.draw(hnp.arrays(np.bool_, (count, n_outputs))),
        False,
    )
    path = tmp_path_factory.getbasetemp() / "round_trip.mem"
    table.write(path)
    again = VectorTable.read(path, n_inputs, n_outputs)
    for name in ("inputs", "expected", "care"):
        assert np.array_equal(getattr(again, name), getattr(table, name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1101\n101\n", ":2: expected a vector of 4 bits, got 3"),
        ("1101\n11x1\n", ":2: expected only 0 and 1"),
        ("0101\n", ":1: expected a vector to begin with 1"),
        ("1101\n\n1101\n", ":2: expected a vector of 4 bits, got 0"),
        ("", "empty file"),
    ],
)
def test_bad_files(tmp_path, content, message):
    """A line that is no vector is named."""
    (tmp_path / "v.mem").write_text(content)
    with pytest.raises(DataError, match=message):
        VectorTable.read(tmp_path / "v.mem", 1, 1)


def test_missing_file(tmp_path):
    """A missing file is one clear line."""
    with pytest.raises(DataError, match="cannot be read: No such file"):
        VectorTable.read(tmp_path / "v.mem", 1, 1)
