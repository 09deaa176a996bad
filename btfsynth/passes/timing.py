"""Levels and required times of a netlist that changes in place.

The level of a node is the number of cells on the longest path to it. Its required time, *latest* for short, is
the highest level at which no output is deeper than a bound: the bound less the longest path from the node to
an output. A change that leaves every node at its latest level or below leaves the bound in force.

`find_times` looks at the whole netlist. `settle_levels` and `tighten` follow one change through those nodes
only that it moves, so that they cost little in large netlists; what they leave is never below the exact level
nor above the exact required time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba

from btfsynth.netlist.kernels import NONE

NEVER = 1 << 30
"""The required time of what drives no output."""


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
    """Find levels and required times. Changes both.

    fanins: int32 (nodes, 3), a row a node; order: int32, the cells in use, fan-in first; bound: the depth
    allowed, 0 for the present one, which is the least that is taken.
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
    """Bring the levels of a changed cell and of all above it up to date. Changes levels.

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
    """Hand the required time of a changed cell down to what it reads now. Changes latest.

    What it read before keeps its own, which may be too early and is never too late. stack: int32, scratch,
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
