"""Drawings as SVG inside a page: escaped elements, axes, and charts of a training and of its weights.

The method keeps the norm of a neuron's weights at the square root of its fan-in ``m`` and lets it settle on an
odd number ``s`` of inputs, at most the support sigma, all of the magnitude ``sqrt(m / s)`` (arXiv 2602.17493).
That magnitude is the unit of the neuron. A training that stops once every target is right has not settled yet:
``s`` is then the number that the weights are nearest to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.network.network import TrainedNetwork
from btfsynth.training.history import HistoryPoint


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
    """Return a coordinate with at most two decimals, the same text on every machine."""
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
    """Return an axis between two values, with about ``steps`` round values marked."""
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


_WIDTH, _LEFT, _RIGHT = 900.0, 44.0, 146.0
_GAP_TOP, _GAP_END, _SHARE_TOP, _SHARE_END, _HEIGHT = 26.0, 236.0, 276.0, 396.0, 440.0
_GAPS = (
    ("gap_w", "weights", "line series-2 thin"),
    ("gap_x", "inputs", "line series-3 thin"),
    ("gap_y", "outputs", "line series-4 thin"),
    ("least_gap", "least so far", "line series-1 dotted"),
    ("gap", "gap", "line series-1"),
)
_SHARES = (
    ("bits", "bits", "line series-1"),
    ("vectors", "patterns", "line series-2"),
    ("labels", "labels", "line series-3"),
    ("valid_bits", "held-out bits", "line series-1 dotted"),
    ("valid_vectors", "held-out patterns", "line series-2 dotted"),
    ("valid_labels", "held-out labels", "line series-3 dotted"),
)


def training_curve(
    history: Sequence[HistoryPoint], best_iteration: float | None = None
) -> Markup | None:
    """Draw a history, iterations and gap on logarithmic axes; None if it has no iterations.

    The iteration that gave the network is marked if it is known and not the last one.
    """
    points = [point for point in history if point.iterations > 0]
    if not points:
        return None
    x_end = _WIDTH - _RIGHT
    steps = log_axis([point.iterations for point in points], _LEFT, x_end)
    gaps = [getattr(point, name) for point in points for name, _, _ in _GAPS]
    gap_axis = log_axis(gaps, _GAP_END, _GAP_TOP)
    share_axis = linear_axis(0, 100, _SHARE_END, _SHARE_TOP, 4)
    parts = [
        *frame(steps, gap_axis, "gap", x_labels=False),
        *frame(steps, share_axis, "right, %", x_labels=True),
        element(
            "text", "iterations", x=(_LEFT + x_end) / 2, y=_HEIGHT - 6, class_="axis-title middle"
        ),
        *_mark(best_iteration, points[-1].iterations, steps),
        *_lines(points, steps, gap_axis, _GAPS, 1),
        *_lines(points, steps, share_axis, _SHARES, 100),
    ]
    last = points[-1]
    label = (
        f"Training over {last.iterations} iterations: the gap ends at {last.gap:.3g}, "
        f"{100 * last.bits:.4g} % of the bits are right."
    )
    if best_iteration is not None and best_iteration != last.iterations:
        label += f" The network is that of iteration {best_iteration:g}."
    return drawing(_WIDTH, _HEIGHT, label, parts, "chart")


def _mark(best: float | None, last: int, x_axis: Axis) -> list[Markup]:
    """Draw a vertical line through both panels at the iteration that gave the network."""
    if best is None or not 0 < best < last:
        return []
    x = x_axis.at(best)
    words = f"the network: iteration {best:g}"
    line = f"M{x:.2f} {_GAP_TOP}V{_SHARE_END}"
    left = x > (x_axis.start + x_axis.end) / 2
    return [
        element("path", element("title", words), d=line, class_="line series-1 thin"),
        element(
            "text",
            words,
            x=x - 4 if left else x + 4,
            y=_GAP_TOP - 4,
            class_="tick end" if left else "tick",
        ),
    ]


def _lines(
    points: Sequence[HistoryPoint],
    x_axis: Axis,
    y_axis: Axis,
    series: Sequence[tuple[str, str, str]],
    scale: float,
) -> list[Markup]:
    """Draw the lines of a panel, each with its name at its right end."""
    parts, ends = [], []
    for name, label, class_ in series:
        values = [(point.iterations, getattr(point, name)) for point in points]
        known = [(x, scale * y) for x, y in values if y is not None and y_axis.has(scale * y)]
        if not known:
            continue
        places = [(x_axis.at(x), y_axis.at(y)) for x, y in known]
        parts.append(element("path", d=points_path(places), class_=class_))
        dot = class_.replace("line", "dot")
        if "thin" not in class_ and "dotted" not in class_:
            parts.extend(
                element("circle", element("title", f"{label} {y:.4g} after {x} iterations"),
                        cx=cx, cy=cy, r=2.4, class_=dot)
                for (x, y), (cx, cy) in zip(known, places, strict=True)
            )  # fmt: skip
        ends.append((places[-1][1], label, class_))
    return parts + _end_labels(ends, x_axis.end, y_axis)


def _end_labels(ends: list[tuple[float, str, str]], x: float, axis: Axis) -> list[Markup]:
    """Write names beside the ends of their lines, moved apart where they would overlap."""
    spacing = 14.0
    ends = sorted(ends)
    places = [y for y, _, _ in ends]
    for place in range(1, len(places)):
        places[place] = max(places[place], places[place - 1] + spacing)
    limit = axis.start
    for place in range(len(places) - 1, -1, -1):
        places[place] = min(places[place], limit)
        limit = places[place] - spacing
    parts = []
    for y, (_, label, class_) in zip(places, ends, strict=True):
        parts.append(element("path", d=f"M{x + 8:.2f} {y:.2f}h14", class_=class_))
        parts.append(element("text", label, x=x + 27, y=y + 3.5, class_="tick"))
    return parts


_MAX_CELLS = 10_000
"""Weights of the largest layer that has a map; a larger one has only a histogram."""
_MAX_TITLES = 2_000
"""Up to this many weights in all, the pointer shows the value of each."""
_MAX_LAYERS = 40
_NEAR = 0.2
_COLORS = 8
"""Shades on each side of 0."""
_BINS = 49
_REACH = 2.45
"""Of the histogram: -1, 0 and +1 are each in the middle of a bin."""


@dataclass(frozen=True)
class LayerMap:
    title: str
    shape: str  # in words
    settled: float  # share of its weights within 0.2 of -1, 0 or +1
    heat: Markup | None  # the map; None if the layer is too large
    histogram: Markup  # how often each value comes


def settled_weights(weights: NDArray[np.float64], sigma: float | None) -> NDArray[np.float64]:
    """Return ``(neurons, m)`` weights in the units of their neurons; a row of zeros stays one.

    Rows may have any norm; `sigma` is the support, None if it is not known.
    """
    n = weights.shape[1]
    most = n if sigma is None else max(1, min(n, math.floor(sigma + 1e-9)))
    norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
    unit = weights / np.where(norms > 0, norms, 1)
    counts = np.arange(1, most + 1, 2)
    scaled = unit[None] * np.sqrt(counts)[:, None, None]
    off = (np.abs(scaled) - np.minimum(np.round(np.abs(scaled)), 1)) ** 2
    # As many as s weights of magnitude 1 are what a neuron settles on; the distance alone would
    # let a single large weight pass for many inputs that are all nearly 0.
    best = np.argmin(off.sum(axis=2) / counts[:, None], axis=0)
    return np.asarray(scaled[best, np.arange(len(weights))], dtype=np.float64)


def layer_maps(network: TrainedNetwork, bits: Sequence[str]) -> tuple[LayerMap, ...]:
    """Draw the layers of a network; a graph without layers gets one histogram of all neurons."""
    topology, start = network.topology, network.topology.fanin_start
    value = network.training.get("sigma")
    sigma = float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
    names = ["bias", *bits, *(f"h{k + 1}" for k in range(topology.n_neurons))]
    groups: list[tuple[NDArray[np.float64], list[str]]] = []
    weights = network.weights.astype(np.float64)
    for first, last in topology.layers:
        sources = topology.sources[start[first] : start[first + 1]]
        block = weights[start[first] : start[last]].reshape(last - first, len(sources))
        settled = settled_weights(block, sigma)
        groups.append((settled, [names[source] for source in sources]))
    if topology.widths is None or len(groups) > _MAX_LAYERS:
        values = np.concatenate([rows.ravel() for rows, _ in groups])
        shape = f"{plural(topology.n_neurons, 'neuron')}, {plural(topology.n_edges, 'weight')}"
        return (_layer("all neurons", shape, values[None], None, False),)
    titled = topology.n_edges <= _MAX_TITLES
    layers = []
    for place, (rows, sources_of) in enumerate(groups):
        title = "outputs" if place == len(groups) - 1 else f"hidden layer {place + 1}"
        shape = f"{plural(len(rows), 'neuron')} of {plural(rows.shape[1], 'input')}"
        layers.append(_layer(title, shape, rows, sources_of, titled))
    return tuple(layers)


def _layer(
    title: str, shape: str, rows: NDArray[np.float64], sources: list[str] | None, titled: bool
) -> LayerMap:
    magnitude = np.abs(rows)
    near = np.minimum(np.abs(magnitude - 1), magnitude) <= _NEAR
    heat = None
    if sources is not None and rows.size <= _MAX_CELLS:
        heat = _heat_map(title, rows, sources, titled)
    return LayerMap(title, shape, float(near.mean()), heat, _histogram(title, rows))


def _heat_map(title: str, rows: NDArray[np.float64], sources: list[str], titled: bool) -> Markup:
    """Draw one row per neuron and one column per input, coloured by the weight."""
    n_rows, n_columns = rows.shape
    size = max(3.0, min(18.0, 400.0 / max(n_rows, n_columns)))
    left, top = 26.0, 22.0
    shades = np.clip(np.round(rows * _COLORS / 1.25), -_COLORS, _COLORS).astype(int)
    parts: list[Markup] = []
    for shade in sorted(set(shades.ravel().tolist())):
        class_ = "w0" if not shade else f"w{'n' if shade < 0 else 'p'}{abs(shade)}"
        where = np.argwhere(shades == shade).tolist()
        if titled:
            parts.extend(
                element(
                    "rect",
                    element("title", f"{sources[column]}: {rows[row, column]:+.2f}"),
                    x=left + column * size,
                    y=top + row * size,
                    width=size - 1,
                    height=size - 1,
                    class_=class_,
                )
                for row, column in where
            )
        else:
            side, inner = number(left), number(size - 0.4)
            data = "".join(
                f"M{number(float(side) + column * size)} {number(top + row * size)}"
                f"h{inner}v{inner}h-{inner}z"
                for row, column in where
            )
            parts.append(element("path", d=data, class_=class_))
    middle = top + n_rows * size / 2
    parts.append(element("text", "inputs", x=left, y=13, class_="tick"))
    parts.append(
        element("text", "neurons", transform=f"translate(14 {middle:.2f}) rotate(-90)",
                class_="tick middle")
    )  # fmt: skip
    label = (
        f"Map of the weights of {title}: {plural(n_rows, 'neuron')} by {plural(n_columns, 'input')}"
    )
    return drawing(left + n_columns * size, top + n_rows * size, label, parts, "chart heat")


def _histogram(title: str, rows: NDArray[np.float64]) -> Markup:
    """Draw how often values occur, with -1, 0 and +1 marked."""
    width, height, bottom, left = 300.0, 150.0, 122.0, 10.0
    counts, edges = np.histogram(np.clip(rows, -_REACH, _REACH), _BINS, (-_REACH, _REACH))
    x_axis = linear_axis(-_REACH, _REACH, left, width - 10)
    top = float(counts.max())
    parts = [
        element("path", d=f"M{x_axis.at(value):.2f} 8V{bottom}", class_="grid")
        for value in (-1, 0, 1)
    ]
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            tall = (bottom - 12) * count / top
            parts.append(
                element(
                    "rect",
                    element("title", f"{plural(count, 'weight')} from {low:.2g} to {high:.2g}"),
                    x=x_axis.at(float(low)) + 0.4,
                    y=bottom - tall,
                    width=x_axis.at(float(high)) - x_axis.at(float(low)) - 0.8,
                    height=tall,
                    class_="bar",
                )
            )
    parts.append(element("path", d=f"M{left} {bottom}H{width - 10}", class_="axis"))
    parts.extend(
        element("text", f"{value:+d}" if value else "0", x=x_axis.at(value), y=bottom + 17,
                class_="tick middle")
        for value in (-2, -1, 0, 1, 2)
    )  # fmt: skip
    label = f"Histogram of the weights of {title} in the units of their neurons"
    return drawing(width, height, label, parts, "chart histogram")
