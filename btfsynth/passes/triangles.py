"""Find literals whose majority is a given signal, fast, by word operations and counts.

The *errors* of a literal are the vectors of the care set on which it differs from the given signal. ``MAJ(a, b,
c)`` is right everywhere exactly if no two of the three err together: a *triangle*. Of three disjoint sets the
smallest has at most a third of the vectors, and any two together at most all of them: the counts rule out
nearly all candidates before a word is compared.

`btfsynth.passes.replacement` solves the same problem for a replaced cell and marks all disjoint pairs first,
which is best for finding all triangles; this module finds one or a few.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.kernels import NONE, next_below


class Errors(NamedTuple):
    """Where literals are wrong about a signal; the first ``size[0]`` rows are in use, all arrays changed."""

    rows: Any  # uint64 ``(literals, words)``
    counts: Any  # int64 ``(literals,)``, ones of each row
    literals: Any  # int64 ``(literals,)``
    size: Any  # int64 ``(1,)``


class Scratch(NamedTuple):
    """Working memory of the searches."""

    near: Any  # int32 ``(2 * literals,)``
    share: Any  # uint64 ``(1, words)``
    reduced: Errors  # as large as the errors
    spent: Any  # int64 ``(1,)``, words that were looked at, roughly


def new_errors(literals: int, words: int) -> Errors:
    return Errors(
        np.zeros((literals, words), dtype=np.uint64),
        np.zeros(literals, dtype=np.int64),
        np.zeros(literals, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )


def new_scratch(literals: int, words: int) -> Scratch:
    return Scratch(
        np.zeros(2 * literals, dtype=np.int32),
        np.zeros((1, words), dtype=np.uint64),
        new_errors(literals, words),
        np.zeros(1, dtype=np.int64),
    )


@numba.njit(cache=True, nogil=True, inline="always")
def ones(word: Any) -> Any:
    """Return the number of set bits of a uint64."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    low = np.uint64(0x3333333333333333)
    word = (word & low) + ((word >> np.uint64(2)) & low)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(cache=True, nogil=True)
def list_errors(values: Any, nodes: Any, target: Any, matters: Any, errors: Any) -> Any:
    """List where the literals of nodes are wrong; returns how many vectors matter. Modifies errors.

    values: uint64 (nodes, words); nodes: int32; target, matters: uint64 (words,). Literals that are wrong
    everywhere are not listed.
    """
    rows, counts, literals, size = errors
    words = matters.shape[0]
    whole = 0
    for word in range(words):
        whole += ones(matters[word])
    made = 0
    for node in nodes:
        count = 0
        for word in range(words):
            wrong = (values[node, word] ^ target[word]) & matters[word]
            rows[made, word] = wrong
            count += ones(wrong)
        for phase in range(2):
            own = whole - count if phase else count
            if own == whole:
                continue
            if phase:
                for word in range(words):
                    rows[made, word] = (values[node, word] ^ ~target[word]) & matters[word]
            counts[made] = own
            literals[made] = 2 * node + phase
            made += 1
    size[0] = made
    return whole


@numba.njit(cache=True, nogil=True, inline="always")
def disjoint(rows: Any, i: Any, j: Any) -> Any:
    """Return whether two rows, uint64 (words,) each, have no bit in common."""
    for word in range(rows.shape[1]):
        if rows[i, word] & rows[j, word]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def list_near(errors: Any, i: Any, whole: Any, near: Any) -> Any:
    """List the rows disjoint from a row that are not smaller; returns how many. Modifies near.

    Of rows of equal size only those of higher numbers: a triangle is met from its smallest row alone.
    """
    rows, counts, literals, size = errors
    found = 0
    for j in range(size[0]):
        if counts[i] + counts[j] > whole or counts[j] < counts[i]:
            continue
        if (counts[j] == counts[i] and j <= i) or literals[i] ^ literals[j] == 1:
            continue
        if disjoint(rows, i, j):
            near[found] = j
            found += 1
    return found


@numba.njit(cache=True, nogil=True)
def find_triangle(errors: Any, whole: Any, near: Any, random: Any) -> Any:
    """Return three rows that are pairwise disjoint, the smallest first, or `NONE` thrice.

    whole: how many vectors matter; random: uint64 (1,), where the search begins, changed.
    """
    rows, counts, literals, size = errors
    n = size[0]
    if n < 3:
        return NONE, NONE, NONE
    start = next_below(random, n)
    for step in range(n):
        i = start + step
        if i >= n:
            i -= n
        if 3 * counts[i] > whole:
            continue
        found = list_near(errors, i, whole, near)
        if found < 2:
            continue
        turn = next_below(random, found)
        for first in range(found):
            j = near[(first + turn) % found]
            for second in range(first + 1, found):
                k = near[(second + turn) % found]
                if counts[i] + counts[j] + counts[k] > whole or literals[j] ^ literals[k] == 1:
                    continue
                if disjoint(rows, j, k):
                    return i, j, k
    return NONE, NONE, NONE


@numba.njit(cache=True, nogil=True)
def complete(errors: Any, scratch: Any, random: Any) -> Any:
    """Find a triangle that is right where it is asked for; returns three rows, or `NONE` thrice.

    scratch.share: the vectors that matter to it, given; near, reduced and spent are changed.
    """
    rows, _, literals, size = errors
    near, share, reduced, spent = scratch
    words = rows.shape[1]
    spent[0] += size[0] * words
    whole = 0
    for word in range(words):
        whole += ones(share[0, word])
    made = 0
    for row in range(size[0]):
        count = 0
        for word in range(words):
            wrong = rows[row, word] & share[0, word]
            reduced.rows[made, word] = wrong
            count += ones(wrong)
        if count < whole:
            reduced.counts[made] = count
            reduced.literals[made] = literals[row]
            near[made] = row
            made += 1
    reduced.size[0] = made
    # The numbers of the rows kept go where the literals of the rows not kept would be.
    i, j, k = find_triangle(reduced, whole, near[made:], random)
    if i == NONE:
        return NONE, NONE, NONE
    return near[i], near[j], near[k]
