"""How a training went, as a drawing: the gap and its parts, and below them what came out right."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from btfsynth.report.svg import Axis, drawing, element, linear_axis, log_axis, points_path
from btfsynth.train.history import HistoryPoint

__all__ = ["training_curve"]

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
    ("held_out_bits", "held-out bits", "line series-1 dotted"),
    ("held_out_vectors", "held-out patterns", "line series-2 dotted"),
    ("held_out_labels", "held-out labels", "line series-3 dotted"),
)


def training_curve(
    history: Sequence[HistoryPoint], best_iteration: float | None = None
) -> Markup | None:
    """Return the drawing of a history, steps and gap on logarithmic axes; None if it has no step.

    The step that the network is of is marked if it is known and another one than the last.
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
        *_frame(steps, gap_axis, "gap"),
        *_frame(steps, share_axis, "right, %"),
        *(
            element("text", text, x=steps.at(value), y=_SHARE_END + 18, class_="tick middle")
            for value, text in steps.ticks
            if text
        ),
        element("text", "steps", x=(_LEFT + x_end) / 2, y=_HEIGHT - 6, class_="axis-title middle"),
        *_mark(best_iteration, points[-1].iterations, steps),
        *_lines(points, steps, gap_axis, _GAPS, 1),
        *_lines(points, steps, share_axis, _SHARES, 100),
    ]
    last = points[-1]
    label = (
        f"Training over {last.iterations} steps: the gap ends at {last.gap:.3g}, "
        f"{100 * last.bits:.4g} % of the bits are right."
    )
    if best_iteration is not None and best_iteration != last.iterations:
        label += f" The network is that of step {best_iteration:g}."
    return drawing(_WIDTH, _HEIGHT, label, parts, "chart")


def _mark(best: float | None, last: int, x_axis: Axis) -> list[Markup]:
    """Draw an upright line through both panels at the step that the network is of."""
    if best is None or not 0 < best < last:
        return []
    x = x_axis.at(best)
    words = f"the network: step {best:g}"
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


def _frame(x_axis: Axis, y_axis: Axis, title: str) -> list[Markup]:
    """Draw the grid of a panel and the texts of its upright axis."""
    top, bottom = y_axis.end, y_axis.start
    parts = [
        element("text", title, x=0, y=top - 12, class_="axis-title"),
        *(
            element("path", d=f"M{x_axis.at(value):.2f} {top}V{bottom}", class_="grid")
            for value, text in x_axis.ticks
            if text
        ),
    ]
    for value, text in y_axis.ticks:
        if text:
            y = y_axis.at(value)
            parts.append(element("path", d=f"M{_LEFT} {y:.2f}H{x_axis.end}", class_="grid"))
            parts.append(element("text", text, x=_LEFT - 8, y=y + 3.5, class_="tick end"))
    return parts


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
                element("circle", element("title", f"{label} {y:.4g} after {x} steps"),
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
