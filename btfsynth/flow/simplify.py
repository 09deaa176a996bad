"""The optimiser in one call: a network or a netlist in, a small netlist out, proven equal.

Small is of few cells, of little depth, or of few lookup tables; or few cells of another basis.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import ToolTimeoutError, UsageError, VerificationError, plural
from btfsynth.events import OnEvent, PassProgress
from btfsynth.flow.patterns import fitted
from btfsynth.lower.lowering import LoweringReport, choose_preserve, lower_network, make_reference
from btfsynth.netlist.gates import GateNetlist, of_netlist
from btfsynth.netlist.kernels import compile_clock
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    care_reference,
    count_wrong,
    evaluate,
    exhaustive_words,
    function_reference,
    output_words,
    valid_words,
)
from btfsynth.netlist.views import statistics
from btfsynth.network.network import TrainedNetwork, hardware_outputs
from btfsynth.passes.algebra import Depth
from btfsynth.passes.base import (
    Ended,
    InterruptedPasses,
    Pass,
    PassReport,
    Prover,
    ScriptResult,
    run_script,
)
from btfsynth.passes.goal import Goal
from btfsynth.passes.registry import parse_script
from btfsynth.settings.table import Basis, Effort, Objective, Preserve
from btfsynth.time_box import TimeUp, seconds_left, time_box
from btfsynth.verify.equivalence import equivalent

if TYPE_CHECKING:
    from btfsynth.passes.gate_search import GateEffort

_NO_GOAL = Goal()
_LOWERING = 5.0
"""Seconds to lower a network, however late it is."""
_SECONDS_A_CELL = {"light": 1e-5, "fast": 5e-4, "size": 1e-2, "best": 1e-1}
"""Approximate times of scripts for large netlists."""
_MOST = {Effort.LOW: 2, Effort.NORMAL: 3, Effort.HIGH: 4}
"""Number of these scripts that each effort allows."""
_LONG = {Effort.LOW: 100.0, Effort.NORMAL: 300.0, Effort.HIGH: 3_000.0}
"""Estimated seconds that each effort allows without a time limit."""
LOWERED_SECONDS = 49.0
"""The same for a lowered network: of more than a few thousand cells, passes gain little on one."""
_WORTH_TABLES = 24
"""Minimum cells of netlists that are rebuilt from their tables; walks suffice for smaller ones."""

_PROOF_MOST, _PROOF_MOST_CELL = 60.0, 1e-3
"""Seconds, and seconds a cell, of all proofs of a script without a time limit."""
_PROOF_SHARE, _PROOF_BASE, _PROOF_CELL = 0.25, 0.5, 5e-4
"""Time reserved for the proof: a share of the limit, at most these seconds plus seconds per cell."""


def default_script(cells: int, effort: Effort = Effort.NORMAL, seconds: float | None = None) -> str:
    """Return the script of passes for a netlist of this many cells.

    Of the scripts of an effort, the most effective one that fits `seconds`; without a limit these follow from
    the effort.
    """
    most = _LONG[effort] if seconds is None else seconds
    rising = list(_SECONDS_A_CELL)[: _MOST[effort]]
    fitting = [name for name in rising if cells * _SECONDS_A_CELL[name] <= most]
    return fitting[-1] if fitting else rising[0]


def script_for(
    netlist: Netlist, reference: Reference, effort: Effort, seconds: float | None
) -> str:
    """Return the `default_script` of a netlist; where all vectors are looked at, ``table`` in place of size."""
    name = default_script(netlist.n_cells, effort, seconds)
    worth = reference.complete and netlist.n_cells >= _WORTH_TABLES
    return "table" if name == "size" and worth else name


def script_steps(
    netlist: Netlist,
    reference: Reference,
    script: str | Effort | Sequence[Pass],
    deadline: float | None,
) -> Sequence[Pass]:
    """Return the passes of a script, or of that for an effort (see `script_for`)."""
    if isinstance(script, Effort):
        script = script_for(netlist, reference, script, seconds_left(deadline))
    return parse_script(script, not reference.complete) if isinstance(script, str) else script


def lowered_script(cells: int, goal: Goal = _NO_GOAL) -> str:
    """Return the script for a network that was lowered to this many cells."""
    return goal.script or default_script(cells, seconds=LOWERED_SECONDS)


def simplify_network(
    network: TrainedNetwork,
    dataset: Dataset | None,
    preserve: Preserve | None,
    script: str | None,
    *,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
    deadline: float | None = None,
    goal: Goal = _NO_GOAL,
) -> tuple[Netlist, LoweringReport, tuple[PassReport, ...]]:
    """Lower a network and run passes over the netlist, every step checked.

    Without patterns the function of the network is kept; by default the patterns decide `preserve`, and the
    size decides `script` (`lowered_script`). `label` adds a port with the number of the class with the largest
    sum ``W . x``. `seen`, ``(vectors, inputs)`` uint8, are further vectors for the checks. Work ends at
    `deadline`, a `time.monotonic` value; passes without time have no report.
    """
    if script is not None:
        parse_script(script)  # what is wrong with it is said before the work
    netlist, lowering, reference = lower(
        network, dataset, preserve, label=label, seen=seen, deadline=deadline
    )
    script = script or lowered_script(lowering.cells, goal)
    result = _kept(optimise(netlist, reference, script, deadline, goal=goal))
    return result.netlist, lowering, result.reports


def lower(
    network: TrainedNetwork,
    dataset: Dataset | None,
    preserve: Preserve | None,
    *,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
    deadline: float | None = None,
    by_neuron: bool = False,
) -> tuple[Netlist, LoweringReport, Reference]:
    """Lower a network; also return the reference that passes must keep (see `simplify_network`).

    With `by_neuron` each neuron is kept on every combination of its inputs, which is faster for many inputs,
    but gives a larger netlist.
    """
    if dataset is None:
        function = hardware_outputs(network, label)
        reference = function_reference(function, network.topology.n_inputs, seen)
    else:
        dataset = fitted(network, dataset)
        chosen = preserve or choose_preserve(dataset, network)
        if label and preserve is None:
            chosen = Preserve.NETWORK
        reference = make_reference(network, dataset, chosen, label, seen)
    try:
        with time_box(None if deadline is None else max(deadline, time.monotonic() + _LOWERING)):
            kept = replace(reference, complete=False) if by_neuron else reference
            return *lower_network(network, kept, label), reference
    except TimeUp:
        raise ToolTimeoutError("the time limit ended before the network was lowered") from None


def optimise(
    netlist: Netlist,
    reference: Reference | None,
    script: str | Effort | Sequence[Pass],
    deadline: float | None = None,
    on_event: OnEvent | None = None,
    goal: Goal = _NO_GOAL,
) -> ScriptResult:
    """Run passes over a netlist that is correct on a reference; None keeps its function.

    Instead of passes, an effort may be given, by which a script is chosen; without an objective the netlist
    with the fewest cells is then returned. If the netlist is deeper than the goal allows, a last pass lowers
    the depth. A part of the time to `deadline`, a `time.monotonic` value, is reserved for a proof if one is
    needed.
    """
    if reference is None:
        reference = function_reference(partial(evaluate, netlist), netlist.n_inputs)
    steps = script_steps(netlist, reference, script, deadline)
    if isinstance(script, Effort) and goal.objective is None:
        goal = replace(goal, objective=Objective.CELLS)
    if goal.max_depth and statistics(netlist).depth > goal.max_depth:
        steps = (*steps, Depth(target=goal.max_depth))
    passes_end = deadline
    if deadline is not None and not reference.complete:
        now = time.monotonic()
        reserve = _PROOF_BASE + _PROOF_CELL * netlist.n_cells
        passes_end = deadline - min(reserve, _PROOF_SHARE * (deadline - now))
    begin = time.monotonic()

    def watch(name: str, number: int, present: Netlist) -> None:
        if on_event is not None:
            cost, seconds = statistics(present), time.monotonic() - begin
            on_event(PassProgress(name, number + 1, len(steps), cost.cells, cost.depth, seconds))

    def prove(before: Netlist, after: Netlist) -> bool | None:
        watch("proof", len(steps) - 1, after)
        return proved(before, after)

    proved, watched = _prover(deadline), None if on_event is None else watch
    return run_script(
        steps, netlist, reference, prove, deadline=passes_end, watch=watched, goal=goal
    )


def _kept(result: ScriptResult) -> ScriptResult:
    """Pass on an interruption."""
    if result.ended is Ended.USER:
        raise InterruptedPasses(result)
    return result


def simplify_netlist(
    netlist: Netlist,
    dataset: Dataset | None,
    preserve: Preserve | None,
    script: str,
    dont_care: Netlist | None = None,
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes over a netlist, every step checked (see `netlist_reference`)."""
    reference = netlist_reference(netlist, dataset, preserve, dont_care)
    result = _kept(optimise(netlist, reference, script))
    return result.netlist, result.reports


def netlist_reference(
    netlist: Netlist,
    dataset: Dataset | None,
    preserve: Preserve | None,
    dont_care: Netlist | None = None,
) -> Reference:
    """Return the reference that passes over a netlist must keep.

    This is its function or, with patterns, their targets, unless `preserve` is the network. `dont_care` has the
    same ports and is 1 for don't-cares; it is used without patterns, up to `MAX_EXHAUSTIVE_INPUTS`.
    """
    exhaustive = netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS
    if dataset is None and dont_care is not None and exhaustive:
        return open_reference(netlist, dont_care)
    if dataset is None or preserve is Preserve.NETWORK:
        return function_reference(partial(evaluate, netlist), netlist.n_inputs)
    dataset = fitted(netlist, dataset)
    reference = care_reference(dataset)
    wrong = count_wrong(netlist, reference)
    if wrong:
        raise UsageError(
            f"{netlist.name}: is wrong on {wrong} of the {plural(dataset.n_patterns, 'pattern')} of "
            f"{dataset.source}, so its targets cannot be preserved"
        )
    return reference


def open_reference(netlist: Netlist, dont_care: Netlist) -> Reference:
    """Return the function of a netlist on every input vector, with don't-cares."""
    inputs, vectors = exhaustive_words(netlist.n_inputs), 1 << netlist.n_inputs
    care = ~output_words(dont_care, inputs) & valid_words(vectors)
    targets = output_words(netlist, inputs)
    return Reference(Preserve.CARE, inputs, targets, care, vectors, complete=True)


def _prover(deadline: float | None) -> Prover:
    """Return the proof of passes, which ends undecided at the deadline, or after a minute or more by itself."""
    end = deadline

    def prove(before: Netlist, after: Netlist) -> bool | None:
        nonlocal end
        if end is None:  # all proofs together, from the first on
            end = time.monotonic() + _PROOF_MOST + _PROOF_MOST_CELL * before.n_cells
        return proves_equal(before, after, end)

    return prove


def proves_equal(a: Netlist, b: Netlist, deadline: float | None) -> bool | None:
    """Return True if two netlists are equal on every input vector, None if undecided at the deadline."""
    left = seconds_left(deadline)
    if left == 0:
        return None
    try:
        with compile_clock():  # no alarm breaks off a kernel's compilation
            return equivalent(a, b, left).equal
    except ToolTimeoutError:
        return None


# Optimise for something else than majority cells: lookup tables, and cells of another basis.
#
# Cells and lookup tables go together only loosely: a table of six inputs takes in whatever shares few leaves,
# so the netlist of fewest cells is seldom the best one. What every pass leaves is mapped, from the netlist as
# it is and from it as an and-inverter graph and with exclusive ors, for several seeds; every candidate is
# proven.

LUT_INPUTS = 6
_SEEDS = 3
_ROUNDS = 6


def lut_cost(netlist: Netlist) -> tuple[int, int, int]:
    """Return 6-input lookup tables, their levels, and cells."""
    from btfsynth.fpga.lut_mapper import map_luts

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
    from btfsynth.passes.gate_search import GateEffort, find_swept

    yield netlist, steps
    for basis in (Basis.AIG, Basis.XMG):
        effort = GateEffort(rounds=_ROUNDS, deadline=deadline)
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
    """A netlist over the cells of a basis, and the proof of its equivalence to the original."""

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
        """Return the sort key of netlists of a basis for a goal, the best first."""
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

    `also` are other netlists to start from; those with other don't-care values are ignored. If there is no time
    left for the proof, the result is the netlist translated cell by cell, which needs no proof.
    """
    from btfsynth.passes.gate_search import GateEffort, find_smallest

    effort = effort or GateEffort()
    gates = find_smallest([netlist, *also], basis, effort)
    left = seconds_left(effort.deadline)
    try:
        found = None if left == 0 else equivalent(netlist, gates.expanded(), left)
    except ToolTimeoutError:
        found = None
    if found is None:
        return cell_by_cell(netlist, basis, ", because the time limit was reached")
    if found.equal:
        return InBasis(gates, found.method)
    if also:
        return to_basis(netlist, basis, (), effort)
    raise VerificationError(f"{netlist.name}: the netlist over {basis.value} is not equivalent")


def basis_summary(gates: GateNetlist) -> str:
    """Return cells by kind and depth, as in ``12 cells: 7 AND, 5 XOR; depth 4``."""
    names = {"xor3": "XOR3"}
    listed = ", ".join(
        f"{count} {names.get(kind, kind.upper())}" for kind, count in gates.kinds.items() if count
    )
    cells = plural(gates.n_cells, "cell")
    return f"{cells}{': ' if listed else ''}{listed}; depth {gates.depth}"
