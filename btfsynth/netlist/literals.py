"""Literals: a node and whether it is complemented, in one integer.

``literal = 2 * node + complement``. Node 0 is the constant false, so literal 0 is false and literal 1
is true. The functions work on integers and on integer arrays alike.
"""

from __future__ import annotations

__all__ = [
    "FALSE",
    "TRUE",
    "complement",
    "complement_if",
    "is_complemented",
    "make_literal",
    "node_of",
]

FALSE = 0
TRUE = 1


def make_literal(node: int, complemented: bool = False) -> int:
    """Return the literal of a node."""
    return 2 * node + int(complemented)


def node_of(literal: int) -> int:
    """Return the node of a literal."""
    return literal >> 1


def is_complemented(literal: int) -> bool:
    """Tell whether a literal is complemented."""
    return bool(literal & 1)


def complement(literal: int) -> int:
    """Return the complement of a literal."""
    return literal ^ 1


def complement_if(literal: int, condition: bool) -> int:
    """Return the literal, complemented if the condition holds."""
    return literal ^ int(condition)
