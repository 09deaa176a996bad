"""Resubstitution: express a cell by existing signals; and a local search that repeats it.

The care set of a cell contains the vectors on which flipping it changes an output that is not a don't-care. If
another signal (no new cell) or the majority of three others (one new cell, AND and OR included) agrees with the
cell on these, it replaces the cell, and cells read only by the old one are removed. Netlists too large for
signatures of the whole are processed in windows. Replacements of equal size are made at random, by a seed, to
leave local minima.

This walk is stuck if every way out needs more cells. Iterated local search (Lourenco, Martin & Stutzle)
writes some majorities, chosen at random, as ANDs and ORs, ``MAJ(a, b, c) = ab | c (a | b)``, with the roles of
the three chosen at random too. This adds cells, but also many divisors, with which resubstitution often reaches
another netlist, and at times a smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild_from
from btfsynth.netlist.kernels import (
    NONE,
    evaluate,
    majority_words,
    next_below,
    random_state,
    redirect,
    release,
)
from btfsynth.netlist.netlist import TRUE, Netlist, value_of
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import order_cells, size_order, topological_order
from btfsynth.passes.goal import best_so_far, keep, require_options
from btfsynth.passes.replacement import Search, State, find_replacement
from btfsynth.passes.windows import Timing, WindowedNetlist, depth_of, find_times

Array = NDArray[Any]

_WINDOW_DIVISORS = 60
_WORDS_AT_ONCE = 20_000
"""Words of signatures processed between two checks of the clock, about a hundredth of a second."""
_ROOM = 4
"""A walk may make the netlist deeper by its depth divided by this: less costs cells."""
_WINDOWS_FIRST = 200
"""Netlists of more cells are processed in windows before the whole, which takes longer."""


def _depth_bound(max_depth: int, depth: int) -> int:
    """Return the maximum depth of a walk over netlists of equal size from one of this depth."""
    return max(max_depth, depth) if max_depth else depth + -(-depth // _ROOM)


@dataclass(frozen=True)
class Resubstitution:
    """Replace cells by existing signals or by one or two new cells each.

    `k` new cells per replacement, 0 to 2. The pass ends after `patience` cells without a gain; with 0 it
    accepts only gains and makes no moves of equal size. At most `divisors` signals, the nearest, are tried per
    cell. A second new cell is tried for at most `tries` pairs of signals if the size would stay, 32 times as
    many if it would decrease. Up to `whole` words of signatures (cells times words) the netlist is treated as a
    whole; beyond, and if the reference is a sample, in windows of at most `leaves` leaves, 6 to 12.

    Of replacements that save the same number of cells, those that make no output later are preferred. Moves of
    equal size may increase the depth only slightly, in windows not at all; of the smallest netlists found, the
    shallowest is kept. With `max_depth` nothing exceeds both this depth and the present one.
    """

    k: int = 2
    patience: int = 20_000
    divisors: int = 200
    tries: int = 4
    whole: int = 100_000
    leaves: int = 8
    seed: int = 1
    max_depth: int = 0
    name: ClassVar[str] = "resub"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(
            self, k=(0, 2), max_depth=0, patience=0, whole=0, divisors=1, tries=1, leaves=(6, 12)
        )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        random = random_state(self.seed)
        whole = reference.complete and netlist.n_cells * reference.inputs.shape[1] <= self.whole
        if not whole:
            return self._go_through_windows(netlist, random, self.patience)
        if netlist.n_cells > _WINDOWS_FIRST:
            netlist = self._go_through_windows(netlist, random, 0)
        return self._walk(netlist, reference, random)

    def _walk(self, netlist: Netlist, reference: Reference, random: Array) -> Netlist:
        work = _Work(netlist, reference)
        options = (self.k, self.patience > 0, self.divisors, self.tries, self.max_depth > 0)
        best = work.netlist(netlist)
        cost = size_order(best)
        bound, idle = _depth_bound(self.max_depth, cost[1]), 0

        def so_far() -> Netlist:
            return best

        while True:
            keep(so_far)
            found, idle = work.walk(options, bound, (cost, idle, self.patience), random)
            if found < cost:
                if found[0] < cost[0]:
                    bound, idle = _depth_bound(self.max_depth, found[1]), 0
                best, cost = work.netlist(netlist), found
            if idle > self.patience:
                return best

    def _go_through_windows(self, netlist: Netlist, random: Array, patience: int) -> Netlist:
        fanins = np.zeros((netlist.n_nodes, 3), dtype=np.int32)
        fanins[netlist.first_cell :] = netlist.fanins
        outputs = netlist.outputs.copy()
        divisors = min(self.divisors, _WINDOW_DIVISORS)
        work = WindowedNetlist(fanins, outputs, netlist.first_cell, self.leaves, divisors)
        least = netlist.n_cells
        options = (self.k, patience > 0, self.tries, self.max_depth > 0)
        idle = 0

        def so_far() -> Netlist:
            return rebuild_from(netlist, fanins[netlist.first_cell :], outputs)

        while True:
            keep(so_far)
            saved = work.round(options, self.max_depth, random)
            # Rounds that save next to nothing are not worth their time where there are many cells.
            idle = 0 if saved > least // 1000 else idle + max(1, work.alive())
            if idle > patience:
                return so_far()


class Scratch(NamedTuple):
    """Work arrays of a walk; only ``users``, ``search`` and ``found`` must be zero at first."""

    order: Any  # int32 ``(nodes,)``, the cells in use, fan-in first
    position: Any  # int32 ``(nodes,)``, the place of each of them in ``order``
    queue: Any  # int32 ``(nodes,)``, the cells of a round
    stack: Any  # int32 ``(2 * nodes + 8,)``
    depends: Any  # uint8 ``(nodes,)``: it depends on the cell looked at
    flipped: Any  # uint64 ``(nodes, words)``, its signature where that cell is flipped
    matters: Any  # uint64 ``(words,)``, the vectors on which that cell matters
    users: Any  # see `list_state_users`
    search: Any  # see `nearest_divisors`
    found: Any  # errors, pairs and inside of `Search`


class _Work:
    """The netlist as arrays that a replacement changes in place. Node numbers never change."""

    def __init__(self, netlist: Netlist, reference: Reference) -> None:
        self.first = netlist.first_cell
        n_nodes = netlist.n_nodes
        self.state = State(
            np.zeros((n_nodes, 3), dtype=np.int32),
            netlist.outputs.copy(),
            np.zeros(n_nodes, dtype=np.int32),
            np.zeros((n_nodes, reference.inputs.shape[1]), dtype=np.uint64),
            reference.care,
            self.first,
        )
        self.state.fanins[self.first :] = netlist.fanins
        self.state.values[1 : self.first] = reference.inputs
        self.timing = Timing(np.zeros(n_nodes, dtype=np.int32), np.zeros(n_nodes, dtype=np.int32))

    def walk(
        self,
        options: tuple[int, bool, int, int, bool],
        bound: int,
        until: tuple[tuple[int, int, int], int, int],
        random: Array,
    ) -> tuple[tuple[int, int, int], int]:
        """Visit the cells repeatedly for a short time. options, until: see `_walk`."""
        rounds = max(1, _WORDS_AT_ONCE // self.state.values.size)
        return _walk(  # type: ignore[no-any-return]
            self.state, self.timing, bound, options, (*until, rounds), random
        )

    def netlist(self, like: Netlist) -> Netlist:
        return rebuild_from(like, self.state.fanins[self.first :], self.state.outputs)


@numba.njit(cache=True, nogil=True)
def walk_scratch(n_nodes: Any, words: Any, divisors: Any) -> Any:
    """Return the work arrays of a walk over this many nodes, with at most `divisors` signals per cell."""
    rows = 2 * min(divisors, n_nodes)
    return Scratch(
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros(2 * n_nodes + 8, dtype=np.int32),
        np.zeros(n_nodes, dtype=np.uint8),
        np.zeros((n_nodes, words), dtype=np.uint64),
        np.zeros(words, dtype=np.uint64),
        (np.zeros(n_nodes + 1, dtype=np.int32), np.zeros(3 * n_nodes, dtype=np.int32)),
        (
            np.zeros(n_nodes, dtype=np.uint8),
            np.zeros(n_nodes, dtype=np.int32),
            np.zeros(n_nodes, dtype=np.int32),
        ),
        (
            np.zeros((rows, words), dtype=np.uint64),
            np.zeros((rows, (rows + 63) >> 6), dtype=np.uint64),
            np.zeros(n_nodes, dtype=np.uint8),
        ),
    )


@numba.njit(cache=True, nogil=True)
def count_state_references(state: Any) -> None:
    """Count how often outputs and cells in use read each node. Modifies references."""
    fanins, outputs, references = state.fanins, state.outputs, state.references
    references[:] = 0
    for node in topological_order(fanins[state.first :], outputs, state.first):
        for place in range(3):
            references[fanins[node, place] >> 1] += 1
    for output in outputs:
        references[output >> 1] += 1


@numba.njit(cache=True, nogil=True)
def flip_cell(state: Any, node: Any, order: Any, after: Any, scratch: Any) -> None:
    """Find which cells depend on a cell, and their signatures where it is flipped. Modifies scratch.

    order, after, scratch: see `observability`; the vectors on which the cell matters stay as they are.
    """
    fanins, values = state.fanins, state.values
    depends, flipped, _ = scratch
    depends[:] = 0
    depends[node] = 1
    for word in range(values.shape[1]):
        flipped[node, word] = ~values[node, word]
    for k in range(after[0], after[1]):
        cell = order[k]
        a, b, c = fanins[cell, 0], fanins[cell, 1], fanins[cell, 2]
        on_a, on_b, on_c = depends[a >> 1], depends[b >> 1], depends[c >> 1]
        if not (on_a or on_b or on_c):
            continue
        depends[cell] = 1
        rows_a = flipped if on_a else values
        rows_b = flipped if on_b else values
        rows_c = flipped if on_c else values
        majority_words((a, b, c), rows_a, rows_b, rows_c, cell, flipped)


@numba.njit(cache=True, nogil=True)
def observability(state: Any, node: Any, order: Any, after: Any, scratch: Any) -> Any:
    """Find on which vectors a cell matters and which cells depend on it.

    order: int32, the cells in use; after: (position of the node + 1, their number); scratch: (depends
    uint8 (nodes,), flipped uint64 (nodes, words), matters uint64 (words,)), modified. Returns whether the
    cell matters anywhere.
    """
    outputs, values, care = state.outputs, state.values, state.care
    depends, flipped, matters = scratch
    matters[:] = 0
    words = values.shape[1]
    flip_cell(state, node, order, after, scratch)
    for number in range(outputs.shape[0]):
        driver = outputs[number] >> 1
        if depends[driver]:
            for word in range(words):
                matters[word] |= (flipped[driver, word] ^ values[driver, word]) & care[number, word]
    for word in range(words):
        if matters[word]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def list_state_users(fanins: Any, order: Any, start: Any, users: Any) -> None:
    """List the users of every node: ``users[start[node] : start[node + 1]]``. Modifies start and users.

    order: the cells in use; start: int32 (nodes + 1,); users: int32, three a cell.
    """
    start[:] = 0
    for node in order:
        for place in range(3):
            start[fanins[node, place] >> 1] += 1
    total = 0
    for node in range(fanins.shape[0]):
        total += start[node]
        start[node] = total
    start[-1] = total
    for k in range(order.shape[0] - 1, -1, -1):
        for place in range(2, -1, -1):
            source = fanins[order[k], place] >> 1
            start[source] -= 1
            users[start[source]] = order[k]


@numba.njit(cache=True, nogil=True)
def nearest_divisors(
    state: Any,
    node: Any,
    limit: Any,
    depends: Any,
    order: Any,
    users: Any,
    scratch: Any,
) -> Any:
    """Choose the divisors of a cell: signals in use that do not depend on it.

    order: the cells in use; users: from `list_state_users`, looked at only if there are more signals than the
    limit; scratch: (seen uint8 (nodes,) all zero and left so, queue int32 (nodes,), chosen int32 (nodes,)).
    All signals if they are few enough, else the constant, then by breadth-first search over fan-in and
    fan-out from the cell. Returns int32 node numbers, a part of chosen.
    """
    fanins, first = state.fanins, state.first
    start, listed = users
    seen, queue, chosen = scratch
    if first + order.shape[0] <= limit + 1:
        size = 0
        for candidate in range(first):
            chosen[size] = candidate
            size += 1
        for cell in order:
            if not depends[cell]:
                chosen[size] = cell
                size += 1
        return chosen[:size]
    chosen[0] = 0
    queue[0] = node
    seen[node] = 1
    seen[0] = 1
    head, tail, size = 0, 1, 1
    while head < tail and size < limit:
        current = queue[head]
        head += 1
        if current != node and not depends[current]:
            chosen[size] = current
            size += 1
        if current >= first:
            for place in range(3):
                child = fanins[current, place] >> 1
                if not seen[child]:
                    seen[child] = 1
                    queue[tail] = child
                    tail += 1
        # Signals that very many cells use are near to everything and say little.
        if start[current + 1] - start[current] <= limit:
            for k in range(start[current], start[current + 1]):
                if not seen[listed[k]]:
                    seen[listed[k]] = 1
                    queue[tail] = listed[k]
                    tail += 1
    seen[0] = 0
    for k in range(tail):
        seen[queue[k]] = 0
    return chosen[:size]


@numba.njit(cache=True, nogil=True)
def replace_cell(state: Any, node: Any, choice: Any, stack: Any) -> Any:
    """Carry out a replacement found by `find_replacement`. Modifies fanins, outputs and references.

    Returns the node that a second new cell took, or `NONE`.
    """
    fanins, references = state.fanins, state.references
    _, a, b, c, d, e = choice
    if b >= 0:
        for literal in (a, b, c, d, e):
            if literal >= 0:
                references[literal >> 1] += 1
        release(state, node, stack)
        fanins[node, 0], fanins[node, 1], fanins[node, 2] = a, b, c
        if d < 0:
            return NONE
        cell = stack[1]
        fanins[cell, 0], fanins[cell, 1], fanins[cell, 2] = c, d, e
        fanins[node, 2] = 2 * cell
        references[cell] = 1
        return cell
    redirect(state, node, a, stack)
    return NONE


@numba.njit(cache=True, nogil=True)
def _walk(state: Any, timing: Any, bound: Any, options: Any, until: Any, random: Any) -> Any:
    """Try all cells repeatedly, until the netlist is better or patience ends.

    Modifies state and timing. bound: the depth that replacements of equal size may lead to; options: (k, walk,
    most divisors, most pairs tried, whether no others may lead deeper either); until: (cells, depth and sum of
    the levels to get below, in this order; cells tried in vain so far; patience; most rounds). Returns what the
    netlist has of the first three, and the new number of cells tried in vain.
    """
    n_nodes, words = state.values.shape
    best, idle, patience, rounds = until
    scratch = walk_scratch(n_nodes, words, options[2])
    count_state_references(state)
    found = best
    for _ in range(rounds):
        _round(state, timing, bound, options, scratch, random)
        found = state_cost(state, timing.level)
        idle += max(1, found[0])
        if found < best or idle > patience:
            break
    return found, idle


@numba.njit(cache=True, nogil=True)
def state_cost(state: Any, level: Any) -> Any:
    """Return the cells in use, the depth and the sum of the levels."""
    references = state.references
    cells, total = 0, 0
    for node in range(state.first, references.shape[0]):
        if references[node] != 0:
            cells += 1
            total += level[node]
    return cells, np.int64(depth_of(level, state.outputs)), total


@numba.njit(cache=True, nogil=True)
def _round(state: Any, timing: Any, bound: Any, options: Any, scratch: Any, random: Any) -> None:
    """Try every cell once, in random order if walking. Modifies state and timing; options: see `_walk`."""
    fanins, outputs, references = state.fanins, state.outputs, state.references
    values, first = state.values, state.first
    k, walk, limit, tries, strict = options
    level, latest = timing
    order, position, queue, stack, depends, flipped, matters, users, search, found = scratch
    count = order_cells(fanins[first:], outputs, first, order)
    for i in range(count):
        position[order[i]] = i
        evaluate(fanins, order[i], values)
        queue[i] = order[i]
    find_times(fanins, outputs, order[:count], bound, timing)
    tried = count
    if walk:
        for i in range(tried - 1, 0, -1):
            j = next_below(random, i + 1)
            queue[i], queue[j] = queue[j], queue[i]
    listed = False
    for node in queue[:tried]:
        if references[node] == 0:
            continue
        if not listed and first + count > limit + 1:
            list_state_users(fanins, order[:count], users[0], users[1])
            listed = True
        looked = (depends, flipped, matters)
        observability(state, node, order, (position[node] + 1, count), looked)
        divisors = nearest_divisors(state, node, limit, depends, order[:count], users, search)
        allowed = max(level[node], latest[node])
        work = Search(divisors, matters, stack, found[0], found[1], found[2], level, allowed)
        choice = find_replacement(state, node, (k, walk, tries, strict), work, random)
        if choice[0] >= 0:
            added = replace_cell(state, node, choice, stack)
            if added != NONE:
                depends[added] = 1
            count = order_cells(fanins[first:], outputs, first, order)
            listed = False
            for i in range(count):
                position[order[i]] = i
                if depends[order[i]]:  # nothing else has changed
                    evaluate(fanins, order[i], values)
            find_times(fanins, outputs, order[:count], bound, timing)


_CELLS_TRIED = 40


@dataclass(frozen=True)
class Perturbation:
    """Expand majorities at random and resubstitute, repeatedly; continue from a result that is not larger.

    Each of the `rounds` expands `share` percent of the majorities and resubstitutes with a `patience` of up to
    40 per cell (see `Resubstitution`). Of the smallest netlists found, the shallowest is kept. The search does
    not continue from one that is much deeper, or deeper than a given `max_depth`. No round begins after about
    `work` million words of signatures, counting all nodes for every cell tried; 0 for no limit. Netlists of
    more than `max_cells`, and those whose reference is a sample, are not changed.
    """

    rounds: int = 100
    share: int = 20
    patience: int = 2_000
    max_cells: int = 100
    work: int = 0
    seed: int = 1
    max_depth: int = 0
    name: ClassVar[str] = "perturb"
    structural: ClassVar[bool] = False
    formerly: ClassVar[Mapping[str, str]] = {"most": "max_cells"}

    def __post_init__(self) -> None:
        require_options(
            self, rounds=0, patience=0, max_cells=0, work=0, seed=0, max_depth=0, share=(1, 100)
        )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        if not reference.complete or netlist.n_cells > self.max_cells:
            return netlist
        random = np.random.Generator(np.random.PCG64(self.seed))
        present, best = netlist, size_order(netlist)
        bound = _depth_bound(self.max_depth, best[1])

        def so_far() -> Netlist:
            return netlist

        words, spent = reference.inputs.shape[1], 0
        for number in range(self.rounds):
            if self.work and spent >= self.work * 1_000_000:
                break
            keep(so_far)
            patience = min(self.patience, _CELLS_TRIED * present.n_cells)
            spent += (1 + patience) * present.n_nodes * words
            step = Resubstitution(
                patience=patience, seed=self.seed + number, max_depth=self.max_depth
            )
            with best_so_far():
                result = step.apply(_expanded(present, self.share / 100, random), reference)
            found = size_order(result)
            if found[0] < best[0] and not (self.max_depth and found[1] > bound):
                bound = _depth_bound(self.max_depth, found[1])
            if found[1] > bound:
                continue
            if found[0] <= present.n_cells:
                present = result
            if found < best:
                netlist, best = result, found
        return netlist


def _expanded(netlist: Netlist, share: float, random: np.random.Generator) -> Netlist:
    builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
    literals = list(range(0, 2 * netlist.first_cell, 2))
    for fanin in netlist.fanins.tolist():
        random.shuffle(fanin)
        a, b, c = (value_of(literals, lit) for lit in fanin)
        if min(fanin) > TRUE and random.random() < share:
            both, either = builder.and_(a, b), builder.or_(a, b)
            literals.append(builder.or_(both, builder.and_(c, either)))
        else:
            literals.append(builder.maj(a, b, c))
    return builder.build([value_of(literals, lit) for lit in netlist.outputs.tolist()])
