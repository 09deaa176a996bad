"""Cut a netlist into register stages: even in depth, with few registers.

A cell is given a time, the number of registers between any input and it. Cells of one time form a stage
of limited depth; the value of a node that is read later is kept in a chain of registers. Which of the
times that its place allows a cell gets is found by moving single cells as long as that saves registers
(retiming as in Leiserson & Saxe 1991, by descent instead of by a flow).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import heights, levels, list_users

_SWEEPS = 20


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Times of the nodes of a netlist."""

    latency: int
    """Number of stages; each ends in registers, those of the last are the outputs themselves."""
    time: NDArray[np.int32]
    """``(nodes,)`` int32; registers between any input and the node, 0 for the constant and the inputs, below
    the latency for cells."""
    delays: NDArray[np.int32]
    """``(nodes,)`` int32; registers in the chain behind the node: register k holds its value k clocks later.
    The output registers are not among them: the output bit of node n reads n at ``latency - 1``, which is
    register ``latency - 1 - time[n]`` of its chain."""
    stage_depth: int  # cells in a row in the deepest stage

    @property
    def n_registers(self) -> int:
        """Number of registers in the chains; the outputs have one per bit besides."""
        return int(self.delays.sum())

    def delay(self, node: int, time: int) -> int:
        """Return the number of registers between a node and its reader at a time; 0 for the constant."""
        return 0 if node == 0 else time - int(self.time[node])


def stages_for_depth(netlist: Netlist, depth: int) -> int:
    """Return the minimum number of stages, at least 1, with at most `depth` cells in a row in each."""
    return max(1, -(-int(levels(netlist).max()) // depth))


def make_pipeline(netlist: Netlist, stages: int) -> Pipeline:
    """Cut a netlist into at least one stage, as even in depth as its own depth allows.

    More stages than the netlist is deep give stages without cells, which shift.
    """
    early = levels(netlist)
    # A cell that drives no output has its place too, after those it reads.
    every_cell = 2 * np.arange(netlist.first_cell, netlist.n_nodes, dtype=np.int32)
    height = heights(netlist.fanins, every_cell, netlist.first_cell)
    stage_depth = max(1, -(-int(early.max()) // stages))
    late = (stages * stage_depth - height).astype(np.int32)
    late[: netlist.first_cell] = 0
    start, users = list_users(netlist.fanins, netlist.first_cell)
    drives = np.zeros(netlist.n_nodes, dtype=np.bool_)
    drives[netlist.outputs >> 1] = True
    best: tuple[int, NDArray[np.int32], NDArray[np.int32]] | None = None
    for first in (early, late):
        level = first.copy()
        _spread(
            netlist.fanins, netlist.first_cell, start, users, drives,
            level, late, stage_depth, stages,
        )  # fmt: skip
        time = np.where(level > 0, (level - 1) // stage_depth, 0).astype(np.int32)
        delays = _delays(netlist.fanins, netlist.first_cell, drives, time, stages)
        count = int(delays.sum())
        if best is None or count < best[0]:
            best = (count, time, delays)
    assert best is not None
    return Pipeline(stages, best[1], best[2], stage_depth)


@numba.njit(cache=True, nogil=True)
def _delays(fanins: Any, first_cell: Any, drives: Any, time: Any, stages: Any) -> Any:
    delays = np.zeros(time.shape[0], dtype=np.int32)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            source = fanins[cell, place] >> 1
            if source:
                gap = time[first_cell + cell] - time[source]
                delays[source] = max(delays[source], gap)
    for node in range(1, time.shape[0]):
        if drives[node]:
            delays[node] = max(delays[node], stages - 1 - time[node])
    return delays


@numba.njit(cache=True, nogil=True)
def _chain(
    node: Any, time: Any, level: Any, depth: Any, stages: Any, start: Any, users: Any, drives: Any
) -> Any:
    longest = stages - 1 - time if drives[node] else 0
    for place in range(start[node], start[node + 1]):
        longest = max(longest, (level[users[place]] - 1) // depth - time)
    return longest


@numba.njit(cache=True, nogil=True)
def _spread(
    fanins: Any, first_cell: Any, start: Any, users: Any, drives: Any,
    level: Any, late: Any, depth: Any, stages: Any,
) -> None:  # fmt: skip
    """Move single cells to other levels as long as that saves registers. Changes level."""
    sources = np.zeros(3, dtype=np.int64)
    for _ in range(_SWEEPS):
        moved = False
        for turn in range(2 * fanins.shape[0]):
            # down the netlist and up again
            cell = turn if turn < fanins.shape[0] else 2 * fanins.shape[0] - 1 - turn
            node = first_cell + cell
            lowest, highest = 1, late[node]
            n_sources = 0
            for place in range(3):
                source = fanins[cell, place] >> 1
                if source:
                    sources[n_sources] = source
                    n_sources += 1
                    lowest = max(lowest, level[source] + 1)
            for place in range(start[node], start[node + 1]):
                highest = min(highest, level[users[place]] - 1)
            now = level[node]
            here = (now - 1) // depth
            best_cost, best_level = -1, now
            for time in range((lowest - 1) // depth, (highest - 1) // depth + 1):
                level[node] = now if time == here else min(highest, max(lowest, time * depth + 1))
                cost = _chain(node, time, level, depth, stages, start, users, drives)
                for place in range(n_sources):
                    source = sources[place]
                    own = (level[source] - 1) // depth if level[source] > 0 else 0
                    cost += _chain(source, own, level, depth, stages, start, users, drives)
                if best_cost < 0 or cost < best_cost or (cost == best_cost and time == here):
                    best_cost, best_level = cost, level[node]
            if (best_level - 1) // depth != here:
                moved = True
            level[node] = best_level
        if not moved:
            return
