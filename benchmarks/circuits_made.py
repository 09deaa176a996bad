"""Circuits for benchmarks of the optimiser, as in a textbook or written carelessly.

Names are ``kind_size``, such as ``adder_16``. Arithmetic has two-input gates, so that majorities must be
detected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

__all__ = ["CIRCUITS", "make_circuit"]

Make = Callable[[NetlistBuilder, Sequence[int], int], list[int]]


def _full_adder(builder: NetlistBuilder, a: int, b: int, c: int) -> tuple[int, int]:
    either = builder.xor(a, b)
    return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))


def _adder(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    total, carry = [], 0
    for a, b in zip(x[:size], x[size:], strict=True):
        bit, carry = _full_adder(builder, a, b, carry)
        total.append(bit)
    return [*total, carry]


def _columns(builder: NetlistBuilder, columns: list[list[int]]) -> list[int]:
    """Add up columns of bits by a tree of full adders, as Dadda and Wallace do, and a ripple at the end."""
    while max(map(len, columns)) > 2:
        after: list[list[int]] = [[] for _ in range(len(columns) + 1)]
        for weight, column in enumerate(columns):
            for at in range(0, len(column) - 2, 3):
                bit, carry = _full_adder(builder, *column[at : at + 3])
                after[weight].append(bit)
                after[weight + 1].append(carry)
            after[weight] += column[len(column) - len(column) % 3 :]
        columns = after if after[-1] else after[:-1]
    total, carry = [], 0
    for column in columns:
        a, b = (*column, 0, 0)[:2]
        bit, carry = _full_adder(builder, a, b, carry)
        total.append(bit)
    return total


def _products(builder: NetlistBuilder, a: Sequence[int], b: Sequence[int]) -> list[list[int]]:
    columns: list[list[int]] = [[] for _ in range(len(a) + len(b))]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            columns[i + j].append(builder.and_(x, y))
    return columns


def _tree_multiplier(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    return _columns(builder, _products(builder, x[:size], x[size:]))[: 2 * size]


def _array_multiplier(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    a, product = x[:size], []
    row = [builder.and_(bit, x[size]) for bit in a] + [0]
    for y in x[size + 1 :]:
        product.append(row[0])
        row = _adder(builder, [*row[1:], *(builder.and_(bit, y) for bit in a)], size)
    return [*product, *row]


def _squarer(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    return _columns(builder, _products(builder, x, x))[: 2 * size]


def _popcount(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    width = size.bit_length()
    return _columns(builder, [list(x), *([] for _ in range(width - 1))])[:width]


def _majority(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    """Return whether more than half are set: the count compared with a constant, bit by bit."""
    least, at_least = size // 2 + 1, 1
    for place, bit in enumerate(_popcount(builder, x, size)):
        at_least = (builder.and_ if least >> place & 1 else builder.or_)(bit, at_least)
    return [at_least]


def _comparator(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    less, equal = 0, 1
    for a, b in reversed(list(zip(x[:size], x[size:], strict=True))):
        less = builder.or_(less, builder.and_(equal, builder.and_(a ^ 1, b)))
        equal = builder.and_(equal, builder.xor(a, b) ^ 1)
    return [less, equal]


def _sorter(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    """Return the bits in order, by exchanges of neighbours."""
    bits = list(x)
    for last in range(size - 1, 0, -1):
        for at in range(last):
            a, b = bits[at], bits[at + 1]
            bits[at], bits[at + 1] = builder.or_(a, b), builder.and_(a, b)
    return bits


def _mux(builder: NetlistBuilder, chosen: int, a: int, b: int) -> int:
    return builder.or_(builder.and_(chosen, a), builder.and_(chosen ^ 1, b))


def _barrel_shifter(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    bits, amount = list(x[:size]), x[size:]
    for place, chosen in enumerate(amount):
        moved = bits[-(1 << place) :] + bits[: -(1 << place)]
        bits = [_mux(builder, chosen, a, b) for a, b in zip(moved, bits, strict=True)]
    return bits


def _priority(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    """Return the number of the first bit that is set, and whether there is one."""
    first, number = 0, [0] * max(1, (size - 1).bit_length())
    for place in range(size - 1, -1, -1):
        number = [
            _mux(builder, x[place], place >> bit & 1, other) for bit, other in enumerate(number)
        ]
        first = builder.or_(first, x[place])
    return [*number, first]


def _arbiter(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    """Return the grant: the first request at or after a place, round and round; one input a place."""
    requests, places = x[:size], x[size:]
    grants = []
    for place in range(size):
        won = 0
        for start in range(size):
            free, at = requests[place], place
            while at != start:
                at = (at - 1) % size
                free = builder.and_(free, requests[at] ^ 1)
            won = builder.or_(won, builder.and_(places[start], free))
        grants.append(won)
    return grants


def _control(builder: NetlistBuilder, x: Sequence[int], size: int) -> list[int]:
    """Return random sums of products, some of them read by others."""
    random = np.random.Generator(np.random.PCG64(size))
    known, made = list(x), []
    for _ in range(2 * size):
        total = 0
        for _ in range(int(random.integers(2, 6))):
            term = 1
            for pick in random.integers(len(known), size=int(random.integers(2, 6))).tolist():
                term = builder.and_(term, known[pick] ^ int(random.integers(2)))
            total = builder.or_(total, term)
        made.append(total)
        if random.random() < 0.3:
            known.append(total)
    return made


_KINDS: dict[str, tuple[Make, Callable[[int], int], tuple[int, ...]]] = {
    "adder": (_adder, lambda n: 2 * n, (8, 16, 64)),
    "array_multiplier": (_array_multiplier, lambda n: 2 * n, (4, 6, 12)),
    "tree_multiplier": (_tree_multiplier, lambda n: 2 * n, (5, 8, 16)),
    "squarer": (_squarer, lambda n: n, (6, 10, 18)),
    "comparator": (_comparator, lambda n: 2 * n, (8, 32)),
    "sorter": (_sorter, lambda n: n, (7, 8, 18)),
    "popcount": (_popcount, lambda n: n, (7, 15, 31)),
    "majority": (_majority, lambda n: n, (9, 13, 21)),
    "barrel_shifter": (_barrel_shifter, lambda n: n + (n - 1).bit_length(), (8, 16, 32)),
    "priority": (_priority, lambda n: n, (8, 16, 64)),
    "arbiter": (_arbiter, lambda n: 2 * n, (6, 16)),
    "control": (_control, lambda n: n, (12, 24, 48)),
}

CIRCUITS = {
    f"{kind}_{size}": (kind, size) for kind, (_, _, sizes) in _KINDS.items() for size in sizes
}
"""Kind and size of each circuit."""


def make_circuit(name: str) -> Netlist:
    """Return a circuit of `CIRCUITS`."""
    kind, size = CIRCUITS[name]
    make, inputs, _ = _KINDS[kind]
    builder = NetlistBuilder(name, [Port("x", inputs(size))], [])
    outputs = make(builder, [builder.input(bit) for bit in range(inputs(size))], size)
    builder.output_ports = (Port("y", len(outputs)),)
    return builder.build(outputs)
