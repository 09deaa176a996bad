"""Functions whose outputs are a number that is a short sum of products of inputs, as adders, from their tables.

Every function to the integers is one polynomial, linear in each input (its *arithmetic transform*; Heidtmann,
"Arithmetic spectrum applied to fault detection for combinational networks", IEEE Trans. Computers 40(3), 1991).
Of a multiplier it has one term per partial product, of a square, an adder, a population count or a
multiply-accumulate it is short as well. A short one is built as it stands: its products, and one sum of full
adders for each of its bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import add_columns, signed_digits
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import TRUE

_MAX_BITS = 40
"""Output bits of a number: sums and their digits stay within 64 bits."""


def lower_sum(
    builder: NetlistBuilder, tables: NDArray[np.uint8], literals: Sequence[int], most_digits: int
) -> list[int] | None:
    """Build tables as the bits of one number and return a literal per output.

    `tables` is ``(outputs, 2 ** inputs)`` 0/1, input and output 0 least significant. None if the polynomial has
    more than `most_digits` nonzero digits in all (see `signed_digits`) or is a single one.
    """
    width = len(tables)
    if not 1 < width <= _MAX_BITS:
        return None
    coefficients = _coefficients(tables, width)
    terms = [(subset, coefficients[subset]) for subset in np.flatnonzero(coefficients).tolist()]
    constant = sum(int(value) for subset, value in terms if subset == 0)
    terms = [(subset, int(value)) for subset, value in terms if subset]
    digits = sum(len(signed_digits(abs(value))) for _, value in terms)
    if not 1 < digits <= most_digits:
        return None
    weighted = []
    for subset, value in terms:
        product = TRUE
        for place, literal in enumerate(literals):
            if subset >> place & 1:
                product = builder.and_(product, literal)
        if value < 0:  # -w p = w (1 - p) - w
            constant += value
            product ^= 1
        weighted.append((abs(value), product))
    bits = add_columns(builder, weighted, constant % (1 << width))
    return [*bits, *[0] * width][:width]


def _coefficients(tables: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """Return ``(2 ** inputs,)`` int64, the factor of each product, nearest to 0 modulo ``2 ** width``."""
    powers = np.int64(1) << np.arange(width, dtype=np.int64)
    values: NDArray[np.int64] = (tables.astype(np.int64) * powers[:, None]).sum(axis=0)
    step = 1
    while step < len(values):
        halves = values.reshape(-1, 2, step)
        halves[:, 1] -= halves[:, 0]
        step *= 2
    values %= 1 << width
    values[values >= 1 << (width - 1)] -= 1 << width
    return values
