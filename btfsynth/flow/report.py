"""The result of a build, as it is shown and as ``report.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth import __version__
from btfsynth.dataset.dataset import Dataset
from btfsynth.flow.hardware import HardwareReport
from btfsynth.flow.patterns import Targets, targets_record, verified_words
from btfsynth.flow.recipe import BuildOptions
from btfsynth.hdl.manifest import MANIFEST_FILE, Timing
from btfsynth.lower.lowering import LoweringReport
from btfsynth.netlist.views import NetlistStatistics
from btfsynth.network.accuracy import Accuracy
from btfsynth.network.trained import TrainedNetwork
from btfsynth.passes.base import PassReport
from btfsynth.records import record_or_empty
from btfsynth.settings.table import ALL_SIMULATORS, Preserve
from btfsynth.sim.base import CheckResult
from btfsynth.sim.registry import SIMULATORS
from btfsynth.staging import publish, publish_beside
from btfsynth.training.session import train_record
from btfsynth.training.trials import TrainingRun


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

    `hardware` is None where the network went into hardware as it was trained: Boolean inputs, exact weights,
    no label and no patterns held out. `timing` is None where the design is combinational. `directory` is where
    the files are: beside the folder asked for if the build failed and that one holds a verified design.
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
        """Targets that the hardware gets right, by set: ``train``, ``valid``."""
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
    """Tell whether every check that ran passed, all wanted ones ran, and one ran the hardware."""
    if ALL_SIMULATORS in wanted:
        wanted = tuple(checks)
    ran = [name for name, check in checks.items() if check.skipped is None]
    real = any(name in SIMULATORS for name in ran)
    return real and all(checks[name].ok for name in ran) and all(name in ran for name in wanted)


def publish_design(staging: Path, directory: Path, verified: bool) -> Path:
    """Move a finished design to its folder, and return where it is.

    One that is not verified goes beside a folder whose design is, or whose design has no record.
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
