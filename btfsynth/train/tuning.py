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

__all__ = ["TuningResult", "tune"]

_SEEDS = 6
_NEVER = 1e9
_ITERATIONS = 100_000


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
    share = max(0.05, seconds / 120)

    def objective(candidate: Any) -> float:
        widths, parameters = _suggest(candidate, dataset)
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
        candidate.set_user_attr("solutions", solutions)
        candidate.set_user_attr("trials", trials)
        candidate.set_user_attr("widths", list(widths))
        return spent / solutions if solutions else _NEVER * (2 - best)

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

    def told(running: Any, _: Any) -> None:
        if on_candidate is not None:
            on_candidate(len(running.trials), running.best_value)

    study.optimize(objective, timeout=seconds, callbacks=[told])
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
