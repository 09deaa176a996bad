"""The input of a hardware backend: a netlist with legal names, its registers, and cells as text.

A pipeline cuts a netlist into register stages of nearly equal depth, with few registers. The time of a cell is
the number of registers between any input and it. Cells of equal time form a stage of limited depth; the value
of a node that is read later is kept in a chain of registers. Single cells are moved to other possible times
while that saves registers (retiming as in Leiserson & Saxe 1991, by descent instead of by a flow).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.hdl.manifest import Timing
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist, read_literals
from btfsynth.netlist.views import heights, levels, list_users, statistics
from btfsynth.ports import Port

_SWEEPS = 20


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Times of the nodes of a netlist."""

    latency: int
    """Number of stages; each ends in registers, those of the last are the outputs themselves."""
    time: NDArray[np.int32]
    """``(nodes,)`` int32; registers between any input and the node, 0 for the constant and the inputs, below
    the latency for cells."""
    delays: NDArray[np.int32]
    """``(nodes,)`` int32; registers in the chain behind the node: register k holds its value k clocks later.
    The output registers are not among them: the output bit of node n reads n at ``latency - 1``, which is
    register ``latency - 1 - time[n]`` of its chain."""
    stage_depth: int  # cells in a row in the deepest stage

    @property
    def n_registers(self) -> int:
        """Number of registers in the chains; the outputs have one per bit besides."""
        return int(self.delays.sum())

    def delay(self, node: int, time: int) -> int:
        """Return the number of registers between a node and its reader at a time; 0 for the constant."""
        return 0 if node == 0 else time - int(self.time[node])


def stages_for_depth(netlist: Netlist, depth: int) -> int:
    """Return the minimum number of stages, at least 1, with at most `depth` cells in a row in each."""
    return max(1, -(-int(levels(netlist).max()) // depth))


def make_pipeline(netlist: Netlist, stages: int) -> Pipeline:
    """Cut a netlist into at least one stage, with depths as equal as possible.

    If there are more stages than levels, some stages have no cells.
    """
    early = levels(netlist)
    # A cell that drives no output has its place too, after those it reads.
    every_cell = 2 * np.arange(netlist.first_cell, netlist.n_nodes, dtype=np.int32)
    height = heights(netlist.fanins, every_cell, netlist.first_cell)
    stage_depth = max(1, -(-int(early.max()) // stages))
    late = (stages * stage_depth - height).astype(np.int32)
    late[: netlist.first_cell] = 0
    start, users = list_users(netlist.fanins, netlist.first_cell)
    drives = np.zeros(netlist.n_nodes, dtype=np.bool_)
    drives[netlist.outputs >> 1] = True
    best: tuple[int, NDArray[np.int32], NDArray[np.int32]] | None = None
    for first in (early, late):
        level = first.copy()
        _spread(
            netlist.fanins, netlist.first_cell, start, users, drives,
            level, late, stage_depth, stages,
        )  # fmt: skip
        time = np.where(level > 0, (level - 1) // stage_depth, 0).astype(np.int32)
        delays = _delays(netlist.fanins, netlist.first_cell, drives, time, stages)
        count = int(delays.sum())
        if best is None or count < best[0]:
            best = (count, time, delays)
    assert best is not None
    return Pipeline(stages, best[1], best[2], stage_depth)


@numba.njit(cache=True, nogil=True)
def _delays(fanins: Any, first_cell: Any, drives: Any, time: Any, stages: Any) -> Any:
    delays = np.zeros(time.shape[0], dtype=np.int32)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            source = fanins[cell, place] >> 1
            if source:
                gap = time[first_cell + cell] - time[source]
                delays[source] = max(delays[source], gap)
    for node in range(1, time.shape[0]):
        if drives[node]:
            delays[node] = max(delays[node], stages - 1 - time[node])
    return delays


@numba.njit(cache=True, nogil=True)
def _chain(
    node: Any, time: Any, level: Any, depth: Any, stages: Any, start: Any, users: Any, drives: Any
) -> Any:
    longest = stages - 1 - time if drives[node] else 0
    for place in range(start[node], start[node + 1]):
        longest = max(longest, (level[users[place]] - 1) // depth - time)
    return longest


@numba.njit(cache=True, nogil=True)
def _spread(
    fanins: Any, first_cell: Any, start: Any, users: Any, drives: Any,
    level: Any, late: Any, depth: Any, stages: Any,
) -> None:  # fmt: skip
    """Move single cells to other levels as long as that saves registers. Modifies level."""
    sources = np.zeros(3, dtype=np.int64)
    for _ in range(_SWEEPS):
        moved = False
        for turn in range(2 * fanins.shape[0]):
            # down the netlist and up again
            cell = turn if turn < fanins.shape[0] else 2 * fanins.shape[0] - 1 - turn
            node = first_cell + cell
            lowest, highest = 1, late[node]
            n_sources = 0
            for place in range(3):
                source = fanins[cell, place] >> 1
                if source:
                    sources[n_sources] = source
                    n_sources += 1
                    lowest = max(lowest, level[source] + 1)
            for place in range(start[node], start[node + 1]):
                highest = min(highest, level[users[place]] - 1)
            now = level[node]
            here = (now - 1) // depth
            best_cost, best_level = -1, now
            for time in range((lowest - 1) // depth, (highest - 1) // depth + 1):
                level[node] = now if time == here else min(highest, max(lowest, time * depth + 1))
                cost = _chain(node, time, level, depth, stages, start, users, drives)
                for place in range(n_sources):
                    source = sources[place]
                    own = (level[source] - 1) // depth if level[source] > 0 else 0
                    cost += _chain(source, own, level, depth, stages, start, users, drives)
                if best_cost < 0 or cost < best_cost or (cost == best_cost and time == here):
                    best_cost, best_level = cost, level[node]
            if (best_level - 1) // depth != here:
                moved = True
            level[node] = best_level
        if not moved:
            return


_COLUMNS = 100
_MOST_PARTS = 300
"""Columns of a line about a port, and parts between commas of all its lines."""


@dataclass(frozen=True, eq=False)
class HardwareModule:
    """A netlist as hardware, independent of the language.

    `provenance` are the first lines of the header comment, followed by those of `meanings`, the meanings of
    ports. Timing and pipeline are None for a combinational module; a clocked one has both.
    """

    netlist: Netlist
    names: HdlNames
    provenance: Mapping[str, str]
    timing: Timing | None = None
    pipeline: Pipeline | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)

    @property
    def header(self) -> list[tuple[str, str]]:
        """The lines of the header comment, name and value: provenance, then meanings of ports."""
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
    """Break a list after its commas; the manifest has lists that are too long for a comment."""
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

    A register is named after its net and its index in the chain: ``d2_n5`` contains the value of ``n5`` two
    clocks ago, ``d1_a_0`` that of bit 0 of the port ``a`` one clock ago. If the name of a port begins like
    that, the registers begin with ``dd``. `nodes` is the text of every node at its own time, `constants` that
    of false and true; `write` turns the name of a register into its text, and `inverter` prefixes a complement.
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
