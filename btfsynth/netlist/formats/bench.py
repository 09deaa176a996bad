"""The BENCH format of the ISCAS benchmarks (Brglez and Fujiwara 1985).

::

    INPUT(a)
    OUTPUT(y)
    n1 = NAND(a, b)
    y = LUT 0xe8 (a, b, n1)

Gates are AND, OR, NAND, NOR, XOR and XNOR of any number of inputs, NOT, BUFF, MAJ of three, MUX(select, if 1,
if 0), the constants ``vdd`` and ``gnd``, and tables in the form of ABC: bit ``v`` of the number is the value
at the input vector ``v``, the first input least significant. ``DFF`` is a register: an error, or cut into two
ports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.netlist import functions as gates
from btfsynth.netlist.formats.nets import (
    Design,
    Make,
    NetTable,
    comments,
    net_names,
    net_prefix,
    plain_cells,
    token_names,
)
from btfsynth.netlist.functions import MAX_TABLE_WIDTH, table_gate
from btfsynth.netlist.gates import AnyNetlist, read_cells
from btfsynth.netlist.identifiers import HdlNames, printable
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.ports import bit_names, pin_order

_PORT = re.compile(r"(input|output)\s*\((.*)\)", re.IGNORECASE)
_GATE = re.compile(r"([^=]*)=\s*([A-Za-z_]\w*)(?:\s+0[xX]([0-9A-Fa-f]+))?\s*(?:\((.*)\))?")
_NAME = re.compile(r"[^\s(),=]+(?:\([^\s(),=]+\))?")

_GATES: Mapping[str, tuple[Make, int, int | None]] = MappingProxyType(
    {
        "and": (gates.and_gate, 1, None),
        "or": (gates.or_gate, 1, None),
        "nand": (gates.nand_gate, 1, None),
        "nor": (gates.nor_gate, 1, None),
        "xor": (gates.xor_gate, 1, None),
        "xnor": (gates.xnor_gate, 1, None),
        "not": (gates.not_gate, 1, 1),
        "buff": (gates.buffer_gate, 1, 1),
        "buf": (gates.buffer_gate, 1, 1),
        "inv": (gates.not_gate, 1, 1),
        "maj": (gates.majority_gate, 3, 3),
        "mux": (gates.mux_gate, 3, 3),
        "vdd": (lambda _, __: TRUE, 0, 0),
        "vcc": (lambda _, __: TRUE, 0, 0),
        "const1": (lambda _, __: TRUE, 0, 0),
        "gnd": (lambda _, __: FALSE, 0, 0),
        "const0": (lambda _, __: FALSE, 0, 0),
    }
)
"""The builder of a gate, and the minimum and maximum number of its inputs."""

_REGISTERS = ("dff", "dff0", "dff1", "latch", "dffrse")
"""The last one as ABC writes it: data, then four control pins that are tied to ``gnd``."""

_GROUND = "gnd"


def parse_bench(file: SourceFile, comb: bool = False) -> Design:
    """Read a BENCH file; registers become ports if `comb` (see `NetTable.add_register`)."""
    nets = NetTable(file, comb)
    for number, text in enumerate(file.lines, start=1):
        line = text.partition("#")[0].strip()
        if not line:
            continue
        port = _PORT.fullmatch(line)
        if port:
            name = _name(file, port[2], number)
            if port[1].lower() == "input":
                nets.add_input(name, number)
            else:
                nets.add_output(name, number)
        else:
            _read_gate(file, nets, line, number)
    return Design(nets.build(file.function_name))


def _read_gate(file: SourceFile, nets: NetTable, line: str, number: int) -> None:
    match = _GATE.fullmatch(line)
    if match is None:
        raise file.error(
            f"expected INPUT(name), OUTPUT(name) or name = GATE(names), got {quoted(line)}", number
        )
    target, kind, table, listed = match.groups()
    words = [] if not (listed or "").strip() else _split(listed)
    reads = [_name(file, word, number) for word in words]
    data, *controls = reads or [""]
    tied = kind.lower() == "dffrse" and all(name == _GROUND for name in controls)
    if kind.lower() in _REGISTERS and table is None and reads and (tied or not controls):
        nets.add_register(_name(file, target, number), data, kind, number)
        return
    make = _table_gate(file, table, len(reads), number) if kind.lower() == "lut" else None
    if make is None:
        make = _known_gate(file, kind, len(reads), number)
        if table is not None:
            raise file.error(f"expected a table after LUT only, not after {quoted(kind)}", number)
    nets.drive(_name(file, target, number), reads, make, number)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _known_gate(file: SourceFile, kind: str, width: int, number: int) -> Make:
    lower = kind.lower()
    if lower == "dffrse" and width:
        raise file.error(f"expected the control pins of {kind} to be {_GROUND}", number)
    if lower in _REGISTERS:
        raise file.error(f"expected 1 input of {kind}, got {width}", number)
    if lower not in _GATES:
        known = ", ".join(name.upper() for name in _GATES)
        raise file.error(f"unknown gate {quoted(kind)}, expected one of {known}, LUT", number)
    make, low, high = _GATES[lower]
    if width < low or (high is not None and width > high):
        wanted = f"{low}" if low == high else f"at least {low}"
        raise file.error(f"expected {wanted} inputs of {kind}, got {width}", number)
    return make


def _table_gate(file: SourceFile, digits: str | None, width: int, number: int) -> Make:
    if digits is None:
        raise file.error("expected a table such as 0xe8 after LUT", number)
    if width > MAX_TABLE_WIDTH:
        raise file.error(f"expected at most {MAX_TABLE_WIDTH} inputs of a LUT, got {width}", number)
    digits = digits.lstrip("0") or "0"
    if len(digits) > 16 or int(digits, 16) >> (1 << width):
        raise file.error(
            f"expected a table of {1 << width} bits for {width} inputs, got 0x{digits[:20]}", number
        )
    return table_gate(int(digits, 16))


def _name(file: SourceFile, text: str, number: int) -> str:
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise file.error(f"expected the name of a net, got {quoted(name)}", number)
    return name


# the writer: ANDs, ORs and inverters, majorities as tables in the form of ABC

_FORBIDDEN = ' #(),="'
_PARITY = 0x96
"""The table of three inputs: ABC reads no XOR of three."""


def bench_names(netlist: AnyNetlist) -> HdlNames:
    return token_names(netlist, _FORBIDDEN, one_space=True)


def emit_bench(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as BENCH, pins in their order; a majority is a table with its complements inside."""
    netlist = plain_cells(netlist)
    inputs, outputs = bit_names(names.inputs), bit_names(names.outputs)
    prefix = net_prefix([*inputs, *outputs], "i")
    nets = net_names(netlist, inputs, outputs)
    lines = comments(provenance)
    lines.append(f"# {printable(names.module)}")
    lines.extend(f"INPUT({inputs[bit]})" for bit in pin_order(names.inputs))
    lines.extend(f"OUTPUT({outputs[bit]})" for bit in pin_order(names.outputs))
    inverted: dict[int, str] = {}
    for cell, (kind, literals) in enumerate(read_cells(netlist)):
        output = nets[netlist.first_cell + cell]
        if len(literals) == 3:
            read = [nets[literal >> 1] for literal in literals]
            table = _PARITY if kind == "xor" else _majority_table(literals)
            lines.append(f"{output} = LUT 0x{table:02x} ({', '.join(read)})")
            continue
        read = []
        for literal in literals:
            node = literal >> 1
            if literal & 1 and node not in inverted:
                inverted[node] = f"{prefix}{len(inverted) + 1}"
                lines.append(f"{inverted[node]} = NOT({nets[node]})")
            read.append(inverted[node] if literal & 1 else nets[node])
        lines.append(f"{output} = {kind.upper()}({', '.join(read)})")
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        if literal in (FALSE, TRUE):
            lines.append(f"{name} = {('gnd', 'vdd')[literal]}")
        elif nets[literal >> 1] != name or literal & 1:
            kind = "NOT" if literal & 1 else "BUFF"
            lines.append(f"{name} = {kind}({nets[literal >> 1]})")
    return "\n".join(lines) + "\n"


def _majority_table(fanin: Sequence[int]) -> int:
    """Return the eight values of a majority of nets, the complements within it."""
    table = 0
    for vector in range(8):
        ones = sum((vector >> place & 1) ^ (literal & 1) for place, literal in enumerate(fanin))
        table |= int(ones >= 2) << vector
    return table
