"""The options of a build and its result: the run file that repeats it, and ``report.json``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth import __version__
from btfsynth.dataset.code import Code, InputCode
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path, publish, publish_beside
from btfsynth.flow.hardware import HardwareReport, training_data
from btfsynth.flow.patterns import Targets, targets_record, verified_words
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.manifest import MANIFEST_FILE, Timing
from btfsynth.lower.lowering import LoweringReport
from btfsynth.netlist.views import NetlistStatistics
from btfsynth.network.network import Accuracy, TrainedNetwork
from btfsynth.passes.base import PassReport
from btfsynth.passes.goal import Goal
from btfsynth.records import record_or_empty
from btfsynth.settings.run_file import format_run_file
from btfsynth.settings.setting import Options, plain_values
from btfsynth.settings.table import (
    ALL_SIMULATORS,
    AUTO,
    BUILD,
    EXACT,
    INPUTS,
    LABELS,
    SPARSE,
    Conflicts,
    Objective,
    Preserve,
)
from btfsynth.sim.registry import SIMULATORS
from btfsynth.sim.simulators import CheckResult
from btfsynth.training.session import TrainOptions, plan_for, train_record
from btfsynth.training.trials import TrainingRun


@dataclass(frozen=True)
class RunInputs(Options, settings=INPUTS):
    """Names and hashes of the inputs of a run; None is not recorded, or follows from the data.

    Parameters
    ----------
    (settings)
    """

    source: str | None = None
    hash: str | None = None
    outputs: int | tuple[str, ...] | None = None
    conflicts: Conflicts | None = None
    name: str | None = None
    valid: str | None = None
    valid_hash: str | None = None
    network: str | None = None
    network_hash: str | None = None
    topology: str | None = None
    topology_hash: str | None = None


@dataclass(frozen=True)
class BuildOptions(Options, settings=BUILD):
    """Options of a build.

    Parameters
    ----------
    training
        Options of the training; ignored if a network is given.
    (settings)
    hardware
        What hardware is made of the netlist.
    inputs
        Names of the inputs of the run, for ``run.toml``.
    command
        The command that asks for this, to be recorded; empty if there was none.

    Raises
    ------
    UsageError
        If a value is outside its range, or the weights fit neither the code nor the label.
    """

    training: TrainOptions = field(default_factory=TrainOptions)
    passes: str | None = None
    objective: Objective | None = None
    max_depth: int | None = None
    preserve: Preserve | None = None
    simulators: tuple[str, ...] | None = None
    timeout: float | None = None
    code: Code | None = None
    missing: str | None = None
    weights: str | int | None = None
    label: bool = BUILD["label"].default
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    inputs: RunInputs = field(default_factory=RunInputs)
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights == LABELS and not self.label:
            raise UsageError("`weights=labels` requires `label`")
        if self.weights == SPARSE and self.label:
            raise UsageError(
                "`weights=sparse` keeps output bits but not sums, so it excludes `label`"
            )
        if self.weights in (EXACT, SPARSE) and self.linear_code is not None:
            raise UsageError(
                f"`weights`: must be integers if inputs are coded: expected {AUTO} or a number of bits, "
                f"got {self.weights}"
            )

    @property
    def linear_code(self) -> InputCode | None:
        """The code of analog inputs; tables are coded before."""
        return self.code if isinstance(self.code, InputCode) else None

    @property
    def goal(self) -> Goal:
        """The goal of the passes."""
        return Goal(self.objective, self.max_depth or 0)

    @property
    def rule(self) -> str | int:
        """The rule for weights: by default ``auto`` with a code and ``exact`` without."""
        return self.weights or (EXACT if self.linear_code is None else AUTO)


def recorded_name(name: StrPath) -> str:
    """Return the name of a file as a run file keeps it: never an absolute path.

    A relative name stays relative to the current folder, and an absolute one of a file in this folder becomes
    relative. Of any other only the file name is kept, because a record must not reveal where it was made.
    """
    path = os.path.normpath(os.fspath(name))
    if os.path.isabs(path):  # noqa: PTH117
        try:
            path = str(Path(path).relative_to(Path.cwd()))
        except ValueError:
            path = Path(path).name
    path = Path(path).as_posix()
    return f"./{path}" if is_task_spec(path) else path


def file_hash(path: StrPath) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    path = as_path(path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None


def format_recipe(
    dataset: Dataset,
    valid: Dataset | None,
    options: BuildOptions,
    trial: int | None,
    *,
    passes: str,
    preserve: Preserve,
) -> str:
    """Return the run file of a build: TOML without dates and absolute paths.

    Parameters
    ----------
    dataset, valid, options
        As for `btfsynth.flow.building.build`.
    trial
        The trial that gave the network; None if the network was given.
    passes, preserve
        Values chosen by default.
    """
    inputs = replace(
        options.inputs,
        source=options.inputs.source or dataset.source or None,
        hash=dataset.content_hash,
        valid=None if valid is None else options.inputs.valid or valid.source or None,
        valid_hash=None if valid is None else valid.content_hash,
    )
    chosen = replace(options, weights=options.rule, passes=passes, preserve=preserve)
    values = plain_values(chosen, options.hardware, inputs)
    given = values.pop("train", {})
    notes: dict[str, str] = {}
    if trial is not None:
        values["train"], notes["train"] = _training(dataset, options, trial, given)
    comment = f"btfsynth {__version__}: settings of a build; a build with this run file repeats it"
    return format_run_file(values, comment, notes)


def _training(
    dataset: Dataset, options: BuildOptions, trial: int, graph: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return the settings and the result of a training.

    The numbers of jobs and threads are omitted: they do not change the result.
    """
    training = options.training
    if training.votes is not None:
        told = plain_values(training)["train"]
        return {name: told[name] for name in told if name not in ("jobs", "threads")}, ""
    plan = plan_for(training_data(dataset, options.linear_code), training)
    values = plain_values(training)["train"] | plain_values(plan.parameters)["train"]
    for name in ("jobs", "threads", "widths"):
        values.pop(name, None)
    if plan.topology is not None:
        values.pop("skip", None)
        note = "" if "topology" in graph else "topology: a graph that was not read from a file"
        return {**values, **graph}, note
    values["skip"] = plan.skip
    # Widths that are given are those of all trials, so these must not have been widened on the way.
    if plan.trial_widths(trial) == plan.widths:
        return {**values, "widths": plan.widths}, ""
    return values, f"widths: from {plan.widths} on, growing from trial to trial"


@dataclass(frozen=True, eq=False)
class NetworkOrigin:
    """A network, and where it came from: a training or a file."""

    network: TrainedNetwork  # under the name and the ports of the data
    seed: int | None = None  # of the training
    run: TrainingRun | None = None
    file: str | None = None  # the name of the file, without its folder

    def to_json(self) -> dict[str, Any]:
        if self.file is None:
            return {"origin": "training"}
        return {"origin": "file", "file": self.file, "training": self.network.training}

    def provenance(self) -> dict[str, str]:
        """Return the lines for headers of files."""
        widths = ",".join(str(width) for width in self.network.topology.widths or ())
        if self.run is None:
            return {"network": f"file {self.file}, widths {widths}"}
        best, parameters = self.run.best, self.run.best.parameters
        return {
            "training": f"seed {self.seed}, trial {best.trial}, widths {widths}, "
            f"sigma {parameters.sigma:g}, beta {parameters.beta:g}, gamma {parameters.gamma:g}"
        }

    def options(self) -> dict[str, Any]:
        """Return the values for the manifest."""
        widths = self.network.topology.widths
        shape = {"widths": None if widths is None else list(widths)}
        if self.run is None:
            return {"network_file": self.file, **shape}
        best, parameters = self.run.best, self.run.best.parameters
        return {
            "seed": self.seed,
            "trial": best.trial,
            **shape,
            "sigma": parameters.sigma,
            "beta": parameters.beta,
            "gamma": parameters.gamma,
            "stop": parameters.stop.value,
        }


@dataclass(frozen=True, eq=False)
class BuildReport:
    """The result of a build.

    `hardware` is None if the network was used as trained: Boolean inputs, exact weights, no label and no
    validation set. `timing` is None for a combinational design. `directory` is the folder of the files, which
    is beside the requested one if the build failed and that one contains a verified design.
    """

    dataset: Dataset
    options: BuildOptions
    origin: NetworkOrigin
    accuracy: Accuracy
    lowering: LoweringReport
    passes: tuple[PassReport, ...]
    cost: NetlistStatistics
    checks: dict[str, CheckResult]
    files: tuple[str, ...]
    notices: tuple[str, ...]
    hardware: HardwareReport | None = None
    timing: Timing | None = None
    directory: Path | None = None

    @property
    def verified(self) -> bool:
        """Whether nothing failed and a simulator of the hardware ran."""
        return is_verified(self.checks, self.options.simulators or ())

    @property
    def targets(self) -> dict[str, Targets]:
        """Correct targets of the hardware by set: ``train``, ``valid``."""
        if self.hardware is None:
            return {"train": Targets.of(self.accuracy)}
        label = self.hardware.label
        found = self.hardware.accuracy["netlist"]
        return {name: Targets.of(each, label=label) for name, each in found.items()}

    @property
    def verdict(self) -> str:
        """The result in one line."""
        if not self.verified:
            return "not verified"
        kept = self.lowering.preserved is Preserve.NETWORK
        return verified_words(self.targets, "network" if kept else "netlist")

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``seed`` and ``train`` are null without a training."""
        run = self.origin.run
        return {
            "name": self.dataset.name,
            "source": self.dataset.source,
            "data_hash": self.dataset.content_hash,
            "patterns": self.dataset.n_patterns,
            "exhaustive": self.dataset.exhaustive,
            **({"classes": list(self.dataset.classes)} if self.dataset.classes else {}),
            "seed": self.origin.seed,
            "network": {
                **self.origin.to_json(),
                "bits": self.accuracy.bits,
                "bits_right": self.accuracy.bits_right,
                "vectors_right": self.accuracy.vectors_right,
                **self.accuracy.label_record(),
            },
            "train": None if run is None else train_record(run),
            "netlist": {
                **self.cost.record(),
                "lowered_cells": self.lowering.cells,
                "preserves": self.lowering.preserved.value,
            },
            "hardware": None if self.hardware is None else self.hardware.to_json(),
            "timing": None if self.timing is None else vars(self.timing),
            "passes": [report.record() for report in self.passes],
            "checks": {name: check.to_json() for name, check in self.checks.items()},
            "verified": self.verified,
            "verdict": self.verdict,
            "targets": targets_record(self.targets),
            "version": __version__,
            "command": list(self.options.command) or None,
            "files": list(self.files),
            "notices": list(self.notices),
        }


def is_verified(checks: Mapping[str, CheckResult], wanted: Sequence[str]) -> bool:
    """Return True if every check passed, all requested ones ran, and one ran the hardware."""
    if ALL_SIMULATORS in wanted:
        wanted = tuple(checks)
    ran = [name for name, check in checks.items() if check.skipped is None]
    real = any(name in SIMULATORS for name in ran)
    return real and all(checks[name].ok for name in ran) and all(name in ran for name in wanted)


def publish_design(staging: Path, directory: Path, verified: bool) -> Path:
    """Move a finished design to its folder, and return the folder.

    An unverified design is written beside a folder with a verified design, or with a design without a record.
    """
    replaceable = not (directory / MANIFEST_FILE).is_file() or (
        record_or_empty(directory / "report.json").get("verified") is False
    )
    if verified or replaceable:
        publish(staging, directory, last=MANIFEST_FILE)
        return directory
    return publish_beside(staging, directory, last=MANIFEST_FILE)


def network_record(network: TrainedNetwork, dataset: Dataset) -> CheckResult:
    """Check the trained network against the patterns."""
    right = network.vectors_right(dataset)
    return CheckResult(name="network", passed=right, failed=dataset.n_patterns - right)
