"""The results of a reproduction, seeds taken together: JSON, CSV, Markdown and curves."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import statistics
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from btfsynth import __version__
from btfsynth.errors import plural
from btfsynth.files import StrPath, as_path, make_folder, write_text
from btfsynth.reproduce.catalogue import Measure
from btfsynth.reproduce.record import BASELINES, goal_reached, value_of
from btfsynth.reproduce.run import Report, Row
from btfsynth.training.history import write_figure


def summary(row: Row) -> dict[str, Any]:
    """Return one row of the table as JSON values; figures are medians over its seeds.

    Iterations and seconds are medians of the runs that reached the goal, of all if none did.
    """
    experiment, records = row.experiment, row.records
    published = experiment.published
    values = [value_of(experiment, record) for record in records]
    goals = [goal_reached(experiment, record) for record in records]
    reached = [record for record, goal in zip(records, goals, strict=True) if goal]
    ended = [record for record in records if record["stop"] != "iterations"]
    counted = reached or records
    iterations = _median([record["iterations"] for record in counted])
    return {
        "name": experiment.name,
        "title": experiment.title,
        "measure": experiment.measure.value,
        "state": _state(row),
        "seeds": len(records),
        "seeds_wanted": row.scale.seeds,
        "reached": None if not goals or goals[0] is None else len(reached),
        "ended_early": len(ended),
        "published": asdict(published),
        "settings": experiment.settings(row.scale),
        "value": _median(values),
        "least": min(values, default=None),
        "greatest": max(values, default=None),
        "iterations": iterations,
        "seconds": _median([record["seconds"] for record in counted]),
        "iterations_ratio": None
        if published.iterations is None or not iterations
        else published.iterations / float(iterations),
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
    """Return the number of runs whose circuit was proven, and the maximum number of proven outputs."""
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
    """Return the test accuracy of networks with refitted weights, and the number of their weights."""
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


SHORT_HEADINGS = (
    "experiment",
    "published",
    "ours",
    "goal",
    "iterations",
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
    make_folder(directory)  # no run may have ended
    record = report_record(report)
    contents = {
        "results.json": json.dumps(record, indent=2) + "\n",
        "results.csv": _csv(record["rows"]),
        "results.md": markdown(record),
    }
    for name, content in contents.items():
        write_text(directory / name, content)
    return list(contents)


def short_row(row: dict[str, Any]) -> tuple[str, ...]:
    published, recovered = row["published"], row["recovered"]
    share, iterations = published["share"], published["iterations"]
    value = row["value"]
    if value is None:
        ours = row["state"]
    else:
        ours = f"{value:.0f} codes" if row["measure"] == "codes used" else f"{value:.2%}"
    theirs = iterations is not None and share is None
    reached = row["reached"]
    proven = _NONE if recovered is None else f"{recovered['runs']}/{recovered['looked_at']}"
    return (
        row["name"],
        f"{iterations} iterations" if theirs else _cell(share, ".2%"),
        ours,
        plural(row["seeds"], "run") if reached is None else f"{reached}/{row['seeds']}",
        _cell(row["iterations"], ".0f"),
        _cell(row["adamw"], ".1%"),
        _cell(row["adamw_penalty"], ".1%"),
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
    return ["| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cell(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _published(row: dict[str, Any]) -> str:
    published = row["published"]
    share = published["share"]
    return str(published["result"]) + ("" if share is None else f" {share:.2%}")


def _ours(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return str(row["state"])
    if row["measure"] == "codes used":
        return f"{row['value']:.0f} codes used"
    text = f"{row['measure']} {row['value']:.2%}"
    if row["seeds"] > 1 and row["measure"] != "exact":
        text += f" ({row['least']:.2%} to {row['greatest']:.2%})"
    return text


def _refitted(row: dict[str, Any]) -> str:
    fitted = row["fitted"]
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
        text += f"; {limit} at the limit of iterations"
    return text


def _proven(row: dict[str, Any]) -> str:
    recovered = row["recovered"]
    if recovered is None:
        return _NONE
    text = f"{recovered['runs']} of {recovered['looked_at']}"
    if not recovered["runs"]:
        return f"{text}; {recovered['best_equal']} of {recovered['outputs']} outputs at best"
    return f"{text} ({recovered['method']})"


def _widths(row: dict[str, Any]) -> str:
    settings = row["settings"]
    skip = ", inputs to every layer" if settings.get("skip") else ""
    return "-".join(str(width) for width in settings["widths"]) + skip


def _stop(row: dict[str, Any]) -> str:
    stop, limit = row["settings"]["stop"], row["settings"]["gap_limit"]
    return str(stop) if limit is None else f"{stop} {limit:g}"


def _their_settings(row: dict[str, Any]) -> str:
    theirs = [row["published"][key] for key in ("beta", "gamma", "gap_limit")]
    return _NONE if None in theirs else ", ".join(f"{value:g}" for value in theirs)


_Cells = dict[str, Callable[[dict[str, Any]], str]]

_COLUMNS: _Cells = {
    "experiment": lambda row: row["title"],
    "published": _published,
    "ours": _ours,
    "weights refitted": _refitted,
    "goal": _goal,
    "iterations published": lambda row: _cell(row["published"]["iterations"], ",.0f"),
    "iterations": lambda row: _cell(row["iterations"], ",.0f"),
    "ratio": lambda row: _cell(row["iterations_ratio"], ".1f"),
    "seconds": lambda row: _cell(row["seconds"], ".1f"),
    "AdamW published": lambda row: _cell(row["published"]["adamw"], ".2%"),
    "AdamW": lambda row: _cell(row["adamw"], ".2%"),
    "AdamW + penalty published": lambda row: _cell(row["published"]["adamw_penalty"], ".2%"),
    "AdamW + penalty": lambda row: _cell(row["adamw_penalty"], ".2%"),
    "circuit proven": _proven,
}
_SETTINGS_COLUMNS: _Cells = {
    "experiment": lambda row: row["name"],
    "widths": _widths,
    "sigma": lambda row: f"{row['settings']['sigma']:g}",
    "beta, gamma": lambda row: f"{row['settings']['beta']:g}, {row['settings']['gamma']:g}",
    "stop": _stop,
    "maximum iterations": lambda row: _cell(row["settings"]["max_iterations"], ",.0f"),
    "seeds": lambda row: f"{row['seeds']} of {row['seeds_wanted']}",
    "published beta, gamma, gap": _their_settings,
}
HEADINGS = tuple(_COLUMNS)
SETTINGS_HEADINGS = tuple(_SETTINGS_COLUMNS)


def table_row(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(cell(row) for cell in _COLUMNS.values())


def settings_row(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(cell(row) for cell in _SETTINGS_COLUMNS.values())


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


def has_matplotlib() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def draw_curves(row: Row, path: StrPath) -> None:
    """Draw the runs of an experiment, with the published figures and baselines as levels.

    The same runs give the same bytes.
    """
    write_figure(as_path(path), (6.4, 6.0), lambda figure: _draw(figure, row))


def _draw(figure: Any, row: Row) -> None:
    experiment = row.experiment
    above, below = figure.subplots(2, 1, sharex=True)
    figure.suptitle(experiment.title, parse_math=False)
    for number, record in enumerate(row.records):
        iterations, gaps, train, test = zip(*record["curve"], strict=True)
        color = f"C{number % 10}"
        above.plot(iterations, gaps, color=color, linewidth=1.0)
        below.plot(iterations, [100 * share for share in train], ":", color=color, linewidth=1.0)
        if None not in test:
            below.plot(iterations, [100 * share for share in test], color=color, linewidth=1.0)
    above.set_xscale("log")
    above.set_yscale("log", nonpositive="mask")
    above.set_ylabel("gap")
    below.set_ylabel("right (%): training dotted, test solid")
    below.set_xlabel("iterations")
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
