"""Tolerance of a cell: the input vectors on which flipping it keeps the error within its bounds.

A worst-case bound limits each vector separately: the outputs must stay between two numbers. The vectors on
which a cell must keep its value are therefore known exactly, by flipping it and comparing, 64 vectors per word;
any signal that agrees with the cell on these can replace it. The bound of an average is a budget: the cost of
flipping a cell is known for each vector, and a replacement costs the sum over the vectors on which it differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.kernels import next_below
from btfsynth.netlist.simulation import pack_bits, unpack_bits
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Reading

AVERAGES = (Metric.MAE, Metric.MSE, Metric.MRE, Metric.EP)
"""The average metrics, in the order of the rows of costs."""


class Limits(NamedTuple):
    """Bounds on a list of vectors."""

    low: Any  # uint64 ``(output bits, words)``, the least value allowed, as `flip` has the outputs
    high: Any  # the same, the largest
    flip: Any  # uint64 ``(output bits,)``: all ones for sign bits, so that numbers compare as unsigned
    ports: Any  # int64 ``(ports, 2)``, first bit and width
    worth: Any  # int64 ``(output bits,)``, what a one adds to the value of its port
    port: Any  # int64 ``(output bits,)``, its port
    exact: Any  # int64 ``(ports, vectors)``
    weight: Any  # float64 ``(vectors,)``, parts of one
    budget: Any  # float64 ``(AVERAGES,)``, infinite where there is no bound


def limits_of(
    reading: Reading,
    exact: NDArray[np.int64],
    weights: NDArray[np.int64],
    most: Mapping[Metric, Fraction],
) -> Limits:
    """Return the limits for ``(ports, vectors)`` int64 exact values and ``(vectors,)`` int64 weights."""
    vectors = exact.shape[1]
    low = np.empty((vectors, reading.bits), dtype=np.uint8)
    high = np.empty_like(low)
    flip = np.zeros(reading.bits, dtype=np.uint64)
    worth = np.zeros(reading.bits, dtype=np.int64)
    port_of = np.zeros(reading.bits, dtype=np.int64)
    for number, (first, width, signed) in enumerate(reading.ports):
        least = -(1 << width - 1) if signed else 0
        top = least + (1 << width) - 1
        room = _room(exact[number], most)
        room[weights == 0] = top - least
        below = np.clip(exact[number] - room, least, top) - least
        above = np.clip(exact[number] + room, least, top) - least
        for place in range(width):
            low[:, first + place] = below >> place & 1
            high[:, first + place] = above >> place & 1
            worth[first + place] = 1 << place
        if signed:
            flip[first + width - 1] = ~np.uint64(0)
            worth[first + width - 1] *= -1
        port_of[first : first + width] = number
    total = max(1, int(weights.sum()))
    budget = np.array([_budget(m, most[m], total) if m in most else np.inf for m in AVERAGES])
    ports = np.array([(first, width) for first, width, _ in reading.ports], dtype=np.int64)
    share = weights / total
    return Limits(
        pack_bits(low), pack_bits(high), flip, ports, worth, port_of, exact, share, budget
    )


def _budget(metric: Metric, most: Fraction, total: int) -> float:
    """Return the budget: the largest whole sum within the bound, plus half a unit for rounding."""
    if metric is Metric.MRE:
        return float(most)
    return float((int(most * total) + Fraction(1, 2)) / total)


def _room(exact: NDArray[np.int64], most: Mapping[Metric, Fraction]) -> NDArray[np.int64]:
    """Return ``(vectors,)`` int64, the maximum absolute error by the worst-case bounds."""
    room = np.full(len(exact), 1 << 53, dtype=np.int64)
    if Metric.WCE in most:
        room = np.minimum(room, min(1 << 53, int(most[Metric.WCE])))
    if Metric.WCRE in most:
        bound = most[Metric.WCRE]
        against, places = np.unique(np.maximum(1, np.abs(exact)), return_inverse=True)
        most_of = [min(1 << 53, int(bound * value)) for value in against.tolist()]
        room = np.minimum(room, np.array(most_of, dtype=np.int64)[places])
    return room


@numba.njit(cache=True, nogil=True)
def outside(state: Any, limits: Any, valid: Any, scratch: Any, at: Any) -> None:
    """Find the vectors on which a flipped cell (see `flip_cell`) violates the limits. Modifies scratch, at.

    valid: uint64 (words,), ones for vectors; at: uint64 (2, words), for the work.
    """
    outputs, values = state.outputs, state.values
    depends, flipped, matters = scratch
    words = values.shape[1]
    ones = ~np.uint64(0)
    for word in range(words):
        matters[word] = 0
    for number in range(limits.ports.shape[0]):
        first, width = limits.ports[number, 0], limits.ports[number, 1]
        changed = False
        for bit in range(first, first + width):
            changed |= depends[outputs[bit] >> 1] != 0
        if not changed:
            continue
        for word in range(words):
            at[0, word] = ones
            at[1, word] = ones
        for bit in range(first, first + width):
            driver = outputs[bit] >> 1
            rows = flipped if depends[driver] else values
            phase = limits.flip[bit] ^ (ones if outputs[bit] & 1 else np.uint64(0))
            for word in range(words):
                value = rows[driver, word] ^ phase
                low, high = limits.low[bit, word], limits.high[bit, word]
                at[0, word] = (value & ~low) | (at[0, word] & ~(value ^ low))
                at[1, word] = (high & ~value) | (at[1, word] & ~(value ^ high))
        for word in range(words):
            matters[word] |= ~(at[0, word] & at[1, word]) & valid[word]


@numba.njit(cache=True, nogil=True)
def cost_of(off: Any, exact: Any, cost: Any) -> None:
    """Add the cost of one port's error on one vector in each of `AVERAGES`; EP counts wrong ports."""
    size = abs(off)
    cost[0] += size
    cost[1] += size * size
    cost[2] += size / max(1.0, abs(exact))
    if off != 0:
        cost[3] += 1.0


@numba.njit(cache=True, nogil=True)
def present_errors(state: Any, limits: Any, off: Any) -> None:
    """Compute the signed errors of the present netlist. Modifies off: float64 (ports, vectors)."""
    outputs, values = state.outputs, state.values
    for number in range(off.shape[0]):
        for vector in range(off.shape[1]):
            off[number, vector] = -limits.exact[number, vector]
    for bit in range(outputs.shape[0]):
        number, worth = limits.port[bit], limits.worth[bit]
        driver, phase = outputs[bit] >> 1, np.uint64(outputs[bit] & 1)
        for vector in range(off.shape[1]):
            one = ((values[driver, vector >> 6] >> np.uint64(vector & 63)) & np.uint64(1)) ^ phase
            off[number, vector] += worth * np.float64(one)


@numba.njit(cache=True, nogil=True)
def flip_costs(state: Any, limits: Any, scratch: Any, off: Any, costs: Any, dearer: Any) -> None:
    """Compute the cost of flipping a cell (see `flip_cell`) for each vector. Modifies costs and dearer.

    off: see `present_errors`; costs: float64 (vectors, AVERAGES), shares of the metrics, below zero where one
    falls; dearer: uint64 (words,), the vectors on which any metric with a bound rises.
    """
    outputs, values = state.outputs, state.values
    depends, flipped, _ = scratch
    ports, vectors = off.shape
    new = np.zeros(ports)
    before, after = np.zeros(4), np.zeros(4)
    bits = np.empty(outputs.shape[0], dtype=np.int64)
    count = 0
    for bit in range(outputs.shape[0]):
        if depends[outputs[bit] >> 1]:
            bits[count] = bit
            count += 1
    for word in range(values.shape[1]):
        dearer[word] = 0
        changed = np.uint64(0)
        for k in range(count):
            driver = outputs[bits[k]] >> 1
            changed |= flipped[driver, word] ^ values[driver, word]
        for place in range(min(64, vectors - 64 * word)):
            vector = 64 * word + place
            if not (changed >> np.uint64(place)) & np.uint64(1):
                costs[vector, :] = 0.0
                continue
            for number in range(ports):
                new[number] = off[number, vector]
            for k in range(count):
                bit = bits[k]
                driver, phase = outputs[bit] >> 1, np.uint64(outputs[bit] & 1)
                old = (values[driver, word] >> np.uint64(place)) & np.uint64(1)
                now = (flipped[driver, word] >> np.uint64(place)) & np.uint64(1)
                if old != now:
                    rises = (now ^ phase) != 0
                    new[limits.port[bit]] += limits.worth[bit] if rises else -limits.worth[bit]
            before[:] = 0.0
            after[:] = 0.0
            for number in range(ports):
                cost_of(off[number, vector], limits.exact[number, vector], before)
                cost_of(new[number], limits.exact[number, vector], after)
            before[3] = min(1.0, before[3])
            after[3] = min(1.0, after[3])
            rising = False
            for metric in range(4):
                costs[vector, metric] = (after[metric] - before[metric]) * limits.weight[vector]
                rising |= costs[vector, metric] > 0 and limits.budget[metric] < np.inf
            if rising:
                dearer[word] |= np.uint64(1) << np.uint64(place)


@numba.njit(cache=True, nogil=True)
def spent(limits: Any, off: Any, total: Any) -> None:
    """Compute the averages of the present netlist. Modifies total: float64 (AVERAGES,)."""
    total[:] = 0.0
    cost = np.zeros(4)
    for vector in range(off.shape[1]):
        cost[:] = 0.0
        for number in range(off.shape[0]):
            cost_of(off[number, vector], limits.exact[number, vector], cost)
        cost[3] = min(1.0, cost[3])
        for metric in range(4):
            total[metric] += cost[metric] * limits.weight[vector]


# Worst-case limits on all input vectors, and on a small sample of them used by walks.
#
# Only few vectors of a circuit are near their limits, so a walk uses a sample. At intervals all vectors are
# checked, a block of words at a time, and some of those outside their limits replace vectors of the sample.

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
