"""Drawings as SVG inside a page: elements with everything escaped, and axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


def element(name: str, *content: str, **attributes: str | float | None) -> Markup:
    written = Markup("").join(
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value)
        )
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(content)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inner)  # noqa: S704


def drawing(
    width: float, height: float, label: str, parts: Iterable[Markup], class_: str
) -> Markup:
    """Return an SVG element with a label for those who do not see it."""
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        class_=class_,
    )


def number(value: float) -> str:
    """Return a coordinate with two decimals at most: the same text on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0", value == 0) or "0"


def points_path(points: Iterable[tuple[float, float]]) -> str:
    return "".join(
        f"{'L' if place else 'M'}{number(x)} {number(y)}" for place, (x, y) in enumerate(points)
    )


@dataclass(frozen=True)
class Axis:
    least: float  # Values at its ends
    greatest: float
    start: float  # Coordinates of its ends
    end: float
    ticks: tuple[
        tuple[float, str], ...
    ]  # values that get a line, with their text; empty text for none
    logarithmic: bool = False  # true if the axis is

    def at(self, value: float) -> float:
        if self.logarithmic:
            low, high, value = math.log10(self.least), math.log10(self.greatest), math.log10(value)
        else:
            low, high = self.least, self.greatest
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def has(self, value: float) -> bool:
        return value > 0 or not self.logarithmic


def log_axis(values: Iterable[float], start: float, end: float) -> Axis:
    """Return a logarithmic axis over the values above 0, its decades marked."""
    shown = [value for value in values if value > 0] or [1.0]
    low, high = math.log10(min(shown)), math.log10(max(shown))
    if high - low < 1:
        low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    margin = 0.04 * (high - low)
    low, high = low - margin, high + margin
    ticks: list[tuple[float, str]] = []
    for decade in range(math.floor(low), math.ceil(high) + 1):
        for digit in (1, 2, 5):
            place = decade + math.log10(digit)
            if low <= place <= high:
                wanted = digit == 1 or high - low < 2.5
                ticks.append((digit * 10.0**decade, _power(digit, decade) if wanted else ""))
    return Axis(10**low, 10**high, start, end, tuple(ticks), logarithmic=True)


def linear_axis(least: float, greatest: float, start: float, end: float, steps: int = 5) -> Axis:
    """Return an axis from value to value, round values marked, some ``steps`` of them."""
    if greatest <= least:
        greatest = least + 1
    rough = (greatest - least) / max(1, steps)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= 0.999 * rough)
    first = math.ceil(least / step - 1e-9)
    last = math.floor(greatest / step + 1e-9)
    ticks = tuple((place * step, f"{place * step:g}") for place in range(first, last + 1))
    return Axis(least, greatest, start, end, ticks)


def _power(digit: int, decade: int) -> str:
    if -3 <= decade < 5:
        return f"{digit * 10.0**decade:g}"
    return f"{digit}e{decade}"


def frame(x_axis: Axis, y_axis: Axis, title: str, *, x_labels: bool) -> list[Markup]:
    """Draw the grid of a chart, the labels of its vertical axis and, if wanted, of the horizontal one."""
    left, right, top, bottom = x_axis.start, x_axis.end, y_axis.end, y_axis.start
    parts = [element("text", title, x=0, y=top - 12, class_="axis-title")]
    for value, text in x_axis.ticks:
        if text:
            x = x_axis.at(value)
            parts.append(element("path", d=f"M{x:.2f} {top}V{bottom}", class_="grid"))
            if x_labels:
                parts.append(element("text", text, x=x, y=bottom + 18, class_="tick middle"))
    for value, text in y_axis.ticks:
        if text:
            y = y_axis.at(value)
            parts.append(element("path", d=f"M{left} {y:.2f}H{right}", class_="grid"))
            parts.append(element("text", text, x=left - 8, y=y + 3.5, class_="tick end"))
    return parts
