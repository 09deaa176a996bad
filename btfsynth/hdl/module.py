"""What a backend is, and what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.pipeline import Pipeline
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.literals import FALSE, TRUE, read_literals
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

__all__ = [
    "Backend",
    "Emit",
    "HardwareModule",
    "RegisterNames",
    "cell_expression",
    "place_bits",
    "port_bits",
]


@dataclass(frozen=True, eq=False)
class HardwareModule:
    """A netlist as hardware, before it is text in any language.

    Parameters
    ----------
    netlist
        What it computes.
    names
        Its legal names.
    provenance
        Lines of the header comment, in order.
    timing
        Ports and latency of a clocked module, None for a combinational one.
    pipeline
        Where the registers are; there is one exactly if there is a timing.
    """

    netlist: Netlist
    names: HdlNames
    provenance: Mapping[str, str]
    timing: Timing | None = None
    pipeline: Pipeline | None = None

    @property
    def header(self) -> list[tuple[str, str]]:
        """The lines of the header comment, safe in a comment of any language."""
        return [(printable(key), printable(value)) for key, value in self.provenance.items()]

    @property
    def summary(self) -> str:
        """What kind of module it is, for the header comment."""
        if self.timing is None:
            return "combinational"
        return f"pipelined, latency {self.timing.latency}, a new input every clock"


Emit = Callable[[HardwareModule], str]
"""Writes a module."""


@dataclass(frozen=True)
class Backend:
    """A format a netlist can be written in.

    Parameters
    ----------
    name
        Its key in the table and its role in a manifest.
    description
        One line for a listing.
    file_pattern
        File name with ``{module}`` in it.
    emit
        Writes it.
    """

    name: str
    description: str
    file_pattern: str
    emit: Emit

    def file_name(self, module: str) -> str:
        """Return the name of the file for a module."""
        return self.file_pattern.format(module=module)


# Cells as text in the operators that Verilog and Python share: ``&``, ``|`` and ``~``.


def port_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is referred to where ranges are declared: ``a[0] a[1]``, or the name of a scalar."""
    return [name for port in ports for name in port.bits]


def place_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is referred to where all vectors count from 0, as in Python."""
    return [
        port.name if port.width == 1 else f"{port.name}[{bit}]"
        for port in ports
        for bit in range(port.width)
    ]


def cell_expression(fanin: Sequence[int], texts: Sequence[str]) -> str:
    """Return a cell as ``x & y``, ``x | y`` or three ANDs under an OR (see `read_literals`)."""
    kind, read = read_literals(fanin, texts)
    if kind == "maj":
        x, y, z = read
        return f"({x} & {y}) | ({x} & {z}) | ({y} & {z})"
    return f" {'&' if kind == 'and' else '|'} ".join(read)


# The registers of a pipelined module under names, for backends that write one statement a register.


class RegisterNames:
    """What is read where in a module, pipelined or not.

    A register is called after its net and its place in the chain: ``d2_n5`` holds what ``n5`` was two
    clocks ago, ``d1_a_0`` what bit 0 of the port ``a`` was one clock ago. If a port begins like that, the
    registers begin with ``dd``.

    Parameters
    ----------
    module
        The module.
    nodes
        How every node is written where it is read at its own time; the constant's is not looked at.
    constants
        Text of false and of true.
    write
        How a register is written where it is read, given its name.
    inverter
        What comes before a complement.
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
        """Return every register in the chains by name and the text of what it takes over every clock."""
        found: list[tuple[str, str]] = []
        pipeline = self._module.pipeline
        if pipeline is None:
            return found
        for node, length in enumerate(pipeline.delays.tolist()):
            for delay in range(1, length + 1):
                found.append((self.register(node, delay), self.at(node, delay - 1)))
        return found

    def at(self, node: int, delay: int) -> str:
        """Return the text of a node so many clocks later."""
        return self._nodes[node] if not delay else self._write(self.register(node, delay))

    def literal(self, literal: int, time: int) -> str:
        """Return the text of a literal as a cell at a time reads it."""
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
        """Return the text of every output literal, as the last registers take it over if there are any."""
        pipeline = self._module.pipeline
        time = 0 if pipeline is None else pipeline.latency - 1
        return [self.literal(literal, time) for literal in self._module.netlist.outputs.tolist()]
