"""Patterns to a trained network, a small netlist and checked hardware, all in one folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

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
from btfsynth.flow.records import network_record
from btfsynth.flow.report import BuildOptions, BuildReport, NetworkOrigin
from btfsynth.flow.simplify import simplify_network
from btfsynth.flow.vectors import hardware_vectors, require_fit
from btfsynth.netlist.reference import Preserve
from btfsynth.netlist.statistics import statistics
from btfsynth.netlist.text import format_netlist
from btfsynth.network.accuracy import measure
from btfsynth.network.trained import TrainedNetwork, save_network
from btfsynth.passes.registry import parse_script
from btfsynth.sim.registry import get_simulator
from btfsynth.staging import publish, staging_folder
from btfsynth.train.parameters import Progress, TrialResult
from btfsynth.train.session import plan_for, train
from btfsynth.train.trials import TrainingRun
from btfsynth.verify.parsed import PARSED_CHECK
from btfsynth.verify.simulate import simulate_design

__all__ = ["Observer", "build", "build_network"]


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
    plan_for(dataset, options.training)
    with staging_folder(directory) as staging:
        observer.on_stage("training")
        run = train(
            dataset,
            options.training,
            on_progress=observer.on_progress,
            on_trial=observer.on_trial,
        )
        seed = options.training.seed
        network = run.network(dataset, seed)
        _require_success(run, network, directory)
        try:
            origin = NetworkOrigin(network, seed=seed, run=run)
            report = _make_design(dataset, origin, staging, options=options, observer=observer)
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


def build_network(
    dataset: Dataset,
    network: TrainedNetwork,
    file: str,
    directory: Path,
    options: BuildOptions,
    observer: Observer | None = None,
) -> BuildReport:
    """Simplify, emit and check a network that was trained before (see `build`).

    Parameters
    ----------
    dataset
        What it has learnt; Boolean. The hardware has its name and its ports.
    network
        The network.
    file
        Where it came from; only the name of the file is recorded, not its folder.
    directory, options, observer
        As for `build`.

    Raises
    ------
    UsageError
        If the patterns do not fit the network, or are to be preserved and it misses one, or it was
        never trained.
    OutputError
        If the folder cannot be written; it then holds what it held before.
    """
    observer = observer or Observer()
    name = Path(file).name
    _check_request(dataset, options)
    require_fit(replace(network, name=name), dataset)
    if not network.weights.any():
        raise UsageError(
            f"{name}: expected a trained network, got a graph of which every weight is 0; "
            "'btfsynth train --topology' trains one"
        )
    missed = dataset.n_patterns - network.vectors_right(dataset)
    wrong = f"the network of {name} is wrong on {missed} of {dataset.n_patterns} patterns"
    if missed and options.preserve is Preserve.CARE:
        raise UsageError(
            f"{dataset.source}: {wrong}, so these cannot be what is preserved; --preserve network "
            "keeps the network"
        )
    renamed = replace(
        network,
        name=dataset.name,
        input_ports=dataset.input_ports,
        output_ports=dataset.output_ports,
    )
    notices = (f"{wrong}; the netlist keeps the network",) if missed else ()
    with staging_folder(directory) as staging:
        origin = NetworkOrigin(renamed, file=name)
        report = _make_design(
            dataset, origin, staging, options=options, observer=observer, notices=notices
        )
        publish(staging, directory, last=MANIFEST_FILE)
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


def _make_design(
    dataset: Dataset,
    origin: NetworkOrigin,
    staging: Path,
    *,
    options: BuildOptions,
    observer: Observer,
    notices: tuple[str, ...] = (),
) -> BuildReport:
    """Do what follows once there is a network; all files go into the staging folder."""
    network = origin.network
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
        provenance={**origin.provenance(), "passes": options.passes},
        made_with={
            **origin.options(),
            "passes": options.passes,
            "preserve": lowering.preserved.value,
        },
        notices=(*dataset.notices, *notices),
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
        origin=origin,
        accuracy=measure(network, dataset),
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
