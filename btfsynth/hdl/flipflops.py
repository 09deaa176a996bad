"""Removal of the flip-flops of a feed-forward pipeline, which leaves its function and its latency.

A module is one of Yosys JSON with gates of one bit. Its flip-flops become buffers if they change at the same
edge of one clock, none depends on its own value, and every path has the same number of them. Ports that only
enable or reset flip-flops are removed with the clock, with flip-flops enabled and not reset. Any other
synchronous reset is data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from btfsynth.dataset.formats.base import SourceFile
from btfsynth.errors import DataError, SequentialError, plural
from btfsynth.netlist.formats.cells import library_cell
from btfsynth.netlist.formats.nets import topological_order

_FLIPFLOP = re.compile(r"\$_(?P<kind>S?DFF(?:C?E)?|DFFSRE?|ALDFFE?)_(?P<marks>[PN01]+)_")
_LATCH = re.compile(r"\$_(?:DLATCH(?:SR)?|SR)_[PN01]+_|\$_FF_")
_ASYNCHRONOUS = ("R", "S", "L")
_RESET_NAME = re.compile(r"rst|reset|clr|clear", re.IGNORECASE)
_PASSED = ("$_BUF_", "$_NOT_")
_MAX_CONTROLS = 10
"""Ports that may control the registers."""
_CONSTANTS = ("0", "1", "x", "z")
_RESET_GATES = {"P0": "$_ANDNOT_", "N0": "$_AND_", "P1": "$_OR_", "N1": "$_ORNOT_"}
"""Next value of a register from its input and its reset, by the reset's polarity and value."""

Bit = int | str
"""The number of a net, or a constant."""


@dataclass(frozen=True, eq=False)
class FlipFlop:
    name: str  # of its cell
    entry: Mapping[str, Any]
    kind: str
    marks: str  # polarities of clock, resets and enable, and the value of a reset

    def pin(self, pin: str) -> Bit:
        bits = self.entry["connections"].get(pin) or ["x"]
        bit: Bit = bits[0]
        return bit

    def controls(self) -> Iterator[tuple[str, Bit]]:
        """Yield the pins but the clock that control it and are not constant."""
        for pin in (*_ASYNCHRONOUS, "E"):
            if pin in self.entry["connections"] and self.pin(pin) not in _CONSTANTS:
                yield pin, self.pin(pin)

    def active(self, pin: str) -> str:
        """Return the mark of a pin but the clock: ``P`` or ``N``."""
        if pin == "E":
            return self.marks[-1]
        return self.marks[2 if pin == "R" and self.kind.startswith("DFFSR") else 1]

    @property
    def synchronous(self) -> bool:
        return self.kind.startswith("S")


@dataclass(eq=False)
class Flat:
    """A module of gates of one bit, by net."""

    file: SourceFile
    module: dict[str, Any]
    registers: list[FlipFlop] = field(init=False)

    def __post_init__(self) -> None:
        self.registers = []
        cells = self.module["cells"]
        for name, cell in list(cells.items()):
            found = _FLIPFLOP.fullmatch(cell["type"])
            if found is not None and cell["connections"].get("Q"):
                self.registers.append(FlipFlop(name, cell, found["kind"], found["marks"]))
        self.registers.sort(key=self.place)
        for register in self.registers:  # the last cells, in the order of the file
            cells[register.name] = cells.pop(register.name)

    def place(self, register: FlipFlop) -> tuple[int, ...]:
        """Return where a flip-flop is in the file, and its bit."""
        numbers = re.findall("[0-9]+", register.entry.get("attributes", {}).get("src", ""))
        name = self.names.get(register.pin("Q"), "")
        bit = re.search(r"\[([0-9]+)\]$", name)
        return (*map(int, numbers[:2]), int(bit[1]) if bit else 0)

    @cached_property
    def names(self) -> dict[Bit, str]:
        """The names of nets: those of ports first, without names made up by Yosys."""
        found: dict[Bit, str] = {}
        ports = self.module["ports"]
        nets = self.module["netnames"].items()
        for name, net in sorted(nets, key=lambda item: (item[0] in ports, -item[0].count("."))):
            offset = net.get("offset", 0)
            if net.get("hide_name"):
                continue
            bits = net["bits"][::-1] if net.get("upto") else net["bits"]
            for place, bit in enumerate(bits):
                found[bit] = name if len(net["bits"]) == 1 else f"{name}[{offset + place}]"
        return found

    @cached_property
    def drivers(self) -> dict[Bit, Mapping[str, Any]]:
        return {bit: cell for _, cell in self.gates() for bit in cell["connections"].get("Y", ())}

    def gates(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the cells that are neither flip-flops nor remarks."""
        skipped = {register.name for register in self.registers}
        for name, cell in self.module["cells"].items():
            if name not in skipped and cell["type"] != "$scopeinfo":
                yield name, cell

    def ports(self, direction: str) -> Iterator[tuple[str, list[Bit]]]:
        for name, port in self.module["ports"].items():
            if port["direction"] == direction:
                yield name, port["bits"]

    def name(self, bit: Bit) -> str:
        """Return the name of a net, or of the first named net in its fan-in."""
        seen: set[Bit] = set()
        while bit not in self.names and bit not in seen and bit in self.drivers:
            seen.add(bit)
            reads = [read for read in reads_of(self.drivers[bit]) if read not in _CONSTANTS]
            bit = reads[0] if reads else bit
        return self.names.get(bit, "a net without a name")

    def line(self, cell: Mapping[str, Any]) -> int | None:
        found = re.match(r"[^|]*?:([0-9]+)", cell.get("attributes", {}).get("src", ""))
        return int(found[1]) if found else None

    def error(self, message: str, cell: Mapping[str, Any]) -> DataError:
        return self.file.error(message, self.line(cell))

    def sequential(self, message: str, cell: Mapping[str, Any]) -> SequentialError:
        return SequentialError(message, self.file.path, self.line(cell))


def reads_of(cell: Mapping[str, Any]) -> list[Bit]:
    return [bit for pin, bits in cell["connections"].items() if pin not in "YQ" for bit in bits]


def require_gates(flat: Flat, comb: bool) -> None:
    """Refuse cells other than gates and flip-flops, latches unless registers become ports, and z."""
    for _, cell in flat.gates():
        kind = cell["type"]
        outputs = [*cell["connections"].get("Y", []), *cell["connections"].get("Q", [])]
        name = flat.name(outputs[0]) if outputs else "a cell"
        if _LATCH.fullmatch(kind):
            if not comb:
                raise flat.sequential(
                    f"{name} is a latch: it keeps its value where nothing is assigned to it", cell
                )
        elif kind not in ("$anyseq", "$lut") and not re.fullmatch(r"\$_[A-Z0-9]+_", kind):
            raise flat.error(f"{name} comes from a {kind}, expected logic and registers", cell)
        if "z" in reads_of(cell) or kind == "$_TBUF_":
            raise flat.error(f"{name} can be z, expected 0 or 1 at any time", cell)
    for name, port in flat.module["ports"].items():
        if port["direction"] == "inout":
            raise flat.file.error(f"the port {name} is an inout, expected an input or an output")
        if port["direction"] == "output" and "z" in port["bits"]:
            raise flat.file.error(f"the output {name} is z, expected 0 or 1")


def _gate_value(cell: Mapping[str, Any], known: Mapping[Bit, bool]) -> bool:
    if cell["type"] == "$lut":
        place = sum(known[bit] << rank for rank, bit in enumerate(cell["connections"]["A"]))
        return bool(cell["parameters"]["LUT"][-1 - place] == "1")
    pins = {pin: bits[0] for pin, bits in cell["connections"].items()}
    found = library_cell(cell["type"], list(pins), {})
    assert found is not None  # the gates were looked at before
    ((function,), _) = found
    vector = sum(known[pins[pin]] << place for place, pin in enumerate(function.inputs))
    return bool(function.table >> vector & 1)


@dataclass(frozen=True)
class Cut:
    """A module whose registers are buffers, without the ports that control them."""

    latency: int | None  # of every path from an input to an output, None if there is none
    note: str  # names the ports, empty without registers


def cut_pipeline(flat: Flat) -> Cut:
    """Take registers for wires; a `SequentialError` names the one that is not of a pipeline. Modifies flat."""
    if not flat.registers:
        return Cut(_Latencies(flat, ()).of_outputs(), "")
    controls = _Controls(flat)
    removed = controls.removed()
    latency = _Latencies(flat, controls.data).of_outputs()
    cells = flat.module["cells"]
    for name, cell in list(flat.gates()):
        if not controls.data.intersection(cell["connections"]["Y"]):
            del cells[name]
    for register in flat.registers:
        cells[register.name] = controls.following(register)
    flat.registers.clear()
    for port in removed:
        del flat.module["ports"][port]
    what = [f"{port} is {role}" for port, role in removed.items()]
    depth = "" if latency is None else f" of latency {latency}"
    return Cut(latency, f"a pipeline{depth}; {', '.join(what)}, and no longer among the inputs")


class _Controls:
    """Which ports control the flip-flops, and the nets that are read as data."""

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.inputs = {
            bits[0]: name for name, bits in flat.ports("input") if len(bits) == 1
        }  # by net
        self.data: set[Bit] = set()
        self.mark(bit for _, bits in flat.ports("output") for bit in bits)
        self.mark(register.pin("D") for register in flat.registers)

    def mark(self, bits: Iterable[Bit]) -> None:
        """Mark nets and their fan-in as data."""
        waiting = list(bits)
        while waiting:
            bit = waiting.pop()
            if bit not in self.data and bit not in _CONSTANTS:
                self.data.add(bit)
                driver = self.flat.drivers.get(bit)
                waiting.extend(() if driver is None else reads_of(driver))

    def ports(self, root: Bit) -> list[str] | None:
        """Return the one-bit inputs in the fan-in of a net; None if it has other sources or data."""
        found: dict[str, None] = {}
        waiting, seen = [root], {root}
        while waiting:
            bit = waiting.pop()
            driver = self.flat.drivers.get(bit)
            if bit in self.data or (driver is None and bit not in self.inputs):
                return None
            if driver is None:
                found[self.inputs[bit]] = None
                continue
            new = set(reads_of(driver)) - seen - set(_CONSTANTS)
            seen |= new
            waiting.extend(sorted(new, key=str))
        return list(found)

    def removed(self) -> dict[str, str]:
        """Return the ports to remove and their constant values; others are an error or data."""
        clock = self.clock()
        waiting = True
        while waiting:  # a reset that turns out to be data can be one of others, too
            waiting = False
            for register in self.flat.registers:
                reset = register.pin("R") if register.synchronous else "0"
                if reset not in _CONSTANTS and reset not in self.data and self.is_data(reset):
                    self.mark([reset])
                    waiting = True
        wanted: list[tuple[Bit, bool, FlipFlop]] = []
        names: dict[str, None] = {}
        for register in self.flat.registers:
            for pin, bit in register.controls():
                if bit in self.data and register.synchronous and pin == "R":
                    continue
                ports = self.ports(bit)
                if ports is None:
                    raise self.uncontrolled(register, pin, bit)
                names.update(dict.fromkeys(ports))
                wanted.append((bit, (register.active(pin) == "P") == (pin == "E"), register))
        names.pop(clock, None)
        held = self.held(list(names), wanted)
        return {clock: "the clock", **{name: f"held at {value:d}" for name, value in held.items()}}

    def held(
        self, names: Sequence[str], wanted: Sequence[tuple[Bit, bool, FlipFlop]]
    ) -> dict[str, bool]:
        """Return values of ports for which every flip-flop takes over its input."""
        nets = {name: bit for bit, name in self.inputs.items()}
        for values in product((False, True), repeat=min(len(names), _MAX_CONTROLS)):
            known: dict[Bit, bool] = {"0": False, "1": True}
            known.update((nets[name], value) for name, value in zip(names, values, strict=False))
            if len(names) <= _MAX_CONTROLS and all(
                self.value(bit, known) == value for bit, value, _ in wanted
            ):
                return dict(zip(names, values, strict=True))
        register = wanted[0][2]  # without controls the first try succeeds
        raise self.flat.sequential(
            f"the register {self.flat.name(register.pin('Q'))}: no values of {', '.join(names)} let all "
            "registers change at every clock",
            register.entry,
        )

    def value(self, root: Bit, known: dict[Bit, bool]) -> bool:
        """Return the value of a net by those of ports. Extends known."""
        waiting = [root]
        while waiting:
            bit = waiting[-1]
            driver = self.flat.drivers.get(bit)
            missing = [] if driver is None or bit in known else reads_of(driver)
            missing = [read for read in missing if read not in known]
            waiting.extend(missing)
            if not missing:
                if bit not in known and driver is not None:
                    known[bit] = _gate_value(driver, known)
                waiting.pop()
        return known[root]

    def clock(self) -> str:
        edges: dict[tuple[Bit, bool], FlipFlop] = {}
        for register in self.flat.registers:
            bit, inverted = register.pin("C"), register.marks[0] == "N"
            while (driver := self.flat.drivers.get(bit)) is not None and driver["type"] in _PASSED:
                inverted ^= driver["type"] == "$_NOT_"
                bit = reads_of(driver)[0]
            edges.setdefault((bit, inverted), register)
        one, *others = edges.values()
        flat = self.flat
        if others:
            names = " and ".join(flat.name(each.pin("Q")) for each in (one, others[0]))
            raise flat.sequential(
                f"{names} do not change at the same edge of one clock", others[0].entry
            )
        ports = self.ports(one.pin("C"))
        if ports is None or len(ports) != 1:
            raise flat.sequential(
                f"{flat.name(one.pin('Q'))}: expected a clock that is an input of one bit and not read as "
                f"data, got {flat.name(one.pin('C'))}",
                one.entry,
            )
        return ports[0]

    def is_data(self, reset: Bit) -> bool:
        """Return whether a synchronous reset was made from data by the synthesis."""
        ports = self.ports(reset)
        return ports is None or not any(map(_RESET_NAME.search, ports))

    def uncontrolled(self, register: FlipFlop, pin: str, bit: Bit) -> SequentialError:
        name, by = self.flat.name(register.pin("Q")), self.flat.name(bit)
        what = (
            f"keeps its value depending on {by}; expected a register that changes at every clock, or an enable"
            if pin == "E"
            else f"is set asynchronously by {by}; expected a reset"
        )
        return self.flat.sequential(
            f"the register {name} {what} that is an input of its own", register.entry
        )

    def following(self, register: FlipFlop) -> dict[str, Any]:
        """Return the cell that is in place of a flip-flop."""
        pins = {"A": [register.pin("D")], "Y": [register.pin("Q")]}
        kind = "$_BUF_"
        if register.synchronous and register.pin("R") in self.data:
            kind = _RESET_GATES[register.marks[1:3]]
            pins["B"] = [register.pin("R")]
        return {**register.entry, "type": kind, "parameters": {}, "connections": pins}


class _Latencies:
    """Number of flip-flops on the paths to each net."""

    def __init__(self, flat: Flat, data: Collection[Bit]) -> None:
        self.flat = flat
        self.cells: list[Mapping[str, Any]] = [cell for _, cell in flat.gates()]
        self.first = len(self.cells)
        self.cells += [register.entry for register in flat.registers]
        self.place = {
            bit: place
            for place, cell in enumerate(self.cells)
            for bit in cell["connections"]["Q" if place >= self.first else "Y"]
        }
        self.known: dict[Bit, int | None] = dict.fromkeys(_CONSTANTS)
        self.known.update((bit, 0) for _, bits in flat.ports("input") for bit in bits)
        self.reads = [reads_of(cell) for _, cell in flat.gates()]
        for register in flat.registers:
            pins = register.entry["connections"]
            resets = pins.get("R", ()) if register.synchronous else ()
            self.reads.append([*pins["D"], *(bit for bit in resets if bit in data)])

    def of_outputs(self) -> int | None:
        order, loop = topological_order(
            [[self.place[bit] for bit in reads if bit in self.place] for reads in self.reads]
        )
        if loop:
            raise self.looping(loop)
        for place in order:
            self.visit(place)
        found = [
            (bit, self.known.get(bit)) for _, bits in self.flat.ports("output") for bit in bits
        ]
        timed = [(bit, latency) for bit, latency in found if latency is not None]
        for bit, latency in timed:
            if latency != timed[0][1]:
                one, other = self.flat.name(timed[0][0]), self.flat.name(bit)
                raise SequentialError(
                    f"{one} has the latency {timed[0][1]} and {other} has {latency}, expected the same "
                    "number of registers on every path",
                    self.flat.file.path,
                )
        return timed[0][1] if timed else None

    def visit(self, place: int) -> None:
        """Record the latency of the outputs of a cell."""
        cell, is_register = self.cells[place], place >= self.first
        first: Bit | None = None
        for bit in self.reads[place]:
            latency = self.known.get(bit)
            if latency is None:
                continue
            if first is not None and self.known[first] != latency:
                raise self.out_of_step(cell, (first, bit), is_register)
            first = bit
        latency = None if first is None else self.known[first]
        for bit in cell["connections"]["Q" if is_register else "Y"]:
            self.known[bit] = None if latency is None else latency + is_register

    def out_of_step(
        self, cell: Mapping[str, Any], bits: Sequence[Bit], is_register: bool
    ) -> SequentialError:
        flat = self.flat
        output = cell["connections"]["Q" if is_register else "Y"][0]
        shown = " and ".join(
            f"{flat.name(bit)} of {plural(self.known[bit] or 0, 'register')}" for bit in bits
        )
        return flat.sequential(
            f"{flat.names.get(output, 'a gate')} joins {shown}, expected the same number on every path",
            cell,
        )

    def looping(self, loop: Collection[int]) -> DataError:
        flat = self.flat
        registers = [self.cells[place] for place in loop if place >= self.first]
        if registers:
            name = flat.name(registers[0]["connections"]["Q"][0])
            return flat.sequential(
                f"the register {name} depends on its own value, expected a pipeline without feedback",
                registers[0],
            )
        nets = [self.cells[place]["connections"]["Y"][0] for place in loop]
        named = [flat.names[bit] for bit in nets if bit in flat.names]
        cell = self.cells[min(loop)]
        return flat.error(f"{(named or ['a net'])[0]} is part of a combinational loop", cell)
