"""A walk within bounds: cells replaced at random by what keeps the error within them.

Every cell is tried in turn, in random order: where it must keep its value is known exactly (see
`btfsynth.approximation.tolerance`), and a signal or a new cell that agrees with it there stands in for it.
Replacements of equal size are taken too, so that the walk leaves local minima. With the bound of an average
every such step keeps or lowers the error on every vector; the budget itself is spent in steps of their own,
on the replacement that saves most cells for its cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.tolerance import (
    AVERAGES,
    Limits,
    flip_costs,
    outside,
    present_errors,
    spent,
)
from btfsynth.netlist.hashing import rebuild_from
from btfsynth.netlist.kernels import (
    NONE,
    evaluate,
    freed_with,
    next_below,
    random_state,
    redirect,
)
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import order_cells, size_order
from btfsynth.passes.replacement import Search, State, find_replacement
from btfsynth.passes.resubstitution import (
    count_state_references,
    flip_cell,
    list_state_users,
    nearest_divisors,
    replace_cell,
    state_cost,
    walk_scratch,
)
from btfsynth.passes.windows import Timing, find_times

_ROOM = 4
"""A walk may make the netlist deeper by its depth divided by this."""
_TRIED_CELLS, _TRIED_SIGNALS = 48, 40
"""Cells and signals near each that are looked at before a part of a budget is spent."""
_ROUNDING = 1e-9
"""Part of a budget left for rounding: what counts is measured in whole numbers in the end."""
_LEAST_SHARE = 1e-6
"""Steps that cost less count as this much, so that they are ordered by the cells they save."""


class _Room(NamedTuple):
    """Arrays for the work, made once; the last three are empty where no average has a bound."""

    at: Any  # uint64 ``(2, words)``
    off: Any  # float64 ``(ports, vectors)``, see `present_errors`
    costs: Any  # float64 ``(vectors, AVERAGES)``, see `flip_costs`
    dearer: Any  # uint64 ``(words,)``


@dataclass(frozen=True)
class Walk:
    """How long to walk: until `patience` cells in turn were tried in vain."""

    patience: int = 20_000
    k: int = 1
    divisors: int = 120
    tries: int = 2
    seed: int = 1

    def run(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
        keep: Callable[[Callable[[], Netlist]], None] = lambda make: None,
    ) -> Netlist:
        """Return the smallest netlist met, and of these the shallowest.

        inputs: ``(input bits, words)`` uint64 signatures of the vectors that count; valid: ``(words,)``, ones
        for them. The netlist has to be within the limits on them. `keep` is called between rounds with a
        function that returns the best so far.
        """
        return _Work(netlist, inputs, valid, limits, self).run(keep)


class _Work:
    """A netlist as arrays that change in place."""

    def __init__(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
        walk: Walk,
    ) -> None:
        first, n_nodes, words = netlist.first_cell, netlist.n_nodes, inputs.shape[1]
        self._like, self._walk, self._limits, self._valid = netlist, walk, limits, valid
        self._state = State(
            np.zeros((n_nodes, 3), dtype=np.int32),
            netlist.outputs.copy(),
            np.zeros(n_nodes, dtype=np.int32),
            np.zeros((n_nodes, words), dtype=np.uint64),
            np.zeros((0, words), dtype=np.uint64),
            first,
        )
        self._state.fanins[first:] = netlist.fanins
        self._state.values[1:first] = inputs
        self._timing = Timing(np.zeros(n_nodes, dtype=np.int32), np.zeros(n_nodes, dtype=np.int32))
        self._scratch = walk_scratch(n_nodes, words, walk.divisors)
        self._averages = bool(np.isfinite(limits.budget).any())
        vectors = limits.exact.shape[1] if self._averages else 0
        self._room = _Room(
            np.zeros((2, words), dtype=np.uint64),
            np.zeros((len(limits.exact), vectors)),
            np.zeros((vectors, len(AVERAGES))),
            np.zeros(words, dtype=np.uint64),
        )
        self._random = random_state(walk.seed)
        count_state_references(self._state)

    def _netlist(self) -> Netlist:
        return rebuild_from(
            self._like, self._state.fanins[self._like.first_cell :], self._state.outputs
        )

    def run(self, keep: Callable[[Callable[[], Netlist]], None]) -> Netlist:
        best, cost = self._like, size_order(self._like)
        bound, idle = self._bound(cost[1]), 0
        options = (self._walk.k, True, self._walk.divisors, self._walk.tries, False)
        within = (self._limits, self._valid, self._room, self._averages)
        state = self._state
        while idle <= self._walk.patience:
            walked = (state, self._timing, bound)
            bought = self._averages and _spend(walked, self._scratch, self._random, within)
            _round(walked, options, self._scratch, self._random, within)
            found = state_cost(state, self._timing.level)
            idle += 0 if bought else max(1, found[0])
            if found < cost:
                if found[0] < cost[0]:
                    bound, idle = self._bound(found[1]), 0
                best, cost = self._netlist(), found
            keep(lambda: best)  # noqa: B023 - asked for at once
        return best

    @staticmethod
    def _bound(depth: int) -> int:
        return int(depth + -(-depth // _ROOM))


@numba.njit(cache=True, nogil=True)
def _settle(walked: Any, scratch: Any, renewed: Any) -> Any:
    """Update order, positions, signatures and times after a replacement; return the number of cells in use.

    walked: (state, timing, bound); renewed: whether all cells are computed, or those that `depends` names.
    """
    state, timing, bound = walked
    fanins, outputs, first = state.fanins, state.outputs, state.first
    order, position, depends = scratch.order, scratch.position, scratch.depends
    count = order_cells(fanins[first:], outputs, first, order)
    for i in range(count):
        position[order[i]] = i
        if renewed or depends[order[i]]:
            evaluate(fanins, order[i], state.values)
    find_times(fanins, outputs, order[:count], bound, timing)
    return count


@numba.njit(cache=True, nogil=True)
def _round(walked: Any, options: Any, scratch: Any, random: Any, within: Any) -> None:
    """Try every cell once, in random order. Changes state, timing and scratch.

    walked: (state, timing, bound); options: (k, walk, most divisors, most pairs tried, strict), see
    `find_replacement`; within: (limits, valid, room, whether an average has a bound).
    """
    state, timing, _ = walked
    limits, valid, room, averages = within
    k, walk, most, tries, strict = options
    order, _, queue, stack, depends, flipped, matters, users, search, found = scratch
    count = _settle(walked, scratch, True)
    tried = count
    for i in range(count):
        queue[i] = order[i]
    for i in range(tried - 1, 0, -1):
        j = next_below(random, i + 1)
        queue[i], queue[j] = queue[j], queue[i]
    if averages:
        present_errors(state, limits, room.off)
    listed = False
    for node in queue[:tried]:
        if state.references[node] == 0:
            continue
        if not listed and state.first + count > most + 1:
            list_state_users(state.fanins, order[:count], users[0], users[1])
            listed = True
        flips = (depends, flipped, matters)
        flip_cell(state, node, order, (scratch.position[node] + 1, count), flips)
        outside(state, limits, valid, flips, room.at)
        if averages:
            flip_costs(state, limits, flips, room.off, room.costs, room.dearer)
            for word in range(matters.shape[0]):
                matters[word] |= room.dearer[word]
        near = nearest_divisors(state, node, most, depends, order[:count], users, search)
        allowed = max(timing.level[node], timing.latest[node])
        work = Search(near, matters, stack, found[0], found[1], found[2], timing.level, allowed)
        choice = find_replacement(state, node, (k, walk, tries, strict), work, random)
        if choice[0] >= 0:
            added = replace_cell(state, node, choice, stack)
            if added != NONE:
                depends[added] = 1
            count = _settle(walked, scratch, False)
            listed = False
            if averages:
                present_errors(state, limits, room.off)


@numba.njit(cache=True, nogil=True)
def _difference_cost(rows: Any, wrong: Any, costs: Any, total: Any) -> Any:
    """Add up what a signal in place of a cell costs. Changes total; returns whether it stays within the limits.

    rows: (signature of the signal, phase, signature of the cell); wrong: uint64 (words,), where the cell must
    keep its value.
    """
    signal, phase, cell = rows
    total[:] = 0.0
    for word in range(signal.shape[0]):
        if (signal[word] ^ phase ^ cell[word]) & wrong[word]:
            return False
    for word in range(signal.shape[0]):
        left = signal[word] ^ phase ^ cell[word]
        if left == 0:
            continue
        for place in range(min(64, costs.shape[0] - 64 * word)):
            if (left >> np.uint64(place)) & np.uint64(1):
                for metric in range(total.shape[0]):
                    total[metric] += costs[64 * word + place, metric]
    return True


@numba.njit(cache=True, nogil=True)
def _share(total: Any, budget: Any, spent_so_far: Any) -> Any:
    """Return the largest part of what is left of a budget that a step takes; above 1 it is too much."""
    worst = 0.0
    for metric in range(total.shape[0]):
        if budget[metric] == np.inf or total[metric] <= 0:
            continue
        left = budget[metric] * (1 - _ROUNDING) - spent_so_far[metric]
        worst = max(worst, np.inf if left <= 0 else total[metric] / left)
    return worst


@numba.njit(cache=True, nogil=True)
def _spend(walked: Any, scratch: Any, random: Any, within: Any) -> Any:
    """Replace the cell, of some chosen at random, that saves most for its share of what is left of the budget.

    Changes the state; returns whether there was one. walked, within: see `_round`.
    """
    state = walked[0]
    limits, valid, room, _ = within
    order, position, _, stack, depends, flipped, matters, users, search, _ = scratch
    count = _settle(walked, scratch, True)
    if count == 0:
        return False
    list_state_users(state.fanins, order[:count], users[0], users[1])
    present_errors(state, limits, room.off)
    total, so_far = np.zeros(limits.budget.shape[0]), np.zeros(limits.budget.shape[0])
    spent(limits, room.off, so_far)
    best, best_node, best_literal = 0.0, NONE, NONE
    ones = ~np.uint64(0)
    for _ in range(min(count, _TRIED_CELLS)):
        node = order[next_below(random, count)]
        flips = (depends, flipped, matters)
        flip_cell(state, node, order, (position[node] + 1, count), flips)
        outside(state, limits, valid, flips, room.at)
        flip_costs(state, limits, flips, room.off, room.costs, room.dearer)
        near = nearest_divisors(state, node, _TRIED_SIGNALS, depends, order[:count], users, search)
        for divisor in near:
            for phase in range(2):
                rows = (state.values[divisor], ones if phase else np.uint64(0), state.values[node])
                if not _difference_cost(rows, matters, room.costs, total):
                    continue
                share = _share(total, limits.budget, so_far)
                if share > 1.0:
                    continue
                literal = 2 * divisor + phase
                saved = 1 + freed_with(state, node, (literal, NONE, NONE), stack)
                worth = saved / max(share, _LEAST_SHARE)
                if worth > best:
                    best, best_node, best_literal = worth, node, literal
    if best_node == NONE:
        return False
    redirect(state, best_node, best_literal, stack)
    return True
