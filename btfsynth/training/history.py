"""The history of a trial: gap and accuracies on a logarithmic grid of iterations, as CSV and as a plot."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, MissingToolError, UsageError
from btfsynth.files import StrPath, as_path, write_bytes
from btfsynth.plugins import install_command

_POINTS_A_DECADE = 10
_NEEDED = ("gap", "gap_w", "gap_x", "gap_y", "least_gap", "bits", "vectors")
"""Required fields of a point; the others may be unknown."""


@dataclass(frozen=True)
class HistoryPoint:
    """One point of a trial's history.

    ``gap`` is the root mean square gap over patterns and neurons; ``gap_w``, ``gap_x`` and ``gap_y`` are the
    parts of the weights, inputs and outputs, whose squares add up to its square; ``least_gap`` is the smallest
    so far. The others are the shares of correct training targets, whole patterns and classes (None without
    labels), and the same for the validation set (None without one).
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
    """Return the first iteration after `iterations` that is on the grid: ten points per decade, rounded."""
    exponent = 0
    while True:
        point = round(10 ** (exponent / _POINTS_A_DECADE))
        if point > iterations:
            return point
        exponent += 1


def format_history(points: Sequence[HistoryPoint]) -> str:
    """Return a history as CSV with a header; unknown values are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(HistoryPoint)])
    for point in points:
        writer.writerow(["" if value is None else repr(value) for value in astuple(point)])
    return stream.getvalue()


def parse_history(text: str, path: str | Path | None = None) -> tuple[HistoryPoint, ...]:
    """Read a history that `format_history` wrote; an error names the line, and the path if one is given."""
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
    steps = int(row.pop("iterations"))
    values = {name: float(word) if word or name in _NEEDED else None for name, word in row.items()}
    if steps < 0 or not all(value is None or math.isfinite(value) for value in values.values()):
        raise ValueError("not an iteration or not a finite number")
    return HistoryPoint(steps, **values)  # type: ignore[arg-type]


_METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
}
"""Endings, and what would make the bytes differ from one day or release to the next."""
_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "btfsynth",  # names of clip paths are random else
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,
    "font.size": 9.0,
    "lines.linewidth": 1.4,
    "lines.markersize": 2.5,
}
_GAPS = (("gap", "gap"), ("gap_w", "weights w"), ("gap_x", "inputs x"), ("gap_y", "outputs y"))
_SHARES = (("bits", "bits"), ("vectors", "patterns"), ("labels", "labels"))


def require_plot(path: StrPath) -> None:
    """Refuse a plot that could not be made, before any work is done for it."""
    path = as_path(path)
    if path.suffix.lower() not in _METADATA:
        raise UsageError(f"{path}: expected a plot to end in {', '.join(_METADATA)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingToolError(f"matplotlib is not installed; {install_command('matplotlib')}")


def draw_history(
    points: Sequence[HistoryPoint], path: StrPath, title: str, best_iteration: int | None = None
) -> None:
    """Draw a history: above the gap and its parts, below the accuracies, over the iterations.

    Iterations and gaps have logarithmic axes, as in the figures of arXiv 2602.17493. The ending of the path
    chooses the format; the same history gives the same bytes. `best_iteration`, that of the network, is
    marked.
    """
    path = as_path(path)

    def draw(figure: Any) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        figure.suptitle(title, parse_math=False)
        if best_iteration is not None:
            for axes in (above, below):
                label = f"network: iteration {best_iteration}"
                axes.axvline(best_iteration, color="0.6", linestyle="--", label=label)
        _draw_gaps(above, points)
        _draw_shares(below, points)

    write_figure(path, (6.4, 6.0), draw)


def write_figure(path: StrPath, inches: tuple[float, float], draw: Callable[[Any], None]) -> None:
    """Write what `draw` draws on a Matplotlib figure; the same drawing gives the same bytes."""
    path = as_path(path)
    require_plot(path)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ending = path.suffix.lower()
    content = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # the user's own settings would change the bytes
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        figure.savefig(content, format=ending[1:], dpi=150, metadata=_METADATA[ending])
    write_bytes(path, content.getvalue())


def _draw_gaps(axes: Any, points: Sequence[HistoryPoint]) -> None:
    steps = [point.iterations for point in points]
    for (name, label), color in zip(_GAPS, ("black", "C0", "C1", "C2"), strict=True):
        values = [getattr(point, name) for point in points]
        axes.plot(steps, values, "o-", color=color, label=label)
    least = [point.least_gap for point in points]
    axes.plot(steps, least, ":", color="black", label="least gap so far")
    axes.set_xscale("log")
    # A gap of nothing has no place on the axis.
    axes.set_yscale("log", nonpositive="mask")
    axes.set_ylabel("gap")
    _finish(axes)


def _draw_shares(axes: Any, points: Sequence[HistoryPoint]) -> None:
    steps = [point.iterations for point in points]
    for label, values, style, color in _shares(points):
        axes.plot(steps, [100 * value for value in values], style, color=color, label=label)
    axes.set_xscale("log")
    axes.set_ylim(-3, 103)
    axes.set_ylabel("right (%)")
    axes.set_xlabel("iterations")
    _finish(axes)


def _shares(points: Sequence[HistoryPoint]) -> Iterator[tuple[str, list[float], str, str]]:
    for prefix, words, style in (("", "", "o-"), ("valid_", "valid: ", "s--")):
        for (name, label), color in zip(_SHARES, ("C0", "C3", "C4"), strict=True):
            values = [getattr(point, prefix + name) for point in points]
            if None not in values:
                yield words + label, values, style, color


def _finish(axes: Any) -> None:
    axes.grid(visible=True, which="major", color="0.85", linewidth=0.6)
    axes.legend(fontsize=8, frameon=False)
