"""Search for settings that reach an exact network soonest, or are most often right on patterns held out."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.sampling import matched
from btfsynth.errors import (
    InterruptedWorkError,
    MissingToolError,
    OutputError,
    TrainingError,
    UsageError,
    plural,
)
from btfsynth.events import OnEvent, SettingsTried, ignore
from btfsynth.extras import install_command
from btfsynth.files import StrPath, as_path
from btfsynth.network.topology import layered
from btfsynth.train.defaults import default_plan
from btfsynth.train.parameters import StopRule, TrainParameters, TrialResult
from btfsynth.train.study import hidden_widths, open_study, reason
from btfsynth.train.trainer import TrialHooks, check_fit, train_trial, warm_up
from btfsynth.workers.executor import Executor
from btfsynth.workers.inline import Inline

__all__ = ["Tried", "TuningResult", "try_settings", "tune"]

_SEEDS = 6
_HELD_OUT_SEEDS = 2
_NEVER = 1e9
_ITERATIONS = 100_000
_NAP = 0.5


@dataclass(frozen=True)
class TuningResult:
    """The best settings found.

    Parameters
    ----------
    widths, sigma, beta, gamma, max_iterations
        The settings.
    stop
        The stopping rule they are for.
    seconds_per_solution
        Seconds of training that an exact network took with them: all trials' time over the successes; None
        with patterns held out.
    valid
        Share of the targets held out, or of the classes, that was right, a mean over the trials; None
        without any.
    solutions, trials
        Exact networks and trials behind that figure.
    candidates
        Settings tried, those of resumed searches included.
    interrupted
        True if the user stopped the search: they are the best until then.
    lost
        Why the study could not be written any more, which ended the search; None if it could.
    """

    widths: tuple[int, ...]
    sigma: float
    beta: float
    gamma: float
    max_iterations: int
    stop: StopRule
    seconds_per_solution: float | None
    valid: float | None
    solutions: int
    trials: int
    candidates: int
    interrupted: bool = False
    lost: str | None = None


@dataclass(frozen=True)
class _Told:
    """A candidate with its cost, as the study has it."""

    value: float
    params: Mapping[str, Any]
    user_attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """What a few trials of some settings came to.

    Parameters
    ----------
    cost
        What is to be small: seconds a solution, or the share of what is held out that was wrong.
    solutions, trials
        Exact networks, and trials.
    iterations
        Median of the trials' steps.
    """

    cost: float
    solutions: int
    trials: int
    iterations: int


def tune(
    dataset: Dataset,
    time_limit: float,
    seed: int = 1,
    storage: StrPath | None = None,
    on_event: OnEvent | None = None,
    executor: Executor | None = None,
    valid: Dataset | None = None,
) -> TuningResult:
    """Search settings by the expected time to an exact network, or by what is right of patterns held out.

    Every candidate trains from the same few random starts, each for a share of the time so that a slow one
    costs no more than others. The search is Optuna's tree-structured Parzen estimator. Ctrl-C ends it with the
    best until then.

    Parameters
    ----------
    dataset
        What to learn.
    time_limit
        How long to search.
    seed
        Of the search and of the random starts.
    storage
        SQLite file that keeps the candidates; a file that exists is gone on from.
    on_event
        Called with a `SettingsTried` after every candidate.
    executor
        Tries candidates side by side; None tries them one after the other in this process.
    valid
        Patterns to judge by (see `btfsynth.dataset.sampling`). Trials then run for all their share of the time,
        and the settings are to be run for as many steps.

    Raises
    ------
    UsageError
        If the time is no positive number, or the patterns held out do not fit.
    MissingToolError
        If Optuna is not installed.
    DataError
        If the file is no study, or not one of this search.
    OutputError
        If it cannot be written any more, before there were any settings.
    TrainingError
        If no candidate reached an exact network.
    InterruptedWorkError
        If the user stopped the search before one did.
    """
    storage = None if storage is None else as_path(storage)
    if not 0 < time_limit < math.inf:
        raise UsageError(f"time_limit: expected a number of seconds above 0, got {time_limit:g}")
    if valid is not None:
        valid = matched(valid, dataset, default_plan(dataset).trial_widths(0)[0])
    try:
        import optuna
        import sqlalchemy
    except ImportError:
        raise MissingToolError(f"optuna is not installed; {install_command('optuna')}") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warm_up(TrainParameters().precision)
    name = dataset.content_hash + ("" if valid is None else valid.content_hash)
    study = open_study(name, storage, seed, dataset)
    lost: str | None = None
    told: list[Any] = []
    try:
        interrupted = _search(
            study,
            (dataset, valid),
            seed,
            time_limit,
            executor or Inline(),
            on_event or ignore,
            told,
        )
        tried = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    except (optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError) as error:
        lost = f"{storage}: the study cannot be written: {reason(error)}; it keeps what came before"
        interrupted, tried = False, told
    best = min(tried, key=lambda each: each.value, default=None)
    if best is None or best.value >= _NEVER:
        if lost is not None:
            raise OutputError(lost)
        found = f"no settings reached an exact network in {plural(len(tried), 'candidate')}"
        if interrupted:
            kept = f"; {storage} keeps them" if tried and storage is not None else ""
            raise InterruptedWorkError(f"interrupted; {found}{kept}")
        raise TrainingError(f"{found}; give more time")
    result = _result(best, len(tried), valid is not None, interrupted)
    return replace(result, lost=lost)


def _result(best: Any, candidates: int, valid: bool, interrupted: bool) -> TuningResult:
    """Return the settings of the best candidate, judged by patterns held out or by the time."""
    return TuningResult(
        widths=tuple(best.user_attrs["widths"]),
        sigma=float(best.params["sigma"]),
        beta=float(best.params["beta"]),
        gamma=float(best.params["gamma"]),
        max_iterations=int(best.user_attrs["iterations"]) if valid else _ITERATIONS,
        stop=StopRule.NONE if valid else StopRule.EXACT,
        seconds_per_solution=None if valid else float(best.value),
        valid=1.0 - float(best.value) if valid else None,
        solutions=int(best.user_attrs["solutions"]),
        trials=int(best.user_attrs["trials"]),
        candidates=candidates,
        interrupted=interrupted,
    )


def _search(
    study: Any,
    data: tuple[Dataset, Dataset | None],
    seed: int,
    seconds: float,
    executor: Executor,
    on_event: OnEvent,
    told: list[Any],
) -> bool:
    """Ask for candidates and tell their results until the time is up; return whether the user ended it.

    What is told is added to the list, which is there even if the study cannot be read any more.
    """
    import optuna

    dataset, valid = data
    end = time.monotonic() + seconds
    share = max(0.05, seconds / 120)
    running: dict[int, Any] = {}
    try:
        while running or time.monotonic() < end:
            while executor.idle and time.monotonic() < end:
                candidate = study.ask()
                widths, parameters = _suggest(candidate, dataset, valid is not None)
                candidate.set_user_attr("widths", list(widths))
                running[candidate.number] = candidate
                executor.submit(
                    candidate.number,
                    try_settings,
                    dataset,
                    widths,
                    parameters,
                    seed,
                    share,
                    valid,
                )
            for finished in executor.wait(_NAP):
                assert isinstance(finished.key, int)
                candidate = running.pop(finished.key)
                if finished.died:
                    study.tell(candidate, state=optuna.trial.TrialState.FAIL)
                    continue
                tried = finished.value
                for name in ("solutions", "trials", "iterations"):
                    candidate.set_user_attr(name, getattr(tried, name))
                told.append(_Told(tried.cost, candidate.params, candidate.user_attrs))
                study.tell(candidate, tried.cost)
                on_event(_standing(len(study.trials), study.best_value, valid is not None))
    except KeyboardInterrupt:
        for candidate in running.values():
            study.tell(candidate, state=optuna.trial.TrialState.FAIL)
        return True
    return False


def _standing(candidates: int, best: float, has_valid: bool) -> SettingsTried:
    """Return where the search is, by the cost of the best candidate."""
    if has_valid:
        return SettingsTried(candidates, valid=1 - best)
    return SettingsTried(candidates, seconds_per_solution=best if best < _NEVER else None)


def try_settings(
    dataset: Dataset,
    widths: tuple[int, ...],
    parameters: TrainParameters,
    seed: int,
    share: float,
    valid: Dataset | None = None,
) -> Tried:
    """Train a few trials with these settings, each in at most so many seconds.

    Without a solution the cost is huge, the less so the more targets the best network got right; with patterns
    held out it is what they say.
    """
    spent, solutions, best = 0.0, 0, 0.0
    steps: list[int] = []
    wrong: list[float] = []
    topology = layered(widths)
    check_fit(dataset, topology)
    for start in range(_SEEDS):
        hooks = TrialHooks(deadline=time.monotonic() + share)
        result = train_trial(dataset, topology, parameters, seed, start, hooks=hooks, valid=valid)
        spent += result.seconds
        steps.append(result.iterations)
        solutions += result.exact
        best = max(best, result.bits_right / max(1, result.bits))
        if valid is not None:
            wrong.append(1.0 - _right_share(result, valid))
            if len(steps) == _HELD_OUT_SEEDS:
                break
        elif len(steps) == _SEEDS // 2 and not solutions:
            break
    exact = spent / solutions if solutions else _NEVER * (2 - best)
    cost = statistics.fmean(wrong) if wrong else exact
    return Tried(cost, solutions, len(steps), int(statistics.median(steps)))


def _right_share(result: TrialResult, valid: Dataset) -> float:
    """Return the share held out that the network gets right: of classes where there are any, else of bits."""
    assert result.valid_right is not None  # patterns were held out
    of_classes = valid.output_kind is OutputKind.LABEL
    count = valid.n_patterns if of_classes else int(valid.care_mask.sum())
    return result.valid_right / max(1, count)


def _suggest(
    candidate: Any, dataset: Dataset, valid: bool
) -> tuple[tuple[int, ...], TrainParameters]:
    """Let the search choose widths, depth, sigma, beta and gamma; generated codes keep their width."""
    depth = candidate.suggest_int("hidden_layers", 1, 4)
    inputs = default_plan(dataset).trial_widths(0)[0]
    hidden = candidate.suggest_int("hidden_width", *hidden_widths(dataset), log=True)
    parameters = TrainParameters(
        sigma=float(candidate.suggest_categorical("sigma", [3.0, 5.0, 7.0])),
        beta=candidate.suggest_float("beta", 0.1, 0.9),
        gamma=candidate.suggest_float("gamma", 1e-4, 3e-2, log=True),
        max_iterations=_ITERATIONS,
        stop=StopRule.NONE if valid else StopRule.EXACT,
    )
    return (inputs, *([hidden] * depth), dataset.n_outputs), parameters
