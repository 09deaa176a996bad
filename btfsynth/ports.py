"""Named bus ports: how the columns of a data set map to the ports of a module."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_INDEX = 999_999_999
"""Largest index of a bit."""

_USUAL: tuple[Any, ...] = (0, 1, None)
"""Index of the least significant bit, step and pins of a port of which nothing else is known."""
_SHOWN_PINS = 8
_INDEXED = re.compile(r"^(?P<name>.+)\[(?P<index>[0-9]{1,6})\]$")


@dataclass(frozen=True)
class Port:
    """One port of a design.

    The columns of a data set, the inputs of a network and the literals of a netlist are the bits of
    its ports in order, each port least significant bit first.

    Parameters
    ----------
    name
        As the data names it. It may be any text: hardware gets a legal identifier.
    width
        Number of bits, at least 1.
    low
        Index of the least significant bit, as in ``[3:1]``; always 0 for one bit.
    step
        1, or -1 where indices fall towards the most significant bit, as in ``[0:3]``.

    Examples
    --------
    >>> import btfsynth as btf
    >>> btf.Port("a", 3).bits, btf.Port("y", 1).bits
    (['a[0]', 'a[1]', 'a[2]'], ['y'])
    """

    name: str
    width: int
    low: int = 0
    step: int = 1
    # Positions of the bits, least significant first, among all inputs or outputs of the file that
    # was read; None if they come in order. Formats without names tell pins apart by their position.
    # Two ports that differ in nothing else are equal
    pins: tuple[int, ...] | None = field(default=None, compare=False, repr=False)
    # False if the file gave no name and this one was made up. Does not take part in comparisons
    # either
    named: bool = field(default=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(
                f"port {self.name!r}: expected a width of at least 1, got {self.width}"
            )
        if self.width == 1:
            object.__setattr__(self, "low", 0)
            object.__setattr__(self, "step", 1)
        if abs(self.step) != 1 or not 0 <= self.low <= MAX_INDEX or not 0 <= self.high <= MAX_INDEX:
            raise ValueError(
                f"port {self.name!r}: expected bits from 0 to {MAX_INDEX}, got {self.range}"
            )
        if self.pins is not None and len(self.pins) != self.width:
            raise ValueError(
                f"port {self.name!r}: expected {self.width} pins, got {len(self.pins)}"
            )

    @property
    def high(self) -> int:
        """Index of the most significant bit."""
        return self.low + self.step * (self.width - 1)

    @property
    def range(self) -> str:
        """The range as Verilog writes it, such as ``[3:0]``."""
        return f"[{self.high}:{self.low}]"

    @property
    def counts_from_zero(self) -> bool:
        """True for the usual range ``[width-1:0]``, and for one bit."""
        return self.low == 0 and self.step == 1

    @property
    def label(self) -> str:
        """The port for a listing: ``a``, ``a[4]`` by its width, or ``a[0:3]`` by another range."""
        if self.width == 1:
            return self.name
        return f"{self.name}[{self.width}]" if self.counts_from_zero else f"{self.name}{self.range}"

    @property
    def bits(self) -> list[str]:
        """Name of every bit, least significant first: ``a[0] a[1] ...``, or the plain name of one bit."""
        if self.width == 1:
            return [self.name]
        return [f"{self.name}[{self.low + self.step * bit}]" for bit in range(self.width)]


def total_width(ports: Sequence[Port]) -> int:
    return sum(port.width for port in ports)


def bit_names(ports: Sequence[Port]) -> list[str]:
    """Return the name of every bit: ``a[0] a[1] ...`` for buses, the plain name for one bit."""
    return [name for port in ports for name in port.bits]


def pin_order(ports: Sequence[Port]) -> list[int]:
    """Return the bits of all ports, numbered in their order, in the order of the pins that they came from.

    Bits of unknown position come last, in their order.
    """
    places: list[tuple[bool, int]] = []
    for port in ports:
        places += [(False, pin) for pin in port.pins] if port.pins else [(True, 0)] * port.width
    if all(unknown for unknown, _ in places):
        return list(range(len(places)))
    return sorted(range(len(places)), key=lambda bit: places[bit])


def in_pin_order(ports: Sequence[Port]) -> bool:
    """Return whether the bits of all ports, in order, are the pins in order."""
    order = pin_order(ports)
    return order == list(range(len(order)))


def moved_pins(inputs: Sequence[Port], outputs: Sequence[Port]) -> list[str]:
    """Return a line for inputs and for outputs whose bits, in order, are not the pins in order.

    It is for files in which position is all that tells bits apart.
    """
    found = []
    for kind, ports in (("inputs", inputs), ("outputs", outputs)):
        if not in_pin_order(ports):
            names = bit_names(ports)
            shown = [names[bit] for bit in pin_order(ports)[:_SHOWN_PINS]]
            more = " ..." if len(shown) < len(names) else ""
            found.append(
                f"{kind} come in the order of their ports, least significant bits first; the order read "
                f"was {' '.join(shown)}{more}"
            )
    return found


def port_values_of(port: Port) -> list[Any]:
    """Return a port as plain values for a file: name, width and, where not the usual ones, range and pins."""
    values: list[Any] = [port.name, port.width]
    if port.pins is not None or not port.counts_from_zero:
        values += [port.low, port.step]
    return values if port.pins is None else [*values, list(port.pins)]


def port_from_values(values: Sequence[Any]) -> Port:
    """Return the port of plain values (see `port_values_of`); raise ValueError or TypeError for others."""
    name, width, *rest = values
    low, step, pins, *more = (*rest, *_USUAL[len(rest) :])
    if more:
        raise ValueError(f"port {name!r}: expected at most five values, got {len(values)}")
    known = None if pins is None else tuple(int(pin) for pin in pins)
    return Port(str(name), int(width), int(low), int(step), known)


def group_columns(names: Sequence[str]) -> tuple[tuple[Port, ...], list[int]]:
    """Group column names such as ``a[1] a[0] b`` into buses; return the ports and the column of each bit.

    A set of columns becomes a bus when its indices are exactly 0 to width-1; any other column is a
    port of one bit. Ports come in the order of their first column and remember which columns their bits were.
    """
    return group_ports([Port(name, 1) for name in names])


def group_ports(declared: Sequence[Port]) -> tuple[tuple[Port, ...], list[int]]:
    """Group ports of one bit into buses where their names say so; buses stay as they are declared.

    Also returns for each bit of the ports in order its place among the bits that were declared.
    """
    buses: dict[str, dict[int, int]] = {}
    column = 0
    for port in declared:
        match = _INDEXED.match(port.name) if port.width == 1 else None
        if match:
            buses.setdefault(match["name"], {})[int(match["index"])] = column
        column += port.width
    plain = {port.name for port in declared}
    uses = Counter(_base(port) for port in declared)
    whole = {
        name: columns
        for name, columns in buses.items()
        if sorted(columns) == list(range(len(columns)))
        and name not in plain
        and len(columns) == uses[name]
    }
    ports: list[Port] = []
    order: list[int] = []
    done: set[str] = set()
    column = 0
    for port in declared:
        base = _base(port)
        places = list(range(column, column + port.width))
        column += port.width
        if base is not None and base in whole:
            if base in done:
                continue
            done.add(base)
            places = [whole[base][bit] for bit in range(len(whole[base]))]
            ports.append(Port(base, len(places), pins=tuple(places)))
        else:
            ports.append(Port(port.name, port.width, port.low, port.step, tuple(places)))
        order.extend(places)
    return tuple(ports), order


def _base(port: Port) -> str | None:
    match = _INDEXED.match(port.name) if port.width == 1 else None
    return match["name"] if match else None
