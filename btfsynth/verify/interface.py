"""Two netlists from different files, brought to the same ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, bit_names, pin_order, total_width

_SHOWN = 8

ORDER_NOTE = "matched by their order"
"""What a note says of ports without a partner of their name."""


def align(first: Netlist, second: Netlist) -> Netlist:
    """Bring the second netlist to the ports of the first.

    Bits of the same name are matched. The remaining bits of both sides are matched in order if the widths of
    their ports agree, or one side has only single bits or one bus. Where one side has no names at all, all bits
    are matched in order. The order is that of the pins in the files.
    """
    inputs, _ = match_bits("inputs", first.input_ports, second.input_ports)
    outputs, _ = match_bits("outputs", first.output_ports, second.output_ports)
    return under_ports(second, inputs, outputs, first)


def under_ports(
    netlist: Netlist, inputs: NDArray[np.int64], outputs: NDArray[np.int64], first: Netlist
) -> Netlist:
    """Return a netlist under the ports of another, whose bits are those of this one (see `match_bits`)."""
    moved = np.arange(netlist.n_nodes)
    moved[1 + inputs] = 1 + np.arange(len(inputs))

    def renamed(literals: NDArray[np.int32]) -> NDArray[np.int32]:
        result: NDArray[np.int32] = (2 * moved[literals >> 1] + (literals & 1)).astype(np.int32)
        return result

    return Netlist(
        netlist.name,
        first.input_ports,
        first.output_ports,
        renamed(netlist.fanins),
        renamed(netlist.outputs)[outputs],
    )


def match_bits(
    kind: str, first: Sequence[Port], second: Sequence[Port]
) -> tuple[NDArray[np.int64], str]:
    """Return the bit of the second for every bit of the first, ``(bits,)`` int64, and what was guessed.

    `kind` says what the bits are, for messages; see `align`.
    """
    if total_width(first) != total_width(second):
        raise _different(
            kind, first, second, f"{total_width(first)} and {total_width(second)} bits"
        )
    second, notes = _in_ranges(kind, first, second)
    names, others = bit_names(first), bit_names(second)
    nameless = any(ports and not any(port.named for port in ports) for ports in (first, second))
    if nameless and set(names) != set(others):
        chosen = _in_order(first, second, names, {})
        return np.array(chosen, dtype=np.int64), _order_note(kind, first, second)
    widths = {port.name: port.width for port in second}
    for port in first:
        if widths.get(port.name, port.width) != port.width:
            raise _different(kind, first, second, f"{port.name!r} has two widths")
    bits = {name: bit for bit, name in enumerate(others)}
    if min(len(bits), len(set(names))) < len(names):
        raise _different(kind, first, second, "two bits have the same name")
    known = {name: bits[name] for name in names if name in bits}
    left = [bit for name, bit in bits.items() if name not in known]
    if left:
        rest = [port for port in first if not known.keys() & set(port.bits)]
        other = [port for port in second if not known.keys() & set(port.bits)]
        shapes = [[port.width for port in ports] for ports in (rest, other)]
        flat = any(set(shape) == {1} or len(shape) == 1 for shape in shapes)
        if any(sum(shape) != len(left) for shape in shapes) or (
            shapes[0] != shapes[1] and not flat
        ):
            raise _different(kind, first, second, "neither names nor widths agree")
        notes.append(_order_note(kind, rest, other))
    return np.array(_in_order(first, second, names, known), dtype=np.int64), "; ".join(notes)


def _in_ranges(
    kind: str, first: Sequence[Port], second: Sequence[Port]
) -> tuple[list[Port], list[str]]:
    """Return the second ports, those whose bits have other indices in the first under these, and what to note.

    Bits of ``[0:3]`` and ``[3:0]`` keep their names; those of ``[7:4]`` and ``[3:0]`` have none in common.
    """
    known = {port.name: port for port in first}
    found, moved = [], []
    for port in second:
        like = known.get(port.name, port)
        if like.width == port.width and set(like.bits) != set(port.bits):
            moved.append(f"{like.label} with {port.label}")
            found.append(replace(port, low=like.low, step=like.step))
        else:
            found.append(port)
    if not moved:
        return found, []
    return found, [f"{kind} matched by significance: {', '.join(moved[:_SHOWN])}"]


def _in_order(
    first: Sequence[Port], second: Sequence[Port], names: Sequence[str], known: dict[str, int]
) -> list[int]:
    """Return the bit of the second for every bit of the first: the known one, the others by order of pins."""
    taken = set(known.values())
    waiting = iter([bit for bit in pin_order(second) if bit not in taken])
    chosen = [known.get(name, -1) for name in names]
    for bit in pin_order(first):
        if chosen[bit] < 0:
            chosen[bit] = next(waiting)
    return chosen


def _order_note(kind: str, first: Sequence[Port], second: Sequence[Port]) -> str:
    return f"{kind} {ORDER_NOTE}: {_listed(first)} with {_listed(second)}"


def with_ranges(netlist: Netlist, inputs: Sequence[Port], outputs: Sequence[Port]) -> Netlist:
    """Return a netlist with the ranges of wanted ports where it has ports of their name and width.

    For what comes from a language in which every vector counts from 0.
    """

    def found(own: Sequence[Port], wanted: Sequence[Port]) -> tuple[Port, ...]:
        known = {(port.name, port.width): port for port in wanted}
        return tuple(
            replace(port, low=like.low, step=like.step)
            for port in own
            for like in (known.get((port.name, port.width), port),)
        )

    return replace(
        netlist,
        input_ports=found(netlist.input_ports, inputs),
        output_ports=found(netlist.output_ports, outputs),
    )


def _different(kind: str, first: Sequence[Port], second: Sequence[Port], reason: str) -> UsageError:
    return UsageError(
        f"different {kind}, so they cannot be compared ({reason}): "
        f"{_listed(first)} and {_listed(second)}"
    )


def _listed(ports: Sequence[Port]) -> str:
    shown = [port.label for port in ports]
    more = [f"... ({len(shown)} ports)"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more]) or "none"
