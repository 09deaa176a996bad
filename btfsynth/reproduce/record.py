"""One run of an experiment from one seed: the work, and its record as JSON values.

`run_training` and `run_baseline` depend on their arguments alone, so they can run in any process, on this
machine or on others; what cannot be run is a `Failed`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from btfsynth.dataset.dataset import InputKind
from btfsynth.dataset.load import load
from btfsynth.errors import MissingToolError, TrainingError
from btfsynth.events import Event, TrialProgress
from btfsynth.network.accuracy import measure
from btfsynth.network.sparse import sparsify
from btfsynth.reproduce.catalogue import Experiment, Measure, Scale
from btfsynth.reproduce.gradient import GradientOptions, has_torch, train_gradient
from btfsynth.reproduce.recovery import hidden_netlist, recover
from btfsynth.training.parameters import TrialResult
from btfsynth.training.trainer import TrialOptions, train_trial
from btfsynth.training.trials import TrainingRun
from btfsynth.workers.executor import place, report

Record = dict[str, Any]

_LEARNT = 0.2
"""Gap below which weights are refitted."""

BASELINES = {
    "adamw": GradientOptions(epochs=2000, rate=3e-3, decay=1e-2),
    "adamw_penalty": GradientOptions(epochs=2000, rate=1e-2, decay=0.0, l1=3e-4, row_norm=1e-3),
}
"""The gradient baselines."""


def _training_record(experiment: Experiment, scale: Scale, seed: int) -> Record:
    """Train an experiment from one seed and measure the result; report `TrialProgress` ten times a second."""
    dataset = load(experiment.source(seed))
    test = load(experiment.test_source(seed)) if experiment.tested else None
    result = train_trial(
        dataset,
        experiment.topology,
        experiment.parameters(scale),
        seed,
        valid=test,
        on_event=_report,
        options=TrialOptions(valid_chooses=False),  # a test set that chose would tell nothing
    )
    network = TrainingRun((result,), result, result.succeeded, False, False, 0.0).network(
        dataset, seed
    )
    tested = None if test is None else measure(network, test)
    recovery = sparse = None
    if experiment.hidden:
        hidden = hidden_netlist(experiment.source(seed))
        # Refitting takes long and helps little before nearly all is learnt.
        if experiment.fitted or result.gap < _LEARNT:
            network, fitted = sparsify(network, dataset)
            share = None if test is None else measure(network, test).bit_share
            sparse = {**asdict(fitted), "test": share}
        recovery = recover(network, dataset, test, hidden).to_json()
    return {
        "seed": seed,
        "source": experiment.source(seed),
        "patterns": dataset.n_patterns,
        "iterations": result.iterations,
        "best_iteration": result.best_iteration,
        "seconds": round(result.step_seconds, 2),
        "stop": result.stop.value,
        "gap": float(f"{result.gap:.4g}"),
        "train": result.bits_right / result.bits,
        "exact": result.exact,
        "test": None if tested is None else tested.bit_share,
        "test_labels": None if tested is None else tested.label_share,
        "codes": None if result.codes is None else len(np.unique(result.codes, axis=0)),
        "sparse": sparse,
        "recovery": recovery,
        "curve": _curve(result),
    }


def _baseline_record(experiment: Experiment, seed: int) -> Record:
    """Train the gradient baselines on the same patterns."""
    dataset = load(experiment.source(seed))
    if dataset.input_kind not in (InputKind.BOOLEAN, InputKind.ANALOG):
        return {}
    test = load(experiment.test_source(seed)) if experiment.tested else None
    records = {}
    for name, options in BASELINES.items():
        came = train_gradient(dataset, test, experiment.widths, seed, options, skip=experiment.skip)
        records[name] = {
            "train": came.train,
            "test": came.test,
            "epochs": options.epochs,
            "seconds": round(came.seconds, 2),
        }
    return records


def value_of(experiment: Experiment, record: Record) -> float:
    """Return what an experiment is judged by: a share, or a number of codes."""
    if experiment.measure is Measure.TEST_BITS:
        fitted = record["sparse"] if experiment.fitted else None
        return float((fitted or record)["test"])
    if experiment.measure is Measure.TEST_LABELS:
        return float(record["test_labels"])
    if experiment.measure is Measure.CODES:
        return float(record["codes"])
    return float(record["train"])


def goal_reached(experiment: Experiment, record: Record) -> bool | None:
    """Return whether a run reached what was published, or all there is; None without a figure."""
    if experiment.measure is Measure.EXACT:
        return bool(record["exact"])
    if experiment.measure is Measure.CODES:
        return bool(record["codes"] == experiment.widths[0])
    share = experiment.published.share
    return None if share is None else value_of(experiment, record) >= share


def _curve(result: TrialResult) -> list[list[float | None]]:
    """Return iterations, gap, and shares of training and test (of classes, where there are any)."""
    return [
        [
            point.iterations,
            float(f"{point.gap:.5g}"),
            round(point.bits if point.labels is None else point.labels, 6),
            _rounded(point.valid_bits if point.valid_labels is None else point.valid_labels),
        ]
        for point in result.history
    ]


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


@dataclass(frozen=True)
class Failed:
    """Why a run has no result."""

    why: str
    torch: bool = False  # True if PyTorch is missing


def run_training(experiment: Experiment, scale: Scale, seed: int) -> Record | Failed:
    try:
        return _training_record(experiment, scale, seed)
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}")


def _report(event: Event) -> None:
    if isinstance(event, TrialProgress):
        report(asdict(event))


def run_baseline(experiment: Experiment, seed: int) -> Record | Failed:
    try:
        return _baseline_record(experiment, seed)
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}", torch=not has_torch())


def progress_of(told: dict[str, object]) -> TrialProgress:
    widths = told["widths"]
    assert widths is None or isinstance(widths, list | tuple)
    return TrialProgress(**{**told, "widths": widths and tuple(widths)})  # type: ignore[arg-type]
