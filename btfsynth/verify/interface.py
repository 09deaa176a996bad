"""Two netlists from different files, brought to the same ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.ports import Port, bit_names, total_width
from btfsynth.errors import UsageError
from btfsynth.netlist.netlist import Netlist

__all__ = ["Aligned", "align"]

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Aligned:
    """A netlist under the ports of another.

    Parameters
    ----------
    netlist
        The netlist, its ports and their bits in the order of the other's.
    inputs, outputs
        ``(bits,)`` int64; for every bit of the other's ports the bit it was before.
    notes
        One line for every guess.
    """

    netlist: Netlist
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    notes: tuple[str, ...]


def align(first: Netlist, second: Netlist) -> Aligned:
    """Bring the second netlist to the ports of the first.

    Bits of the same name belong together; what is left over on both sides does in its order, if the widths
    of the ports agree or one side knows single bits only.

    Raises
    ------
    UsageError
        If the ports cannot be matched.
    """
    inputs, input_note = _match("inputs", first.input_ports, second.input_ports)
    outputs, output_note = _match("outputs", first.output_ports, second.output_ports)
    moved = np.arange(second.n_nodes)
    moved[1 + inputs] = 1 + np.arange(len(inputs))

    def renamed(literals: NDArray[np.int32]) -> NDArray[np.int32]:
        result: NDArray[np.int32] = (2 * moved[literals >> 1] + (literals & 1)).astype(np.int32)
        return result

    netlist = Netlist(
        second.name,
        first.input_ports,
        first.output_ports,
        renamed(second.fanins),
        renamed(second.outputs)[outputs],
    )
    return Aligned(netlist, inputs, outputs, tuple(filter(None, (input_note, output_note))))


def _match(
    kind: str, first: Sequence[Port], second: Sequence[Port]
) -> tuple[NDArray[np.int64], str]:
    """Return the bit of the second for every bit of the first, and what was guessed."""
    if total_width(first) != total_width(second):
        raise _different(
            kind, first, second, f"{total_width(first)} and {total_width(second)} bits"
        )
    widths = {port.name: port.width for port in second}
    for port in first:
        if widths.get(port.name, port.width) != port.width:
            raise _different(kind, first, second, f"{port.name!r} has two widths")
    bits = {name: bit for bit, name in enumerate(bit_names(second))}
    names = bit_names(first)
    if min(len(bits), len(set(names))) < len(names):
        raise _different(kind, first, second, "two bits have one name")
    left = [bit for name, bit in bits.items() if name not in set(names)]
    if left:
        rest = [port for port in first if not bits.keys() & set(bit_names([port]))]
        other = [port for port in second if not set(names) & set(bit_names([port]))]
        shapes = [[port.width for port in ports] for ports in (rest, other)]
        flat = any(set(shape) == {1} for shape in shapes)
        if sum(shapes[0]) != len(left) or (shapes[0] != shapes[1] and not flat):
            raise _different(kind, first, second, "neither names nor widths agree")
    waiting = iter(left)
    chosen = [bits[name] if name in bits else next(waiting) for name in names]
    note = ""
    if left:
        note = f"{kind} matched by their order: {_listed(rest)} with {_listed(other)}"
    return np.array(chosen, dtype=np.int64), note


def _different(kind: str, first: Sequence[Port], second: Sequence[Port], reason: str) -> UsageError:
    return UsageError(
        f"different {kind}, so they cannot be compared ({reason}): "
        f"{_listed(first)} and {_listed(second)}"
    )


def _listed(ports: Sequence[Port]) -> str:
    shown = [f"{port.name}[{port.width}]" if port.width > 1 else port.name for port in ports]
    more = [f"... ({len(shown)} ports)"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more]) or "none"
