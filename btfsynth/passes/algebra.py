"""Size and depth by majority algebra: every cell takes its form with the fewest cells, or of the lowest level.

A *move* is a number; `make_move` makes its form of a cell ``MAJ(a, b, c)`` and returns the literal, or `NONE`
if the rule does not apply. The axioms are those of Amaru, Gaillardon and De Micheli, "Majority-inverter
graph: a new paradigm for logic optimization", TCAD 35(5), 2016, sections III and IV:

- associativity, ``MAJ(x, u, MAJ(y, u, z)) = MAJ(z, u, MAJ(y, u, x))``; a whole tree of cells that share
  ``u`` is one associative and commutative operation (AND where ``u`` is false, OR where it is true) and is
  *balanced* at once, its latest operands last;
- distributivity, ``MAJ(x, y, MAJ(u, v, z)) = MAJ(MAJ(x, y, u), MAJ(x, y, v), z)``, either way;
- relevance, ``MAJ(x, y, z) = MAJ(x, y, z[x := !y])``, as z matters only where x and y differ; complementary
  associativity, ``MAJ(x, u, MAJ(y, !u, z)) = MAJ(x, u, MAJ(y, x, z))``, is its smallest case.

The graph is that of `btfsynth.netlist.hashing`. The cell's own three uses of its fan-in are held while moves
are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np

from btfsynth.netlist.hashing import (
    begin_sweep,
    cells_with,
    end_sweep,
    fanin_of,
    has_room,
    majority,
    read_fanin,
    rebuild,
    rebuild_from,
    roll_back,
    settle,
    sorted_by_level,
)
from btfsynth.netlist.kernels import NONE
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import heights, node_levels, size_order, statistics
from btfsynth.passes.goal import best_so_far, keep, require_options

PLAIN = 0
"""The unchanged cell."""
ROTATE = 1
"""Associativity, twelve moves: an inner cell, the shared literal, the operand that comes out."""
DISTRIBUTE = ROTATE + 12
"""Distributivity outwards, nine moves: an inner cell, the operand that comes out."""
COLLECT = DISTRIBUTE + 9
"""Distributivity inwards, three moves: a pair of inner cells."""
RELEVANCE = COLLECT + 3
"""Relevance, six moves: an inner cell, the literal replaced in its cone."""
BALANCE = RELEVANCE + 6
"""A tree balanced, three moves: the shared literal; cells with other uses are its leaves."""
BALANCE_THROUGH = BALANCE + 3
"""The same, but cells with other uses are copied."""
MOVES = BALANCE_THROUGH + 3
"""Number of moves."""

_CONE = 16
"""Maximum cells of a cone for relevance."""
_LEAVES = 32
"""Maximum operands of a tree."""


@numba.njit(cache=True, nogil=True)
def make_move(graph: Any, move: Any, fanin: Any) -> Any:
    """Make one form of ``MAJ(fanin)``; returns its literal or `NONE`. Modifies the graph.

    fanin: int64 (3,) literals. Nodes made for a move that returns `NONE` are removed.
    """
    count = graph.made[0]
    if move == PLAIN:
        return majority(graph, fanin[0], fanin[1], fanin[2])
    if move < DISTRIBUTE:
        literal = _rotated(graph, move - ROTATE, fanin)
    elif move < COLLECT:
        literal = _distributed(graph, move - DISTRIBUTE, fanin)
    elif move < RELEVANCE:
        literal = _collected(graph, move - COLLECT, fanin)
    elif move < BALANCE:
        literal = _relevant(graph, move - RELEVANCE, fanin)
    elif move < BALANCE_THROUGH:
        literal = _balanced(graph, move - BALANCE, fanin, False)
    else:
        literal = _balanced(graph, move - BALANCE_THROUGH, fanin, True)
    if literal == NONE:
        roll_back(graph, count)
    return literal


@numba.njit(cache=True, nogil=True)
def _others(fanin: Any, place: Any) -> Any:
    return fanin[(place + 1) % 3], fanin[(place + 2) % 3]


@numba.njit(cache=True, nogil=True)
def _without(inner: Any, literal: Any) -> Any:
    """Return whether a triple has a literal, and the other two."""
    a, b, c = inner
    if a == literal:
        return True, b, c
    if b == literal:
        return True, a, c
    return c == literal, a, b


@numba.njit(cache=True, nogil=True)
def _rotated(graph: Any, number: Any, fanin: Any) -> Any:
    """Exchange an operand of an inner cell for one outside, at a literal both cells share."""
    z = fanin[number // 4]
    if z >> 1 < graph.first:
        return NONE
    x, u = _others(fanin, number // 4)
    if number & 1:
        x, u = u, x
    shared, v, w = _without(fanin_of(graph, z), u)
    if not shared:
        return NONE
    if number & 2:
        v, w = w, v
    return majority(graph, w, u, majority(graph, v, u, x))


@numba.njit(cache=True, nogil=True)
def _distributed(graph: Any, number: Any, fanin: Any) -> Any:
    """Bring an operand of an inner cell outwards, past two copies of the outer cell."""
    z = fanin[number // 3]
    if z >> 1 < graph.first:
        return NONE
    x, y = _others(fanin, number // 3)
    a, b, c = fanin_of(graph, z)
    if number % 3 == 0:
        a, c = c, a
    elif number % 3 == 1:
        b, c = c, b
    return majority(graph, majority(graph, x, y, a), majority(graph, x, y, b), c)


@numba.njit(cache=True, nogil=True)
def _collected(graph: Any, number: Any, fanin: Any) -> Any:
    """Make one cell of the two literals that two inner cells share."""
    p, q = _others(fanin, number)
    first = graph.first
    if p >> 1 < first or q >> 1 < first:
        return NONE
    inner = fanin_of(graph, q)
    a, b, c = fanin_of(graph, p)
    for x, y, u in ((a, b, c), (a, c, b), (b, c, a)):
        has_x, v, w = _without(inner, x)
        if has_x and (v == y or w == y):
            v = w if v == y else v
            return majority(graph, x, y, majority(graph, u, v, fanin[number]))
    return NONE


@numba.njit(cache=True, nogil=True)
def _relevant(graph: Any, number: Any, fanin: Any) -> Any:
    """Replace one literal in the cone of an inner cell by the complement of the other."""
    fanins = graph.fanins
    z = fanin[number // 2]
    x, y = _others(fanin, number // 2)
    if number & 1:
        x, y = y, x
    target = x >> 1
    if z >> 1 < graph.first or target == 0 or z >> 1 <= target:
        return NONE
    # The cone, latest node first: nodes before the target cannot depend on it.
    cone = np.zeros(_CONE, dtype=np.int64)
    cone[0] = z >> 1
    size, done, found = 1, 0, False
    while done < size:
        node = cone[done]
        done += 1
        for place in range(3):
            source = np.int64(fanins[node, place] >> 1)
            if source == target:
                found = True
            if source <= target or source < graph.first:
                continue
            at = size
            while at > done and cone[at - 1] < source:
                at -= 1
            if (at > 0 and cone[at - 1] == source) or size == _CONE:
                continue
            for k in range(size, at, -1):
                cone[k] = cone[k - 1]
            cone[at] = source
            size += 1
    if not found:
        return NONE
    value = y ^ 1 ^ (x & 1)
    made = np.zeros(_CONE, dtype=np.int64)
    for k in range(size - 1, -1, -1):
        p, q, r = fanin_of(graph, 2 * cone[k])
        p = _replaced(p, target, value, cone, made, k, size)
        q = _replaced(q, target, value, cone, made, k, size)
        r = _replaced(r, target, value, cone, made, k, size)
        made[k] = majority(graph, p, q, r)
    return majority(graph, x, y, made[0] ^ (z & 1))


@numba.njit(cache=True, nogil=True)
def _replaced(
    literal: Any, target: Any, value: Any, cone: Any, made: Any, above: Any, size: Any
) -> Any:
    """Return a literal after the replacement of the target; cone and made: from `_relevant`."""
    node, flip = literal >> 1, literal & 1
    if node == target:
        return value ^ flip
    for k in range(above + 1, size):
        if cone[k] == node:
            return made[k] ^ flip
    return literal


@numba.njit(cache=True, nogil=True)
def _balanced(graph: Any, number: Any, fanin: Any, through: Any) -> Any:
    """Rebuild the tree of cells that share a literal so that its latest operands come last."""
    references, level = graph.references, graph.level
    u = fanin[number]
    leaves = np.zeros(_LEAVES, dtype=np.int64)
    leaves[0], leaves[1] = _others(fanin, number)
    size, done = 2, 0
    while done < size < _LEAVES:
        leaf = leaves[done]
        if leaf >> 1 >= graph.first and (through or references[leaf >> 1] == 1):
            shared, v, w = _without(fanin_of(graph, leaf), u)
            if shared:
                leaves[done], leaves[size] = v, w
                size += 1
                continue
        done += 1
    if size == 2:
        return NONE
    size = _distinct(leaves, size, u)
    if size <= 0:
        return u if size < 0 else u ^ 1
    while size > 1:
        p = _take_earliest(leaves, size, level)
        q = _take_earliest(leaves, size - 1, level)
        leaves[size - 2] = majority(graph, u, p, q)
        size -= 1
    return leaves[0]


@numba.njit(cache=True, nogil=True)
def _distinct(leaves: Any, size: Any, u: Any) -> Any:
    """Remove duplicate operands and the neutral ``!u``; returns the number left, or -1 for u.

    ``u`` itself absorbs the others, and so does an operand with its complement. Modifies leaves.
    """
    kept = 0
    for k in range(size):
        leaf = leaves[k]
        if leaf == u:
            return -1
        new = leaf != u ^ 1
        for j in range(kept):
            if leaves[j] == leaf ^ 1:
                return -1
            if leaves[j] == leaf:
                new = False
        if new:
            leaves[kept] = leaf
            kept += 1
    return kept


@numba.njit(cache=True, nogil=True)
def _take_earliest(leaves: Any, size: Any, level: Any) -> Any:
    """Return the operand of the lowest level and close the gap. Modifies leaves."""
    best = 0
    for k in range(1, size):
        if level[leaves[k] >> 1] < level[leaves[best] >> 1]:
            best = k
    leaf = leaves[best]
    for k in range(best, size - 1):
        leaves[k] = leaves[k + 1]
    return leaf


_ANY = 1 << 29
"""More than any depth."""


@dataclass(frozen=True)
class Algebra:
    """Apply the moves of `majority_moves` wherever they remove cells.

    The netlist is rebuilt in topological order. For every cell each form is made as a candidate and the cells
    in use are counted exactly, including shared and freed cells. Up to `sweeps` sweeps (0 for no limit), each
    linear in the cells, until one gains nothing. `keep_depth` refuses forms that would make the netlist deeper;
    `max_depth` refuses those that would exceed both this depth and the present one.
    """

    keep_depth: bool = False
    sweeps: int = 0
    max_depth: int = 0
    name: ClassVar[str] = "algebra"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_options(self, sweeps=0, max_depth=0)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        best = rebuild(netlist)
        sweep = 0

        def so_far() -> Netlist:
            return best

        while sweep < self.sweeps or not self.sweeps:
            keep(so_far)
            # By level, so that a cell that could be shared is there before a later one looks for it.
            work = sorted_by_level(best)
            bound = 0 if self.keep_depth else self.max_depth or _ANY
            arrays = _sweep(work.fanins, work.outputs, work.first_cell, bound)
            smaller = rebuild_from(best, *arrays)
            if size_order(smaller) >= size_order(best):
                break
            saved = smaller.n_cells < best.n_cells
            best = smaller
            sweep += 1
            if not saved:
                break
        return best


@numba.njit(cache=True, nogil=True)
def _sweep(fanins: Any, outputs: Any, first: Any, bound: Any) -> Any:
    """Rebuild the netlist, each cell in its cheapest form; returns fan-in and outputs.

    bound: the depth that it may have, where that is above its own.
    """
    n_cells = fanins.shape[0]
    height = heights(fanins, outputs, first)
    depth = max(bound, height[:first].max())  # what no input reaches has been folded
    sweep = begin_sweep(fanins, outputs, first)
    graph, references, literal, fanin, stack = sweep
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        latest = depth - height[node]
        literal[node] = _cheapest(graph, fanin, latest, n_cells - cell, stack)
        settle(graph, literal[node], references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _cheapest(graph: Any, fanin: Any, latest: Any, cells_left: Any, stack: Any) -> Any:
    """Make the form of ``MAJ(fanin)`` with the fewest cells in use, the lowest of these; return it."""
    level = graph.level
    plain = majority(graph, fanin[0], fanin[1], fanin[2])
    if not has_room(graph, cells_left) or plain >> 1 < graph.first:
        return plain
    best_move = PLAIN
    best_cells, best_level = cells_with(graph, plain, fanin, stack), level[plain >> 1]
    count = graph.made[0]
    for move in range(PLAIN + 1, BALANCE_THROUGH):
        made = make_move(graph, move, fanin)
        if made == NONE:
            continue
        if level[made >> 1] <= latest:
            cells = cells_with(graph, made, fanin, stack)
            if cells < best_cells or (cells == best_cells and level[made >> 1] < best_level):
                best_move, best_cells, best_level = move, cells, level[made >> 1]
        roll_back(graph, count)
    return make_move(graph, best_move, fanin)


_MARGINS = (8, 1 << 30)
"""Divisors of the depth for the maximum slack at which cells may be added, tried in turn."""


@dataclass(frozen=True)
class Depth:
    """Apply the moves of `majority_moves` wherever they lower a cell's level.

    The netlist is rebuilt in topological order, each cell in its form of the lowest level and, of these, of the
    fewest cells in use; AND, OR and majority trees are balanced as a whole. With `cells`, forms that add cells
    are used on critical and nearly critical paths, up to `growth` percent of the original cells, and a sweep of
    `Algebra` at the reached depth removes cells again. Up to `sweeps` sweeps (0 for no limit), until one lowers
    neither the depth nor, at the same depth, the cells, or until the depth is at most `target`.
    """

    cells: bool = True
    growth: int = 20
    sweeps: int = 0
    target: int = 0
    name: ClassVar[str] = "depth"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_options(self, growth=0, sweeps=0, target=0)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        best = rebuild(netlist)
        most = best.n_cells + (best.n_cells * self.growth // 100 if self.cells else 0)
        recover = Algebra(keep_depth=True, sweeps=1)
        sweep, improved = 0, True

        def so_far() -> Netlist:
            return best

        while improved and (sweep < self.sweeps or not self.sweeps):
            if self.target and _cost(best)[0] <= self.target:
                break
            keep(so_far)
            improved = False
            sweep += 1
            for margin in (*_MARGINS, 0) if self.cells else (0,):
                with best_so_far():
                    after = recover.apply(_swept(best, margin, most - best.n_cells), reference)
                if after.n_cells <= most and _cost(after) < _cost(best):
                    best, improved = after, True
                    break
        return best


def _cost(netlist: Netlist) -> tuple[int, int]:
    return statistics(netlist).depth, netlist.n_cells


def _swept(netlist: Netlist, margin: int, room: int) -> Netlist:
    """Return the netlist after one sweep that may add up to `room` cells; margin 0: none."""
    work = sorted_by_level(netlist)
    arrays = _swept_deep(work.fanins, work.outputs, work.first_cell, margin, room if margin else 0)
    return rebuild_from(netlist, *arrays)


@numba.njit(cache=True, nogil=True)
def _swept_deep(fanins: Any, outputs: Any, first: Any, margin: Any, room: Any) -> Any:
    """Rebuild the netlist, each cell in its lowest form; returns fan-in and outputs."""
    n_cells = fanins.shape[0]
    level = node_levels(fanins, first)
    height = heights(fanins, outputs, first)
    depth = height[:first].max()
    sweep = begin_sweep(fanins, outputs, first)
    graph, references, literal, fanin, stack = sweep
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        slack = depth - level[node] - height[node]
        spare = room if margin > 0 and slack <= depth // margin else 0
        literal[node], added = _lowest(graph, fanin, spare, n_cells - cell, stack)
        room -= max(0, added)
        settle(graph, literal[node], references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _lowest(graph: Any, fanin: Any, spare: Any, cells_left: Any, stack: Any) -> Any:
    """Make the form of ``MAJ(fanin)`` of the lowest level, with the fewest cells of these.

    Returns its literal and how many cells more than the plain form it takes, at most ``spare``.
    """
    level = graph.level
    plain = majority(graph, fanin[0], fanin[1], fanin[2])
    if not has_room(graph, cells_left) or plain >> 1 < graph.first:
        return plain, 0
    plain_cells = cells_with(graph, plain, fanin, stack)
    best_move, best_cells, best_level = PLAIN, plain_cells, level[plain >> 1]
    count = graph.made[0]
    for move in range(PLAIN + 1, MOVES):
        made = make_move(graph, move, fanin)
        if made == NONE:
            continue
        if level[made >> 1] <= best_level:
            cells = cells_with(graph, made, fanin, stack)
            lower = level[made >> 1] < best_level
            if (lower or cells < best_cells) and cells <= plain_cells + spare:
                best_move, best_cells, best_level = move, cells, level[made >> 1]
        roll_back(graph, count)
    return make_move(graph, best_move, fanin), best_cells - plain_cells
