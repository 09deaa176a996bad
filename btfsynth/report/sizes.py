"""Accuracy against lookup tables of the circuits that a learning has built, as a picture and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from btfsynth.errors import percent
from btfsynth.report.folder import as_number, as_text, records
from btfsynth.report.svg import drawing, element, frame, linear_axis, log_axis, points_path

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900.0, 360.0, 44.0, 780.0, 28.0, 316.0
_SETS = ("train", "valid", "test")
_LINES = {
    "train": "line series-3 dotted",
    "valid": "line series-2 dotted",
    "test": "line series-1",
}


def size_front(build: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the front in the record of a learning; None if there is none or it has fewer than two circuits."""
    outputs = records(build, "outputs")
    if len(outputs) != 1:
        return None
    rows = [row for row in map(_row, records(outputs[0], "front")) if row is not None]
    if len(rows) < 2:
        return None
    sets = [name for name in _SETS if all(name in row["shares"] for row in rows)]
    shown = [
        {
            **row,
            "values": [percent(row["shares"][name]) for name in sets],
        }
        for row in rows
    ]
    return {"rows": shown, "sets": sets, "plot": _plot(rows, sets)}


def _row(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    luts = as_number(entry, "luts")
    if luts is None or luts < 0:
        return None
    shares = {name: as_number(entry, name) for name in _SETS}
    cells = as_number(entry, "cells")
    return {
        "luts": int(luts),
        "cells": "" if cells is None else f"{cells:g}",
        "shares": {name: share for name, share in shares.items() if share is not None},
        "how": f"{as_text(entry, 'learner')}, {as_text(entry, 'how')}",
        "won": entry.get("won") is True,
    }


def _plot(rows: list[dict[str, Any]], sets: list[str]) -> Markup:
    # A constant takes no table; on a logarithmic axis it stands with one.
    places = [max(1, row["luts"]) for row in rows]
    x_axis = log_axis(places, _LEFT, _RIGHT)
    shares = [100 * row["shares"][name] for row in rows for name in sets]
    y_axis = linear_axis(min(shares, default=0), max(shares, default=100), _BOTTOM, _TOP, 6)
    parts = [
        *frame(x_axis, y_axis, "right, %", x_labels=True),
        element("text", "6-input lookup tables", x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 6,
                class_="axis-title middle"),
    ]  # fmt: skip
    for name in sets:
        points = [
            (x_axis.at(place), y_axis.at(100 * row["shares"][name]))
            for place, row in zip(places, rows, strict=True)
        ]
        parts.append(element("path", d=points_path(points), class_=_LINES[name]))
        parts.append(element("text", name, x=points[-1][0] + 6, y=points[-1][1] + 4, class_="tick"))
        parts += [
            element(
                "circle",
                element("title", f"{row['luts']} tables: {percent(row['shares'][name])} {name}"),
                cx=x, cy=y, r=6.0 if row["won"] else 2.5, class_="cloud",
            )
            for (x, y), row in zip(points, rows, strict=True)
        ]  # fmt: skip
    label = f"Accuracy of {len(rows)} circuits against their 6-input lookup tables"
    return drawing(_WIDTH, _HEIGHT, label, parts, "chart")
