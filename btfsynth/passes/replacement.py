"""Find a replacement of a cell: a signal, or one or two new majorities.

The *errors* of a literal are the vectors of the cell's care set on which it differs from the cell. The majority
of three literals equals the cell exactly if no two of the three err together. One new cell is therefore found
as three literals whose errors are pairwise disjoint, a triangle in the graph of disjoint pairs; two new cells
as an edge of that graph whose joint errors a second majority corrects.

Of replacements that save the same number of cells, one that meets the required time of the cell is preferred;
if no cell would be saved, or if depth is limited, it must.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.kernels import NONE, freed_with, next_below, release, retain
from btfsynth.passes.triangles import ones

_TIES = 32
"""Maximum number of best replacements; then one is chosen and the search ends."""

_GAIN_TRIES = 32
"""Factor of the number of pairs if cells would be saved."""


class State(NamedTuple):
    """A netlist that changes in place. Node numbers never change; a node with no references is free."""

    fanins: Any  # int32 ``(nodes, 3)`` literals, rows below the first cell not used
    outputs: Any  # int32 literals
    references: Any
    """int32 ``(nodes,)``, how often each node is used (see `btfsynth.netlist.kernels`)."""
    values: Any  # uint64 ``(nodes, words)`` signatures
    care: Any  # uint64 ``(outputs, words)``, the vectors on which an output matters
    first: Any  # the first cell
    alias: Any = None  # nothing stands for another node


class Search(NamedTuple):
    divisors: Any  # int32, the nodes to choose from, none depending on the cell
    matters: Any  # uint64 ``(words,)``, where the cell matters
    stack: Any  # int32 ``(2 * nodes + 8,)``, scratch
    errors: Any
    """uint64 ``(2 * divisors, words)``, where each divisor's two literals are wrong, row ``2 k + phase``."""
    pairs: Any
    """uint64 ``(2 * divisors, words for that many bits)``: bit j of row i, i < j, if the two are disjoint."""
    inside: Any
    """uint8 ``(nodes,)``, the cells that fall out of use with the cell; zero before and after."""
    level: Any  # int32 ``(nodes,)``
    limit: Any
    """The level up to which the cell is not late: its required time, or its own level if that is higher."""


@numba.njit(cache=True, nogil=True)
def _bit(word: Any) -> Any:
    """Return the number of the lowest bit of a word that is not zero."""
    return ones((word & (~word + np.uint64(1))) - np.uint64(1))


@numba.njit(cache=True, nogil=True)
def divisor_literal(divisors: Any, row: Any) -> Any:
    return 2 * divisors[row >> 1] + (row & 1)


@numba.njit(cache=True, nogil=True)
def _errors(values: Any, node: Any, divisors: Any, matters: Any, errors: Any) -> Any:
    """List where each divisor's two literals are wrong about the cell. Modifies errors.

    errors: uint64 (2 * divisors, words), row ``2 k + phase``. Returns the first row that is never wrong, or
    `NONE`.
    """
    right = NONE
    words = values.shape[1]
    for k in range(divisors.shape[0]):
        divisor = divisors[k]
        any_plain, any_flipped = np.uint64(0), np.uint64(0)
        for word in range(words):
            wrong = (values[divisor, word] ^ values[node, word]) & matters[word]
            errors[2 * k, word] = wrong
            errors[2 * k + 1, word] = wrong ^ matters[word]
            any_plain |= wrong
            any_flipped |= wrong ^ matters[word]
        if right == NONE:
            if any_plain == 0:
                right = 2 * k
            elif any_flipped == 0:
                right = 2 * k + 1
    return right


@numba.njit(cache=True, nogil=True)
def _disjoint_pairs(errors: Any, rows: Any, pairs: Any) -> None:
    """Mark the pairs of literals that are never wrong together. Modifies pairs.

    errors: uint64 (rows, words); pairs: uint64 (rows, words of that many bits), bit j of row i for i < j; a
    literal and its complement are no pair.
    """
    words = errors.shape[1]
    blocks = (rows + 63) >> 6
    firsts = errors[:rows, 0].copy()
    for i in range(rows):
        own = firsts[i]
        after = i + 1 + (1 - (i & 1))
        for block in range(after >> 6):
            pairs[i, block] = 0
        for block in range(after >> 6, blocks):
            begin, end = max(after, 64 * block), min(rows, 64 * block + 64)
            found = np.uint64(0)
            # The first words of several rows at a time: unsigned numbers, and no branch.
            for j in range(np.uint64(begin), np.uint64(end)):
                found |= np.uint64(own & firsts[j] == 0) << (j & np.uint64(63))
            left = found if words > 1 else np.uint64(0)
            while left:
                j = 64 * block + _bit(left)
                rest = left & (left - np.uint64(1))
                for word in range(1, words):
                    if errors[i, word] & errors[j, word]:
                        found ^= left ^ rest
                        break
                left = rest
            pairs[i, block] = found


@numba.njit(cache=True, nogil=True)
def _leave_out_late(work: Any, words: Any) -> Any:
    """Drop the divisors that a new cell in place of the present one could not read in time.

    Modifies divisors and errors; returns how many rows of errors are left.
    """
    divisors, errors, level = work.divisors, work.errors, work.level
    kept = 0
    for k in range(divisors.shape[0]):
        if level[divisors[k]] < work.limit:
            if kept < k:
                divisors[kept] = divisors[k]
                for word in range(words):
                    errors[2 * kept, word] = errors[2 * k, word]
                    errors[2 * kept + 1, word] = errors[2 * k + 1, word]
            kept += 1
    return 2 * kept


@numba.njit(cache=True, nogil=True)
def _arrival(level: Any, choice: Any) -> Any:
    """Return the level of a replacement of one or two new cells."""
    _, a, b, c, d, e = choice
    if d == NONE:
        return 1 + max(level[a >> 1], level[b >> 1], level[c >> 1])
    inner = 1 + max(level[c >> 1], level[d >> 1], level[e >> 1])
    return 1 + max(level[a >> 1], level[b >> 1], inner)


@numba.njit(cache=True, nogil=True)
def _chosen(second: Any, best: Any, walk: Any, work: Any, random: Any) -> Any:
    """Decide between replacements that save as much: by time, then, if walking, by chance."""
    if second[0] != best[0]:
        return False
    own = max(_arrival(work.level, second), work.limit)
    other = max(_arrival(work.level, best), work.limit)
    return own < other or (own == other and walk and next_below(random, 2) == 0)


@numba.njit(cache=True, nogil=True)
def find_replacement(state: Any, node: Any, options: Any, work: Any, random: Any) -> Any:
    """Find the best replacement of a cell.

    options: (k, walk, tries, strict): new cells allowed, 0 to 2; whether replacements of equal size are
    wanted, at random among equals; for how many pairs a second new cell is sought where the size would stay;
    whether the cell may not arrive later than its limit even where cells are saved. random: uint64 (1,),
    changed, as are the divisors.

    Returns (gain, a, b, c, d, e), literals: ``a`` alone is a signal, ``MAJ(a, b, c)`` one cell, ``MAJ(a, b,
    MAJ(c, d, e))`` two; the rest are `NONE`. Gain is -1 if there is no replacement that is wanted.
    """
    k_most, walk, tries, strict = options
    matters, stack, inside = work.matters, work.stack, work.inside
    words = state.values.shape[1]
    least = 0 if walk else 1
    nothing = (NONE, NONE, NONE, NONE, NONE, NONE)
    freed = release(state, node, stack)
    for k in range(1, freed + 1):
        inside[stack[k]] = 1
    retain(state, node, stack[freed + 1 :])
    best = nothing

    row = _errors(state.values, node, work.divisors, matters, work.errors)
    if row != NONE:
        best = _signal(state, node, (row, freed, strict), work)
    if best[0] < 0 and k_most >= 1 and freed >= least:
        rows = 2 * work.divisors.shape[0]
        if strict or freed == 0:
            rows = _leave_out_late(work, words)
        _disjoint_pairs(work.errors, rows, work.pairs)
        best = _one_cell(state, node, (walk, rows, freed, strict), work, random)
        if k_most >= 2 and freed - 1 >= max(least, best[0]):
            many = tries if freed == 1 else _GAIN_TRIES * tries
            in_time = strict or freed == 1
            second = _two_cells(node, (many, rows, freed, in_time), work, random)
            if second[0] > 0 and _arrival(work.level, second) > work.limit:
                other = _two_cells(node, (many, rows, freed, True), work, random)
                second = other if other[0] >= 0 else second
            if second[0] > best[0] or (
                second[0] >= 0 and _chosen(second, best, walk, work, random)
            ):
                best = second
    for k in range(1, freed + 1):
        inside[stack[k]] = 0
    return best if best[0] >= least else nothing


@numba.njit(cache=True, nogil=True)
def _signal(state: Any, node: Any, options: Any, work: Any) -> Any:
    """Find the signal that is never wrong about a cell, frees most and is in time, or the lowest.

    options: (first row that is never wrong, cells freed if none below the cell is used on, strict).
    """
    row, freed, strict = options
    divisors, _, stack, errors, _, inside, level, limit = work
    best = (NONE, NONE, NONE, NONE, NONE, NONE)
    best_level = 0
    for k in range(row, 2 * divisors.shape[0]):
        wrong = np.uint64(0)
        for word in range(errors.shape[1]):
            wrong |= errors[k, word]
        if wrong != 0:
            continue
        literal = divisor_literal(divisors, k)
        at = max(level[literal >> 1], limit)
        if strict and at > limit:
            continue
        gain = 1 + freed
        if inside[literal >> 1]:
            gain = 1 + freed_with(state, node, (literal, NONE, NONE), stack[freed + 1 :])
        if gain > best[0] or (gain == best[0] and at < best_level):
            best, best_level = (gain, literal, NONE, NONE, NONE, NONE), at
    return best


@numba.njit(cache=True, nogil=True)
def _one_cell(state: Any, node: Any, options: Any, work: Any, random: Any) -> Any:
    """Find the best triangle.

    options: (walk, rows, cells freed if none below the cell is used on, strict).
    """
    walk, rows, freed, strict = options
    divisors, _, stack, _, pairs, inside, level, limit = work
    blocks = (rows + 63) >> 6
    best = (NONE, NONE, NONE, NONE, NONE, NONE)
    best_level, ties = 0, 0
    start = next_below(random, rows) if walk and rows else 0
    for step in range(rows):
        i = start + step
        if i >= rows:
            i -= rows
        for block_j in range(blocks):
            left = pairs[i, block_j]
            while left:
                j = 64 * block_j + _bit(left)
                left &= left - np.uint64(1)
                for block in range(j >> 6, blocks):
                    common = pairs[i, block] & pairs[j, block]
                    while common:
                        k = 64 * block + _bit(common)
                        common &= common - np.uint64(1)
                        a, b = divisor_literal(divisors, i), divisor_literal(divisors, j)
                        c = divisor_literal(divisors, k)
                        at = 1 + max(level[a >> 1], level[b >> 1], level[c >> 1])
                        if walk:
                            at = max(at, limit)  # how early does not matter there
                        elif freed == best[0] and at >= best_level:
                            ties += 1
                            if ties >= _TIES:
                                return best
                            continue
                        gain = freed
                        if inside[a >> 1] or inside[b >> 1] or inside[c >> 1]:
                            if freed <= best[0]:
                                continue
                            gain = freed_with(state, node, (a, b, c), stack[freed + 1 :])
                        if at > limit and (strict or gain <= 0):
                            continue
                        if gain > best[0] or (gain == best[0] and at < best_level):
                            best, best_level, ties = (gain, a, b, c, NONE, NONE), at, 1
                        elif gain == best[0] and at == best_level and walk:
                            ties += 1
                            if next_below(random, ties) == 0:
                                best = (gain, a, b, c, NONE, NONE)
                            if ties == _TIES and gain == freed:
                                return best
    return best


@numba.njit(cache=True, nogil=True)
def _two_cells(node: Any, options: Any, work: Any, random: Any) -> Any:
    """Find a pair that a second new cell completes, using no cell that falls out of use.

    options: (most pairs tried, rows, cells freed, whether it has to be in time).
    """
    tries, rows, freed, in_time = options
    divisors, _, _, errors, pairs, inside, level, limit = work
    blocks = (rows + 63) >> 6
    words = errors.shape[1]
    nothing = (NONE, NONE, NONE, NONE, NONE, NONE)
    # The cells that fall out of use leave the game.
    for i in range(rows):
        if inside[divisors[i >> 1]] or (in_time and level[divisors[i >> 1]] >= limit):
            for block in range(blocks):
                pairs[i, block] = 0
            for other in range(rows):
                pairs[other, i >> 6] &= ~(np.uint64(1) << np.uint64(i & 63))
    count = 0
    for i in range(rows):
        for block in range(blocks):
            left = pairs[i, block]
            while left:
                left &= left - np.uint64(1)
                count += 1
    if count == 0:
        return nothing
    share = np.zeros(words, dtype=np.uint64)
    kept = np.empty(rows + 1, dtype=np.int32)
    near = np.empty(rows + 1, dtype=np.int32)
    counts = np.empty(rows + 1, dtype=np.int64)
    reduced = np.empty((rows + 1, words), dtype=np.uint64)
    # Pairs in a row, from a random one on and around.
    skip = next_below(random, count)
    number = -1
    for i in range(rows):
        for block_j in range(blocks):
            left = pairs[i, block_j]
            while left:
                j = 64 * block_j + _bit(left)
                left &= left - np.uint64(1)
                number += 1
                if (number - skip) % count >= tries:
                    continue
                whole = 0
                for word in range(words):
                    share[word] = errors[i, word] | errors[j, word]
                    whole += ones(share[word])
                size = 0
                for row in range(rows):
                    divisor = divisors[row >> 1]
                    if inside[divisor] or (in_time and level[divisor] + 1 >= limit):
                        continue
                    counts[size] = 0
                    for word in range(words):
                        reduced[size, word] = errors[row, word] & share[word]
                        counts[size] += ones(reduced[size, word])
                    if counts[size] < whole:
                        kept[size] = row
                        size += 1
                counts[size] = whole
                c, d, e = _covering(reduced, counts, size, kept, near, random)
                if c != NONE:
                    return (
                        freed - 1,
                        divisor_literal(divisors, i),
                        divisor_literal(divisors, j),
                        divisor_literal(divisors, c),
                        divisor_literal(divisors, d),
                        divisor_literal(divisors, e),
                    )
    return nothing


@numba.njit(cache=True, nogil=True)
def _covering(reduced: Any, counts: Any, size: Any, kept: Any, near: Any, random: Any) -> Any:
    """Return three of the rows kept whose reduced errors are pairwise disjoint, or `NONE` thrice.

    reduced: uint64 (at least size, words); counts: int64 (size + 1,), their numbers of errors and the number of
    vectors that count; kept: int32, the rows' numbers; near: int32 (size,), scratch; where the search
    begins is random.
    """
    if size < 3:
        return NONE, NONE, NONE
    words = reduced.shape[1]
    whole = counts[size]
    start = next_below(random, size)
    for step in range(size):
        i = start + step
        if i >= size:
            i -= size
        # Of three disjoint sets the smallest has a third of the whole at most.
        if 3 * counts[i] > whole:
            continue
        found = 0
        for j in range(size):
            if counts[j] < counts[i] or j == i or counts[i] + counts[j] > whole:
                continue
            word = 0
            while word < words and reduced[i, word] & reduced[j, word] == 0:
                word += 1
            if word == words and kept[i] ^ kept[j] != 1:
                near[found] = j
                found += 1
        for first in range(found):
            j = near[first]
            for second in range(first + 1, found):
                k = near[second]
                if counts[i] + counts[j] + counts[k] > whole:
                    continue
                word = 0
                while word < words and reduced[j, word] & reduced[k, word] == 0:
                    word += 1
                if word == words and kept[j] ^ kept[k] != 1:
                    return kept[i], kept[j], kept[k]
    return NONE, NONE, NONE
