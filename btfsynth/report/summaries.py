"""Folders of many runs: the front of a discovery, the table and curves of a reproduction."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from btfsynth.errors import DataError, plural
from btfsynth.files import StrPath, as_path
from btfsynth.records import read_record, sub_record
from btfsynth.report.folder import (
    DesignFolder,
    as_number,
    as_text,
    numbers,
    read_folder,
    recorded_targets,
    records,
)
from btfsynth.report.sections import Figure, Verdict, verdict
from btfsynth.report.svg import Axis, drawing, element, frame, linear_axis
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.reproduce.table import HEADINGS, SETTINGS_HEADINGS, settings_row, table_row

FRONT_FILE = "front.json"
_TRIALS_FILE = "trials.jsonl"
_MAX_TRIALS_BYTES = 400_000_000
_MAX_CIRCUITS = 60


@dataclass(frozen=True, eq=False)
class Discovery:
    record: dict[str, Any]  # what ``front.json`` holds
    entries: tuple[dict[str, Any], ...]  # its circuits that are shown, the best first
    designs: tuple[DesignFolder, ...]  # their folders
    costs: Counter[
        tuple[int, int]
    ]  # how many circuits of each number of cells and depth were found
    left_out: int  # circuits of the front there is no room for

    def verdict(self) -> Verdict:
        found = [self.circuit_verdict(place) for place in range(len(self.entries))]
        count = plural(len(found), "circuit")
        bad = sum(one.state == "bad" for one in found)
        if bad:
            return Verdict("bad", "failed", f"{bad} of {count} of the front failed a check.")
        if all(one.state == "good" for one in found):
            reason = f"Checked as hardware: {count} of the front{self._targets()}."
            return Verdict("good", "verified", reason)
        return Verdict("none", "not verified", "Not every circuit of the front was checked.")

    def _targets(self) -> str:
        known = [
            recorded_targets({"targets": {"train": each.get("targets")}}) for each in self.entries
        ]
        if not known or not all(known):
            return ""
        least = min((each["train"] for each in known), key=lambda each: each.right)
        return f", each with {least.words()}"

    def circuit_verdict(self, place: int) -> Verdict:
        """Judge a circuit by the index of the front and by its own folder."""
        own = verdict(self.designs[place])
        if own.state == "bad" or "verified" not in self.entries[place]:
            return own
        if self.entries[place]["verified"] is True:
            return Verdict("good", "verified", "")
        return Verdict("bad", "failed", "")

    def figures(self) -> list[Figure]:
        found = []
        for name, label, detail in (
            ("trials", "trainings", "done"),
            ("exact", "exact networks", "every target right"),
            ("distinct", "circuits", "that differ"),
            ("polished", "polishings", "of good circuits"),
        ):
            value = as_number(self.record, name)
            if value is not None:
                found.append(Figure(label, f"{value:g}", detail))
        costs = [design.cost for design in self.designs]
        found.append(Figure("fewest cells", str(min(cost.cells for cost in costs)), ""))
        found.append(Figure("least depth", str(min(cost.depth for cost in costs)), ""))
        return found

    def front(self) -> dict[str, Any]:
        rows = []
        for place, (entry, design) in enumerate(zip(self.entries, self.designs, strict=True)):
            cost, own = design.cost, self.circuit_verdict(place)
            rows.append(
                {
                    "name": self.name(place),
                    "cells": cost.cells,
                    "depth": cost.depth,
                    "inverters": cost.inverters,
                    "kinds": f"{cost.and_cells} AND, {cost.or_cells} OR, {cost.maj_cells} MAJ",
                    "origin": _origin(sub_record(entry, "origin")),
                    "state": own.state,
                    "word": own.word,
                }
            )
        more = plural(self.left_out, "more circuit") if self.left_out else ""
        return {"rows": rows, "plot": self._plot(), "more": more}

    def name(self, place: int) -> str:
        cost = self.designs[place].cost
        return f"{cost.cells} cells, depth {cost.depth}, {plural(cost.inverters, 'inverter')}"

    def _plot(self) -> Markup:
        """Draw cells against depth: the front over all that was found."""
        width, height, left, bottom, top, right = 900.0, 360.0, 44.0, 316.0, 28.0, 880.0
        shown: dict[tuple[int, int], list[int]] = {}
        for place, design in enumerate(self.designs):
            shown.setdefault((design.cost.cells, design.cost.depth), []).append(place)
        near = {
            cost: count
            for cost, count in self.costs.items()
            if cost[0] <= 1.6 * max(cells for cells, _ in shown) + 4
        }
        cells = [cost[0] for cost in (*shown, *near)]
        depths = [cost[1] for cost in (*shown, *near)]
        x_axis = linear_axis(min(cells) - 1, max(cells) + 1, left, right, 10)
        y_axis = linear_axis(min(depths) - 1, max(depths) + 1, bottom, top, 6)
        parts = [
            *frame(_whole(x_axis), _whole(y_axis), "depth", x_labels=True),
            element("text", "cells", x=(left + right) / 2, y=height - 6,
                    class_="axis-title middle"),
        ]  # fmt: skip
        for (x_value, y_value), count in sorted(near.items()):
            parts.append(
                element(
                    "circle",
                    element("title", f"{x_value} cells, depth {y_value}: "
                                     f"{plural(count, 'circuit')}"),
                    cx=x_axis.at(x_value), cy=y_axis.at(y_value),
                    r=min(9.0, 2.5 + 0.8 * count**0.5), class_="cloud",
                )
            )  # fmt: skip
        for (x_value, y_value), places in sorted(shown.items()):
            for shift, place in enumerate(places):
                x, y = x_axis.at(x_value) + 60 * shift, y_axis.at(y_value)
                parts.append(self._point(place, x, y))
        label = f"Cells against depth of {plural(len(self.designs), 'circuit')} of the front"
        drawn = drawing(width, height, label, parts, "chart")
        # A screen reader reaches the points inside: the drawing is a group, not one image.
        return Markup(str(drawn).replace('role="img"', 'role="group"', 1))  # noqa: S704

    def _point(self, place: int, x: float, y: float) -> Markup:
        cost = self.designs[place].cost
        return element(
            "g",
            element("title", self.name(place)),
            element("circle", cx=x, cy=y, r=6.5),
            element("text", f"{cost.inverters} inv", x=x + 11, y=y + 4),
            class_="point",
            tabindex="0",
            role="button",
            aria_label=f"open the circuit of {self.name(place)}",
            data_circuit=str(place),
        )


def _whole(axis: Axis) -> Axis:
    """Return an axis that marks only whole numbers."""
    ticks = tuple((value, text) for value, text in axis.ticks if float(value).is_integer())
    return replace(axis, ticks=ticks)


def read_discovery(directory: StrPath) -> Discovery:
    directory = as_path(directory)
    path = directory / FRONT_FILE
    record = read_record(path)
    entries = records(record, "front")
    if not entries:
        raise DataError("front: expected at least one circuit", path)
    designs = []
    for entry in entries[:_MAX_CIRCUITS]:
        name = as_text(entry, "path")
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts:
            raise DataError(f"front: expected paths inside the folder, got {name!r:.80}", path)
        designs.append(read_folder(directory / name))
    first = designs[0].manifest
    for design in designs:
        if (design.manifest.inputs, design.manifest.outputs) != (first.inputs, first.outputs):
            raise DataError("expected circuits with the same ports", path)
    return Discovery(
        record,
        tuple(entries[:_MAX_CIRCUITS]),
        tuple(designs),
        _costs(directory / _TRIALS_FILE),
        max(0, len(entries) - _MAX_CIRCUITS),
    )


def _costs(path: Path) -> Counter[tuple[int, int]]:
    """Count the circuits of the records by cells and depth; other lines are ignored."""
    found: dict[str, tuple[int, int]] = {}
    try:
        if path.stat().st_size > _MAX_TRIALS_BYTES:
            return Counter()
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    values = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                circuit = sub_record(values, "circuit") if isinstance(values, dict) else {}
                cells, depth = as_number(circuit, "cells"), as_number(circuit, "depth")
                if cells is not None and depth is not None:
                    found[as_text(circuit, "key")] = int(cells), int(depth)
    except OSError:
        return Counter()
    return Counter(found.values())


def _origin(origin: dict[str, Any]) -> str:
    parts = []
    trial, seed = as_number(origin, "trial"), as_number(origin, "seed")
    if trial is not None:
        parts.append(f"trial {trial}, seed {seed}")
    method = as_text(origin, "method")
    widths: Sequence[float] = numbers(origin.get("widths"))
    if widths:
        parts.append("-".join(f"{width:g}" for width in widths))
    elif method:
        parts.append(method)
    if as_text(origin, "parent"):
        parts.append("polished")
    return ", ".join(parts)


RESULTS_FILE = "results.json"
_CURVES = "curves"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,99}")
_MAX_ROWS = 200
_MAX_CELL = 500
_MAX_CURVE_BYTES = 2_000_000
_MAX_CURVES_BYTES = 20_000_000
_WORDS = {
    "experiment", "published", "ours", "weights refitted", "goal", "circuit proven", "widths", "stop",
}  # fmt: skip
_LATER: dict[str, Any] = {"fitted": None}
"""Values of a row that are newer than the format, and their defaults."""


@dataclass(frozen=True)
class Table:
    """A table of text: ``numeric`` are the indices of columns with numbers."""

    id: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def numeric(self) -> tuple[int, ...]:
        return tuple(place for place, heading in enumerate(self.headings) if heading not in _WORDS)


@dataclass(frozen=True)
class Curve:
    """The picture of an experiment, ``data`` its address: the picture itself."""

    title: str
    data: str


@dataclass(frozen=True, eq=False)
class Reproduction:
    record: dict[str, Any]  # what ``results.json`` holds
    results: Table  # Its rows as text
    settings: Table
    curves: tuple[Curve, ...]  # pictures of those that have one
    done: int  # experiments of which a run has ended
    notices: tuple[str, ...]  # what was omitted and why, one line each

    @property
    def mode(self) -> str:
        return as_text(self.record, "mode")

    def verdict(self) -> Verdict:
        """Return a verdict on completeness only; the reader judges the results."""
        if self.record.get("complete") is not True:
            return Verdict("none", "not complete", "Some seeds were not run; see the settings.")
        if not self.missing:
            return Verdict("good", "complete", "Every seed of every experiment was run.")
        count = f"{len(self.results.rows)} of {len(EXPERIMENTS)} experiments"
        return Verdict("none", count, f"Every seed of {count} was run; the others were skipped.")

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the published experiments that are not among the rows."""
        names = {as_text(row, "name") for row in records(self.record, "rows")}
        return tuple(name for name in EXPERIMENTS if name not in names)

    def figures(self) -> list[Figure]:
        rows = records(self.record, "rows")
        runs = sum(int(as_number(row, "seeds") or 0) for row in rows)
        found = [
            Figure("experiments", str(len(self.results.rows)), self._chosen()),
            Figure("runs", str(runs), "trainings, a seed each"),
        ]
        aimed = [row for row in rows if as_number(row, "reached") is not None]
        if aimed:
            reached = sum(int(as_number(row, "reached") or 0) for row in aimed)
            of = sum(int(as_number(row, "seeds") or 0) for row in aimed)
            found.append(Figure("goal reached", str(reached), f"of {plural(of, 'run')} with one"))
        return found

    def _chosen(self) -> str:
        words = f"of {len(EXPERIMENTS)}" if self.missing else "all there are"
        if self.done == len(self.results.rows):
            return words
        return f"{words}; {self.done} with a run"

    def facts(self) -> list[tuple[str, str, bool]]:
        """Return the provenance of the figures: name, value and whether the value is code."""
        facts = []
        names = [as_text(row, "name") for row in records(self.record, "rows")]
        if self.mode in ("quick", "full") and set(names) <= set(EXPERIMENTS):
            facts.append(("mode", self.mode, False))
            facts.append(("experiments", ", ".join(names) if self.missing else "all", False))
        seed = as_number(self.record, "seed")
        if seed is not None:
            facts.append(("first seed", f"{seed:g}", False))
        facts.append(("version", f"btfsynth {as_text(self.record, 'version')}", False))
        facts.append(("published in", "Elser & Lal, arXiv 2602.17493", False))
        return facts


def read_reproduction(directory: StrPath) -> Reproduction:
    directory = as_path(directory)
    path = directory / RESULTS_FILE
    record = read_record(path)
    rows = records(record, "rows")
    if not rows:
        raise DataError("rows: expected at least one experiment", path)
    notices = [note[:_MAX_CELL] for note in record.get("notes") or [] if isinstance(note, str)]
    if len(rows) > _MAX_ROWS:
        notices.append(f"{plural(len(rows) - _MAX_ROWS, 'experiment')} more not shown")
    results, settings, kept = [], [], []
    for place, row in enumerate(rows[:_MAX_ROWS]):
        shown, used = _cells(row, table_row), _cells(row, settings_row)
        if shown is None or used is None:
            notices.append(f"row {place + 1} of {RESULTS_FILE} is not as expected and is omitted")
            continue
        results.append(shown)
        settings.append(used)
        kept.append(row)
    if not kept:
        raise DataError("rows: expected the experiments of btfsynth reproduce", path)
    return Reproduction(
        record,
        Table("result", HEADINGS, tuple(results)),
        Table("setting", SETTINGS_HEADINGS, tuple(settings)),
        _read_curves(directory / _CURVES, kept, notices),
        sum((as_number(row, "seeds") or 0) > 0 for row in kept),
        tuple(notices),
    )


def _cells(
    row: dict[str, Any], make: Callable[[dict[str, Any]], tuple[str, ...]]
) -> tuple[str, ...] | None:
    """Return a row as text, None if it is invalid."""
    try:
        cells = make({**_LATER, **row})
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    if not all(isinstance(cell, str) for cell in cells):
        return None
    return tuple(cell[:_MAX_CELL] for cell in cells)


def _read_curves(folder: Path, rows: list[dict[str, Any]], notices: list[str]) -> tuple[Curve, ...]:
    """Return the pictures of experiments; a picture cannot run anything, nor ask for anything."""
    curves: list[Curve] = []
    room = _MAX_CURVES_BYTES
    for row in rows:
        name = as_text(row, "name")
        path = folder / f"{name}.svg"
        if not _NAME.fullmatch(name) or not path.is_file():
            continue
        size = path.stat().st_size
        if size > min(room, _MAX_CURVE_BYTES):
            notices.append(f"omitted: {_CURVES}/{path.name}: too large")
            continue
        room -= size
        try:
            content = base64.b64encode(path.read_bytes()).decode("ascii")
        except OSError:
            notices.append(f"omitted: {_CURVES}/{path.name}: cannot be read")
            continue
        title = as_text(row, "title")[:_MAX_CELL]
        curves.append(Curve(title, f"data:image/svg+xml;base64,{content}"))
    return tuple(curves)
