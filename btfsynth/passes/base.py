"""The interface of a pass, and the check of its result.

A pass is a frozen record: its fields are its options, ``name`` is its name in a script, ``apply`` maps a
netlist to a new one. It must keep the outputs of the reference, no more. `run_script` checks this and discards
the result if it does not hold.

A pass that is stopped by the time limit or by the user returns its best result so far (see
`btfsynth.passes.goal`), which is checked like any other.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol

from btfsynth.netlist.kernels import compile_clock
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, count_wrong
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.passes.algebra import Depth
from btfsynth.passes.basic import Inverters
from btfsynth.passes.goal import Goal, best_so_far
from btfsynth.time_box import TimeUp, time_box

_LAST_PROOF = 10.0
"""Seconds for the proof of the result when the user stops a script."""
_ONE_BY_ONE = 20_000
"""Minimum cells for proofs pass by pass, which are then easier than one proof of all passes."""
_SAT = "SAT, all input vectors"

Prover = Callable[[Netlist, Netlist], bool | None]
"""Decides whether two netlists are equal on every input vector; None if undecided in time."""

Watch = Callable[[str, int, Netlist], None]
"""Told the name and the number of the pass that runs, and the netlist so far."""


_ANY_GOAL = Goal()


class Pass(Protocol):
    name: ClassVar[str]
    structural: ClassVar[bool]
    """True if it keeps the function on every input, whatever the reference lists."""

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return a netlist with the same outputs on the reference."""
        ...


@dataclass(frozen=True)
class PassReport:
    """Report of a pass: cost before and after, and the check of the result.

    `seconds` is wall time without `compile_seconds`, the time for compiling kernels on their first use, and
    without `proof_seconds`, those of a proof that ended with this pass. `kept` is False if the check failed and
    the result was discarded, `cut_short` True if the pass was stopped early.
    """

    name: str
    before: NetlistStatistics
    after: NetlistStatistics
    seconds: float
    proof: str
    kept: bool
    compile_seconds: float = 0.0
    proof_seconds: float = 0.0
    cut_short: bool = False
    worse: bool = False
    """Undone, as the netlist before was better by the objective."""

    def record(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cells": self.after.cells,
            "depth": self.after.depth,
            "seconds": round(self.seconds, 3),
            "compile_seconds": round(self.compile_seconds, 3),
            "proof_seconds": round(self.proof_seconds, 3),
            "proof": self.proof,
            "kept": self.kept,
            "cut_short": self.cut_short,
            "worse": self.worse,
        }


class Ended(enum.Enum):
    """How a script ended: with its last pass, at its time limit, or by the user."""

    DONE = "done"
    TIME = "time limit"
    USER = "interrupted"


@dataclass(frozen=True, eq=False)
class ScriptResult:
    """Result of a script of `steps` passes.

    `netlist` is checked; it is the result of the kept passes in `reports`. `unproven` is smaller or shallower
    and correct on the vectors of the reference, but could not be proven in time; None if there is none.
    """

    netlist: Netlist
    reports: tuple[PassReport, ...]
    steps: int
    ended: Ended = Ended.DONE
    unproven: Netlist | None = None


class InterruptedPasses(KeyboardInterrupt):
    """The user stopped a script; `result` is the result so far."""

    def __init__(self, result: ScriptResult) -> None:
        self.result = result
        super().__init__()


def run_pass(
    step: Pass, netlist: Netlist, reference: Reference, prover: Prover | None = None
) -> tuple[Netlist, PassReport]:
    """Apply a pass and check its result.

    If the reference is not complete, the prover decides; without a prover only structural passes are kept.
    """
    made, reports = run_passes([step], netlist, reference, prover)
    return made, reports[0]


def run_passes(
    steps: Sequence[Pass],
    netlist: Netlist,
    reference: Reference,
    prover: Prover | None = None,
    deadline: float | None = None,
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes one after the other and return the proven netlist (see `run_script`)."""
    result = run_script(steps, netlist, reference, prover, deadline=deadline)
    if result.ended is Ended.USER:
        raise InterruptedPasses(result)
    return result.netlist, result.reports


def run_script(
    steps: Sequence[Pass],
    netlist: Netlist,
    reference: Reference,
    prover: Prover | None = None,
    *,
    deadline: float | None = None,
    watch: Watch | None = None,
    goal: Goal = _ANY_GOAL,
) -> ScriptResult:
    """Run passes one after the other.

    A deeper result is kept only if the goal allows it. With an objective the best of all results is returned,
    or the given netlist if none is better; otherwise the last result.

    At the `time.monotonic` value `deadline`, or if the user interrupts, the running pass is stopped (see
    `time_box`); its result so far is used, and the passes after it have no report. Proofs are not stopped by
    the deadline, because the prover has its own.

    If the vectors are a sample, each result is checked on them, and the last one is proven equivalent to the
    first. If that is undecided, and for large netlists, each result is compared with the one before; if they
    differ, the passes are repeated one by one.
    """
    run = _Run(netlist, reference, prover, deadline, goal)
    ended = Ended.DONE
    try:
        for number, step in enumerate(steps):
            ended = run.take(step, None if watch is None else partial(watch, step.name, number))
            if ended is not Ended.DONE:
                break
        run.choose()
        last = time.monotonic() + _LAST_PROOF if ended is Ended.USER else None
        with suppress(TimeUp), time_box(last):
            run.prove()
            run.choose()
    except KeyboardInterrupt:
        ended = Ended.USER
    return run.result(len(steps), ended)


@dataclass(frozen=True, eq=False)
class _Taken:
    """A pass that was run, and the netlist after it."""

    step: Pass
    made: Netlist
    report: PassReport


class _Run:
    """A running script: the accepted passes, and the number of proven ones."""

    def __init__(
        self,
        netlist: Netlist,
        reference: Reference,
        prover: Prover | None,
        deadline: float | None,
        goal: Goal,
    ) -> None:
        self._given = netlist
        self._goal = goal
        self._reference = reference
        self._prover = None if reference.complete else prover
        self._deadline = deadline
        self._taken: list[_Taken] = []
        self._proven = 0

    def _after(self, count: int) -> Netlist:
        """Return the netlist after this many passes."""
        return self._taken[count - 1].made if count else self._given

    def take(self, step: Pass, tell: Callable[[Netlist], None] | None = None) -> Ended:
        """Apply a pass and check its result on the vectors."""
        before, made, ended = self._after(len(self._taken)), None, Ended.DONE
        if tell is not None:
            tell(before)
        begin = time.perf_counter()
        with compile_clock() as compiled, best_so_far(tell, self._deadline) as best:
            try:
                with time_box(self._deadline):
                    made = self._goal.limited(step).apply(before, self._reference)
            except TimeUp:
                ended = Ended.TIME
            except KeyboardInterrupt:
                ended = Ended.USER
            made = best.netlist() if made is None else made
            if made is None:
                return ended
            kept = count_wrong(made, self._reference) == 0
        if self._prover is None and not self._reference.complete:
            kept = kept and step.structural
        made = self._shallow(before, made) if kept else before
        report = PassReport(
            name=step.name,
            before=statistics(before),
            after=statistics(made),
            seconds=max(0.0, time.perf_counter() - begin - compiled()),
            proof=self._reference.proof,
            kept=kept,
            compile_seconds=compiled(),
            cut_short=ended is not Ended.DONE,
        )
        self._taken.append(_Taken(step, made, report))
        if self._prover is None:
            self._proven = len(self._taken)
        return ended

    def _shallow(self, before: Netlist, made: Netlist) -> Netlist:
        """Return the result of a pass, the netlist before it if it is deeper than allowed for good."""
        if self._goal.allows(before, made):
            return made
        lower = Depth(cells=False).apply(made, self._reference)
        return lower if self._goal.allows(before, lower) else before

    def choose(self) -> None:
        """Undo the passes after the best netlist, if the goal has an objective."""
        if self._goal == _ANY_GOAL:
            return
        ranks = [self._goal.rank(self._after(count)) for count in range(len(self._taken) + 1)]
        if self._goal.objective is not None and ranks[0] == min(ranks):
            self._stay()
            return
        best = len(ranks) - 1 - ranks[::-1].index(min(ranks))
        made = self._after(best)
        for number in range(best, len(self._taken)):
            if ranks[number + 1] != ranks[best] or self._taken[number].made is not made:
                self._change(number, after=statistics(made), kept=False, worse=True)
                self._taken[number] = replace(self._taken[number], made=made)

    def _stay(self) -> None:
        """Undo all passes, and apply only `Inverters` to the given netlist."""
        made, cost = self._given, statistics(self._given)
        for number, taken in enumerate(self._taken):
            before, cost_before = made, cost
            if isinstance(taken.step, Inverters):
                made = taken.step.apply(before, self._reference)
                cost = statistics(made)
            kept = made is not before
            self._change(number, before=cost_before, after=cost, kept=kept, worse=not kept)
            self._taken[number] = replace(self._taken[number], made=made)

    def prove(self) -> None:
        """Prove the passes that are not, together if that is decided, those of large netlists one by one."""
        large = self._given.n_cells > _ONE_BY_ONE
        end = self._proven + 1 if large else len(self._taken)
        while self._prover is not None and self._proven < len(self._taken):
            begin = time.perf_counter()
            equal = self._prover(self._after(self._proven), self._after(end))
            seconds = time.perf_counter() - begin
            alone = end == self._proven + 1
            if equal:
                self._settle(end, seconds)
            elif equal is False and not (alone and end == len(self._taken)):
                self._repeat()
                return
            elif equal is False:
                self._undo()
            elif alone:
                return
            end = self._proven + 1

    def _settle(self, end: int, seconds: float) -> None:
        """Note that the passes up to this one are proven."""
        numbers = range(self._proven, end)
        kept = [number for number in numbers if self._taken[number].report.kept]
        proof = f"{_SAT}, all passes together" if len(kept) > 1 else _SAT
        for number in kept:
            spent = seconds if number == kept[-1] else 0.0
            self._change(number, proof=proof, proof_seconds=spent)
        self._proven = end

    def _repeat(self) -> None:
        """Run the unproven passes again and prove each, because one of them is wrong."""
        steps = [each.step for each in self._taken[self._proven :]]
        del self._taken[self._proven :]
        for step in steps:
            if self.take(step) is not Ended.DONE:
                return
            self.prove()

    def _undo(self) -> None:
        """Undo the passes that are not proven."""
        made = self._after(self._proven)
        for number in range(self._proven, len(self._taken)):
            if self._taken[number].report.kept:
                self._change(number, after=statistics(made), proof=_SAT, kept=False)
            self._taken[number] = replace(self._taken[number], made=made)
        self._proven = len(self._taken)

    def _change(self, number: int, **changes: Any) -> None:
        taken = self._taken[number]
        self._taken[number] = replace(taken, report=replace(taken.report, **changes))

    def result(self, steps: int, ended: Ended) -> ScriptResult:
        """Return the result so far; unproven passes are undone."""
        last, unproven = self._after(len(self._taken)), None
        self._undo()
        netlist = self._after(self._proven)
        old, new = statistics(netlist), statistics(last)
        if new.cells < old.cells or new.depth < old.depth:
            unproven = last
        reports = tuple(each.report for each in self._taken)
        return ScriptResult(netlist, reports, steps, ended, unproven)
