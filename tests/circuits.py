"""Textbook circuits as netlists: array multipliers of full and half adders, in majorities or in ANDs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

Adder = Callable[[NetlistBuilder, int, int, int], tuple[int, int]]


def majority_adder(builder: NetlistBuilder, a: int, b: int, c: int) -> tuple[int, int]:
    """Sum and carry in three cells, a half adder too if one input is false."""
    carry = builder.maj(a, b, c)
    if 0 in (a, b, c):
        x, y = (literal for literal in (a, b, c) if literal)
        return builder.xor(x, y), carry
    return builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c), carry


def and_adder(builder: NetlistBuilder, a: int, b: int, c: int, *, form: int) -> tuple[int, int]:
    """Sum and carry in ANDs and inverters alone; the forms differ in what the carry shares."""

    def either(x: int, y: int) -> int:
        return builder.and_(x ^ 1, y ^ 1) ^ 1

    def differ(x: int, y: int) -> int:
        if form % 2:
            return either(builder.and_(x, y ^ 1), builder.and_(x ^ 1, y))
        return builder.and_(builder.and_(x, y) ^ 1, builder.and_(x ^ 1, y ^ 1) ^ 1)

    half = differ(a, b)
    total = differ(half, c)
    if form < 2:
        return total, either(builder.and_(a, b), builder.and_(half, c))
    if form < 4:
        return total, either(builder.and_(a, b), builder.and_(either(a, b), c))
    pairs = either(builder.and_(a, b), builder.and_(a, c))
    return total, either(pairs, builder.and_(b, c))


AND_ADDERS = tuple(partial(and_adder, form=form) for form in range(6))


def full_adder(adder: Adder) -> Netlist:
    """One adder of three bits."""
    builder = NetlistBuilder("full_adder", [Port("x", 3)], [Port("y", 2)])
    return builder.build(adder(builder, *(builder.input(bit) for bit in range(3))))


def array_multiplier(n: int, m: int, adder: Adder = majority_adder) -> Netlist:
    """The array multiplier of n and m bits: n m products, columns added from the right."""
    builder = NetlistBuilder("mul", [Port("a", n), Port("b", m)], [Port("p", n + m)])
    columns: list[list[int]] = [[] for _ in range(n + m + 1)]
    for i in range(n):
        for j in range(m):
            columns[i + j].append(builder.and_(builder.input(i), builder.input(n + j)))
    outputs = []
    for place in range(n + m):
        column = columns[place]
        while len(column) > 1:
            a, b = column.pop(0), column.pop(0)
            c = column.pop(0) if column else 0
            total, carry = adder(builder, a, b, c)
            column.append(total)
            columns[place + 1].append(carry)
        outputs.append(column[0] if column else 0)
    return builder.build(outputs)


def turned(netlist: Netlist, width: int) -> Netlist:
    """The same function of two operands of a width, where it does not matter which is which."""
    moved = np.arange(netlist.n_nodes)
    moved[1 : 1 + 2 * width] = np.roll(moved[1 : 1 + 2 * width], width)

    def renamed(literals: np.ndarray) -> np.ndarray:
        return (2 * moved[literals >> 1] + (literals & 1)).astype(np.int32)

    return Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        renamed(netlist.fanins),
        renamed(netlist.outputs),
    )
