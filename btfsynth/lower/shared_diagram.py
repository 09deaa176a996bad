"""Functions of up to 16 inputs from their tables, as one decision diagram for all outputs.

The diagram is built from its last input upwards: at every level, two cofactors become one node, and equal or
complementary ones share a node. A node is one majority if one cofactor implies the other; otherwise it is an
exclusive or or a multiplexer of three cells. The size depends on the order of the inputs; sifting (Rudell,
"Dynamic variable ordering for ordered binary decision diagrams", ICCAD 1993) moves each of them to the position
with the fewest cells.

Tables are uint8 0/1 arrays ``(outputs, 2 ** inputs)``, input 0 least significant in the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import value_of

_SIFTING_WORK = 150_000_000
"""Table entries that sifting may look at."""

_RISING, _FALLING, _DIFFERENT, _CHOICE = 0, 1, 2, 3
"""The kind of a node: a majority with its input or its complement, an exclusive or, or a multiplexer."""


def lower_diagrams(
    builder: NetlistBuilder,
    tables: NDArray[np.uint8],
    literals: Sequence[int],
    order: Sequence[int],
) -> list[int]:
    """Build tables in one diagram and return a literal per output; the last of the order is on top."""
    nodes, roots, _ = _diagram(tables.ravel(), len(literals), np.array(order, dtype=np.int64))
    made = [0]
    for kind, variable, low, high in nodes.tolist():
        x, f0, f1 = literals[variable], value_of(made, low), value_of(made, high)
        if kind == _DIFFERENT:
            made.append(builder.xor(x, f0))
        elif kind == _CHOICE:
            made.append(builder.or_(builder.and_(x, f1), builder.and_(x ^ 1, f0)))
        else:
            made.append(builder.maj(x if kind == _RISING else x ^ 1, f0, f1))
    return [value_of(made, root) for root in roots.tolist()]


def diagram_cells(tables: NDArray[np.uint8], order: Sequence[int]) -> int:
    """Return the cells of the diagram in an order, without those that hashing may save on top."""
    *_, cells = _diagram(tables.ravel(), len(order), np.array(order, dtype=np.int64))
    return int(cells)


def sifted(tables: NDArray[np.uint8], order: Sequence[int]) -> tuple[list[int], int]:
    """Return a better order and its cells: each input moves to its best position until none moves any more.

    In large tables, only some of the inputs are sifted.
    """
    best = list(order)
    cells = diagram_cells(tables, best)
    left = _SIFTING_WORK // max(1, tables.size)
    moved = True
    while moved and left > 0:
        moved = False
        for variable in range(len(best)):
            if left <= 0:
                break
            rest = [other for other in best if other != variable]
            for place in range(len(best)):
                tried = [*rest[:place], variable, *rest[place:]]
                if tried == best:
                    continue
                left -= 1
                found = diagram_cells(tables, tried)
                if found < cells:
                    best, cells, moved = tried, found, True
    return best, cells


@numba.njit(cache=True, nogil=True)
def _diagram(values: Any, n_inputs: Any, order: Any) -> Any:
    """Make the diagram of tables, its last level first.

    values: uint8 (outputs * 2 ** inputs,) 0/1; order: int64, the inputs from the last level to the top. Returns
    the nodes, int64 (nodes, 4) rows of kind, input and the literals of the cofactors at 0 and 1, node 0 (not
    listed) the constant false; the literals of the outputs; and the cells.
    """
    part = values.astype(np.int64)
    # A class is a table of this level or its complement, whichever is 0 at vector 0: its literal over the
    # nodes, and its words. The first class of all levels is the constant.
    literal = np.zeros(1, dtype=np.int64)
    words = np.zeros((1, 1), dtype=np.uint64)
    nodes = np.zeros((64, 4), dtype=np.int64)
    n_nodes, cells = 0, 0
    for level in range(n_inputs):
        pairs, part, below = _combined(part, n_inputs, order, level)
        literal, words, nodes, n_nodes, added = _grown(
            (literal, words), pairs[:below], (nodes, n_nodes), level, order[level]
        )
        cells += added
    for k in range(part.shape[0]):
        part[k] = literal[part[k] >> 1] ^ (part[k] & 1)
    return nodes[:n_nodes], part, cells


@numba.njit(cache=True, nogil=True)
def _combined(part: Any, n_inputs: Any, order: Any, level: Any) -> Any:
    """Join the cofactors of a level's input; returns the classes' pairs, the new parts and the class count.

    part: int64, the literal over the classes of every part, the inputs not yet joined in their order.
    """
    place = 0
    for later in range(level + 1, n_inputs):
        place += order[later] < order[level]
    stride = 1 << place
    half = part.shape[0] // 2
    joined = np.zeros(half, dtype=np.int64)
    slots = 16
    while slots < 2 * half + 2:
        slots *= 2
    table = np.zeros(slots, dtype=np.int64)
    pairs = np.zeros((half + 1, 2), dtype=np.int64)
    count = 1  # the pair of zeros is the constant
    mask = np.uint64(slots - 1)
    for k in range(half):
        at = (k // stride) * 2 * stride + k % stride
        low, high = part[at], part[at + stride]
        flip = low & 1
        low, high = low ^ flip, high ^ flip
        if low == 0 and high == 0:
            joined[k] = flip
            continue
        key = np.uint64(low) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(high)
        key *= np.uint64(0xC2B2AE3D27D4EB4F)
        slot = (key ^ (key >> np.uint64(31))) & mask
        while table[slot] and (pairs[table[slot], 0] != low or pairs[table[slot], 1] != high):
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            table[slot] = count
            pairs[count, 0], pairs[count, 1] = low, high
            count += 1
        joined[k] = 2 * table[slot] + flip
    return pairs, joined, count


@numba.njit(cache=True, nogil=True)
def _grown(classes: Any, pairs: Any, made: Any, level: Any, variable: Any) -> Any:
    """Make the nodes of a level; returns its classes (literals and words), the nodes and the cells added.

    classes: (literals, words) of the level below; pairs: int64 (classes, 2); made: (nodes, their number).
    """
    literal, words = classes
    nodes, n_nodes = made
    count, width = pairs.shape[0], words.shape[1]
    grown = np.zeros(count, dtype=np.int64)
    wide = np.zeros((count, width if level < 6 else 2 * width), dtype=np.uint64)
    cells = 0
    whole = ~np.uint64(0) if level >= 6 else (np.uint64(1) << np.uint64(1 << level)) - np.uint64(1)
    for k in range(1, count):
        low, high = pairs[k, 0], pairs[k, 1]
        flip = whole if high & 1 else np.uint64(0)
        rising, falling = True, True
        for word in range(width):
            f0, f1 = words[low >> 1, word], words[high >> 1, word] ^ flip
            rising = rising and f0 & ~f1 == 0
            falling = falling and f1 & ~f0 == 0
            if level < 6:
                wide[k, word] = f0 | f1 << np.uint64(1 << level)
            else:
                wide[k, word], wide[k, width + word] = f0, f1
        if low == high:
            grown[k] = literal[low >> 1]
            continue
        kind = _CHOICE
        if low ^ high == 1:
            kind = _DIFFERENT
        elif rising:
            kind = _RISING
        elif falling:
            kind = _FALLING
        cells += 1 if kind == _RISING or kind == _FALLING else 3
        if kind == _DIFFERENT and low == 0:
            cells -= 3  # the input itself
        if n_nodes == nodes.shape[0]:
            more = np.zeros((2 * n_nodes, 4), dtype=np.int64)
            more[:n_nodes] = nodes
            nodes = more
        nodes[n_nodes, 0], nodes[n_nodes, 1] = kind, variable
        nodes[n_nodes, 2] = literal[low >> 1]
        nodes[n_nodes, 3] = literal[high >> 1] ^ (high & 1)
        n_nodes += 1
        grown[k] = 2 * n_nodes
    return grown, wide, nodes, n_nodes, cells
