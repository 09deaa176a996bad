"""Nets by name, each driven once and in any order, on their way to a netlist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.dataset.ports import group_columns
from btfsynth.frontends.order import topological_order
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist

__all__ = ["Make", "NetTable"]

Make = Callable[[NetlistBuilder, Sequence[int]], int]
"""Builds a gate from the literals it reads and returns its literal."""

_Gate = tuple[tuple[int, ...], Make]


class NetTable:
    """The nets of a file while it is being read.

    Parameters
    ----------
    file
        Named in errors.
    """

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._lines: list[int] = []  # where a net is driven, or first read while it is not
        self._gates: list[_Gate | None] = []
        self._inputs: list[int] = []
        self._outputs: dict[int, None] = {}

    def net(self, name: str, line: int) -> int:
        """Return the number of a net, a new one at its first use."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
            self._lines.append(line)
            self._gates.append(None)
        return number

    def add_input(self, name: str, line: int) -> None:
        """Declare an input.

        Raises
        ------
        DataError
            If it is driven already.
        """
        place = len(self._inputs)
        self._inputs.append(self._drive(name, (), lambda builder, _: builder.input(place), line))

    def add_output(self, name: str, line: int) -> None:
        """Declare an output.

        Raises
        ------
        DataError
            If it is one already.
        """
        number = self.net(name, line)
        if number in self._outputs:
            raise self.file.error(f"the output {quoted(name)} is declared twice", line)
        self._outputs[number] = None

    def drive(self, name: str, reads: Iterable[str], make: Make, line: int) -> None:
        """Drive a net by a gate.

        Raises
        ------
        DataError
            If it is driven already.
        """
        self._drive(name, tuple(self.net(read, line) for read in reads), make, line)

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

    def build(self, name: str) -> Netlist:
        """Return the netlist; names such as ``p[0]``, ``p[1]`` become the bits of a port.

        Raises
        ------
        DataError
            If a net is not driven or in a loop, or there is no output.
        """
        if not self._outputs:
            raise self.file.error("expected at least one output, got none")
        gates: list[_Gate] = []
        for number, gate in enumerate(self._gates):
            if gate is None:
                raise self.file.error(
                    f"the net {quoted(self._names[number])} is not driven", self._lines[number]
                )
            gates.append(gate)
        order, loop = topological_order([reads for reads, _ in gates])
        if loop:
            first = min(loop, key=lambda number: self._lines[number])
            raise self.file.error(
                f"the net {quoted(self._names[first])} is part of a combinational loop",
                self._lines[first],
            )
        input_ports, columns = group_columns([self._names[number] for number in self._inputs])
        outputs = list(self._outputs)
        output_ports, driven = group_columns([self._names[number] for number in outputs])
        builder = NetlistBuilder(name, input_ports, output_ports)
        literals = [0] * len(gates)
        for bit, column in enumerate(columns):
            literals[self._inputs[column]] = builder.input(bit)
        inputs = set(self._inputs)
        for number in order:
            if number not in inputs:
                reads, make = gates[number]
                literals[number] = make(builder, [literals[read] for read in reads])
        return builder.build([literals[outputs[column]] for column in driven])
