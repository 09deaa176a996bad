"""A design behind the serial port of a board, as a bitstream."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import btfsynth
from btfsynth.errors import MissingToolError, ToolError, UsageError, plural
from btfsynth.extras import install_command
from btfsynth.files import StrPath, as_path
from btfsynth.fpga.board_worker import BAUD
from btfsynth.fpga.devices import BOARDS, Device, Toolchain, find_toolchain, get_device
from btfsynth.fpga.flow import publish_figures
from btfsynth.fpga.place import (
    CellCounts,
    PlaceOptions,
    Resource,
    check_capacity,
    count_cells,
    read_report,
)
from btfsynth.sim.base import CheckResult, Design, load_design
from btfsynth.sim.process import python_command, run_command, workspace_folder
from btfsynth.staging import staging_folder

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
    """Make the bitstream of a board with a design behind its serial port."""
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
    """Return the MHz of the board's clock, which stand in the file of the pins."""
    for line in pins.read_text(encoding="utf-8").splitlines():
        if line.startswith("set_frequency "):
            return float(line.split()[2])
    raise ToolError("the board's pins name no clock")
