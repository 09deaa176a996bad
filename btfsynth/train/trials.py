"""Restarts: trials from different random starts until one succeeds, on threads or on an executor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import ToolError, TrainingError
from btfsynth.events import Event, Note, OnEvent, ignore
from btfsynth.network.trained import TrainedNetwork
from btfsynth.train.checkpoint import Checkpoint
from btfsynth.train.defaults import TrainingPlan
from btfsynth.train.parallel import Ranks
from btfsynth.train.parameters import StopReason, TrialResult
from btfsynth.train.trainer import TrialHooks, check_fit, train_trial, warm_up, with_codes
from btfsynth.workers.executor import Executor, Finished


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """What a series of trials came to.

    Parameters
    ----------
    results
        The trials that count, by number: all up to the first that succeeded.
    best
        Of the successful trials, of all if none was, the one with most targets right, of the held-out patterns
        first where there are any; the earliest of equals.
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
                "best_iteration": best.best_iteration,
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
    valid: Dataset | None = None,
    checkpoint: Checkpoint | None = None,
    run_all: bool = False,
    time_limit: float | None = None,
    on_event: OnEvent | None = None,
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
    valid
        Patterns to measure the networks on along the way, and to choose the best by.
    checkpoint
        Where to keep what is done, and to go on from.
    run_all
        Run every trial, for statistics, instead of stopping at the first success.
    time_limit
        Seconds after which to stop with the best so far; None is no limit.
    on_event
        Called from the training threads, one call at a time: with `TrialProgress` while a trial runs, and
        with `TrialEnded` (also of one that is cut short, or was finished in the checkpoint).
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
    restarts = _Restarts(
        dataset,
        plan,
        seed,
        trials,
        threads=threads,
        valid=valid,
        checkpoint=checkpoint,
        run_all=run_all,
        deadline=None if time_limit is None else time.monotonic() + time_limit,
        on_event=on_event,
        ranks=ranks,
    )
    results, interrupted = restarts.run(jobs)
    if not results:
        raise TrainingError("training was stopped before its first step")
    run = summarise(results, interrupted, time.perf_counter() - begin)
    if not run.succeeded and not interrupted and len(results) < trials:
        run = replace(run, timed_out=True)  # there was no time for the others
    if restarts.written is not None and run.succeeded and not run_all:
        restarts.written.discard(range(run.best.trial + 1, trials))
    return run


@dataclass(eq=False)
class _Restarts:
    """The trials of a run, on threads that see what the others have come to (see `run_trials`)."""

    dataset: Dataset
    plan: TrainingPlan
    seed: int
    trials: int
    threads: int
    valid: Dataset | None
    checkpoint: Checkpoint | None
    run_all: bool
    deadline: float | None
    on_event: OnEvent | None
    ranks: Ranks | None
    stop_all: threading.Event = field(default_factory=threading.Event)
    won: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.after_success = [threading.Event() for _ in range(self.trials)]

    @property
    def written(self) -> Checkpoint | None:
        """The checkpoint if this process writes it: of those that share a trial only the first does."""
        return self.checkpoint if self.ranks is None or self.ranks.is_root else None

    def run(self, jobs: int) -> tuple[list[TrialResult], bool]:
        """Run trials on so many threads; return those that count, and whether the user stopped them."""
        interrupted = False
        with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="trial") as pool:
            futures = [pool.submit(self.work, trial) for trial in range(self.trials)]
            results: list[TrialResult] = []
            try:
                _collect(futures, results, self.run_all)
            except KeyboardInterrupt:
                interrupted = True
                self.stop()
                results = [r for r in (f.result() for f in futures if not f.cancelled()) if r]
            except BaseException:
                self.stop()
                raise
        # It may be another process that was interrupted.
        return results, interrupted or (self.ranks is not None and self.stop_all.is_set())

    def stop(self) -> None:
        """End what runs and let nothing begin."""
        self.stop_all.set()
        for event in self.after_success:
            event.set()

    def work(self, trial: int) -> TrialResult | None:
        """Come to the result of one trial; None if it is not wanted any more."""
        if self.checkpoint is not None and trial in self.checkpoint.finished:
            return self.settle(self.checkpoint.finished[trial])
        if any(number < trial for number in self.won) and not self.run_all:
            return None
        if self.too_late(trial):
            return None
        result = self.train(trial)
        if self.written is not None:
            self.written.finish(result)
        if self.ranks is not None and result.stop is StopReason.INTERRUPTED:
            self.stop_all.set()
        return self.settle(result)

    def too_late(self, trial: int) -> bool:
        """Tell whether a trial is not to begin; all processes that share it come to the same answer."""
        late = self.stop_all.is_set() or self.after_success[trial].is_set()
        late = late or bool(
            trial and self.deadline is not None and time.monotonic() > self.deadline
        )
        if self.ranks is None:
            return late
        return self.ranks.agree((late,)) > (0,)

    def train(self, trial: int) -> TrialResult:
        """Train one trial, from its snapshot if there is one."""
        return train_trial(
            self.dataset,
            self.plan.trial_topology(trial),
            self.plan.parameters,
            self.seed,
            trial,
            threads=self.threads,
            valid=self.valid,
            resume=None if self.checkpoint is None else self.checkpoint.snapshot(trial),
            hooks=TrialHooks(
                snapshot_due=None if self.written is None else self.written.due,
                on_snapshot=None if self.written is None else self.written.keep,
                cancelled=self.after_success[trial],
                deadline=self.deadline,
            ),
            on_event=None if self.on_event is None else self.tell,
            ranks=self.ranks,
        )

    def tell(self, event: Event) -> None:
        """Hand an event on, one at a time."""
        if self.on_event is not None:
            with self.lock:
                self.on_event(event)

    def settle(self, result: TrialResult) -> TrialResult:
        """Tell of a trial that has ended; a success ends those after it."""
        self.tell(result.event)
        if result.succeeded:
            self.won.append(result.trial)
        if result.succeeded and not self.run_all:
            for event in self.after_success[result.trial + 1 :]:
                event.set()
        return result


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


_NAP = 0.2


def train_one(
    dataset: Dataset,
    plan: TrainingPlan,
    seed: int,
    trial: int,
    valid: Dataset | None,
    seconds: float | None,
) -> TrialResult | str:
    """Train one trial of a plan in at most so many seconds; return what went wrong if something did."""
    hooks = TrialHooks(deadline=None if seconds is None else time.monotonic() + seconds)
    topology = plan.trial_topology(trial)
    try:
        return train_trial(
            dataset, topology, plan.parameters, seed, trial, valid=valid, hooks=hooks
        )
    except TrainingError as error:
        return str(error)


def run_trials_on(
    executor: Executor,
    dataset: Dataset,
    plan: TrainingPlan,
    seed: int,
    trials: int,
    *,
    valid: Dataset | None = None,
    checkpoint: Checkpoint | None = None,
    run_all: bool = False,
    time_limit: float | None = None,
    on_event: OnEvent | None = None,
) -> TrainingRun:
    """Run trials until one succeeds, each as a task of its own (see `btfsynth.train.trials.run_trials`).

    The result is the same as there: the lowest-numbered success. A trial whose worker dies is run once
    more; one that fails is told with its seed and does not stop the others. Only finished trials come into
    the checkpoint.

    Parameters
    ----------
    executor
        Runs them; it stays open.
    on_event
        Gets a `TrialEnded` for every trial and a `Note` on every one that failed.

    Raises
    ------
    TopologyError, UsageError
        If the data do not fit the networks.
    ToolError
        If the executor is lost.
    TrainingError
        If no trial came to a result.
    """
    check_fit(dataset, plan.trial_topology(0))
    begin = time.perf_counter()
    restarts = _Tasks(
        executor,
        dataset,
        plan,
        seed,
        trials,
        valid=valid,
        checkpoint=checkpoint,
        run_all=run_all,
        deadline=None if time_limit is None else time.monotonic() + time_limit,
        on_event=on_event or ignore,
    )
    interrupted = restarts.run()
    counted = restarts.counted()
    if not counted:
        if restarts.failed:
            raise TrainingError(f"all of {len(restarts.failed)} trials failed")
        if interrupted:
            raise TrainingError("training was stopped before its first trial ended")
        raise ToolError("no trial came to an end")
    return summarise(counted, interrupted, time.perf_counter() - begin)


@dataclass(eq=False)
class _Tasks:
    """The trials of a run: which are done, which run, which are still to be handed out."""

    executor: Executor
    dataset: Dataset
    plan: TrainingPlan
    seed: int
    trials: int
    valid: Dataset | None
    checkpoint: Checkpoint | None
    run_all: bool
    deadline: float | None
    on_event: OnEvent
    failed: set[int] = field(default_factory=set)
    died: set[int] = field(default_factory=set)
    again: list[int] = field(default_factory=list)
    running: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        kept = {} if self.checkpoint is None else self.checkpoint.finished
        # The checkpoint may be of a longer series.
        self.results = {number: each for number, each in kept.items() if number < self.trials}
        self.waiting = (number for number in range(self.trials) if number not in self.results)

    def run(self) -> bool:
        """Run trials until one has won, or all if so wanted; return whether the user stopped them."""
        for result in self.results.values():
            self.on_event(result.event)
        try:
            while True:
                self.hand_out()
                # Later trials than a success are not waited for.
                success = self.first_success()
                if not any(self.run_all or number < success for number in self.running):
                    return False
                for finished in self.executor.wait(_NAP):
                    self.settle(finished)
        except KeyboardInterrupt:
            return True

    def counted(self) -> list[TrialResult]:
        """Return the results that count, by number: all up to the first success."""
        last = self.trials if self.run_all else self.first_success()
        return [self.results[number] for number in sorted(self.results) if number <= last]

    def first_success(self) -> int:
        """Return the number of the first trial that succeeded, that of trials if none has."""
        won = (number for number, each in self.results.items() if each.succeeded)
        return min(won, default=self.trials)

    def hand_out(self) -> None:
        """Give every worker that is idle a trial."""
        while self.executor.idle and (number := self.next_trial()) is not None:
            left = None if self.deadline is None else max(0.1, self.deadline - time.monotonic())
            self.running.add(number)
            self.executor.submit(
                number, train_one, self.dataset, self.plan, self.seed, number, self.valid, left
            )

    def next_trial(self) -> int | None:
        """Return the trial that is next; None if no more are wanted."""
        if self.deadline is not None and time.monotonic() > self.deadline and self.results:
            return None
        number = self.again.pop() if self.again else next(self.waiting, None)
        if number is None or (number > self.first_success() and not self.run_all):
            return None
        return number

    def settle(self, finished: Finished) -> None:
        """Keep what a trial came to, or have it run once more."""
        number = finished.key
        assert isinstance(number, int)
        self.running.discard(number)
        if finished.died and number not in self.died:
            self.died.add(number)
            self.again.append(number)
            self.note(number, "its worker died; it is run once more")
        elif finished.died or isinstance(finished.value, str):
            self.failed.add(number)
            reason = "its worker died again" if finished.died else finished.value
            self.note(number, f"left out: {reason}")
        else:
            self.results[number] = finished.value
            if self.checkpoint is not None:
                self.checkpoint.finish(finished.value)
            self.on_event(finished.value.event)

    def note(self, number: int, text: str) -> None:
        """Tell of a trial that did not go well."""
        self.on_event(Note(f"trial {number} (seed {self.seed}): {text}"))
