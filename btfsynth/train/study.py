"""The file of a search for settings: an Optuna study in SQLite, read without trust."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import DataError, OutputError, shown
from btfsynth.files import StrPath, as_path
from btfsynth.train.defaults import default_plan

__all__ = ["hidden_widths", "open_study", "reason"]

_SEED_RANGE = 1 << 32
"""Seeds that Optuna takes."""
_FULL = "disk is full"


def hidden_widths(dataset: Dataset) -> tuple[int, int]:
    """Return the least and the largest width of a hidden layer that is tried."""
    inputs = default_plan(dataset).trial_widths(0)[0]
    least = max(inputs, dataset.n_outputs, 2)
    return least, 6 * least


def open_study(name: str, storage: StrPath | None, seed: int, dataset: Dataset) -> Any:
    """Return the study of a file, or a new one that is kept nowhere.

    Parameters
    ----------
    name
        What the study is of.
    storage
        The file, which need not be there; None keeps it nowhere.
    seed
        Of the search.
    dataset
        What is learnt; candidates have to be for it.

    Raises
    ------
    DataError
        If the file is no study, or has candidates that are not such as a search keeps.
    OutputError
        If there is no space for a new file, of which then nothing is left.
    """
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
        try:
            problem = _problem(candidate, dataset)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            problem = f"malformed ({type(error).__name__})"
        if problem is not None:
            raise DataError(
                f"cannot be used as a study: candidate {shown(candidate.number)}: {problem}",
                storage,
            )
    # A search that is resumed is not to begin with the candidates it has had.
    study.sampler = optuna.samplers.TPESampler(seed=(seed + len(candidates)) % _SEED_RANGE)
    return study


def _remove(storage: Path) -> None:
    """Remove what has come of a file that could not be made."""
    for name in (storage, *(Path(f"{storage}-{part}") for part in ("journal", "wal", "shm"))):
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _problem(candidate: Any, dataset: Dataset) -> str | None:
    """Return in what a candidate is not such as a search keeps, None if in nothing."""
    import optuna

    least, most = hidden_widths(dataset)
    space = {
        "hidden_layers": optuna.distributions.IntDistribution(1, 4),
        "hidden_width": optuna.distributions.IntDistribution(least, most, log=True),
        "sigma": optuna.distributions.CategoricalDistribution([3.0, 5.0, 7.0]),
        "beta": optuna.distributions.FloatDistribution(0.1, 0.9),
        "gamma": optuna.distributions.FloatDistribution(1e-4, 3e-2, log=True),
    }
    if not all(type(each) is int for each in (candidate.number, candidate._trial_id)):
        return "expected a whole number as its number"
    done = candidate.state is optuna.trial.TrialState.COMPLETE
    for name, distribution in candidate.distributions.items():
        if distribution != space.get(name):
            return f"{name!r:.60}: expected a parameter of this search"
    if not done:
        return None
    if candidate.params.keys() != space.keys():
        return f"expected the parameters {', '.join(space)}"
    for name, value in candidate.params.items():
        if not (
            math.isfinite(value) and space[name]._contains(space[name].to_internal_repr(value))
        ):
            return f"{name}: expected a value of its range, got {shown(value)}"
    value = candidate.value
    if value is None or not (math.isfinite(value) and value >= 0):
        return f"cost: expected a number of at least 0, got {shown(value)}"
    return _attribute_problem(candidate, dataset)


def _attribute_problem(candidate: Any, dataset: Dataset) -> str | None:
    """Return what is wrong with what is kept beside the parameters."""
    kept, params = candidate.user_attrs, candidate.params
    inputs = default_plan(dataset).trial_widths(0)[0]
    hidden = [params["hidden_width"]] * params["hidden_layers"]
    if kept.get("widths") != [inputs, *hidden, dataset.n_outputs]:
        return f"widths: expected those of its parameters, got {shown(kept.get('widths'))}"
    for name, low in (("trials", 1), ("solutions", 0), ("iterations", 0)):
        value = kept.get(name)
        if type(value) is not int or not low <= value <= 2**62:
            return f"{name}: expected a whole number of at least {low}, got {shown(value)}"
    if kept["solutions"] > kept["trials"]:
        return f"solutions: expected at most {kept['trials']}, got {kept['solutions']}"
    return None


def reason(error: Exception) -> str:
    """Return the first line of what a database said."""
    lines = str(error.__cause__ or error).splitlines()
    return lines[0] if lines else type(error).__name__
