"""What is done so far, on disk: one file for each experiment, written after every run.

Names, types and ranges of what a file may hold are checked when it is read.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path, make_folder, write_text
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
from btfsynth.reproduce.catalogue import Experiment, Measure, Scale
from btfsynth.reproduce.record import BASELINES, Record
from btfsynth.training.parameters import StopReason

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
        """Remove folders that `make` has made and in which nothing has come to be."""
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
