"""A neuron as a decision diagram over the inputs of the network.

The fallback for a neuron whose threshold diagram would explode: on a network of few inputs its function is
a table over these, and the reduced diagram of the table is bounded whatever the weights are. Where one
cofactor implies the other, as far as is known, a majority joins them; what is unknown in them is then set so
that the implication holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = [
    "lower_table",
    "make_table",
]

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
    elif not np.any((low == 1) & (high == 0)):
        f0 = _lower(builder, np.where(high == 0, high, low), literals, known)
        f1 = _lower(builder, np.where(low == 1, low, high), literals, known)
        literal = builder.maj(literals[level], f1, f0)
    elif not np.any((high == 1) & (low == 0)):
        f0 = _lower(builder, np.where(high == 1, high, low), literals, known)
        f1 = _lower(builder, np.where(low == 0, low, high), literals, known)
        literal = builder.maj(literals[level] ^ 1, f1, f0)
    else:
        x = literals[level]
        f0 = _lower(builder, low, literals, known)
        f1 = _lower(builder, high, literals, known)
        literal = builder.or_(builder.and_(x, f1), builder.and_(x ^ 1, f0))
    known[key] = literal
    return literal
