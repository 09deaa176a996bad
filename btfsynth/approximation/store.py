"""The folder of a search for approximate circuits.

::

    DIR/points.jsonl        every circuit kept, one record per line, in the order found
    DIR/exact.mig           the exact circuit
    DIR/front.json          the index of the front, and the circuit and settings of the records
    DIR/front/NAME/         one circuit: a design folder with its error, see `btfsynth.verify.error_metrics`

An incomplete last line of a killed run is dropped. Design folders are made elsewhere and moved; the index is
written after the folders that it names exist and before others are removed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.walk import Walked
from btfsynth.discovery.record import canonical_hash
from btfsynth.errors import DataError
from btfsynth.files import make_folder, staging_folder, write_text
from btfsynth.flow.simplify import lut_cost
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate, exhaustive_words, unpack_bits
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.goal import Goal
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.records import RecordFolder, digest, file_content, inside, section, string, whole
from btfsynth.settings.table import Metric, Objective
from btfsynth.verify.error_metrics import ErrorClaim, Errors, Reading, number

FRONT_FILE, POINTS_FILE, EXACT_FILE = "front.json", "points.jsonl", "exact.mig"
_FRONT = "front"
_NAMES = (FRONT_FILE, POINTS_FILE, EXACT_FILE, _FRONT)
_FORMAT = 1
_LISTED_INPUTS = 12
"""Maximum inputs for which a design folder lists every vector; with more it lists a sample."""
_VECTORS = 4096
_SECONDS_BETWEEN = 5.0
"""Seconds between two updates of the front on disk."""


@dataclass(frozen=True, eq=False)
class Point:
    """A circuit found by the search."""

    key: str  # SHA-256 of the graph, see `canonical_hash`
    netlist: str  # as text
    errors: Errors
    cells: int
    depth: int
    sweep: int
    origin: Mapping[str, Any]

    @classmethod
    def of(cls, walked: Walked, origin: Mapping[str, Any], sweep: int) -> Point:
        netlist = parse_netlist(walked.netlist)
        cost = statistics(netlist)
        return cls(
            canonical_hash(netlist),
            walked.netlist,
            walked.errors,
            cost.cells,
            cost.depth,
            sweep,
            origin,
        )

    def cost(self, goal: Goal) -> tuple[int, ...]:
        """Return the sort key of a circuit for an objective, the best first."""
        if goal.objective is Objective.LUT6:
            return (*_lut_cost(self.netlist)[:2], self.cells)
        return goal.rank_of(self.cells, self.depth)

    @property
    def name(self) -> str:
        wce = number(self.errors.value(Metric.WCE))
        return f"c{self.cells}_d{self.depth}_wce{wce}_{self.key[:8]}"

    @property
    def path(self) -> str:
        """The design folder, relative to that of the search."""
        return f"{_FRONT}/{self.name}"

    def record(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "cells": self.cells,
            "depth": self.depth,
            "errors": self.errors.record(),
            "origin": dict(self.origin),
        }

    def to_json(self) -> dict[str, Any]:
        errors = self.errors
        exact = {metric.value: str(errors.value(metric)) for metric in Metric}
        more = {"worst": errors.worst, "vectors": errors.vectors, "exhaustive": errors.exhaustive}
        return {
            "key": self.key,
            "sweep": self.sweep,
            "errors": exact | more,
            "origin": dict(self.origin),
            "netlist": self.netlist,
        }


@lru_cache(maxsize=4096)
def _lut_cost(netlist: str) -> tuple[int, int, int]:
    return lut_cost(parse_netlist(netlist))


def parse_point(record: Any) -> Point:
    """Read a point; figures that follow from its netlist are computed again."""
    errors = section(record, "errors")
    with inside("errors"):
        values = {metric: _fraction(errors, metric.value) for metric in Metric}
        worst = None if errors.get("worst") is None else whole(errors, "worst")
        vectors = whole(errors, "vectors")
    netlist = parse_netlist(string(record, "netlist"))
    cost = statistics(netlist)
    key = digest(record, "key")
    if key != canonical_hash(netlist):
        raise DataError(f"circuit {key[:8]} has a netlist that does not match its key")
    return Point(
        key,
        string(record, "netlist"),
        Errors(
            int(values[Metric.WCE]),
            values[Metric.WCRE],
            values[Metric.MAE],
            values[Metric.MSE],
            float(values[Metric.MRE]),
            values[Metric.EP],
            worst,
            vectors,
            errors.get("exhaustive") is True,
        ),
        cost.cells,
        cost.depth,
        whole(record, "sweep"),
        section(record, "origin"),
    )


def _fraction(record: Mapping[str, Any], name: str) -> Fraction:
    try:
        return Fraction(string(record, name)[:4000])
    except (ValueError, ZeroDivisionError):
        raise DataError(f"{name}: expected a fraction as text") from None


class Store(RecordFolder):
    def __init__(
        self,
        directory: Path,
        identity: str,
        exact: Netlist,
        reading: Reading,
        weights: NDArray[np.int64] | None,
        source: str,
    ) -> None:
        super().__init__(directory, _NAMES, "a search for approximate circuits", _FORMAT)
        self.walks = 0
        self._identity, self._exact, self._reading = identity, exact, reading
        self._weights, self._source = weights, source
        self._written = 0.0
        self._names: list[str] = []

    def open(self, resume: bool) -> list[Point] | Path:
        """Open the folder; return the points of an earlier search, or the place to which it was moved."""
        there = self.exists()
        if there and resume:
            self._check_index()
            return self.read_lines(self._parse, "a record of a circuit")
        moved = self.set_aside() if there else None
        make_folder(self.directory)
        write_text(self.directory / EXACT_FILE, format_netlist(self._exact))
        self._write_front([], 0)
        return [] if moved is None else moved

    def append(self, point: Point, walks: int) -> None:
        """Append a point to the file and flush it to disk."""
        self.walks = walks
        self.append_line(point.to_json() | {"walks": walks})

    def is_due(self, front: Sequence[Point]) -> bool:
        """Return True if the front on disk is outdated and an update is due."""
        return [point.name for point in front] != self._names and (
            time.monotonic() - self._written >= _SECONDS_BETWEEN
        )

    def write(self, front: Sequence[Point], walks: int) -> None:
        """Bring the design folders and the index up to date."""
        make_folder(self.directory / _FRONT)
        for point in front:
            target = self.directory / point.path
            if not target.exists():
                self._write_design(point, target)
        self._write_front(front, walks)
        self._names = [point.name for point in front]
        for folder in sorted((self.directory / _FRONT).glob("c*_d*_wce*_*")):
            if folder.name not in self._names:
                shutil.rmtree(folder, ignore_errors=True)
        self._written = time.monotonic()

    def _write_design(self, point: Point, target: Path) -> None:
        netlist = parse_netlist(point.netlist)
        errors = point.errors
        bounds = {
            Metric(name): Fraction(str(most)) for name, most in point.origin["bounds"].items()
        }
        claim = ErrorClaim.of(self._reading, bounds, errors, self._weights)
        said = ", ".join(f"{name} {value:g}" for name, value in _metrics(errors).items())
        origin = Origin(
            provenance={"exact circuit": self._source or self._exact.name, "error": said},
            made_with={"error": errors.record(), "origin": dict(point.origin)},
            files=lambda module: claim.files(module, self._exact),
        )
        with staging_folder(self.directory) as scratch:
            folder = scratch / point.name
            make_folder(folder)
            manifest = write_design(netlist, self._vectors(netlist), folder, origin=origin)
            write_text(folder / f"{manifest.module}.mig", point.netlist)
            folder.replace(target)

    def _vectors(self, netlist: Netlist) -> VectorTable:
        inputs = netlist.n_inputs
        listed = inputs <= _LISTED_INPUTS
        if listed:
            vectors = unpack_bits(exhaustive_words(inputs), 1 << inputs)
        else:
            vectors = unpack_bits(random_vectors(inputs, _VECTORS // 64, 1), _VECTORS)
            vectors = np.unique(vectors, axis=0)
        expected = evaluate(netlist, vectors)
        return VectorTable(vectors, expected, np.ones(expected.shape, dtype=np.bool_), listed)

    def _write_front(self, front: Sequence[Point], walks: int) -> None:
        content = {
            "name": self._exact.name,
            "source": self._source,
            "settings": self._identity,
            "walks": walks,
            "front": [{"path": point.path, **point.record()} for point in front],
        }
        self.write_index(content)

    def _check_index(self) -> None:
        content = self.read_index()
        if content.get("settings") != self._identity:
            raise DataError(
                "was made for another circuit or with other settings: metric, bounds, reading, weights, "
                "objective and seed must match; name another folder",
                self.index,
            )
        with file_content(self.index):
            self.walks = whole(content, "walks")

    def _parse(self, record: Any) -> Point:
        self.walks = max(self.walks, whole(record, "walks"))
        return parse_point(record)


def _metrics(errors: Errors) -> dict[str, float]:
    return {metric.value: float(errors.value(metric)) for metric in Metric}
