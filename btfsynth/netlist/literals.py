"""Literals: a node and whether it is complemented, in one integer.

``literal = 2 * node + complement``, so ``literal >> 1`` is the node, ``literal & 1`` whether it is complemented
and ``literal ^ 1`` the complement, of integers and of integer arrays alike. Node 0 is the constant false:
literal 0 is false and literal 1 is true.
"""

from __future__ import annotations

__all__ = ["FALSE", "TRUE"]

FALSE = 0
TRUE = 1
