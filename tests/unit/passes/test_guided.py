"""Guided resubstitution: what it saves, and that only right replacements pass its check."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.kernels import random_state
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    count_wrong,
    exhaustive_words,
    function_reference,
    output_words,
    pack_bits,
    simulate,
    unpack_bits,
)
from btfsynth.netlist.views import statistics
from btfsynth.passes.goal import best_so_far
from btfsynth.passes.guided import Guided
from btfsynth.passes.guided_state import (
    RIGHT,
    UNDECIDED,
    WRONG,
    check_choice,
    look_above,
    new_check,
    new_guided,
)
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.ports import Port
from btfsynth.time_box import TimeUp


def sample(netlist: Netlist) -> Reference:
    return function_reference(
        lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors)),
        netlist.n_inputs,
    )


def far_don_t_care(length: int) -> Netlist:
    """Return ``x ((.. ((x p) a1 + b1) ..) an + bn)``: the first x is of no use, which is seen at the end."""
    builder = NetlistBuilder("t", [Port("x", 2 + 2 * length)], [Port("y", 1)])
    x, total = builder.input(0), builder.and_(builder.input(0), builder.input(1))
    for k in range(length):
        a, b = builder.input(2 + 2 * k), builder.input(3 + 2 * k)
        total = builder.or_(builder.and_(total, a), b)
    return builder.build([builder.and_(total, x)])


def test_it_sees_don_t_cares_that_no_window_sees() -> None:
    netlist = far_don_t_care(18)
    reference = sample(netlist)
    assert Resubstitution(patience=0).apply(netlist, reference).n_cells == netlist.n_cells
    result = Guided(patience=0).apply(netlist, reference)
    assert result.n_cells == netlist.n_cells - 1
    assert count_wrong(result, reference) == 0
    # With few cells above in view it is left alone.
    assert Guided(patience=0, above=5).apply(netlist, reference).n_cells == netlist.n_cells


@settings(max_examples=15, deadline=None)
@given(netlists(max_inputs=6, max_cells=24))
def test_it_keeps_the_function_on_hardly_any_patterns(netlist: Netlist) -> None:
    """64 random patterns and one word of counterexamples mislead it often; the check holds."""
    netlist = rebuild(netlist)
    reference = complete_reference(netlist)
    for above, below in ((100, 1000), (3, 4)):
        step = Guided(patience=100, words=2, above=above, below=below, tries=2)
        result = step.apply(netlist, reference)
        assert count_wrong(result, reference) == 0
        assert result.n_cells <= netlist.n_cells
        assert statistics(result).depth <= statistics(netlist).depth


def observable(netlist: Netlist, node: int, signature: np.ndarray) -> bool:
    """Tell by simulation of all vectors whether a cell with another signature changes an output."""
    inputs = exhaustive_words(netlist.n_inputs)
    values = simulate(netlist, inputs)
    made = values.copy()
    made[node] = signature
    for cell in range(node + 1, netlist.n_nodes):
        x, y, z = (
            made[literal >> 1] ^ np.uint64(-(literal & 1) % (1 << 64))
            for literal in netlist.fanins[cell - netlist.first_cell].tolist()
        )
        made[cell] = (x & y) | (x & z) | (y & z)
    valid = np.uint64((1 << min(64, 1 << netlist.n_inputs)) - 1)
    return bool(((made ^ values)[netlist.outputs >> 1] & valid).any())


@settings(max_examples=25, deadline=None)
@given(netlists(max_inputs=6, max_cells=16))
def test_the_check_tells_right_from_wrong(netlist: Netlist) -> None:
    netlist = rebuild(netlist)
    first = netlist.first_cell
    chance = random.Random(netlist.n_nodes)
    values = simulate(netlist, exhaustive_words(netlist.n_inputs))
    fanins = np.zeros((netlist.n_nodes, 3), dtype=np.int32)
    fanins[first:] = netlist.fanins
    state = new_guided(fanins, netlist.outputs.copy(), first, 2, random_state(1))
    checks = {1000: new_check(netlist.n_nodes, first, 1000, 100, 1000)}
    checks[2] = new_check(netlist.n_nodes, first, 2, 100, 1000)
    for node in range(first, netlist.n_nodes):
        for above, below in ((100, 1000), (100, 2), (2, 1000)):
            look_above(state, node, above, np.zeros(2, dtype=np.uint64))
            # Earlier nodes do not depend on it.
            choice = [chance.randrange(2 * node) for _ in range(5)]
            count = chance.choice([1, 3, 5])
            words = [
                values[literal >> 1] ^ np.uint64(-(literal & 1) % (1 << 64)) for literal in choice
            ]
            third = words[2]
            if count == 5:
                third = (words[2] & words[3]) | (words[2] & words[4]) | (words[3] & words[4])
            made = (words[0] & words[1]) | (words[0] & third) | (words[1] & third)
            wrong = observable(netlist, node, words[0] if count == 1 else made)
            asked = (0, *choice[:count], *[-1] * (5 - count))
            limits = (below, 1000)
            result, closed = check_choice(state, checks[below], asked, limits, random_state(1))
            if result == RIGHT:
                assert not wrong
            assert result != UNDECIDED
            if closed and above == 100:
                assert (result == WRONG) == wrong


def test_the_depth_is_kept_within_its_limit() -> None:
    netlist = far_don_t_care(18)
    reference = sample(netlist)
    for rise in (0, 50):
        result = Guided(patience=400, rise=rise).apply(netlist, reference)
        assert result.n_cells < netlist.n_cells
        assert statistics(result).depth <= statistics(netlist).depth * (100 + rise) // 100


def test_what_is_found_is_kept_when_the_time_is_up() -> None:
    netlist = far_don_t_care(18)
    reference = sample(netlist)
    with best_so_far(deadline=time.monotonic()) as best, pytest.raises(TimeUp):
        Guided().apply(netlist, reference)
    kept = best.netlist()
    assert kept is not None
    assert kept.n_cells == netlist.n_cells - 1
    assert count_wrong(kept, reference) == 0


def test_the_work_is_limited() -> None:
    """A million steps are far fewer than a walk of two million cells takes."""
    netlist = far_don_t_care(30)
    result = Guided(patience=2_000_000, work=1).apply(netlist, sample(netlist))
    assert result.n_cells == netlist.n_cells - 1


def test_the_same_seed_gives_the_same_netlist() -> None:
    netlist = far_don_t_care(10)
    reference = sample(netlist)
    one, two = (Guided(patience=200).apply(netlist, reference) for _ in range(2))
    assert np.array_equal(one.fanins, two.fanins)
    assert np.array_equal(one.outputs, two.outputs)


@pytest.mark.parametrize("option", ["k=3", "patience=-1", "words=1", "rise=-2", "asks=0", "work=0"])
def test_options_out_of_range_are_refused(option: str) -> None:
    name, value = option.split("=")
    with pytest.raises(UsageError, match=name):
        Guided(**{name: int(value)})
