"""VHDL and Amaranth as netlists, by way of GHDL and Yosys.

GHDL synthesizes VHDL to Verilog. Gates are read by the reader of Verilog; what it does not take, above all
registers with an enable or a reset, goes through Yosys. Yosys also reads the RTLIL of an Amaranth component.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from btfsynth.dataset.formats.base import read_source
from btfsynth.errors import DataError, MissingToolError
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.yosys import find_yosys
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.process import (
    DEFAULT_TIMEOUT,
    Completed,
    python_command,
    run_command,
    workspace_folder,
)
from btfsynth.sim.programs import AMARANTH, GHDL
from btfsynth.verify.yosys import as_synthesized, netlist_of_rtlil, netlist_of_verilog

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
_INPUT = re.compile(r"^\s*\(?\s*input\s+(?:\[[^\]]*\]\s*)?(\w+)", re.MULTILINE)


def vhdl_netlist(
    path: StrPath, timeout: float = DEFAULT_TIMEOUT, controls: Collection[str] = ()
) -> Netlist:
    """Return what the one entity in a VHDL-93 or VHDL-2008 file computes; its ports keep their names.

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
    """Read what GHDL made, through Yosys if it is more than gates."""
    inputs = set(_INPUT.findall(verilog))
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
    """Return what no word of the text begins with."""
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
    """Return what the one Amaranth component in a Python file, which is run, computes (see `vhdl_netlist`)."""
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
