"""What a netlist is held against."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, count_wrong, function_reference, unpack_bits
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve


def and_netlist(inputs: int = 2) -> Netlist:
    return Netlist(
        "and",
        (Port("x", inputs),),
        (Port("y", 1),),
        np.array([[0, 2, 4]]),
        np.array([2 + 2 * inputs]),
    )


def test_the_patterns_as_a_reference() -> None:
    """Inputs and targets are those of the patterns, care is the mask, nothing is past the end."""
    dataset = Dataset(
        name="t",
        source="t",
        inputs=np.array([[0, 0], [1, 0], [1, 1]]),
        targets=np.array([[0, 1], [1, 1], [1, 0]]),
        care=np.array([[1, 0], [0, 1], [1, 1]]),
        input_ports=(Port("x", 2),),
        output_ports=(Port("y", 2),),
    )
    reference = care_reference(dataset)
    assert reference.preserve is Preserve.CARE
    assert (reference.vectors, reference.complete) == (3, True)
    assert unpack_bits(reference.inputs, 3).tolist() == [[0, 0], [1, 0], [1, 1]]
    assert unpack_bits(reference.targets, 3).tolist() == [[0, 1], [1, 1], [1, 0]]
    assert unpack_bits(reference.care, 64).tolist() == [[1, 0], [0, 1], [1, 1]] + [[0, 0]] * 61
    assert reference.proof == "all 3 patterns"


def test_a_small_function_is_listed_on_every_vector() -> None:
    """All vectors in counting order, with the function's outputs."""
    reference = function_reference(lambda x: x[:, :1] & x[:, 1:], 2)
    assert (reference.vectors, reference.complete) == (4, True)
    assert reference.preserve is Preserve.NETWORK
    assert unpack_bits(reference.targets, 4)[:, 0].tolist() == [0, 0, 0, 1]
    assert reference.care.tolist() == [[0b1111]]
    assert reference.proof == "all 4 input vectors"


def test_a_function_without_inputs() -> None:
    """A constant has one vector."""
    reference = function_reference(lambda x: np.ones((len(x), 1), dtype=np.uint8), 0)
    constant = Netlist("c", (), (Port("y", 1),), np.zeros((0, 3), dtype=np.int32), np.array([1]))
    assert (reference.vectors, count_wrong(constant, reference)) == (1, 0)


@pytest.mark.parametrize(("n_inputs", "complete"), [(16, True), (17, False)])
def test_sixteen_inputs_are_the_most_that_are_listed(n_inputs: int, complete: bool) -> None:
    """Beyond, the vectors are a sample and more is to be proven."""
    reference = function_reference(lambda x: x[:, :1], n_inputs)
    assert reference.complete is complete
    assert reference.vectors == (1 << 16 if complete else 4096)


def test_a_sample_contains_the_vectors_seen_and_is_always_the_same() -> None:
    """The vectors of the data come first, then the same random ones each time."""
    seen = np.array([[1] * 20, [0] * 20], dtype=np.uint8)
    first = function_reference(lambda x: x[:, :2], 20, seen)
    again = function_reference(lambda x: x[:, :2], 20, seen)
    listed = unpack_bits(first.inputs, first.vectors)
    assert listed[:2].tolist() == seen.tolist()
    assert len(np.unique(listed, axis=0)) > 4000
    assert np.array_equal(listed[:, :2], unpack_bits(first.targets, first.vectors))
    assert np.array_equal(first.inputs, again.inputs)
    assert first.proof == "4098 vectors"


def test_wrong_vectors_are_counted_once_and_only_where_they_matter() -> None:
    """A vector with two wrong outputs counts once; a target that does not matter never."""
    dataset = Dataset(
        name="t",
        source="t",
        inputs=np.array([[0, 0], [1, 0], [0, 1], [1, 1]]),
        targets=np.array([[1, 1], [0, 1], [1, 0], [1, 1]]),
        care=np.array([[1, 1], [1, 1], [0, 1], [1, 1]]),
        input_ports=(Port("x", 2),),
        output_ports=(Port("y", 2),),
    )
    netlist = Netlist(
        "t", (Port("x", 2),), (Port("y", 2),), np.array([[0, 2, 4]]), np.array([6, 6])
    )
    assert count_wrong(netlist, care_reference(dataset)) == 2


def test_wrong_vectors_past_the_first_word_count() -> None:
    """All words are looked at, and only the vectors in them."""
    inputs = np.ones((70, 2), dtype=np.uint8)
    targets = np.ones((70, 1), dtype=np.uint8)
    targets[[3, 63, 64, 69]] = 0
    dataset = Dataset("t", "t", inputs, targets, (Port("x", 2),), (Port("y", 1),))
    assert count_wrong(and_netlist(), care_reference(dataset)) == 4
