"""Restarts on an executor: whole trials in other processes, of this machine or of others."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import ToolError, TrainingError
from btfsynth.events import Note, OnEvent, ignore
from btfsynth.train.checkpoint import Checkpoint
from btfsynth.train.defaults import TrainingPlan
from btfsynth.train.parameters import TrialResult
from btfsynth.train.trainer import TrialHooks, check_fit, train_trial
from btfsynth.train.trials import TrainingRun, summarise
from btfsynth.workers.executor import Executor, Finished

__all__ = ["run_trials_on", "train_one"]

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
    restarts = _Restarts(
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
class _Restarts:
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
