"""Run a testbench of a design, in Verilog or VHDL, and read what it prints."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.sim.base import Availability, Simulator
from btfsynth.sim.design import Design
from btfsynth.sim.process import Completed, run_command, workspace_folder
from btfsynth.sim.result import CheckResult

__all__ = ["find_programs", "run_bench"]

_PASS = re.compile(r"^PASS ([0-9]+) vectors$", re.MULTILINE)
_FAIL = re.compile(r"^FAIL ([0-9]+) of ([0-9]+)$", re.MULTILINE)
_MISMATCH = re.compile(
    r"^MISMATCH vector=([0-9]+) inputs=\S+ care=\S+ expected=\S+ got=(\S+)$", re.MULTILINE
)
_VERSION_TIMEOUT = 20.0


def find_programs(
    programs: Sequence[str], version_command: Sequence[str], package: str
) -> Availability:
    """Look for programs on the PATH and ask for a version.

    Parameters
    ----------
    programs
        All that are needed.
    version_command
        Prints the version in its first line.
    package
        The apt package to install.
    """
    for program in programs:
        if shutil.which(program) is None:
            reason = f"{program} is not installed; apt-get install {package}"
            return Availability(None, reason)
    try:
        completed = run_command(version_command, Path(tempfile.gettempdir()), _VERSION_TIMEOUT)
    except (ToolError, MissingToolError) as error:
        return Availability(None, str(error))
    match = re.search(r"[0-9]+(\.[0-9]+)+", completed.stdout)
    return Availability(match.group() if match else "unknown", None)


def run_bench(
    simulator: Simulator,
    design: Design,
    timeout: float,
    roles: Sequence[str] = ("verilog", "testbench"),
) -> CheckResult:
    """Build and run a testbench in a folder of its own; the last command is the simulation.

    Parameters
    ----------
    simulator
        Runs it.
    design
        The design.
    timeout
        Seconds every command may take.
    roles
        The files it needs besides the vectors, by their role in the manifest.

    Raises
    ------
    MissingToolError
        If the simulator is not installed.
    ToolError
        If a command fails, takes too long, or the simulation ends without a verdict.
    """
    found = simulator.find()
    if found.version is None:
        raise MissingToolError(str(found.reason))
    start = time.perf_counter()
    with workspace_folder() as folder:
        workspace = folder
        for role in (*roles, "vectors"):
            for path in design.verilog_files if role == "verilog" else (design.path(role),):
                shutil.copyfile(path, workspace / path.name)
        *builds, simulation = simulator.commands(design, workspace)
        for command in builds:
            built = run_command(command, workspace, timeout)
            if built.returncode:
                raise built.error(f"{simulator.name} cannot compile {design.manifest.module}")
        completed = run_command(simulation, workspace, timeout)
    return _verdict(simulator.name, design, completed, time.perf_counter() - start, found.version)


def _verdict(
    name: str, design: Design, completed: Completed, seconds: float, version: str
) -> CheckResult:
    """Read the result; only a clean exit together with a PASS line of the right length passes."""
    count = design.manifest.vector_count
    passed = _PASS.search(completed.stdout)
    if completed.returncode == 0 and passed and int(passed[1]) == count:
        return CheckResult(name, passed=count, seconds=seconds, version=version)
    failed = _FAIL.search(completed.stdout)
    first = _MISMATCH.search(completed.stdout)
    if completed.returncode == 0 or not failed or not first or int(failed[2]) != count:
        raise completed.error(f"{name}: the testbench of {design.manifest.module} gave no verdict")
    return CheckResult(
        name,
        passed=count - int(failed[1]),
        failed=int(failed[1]),
        mismatch=design.mismatch(int(first[1]), first[2]),
        seconds=seconds,
        version=version,
    )
