"""Put a mapped module between registers, place it, route it and make the bitstream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from btfsynth.errors import ToolError, VerificationError
from btfsynth.files import write_text
from btfsynth.fpga.devices import Device
from btfsynth.fpga.netlists import CellCounts, count_cells
from btfsynth.fpga.tools import Toolchain
from btfsynth.fpga.wrapper import Wrapper

__all__ = [
    "PlaceOptions",
    "Placed",
    "Resource",
    "build_top",
    "check_capacity",
    "place_top",
    "read_report",
]

_ROUTED = {"ice40": ("--asc", "asc"), "ecp5": ("--textcfg", "config")}
"""The option of the router that writes what the packer reads, and its ending."""


@dataclass(frozen=True)
class PlaceOptions:
    """How to place and route.

    Parameters
    ----------
    seed
        Of the placer; the result is the same for the same seed.
    freq
        MHz to reach, None for the router's own aim.
    timeout
        Seconds that one tool may take.
    """

    seed: int = 1
    freq: float | None = None
    timeout: float = 1800.0


@dataclass(frozen=True)
class Resource:
    """Sites of one kind, used and there."""

    used: int
    available: int


@dataclass(frozen=True)
class Placed:
    """A design that is placed and routed.

    Parameters
    ----------
    fmax
        MHz that the clock may have by the router's estimate; None if it times nothing.
    utilization
        Sites by kind, only kinds that are used.
    synthesis, routed
        Verilog before and after routing; files of the workspace.
    report, bitstream
        The router's report and the bitstream.
    """

    fmax: float | None
    utilization: dict[str, Resource]
    synthesis: str
    routed: str
    report: str
    bitstream: str


def build_top(
    tools: Toolchain, device: Device, wrapper: Wrapper, workspace: Path, timeout: float
) -> CellCounts:
    """Synthesise the wrapper around a module that is mapped already, which stays as it is.

    Writes the wrapper's JSON for the router, and Verilog, under the wrapper's name.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    top, module = wrapper.top, wrapper.module
    write_text(workspace / f"{top}.v", wrapper.verilog())
    write_text(workspace / f"{module}_stub.v", wrapper.stub())
    lines = [
        f"read_verilog {top}.v {module}_stub.v",
        f"{device.family.synthesis_top} -top {top}",
        f"delete {module}",
        f"read_rtlil {module}_mapped.il",
        f"hierarchy -top {top}",
        "flatten",
        "delete t:$scopeinfo",
        "opt_clean",
        "setattr -unset src w:* c:*",
        f"write_json {top}.json",
        f"write_verilog -noattr {top}_synthesis.v",
    ]
    write_text(workspace / f"{top}.ys", "\n".join(lines) + "\n")
    tools.yosys.run(("-q", "-s", f"{top}.ys"), workspace, timeout)
    return count_cells(workspace / f"{top}.json", top, device.family)


def check_capacity(counts: CellCounts, device: Device) -> None:
    """Refuse what is larger than the device.

    Raises
    ------
    VerificationError
        If it needs more look-up tables or flip-flops than there are.
    """
    for what, needed in (("LUTs", counts.luts), ("flip-flops", counts.flip_flops)):
        if needed > device.luts:
            raise VerificationError(
                f"does not fit: needs {needed} {what}, {device.name} has {device.luts}"
            )


def place_top(
    tools: Toolchain, device: Device, wrapper: Wrapper, options: PlaceOptions, workspace: Path
) -> Placed:
    """Place and route a wrapper that `build_top` has synthesised, and pack the bitstream.

    Raises
    ------
    ToolError
        If a tool fails.
    """
    top, family = wrapper.top, device.family
    report, written = f"{top}_report.json", f"{top}_routed.json"
    if device.locations:
        pins = zip(wrapper.pins, device.locations, strict=False)
        lines = [f'IO_LOC "{name}" {pin};\n' for name, pin in pins]
        write_text(workspace / "pins.cst", "".join(lines))
    option, ending = _ROUTED.get(family.name, ("", "json"))
    configuration = f"{top}_routed.{ending}"
    arguments = [*device.place, "--json", f"{top}.json", "--seed", str(options.seed)]
    arguments += ["--timing-allow-fail", "--report", report, "--write", written]
    if option:
        arguments += [option, configuration]
    if options.freq is not None:
        arguments += ["--freq", f"{options.freq:g}"]
    tools.router.run(arguments, workspace, options.timeout)
    bitstream = f"{top}.{family.bitstream}"
    names = ("-o", bitstream, configuration) if device.pack else (configuration, bitstream)
    tools.packer.run((*device.pack, *names), workspace, options.timeout)
    routed = _routed_verilog(tools, top, written, workspace, options.timeout)
    fmax, utilization = read_report(workspace / report)
    return Placed(fmax, utilization, f"{top}_synthesis.v", routed, report, bitstream)


def _routed_verilog(
    tools: Toolchain, top: str, written: str, workspace: Path, timeout: float
) -> str:
    """Write what the router wrote as Verilog, under the name of the wrapper."""
    path = workspace / written
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        (module,) = record["modules"].values()
    except (OSError, ValueError, KeyError) as error:
        raise ToolError(f"{tools.router.name} wrote no netlist: {error}") from None
    file = f"{top}_routed.v"
    write_text(workspace / f"{top}_top.json", json.dumps({"modules": {top: module}}))
    script = f"read_json {top}_top.json\nwrite_verilog -noattr {file}\n"
    write_text(workspace / f"{top}_routed.ys", script)
    tools.yosys.run(("-q", "-s", f"{top}_routed.ys"), workspace, timeout)
    return file


def read_report(path: Path) -> tuple[float | None, dict[str, Resource]]:
    """Read the clock that is reached, in MHz, and the sites that are used from the router's report.

    Raises
    ------
    ToolError
        If it cannot be read.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        clocks = [float(clock["achieved"]) for clock in record["fmax"].values()]
        utilization = {
            str(kind): Resource(int(sites["used"]), int(sites["available"]))
            for kind, sites in sorted(record["utilization"].items())
            if sites["used"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the router's report cannot be read: {error}") from None
    return (round(min(clocks), 2) if clocks else None), utilization
