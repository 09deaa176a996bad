"""Topological order of gates that may come in any order, without recursion."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "topological_order",
]


def topological_order(reads: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Sort gates so that each comes after those it reads; a depth-first search.

    Parameters
    ----------
    reads
        For every gate the gates it reads.

    Returns
    -------
    order : list of int
        All gates in order; only a part of them if there is a loop.
    loop : list of int
        The gates of a combinational loop, each read by the one before it; empty if there is none.
    """
    order: list[int] = []
    state = bytearray(len(reads))  # 0 new, 1 on the path, 2 done
    for root in range(len(reads)):
        stack = [] if state[root] else [root]
        while stack:
            gate = stack[-1]
            if state[gate] == 0:
                state[gate] = 1
                for read in reads[gate]:
                    if state[read] == 1:
                        path = [entry for entry in stack if state[entry] == 1]
                        return order, path[path.index(read) :]
                    if state[read] == 0:
                        stack.append(read)
            else:
                stack.pop()
                if state[gate] == 1:
                    state[gate] = 2
                    order.append(gate)
    return order, []
