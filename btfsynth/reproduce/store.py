"""What is done so far, on disk: one file for each experiment, written after every run.

Names, types and ranges of what a file may hold are checked when it is read.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path, make_folder, write_text
from btfsynth.reproduce.catalogue import Experiment, Measure, Scale
from btfsynth.reproduce.record import BASELINES, Record
from btfsynth.training.parameters import StopReason

_Holds = Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _real(value: Any) -> bool:
    if type(value) is int:
        return _whole(value)
    return type(value) is float and math.isfinite(value) and value >= 0


def _share(value: Any) -> bool:
    return _real(value) and value <= 1


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _optional(holds: _Holds) -> _Holds:
    return lambda value: value is None or holds(value)


def _has(fields: Mapping[str, _Holds]) -> _Holds:
    return lambda value: isinstance(value, dict) and _problem(value, fields) is None


def _curve(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(point, list) and len(point) == len(_POINT) for point in value)
        and all(holds(each) for point in value for each, holds in zip(point, _POINT, strict=True))
    )


_POINT = (_whole, _real, _share, _optional(_share))
_SPARSE = _has({"test": _optional(_share), "nonzero": _whole})
_RECOVERY = _has(
    {
        "outputs": _whole,
        "equal": _whole,
        "whole": _flag,
        "cells": _whole,
        "hidden_cells": _whole,
        "method": _optional(_text),
        "rounded_share": _optional(_share),
        "why_not": _optional(_text),
    }
)
_RUN: Mapping[str, _Holds] = {
    "seed": _whole,
    "source": _text,
    "patterns": _whole,
    "iterations": _whole,
    "seconds": _real,
    "stop": lambda value: value in [stop.value for stop in StopReason],
    "gap": _real,
    "train": _share,
    "exact": _flag,
    "test": _optional(_share),
    "test_labels": _optional(_share),
    "codes": _optional(_whole),
    "sparse": _optional(_SPARSE),
    "recovery": _optional(_RECOVERY),
    "curve": _curve,
}
_NEEDED = {
    Measure.TEST_BITS: "test",
    Measure.TEST_LABELS: "test_labels",
    Measure.CODES: "codes",
}
_BASELINE: Mapping[str, _Holds] = {
    "train": _share,
    "test": _optional(_share),
    "epochs": _whole,
    "seconds": _real,
}


def by_seed(records: Any) -> dict[int, dict[str, Any]]:
    if not isinstance(records, list) or not all(
        isinstance(record, dict) and _whole(record.get("seed")) for record in records
    ):
        raise ValueError("expected a list of records with seeds")
    found = {record["seed"]: record for record in records}
    if len(found) != len(records):
        raise ValueError("expected every seed once")
    return found


def problem_of_run(experiment: Experiment, record: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the record of a training, None if nothing is."""
    problem = _problem(record, _RUN)
    if problem is not None:
        return problem
    if record["source"] != experiment.source(record["seed"]):
        return (
            f"source: expected {experiment.source(record['seed'])}, got {shown(record['source'])}"
        )
    needed = _NEEDED.get(experiment.measure)
    if needed is not None and record[needed] is None:
        return f"{needed}: expected a number, as the experiment is judged by it"
    if record["exact"] != (record["train"] == 1):
        return f"exact: expected {record['train'] == 1}, as {record['train']:g} of the targets are right"
    fitted = record["sparse"]
    if experiment.fitted and fitted is not None and needed == "test" and fitted["test"] is None:
        return "sparse: expected the share of the test"
    return None


def problem_of_baseline(record: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the record of the gradient baselines, None if nothing is."""
    for name, values in record.items():
        if name == "seed":
            continue
        if name not in BASELINES or not isinstance(values, dict):
            return f"{name!r:.60}: expected one of {', '.join(BASELINES)}"
        problem = _problem(values, _BASELINE)
        if problem is not None:
            return f"{name}: {problem}"
    return None


def _problem(record: Mapping[str, Any], fields: Mapping[str, _Holds]) -> str | None:
    for name, holds in fields.items():
        if name not in record:
            return f"{name} is missing"
        if not holds(record[name]):
            return f"{name}: got {shown(record[name])}"
    return None


_FORMAT = 1
_FOLDER = "rows"
_FOREIGN = "not a row that 'btfsynth reproduce' has written"


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
        path = self.path(row.experiment.name)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            known = (kept["format"], kept["name"]) == (_FORMAT, row.experiment.name)
            settings = kept["settings"]
            trained = by_seed(kept["trained"])
            baselines = {
                seed: {name: value for name, value in record.items() if name != "seed"}
                for seed, record in by_seed(kept["baselines"]).items()
            }
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = False
        if not known:
            raise DataError(_FOREIGN, path)
        if settings != row.experiment.settings(row.scale):
            raise DataError(
                "was made with other settings (a quick or a full run, or another version); choose another "
                "folder",
                path,
            )
        problems = {
            **{f"trained, seed {k}": problem_of_run(row.experiment, v) for k, v in trained.items()},
            **{f"baselines, seed {k}": problem_of_baseline(v) for k, v in baselines.items()},
        }
        for place, problem in problems.items():
            if problem is not None:
                raise DataError(f"{_FOREIGN}: {place}: {problem}", path)
        row.trained, row.baselines = trained, baselines

    def write(self, row: Row) -> None:
        write_text(self.path(row.experiment.name), json.dumps(row.to_json(), indent=1) + "\n")
