"""A circuit that a search found, and its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.walk import Walked
from btfsynth.discovery.record import canonical_hash
from btfsynth.errors import DataError, plural
from btfsynth.flow.simplify import lut_cost
from btfsynth.netlist.gates import of_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import parse_netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.goal import Goal
from btfsynth.records import digest, inside, section, string, whole
from btfsynth.settings.table import Basis, Metric, Objective
from btfsynth.verify.error_metrics import Errors, Reading, number, weighted_words

FRONT = "front"
"""The folder of the circuits in that of a search."""


class Unit(Enum):
    """What a search counts if not majority cells; the value is its key in records."""

    LUTS = "luts"
    ANDS = "ands"

    @property
    def words(self) -> str:
        return "LUT6" if self is Unit.LUTS else "ANDs"

    def count(self, netlist: Netlist) -> int:
        return lut_cost(netlist)[0] if self is Unit.LUTS else of_netlist(netlist, Basis.AIG).n_cells


def unit_of(objective: Objective, basis: Basis) -> Unit | None:
    """Return what a search counts; None for majority cells."""
    if objective is Objective.LUT6:
        return Unit.LUTS
    return Unit.ANDS if basis is Basis.AIG else None


def sizes(netlist: Netlist, unit: Unit | None) -> dict[str, int]:
    """Return cells and depth, and the count in the unit of the search."""
    cost = statistics(netlist)
    own = {} if unit is None else {unit.value: unit.count(netlist)}
    return {**own, "cells": cost.cells, "depth": cost.depth}


def size_words(size: Mapping[str, int]) -> str:
    own = [f"{size[unit.value]} {unit.words}" for unit in Unit if unit.value in size]
    return ", ".join([*own, plural(size["cells"], "cell"), f"depth {size['depth']}"])


@dataclass(frozen=True, eq=False)
class Subject:
    """What the circuits of a search stand for, and what it asks of them."""

    exact: Netlist
    reading: Reading
    weights: NDArray[np.int64] | None
    source: str
    axis: Metric = Metric.WCE
    unit: Unit | None = None

    @property
    def title(self) -> str:
        return self.source or self.exact.name

    @cached_property
    def size(self) -> dict[str, int]:
        return sizes(self.exact, self.unit)

    @property
    def weighted(self) -> str:
        return weighted_words(self.weights)


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

    def size(self, unit: Unit | None) -> dict[str, int]:
        """Return what `sizes` does."""
        own = {} if unit is None else {unit.value: _count(self.netlist, unit)}
        return {**own, "cells": self.cells, "depth": self.depth}

    @property
    def name(self) -> str:
        wce = number(self.errors.value(Metric.WCE))
        return f"c{self.cells}_d{self.depth}_wce{wce}_{self.key[:8]}"

    @property
    def path(self) -> str:
        """The design folder, relative to that of the search."""
        return f"{FRONT}/{self.name}"

    def record(self, unit: Unit | None) -> dict[str, Any]:
        return {
            "key": self.key,
            **self.size(unit),
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


@lru_cache(maxsize=4096)
def _count(netlist: str, unit: Unit) -> int:
    return unit.count(parse_netlist(netlist))


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
