"""The simulators: programs that run a testbench of a design, whose output is read, and Amaranth's own."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.hdl.vectors import bench_name
from btfsynth.plugins import install_command
from btfsynth.process import (
    DEFAULT_TIMEOUT,
    Completed,
    python_command,
    run_command,
    workspace_folder,
)
from btfsynth.sim.base import Availability, CheckResult, Design

_PASS = re.compile(r"^PASS ([0-9]+) vectors$", re.MULTILINE)
_FAIL = re.compile(r"^FAIL ([0-9]+) of ([0-9]+)$", re.MULTILINE)
_MISMATCH = re.compile(r"^MISMATCH vector=([0-9]+) .* got=(\S+)$", re.MULTILINE)
_VERSION_TIMEOUT = 20.0


def find_programs(
    programs: Sequence[str], version_command: Sequence[str], package: str
) -> Availability:
    """Look for programs on the PATH, from an apt package, and ask for a version."""
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


def read_verdict(
    completed: Completed, count: int, without: str
) -> tuple[int, tuple[int, str] | None]:
    """Return the number of failed vectors, and number and outputs of the first; an error without a verdict.

    Only a clean exit together with a PASS line of the right length passes.
    """
    passed, failed = _PASS.search(completed.stdout), _FAIL.search(completed.stdout)
    if completed.returncode == 0 and passed and int(passed[1]) == count:
        return 0, None
    first = _MISMATCH.search(completed.stdout)
    if completed.returncode == 0 or not failed or not first or int(failed[2]) != count:
        raise completed.error(without)
    return int(failed[1]), (int(first[1]), first[2])


class _Program(ABC):
    """A simulator that builds and runs a testbench from the files of some roles."""

    name: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ("verilog", "testbench")
    missing: ClassVar[str] = ""  # why a design without these files is skipped

    @abstractmethod
    def find(self) -> Availability: ...

    @abstractmethod
    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build the testbench and, as the last one, run it."""

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        if self.missing and not {*self.roles} <= {*design.manifest.files}:
            return CheckResult(self.name, skipped=self.missing)
        version = self.find().require()
        start = time.perf_counter()
        with workspace_folder() as workspace:
            for role in (*self.roles, "vectors"):
                for path in design.verilog_files if role == "verilog" else (design.path(role),):
                    shutil.copyfile(path, workspace / path.name)
            *builds, simulation = self.commands(design, workspace)
            for command in builds:
                built = run_command(command, workspace, timeout)
                if built.returncode:
                    raise built.error(f"{self.name} cannot compile {design.manifest.module}")
            completed = run_command(simulation, workspace, timeout)
        count = design.manifest.vector_count
        without = f"{self.name}: the testbench of {design.manifest.module} gave no verdict"
        failed, first = read_verdict(completed, count, without)
        mismatch = first and design.mismatch(*first)
        seconds = time.perf_counter() - start
        return CheckResult(
            self.name, count - failed, failed, mismatch, seconds=seconds, version=version
        )


class _Icarus(_Program):
    name = "icarus"

    def find(self) -> Availability:
        return find_programs(("iverilog", "vvp"), ("iverilog", "-V"), "iverilog")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        files = [path.name for path in (*design.verilog_files, design.path("testbench"))]
        image = "simulation.vvp"
        top = f"tb_{design.manifest.module}"
        build = ("iverilog", "-g2012", "-s", top, "-o", image)
        return (*build, *files), ("vvp", "-n", image)


class _Verilator(_Program):
    """Two-state, so it knows no X."""

    name = "verilator"

    def find(self) -> Availability:
        programs = ("verilator", "g++", "make")
        return find_programs(programs, ("verilator", "--version"), "verilator g++")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        files = [path.name for path in (*design.verilog_files, design.path("testbench"))]
        top = f"tb_{design.manifest.module}"
        build = ("verilator", "--binary", "-Wno-fatal", "--top-module", top, "-Mdir", "build")
        # The makefile optimises for size after all -CFLAGS; compiling would take most of the time.
        unoptimised = (f"{name}=-O0" for name in ("OPT_FAST", "OPT_SLOW", "OPT_GLOBAL"))
        flags = [word for flag in unoptimised for word in ("-MAKEFLAGS", flag)]
        image = str(workspace / "build" / "simulation")
        return (*build, *flags, "-o", "simulation", *files), (image,)


class _Ghdl(_Program):
    """VHDL-93, whatever makes its code."""

    name = "ghdl"
    roles = ("vhdl", "vhdl_testbench")
    missing = "the design has no VHDL, it was made by an older version; build it again"

    def find(self) -> Availability:
        return find_programs(("ghdl",), ("ghdl", "--version"), "ghdl")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        files = [design.manifest.files[role] for role in self.roles]
        top = bench_name(design.manifest.module)
        # mcode elaborates when it runs, gcc and LLVM leave a program behind: the commands are the same.
        return (
            ("ghdl", "-a", "--std=93", *files),
            ("ghdl", "-e", "--std=93", top),
            ("ghdl", "-r", "--std=93", top),
        )


# What cocotb and its runner take from the environment must not change what is run.
_RUN = (
    "import os, runpy, sys; "
    "[os.environ.pop(name, None) for name in ('COCOTB_TEST_FILTER', 'GUI', 'WAVES')]; "
    "os.environ['SIM'] = 'icarus'; sys.argv.pop(0); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


@cache
def _has_shared_python() -> bool:
    """Return whether cocotb finds the Python library that it loads into the simulator (not in Debian)."""
    try:
        from find_libpython import find_libpython
    except ImportError:  # a cocotb that does without
        return True
    return find_libpython() is not None


class _Cocotb(_Program):
    name = "cocotb"
    roles = ("verilog", "cocotb")
    missing = "the design has no cocotb test, it was made by an older version; build it again"

    def find(self) -> Availability:
        install = install_command("cocotb")
        try:
            version = metadata.version("cocotb")
        except metadata.PackageNotFoundError:
            return Availability(None, f"cocotb is not installed; {install}")
        if int(version.split(".")[0]) < 2:
            return Availability(None, f"cocotb {version} is too old, 2 is needed; {install}")
        if not _has_shared_python():
            package = f"libpython{sys.version_info[0]}.{sys.version_info[1]}"
            reason = f"cocotb needs Python as a shared library; apt-get install {package}"
            return Availability(None, reason)
        icarus = ICARUS.find()
        if icarus.version is None:
            return icarus
        return Availability(f"{version}, icarus {icarus.version}", None)

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        sources = [path.name for path in design.verilog_files]
        # The runner compiles them once more, but says less of what is wrong.
        compiled = ("iverilog", "-g2012", "-t", "null", "-s", design.manifest.module, *sources)
        run = (sys.executable, "-B", "-c", _RUN, design.manifest.files["cocotb"])
        return compiled, run


ICARUS, VERILATOR, GHDL, COCOTB = _Icarus(), _Verilator(), _Ghdl(), _Cocotb()


# Amaranth's own simulator runs in a child process: the modules of a design are code.


@dataclass(frozen=True)
class _Amaranth:
    """The module of a design under Amaranth's Python simulator, or its stream wrapper with back-pressure."""

    name: str

    def find(self) -> Availability:
        try:
            return Availability(metadata.version("amaranth"), None)
        except metadata.PackageNotFoundError:
            return Availability(None, f"amaranth is not installed; {install_command('amaranth')}")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        folder = str(design.directory.resolve())
        return (python_command("btfsynth.sim.amaranth_worker", folder, self.name),)

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        if self.name == "amaranth_stream" and self.name not in design.manifest.files:
            return CheckResult(self.name, skipped="the design has no stream wrapper")
        version = self.find().require()
        start = time.perf_counter()
        with workspace_folder() as folder:
            (command,) = self.commands(design, folder)
            completed = run_command(command, folder, timeout)
        answer = completed.answer("the Amaranth simulation", ("error", "failed", "first"))
        if answer["error"] is not None:
            raise ToolError(f"{design.path(self.name)}: {answer['error']}")
        failed, first = answer["failed"], answer["first"]
        return CheckResult(
            self.name,
            passed=design.vectors.count - failed,
            failed=failed,
            mismatch=None if first is None else design.mismatch(int(first[0]), str(first[1])),
            seconds=time.perf_counter() - start,
            version=version,
        )


AMARANTH, AMARANTH_STREAM = _Amaranth("amaranth"), _Amaranth("amaranth_stream")
