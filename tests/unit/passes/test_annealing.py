"""Annealing, and the search for triangles against trying everything."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from circuits import array_multiplier, full_adder, majority_adder
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import complete_reference

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.kernels import NONE, random_state
from btfsynth.netlist.text import format_netlist
from btfsynth.passes import annealing
from btfsynth.passes.annealing import Annealing
from btfsynth.passes.goal import best_so_far
from btfsynth.passes.triangles import complete, find_triangle, list_errors, new_errors, new_scratch
from btfsynth.ports import Port
from btfsynth.time_box import TimeUp

WORD = st.integers(0, 255)


def listed(signals: list[int], wanted: int, matters: int):
    """Return errors of the constant and signals, scratch, and how many vectors matter."""
    values = np.array([[0], *([signal] for signal in signals)], dtype=np.uint64)
    nodes = np.arange(len(values), dtype=np.int32)
    errors = new_errors(2 * len(nodes), 1)
    target, care = (np.array([word], dtype=np.uint64) for word in (wanted, matters))
    whole = list_errors(values, nodes, target, care, errors)
    return errors, new_scratch(2 * len(nodes), 1), whole


def majority(a: int, b: int, c: int) -> int:
    return (a & b) | (c & (a | b))


def some_triangle(signals: list[int], wanted: int, matters: int) -> bool:
    """Try every three literals of different nodes."""
    words = [0, *signals]
    literals = [(node, word ^ flip) for node, word in enumerate(words) for flip in (0, 255)]
    return any(
        len({a[0], b[0], c[0]}) == 3 and not (majority(a[1], b[1], c[1]) ^ wanted) & matters
        for a, b, c in itertools.combinations(literals, 3)
    )


@given(st.lists(WORD, min_size=2, max_size=5), WORD, st.integers(1, 255), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_triangle_is_found_where_there_is_one(signals, wanted, matters, seed) -> None:
    """What is found is right on the vectors that matter, and nothing is missed."""
    errors, scratch, whole = listed(signals, wanted, matters)
    rows = find_triangle(errors, whole, scratch.near, random_state(seed))
    if rows[0] == NONE:
        assert not some_triangle(signals, wanted, matters)
        return
    words = [0, *signals]
    literals = [int(errors.literals[row]) for row in rows]
    a, b, c = (words[literal >> 1] ^ 255 * (literal & 1) for literal in literals)
    assert not (majority(a, b, c) ^ wanted) & matters


@given(st.lists(WORD, min_size=3, max_size=5), WORD, WORD, st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_share_of_the_vectors_is_completed(signals, wanted, share, seed) -> None:
    """A triangle is right on the share, and there is none if none is found."""
    errors, scratch, _ = listed(signals, wanted, 255)
    scratch.share[0, 0] = share
    rows = complete(errors, scratch, random_state(seed))
    words = [0, *signals]
    if rows[0] != NONE:
        literals = [int(errors.literals[row]) for row in rows]
        a, b, c = (words[literal >> 1] ^ 255 * (literal & 1) for literal in literals)
        assert not (majority(a, b, c) ^ wanted) & share
    elif share:
        # A literal that is wrong all over the share is left out: its majorities need two right ones.
        right = sum(not (word ^ flip ^ wanted) & share for word in words for flip in (0, 255))
        assert right >= 1 or not some_triangle(signals, wanted, share)


def test_the_three_bit_array_comes_down_to_22() -> None:
    """From 27 cells, where resubstitution gets to 26; the function stays."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    result = Annealing(steps=60_000, seed=2).apply(array, reference)
    assert result.n_cells == 22
    assert np.array_equal(complete_reference(result).targets, reference.targets)


def test_the_same_seed_walks_the_same_way() -> None:
    """Byte for byte; another seed another way."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    one, same, other = (
        format_netlist(Annealing(steps=2_000, seed=seed).apply(array, reference))
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_walk_in_portions_is_the_walk_in_one(monkeypatch) -> None:
    """However long a portion takes, and so however many steps it has."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    found = set()
    for steps, seconds in ((1, 0.0), (7, 1e9), (3_000, 0.0)):
        monkeypatch.setattr(annealing, "_PORTION", steps)
        monkeypatch.setattr(annealing, "_SECONDS", seconds)
        found.add(format_netlist(Annealing(steps=3_000).apply(array, reference)))
    assert len(found) == 1


def test_a_walk_ends_after_its_work(monkeypatch) -> None:
    """Of a billion steps those of the first million words are made, in whatever portions."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    found = set()
    for portion in (1, 1_000):
        monkeypatch.setattr(annealing, "_PORTION", portion)
        found.add(format_netlist(Annealing(steps=10**9, work=1).apply(array, reference)))
    assert len(found) == 1
    assert found != {format_netlist(array)}


def test_what_is_found_is_kept_when_the_time_is_up(monkeypatch) -> None:
    """Of ten million steps one portion is made; the function stays."""
    monkeypatch.setattr(annealing, "_PORTION", 2_000)
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    with best_so_far(deadline=time.monotonic()) as best, pytest.raises(TimeUp):
        Annealing(steps=10_000_000).apply(array, reference)
    kept = best.netlist()
    assert kept is not None
    assert kept.n_cells < array.n_cells
    assert np.array_equal(complete_reference(kept).targets, reference.targets)


def test_walks_after_the_first_go_on_from_it() -> None:
    """One of 1,000 steps makes 26 cells of the array, eight make 24, the same every time."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    one = Annealing(steps=1_000, seed=2).apply(array, reference)
    walks = [Annealing(steps=1_000, walks=8, seed=2).apply(array, reference) for _ in range(2)]
    assert (one.n_cells, walks[0].n_cells) == (26, 24)
    assert format_netlist(walks[0]) == format_netlist(walks[1])
    assert np.array_equal(complete_reference(walks[0]).targets, reference.targets)


def test_the_best_of_earlier_walks_is_kept_when_the_time_is_up(monkeypatch) -> None:
    """The first walk ends, the second is broken off: what there is is that of the first, or less."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    first = Annealing(steps=600).apply(array, reference)
    made = []
    monkeypatch.setattr(annealing, "keep", lambda make: made.append(make()))
    Annealing(steps=600, walks=2).apply(array, reference)
    assert made[-1].n_cells <= first.n_cells
    assert max(each.n_cells for each in made) > first.n_cells
    after = next(k for k, each in enumerate(made) if each.n_cells == first.n_cells)
    assert all(each.n_cells <= first.n_cells for each in made[after:])


def test_what_is_smallest_stays_and_what_is_too_large_too() -> None:
    """A full adder has three cells; beyond `whole` words nothing is done; no cells are no error."""
    adder = full_adder(majority_adder)
    reference = complete_reference(adder)
    assert Annealing(steps=500, uphill=50).apply(adder, reference).n_cells == 3
    array = array_multiplier(3, 3)
    kept = Annealing(steps=500, whole=26).apply(array, complete_reference(array))
    assert format_netlist(kept) == format_netlist(array)
    builder = NetlistBuilder("wire", [Port("x", 1)], [Port("y", 1)])
    wire = builder.build([builder.input(0)])
    assert Annealing().apply(wire, complete_reference(wire)).n_cells == 0


@pytest.mark.parametrize(
    "wrong",
    [{"steps": -1}, {"slack": -1}, {"tries": 0}, {"walks": 0}, {"uphill": 101}, {"seed": -1}],
)
def test_options_that_cannot_be(wrong) -> None:
    """One line says what was expected."""
    with pytest.raises(UsageError, match="anneal"):
        Annealing(**wrong)
