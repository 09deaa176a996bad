"""Restarts on an executor: whole trials in other processes, of this machine or of others."""

from __future__ import annotations

import time
from collections.abc import Callable

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import ToolError, TrainingError
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
    held_out: Dataset | None,
    seconds: float | None,
) -> TrialResult | str:
    """Train one trial of a plan in at most so many seconds; return what went wrong if something did."""
    hooks = TrialHooks(deadline=None if seconds is None else time.monotonic() + seconds)
    topology = plan.trial_topology(trial)
    try:
        return train_trial(
            dataset, topology, plan.parameters, seed, trial, held_out=held_out, hooks=hooks
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
    held_out: Dataset | None = None,
    checkpoint: Checkpoint | None = None,
    run_all: bool = False,
    time_limit: float | None = None,
    on_trial: Callable[[TrialResult], None] = lambda _: None,
    on_note: Callable[[str], None] = lambda _: None,
) -> TrainingRun:
    """Run trials until one succeeds, each as a task of its own (see `btfsynth.train.trials.run_trials`).

    The result is the same as there: the lowest-numbered success. A trial whose worker dies is run once
    more; one that fails is told with its seed and does not stop the others. Only finished trials come into
    the checkpoint.

    Parameters
    ----------
    executor
        Runs them; it stays open.
    on_trial
        Called with every trial that has ended.
    on_note
        Gets a line on every trial that failed.

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
    deadline = None if time_limit is None else time.monotonic() + time_limit
    results: dict[int, TrialResult] = {} if checkpoint is None else dict(checkpoint.finished)
    for result in results.values():
        on_trial(result)
    failed: set[int] = set()
    died: set[int] = set()
    again: list[int] = []
    waiting = iter(number for number in range(trials) if number not in results)
    running: set[int] = set()

    def first_success() -> int:
        return min((number for number, each in results.items() if each.succeeded), default=trials)

    def next_trial() -> int | None:
        if deadline is not None and time.monotonic() > deadline and results:
            return None
        number = again.pop() if again else next(waiting, None)
        return None if number is None or (number > first_success() and not run_all) else number

    def settle(finished: Finished) -> None:
        number = finished.key
        assert isinstance(number, int)
        running.discard(number)
        if finished.died and number not in died:
            died.add(number)
            again.append(number)
            on_note(f"trial {number} (seed {seed}): its worker died; it is run once more")
        elif finished.died or isinstance(finished.value, str):
            failed.add(number)
            reason = "its worker died again" if finished.died else finished.value
            on_note(f"trial {number} (seed {seed}): left out: {reason}")
        else:
            results[number] = finished.value
            if checkpoint is not None:
                checkpoint.finish(finished.value)
            on_trial(finished.value)

    interrupted = False
    try:
        while True:
            while executor.idle and (number := next_trial()) is not None:
                left = None if deadline is None else max(0.1, deadline - time.monotonic())
                running.add(number)
                executor.submit(number, train_one, dataset, plan, seed, number, held_out, left)
            # Later trials than a success are not waited for.
            if not any(run_all or number < first_success() for number in running):
                break
            for finished in executor.wait(_NAP):
                settle(finished)
    except KeyboardInterrupt:
        interrupted = True
    last = trials if run_all else first_success()
    counted = [results[number] for number in sorted(results) if number <= last]
    if not counted:
        if failed:
            raise TrainingError(f"all of {len(failed)} trials failed")
        if interrupted:
            raise TrainingError("training was stopped before its first trial ended")
        raise ToolError("no trial came to an end")
    return summarise(counted, interrupted, time.perf_counter() - begin)
