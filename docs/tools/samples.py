"""Draw the sample-size curves of docs/samples.md: ``python docs/tools/samples.py``. The output is reproducible.

Reads what ``benchmarks/samples.py --baselines -o docs/experiments/samples.csv`` measured. Left: the median
share of test bits right, with the range over the circuits. Right: the share of circuits recovered whole, with
its 95% confidence interval.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from statistics import median

from markupsafe import Markup
from pictures import IMAGES, _svg

from btfsynth.learning.report import wilson
from btfsynth.report.svg import Axis, element, frame, linear_axis, points_path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
TITLES = {
    "and_or": "random AND/OR circuits",
    "majority": "random majority circuits",
    "rule30": "rule 30, 16 cells",
}
METHODS = (
    ("circuit", "", "learn", "line series-1"),
    ("circuit", "_tied", "learn, shared rule", "line series-1 dotted"),
    ("adamw_penalty", "", "AdamW, penalty", "line series-2"),
    ("adamw", "", "AdamW", "line series-4"),
    ("forest", "", "forests", "line series-3"),
)
"""Method, what the name of the family ends with, label and style."""
_MIN_CIRCUITS = 3
"""Minimum number of circuits for a share of those recovered."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 400, 40, 250
Row = dict[str, str]
Group = dict[int, list[Row]]
Point = tuple[float, float, float]


def read(name: str) -> list[Row]:
    with (EXPERIMENTS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grouped(rows: list[Row], family: str, method: str) -> Group:
    """Return rows by number of samples, in ascending order."""
    found: Group = {}
    for row in sorted(rows, key=lambda row: int(row["samples"])):
        if row["family"] == family and row["method"] == method:
            found.setdefault(int(row["samples"]), []).append(row)
    return found


def accuracy(group: list[Row]) -> Point:
    """Return median, least and greatest share of test bits right, in percent."""
    bits = [100 * float(row["bits"]) for row in group]
    return median(bits), min(bits), max(bits)


def recovery(group: list[Row]) -> Point:
    """Return the share of circuits recovered whole and its 95% confidence interval, in percent."""
    whole = sum(int(row["whole"]) for row in group)
    low, high = wilson(whole, len(group))
    return 100 * whole / len(group), 100 * low, 100 * high


def panel(
    curves: list[tuple[Group, str]],
    title: str,
    measure: Callable[[list[Row]], Point],
    least: float,
) -> list[Markup]:
    """Draw one chart: points with bars, joined by lines."""
    sizes = sorted({size for groups, _ in curves for size in groups})
    ticks = tuple((float(size), str(size)) for size in sizes)
    ends = 0.9 * sizes[0], 1.1 * sizes[-1]
    x_axis = Axis(*ends, _LEFT, _RIGHT, ticks, logarithmic=True)
    y_axis = linear_axis(least, 100, _BOTTOM, _TOP)
    parts = frame(x_axis, y_axis, title, x_labels=True)
    for place, (groups, style) in enumerate(curves):
        shift = 3 * (place - (len(curves) - 1) / 2)  # so that bars stand side by side
        values = {size: measure(group) for size, group in groups.items()}
        line = [(x_axis.at(size) + shift, y_axis.at(value[0])) for size, value in values.items()]
        parts.append(element("path", d=points_path(line), class_=style))
        for (x, y), (_, low, high) in zip(line, values.values(), strict=True):
            solid = style.removesuffix(" dotted")
            bar = f"M{x:.2f} {y_axis.at(max(low, least)):.2f}V{y_axis.at(high):.2f}"
            parts.append(element("path", d=bar, class_=f"{solid} thin"))
            parts.append(element("circle", cx=f"{x:.2f}", cy=f"{y:.2f}", r=2.5, class_=solid))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(element("text", "samples", x=middle, y=_BOTTOM + 36, class_="tick middle"))
    return parts


def draw(rows: list[Row], family: str) -> str:
    """Draw both charts of a family, and what the colours mean."""
    curves, legend = [], []
    for method, end, label, style in METHODS:
        groups = grouped(rows, family + end, method)
        if groups:
            curves.append((groups, style))
            x = _LEFT + 170 * len(legend)
            legend.append(
                element(
                    "g",
                    element("path", d=f"M{x} 316H{x + 24}", class_=style),
                    element("text", label, x=x + 32, y=320, class_="tick"),
                )
            )
    bits = [value for groups, _ in curves for group in groups.values() for value in accuracy(group)]
    left = panel(curves, "test bits right, %", accuracy, 10 * int(min(bits) / 10))
    many = [
        ({size: group for size, group in groups.items() if len(group) >= _MIN_CIRCUITS}, style)
        for groups, style in curves
    ]
    right = panel([each for each in many if each[0]], "circuits recovered whole, %", recovery, 0)
    parts = [element("g", *left, transform="translate(6)")]
    parts += [element("g", *right, transform="translate(456)"), *legend]
    title = f"{TITLES[family]}: test bits right, and circuits recovered, over the number of samples"
    return _svg(870, 336, title, parts)


def main() -> None:
    """Write all pictures."""
    rows = read("samples.csv")
    for family in TITLES:
        (IMAGES / f"samples_{family}.svg").write_text(draw(rows, family), encoding="utf-8")


if __name__ == "__main__":
    main()
