"""Optimise for something else than majority cells: lookup tables, and cells of another basis.

Cells and lookup tables go together only loosely: a table of six inputs takes in whatever shares few leaves, so
the netlist of fewest cells is seldom the best one. What every pass leaves is mapped, from the netlist as it is
and from it as an and-inverter graph and with exclusive ors, for several seeds; every candidate is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from btfsynth.errors import ToolTimeoutError, VerificationError, plural
from btfsynth.events import OnEvent
from btfsynth.flow.simplify import optimise, proves_equal, script_steps
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.netlist.gates import GateNetlist, of_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, evaluate, function_reference
from btfsynth.passes.base import Ended, Pass, ScriptResult
from btfsynth.passes.gate_search import GateEffort, find_smallest, find_swept
from btfsynth.passes.goal import Goal
from btfsynth.settings.table import Basis, Effort
from btfsynth.time_box import seconds_left
from btfsynth.verify.equivalence import equivalent

LUT_INPUTS = 6
_SEEDS = 3
_EFFORT = GateEffort(rounds=6)


def lut_cost(netlist: Netlist) -> tuple[int, int, int]:
    """Return 6-input lookup tables, their levels, and cells."""
    cover = map_luts(netlist, LUT_INPUTS)
    return cover.luts, cover.levels, netlist.n_cells


def optimise_for_luts(
    netlist: Netlist,
    reference: Reference | None,
    script: str | Effort | Sequence[Pass],
    deadline: float | None = None,
    on_event: OnEvent | None = None,
    max_depth: int = 0,
) -> ScriptResult:
    """Run passes from several starts and with several seeds; of all netlists on the way return the best one.

    Its reports are those of the passes that made it. The given netlist is a candidate too.
    """
    if reference is None:
        reference = function_reference(partial(evaluate, netlist), netlist.n_inputs)
    steps = script_steps(netlist, reference, script, deadline)
    goal = Goal(max_depth=max_depth)
    best = ScriptResult(netlist, (), len(steps), Ended.DONE, None)
    best_cost = lut_cost(netlist)
    try:
        for start, passes in _variants(netlist, steps, deadline):
            present = ScriptResult(start, (), len(steps), Ended.DONE, None)
            for step in passes:
                if seconds_left(deadline) == 0:
                    return replace(best, ended=Ended.TIME)
                made = optimise(present.netlist, reference, [step], deadline, on_event, goal)
                reports = (*present.reports, *made.reports)
                present = replace(made, reports=reports, steps=len(passes))
                cost = lut_cost(present.netlist)
                if cost < best_cost:
                    best, best_cost = present, cost
                if made.ended is not Ended.DONE:
                    return replace(best, ended=made.ended)
    except KeyboardInterrupt:
        return replace(best, ended=Ended.USER)
    return best


def _variants(
    netlist: Netlist, steps: Sequence[Pass], deadline: float | None
) -> Iterator[tuple[Netlist, Sequence[Pass]]]:
    """Yield starts, proven equal to a netlist, and scripts."""
    yield netlist, steps
    for basis in (Basis.AIG, Basis.XMG):
        effort = replace(_EFFORT, deadline=deadline)
        start = find_swept(of_netlist(netlist, Basis.MAJ), basis, effort).expanded()
        if proves_equal(netlist, start, deadline):
            yield start, steps
    for seed in range(1, _SEEDS):
        yield netlist, [_reseeded(step, seed) for step in steps]


def _reseeded(step: Pass, seed: int) -> Pass:
    names = [field.name for field in fields(step)]  # type: ignore[arg-type]
    return replace(step, seed=step.seed + seed) if "seed" in names else step  # type: ignore[attr-defined, type-var]


# Netlists over other cells than majorities: made, proven equal, and described.


@dataclass(frozen=True)
class InBasis:
    """A netlist over the cells of a basis, and how it was proven equal to the one it was made of."""

    gates: GateNetlist
    proof: str

    def record(self) -> dict[str, Any]:
        return {
            "basis": self.gates.basis.value,
            "cells": self.gates.n_cells,
            **{kind: count for kind, count in self.gates.kinds.items() if count},
            "depth": self.gates.depth,
            "proof": self.proof,
        }

    def rank(self, goal: Goal) -> tuple[int, ...]:
        """Return what orders netlists of a basis by a goal, the best first."""
        return goal.rank_of(self.gates.n_cells, self.gates.depth)


def cell_by_cell(netlist: Netlist, basis: Basis, why: str = "") -> InBasis:
    """Return a netlist in other cells without a search, which needs no proof."""
    return InBasis(of_netlist(netlist, basis), f"cell by cell{why}")


def to_basis(
    netlist: Netlist,
    basis: Basis,
    also: Sequence[Netlist] = (),
    effort: GateEffort | None = None,
) -> InBasis:
    """Return a netlist over the cells of a basis, proven equal to one of majorities.

    `also` are other netlists to start from; those that differ from it where it may are of no use and are not
    taken. If there is no time left for the proof, the result is the netlist cell by cell, which needs none.
    """
    effort = effort or GateEffort()
    gates = find_smallest([netlist, *also], basis, effort)
    left = seconds_left(effort.deadline)
    try:
        found = None if left == 0 else equivalent(netlist, gates.expanded(), left)
    except ToolTimeoutError:
        found = None
    if found is None:
        return cell_by_cell(netlist, basis, ", as the time was up")
    if found.equal:
        return InBasis(gates, found.method)
    if also:
        return to_basis(netlist, basis, (), effort)
    raise VerificationError(f"{netlist.name}: the netlist over {basis.value} is another function")


def basis_summary(gates: GateNetlist) -> str:
    """Return cells by kind and depth, as in ``12 cells: 7 AND, 5 XOR; depth 4``."""
    names = {"xor3": "XOR3"}
    listed = ", ".join(
        f"{count} {names.get(kind, kind.upper())}" for kind, count in gates.kinds.items() if count
    )
    cells = plural(gates.n_cells, "cell")
    return f"{cells}{': ' if listed else ''}{listed}; depth {gates.depth}"
