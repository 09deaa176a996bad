"""Rewriting: what it saves, exactly, and that the function stays."""

from __future__ import annotations

import naive
import pytest
from circuits import AND_ADDERS, array_multiplier, full_adder
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.mapping import Rewrite
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port


def netlist_of(form, n_inputs: int) -> Netlist:
    """The netlist whose outputs a function makes from a builder and the inputs."""
    builder = NetlistBuilder("t", [Port("x", n_inputs)], [])
    outputs = form(builder, *(builder.input(bit) for bit in range(n_inputs)))
    builder.output_ports = (Port("y", len(outputs)),)
    return builder.build(outputs)


def check(step: Rewrite, netlist: Netlist, cells: tuple[int, int]) -> Netlist:
    """Apply a pass; assert cells before and after and the function."""
    result = step.apply(netlist, complete_reference(netlist))
    assert (netlist.n_cells, result.n_cells) == cells
    assert naive.truth_table(result) == naive.truth_table(netlist)
    assert (result.name, result.input_ports) == (netlist.name, netlist.input_ports)
    return result


def parity(b, *x):
    """XOR4, three cells an XOR; six do."""
    result = x[0]
    for literal in x[1:]:
        result = b.xor(result, literal)
    return [result]


def minterms(*ones):
    """A sum of products of all inputs."""

    def form(b, *x):
        total = 0
        for one in ones:
            product = 1
            for bit, literal in enumerate(x):
                product = b.and_(product, literal ^ (one >> bit & 1 ^ 1))
            total = b.or_(total, product)
        return [total]

    return form


def shared_leaf(b, p, q, r, s, t):
    """A majority in ANDs over a cell that stays in use, beside that cell."""
    leaf = b.maj(p, q, r)
    return [b.or_(b.and_(leaf, s), b.and_(t, b.or_(leaf, s))), leaf]


def multiplexers(b, s, t, x, y):
    """Choosing twice by one signal: (s ? x : y) below (s ? ... : t)."""
    inner = b.or_(b.and_(s, x), b.and_(s ^ 1, y))
    return [b.or_(b.and_(s, inner), b.and_(s ^ 1, t))]


def kept(b, x, y, z):
    """An exclusive or of three whose inner one is an output as well: nothing to gain."""
    inner = b.xor(x, y)
    return [inner, b.xor(inner, z)]


@pytest.mark.parametrize(
    ("form", "n_inputs", "before", "after"),
    [
        (parity, 4, 9, 6),
        (minterms(0, 3, 5, 6, 9, 10, 12), 4, 24, 7),  # the one class that takes seven
        (minterms(7, 11, 13, 14, 15), 4, 16, 4),  # three of four
        (minterms(0, 1, 2, 3), 4, 15, 1),  # the complement of an OR
        (shared_leaf, 5, 5, 2),
        (multiplexers, 4, 6, 3),
        (kept, 3, 6, 6),
    ],
)
def test_cones_become_the_smallest_netlists(form, n_inputs: int, before: int, after: int) -> None:
    """The exact cells before and after."""
    check(Rewrite(), netlist_of(form, n_inputs), (before, after))


@pytest.mark.parametrize("adder", AND_ADDERS)
def test_full_adders_share_their_majority(adder) -> None:
    """In any of its AND forms three cells are left: the sum finds the carry."""
    netlist = full_adder(adder)
    result = check(Rewrite(), netlist, (netlist.n_cells, 3))
    assert statistics(result).maj_cells == 3


def test_equal_sizes_lead_to_more() -> None:
    """A multiplier whose adders share ANDs needs steps that gain nothing by themselves."""
    netlist = array_multiplier(4, 4, AND_ADDERS[0])
    check(Rewrite(), netlist, (84, 56))
    check(Rewrite(z=1, seed=2), netlist, (84, 52))


def test_lower_forms_are_taken_at_equal_size() -> None:
    """x0 x1 x2 x3 in a row becomes a tree."""

    def chain(b, *x):
        return [b.and_(x[0], b.and_(x[1], b.and_(x[2], x[3])))]

    result = check(Rewrite(), netlist_of(chain, 4), (3, 3))
    assert statistics(result).depth == 2


def test_sweeps_can_be_limited() -> None:
    """One sweep does not do what all of them do."""
    netlist = array_multiplier(4, 4, AND_ADDERS[0])
    reference = complete_reference(netlist)
    one = Rewrite(sweeps=1).apply(netlist, reference)
    assert 56 < one.n_cells <= netlist.n_cells


@given(netlist=netlists(max_inputs=5, max_cells=40))
@settings(max_examples=100, deadline=None)
def test_rewriting_keeps_the_function_and_adds_no_cell(netlist: Netlist) -> None:
    """On every input vector, walking or not; twice the same."""
    reference, hashed = complete_reference(netlist), rebuild(netlist)
    for step in (Rewrite(), Rewrite(z=1, patience=3, seed=7), Rewrite(cuts=2), Rewrite(cuts=40)):
        result = step.apply(netlist, reference)
        assert naive.truth_table(result) == naive.truth_table(netlist)
        assert result.n_cells <= hashed.n_cells
        again = step.apply(netlist, reference)
        assert (again.fanins == result.fanins).all()
        assert (again.outputs == result.outputs).all()


def test_the_pass_is_known_by_its_name() -> None:
    """In a script, with its options."""
    assert parse_script("rewrite -z 1 --cuts 12 --seed 3") == (Rewrite(z=True, cuts=12, seed=3),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cuts": 1}, "rewrite: cuts: expected 2 to 250, got 1"),
        ({"patience": -1}, "rewrite: patience: expected 0 or more, got -1"),
        ({"sweeps": -1}, "rewrite: sweeps: expected 0 or more, got -1"),
        ({"seed": -1}, "rewrite: seed: expected 0 or more, got -1"),
    ],
)
def test_options_out_of_range_are_usage_errors(options: dict[str, int], message: str) -> None:
    """What was expected and what came."""
    with pytest.raises(UsageError, match=message):
        Rewrite(**options)
