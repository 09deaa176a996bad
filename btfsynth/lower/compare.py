"""Comparing unsigned numbers, and finding the largest of several.

A comparison is the carry out of ``a + !b``, one majority a bit. The largest of several numbers is found
in rounds of pairs; a comparison and, for every bit of number and place, a choice of three cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["choose", "constant_bits", "greater", "place_of_largest"]


def constant_bits(number: int, width: int) -> list[int]:
    """Return a number as so many constant literals, least significant bit first."""
    return [TRUE if number >> bit & 1 else FALSE for bit in range(width)]


def greater(builder: NetlistBuilder, a: Sequence[int], b: Sequence[int]) -> int:
    """Return the literal of ``a > b`` for numbers of equally many literals, least significant first."""
    carry = FALSE
    for x, y in zip(a, b, strict=True):
        carry = builder.maj(x, y ^ 1, carry)
    return carry


def choose(builder: NetlistBuilder, condition: int, yes: int, no: int) -> int:
    """Return the literal of ``yes`` where the condition is true and ``no`` elsewhere."""
    if yes == no:
        return yes
    return builder.or_(builder.and_(condition, yes), builder.and_(condition ^ 1, no))


def place_of_largest(builder: NetlistBuilder, numbers: Sequence[Sequence[int]]) -> list[int]:
    """Return the place of the largest number, counted from 0, the first of equal ones.

    Parameters
    ----------
    builder
        Gets the cells.
    numbers
        At least one; all of equally many literals, least significant first.

    Returns
    -------
    Literals, least significant first, as many as the last place needs and at least one.
    """
    width = max(1, (len(numbers) - 1).bit_length())
    rivals = [(list(bits), constant_bits(place, width)) for place, bits in enumerate(numbers)]
    while len(rivals) > 1:
        ahead = []
        for (a, at), (b, bt) in zip(rivals[::2], rivals[1::2], strict=False):
            later = greater(builder, b, a)
            # The largest of all is never read, only where it is.
            largest = (
                []
                if len(rivals) == 2
                else [choose(builder, later, y, x) for x, y in zip(a, b, strict=True)]
            )
            ahead.append(
                (largest, [choose(builder, later, y, x) for x, y in zip(at, bt, strict=True)])
            )
        if len(rivals) % 2:
            ahead.append(rivals[-1])
        rivals = ahead
    return rivals[0][1]
