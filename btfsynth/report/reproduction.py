"""The folder of a reproduction: its table and its curves."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, plural
from btfsynth.files import StrPath, as_path
from btfsynth.records import read_record
from btfsynth.report.folder import as_number, as_text, records
from btfsynth.report.sections import Figure, Verdict
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.reproduce.table import HEADINGS, SETTINGS_HEADINGS, settings_row, table_row

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
"""Values of a row that came later than the format, and what stands for them."""


@dataclass(frozen=True)
class Table:
    """A table of text: ``numeric`` are the places of columns that hold numbers."""

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
        """Say whether all runs are complete; their results are for the reader to judge."""
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
        """Return name, value and whether it is code of where the figures came from."""
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
    """Return a row as text, None if it is not as the program writes it."""
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
