"""Pages of a search: the front as a plot to click, and of each circuit where and how much it is wrong.

A page is one HTML file without scripts that needs nothing else.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.point import Point, Subject, size_words
from btfsynth.errors import plural
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words
from btfsynth.netlist.text import parse_netlist
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Reading, number

PAGE_FILE = "index.html"
ERROR_FILE = "error.html"
_MAX_INPUTS = 20
"""Inputs up to which a page shows all vectors; with more a sample."""
_SAMPLE_WORDS = 1 << 10
_CELLS = 128
"""Rows and columns of a heat map at most."""
_BARS = 61
_WIDTH, _HEIGHT, _MARGIN = 640, 360, 48
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem;"
    "color-scheme:light dark}td,th{padding:.1rem .7rem .1rem 0;text-align:right}"
    "img{image-rendering:pixelated;width:24rem;height:24rem;border:1px solid #888}"
    "svg{width:100%;height:auto}svg text{font-size:12px;fill:currentColor}"
)


@dataclass(frozen=True, eq=False)
class Seen:
    """Errors on all vectors, or a sample of them."""

    off: NDArray[np.int64]  # ``(ports, vectors)``, signed
    inputs: NDArray[np.uint64]  # ``(inputs, words)``
    exhaustive: bool


def errors_seen(exact: Netlist, given: Netlist, reading: Reading) -> Seen:
    exhaustive = exact.n_inputs <= _MAX_INPUTS
    words = (
        exhaustive_words(exact.n_inputs)
        if exhaustive
        else random_vectors(exact.n_inputs, _SAMPLE_WORDS, 1)
    )
    vectors = 1 << exact.n_inputs if exhaustive else 64 * _SAMPLE_WORDS
    sides = [reading.values(output_words(each, words), vectors) for each in (given, exact)]
    return Seen(sides[0] - sides[1], words, exhaustive)


def error_page(subject: Subject, point: Point) -> str:
    """Return the page of one circuit."""
    exact = subject.exact
    seen = errors_seen(exact, parse_netlist(point.netlist), subject.reading)
    vectors = seen.off.shape[1]
    whose = f"all {vectors}" if seen.exhaustive else f"a sample of {vectors}"
    parts = [
        f"<p>In place of <b>{html.escape(subject.title)}</b> of {size_words(subject.size)}: "
        f"{size_words(point.size(subject.unit))}. <a href='../../{PAGE_FILE}'>The front</a></p>",
        _metrics(point),
        f"<h2>Errors</h2><p>Value minus exact value, on {whose} input vectors. The height "
        "is the square root of the share of vectors."
        + _weighted(subject, " The table is {}; the pictures count every vector once.")
        + "</p>",
        _histogram(seen.off),
    ]
    ports = exact.input_ports
    if len(ports) == 2 and seen.exhaustive:
        first, second = (html.escape(port.name) for port in ports)
        parts.append(
            f"<h2>Where</h2><p>Largest error over the operands: {first} to the right, {second} upwards, both "
            f"from 0. Black is none, white is {int(np.abs(seen.off).max(initial=0))}.</p>"
            f"<img alt='Heat map of the error over {first} and {second}' src='data:image/png;base64,"
            f"{base64.b64encode(_heat_map(seen.off, ports[0].width, ports[1].width)).decode()}'>"
        )
    return _page(point.name, parts)


def front_page(subject: Subject, front: Sequence[Point]) -> str:
    """Return the page of the front: a plot and a table with links to the circuits."""
    exact, unit = subject.exact, subject.unit
    rows = "".join(
        f"<tr><td><a href='{point.path}/{ERROR_FILE}'>{point.name}</a></td>"
        + "".join(f"<td>{count}</td>" for count in point.size(unit).values())
        + "".join(f"<td>{_shown(point, metric)}</td>" for metric in Metric)
        + "</tr>"
        for point in front
    )
    own = [] if unit is None else [unit.words]
    heads = ("circuit", *own, "cells", "depth", *(metric.value for metric in Metric))
    names = "".join(f"<th>{head}</th>" for head in heads)
    parts = [
        f"<p>{plural(len(front), 'circuit')} in place of <b>{html.escape(subject.title)}</b> of "
        f"{size_words(subject.size)}. Click one to see its errors."
        + _weighted(subject, " Errors are {}.")
        + "</p>",
        _front_plot(subject, front),
        f"<table><tr>{names}</tr>{rows}</table>",
    ]
    return _page(f"{exact.name}, approximate", parts)


def _weighted(subject: Subject, words: str) -> str:
    return words.format(subject.weighted) if subject.weighted else ""


def _page(title: str, parts: Sequence[str]) -> str:
    title = html.escape(title)
    return (
        f"<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _shown(point: Point, metric: Metric) -> str:
    value = number(point.errors.value(metric))
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _metrics(point: Point) -> str:
    head = "".join(f"<th>{metric.value}</th>" for metric in Metric)
    row = "".join(f"<td>{_shown(point, metric)}</td>" for metric in Metric)
    return f"<table><tr>{head}</tr><tr>{row}</tr></table>"


def _front_plot(subject: Subject, front: Sequence[Point]) -> str:
    """Draw size over error, the error on a logarithmic scale with zero at the left edge."""
    axis, unit = subject.axis, subject.unit
    counted, words = ("cells", "cells") if unit is None else (unit.value, unit.words)
    errors = [float(point.errors.value(axis)) for point in front]
    known = [math.log10(error) for error in errors if error > 0]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span, most = max(high - low, 1e-9), max(1, subject.size[counted])
    wide, tall = _WIDTH - 3 * _MARGIN, _HEIGHT - 2 * _MARGIN
    marks = []
    for point, error in zip(front, errors, strict=True):
        x = _MARGIN + (wide * (math.log10(error) - low) / span + _MARGIN if error > 0 else 0)
        size = point.size(unit)
        y = _MARGIN + tall * (1 - min(1.0, size[counted] / most))
        said = f"{axis.value} {_shown(point, axis)}, {size_words(size)}"
        marks.append(
            f"<a href='{point.path}/{ERROR_FILE}'><title>{said}</title>"
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='#2a7' stroke='currentColor'/></a>"
        )
    floor = _MARGIN + tall
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{words} over {axis.value}'>"
        f"<path d='M{_MARGIN} {_MARGIN}V{floor}H{_WIDTH - _MARGIN}' fill='none' stroke='currentColor'/>"
        f"<text x='{_MARGIN}' y='{_MARGIN - 12}'>{words}, up to {most} of the exact circuit</text>"
        f"<text x='{_MARGIN}' y='{floor + 20}'>0</text>"
        f"<text x='{2 * _MARGIN}' y='{floor + 20}'>{10**low:.4g}</text>"
        f"<text x='{_WIDTH - _MARGIN}' y='{floor + 20}' text-anchor='end'>{axis.value}, up to {10**high:.4g} "
        f"(logarithmic)</text>{''.join(marks)}</svg>"
    )


def _histogram(off: NDArray[np.int64]) -> str:
    """Draw how often errors occur, over all ports."""
    largest = max(1, int(np.abs(off).max(initial=0)))
    per = -(-(2 * largest + 1) // _BARS)  # values per bar
    bars = -(-(2 * largest + 1) // per)
    first = -largest - 0.5
    counts, _ = np.histogram(off, bins=bars, range=(first, first + bars * per))
    shares = np.sqrt(counts / counts.max())
    wide, tall, floor = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN, _HEIGHT - _MARGIN
    step = wide / bars
    drawn = "".join(
        f"<rect x='{_MARGIN + place * step:.1f}' y='{floor - tall * share:.1f}' width='{step * 0.9:.1f}' "
        f"height='{tall * share:.1f}' fill='#27a'><title>{count / counts.sum():.4%}</title></rect>"
        for place, (share, count) in enumerate(zip(shares.tolist(), counts.tolist(), strict=True))
        if count
    )
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='Histogram of the error'>{drawn}"
        f"<path d='M{_MARGIN} {floor}H{_WIDTH - _MARGIN}' stroke='currentColor'/>"
        f"<text x='{_MARGIN}' y='{floor + 20}'>{-largest}</text>"
        f"<text x='{_WIDTH / 2}' y='{floor + 20}' text-anchor='middle'>0</text>"
        f"<text x='{_WIDTH - _MARGIN}' y='{floor + 20}' text-anchor='end'>{largest}</text></svg>"
    )


def _heat_map(off: NDArray[np.int64], first: int, second: int) -> bytes:
    """Return a PNG of the largest absolute error of all ports over two operands; `first`, `second`: bits."""
    size = np.abs(off).max(axis=0).reshape(1 << second, 1 << first)
    rows, columns = (min(_CELLS, side) for side in size.shape)
    pooled = size.reshape(rows, size.shape[0] // rows, columns, size.shape[1] // columns).max(
        axis=(1, 3)
    )
    shade = (255 * pooled // max(1, int(pooled.max(initial=0)))).astype(np.uint8)[::-1]
    lines = b"".join(b"\0" + row.tobytes() for row in shade)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)  # 8 bits of grey

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )
