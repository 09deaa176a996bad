"""Boolean vectors as numbers, as rows of bits and as cubes; the least significant bit comes first.

A cube is a vector with free positions: it represents all vectors that agree with it elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_TABLE_INPUTS = 20
"""Largest number of input bits for which a whole table of patterns is made."""


def bits_of(numbers: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """Return ``(rows,)`` non-negative integers as ``(rows, width)`` uint8 0/1; column i is bit i."""
    wide = np.asarray(numbers).astype(np.uint64)
    bits = np.empty((len(wide), width), dtype=np.uint8)
    for bit in range(width):
        bits[:, bit] = (wide >> np.uint64(bit)) & np.uint64(1)
    return bits


def numbers_of(bits: NDArray[Any]) -> NDArray[np.int64]:
    """Return ``(rows, width)`` 0/1, width up to 62, as ``(rows,)`` int64, the inverse of `bits_of`."""
    numbers = np.zeros(len(bits), dtype=np.int64)
    for bit in range(bits.shape[1]):
        numbers |= bits[:, bit].astype(np.int64) << np.int64(bit)
    return numbers


def counting_inputs(width: int) -> NDArray[np.uint8]:
    """Return all vectors of ``width`` bits in counting order, ``(2**width, width)`` uint8."""
    return bits_of(np.arange(1 << width, dtype=np.uint64), width)


FREE = 2
"""The value of a position that may be 0 or 1."""

MAX_EXPANDED = 1 << 20
"""Maximum number of vectors of the cubes of one file if each is a pattern."""

# Cubes with more free positions than this are painted as slices of the table, one by one; smaller
# ones are expanded many at a time.
_MAX_BULK_FREE = 6


def expanded_size(cubes: NDArray[np.uint8]) -> int:
    """Return the number of vectors of the cubes, including duplicates; exact at any size."""
    free, counts = np.unique(np.count_nonzero(cubes == FREE, axis=1), return_counts=True)
    return sum(int(count) << int(bits) for bits, count in zip(free, counts, strict=True))


def expand_cubes(cubes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """List the vectors of every cube, cube after cube; the caller checks `expanded_size` first.

    Returns ``(vectors, bits)`` uint8 0/1, within a cube the first free position changing fastest, and
    ``(vectors,)`` intp, the cube each vector comes from.
    """
    free = cubes == FREE
    sizes = np.left_shift(np.int64(1), np.count_nonzero(free, axis=1).astype(np.int64))
    rows = np.repeat(np.arange(len(cubes), dtype=np.intp), sizes)
    offsets = np.arange(len(rows), dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    vectors = cubes[rows]
    rank = np.cumsum(free, axis=1) - free
    for column in np.flatnonzero(free.any(axis=0)):
        here = np.flatnonzero(free[rows, column])
        vectors[here, column] = (offsets[here] >> rank[rows[here], column]) & 1
    return vectors, rows


class CubeTable:
    """A whole table of Boolean outputs into which cubes are painted."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        self.n_inputs = n_inputs
        self.cells: NDArray[np.bool_] = np.zeros((n_outputs, 1 << n_inputs), dtype=np.bool_)

    def paint(self, cubes: NDArray[np.uint8], marks: NDArray[np.bool_]) -> None:
        """Set the outputs marked in ``(cubes, outputs)`` bool for all vectors of ``(cubes, inputs)`` uint8."""
        used = marks.any(axis=1)
        free = np.count_nonzero(cubes == FREE, axis=1)
        for row in np.flatnonzero(used & (free > _MAX_BULK_FREE)):
            self._paint_slice(cubes[row], marks[row])
        small = np.flatnonzero(used & (free <= _MAX_BULK_FREE))
        chunk = MAX_EXPANDED >> _MAX_BULK_FREE
        for start in range(0, len(small), chunk):
            part = small[start : start + chunk]
            vectors, rows = expand_cubes(cubes[part])
            numbers = numbers_of(vectors)
            for output in range(marks.shape[1]):
                self.cells[output, numbers[marks[part[rows], output]]] = True

    def _paint_slice(self, cube: NDArray[np.uint8], marks: NDArray[np.bool_]) -> None:
        # The last axis of the cube-shaped view is the least significant bit, input column 0.
        where = tuple(slice(None) if bit == FREE else int(bit) for bit in cube[::-1])
        for output in np.flatnonzero(marks):
            self.cells[output].reshape((2,) * self.n_inputs)[where] = True
