"""All runs of the chosen experiments, some in parallel, each saved as soon as it is done.

A `Store` has one file per experiment. Names, types and ranges of its values are checked when it is read.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, ToolError, shown
from btfsynth.events import (
    Event,
    Note,
    OnEvent,
    RunBegan,
    RunEnded,
    RunProgress,
    RunsPlanned,
    ignore,
)
from btfsynth.files import StrPath, as_path, make_folder, write_text
from btfsynth.plugins import install_command
from btfsynth.records import (
    InvalidRecordError,
    Reader,
    file_content,
    flag,
    inside,
    items,
    one_of,
    optional,
    read_record,
    real,
    section,
    share,
    string,
    whole,
)
from btfsynth.reproduce.catalogue import EXPERIMENTS, Experiment, Measure, Scale
from btfsynth.reproduce.record import (
    BASELINES,
    Failed,
    Record,
    goal_reached,
    has_torch,
    progress_of,
    run_baseline,
    run_training,
    value_of,
)
from btfsynth.settings.setting import Options
from btfsynth.settings.table import REPRODUCE
from btfsynth.training.parameters import StopReason, TrainParameters
from btfsynth.training.trainer import warm_up
from btfsynth.workers.executor import Executor, Finished, Task, completed, local_executor

_Fields = Mapping[str, Reader]


def _has(fields: _Fields) -> Reader:
    """Return a reader of an object with these fields, in which there may be others."""

    def read(record: Any, name: str) -> dict[str, Any]:
        found = section(record, name)
        with inside(name):
            _check(found, fields)
        return found

    return read


def _check(record: Any, fields: _Fields) -> None:
    for name, read in fields.items():
        read(record, name)


def _curve(record: Any, name: str) -> list[Any]:
    points = items(record, name)
    with inside(name):
        if not points:
            raise InvalidRecordError("expected at least one point, got none")
        for point in points:
            if not isinstance(point, list) or len(point) != len(_POINT):
                raise InvalidRecordError(
                    f"expected lists of {', '.join(_POINT)}, got {shown(point)}"
                )
            _check(dict(zip(_POINT, point, strict=True)), _POINT)
    return points


_POINT: _Fields = {"iterations": whole, "gap": real, "train": share, "test": optional(share)}
_RUN: _Fields = {
    "seed": whole,
    "source": string,
    "patterns": whole,
    "iterations": whole,
    "seconds": real,
    "stop": lambda record, name: one_of(record, name, tuple(StopReason)),
    "gap": real,
    "train": share,
    "exact": flag,
    "test": optional(share),
    "test_labels": optional(share),
    "codes": optional(whole),
    "sparse": optional(_has({"test": optional(share), "nonzero": whole})),
    "recovery": optional(
        _has(
            {
                "outputs": whole,
                "equal": whole,
                "whole": flag,
                "cells": whole,
                "hidden_cells": whole,
                "method": optional(string),
                "rounded_share": optional(share),
                "why_not": optional(string),
            }
        )
    ),
    "curve": _curve,
}
_NEEDED = {
    Measure.TEST_BITS: "test",
    Measure.TEST_LABELS: "test_labels",
    Measure.CODES: "codes",
}
_BASELINE: _Fields = {"train": share, "test": optional(share), "epochs": whole, "seconds": real}


def _by_seed(row: Mapping[str, Any], name: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    with inside(name):
        for record in items(row, name):
            seed = whole(record, "seed")
            if seed in found:
                raise InvalidRecordError(f"seed: expected {seed} once, got it twice")
            found[seed] = record
    return found


def _check_run(experiment: Experiment, record: Mapping[str, Any]) -> None:
    _check(record, _RUN)
    one_of(record, "source", (experiment.source(record["seed"]),))
    needed = _NEEDED.get(experiment.measure)
    if needed is not None and record[needed] is None:
        raise InvalidRecordError(
            f"{needed}: expected a number, as the experiment is judged by it, got none"
        )
    if record["exact"] != (record["train"] == 1):
        raise InvalidRecordError(
            f"exact: expected {record['train'] == 1}, as {record['train']:g} of the targets are "
            f"right, got {record['exact']}"
        )
    fitted = record["sparse"]
    if experiment.fitted and fitted is not None and needed == "test" and fitted["test"] is None:
        raise InvalidRecordError("sparse: test: expected a share, got none")


def _check_baseline(record: Mapping[str, Any]) -> None:
    for name in record:
        if name not in BASELINES:
            raise InvalidRecordError(f"expected {', '.join(BASELINES)}, got {shown(name)}")
        _has(_BASELINE)(record, name)


_FORMAT = 1
_FOLDER = "rows"
_WRITTEN = "a row that 'btfsynth reproduce' has written"


@dataclass
class Row:
    experiment: Experiment
    scale: Scale
    first_seed: int
    trained: dict[int, Record] = field(default_factory=dict)
    baselines: dict[int, Record] = field(default_factory=dict)
    skipped: str | None = None

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.scale.seeds)

    @property
    def records(self) -> list[Record]:
        return [self.trained[seed] for seed in self.seeds if seed in self.trained]

    @property
    def finished(self) -> bool:
        return all(seed in self.trained for seed in self.seeds)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "name": self.experiment.name,
            "settings": self.experiment.settings(self.scale),
            "trained": [self.trained[seed] for seed in sorted(self.trained)],
            "baselines": [
                {"seed": seed, **self.baselines[seed]} for seed in sorted(self.baselines)
            ],
        }


class Store:
    """The folder of a reproduction."""

    def __init__(self, directory: StrPath) -> None:
        self.directory = as_path(directory)
        self._made: list[Path] = []

    def make(self) -> None:
        rows = self.directory / _FOLDER
        self._made = [path for path in (rows, *rows.parents) if not os.path.lexists(path)]
        make_folder(rows)

    def drop_empty(self) -> None:
        """Remove folders made by `make` that are still empty."""
        for folder in self._made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def path(self, name: str) -> Path:
        return self.directory / _FOLDER / f"{name}.json"

    def read(self, row: Row) -> None:
        path, experiment = self.path(row.experiment.name), row.experiment
        if not path.exists():
            return
        kept = read_record(path, _WRITTEN)
        with file_content(path, f"not {_WRITTEN}"):
            whole(kept, "format", _FORMAT, _FORMAT)
            one_of(kept, "name", (experiment.name,))
            settings = section(kept, "settings")
            trained, baselines = _by_seed(kept, "trained"), _by_seed(kept, "baselines")
        if settings != experiment.settings(row.scale):
            raise DataError(
                "was made with other settings (quick or full, or another "
                "version); choose another folder",
                path,
            )
        with file_content(path, f"not {_WRITTEN}"):
            for seed, record in trained.items():
                with inside(f"trained, seed {seed}"):
                    _check_run(experiment, record)
            for seed, record in baselines.items():
                del record["seed"]
                with inside(f"baselines, seed {seed}"):
                    _check_baseline(record)
        row.trained, row.baselines = trained, baselines

    def write(self, row: Row) -> None:
        write_text(self.path(row.experiment.name), json.dumps(row.to_json(), indent=1) + "\n")


_FULL_BASELINES = 5
"""Seeds of an experiment that have gradient baselines, which spread little; in a quick run the first."""


@dataclass(frozen=True)
class ReproduceOptions(Options, settings=REPRODUCE):
    """How to run.

    Parameters
    ----------
    (settings)
    """

    full: bool = REPRODUCE["full"].default
    jobs: int = REPRODUCE["jobs"].default
    seed: int = REPRODUCE["seed"].default


@dataclass(frozen=True)
class Report:
    """The rows of a reproduction, and how it ended."""

    # One for each experiment, in the order of the catalogue: those chosen, and what else the folder
    # holds
    rows: tuple[Row, ...]
    options: ReproduceOptions
    interrupted: bool
    notes: tuple[str, ...] = field(default=())
    lost: str | None = None  # What became of the workers, if they were lost on the way


def reproduce(
    experiments: tuple[Experiment, ...],
    directory: StrPath,
    options: ReproduceOptions,
    on_event: OnEvent | None = None,
    executor: Callable[[int], Executor] = local_executor,
) -> Report:
    """Run experiments and keep every run in the folder; runs already there are not repeated."""
    directory = as_path(directory)
    run = _Run(experiments, directory, options, on_event or ignore, executor)
    return run.go()


@dataclass(frozen=True)
class _Key:
    """One run: index of its row, name of the experiment, seed, and method."""

    row: int
    name: str
    seed: int
    baseline: bool


class _Run:
    def __init__(
        self,
        experiments: tuple[Experiment, ...],
        directory: Path,
        options: ReproduceOptions,
        on_event: OnEvent,
        executor: Callable[[int], Executor],
    ) -> None:
        self.options = options
        self.on_event = on_event
        self.executor = executor
        self.store = Store(directory)
        self.rows = [self._row(each) for each in experiments]
        for row in self.rows:
            self.store.read(row)
        self.no_torch = not has_torch()
        self.lost: str | None = None
        self.notes: list[str] = []

    def go(self) -> Report:
        if self.no_torch:
            self._note(
                "torch is not installed, so the gradient baselines are skipped; "
                + install_command("torch")
            )
        work: list[_Key] = []
        wanted = found = 0
        for place, row in enumerate(self.rows):
            name = row.experiment.name
            missing = [seed for seed in row.seeds if seed not in row.trained]
            work += [_Key(place, name, seed, baseline=False) for seed in missing]
            wanted += len(row.seeds)
            found += len(row.seeds) - len(missing)
            if not self.no_torch:
                shown = row.seeds[: _FULL_BASELINES if self.options.full else 1]
                missing = [seed for seed in shown if seed not in row.baselines]
                work += [_Key(place, name, seed, baseline=True) for seed in missing]
        self.on_event(RunsPlanned(wanted, found))
        interrupted = bool(work) and self._work(self._tasks(work))
        rows = sorted([*self.rows, *self._found()], key=lambda row: _place(row.experiment.name))
        return Report(tuple(rows), self.options, interrupted, tuple(self.notes), self.lost)

    def _found(self) -> list[Row]:
        asked = {row.experiment.name for row in self.rows}
        found = []
        for name, experiment in EXPERIMENTS.items():
            if name in asked:
                continue
            row = self._row(experiment)
            try:
                self.store.read(row)
            except DataError:  # of a run with other settings
                continue
            if row.records:
                found.append(row)
        return found

    def _row(self, experiment: Experiment) -> Row:
        scale = experiment.full if self.options.full else experiment.quick
        return Row(experiment, scale, self.options.seed)

    def _work(self, tasks: Iterable[Task]) -> bool:
        """Do all of it; return whether it was interrupted."""
        executor = self.executor(self.options.jobs)  # where there is none, nothing is left behind
        try:
            with closing(executor) as workers:
                self.store.make()
                # Workers of this machine then find the kernels compiled.
                warm_up(TrainParameters().precision)
                workers.on_report = self._progress
                try:
                    for finished in completed(workers, tasks, self._keep_note):
                        self._settle(finished)
                except ToolError as error:
                    self.lost = str(error)
        except KeyboardInterrupt:
            return True
        finally:
            self.store.drop_empty()
        return False

    def _tasks(self, keys: Iterable[_Key]) -> Iterator[Task]:
        """Yield the runs that are still missing when their turn comes."""
        for key in keys:
            row, name = self.rows[key.row], f"{key.name}, seed {key.seed}"
            if row.skipped is not None or (key.baseline and self.no_torch):
                continue
            if key.baseline:
                name += ", gradient baselines"
                yield Task(key, name, run_baseline, (row.experiment, key.seed))
            else:
                self.on_event(RunBegan(key.name, key.seed))
                yield Task(key, name, run_training, (row.experiment, row.scale, key.seed))

    def _progress(self, key: Hashable, told: dict[str, object]) -> None:
        assert isinstance(key, _Key)
        self.on_event(RunProgress(key.name, key.seed, progress_of(told)))

    def _settle(self, finished: Finished) -> None:
        key, came = finished.key, finished.value
        assert isinstance(key, _Key)
        row = self.rows[key.row]
        if finished.died:
            came = Failed("skipped, as its worker died twice")
        if isinstance(came, Failed):
            if key.baseline and came.torch:
                self._without_torch(came.why)
            else:
                self._skip(row, came.why)
            return
        (row.baselines if key.baseline else row.trained)[key.seed] = came
        self.store.write(row)
        if not key.baseline:
            self.on_event(RunEnded(key.name, key.seed, in_words(row.experiment, came)))

    def _without_torch(self, why: str) -> None:
        if not self.no_torch:
            self.no_torch = True
            self._note(f"the gradient baselines are skipped: {why}")

    def _skip(self, row: Row, why: str) -> None:
        if row.skipped is None:
            row.skipped = why
            self._note(f"{row.experiment.name}: {why}")

    def _keep_note(self, event: Event) -> None:
        """Handle an event of the workers' loop."""
        if isinstance(event, Note):
            self._note(event.text)

    def _note(self, line: str) -> None:
        self.notes.append(line)
        self.on_event(Note(line))


def _place(name: str) -> int:
    return list(EXPERIMENTS).index(name)


def in_words(experiment: Experiment, record: Record) -> str:
    """Return the result of one training in words."""
    value = value_of(experiment, record)
    figure = f"{value:.0f}" if value.is_integer() and value > 1 else f"{value:.2%}"
    reached = {True: ", goal reached", False: ", goal not reached", None: ""}
    line = (
        f"{experiment.measure.value} {figure} after {record['iterations']} iterations, "
        f"{record['seconds']:.0f} s{reached[goal_reached(experiment, record)]}"
    )
    recovery = record["recovery"]
    if recovery is not None and recovery["why_not"] is None:
        line += (
            f"; {recovery['equal']} of {recovery['outputs']} outputs proven equal to the circuit's"
        )
    return line
