"""GHDL."""

from __future__ import annotations

from pathlib import Path

from btfsynth.hdl.vhdl_testbench import bench_name
from btfsynth.sim.base import DEFAULT_TIMEOUT, Availability
from btfsynth.sim.bench import find_programs, run_bench
from btfsynth.sim.design import Design
from btfsynth.sim.result import CheckResult

__all__ = ["Ghdl", "find_ghdl"]

_ROLES = ("vhdl", "vhdl_testbench")


def find_ghdl() -> Availability:
    """Look for GHDL, whatever makes its code."""
    return find_programs(("ghdl",), ("ghdl", "--version"), "ghdl")


class Ghdl:
    """The VHDL testbench analysed, elaborated and run as VHDL-93."""

    name = "ghdl"

    def find(self) -> Availability:
        """Look for it."""
        return find_ghdl()

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""
        files = [design.manifest.files[role] for role in _ROLES]
        top = bench_name(design.manifest.module)
        # mcode elaborates when it runs, gcc and LLVM leave a program behind: the commands are the same.
        return (
            ("ghdl", "-a", "--std=93", *files),
            ("ghdl", "-e", "--std=93", top),
            ("ghdl", "-r", "--std=93", top),
        )

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design, or say that it has no VHDL; every command may take so many seconds."""
        if any(role not in design.manifest.files for role in _ROLES):
            reason = "the design has no VHDL: it was made before there was any; make it again"
            return CheckResult(self.name, skipped=reason)
        return run_bench(self, design, timeout, _ROLES)
