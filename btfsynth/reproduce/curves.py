"""The runs of an experiment as a picture: gap and accuracies over the steps, one line a seed."""

from __future__ import annotations

import importlib.util
from typing import Any

from btfsynth.files import StrPath, as_path
from btfsynth.reproduce.catalogue import Measure
from btfsynth.reproduce.store import Row
from btfsynth.reproduce.table import summary
from btfsynth.train.plot import write_figure

_INCHES = (6.4, 6.0)


def has_matplotlib() -> bool:
    """Tell whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_curves(row: Row, path: StrPath) -> None:
    """Draw the runs of an experiment, at least one; what was published and the baselines as levels.

    The same runs give the same bytes.

    Parameters
    ----------
    row
        The experiment.
    path
        The file; its ending chooses the format.

    Raises
    ------
    UsageError, MissingToolError, OutputError
        If there can be no plot (see `btfsynth.train.plot.require_plot`).
    """
    path = as_path(path)
    write_figure(path, _INCHES, lambda figure: _draw(figure, row))


def _draw(figure: Any, row: Row) -> None:
    experiment = row.experiment
    above, below = figure.subplots(2, 1, sharex=True)
    figure.suptitle(experiment.title, parse_math=False)
    for number, record in enumerate(row.records):
        steps, gaps, train, test = zip(*record["curve"], strict=True)
        color = f"C{number % 10}"
        above.plot(steps, gaps, color=color, linewidth=1.0)
        below.plot(steps, [100 * share for share in train], ":", color=color, linewidth=1.0)
        if None not in test:
            below.plot(steps, [100 * share for share in test], color=color, linewidth=1.0)
    above.set_xscale("log")
    above.set_yscale("log", nonpositive="mask")
    above.set_ylabel("gap")
    below.set_ylabel("right (%): training dotted, test solid")
    below.set_xlabel("steps")
    if experiment.measure is not Measure.CODES:
        _levels(below, row)
    for axes in (above, below):
        axes.grid(visible=True, which="major", color="0.85", linewidth=0.6)


def _levels(axes: Any, row: Row) -> None:
    """Draw what others came to as horizontal lines."""
    came = summary(row)
    levels = (
        ("published", row.experiment.published.share, "black"),
        ("AdamW", came["adamw"], "0.5"),
        ("AdamW + penalty", came["adamw_penalty"], "0.7"),
    )
    for label, share, color in levels:
        if share is not None:
            axes.axhline(100 * share, color=color, linestyle="--", linewidth=0.9, label=label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
