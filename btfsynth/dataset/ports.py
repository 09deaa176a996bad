"""Named bus ports: how the columns of a data set map to the ports of a module."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Port", "bit_names", "group_columns", "total_width"]

_INDEXED = re.compile(r"^(?P<name>.+)\[(?P<index>[0-9]{1,6})\]$")


@dataclass(frozen=True)
class Port:
    """One port of a design.

    The columns of a data set, the inputs of a network and the literals of a netlist are the bits of
    its ports in order, each port least significant bit first.

    Parameters
    ----------
    name
        As the data names it. It may be any text: the backends make it a legal identifier.
    width
        Number of bits, at least 1.
    """

    name: str
    width: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(
                f"port {self.name!r}: expected a width of at least 1, got {self.width}"
            )


def total_width(ports: Sequence[Port]) -> int:
    """Return the number of bits of all ports together."""
    return sum(port.width for port in ports)


def bit_names(ports: Sequence[Port]) -> list[str]:
    """Return the name of every bit: ``a[0] a[1] ...`` for buses, the plain name for one bit."""
    names = []
    for port in ports:
        if port.width == 1:
            names.append(port.name)
        else:
            names.extend(f"{port.name}[{bit}]" for bit in range(port.width))
    return names


def group_columns(names: Sequence[str]) -> tuple[tuple[Port, ...], list[int]]:
    """Group column names such as ``a[1] a[0] b`` into buses.

    A set of columns becomes a bus when its indices are exactly 0 to width-1; any other column is a
    port of one bit. Ports come in the order of their first column.

    Parameters
    ----------
    names
        One name a column, all different.

    Returns
    -------
    ports : tuple of Port
    order : list of int
        For each bit of the ports in order, the column it comes from.
    """
    buses: dict[str, dict[int, int]] = {}
    for column, name in enumerate(names):
        match = _INDEXED.match(name)
        if match:
            buses.setdefault(match["name"], {})[int(match["index"])] = column
    plain = set(names)
    uses = Counter(_base(name) for name in names)
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
    for column, name in enumerate(names):
        base = _base(name)
        if base is not None and base in whole:
            if base not in done:
                done.add(base)
                ports.append(Port(base, len(whole[base])))
                order.extend(whole[base][bit] for bit in range(len(whole[base])))
        else:
            ports.append(Port(name, 1))
            order.append(column)
    return tuple(ports), order


def _base(name: str) -> str | None:
    match = _INDEXED.match(name)
    return match["name"] if match else None
