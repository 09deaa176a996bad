"""Icarus Verilog."""

from __future__ import annotations

from pathlib import Path

from btfsynth.sim.base import DEFAULT_TIMEOUT, Availability
from btfsynth.sim.bench import find_programs, run_bench
from btfsynth.sim.design import Design
from btfsynth.sim.result import CheckResult

__all__ = ["Icarus"]


class Icarus:
    """The testbench under ``iverilog`` and ``vvp``."""

    name = "icarus"

    def find(self) -> Availability:
        """Look for it."""
        return find_programs(("iverilog", "vvp"), ("iverilog", "-V"), "iverilog")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""
        files = [path.name for path in (*design.verilog_files, design.path("testbench"))]
        image = "simulation.vvp"
        top = f"tb_{design.manifest.module}"
        build = ("iverilog", "-g2012", "-s", top, "-o", image)
        return (*build, *files), ("vvp", "-n", image)

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design; every command may take so many seconds."""
        return run_bench(self, design, timeout)
