"""Sets of leaves as ascending arrays of nodes, as all enumerations of cuts hold them.

Arrays may be longer than their set: its size goes with each, and what follows the last leaf is not looked at.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["bits_of", "union", "within"]

_NO_LEAF = np.int32(2**31 - 1)
"""After every node."""


@numba.njit(cache=True, nogil=True)
def union(first: Any, n_first: Any, second: Any, n_second: Any, limit: Any, out: Any) -> Any:
    """Merge two sets into out; returns their size, ``limit + 1`` if it is above the limit."""
    i, j, size = 0, 0, 0
    while i < n_first or j < n_second:
        if size == limit:
            return limit + 1
        x = first[i] if i < n_first else _NO_LEAF
        y = second[j] if j < n_second else _NO_LEAF
        # Without a branch but the loop's: which of the two comes first cannot be foreseen.
        out[size] = min(x, y)
        i += x <= y
        j += y <= x
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def bits_of(part: Any, n_part: Any, whole: Any) -> Any:
    """Return which leaves of a set a subset of it holds, as bits."""
    bits, place = 0, 0
    for i in range(n_part):
        while whole[place] != part[i]:
            place += 1
        bits |= 1 << place
    return bits


@numba.njit(cache=True, nogil=True)
def within(part: Any, n_part: Any, whole: Any, n_whole: Any) -> Any:
    """Tell whether a set is a subset of another."""
    if n_part > n_whole:
        return False
    place = 0
    for i in range(n_part):
        while place < n_whole and whole[place] < part[i]:
            place += 1
        if place == n_whole or whole[place] != part[i]:
            return False
    return True
