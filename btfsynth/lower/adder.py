"""Adding up literals by binary weight, three of a column at a time.

The full adder takes three majorities: ``carry = MAJ(a, b, c)`` and ``sum = MAJ(!carry, MAJ(a, b, !c), c)``. In
carry-save form (C. S. Wallace, A suggestion for a fast multiplier, 1964) each of them makes three literals
of one column into one of that column and one of the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["add_columns", "full_adder", "signed_digits"]


def full_adder(builder: NetlistBuilder, a: int, b: int, c: int) -> tuple[int, int]:
    """Return the literals (sum, carry) of three literals."""
    carry = builder.maj(a, b, c)
    return builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c), carry


def signed_digits(weight: int) -> list[tuple[int, bool]]:
    """Return (column, negative) of the nonzero digits of the non-adjacent form of a weight, least first."""
    digits = []
    column = 0
    while weight:
        if weight & 1:
            negative = weight & 3 == 3
            digits.append((column, negative))
            weight += 1 if negative else -1
        weight >>= 1
        column += 1
    return digits


def add_columns(
    builder: NetlistBuilder, terms: Sequence[tuple[int, int]], constant: int
) -> list[int]:
    """Build the sum of literals times weights and a constant.

    Parameters
    ----------
    builder
        Gets the cells; some of those made may stay unused.
    terms
        (weight, literal), weights above 0.
    constant
        A number of at least 0.

    Returns
    -------
    The literals of the sum, least significant bit first; as many as its largest value needs.

    Notes
    -----
    Weights are written in the non-adjacent form: ``-b`` is ``(1 - b) - 1``. The constants of these may
    be negative along the way; all is added modulo a power of two above the largest sum.
    """
    width = (sum(weight for weight, _ in terms) + constant).bit_length()
    columns: list[deque[int]] = [deque() for _ in range(width + 1)]
    for weight, literal in terms:
        for column, negative in signed_digits(weight):
            columns[column].append(literal ^ int(negative))
            constant -= int(negative) << column
    constant %= 1 << width
    bits = []
    for column in range(width):
        entries = columns[column]
        while len(entries) > 2:
            total, carry = full_adder(builder, *(entries.popleft() for _ in range(3)))
            entries.append(total)
            columns[column + 1].append(carry)
        entries.extend((TRUE if constant >> column & 1 else FALSE, FALSE, FALSE))
        total, carry = full_adder(builder, entries[0], entries[1], entries[2])
        if carry != FALSE:
            columns[column + 1].append(carry)
        bits.append(total)
    return bits
