"""Boolean vectors as numbers and as rows of bits, least significant bit first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_TABLE_INPUTS", "bits_of", "counting_inputs", "numbers_of"]

MAX_TABLE_INPUTS = 20
"""Largest number of input bits for which a whole table of patterns is made."""


def bits_of(numbers: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """Return numbers as rows of bits.

    Parameters
    ----------
    numbers
        ``(rows,)`` non-negative integers.
    width
        Number of bits, up to 64; higher bits are dropped.

    Returns
    -------
    numpy.ndarray
        ``(rows, width)`` uint8 0/1, column i is bit i.
    """
    wide = np.asarray(numbers).astype(np.uint64)
    bits = np.empty((len(wide), width), dtype=np.uint8)
    for bit in range(width):
        bits[:, bit] = (wide >> np.uint64(bit)) & np.uint64(1)
    return bits


def numbers_of(bits: NDArray[Any]) -> NDArray[np.int64]:
    """Return rows of bits as numbers, the inverse of `bits_of`.

    Parameters
    ----------
    bits
        ``(rows, width)`` 0/1, width up to 62.

    Returns
    -------
    numpy.ndarray
        ``(rows,)`` int64.
    """
    numbers = np.zeros(len(bits), dtype=np.int64)
    for bit in range(bits.shape[1]):
        numbers |= bits[:, bit].astype(np.int64) << np.int64(bit)
    return numbers


def counting_inputs(width: int) -> NDArray[np.uint8]:
    """Return all vectors of ``width`` bits in counting order, ``(2**width, width)`` uint8."""
    return bits_of(np.arange(1 << width, dtype=np.uint64), width)
