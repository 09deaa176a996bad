"""What a build is asked for, and the run file that it leaves: all that was in force, to do it again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth import __version__
from btfsynth.dataset.code import Code, InputCode
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.flow.hardware import training_data
from btfsynth.hdl.design import HardwareOptions
from btfsynth.passes.goal import Goal
from btfsynth.settings.run_file import format_run_file
from btfsynth.settings.setting import Options, plain_values
from btfsynth.settings.table import (
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
from btfsynth.training.session import TrainOptions, plan_for


@dataclass(frozen=True)
class RunInputs(Options, settings=INPUTS):
    """How what a run reads was named, and hashes of it; what is None is not recorded, or as the data say.

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
    """What to build, and how.

    Parameters
    ----------
    training
        How to train; not looked at where a network is given.
    (settings)
    hardware
        What hardware is made of the netlist.
    inputs
        How what is read was named, for ``run.toml``.
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
                f"`weights`: over coded inputs they are integers: expected {AUTO} or a number of bits, "
                f"got {self.weights}"
            )

    @property
    def linear_code(self) -> InputCode | None:
        """The code of analog inputs; that of a table has made bits of them before."""
        return self.code if isinstance(self.code, InputCode) else None

    @property
    def goal(self) -> Goal:
        """What the passes are for."""
        return Goal(self.objective, self.max_depth or 0)

    @property
    def rule(self) -> str | int:
        """The rule for weights: the one asked for, else ``auto`` with a code and ``exact`` without."""
        return self.weights or (EXACT if self.linear_code is None else AUTO)


def recorded_name(name: StrPath) -> str:
    """Return the name of a file as a run file keeps it: never an absolute path.

    A relative name stays relative to the current folder. So does an absolute one of a file in it; of any
    other only the name without its folders is left: a record is not to tell where on a disk it was made.
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
        As for `btfsynth.flow.build`.
    trial
        The trial that gave the network; None if the network was given.
    passes, preserve
        What was chosen where the options left it open.
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
    """Return what a training was told, and what there is to say of it.

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
