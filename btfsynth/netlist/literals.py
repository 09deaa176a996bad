"""Literals: a node and whether it is complemented, in one integer.

``literal = 2 * node + complement``, so ``literal >> 1`` is the node, ``literal & 1`` whether it is complemented
and ``literal ^ 1`` the complement, of integers and of integer arrays alike. Node 0 is the constant false:
literal 0 is false and literal 1 is true.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FALSE", "TRUE", "read_literals"]

FALSE = 0
TRUE = 1


def read_literals(fanin: Sequence[int], texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the kind of a cell, ``and``, ``or`` or ``maj``, and the texts of the literals it reads.

    Parameters
    ----------
    fanin
        The three literals.
    texts
        Their texts; of a constant that makes the kind, the text is left out.
    """
    for constant, kind in ((FALSE, "and"), (TRUE, "or")):
        if constant in fanin:
            place = list(fanin).index(constant)
            return kind, [text for at, text in enumerate(texts) if at != place]
    return "maj", list(texts)
