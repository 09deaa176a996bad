"""One step shared by threads, block by block."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from btfsynth.train.kernel import GIVEN_UP, Problem, State, make_scratch, run_share

__all__ = ["Team", "useful_threads"]

_EDGE_PATTERNS_A_THREAD = 10_000
"""Below so much work a step, to wait for each other costs the threads more than they save."""


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
        arrived = np.zeros(1, dtype=np.int64)

        def share(member: int) -> int:
            team = (member, self.threads, arrived)
            scratch = make_scratch(problem)
            ran = run_share(
                problem, state, scratch, team, numbers, steps, check, best, best_weights, history
            )
            return int(ran)

        others: list[Future[int]] = []
        try:
            others.extend(self._pool.submit(share, member) for member in range(1, self.threads))
            return share(0)
        except BaseException:
            arrived[0] = GIVEN_UP  # nobody waits for a thread that will not come
            raise
        finally:
            for other in others:
                other.result()
