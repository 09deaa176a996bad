"""Restarts: trials from different random starts until one succeeds, on threads or on an executor."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import TrainingError, plural
from btfsynth.events import Event, Note, OnEvent
from btfsynth.network.network import TrainedNetwork
from btfsynth.training.checkpoint import Checkpoint
from btfsynth.training.parallel import Ranks
from btfsynth.training.parameters import StopReason, TrainingPlan, TrialResult
from btfsynth.training.trainer import (
    TrialOptions,
    check_fit,
    network_of,
    train_trial,
    warm_up,
    with_codes,
)
from btfsynth.workers.executor import Executor, Finished, Task, Threads, completed


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """The result of a series of trials.

    ``results`` are the trials up to the first success, by number. ``best`` is the one with the most correct
    targets (those of the validation set first), among the successful trials if there are any; the earliest of
    equals. It ``succeeded`` if it met the stopping rule (for `StopRule.NONE`: ran to its end). ``interrupted``
    and ``timed_out`` mean that the user or the time limit ended the series. ``seconds`` is wall time without
    compilation, including that of trials from a checkpoint.
    """

    results: tuple[TrialResult, ...]
    best: TrialResult
    succeeded: bool
    interrupted: bool
    timed_out: bool
    seconds: float

    @property
    def solutions(self) -> tuple[TrialResult, ...]:
        return tuple(result for result in self.results if result.succeeded)

    @property
    def iterations(self) -> int:
        return sum(result.iterations for result in self.results)

    def network(self, dataset: Dataset, seed: int) -> TrainedNetwork:
        """Return the network of the best trial with the record of its training."""
        best = self.best
        if best.codes is not None:
            dataset = with_codes(dataset, best.codes)
        counts = ("trial", "iterations", "best_iteration", "stop", "gap", "bits_right", "bits")
        record = {
            "source": dataset.source,
            "data_hash": dataset.content_hash,
            "seed": seed,
            **{name: getattr(best, name) for name in counts},
            "stop": best.stop.value,
            **{name: getattr(best.parameters, name) for name in ("sigma", "beta", "gamma")},
        }
        if best.votes is not None:
            record["votes"] = best.votes
        network = network_of(dataset, best.topology, best.weights)
        return replace(network, training=record)


@dataclass(frozen=True, eq=False)
class Series:
    """Trials from different random starts, each named by the seed and its number.

    `valid` is measured along the way, and chooses the best networks. `run_all` runs every trial, for
    statistics, instead of stopping at the first success. After `time_limit` seconds the best so far is taken.
    """

    dataset: Dataset
    plan: TrainingPlan
    seed: int
    trials: int
    valid: Dataset | None = None
    run_all: bool = False
    time_limit: float | None = None


def run_trials(
    series: Series,
    *,
    jobs: int = 1,
    threads: int = 1,
    checkpoint: Checkpoint | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | Ranks | None = None,
) -> TrainingRun:
    """Run trials until one succeeds.

    The result is the lowest-numbered success, for any number of parallel trials: a later trial that succeeds
    sooner waits for the earlier ones. `jobs` trials run in parallel, each with `threads` if its size makes them
    useful. Events come from the training threads, one at a time: `TrialProgress` of trials on threads,
    `TrialEnded` (also of a trial that is stopped early, or was finished in the checkpoint) and `Note`.

    An executor runs each trial as a task and stays open. A trial that fails there causes a `Note` and does not
    stop the others; only finished trials are kept in the checkpoint. Ranks are the processes that share every
    trial: each makes this call, all read the checkpoint and the first writes it.
    """
    check_fit(series.dataset, series.plan.trial_topology(0))
    restarts: _Restarts
    if executor is None or isinstance(executor, Ranks):
        warm_up(series.plan.parameters.precision)
        restarts = _OnThreads(series, checkpoint, on_event, jobs, threads, executor)
    else:
        restarts = _OnExecutor(series, checkpoint, on_event, executor)
    begin = time.perf_counter()
    interrupted = restarts.run()
    counted = restarts.counted()
    if not counted:
        if interrupted:
            raise TrainingError("training was stopped before its first trial ended")
        raise TrainingError(f"all of {plural(len(restarts.failed), 'trial')} failed")
    seconds = time.perf_counter() - begin + restarts.seconds_before
    longest = max(result.seconds for result in counted)  # one of them may have been continued
    run = summarise(counted, interrupted, max(seconds, longest))
    if not run.succeeded and not interrupted and len(restarts.ended) < series.trials:
        run = replace(run, timed_out=True)  # there was no time for the others
    if restarts.written is not None and run.succeeded and not series.run_all:
        restarts.written.discard(range(run.best.trial + 1, series.trials))
    return run


def summarise(results: Sequence[TrialResult], interrupted: bool, seconds: float) -> TrainingRun:
    """Return the result of the trials that count, one or more, by number; `seconds` is wall time."""
    won = [result for result in results if result.succeeded]
    best = max(won or results, key=lambda result: (result.quality, -result.trial))
    return TrainingRun(
        results=tuple(results),
        best=best,
        succeeded=bool(won),
        interrupted=interrupted,
        timed_out=not won and any(r.stop is StopReason.TIME for r in results),
        seconds=seconds,
    )


class _Restarts(ABC):
    """The trials of a series: those that have ended, and those still to start."""

    def __init__(
        self, series: Series, checkpoint: Checkpoint | None, on_event: OnEvent | None
    ) -> None:
        self.series = series
        self.checkpoint = checkpoint
        self.on_event = on_event
        limit = series.time_limit
        self.deadline = None if limit is None else time.monotonic() + limit
        self.lock = threading.RLock()
        self.results: dict[int, TrialResult] = {}
        self.failed: set[int] = set()
        self.ended: set[int] = set()
        self.seconds_before = 0.0  # of the trials that were finished in the checkpoint
        # The first trial that succeeded, or failed on a thread; the number of trials while there is none.
        self.last = series.trials

    @property
    def written(self) -> Checkpoint | None:
        return self.checkpoint

    @abstractmethod
    def run(self) -> bool:
        """Run trials until the series is decided; return whether the user stopped them."""

    @abstractmethod
    def task(self, trial: int) -> Task: ...

    @abstractmethod
    def settle(self, finished: Finished) -> None:
        """Keep the outcome of a trial, if its task has not done so."""

    def loop(self, executor: Executor) -> bool:
        kept = {} if self.checkpoint is None else self.checkpoint.finished
        for number in sorted(kept):
            if number < self.series.trials:  # the checkpoint may be of a longer series
                self.seconds_before += kept[number].seconds
                self.keep(kept[number])
        try:
            with closing(completed(executor, self.tasks(), self.tell, stop=self.decided)) as ended:
                for finished in ended:
                    self.settle(finished)
        except KeyboardInterrupt:
            return True
        return False

    def tasks(self) -> Iterator[Task]:
        for trial in range(self.series.trials):
            late = self.deadline is not None and time.monotonic() > self.deadline
            if trial > self.last or (late and self.results):
                return
            if trial not in self.ended:
                yield self.task(trial)

    def decided(self) -> bool:
        """Return True if the running trials can no longer change the result."""
        return self.last < self.series.trials and self.ended.issuperset(range(self.last + 1))

    def keep(self, result: TrialResult) -> None:
        with self.lock:
            self.results[result.trial] = result
            self.ended.add(result.trial)
            if result.succeeded and not self.series.run_all:
                self.last = min(self.last, result.trial)
        self.tell(result.event)

    def tell(self, event: Event) -> None:
        if self.on_event is not None:
            with self.lock:
                self.on_event(event)

    def counted(self) -> list[TrialResult]:
        """Return the results that count, by number: all up to the first success."""
        return [self.results[number] for number in sorted(self.results) if number <= self.last]


class _OnThreads(_Restarts):
    """Trials on threads, which can be cancelled at any moment and leave snapshots in the checkpoint."""

    def __init__(
        self,
        series: Series,
        checkpoint: Checkpoint | None,
        on_event: OnEvent | None,
        jobs: int,
        threads: int,
        ranks: Ranks | None,
    ) -> None:
        super().__init__(series, checkpoint, on_event)
        self.jobs, self.threads, self.ranks = jobs, threads, ranks
        self.stopped = threading.Event()
        self.cancelled = [threading.Event() for _ in range(series.trials)]
        self.errors: dict[int, TrainingError] = {}

    @property
    def written(self) -> Checkpoint | None:
        """The checkpoint if this process writes it; of processes that share a trial, only the first does."""
        return self.checkpoint if self.ranks is None or self.ranks.is_root else None

    def run(self) -> bool:
        threads = Threads(self.jobs)
        try:
            interrupted = self.loop(threads)
            if interrupted:
                self.stop()
        except BaseException:
            self.stop()
            raise
        finally:
            threads.close()
        error = self.errors.get(self.last)
        if error is not None and not interrupted:
            raise error
        # It may be another process that was interrupted.
        return interrupted or (self.ranks is not None and self.stopped.is_set())

    def stop(self) -> None:
        self.stopped.set()
        self.cancel_after(-1)

    def cancel_after(self, trial: int) -> None:
        for event in self.cancelled[trial + 1 :]:
            event.set()

    def task(self, trial: int) -> Task:
        return Task(trial, f"trial {trial}", self.work, (trial,))

    def tasks(self) -> Iterator[Task]:
        if self.ranks is None:
            yield from super().tasks()
        else:  # all processes go through the same trials, whenever one of them is interrupted
            yield Task("all", "all trials", self.work_all, ())

    def settle(self, finished: Finished) -> None:
        pass

    def work_all(self) -> None:
        for trial in range(self.series.trials):
            if trial not in self.ended and trial <= self.last:
                self.work(trial)

    def work(self, trial: int) -> None:
        if self.too_late(trial):
            return
        try:
            result = self.train(trial)
        except TrainingError as error:
            with self.lock:
                self.errors[trial] = error
                self.ended.add(trial)
                self.last = min(self.last, trial)
            self.cancel_after(trial)
            return
        if self.written is not None:
            self.written.finish(result)
        if self.ranks is not None and result.stop is StopReason.INTERRUPTED:
            self.stopped.set()
        self.keep(result)

    def keep(self, result: TrialResult) -> None:
        super().keep(result)
        if result.succeeded and not self.series.run_all:
            self.cancel_after(result.trial)

    def too_late(self, trial: int) -> bool:
        """Return True if a trial must not begin; all processes that share it get the same answer."""
        late = self.stopped.is_set() or self.cancelled[trial].is_set()
        late = late or bool(
            trial and self.deadline is not None and time.monotonic() > self.deadline
        )
        return late if self.ranks is None else self.ranks.agree((late,)) > (0,)

    def train(self, trial: int) -> TrialResult:
        series, written = self.series, self.written
        return train_trial(
            series.dataset,
            series.plan.trial_topology(trial),
            series.plan.parameters,
            series.seed,
            trial,
            valid=series.valid,
            options=TrialOptions(
                threads=self.threads,
                ranks=self.ranks,
                resume=None if self.checkpoint is None else self.checkpoint.snapshot(trial),
                deadline=self.deadline,
                cancelled=self.cancelled[trial],
                snapshot_due=None if written is None else written.due,
                on_snapshot=None if written is None else written.keep,
            ),
            on_event=None if self.on_event is None else self.tell,
        )


class _OnExecutor(_Restarts):
    """Trials as tasks of an executor, in other processes of this machine or of others."""

    def __init__(
        self,
        series: Series,
        checkpoint: Checkpoint | None,
        on_event: OnEvent | None,
        executor: Executor,
    ) -> None:
        super().__init__(series, checkpoint, on_event)
        self.executor = executor

    def run(self) -> bool:
        return self.loop(self.executor)

    def task(self, trial: int) -> Task:
        series = self.series

        def arguments() -> tuple[Any, ...]:
            left = None if self.deadline is None else max(0.1, self.deadline - time.monotonic())
            return series.dataset, series.plan, series.seed, trial, series.valid, left

        return Task(trial, f"trial {trial} (seed {series.seed})", train_one, arguments)

    def settle(self, finished: Finished) -> None:
        trial = cast(int, finished.key)
        if finished.died:
            self.failed.add(trial)
            self.ended.add(trial)
        elif isinstance(finished.value, str):
            self.failed.add(trial)
            self.ended.add(trial)
            self.tell(Note(f"trial {trial} (seed {self.series.seed}): skipped: {finished.value}"))
        else:
            if self.checkpoint is not None:
                self.checkpoint.finish(finished.value)
            self.keep(finished.value)


def train_one(
    dataset: Dataset,
    plan: TrainingPlan,
    seed: int,
    trial: int,
    valid: Dataset | None,
    seconds: float | None,
) -> TrialResult | str:
    """Train one trial of a plan within this many seconds; return the text of the error if it fails."""
    topology = plan.trial_topology(trial)
    options = TrialOptions.within(seconds)
    try:
        return train_trial(
            dataset, topology, plan.parameters, seed, trial, valid=valid, options=options
        )
    except TrainingError as error:
        return str(error)
