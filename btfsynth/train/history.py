"""How a trial went: gap and accuracies on a logarithmic grid of steps."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from btfsynth.errors import DataError

__all__ = ["HistoryPoint", "format_history", "next_point", "parse_history"]

_POINTS_A_DECADE = 10
_NEEDED = ("gap", "gap_w", "gap_x", "gap_y", "least_gap", "bits", "vectors")
"""What every point has; the rest may be unknown."""


@dataclass(frozen=True)
class HistoryPoint:
    """One point of a trial's history.

    Parameters
    ----------
    iterations
        Steps done.
    gap
        Root mean square gap over patterns and neurons; ``gap_w``, ``gap_x`` and ``gap_y`` are the parts of the
        weights, inputs and outputs, so that their squares add up to its square.
    least_gap
        The least gap so far.
    bits, vectors
        Shares of the training targets that matter, and of whole patterns, got right.
    labels
        Share of the classes got right (see `btfsynth.network.accuracy`); None where there are none.
    valid_bits, valid_vectors, valid_labels
        The same shares of the held-out patterns; None without them.
    """

    iterations: int
    gap: float
    gap_w: float
    gap_x: float
    gap_y: float
    least_gap: float
    bits: float
    vectors: float
    labels: float | None = None
    valid_bits: float | None = None
    valid_vectors: float | None = None
    valid_labels: float | None = None


def next_point(iterations: int) -> int:
    """Return the first step after ``iterations`` that is on the grid: ten points a decade, rounded."""
    exponent = 0
    while True:
        point = round(10 ** (exponent / _POINTS_A_DECADE))
        if point > iterations:
            return point
        exponent += 1


def format_history(points: Sequence[HistoryPoint]) -> str:
    """Return a history as CSV with a header; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(HistoryPoint)])
    for point in points:
        writer.writerow(["" if value is None else repr(value) for value in astuple(point)])
    return stream.getvalue()


def parse_history(text: str, path: str | Path | None = None) -> tuple[HistoryPoint, ...]:
    """Read a history that `format_history` wrote.

    Parameters
    ----------
    text
        CSV with a header.
    path
        Where it comes from, for messages.

    Raises
    ------
    DataError
        If it is anything else; the line is named.
    """
    names = [field.name for field in fields(HistoryPoint)]
    rows = csv.reader(io.StringIO(text), strict=True)
    points = []
    try:
        if next(rows, None) != names:
            raise DataError(f"expected the columns {', '.join(names)}", path, 1)
        for row in rows:
            points.append(_point(dict(zip(names, row, strict=True))))
    except (csv.Error, ValueError):
        raise DataError(
            f"expected {len(names)} numbers, only the last four of which may be empty",
            path,
            rows.line_num,
        ) from None
    return tuple(points)


def _point(row: dict[str, str]) -> HistoryPoint:
    """Return the point of a row; ValueError if it is none."""
    steps = int(row.pop("iterations"))
    values = {name: float(word) if word or name in _NEEDED else None for name, word in row.items()}
    if steps < 0 or not all(value is None or math.isfinite(value) for value in values.values()):
        raise ValueError("not a step or not a finite number")
    return HistoryPoint(steps, **values)  # type: ignore[arg-type]
