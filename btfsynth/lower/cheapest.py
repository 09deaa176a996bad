"""The cheapest form of a pseudo-Boolean constraint, chosen by building all of them and counting cells.

A candidate is cells built on trial, measured, taken back, and made again if they are the cheapest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from btfsynth.lower.adder import lower_counter
from btfsynth.lower.diagram import diagram_orders, lower_diagram
from btfsynth.lower.known_forms import KNOWN_INPUTS, SPLIT_INPUTS, lower_known, lower_split
from btfsynth.lower.least_weights import least_weights
from btfsynth.lower.threshold import PseudoBoolean, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder

_LISTED = 12
"""Inputs up to which all vectors of a constraint are listed."""
_SPARE = 32
"""Cells that a diagram may make and not need in the end."""


def with_least_weights(constraint: PseudoBoolean) -> PseudoBoolean:
    """Return the same function with the least weights; as it is if it has too many inputs to list them."""
    width = len(constraint.literals)
    if not 1 < width <= _LISTED or max(constraint.weights) == 1:
        return constraint
    bits = np.array(list(product((0, 1), repeat=width)), dtype=np.int8)
    on = (bits.astype(object) @ np.array(constraint.weights, dtype=object)) >= constraint.bound
    function = least_weights(2 * bits - 1, on.astype(np.bool_))
    return constraint if function is None else pseudo_boolean(function, constraint.literals)


def cheapest_form(builder: NetlistBuilder, constraint: PseudoBoolean) -> Candidate:
    """Build a constraint in every known way and return the one with the fewest new cells.

    The builder is unchanged afterwards; cells that it has already cost nothing.
    """
    best: Candidate | None = None
    for candidate in _candidates(builder, constraint):
        if best is None or len(candidate.cells) < len(best.cells):
            best = candidate
        if len(best.cells) <= 1:
            break
    assert best is not None  # a counter always is
    return best


def _candidates(builder: NetlistBuilder, constraint: PseudoBoolean) -> Iterator[Candidate]:
    start = builder.n_cells
    if constraint.constant is not None:
        yield Candidate("constant", start, (), constraint.constant)
        return
    literal = lower_known(builder, constraint)
    if literal is not None:
        yield take_back(builder, "known form", start, literal)
    counter = take_back(builder, "counter", start, lower_counter(builder, constraint))
    yield counter
    limit = len(counter.cells) + _SPARE
    for order in diagram_orders(constraint):
        literal = lower_diagram(builder, constraint, order, limit)
        if literal is None:
            builder.roll_back(start)
            break
        yield take_back(builder, "diagram", start, literal)
    if KNOWN_INPUTS < len(constraint.literals) <= SPLIT_INPUTS:
        for known in range(3, KNOWN_INPUTS + 1):
            literal = lower_split(builder, constraint, known)
            yield take_back(builder, "split", start, literal)


@dataclass(frozen=True)
class Candidate:
    """What a literal takes beyond the cells that a builder has already.

    `cells` has the fan-in of every missing cell in topological order: literals of nodes of the builder, and
    of these cells as if they were appended from `start` on. `output` is the literal in the same numbers.
    """

    form: str
    start: int
    cells: tuple[tuple[int, int, int], ...]
    output: int


def take_back(builder: NetlistBuilder, form: str, start: int, literal: int) -> Candidate:
    """Remove the cells from ``start`` on from the builder; return those that the literal needs."""
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
