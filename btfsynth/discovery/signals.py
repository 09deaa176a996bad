"""Find an output among existing signals: few that determine it, or few new cells over them.

Signals determine an output if no two vectors that agree on all of them differ in it. Finding the fewest is a
covering problem: every pair of vectors that differ in the output needs a signal that tells them apart. The
pairs are never listed: vectors that no chosen signal tells apart form a class, and a class with n0 and n1
vectors of either value has ``n0 n1`` pairs left. A greedy choice takes one of the best signals next, at random,
and leaves out in the end what was not needed; many such choices give many small sets.
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

Support = tuple[int, ...]

_AMONG = 3
"""One of at most this many best signals is chosen."""


def find_supports(
    bits: NDArray[np.uint8],
    target: NDArray[np.uint8],
    attempts: int,
    seed: int,
    largest: int = 1 << 30,
) -> list[Support]:
    """Return different sets of columns that determine a target, the smallest first.

    bits: ``(vectors, signals)`` uint8 0/1, target: ``(vectors,)``; only vectors on which the target matters.
    Every column of a set is needed. Sets of more than `largest` columns are dropped.
    """
    found: dict[Support, None] = {}
    columns = np.ascontiguousarray(bits.T)
    for attempt in range(attempts):
        random = random_state(seed + 0x5851F42D * attempt)
        chosen = _one_support(columns, target, 1 if attempt == 0 else _AMONG, random)
        if len(chosen) <= largest:
            found.setdefault(tuple(sorted(chosen.tolist())), None)
    return sorted(found, key=len)


@numba.njit(cache=True, nogil=True)
def _one_support(columns: Any, target: Any, among: Any, random: Any) -> Any:
    """Choose signals until they determine the target, then leave out what was not needed.

    columns: uint8 (signals, vectors); target: uint8 (vectors,); among: one of this many best is taken; random:
    uint64 (1,), modified. Returns int64 numbers, all signals if even they do not determine it.
    """
    n_signals, n_vectors = columns.shape
    left = np.arange(n_vectors)
    classes = np.zeros(n_vectors, dtype=np.int64)
    counts = np.zeros((n_vectors + 1, 4), dtype=np.int64)
    chosen = np.zeros(n_signals, dtype=np.int64)
    size, n_classes, n_left = 0, 1, n_vectors
    best = np.zeros(among, dtype=np.int64)
    least = np.zeros(among, dtype=np.int64)
    while n_left > 0 and size < n_signals:
        kept = 0
        now = _pairs(columns, target, -1, left[:n_left], classes, counts, n_classes)
        for signal in range(n_signals):
            pairs = _pairs(columns, target, signal, left[:n_left], classes, counts, n_classes)
            if pairs >= now:
                continue
            # Insertion into the few best, one of equal ones ahead at random.
            place = kept
            while place > 0 and (
                pairs < least[place - 1]
                or (pairs == least[place - 1] and next_below(random, 2) == 0)
            ):
                place -= 1
            if place >= among:
                continue
            kept = min(kept + 1, among)
            for k in range(kept - 1, place, -1):
                best[k], least[k] = best[k - 1], least[k - 1]
            best[place], least[place] = signal, pairs
        if now == 0:
            break
        if kept == 0:
            return np.arange(n_signals)
        take = min(next_below(random, kept), next_below(random, kept))
        if least[0] == 0:
            take = 0
        chosen[size] = best[take]
        size += 1
        n_left, n_classes = _split(columns, target, chosen[size - 1], left, classes, counts, n_left)
    return _needed(columns, target, chosen[:size], random)


@numba.njit(cache=True, nogil=True)
def _pairs(
    columns: Any,
    target: Any,
    signal: Any,
    left: Any,
    classes: Any,
    counts: Any,
    n_classes: Any,
) -> Any:
    """Count the pairs that are left when a signal (-1: none) splits the classes. Modifies counts."""
    counts[:n_classes] = 0
    for vector in left:
        bit = 0 if signal < 0 else columns[signal, vector]
        counts[classes[vector], 2 * bit + target[vector]] += 1
    pairs = 0
    for k in range(n_classes):
        pairs += counts[k, 0] * counts[k, 1] + counts[k, 2] * counts[k, 3]
    return pairs


@numba.njit(cache=True, nogil=True)
def _split(
    columns: Any, target: Any, signal: Any, left: Any, classes: Any, counts: Any, n_left: Any
) -> Any:
    """Split the classes by a signal, drop the vectors of classes with one value; return vectors and classes.

    Modifies left (its first ones are kept), classes and counts.
    """
    most = 0
    for k in range(n_left):
        most = max(most, classes[left[k]])
    counts[: most + 1] = 0
    for k in range(n_left):
        vector = left[k]
        counts[classes[vector], 2 * columns[signal, vector] + target[vector]] += 1
    made = 0
    for k in range(most + 1):
        zero, one = counts[k, 0] > 0 and counts[k, 1] > 0, counts[k, 2] > 0 and counts[k, 3] > 0
        counts[k, 0], counts[k, 1] = -1, -1
        if zero:
            counts[k, 0] = made
            made += 1
        if one:
            counts[k, 1] = made
            made += 1
    kept = 0
    for k in range(n_left):
        vector = left[k]
        new = counts[classes[vector], columns[signal, vector]]
        if new >= 0:
            classes[vector] = new
            left[kept] = vector
            kept += 1
    return kept, made


@numba.njit(cache=True, nogil=True)
def _needed(columns: Any, target: Any, chosen: Any, random: Any) -> Any:
    """Leave out, in random order, signals without which the others still determine the target."""
    size, n_vectors = chosen.shape[0], target.shape[0]
    order = chosen.copy()
    for i in range(size - 1, 0, -1):
        j = next_below(random, i + 1)
        order[i], order[j] = order[j], order[i]
    stays = np.ones(size, dtype=np.uint8)
    slots = 16
    while slots < 2 * n_vectors:
        slots *= 2
    for out in range(size):
        stays[out] = 0
        key_of = np.zeros(slots, dtype=np.uint64)
        value_of = np.full(slots, -1, dtype=np.int8)
        agrees = True
        for vector in range(n_vectors):
            key = np.uint64(0)
            for k in range(size):
                if stays[k]:
                    key = (key << np.uint64(1)) | np.uint64(columns[order[k], vector])
            slot = (key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
            slot &= np.uint64(slots - 1)
            while value_of[slot] >= 0 and key_of[slot] != key:
                slot = (slot + np.uint64(1)) & np.uint64(slots - 1)
            if value_of[slot] < 0:
                key_of[slot], value_of[slot] = key, target[vector]
            elif value_of[slot] != target[vector]:
                agrees = False
                break
        if not agrees:
            stays[out] = 1
    return order[stays == 1]


# Find a given signal as one, two or three new cells over existing signals.
#
# The search uses only the vectors on which each literal is wrong (see `btfsynth.passes.triangles`). It finds,
# for example, the sum of a full adder whose carry exists, a multiplexer, or an exclusive or of two signals. The
# searches for one and two cells are complete; that for three tries ``MAJ(a, MAJ(b, c, d), MAJ(e, f, g))`` for a
# limited number of pairs of literal and first cell.

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

    errors, scratch: see `btfsynth.passes.triangles`; random: uint64 (1,), where it begins, modified.
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
