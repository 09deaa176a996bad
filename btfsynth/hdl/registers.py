"""The registers of a pipelined module under names, for backends that write one statement a register."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.expressions import port_bits
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = [
    "RegisterNames",
]


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
