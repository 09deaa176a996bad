"""The front of the best circuits: those that no other beats in cells, depth and inverters at once."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from btfsynth.discover.record import Record
from btfsynth.netlist.views import NetlistStatistics

__all__ = ["Objective", "costs", "pareto"]


class Objective(str, Enum):
    """What makes the best circuit of a front."""

    CELLS = "cells"
    DEPTH = "depth"
    CELLS_DEPTH = "cells*depth"

    def rank(self, cost: NetlistStatistics) -> tuple[int, ...]:
        """Return the order of circuits, the best first; the other figures decide among equals."""
        if self is Objective.CELLS:
            return cost.cells, cost.depth, cost.inverters
        if self is Objective.DEPTH:
            return cost.depth, cost.cells, cost.inverters
        return cost.cells * cost.depth, cost.cells, cost.depth, cost.inverters


def costs(cost: NetlistStatistics) -> tuple[int, int, int]:
    """Return what circuits of a front are compared by: cells, depth, inverters."""
    return cost.cells, cost.depth, cost.inverters


def pareto(records: Iterable[Record], objective: Objective) -> list[Record]:
    """Return the records of the circuits that no other beats, the best by the objective first.

    Of circuits with the same costs the one found first, by number, stands for all.

    Parameters
    ----------
    records
        Those without a circuit are passed over.
    objective
        Order of the result.
    """
    first: dict[tuple[int, int, int], tuple[tuple[int, bool, int, str, int], Record]] = {}
    for record in records:
        if record.circuit is not None:
            key = costs(record.circuit.cost)
            if key not in first or record.rank < first[key][0]:
                first[key] = record.rank, record
    beaten = {
        key
        for key in first
        if any(other != key and all(a <= b for a, b in zip(other, key, strict=True)) for other in first)
    }  # fmt: skip
    left = [record for key, (_, record) in first.items() if key not in beaten]
    return sorted(left, key=lambda record: objective.rank(record.circuit.cost))  # type: ignore[union-attr]
