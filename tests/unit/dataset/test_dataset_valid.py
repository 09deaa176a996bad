"""Patterns held out are brought to the columns of the training data."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.patterns import matched
from btfsynth.errors import UsageError
from btfsynth.ports import Port, bit_names

INPUTS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 1]])
TARGETS = np.array([[1, 0], [0, 0], [0, 1]])


def make(inputs=("a", "b", "c"), outputs=("y", "z"), care=None):
    """Return three patterns; port names are those of single bits."""
    return Dataset(
        "f",
        "f.csv",
        INPUTS[:, : len(inputs)],
        TARGETS[:, : len(outputs)],
        tuple(Port(name, 1) for name in inputs),
        tuple(Port(name, 1) for name in outputs),
        care=care,
    )


def test_columns_go_by_their_names():
    """The same names in another order: columns, care and ports are moved, and a notice says so."""
    care = np.array([[1, 0], [1, 1], [1, 1]], dtype=bool)
    valid = make(("c", "a", "b"), ("z", "y"), care)
    found = matched(valid, make())
    assert bit_names(found.input_ports) == ["a", "b", "c"]
    assert bit_names(found.output_ports) == ["y", "z"]
    np.testing.assert_array_equal(found.inputs, INPUTS[:, [1, 2, 0]])
    np.testing.assert_array_equal(found.targets, TARGETS[:, [1, 0]])
    np.testing.assert_array_equal(found.care_mask, care[:, [1, 0]])
    assert found.notices == (
        "f.csv: inputs and outputs are in another order than in f.csv; matched by name",
    )


def test_bits_of_buses_go_by_their_names():
    """A bus that comes second in one file and first in the other."""
    wide = Dataset(
        "f", "f.csv", INPUTS, TARGETS, (Port("a", 2), Port("b", 1)), (Port("y", 1), Port("z", 1))
    )
    swapped = Dataset(
        "f", "g.csv", INPUTS, TARGETS, (Port("b", 1), Port("a", 2)), (Port("y", 1), Port("z", 1))
    )
    found = matched(swapped, wide)
    assert found.input_ports == wide.input_ports
    np.testing.assert_array_equal(found.inputs, INPUTS[:, [1, 2, 0]])


@pytest.mark.parametrize("inputs", [("a", "b", "c"), ("x0", "x1", "x2"), ("a", "b", "d")])
def test_other_names_go_by_their_places(inputs):
    """Names that are the same, or that say nothing, leave all as it is."""
    valid = make(inputs)
    assert matched(valid, make()) is valid


@pytest.mark.parametrize(
    ("valid", "words"),
    [
        (make(("a", "b")), "expected 3 inputs, as f.csv has, got the 2 of f.csv"),
        (make(outputs=("y",)), "expected 2 outputs, as f.csv has, got the 1 of f.csv"),
        (make(care=np.zeros((3, 2), dtype=bool)), "nothing to measure"),
    ],
)
def test_what_cannot_be_measured_is_refused(valid, words):
    """Other numbers of columns, and targets of which none matters."""
    with pytest.raises(UsageError, match=words):
        matched(valid, make())
