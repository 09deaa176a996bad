"""Patterns to a trained network, a small netlist and checked hardware, all in one folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth import __version__
from btfsynth.backends.design import write_design
from btfsynth.backends.manifest import MANIFEST_FILE
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import (
    BtfsynthError,
    InterruptedWorkError,
    OutputError,
    TrainingError,
    UsageError,
)
from btfsynth.files import write_text
from btfsynth.flow.records import is_verified, netlist_record, network_record, pass_records
from btfsynth.flow.simplify import simplify_network
from btfsynth.flow.vectors import hardware_vectors
from btfsynth.lower.lowering import LoweringReport
from btfsynth.netlist.reference import Preserve
from btfsynth.netlist.statistics import NetlistStatistics, statistics
from btfsynth.netlist.text import format_netlist
from btfsynth.network.trained import TrainedNetwork, save_network
from btfsynth.passes.base import PassReport
from btfsynth.passes.registry import parse_script
from btfsynth.sim.registry import get_simulator
from btfsynth.sim.result import CheckResult
from btfsynth.staging import publish, staging_folder
from btfsynth.train.parameters import Progress, TrialResult
from btfsynth.train.session import TrainOptions, plan_for, train, train_record
from btfsynth.train.trials import TrainingRun
from btfsynth.verify.parsed import PARSED_CHECK
from btfsynth.verify.simulate import simulate_design

__all__ = ["BuildOptions", "BuildReport", "Observer", "build"]


@dataclass(frozen=True)
class BuildOptions:
    """What to build, and how.

    Parameters
    ----------
    training
        How to train.
    passes
        Script of passes.
    preserve
        What the netlist keeps; None chooses by the data (see `choose_preserve`).
    simulators
        Names; None takes all that are installed.
    """

    training: TrainOptions = field(default_factory=TrainOptions)
    passes: str = "size"
    preserve: Preserve | None = None
    simulators: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Observer:
    """Who is told what happens; every part may stay as it is.

    Parameters
    ----------
    on_stage
        Gets a line at the start of every stage.
    on_progress
        Gets the progress of trials, from the training threads.
    on_trial
        Gets every trial that has ended, from the training threads.
    on_detail
        Gets lines on how a stage goes, worth a look but not keeping.
    """

    on_stage: Callable[[str], None] = lambda _: None
    on_progress: Callable[[Progress], None] = lambda _: None
    on_trial: Callable[[TrialResult], None] = lambda _: None
    on_detail: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, eq=False)
class BuildReport:
    """What a build came to; `to_json` is what ``report.json`` holds."""

    dataset: Dataset
    options: BuildOptions
    run: TrainingRun
    lowering: LoweringReport
    passes: tuple[PassReport, ...]
    cost: NetlistStatistics
    checks: dict[str, CheckResult]
    files: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """True if nothing failed and a simulator of the hardware ran."""
        return is_verified(self.checks, self.options.simulators or ())

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "name": self.dataset.name,
            "source": self.dataset.source,
            "data_hash": self.dataset.content_hash,
            "patterns": self.dataset.n_patterns,
            "exhaustive": self.dataset.exhaustive,
            "seed": self.options.training.seed,
            "train": train_record(self.run),
            "netlist": {
                **netlist_record(self.cost),
                "lowered_cells": self.lowering.cells,
                "preserves": self.lowering.preserved.value,
            },
            "passes": pass_records(self.passes),
            "checks": {name: check.to_json() for name, check in self.checks.items()},
            "verified": self.verified,
            "version": __version__,
            "files": list(self.files),
            "notices": list(self.notices),
        }


def build(
    dataset: Dataset, directory: Path, options: BuildOptions, observer: Observer | None = None
) -> BuildReport:
    """Train, simplify, emit and check; put everything into a folder.

    All files are made and checked in a hidden folder inside the one named, then moved up together,
    so that the named folder never holds half a design.

    Parameters
    ----------
    dataset
        What to learn; Boolean.
    directory
        Where the files go; made if it is missing.
    options
        How.
    observer
        Who is told.

    Raises
    ------
    UsageError
        If an option or the data cannot be used; before anything is trained or written.
    TrainingError
        If no trial succeeded; the best network is in the folder.
    InterruptedWorkError
        If the user stopped the work; the best network is in the folder.
    OutputError
        If the folder cannot be written; it then holds what it held before.
    BtfsynthError
        If a later station failed; the trained network is in the folder.
    """
    observer = observer or Observer()
    _check_request(dataset, options)
    with staging_folder(directory) as staging:
        observer.on_stage("training")
        run = train(
            dataset,
            options.training,
            on_progress=observer.on_progress,
            on_trial=observer.on_trial,
        )
        network = run.network(dataset, options.training.seed)
        _require_success(run, network, directory)
        try:
            report = _make_design(
                dataset, run, network, staging, options=options, observer=observer
            )
            publish(staging, directory, last=MANIFEST_FILE)
        except KeyboardInterrupt:
            kept = _keep(network, directory)
            raise InterruptedWorkError(
                f"interrupted after training; the trained network is kept in {kept}"
            ) from None
        except BtfsynthError as error:
            # The training may have taken hours. If even this cannot be written, the error stands.
            with contextlib.suppress(OutputError):
                kept = _keep(network, directory)
                error.args = (f"{error}; the trained network is kept in {kept}",)
            raise
    return report


def _check_request(dataset: Dataset, options: BuildOptions) -> None:
    """Refuse what can be seen to fail before any work is done."""
    parse_script(options.passes)
    for name in options.simulators or ():
        if name != PARSED_CHECK:
            get_simulator(name)
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to build hardware from, got "
            f"{dataset.input_kind.value} ones; a network can be trained on them with 'train'"
            if dataset.input_kind is InputKind.ANALOG
            else f"{dataset.source}: expected input columns, got data for a generator"
        )
    if not dataset.care_mask.any():
        raise UsageError(f"{dataset.source}: every target is a don't-care: nothing to learn")
    plan_for(dataset, options.training)


def _make_design(
    dataset: Dataset,
    run: TrainingRun,
    network: TrainedNetwork,
    staging: Path,
    *,
    options: BuildOptions,
    observer: Observer,
) -> BuildReport:
    """Do what follows a training that succeeded; all files go into the staging folder."""
    observer.on_stage("simplifying")
    netlist, lowering, reports = simplify_network(
        network, dataset, options.preserve, options.passes
    )
    observer.on_stage("emitting")
    manifest = write_design(
        netlist,
        hardware_vectors(dataset, network, lowering.preserved),
        staging,
        source=dataset.source,
        data_hash=dataset.content_hash,
        provenance=_provenance(run, options),
        options=_recorded_options(run, options, lowering),
        notices=dataset.notices,
    )
    save_network(network, staging / f"{manifest.module}.npz")
    write_text(staging / f"{manifest.module}.mig", format_netlist(netlist))
    checks = {"network": network_record(network, dataset)}
    observer.on_stage("simulating")
    for check in simulate_design(staging, options.simulators):
        checks[check.name] = check
    report = BuildReport(
        dataset=dataset,
        options=options,
        run=run,
        lowering=lowering,
        passes=reports,
        cost=statistics(netlist),
        checks=checks,
        files=tuple(sorted({path.name for path in staging.iterdir()} | {"report.json"})),
        notices=manifest.notices,
    )
    write_text(staging / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    return report


def _keep(network: TrainedNetwork, directory: Path) -> Path:
    """Save a network that no design could be made from, and return where."""
    path = directory / f"{network.name}_best.npz"
    save_network(network, path)
    return path


def _require_success(run: TrainingRun, network: TrainedNetwork, directory: Path) -> None:
    if run.succeeded:
        return
    kept = _keep(network, directory)
    best = run.best
    near = (
        f"the best network has {best.bits_right} of {best.bits} bits right (gap {best.gap:.3g}, "
        f"trial {best.trial + 1} of {len(run.results)}); it is kept in {kept}"
    )
    if run.interrupted:
        raise InterruptedWorkError(f"interrupted: {near}")
    limit = "the time limit" if run.timed_out else "the trials"
    raise TrainingError(f"no network met the stopping rule within {limit}: {near}")


def _provenance(run: TrainingRun, options: BuildOptions) -> dict[str, str]:
    best, parameters = run.best, run.best.parameters
    widths = ",".join(str(width) for width in best.topology.widths or ())
    return {
        "training": f"seed {options.training.seed}, trial {best.trial}, widths {widths}, "
        f"sigma {parameters.sigma:g}, beta {parameters.beta:g}, gamma {parameters.gamma:g}",
        "passes": options.passes,
    }


def _recorded_options(
    run: TrainingRun, options: BuildOptions, lowering: LoweringReport
) -> dict[str, Any]:
    best, parameters = run.best, run.best.parameters
    return {
        "seed": options.training.seed,
        "trial": best.trial,
        "widths": None if best.topology.widths is None else list(best.topology.widths),
        "sigma": parameters.sigma,
        "beta": parameters.beta,
        "gamma": parameters.gamma,
        "stop": parameters.stop.value,
        "passes": options.passes,
        "preserve": lowering.preserved.value,
    }
