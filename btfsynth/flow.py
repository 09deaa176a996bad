"""The whole way: patterns to a trained network, a small netlist and checked hardware."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth import __version__
from btfsynth.backends.design import write_design
from btfsynth.backends.manifest import MANIFEST_FILE, Manifest
from btfsynth.backends.vectors import VectorTable
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import (
    BtfsynthError,
    InterruptedWorkError,
    OutputError,
    TrainingError,
    UsageError,
)
from btfsynth.files import write_text
from btfsynth.lower.lowering import LoweringReport, choose_preserve, lower_network, make_reference
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import (
    Preserve,
    care_reference,
    count_wrong,
    function_reference,
)
from btfsynth.netlist.simulation import exhaustive_words, output_words, pack_bits, unpack_bits
from btfsynth.netlist.statistics import NetlistStatistics, statistics
from btfsynth.netlist.text import format_netlist
from btfsynth.network.trained import TrainedNetwork, save_network
from btfsynth.passes.base import PassReport, run_passes
from btfsynth.passes.registry import parse_script
from btfsynth.sim.registry import SIMULATORS, get_simulator
from btfsynth.sim.result import CheckResult
from btfsynth.staging import publish, staging_folder
from btfsynth.train.parameters import Progress
from btfsynth.train.session import TrainOptions, plan_for, train, train_record
from btfsynth.train.trials import TrainingRun
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.parsed import PARSED_CHECK
from btfsynth.verify.simulate import simulate_design

__all__ = [
    "BuildOptions",
    "BuildReport",
    "Observer",
    "build",
    "emit_netlist",
    "hardware_vectors",
    "is_verified",
    "netlist_record",
    "network_record",
    "pass_records",
    "simplify_netlist",
    "simplify_network",
]

_ALL_VECTORS = 4096
"""Up to so many input vectors, hardware made from a sample is checked on all of them."""


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
    on_detail
        Gets lines on how a stage goes, worth a look but not keeping.
    """

    on_stage: Callable[[str], None] = lambda _: None
    on_progress: Callable[[Progress], None] = lambda _: None
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


def is_verified(checks: Mapping[str, CheckResult], wanted: Sequence[str]) -> bool:
    """Tell whether every check that ran passed, all wanted ones ran, and one ran the hardware."""
    ran = [name for name, check in checks.items() if check.skipped is None]
    real = any(name in SIMULATORS for name in ran)
    return real and all(checks[name].ok for name in ran) and all(name in ran for name in wanted)


def netlist_record(cost: NetlistStatistics) -> dict[str, int]:
    """Return what a netlist costs as JSON values."""
    return {
        "cells": cost.cells,
        "and": cost.and_cells,
        "or": cost.or_cells,
        "maj": cost.maj_cells,
        "inverters": cost.inverters,
        "depth": cost.depth,
    }


def pass_records(reports: Sequence[PassReport]) -> list[dict[str, Any]]:
    """Return what passes did as JSON values."""
    return [
        {
            "name": report.name,
            "cells": report.after.cells,
            "depth": report.after.depth,
            "seconds": round(report.seconds, 3),
            "proof": report.proof,
            "kept": report.kept,
        }
        for report in reports
    ]


def network_record(network: TrainedNetwork, dataset: Dataset) -> CheckResult:
    """Check the trained network against the patterns."""
    right = network.vectors_right(dataset)
    return CheckResult(name="network", passed=right, failed=dataset.n_patterns - right)


def simplify_network(
    network: TrainedNetwork, dataset: Dataset | None, preserve: Preserve | None, script: str
) -> tuple[Netlist, LoweringReport, tuple[PassReport, ...]]:
    """Lower a network and run passes over the netlist, every step checked.

    Parameters
    ----------
    network
        What to lower.
    dataset
        The patterns; without them the network itself is kept.
    preserve
        What to keep; None chooses by the patterns.
    script
        Passes.

    Raises
    ------
    UsageError
        If the patterns do not fit the network, or are to be kept and it misses one.
    """
    steps = parse_script(script)
    if dataset is None:
        reference = function_reference(network.outputs, network.topology.n_inputs)
    else:
        _require_fit(network, dataset)
        chosen = preserve or choose_preserve(dataset, network)
        reference = make_reference(network, dataset, chosen)
    netlist, lowering = lower_network(network, reference)
    netlist, reports = run_passes(steps, netlist, reference, _prove)
    return netlist, lowering, reports


def simplify_netlist(
    netlist: Netlist, dataset: Dataset | None, preserve: Preserve | None, script: str
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes over a netlist, every step checked.

    It keeps its function, or what patterns ask for if they are given.

    Raises
    ------
    UsageError
        If the patterns are to be kept and the netlist does not compute them.
    """
    steps = parse_script(script)
    if dataset is None or preserve is Preserve.NETWORK:
        reference = function_reference(_function(netlist), netlist.n_inputs)
    else:
        _require_fit(netlist, dataset)
        reference = care_reference(dataset)
        wrong = count_wrong(netlist, reference)
        if wrong:
            raise UsageError(
                f"{netlist.name}: is wrong on {wrong} of the {dataset.n_patterns} patterns of "
                f"{dataset.source}, so these cannot be what is preserved"
            )
    return run_passes(steps, netlist, reference, _prove)


def emit_netlist(netlist: Netlist, dataset: Dataset | None, directory: Path) -> Manifest:
    """Write a netlist as hardware with vectors from patterns, or from its own function without.

    Raises
    ------
    UsageError, DataError
        If the patterns do not fit the netlist or are not Boolean.
    OutputError
        If the folder cannot be written; it then holds what it held before.
    """
    origin: dict[str, Any] = {}
    if dataset is None:
        vectors = _function_vectors(_function(netlist), netlist.n_inputs)
    else:
        _require_fit(netlist, dataset)
        vectors = VectorTable.from_dataset(dataset)
        origin = {
            "source": dataset.source,
            "data_hash": dataset.content_hash,
            "notices": dataset.notices,
        }
    with staging_folder(directory) as staging:
        manifest = write_design(netlist, vectors, staging, **origin)
        publish(staging, directory, last=MANIFEST_FILE)
    return manifest


def _prove(before: Netlist, after: Netlist) -> bool:
    return equivalent(before, after).equal


def _function(netlist: Netlist) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return a netlist as a function of 0/1 vectors."""
    return lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors))


def _require_fit(design: Netlist | TrainedNetwork, dataset: Dataset) -> None:
    """Refuse patterns of other numbers of bits than a netlist or a network has."""
    shape = design if isinstance(design, Netlist) else design.topology
    if (shape.n_inputs, shape.n_outputs) != (dataset.n_inputs, dataset.n_outputs):
        raise UsageError(
            f"{design.name}: has {shape.n_inputs} inputs and {shape.n_outputs} outputs, the "
            f"patterns of {dataset.source} have {dataset.n_inputs} and {dataset.n_outputs}"
        )


def hardware_vectors(dataset: Dataset, network: TrainedNetwork, kept: Preserve) -> VectorTable:
    """Return what the hardware is simulated on.

    The patterns, where the targets are what is kept; else the network's own outputs, on every input
    vector if they are few and on the patterns and a fixed random sample if not.
    """
    if kept is Preserve.CARE:
        return VectorTable.from_dataset(dataset)
    return _function_vectors(network.outputs, dataset.n_inputs, dataset.inputs)


def _function_vectors(
    function: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    n_inputs: int,
    seen: NDArray[np.uint8] | None = None,
) -> VectorTable:
    """Return a function on every input vector if these are few, else on those seen and a sample."""
    everything = 1 << n_inputs if n_inputs < 60 else None
    if everything is not None and everything <= _ALL_VECTORS:
        listed = unpack_bits(exhaustive_words(n_inputs), everything)
    else:
        random = np.random.Generator(np.random.PCG64(0))
        listed = random.integers(0, 2, (_ALL_VECTORS // 4, n_inputs), dtype=np.uint8)
        if seen is not None:
            listed = np.concatenate([seen, listed])
        _, first = np.unique(listed, axis=0, return_index=True)
        listed = listed[np.sort(first)]
    expected = function(listed)
    return VectorTable(
        inputs=listed,
        expected=expected,
        care=np.ones(expected.shape, dtype=np.bool_),
        exhaustive=len(listed) == everything,
    )


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
        run = train(dataset, options.training, on_progress=observer.on_progress)
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
