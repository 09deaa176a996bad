"""The smallest majority forms of every function of three inputs, found by exhaustive search.

A form is a chain of cells over the local nodes 0 (the constant false), 1 to 3 (the inputs) and 4, 5, ...
(its own cells in order), in the literals of `literals`. Chains of one, two and three cells are all listed;
the few functions left over take four. Two forms of one function matter where a neighbour already has part
of one: the sum of a full adder reads whichever majority its carry is.

A table is a number of eight bits, bit ``v`` the value at the input vector ``v``, input 0 least significant.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import majority_of

FORM_INPUTS = 3
"""Inputs of a form; a function of fewer leaves the last ones out."""

FORM_CELLS = 4
"""Cells of the largest form."""

_FIRST = 1 + FORM_INPUTS
_INPUT_TABLES = (0x00, 0xAA, 0xCC, 0xF0)
_FLIPS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
"""Majority is self-dual: any other complements of the fan-in are one of these and an inverter."""


class SmallForms(NamedTuple):
    sizes: NDArray[np.int8]  # ``(256,)``, cells of the smallest forms
    start: NDArray[np.int32]
    """``(257,)``: the forms of table ``t`` are rows ``start[t]`` to ``start[t + 1]``, the shallowest first."""
    cells: NDArray[np.int8]
    """``(forms, FORM_CELLS, 3)``, the literals of each cell; rows past the size are zero."""
    outputs: NDArray[np.int8]  # ``(forms,)``, the literal of the result


_Cells = tuple[tuple[int, int, int], ...]
_Found = dict[int, dict[int, tuple[int, _Cells, int]]]
"""By table and shape: depth, cells and output literal of the first form found, smallest sizes alone."""


class _Shapes:
    """Numbers for chains, the same for those that differ in the order of their cells alone."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, ...], int] = {}
        self._depths = [0] * _FIRST

    def of(self, chain: _Cells) -> tuple[int, int]:
        """Return the number of a chain and its depth."""
        numbers = list(range(_FIRST))
        for cell in chain:
            key = tuple(sorted([2 * numbers[literal >> 1] + (literal & 1) for literal in cell]))
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._depths)
                self._depths.append(1 + max([self._depths[part >> 1] for part in key]))
            numbers.append(number)
        return numbers[-1], self._depths[numbers[-1]]


@cache
def small_forms() -> SmallForms:
    """Return the forms; the search takes a fraction of a second, once a process."""
    found: _Found = {}
    shapes = _Shapes()
    for node, table in enumerate(_INPUT_TABLES):
        found[table] = {0: (0, (), 2 * node)}
        found[0xFF ^ table] = {0: (0, (), 2 * node + 1)}
    tables = np.array([_INPUT_TABLES], dtype=np.uint8)
    cells = np.zeros((1, 0, 3), dtype=np.int8)
    for _ in range(1, FORM_CELLS):
        open_ = _open(found)
        tables, cells = _extend(tables, cells)
        for chain in np.flatnonzero(open_[tables[:, -1]]).tolist():
            _record(found, shapes, int(tables[chain, -1]), cells[chain])
    _finish(found, shapes, tables, cells)
    return _pack(found)


def _open(found: _Found) -> NDArray[np.bool_]:
    open_ = np.ones(256, dtype=np.bool_)
    open_[list(found)] = False
    return open_


def _extend(
    tables: NDArray[np.uint8], cells: NDArray[np.int8]
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Add one cell in every way to every chain."""
    more_tables, more_cells = [], []
    for literals, made in _next_cells(tables):
        more_tables.append(np.concatenate([tables, made[:, None]], axis=1))
        column = np.broadcast_to(np.array(literals, dtype=np.int8), (len(cells), 1, 3))
        more_cells.append(np.concatenate([cells, column], axis=1))
    return np.concatenate(more_tables), np.concatenate(more_cells)


def _next_cells(tables: NDArray[np.uint8]) -> Any:
    """Yield every cell over the nodes of the chains, with its tables."""
    for nodes in combinations(range(tables.shape[1]), 3):
        for flips in _FLIPS:
            a, b, c = (
                tables[:, node] ^ np.uint8(0xFF * flip)
                for node, flip in zip(nodes, flips, strict=True)
            )
            literals = tuple(2 * node + flip for node, flip in zip(nodes, flips, strict=True))
            yield literals, majority_of(a, b, c)


def _finish(
    found: _Found, shapes: _Shapes, tables: NDArray[np.uint8], cells: NDArray[np.int8]
) -> None:
    """Find one form of four cells for every table that has none yet."""
    # Of chains with the same tables the first will do.
    keys = np.zeros((len(tables), 8), dtype=np.uint8)
    keys[:, : tables.shape[1]] = tables
    first = np.sort(np.unique(keys.view(np.uint64), return_index=True)[1])
    tables, cells = np.ascontiguousarray(tables[first].T).T, cells[first]
    for literals, made in _next_cells(tables):
        open_ = _open(found)
        if not open_.any():
            return
        for chain in np.flatnonzero(open_[made]).tolist():
            if int(made[chain]) not in found:
                added = np.array([literals], dtype=np.int8)
                _record(found, shapes, int(made[chain]), np.concatenate([cells[chain], added]))


def _record(found: _Found, shapes: _Shapes, table: int, cells: NDArray[np.int8]) -> None:
    chain: _Cells = tuple(map(tuple, cells.tolist()))
    output = 2 * (_FIRST + len(chain) - 1)
    shape, depth = shapes.of(chain)
    for flip in (0, 1):
        forms = found.setdefault(table ^ 0xFF * flip, {})
        forms.setdefault(shape, (depth, chain, output + flip))


def _pack(found: _Found) -> SmallForms:
    sizes, start, rows, outputs = [], [0], [], []
    for table in range(256):
        chosen = sorted(found[table].values())
        sizes.append(len(chosen[0][1]))
        for _, chain, output in chosen:
            rows.append((*chain, *((0, 0, 0),) * (FORM_CELLS - len(chain))))
            outputs.append(output)
        start.append(len(rows))
    return SmallForms(
        np.array(sizes, dtype=np.int8),
        np.array(start, dtype=np.int32),
        np.array(rows, dtype=np.int8),
        np.array(outputs, dtype=np.int8),
    )
