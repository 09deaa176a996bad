"""Find a replacement of a cell over any basis: a signal, or one or two new cells.

A *target* is a function with a care set of vectors. The vectors on which a literal is wrong are its *errors*.

- One majority equals the target where no two of its three literals err together; AND and OR are the case of a
  constant among them, which is wrong wherever the target is 1, or 0. So an AND is two literals that err on
  zeros only and never together.
- One parity of x and y equals it where y is the target with x added to it: a signature that is looked up.
- Two new cells are an outer one with one signal given, and the inner one has another target. ``x & h`` leaves
  the target, to be met where x is 1; ``x ^ h`` the target with x added, ``x ^ y ^ h`` with both;
  ``MAJ(x, y, h)`` leaves the target where x and y differ. So one search serves both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.kernels import NONE, freed_with, next_below, release, retain
from btfsynth.passes.replacement import divisor_literal
from btfsynth.passes.triangles import disjoint, ones

_TIES = 24
"""Maximum number of best replacements; then one is chosen and the search for a cell ends."""
_GAIN_TRIES = 40
"""Factor of the number of outer cells if cells would be saved."""
_INNER_PAIRS = 4_000
"""Pairs that are looked at for an inner majority of three."""


class GateState(NamedTuple):
    """A netlist that changes in place. Node numbers never change; a node with no references is free."""

    fanins: Any  # int32 ``(nodes, 3)`` literals in any order, rows below the first cell not used
    parity: Any  # uint8 ``(nodes,)``, 1 for a parity, 0 for a majority
    outputs: Any  # int32 literals
    references: Any  # int32 ``(nodes,)``, how often each node is used
    values: Any  # uint64 ``(nodes, words)`` signatures
    care: Any  # uint64 ``(outputs, words)``, the vectors on which an output matters
    first: Any  # the first cell
    alias: Any = None  # nothing stands for another node


class GateSearch(NamedTuple):
    divisors: Any  # int32, the nodes to choose from, the constant first, none depending on the cell
    matters: Any  # uint64 ``(words,)``, where the cell matters
    stack: Any  # int32 ``(2 * nodes + 8,)``, scratch
    errors: Any  # uint64 ``(2 * divisors, words)``, scratch
    inside: Any  # uint8 ``(nodes,)``: falls out of use with the cell; zero before and after
    slots: Any  # int32, a power of two, -1 everywhere before and after: divisors by the hash of a signature
    lists: Any  # int32 ``(3, 2 * divisors + 1)``, scratch


@numba.njit(cache=True, nogil=True)
def _hash(values: Any, node: Any, target: Any, added: Any, matters: Any) -> Any:
    """Return the hash of a signature where it matters, the same for its complement.

    The signature is that of a node, with the target added to it if ``added`` is 1.
    """
    key, lowest = np.uint64(0), False
    flip = np.uint64(0)
    for word in range(matters.shape[0]):
        if matters[word] == 0:
            continue
        row = values[node, word] & matters[word]
        if added:
            row ^= target[word] & matters[word]
        if not lowest:
            lowest = True
            bit = matters[word] & (~matters[word] + np.uint64(1))
            flip = ~np.uint64(0) if row & bit else np.uint64(0)
        row ^= flip & matters[word]
        key = (key ^ row) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


@numba.njit(cache=True, nogil=True)
def _equal_sum(values: Any, x: Any, y: Any, target: Any, matters: Any) -> Any:
    """Return 0 if ``x ^ y`` is the target wherever it matters, 1 if it is the complement, else -1."""
    found = -1
    for word in range(matters.shape[0]):
        if matters[word] == 0:
            continue
        row = (values[x, word] ^ values[y, word] ^ target[word]) & matters[word]
        here = 0 if row == 0 else 1 if row == matters[word] else -1
        if here < 0 or (found >= 0 and here != found):
            return -1
        found = here
    return found


@numba.njit(cache=True, nogil=True)
def _fill_slots(values: Any, divisors: Any, matters: Any, slots: Any, used: Any) -> Any:
    """Enter divisors by their signatures. Modifies slots and used, the slots that are taken."""
    mask = np.uint64(slots.shape[0] - 1)
    for k in range(divisors.shape[0]):
        slot = _hash(values, divisors[k], matters, 0, matters) & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = k
        used[k] = slot
    return divisors.shape[0]


@numba.njit(cache=True, nogil=True)
def _list_errors(state: Any, divisors: Any, target: Any, matters: Any, work: Any) -> Any:
    """List the errors of the divisors' literals, and which of them err on zeros or on ones only.

    work: (errors, lists), modified: errors as in `GateSearch`, row ``2 k + phase``; lists[0] the rows that are
    1 wherever the target is, lists[1] those that are 0 wherever it is. Returns the sizes of the lists and a row
    without errors or `NONE`.
    """
    values = state.values
    errors, lists = work
    ands, ors, right = 0, 0, NONE
    for k in range(divisors.shape[0]):
        node = divisors[k]
        on_one, off_one, on_zero, off_zero = False, False, False, False
        for word in range(matters.shape[0]):
            wrong = (values[node, word] ^ target[word]) & matters[word]
            errors[2 * k, word] = wrong
            errors[2 * k + 1, word] = wrong ^ matters[word]
            ones = target[word] & matters[word]
            on_one |= wrong & ones != 0
            on_zero |= wrong & ~ones != 0
            off_one |= ones & ~wrong != 0
            off_zero |= matters[word] & ~ones & ~wrong != 0
        if not on_one and not on_zero:
            right = 2 * k
        elif not off_one and not off_zero:
            right = 2 * k + 1
        for phase in range(2):
            if not (off_one if phase else on_one):
                lists[0, ands] = 2 * k + phase
                ands += 1
            if not (off_zero if phase else on_zero):
                lists[1, ors] = 2 * k + phase
                ors += 1
    return ands, ors, right


@numba.njit(cache=True, nogil=True)
def _inner(state: Any, target: Any, matters: Any, basis: Any, work: Any, random: Any) -> Any:
    """Find one cell that equals the target on its care set, from divisors that stay in use.

    Returns (parity, a, b, c), literals; parity `NONE` if there is none. work: (divisors, errors, slots, lists),
    changed but for the divisors.
    """
    majorities, parities = basis
    divisors, errors, slots, lists = work
    values = state.values
    ands, ors, _ = _list_errors(state, divisors, target, matters, (errors, lists))
    for side in range(2):
        size = ands if side == 0 else ors
        start = next_below(random, size) if size > 0 else 0
        for step in range(size):
            i = lists[side, (start + step) % size]
            if i < 2:  # the constant is no signal
                continue
            for other in range(size):
                j = lists[side, other]
                if j >= 2 and j < i and j >> 1 != i >> 1 and disjoint(errors, i, j):
                    return 0, side, divisor_literal(divisors, i), divisor_literal(divisors, j)
    if parities:
        used = lists[2]
        _fill_slots(values, divisors, matters, slots, used)
        found_x, found_y, phase = NONE, NONE, 0
        mask = np.uint64(slots.shape[0] - 1)
        for k in range(1, divisors.shape[0]):
            slot = _hash(values, divisors[k], target, 1, matters) & mask
            while slots[slot] >= 0:
                other = slots[slot]
                if other > k:
                    phase = _equal_sum(values, divisors[k], divisors[other], target, matters)
                    if phase >= 0:
                        found_x, found_y = k, other
                        break
                slot = (slot + np.uint64(1)) & mask
            if found_x >= 0:
                break
        for k in range(divisors.shape[0]):
            slots[used[k]] = -1
        if found_x >= 0:
            return 1, phase, 2 * divisors[found_x], 2 * divisors[found_y]
    if majorities:
        return _inner_majority(divisors, errors, matters, lists, random)
    return NONE, NONE, NONE, NONE


@numba.njit(cache=True, nogil=True)
def _inner_majority(divisors: Any, errors: Any, matters: Any, lists: Any, random: Any) -> Any:
    """Find three literals of signals whose errors, listed, are pairwise disjoint (see `_inner`)."""
    rows = 2 * divisors.shape[0]
    whole = 0
    for word in range(matters.shape[0]):
        whole += ones(matters[word])
    counts = np.empty(rows, dtype=np.int64)
    for row in range(rows):
        counts[row] = 0
        for word in range(matters.shape[0]):
            counts[row] += ones(errors[row, word])
    near = lists[2]
    start = next_below(random, rows)
    pairs = 0
    for step in range(rows):
        i = (start + step) % rows
        # Of three disjoint sets the smallest has a third of the whole at most.
        if i < 2 or 3 * counts[i] > whole:
            continue
        found = 0
        for j in range(2, rows):
            if counts[j] < counts[i] or j >> 1 == i >> 1 or counts[i] + counts[j] > whole:
                continue
            pairs += 1
            if disjoint(errors, i, j):
                near[found] = j
                found += 1
        for first in range(found):
            j = near[first]
            for second in range(first + 1, found):
                k = near[second]
                pairs += 1
                if counts[i] + counts[j] + counts[k] > whole or j >> 1 == k >> 1:
                    continue
                if disjoint(errors, j, k):
                    return (
                        0,
                        divisor_literal(divisors, i),
                        divisor_literal(divisors, j),
                        divisor_literal(divisors, k),
                    )
        if pairs > _INNER_PAIRS:
            break
    return NONE, NONE, NONE, NONE


class _Best(NamedTuple):
    """The best replacement so far: int64 arrays, changed in place."""

    choice: (
        Any  # ``(9,)``: gain, parity, a, b, c of the outer cell, parity, d, e, f of the inner one
    )
    ties: Any  # ``(1,)``


@numba.njit(cache=True, nogil=True)
def _offer(state: Any, node: Any, options: Any, found: Any, work: Any, random: Any) -> Any:
    """Consider one new cell. Modifies the best; returns whether the search may end.

    options: (walk, freed: cells that fall out of use if none below is used on); found: (parity, a, b, c); work:
    (best, inside, stack).
    """
    walk, freed = options
    best, inside, stack = work
    choice, ties = best
    parity, a, b, c = found
    gain = freed
    if inside[a >> 1] or inside[b >> 1] or inside[c >> 1]:
        if freed < choice[0]:
            return False
        gain = freed_with(state, node, (a, b, c), stack)
    if gain < choice[0] or (not walk and gain == choice[0]):
        return False
    if gain > choice[0]:
        ties[0] = 0
    ties[0] += 1
    if next_below(random, ties[0]) == 0:
        choice[0], choice[1], choice[2], choice[3], choice[4] = gain, parity, a, b, c
        choice[5] = NONE
    return gain == freed and (not walk or ties[0] >= _TIES)


@numba.njit(cache=True, nogil=True)
def _one_cell(state: Any, node: Any, basis: Any, options: Any, search: Any, best: Any) -> Any:
    """Look for one new cell. Modifies the best. options: (walk, freed, sizes of the lists, random)."""
    majorities, parities = basis
    walk, freed, ands, ors, random = options
    divisors, matters, stack, errors, inside, slots, lists = search
    values = state.values
    target = values[node]
    work = (best, inside, stack[freed + 1 :])
    ways = (walk, freed)
    rows = 2 * divisors.shape[0]
    for side in range(2):
        size = ands if side == 0 else ors
        for first in range(size):
            i = lists[side, first]
            for second in range(first):
                j = lists[side, second]
                if j < 2 or j >> 1 == i >> 1 or not disjoint(errors, i, j):
                    continue
                found = (0, side, divisor_literal(divisors, i), divisor_literal(divisors, j))
                if _offer(state, node, ways, found, work, random):
                    return
    if parities:
        used = lists[2]
        _fill_slots(values, divisors, matters, slots, used)
        mask = np.uint64(slots.shape[0] - 1)
        ended = False
        total = target.copy()
        # A parity of three is one of two with another target; the constant is what makes it one of two.
        for third in range(divisors.shape[0] if majorities else 1):
            for word in range(total.shape[0]):
                total[word] = target[word] ^ values[divisors[third], word]
            for k in range(third + 1, divisors.shape[0]):
                slot = _hash(values, divisors[k], total, 1, matters) & mask
                while slots[slot] >= 0 and not ended:
                    other = slots[slot]
                    if other > k:
                        phase = _equal_sum(values, divisors[k], divisors[other], total, matters)
                        if phase >= 0:
                            found = (
                                1,
                                2 * divisors[third] + phase,
                                2 * divisors[k],
                                2 * divisors[other],
                            )
                            ended = _offer(state, node, ways, found, work, random)
                    slot = (slot + np.uint64(1)) & mask
                if ended:
                    break
            if ended:
                break
        for k in range(divisors.shape[0]):
            slots[used[k]] = -1
        if ended:
            return
    if majorities:
        start = next_below(random, rows)
        near = lists[2]
        for step in range(rows):
            i = (start + step) % rows
            found_near = 0
            for j in range(max(2, i + 1), rows):
                if i >= 2 and j >> 1 != i >> 1 and disjoint(errors, i, j):
                    near[found_near] = j
                    found_near += 1
            for first in range(found_near):
                for second in range(first + 1, found_near):
                    j, k = near[first], near[second]
                    if j >> 1 != k >> 1 and disjoint(errors, j, k):
                        found = (
                            0,
                            divisor_literal(divisors, i),
                            divisor_literal(divisors, j),
                            divisor_literal(divisors, k),
                        )
                        if _offer(state, node, ways, found, work, random):
                            return


@numba.njit(cache=True, nogil=True)
def _two_cells(state: Any, node: Any, basis: Any, options: Any, search: Any, best: Any) -> None:
    """Look for an outer and an inner new cell, of signals that stay in use. Modifies the best.

    options: (most outer cells tried, freed, random).
    """
    majorities, parities = basis
    tries, freed, random = options
    divisors, matters, _, errors, inside, slots, lists = search
    choice = best.choice
    values = state.values
    words = matters.shape[0]
    kept = 0
    staying = np.empty(divisors.shape[0], dtype=np.int32)
    for k in range(divisors.shape[0]):
        if not inside[divisors[k]]:
            staying[kept] = divisors[k]
            kept += 1
    staying = staying[:kept]
    target = values[node].copy()
    ands, ors, _ = _list_errors(state, staying, target, matters, (errors, lists))
    outer = np.empty((ands + ors + 9 * kept, 3), dtype=np.int32)
    count = 0
    for side in range(2):
        for k in range(ands if side == 0 else ors):
            if lists[side, k] >= 2:
                outer[count, 0], outer[count, 1], outer[count, 2] = side, lists[side, k], NONE
                count += 1
    if parities:
        for k in range(1, kept):
            outer[count, 0], outer[count, 1], outer[count, 2] = 2, 2 * k, NONE
            count += 1
    if majorities and kept > 2:
        for _ in range(4 * kept):
            i, j = 2 + next_below(random, 2 * kept - 2), 2 + next_below(random, 2 * kept - 2)
            if i >> 1 != j >> 1 and disjoint(errors, i, j):
                outer[count, 0], outer[count, 1], outer[count, 2] = 3, i, j
                count += 1
            if (
                parities and (i ^ j) & 1 and i >> 1 != j >> 1
            ):  # half of them, as the phase is no matter
                outer[count, 0], outer[count, 1], outer[count, 2] = 4, i & ~1, j & ~1
                count += 1
    if count == 0:
        return
    start = next_below(random, count)
    inner_target, inner_matters = target.copy(), matters.copy()
    for step in range(min(count, tries)):
        way, i, j = outer[(start + step) % count]
        node_i, flip_i = staying[i >> 1], i & 1
        for word in range(words):
            x = values[node_i, word] ^ (~np.uint64(0) if flip_i else np.uint64(0))
            inner_target[word] = target[word]
            inner_matters[word] = matters[word]
            if way == 0:
                inner_matters[word] &= x
            elif way == 1:
                inner_matters[word] &= ~x
            elif way == 2:
                inner_target[word] ^= x
            else:
                y = values[staying[j >> 1], word] ^ (~np.uint64(0) if j & 1 else np.uint64(0))
                if way == 3:
                    inner_matters[word] &= x ^ y
                else:
                    inner_target[word] ^= x ^ y
        work = (staying, errors, slots, lists)
        parity, d, e, f = _inner(state, inner_target, inner_matters, basis, work, random)
        if parity == NONE:
            continue
        gain = freed - 1
        if gain < choice[0] or (gain == choice[0] and next_below(random, 2) == 0):
            return
        a = 0 if way == 2 else way
        if way >= 3:
            a = divisor_literal(staying, j)
        choice[0], choice[1] = gain, 1 if way in (2, 4) else 0
        choice[2], choice[3], choice[4] = a, divisor_literal(staying, i), NONE
        choice[5], choice[6], choice[7], choice[8] = parity, d, e, f
        return


@numba.njit(cache=True, nogil=True)
def find_gates(state: Any, node: Any, basis: Any, options: Any, search: Any, random: Any) -> Any:
    """Find the best replacement of a cell.

    basis: (whether there are majorities of three, whether there are parities); options: (most new cells, 0 to
    2; whether replacements of equal size are wanted, at random among equals; how many outer cells are tried
    where the size would stay). random: uint64 (1,), modified.

    Returns int64 (9,): gain, -1 if there is no replacement that is wanted; parity, a, b, c of the new cell,
    parity `NONE` if the literal ``a`` takes the place; parity, d, e, f of the inner one, whose literal replaces
    ``c``, parity `NONE` if there is none.
    """
    k_most, walk, tries = options
    divisors, matters, stack, errors, inside, _, lists = search
    least = 0 if walk else 1
    best = _Best(np.full(9, NONE, dtype=np.int64), np.zeros(1, dtype=np.int64))
    choice = best.choice
    choice[0] = least - 1
    freed = release(state, node, stack)
    for k in range(1, freed + 1):
        inside[stack[k]] = 1
    retain(state, node, stack[freed + 1 :])
    target = state.values[node].copy()
    ands, ors, right = _list_errors(state, divisors, target, matters, (errors, lists))
    if right != NONE:
        for row in range(2 * divisors.shape[0]):
            wrong = False
            for word in range(matters.shape[0]):
                wrong |= errors[row, word] != 0
            if wrong:
                continue
            literal = divisor_literal(divisors, row)
            gain = 1 + freed
            if inside[literal >> 1]:
                gain = 1 + freed_with(state, node, (literal,), stack[freed + 1 :])
            if gain > choice[0]:
                choice[0], choice[1], choice[2] = gain, NONE, literal
    elif k_most >= 1 and freed >= least:
        ways = (walk, freed, ands, ors, random)
        _one_cell(state, node, basis, ways, search, best)
        if k_most >= 2 and freed - 1 >= max(least, choice[0]):
            many = tries if freed == 1 else _GAIN_TRIES * tries
            _two_cells(state, node, basis, (many, freed, random), search, best)
    for k in range(1, freed + 1):
        inside[stack[k]] = 0
    if choice[0] < least:
        choice[0] = -1
    return choice
