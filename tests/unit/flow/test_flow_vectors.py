"""What hardware of many inputs is simulated on beside the patterns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.flow.patterns import corner_vectors, function_vectors


def parity(vectors: np.ndarray) -> np.ndarray:
    """Exclusive or, as a function of one output."""
    return (vectors.sum(axis=1, keepdims=True) & 1).astype(np.uint8)


def rows(vectors: np.ndarray) -> set[bytes]:
    """The vectors, to be looked up."""
    return {row.tobytes() for row in np.ascontiguousarray(vectors)}


def test_every_corner_of_few_inputs() -> None:
    """All zeros, all ones, a walking 1 and a walking 0, in this order."""
    found = ["".join(map(str, row)) for row in corner_vectors(4, 100)]
    ones = ["1000", "0100", "0010", "0001"]
    zeros = ["0111", "1011", "1101", "1110"]
    assert found == ["0000", "1111", *ones, *zeros]


@given(st.integers(3, 400), st.integers(4, 900))
def test_corners_are_bounded_and_differ(n_inputs: int, most: int) -> None:
    """Not more than asked for, none twice, the first and the last input among them if there is room."""
    found = corner_vectors(n_inputs, most)
    assert len(found) <= most
    assert len(rows(found)) == len(found)
    assert found[:2].sum(axis=1).tolist() == [0, n_inputs]
    walking = found[2 : 2 + (len(found) - 2) // 2]
    assert (walking.sum(axis=1) == 1).all()
    assert np.array_equal(found[2 + len(walking) :], 1 - walking)
    if most >= 6:
        assert walking[0, 0] == walking[-1, -1] == 1


def test_wide_functions_are_simulated_at_their_corners() -> None:
    """Patterns first, then all corners and as many random vectors, each once, with the function's value."""
    seen = np.stack([np.zeros(20), np.arange(20) < 7]).astype(np.uint8)
    table = function_vectors(parity, 20, seen, sample=100)
    assert np.array_equal(table.inputs[:2], seen)
    assert rows(corner_vectors(20, 100)) <= rows(table.inputs)
    assert table.count == len(rows(table.inputs)) == 2 + 41 + 100
    assert not table.exhaustive
    assert np.array_equal(table.expected, parity(table.inputs))


@pytest.mark.parametrize("n_inputs", [1, 2, 12])
def test_few_inputs_are_simulated_on_all_vectors(n_inputs: int) -> None:
    """Corners are among them already."""
    table = function_vectors(parity, n_inputs)
    assert table.exhaustive
    assert table.count == 1 << n_inputs
