"""Classes of the functions of four inputs.

Two functions are in one *NPN class* if one becomes the other by complementing inputs, permuting them and
complementing the result: 222 classes. A netlist of one member is one of any other, with other literals.

Majority is self-dual, which joins more of them: a netlist of majorities is a self-dual function of its
inputs and the constant, which takes part in permutations like an input. In this *self-dual class* the cells
needed are still the same, and depth too: 83 classes of functions of four inputs (Goto and Takahasi, "Some
theorems useful in threshold logic for enumerating Boolean functions", IFIP 1962).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

CLASS_INPUTS = 4
"""Inputs of the functions."""

_TABLES = 1 << (1 << CLASS_INPUTS)
_VECTORS = 1 << CLASS_INPUTS


@dataclass(frozen=True, eq=False)
class FunctionClasses:
    """A partition of all functions, with the way from each to its representative.

    - `representatives`: ``(classes,)`` uint16 tables, ascending, each the minimum of its class.
    - `number`: ``(65536,)`` uint8, the class of every table.
    - `transformation`: ``(65536,)`` int16, a row of `leaves` and `flips`.
    - `leaves`: ``(transformations, 5)`` int8, what replaces each local node of a netlist of the representative,
      0 the constant false and 1 to 4 the inputs.
    - `flips`: ``(transformations, 6)`` int8, whether each local node is complemented, and last the result.
    - `sources`: ``(transformations, 16)`` int8, where each transformed function takes its values from, as
      vectors over all local nodes, the constant least significant; those with a 1 there stand for the
      complement at the complemented inputs.
    """

    representatives: NDArray[np.uint16]
    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    sources: NDArray[np.int8]

    def stabiliser(self, table: int) -> NDArray[np.int64]:
        """Return the rows of ``leaves`` and ``flips`` that leave a function as it is."""
        return np.flatnonzero(_members(table, self.sources, self.flips[:, -1]) == table)


@cache
def npn_classes() -> FunctionClasses:
    inputs = range(1, CLASS_INPUTS + 1)
    return _classes([(0, *order) for order in permutations(inputs)])


@cache
def self_dual_classes() -> FunctionClasses:
    return _classes(list(permutations(range(CLASS_INPUTS + 1))))


def _classes(orders: list[tuple[int, ...]]) -> FunctionClasses:
    """Partition the functions by permutations of local nodes, and all complements."""
    sources, leaves, flips = _transformations(orders)
    number = np.zeros(_TABLES, dtype=np.uint8)
    chosen = np.full(_TABLES, -1, dtype=np.int16)
    representatives: list[int] = []
    for table in range(_TABLES):
        if chosen[table] >= 0:
            continue
        members = _members(table, sources, flips[:, -1])
        tables, first = np.unique(members, return_index=True)
        number[tables] = len(representatives)
        chosen[tables] = first
        representatives.append(table)
    return FunctionClasses(
        np.array(representatives, dtype=np.uint16), number, chosen, leaves, flips, sources
    )


def _transformations(
    orders: list[tuple[int, ...]],
) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
    vectors = np.arange(_VECTORS) << 1
    sources, leaves, flips = [], [], []
    for order in orders:
        moved = sum((vectors >> leaf & 1) << node for node, leaf in enumerate(order))
        for complements in range(_VECTORS):
            for result in (0, 1):
                # Complements of all local nodes are one of the result: node 0 needs none of its own.
                sources.append(moved ^ complements << 1)
                leaves.append(order)
                inputs = [complements >> bit & 1 for bit in range(CLASS_INPUTS)]
                flips.append([0, *inputs, result])
    return (
        np.array(sources, dtype=np.int8),
        np.array(leaves, dtype=np.int8),
        np.array(flips, dtype=np.int8),
    )


def _members(table: int, sources: NDArray[np.int8], results: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return what a function becomes by every transformation."""
    bits = table >> np.arange(_VECTORS) & 1
    dual = np.empty(2 * _VECTORS, dtype=np.int64)
    dual[0::2], dual[1::2] = bits, 1 - bits[::-1]
    values = dual[sources] ^ results[:, None]
    members: NDArray[np.int64] = (values << np.arange(_VECTORS)).sum(axis=1)
    return members
