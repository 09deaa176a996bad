"""Gates of any number of inputs in majority cells, as balanced trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = [
    "and_gate",
    "buffer_gate",
    "majority_gate",
    "mux_gate",
    "nand_gate",
    "nor_gate",
    "not_gate",
    "or_gate",
    "xnor_gate",
    "xor_gate",
]


def and_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the AND of any number of literals, true of none."""
    return _tree(builder.and_, literals, TRUE)


def or_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the OR of any number of literals, false of none."""
    return _tree(builder.or_, literals, FALSE)


def xor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the parity of any number of literals: three cells for every two more of them."""
    # Three at a time where they are left over: MAJ(!MAJ(a, b, c), MAJ(a, b, !c), c).
    level = list(literals)
    while len(level) > 2:
        level = [_parity(builder, level[start : start + 3]) for start in range(0, len(level), 3)]
    return _parity(builder, level)


def nand_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the complement of `and_gate`."""
    return and_gate(builder, literals) ^ 1


def nor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the complement of `or_gate`."""
    return or_gate(builder, literals) ^ 1


def xnor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the complement of `xor_gate`."""
    return xor_gate(builder, literals) ^ 1


def not_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the complement of a literal."""
    return literals[0] ^ 1


def buffer_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the literal."""
    return literals[0]


def majority_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the majority of three literals."""
    a, b, c = literals
    return builder.maj(a, b, c)


def mux_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the second literal where the first is true, else the third."""
    choice, high, low = literals
    if high ^ low == 1:
        return builder.xor(choice, low)
    return builder.or_(builder.and_(choice, high), builder.and_(choice ^ 1, low))


def _parity(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the parity of up to three literals, their complements taken out of it."""
    flip = sum(literal & 1 for literal in literals) & 1
    plain = sorted(literal & ~1 for literal in literals)
    if len(plain) == 3 and FALSE not in plain:
        a, b, c = plain
        return builder.maj(builder.maj(a, b, c) ^ 1, builder.maj(a, b, c ^ 1), c) ^ flip
    result = FALSE
    for literal in plain:
        result = builder.xor(result, literal)
    return result ^ flip


def _tree(join: Callable[[int, int], int], literals: Sequence[int], neutral: int) -> int:
    """Join literals two by two, level by level."""
    level = list(literals)
    if not level:
        return neutral
    while len(level) > 1:
        joined = [join(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = joined + level[2 * len(joined) :]
    return level[0]
