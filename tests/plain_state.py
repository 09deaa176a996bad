"""The state in plain order: what the layout of the kernel means."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.training.kernel import Problem, State
from btfsynth.training.vector import LANES

__all__ = ["PlainState", "plain_state"]


class PlainState(NamedTuple):
    """Copies by pattern.

    ``w``, ``x`` (patterns, edges), ``y`` (patterns, nodes), ``metric`` and ``gap``, the squared gap,
    (patterns, neurons).
    """

    w: NDArray[Any]
    x: NDArray[Any]
    y: NDArray[Any]
    metric: NDArray[Any]
    gap: NDArray[Any]


def plain_state(problem: Problem, state: State) -> PlainState:
    """Return the state's arrays indexed by pattern, padding left out."""

    def rows(values: NDArray[Any]) -> NDArray[Any]:
        shaped = values.reshape(problem.blocks * problem.groups, -1, LANES).transpose(0, 2, 1)
        return shaped.reshape(-1, shaped.shape[2])[: problem.patterns]

    def edges(values: NDArray[Any]) -> NDArray[Any]:
        blocks, groups, n_edges = problem.blocks, problem.groups, len(problem.sources)
        plain = np.empty((blocks * groups * LANES, n_edges), dtype=values.dtype)
        for block in range(blocks):
            lanes = slice(block * groups * LANES, (block + 1) * groups * LANES)
            for begin, end in zip(problem.fanin_start[:-1], problem.fanin_start[1:], strict=True):
                at = (block * n_edges + begin) * groups * LANES
                run = values[at : at + (end - begin) * groups * LANES]
                shaped = run.reshape(groups, end - begin, LANES).transpose(0, 2, 1)
                plain[lanes, begin:end] = shaped.reshape(-1, end - begin)
        return plain[: problem.patterns]

    return PlainState(
        edges(state.w), edges(state.x), rows(state.y), rows(state.metric), rows(state.gap)
    )
