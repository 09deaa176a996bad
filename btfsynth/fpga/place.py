"""Map a module to lookup tables, put it between registers, place it, route it and make the bitstream.

A combinational design has no timed path, so registers are added at inputs and outputs. If it has more bits than
the device has pins, they are connected through shift registers, which add a flip-flop per bit and a multiplexer
per output, outside the timed registers.

No script of ABC maps every function best, so the best result of all scripts is kept. Each script is tried with
several input orders, which affect decision diagrams and ties. A script returns the best of its intermediate
results, not the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.errors import ToolError, VerificationError
from btfsynth.files import write_text
from btfsynth.fpga.devices import Device, Family, Tool, Toolchain
from btfsynth.hdl.manifest import Manifest, Timing
from btfsynth.hdl.templates import render, template_folder
from btfsynth.hdl.vectors import VectorTable, connections
from btfsynth.ports import Port, total_width
from btfsynth.settings.setting import Options
from btfsynth.settings.table import PLACE

DEFAULT_SCRIPT = "synth"
"""Name of Yosys' own script for the family, which is tried besides those of ABC."""


@dataclass(frozen=True)
class Subject:
    files: str  # its Verilog: names of files of the workspace, separated by spaces
    module: str
    registers: bool = False


@dataclass(frozen=True)
class MappedModule:
    script: str  # name of the script that made it
    counts: CellCounts
    tried: dict[str, int]  # lookup tables by script
    file: str  # Verilog in the workspace; with ``.il`` instead of ``.v`` Yosys' own format


def map_subject(
    yosys: Tool,
    subject: Subject,
    family: Family,
    scripts: tuple[MapScript, ...],
    workspace: Path,
    timeout: float,
) -> MappedModule:
    """Map a module by every script; the fewest lookup tables win, then the fewest levels.

    `timeout` is in seconds for each of the two runs of Yosys.
    """
    module = subject.module
    read = f"read_verilog {subject.files}"
    # Sharing, which opt -full does, makes word-level cells again; the scripts and the router know only gates.
    lines = [read, f"synth -flatten -noabc -top {module}", "opt -full", "techmap", "opt"]
    if subject.registers:  # first, since some kinds of register leave gates behind
        lines.append(f"{family.synthesis} -top {module} -run map_ffs:map_luts")
    lines += ["opt_clean -purge", f"write_rtlil {module}_source.il"]
    for number, script in enumerate(scripts):
        write_text(workspace / f"map_{number}.abc", f"{script.text}\n")
        lines += [
            "design -reset",
            f"read_rtlil {module}_source.il",
            f"abc -lut 4 -script map_{number}.abc",
            "opt_lut",
            "opt_clean -purge",
            f"write_json {module}_{number}.json",
        ]
    default = f"{module}_{DEFAULT_SCRIPT}"
    lines += ["design -reset", read, f"{family.synthesis} -top {module}", "opt_clean -purge"]
    lines += [f"write_json {default}.json"]
    yosys.run_script(lines, f"{module}_map.ys", workspace, timeout)

    found = {
        script.name: count_cells(workspace / f"{module}_{number}.json", module, family)
        for number, script in enumerate(scripts)
    }
    found[DEFAULT_SCRIPT] = count_cells(workspace / f"{default}.json", module, family)
    names = list(found)
    best = min(names, key=lambda name: (found[name].luts, found[name].levels, names.index(name)))

    file = f"{module}_{DEFAULT_SCRIPT if best == DEFAULT_SCRIPT else names.index(best)}.json"
    _keep_only(workspace / file, module)
    luts = template_folder() / "fpga" / f"{family.name}_luts.v"
    write_text(workspace / "luts.v", luts.read_text(encoding="utf-8"))
    mapped = f"{module}_mapped"
    lines = [
        f"read_json {file}",
        "techmap -map luts.v",
        "opt_clean -purge",
        f"write_rtlil {mapped}.il",
        f"write_json {mapped}.json",
        f"write_verilog -noattr {mapped}.v",
    ]
    yosys.run_script(lines, f"{module}_write.ys", workspace, timeout)
    counts = count_cells(workspace / f"{mapped}.json", module, family)
    return MappedModule(best, counts, {name: found[name].luts for name in names}, f"{mapped}.v")


def _keep_only(path: Path, module: str) -> None:
    """Remove the modules of the library from Yosys' JSON."""
    record = json.loads(path.read_text(encoding="utf-8"))
    record["modules"] = {module: record["modules"][module]}
    write_text(path, json.dumps(record))


_MAX_COLLAPSED_INPUTS = 12
_MAX_RESTRUCTURED_CELLS = 400
_MAX_ROUNDS_CELLS = 5000
_ROUNDS = 6
_RESTRUCTURING_ORDERS = 2
"""One order in this many gets the scripts that restructure, which take a second instead of a tenth."""

_MAP = "dch; if -K 4 -a; mfs2 -a -e -W 20 -F 200 -D 20 -L 20 -M 600 -C 100000"
_MAP_LARGE = "dch; if -K 4 -a; mfs2 -a -e -L 20"
_KEEP = "&get -mn; &save -a"
_BEST = "&load; &put"


@dataclass(frozen=True)
class MapScript:
    name: str
    text: str  # commands of ABC


def map_scripts(n_inputs: int, n_cells: int, tries: int) -> tuple[MapScript, ...]:
    if n_cells > _MAX_RESTRUCTURED_CELLS:
        rounds = 2 if n_cells <= _MAX_ROUNDS_CELLS else 1
        return (MapScript("map/0", "strash; " + _chain([""] * rounds, _MAP_LARGE)),)
    starts = {"map": ""}
    if n_inputs <= _MAX_COLLAPSED_INPUTS:
        starts |= {"decompose": "collapse; lutmin -K 4; ", "diagram": "collapse; bdd; muxes; "}
    scripts = []
    for order in range(tries):
        permute = f"strash; permute -S {order}; " if order else "strash; "
        for name, start in starts.items():
            text = permute + start + _chain([""] * _ROUNDS, _MAP)
            scripts.append(MapScript(f"{name}/{order}", text))
            if order % _RESTRUCTURING_ORDERS:
                continue
            steps = [
                f"&get -n; &deepsyn -I 1 -J 10 -S {(7 * order + step) % 100}; &put; "
                for step in range(_ROUNDS)
            ]
            text = permute + start + _chain(steps, _MAP)
            scripts.append(MapScript(f"{name}-deepsyn/{order}", text))
    return tuple(scripts)


def _chain(steps: list[str], mapping: str) -> str:
    """Return rounds of restructuring and mapping that end with the best of them."""
    return "".join(f"strash; {step}{mapping}; {_KEEP}; " for step in steps) + _BEST


_GENERIC = ("$lut",)
_OUTPUTS = frozenset({"O", "F", "Z", "Y"})
"""Names of the outputs of lookup tables and multiplexers."""


@dataclass(frozen=True)
class CellCounts:
    luts: int
    muxes: int  # those that join lookup tables
    flip_flops: int
    carries: int
    levels: int  # lookup tables and multiplexers on the critical path


def count_cells(path: Path, module: str, family: Family) -> CellCounts:
    try:
        cells: Mapping[str, Any] = json.loads(path.read_text())["modules"][module]["cells"]
        kinds = {name: _kind(cell["type"], family) for name, cell in cells.items()}
        counts = dict.fromkeys(("lut", "mux", "ff", "carry", ""), 0)
        for kind in kinds.values():
            counts[kind] += 1
        levels = _levels([cells[name] for name, kind in kinds.items() if kind in {"lut", "mux"}])
    except (OSError, ValueError, KeyError, TypeError):
        raise ToolError(f"yosys wrote no netlist of {module}") from None
    return CellCounts(counts["lut"], counts["mux"], counts["ff"], counts["carry"], levels)


def _kind(cell: str, family: Family) -> str:
    for kind, names in (
        ("lut", (*family.lut_cells, *_GENERIC)),
        ("mux", family.mux_cells),
        ("ff", family.ff_cells),
        ("carry", family.carry_cells),
    ):
        if cell.startswith(names):
            return kind
    return ""


def _levels(cells: list[Mapping[str, Any]]) -> int:
    drivers: dict[int, list[int]] = {}
    for cell in cells:
        inputs: list[int] = []
        outputs: list[int] = []
        for port, bits in cell["connections"].items():
            nets = [bit for bit in bits if isinstance(bit, int)]
            (outputs if port in _OUTPUTS else inputs).extend(nets)
        drivers |= dict.fromkeys(outputs, inputs)
    level: dict[int, int] = {}
    for root in drivers:
        stack = [root]
        while stack:
            net = stack[-1]
            waiting = [
                source for source in drivers[net] if source in drivers and source not in level
            ]
            if net not in level and waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            sources = [level[source] for source in drivers[net] if source in level]
            level[net] = 1 + max(sources, default=0)
    return max(level.values(), default=0)


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
    """Synthesise the wrapper around a mapped module, which is not changed.

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
    """Refuse a design larger than the device."""
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
    """Write the result of the router as Verilog, under the name of the wrapper."""
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
    """Return the router's names of the bits of a bus; a single bit has no index."""
    width = total_width(ports)
    return [bus] if width == 1 else [f"{bus}[{bit}]" for bit in range(width)]
