"""One step shared by threads, block by block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from btfsynth.train.kernel import Problem, State, advance_blocks, finish_step
from btfsynth.train.vector import LANES

__all__ = ["Team", "useful_threads"]

_EDGE_PATTERNS_A_THREAD = 200_000
"""Below so much work a step, handing it to a thread costs more than it saves."""


def useful_threads(problem: Problem, wanted: int) -> int:
    """Return how many threads pay for a problem: not more than its blocks or its size allow."""
    work = len(problem.sources) * problem.patterns
    return max(1, min(wanted, problem.blocks, work // _EDGE_PATTERNS_A_THREAD))


class Team:
    """Threads that advance blocks side by side; the result is that of `run_steps`, bit for bit.

    Parameters
    ----------
    threads
        How many, the caller's included.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="blocks")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def run_steps(
        self,
        problem: Problem,
        state: State,
        numbers: tuple[float, float, float, float],
        steps: int,
        check: int,
        best: Any,
        best_weights: Any,
        history: Any,
    ) -> int:
        """Run steps as `btfsynth.train.kernel.run_steps` does."""
        beta, gamma, limit2, mean = numbers
        bounds = [problem.blocks * share // self.threads for share in range(self.threads + 1)]
        scratch = np.empty(len(problem.fan_class) * LANES, dtype=state.w.dtype)
        for step in range(steps):
            now = (beta, gamma, mean)
            shares = [
                self._pool.submit(advance_blocks, problem, state, first, last, now)
                for first, last in pairwise(bounds[1:])
            ]
            advance_blocks(problem, state, bounds[0], bounds[1], now)
            for share in shares:
                share.result()
            test = 1 if check > 0 and (step + 1) % check == 0 else 0
            mean, stop = finish_step(
                problem, state, (gamma, limit2, test), best, best_weights, scratch
            )
            history[step] = mean
            if stop:
                return step + 1
        return steps
