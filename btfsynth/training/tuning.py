"""Search for settings that reach an exact network fastest, or the highest validation accuracy.

The search uses Optuna; its study can be kept in an SQLite file, which is validated when it is read.
"""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import time
from collections.abc import Hashable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.patterns import matched
from btfsynth.errors import (
    DataError,
    InterruptedWorkError,
    MissingToolError,
    OutputError,
    TrainingError,
    plural,
    shown,
)
from btfsynth.events import OnEvent, SettingsTried, ignore
from btfsynth.files import StrPath, as_path
from btfsynth.network.network import layered
from btfsynth.plugins import install_command
from btfsynth.records import InvalidRecordError, file_content, real, whole
from btfsynth.settings.table import TUNE, StopRule
from btfsynth.training.parameters import TrainParameters, TrialResult, default_plan
from btfsynth.training.trainer import TrialOptions, check_fit, train_trial, warm_up
from btfsynth.workers.executor import Executor, Inline, Task, completed

_SEEDS = 6
_HELD_OUT_SEEDS = 2
_NEVER = 1e9
_ITERATIONS = 100_000


@dataclass(frozen=True)
class TuningResult:
    """The best settings found.

    `seconds_per_solution` is the training time of all trials per success, None with a validation set; `valid`
    is the mean share of its correct targets, or classes, over the trials. `solutions` and `trials` are the
    counts behind that figure. `candidates` were tried, including those of resumed searches. `lost` is the
    reason why the study could no longer be written, which ended the search.
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
    """The result of a few trials of some settings.

    `cost` is minimised: seconds per solution, or the share of wrong validation targets.
    `iterations` is the median of the trials.
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
    """Search for settings by the expected time to an exact network, or by validation accuracy.

    Every candidate trains from the same few random starts, each for a share of the time, so that a slow one
    costs no more than others. The search is Optuna's tree-structured Parzen estimator; `time_limit` (seconds)
    or Ctrl-C ends it with the best settings so far. `storage` is an SQLite file of the candidates; an existing
    one is continued. With a validation set, trials use their whole share of the time, and the iterations done
    become part of the settings.
    """
    storage = None if storage is None else as_path(storage)
    time_limit, seed = TUNE["time_limit"].take(time_limit), TUNE["seed"].take(seed)
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
    search = _Search(study, dataset, valid, seed, time_limit)
    lost: str | None = None
    try:
        interrupted = search.run(executor or Inline(), on_event or ignore)
        tried = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    except (optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError) as error:
        lost = f"{storage}: the study cannot be written: {reason(error)}; it keeps the earlier candidates"
        interrupted, tried = False, search.told
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


class _Search:
    """Candidates asked of a study, and their results told to it.

    The results are also kept here, in case the study can no longer be read.
    """

    def __init__(
        self, study: Any, dataset: Dataset, valid: Dataset | None, seed: int, time_limit: float
    ) -> None:
        self.study = study
        self.dataset = dataset
        self.valid = valid
        self.seed = seed
        self.end = time.monotonic() + time_limit
        self.share = max(0.05, time_limit / 120)
        self.space = _space(dataset)
        self.running: dict[Hashable, Any] = {}
        self.told: list[Any] = []

    def run(self, executor: Executor, on_event: OnEvent) -> bool:
        """Try candidates; return whether the user stopped it."""
        from optuna.trial import TrialState

        try:
            with closing(completed(executor, self.next, on_event, attempts=1)) as ended:
                for finished in ended:
                    candidate = self.running.pop(finished.key)
                    if finished.died:
                        self.study.tell(candidate, state=TrialState.FAIL)
                        continue
                    self.tell(candidate, finished.value)
                    on_event(self.standing())
        except KeyboardInterrupt:
            for candidate in self.running.values():
                self.study.tell(candidate, state=TrialState.FAIL)
            return True
        return False

    def next(self) -> Task | None:
        """Return the next candidate, None at the time limit."""
        if time.monotonic() >= self.end:
            return None
        candidate = self.study.ask(self.space)
        widths, parameters = _chosen(candidate, self.dataset, self.valid is not None)
        candidate.set_user_attr("widths", list(widths))
        self.running[candidate.number] = candidate
        arguments = (self.dataset, widths, parameters, self.seed, self.share, self.valid)
        return Task(candidate.number, f"candidate {candidate.number}", try_settings, arguments)

    def tell(self, candidate: Any, tried: Tried) -> None:
        for name in ("solutions", "trials", "iterations"):
            candidate.set_user_attr(name, getattr(tried, name))
        self.told.append(_Told(tried.cost, candidate.params, candidate.user_attrs))
        self.study.tell(candidate, tried.cost)

    def standing(self) -> SettingsTried:
        candidates, best = len(self.study.trials), self.study.best_value
        if self.valid is not None:
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
    """Train a few trials with these settings, each for at most `share` seconds.

    Without a solution the cost is huge, but lower the more targets the best network has correct.
    """
    spent, solutions, best = 0.0, 0, 0.0
    steps: list[int] = []
    wrong: list[float] = []
    topology = layered(widths)
    check_fit(dataset, topology)
    for start in range(_SEEDS):
        options = TrialOptions.within(share)
        result = train_trial(
            dataset, topology, parameters, seed, start, valid=valid, options=options
        )
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
    """Return the share of the validation set that is correct: classes if there are any, else bits."""
    assert result.valid_right is not None  # patterns were held out
    of_classes = valid.output_kind is OutputKind.LABEL
    count = valid.n_patterns if of_classes else int(valid.care_mask.sum())
    return result.valid_right / max(1, count)


def _chosen(
    candidate: Any, dataset: Dataset, has_valid: bool
) -> tuple[tuple[int, ...], TrainParameters]:
    chosen = candidate.params
    parameters = TrainParameters(
        sigma=chosen["sigma"],
        beta=chosen["beta"],
        gamma=chosen["gamma"],
        max_iterations=_ITERATIONS,
        stop=StopRule.NONE if has_valid else StopRule.EXACT,
    )
    return _widths(chosen, dataset), parameters


def _widths(chosen: Mapping[str, Any], dataset: Dataset) -> tuple[int, ...]:
    hidden = [chosen["hidden_width"]] * chosen["hidden_layers"]
    return (default_plan(dataset).trial_widths(0)[0], *hidden, dataset.n_outputs)


def _space(dataset: Dataset) -> dict[str, Any]:
    """Return the search space: depth, width, sigma, beta and gamma."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    least = max(default_plan(dataset).trial_widths(0)[0], dataset.n_outputs, 2)
    return {
        "hidden_layers": IntDistribution(1, 4),
        "hidden_width": IntDistribution(least, 6 * least, log=True),
        "sigma": CategoricalDistribution([3.0, 5.0, 7.0]),
        "beta": FloatDistribution(0.1, 0.9),
        "gamma": FloatDistribution(1e-4, 3e-2, log=True),
    }


_SEED_RANGE = 1 << 32
"""Seeds that Optuna takes."""
_FULL = "disk is full"


def open_study(name: str, storage: StrPath | None, seed: int, dataset: Dataset) -> Any:
    """Return the study of a file, or a new one; its candidates must fit a search of these data."""
    storage = None if storage is None else as_path(storage)
    import optuna
    import sqlalchemy

    # Its own text of an address: names may have marks that would end them.
    url = None if storage is None else sqlalchemy.URL.create("sqlite", database=str(storage))
    is_new = storage is not None and not os.path.lexists(storage)
    try:
        study = optuna.create_study(
            study_name=name,
            storage=None if url is None else url.render_as_string(),
            load_if_exists=True,
        )
        candidates = study.get_trials(deepcopy=False)
    except Exception as error:
        if storage is None:
            raise
        if is_new:
            _remove(storage)
        if _FULL in str(error):
            raise OutputError(
                f"{storage}: no space left in {storage.parent} for the study"
            ) from None
        raise DataError(f"cannot be used as a study: {reason(error)}", storage) from None
    if study.directions != [optuna.study.StudyDirection.MINIMIZE]:
        raise DataError("cannot be used as a study: expected one for the smallest cost", storage)
    for candidate in candidates:
        place = f"cannot be used as a study: candidate {shown(candidate.number)}"
        try:
            with file_content(storage or "", place):
                _check_candidate(candidate, dataset)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise DataError(f"{place}: malformed ({type(error).__name__})", storage) from None
    # A search that is resumed is not to begin with the candidates it has had.
    study.sampler = optuna.samplers.TPESampler(seed=(seed + len(candidates)) % _SEED_RANGE)
    return study


def _remove(storage: Path) -> None:
    """Remove the remains of a file that could not be made."""
    for name in (storage, *(Path(f"{storage}-{part}") for part in ("journal", "wal", "shm"))):
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _check_candidate(candidate: Any, dataset: Dataset) -> None:
    """Refuse a candidate that does not fit a search of these data."""
    import optuna

    space = _space(dataset)
    for number in (candidate.number, candidate._trial_id):
        whole({"number": number}, "number")
    for name, distribution in candidate.distributions.items():
        if distribution != space.get(name):
            raise InvalidRecordError(f"{name!r:.60}: expected a parameter of this search")
    if candidate.state is not optuna.trial.TrialState.COMPLETE:
        return
    params, kept = candidate.params, candidate.user_attrs
    if params.keys() != space.keys():
        raise InvalidRecordError(f"expected the parameters {', '.join(space)}")
    for name, value in params.items():
        if not (
            math.isfinite(value) and space[name]._contains(space[name].to_internal_repr(value))
        ):
            raise InvalidRecordError(f"{name}: expected a value of its range, got {shown(value)}")
    real({"cost": candidate.value}, "cost")
    if kept.get("widths") != list(_widths(params, dataset)):
        raise InvalidRecordError(
            f"widths: expected those of its parameters, got {shown(kept.get('widths'))}"
        )
    trials = whole(kept, "trials", 1)
    whole(kept, "solutions", 0, trials)
    whole(kept, "iterations")


def reason(error: Exception) -> str:
    lines = str(error.__cause__ or error).splitlines()
    return lines[0] if lines else type(error).__name__
