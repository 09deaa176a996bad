"""The exact search for a few new cells, and signals that determine an output, against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from btfsynth.discovery.signals import NEW, find_expression, find_supports

WORD = st.integers(0, 255)


def majority(a: int, b: int, c: int) -> int:
    return (a & b) | (c & (a | b))


def found(signals: list[int], wanted: int, matters: int, most: int, seed: int = 1):
    values = np.array([[0], *([signal] for signal in signals)], dtype=np.uint64)
    words = (np.array([word], dtype=np.uint64) for word in (wanted, matters))
    return find_expression(values, np.arange(len(values), dtype=np.int32), *words, most, seed)


def value(signals: list[int], cells) -> int:
    """What new cells compute."""
    words, made = [0, *signals], []
    for fanin in cells:
        known = [
            (made[(lit - NEW) >> 1] if lit >= NEW else words[lit >> 1]) ^ 255 * (lit & 1)
            for lit in fanin
        ]
        made.append(majority(*known))
    return made[-1]


def fewest(signals: list[int], wanted: int, matters: int) -> int:
    """How many new cells are needed, 3 for more than 2, by trying everything."""
    literals = [0, 255, *signals, *(255 - signal for signal in signals)]
    cells = {majority(*three) for three in itertools.combinations_with_replacement(literals, 3)}
    if any(not (cell ^ wanted) & matters for cell in cells):
        return 1
    for cell in cells:
        for a, b in itertools.combinations(literals, 2):
            if not (majority(a, b, cell) ^ wanted) & matters:
                return 2
    return 3


@given(st.lists(WORD, min_size=3, max_size=4), WORD, st.integers(1, 255), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_the_fewest_cells_are_found(signals, wanted, matters, seed) -> None:
    """One and two cells are missed never, and what is found is right where it matters."""
    # What a signal is already is adopted before cells are sought.
    literals = [0, 255, *signals, *(255 - signal for signal in signals)]
    assume(all((literal ^ wanted) & matters for literal in literals))
    cells = found(signals, wanted, matters, 3, seed)
    least = fewest(signals, wanted, matters)
    if cells is not None:
        assert not (value(signals, cells) ^ wanted) & matters
        assert len(cells) <= 3
    if least <= 2:
        assert cells is not None
        assert len(cells) <= least


A, B, C = 0b10101010, 0b11001100, 0b11110000


@pytest.mark.parametrize("seed", range(4))
def test_the_sum_of_a_full_adder_is_found(seed) -> None:
    """Three cells from the inputs alone, two where the carry is there."""
    total = A ^ B ^ C
    assert found([A, B, C], total, 255, 2, seed) is None
    assert len(found([A, B, C], total, 255, 3, seed)) == 3
    with_carry = [A, B, C, majority(A, B, C)]
    assert len(found(with_carry, total, 255, 3, seed)) == 2
    assert len(found([A, B], A ^ B, 255, 3, seed)) == 3


@given(
    st.lists(st.integers(0, 2**12 - 1), min_size=2, max_size=6),
    st.integers(0, 2**12 - 1),
    st.integers(0, 5),
)
@settings(max_examples=100, deadline=None)
def test_supports_determine_the_target_and_nothing_is_spare(columns, wanted, seed) -> None:
    """No two vectors agree on a set and differ in the target; less a signal, two do."""
    bits = np.array([[c >> v & 1 for c in columns] for v in range(12)], dtype=np.uint8)
    target = np.array([wanted >> v & 1 for v in range(12)], dtype=np.uint8)

    def determines(chosen) -> bool:
        rows = {}
        return all(
            rows.setdefault(tuple(bits[v, list(chosen)]), target[v]) == target[v] for v in range(12)
        )

    supports = find_supports(bits, target, 6, seed)
    everything = range(len(columns))
    if not determines(everything):
        assert supports == [tuple(everything)]
        return
    assert [len(each) for each in supports] == sorted(len(each) for each in supports)
    for support in supports:
        assert determines(support)
        assert not any(
            determines([signal for signal in support if signal != out]) for out in support
        )
    assert find_supports(bits, target, 6, seed) == supports
