"""The search for replacements against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.passes.replacement import Search, State, find_replacement

WORD = st.integers(0, 255)


def majority(a: int, b: int, c: int) -> int:
    return (a & b) | (c & (a | b))


def search(signals: list[int], wanted: int, matters: int, k: int) -> tuple[int, ...]:
    """Search for a cell whose own fan-in, three cells used by nothing else, frees three cells."""
    first = 1 + len(signals)
    node = first + 3
    fanins = np.zeros((node + 1, 3), dtype=np.int32)
    for cell in range(first, node):
        fanins[cell] = [2, 4, 6]
    fanins[node] = [2 * first, 2 * first + 2, 2 * first + 4]
    references = np.full(node + 1, 9, dtype=np.int32)
    references[first:node] = 1
    values = np.zeros((node + 1, 1), dtype=np.uint64)
    values[1:first, 0] = signals
    values[node, 0] = wanted
    care = np.full((1, 1), 255, dtype=np.uint64)
    rows = 2 * first
    work = Search(
        np.arange(first, dtype=np.int32),
        np.array([matters], dtype=np.uint64),
        np.zeros(2 * len(fanins) + 8, dtype=np.int32),
        np.zeros((rows, 1), dtype=np.uint64),
        np.zeros((rows, 1), dtype=np.uint64),
        np.zeros(node + 1, dtype=np.uint8),
        np.zeros(node + 1, dtype=np.int32),
        2,
    )
    before = fanins.copy(), references.copy()
    state = State(fanins, np.array([2 * node], dtype=np.int32), references, values, care, first)
    random = np.array([1], dtype=np.uint64)
    found = find_replacement(state, node, (k, False, 10**6, False), work, random)
    assert np.array_equal(fanins, before[0])
    assert np.array_equal(references, before[1])
    assert not work.inside.any()
    return tuple(int(value) for value in found)


def fewest_cells(signals: list[int], wanted: int, matters: int) -> int | None:
    """Return how many new cells are needed, 0 to 2, by trying everything; None if more."""
    literals = [0, 255, *signals, *(255 - signal for signal in signals)]
    if any((literal ^ wanted) & matters == 0 for literal in literals):
        return 0
    cells = {majority(*three) for three in itertools.combinations(literals, 3)}
    if any((cell ^ wanted) & matters == 0 for cell in cells):
        return 1
    for a, b in itertools.combinations(literals, 2):
        if any((majority(a, b, cell) ^ wanted) & matters == 0 for cell in cells):
            return 2
    return None


@pytest.mark.parametrize("k", [0, 1, 2])
@given(signals=st.lists(WORD, min_size=3, max_size=5), wanted=WORD, matters=st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_as_few_cells_as_there_can_be(
    k: int, signals: list[int], wanted: int, matters: int
) -> None:
    """A replacement is found if there is one, it is right, and no smaller one exists."""
    gain, *literals = search(signals, wanted, matters, k)
    fewest = fewest_cells(signals, wanted, matters)
    if fewest is None or fewest > k:
        assert gain == -1
        return
    assert gain == 4 - fewest

    def value(literal: int) -> int:
        plain = [0, *signals][literal >> 1]
        return 255 - plain if literal & 1 else plain

    a, b, c, d, e = literals
    if fewest == 0:
        found = value(a)
    elif fewest == 1:
        found = majority(value(a), value(b), value(c))
    else:
        found = majority(value(a), value(b), majority(value(c), value(d), value(e)))
    assert (found ^ wanted) & matters == 0
