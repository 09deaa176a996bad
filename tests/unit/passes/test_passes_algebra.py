"""Majority algebra: what each law saves on netlists stated as algebra."""

from __future__ import annotations

from collections.abc import Callable

import naive
import pytest
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.algebra import Algebra, Depth
from btfsynth.ports import Port

Form = Callable[..., list[int]]


def netlist_of(form: Form, n_inputs: int) -> Netlist:
    """The netlist whose outputs a function makes from a builder and the inputs."""
    builder = NetlistBuilder("t", [Port("x", n_inputs)], [])
    outputs = form(builder, *(builder.input(bit) for bit in range(n_inputs)))
    builder.output_ports = (Port("y", len(outputs)),)
    return builder.build(outputs)


def collect(b, x, y, u, v, z):
    """MAJ(MAJ(x, y, u), MAJ(x, y, v), z): distributivity takes one cell away."""
    return [b.maj(b.maj(x, y, u), b.maj(x, y, v), z)]


def factor(b, x, u, v):
    """(x u) + (x v) = x (u + v), distributivity with constants."""
    return [b.or_(b.and_(x, u), b.and_(x, v))]


def share(b, x, u, y, z):
    """MAJ(x, u, MAJ(y, u, z)) beside MAJ(y, u, x): associativity shares a cell."""
    return [b.maj(x, u, b.maj(y, u, z)), b.maj(y, u, x)]


def complementary(b, x, u, y):
    """MAJ(x, u, MAJ(y, !u, x)) = MAJ(x, u, x) = x: relevance folds both cells."""
    return [b.maj(x, u, b.maj(y, u ^ 1, x))]


def deep_relevance(b, x, y, p, q):
    """MAJ(x, y, z) with z a cone in which x = !y folds everything: z = MAJ(p, q, MAJ(x, y, p)) = p."""
    return [b.maj(x, y, b.maj(p, q, b.maj(x, y, p)))]


def absorb(b, x, y, z):
    """x (y (x z)): one operand twice in a tree."""
    return [b.and_(x, b.and_(y, b.and_(x, z)))]


def contradiction(b, x, y, z):
    """x (y (!x z)) is false."""
    return [b.and_(x, b.and_(y, b.and_(x ^ 1, z)))]


def expand(b, x, y, u, v, z):
    """MAJ(x, y, MAJ(u, v, z)) where MAJ(x, y, u) and MAJ(x, y, v) are needed anyway: nothing is lost."""
    return [b.maj(x, y, u), b.maj(x, y, v), b.maj(x, y, b.maj(u, v, z))]


@pytest.mark.parametrize(
    ("form", "n_inputs", "before", "after"),
    [
        (collect, 5, 3, 2),
        (factor, 3, 3, 2),
        (share, 4, 3, 2),
        (complementary, 3, 2, 0),
        (deep_relevance, 4, 3, 1),
        (absorb, 3, 3, 2),
        (contradiction, 3, 3, 0),
        (expand, 5, 4, 3),
    ],
)
def test_algebra_saves_the_cells_of_its_law(
    form: Form, n_inputs: int, before: int, after: int
) -> None:
    """The exact cells before and after, and the same function."""
    netlist = netlist_of(form, n_inputs)
    result = Algebra().apply(netlist, complete_reference(netlist))
    assert (netlist.n_cells, result.n_cells) == (before, after)
    assert naive.truth_table(result) == naive.truth_table(netlist)


def test_a_shared_cell_is_not_collected() -> None:
    """Where the inner cells are used elsewhere distributivity gains nothing and is left out."""

    def form(b, x, y, u, v, z):
        p, q = b.maj(x, y, u), b.maj(x, y, v)
        return [b.maj(p, q, z), p, q]

    netlist = netlist_of(form, 5)
    assert Algebra().apply(netlist, complete_reference(netlist)).n_cells == 3


def test_depth_is_kept_when_asked() -> None:
    """A sharing that makes an output later is taken without the option and refused with it."""

    def form(b, x, u, y, z):
        late = b.and_(b.and_(b.and_(z, y), x ^ 1), u ^ 1)
        return [b.maj(x, u, b.maj(y, u, late)), b.maj(x, u, late)]

    netlist = netlist_of(form, 4)
    reference = complete_reference(netlist)
    free = statistics(Algebra().apply(netlist, reference))
    kept = statistics(Algebra(keep_depth=True).apply(netlist, reference))
    assert kept.depth <= statistics(netlist).depth
    assert free.cells <= kept.cells


def chain(operation: str, n_inputs: int) -> Form:
    """x0 . (x1 . (x2 . ...)), one operand a level."""

    def form(b, *x):
        result = x[0]
        for literal in x[1:]:
            result = getattr(b, operation)(result, literal)
        return [result]

    return form


def carries(b, *x):
    """A ripple carry over pairs of inputs."""
    carry = 0
    for place in range(0, len(x), 2):
        carry = b.maj(x[place], x[place + 1], carry)
    return [carry]


def majority_chain(b, u, *x):
    """MAJ(x0, u, MAJ(x1, u, ...)): a tree under a signal that is no constant."""
    result = x[0]
    for literal in x[1:]:
        result = b.maj(literal, u, result)
    return [result]


@pytest.mark.parametrize(
    ("form", "n_inputs", "before", "after"),
    [
        (chain("and_", 8), 8, (7, 7), (7, 3)),
        (chain("or_", 9), 9, (8, 8), (8, 4)),
        (majority_chain, 9, (7, 7), (7, 3)),
        (carries, 8, (4, 4), (4, 4)),
    ],
)
def test_depth_without_new_cells(
    form: Form, n_inputs: int, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Trees are balanced to the logarithm of their operands; a carry chain is none."""
    netlist = netlist_of(form, n_inputs)
    result = Depth(cells=0).apply(netlist, complete_reference(netlist))
    old, new = statistics(netlist), statistics(result)
    assert ((old.cells, old.depth), (new.cells, new.depth)) == (before, after)
    assert naive.truth_table(result) == naive.truth_table(netlist)


@pytest.mark.parametrize(("growth", "cells", "depth"), [(0, 5, 5), (20, 6, 4), (100, 7, 3)])
def test_distributivity_buys_depth_with_cells(growth: int, cells: int, depth: int) -> None:
    """A carry over five pairs: every level costs a cell, as far as the growth allows."""
    netlist = netlist_of(carries, 10)
    result = Depth(growth=growth).apply(netlist, complete_reference(netlist))
    found = statistics(result)
    assert (found.cells, found.depth) == (cells, depth)
    assert naive.truth_table(result) == naive.truth_table(netlist)


def test_the_latest_operand_comes_last() -> None:
    """x0 (x1 (x2 late)) with late at level 2 is late (x0 (x1 x2)) at level 3."""

    def form(b, x0, x1, x2, p, q, r):
        late = b.maj(p, q, b.maj(p ^ 1, q, r))
        return [b.and_(x0, b.and_(x1, b.and_(x2, late))), late]

    netlist = netlist_of(form, 6)
    result = Depth(cells=0).apply(netlist, complete_reference(netlist))
    assert statistics(netlist).depth == 5
    assert statistics(result).depth <= 3
    assert naive.truth_table(result) == naive.truth_table(netlist)


@given(netlist=netlists(max_inputs=5, max_cells=30))
@settings(max_examples=100, deadline=None)
def test_algebra_keeps_the_function_and_adds_no_cell(netlist: Netlist) -> None:
    """On every input vector; with the option no depth either; twice the same."""
    reference, hashed = complete_reference(netlist), rebuild(netlist)
    for step in (Algebra(), Algebra(keep_depth=True), Algebra(sweeps=1)):
        result = step.apply(netlist, reference)
        assert naive.truth_table(result) == naive.truth_table(netlist)
        assert result.n_cells <= hashed.n_cells
        if step.keep_depth:
            assert statistics(result).depth <= statistics(hashed).depth
        assert (step.apply(netlist, reference).fanins == result.fanins).all()


@given(netlist=netlists(max_inputs=5, max_cells=30))
@settings(max_examples=100, deadline=None)
def test_depth_keeps_the_function_and_its_limits(netlist: Netlist) -> None:
    """Never deeper; never more cells than allowed."""
    reference, hashed = complete_reference(netlist), rebuild(netlist)
    for step in (Depth(), Depth(cells=0), Depth(growth=300), Depth(sweeps=1)):
        result = step.apply(netlist, reference)
        assert naive.truth_table(result) == naive.truth_table(netlist)
        assert statistics(result).depth <= statistics(hashed).depth
        most = hashed.n_cells * (100 + step.growth * step.cells) // 100
        assert result.n_cells <= most


@pytest.mark.parametrize(
    ("step", "options", "message"),
    [
        (Algebra, {"sweeps": -1}, "algebra: sweeps: expected 0 or more, got -1"),
        (Depth, {"growth": -1}, "depth: growth: expected 0 or more, got -1"),
        (Depth, {"sweeps": -1}, "depth: sweeps: expected 0 or more, got -1"),
    ],
)
def test_options_out_of_range_are_usage_errors(
    step: type, options: dict[str, int], message: str
) -> None:
    """What was expected and what came."""
    with pytest.raises(UsageError, match=message):
        step(**options)
