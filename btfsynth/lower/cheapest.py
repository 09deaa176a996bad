"""The cheapest form of a pseudo-Boolean constraint, chosen by building all of them and counting cells.

Each candidate is built, counted and removed again; the cheapest one is rebuilt.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import lower_counter
from btfsynth.lower.threshold import PseudoBoolean, least_weights, normal_form, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE

_LISTED = 12
"""Inputs up to which all vectors of a constraint are listed."""
_SPARE = 32
"""Cells that a diagram may make and not need in the end."""


def with_least_weights(constraint: PseudoBoolean) -> PseudoBoolean:
    """Return the same function with minimum weights, or unchanged if it has too many inputs to list."""
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
    """The cells that a literal needs beyond those of the builder.

    `cells` has the fan-in of every missing cell in topological order: literals of nodes of the builder, and
    of these cells numbered from `start`. `output` is the literal in the same numbering.
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


# Threshold functions of up to six inputs, and plain majorities, in the smallest forms known.
#
# With its constant as a variable a threshold function is self-dual, a weighted majority; majorities without
# constants are all its cells need. There are 135 classes of up to seven variables, and their forms were
# searched once (``benchmarks/threshold_forms.py``, stored in ``threshold_forms.json``): a majority of five
# takes four cells, of seven seven, of nine twelve. A class is told by its Chow parameters, the sums of each
# variable over the true vectors: no two threshold functions have the same (Chow, On the characterization of
# threshold functions, 1961).
#
# A constraint of more inputs is split by its heaviest ones, ``f = MAJ(x, f1, f0)`` as in the decision diagram,
# down to known forms.

_FORMS = Path(__file__).with_name("threshold_forms.json")
KNOWN_INPUTS = 6
"""Every class of up to this many inputs is known."""

_Key = tuple[int, ...]
_Cells = tuple[tuple[int, int, int], ...]


def lower_known(builder: NetlistBuilder, constraint: PseudoBoolean) -> int | None:
    """Build a constraint from the table and return its literal, or None if it is not in the table."""
    weights = np.array([*constraint.weights, 0], dtype=object)
    # The constant as a variable: sum w b >= B is sum w x + (sum w - 2 B + 1) > 0, always an odd sum.
    weights[-1] = int(weights.sum()) - 2 * constraint.bound + 1
    strength = weights
    by_weights, by_class = _table()
    if len(constraint.literals) <= KNOWN_INPUTS:
        strength = _chow(weights)
    order = sorted(range(len(weights)), key=lambda place: -abs(strength[place]))
    key = tuple(abs(int(strength[place])) for place in order if strength[place])
    cells = (by_class if strength is not weights else by_weights).get(key)
    if cells is None:
        return None
    literals = [FALSE]
    for place in order[: len(key)]:
        if place < len(constraint.literals):
            literals.append(constraint.literals[place])
        else:
            literals.append(TRUE if strength[place] > 0 else FALSE)
    if len(key) == 1:
        return literals[1]
    builder.extend(literals, cells)
    return literals[-1]


@cache
def _signs(width: int) -> NDArray[np.int64]:
    return np.array(list(product((-1, 1), repeat=width)), dtype=np.int64).reshape(-1, width)


def _chow(weights: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the Chow parameters of a self-dual function, on a common scale."""
    signs = _signs(len(weights))
    on = np.array((signs.astype(object) @ weights) > 0, dtype=np.bool_)
    sums: NDArray[np.int64] = signs[on].sum(axis=0) << (KNOWN_INPUTS + 1 - len(weights))
    return sums.astype(object)


@cache
def _table() -> tuple[dict[_Key, _Cells], dict[_Key, _Cells]]:
    by_weights: dict[_Key, _Cells] = {(1,): ()}
    for form in json.loads(_FORMS.read_text(encoding="utf-8")):
        by_weights[tuple(form["weights"])] = tuple((a, b, c) for a, b, c in form["cells"])
    by_class = {
        tuple(int(k) for k in _chow(np.array(weights, dtype=object))): cells
        for weights, cells in by_weights.items()
        if len(weights) <= KNOWN_INPUTS + 1
    }
    return by_weights, by_class


SPLIT_INPUTS = 12
"""Maximum inputs for splitting, which may double the cells with every input."""


def lower_split(builder: NetlistBuilder, constraint: PseudoBoolean, known: int) -> int:
    """Build a constraint and return its literal; known forms are used for up to `known` inputs."""
    return _split(builder, constraint, min(known, KNOWN_INPUTS), {})


def _split(
    builder: NetlistBuilder, constraint: PseudoBoolean, known: int, made: dict[PseudoBoolean, int]
) -> int:
    if constraint.constant is not None:
        return constraint.constant
    if constraint not in made:
        literal = lower_known(builder, constraint) if len(constraint.literals) <= known else None
        if literal is None:
            (weight, *weights), (x, *literals) = constraint.weights, constraint.literals
            terms = list(zip(weights, literals, strict=True))
            high = _split(builder, normal_form(terms, constraint.bound - weight), known, made)
            low = _split(builder, normal_form(terms, constraint.bound), known, made)
            literal = builder.maj(x, high, low)
        made[constraint] = literal
    return made[constraint]


# A pseudo-Boolean constraint as majority cells, by monotone Shannon expansion.
#
# A constraint of positive weights is monotone: ``f0 <= f1`` for the cofactors of any input, and so
# ``f = MAJ(x, f1, f0)``. All bounds in an interval give the same function, so the diagram is memoised on
# intervals: every node of this decision diagram is one majority cell, AND and OR falling out at the
# constants, and ``MAJ(x, y | z, y & z)`` is ``MAJ(x, y, z)``. Its size depends on the order of the inputs;
# falling weight is mostly best, others share more with what the builder has already.


def diagram_orders(constraint: PseudoBoolean) -> Iterator[tuple[int, ...]]:
    """Yield the orders of the literals to try, each a permutation of their positions.

    By descending and by ascending weight, then by ascending and by descending node, an order that neurons with
    the same inputs share.
    """
    places = range(len(constraint.literals))
    falling = tuple(places)
    by_node = tuple(sorted(places, key=lambda place: constraint.literals[place]))
    last = sorted(places, key=lambda place: constraint.literals[place], reverse=True)
    by_weight = tuple(sorted(last, key=lambda place: -constraint.weights[place]))
    yield from dict.fromkeys((falling, by_weight, falling[::-1], by_node, tuple(last)))


def lower_diagram(
    builder: NetlistBuilder, constraint: PseudoBoolean, order: tuple[int, ...], max_cells: int
) -> int | None:
    """Build a constraint and return its literal, or None if it needs too many cells."""
    weights = [constraint.weights[place] for place in order]
    literals = [constraint.literals[place] for place in order]
    return _Diagram(builder, weights, literals, max_cells).build(constraint.bound - 1)


class _Diagram:
    """The decision diagram of ``sum of weights[j] * b[j] > threshold`` over all thresholds."""

    def __init__(
        self, builder: NetlistBuilder, weights: list[int], literals: list[int], max_cells: int
    ) -> None:
        self.builder = builder
        self.weights = weights
        self.literals = literals
        self.limit = builder.n_cells + max_cells
        self.rest = [sum(weights[level:]) for level in range(len(weights) + 1)]
        # At each level: sorted starts of disjoint intervals [start, end), with (end, literal).
        self.starts: list[list[int]] = [[] for _ in self.rest]
        self.known: list[list[tuple[int, int]]] = [[] for _ in self.rest]
        self.made: dict[int, tuple[int, int, int]] = {}

    def build(self, threshold: int) -> int | None:
        """Return the literal for a threshold, or None if the limit is exceeded."""
        # Depth-first with an explicit stack: wide neurons are deeper than Python's recursion.
        stack = [(0, threshold)]
        while stack:
            if self.builder.n_cells > self.limit:
                return None
            level, at = stack[-1]
            if self._find(level, at) is not None:
                stack.pop()
                continue
            weight = self.weights[level]
            high = self._find(level + 1, at - weight)
            low = self._find(level + 1, at)
            if high is None:
                stack.append((level + 1, at - weight))
            elif low is None:
                stack.append((level + 1, at))
            else:
                stack.pop()
                self._join(level, at, high, low)
        found = self._find(0, threshold)
        assert found is not None  # the loop ends only when it is
        return found[2]

    def _find(self, level: int, at: int) -> tuple[int | None, int | None, int] | None:
        """Return (start, end, literal) of the interval around a threshold, None if not known yet."""
        if at < 0:
            return None, 0, TRUE
        if at >= self.rest[level]:
            return self.rest[level], None, FALSE
        slot = bisect_right(self.starts[level], at) - 1
        if slot >= 0 and at < self.known[level][slot][0]:
            end, literal = self.known[level][slot]
            return self.starts[level][slot], end, literal
        return None

    def _join(
        self,
        level: int,
        at: int,
        high: tuple[int | None, int | None, int],
        low: tuple[int | None, int | None, int],
    ) -> None:
        weight = self.weights[level]
        starts = [s + w for s, w in ((high[0], weight), (low[0], 0)) if s is not None]
        ends = [e + w for e, w in ((high[1], weight), (low[1], 0)) if e is not None]
        start, end = max([0, *starts]), min([self.rest[level], *ends])
        literal = self._majority(self.literals[level], high[2], low[2])
        slot = bisect_right(self.starts[level], at)
        self.starts[level].insert(slot, start)
        self.known[level].insert(slot, (end, literal))

    def _majority(self, x: int, high: int, low: int) -> int:
        """Return a literal for ``MAJ(x, high, low)``; high and low are of levels below."""
        y, above, z = self.made.get(high, (0, 0, 0))
        if above == TRUE and self.made.get(low) == (y, z, FALSE):
            high, low = y, z
        literal = self.builder.maj(x, high, low)
        self.made[literal] = (x, high, low)
        return literal
