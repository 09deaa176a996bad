"""From a design folder to a bitstream, compared with a case statement of the same truth table, or for a board.

On a board the design is connected to the serial port.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import btfsynth
from btfsynth import __version__
from btfsynth.errors import (
    BtfsynthError,
    InterruptedWorkError,
    MissingToolError,
    ToolError,
    ToolTimeoutError,
    UsageError,
    VerificationError,
    plural,
)
from btfsynth.files import StrPath, as_path, publish, publish_beside, staging_folder, write_text
from btfsynth.fpga.board_worker import BAUD
from btfsynth.fpga.devices import (
    BOARDS,
    Device,
    Family,
    Tool,
    Toolchain,
    find_toolchain,
    get_device,
)
from btfsynth.fpga.place import (
    CellCounts,
    MappedModule,
    Placed,
    PlaceOptions,
    Resource,
    Subject,
    Wrapper,
    build_top,
    check_capacity,
    count_cells,
    make_wrapper,
    map_scripts,
    map_subject,
    place_top,
    read_report,
)
from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.templates import template_folder
from btfsynth.plugins import install_command
from btfsynth.process import python_command, run_command, workspace_folder
from btfsynth.records import record_or_empty
from btfsynth.settings.setting import Options
from btfsynth.settings.table import FPGA
from btfsynth.sim.simulators import ICARUS, CheckResult, Design, load_design, read_verdict
from btfsynth.verify.yosys import MAX_CASE_INPUTS, case_reference

FIGURES_FILE = "fpga.json"
"""The file of the figures, written last."""

_PROOF_SECONDS = 60.0


@dataclass(frozen=True)
class FpgaOptions(Options, settings=FPGA):
    """Options of the FPGA flow.

    Parameters
    ----------
    place
        Options of placement and routing.
    (settings)
    """

    place: PlaceOptions = field(default_factory=PlaceOptions)
    tries: int = FPGA["tries"].default


@dataclass(frozen=True)
class Column:
    mapping: MappedModule  # the module alone
    top: CellCounts  # with the registers around it
    placed: Placed
    proven: bool | None  # whether the mapped module equals its source; None if undecided


@dataclass(frozen=True)
class FpgaResult:
    module: str
    device: Device
    design: Column
    case: Column | None  # the same truth table as a case statement
    no_case: str  # why there is none
    problems: tuple[str, ...]  # what is missing because a tool failed, one line each
    checks: tuple[CheckResult, ...]  # simulations before and after routing
    tools: Mapping[str, str]  # versions by name
    options: FpgaOptions
    hashes: Mapping[str, str]  # SHA-256 of the design's files by role
    files: Mapping[str, str]  # names by role
    directory: Path | None = None  # where they are (see `publish_figures`)

    @property
    def failure(self) -> str:
        """What is wrong in one line; empty if nothing is."""
        if self.design.proven is False:
            return "the mapped netlist is not equivalent to the design"
        for check in self.checks:
            if check.skipped is None and not check.ok:
                return f"{check.name}: {plural(check.failed, 'vector')} failed; first: {check.mismatch}"
        wanted, got = self.options.place.freq, self.design.placed.fmax
        if wanted is not None and got is None:
            return f"the router timed no path; {wanted:g} MHz required"
        if wanted is not None and got is not None and got < wanted:
            return f"reaches {got:g} MHz, {wanted:g} MHz required"
        return "; ".join(self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return the figures, which are the same for the same design, options and tools."""
        return {
            "btfsynth": __version__,
            "module": self.module,
            "sha256": dict(self.hashes),
            "device": self.device.name,
            "part": self.device.part,
            "seed": self.options.place.seed,
            "freq": self.options.place.freq,
            "tries": self.options.tries,
            "tools": dict(self.tools),
            "design": _column(self.design),
            "case": None if self.case is None else _column(self.case),
            "no_case": self.no_case or None,
            "checks": {check.name: check.to_json() for check in self.checks},
            "files": dict(self.files),
            "failure": self.failure or None,
        }


def run_fpga(
    directory: StrPath,
    device: Device,
    options: FpgaOptions,
    output: StrPath,
    say: Callable[[str], None] = lambda line: None,
) -> FpgaResult:
    """Implement a design on a device and write the result.

    The files of the design are written first; then the case statement is implemented and added to the figures.
    If a tool fails in a check or on the case statement, the rest is kept and `FpgaResult.failure` has the
    reason.
    """
    directory = as_path(directory)
    output = as_path(output)
    design = load_design(directory)
    tools = find_toolchain(device, say)
    with workspace_folder() as workspace:
        run = _Run(design, device, tools, options, workspace, say)
        with staging_folder(output) as staging:
            result, files = run.design_result()
            for name, made in files.values():
                shutil.copyfile(workspace / made, staging / name)
            output = publish_figures(result.to_json(), staging, output)
        if not result.no_case:
            result = run.with_case(result)
            with staging_folder(output) as staging:
                write_figures(result.to_json(), staging)
                publish(staging, output, FIGURES_FILE)
    return replace(result, directory=output)


def publish_figures(record: Mapping[str, Any], staging: Path, output: Path) -> Path:
    """Add the figures and move all files to their folder, which is returned.

    Files of a failed run are written beside a folder with a good result.
    """
    write_figures(record, staging)
    earlier = record_or_empty(output / FIGURES_FILE)
    if record["failure"] and earlier and not earlier.get("failure"):
        return publish_beside(staging, output, FIGURES_FILE)
    publish(staging, output, FIGURES_FILE)
    return output


def write_figures(record: Mapping[str, Any], folder: Path) -> None:
    write_text(folder / FIGURES_FILE, json.dumps(record, indent=2) + "\n")


@dataclass(frozen=True)
class _Run:
    """Data shared by the steps for design and case statement."""

    design: Design
    device: Device
    tools: Toolchain
    options: FpgaOptions
    workspace: Path
    say: Callable[[str], None]

    def design_result(self) -> tuple[FpgaResult, dict[str, tuple[str, str]]]:
        """Take the design through the flow; return the result, and its files by role (see `_files`)."""
        design, workspace = self.design, self.workspace
        source, hashes = _copy_source(design, workspace)
        write_models(self.device.family, workspace)
        module, timing = design.manifest.module, design.manifest.timing
        subject = Subject(source, module, timing is not None)
        column, wrapper, problems = self.column("design", subject, timing)
        self.say("simulation of the netlists ...")
        checks = []
        for name, file in (
            ("synthesis", column.placed.synthesis),
            ("routed", column.placed.routed),
        ):
            try:
                check = simulate_netlist(
                    name, design, wrapper, file, workspace, self.options.place.timeout
                )
            except ToolError as error:
                check = CheckResult(name, skipped=f"failed: {error}")
                problems.append(f"{name}: not simulated: {error}")
            checks.append(check)
        files = _files(module, column)
        result = FpgaResult(
            module,
            self.device,
            column,
            None,
            _why_no_case(design),
            tuple(problems),
            tuple(checks),
            self.tools.versions(),
            self.options,
            hashes,
            {role: name for role, (name, _) in files.items()},
        )
        return result, files

    def with_case(self, result: FpgaResult) -> FpgaResult:
        """Run the flow for a case statement of the same truth table; a failure becomes a problem."""
        try:
            reference = case_reference(self.design.manifest, self.design.vectors)
            write_text(self.workspace / reference.file, reference.text)
            subject = Subject(reference.file, f"{result.module}_reference")
            case, _, problems = self.column("case statement", subject, None)
        except VerificationError as error:  # too large for the device, which is a result
            return replace(result, no_case=str(error))
        except KeyboardInterrupt:
            raise InterruptedWorkError(
                "interrupted at the case statement; the design's result is saved"
            ) from None
        except (BtfsynthError, OSError) as error:
            problem = f"case statement: {error}"
            return replace(result, no_case=f"failed: {error}", problems=(*result.problems, problem))
        return replace(result, case=case, problems=(*result.problems, *problems))

    def column(
        self, what: str, subject: Subject, timing: Timing | None
    ) -> tuple[Column, Wrapper, list[str]]:
        """Run the flow for one description; the last value lists failures, one line each."""
        manifest, workspace = self.design.manifest, self.workspace
        timeout = self.options.place.timeout
        n_inputs = self.design.vectors.inputs.shape[1]
        scripts = map_scripts(n_inputs, manifest.netlist.get("cells", 0), self.options.tries)
        self.say(f"{what}: mapping by {len(scripts) + 1} scripts ...")
        mapping = map_subject(
            self.tools.yosys, subject, self.device.family, scripts, workspace, timeout
        )
        proven, problems = None, []
        if not subject.registers:
            self.say(f"{what}: proving the mapped netlist ...")
            seconds = min(timeout, _PROOF_SECONDS)
            try:
                proven = prove_mapped(self.tools.yosys, subject, mapping.file, workspace, seconds)
            except ToolError as error:
                problems.append(f"{what}: not proven: {error}")
        wrapper = make_wrapper(manifest, self.device, subject.module, timing)
        top = build_top(self.tools, self.device, wrapper, workspace, timeout)
        check_capacity(top, self.device)
        self.say(f"{what}: place and route ...")
        placed = place_top(self.tools, self.device, wrapper, self.options.place, workspace)
        return Column(mapping, top, placed, proven), wrapper, problems


def _copy_source(design: Design, workspace: Path) -> tuple[str, dict[str, str]]:
    """Copy the Verilog of a design; returns the names of the copies, and their SHA-256 by role."""
    names, hashes = [], {}
    roles = {design.path(role): role for role in design.manifest.files}
    for number, path in enumerate(design.verilog_files):
        names.append(f"design_{number}.v")
        content = path.read_bytes()
        (workspace / names[-1]).write_bytes(content)
        hashes[roles[path]] = hashlib.sha256(content).hexdigest()
    return " ".join(names), hashes


def _why_no_case(design: Design) -> str:
    """Return the reason why there is no case statement; empty if there is one."""
    n_inputs = design.vectors.inputs.shape[1]
    if n_inputs > MAX_CASE_INPUTS:
        return f"{n_inputs} inputs; a case statement has at most {MAX_CASE_INPUTS}"
    if not design.vectors.exhaustive:
        return "the vectors do not define every output for every input"
    return ""


def _files(module: str, column: Column) -> dict[str, tuple[str, str]]:
    """Return by role the name of each file and the file of the workspace that it is."""
    placed = column.placed
    return {
        "wrapper": ("wrapper.v", f"{module}_fpga.v"),
        "mapped": ("mapped.v", column.mapping.file),
        "synthesis": ("synthesis.v", placed.synthesis),
        "routed": ("routed.v", placed.routed),
        "report": ("nextpnr.json", placed.report),
        "bitstream": (f"{module}.{placed.bitstream.rpartition('.')[2]}", placed.bitstream),
    }


def _column(column: Column) -> dict[str, Any]:
    counts = column.mapping.counts
    return {
        "script": column.mapping.script,
        "luts": counts.luts,
        "muxes": counts.muxes,
        "levels": counts.levels,
        "carries": counts.carries,
        "proven": column.proven,
        "tried": dict(column.mapping.tried),
        "with_registers": dict(vars(column.top)),
        "fmax_mhz": column.placed.fmax,
        "utilization": {
            kind: dict(vars(sites)) for kind, sites in column.placed.utilization.items()
        },
    }


# Check a design on an FPGA: simulate it before and after routing, and prove the mapped logic.
#
# The models of the primitives, one or two lines each, are files of this package: nothing is trusted of the
# tools that made the netlists.

_CELLS = "cells.v"
_VECTORS = "vectors.mem"
_MAX_CLOCKS = 20_000
_MIN_VECTORS = 64
_PROVEN = "SAT proof finished - no model found: SUCCESS!"
_REFUTED = "proof did fail!"


def write_models(family: Family, workspace: Path) -> None:
    """Write the models of a family's primitives into the workspace."""
    models = template_folder() / "fpga" / f"{family.name}_cells.v"
    write_text(workspace / _CELLS, models.read_text(encoding="utf-8"))


def simulate_netlist(
    name: str, design: Design, wrapper: Wrapper, netlist: str, workspace: Path, timeout: float
) -> CheckResult:
    """Clock a netlist of the wrapper through vectors of the design in Icarus Verilog.

    Skipped if that is not installed. Of many vectors that have to be shifted in and out, an even sample is
    taken. The netlist is a file of the workspace, and so are the models (`write_models`).
    """
    found = ICARUS.find()
    if found.version is None:
        return CheckResult(name, skipped=str(found.reason))
    bench, image = f"tb_{wrapper.top}.v", f"{name}.vvp"
    places, vectors = design.vectors.sample(max(_MIN_VECTORS, _MAX_CLOCKS // wrapper.clocks))
    vectors.write(workspace / _VECTORS)
    write_text(workspace / bench, wrapper.testbench(vectors, _VECTORS))
    build = ("iverilog", "-g2012", "-s", f"tb_{wrapper.top}", "-o", image)
    built = run_command((*build, _CELLS, netlist, bench), workspace, timeout)
    if built.returncode:
        raise built.error(f"{name}: Icarus Verilog cannot compile the netlist")
    done = run_command(("vvp", "-n", image), workspace, timeout)
    failed, first = read_verdict(done, vectors.count, f"{name}: the simulation gave no verdict")
    mismatch = first and design.mismatch(int(places[first[0]]), first[1])
    return CheckResult(name, vectors.count - failed, failed, mismatch, version=found.version)


def prove_mapped(
    yosys: Tool, subject: Subject, mapped: str, workspace: Path, timeout: float
) -> bool | None:
    """Prove a mapped module equal to its source, which has no registers; None if undecided in time."""
    module = subject.module
    text = (workspace / mapped).read_text(encoding="utf-8")
    renamed = re.sub(rf"^module {module}\b", f"module {module}_gate", text, flags=re.MULTILINE)
    write_text(workspace / "gate.v", renamed)
    lines = [
        f"read_verilog {subject.files} gate.v {_CELLS}",
        "hierarchy",
        "proc",
        f"flatten {module} {module}_gate",
        "memory_map",
        "opt -full",
        f"miter -equiv -flatten -make_assert {module} {module}_gate miter",
        "sat -verify -prove-asserts miter",
    ]
    write_text(workspace / "prove.ys", "\n".join(lines) + "\n")
    try:
        done = run_command((*yosys.command, "-s", "prove.ys"), workspace, timeout)
    except ToolTimeoutError:
        return None
    if done.returncode == 0 and _PROVEN in done.stdout:
        return True
    if done.returncode and _REFUTED in done.stdout + done.stderr:
        return False
    raise yosys.failure(done)


_FILES = {"pins": "top.pcf", "synthesis": "synthesis.v", "report": "nextpnr.json"}


@dataclass(frozen=True)
class BoardResult:
    module: str
    board: str
    check: CheckResult  # simulation of the serial port with the design behind it
    cells: CellCounts
    fmax: float | None  # MHz that the clock may have, by the router's estimate
    clock: float  # MHz that it has
    utilization: Mapping[str, Resource]
    tools: Mapping[str, str]  # versions by name
    seed: int  # of the placer
    hashes: Mapping[str, str]  # SHA-256 of the design's file by role
    files: Mapping[str, str]  # names by role
    directory: Path | None = None  # where they are (see `publish_figures`)

    @property
    def failure(self) -> str:
        """What is wrong in one line; empty if nothing is."""
        if not self.check.ok:
            return f"{plural(self.check.failed, 'vector')} failed; first: {self.check.mismatch}"
        if self.fmax is not None and self.fmax < self.clock:
            return f"reaches {self.fmax:g} MHz, the board's clock has {self.clock:g} MHz"
        return ""

    def to_json(self) -> dict[str, Any]:
        return {
            "btfsynth": btfsynth.__version__,
            "module": self.module,
            "sha256": dict(self.hashes),
            "board": self.board,
            "device": BOARDS[self.board][0],
            "baud": BAUD,
            "seed": self.seed,
            "tools": dict(self.tools),
            "check": self.check.to_json(),
            "cells": dict(vars(self.cells)),
            "fmax_mhz": self.fmax,
            "clock_mhz": self.clock,
            "utilization": {kind: dict(vars(sites)) for kind, sites in self.utilization.items()},
            "files": dict(self.files),
            "failure": self.failure or None,
        }


def board_device(board: str) -> str:
    if board not in BOARDS:
        raise UsageError(f"unknown board {board!r}: expected one of {', '.join(BOARDS)}")
    return BOARDS[board][0]


def run_board(
    directory: StrPath,
    board: str,
    options: PlaceOptions,
    output: StrPath,
    say: Callable[[str], None] = lambda line: None,
) -> BoardResult:
    """Make the bitstream of a board with a design on its serial port."""
    directory = as_path(directory)
    output = as_path(output)
    device = get_device(board_device(board))
    design = load_design(directory)
    if importlib.util.find_spec("amaranth_boards") is None:
        raise MissingToolError(
            f"amaranth-boards is not installed; {install_command('amaranth-boards')}"
        )
    tools = find_toolchain(device, say)
    with staging_folder(output) as staging, workspace_folder() as workspace:
        source = design.path("amaranth").read_bytes()
        say(f"{board}: simulation of the serial port ...")
        check = _work(design, board, workspace, options.timeout)
        say(f"{board}: synthesis ...")
        tools.yosys.run(("-q", "-s", "top.ys"), workspace, options.timeout)
        cells = count_cells(workspace / "top.json", "top", device.family)
        check_capacity(cells, device)
        say(f"{board}: place and route ...")
        fmax, utilization = _place(tools, device, options, workspace)
        files = {**_FILES, "bitstream": f"{design.manifest.module}.bin"}
        result = BoardResult(
            design.manifest.module,
            board,
            check,
            cells,
            fmax,
            _clock(workspace / "top.pcf"),
            utilization,
            tools.versions(),
            options.seed,
            {"amaranth": hashlib.sha256(source).hexdigest()},
            files,
        )
        made = {files["bitstream"]: "top.bin", files["synthesis"]: "top.v"}
        for name in files.values():
            shutil.copyfile(workspace / made.get(name, name), staging / name)
        output = publish_figures(result.to_json(), staging, output)
    return replace(result, directory=output)


def _place(
    tools: Toolchain, device: Device, options: PlaceOptions, workspace: Path
) -> tuple[float | None, dict[str, Resource]]:
    """Place, route and pack; return the MHz that are reached and the sites in use."""
    place = [*device.place, "--json", "top.json", "--pcf", "top.pcf", "--asc", "top.asc"]
    place += ["--seed", str(options.seed), "--report", "nextpnr.json", "--timing-allow-fail"]
    tools.router.run(place, workspace, options.timeout)
    tools.packer.run(("top.asc", "top.bin"), workspace, options.timeout)
    return read_report(workspace / "nextpnr.json")


def _work(design: Design, board: str, workspace: Path, timeout: float) -> CheckResult:
    """Have the shell simulated and its files written by a child process."""
    folder = str(design.directory.resolve())
    done = run_command(
        python_command("btfsynth.fpga.board_worker", folder, board), workspace, timeout
    )
    answer = done.answer("the simulation of the serial port", ("error", "failed", "first", "count"))
    if answer["error"] is not None:
        raise ToolError(f"{design.path('amaranth')}: {answer['error']}")
    failed, first, count = answer["failed"], answer["first"], answer["count"]
    mismatch = None if first is None else design.mismatch(int(first[0]), str(first[1]))
    return CheckResult("serial port", count - failed, failed, mismatch)


def _clock(pins: Path) -> float:
    """Return the clock frequency of the board in MHz, from the file of the pins."""
    for line in pins.read_text(encoding="utf-8").splitlines():
        if line.startswith("set_frequency "):
            return float(line.split()[2])
    raise ToolError("the board's pins name no clock")
