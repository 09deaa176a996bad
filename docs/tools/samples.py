"""Draw the sample-size curves of docs/samples.md: ``python docs/tools/samples.py``. The output is reproducible.

Reads what ``benchmarks/samples.py -o docs/experiments/samples.csv`` measured, and for AdamW the medians of
``docs/experiments/results.csv``, of the same circuits and samples.
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

from markupsafe import Markup
from pictures import IMAGES, _svg

from btfsynth.report.svg import element, frame, linear_axis, log_axis, points_path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
TITLES = {"and_or": "random AND/OR circuits", "majority": "random majority circuits"}
Curve = list[tuple[float, float]]


def read(name: str) -> list[dict[str, str]]:
    with (EXPERIMENTS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def middles(rows: list[dict[str, str]], family: str, field: str) -> Curve:
    """Return the medians over the seeds by number of samples, in percent."""
    values: dict[int, list[float]] = {}
    for row in rows:
        if row["family"] == family and row[field]:
            values.setdefault(int(row["samples"]), []).append(100 * float(row[field]))
    return sorted((samples, median(each)) for samples, each in values.items())


def adamw(family: str, field: str) -> Curve:
    """Return what the gradient baselines of `btfsynth reproduce` reach on the networks as published."""
    found = []
    for row in read("results.csv"):
        name, _, samples = row["name"].rpartition("_")
        if name == family and samples.isdigit() and row[field]:
            found.append((float(samples), 100 * float(row[field])))
    return sorted(found)


def draw(rows: list[dict[str, str]], family: str) -> str:
    """Draw the share of test bits right over the number of samples."""
    curves = {
        "circuit": (middles(rows, family, "bits"), "series-1"),
        "AdamW, penalty": (adamw(family, "adamw_penalty"), "series-2"),
        "AdamW": (adamw(family, "adamw"), "series-4"),
        "forests": (middles(rows, family, "forest"), "series-3"),
    }
    points = [point for curve, _ in curves.values() for point in curve]
    x_axis = log_axis([x for x, _ in points], 60, 470)
    y_axis = linear_axis(10 * int(min(y for _, y in points) / 10), 100, 250, 40)
    parts: list[Markup] = frame(
        x_axis, y_axis, f"{TITLES[family]}: test bits right, %", x_labels=True
    )
    for label, (curve, style) in curves.items():
        placed = [(x_axis.at(x), y_axis.at(y)) for x, y in curve]
        if not placed:
            continue
        parts.append(element("path", d=points_path(placed), class_=f"line {style}"))
        parts += [
            element("circle", cx=f"{x:.2f}", cy=f"{y:.2f}", r=3, class_=f"dot {style}")
            for x, y in placed
        ]
        x, y = placed[-1]
        parts.append(element("text", label, x=f"{x + 9:.2f}", y=f"{y + 4:.2f}", class_="tick"))
    parts.append(element("text", "samples", x=265, y=290, class_="tick middle"))
    return _svg(600, 300, f"{TITLES[family]}: test bits right over the number of samples", parts)


def main() -> None:
    """Write both pictures."""
    rows = read("samples.csv")
    for family in TITLES:
        (IMAGES / f"samples_{family}.svg").write_text(draw(rows, family), encoding="utf-8")


if __name__ == "__main__":
    main()
