"""What a pass is, and how its result is checked.

A pass is a frozen record: its fields are its options, ``name`` is what it is called in a script, ``apply``
takes a netlist to a new one. It promises the outputs of the reference, no more. `run_pass` checks that
promise and throws the result away if it does not hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference, count_wrong
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.passes.compile_clock import compile_clock
from btfsynth.time_box import TimeUp, time_box

_PROVEN_TOGETHER = 20_000

Prover = Callable[[Netlist, Netlist], bool]
"""Decides whether two netlists are equal on every input vector."""


class Pass(Protocol):
    name: ClassVar[str]
    structural: ClassVar[bool]
    """True if it keeps the function on every input, whatever the reference lists."""

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return a netlist with the same outputs on the reference."""
        ...


@dataclass(frozen=True)
class PassReport:
    """What one pass did: cost before and after, and how the result was checked.

    `seconds` is wall time without `compile_seconds`, the time for compiling kernels on their first use.
    `kept` is False if the check failed and the result was discarded.
    """

    name: str
    before: NetlistStatistics
    after: NetlistStatistics
    seconds: float
    proof: str
    kept: bool
    compile_seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cells": self.after.cells,
            "depth": self.after.depth,
            "seconds": round(self.seconds, 3),
            "compile_seconds": round(self.compile_seconds, 3),
            "proof": self.proof,
            "kept": self.kept,
        }


def run_pass(
    step: Pass, netlist: Netlist, reference: Reference, prover: Prover | None = None
) -> tuple[Netlist, PassReport]:
    """Apply a pass and check its result.

    The prover is asked where the reference is not complete; without one only structural passes are kept
    there.
    """
    begin = time.perf_counter()
    with compile_clock() as compiled:
        result = step.apply(netlist, reference)
        kept = count_wrong(result, reference) == 0
        proof = reference.proof
        if kept and not reference.complete:
            if prover is not None:
                kept, proof = prover(netlist, result), "SAT, all input vectors"
            else:
                kept = step.structural
    return result if kept else netlist, PassReport(
        name=step.name,
        before=statistics(netlist),
        after=statistics(result if kept else netlist),
        seconds=max(0.0, time.perf_counter() - begin - compiled()),
        proof=proof,
        kept=kept,
        compile_seconds=compiled(),
    )


class InterruptedPasses(KeyboardInterrupt):
    """The user stopped a script of `steps` passes; `netlist` is the checked result of those in `reports`."""

    def __init__(self, netlist: Netlist, reports: tuple[PassReport, ...], steps: int) -> None:
        self.netlist = netlist
        self.reports = reports
        self.steps = steps
        super().__init__()


def run_passes(
    steps: Sequence[Pass],
    netlist: Netlist,
    reference: Reference,
    prover: Prover | None = None,
    on_report: Callable[[PassReport], None] | None = None,
    deadline: float | None = None,
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes one after the other (see `run_pass`).

    At the `time.monotonic` value `deadline` the pass that runs is ended (see `time_box`); it and those after
    it have no report, and the netlist is that of the passes before.

    Netlists of more than 20,000 cells whose vectors are a sample are proven once, from the first to the
    last, as a proof takes minutes there; if that fails, all is done again pass by pass.
    """
    if prover is not None and not reference.complete and netlist.n_cells > _PROVEN_TOGETHER:
        result, reports = _run_unproven(steps, netlist, reference, deadline)
        if prover(netlist, result):
            for report in reports:
                if on_report is not None:
                    on_report(report)
            return result, reports
    found: list[PassReport] = []
    for step in steps:
        try:
            with time_box(deadline):
                result, report = run_pass(step, netlist, reference, prover)
        except TimeUp:
            break
        except KeyboardInterrupt:
            raise InterruptedPasses(netlist, tuple(found), len(steps)) from None
        netlist = result
        found.append(report)
        if on_report is not None:
            on_report(report)
    return netlist, tuple(found)


def _run_unproven(
    steps: Sequence[Pass], netlist: Netlist, reference: Reference, deadline: float | None
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes, checked on the vectors only; the reports say what is proven if the whole is."""
    reports = []
    for step in steps:
        try:
            with time_box(deadline):
                netlist, report = run_pass(step, netlist, reference, lambda *_: True)
        except TimeUp:
            break
        reports.append(replace(report, proof="SAT, all input vectors, all passes together"))
    return netlist, tuple(reports)
