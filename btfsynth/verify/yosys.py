"""Yosys as a second prover, which shares nothing with this package.

The Verilog as it is on disk is joined with a reference in a miter that Yosys' own SAT solver proves never to
differ. The reference is a ``case`` statement made from the test vectors where they list every input, else
the netlist as BLIF. In this the nets have the names they have in the Verilog, so that Yosys can prove them
net by net, which ends where one large question would take too long.

Registers of a clocked design are taken out first, enabled and not reset: what is left is the function that
every path computes, whatever its latency. Simulation and the reader of Verilog check the latency.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btfsynth.errors import DataError, ToolTimeoutError
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.manifest import Manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.yosys import Yosys
from btfsynth.netlist.formats.blif import emit_blif
from btfsynth.netlist.identifiers import HdlNames
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.process import Completed, run_command, workspace_folder
from btfsynth.sim.base import Design

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
    names = HdlNames(_name(manifest), manifest.input_ports, manifest.output_ports, ())
    text = emit_blif(netlist, names, {})
    return Reference("reference.blif", text, "read_blif -wideports", "the netlist as BLIF", True)


def _without_registers(module: str, controls: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that turn registers of a flat module into wires and remove its control ports.

    The module is ``*`` where there is no other. A register that feeds itself would become a loop, about which
    anything can be proven, so loops end in an error.
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

    Registers are taken for wires, so that this says nothing of the latency.
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
    """Return what is wrong with the netlist that tools made of a file as an error of the file."""
    path = as_path(path)
    # its path and line are those of a file that is gone by now
    text = str(error).partition(": ")[2] if error.path else str(error)
    return DataError(f"as {tools} synthesize it: {text}", path)


def netlist_of_rtlil(
    yosys: Yosys, rtlil: str, timeout: float, controls: Sequence[str] = ()
) -> Netlist:
    """Return the netlist that Yosys makes of the one module in RTLIL, by way of BLIF.

    Control ports among `controls` (``clk``, ``rst``, ``en``) are removed and registers taken for wires.
    """
    inputs = set(_INPUT.findall(rtlil))
    controls = [name for name in controls if name in inputs]
    return _synthesized(yosys, ("read_rtlil", "design.il"), rtlil, timeout, controls)


def netlist_of_verilog(
    yosys: Yosys, verilog: str, timeout: float, controls: Sequence[str] = ()
) -> Netlist:
    """Return the netlist that Yosys makes of Verilog, of which it reads more than this package.

    Unlike those of `netlist_of_rtlil`, all `controls` must be ports.
    """
    return _synthesized(yosys, ("read_verilog", "design.v"), verilog, timeout, controls)


def _synthesized(
    yosys: Yosys, read: tuple[str, str], text: str, timeout: float, controls: Sequence[str]
) -> Netlist:
    """Return the netlist of a text, given the command that reads it and the file it is put in."""
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
