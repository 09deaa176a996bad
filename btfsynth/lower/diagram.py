"""A pseudo-Boolean constraint as majority cells, by monotone Shannon expansion.

A constraint of positive weights is monotone: ``f0 <= f1`` for the cofactors of any input, and so
``f = MAJ(x, f1, f0)``. All bounds in an interval give the same function, so the diagram is memoised on
intervals: every node of this decision diagram is one majority cell, AND and OR falling out at the
constants, and ``MAJ(x, y | z, y & z)`` is ``MAJ(x, y, z)``. Its size depends on the order of the inputs;
falling weight is mostly best, others share more with what the builder has already.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from btfsynth.lower.threshold import PseudoBoolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE


def diagram_orders(constraint: PseudoBoolean) -> Iterator[tuple[int, ...]]:
    """Yield the orders of the literals worth trying, each a permutation of their positions.

    By falling weight; by rising weight; by node, which neurons that read the same signals have in common,
    upwards and downwards.
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
    """Build a constraint and return its literal, or None if it takes too many cells."""
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
        """Return the literal for a threshold, None once the limit is passed."""
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
