"""Large netlists with realistic redundancy: connected arithmetic and random blocks.

    python benchmarks/circuits_large.py CELLS SEED FILE.mig

Blocks are array multipliers, ripple-carry adders, comparators, multiplexers and random majority logic.
Their operands are input bits and results of earlier blocks of the same module, a few thousand cells. Some
blocks are repeated in another form (a multiplier with its operands exchanged, an adder of two-input
gates): equal signals that structural hashing does not find.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.ports import Port

__all__ = ["large_netlist"]

_MODULE = 4000
"""Cells of a module."""


def large_netlist(cells: int, seed: int) -> Netlist:
    """Return a netlist of about `n_cells` cells: at least nine tenths, never more.

    Parameters
    ----------
    cells
        Cells wanted, 1,000 at least.
    seed
        Same seed, same netlist. 64 to 256 inputs.
    """
    random = np.random.Generator(np.random.PCG64([seed, cells]))
    n_inputs = int(random.integers(64, 257))
    builder = NetlistBuilder("large", [Port("x", n_inputs)], [])
    inputs = [builder.input(bit) for bit in range(n_inputs)]
    recent: list[int] = []
    outputs: list[int] = []
    begin = 0
    while builder.n_cells < 0.96 * cells:
        width = int(random.integers(4, 13))
        source = inputs if not recent or random.random() < 0.4 else recent
        a, b = (_operand(random, source, width) for _ in range(2))
        kind = random.integers(6)
        if kind == 0:
            made = _multiplier(builder, a, b)
            if random.random() < 0.5:
                made += [builder.xor(made[-1], bit) for bit in _multiplier(builder, b, a)]
        elif kind == 1:
            made = _adder(builder, a, b, False)
            if random.random() < 0.5:
                made += _mux(builder, inputs[0], _adder(builder, a, b, True), a)
        elif kind == 2:
            made = [_less(builder, a, b)]
            made += _mux(builder, made[0], a, b)
        elif kind == 3:
            made = _mux(builder, a[0], _adder(builder, a, b, True), b)
        else:
            made = _random_logic(builder, random, a + b, 10 * width)
        if builder.n_cells > cells:
            break
        outputs += made
        recent += made
        if builder.n_cells - begin > _MODULE:
            begin, recent = builder.n_cells, []
    builder.output_ports = (Port("y", len(outputs)),)
    return builder.build(outputs)


def _operand(random: np.random.Generator, source: list[int], width: int) -> list[int]:
    """Return so many signals, some of them complemented."""
    picks = random.integers(len(source), size=width)
    flips = random.random(width) < 0.2
    return [source[pick] ^ int(flip) for pick, flip in zip(picks, flips, strict=True)]


def _full_adder(builder: NetlistBuilder, a: int, b: int, c: int, gates: bool) -> tuple[int, int]:
    """Return sum and carry: three majorities, or the two-input gates of a textbook."""
    if gates:
        either = builder.xor(a, b)
        carry = builder.or_(builder.and_(a, b), builder.and_(c, either))
        return builder.xor(either, c), carry
    carry = builder.maj(a, b, c)
    return builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c), carry


def _adder(builder: NetlistBuilder, a: list[int], b: list[int], gates: bool) -> list[int]:
    carry, total = 0, []
    for x, y in zip(a, b, strict=True):
        bit, carry = _full_adder(builder, x, y, carry, gates)
        total.append(bit)
    return [*total, carry]


def _multiplier(builder: NetlistBuilder, a: list[int], b: list[int]) -> list[int]:
    """Return the array multiplier's product, one row of adders a bit of ``b``."""
    row = [builder.and_(x, b[0]) for x in a] + [0]
    product = [row[0]]
    for y in b[1:]:
        partial = [builder.and_(x, y) for x in a]
        row = _adder(builder, partial, row[1:], False)
        product.append(row[0])
    return product + row[1:]


def _less(builder: NetlistBuilder, a: list[int], b: list[int]) -> int:
    less = 0
    for x, y in zip(a, b, strict=True):
        less = builder.maj(x ^ 1, y, less)
    return less


def _mux(builder: NetlistBuilder, chosen: int, a: list[int], b: list[int]) -> list[int]:
    return [
        builder.or_(builder.and_(chosen, x), builder.and_(chosen ^ 1, y))
        for x, y in zip(a, b, strict=False)
    ]


def _random_logic(
    builder: NetlistBuilder, random: np.random.Generator, signals: list[int], cells: int
) -> list[int]:
    """Return the last cells of random majorities, half of them AND or OR."""
    known = list(signals)
    for _ in range(cells):
        a, b, c = (known[-1 - int(random.integers(min(len(known), 40)))] for _ in range(3))
        flips = random.integers(2, size=3)
        third = int(flips[2]) if random.random() < 0.5 else c ^ int(flips[2])
        known.append(builder.maj(a ^ int(flips[0]), b ^ int(flips[1]), third))
    return known[-cells // 4 :]


def main() -> None:
    """Write a netlist file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cells", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    netlist = large_netlist(options.cells, options.seed)
    options.file.write_text(format_netlist(netlist), encoding="utf-8")
    print(f"{netlist.n_inputs} inputs, {netlist.n_outputs} outputs, {netlist.n_cells} cells")


if __name__ == "__main__":
    main()
