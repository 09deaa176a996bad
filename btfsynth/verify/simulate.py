"""Run every check a design folder allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from btfsynth.errors import UsageError
from btfsynth.sim.base import DEFAULT_TIMEOUT
from btfsynth.sim.design import load_design
from btfsynth.sim.effort import too_long
from btfsynth.sim.registry import ALL_SIMULATORS, SIMULATORS, chosen_simulators, get_simulator
from btfsynth.sim.result import CheckResult
from btfsynth.verify.parsed import PARSED_CHECK, check_parsed

__all__ = ["simulate_design"]


def simulate_design(
    directory: Path, simulators: Sequence[str] | None = None, timeout: float = DEFAULT_TIMEOUT
) -> tuple[CheckResult, ...]:
    """Check a design folder by its parsed Verilog and by simulators.

    Parameters
    ----------
    directory
        The folder.
    simulators
        Names of simulators; all that fit the design if None or ``all``. One that is not installed is listed as
        skipped, and if None one that would take long (see `btfsynth.sim.effort`).
    timeout
        Seconds one command of a simulator may take.

    Returns
    -------
    The parsed check first, then one result a simulator.

    Raises
    ------
    UsageError
        If a name is unknown.
    DataError
        If the folder is no complete design.
    ToolError
        If a simulator cannot build or run it.
    """
    known = (*SIMULATORS, PARSED_CHECK, ALL_SIMULATORS)
    unknown = [name for name in simulators or () if name not in known]
    if unknown:
        raise UsageError(f"unknown simulator {unknown[0]!r}: expected some of {', '.join(known)}")
    design = load_design(directory)
    results = [check_parsed(design)]
    for name in chosen_simulators(simulators, design.manifest):
        if name == PARSED_CHECK:
            continue
        simulator = get_simulator(name)
        reason = simulator.find().reason
        if reason is None and simulators is None:
            reason = too_long(name, design)
        if reason is None:
            results.append(simulator.run(design, timeout))
        else:
            results.append(CheckResult(name, skipped=reason))
    return tuple(results)
