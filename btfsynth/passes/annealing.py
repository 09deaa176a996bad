"""Annealing: a random walk over netlists of nearly the smallest size found.

Each step draws a cell at random and replaces it by a signal that does not depend on it, by one new cell or by
two, if no output changes (see `btfsynth.passes.resubstitution`). A replacement that saves cells or keeps their
number is always accepted. Sometimes two cells replace one, up to a limit above the smallest netlist found. This
is record-to-record travel (Dueck, "New optimization heuristics: the great deluge algorithm and the
record-to-record travel", 1993); it leaves minima in which resubstitution is stuck.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np

from btfsynth.netlist.hashing import rebuild, rebuild_from
from btfsynth.netlist.kernels import (
    NONE,
    evaluate,
    freed_with,
    next_below,
    random_state,
    redirect,
    release,
    retain,
)
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.text import format_netlist
from btfsynth.netlist.views import order_cells, size_order
from btfsynth.passes.goal import keep, require_options
from btfsynth.passes.replacement import State
from btfsynth.passes.resubstitution import count_state_references, observability
from btfsynth.passes.triangles import (
    complete,
    disjoint,
    list_errors,
    list_near,
    new_errors,
    new_scratch,
)

_TIES = 24
"""Maximum triangles of equal gain, of which one is chosen."""

_GAIN_TRIES = 16
"""Factor of the number of pairs if cells would be saved."""

_PORTION, _SECONDS = 64, 0.05
"""Steps of the first portion, and the seconds a portion should take: the next one is larger or smaller."""

_KEPT = 3
"""Netlists from which walks go out."""

_STEPS_A_CELL = 1_000
"""Steps of the walks after the first: small netlists need no more."""

_SPARE = 8
"""Number of rows for new cells besides those of the slack."""


@dataclass(frozen=True)
class Annealing:
    """Replace `steps` cells drawn at random by equal expressions, and keep the smallest netlist found.

    The number of cells may rise by up to `slack` above the minimum; `uphill` is the percentage of draws at
    which one more cell is allowed. A second new cell is tried for `tries` pairs of signals. Of netlists of
    equal size the shallower one is kept. A walk ends after about `work` million words of signatures, a few
    milliseconds each; 0 for no limit. Further walks, `walks` in all, begin at the three best netlists in turn
    and have at most a thousand steps per cell; every second one has a slack of one more and twice the moves
    uphill. Netlists of more than ``whole`` words (cells times words), and those whose reference is a sample,
    are not changed.
    """

    steps: int = 100_000
    slack: int = 3
    uphill: int = 5
    tries: int = 4
    whole: int = 30_000
    work: int = 0
    walks: int = 1
    seed: int = 1
    name: ClassVar[str] = "anneal"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(
            self, steps=0, slack=0, whole=0, work=0, seed=0, tries=1, walks=1, uphill=(0, 100)
        )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        netlist = rebuild(netlist)
        small = netlist.n_cells * reference.inputs.shape[1] <= self.whole
        if not (reference.complete and small and netlist.n_cells and netlist.n_outputs):
            return netlist
        best = [netlist]
        for number in range(self.walks):
            made = self._walked(best[number % len(best)], best[0], reference, number)
            known = {format_netlist(each): each for each in (*best, made)}
            best = sorted(known.values(), key=_cost)[:_KEPT]
        return best[0]

    def _walked(
        self, start: Netlist, best_yet: Netlist, reference: Reference, number: int
    ) -> Netlist:
        """Return the smallest netlist of one walk; meanwhile the pass has that or the best of earlier ones."""
        words = reference.inputs.shape[1]
        slack, uphill = self.slack, self.uphill
        if number % 2:
            slack, uphill = slack + 1, min(100, 2 * uphill)
        first, n_nodes = start.first_cell, start.n_nodes + slack + _SPARE
        state = State(
            np.zeros((n_nodes, 3), dtype=np.int32),
            start.outputs.copy(),
            np.zeros(n_nodes, dtype=np.int32),
            np.zeros((n_nodes, words), dtype=np.uint64),
            reference.care,
            first,
        )
        state.fanins[first : start.n_nodes] = start.fanins
        state.values[1:first] = reference.inputs
        count_state_references(state)
        best = state.fanins.copy(), state.outputs.copy()
        most = self.work * 1_000_000 or np.iinfo(np.int64).max
        options = (slack, uphill, self.tries, most)
        work = new_errors(2 * n_nodes, words), new_scratch(2 * n_nodes, words)
        random, least = random_state(self.seed + number), np.zeros(2, dtype=np.int64)

        def so_far() -> Netlist:
            made = rebuild_from(start, best[0][first:], best[1])
            return made if number == 0 else min(best_yet, made, key=_cost)

        left, portion = self.steps, _PORTION
        if number:
            left = min(left, _STEPS_A_CELL * start.n_cells)
        while left and work[1].spent[0] < most:
            steps, begin = min(portion, left), time.monotonic()
            _walk(state, (steps, *options), work, best, least, random)
            left -= steps
            keep(so_far)
            portion = max(1, portion * 2 if time.monotonic() - begin < _SECONDS else portion // 2)
        return rebuild_from(start, best[0][first:], best[1])


def _cost(netlist: Netlist) -> tuple[int, int]:
    return size_order(netlist)[:2]


@numba.njit(cache=True, nogil=True)
def _walk(state: Any, options: Any, work: Any, best: Any, least: Any, random: Any) -> None:
    """Walk on; leave the smallest netlist met in best. Modifies the state.

    options: (steps, slack, uphill, tries, words until it ends); work: errors and scratch of
    `btfsynth.passes.triangles`; best: (fanins, outputs), as those of the state; least: int64 (2,), its cells
    and depth, zero at first; random: uint64 (1,). The steps do not depend on how many are made per call.
    """
    fanins, outputs = state.fanins, state.outputs
    values, first = state.values, state.first
    steps, slack, uphill, tries, most = options
    n_nodes, words = values.shape
    spent = work[1].spent
    order = np.zeros(n_nodes, dtype=np.int32)
    level = np.zeros(n_nodes, dtype=np.int32)
    stack = np.zeros(3 * n_nodes + 8, dtype=np.int32)
    divisors = np.zeros(n_nodes, dtype=np.int32)
    inside = np.zeros(n_nodes, dtype=np.uint8)
    depends = np.zeros(n_nodes, dtype=np.uint8)
    flipped = np.zeros((n_nodes, words), dtype=np.uint64)
    matters = np.zeros(words, dtype=np.uint64)
    count = order_cells(fanins[first:], outputs, first, order)
    for k in range(count):
        evaluate(fanins, order[k], values)
    if least[0] == 0:
        least[0], least[1] = count, _depth(state, order[:count], level)
    for _ in range(steps):
        if count == 0 or spent[0] >= most:
            break
        spent[0] += count * words
        at = next_below(random, count)
        node = order[at]
        seen = observability(state, node, order, (at + 1, count), (depends, flipped, matters))
        freed = release(state, node, stack)
        for k in range(1, freed + 1):
            inside[stack[k]] = 1
        retain(state, node, stack[freed + 1 :])
        choice = (0, 0, NONE, NONE, NONE, NONE)
        if seen:
            size = 0
            for k in range(first):
                divisors[size] = k
                size += 1
            for k in range(count):
                if not depends[order[k]]:
                    divisors[size] = order[k]
                    size += 1
            up = count < least[0] + slack and next_below(random, 100) < uphill
            search = (freed, up, tries)
            marks = (inside, stack)
            choice = _choose(state, node, divisors[:size], matters, search, marks, work, random)
        for k in range(1, freed + 1):
            inside[stack[k]] = 0
        if choice[1] == NONE:
            continue
        added = _place(state, node, choice, stack)
        if added != NONE:
            depends[added] = 1
        count = order_cells(fanins[first:], outputs, first, order)
        for k in range(count):
            if depends[order[k]]:  # nothing else has changed
                evaluate(fanins, order[k], values)
        if count <= least[0]:
            depth = _depth(state, order[:count], level)
            if count < least[0] or depth < least[1]:
                least[0], least[1] = count, depth
                best[0][:] = fanins
                best[1][:] = outputs


@numba.njit(cache=True, nogil=True)
def _depth(state: Any, order: Any, level: Any) -> Any:
    """Return the depth; order: the cells in use; level: int32 (nodes,), modified."""
    fanins = state.fanins
    level[: state.first] = 0
    deepest = 0
    for node in order:
        a, b, c = fanins[node, 0] >> 1, fanins[node, 1] >> 1, fanins[node, 2] >> 1
        level[node] = 1 + max(level[a], level[b], level[c])
        deepest = max(deepest, level[node])
    return deepest


@numba.njit(cache=True, nogil=True)
def _choose(
    state: Any,
    node: Any,
    divisors: Any,
    matters: Any,
    search: Any,
    marks: Any,
    work: Any,
    random: Any,
) -> Any:
    """Find a replacement of a cell as `btfsynth.passes.replacement.find_replacement` returns it.

    search: (cells that fall out of use with the cell, whether a cell more is wanted, tries); marks: (uint8
    (nodes,), 1 for these cells; int32, these cells from place 1 on, and scratch).
    """
    errors, scratch = work
    inside, stack = marks
    freed, up, tries = search
    whole = list_errors(state.values, divisors, state.values[node], matters, errors)
    scratch.spent[0] += 2 * divisors.size * matters.size
    counts, literals, n = errors.counts, errors.literals, errors.size[0]
    best = (NONE, NONE, NONE, NONE, NONE, NONE)
    for row in range(n):
        if counts[row] == 0:
            gain = 1 + freed
            if inside[literals[row] >> 1]:
                alone = (literals[row], NONE, NONE)
                gain = 1 + freed_with(state, node, alone, stack[freed + 1 :])
            if gain > best[0]:
                best = (gain, literals[row], NONE, NONE, NONE, NONE)
    if best[1] != NONE:
        return best
    if up and freed == 0:
        second = _two_cells(errors, whole, (0, tries), inside, scratch, random)
        if second[1] != NONE:
            return second
    best = _one_cell(state, node, (whole, freed), work, inside, stack, random)
    if freed >= 1 and freed - 1 >= best[0]:
        many = tries if freed == 1 else _GAIN_TRIES * tries
        second = _two_cells(errors, whole, (freed, many), inside, scratch, random)
        if second[0] > best[0] or (second[1] != NONE and next_below(random, 2) == 0):
            best = second
    return best


@numba.njit(cache=True, nogil=True)
def _one_cell(
    state: Any, node: Any, found: Any, work: Any, inside: Any, stack: Any, random: Any
) -> Any:
    """Choose a triangle other than the fan-in. found: (vectors that matter, cells that fall out of use)."""
    errors, scratch = work
    rows, counts, literals, size = errors
    near = scratch.near
    whole, freed = found
    n = size[0]
    best = (NONE, NONE, NONE, NONE, NONE, NONE)
    ties = 0
    own = state.fanins[node]
    start = next_below(random, max(n, 1))
    for step in range(n):
        i = start + step
        if i >= n:
            i -= n
        if 3 * counts[i] > whole:
            continue
        many = list_near(errors, i, whole, near)
        scratch.spent[0] += n
        for first in range(many):
            j = near[first]
            scratch.spent[0] += many
            for second in range(first + 1, many):
                k = near[second]
                if counts[i] + counts[j] + counts[k] > whole or literals[j] ^ literals[k] == 1:
                    continue
                if not disjoint(rows, j, k):
                    continue
                a, b, c = literals[i], literals[j], literals[k]
                gain = freed
                if inside[a >> 1] or inside[b >> 1] or inside[c >> 1]:
                    if freed <= best[0]:
                        continue
                    gain = freed_with(state, node, (a, b, c), stack[freed + 1 :])
                if gain < best[0] or _same(own, a, b, c):
                    continue
                ties = 1 if gain > best[0] else ties + 1
                if gain > best[0] or next_below(random, ties) == 0:
                    best = (gain, a, b, c, NONE, NONE)
                if ties == _TIES and gain == freed:
                    return best
    return best


@numba.njit(cache=True, nogil=True)
def _same(fanin: Any, a: Any, b: Any, c: Any) -> Any:
    """Return whether three literals are a fan-in, int32 (3,), up to order and complement of all."""
    for flip in range(2):
        found = 0
        for literal in (a ^ flip, b ^ flip, c ^ flip):
            if literal == fanin[0] or literal == fanin[1] or literal == fanin[2]:
                found += 1
        if found == 3:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _two_cells(
    errors: Any, whole: Any, options: Any, inside: Any, scratch: Any, random: Any
) -> Any:
    """Find a pair that a second new cell completes, using no cell that falls out of use. Modifies errors.

    options: (cells that fall out of use, pairs tried).
    """
    rows, counts, literals, size = errors
    freed, tries = options
    words = rows.shape[1]
    nothing = (NONE, NONE, NONE, NONE, NONE, NONE)
    if freed:  # the cells that fall out of use leave the game
        made = 0
        for row in range(size[0]):
            if not inside[literals[row] >> 1]:
                if made < row:
                    rows[made] = rows[row]
                    counts[made], literals[made] = counts[row], literals[row]
                made += 1
        size[0] = made
    n = size[0]
    if n < 3:
        return nothing
    start = next_below(random, n)
    tried = 0
    for step in range(n):
        i = start + step
        if i >= n:
            i -= n
        turn = next_below(random, n)
        mine = 0
        for number in range(n):
            j = turn + number
            if j >= n:
                j -= n
            if j == i or counts[i] + counts[j] > whole or literals[i] ^ literals[j] == 1:
                continue
            if not disjoint(rows, i, j):
                continue
            for word in range(words):
                scratch.share[0, word] = rows[i, word] | rows[j, word]
            c, d, e = complete(errors, scratch, random)
            if c != NONE:
                return (
                    freed - 1,
                    literals[i],
                    literals[j],
                    literals[c],
                    literals[d],
                    literals[e],
                )
            tried += 1
            mine += 1
            if tried >= tries:
                return nothing
            if mine >= 4:
                break
    return nothing


@numba.njit(cache=True, nogil=True)
def _place(state: Any, node: Any, choice: Any, stack: Any) -> Any:
    """Carry out a replacement. Modifies fanins, outputs and references.

    Returns the node that a second new cell took, or `NONE`.
    """
    fanins, references = state.fanins, state.references
    _, a, b, c, d, e = choice
    if b < 0:
        redirect(state, node, a, stack)
        return NONE
    for literal in (a, b, c, d, e):
        if literal >= 0:
            references[literal >> 1] += 1
    freed = release(state, node, stack)
    fanins[node, 0], fanins[node, 1], fanins[node, 2] = a, b, c
    if d < 0:
        return NONE
    cell = stack[1]
    if freed == 0:
        cell = state.first
        while references[cell] > 0:
            cell += 1
    fanins[cell, 0], fanins[cell, 1], fanins[cell, 2] = c, d, e
    fanins[node, 2] = 2 * cell
    references[cell] = 1
    return cell
