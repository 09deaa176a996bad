"""The results of a reproduction, seeds taken together: JSON, CSV, Markdown and curves."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import statistics
from typing import Any

from btfsynth import __version__
from btfsynth.errors import plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.reproduce.catalogue import Measure
from btfsynth.reproduce.record import BASELINES, goal_reached, value_of
from btfsynth.reproduce.run import Report
from btfsynth.reproduce.store import Row
from btfsynth.train.history import write_figure


def summary(row: Row) -> dict[str, Any]:
    """Return one row of the table as JSON values; figures are medians over its seeds.

    Steps and seconds are of the runs that reached the goal, where there is one to reach and a run did; else
    of all.
    """
    experiment, records = row.experiment, row.records
    published = experiment.published
    values = [value_of(experiment, record) for record in records]
    goals = [goal_reached(experiment, record) for record in records]
    reached = [record for record, goal in zip(records, goals, strict=True) if goal]
    ended = [record for record in records if record["stop"] != "iterations"]
    counted = reached or records
    steps = _median([record["steps"] for record in counted])
    return {
        "name": experiment.name,
        "title": experiment.title,
        "measure": experiment.measure.value,
        "state": _state(row),
        "seeds": len(records),
        "seeds_wanted": row.scale.seeds,
        "reached": None if not goals or goals[0] is None else len(reached),
        "ended_early": len(ended),
        "published": {
            "result": published.result,
            "share": published.share,
            "steps": published.steps,
            "beta": published.beta,
            "gamma": published.gamma,
            "gap_limit": published.gap_limit,
            "adamw": published.gradient,
            "adamw_penalty": published.penalised,
        },
        "settings": experiment.settings(row.scale),
        "value": _median(values),
        "least": min(values, default=None),
        "greatest": max(values, default=None),
        "steps": steps,
        "seconds": _median([record["seconds"] for record in counted]),
        "steps_ratio": None
        if published.steps is None or not steps
        else published.steps / float(steps),
        **{name: _baseline(row, name) for name in BASELINES},
        "fitted": _fitted(records),
        "recovered": _recovered(records),
    }


def _state(row: Row) -> str:
    if row.skipped is not None and not row.records:
        return "skipped"
    if not row.records:
        return "not run"
    return "done" if row.finished else "partly done"


def _baseline(row: Row, name: str) -> float | None:
    """Return the median of a baseline: of the test if there is one, else of the training targets."""
    key = "train" if row.experiment.measure is Measure.EXACT else "test"
    return _median(
        [
            record[name][key]
            for seed, record in sorted(row.baselines.items())
            if seed in row.seeds and name in record
        ]
    )


def _recovered(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return in how many runs the circuit was proven found, and how many outputs at best."""
    found = [record["recovery"] for record in records if record["recovery"] is not None]
    if not found:
        return None
    best = max(found, key=lambda recovery: (recovery["equal"], -recovery["cells"]))
    return {
        "runs": sum(recovery["whole"] for recovery in found),
        "looked_at": len(found),
        "outputs": best["outputs"],
        "best_equal": best["equal"],
        "method": best["method"],
        "cells": best["cells"],
        "hidden_cells": best["hidden_cells"],
        "rounded_test": _median(
            [r["rounded_share"] for r in found if r["rounded_share"] is not None]
        ),
    }


def _fitted(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what the networks have of the test once their weights are fitted anew, and how many are left."""
    found = [record["sparse"] for record in records if record.get("sparse") is not None]
    if not found:
        return None
    shares = [each["test"] for each in found]
    return {
        "runs": len(found),
        "test": _median(shares),
        "least": min(shares),
        "greatest": max(shares),
        "weights": _median([each["nonzero"] for each in found]),
    }


def _median(values: list[Any]) -> float | None:
    return statistics.median(values) if values else None


HEADINGS = (
    "experiment",
    "published",
    "ours",
    "weights fitted anew",
    "goal",
    "steps published",
    "steps",
    "ratio",
    "seconds",
    "AdamW published",
    "AdamW",
    "AdamW + penalty published",
    "AdamW + penalty",
    "circuit proven",
)
"""Columns of the Markdown table."""
SETTINGS_HEADINGS = (
    "experiment",
    "widths",
    "sigma",
    "beta, gamma",
    "stop",
    "steps at most",
    "seeds",
    "published beta, gamma, gap",
)
"""Columns of the table of settings."""
SHORT_HEADINGS = (
    "experiment",
    "published",
    "ours",
    "goal",
    "steps",
    "AdamW",
    "+ L1",
    "proven",
)
"""Columns of the table for a terminal."""
_NONE = "-"


def report_record(report: Report) -> dict[str, Any]:
    """Return a reproduction as JSON values: options, a summary a row, notes."""
    return {
        "version": __version__,
        "mode": "full" if report.options.full else "quick",
        "seed": report.options.seed,
        "complete": all(row.finished for row in report.rows),
        "rows": [summary(row) for row in report.rows],
        "notes": list(report.notes),
    }


def write_tables(report: Report, directory: StrPath) -> list[str]:
    """Write ``results.json``, ``results.csv`` and ``results.md``; return their names."""
    directory = as_path(directory)
    record = report_record(report)
    contents = {
        "results.json": json.dumps(record, indent=2) + "\n",
        "results.csv": _csv(record["rows"]),
        "results.md": markdown(record),
    }
    for name, content in contents.items():
        write_text(directory / name, content)
    return list(contents)


def table_row(row: dict[str, Any]) -> tuple[str, ...]:
    published = row["published"]
    share = published["share"]
    return (
        row["title"],
        published["result"] if share is None else f"{published['result']} {share:.2%}",
        _ours(row),
        _fitted_cell(row["fitted"]),
        _goal(row),
        _count(published["steps"]),
        _count(row["steps"]),
        _NONE if row["steps_ratio"] is None else f"{row['steps_ratio']:.1f}",
        _NONE if row["seconds"] is None else f"{row['seconds']:.1f}",
        _share(published["adamw"]),
        _share(row["adamw"]),
        _share(published["adamw_penalty"]),
        _share(row["adamw_penalty"]),
        _proven(row["recovered"]),
    )


def short_row(row: dict[str, Any]) -> tuple[str, ...]:
    published, recovered = row["published"], row["recovered"]
    share, steps = published["share"], published["steps"]
    value = row["value"]
    if value is None:
        ours = row["state"]
    else:
        ours = f"{value:.0f} codes" if row["measure"] == "codes used" else f"{value:.2%}"
    figure = _share(share) if share is not None or steps is None else f"{steps} steps"
    reached = row["reached"]
    proven = _NONE if recovered is None else f"{recovered['runs']}/{recovered['looked_at']}"
    return (
        row["name"],
        figure,
        ours,
        plural(row["seeds"], "run") if reached is None else f"{reached}/{row['seeds']}",
        _NONE if row["steps"] is None else f"{row['steps']:.0f}",
        _tenths(row["adamw"]),
        _tenths(row["adamw_penalty"]),
        proven,
    )


def markdown(record: dict[str, Any]) -> str:
    """Return the table with a second one of settings, as Markdown."""
    rows = record["rows"]
    settings = [settings_row(row) for row in rows]
    lines = [
        *_grid(HEADINGS, [table_row(row) for row in rows]),
        "",
        *_grid(SETTINGS_HEADINGS, settings),
        "",
        *(f"- {note}" for note in record["notes"]),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _grid(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _ours(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return str(row["state"])
    if row["measure"] == "codes used":
        return f"{row['value']:.0f} codes used"
    text = f"{row['measure']} {row['value']:.2%}"
    if row["seeds"] > 1 and row["measure"] != "exact":
        text += f" ({row['least']:.2%} to {row['greatest']:.2%})"
    return text


def _fitted_cell(fitted: dict[str, Any] | None) -> str:
    if fitted is None:
        return _NONE
    text = f"{fitted['test']:.2%}"
    if fitted["runs"] > 1:
        text += f" ({fitted['least']:.2%} to {fitted['greatest']:.2%})"
    return f"{text}, {fitted['weights']:.0f} weights"


def _goal(row: dict[str, Any]) -> str:
    seeds = row["seeds"]
    if not seeds:
        return _NONE
    text = f"{row['reached']} of {seeds}" if row["reached"] is not None else plural(seeds, "run")
    limit = seeds - row["ended_early"]
    if limit and row["reached"] != seeds:
        text += f"; {limit} at the step limit"
    return text


def _proven(recovered: dict[str, Any] | None) -> str:
    if recovered is None:
        return _NONE
    text = f"{recovered['runs']} of {recovered['looked_at']}"
    if not recovered["runs"]:
        return f"{text}; {recovered['best_equal']} of {recovered['outputs']} outputs at best"
    return f"{text} ({recovered['method']})"


def settings_row(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the settings of a summary as text, one cell for each of `SETTINGS_HEADINGS`."""
    settings, published = row["settings"], row["published"]
    stop = settings["stop"]
    if settings["gap_limit"] is not None:
        stop += f" {settings['gap_limit']:g}"
    theirs = [published[key] for key in ("beta", "gamma", "gap_limit")]
    return (
        row["name"],
        "-".join(str(width) for width in settings["widths"])
        + (", inputs to every layer" if settings.get("skip") else ""),
        f"{settings['sigma']:g}",
        f"{settings['beta']:g}, {settings['gamma']:g}",
        stop,
        _count(settings["max_iterations"]),
        f"{row['seeds']} of {row['seeds_wanted']}",
        _NONE if None in theirs else ", ".join(f"{value:g}" for value in theirs),
    )


def _count(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2%}"


def _tenths(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1%}"


def _csv(rows: list[dict[str, Any]]) -> str:
    """Return the summaries with their inner values as columns of their own."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}_")
        elif isinstance(value, list):
            flat[prefix + name] = "-".join(str(item) for item in value)
        else:
            flat[prefix + name] = "" if value is None else value
    return flat


_INCHES = (6.4, 6.0)


def has_matplotlib() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def draw_curves(row: Row, path: StrPath) -> None:
    """Draw the runs of an experiment, at least one; what was published and the baselines as levels.

    The same runs give the same bytes.
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
