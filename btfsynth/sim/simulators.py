"""Simulators: their interface (design, result, availability), and those that there are."""

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
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, MissingToolError, ToolError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import Manifest, load_manifest
from btfsynth.hdl.vectors import VectorTable, bench_name
from btfsynth.plugins import install_command
from btfsynth.ports import Port, total_width
from btfsynth.process import (
    DEFAULT_TIMEOUT,
    Completed,
    python_command,
    run_command,
    workspace_folder,
)


@dataclass(frozen=True)
class Availability:
    """The version of a simulator, or the reason why it cannot be used and what to install."""

    version: str | None
    reason: str | None

    def require(self) -> str:
        """Return the version; a `MissingToolError` if it cannot be used."""
        if self.version is None:
            raise MissingToolError(str(self.reason))
        return self.version


@runtime_checkable
class Simulator(Protocol):
    @property
    def name(self) -> str:
        """Its key in the table."""

    def find(self) -> Availability:
        """Look for it."""

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design; `timeout` are the seconds for each command."""


@dataclass(frozen=True)
class Design:
    """A design folder that has been read and found complete."""

    directory: Path
    manifest: Manifest
    vectors: VectorTable

    def path(self, role: str) -> Path:
        return self.directory / self.manifest.files[role]

    @property
    def verilog_files(self) -> tuple[Path, ...]:
        return self.manifest.verilog_files(self.directory)

    def mismatch(self, vector: int, got: str | NDArray[np.uint8]) -> Mismatch:
        """Describe the vector of a number, for which the outputs, as `port_values` takes them, are wrong."""
        vectors, outputs = self.vectors, self.manifest.output_ports
        wanted = np.where(vectors.care[vector], vectors.expected[vector], 2)
        return Mismatch(
            vector,
            port_values(self.manifest.input_ports, vectors.inputs[vector]),
            port_values(outputs, wanted),
            port_values(outputs, got),
        )


def load_design(directory: StrPath) -> Design:
    directory = as_path(directory)
    manifest = load_manifest(directory)
    for role, name in sorted(manifest.files.items()):
        if not (directory / name).is_file():
            raise DataError(f"missing, though the manifest lists it as {role}", directory / name)
    path = directory / manifest.files["vectors"]
    vectors = VectorTable.read(
        path,
        total_width(manifest.input_ports),
        total_width(manifest.output_ports),
        manifest.exhaustive,
    )
    if vectors.count != manifest.vector_count:
        raise DataError(
            f"expected {manifest.vector_count} vectors as the manifest says, got {vectors.count}",
            path,
        )
    if manifest.exhaustive and not _lists_all(vectors):
        raise DataError("expected every input vector, as the manifest says", path)
    return Design(directory, manifest, vectors)


def _lists_all(vectors: VectorTable) -> bool:
    if vectors.count != 1 << vectors.inputs.shape[1]:
        return False
    packed = np.packbits(vectors.inputs, axis=1)
    return len(np.unique(packed, axis=0)) == vectors.count


@dataclass(frozen=True)
class Mismatch:
    """A vector, by its number in the vector file from 0, for which the hardware is wrong.

    Values are by port, like ``a=2'b10 b=2'b01``; a don't-care bit of `expected` is ``-``.
    """

    vector: int
    inputs: str
    expected: str
    got: str

    def __str__(self) -> str:
        return (
            f"vector {self.vector}: inputs {self.inputs}, expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check: numbers of vectors, the first that failed, why it was skipped if it was."""

    name: str
    passed: int = 0
    failed: int = 0
    mismatch: Mismatch | None = None
    skipped: str | None = None
    seconds: float = 0.0
    version: str = ""

    @property
    def ok(self) -> bool:
        return self.skipped is None and self.failed == 0 and self.passed > 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report: the same for the same design, so no times."""
        if self.skipped is not None:
            return {"skipped": self.skipped}
        record: dict[str, Any] = {"passed": self.passed, "failed": self.failed}
        if self.mismatch is not None:
            record["first_mismatch"] = dict(vars(self.mismatch))
        return record


def port_values(ports: Sequence[Port], bits: str | NDArray[Any]) -> str:
    """Write bits by port, the ports least significant first.

    The bits are text, most significant first, as a simulator prints a whole bus, or 0 and 1, least significant
    first, and 2 for one that does not matter.

    >>> port_values([Port("a", 2), Port("b", 1)], "110")
    "a=2'b10 b=1'b1"
    """
    text = bits if isinstance(bits, str) else "".join("01-"[bit] for bit in reversed(bits.tolist()))
    values = []
    last = len(text)
    for port in ports:
        values.append(f"{port.name}={port.width}'b{text[last - port.width : last]}")
        last -= port.width
    return " ".join(values)


# The simulators: programs that run a testbench of a design, whose output is read, and Amaranth's own

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
