"""Yosys as a second prover, which shares nothing with this package, and as a reader of VHDL and Amaranth.

The Verilog file and a reference form a miter, which Yosys' SAT solver proves constant. The reference is a
``case`` statement made from the test vectors if they list every input, else the netlist as BLIF. Its nets have
the names of the Verilog, so that Yosys can prove them net by net, which succeeds where one large question would
take too long.

Registers of a clocked design are removed first, enabled and not reset, which leaves the function of every path,
whatever its latency. Simulation and the Verilog reader check the latency.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from btfsynth.dataset.formats.base import read_source
from btfsynth.errors import DataError, MissingToolError, ToolTimeoutError
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.manifest import Manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.yosys import Yosys, find_yosys
from btfsynth.netlist.formats.blif import emit_blif
from btfsynth.netlist.identifiers import HdlNames
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.process import (
    DEFAULT_TIMEOUT,
    Completed,
    python_command,
    run_command,
    workspace_folder,
)
from btfsynth.sim.simulators import AMARANTH, GHDL, Design

MAX_CASE_INPUTS = 10
"""Largest number of input bits for which a ``case`` statement, one line per vector, is made."""

_IDLE = {"clk": 0, "rst": 0, "en": 1}
"""Values at which the control ports of a clocked design let every register take over its input."""
_WIRES_FILE = "wires.v"
_WIRES = r"""module \$dff (CLK, D, Q);
parameter WIDTH = 1;
parameter CLK_POLARITY = 1;
input CLK;
input [WIDTH-1:0] D;
output [WIDTH-1:0] Q;
assign Q = D;
endmodule
"""
"""Takes registers for wires."""
_STORAGE = ("$*ff*", "$_*FF*", "$*latch*", "$_*LATCH*", "$mem*")
_INPUT = re.compile(r"^\s*wire\b.*\binput [0-9]+\s+\\(\S+)$", re.MULTILINE)

_NETS_PROVEN = "Equivalence successfully proven!"
_REFUTED = "SAT proof finished - model found: FAIL!"
_PROVEN = "SAT proof finished - no model found: SUCCESS!"
_SHOWN = re.compile(r"^\s*\\in_([A-Za-z][A-Za-z0-9_]*)\s+\S+\s+\S+\s+([01x]+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Reference:
    file: str
    text: str
    read: str  # the command of Yosys that reads it
    what: str  # in words
    same_nets: bool = False  # whether its nets have the names they have in the design


@dataclass(frozen=True)
class Proof:
    proven: bool | None  # None if undecided in time
    inputs: str = ""  # for which they differ, by port, like ``a=2'b10 b=2'b01``


def case_reference(manifest: Manifest, vectors: VectorTable) -> Reference:
    inputs, outputs = manifest.input_ports, manifest.output_ports
    n_inputs, n_outputs = vectors.inputs.shape[1], vectors.expected.shape[1]
    ports = [f"input {_range(port)}{port.name}" for port in inputs]
    ports += [f"output {_range(port)}{port.name}" for port in outputs]
    # No port begins with an underscore.
    lines = [
        f"module {_name(manifest)} ({', '.join(ports)});",
        f"reg [{n_outputs - 1}:0] _value;",
        f"assign {_bus(outputs)} = _value;",
        "always @*",
        f"case ({_bus(inputs)})",
    ]
    for given, wanted in zip(vectors.inputs, vectors.expected, strict=True):
        key, value = ("".join(map(str, reversed(bits.tolist()))) for bits in (given, wanted))
        lines.append(f"{n_inputs}'b{key}: _value = {n_outputs}'b{value};")
    lines += [f"default: _value = {n_outputs}'b{'x' * n_outputs};", "endcase", "endmodule"]
    return Reference(
        "reference.v", "\n".join(lines) + "\n", "read_verilog", "a case statement of the vectors"
    )


def blif_reference(manifest: Manifest, netlist: Netlist) -> Reference:
    # Yosys makes a port of such names only if they count from 0, and compares ports by significance.
    inputs, outputs = (
        tuple(replace(port, low=0, step=1) for port in ports)
        for ports in (manifest.input_ports, manifest.output_ports)
    )
    names = HdlNames(_name(manifest), inputs, outputs, ())
    text = emit_blif(netlist, names, {})
    return Reference("reference.blif", text, "read_blif -wideports", "the netlist as BLIF", True)


def _without_registers(module: str, controls: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that turn registers of a flat module into wires and remove its control ports.

    The module is ``*`` if it is the only one. A register that feeds itself would become a loop, about which
    anything can be proven, so loops are an error.
    """
    if not controls:
        return ()
    # Old versions of connect want one module, and take it from nowhere but the selection.
    enter, leave = ((), ()) if module == "*" else ((f"cd {module}",), ("cd ..",))
    inside = "*/" if module == "*" else ""
    ports = [
        (f"delete -input {inside}w:{name}", f"connect -nomap -nounset -set {name} 1'b{_IDLE[name]}")
        for name in controls
    ]
    return (
        f"dffunmap {module}",
        *enter,
        *(command for port in ports for command in port),
        *leave,
        f"opt_muxtree {module}",
        f"opt_expr {module}",
        f"opt_clean {module}",
        f"techmap -map {_WIRES_FILE} {module}/t:$dff",
        f"opt_clean {module}",
        *(f"select -assert-none {module}/t:{kind}" for kind in _STORAGE),
        f"check -assert {module}",
    )


def prove(yosys: Yosys, design: Design, reference: Reference, timeout: float) -> Proof:
    """Prove the Verilog of a design equal to a reference on every input.

    Registers are treated as wires, so this does not check the latency.
    """
    module, gold = design.manifest.module, _name(design.manifest)
    timing = design.manifest.timing
    files = {f"design{place}.v": path for place, path in enumerate(design.verilog_files)}
    read = (
        f"read_verilog {' '.join(files)}",
        f"{reference.read} {reference.file}",
        "proc -norom",
        "flatten",
        *_without_registers(module, () if timing is None else timing.controls),
    )
    nets = (
        "techmap",
        "opt -full",
        f"equiv_make {gold} {module} {module}_equiv",
        f"cd {module}_equiv",
        "equiv_simple",
        "equiv_status -assert",
    )
    miter = (
        "opt -full",
        f"miter -equiv -flatten -make_assert {gold} {module} {module}_miter",
        # Without -verify, which ends old versions before they have shown the inputs.
        f"sat -prove-asserts -show-inputs {module}_miter",
    )
    # The WebAssembly Yosys sees only the current folder, so all names are relative.
    with workspace_folder() as workspace:
        for name, path in files.items():
            shutil.copyfile(path, workspace / name)
        write_text(workspace / reference.file, reference.text)
        write_text(workspace / _WIRES_FILE, _WIRES)
        try:
            if reference.same_nets:
                completed = _run(yosys, (*read, *nets), workspace, timeout)
                if completed.returncode == 0 and _NETS_PROVEN in completed.stdout:
                    return Proof(True)
            completed = _run(yosys, (*read, *miter), workspace, timeout)
        except ToolTimeoutError:
            return Proof(None)
    if completed.returncode == 0 and _PROVEN in completed.stdout:
        return Proof(True)
    if completed.returncode == 0 and _REFUTED in completed.stdout:
        found = dict(_SHOWN.findall(completed.stdout))
        ports = [port for port in design.manifest.input_ports if port.name in found]
        return Proof(False, " ".join(f"{p.name}={p.width}'b{found[p.name]}" for p in ports))
    raise completed.error(f"Yosys gave no verdict on {module}")


def _run(yosys: Yosys, script: Sequence[str], workspace: Path, timeout: float) -> Completed:
    write_text(workspace / "script.ys", "\n".join(script) + "\n")
    return run_command((*yosys.command, "-s", "script.ys"), workspace, timeout)


def as_synthesized(error: DataError, tools: str, path: StrPath) -> DataError:
    """Convert an error in a tool's netlist of a file to an error of the file."""
    path = as_path(path)
    # its path and line are those of a file that is gone by now
    text = str(error).partition(": ")[2] if error.path else str(error)
    return DataError(f"as {tools} synthesize it: {text}", path)


def netlist_of_rtlil(
    yosys: Yosys, rtlil: str, timeout: float, controls: Sequence[str] = ()
) -> Netlist:
    """Return the netlist of the only module in RTLIL, by Yosys and BLIF.

    Control ports among `controls` (``clk``, ``rst``, ``en``) are removed, and registers become wires.
    """
    inputs = set(_INPUT.findall(rtlil))
    controls = [name for name in controls if name in inputs]
    return _synthesized(yosys, ("read_rtlil", "design.il"), rtlil, timeout, controls)


def netlist_of_verilog(
    yosys: Yosys, verilog: str, timeout: float, controls: Sequence[str] = ()
) -> Netlist:
    """Return the netlist of Verilog by Yosys, which reads more of it than this package.

    Unlike those of `netlist_of_rtlil`, all `controls` must be ports.
    """
    return _synthesized(yosys, ("read_verilog", "design.v"), verilog, timeout, controls)


def _synthesized(
    yosys: Yosys, read: tuple[str, str], text: str, timeout: float, controls: Sequence[str]
) -> Netlist:
    """Return the netlist of a text, given the command that reads it and the name of its file."""
    command, file = read
    script = (
        f"{command} {file}",
        "hierarchy -auto-top",
        "proc",
        "flatten",
        *_without_registers("*", controls),
        "techmap",
        "opt_clean",
        "write_blif design.blif",
    )
    with workspace_folder() as workspace:
        write_text(workspace / file, text)
        write_text(workspace / _WIRES_FILE, _WIRES)
        completed = _run(yosys, script, workspace, timeout)
        if completed.returncode or not (workspace / "design.blif").is_file():
            raise completed.error(f"Yosys makes no netlist of {file}")
        return read_design(workspace / "design.blif")


def _name(manifest: Manifest) -> str:
    return f"{manifest.module}_reference"


def _range(port: Port) -> str:
    return "" if port.width == 1 else f"[{port.width - 1}:0] "


def _bus(ports: Sequence[Port]) -> str:
    """Return all ports as one bus, the first least significant."""
    return "{" + ", ".join(port.name for port in reversed(ports)) + "}"


# VHDL and Amaranth as netlists, by way of GHDL and Yosys.
#
# GHDL synthesizes VHDL to Verilog. Gates are read by the reader of Verilog; what it does not take, above all
# registers with an enable or a reset, goes through Yosys. Yosys also reads the RTLIL of an Amaranth component.

VHDL_ENDINGS = (".vhd", ".vhdl")

_COMMENT = re.compile(r"--[^\n]*")
_ENTITY = re.compile(r"\bentity\s+(\\[^\\\n]+\\|[A-Za-z]\w*)\s+is\b", re.IGNORECASE | re.ASCII)
_EXTENDED = re.compile(r"\\([A-Za-z_]\w*)\\", re.ASCII)
_GHDL_NET = re.compile(r"\b(n[0-9]+_\w*)\b", re.IGNORECASE | re.ASCII)
"""GHDL's names of its own nets, which it takes without looking whether they are in use."""
_COMPLAINT = re.compile(r"^[^\n:]*:([0-9]+):[0-9]+:\s*(?:error:\s*)?(.+)$", re.MULTILINE)
_NAME = r"(?:\\[^\\\n]+\\|[A-Za-z]\w*)"
_VECTOR_PORT = re.compile(
    rf"({_NAME}(?:\s*,\s*{_NAME})*)\s*:\s*(?:in|out|buffer)?\s*(?:\w+_vector|unsigned|signed)\s*"
    r"\(\s*([0-9]{1,9})\s+(?:to|downto)\s+([0-9]{1,9})\s*\)",
    re.IGNORECASE | re.ASCII,
)
_VERILOG_INPUT = re.compile(r"^\s*\(?\s*input\s+(?:\[[^\]]*\]\s*)?(\w+)", re.MULTILINE)


def vhdl_netlist(
    path: StrPath, timeout: float = DEFAULT_TIMEOUT, controls: Collection[str] = ()
) -> Netlist:
    """Return the netlist of the only entity in a VHDL-93 or VHDL-2008 file; its ports keep their names.

    `controls` names the control ports of registers, if the entity has any; `timeout` is in seconds per command.
    """
    path = as_path(path)
    text = "\n".join(read_source(path).lines)
    GHDL.find().require()
    entities = _ENTITY.findall(_COMMENT.sub("", text))
    if len(entities) != 1:
        shown = f": {', '.join(entities[:5])}" if entities else ""
        raise DataError(f"expected one entity, got {len(entities)}{shown}", path)
    prefix = _free_prefix(text)
    with workspace_folder() as workspace:
        write_text(workspace / "design.vhd", _GHDL_NET.sub(rf"{prefix}\1", text) + "\n")
        entity = _GHDL_NET.sub(rf"{prefix}\1", entities[0])
        analyse = ("ghdl", "-a", "--std=08", "design.vhd")
        synthesize = ("ghdl", "--synth", "--std=08", "--out=verilog", entity)
        for command in (analyse, synthesize):
            completed = run_command(command, workspace, timeout)
            if completed.returncode:
                raise _complaint(completed, path)
        verilog = _EXTENDED.sub(r"\1", completed.stdout)
        write_text(workspace / "design.v", verilog)
        netlist = _read(workspace / "design.v", verilog, path, timeout, controls)
    ranges = _ranges(_COMMENT.sub("", text))
    return replace(
        netlist,
        name=entities[0].strip("\\"),
        input_ports=_as_declared(prefix, netlist.input_ports, ranges),
        output_ports=_as_declared(prefix, netlist.output_ports, ranges),
    )


def _read(
    file: Path, verilog: str, path: Path, timeout: float, controls: Collection[str]
) -> Netlist:
    """Read the output of GHDL, through Yosys if it has more than gates."""
    inputs = set(_VERILOG_INPUT.findall(verilog))
    present = sorted(inputs & set(controls))
    what = "a circuit with controlled registers"
    # GHDL puts reset and enable in front of the registers, where they look like data.
    if present in ([], ["clk"]):
        try:
            return read_design(file)
        except DataError:
            what = "more than gates"
    try:
        yosys = find_yosys()
    except MissingToolError as missing:
        raise MissingToolError(f"{path.name} is {what} to GHDL; {missing}") from None
    try:
        return netlist_of_verilog(yosys, verilog, timeout, present)
    except DataError as error:
        raise as_synthesized(error, "GHDL and Yosys", path) from None


def _free_prefix(text: str) -> str:
    """Return a prefix that no word of the text begins with."""
    prefix = "x_"
    while re.search(rf"\b{prefix}", text, re.IGNORECASE):
        prefix = f"x{prefix}"
    return prefix


def _ranges(text: str) -> dict[str, tuple[int, int]]:
    """Return left and right index of every vector port by its name in lower case; GHDL counts all from 0."""
    found = {}
    for names, left, right in _VECTOR_PORT.findall(text):
        for name in names.split(","):
            found[name.strip().strip("\\").lower()] = int(left), int(right)
    return found


def _as_declared(
    prefix: str, ports: tuple[Port, ...], ranges: Mapping[str, tuple[int, int]]
) -> tuple[Port, ...]:
    """Return ports under the names and ranges of the file."""
    found = []
    for port in ports:
        name = port.name.removeprefix(prefix)
        high, low = ranges.get(name.lower(), (port.high, port.low))
        if abs(high - low) + 1 != port.width:
            high, low = port.high, port.low
        found.append(replace(port, name=name, low=low, step=1 if high >= low else -1))
    return tuple(found)


def _complaint(completed: Completed, path: Path) -> Exception:
    """Return the first complaint of GHDL as an error in the file, if it is one."""
    found = _COMPLAINT.search(completed.stdout + completed.stderr)
    if found is None:
        return completed.error(f"GHDL cannot read {path}")
    return DataError(found[2].strip(), path, int(found[1]))


def amaranth_netlist(
    path: StrPath, timeout: float = DEFAULT_TIMEOUT, controls: Collection[str] = ()
) -> Netlist:
    """Run a Python file and return the netlist of its only Amaranth component (see `vhdl_netlist`)."""
    path = as_path(path)
    if not path.is_file():
        raise DataError("no such file", path)
    AMARANTH.find().require()
    yosys = find_yosys()
    command = python_command("btfsynth.sim.amaranth_worker", str(path.resolve()), "rtlil")
    with workspace_folder() as folder:
        completed = run_command(command, folder, timeout)
    answer = completed.answer("the conversion to RTLIL", ("error", "rtlil"))
    if answer["error"]:
        raise DataError(answer["error"], path)
    try:
        return netlist_of_rtlil(yosys, answer["rtlil"], timeout, sorted(controls))
    except DataError as failure:
        raise as_synthesized(failure, "Amaranth and Yosys", path) from None
