"""A neuron as a decision diagram over the inputs of the network.

The fallback for a neuron whose threshold diagram would explode: on a network of few inputs its function is
a table over these, and the reduced diagram of the table is bounded whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["lower_table", "make_table"]

_UNKNOWN = 2


def make_table(inputs: NDArray[np.uint8], on: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return ``(2 ** inputs,)`` uint8: 0, 1, or 2 where no vector tells.

    Parameters
    ----------
    inputs
        ``(vectors, inputs)`` 0/1; the first input is the least significant bit of the index.
    on
        ``(vectors,)``, where the function is true.
    """
    width = inputs.shape[1]
    table = np.full(1 << width, _UNKNOWN, dtype=np.uint8)
    table[inputs.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))] = on
    return table


def lower_table(builder: NetlistBuilder, table: NDArray[np.uint8], literals: Sequence[int]) -> int:
    """Build a table and return its literal.

    Parameters
    ----------
    builder
        Gets the cells: one for a cofactor pair that is ordered, three for a multiplexer.
    table
        From `make_table`.
    literals
        The literal of every input.
    """
    return _lower(builder, table, literals, {})


def _lower(
    builder: NetlistBuilder,
    table: NDArray[np.uint8],
    literals: Sequence[int],
    known: dict[bytes, int],
) -> int:
    if not np.any(table == 0):
        return TRUE
    if not np.any(table == 1):
        return FALSE
    key = table.tobytes()
    if key in known:
        return known[key]
    half = len(table) // 2
    level = half.bit_length() - 1
    low, high = table[:half], table[half:]
    if np.all((low == high) | (low == _UNKNOWN) | (high == _UNKNOWN)):
        literal = _lower(builder, np.minimum(low, high), literals, known)
    else:
        x = literals[level]
        f0 = _lower(builder, low, literals, known)
        f1 = _lower(builder, high, literals, known)
        literal = _multiplex(builder, x, f1, f0, low, high)
    known[key] = literal
    return literal


def _multiplex(
    builder: NetlistBuilder,
    x: int,
    f1: int,
    f0: int,
    low: NDArray[np.uint8],
    high: NDArray[np.uint8],
) -> int:
    """Return ``x ? f1 : f0``; a majority does it where one cofactor implies the other."""
    exact = _UNKNOWN not in low and _UNKNOWN not in high
    if exact and np.all(low <= high):
        return builder.maj(x, f1, f0)
    if exact and np.all(high <= low):
        return builder.maj(x ^ 1, f1, f0)
    return builder.or_(builder.and_(x, f1), builder.and_(x ^ 1, f0))
