"""Nets by name: read, each driven once and in any order, on their way to a netlist; and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import overload

import numpy as np

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.errors import SequentialError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.gates import AnyNetlist, GateNetlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.ports import Port, bit_names, group_ports, total_width

Make = Callable[[NetlistBuilder, Sequence[int]], int]
"""Builds a gate from the literals it reads and returns its literal."""

_Gate = tuple[tuple[int, ...], Make]


@dataclass(frozen=True, eq=False)
class Design:
    netlist: Netlist
    notes: tuple[str, ...] = ()  # what a user should know about how it was read, one line each
    dont_care: Netlist | None = None
    """A netlist of the same inputs and outputs whose output bits are 1 where those of `netlist` do not matter;
    None if they always do."""
    latency: int | None = 0
    """Registers on every path from an input to an output, which are wires in `netlist`; None if no output
    depends on an input."""
    counts_from_zero: bool = False
    """Whether the bits of every bus are numbered by significance, whatever its range is elsewhere."""


class NetTable:
    """The nets of a file while it is read; `comb` cuts registers into ports instead of refusing them."""

    def __init__(self, file: SourceFile, comb: bool = False) -> None:
        self.file = file
        self.comb = comb
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._lines: list[int] = []  # where a net is driven, or first read while it is not
        self._gates: list[_Gate | None] = []
        self._inputs: list[int] = []
        self._outputs: dict[int, None] = {}
        self._registers: list[tuple[int, int]] = []  # output, input
        self._register_ports: dict[int, str] = {}
        self._open: dict[int, int] = {}
        """For the net of an output, the net that is 1 where the output does not matter."""

    def net(self, name: str, line: int) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
            self._lines.append(line)
            self._gates.append(None)
        return number

    def add_input(self, name: str, line: int) -> None:
        place = len(self._inputs)
        self._inputs.append(self._drive(name, (), lambda builder, _: builder.input(place), line))

    def add_output(self, name: str, line: int) -> None:
        number = self.net(name, line)
        if number in self._outputs:
            raise self.file.error(f"the output {quoted(name)} is declared twice", line)
        self._outputs[number] = None

    def drive(self, name: str, reads: Iterable[str], make: Make, line: int) -> None:
        self._drive(name, tuple(self.net(read, line) for read in reads), make, line)

    def add_register(
        self, output: str, data: str, what: str, line: int, name: str | None = None
    ) -> None:
        """Cut a register: its output becomes an input of the circuit, its input ``<output>_in`` an output.

        These ports follow the others, as ABC's ``comb`` orders those of the latches of an AIGER file. `what` is
        the kind, for the message; `name` is the name of the ports, if not that of the net `output`.
        """
        if not self.comb:
            raise SequentialError(
                f"{what} is sequential, expected a combinational circuit", self.file.path, line
            )
        place = len(self._registers)
        driven = self._drive(
            output, (), lambda builder, _: builder.input(len(self._inputs) + place), line
        )
        self._registers.append((driven, self.net(data, line)))
        if name is not None:
            self._register_ports[driven] = name

    def leave_open(self, output: str, where: str, line: int) -> None:
        self._open[self.net(output, line)] = self.net(where, line)

    def _drive(self, name: str, reads: tuple[int, ...], make: Make, line: int) -> int:
        number = self.net(name, line)
        if self._gates[number] is not None:
            kind = "an input" if number in self._inputs else "driven"
            raise self.file.error(
                f"the net {quoted(name)} is driven twice, it is {kind} in line "
                f"{self._lines[number]}",
                line,
            )
        self._gates[number] = reads, make
        self._lines[number] = line
        return number

    def build(
        self, name: str, inputs: Sequence[Port] = (), outputs: Sequence[Port] = ()
    ) -> Netlist:
        """Return the netlist; names such as ``p[0]``, ``p[1]`` become the bits of a port.

        Declared ports, if there are any, are those whose bits were added first.
        """
        return self._build(name, self._driven(), inputs, outputs)

    def build_open(self, name: str) -> Netlist | None:
        """Return a netlist of the same ports that is 1 where an output does not matter; None without any."""
        if not self._open:
            return None
        never = self.net("never open", 0)  # no name of a file has a space
        self._gates[never] = (), lambda _, __: FALSE
        return self._build(name, [self._open.get(output, never) for output in self._driven()])

    def _driven(self) -> list[int]:
        return [*self._outputs, *(data for _, data in self._registers)]

    def _build(
        self,
        name: str,
        outputs: Sequence[int],
        declared_inputs: Sequence[Port] = (),
        declared_outputs: Sequence[Port] = (),
    ) -> Netlist:
        if not outputs:
            raise self.file.error("expected at least one output, got none")
        needed = self._needed(outputs)
        gates: list[_Gate] = []
        for number, gate in enumerate(self._gates):
            if gate is None and number in needed:
                raise self.file.error(
                    f"the net {quoted(self._names[number])} is not driven", self._lines[number]
                )
            gates.append(gate or ((), lambda _, __: FALSE))
        order, loop = topological_order([reads for reads, _ in gates])
        if loop:
            first = min(loop, key=lambda number: self._lines[number])
            raise self.file.error(
                f"the net {quoted(self._names[first])} is part of a combinational loop",
                self._lines[first],
            )
        inputs = [*self._inputs, *(output for output, _ in self._registers)]
        input_ports, columns = group_ports(_declared(declared_inputs, self._input_names()))
        output_ports, driven = group_ports(_declared(declared_outputs, self._output_names()))
        builder = NetlistBuilder(name, input_ports, output_ports)
        literals = [0] * len(gates)
        for bit, column in enumerate(columns):
            literals[inputs[column]] = builder.input(bit)
        given = set(inputs)
        for number in order:
            if number not in given:
                reads, make = gates[number]
                literals[number] = make(builder, [literals[read] for read in reads])
        return builder.build([literals[outputs[column]] for column in driven])

    def _needed(self, outputs: Sequence[int]) -> set[int]:
        """Return the nets that outputs depend on; others may be undefined, as Yosys sometimes leaves them."""
        needed, waiting = set(outputs), list(outputs)
        while waiting:
            gate = self._gates[waiting.pop()]
            new = set(gate[0]) - needed if gate else set()
            needed |= new
            waiting.extend(new)
        return needed

    def _register_names(self) -> list[str]:
        # Nets of an instance have spaces in their names, which no file could hold.
        return [
            self._register_ports.get(output, self._names[output].replace(" ", "."))
            for output, _ in self._registers
        ]

    def _input_names(self) -> list[str]:
        names = [self._names[number] for number in self._inputs]
        return [*names, *unused_names(self._register_names(), names)]

    def _output_names(self) -> list[str]:
        names = [self._names[number] for number in self._outputs]
        cut = [following_name(name) for name in self._register_names()]
        return [*names, *unused_names(cut, names)]


def _declared(ports: Sequence[Port], names: Sequence[str]) -> list[Port]:
    return [*ports, *(Port(name, 1) for name in names[total_width(ports) :])]


def following_name(register: str) -> str:
    """Return the name of the output port that is a register's input: ``q_in`` of q, ``q_in[1]`` of ``q[1]``."""
    name, bracket, index = register.rpartition("[")
    if not name or not index.endswith("]"):
        return f"{register}_in"
    return f"{name}_in{bracket}{index}"


def unused_names(wanted: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return the wanted names, each followed by as many underscores as make it unique."""
    used = set(taken)
    names = []
    for first in wanted:
        name = first
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names


def topological_order(reads: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Sort gates so that each comes after those it reads, by a depth-first search without recursion.

    Returns the order, incomplete if there is a combinational loop, and the gates of the loop, each read by the
    one before it, or an empty list.
    """
    order: list[int] = []
    state = bytearray(len(reads))  # 0 new, 1 on the path, 2 done
    for root in range(len(reads)):
        stack = [] if state[root] else [root]
        while stack:
            gate = stack[-1]
            if state[gate] == 0:
                state[gate] = 1
                for read in reads[gate]:
                    if state[read] == 1:
                        path = [entry for entry in stack if state[entry] == 1]
                        return order, path[path.index(read) :]
                    if state[read] == 0:
                        stack.append(read)
            else:
                stack.pop()
                if state[gate] == 1:
                    state[gate] = 2
                    order.append(gate)
    return order, []


# Names for netlist files, which allow far more than hardware languages do.

_SHOWN = 60


def token_names(netlist: AnyNetlist, forbidden: str, one_space: bool) -> HdlNames:
    """Return names that are legal in a format and distinct bit by bit.

    A name is kept unless it is taken or has a `forbidden` or unprintable character. With `one_space`, inputs
    and outputs share one name space: an output may have the name of an input only if it is that input.
    """
    notices: list[str] = []
    module = _mended(netlist.name, forbidden)
    inputs = _ports(netlist.input_ports, forbidden, set(), {}, notices)
    taken = set(bit_names(inputs)) if one_space else set()
    same = _passed_through(netlist, inputs) if one_space else {}
    outputs = _ports(netlist.output_ports, forbidden, taken, same, notices)
    return HdlNames(module, inputs, outputs, tuple(notices))


def comments(provenance: Mapping[str, str]) -> list[str]:
    return [f"# {printable(key)}: {printable(value)}" for key, value in provenance.items()]


def net_prefix(taken: Collection[str], prefix: str) -> str:
    """Return the prefix after as many underscores as keep it, before a digit, from being a name.

    Instances and inverters are called by it and a number; for cells see `btfsynth.netlist.identifiers`.
    """
    while any(re.match(re.escape(prefix) + "[0-9]", name) for name in taken):
        prefix = f"_{prefix}"
    return prefix


def net_names(netlist: AnyNetlist, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return a name for every node, the constant's being empty, given the names of ports bit by bit.

    An output that is a cell gives the cell its name, so that no buffer is needed.
    """
    nets = ["", *inputs, *cell_names(netlist)]
    named: set[int] = set()
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        node = literal >> 1
        if node >= netlist.first_cell and not literal & 1 and node not in named:
            nets[node] = name
            named.add(node)
    return nets


def wrapped(words: Sequence[str], width: int = 80) -> Iterator[list[str]]:
    start = 0
    while start < len(words):
        size, count = 0, 0
        for word in islice(words, start, None):
            size += len(word) + 1
            if count and size > width:
                break
            count += 1
        yield list(words[start : start + count])
        start += count


def _ports(
    ports: Sequence[Port], forbidden: str, taken: set[str], same: dict[int, str], notices: list[str]
) -> tuple[Port, ...]:
    """Name ports in order, avoiding the bits that are taken. Extends `notices`.

    A port may have the name that ``same`` gives for its place even if that is taken.
    """
    found = []
    used: set[str] = set()
    for place, port in enumerate(ports):
        wanted = name = _mended(port.name, forbidden)
        number = 2
        while used.intersection(bits := replace(port, name=name).bits) or (
            taken.intersection(bits) and same.get(place) != name
        ):
            name = f"{wanted}_{number}"
            number += 1
        used.update(bits)
        found.append(replace(port, name=name))
        if name != port.name:
            shown = port.name[:_SHOWN]
            notices.append(f"port {shown!r} is renamed to {name} in the file")
    return tuple(found)


def _passed_through(netlist: AnyNetlist, inputs: Sequence[Port]) -> dict[int, str]:
    """Return the names of the inputs that an output of the same width passes on unchanged."""
    literals = {}
    first = 2
    for port in inputs:
        bits = tuple(range(first, first + 2 * port.width, 2))
        literals[bits] = port.name
        first += 2 * port.width
    same = {}
    start = 0
    for place, port in enumerate(netlist.output_ports):
        bits = tuple(netlist.outputs[start : start + port.width].tolist())
        if bits in literals:
            same[place] = literals[bits]
        start += port.width
    return same


def _mended(name: str, forbidden: str) -> str:
    kept = [
        character if character.isprintable() and character not in forbidden else "_"
        for character in name
    ]
    return "".join(kept).strip(" ") or "_"


@overload
def plain_cells(netlist: GateNetlist) -> GateNetlist: ...
@overload
def plain_cells(netlist: Netlist) -> Netlist: ...
def plain_cells(netlist: AnyNetlist) -> AnyNetlist:
    """Return the netlist if every cell reads three different nodes, else an equivalent one where they do.

    A netlist that the passes have left that way keeps its complements where they are.
    """
    if isinstance(netlist, GateNetlist):
        return netlist
    nodes = np.sort(netlist.fanins >> 1, axis=1)
    folds = (nodes[:, 0] == nodes[:, 1]) | (nodes[:, 1] == nodes[:, 2])
    return rebuild(netlist) if folds.any() else netlist
