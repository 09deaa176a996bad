"""A training as one call, from options to finished trials; for votes, also their number."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.patterns import matched
from btfsynth.errors import TopologyError, UsageError
from btfsynth.events import OnEvent
from btfsynth.files import StrPath
from btfsynth.network.network import Topology, TrainedNetwork, measure
from btfsynth.settings.setting import Options
from btfsynth.settings.table import TRAIN, TRIAL, StopRule
from btfsynth.training.checkpoint import Checkpoint, Stored, training_fingerprint
from btfsynth.training.history import HistoryPoint
from btfsynth.training.parallel import Ranks
from btfsynth.training.parameters import (
    StopReason,
    TrainingPlan,
    TrainParameters,
    TrialResult,
    default_plan,
)
from btfsynth.training.trainer import check_fit, network_of
from btfsynth.training.trials import Series, TrainingRun, run_trials
from btfsynth.training.votes import VoteOptions, Votes, cross_fitted, train_votes
from btfsynth.workers.executor import Executor


@dataclass(frozen=True)
class TrainOptions(Options, settings=TRAIN):
    """Changes to the default plan of a task; None keeps the default.

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

    The validation set is measured during training and selects the best network; its columns are matched by name
    if they have the names of the data. Training continues from an existing `checkpoint_file`, whose interval is
    in seconds. If it cannot be written, `on_event` gets a `Note`; without `on_event` this is an error.
    `run_all` runs every trial, all on the first widths. See `run_trials` for the events and the executor.
    """
    options = options or TrainOptions()
    if options.votes is not None:
        if checkpoint_file is not None or executor is not None:
            raise UsageError(
                "`votes`: supports neither checkpoints nor further processes; it is fast"
            )
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


# Votes: how many there are is chosen by accuracy, and by look-up tables

_PATIENCE = 60
_NEURON, _TERM, _CLASS = 1.0, 1.7, 8.0
"""Look-up tables of six inputs that a neuron, a vote in a sum, and an output to compare take, as measured."""


def run_votes(
    dataset: Dataset, options: TrainOptions, valid: Dataset | None, on_event: OnEvent | None
) -> TrainingRun:
    """Train votes: one trial, which always succeeds.

    Their number is the smallest whose accuracy is at most `max_loss` percentage points below the best, on the
    validation set or, without one, by cross-fitting; within `max_luts`.
    """
    assert options.votes is not None
    if options.widths is not None or options.topology is not None:
        raise UsageError(
            "`votes`: takes neither `widths` nor `topology`; votes are the hidden layer"
        )
    begin = time.perf_counter()
    limit = options.time_limit
    deadline = None if limit is None else time.monotonic() + limit
    votes = _trained(dataset, options, valid, deadline)
    if options.max_luts is not None:
        votes = _within(votes, options.max_luts)
    graph, weights = votes.topology()
    network = network_of(dataset, graph, weights)
    seen = measure(network, dataset)
    held = None if valid is None else measure(network, valid)
    gap = _residual(network, dataset, votes.rate)
    seconds = time.perf_counter() - begin
    rounds = len(votes.rounds)
    point = HistoryPoint(
        iterations=rounds,
        gap=gap,
        gap_w=0.0,
        gap_x=0.0,
        gap_y=gap,
        least_gap=gap,
        bits=seen.bit_share,
        vectors=seen.vector_share,
        labels=seen.label_share,
        valid_bits=None if held is None else held.bit_share,
        valid_vectors=None if held is None else held.vector_share,
        valid_labels=None if held is None else held.label_share,
    )
    result = TrialResult(
        trial=0,
        topology=graph,
        parameters=TrainParameters(max_iterations=options.votes, stop=StopRule.NONE),
        weights=weights,
        stop=StopReason.ITERATIONS,
        iterations=rounds,
        best_iteration=rounds,
        gap=gap,
        bits_right=seen.bits_right,
        bits=seen.bits,
        seconds=seconds,
        step_seconds=seconds,
        history=(point,),
        votes=rounds,
    )
    if on_event is not None:
        on_event(result.event)
    late = deadline is not None and time.monotonic() > deadline
    return TrainingRun((result,), result, True, False, late, seconds)


def _trained(
    dataset: Dataset, options: TrainOptions, valid: Dataset | None, deadline: float | None
) -> Votes:
    rounds, loss, seed = options.votes or 1, (options.max_loss or 0) / 100, (options.seed,)
    chosen = VoteOptions()
    if valid is None:
        best = cross_fitted(dataset, rounds, chosen, seed, loss=loss, deadline=deadline)
        return train_votes(dataset, best, chosen, seed, deadline=deadline)
    votes = train_votes(
        dataset, rounds, chosen, seed, valid=valid, patience=_PATIENCE, deadline=deadline
    )
    counted = valid.n_patterns
    if valid.output_kind is not OutputKind.LABEL:
        counted = int(valid.care_mask.sum())
    return votes.first(max(1, votes.smallest(loss * counted)))


def look_up_tables(votes: Votes) -> int:
    """Estimate the 6-input lookup tables of votes, including the comparison of the classes."""
    graph, _ = votes.topology()
    outputs = votes.n_outputs
    hidden = int((graph.fan_in[:-outputs] > 2).sum())  # the bias is one
    terms = int((graph.fan_in[-outputs:] - 1).sum())
    return round(_NEURON * hidden + _TERM * terms + (_CLASS * outputs if outputs > 1 else 0))


def _within(votes: Votes, most: int) -> Votes:
    """Return the number of first rounds that fit, at least one."""
    low, high = 1, len(votes.rounds)
    while low < high:
        middle = (low + high + 1) // 2
        if look_up_tables(votes.first(middle)) <= most:
            low = middle
        else:
            high = middle - 1
    found = votes.first(low)
    if look_up_tables(found) > most:
        raise UsageError(
            f"`max_luts`: expected at least {look_up_tables(found)}, the size of one vote per output, "
            f"got {most}"
        )
    return found


def _residual(network: TrainedNetwork, dataset: Dataset, rate: float) -> float:
    """Return the root mean square of target less probability."""
    sums = rate * network.output_sums(dataset.inputs)
    if dataset.output_kind is OutputKind.LABEL:
        odds = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares = odds / odds.sum(axis=1, keepdims=True)
    else:
        shares = 1 / (1 + np.exp(-np.clip(sums, -40, 40)))
    left = (dataset.targets - shares)[dataset.care_mask]
    return float(np.sqrt((left**2).mean()))
