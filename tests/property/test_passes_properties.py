"""Every pass on random netlists with random care masks."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import complete_reference, netlists, netlists_with_references

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, unpack_bits
from btfsynth.netlist.views import statistics
from btfsynth.passes.annealing import Annealing
from btfsynth.passes.base import Pass, run_passes
from btfsynth.passes.basic import FunctionalHash, Inverters, Strash, Sweep
from btfsynth.passes.collapse import Collapse, Detour
from btfsynth.passes.mapping import Mapping
from btfsynth.passes.registry import parse_script
from btfsynth.passes.resubstitution import Perturbation, Resubstitution

STEPS: list[Pass] = [
    Strash(),
    Sweep(),
    Inverters(),
    FunctionalHash(),
    Resubstitution(k=0, patience=0),
    Resubstitution(k=1, patience=0),
    Resubstitution(k=1, patience=0, divisors=3),
    Resubstitution(k=0, patience=40, seed=2),
    Resubstitution(k=1, patience=40, seed=3),
    Resubstitution(k=2, patience=0, tries=50),
    Resubstitution(k=2, patience=40, seed=4),
    Perturbation(rounds=2, patience=20, share=60),
    Annealing(steps=60),
    Annealing(steps=60, slack=6, uphill=70, tries=40, seed=2),
    Collapse(orders=3, keep=1, steps=20),
    Detour(rounds=2, patience=20),
    Mapping(),
    Mapping(flow=1, exact=0, cuts=3),
]


def assert_right(netlist: Netlist, reference: Reference) -> None:
    """Compare every output that matters with its target, vector by vector."""
    inputs = unpack_bits(reference.inputs, reference.vectors)
    targets = unpack_bits(reference.targets, reference.vectors)
    care = unpack_bits(reference.care, reference.vectors)
    for vector, row, matters in zip(inputs, targets, care, strict=True):
        found = np.array(naive.netlist_bits(netlist, vector))
        assert not np.any((found != row) & (matters == 1))


@pytest.mark.parametrize("step", STEPS, ids=str)
@given(case=netlists_with_references())
@settings(max_examples=40, deadline=None)
def test_a_pass_keeps_the_reference(step: Pass, case: tuple[Netlist, Reference]) -> None:
    """Outputs that matter stay as they are; ports and name too; the same again gives the same."""
    netlist, reference = case
    result = step.apply(netlist, reference)
    assert_right(result, reference)
    assert result.name == netlist.name
    assert (result.input_ports, result.output_ports) == (netlist.input_ports, netlist.output_ports)
    again = step.apply(netlist, reference)
    assert np.array_equal(again.fanins, result.fanins)
    assert np.array_equal(again.outputs, result.outputs)


@pytest.mark.parametrize("step", [step for step in STEPS if step.structural], ids=str)
@given(case=netlists_with_references(max_inputs=4))
@settings(max_examples=40, deadline=None)
def test_a_structural_pass_keeps_the_whole_function(
    step: Pass, case: tuple[Netlist, Reference]
) -> None:
    """Whatever the reference leaves open."""
    netlist, reference = case
    assert naive.truth_table(step.apply(netlist, reference)) == naive.truth_table(netlist)


@given(case=netlists_with_references())
@settings(max_examples=60, deadline=None)
def test_no_pass_makes_a_netlist_bigger(case: tuple[Netlist, Reference]) -> None:
    """Each is at most its input, in cells; hashed, it is at most the hashed input."""
    netlist, reference = case
    hashed = Strash().apply(netlist, reference).n_cells
    assert hashed <= Sweep().apply(netlist, reference).n_cells <= netlist.n_cells
    for step in STEPS[3:]:
        assert step.apply(netlist, reference).n_cells <= hashed


@given(netlist=netlists())
@settings(max_examples=60, deadline=None)
def test_inverters_never_become_more(netlist: Netlist) -> None:
    """Cells and depth are the same, inverters at most as many."""
    result = Inverters().apply(netlist, complete_reference(netlist))
    old, new = statistics(netlist), statistics(result)
    assert (new.cells, new.depth) == (old.cells, old.depth)
    assert new.inverters <= old.inverters


@given(netlist=netlists())
@settings(max_examples=60, deadline=None)
def test_no_flip_of_one_cell_saves_another_inverter(netlist: Netlist) -> None:
    """The result cannot be bettered by complementing a cell, its fan-in and its uses."""
    result = Inverters().apply(netlist, complete_reference(netlist))
    for cell in range(result.n_cells):
        node = result.first_cell + cell
        fanins = np.where(result.fanins >> 1 == node, result.fanins ^ 1, result.fanins)
        fanins[cell] ^= 1
        outputs = np.where(result.outputs >> 1 == node, result.outputs ^ 1, result.outputs)
        other = Netlist("t", result.input_ports, result.output_ports, fanins, outputs)
        assert statistics(other).inverters >= statistics(result).inverters


@given(netlist=netlists())
@settings(max_examples=40, deadline=None)
def test_hashing_twice_changes_nothing(netlist: Netlist) -> None:
    """The normal form is a fixed point."""
    reference = complete_reference(netlist)
    once = Strash().apply(netlist, reference)
    twice = Strash().apply(once, reference)
    assert np.array_equal(once.fanins, twice.fanins)
    assert np.array_equal(once.outputs, twice.outputs)


@given(case=netlists_with_references(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_cells_that_no_target_sees_go(case: tuple[Netlist, Reference], data: st.DataObject) -> None:
    """With one output left to matter, its cone is all that resubstitution keeps."""
    netlist, reference = case
    kept = data.draw(st.integers(0, netlist.n_outputs - 1))
    care = np.zeros_like(reference.care)
    care[kept] = reference.care[kept]
    alone = Reference(
        reference.preserve, reference.inputs, reference.targets, care, reference.vectors, True
    )
    result = Resubstitution(k=0, patience=0).apply(netlist, alone)
    assert_right(result, alone)
    cone = Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        netlist.fanins,
        np.where(np.arange(netlist.n_outputs) == kept, netlist.outputs, 0),
    )
    assert result.n_cells <= Strash().apply(cone, alone).n_cells


@pytest.mark.parametrize(
    "script", ["fast", "size", "depth", pytest.param("best", marks=pytest.mark.long)]
)
def test_every_script_keeps_the_function(script: str) -> None:
    """On random netlists; that for depth is no deeper than that for size, the others make none bigger."""
    steps = parse_script(script)

    @given(netlist=netlists(max_inputs=4, max_cells=12))
    @settings(max_examples=200, deadline=None)
    def run(netlist: Netlist) -> None:
        result, reports = run_passes(steps, netlist, complete_reference(netlist))
        assert all(report.kept for report in reports)
        assert naive.truth_table(result) == naive.truth_table(netlist)
        if script == "depth":
            small, _ = run_passes(parse_script("size"), netlist, complete_reference(netlist))
            assert statistics(result).depth <= statistics(small).depth
        else:
            assert result.n_cells <= netlist.n_cells

    run()
