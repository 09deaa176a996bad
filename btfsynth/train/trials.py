"""Restarts: trials from different random starts until one is exact."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import TrainingError
from btfsynth.network.trained import TrainedNetwork
from btfsynth.train.checkpoint import Checkpoint
from btfsynth.train.defaults import TrainingPlan
from btfsynth.train.parameters import Progress, StopReason, TrialResult
from btfsynth.train.ranks import Ranks
from btfsynth.train.trainer import TrialHooks, check_fit, train_trial, warm_up, with_codes

__all__ = ["TrainingRun", "run_trials", "summarise"]


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """What a series of trials came to.

    Parameters
    ----------
    results
        The trials that count, by number: all up to the first that succeeded.
    best
        The successful trial, else the one with most targets right, the earliest of equals.
    succeeded
        True if the best trial met the stopping rule (for `StopRule.NONE`: ran to its end).
    interrupted
        True if the user stopped it.
    timed_out
        True if the time limit stopped it.
    seconds
        Wall time, compilation excluded.
    """

    results: tuple[TrialResult, ...]
    best: TrialResult
    succeeded: bool
    interrupted: bool
    timed_out: bool
    seconds: float

    @property
    def solutions(self) -> tuple[TrialResult, ...]:
        """The trials that met the stopping rule."""
        return tuple(result for result in self.results if result.succeeded)

    @property
    def iterations(self) -> int:
        """Steps of all trials that count together."""
        return sum(result.iterations for result in self.results)

    def network(self, dataset: Dataset, seed: int) -> TrainedNetwork:
        """Return the best trial's network with the record of how it was trained."""
        best, parameters = self.best, self.best.parameters
        if best.codes is not None:
            dataset = with_codes(dataset, best.codes)
        return TrainedNetwork(
            name=dataset.name,
            topology=best.topology,
            weights=best.weights,
            input_ports=dataset.input_ports,
            output_ports=dataset.output_ports,
            training={
                "source": dataset.source,
                "data_hash": dataset.content_hash,
                "seed": seed,
                "trial": best.trial,
                "iterations": best.iterations,
                "stop": best.stop.value,
                "gap": best.gap,
                "bits_right": best.bits_right,
                "bits": best.bits,
                "sigma": parameters.sigma,
                "beta": parameters.beta,
                "gamma": parameters.gamma,
            },
        )


def run_trials(
    dataset: Dataset,
    plan: TrainingPlan,
    seed: int,
    trials: int,
    *,
    jobs: int = 1,
    threads: int = 1,
    held_out: Dataset | None = None,
    checkpoint: Checkpoint | None = None,
    run_all: bool = False,
    time_limit: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_trial: Callable[[TrialResult], None] | None = None,
    ranks: Ranks | None = None,
) -> TrainingRun:
    """Run trials until one succeeds.

    Whole trials run side by side on ``jobs`` threads. The result is the lowest-numbered success, which
    does not depend on ``jobs``: a later trial that succeeds sooner waits for the earlier ones.

    Parameters
    ----------
    dataset
        What to train on.
    plan
        What each trial trains.
    seed
        With a trial's number it names a random start.
    trials
        How many at most.
    jobs
        Trials side by side.
    threads
        Threads within each trial, where its size makes them useful.
    held_out
        Patterns to measure the networks on along the way.
    checkpoint
        Where to keep what is done, and to go on from.
    run_all
        Run every trial, for statistics, instead of stopping at the first success.
    time_limit
        Seconds after which to stop with the best so far; None is no limit.
    on_progress, on_trial
        Called from the training threads, one call at a time: while a trial runs, and when it has ended
        (also one that is cut short, or was finished in the checkpoint).
    ranks
        The processes that share every trial, each of which makes this call; the first one writes the
        checkpoint, all read it. Trials then run one after the other.

    Raises
    ------
    TopologyError, UsageError
        If the data do not fit the networks.
    TrainingError
        If a state is no longer finite, or the time is up before a single step.
    """
    check_fit(dataset, plan.trial_topology(0))
    warm_up(plan.parameters.precision)
    begin = time.perf_counter()
    deadline = None if time_limit is None else time.monotonic() + time_limit
    stop_all = threading.Event()
    after_success = [threading.Event() for _ in range(trials)]
    lock = threading.Lock()
    won: list[int] = []

    def report(progress: Progress) -> None:
        if on_progress is not None:
            with lock:
                on_progress(progress)

    def settle(result: TrialResult) -> TrialResult:
        if on_trial is not None:
            with lock:
                on_trial(result)
        if result.succeeded:
            won.append(result.trial)
        if result.succeeded and not run_all:
            for event in after_success[result.trial + 1 :]:
                event.set()
        return result

    writes = checkpoint is not None and (ranks is None or ranks.is_root)

    def work(trial: int) -> TrialResult | None:
        if checkpoint is not None and trial in checkpoint.finished:
            return settle(checkpoint.finished[trial])
        if any(number < trial for number in won) and not run_all:
            return None
        skip = stop_all.is_set() or after_success[trial].is_set()
        skip = skip or bool(trial and deadline is not None and time.monotonic() > deadline)
        if ranks is not None:  # whether an earlier trial has won all know by themselves
            skip = ranks.agree((skip,)) > (0,)
        if skip:
            return None
        result = train_trial(
            dataset,
            plan.trial_topology(trial),
            plan.parameters,
            seed,
            trial,
            threads=threads,
            held_out=held_out,
            resume=None if checkpoint is None else checkpoint.snapshot(trial),
            hooks=TrialHooks(
                on_progress=report,
                snapshot_due=checkpoint.due if checkpoint is not None and writes else None,
                on_snapshot=checkpoint.keep if checkpoint is not None and writes else None,
                cancelled=after_success[trial],
                deadline=deadline,
            ),
            ranks=ranks,
        )
        if checkpoint is not None and writes:
            checkpoint.finish(result)
        if ranks is not None and result.stop is StopReason.INTERRUPTED:
            stop_all.set()  # it may be another process that was interrupted
        return settle(result)

    interrupted = False
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="trial") as pool:
        futures = [pool.submit(work, trial) for trial in range(trials)]
        results: list[TrialResult] = []
        try:
            _collect(futures, results, run_all)
        except KeyboardInterrupt:
            interrupted = True
            stop_all.set()
            for event in after_success:
                event.set()
            results = [r for r in (f.result() for f in futures if not f.cancelled()) if r]
        except BaseException:
            stop_all.set()
            for event in after_success:
                event.set()
            raise
    if ranks is not None and stop_all.is_set():
        interrupted = True
    if not results:
        raise TrainingError("training was stopped before its first step")
    run = summarise(results, interrupted, time.perf_counter() - begin)
    if checkpoint is not None and writes and run.succeeded and not run_all:
        checkpoint.discard(range(run.best.trial + 1, trials))
    return run


def summarise(results: Sequence[TrialResult], interrupted: bool, seconds: float) -> TrainingRun:
    """Return what the trials that count came to.

    Parameters
    ----------
    results
        The trials by number, one at least.
    interrupted
        Whether the user stopped them.
    seconds
        Wall time.
    """
    first = next((result for result in results if result.succeeded), None)
    best = first or max(results, key=lambda result: (result.bits_right, -result.trial))
    return TrainingRun(
        results=tuple(results),
        best=best,
        succeeded=first is not None,
        interrupted=interrupted,
        timed_out=first is None and any(r.stop is StopReason.TIME for r in results),
        seconds=seconds,
    )


def _collect(
    futures: list[Future[TrialResult | None]], results: list[TrialResult], run_all: bool
) -> None:
    """Gather results in order up to the first success; the later trials are not waited for."""
    for number, future in enumerate(futures):
        for result in _wait(future):
            results.append(result)
            if result.succeeded and not run_all:
                for later in futures[number + 1 :]:
                    later.cancel()
                return


def _wait(future: Future[TrialResult | None]) -> Iterator[TrialResult]:
    """Wait in short naps, so that Ctrl-C is seen at once."""
    while not future.done():
        wait([future], timeout=0.2)
    result = future.result()
    if result is not None:
        yield result
