"""Exact synthesis: known minima, what nobody cares for, depth, limits, and a search without a solver."""

from __future__ import annotations

from itertools import combinations, product

import naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.errors import NetlistError
from btfsynth.exact.synthesis import ExactResult, Limits, exact_netlist
from btfsynth.netlist.functions import small_forms
from btfsynth.netlist.views import statistics

FULL_ADDER = [0x96, 0xE8]
HARD = 0x1668
"""Six cells; the last steps take thousands of conflicts."""


def tables_of(result: ExactResult) -> list[int]:
    """The truth tables of the outputs found."""
    rows = naive.truth_table(result.netlist)
    return [
        sum(bit << vector for vector, bit in enumerate(column))
        for column in zip(*rows, strict=True)
    ]


def table(n_inputs: int, function) -> int:
    """The truth table of a function of bits."""
    return sum(
        int(function(*bits)) << vector for vector, bits in enumerate(naive.all_vectors(n_inputs))
    )


def at_least(k: int):
    return lambda *bits: sum(bits) >= k


@pytest.mark.parametrize(
    ("functions", "n_inputs", "cells"),
    [
        ([0], 0, 0),
        ([1], 0, 0),
        ([0b0101], 2, 0),
        ([0b1000], 2, 1),
        ([0b0110], 2, 3),
        ([0xE8], 3, 1),
        ([0x96], 3, 3),
        (FULL_ADDER, 3, 3),
        ([0b0110, 0b1000], 2, 3),
        ([0b0110, 0b1001, 0b1010, 0], 2, 3),
        ([0x8000], 4, 3),
        ([0x6996], 4, 6),
        ([table(5, at_least(3))], 5, 4),
        ([table(6, lambda *bits: all(bits))], 6, 5),
    ],
)
def test_known_minima(functions: list[int], n_inputs: int, cells: int) -> None:
    """The size, the function, and the proof that no fewer cells do."""
    result = exact_netlist(functions, n_inputs, 8)
    assert result.netlist.n_cells == result.bound == cells
    assert result.optimal
    assert tables_of(result) == functions


def test_two_cells_make_no_full_adder() -> None:
    """Nothing found up to two cells is a proof that three are needed."""
    result = exact_netlist(FULL_ADDER, 3, 2)
    assert result.netlist is None
    assert (result.bound, result.optimal) == (3, False)


@pytest.mark.long
def test_the_multiplier_of_two_bits_takes_eight_cells() -> None:
    """Four outputs at once."""
    products = [a % 4 * (a // 4) for a in range(16)]
    functions = [sum((p >> bit & 1) << v for v, p in enumerate(products)) for bit in range(4)]
    result = exact_netlist(functions, 4, 8)
    assert result.netlist.n_cells == result.bound == 8
    assert tables_of(result) == functions


def test_what_nobody_cares_for_saves_cells() -> None:
    """An XOR whose inputs are never both on is an OR; one that nobody reads is nothing."""
    assert exact_netlist([0b0110], 2, 3, care=[0b0111]).netlist.n_cells == 1
    assert exact_netlist([0b0110], 2, 3, care=[0]).netlist.n_cells == 0
    assert exact_netlist([0b0110, 0b1110], 2, 3, care=[0b0111, 0b1111]).netlist.n_cells == 1


def test_depth_is_lowered_at_the_same_size() -> None:
    """x0 x1 x2 x3 as a tree; MAJ5 in four cells is never less than three deep."""
    result = exact_netlist([0x8000], 4, 4, min_depth=True)
    assert (result.netlist.n_cells, result.depth_bound) == (3, 2)
    assert statistics(result.netlist).depth == 2
    majority = exact_netlist([table(5, at_least(3))], 5, 4, min_depth=True)
    assert statistics(majority.netlist).depth == majority.depth_bound == 3


def test_depth_can_be_limited() -> None:
    """No one cell is four inputs' AND; XOR3 is two deep with three cells."""
    assert exact_netlist([0x8000], 4, 3, max_depth=1).bound == 4
    shallow = exact_netlist([0x96], 3, 4, max_depth=2)
    assert (shallow.netlist.n_cells, statistics(shallow.netlist).depth) == (3, 2)


@pytest.mark.parametrize("limits", [Limits(conflicts=60), Limits(seconds=1e-9)])
def test_limits_leave_the_bound_where_it_is_proven(limits: Limits) -> None:
    """A question left open is no proof, whatever is answered after it."""
    result = exact_netlist([HARD], 4, 5, limits=limits)
    assert result.netlist is None
    assert result.bound < 6
    assert not result.optimal


def test_conflict_limits_are_reproducible() -> None:
    """The same conflicts, the same answer."""
    first, second = (exact_netlist([HARD], 4, 6, limits=Limits(conflicts=2000)) for _ in range(2))
    assert (first.bound, first.conflicts) == (second.bound, second.conflicts)


def test_what_is_known_is_not_asked_again() -> None:
    """Beginning at the size known takes fewer conflicts and proves the same."""
    whole = exact_netlist([0x6996], 4, 6)
    known = exact_netlist([0x6996], 4, 6, min_cells=6)
    assert known.optimal
    assert known.conflicts < whole.conflicts


def smallest(functions: list[int], care: list[int]) -> int:
    """The least cells over two inputs: signals are added one by one, in every way."""
    frontier = {frozenset((0b0000, 0b1010, 0b1100))}
    for size in range(6):
        for signals in frontier:
            if all(
                any((s ^ f) & c in (0, c) for s in signals)
                for f, c in zip(functions, care, strict=True)
            ):
                return size
        following = set()
        for signals in frontier:
            for nodes in combinations(sorted(signals), 3):
                for flips in product((0, 15), repeat=3):
                    a, b, c = (node ^ flip for node, flip in zip(nodes, flips, strict=True))
                    made = a & b | a & c | b & c
                    following.add(signals | {min(made, made ^ 15)})
        frontier = following
    raise AssertionError


@given(
    functions=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=1, max_size=3)
)
@settings(max_examples=60, deadline=None)
def test_sizes_are_those_of_a_search_without_a_solver(functions: list[tuple[int, int]]) -> None:
    """Two inputs, several outputs, any care; what is found is right wherever it matters."""
    values, care = [f for f, _ in functions], [c for _, c in functions]
    result = exact_netlist(values, 2, 6, care=care)
    assert result.netlist.n_cells == result.bound == smallest(values, care)
    for made, value, mask in zip(tables_of(result), values, care, strict=True):
        assert (made ^ value) & mask == 0


@given(function=st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_sizes_of_three_inputs_are_those_of_exhaustive_search(function: int) -> None:
    """The forms of `small_forms` come from listing every chain of cells."""
    result = exact_netlist([function], 3, 4)
    assert result.netlist.n_cells == result.bound == small_forms().sizes[function]
    assert tables_of(result) == [function]


@pytest.mark.parametrize(
    ("functions", "n_inputs", "care", "message"),
    [
        ([0], 9, None, "expected 0 to 8 inputs, got 9"),
        ([], 2, None, "expected one care table per function, got 0 and 0"),
        ([1], 2, [1, 2], "expected one care table per function, got 1 and 2"),
        ([16], 2, None, "0x10 is no table of 2 inputs"),
        ([1], 2, [-1], "-0x1 is no table of 2 inputs"),
    ],
)
def test_wrong_questions_are_refused(functions, n_inputs, care, message) -> None:
    """What was expected and what came."""
    with pytest.raises(NetlistError, match=message):
        exact_netlist(functions, n_inputs, 3, care=care)
