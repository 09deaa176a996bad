"""Depth: no pass makes a netlist deeper for nothing, and none goes beyond the depth that is allowed."""

from __future__ import annotations

from dataclasses import fields, replace

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import complete_reference, netlists, netlists_with_references

from btfsynth.netlist.hashing import rebuild_from
from btfsynth.netlist.kernels import random_state
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import size_order, statistics
from btfsynth.passes.algebra import Algebra, Depth
from btfsynth.passes.base import Pass, run_script
from btfsynth.passes.goal import Goal
from btfsynth.passes.guided import Guided
from btfsynth.passes.mapping import Rewrite
from btfsynth.passes.registry import PASSES
from btfsynth.passes.resubstitution import Perturbation, Resubstitution
from btfsynth.passes.windows import WindowedNetlist
from btfsynth.settings.table import Objective

STEPS: list[Pass] = [
    Resubstitution(k=2, patience=0),
    Resubstitution(k=1, patience=40, seed=2),
    Resubstitution(k=2, patience=40, seed=3, whole=0),
    Rewrite(),
    Rewrite(z=True, patience=2),
    Algebra(),
    Depth(),
    Depth(cells=False),
    Guided(patience=20),
    Perturbation(rounds=2, patience=20, share=60),
]
QUICK: dict[str, Pass] = {"perturb": STEPS[-1], "resub": STEPS[1], "guided": STEPS[-2]}
SLOW = ("exact", "anneal", "collapse", "map", "detour")
"""Passes that search for long or are made of others."""


def deeper_for_nothing(before: Netlist, after: Netlist) -> bool:
    (cells, depth, _), (new_cells, new_depth, _) = size_order(before), size_order(after)
    return new_depth > depth and new_cells >= cells


@pytest.mark.parametrize("step", STEPS, ids=str)
@given(case=netlists_with_references(max_cells=20), data=st.data())
@settings(max_examples=25, deadline=None)
def test_deeper_only_for_cells_and_as_far_as_allowed(
    step: Pass, case: tuple[Netlist, Reference], data: st.DataObject
) -> None:
    """A pass by itself: deeper results have fewer cells, and with a limit none is beyond it."""
    netlist, reference = case
    assert not deeper_for_nothing(netlist, step.apply(netlist, reference))
    if "max_depth" in {field.name for field in fields(step)}:  # type: ignore[arg-type]
        most = data.draw(st.integers(1, 8))
        limited = replace(step, max_depth=most)  # type: ignore[type-var]
        found = statistics(limited.apply(netlist, reference)).depth
        assert found <= max(most, statistics(netlist).depth)


@pytest.mark.parametrize("name", [name for name in PASSES if name not in SLOW])
@given(netlist=netlists(max_inputs=4, max_cells=14), most=st.integers(1, 6))
@settings(max_examples=8, deadline=None)
def test_a_script_keeps_to_its_goal(name: str, netlist: Netlist, most: int) -> None:
    """Whatever the pass: one that goes beyond is brought back or undone."""
    step = QUICK.get(name) or PASSES[name]()
    reference = complete_reference(netlist)
    result = run_script([step], netlist, reference, goal=Goal(max_depth=most)).netlist
    assert naive.truth_table(result) == naive.truth_table(netlist)
    assert statistics(result).depth <= max(most, statistics(netlist).depth)
    assert not deeper_for_nothing(netlist, result)


@given(netlist=netlists(max_cells=20))
@settings(max_examples=25, deadline=None)
def test_an_objective_keeps_the_best_on_the_way(netlist: Netlist) -> None:
    """Reports of passes after it say that they are undone."""
    steps = [Rewrite(), Depth(growth=100), Resubstitution(patience=0)]
    for objective in Objective:
        goal = Goal(objective)
        result = run_script(steps, netlist, complete_reference(netlist), goal=goal)
        on_the_way, present = [netlist], netlist
        for step in steps:
            present = run_script([step], present, complete_reference(netlist)).netlist
            on_the_way.append(present)
        assert goal.rank(result.netlist) == min(map(goal.rank, on_the_way))
        last = [report for report in result.reports if report.kept][-1:]
        assert not last or last[0].after == statistics(result.netlist)
        assert naive.truth_table(result.netlist) == naive.truth_table(netlist)


@given(
    netlist=netlists(max_inputs=8, max_cells=60, max_outputs=5),
    walk=st.booleans(),
    room=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_times_follow_the_replacements(netlist: Netlist, walk: bool, room: int) -> None:
    """After a round the levels are exact, and no required time is later than it may be."""
    netlist = rebuild_from(netlist, netlist.fanins, netlist.outputs)
    first = netlist.first_cell
    fanins = np.zeros((netlist.n_nodes, 3), dtype=np.int32)
    fanins[first:] = netlist.fanins
    outputs = netlist.outputs.copy()
    work = WindowedNetlist(fanins, outputs, first, 8, 40)
    bound = statistics(netlist).depth + room
    work.round((2, walk, 4, False), bound, random_state(5))
    level, latest = naive.node_times(fanins, outputs, first, bound)
    for node in level:
        assert work.timing.level[node] == level[node]
        assert work.timing.latest[node] <= latest[node]
