"""Verilator."""

from __future__ import annotations

from pathlib import Path

from btfsynth.sim.base import DEFAULT_TIMEOUT, Availability
from btfsynth.sim.bench import find_programs, run_bench
from btfsynth.sim.design import Design
from btfsynth.sim.result import CheckResult

__all__ = ["Verilator"]


class Verilator:
    """The testbench compiled by ``verilator --binary``; two-state, so it knows no X."""

    name = "verilator"

    def find(self) -> Availability:
        """Look for it."""
        return find_programs(
            ("verilator", "g++", "make"), ("verilator", "--version"), "verilator g++"
        )

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""
        files = [path.name for path in (*design.verilog_files, design.path("testbench"))]
        top = f"tb_{design.manifest.module}"
        build = ("verilator", "--binary", "-Wno-fatal", "--top-module", top, "-Mdir", "build")
        # The makefile optimises for size after all -CFLAGS; compiling would take most of the time.
        unoptimised = (f"{name}=-O0" for name in ("OPT_FAST", "OPT_SLOW", "OPT_GLOBAL"))
        flags = (
            *(word for flag in unoptimised for word in ("-MAKEFLAGS", flag)),
            "-o",
            "simulation",
        )
        return (
            (*build, *flags, *files),
            (str(workspace / "build" / "simulation"),),
        )

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design; every command may take so many seconds."""
        return run_bench(self, design, timeout)
