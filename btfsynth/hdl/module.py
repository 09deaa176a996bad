"""What a hardware backend is given: a netlist under legal names, its registers, and cells as text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.pipeline import Pipeline
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist, read_literals
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port

_COLUMNS = 100
_MOST_PARTS = 300
"""Columns of a line about a port, and parts between commas of all its lines."""


@dataclass(frozen=True, eq=False)
class HardwareModule:
    """A netlist as hardware, before it is text in any language.

    `provenance` are the lines of the header comment, in order, before those of `meanings`: what ports are fed
    with or say. Timing and pipeline are None for a combinational module, and there are both for a clocked one.
    """

    netlist: Netlist
    names: HdlNames
    provenance: Mapping[str, str]
    timing: Timing | None = None
    pipeline: Pipeline | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)

    @property
    def header(self) -> list[tuple[str, str]]:
        """What the header comment says, name and value: provenance, then what ports are."""
        said = {**self.provenance, **self.meanings}
        return [(printable(key), printable(value)) for key, value in said.items()]

    @property
    def header_lines(self) -> list[str]:
        """The lines of the header comment; those on ports are wrapped."""
        lines: list[str] = []
        for place, (key, value) in enumerate(self.header):
            text = f"{key}: {value}"
            lines += [text] if place < len(self.provenance) else _wrapped(text)
        return lines

    @property
    def summary(self) -> str:
        if self.timing is None:
            return "combinational"
        return f"pipelined, latency {self.timing.latency}, a new input every clock"

    def context(self) -> dict[str, Any]:
        return {
            "module": self.names.module,
            "summary": self.summary,
            "header": self.header_lines,
            "statistics": statistics(self.netlist),
            "timing": self.timing,
        }


def _wrapped(text: str) -> list[str]:
    """Break a list after its commas; what is too long for a comment is in the manifest."""
    parts = text.split(", ")
    if len(parts) > _MOST_PARTS:
        more = len(parts) - _MOST_PARTS
        told = f"... ({more} more: `meaning` in manifest.json)"
        parts = [*parts[: _MOST_PARTS - 1], told, parts[-1]]
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 > _COLUMNS:
            lines[-1] += ","
            lines.append(f"    {part}")
        else:
            lines[-1] += f", {part}"
    return lines


def port_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is written where ranges are declared: ``a[0] a[1]``, or the name of a scalar."""
    return [name for port in ports for name in port.bits]


def place_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is written where all vectors count from 0, as in Python."""
    return [
        port.name if port.width == 1 else f"{port.name}[{bit}]"
        for port in ports
        for bit in range(port.width)
    ]


def cell_expression(
    fanin: Sequence[int], texts: Sequence[str], both: str = "&", either: str = "|"
) -> str:
    """Return a cell as ``x & y``, ``x | y`` or three ANDs under an OR (see `read_literals`)."""
    return kind_expression(*read_literals(fanin, texts), both, either)


def kind_expression(kind: str, read: Sequence[str], both: str = "&", either: str = "|") -> str:
    """Return ``and``, ``or``, ``maj`` or ``xor`` of some texts."""
    if kind == "maj":
        x, y, z = read
        return f"({x} {both} {y}) {either} ({x} {both} {z}) {either} ({y} {both} {z})"
    return f" {({'and': both, 'or': either}).get(kind, '^')} ".join(read)


def listed(names: Sequence[str]) -> list[str]:
    return textwrap.wrap(", ".join(names), 90, break_long_words=False)


class RegisterNames:
    """The text of every literal that a module reads, pipelined or not.

    A register is named after its net and its place in the chain: ``d2_n5`` holds the value of ``n5`` two
    clocks ago, ``d1_a_0`` that of bit 0 of the port ``a`` one clock ago. If a port begins like that, the
    registers begin with ``dd``. `nodes` is the text of every node at its own time, `constants` that of false
    and true; `write` turns the name of a register into its text, and `inverter` prefixes a complement.
    """

    def __init__(
        self,
        module: HardwareModule,
        nodes: Sequence[str],
        constants: tuple[str, str],
        write: Callable[[str], str] = str,
        inverter: str = "~",
    ) -> None:
        self._module = module
        self._first_cell = module.netlist.first_cell
        self._nodes = nodes
        self._constants = constants
        self._write = write
        self._inverter = inverter
        bits = port_bits(module.names.inputs)
        plain = [re.sub(r"[^A-Za-z0-9]+", "_", bit).strip("_") for bit in bits]
        if len({name.lower() for name in plain}) < len(plain):  # a[0] beside a_0
            plain = [f"i{place}" for place in range(len(plain))]
        self._plain = ["", *plain, *cell_names(module.netlist)]
        taken = [port.name for port in (*module.names.inputs, *module.names.outputs)]
        self._prefix = "d"
        while any(re.match(f"{self._prefix}[0-9]+_", name, re.IGNORECASE) for name in taken):
            self._prefix += "d"

    def register(self, node: int, delay: int) -> str:
        """Return the name of a register behind a node, the first one being 1."""
        return f"{self._prefix}{delay}_{self._plain[node]}"

    def chains(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        pipeline = self._module.pipeline
        if pipeline is None:
            return found
        for node, length in enumerate(pipeline.delays.tolist()):
            for delay in range(1, length + 1):
                found.append((self.register(node, delay), self.at(node, delay - 1)))
        return found

    def at(self, node: int, delay: int) -> str:
        return self._nodes[node] if not delay else self._write(self.register(node, delay))

    def literal(self, literal: int, time: int) -> str:
        if literal in (FALSE, TRUE):
            return self._constants[literal]
        node, pipeline = literal >> 1, self._module.pipeline
        delay = 0 if pipeline is None else pipeline.delay(node, time)
        return f"{self._inverter if literal & 1 else ''}{self.at(node, delay)}"

    def cell(self, row: int) -> list[str]:
        """Return the texts of the three literals that a cell, given by its row, reads."""
        netlist, pipeline = self._module.netlist, self._module.pipeline
        time = 0 if pipeline is None else int(pipeline.time[self._first_cell + row])
        return [self.literal(literal, time) for literal in netlist.fanins[row].tolist()]

    def outputs(self) -> list[str]:
        pipeline = self._module.pipeline
        time = 0 if pipeline is None else pipeline.latency - 1
        return [self.literal(literal, time) for literal in self._module.netlist.outputs.tolist()]
