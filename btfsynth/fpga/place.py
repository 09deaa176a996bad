"""Put a mapped module between registers, place it, route it and make the bitstream.

A combinational design has no path that a clock times; between registers it has. Where it has more bits than the
device has pins, they go in and out through shift registers, which add a flip-flop per bit and a multiplexer per
output, outside of the registers that are timed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btfsynth.errors import ToolError, VerificationError
from btfsynth.files import write_text
from btfsynth.fpga.devices import Device, Toolchain
from btfsynth.fpga.mapping import CellCounts, count_cells
from btfsynth.hdl.manifest import Manifest, Timing
from btfsynth.hdl.templates import render
from btfsynth.hdl.vectors import VectorTable, connections
from btfsynth.ports import Port, total_width
from btfsynth.settings.setting import Options
from btfsynth.settings.table import PLACE

_ROUTED = {"ice40": ("--asc", "asc"), "ecp5": ("--textcfg", "config")}
"""The option of the router that writes what the packer reads, and its ending."""


@dataclass(frozen=True)
class PlaceOptions(Options, settings=PLACE):
    """How to place and route.

    Parameters
    ----------
    (settings)
    """

    seed: int = PLACE["seed"].default
    freq: float | None = None
    timeout: float = 1800.0  # seconds per tool


@dataclass(frozen=True)
class Resource:
    used: int
    available: int


@dataclass(frozen=True)
class Placed:
    fmax: (
        float | None
    )  # MHz that the clock may have by the router's estimate; None if it times nothing
    utilization: dict[str, Resource]  # sites by kind, only kinds that are used
    synthesis: str  # Verilog before and after routing; files of the workspace
    routed: str
    report: str  # The router's report and the bitstream
    bitstream: str


def build_top(
    tools: Toolchain, device: Device, wrapper: Wrapper, workspace: Path, timeout: float
) -> CellCounts:
    """Synthesise the wrapper around a module that is mapped already, which stays as it is.

    Writes the wrapper's JSON for the router, and Verilog, under the wrapper's name.
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
    tools.yosys.run_script(lines, f"{top}.ys", workspace, timeout)
    return count_cells(workspace / f"{top}.json", top, device.family)


def check_capacity(counts: CellCounts, device: Device) -> None:
    """Refuse what is larger than the device."""
    for what, needed in (("LUTs", counts.luts), ("flip-flops", counts.flip_flops)):
        if needed > device.luts:
            raise VerificationError(
                f"does not fit: needs {needed} {what}, {device.name} has {device.luts}"
            )


def place_top(
    tools: Toolchain, device: Device, wrapper: Wrapper, options: PlaceOptions, workspace: Path
) -> Placed:
    """Place and route a wrapper that `build_top` has synthesised, and pack the bitstream."""
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
    script = (f"read_json {top}_top.json", f"write_verilog -noattr {file}")
    tools.yosys.run_script(script, f"{top}_routed.ys", workspace, timeout)
    return file


def read_report(path: Path) -> tuple[float | None, dict[str, Resource]]:
    """Read the clock that is reached, in MHz, and the sites that are used from the router's report."""
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


_REGISTERS = 2
"""Register stages before and after the design."""
_TIED = {"clk": "clk", "rst": "1'b0", "en": "1'b1"}
_SCAN_PINS = 4


@dataclass(frozen=True)
class Wrapper:
    module: str  # the module inside
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    timing: Timing | None  # of a module that has registers itself
    device: str
    scan: bool  # whether the bits go through shift registers

    @property
    def top(self) -> str:
        return f"{self.module}_fpga"

    @property
    def latency(self) -> int:
        """Clocks from the inputs to the outputs, shifting aside."""
        return _REGISTERS + (self.timing.latency if self.timing else 0)

    @property
    def pins(self) -> tuple[str, ...]:
        if self.scan:
            return ("clk", "scan_in", "load", "scan_out")
        return ("clk", *_bits("inputs", self.inputs), *_bits("outputs", self.outputs))

    @property
    def clocks(self) -> int:
        """Clocks from the moment an input is there to the last bit of its output."""
        shifted = total_width(self.inputs) + total_width(self.outputs) + 1 if self.scan else 0
        return self.latency + shifted

    def verilog(self) -> str:
        controls = self.timing.controls if self.timing else ()
        wires = [(name, _TIED[name]) for name in controls]
        wires += connections(self.inputs, "given") + connections(self.outputs, "result")
        return render("fpga/wrapper.v.j2", connections=wires, **self._sizes())

    def stub(self) -> str:
        """Return the module inside as a black box."""
        controls = self.timing.controls if self.timing else ()
        ports = [f"input {name}" for name in controls]
        ports += [f"input {port.range} {port.name}" for port in self.inputs]
        ports += [f"output {port.range} {port.name}" for port in self.outputs]
        return f"(* blackbox *)\nmodule {self.module} ({', '.join(ports)});\nendmodule\n"

    def testbench(self, vectors: VectorTable, vector_file: str) -> str:
        return render(
            "fpga/testbench.v.j2",
            vector_count=vectors.count,
            vector_file=vector_file,
            **self._sizes(),
        )

    def _sizes(self) -> dict[str, object]:
        return {
            "module": self.module,
            "top": self.top,
            "device": self.device,
            "scan": self.scan,
            "latency": self.latency,
            "n_inputs": total_width(self.inputs),
            "n_outputs": total_width(self.outputs),
        }


def make_wrapper(manifest: Manifest, device: Device, module: str, timing: Timing | None) -> Wrapper:
    bits = total_width(manifest.input_ports) + total_width(manifest.output_ports)
    return Wrapper(
        module,
        manifest.input_ports,
        manifest.output_ports,
        timing,
        device.name,
        1 + bits > max(device.pins, _SCAN_PINS),
    )


def _bits(bus: str, ports: Sequence[Port]) -> list[str]:
    """Return what the router calls the bits of a bus; one of a single bit has no index."""
    width = total_width(ports)
    return [bus] if width == 1 else [f"{bus}[{bit}]" for bit in range(width)]
