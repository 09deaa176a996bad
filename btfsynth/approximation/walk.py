"""A walk within bounds: random replacements of cells that keep the error within the bounds.

Every cell is tried in random order. The vectors on which it must keep its value are known exactly (see
`btfsynth.approximation.tolerance`), and a signal or a new cell that agrees with it on these can replace it.
Replacements of equal size are also accepted, so that the walk leaves local minima. If an average is bounded,
these steps never increase the error on any vector; the budget is spent in separate steps, on the replacement
that saves the most cells for its cost.

`walk_once` is one walk as the task of a worker. Up to `MAX_EXHAUSTIVE_INPUTS` inputs a walk uses every input
vector, so its result keeps the bounds. With more inputs it uses a sample, and its result is measured on every
vector or checked by a solver. If it misses a bound, vectors with too large an error are added to the sample, or
the budget of an average is reduced, and the walk is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.tolerance import (
    AVERAGES,
    Limits,
    flip_costs,
    limits_of,
    outside,
    present_errors,
    spent,
)
from btfsynth.errors import ToolTimeoutError
from btfsynth.netlist.builder import NetlistBuilder
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
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    exhaustive_words,
    output_words,
    pack_bits,
    unpack_bits,
    valid_words,
)
from btfsynth.netlist.text import format_netlist, parse_netlist
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
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.passes.windows import Timing, find_times
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import (
    MAX_MEASURED_INPUTS,
    Errors,
    Reading,
    beyond,
    measure,
    worst_case,
)
from btfsynth.workers.executor import Common

_ROOM = 4
"""A walk may increase the depth of the netlist by its depth divided by this."""
_TRIED_CELLS, _TRIED_SIGNALS = 48, 40
"""Numbers of cells, and of signals per cell, that are compared before a part of a budget is spent."""
_ROUNDING = 1e-9
"""Share of a budget reserved for rounding, because the final measurement is in whole numbers."""
_LEAST_SHARE = 1e-6
"""Minimum cost of a step, so that cheaper steps are ordered by the cells they save."""


class _Room(NamedTuple):
    """Work arrays; the last three are empty if no average is bounded."""

    at: Any  # uint64 ``(2, words)``
    off: Any  # float64 ``(ports, vectors)``, see `present_errors`
    costs: Any  # float64 ``(vectors, AVERAGES)``, see `flip_costs`
    dearer: Any  # uint64 ``(words,)``


@dataclass(frozen=True)
class Walk:
    """A walk that ends after `patience` consecutive cells were tried in vain."""

    patience: int = 20_000
    k: int = 1
    divisors: int = 120
    tries: int = 2
    seed: int = 1
    sees_all: ClassVar[bool] = False

    def reseeded(self, number: int) -> Walk:
        return replace(self, seed=self.seed + number)

    def run(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
        keep: Callable[[Callable[[], Netlist]], None] = lambda make: None,
    ) -> Netlist:
        """Return the smallest netlist found, the shallowest one of equal size.

        inputs: ``(input bits, words)`` uint64 signatures of the vectors in use; valid: ``(words,)``, ones for
        them. The netlist must be within the limits on them. `keep` is called between rounds with a function
        that returns the best netlist so far.
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
        while cost[0] and idle <= self._walk.patience:
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
    """Try every cell once, in random order. Modifies state, timing and scratch.

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
    """Add up the cost of a signal in place of a cell. Modifies total; returns whether it is within the limits.

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
    """Return the largest share of a remaining budget that a step takes; above 1 it is too expensive."""
    worst = 0.0
    for metric in range(total.shape[0]):
        if budget[metric] == np.inf or total[metric] <= 0:
            continue
        left = budget[metric] * (1 - _ROUNDING) - spent_so_far[metric]
        worst = max(worst, np.inf if left <= 0 else total[metric] / left)
    return worst


@numba.njit(cache=True, nogil=True)
def _spend(walked: Any, scratch: Any, random: Any, within: Any) -> Any:
    """Among random cells, replace the one that saves the most cells for its share of the remaining budget.

    Modifies the state; returns whether a cell was replaced. walked, within: see `_round`.
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


# The task of a worker

_WORDS_AT_ONCE = 1 << 10
_SAMPLE_WORDS = 128
_SEED = 1
_ROUNDS = 24
"""Maximum walks on a sample; then the start is kept."""
_ADDED = 256
"""Maximum vectors added to a sample after a walk."""
_PROOF_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Problem(Common):
    """Data shared by all walks of a search."""

    exact: str  # the exact netlist as text
    reading: Reading
    weights: NDArray[np.int64] | None

    def netlist(self) -> Netlist:
        return _parsed(self.exact)


@dataclass(frozen=True, eq=False)
class Walked:
    netlist: str  # as text
    errors: Errors


@lru_cache(maxsize=4)
def _parsed(text: str) -> Netlist:
    return parse_netlist(text)


class AnyWalk(Protocol):
    """Goes from a netlist within limits to a smaller one; `sees_all` if it goes through all vectors itself."""

    sees_all: ClassVar[bool]

    def run(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
    ) -> Netlist: ...

    def reseeded(self, number: int) -> AnyWalk: ...


def get_ready(averages: bool, walk: AnyWalk) -> None:
    """Compile the kernels of a walk, on a circuit of one cell."""
    builder = NetlistBuilder("ready", (Port("a", 2),), (Port("y", 1),))
    text = format_netlist(builder.build([builder.and_(builder.input(0), builder.input(1))]))
    problem = Problem(text, Reading(((0, 1, False),)), None)
    metrics = AVERAGES if averages else (Metric.WCE,)
    walk_once(problem, text, dict.fromkeys(metrics, Fraction(0)), walk)


def walk_once(
    problem: Problem, start: str, most: Mapping[Metric, Fraction], walk: AnyWalk
) -> Walked | None:
    """Walk from a netlist within the bounds; None if a walk on a sample found none."""
    exact, netlist = problem.netlist(), parse_netlist(start)
    at_once = MAX_MEASURED_INPUTS if walk.sees_all else MAX_EXHAUSTIVE_INPUTS
    if exact.n_inputs <= at_once:
        words, vectors = exhaustive_words(exact.n_inputs), 1 << exact.n_inputs
        found = _walk(problem, netlist, words, vectors, most, walk)
        return Walked(
            format_netlist(found), measure(exact, found, problem.reading, problem.weights)
        )
    return _on_sample(problem, netlist, most, walk)


def _walk(
    problem: Problem,
    netlist: Netlist,
    words: NDArray[np.uint64],
    vectors: int,
    most: Mapping[Metric, Fraction],
    walk: AnyWalk,
) -> Netlist:
    weights = problem.weights
    if weights is None:
        weights = np.ones(vectors, dtype=np.int64)
    elif vectors != len(weights):
        weights = weights[_numbers(words, vectors)]
    blocks = []
    for first in range(0, words.shape[1], _WORDS_AT_ONCE):
        block = words[:, first : first + _WORDS_AT_ONCE]
        counted = weights[64 * first : 64 * first + 64 * block.shape[1]]
        values = problem.reading.values(output_words(problem.netlist(), block), len(counted))
        blocks.append(limits_of(problem.reading, values, counted, most))
    limits = blocks[0]
    if len(blocks) > 1:  # only for walks that look at low and high alone
        low, high = ([getattr(each, name) for each in blocks] for name in ("low", "high"))
        limits = limits._replace(low=np.hstack(low), high=np.hstack(high))
    return walk.run(netlist, words, valid_words(vectors), limits)


def _numbers(words: NDArray[np.uint64], vectors: int) -> NDArray[np.int64]:
    """Return ``(vectors,)`` int64, the numbers of input vectors, input 0 least significant."""
    bits = unpack_bits(words, vectors).astype(np.int64)
    worth = np.int64(1) << np.arange(bits.shape[1], dtype=np.int64)
    return np.asarray(bits @ worth, dtype=np.int64)


def _on_sample(
    problem: Problem, start: Netlist, most: Mapping[Metric, Fraction], walk: AnyWalk
) -> Walked | None:
    exact = problem.netlist()
    sample = random_vectors(exact.n_inputs, _SAMPLE_WORDS, _SEED)
    listed = unpack_bits(sample, 64 * _SAMPLE_WORDS)
    asked = dict(most)
    for number in range(_ROUNDS):
        words = pack_bits(listed)
        tried = walk.reseeded(number)
        found = _walk(problem, start, words, len(listed), asked, tried)
        errors = measure(exact, found, problem.reading, problem.weights)
        missed = [metric for metric in most if errors.value(metric) > most[metric]]
        if not missed and not errors.exhaustive and Metric.WCE in most:
            bound = int(most[Metric.WCE])
            try:
                vector = beyond(exact, found, problem.reading, bound, _PROOF_SECONDS)
            except ToolTimeoutError:
                return None
            if vector is not None:
                listed = np.concatenate([listed, vector[None, :]])
                continue
            errors = replace(errors, wce=_proven_wce(problem, found, bound))
        if not missed:
            return Walked(format_netlist(found), errors)
        for metric in missed:
            if metric in AVERAGES:
                asked[metric] *= most[metric] / errors.value(metric) * Fraction(95, 100)
        worst = _above(problem, found, most)
        listed = np.concatenate([listed, worst])
    return None


def _proven_wce(problem: Problem, found: Netlist, bound: int) -> int:
    """Return the largest absolute error, or the bound that is proven if the solver takes too long."""
    try:
        return worst_case(problem.netlist(), found, problem.reading, _PROOF_SECONDS, bound)
    except ToolTimeoutError:
        return bound


def _above(problem: Problem, found: Netlist, most: Mapping[Metric, Fraction]) -> NDArray[np.uint8]:
    """Return up to `_ADDED` input vectors with errors above a worst-case bound, spread over all of them."""
    exact, reading = problem.netlist(), problem.reading
    if exact.n_inputs > MAX_MEASURED_INPUTS:
        words = random_vectors(exact.n_inputs, 1 << 14, _SEED)
    else:
        words = exhaustive_words(exact.n_inputs)
    kept: list[NDArray[np.uint8]] = []
    for start in range(0, words.shape[1], 1 << 10):
        block = words[:, start : start + (1 << 10)]
        count = 64 * block.shape[1]
        wanted = reading.values(output_words(exact, block), count)
        off = np.abs(reading.values(output_words(found, block), count) - wanted)
        above = np.zeros(count, dtype=np.bool_)
        if Metric.WCE in most:
            above |= (off > int(most[Metric.WCE])).any(axis=0)
        if Metric.WCRE in most:
            ratio = off / np.maximum(1, np.abs(wanted))
            above |= (ratio > float(most[Metric.WCRE])).any(axis=0)
        if above.any():
            kept.append(unpack_bits(block, count)[above])
    if not kept:
        return np.zeros((0, exact.n_inputs), dtype=np.uint8)
    every = np.concatenate(kept)
    return every[np.linspace(0, len(every) - 1, min(len(every), _ADDED)).astype(np.int64)]
