"""A netlist as a graph for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from btfsynth.netlist.netlist import CellKind
from btfsynth.report.excerpt import Excerpt

__all__ = ["format_dot"]

_LABELS = {CellKind.AND: "&", CellKind.OR: "&#8805;1", CellKind.MAJ: "M"}


def format_dot(excerpt: Excerpt) -> str:
    """Return a graph from left to right in the DOT language; a complement is an empty circle at the arrow."""
    return "\n".join(_lines(excerpt)) + "\n"


def _lines(excerpt: Excerpt) -> Iterator[str]:
    yield f"digraph {_quoted(excerpt.netlist.name)} {{"
    yield "  rankdir=LR;"
    yield "  node [fontname=Helvetica, fontsize=11, height=0.3, width=0.4];"
    yield "  edge [arrowsize=0.6];"
    yield "  { rank=source; node [shape=plaintext];"
    for node in excerpt.inputs:
        yield f"    v{node} [label={_quoted(excerpt.name(node))}];"
    yield "  }"
    for cell in excerpt.cells:
        shown = f"{excerpt.name(cell.node)}\\n{_LABELS[cell.kind]}"
        yield f'  v{cell.node} [shape=box, label="{shown}"];'
    if any(literal < 2 for _, literal in excerpt.shown_outputs) or any(
        literal < 2 for cell in excerpt.cells for literal in cell.fanins
    ):
        yield '  v0 [shape=plaintext, label="0"];'
    yield "  { rank=sink; node [shape=plaintext];"
    for place, (name, _) in enumerate(excerpt.shown_outputs):
        yield f"    o{place} [label={_quoted(name)}];"
    yield "  }"
    for cell in excerpt.cells:
        for literal in cell.fanins:
            yield _edge(literal, f"v{cell.node}")
    for place, (_, literal) in enumerate(excerpt.shown_outputs):
        yield _edge(literal, f"o{place}")
    yield "}"


def _edge(literal: int, target: str) -> str:
    head = " [arrowhead=odot]" if literal & 1 else ""
    return f"  v{literal >> 1} -> {target}{head};"


def _quoted(name: str) -> str:
    """Return a name as a string of DOT in which nothing has a meaning of its own."""
    plain = name if name.isprintable() else name.encode("unicode_escape").decode()
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'
