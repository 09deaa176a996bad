"""Draw the pictures of the documentation, ``python docs/tools/pictures.py``: the same bytes every time.

``rrr.svg`` is computed: the iterates of reflect-reflect-relax between two sets in the plane.
``stations.svg`` is the way of the data.
"""

from __future__ import annotations

import math
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"
BETA = 0.5
_FONT = 'font-family="sans-serif" font-size="13"'
_INK, _FAINT, _BLUE, _RED = "#3d4450", "#8a929e", "#1f5fbf", "#c2410c"

Point = tuple[float, float]


def to_circle(point: Point) -> Point:
    """Project to the unit circle, the set A of the picture."""
    size = math.hypot(*point)
    return point[0] / size, point[1] / size


def to_line(point: Point) -> Point:
    """Project to the line of height 0.55, the set B of the picture."""
    return point[0], 0.55


def step(point: Point) -> Point:
    """Return ``v + beta (P_B(2 P_A(v) - v) - P_A(v))``."""
    near = to_circle(point)
    mirrored = 2 * near[0] - point[0], 2 * near[1] - point[1]
    far = to_line(mirrored)
    return point[0] + BETA * (far[0] - near[0]), point[1] + BETA * (far[1] - near[1])


def iterates(start: Point, steps: int) -> list[Point]:
    """Return the start and the points after each step."""
    points = [start]
    for _ in range(steps):
        points.append(step(points[-1]))
    return points


def draw_rrr() -> str:
    """Return the picture of the iteration."""
    width, height, scale = 560, 330, 130

    def place(point: Point) -> str:
        return f"{280 + scale * point[0]:.1f},{200 - scale * point[1]:.1f}"

    points = iterates((0.12, -0.75), 60)
    path = " ".join(place(point) for point in points)
    dots = "".join(
        f'<circle cx="{place(point).split(",")[0]}" cy="{place(point).split(",")[1]}" r="2.6"/>'
        for point in points
    )
    end = to_circle(points[-1])
    end_x, end_y = place(end).split(",")
    line_y = place((0, 0.55)).split(",")[1]
    body = [
        f'<circle cx="280" cy="200" r="{scale}" fill="none" stroke="{_BLUE}" stroke-width="2"/>',
        f'<line x1="20" x2="540" y1="{line_y}" y2="{line_y}" stroke="{_FAINT}" stroke-width="2"/>',
        f'<polyline points="{path}" fill="none" stroke="{_RED}" stroke-width="1"/>',
        f'<g fill="{_RED}">{dots}</g>',
        f'<circle cx="{end_x}" cy="{end_y}" r="6" fill="none" stroke="{_INK}" stroke-width="2"/>',
        _label(20, 30, "A: every neuron obeys its threshold function", _BLUE),
        _label(20, 50, "B: all copies agree", _FAINT),
        _label(20, 70, "v: the iterates, beta = 0.5; ringed: the solution they lead to", _RED),
    ]
    return _svg(width, height, body, "Iterates of reflect-reflect-relax between two sets")


def draw_stations() -> str:
    """Return the picture of the way of the data."""
    stations = (
        ("patterns", "task or file"),
        ("network", "train"),
        ("netlist", "lower"),
        ("small netlist", "passes"),
        ("hardware", "emit"),
        ("FPGA", "fpga"),
    )
    checks = (
        "every target",
        "all vectors or SAT",
        "all vectors or SAT",
        "read back, simulated, proven",
        "simulated after routing",
    )
    body = []
    wide, gap, top = 118, 46, 40
    for index, (name, how) in enumerate(stations):
        x = 14 + index * (wide + gap)
        body.append(
            f'<rect x="{x}" y="{top}" width="{wide}" height="50" rx="6" fill="#f4f6fa" '
            f'stroke="{_INK}"/>'
        )
        body.append(_label(x + wide / 2, top + 22, name, _INK, middle=True))
        body.append(_label(x + wide / 2, top + 40, how, _FAINT, middle=True))
        if index < len(checks):
            start = x + wide + 5
            body.append(
                f'<path d="M{start} {top + 25}h{gap - 14}m-7 -5l7 5l-7 5" fill="none" '
                f'stroke="{_INK}"/>'
            )
            body.append(
                _label(x + wide + gap / 2, top + 78 + 18 * (index % 2), checks[index], _BLUE, True)
            )
    body.append(_label(14, 24, "made by ...", _FAINT))
    body.append(_label(14, top + 114, "and checked: ...", _BLUE))
    return _svg(14 + len(stations) * (wide + gap), 170, body, "Stations from patterns to FPGA")


def _label(x: float, y: float, text: str, colour: str, middle: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x:g}" y="{y:g}" {_FONT} fill="{colour}"{anchor}>{text}</text>'


def _svg(width: int, height: int, body: list[str], title: str) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    paper = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{title}</title>", paper, *body, "</svg>"]) + "\n"


PICTURES = {"rrr.svg": draw_rrr, "stations.svg": draw_stations}


def main() -> None:
    """Write all pictures."""
    for name, draw in PICTURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
