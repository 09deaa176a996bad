"""Search for settings that reach an exact network soonest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import DataError, MissingToolError, TrainingError
from btfsynth.network.topology import layered
from btfsynth.train.parameters import TrainParameters
from btfsynth.train.trainer import TrialHooks, check_fit, train_trial, warm_up
from btfsynth.workers.executor import Executor
from btfsynth.workers.inline import Inline

__all__ = ["TuningResult", "try_settings", "tune"]

_SEEDS = 6
_NEVER = 1e9
_ITERATIONS = 100_000
_NAP = 0.5


@dataclass(frozen=True)
class TuningResult:
    """The best settings found.

    Parameters
    ----------
    widths, sigma, beta, gamma, iterations
        The settings.
    seconds_per_solution
        Seconds of training that an exact network took with them: all trials' time over the successes.
    solutions, trials
        Successes and trials behind that figure.
    candidates
        Settings tried, those of resumed searches included.
    """

    widths: tuple[int, ...]
    sigma: float
    beta: float
    gamma: float
    iterations: int
    seconds_per_solution: float
    solutions: int
    trials: int
    candidates: int


def tune(
    dataset: Dataset,
    seconds: float,
    seed: int = 1,
    storage: Path | None = None,
    on_candidate: Callable[[int, float], None] | None = None,
    executor: Executor | None = None,
) -> TuningResult:
    """Search settings by the expected time to an exact network.

    Every candidate trains from the same few random starts, each for a share of the time so that a slow one
    costs no more than others. The search is Optuna's tree-structured Parzen estimator.

    Parameters
    ----------
    dataset
        What to learn; with inputs.
    seconds
        How long to search.
    seed
        Of the search and of the random starts.
    storage
        SQLite file that keeps the candidates; a file that exists is gone on from.
    on_candidate
        Called with the number of candidates and the best seconds a solution so far.
    executor
        Tries candidates side by side; None tries them one after the other in this process.

    Raises
    ------
    MissingToolError
        If Optuna is not installed.
    TrainingError
        If no candidate reached an exact network.
    """
    try:
        import optuna
    except ImportError:
        raise MissingToolError(
            "optuna is not installed; pip install 'btfsynth[tune]' (or pip install optuna)"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warm_up(TrainParameters().precision)
    try:
        study = optuna.create_study(
            study_name=dataset.content_hash,
            storage=None if storage is None else f"sqlite:///{storage}",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
    except Exception as error:
        if storage is None:
            raise
        raise DataError(f"cannot be used as a study: {type(error).__name__}", storage) from None

    _search(study, dataset, seed, seconds, executor or Inline(), on_candidate)
    best = study.best_trial
    if best.value >= _NEVER:
        raise TrainingError(
            f"no settings reached an exact network in {len(study.trials)} candidates; give more time"
        )
    return TuningResult(
        widths=tuple(best.user_attrs["widths"]),
        sigma=float(best.params["sigma"]),
        beta=float(best.params["beta"]),
        gamma=float(best.params["gamma"]),
        iterations=_ITERATIONS,
        seconds_per_solution=float(best.value),
        solutions=int(best.user_attrs["solutions"]),
        trials=int(best.user_attrs["trials"]),
        candidates=len(study.trials),
    )


def _search(
    study: Any,
    dataset: Dataset,
    seed: int,
    seconds: float,
    executor: Executor,
    on_candidate: Callable[[int, float], None] | None,
) -> None:
    """Ask for candidates and tell what they came to until the time is up."""
    import optuna

    end = time.monotonic() + seconds
    share = max(0.05, seconds / 120)
    running: dict[int, Any] = {}
    while running or time.monotonic() < end:
        while executor.idle and time.monotonic() < end:
            candidate = study.ask()
            widths, parameters = _suggest(candidate, dataset)
            candidate.set_user_attr("widths", list(widths))
            running[candidate.number] = candidate
            executor.submit(
                candidate.number, try_settings, dataset, widths, parameters, seed, share
            )
        for finished in executor.wait(_NAP):
            assert isinstance(finished.key, int)
            candidate = running.pop(finished.key)
            if finished.died:
                study.tell(candidate, state=optuna.trial.TrialState.FAIL)
                continue
            value, solutions, trials = finished.value
            candidate.set_user_attr("solutions", solutions)
            candidate.set_user_attr("trials", trials)
            study.tell(candidate, value)
            if on_candidate is not None:
                on_candidate(len(study.trials), study.best_value)


def try_settings(
    dataset: Dataset,
    widths: tuple[int, ...],
    parameters: TrainParameters,
    seed: int,
    share: float,
) -> tuple[float, int, int]:
    """Return the seconds a solution takes with these settings, and the solutions and trials behind that.

    Without a solution the figure is huge, the less so the more targets the best network got right.
    """
    spent, solutions, trials, best = 0.0, 0, 0, 0.0
    topology = layered(widths)
    check_fit(dataset, topology)
    for start in range(_SEEDS):
        hooks = TrialHooks(deadline=time.monotonic() + share)
        result = train_trial(dataset, topology, parameters, seed, start, hooks=hooks)
        spent += result.seconds
        trials += 1
        solutions += result.exact
        best = max(best, result.bits_right / max(1, result.bits))
        if trials == _SEEDS // 2 and not solutions:
            break
    return spent / solutions if solutions else _NEVER * (2 - best), solutions, trials


def _suggest(candidate: Any, dataset: Dataset) -> tuple[tuple[int, ...], TrainParameters]:
    """Let the search choose widths, depth, sigma, beta and gamma."""
    depth = candidate.suggest_int("hidden_layers", 1, 4)
    least = max(dataset.n_inputs, dataset.n_outputs, 2)
    hidden = candidate.suggest_int("hidden_width", least, 6 * least, log=True)
    parameters = TrainParameters(
        sigma=float(candidate.suggest_categorical("sigma", [3.0, 5.0, 7.0])),
        beta=candidate.suggest_float("beta", 0.1, 0.9),
        gamma=candidate.suggest_float("gamma", 1e-4, 3e-2, log=True),
        iterations=_ITERATIONS,
    )
    return (dataset.n_inputs, *([hidden] * depth), dataset.n_outputs), parameters
