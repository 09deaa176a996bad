"""A training as one call: options in, the finished trials out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.patterns import matched
from btfsynth.errors import TopologyError, UsageError
from btfsynth.events import OnEvent
from btfsynth.files import StrPath
from btfsynth.network.network import Topology
from btfsynth.settings.setting import Options
from btfsynth.settings.table import TRAIN, TRIAL, StopRule
from btfsynth.training.checkpoint import Checkpoint, Stored, training_fingerprint
from btfsynth.training.parallel import Ranks
from btfsynth.training.parameters import TrainingPlan, default_plan
from btfsynth.training.trainer import check_fit
from btfsynth.training.trials import Series, TrainingRun, run_trials
from btfsynth.training.vote_run import run_votes
from btfsynth.workers.executor import Executor


@dataclass(frozen=True)
class TrainOptions(Options, settings=TRAIN):
    """What to change of a task's default plan; None leaves it as it is.

    Parameters
    ----------
    (settings)
    topology
        Any acyclic graph to train instead of layers.
    """

    seed: int = TRAIN["seed"].default
    trials: int = TRAIN["trials"].default
    jobs: int = TRAIN["jobs"].default
    threads: int = TRAIN["threads"].default
    time_limit: float | None = None
    widths: tuple[int, ...] | None = None
    skip: bool | None = None
    topology: Topology | None = None
    sigma: float | None = None
    beta: float | None = None
    gamma: float | None = None
    max_iterations: int | None = None
    stop: StopRule | None = None
    gap_limit: float | None = None
    precision: int | None = None
    votes: int | None = None
    max_luts: int | None = None
    max_loss: float | None = None


def plan_for(dataset: Dataset, options: TrainOptions) -> TrainingPlan:
    """Return a data set's plan with the options in place; refuse data that do not fit it."""
    plan = default_plan(dataset)
    named = {name: getattr(options, name) for name in TRIAL if name in TRAIN}
    given = {name: value for name, value in named.items() if value is not None}
    parameters = replace(plan.parameters, **given)
    if options.topology is not None:
        plan = TrainingPlan((), parameters, topology=options.topology)
    elif options.widths is None:
        skip = plan.skip if options.skip is None else options.skip
        plan = replace(plan, parameters=parameters, skip=skip)
    else:
        plan = TrainingPlan(options.widths, parameters, skip=bool(options.skip))
    try:
        check_fit(dataset, plan.trial_topology(0))
    except TopologyError as error:
        if options.widths is None or options.topology is not None:
            raise
        raise TopologyError(f"`widths`: {error}") from None
    return plan


def train(
    dataset: Dataset,
    options: TrainOptions | None = None,
    *,
    on_event: OnEvent | None = None,
    valid: Dataset | None = None,
    checkpoint_file: StrPath | None = None,
    checkpoint_interval: float = 30.0,
    run_all: bool = False,
    executor: Executor | Ranks | None = None,
) -> TrainingRun:
    """Train a data set: trials from random starts until one meets the stopping rule.

    The validation set measures the networks along the way and chooses the best; its columns are taken by name
    where they have the names of the data. Training continues from a `checkpoint_file` that exists; its
    interval is in seconds. One that cannot be written is a `Note`, an error without `on_event`. `run_all`
    runs every trial, all of them on the first widths. See `run_trials` for the events and the executor.
    """
    options = options or TrainOptions()
    if options.votes is not None:
        if checkpoint_file is not None or executor is not None:
            raise UsageError("`votes`: takes no checkpoint and no other processes; it is soon done")
        valid = None if valid is None else matched(valid, dataset, dataset.n_inputs)
        return run_votes(dataset, options, valid, on_event)
    plan = plan_for(dataset, options)
    if run_all:
        plan = replace(plan, patience=0)
    if valid is not None:
        valid = matched(valid, dataset, plan.trial_topology(0).n_inputs)
    checkpoint = None
    if checkpoint_file is not None:
        fingerprint = training_fingerprint(dataset, plan, options.seed, valid)
        stored = Stored(dataset, plan, valid)
        checkpoint = Checkpoint(checkpoint_file, fingerprint, stored, checkpoint_interval, on_event)
    series = Series(dataset, plan, options.seed, options.trials, valid, run_all, options.time_limit)
    return run_trials(
        series,
        jobs=options.jobs,
        threads=options.threads,
        checkpoint=checkpoint,
        on_event=on_event,
        executor=executor,
    )


def train_record(run: TrainingRun) -> dict[str, Any]:
    """Return the result of a training as JSON values."""
    best, parameters = run.best, run.best.parameters
    return {
        "trials": len(run.results),
        "trial": best.trial,
        "iterations": run.iterations,
        "seconds": round(run.seconds, 3),
        "best_iteration": best.best_iteration,
        "stop": best.stop.value,
        "gap": best.gap,
        "bits_right": best.bits_right,
        "bits": best.bits,
        "widths": None if best.topology.widths is None else list(best.topology.widths),
        "edges": best.topology.n_edges,
        "sigma": parameters.sigma,
        "beta": parameters.beta,
        "gamma": parameters.gamma,
        "seconds_per_iteration": best.step_seconds / best.iterations,
        **_solutions_record(run),
    }


def _solutions_record(run: TrainingRun) -> dict[str, Any]:
    counts = np.array([result.iterations for result in run.solutions], dtype=np.float64)
    found = len(counts)
    record: dict[str, Any] = {"solutions": found, "success_rate": found / len(run.results)}
    if found:
        spread = float(counts.std(ddof=1) / found**0.5) if found > 1 else None
        record["iterations_per_solution"] = float(counts.mean())
        record["iterations_standard_error"] = spread
        record["seconds_per_solution"] = sum(result.seconds for result in run.results) / found
    return record
