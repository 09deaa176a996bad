"""Find a given signal as one, two or three new cells over existing signals.

The search uses only the vectors on which each literal is wrong (see `btfsynth.passes.triangles`). It finds, for
example, the sum of a full adder whose carry exists, a multiplexer, or an exclusive or of two signals. The
searches for one and two cells are complete; that for three tries ``MAJ(a, MAJ(b, c, d), MAJ(e, f, g))`` for a
limited number of pairs of literal and first cell.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.kernels import NONE, majority_of, next_below, random_state
from btfsynth.passes.triangles import (
    complete,
    disjoint,
    find_triangle,
    list_errors,
    list_near,
    new_errors,
    new_scratch,
    ones,
)

Cells = tuple[tuple[int, int, int], ...]
"""Fan-in literals of new cells, the last one the result; the literal `NEW` + 2 k is that of cell k."""

NEW = 1 << 20
"""Literals from here on are those of the new cells."""

_FIRST_CELLS = 300
"""First cells that are tried with every literal, where three cells are sought."""


def find_expression(
    values: NDArray[np.uint64],
    nodes: NDArray[np.int32],
    target: NDArray[np.uint64],
    matters: NDArray[np.uint64],
    most: int,
    seed: int,
) -> Cells | None:
    """Return the fewest new cells, 1 to `most` (at most 3), that make a signal; None if none are found.

    values: ``(nodes, words)``; `nodes` are the candidates, including the constant; target and matters are
    ``(words,)``. The seed decides between several expressions.
    """
    literals, words = 2 * len(nodes) + 2, values.shape[1]
    errors, scratch = new_errors(literals, words), new_scratch(literals, words)
    random = random_state(seed)
    whole = list_errors(values, nodes, target, matters, errors)
    if most >= 1:
        i, j, k = find_triangle(errors, whole, scratch.near, random)
        if i != NONE:
            return ((_at(errors, i), _at(errors, j), _at(errors, k)),)
    if most >= 2:
        found = _two_cells(errors, whole, scratch, random)
        if found[0] != NONE:
            a, b, c, d, e = (_at(errors, row) for row in found)
            return (c, d, e), (a, b, NEW)
    if most >= 3:
        inner = new_errors(literals, words)
        work = inner, np.zeros(2 * literals, dtype=np.int32), scratch
        found = _three_cells(errors, whole, work, _FIRST_CELLS, random)
        if found[0] != NONE:
            a, b, c, d, e, f, g = (_at(errors, row) for row in found)
            return (b, c, d), (e, f, g), (a, NEW, NEW + 2)
    return None


def _at(errors: Any, row: int) -> int:
    return int(errors.literals[row])


@numba.njit(cache=True, nogil=True)
def _two_cells(errors: Any, whole: Any, scratch: Any, random: Any) -> Any:
    """Find rows a to e so that ``MAJ(a, b, MAJ(c, d, e))`` is right everywhere; `NONE` five times if none are.

    errors, scratch: see `btfsynth.passes.triangles`; random: uint64 (1,), where it begins, changed.
    """
    rows, counts, literals, size = errors
    n, words = size[0], rows.shape[1]
    share = scratch.share
    start = next_below(random, max(n, 1))
    for step in range(n):
        i = start + step
        if i >= n:
            i -= n
        for j in range(i + 1, n):
            if counts[i] + counts[j] > whole or literals[i] ^ literals[j] == 1:
                continue
            if not disjoint(rows, i, j):
                continue
            for word in range(words):
                share[0, word] = rows[i, word] | rows[j, word]
            c, d, e = complete(errors, scratch, random)
            if c != NONE:
                return i, j, c, d, e
    return NONE, NONE, NONE, NONE, NONE


@numba.njit(cache=True, nogil=True)
def _three_cells(errors: Any, whole: Any, work: Any, tries: Any, random: Any) -> Any:
    """Find rows a to g so that ``MAJ(a, MAJ(b, c, d), MAJ(e, f, g))`` is right; `NONE` seven times if none are.

    work: (errors as large as the first, int32 (literals,), scratch), modified; tries: how many first cells are
    tried with each literal a; random: uint64 (1,), modified.
    """
    rows, counts, literals, size = errors
    inner, near, scratch = work
    n, words = size[0], rows.shape[1]
    share = scratch.share
    for a in range(n):
        if 2 * counts[a] > whole:
            continue
        # Where a is wrong both cells must be right: the first is a triangle there.
        made = 0
        for row in range(n):
            count = 0
            for word in range(words):
                wrong = rows[row, word] & rows[a, word]
                inner.rows[made, word] = wrong
                count += ones(wrong)
            if count < counts[a]:
                inner.counts[made] = count
                inner.literals[made] = literals[row]
                near[made] = row
                made += 1
        inner.size[0] = made
        tried = 0
        start = next_below(random, max(made, 1))
        for step in range(made):
            if tried >= tries:
                break
            i = start + step
            if i >= made:
                i -= made
            if 3 * inner.counts[i] > counts[a]:
                continue
            found = list_near(inner, i, counts[a], near[made:])
            for pair in range(found * found):
                first, second = pair // found, pair % found
                j, k = near[made + first], near[made + second]
                if second <= first or literals[near[j]] ^ literals[near[k]] == 1:
                    continue
                if not disjoint(inner.rows, j, k):
                    continue
                tried += 1
                if tried > tries:
                    break
                x, y, z = near[i], near[j], near[k]
                for word in range(words):
                    wrong = majority_of(rows[x, word], rows[y, word], rows[z, word])
                    share[0, word] = rows[a, word] | wrong
                e, f, g = complete(errors, scratch, random)
                if e != NONE:
                    return a, x, y, z, e, f, g
    return NONE, NONE, NONE, NONE, NONE, NONE, NONE
