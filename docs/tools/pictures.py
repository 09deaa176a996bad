"""Draw the pictures of the documentation: ``python docs/tools/pictures.py``. The output is reproducible.

``stations.svg`` shows the flow from patterns to FPGA. ``rrr.svg`` shows iterates of reflect-reflect-relax
between two sets in the plane. ``training.svg``, ``weights.svg`` and ``netlist.svg`` show a training of the
2-bit multiplier, its weights, and the netlist lowered from them.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from markupsafe import Markup

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.flow.simplify import simplify_network
from btfsynth.network.network import TrainedNetwork
from btfsynth.ports import bit_names
from btfsynth.report.schematic import NIGHT_PAPER, Excerpt, format_svg
from btfsynth.report.svg import element, layer_maps, number, points_path, training_curve
from btfsynth.settings.table import StopRule
from btfsynth.training.history import HistoryPoint
from btfsynth.training.session import TrainOptions, train

IMAGES = Path(__file__).parents[1] / "images"
BETA = 0.5
HEIGHT = 0.55
"""Height of the line in ``rrr.svg``."""

_PAPER, _BOX = "#ffffff", "#f4f6fa"
_INK, _FAINT, _BLUE, _RED = "#2f3743", "#77808d", "#1f5fbf", "#c2410c"
_NIGHT = {
    _PAPER: NIGHT_PAPER, _BOX: "#2a2f3a", _INK: "#dde2ea", _FAINT: "#98a1b0", _BLUE: "#85b4f5", _RED: "#f5925a",
}  # fmt: skip
"""The dark-mode colour of each colour; the paper matches the site."""
_SHADES = {
    **{f"w{sign}{shade}": colour for sign, colours in {
        "p": ("#dbe7f7", "#bcd3f0", "#9bbde8", "#78a5df", "#568cd4", "#3a75c6", "#2761b4", "#174e9e"),
        "n": ("#fbe3d6", "#f6c9b1", "#f0ac89", "#e98e62", "#df7140", "#cf5726", "#b74315", "#98330b"),
    }.items() for shade, colour in enumerate(colours, start=1)},
    "w0": "#f1f3f6",
}  # fmt: skip
_STYLE = (
    "text{font:13px sans-serif}text:not([fill]){fill:#2f3743}"
    ".middle{text-anchor:middle}.end{text-anchor:end}"
    "text.tick{font-size:12px;fill:#5b6470}.axis-title{font-weight:bold}"
    ".grid{stroke:#e3e7ec;fill:none}.line{fill:none;stroke-width:2.2}.thin{stroke-width:1.2}"
    ".dotted{stroke-dasharray:2 4}"
    ".series-1{stroke:#1f5fbf}.series-2{stroke:#c2410c}.series-3{stroke:#15803d}"
    ".series-4{stroke:#7c3aed}.dot.series-1{fill:#1f5fbf}.dot.series-2{fill:#c2410c}"
    + "".join(f".{name}{{fill:{colour}}}" for name, colour in _SHADES.items())
)


def _mixed(colour: str, share: float) -> str:
    """Return a share of a colour mixed into the dark-mode colour of weight 0."""
    parts = [
        round(share * int(colour[at : at + 2], 16) + (1 - share) * int("#262b36"[at : at + 2], 16))
        for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


_NIGHT_STYLE = (
    "@media(prefers-color-scheme:dark){"
    "text:not([fill]){fill:#dde2ea}text.tick{fill:#98a1b0}.grid{stroke:#39404d}"
    ".series-1{stroke:#85b4f5}.series-2{stroke:#f5925a}.series-3{stroke:#6fcf97}"
    ".series-4{stroke:#cf9bee}.dot.series-1{fill:#85b4f5}.dot.series-2{fill:#f5925a}"
    + "".join(
        f'[fill="{day}"]{{fill:{night}}}[stroke="{day}"]{{stroke:{night}}}'
        for day, night in _NIGHT.items()
    )
    + "".join(
        f".w{sign}{shade}{{fill:{_mixed(colour, shade / 8)}}}"
        for sign, colour in (("p", "#85b4f5"), ("n", "#f5925a"))
        for shade in range(1, 9)
    )
    + ".w0{fill:#262b36}}"
)

Point = tuple[float, float]


def to_circle(point: Point) -> Point:
    """Project to the unit circle, the set A of the picture."""
    size = math.hypot(*point)
    return point[0] / size, point[1] / size


def to_line(point: Point) -> Point:
    """Project to the line, the set B of the picture."""
    return point[0], HEIGHT


def step(point: Point) -> Point:
    """Return ``v + beta (P_B(2 P_A(v) - v) - P_A(v))``."""
    near = to_circle(point)
    mirrored = 2 * near[0] - point[0], 2 * near[1] - point[1]
    far = to_line(mirrored)
    return point[0] + BETA * (far[0] - near[0]), point[1] + BETA * (far[1] - near[1])


def iterates(start: Point, count: int) -> list[Point]:
    """Return the start and the points after each iteration."""
    points = [start]
    for _ in range(count):
        points.append(step(points[-1]))
    return points


def draw_rrr() -> str:
    """Return the picture of the iteration."""
    scale, middle, base = 120, 190, 210

    def place(point: Point) -> Point:
        return middle + scale * point[0], base - scale * point[1]

    points = iterates((0.12, -0.75), 60)
    places = [place(point) for point in points]
    end = place(to_circle(points[-1]))
    line = place((0, HEIGHT))[1]
    parts = [
        element("circle", cx=middle, cy=base, r=scale, fill="none", stroke=_BLUE, stroke_width=2),
        element("path", d=f"M20 {number(line)}H{2 * middle - 20}", stroke=_FAINT, stroke_width=2),
        element("path", d=points_path(places), fill="none", stroke=_RED, stroke_width=1),
        *(element("circle", cx=x, cy=y, r=2.4, fill=_RED) for x, y in places),
        element("circle", cx=end[0], cy=end[1], r=6, fill="none", stroke=_INK, stroke_width=2),
        _label(places[0][0] + 10, places[0][1] + 4, "start", _RED),
    ]
    legend = (
        (_BLUE, "A: every neuron satisfies", "its threshold function"),
        (_FAINT, "B: all copies agree,", "outputs equal the targets"),
        (_RED, "v: the iterates,", f"beta = {BETA}"),
        (_INK, "circle: where they converge,", "a point in both sets"),
    )
    for place_of, (colour, first, second) in enumerate(legend):
        y = 70 + 62 * place_of
        parts.append(element("path", d=f"M390 {y - 5}h22", stroke=colour, stroke_width=3))
        parts += [_label(424, y, first, _INK), _label(424, y + 19, second, _INK)]
    return _svg(640, 350, "Iterates of reflect-reflect-relax between two sets", parts)


def draw_stations() -> str:
    """Return the picture of the flow."""
    stations = (
        ("patterns", "data"),
        ("network", "train"),
        ("netlist", "lower"),
        ("small netlist", "passes"),
        ("hardware", "emit"),
        ("FPGA", "fpga"),
    )
    checks = (
        ("every", "target"),
        ("all vectors", "or SAT"),
        ("all vectors", "or SAT"),
        ("parsed back,", "simulated,", "proven"),
        ("simulated", "after routing"),
    )
    wide, gap, left, rows = 128, 96, 78, (20, 168)
    parts: list[Markup] = []
    for index, (name, how) in enumerate(stations):
        x, top = left + index % 3 * (wide + gap), rows[index // 3]
        parts += [
            element("rect", x=x, y=top, width=wide, height=54, rx=6, fill=_BOX, stroke=_INK),
            _label(x + wide / 2, top + 23, name, _INK, middle=True),
            _label(x + wide / 2, top + 42, how, _FAINT, middle=True),
        ]
        if index % 3 == 0:
            parts += [_label(8, top + 42, "step", _FAINT), _label(8, top + 86, "check", _BLUE)]
        if index < len(checks):
            right = x + wide
            arrow = f"M{right + 10} {top + 27}h{gap - 22}m-8 -5l8 5l-8 5"
            middle = right + gap / 2
            if index == 2:  # around the corner to the second row
                below = rows[1] - 22
                arrow = f"M{right + 10} {top + 27}h30V{below}H{left + wide / 2}V{rows[1] - 6}m-5 -8l5 8l5 -8"
                middle = right - wide / 2
            parts.append(element("path", d=arrow, fill="none", stroke=_INK))
            parts += [
                _label(middle, top + 86 + 18 * row, text, _BLUE, middle=True)
                for row, text in enumerate(checks[index])
            ]
    width = left + 3 * wide + 2 * gap + 60
    return _svg(width, rows[1] + 140, "From patterns to FPGA", parts)


@cache
def trained() -> tuple[Dataset, TrainedNetwork, tuple[HistoryPoint, ...]]:
    """Train the 2-bit multiplier for 10,000 iterations; return data, network and history."""
    dataset = load("multiplier:2")
    run = train(dataset, TrainOptions(seed=1, trials=1, stop=StopRule.NONE, max_iterations=10_000))
    return dataset, run.network(dataset, seed=1), run.best.history


def draw_training() -> str:
    """Return the picture of gap and accuracy."""
    curve = training_curve(trained()[2])
    if curve is None:
        raise ValueError("the training has no history")
    inner = element("g", curve, transform="translate(14 10)")
    return _svg(930, 460, "Gap and accuracy of a training of the 2-bit multiplier", [inner])


def draw_weights() -> str:
    """Return the picture of the weights."""
    dataset, network, _ = trained()
    parts: list[Markup] = []
    for place, layer in enumerate(layer_maps(network, bit_names(dataset.input_ports))):
        if layer.heat is None:
            raise ValueError(f"{layer.title} has no map")
        x = 20 + 190 * place
        parts.append(_label(x + 26, 30, layer.title, _INK))
        parts.append(element("g", layer.heat, transform=f"translate({x} 40)"))
    for place, (name, text) in enumerate((("wn6", "-1"), ("w0", "0"), ("wp6", "+1"))):
        x = 46 + 70 * place
        parts.append(element("rect", x=x, y=166, width=17, height=17, class_=name))
        parts.append(_label(x + 25, 179, text, _INK))
    parts.append(_label(256, 179, "in units of the neuron; the first column is the bias", _INK))
    return _svg(600, 200, "Weights of a trained 2-bit multiplier", parts)


def draw_netlist() -> str:
    """Return the picture of the netlist."""
    dataset, network, _ = trained()
    return format_svg(Excerpt(simplify_network(network, dataset, None, None)[0]))


def _label(x: float, y: float, text: str, colour: str, middle: bool = False) -> Markup:
    class_ = "middle" if middle else None
    return element("text", text, x=x, y=y, fill=colour, class_=class_)


def _svg(width: int, height: int, title: str, parts: list[Markup]) -> str:
    content = element(
        "svg",
        element("title", title),
        element("style", _STYLE + _NIGHT_STYLE),
        element("rect", width=width, height=height, fill=_PAPER),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
    )
    return f"{content}\n"


PICTURES = {
    "stations.svg": draw_stations,
    "rrr.svg": draw_rrr,
    "training.svg": draw_training,
    "weights.svg": draw_weights,
    "netlist.svg": draw_netlist,
}


def main() -> None:
    """Write all pictures."""
    for name, draw in PICTURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
