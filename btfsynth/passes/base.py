"""What a pass is, and how its result is checked.

A pass is a frozen record: its fields are its options, ``name`` is what it is called in a script, ``apply``
takes a netlist to a new one. It promises the outputs of the reference, no more. `run_pass` checks that
promise and throws the result away if it does not hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference, count_wrong
from btfsynth.netlist.statistics import NetlistStatistics, statistics

__all__ = ["Pass", "PassReport", "Prover", "run_pass", "run_passes"]

Prover = Callable[[Netlist, Netlist], bool]
"""Decides whether two netlists are equal on every input vector."""


class Pass(Protocol):
    """A netlist transformation."""

    name: ClassVar[str]
    structural: ClassVar[bool]
    """True if it keeps the function on every input, whatever the reference lists."""

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return a netlist with the same outputs on the reference."""
        ...


@dataclass(frozen=True)
class PassReport:
    """What one pass did.

    Parameters
    ----------
    name
        The pass.
    before, after
        Cost of the netlist.
    seconds
        Wall time.
    proof
        How the result was checked.
    kept
        False if the check failed and the result was thrown away.
    """

    name: str
    before: NetlistStatistics
    after: NetlistStatistics
    seconds: float
    proof: str
    kept: bool


def run_pass(
    step: Pass, netlist: Netlist, reference: Reference, prover: Prover | None = None
) -> tuple[Netlist, PassReport]:
    """Apply a pass and check what it made.

    Parameters
    ----------
    step
        The pass.
    netlist
        Must be right on the reference.
    reference
        What to keep.
    prover
        Asked where the reference is not complete; without one only structural passes are kept there.
    """
    begin = time.perf_counter()
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
        seconds=time.perf_counter() - begin,
        proof=proof,
        kept=kept,
    )


def run_passes(
    steps: Sequence[Pass],
    netlist: Netlist,
    reference: Reference,
    prover: Prover | None = None,
    on_report: Callable[[PassReport], None] | None = None,
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes one after the other (see `run_pass`)."""
    reports = []
    for step in steps:
        netlist, report = run_pass(step, netlist, reference, prover)
        reports.append(report)
        if on_report is not None:
            on_report(report)
    return netlist, tuple(reports)
