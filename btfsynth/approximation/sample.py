"""Worst-case limits on all input vectors, and on a small sample of them used by walks.

Only few vectors of a circuit are near their limits, so a walk uses a sample. At intervals all vectors are
checked, a block of words at a time, and some of those outside their limits replace vectors of the sample.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.tolerance import Limits, outside
from btfsynth.netlist.kernels import next_below
from btfsynth.netlist.simulation import pack_bits, unpack_bits

SAMPLE_WORDS = 32
_TAKEN = 64
"""Maximum number of vectors outside their limits that one check finds."""


class Interval(NamedTuple):
    """The allowed outputs, with the fields of `btfsynth.approximation.tolerance.Limits`."""

    low: Any
    high: Any
    flip: Any
    ports: Any


class Vectors(NamedTuple):
    """All vectors, or those of a block or a sample."""

    inputs: Any  # uint64 ``(inputs, words)``
    interval: Any
    valid: Any  # uint64 ``(words,)``, ones for vectors


class Checked(NamedTuple):
    """A block of vectors, and scratch to check it."""

    block: Any  # `Vectors` of one block
    values: Any  # uint64 ``(nodes, words of a block)``
    all_on: Any  # uint8 ``(nodes,)``, ones: every node counts as dependent
    above: Any  # uint64 ``(words,)``, the vectors outside their limits
    at: Any  # uint64 ``(2, words)``
    found: Any  # int64 ``(vectors found at most,)``, their numbers


class Rows(NamedTuple):
    """Nodes as `outside` reads them."""

    outputs: Any
    values: Any


def all_vectors(
    inputs: NDArray[np.uint64], valid: NDArray[np.uint64], limits: Limits, words: int
) -> Vectors:
    """Return all vectors, padded to whole blocks of words by invalid ones."""
    more = -inputs.shape[1] % words

    def padded(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
        wider = [(0, 0)] * (rows.ndim - 1) + [(0, more)]
        return np.ascontiguousarray(np.pad(rows, wider))

    interval = Interval(padded(limits.low), padded(limits.high), limits.flip, limits.ports)
    return Vectors(padded(inputs), interval, padded(valid))


def first_sample(vectors: Vectors, words: int, seed: int) -> Vectors:
    """Return a sample of some words, with random vectors."""
    total = 64 * vectors.valid.shape[0]
    if vectors.valid.shape[0] <= words:
        return Vectors(
            vectors.inputs.copy(),
            vectors.interval._replace(
                low=vectors.interval.low.copy(), high=vectors.interval.high.copy()
            ),
            vectors.valid.copy(),
        )
    chosen = np.random.default_rng(seed).choice(total, 64 * words, replace=False)

    def picked(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
        bits = unpack_bits(np.atleast_2d(rows)[:, chosen >> 6], 64 * len(chosen))
        return pack_bits(bits[64 * np.arange(len(chosen)) + (chosen & 63)])

    interval = vectors.interval
    return Vectors(
        picked(vectors.inputs),
        interval._replace(low=picked(interval.low), high=picked(interval.high)),
        picked(vectors.valid)[0],
    )


def checking(vectors: Vectors, nodes: int, words: int) -> Checked:
    """Return scratch to check this many nodes in blocks of `words` words."""
    interval = vectors.interval
    outputs = len(interval.low)
    block = Vectors(
        np.zeros((len(vectors.inputs), words), dtype=np.uint64),
        interval._replace(
            low=np.zeros((outputs, words), dtype=np.uint64),
            high=np.zeros((outputs, words), dtype=np.uint64),
        ),
        np.zeros(words, dtype=np.uint64),
    )
    return Checked(
        block,
        np.zeros((nodes, words), dtype=np.uint64),
        np.ones(nodes, dtype=np.uint8),
        np.zeros(words, dtype=np.uint64),
        np.zeros((2, words), dtype=np.uint64),
        np.zeros(_TAKEN, dtype=np.int64),
    )


@numba.njit(cache=True, nogil=True)
def load_block(vectors: Any, first: Any, checked: Any) -> None:
    """Copy the words of all vectors from number `first` on. Modifies checked."""
    block, values = checked.block, checked.values
    for word in range(block.valid.shape[0]):
        block.valid[word] = vectors.valid[first + word]
    for row in range(vectors.inputs.shape[0]):
        for word in range(block.valid.shape[0]):
            values[1 + row, word] = vectors.inputs[row, first + word]
    low, high = vectors.interval.low, vectors.interval.high
    for row in range(low.shape[0]):
        for word in range(block.valid.shape[0]):
            block.interval.low[row, word] = low[row, first + word]
            block.interval.high[row, word] = high[row, first + word]


@numba.njit(cache=True, nogil=True)
def list_outside(outputs: Any, first: Any, checked: Any, count: Any) -> Any:
    """List vectors of a block outside their limits, one per word. Modifies checked; returns the number listed.

    first: the first word of the block; count: the number listed before.
    """
    block, above, found = checked.block, checked.above, checked.found
    scratch = (checked.all_on, checked.values, above)
    outside(Rows(outputs, checked.values), block.interval, block.valid, scratch, checked.at)
    for word in range(above.shape[0]):
        if above[word] != 0 and count < found.shape[0]:
            place = 0
            while not (above[word] >> np.uint64(place)) & np.uint64(1):
                place += 1
            found[count] = 64 * (first + word) + place
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def take_vectors(vectors: Any, numbers: Any, sample: Any, values: Any, random: Any) -> None:
    """Put vectors at random positions of a sample. Modifies sample and values.

    numbers: int64; values: uint64 (nodes, words), where the signatures of the inputs begin at row 1.
    """
    low, high = vectors.interval.low, vectors.interval.high
    for number in numbers:
        word, place = number >> 6, np.uint64(number & 63)
        at = next_below(random, 64 * sample.valid.shape[0])
        to, bit = at >> 6, np.uint64(1) << np.uint64(at & 63)
        shift = np.uint64(at & 63)
        for row in range(vectors.inputs.shape[0]):
            one = (vectors.inputs[row, word] >> place) & np.uint64(1)
            values[1 + row, to] = (values[1 + row, to] & ~bit) | (one << shift)
        for row in range(low.shape[0]):
            one = (low[row, word] >> place) & np.uint64(1)
            sample.interval.low[row, to] = (sample.interval.low[row, to] & ~bit) | (one << shift)
            one = (high[row, word] >> place) & np.uint64(1)
            sample.interval.high[row, to] = (sample.interval.high[row, to] & ~bit) | (one << shift)
        sample.valid[to] |= bit
