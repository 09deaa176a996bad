"""Literals: a node and whether it is complemented, in one integer.

``literal = 2 * node + complement``, so ``literal >> 1`` is the node, ``literal & 1`` whether it is complemented
and ``literal ^ 1`` the complement, of integers and of integer arrays alike. Node 0 is the constant false:
literal 0 is false and literal 1 is true.

Compiled code calls `value_of` and `majority_of` too; `btfsynth.netlist.kernels` makes them known to it, so that
this module does without Numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from numpy.typing import NDArray

Text = TypeVar("Text")

FALSE = 0
TRUE = 1


@overload
def value_of(values: Sequence[int], literal: int) -> int: ...
@overload
def value_of(values: NDArray[Any], literal: Any) -> Any: ...
def value_of(values: Any, literal: Any) -> Any:
    """Return the value of a literal: that of its node, of which the lowest bit is flipped by a complement.

    The values may be bits, or literals themselves: those of the nodes in another netlist.
    """
    return values[literal >> 1] ^ (literal & 1)


def majority_of(x: Any, y: Any, z: Any) -> Any:
    """Return the majority bit by bit, of integers, words and arrays."""
    return (x & y) | (z & (x | y))


def read_literals(fanin: Sequence[int], texts: Sequence[Text]) -> tuple[str, list[Text]]:
    """Return the kind of a cell, ``and``, ``or`` or ``maj``, and the texts of the literals it reads.

    What stands for a constant that makes the kind is omitted.
    """
    for constant, kind in ((FALSE, "and"), (TRUE, "or")):
        if constant in fanin:
            place = list(fanin).index(constant)
            return kind, [text for at, text in enumerate(texts) if at != place]
    return "maj", list(texts)
