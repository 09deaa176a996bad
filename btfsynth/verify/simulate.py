"""Run every check a design folder allows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import metadata

import numpy as np

from btfsynth.errors import DataError, ToolTimeoutError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.circuit import Circuit, evaluate
from btfsynth.hdl.verilog.read import read_verilog
from btfsynth.settings.table import ALL_SIMULATORS, PARSED_CHECK
from btfsynth.sim.registry import (
    SIMULATORS,
    chosen_simulators,
    get_simulator,
    time_allowed,
    too_long,
)
from btfsynth.sim.simulators import CheckResult, Design, Simulator, load_design
from btfsynth.time_box import TimeUp, time_box

_MIN_SECONDS = 5.0
"""Minimum seconds for a check, even after the deadline."""


def simulate_design(
    directory: StrPath,
    simulators: Sequence[str] | None = None,
    timeout: float | None = None,
    deadline: float | None = None,
) -> tuple[CheckResult, ...]:
    """Check a design folder by its parsed Verilog, then by simulators; one result each.

    None means all simulators that fit the design and are fast enough, ``all`` all that fit. One that is not
    installed, or does not end within `timeout` seconds, is listed as skipped. Without a timeout each check gets
    the time until `deadline`, a `time.monotonic` value, but at least some seconds.
    """
    directory = as_path(directory)
    known = (*SIMULATORS, PARSED_CHECK, ALL_SIMULATORS)
    unknown = [name for name in simulators or () if name not in known]
    if unknown:
        raise UsageError(f"unknown simulator {unknown[0]!r}: expected some of {', '.join(known)}")
    design = load_design(directory)
    results = [_parsed(design, deadline)]
    for name in chosen_simulators(simulators, design.manifest):
        if name == PARSED_CHECK:
            continue
        simulator = get_simulator(name)
        reason = simulator.find().reason
        if reason is None and simulators is None:
            reason = too_long(name, design)
        if reason is None:
            results.append(_run(simulator, design, timeout, deadline))
        else:
            results.append(CheckResult(name, skipped=reason))
    return tuple(results)


def _parsed(design: Design, deadline: float | None) -> CheckResult:
    begin = time.monotonic()
    end = None if deadline is None else max(deadline, begin + _MIN_SECONDS)
    try:
        with time_box(end):
            return check_parsed(design)
    except TimeUp:
        spent = round(time.monotonic() - begin)
        return CheckResult(PARSED_CHECK, skipped=f"timed out after {spent} s, the time limit")


def _run(
    simulator: Simulator, design: Design, timeout: float | None, deadline: float | None
) -> CheckResult:
    """Run a simulator; one that does not end in time is skipped."""
    seconds = time_allowed(simulator.name, design) if timeout is None else timeout
    if timeout is None and deadline is not None:
        seconds = min(seconds, max(_MIN_SECONDS, round(deadline - time.monotonic())))
    try:
        return simulator.run(design, seconds)
    except ToolTimeoutError:
        return CheckResult(simulator.name, skipped=timed_out(seconds))


def timed_out(seconds: float) -> str:
    """Return the message of a time-out, with the remedy."""
    return f"timed out after {seconds:g} s; increase `timeout`"


def check_parsed(design: Design) -> CheckResult:
    """Parse the Verilog, evaluate it over all vectors and compare."""
    start = time.perf_counter()
    circuit = read_verilog(*design.verilog_files)
    _check_interface(design, circuit)
    _check_time(design, circuit)
    got = evaluate(circuit, design.vectors.inputs)
    wrong = design.vectors.wrong(got)
    failed, first = int(wrong.sum()), int(np.argmax(wrong))
    return CheckResult(
        PARSED_CHECK,
        passed=design.vectors.count - failed,
        failed=failed,
        mismatch=design.mismatch(first, got[first]) if failed else None,
        seconds=time.perf_counter() - start,
        version=f"pyverilog {metadata.version('pyverilog')}",
    )


def _check_time(design: Design, circuit: Circuit) -> None:
    """Compare latency and controls with the manifest."""
    timing, found, path = design.manifest.timing, circuit.clocking, design.path("verilog")
    if timing is None or found is None:
        if timing is not None or found is not None:
            kinds = ("a combinational module", "registers")
            raise DataError(
                f"expected {kinds[timing is not None]}, got {kinds[found is not None]}", path
            )
        return
    controls = {"clock": "clk", "reset": "rst" if timing.reset else None}
    controls["enable"] = "en" if timing.enable else None
    for kind, wanted in controls.items():
        got = getattr(found, kind)
        if got != wanted:
            raise DataError(
                f"{kind} of the registers: expected {wanted or 'none'}, got {got or 'none'}", path
            )
    if found.latency not in (None, timing.latency):
        raise DataError(
            f"latency: expected {timing.latency} as the manifest says, got {found.latency}", path
        )


def _check_interface(design: Design, circuit: Circuit) -> None:
    manifest, path = design.manifest, design.path("verilog")
    if circuit.module != manifest.module:
        raise DataError(f"expected the module {manifest.module}, got {circuit.module}", path)
    for kind, found, expected in (
        ("inputs", circuit.inputs, manifest.inputs),
        ("outputs", circuit.outputs, manifest.outputs),
    ):
        wanted = [(port.hdl, port.width) for port in expected]
        if list(found.items()) != wanted:
            shown = ", ".join(f"{name} ({width})" for name, width in found.items())
            raise DataError(
                f"{kind}: expected {', '.join(f'{name} ({width})' for name, width in wanted)}, "
                f"got {shown or 'none'}",
                path,
            )
