"""Candidates: cells built on trial, measured, taken back, and made again if they are the cheapest."""

from __future__ import annotations

from dataclasses import dataclass

from btfsynth.netlist.builder import NetlistBuilder

__all__ = ["Candidate", "make", "take_back"]


@dataclass(frozen=True)
class Candidate:
    """What a literal takes beyond the cells that a builder has already.

    Parameters
    ----------
    form
        Name of the way it was built.
    start
        Cells that the builder had before.
    cells
        The fan-in of every cell that is needed and was not there, in topological order; literals of nodes
        of the builder, and of these cells as if they were its next ones.
    output
        The literal, in the same numbers.
    """

    form: str
    start: int
    cells: tuple[tuple[int, int, int], ...]
    output: int


def take_back(builder: NetlistBuilder, form: str, start: int, literal: int) -> Candidate:
    """Take back the cells made since; return those that the literal needs.

    Parameters
    ----------
    builder
        Loses the cells from ``start`` on.
    form
        Name of the way they were built.
    start
        Cells that the builder had before.
    literal
        What they were built for.
    """
    first = 1 + builder.n_inputs + start
    needed: dict[int, tuple[int, int, int]] = {}
    stack = [literal >> 1]
    while stack:
        node = stack.pop()
        if node >= first and node not in needed:
            fanin = builder.fanin(2 * node)
            assert fanin is not None  # nodes from first on are cells
            needed[node] = fanin
            stack.extend(lit >> 1 for lit in fanin)
    number = {node: first + place for place, node in enumerate(sorted(needed))}
    cells = []
    for node in number:
        a, b, c = (2 * number.get(lit >> 1, lit >> 1) + (lit & 1) for lit in needed[node])
        cells.append((a, b, c))
    builder.roll_back(start)
    output = 2 * number.get(literal >> 1, literal >> 1) + (literal & 1)
    return Candidate(form, start, tuple(cells), output)


def make(builder: NetlistBuilder, candidate: Candidate) -> int:
    """Make the cells of a candidate and return its literal; the builder must be as it was before it."""
    assert builder.n_cells == candidate.start
    for fanin in candidate.cells:
        builder.maj(*fanin)
    return candidate.output
