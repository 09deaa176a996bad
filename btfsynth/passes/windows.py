"""Resubstitution in windows, for netlists too large for whole-netlist signatures.

The window of a cell: a cut of few leaves below it, found by expanding the leaf that adds fewest others
(reconvergence keeps it small); the cone between; other signals that depend only on leaves and cone; and the
cells above it that need no other signals, which may block its observation. All vectors of the leaves are
simulated, so a replacement that is correct there is correct everywhere, without a proof of the whole netlist.
No divisor depends on the cell, so no cycle can arise.

Time and memory are linear in the cells: nothing is ordered or simulated outside the window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.kernels import NONE, evaluate, majority_words, release, variable_word
from btfsynth.netlist.views import topological_order
from btfsynth.passes.replacement import Search, State, find_replacement

Array = NDArray[Any]

_MAX_ABOVE = 24
_MAX_USERS = 32
_MAX_CONE = 60
_NO_CARE = np.zeros((1, 1), dtype=np.uint64)
"""Windows have no outputs to care for."""


class _Links(NamedTuple):
    """The users of every node, a linked list of slots each.

    Slot ``3 cell + place`` is a fan-in, ``3 nodes + k`` output k.
    """

    head: Any  # int32 ``(nodes,)``, the first slot of each node, `NONE` if nothing uses it
    following: Any  # int32 ``(slots,)``, the next slot of the same node
    former: Any  # int32 ``(slots,)``, the one before


class _Marks(NamedTuple):
    """Data of the present window: a node is marked if it has the window's stamp."""

    in_window: Any  # int32 ``(nodes,)``: leaf or cell of the cone
    stamp: Any  # number of the window, its root
    done: Any  # int32 ``(nodes,)``: its signature is that of the window
    above: Any
    """int32 ``(nodes,)``: marks dependents of the root; their values for a flipped root are in ``flipped``."""


class _Rows(NamedTuple):
    """The fan-in, and uint64 ``(nodes, words)`` signatures over the leaves, plain and with the root flipped."""

    fanins: Any
    values: Any
    flipped: Any


class WindowedNetlist:
    """A netlist as arrays that replacements change in place, with the users of every node linked.

    `fanins`, int32 (nodes, 3), and `outputs`, int32, are literals and are changed by `round`; the rows before
    cell `first` are ignored, and a cell without users is dead. A window has at most `leaves` (6 to 12) and
    `divisors` signals.
    """

    def __init__(
        self, fanins: Array, outputs: Array, first: int, leaves: int, divisors: int
    ) -> None:
        nodes = len(fanins)
        self.fanins, self.outputs, self.first = fanins, outputs, first
        self.leaves, self.divisors = leaves, divisors
        self.references = np.zeros(nodes, dtype=np.int32)
        self._links = _Links(
            np.full(nodes, NONE, dtype=np.int32),
            np.full(3 * nodes + len(outputs), NONE, dtype=np.int32),
            np.full(3 * nodes + len(outputs), NONE, dtype=np.int32),
        )
        words = 1 << (leaves - 6)
        self._values = np.zeros((2, nodes, words), dtype=np.uint64)
        self.timing = Timing(np.zeros(nodes, dtype=np.int32), np.zeros(nodes, dtype=np.int32))
        _link_all(fanins, outputs, self.references, self._links, first)

    def round(self, options: tuple[int, bool, int, bool], bound: int, random: Array) -> int:
        """Try every cell once and return the cells saved.

        options: (k, walk, tries, strict), see `find_replacement`; bound: the depth allowed, 0 for the present.
        """
        state = State(
            self.fanins, self.outputs, self.references, self._values[0], _NO_CARE, self.first
        )
        sizes = (self.leaves, self.divisors)
        before = self.alive()
        order = topological_order(self.fanins[self.first :], self.outputs, self.first)
        find_times(self.fanins, self.outputs, order, bound, self.timing)
        _round(state, self.timing, self._values[1], self._links, options, sizes, random)
        return before - self.alive()

    def alive(self) -> int:
        return int(np.count_nonzero(self.references[self.first :]))


@numba.njit(cache=True, nogil=True)
def _link(links: Any, node: Any, slot: Any) -> None:
    """Insert a slot at the head of the list of a node's users. Modifies links."""
    head, following, former = links.head, links.following, links.former
    following[slot] = head[node]
    former[slot] = NONE
    if head[node] != NONE:
        former[head[node]] = slot
    head[node] = slot


@numba.njit(cache=True, nogil=True)
def _unlink(links: Any, node: Any, slot: Any) -> None:
    """Take a slot out of the list of a node's users. Modifies links."""
    head, following, former = links.head, links.following, links.former
    if former[slot] == NONE:
        head[node] = following[slot]
    else:
        following[former[slot]] = following[slot]
    if following[slot] != NONE:
        former[following[slot]] = former[slot]


@numba.njit(cache=True, nogil=True)
def _link_all(fanins: Any, outputs: Any, references: Any, links: Any, first: Any) -> None:
    """Count and link the users of every node but dead cells. Modifies references, zero at first, and links."""
    nodes = fanins.shape[0]
    for k in range(outputs.shape[0]):
        references[outputs[k] >> 1] += 1
        _link(links, outputs[k] >> 1, 3 * nodes + k)
    stack = np.empty(nodes + 1, dtype=np.int32)
    seen = np.zeros(nodes, dtype=np.uint8)
    top = 0
    for k in range(outputs.shape[0]):
        root = outputs[k] >> 1
        if root >= first and not seen[root]:
            seen[root] = 1
            stack[top] = root
            top += 1
        while top > 0:
            top -= 1
            cell = stack[top]
            for place in range(3):
                child = fanins[cell, place] >> 1
                references[child] += 1
                _link(links, child, 3 * cell + place)
                if child >= first and not seen[child]:
                    seen[child] = 1
                    stack[top] = child
                    top += 1


@numba.njit(cache=True, nogil=True)
def _cut(fanins: Any, root: Any, first: Any, most: Any, marks: Any, found: Any) -> Any:
    """Find a cut of at most this many leaves below a cell.

    found: int32 (leaves,), modified. Marks leaves and cone, the root too. Returns the number of leaves.
    """
    in_window, stamp = marks.in_window, marks.stamp
    in_window[root] = stamp
    in_window[0] = stamp
    count = 0
    for place in range(3):
        child = fanins[root, place] >> 1
        if in_window[child] != stamp:
            in_window[child] = stamp
            found[count] = child
            count += 1
    for _ in range(_MAX_CONE):
        cheapest, least = -1, most - count + 2
        for k in range(count):
            leaf = found[k]
            if leaf < first:
                continue
            fresh = 0
            for place in range(3):
                child = fanins[leaf, place] >> 1
                if in_window[child] != stamp:
                    fresh += 1
            if fresh < least:
                cheapest, least = k, fresh
        if cheapest < 0:
            break
        leaf = found[cheapest]
        count -= 1
        found[cheapest] = found[count]
        for place in range(3):
            child = fanins[leaf, place] >> 1
            if in_window[child] != stamp:
                in_window[child] = stamp
                found[count] = child
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _evaluate(rows: Any, cell: Any, above: Any, stamp: Any) -> None:
    """Compute a cell's signature, from the flipped rows of fan-in that is marked in ``above``.

    Modifies values[cell], or flipped[cell] if the cell itself is marked.
    """
    fanins, values, flipped = rows
    a, b, c = fanins[cell, 0], fanins[cell, 1], fanins[cell, 2]
    target = flipped if above[cell] == stamp else values
    rows_a = flipped if above[a >> 1] == stamp else values
    rows_b = flipped if above[b >> 1] == stamp else values
    rows_c = flipped if above[c >> 1] == stamp else values
    majority_words((a, b, c), rows_a, rows_b, rows_c, cell, target)


@numba.njit(cache=True, nogil=True)
def _simulate_cone(rows: Any, root: Any, leaves: Any, marks: Any, order: Any, stack: Any) -> Any:
    """Simulate the cone of a cell on all vectors of its leaves.

    Modifies values, done and order (the cone's cells, the root last); returns how many these are.
    """
    fanins, values = rows.fanins, rows.values
    stamp, done = marks.stamp, marks.done
    for k in range(leaves.shape[0]):
        leaf = leaves[k]
        done[leaf] = stamp
        for word in range(values.shape[1]):
            values[leaf, word] = variable_word(k, word)
    done[0] = stamp
    values[0, :] = 0
    count, top = 0, 0
    stack[0] = root
    while top >= 0:
        cell = stack[top]
        if done[cell] == stamp:
            top -= 1
            continue
        ready = True
        for place in range(3):
            child = fanins[cell, place] >> 1
            if done[child] != stamp:
                top += 1
                stack[top] = child
                ready = False
        if ready:
            _evaluate(rows, cell, marks.above, stamp)
            done[cell] = stamp
            order[count] = cell
            count += 1
            top -= 1
    return count


@numba.njit(cache=True, nogil=True)
def _beside(rows: Any, links: Any, first: Any, marks: Any, divisors: Any, count: Any) -> Any:
    """Add signals beside the cone: cells whose fan-in is in the window.

    divisors: int32, the first ``count`` are filled; changed, as are values. Returns the new count.
    """
    fanins, head, following = rows.fanins, links.head, links.following
    stamp, done, above = marks.stamp, marks.done, marks.above
    last_slot = 3 * fanins.shape[0]
    k = 0
    while k < count < divisors.shape[0]:
        slot = head[divisors[k]]
        users = 0
        while slot != NONE and users < _MAX_USERS and count < divisors.shape[0]:
            user = slot // 3
            if slot < last_slot and done[user] != stamp and above[user] != stamp:
                inside = True
                for place in range(3):
                    child = fanins[user, place] >> 1
                    if done[child] != stamp or above[child] == stamp:
                        inside = False
                if inside:
                    _evaluate(rows, user, above, stamp)
                    done[user] = stamp
                    divisors[count] = user
                    count += 1
            users += 1
            slot = following[slot]
        k += 1
    return count


@numba.njit(cache=True, nogil=True)
def _seen_above(rows: Any, links: Any, root: Any, marks: Any, matters: Any, queue: Any) -> None:
    """Find the care set of the root through cells above it that read only the window.

    Modifies matters, flipped, above and done.
    """
    fanins, values, flipped = rows
    stamp, done, above = marks.stamp, marks.done, marks.above
    head, following = links.head, links.following
    words = values.shape[1]
    last_slot = 3 * fanins.shape[0]
    for word in range(words):
        flipped[root, word] = ~values[root, word]
        matters[word] = 0
    above[root] = stamp
    queue[0] = root
    count, k = 1, 0
    while k < count:
        # Added in an order in which fan-in comes first, as a cell is added when its last fan-in is known.
        slot = head[queue[k]]
        users = 0
        while slot != NONE and users < _MAX_USERS and count < _MAX_ABOVE:
            user = slot // 3
            users += 1
            if slot < last_slot and above[user] != stamp:
                inside = True
                for place in range(3):
                    child = fanins[user, place] >> 1
                    if done[child] != stamp and above[child] != stamp:
                        inside = False
                if inside:
                    # Plain values need the plain root; both rows are filled.
                    evaluate(fanins, user, values)
                    above[user] = stamp
                    _evaluate(rows, user, above, stamp)
                    queue[count] = user
                    count += 1
            slot = following[slot]
        k += 1
    for k in range(count):
        node = queue[k]
        seen = False
        slot = head[node]
        while slot != NONE and not seen:
            if slot >= last_slot or above[slot // 3] != stamp:
                seen = True
            slot = following[slot]
        if seen:
            for word in range(words):
                matters[word] |= flipped[node, word] ^ values[node, word]


@numba.njit(cache=True, nogil=True)
def _set_fanin(fanins: Any, links: Any, cell: Any, literals: Any) -> None:
    """Give a cell whose slots are not linked its fan-in. Modifies fanins and links."""
    for place in range(3):
        fanins[cell, place] = literals[place]
        _link(links, literals[place] >> 1, 3 * cell + place)


@numba.njit(cache=True, nogil=True)
def _replace(
    state: Any, timing: Any, links: Any, node: Any, choice: Any, stack: Any, queued: Any
) -> None:
    """Carry out a replacement found by `find_replacement`.

    Modifies fanins, outputs, references, links and timing. queued: uint8 (nodes,), all zero and left so.
    """
    fanins, outputs, references = state.fanins, state.outputs, state.references
    head, following = links.head, links.following
    first, latest = state.first, timing.latest
    _, a, b, c, d, e = choice
    for literal in (a, b, c, d, e):
        if literal >= 0:
            references[literal >> 1] += 1
    freed = release(state, node, stack)
    stack[0] = node
    for k in range(freed + 1):
        for place in range(3):
            _unlink(links, fanins[stack[k], place] >> 1, 3 * stack[k] + place)
    queue = stack[: fanins.shape[0]]
    if b >= 0:
        if d >= 0:
            cell = stack[1]
            references[cell] = 1
            latest[cell] = NEVER
            _set_fanin(fanins, links, cell, (c, d, e))
            c = 2 * cell
            _set_fanin(fanins, links, node, (a, b, c))
            settle_levels(fanins, links, cell, timing, queue, queued)
        else:
            _set_fanin(fanins, links, node, (a, b, c))
        settle_levels(fanins, links, node, timing, queue, queued)
        tighten(fanins, first, node, timing, stack)
        return
    outputs_from = 3 * fanins.shape[0]
    signal = a >> 1
    slot = head[node]
    last = NONE
    while slot != NONE:
        after = following[slot]
        if slot >= outputs_from:
            outputs[slot - outputs_from] = a ^ (outputs[slot - outputs_from] & 1)
        else:
            fanins[slot // 3, slot % 3] = a ^ (fanins[slot // 3, slot % 3] & 1)
        _link(links, signal, slot)
        references[signal] += 1
        last = slot if last == NONE else last
        slot = after
    head[node] = NONE
    references[node] = 0
    references[signal] -= 1
    # The slots moved are the first of the signal now, up to the one that was moved first.
    slot = head[signal]
    while last != NONE:
        if slot < outputs_from:
            settle_levels(fanins, links, slot // 3, timing, queue, queued)
        last = NONE if slot == last else last
        slot = following[slot]
    if latest[signal] > latest[node]:
        latest[signal] = latest[node]
        if signal >= first:
            tighten(fanins, first, signal, timing, stack)


@numba.njit(cache=True, nogil=True)
def _round(
    state: Any, timing: Any, flipped: Any, links: Any, options: Any, sizes: Any, random: Any
) -> None:
    """Try every cell once. Modifies the state, timing, flipped and the links.

    flipped: uint64 (nodes, words), scratch; options: as for `find_replacement`; sizes: (most leaves, most
    divisors).
    """
    fanins, references, values, first = state.fanins, state.references, state.values, state.first
    level, latest = timing
    most_leaves, most_divisors = sizes
    nodes, words = values.shape
    in_window = np.zeros(nodes, dtype=np.int32)
    done = np.zeros(nodes, dtype=np.int32)
    above = np.zeros(nodes, dtype=np.int32)
    leaves = np.zeros(most_leaves + 3, dtype=np.int32)
    order = np.zeros(nodes, dtype=np.int32)
    stack = np.zeros(3 * nodes + 8, dtype=np.int32)
    divisors = np.zeros(most_divisors, dtype=np.int32)
    matters = np.zeros(words, dtype=np.uint64)
    queued = np.zeros(nodes, dtype=np.uint8)
    rows = 2 * most_divisors
    scratch = (
        np.zeros((rows, words), dtype=np.uint64),
        np.zeros((rows, (rows + 63) >> 6), dtype=np.uint64),
        np.zeros(nodes, dtype=np.uint8),
    )
    rows_of = _Rows(fanins, values, flipped)
    for root in range(first, nodes):
        if references[root] == 0:
            continue
        marks = _Marks(in_window, root, done, above)
        found = _cut(fanins, root, first, most_leaves, marks, leaves)
        count = _simulate_cone(rows_of, root, leaves[:found], marks, order, stack)
        done[root] = 0
        divisors[0] = 0
        size = 1
        for k in range(found):
            if size < most_divisors:
                divisors[size] = leaves[k]
                size += 1
        for k in range(count - 2, -1, -1):
            if size < most_divisors:
                divisors[size] = order[k]
                size += 1
        above[root] = root
        size = _beside(rows_of, links, first, marks, divisors, size)
        _seen_above(rows_of, links, root, marks, matters, order)
        limit = max(level[root], latest[root])
        work = Search(
            divisors[:size], matters, stack, scratch[0], scratch[1], scratch[2], level, limit
        )
        choice = find_replacement(state, root, options, work, random)
        if choice[0] >= 0:
            _replace(state, timing, links, root, choice, stack, queued)


# Levels and required times of a netlist that changes in place.
#
# The level of a node is the number of cells on the longest path to it. Its required time, *latest* for short,
# is the highest level at which no output is deeper than a bound: the bound less the longest path from the node
# to an output. A change that leaves every node at its latest level or below leaves the bound in force.
#
# `find_times` looks at the whole netlist. `settle_levels` and `tighten` follow one change through those nodes
# only that it moves, so that they cost little in large netlists; what they leave is never below the exact level
# nor above the exact required time.

NEVER = 1 << 30
"""The required time of cells that drive no output."""


class Timing(NamedTuple):
    level: Any  # int32 ``(nodes,)``, 0 for constant and inputs
    latest: Any  # int32 ``(nodes,)``, required times


@numba.njit(cache=True, nogil=True)
def depth_of(level: Any, outputs: Any) -> Any:
    """Return the level of the deepest output."""
    deepest = 0
    for output in outputs:
        deepest = max(deepest, level[output >> 1])
    return deepest


@numba.njit(cache=True, nogil=True)
def find_times(fanins: Any, outputs: Any, order: Any, bound: Any, timing: Any) -> None:
    """Find levels and required times. Modifies both.

    fanins: int32 (nodes, 3), a row a node; order: int32, the cells in use, fan-in first; bound: the depth
    allowed, at least the present one; 0 for the present one.
    """
    level, latest = timing
    for node in order:
        a, b, c = fanins[node, 0] >> 1, fanins[node, 1] >> 1, fanins[node, 2] >> 1
        level[node] = 1 + max(level[a], level[b], level[c])
    bound = max(bound, depth_of(level, outputs))
    latest[:] = NEVER
    for output in outputs:
        latest[output >> 1] = bound
    for k in range(order.shape[0] - 1, -1, -1):
        node = order[k]
        before = latest[node] - 1
        for place in range(3):
            source = fanins[node, place] >> 1
            latest[source] = min(latest[source], before)


@numba.njit(cache=True, nogil=True)
def settle_levels(fanins: Any, links: Any, node: Any, timing: Any, queue: Any, queued: Any) -> None:
    """Bring the levels of a changed cell and of all above it up to date. Modifies levels.

    links: the users of every node, as in `btfsynth.passes.windows`; queue: int32 (nodes,), queued: uint8
    (nodes,), all zero and left so.
    """
    level, head, following = timing.level, links.head, links.following
    slots, places = 3 * fanins.shape[0], queue.shape[0]
    queue[0] = node
    queued[node] = 1
    begin, waiting = 0, 1
    while waiting:
        cell = queue[begin]
        begin = begin + 1 if begin + 1 < places else 0
        waiting -= 1
        queued[cell] = 0
        a, b, c = fanins[cell, 0] >> 1, fanins[cell, 1] >> 1, fanins[cell, 2] >> 1
        now = 1 + max(level[a], level[b], level[c])
        if now == level[cell]:
            continue
        level[cell] = now
        slot = head[cell]
        while slot != NONE:
            user = slot // 3
            if slot < slots and not queued[user]:
                end = begin + waiting
                queue[end if end < places else end - places] = user
                queued[user] = 1
                waiting += 1
            slot = following[slot]


@numba.njit(cache=True, nogil=True)
def tighten(fanins: Any, first: Any, node: Any, timing: Any, stack: Any) -> None:
    """Propagate the required time of a changed cell to its new fan-in. Modifies latest.

    The old fan-in keeps its required time, which may be too early but never too late. stack: int32, scratch,
    three places a node.
    """
    latest = timing.latest
    stack[0] = node
    top = 0
    while top >= 0:
        cell = stack[top]
        top -= 1
        before = latest[cell] - 1
        for place in range(3):
            source = fanins[cell, place] >> 1
            if latest[source] > before:
                latest[source] = before
                if source >= first:
                    top += 1
                    stack[top] = source
