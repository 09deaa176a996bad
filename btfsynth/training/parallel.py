"""One training shared by threads, or by processes that MPI joins; the result is bit-identical for any number.

All that the blocks of patterns share in an iteration is the consensus weights W and the mean gap. Threads meet
after their last block, and each forms W for a run of neurons (`btfsynth.training.kernel.run_share`).

A process has, after its last block, one sum per edge for each of its blocks. The processes exchange these so
that each forms W for a run of neurons, adding up the blocks in their order, and then send W to all. The sums
of some blocks travel while the next ones are computed. Every sum is formed from the same numbers in the same
order as in one process.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import MissingToolError, UsageError
from btfsynth.plugins import install_command
from btfsynth.training.kernel import (
    BEST_ITERATION,
    BEST_MEAN,
    GIVEN_UP,
    MOST_RIGHT,
    STOP_AT,
    STOPPED,
    Problem,
    State,
    Tally,
    advance_blocks,
    count_right,
    join_neurons,
    make_scratch,
    mean_gap,
    run_share,
)


@dataclass(frozen=True)
class Share:
    """The consecutive blocks of one of several processes; process 0 of 1 has all blocks."""

    rank: int = 0
    ranks: int = 1

    def bounds(self, total: int) -> list[int]:
        """Return where the runs of all processes begin, and the end of the last."""
        return [total * rank // self.ranks for rank in range(self.ranks + 1)]

    def blocks(self, total: int) -> tuple[int, int]:
        """Return the first block of this process and the end."""
        bounds = self.bounds(total)
        return bounds[self.rank], bounds[self.rank + 1]


_EDGE_PATTERNS_A_THREAD = 10_000
"""Below so much work a step, to wait for each other costs the threads more than they save."""


def useful_threads(problem: Problem, wanted: int) -> int:
    """Return the number of threads that a problem can use, by its blocks and its size."""
    work = len(problem.sources) * problem.patterns
    return max(1, min(wanted, problem.blocks, work // _EDGE_PATTERNS_A_THREAD))


class Team:
    """Threads, the caller's included, that advance blocks side by side; bit-identical to `run_steps`."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="blocks")

    def close(self) -> None:
        self._pool.shutdown()

    def run_steps(
        self,
        problem: Problem,
        state: State,
        numbers: tuple[float, float, float, float],
        steps: int,
        check: int,
        tally: Tally,
    ) -> int:
        arrived = np.zeros(1, dtype=np.int64)

        def share(member: int) -> int:
            team = (member, self.threads, arrived)
            scratch = make_scratch(problem)
            return int(run_share(problem, state, scratch, team, numbers, (steps, check), tally))

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


_ROUNDS = 4
"""Exchanges per step: more would overlap more communication with work, but each has an overhead."""


def find_ranks() -> Ranks:
    """Join the processes that ``mpirun`` started; one that was started without it is alone."""
    try:
        from mpi4py import MPI
    except ImportError:
        raise MissingToolError(
            "mpi4py is not installed, or finds no MPI library; apt-get install libopenmpi-dev "
            f"openmpi-bin and {install_command('mpi4py')}"
        ) from None
    except RuntimeError as error:
        raise MissingToolError(f"MPI cannot be used: {' '.join(str(error).split())}") from None
    return Ranks(MPI.COMM_WORLD)


class Ranks:
    """The processes of one training, which has mpi4py's communicator to itself."""

    def __init__(self, communicator: Any) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._all = communicator
        self.share = Share(communicator.Get_rank(), communicator.Get_size())
        self._exchange: _Exchange | None = None

    @property
    def is_root(self) -> bool:
        """True in the one process that writes files and speaks."""
        return self.share.rank == 0

    def require(self, blocks: int) -> None:
        if self.share.ranks > blocks:
            raise UsageError(
                f"`mpi`: expected at most {blocks} processes, one per block of 64 patterns, "
                f"got {self.share.ranks}"
            )

    def begin(self, problem: Problem, state: State, blocks: int) -> None:
        self._exchange = _Exchange(self._mpi, self._all, self.share, problem, state, blocks)

    def start(self, problem: Problem, state: State) -> None:
        self._step(problem, state, (0.0, 0.0, 0.0))
        state.gap[:] = 0

    def run_steps(
        self,
        problem: Problem,
        state: State,
        numbers: tuple[float, float, float, float],
        steps: int,
        check: int,
        tally: Tally,
    ) -> int:
        beta, gamma, limit2, mean = numbers
        best, best_weights, history = tally
        assert self._exchange is not None
        values = self._exchange.scratch.values
        for step in range(steps):
            mean = history[step] = self._step(problem, state, (beta, gamma, mean))
            if not np.isfinite(mean):
                return step + 1
            if check > 0 and (step + 1) % check == 0:
                right = self._all.allreduce(int(count_right(problem, state, values)))
                most = best[MOST_RIGHT]
                if right > most or (right == most and mean < best[BEST_MEAN]):
                    best[MOST_RIGHT], best[BEST_ITERATION], best[BEST_MEAN] = right, step + 1, mean
                    best_weights[:] = state.weights
                if right == best[STOP_AT]:
                    best[STOPPED] = 1
                    return step + 1
            if mean < limit2:
                return step + 1
        return steps

    def _step(self, problem: Problem, state: State, numbers: tuple[float, float, float]) -> float:
        exchange = self._exchange
        assert exchange is not None
        for begin in exchange.rounds:
            end = min(begin + exchange.together, problem.blocks)
            if begin < end:
                advance_blocks(problem, state, exchange.scratch, begin, end, numbers)
            exchange.send(begin)
        return exchange.finish(numbers[1])

    # between chunks of steps

    def agree(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """Return the largest of all processes' values, one by one."""
        mine = np.array(values, dtype=np.float64)
        largest = np.empty_like(mine)
        self._all.Allreduce(mine, largest, op=self._mpi.MAX)
        return tuple(largest.tolist())

    def gap_sums(self) -> NDArray[np.float64]:
        """Return the sums of the squared gap of all blocks, float64 (blocks * 3,)."""
        assert self._exchange is not None
        return self._exchange.all_gaps

    def gather(self, array: NDArray[Any]) -> NDArray[Any] | None:
        """Return the concatenated arrays of all processes, in the first process only."""
        parts = self._all.gather(array)
        return None if parts is None else np.concatenate(parts)

    def gather_everywhere(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate(self._all.allgather(array))

    def failures(self, problem: str) -> list[tuple[int, str]]:
        """Exchange error messages, empty if there is none; return the processes with an error."""
        return [(rank, text) for rank, text in enumerate(self._all.allgather(problem)) if text]

    def abort(self) -> None:
        """End all processes at once: this one cannot continue, and the others would wait for it."""
        self._all.Abort(1)


class _Exchange:
    """The buffers and counts of the exchange after an iteration."""

    def __init__(
        self, mpi: Any, everyone: Any, share: Share, problem: Problem, state: State, blocks: int
    ) -> None:
        self.everyone = everyone
        bounds = share.bounds(blocks)
        self.own_blocks = np.diff(bounds)
        most = int(self.own_blocks.max())
        self.together = -(-most // _ROUNDS)
        self.rounds = range(0, most, self.together)
        neurons, edges = len(problem.delta), len(problem.sources)
        # Runs of neurons with about as many edges each.
        cuts = np.searchsorted(problem.fanin_start, np.array(share.bounds(edges)), side="left")
        cuts[0], cuts[-1] = 0, neurons
        self.starts = problem.fanin_start[cuts]
        self.sizes = np.diff(self.starts)
        self.first_blocks = np.array(bounds[:-1])
        self.edges, self.blocks = edges, blocks
        rank = share.rank
        self.rank = rank
        self.state = state
        first, last = int(cuts[rank]), int(cuts[rank + 1])
        begin, end = int(self.starts[rank]), int(self.starts[rank + 1])
        size = end - begin
        real = state.weights.dtype
        self.kind = mpi.FLOAT if real == np.float32 else mpi.DOUBLE
        self.mpi = mpi
        self.received_1 = np.zeros(blocks * size, dtype=real)
        self.received_2 = np.zeros(blocks * size, dtype=real)
        self.all_gaps = np.zeros(3 * blocks)
        self.gap_counts = 3 * self.own_blocks
        self.problem = problem
        self.slice_problem = problem._replace(
            fanin_start=problem.fanin_start[first : last + 1] - begin,
            delta=problem.delta[first:last],
            norm2=problem.norm2[first:last],
            sources=problem.sources[begin:end],
            blocks=blocks,
        )
        self.slice_state = state._replace(
            weights=state.weights[begin:end].copy(),
            part_1=self.received_1,
            part_2=self.received_2,
        )
        self.scratch = make_scratch(problem)
        self.waiting: list[Any] = []
        # What is sent must stay where it is until it has arrived: a place for every block of both parts.
        own = int(self.own_blocks[rank])
        self.packed_1 = np.empty(own * (edges - size), dtype=real)
        self.packed_2 = np.empty(own * (edges - size), dtype=real)
        self.others = [other for other in range(share.ranks) if other != rank]
        self.sent_sizes = self.sizes.copy()
        self.sent_sizes[rank] = 0
        self.sent_starts = np.cumsum(self.sent_sizes) - self.sent_sizes

    def send(self, begin: int) -> None:
        """Begin to exchange the sums of everybody's next blocks from this number on."""
        counts = np.clip(self.own_blocks - begin, 0, self.together)
        mine = int(counts[self.rank])
        size = int(self.sizes[self.rank])
        places = (self.first_blocks + begin) * size * (counts > 0)
        counts[self.rank] = 0  # what stays here is copied here
        state, starts = self.state, self.starts
        for part, packed, received in (
            (state.part_1, self.packed_1, self.received_1),
            (state.part_2, self.packed_2, self.received_2),
        ):
            rows = part.reshape(-1, self.edges)[begin : begin + mine]
            first = int(self.first_blocks[self.rank]) + begin
            kept = received.reshape(self.blocks, size)[first : first + mine]
            kept[:] = rows[:, starts[self.rank] : starts[self.rank + 1]]
            away = self.edges - size
            here = packed[begin * away : (begin + mine) * away]
            for other in self.others:
                at, width = mine * self.sent_starts[other], self.sizes[other]
                place = here[at : at + mine * width].reshape(mine, width)
                place[:] = rows[:, starts[other] : starts[other + 1]]
            self.waiting.append(
                self.everyone.Ialltoallv(
                    [here, mine * self.sent_sizes, mine * self.sent_starts, self.kind],
                    [received, counts * size, places, self.kind],
                )
            )

    def finish(self, gamma: float) -> float:
        """Form W in all processes once everything is there; return the mean squared gap."""
        self.everyone.Allgatherv(
            self.state.gap_sums, [self.all_gaps, self.gap_counts, self.mpi.DOUBLE]
        )
        self.mpi.Request.Waitall(self.waiting)
        self.waiting.clear()
        mean = float(mean_gap(self.problem, self.all_gaps))
        own = self.slice_state
        neurons = len(self.slice_problem.delta)
        join_neurons(self.slice_problem, own, self.scratch, 0, neurons, gamma / mean)
        self.everyone.Allgatherv(
            own.weights, [self.state.weights, self.sizes, self.starts[:-1], self.kind]
        )
        return mean
