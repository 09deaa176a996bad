"""A walk over networks of lookup tables within worst-case bounds.

Flipping a table shows on which vectors it must keep its value, as in `btfsynth.approximation.tolerance`. Six
signals suffice as its fan-in if they split the vectors into parts without both a one and a zero that matter. A
step exchanges one or two fan-ins of a table; it saves a table if an exchanged fan-in has no other reader. Free
entries of the new table keep the old values. Random steps that save nothing are accepted too.

The walk uses a sample of the vectors (see `btfsynth.approximation.tolerance`). At intervals all vectors are
checked; if some are outside their limits, the steps are undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.lut_network import (
    compute,
    copy_of,
    count_tables,
    empty_order,
    flip_node,
    freed_tables,
    netlist_of,
    settle,
    tables_of,
)
from btfsynth.approximation.tolerance import (
    SAMPLE_WORDS,
    Limits,
    all_vectors,
    checking,
    first_sample,
    list_outside,
    load_block,
    outside,
    take_vectors,
)
from btfsynth.fpga.lut_mapper import MAX_LEAVES
from btfsynth.netlist.kernels import NONE, next_below, random_state
from btfsynth.netlist.netlist import Netlist

_DROP_SINGLE = 50
"""Percentage of steps that exchange a fan-in without another reader, if there is one."""
_DROP_TWO = 30
"""Percentage of steps that exchange two fan-ins."""
_FIRSTS = 3
"""First signals tried in the search for two."""
_FLIPPED = 5
"""Percentage of free entries of a new table that are set to the opposite of the old values."""
_LEAST_STEPS = 8
"""Minimum steps between two checks of all vectors, doubled after every successful check."""
_SLICE = 5_000
"""Trials between two checks of the time limit."""


class _Work(NamedTuple):
    """Scratch of a walk."""

    order: Any
    depends: Any  # uint8 ``(nodes,)``
    flipped: Any  # uint64 ``(nodes, words)``
    matters: (
        Any  # uint64 ``(3, words)``: where the table matters, and of these where it is on and off
    )
    at: Any  # uint64 ``(2, words)``
    split: (
        Any  # uint64 ``(2, 64, words)``: vectors that matter, on and off, by the values of fan-ins
    )
    rows: Any  # uint64 ``(32, words)``
    divisors: Any  # int32 ``(nodes,)``, signals that do not depend on the table
    mixed: Any  # int64 ``(64,)``, the parts that hold ones and zeros
    pairs: Any  # int64 ``(64, 2)``, a vector of each kind
    kept: Any  # int32 ``(6,)``, fan-ins


@dataclass(frozen=True)
class LutWalk:
    """A walk that ends after `patience` trials in a row without a saving."""

    patience: int = 100_000
    seed: int = 1
    sees_all: ClassVar[bool] = True

    def reseeded(self, number: int) -> LutWalk:
        return replace(self, seed=self.seed + number)

    def run(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
    ) -> Netlist:
        """Return the netlist with the fewest lookup tables found. Arguments as in `Walk.run`."""
        network = tables_of(netlist, SAMPLE_WORDS)
        vectors = all_vectors(inputs, valid, limits, SAMPLE_WORDS)
        sample = first_sample(vectors, SAMPLE_WORDS, self.seed)
        network.values[1 : network.first] = sample.inputs
        nodes = len(network.sizes)
        checked = checking(vectors, nodes, SAMPLE_WORDS)
        best = copy_of(network)
        state = np.array([nodes, _LEAST_STEPS, 0], dtype=np.int64)
        random, work = random_state(self.seed), _scratch(nodes, SAMPLE_WORDS)
        idle = 0
        while idle <= self.patience and state[0]:
            before = state[0]
            _walk(network, (vectors, sample, checked), work, (best, state), random)
            idle = 0 if state[0] < before else idle + _SLICE
        return netlist_of(best, netlist)


def _scratch(nodes: int, words: int) -> _Work:
    return _Work(
        empty_order(nodes),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros((nodes, words), dtype=np.uint64),
        np.zeros((3, words), dtype=np.uint64),
        np.zeros((2, words), dtype=np.uint64),
        np.zeros((2, 1 << MAX_LEAVES, words), dtype=np.uint64),
        np.zeros((32, words), dtype=np.uint64),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(1 << MAX_LEAVES, dtype=np.int64),
        np.zeros((1 << MAX_LEAVES, 2), dtype=np.int64),
        np.zeros(MAX_LEAVES, dtype=np.int32),
    )


@numba.njit(cache=True, nogil=True)
def _split(values: Any, kept: Any, size: Any, parts: Any) -> None:
    """Split the vectors of parts[0] by some signals into ``2 ** size`` parts. Modifies parts."""
    number = 1
    for k in range(size):
        by = values[kept[k]]
        for part in range(number):
            zeros, ones = parts[part], parts[part + number]
            for word in range(by.shape[0]):
                ones[word] = zeros[word] & by[word]
                zeros[word] &= ~by[word]
        number *= 2


@numba.njit(cache=True, nogil=True)
def _first_of(row: Any) -> Any:
    """Return the number of the first vector of a signature, -1 if it is empty."""
    for word in range(row.shape[0]):
        if row[word]:
            place = 0
            while not (row[word] >> np.uint64(place)) & np.uint64(1):
                place += 1
            return 64 * word + place
    return -1


@numba.njit(cache=True, nogil=True)
def _list_mixed(network: Any, work: Any, size: Any) -> Any:
    """Split by the first signals kept; list parts with ones and zeros that matter. Returns their number.

    Modifies split, mixed and pairs.
    """
    for kind in range(2):
        work.split[kind, 0, :] = work.matters[1 + kind]
        _split(network.values, work.kept, size, work.split[kind])
    count = 0
    for part in range(1 << size):
        on = _first_of(work.split[0, part])
        off = _first_of(work.split[1, part]) if on >= 0 else -1
        if off >= 0:
            work.mixed[count] = part
            work.pairs[count, 0], work.pairs[count, 1] = on, off
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _parts_told(row: Any, work: Any, count: Any) -> Any:
    """Return the number of mixed parts whose two listed vectors a signal separates."""
    told = 0
    for k in range(count):
        a, b = work.pairs[k, 0], work.pairs[k, 1]
        one = (row[a >> 6] >> np.uint64(a & 63)) ^ (row[b >> 6] >> np.uint64(b & 63))
        told += np.int64(one & np.uint64(1))
    return told


@numba.njit(cache=True, nogil=True)
def _separates(row: Any, work: Any, count: Any) -> Any:
    """Return whether a signal separates the ones from the zeros in all mixed parts."""
    if _parts_told(row, work, count) < count:
        return False
    for k in range(count):
        on, off = work.split[0, work.mixed[k]], work.split[1, work.mixed[k]]
        on_1, on_0, off_1, off_0 = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
        for word in range(row.shape[0]):
            on_1 |= on[word] & row[word]
            on_0 |= on[word] & ~row[word]
            off_1 |= off[word] & row[word]
            off_0 |= off[word] & ~row[word]
        if (on_1 and off_1) or (on_0 and off_0):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _majority_of_values(values: Any, work: Any, size: Any, node: Any, part: Any) -> Any:
    """Return whether a table is mostly on in a part of all vectors of the sample."""
    more = 0
    for word in range(values.shape[1]):
        within = ~np.uint64(0)
        for k in range(size):
            by = values[work.kept[k], word]
            within &= by if part >> k & 1 else ~by
        more += np.int64((within & values[node, word]) != 0)
        more -= np.int64((within & ~values[node, word]) != 0)
    return more > 0


@numba.njit(cache=True, nogil=True)
def _assign(network: Any, node: Any, size: Any, work: Any, random: Any) -> None:
    """Let a table read the first signals kept. Modifies network and split."""
    _list_mixed(network, work, size)
    table = np.uint64(0)
    for part in range(1 << size):
        if _first_of(work.split[0, part]) >= 0:
            one = True
        elif _first_of(work.split[1, part]) >= 0:
            one = False
        else:
            one = _majority_of_values(network.values, work, size, node, part)
            if next_below(random, 100) < _FLIPPED:
                one = not one
        if one:
            table |= np.uint64(1) << np.uint64(part)
    network.tables[node] = table
    network.sizes[node] = size
    for place in range(network.fanins.shape[1]):
        network.fanins[node, place] = work.kept[place] if place < size else -1


@numba.njit(cache=True, nogil=True)
def _list_divisors(network: Any, node: Any, count: Any, work: Any, random: Any) -> Any:
    """List the signals that do not depend on a table. Modifies divisors.

    Returns their number and a random one that can replace the table, or `NONE`.
    """
    order, values = work.order, network.values
    matters = work.matters[0]
    found, equal, chosen = 0, 0, NONE
    for place in range(1, network.first + count):
        signal = place if place < network.first else order.nodes[place - network.first]
        if work.depends[signal]:
            continue
        work.divisors[found] = signal
        found += 1
        word = 0
        while word < matters.shape[0]:
            if (values[signal, word] ^ values[node, word]) & matters[word]:
                break
            word += 1
        if word == matters.shape[0]:
            equal += 1
            if next_below(random, equal) == 0:
                chosen = signal
    return found, chosen


@numba.njit(cache=True, nogil=True)
def _stand_in(network: Any, node: Any, signal: Any, order: Any, count: Any) -> None:
    """Let all readers of a table read a signal instead. Modifies network."""
    for place in range(order.position[node] + 1, count):
        user = order.nodes[place]
        for k in range(network.sizes[user]):
            if network.fanins[user, k] == node:
                network.fanins[user, k] = signal
    for k in range(network.outputs.shape[0]):
        if network.outputs[k] >> 1 == node:
            network.outputs[k] = 2 * signal


@numba.njit(cache=True, nogil=True)
def _kept_already(work: Any, size: Any, signal: Any) -> Any:
    for k in range(size):
        if work.kept[k] == signal:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _best_signal(network: Any, dropped: Any, sizes: Any, work: Any, random: Any) -> Any:
    """Find the signal that completes those kept and frees the most tables, or `NONE`.

    dropped: the two fan-ins exchanged, the second may be `NONE`; sizes: (signals kept, mixed parts, divisors).
    """
    size, mixed, divisors = sizes
    best, most, ties = NONE, -1, 0
    for k in range(divisors):
        signal = work.divisors[k]
        if signal == dropped[0] or signal == dropped[1]:
            continue
        if not _separates(network.values[signal], work, mixed):
            continue
        if _kept_already(work, size, signal):
            continue
        saved = freed_tables(network, dropped[0], signal, work.order.stack)
        if dropped[1] != NONE:
            saved += freed_tables(network, dropped[1], signal, work.order.stack)
        ties = 1 if saved > most else ties + 1
        if saved > most or (saved == most and next_below(random, ties) == 0):
            best, most = signal, saved
    return best


@numba.njit(cache=True, nogil=True)
def _two_signals(network: Any, dropped: Any, sizes: Any, work: Any, random: Any) -> Any:
    """Try to complete the signals kept by two more; appends these and returns True if found.

    dropped, sizes: see `_best_signal`.
    """
    size, mixed, divisors = sizes
    values = network.values
    first = dropped[0]
    for _ in range(_FIRSTS):
        signal = work.divisors[next_below(random, divisors)]
        if first >= network.first and network.sizes[first] and next_below(random, 2) == 0:
            signal = network.fanins[first, next_below(random, network.sizes[first])]
        if signal == first or _kept_already(work, size, signal):
            continue
        if _parts_told(values[signal], work, mixed) == 0:
            continue
        work.kept[size] = signal
        now = _list_mixed(network, work, size + 1)
        start = next_below(random, divisors)
        for k in range(divisors):
            other = work.divisors[(start + k) % divisors]
            if other == first or (other == dropped[1] and signal == dropped[1]):
                continue
            if _separates(values[other], work, now) and not _kept_already(work, size + 1, other):
                work.kept[size + 1] = other
                return True
        mixed = _list_mixed(network, work, size)
    return False


@numba.njit(cache=True, nogil=True)
def _choose_dropped(network: Any, node: Any, random: Any) -> Any:
    """Return the positions of one or two fan-ins to exchange; the second may be `NONE`."""
    size = network.sizes[node]
    place, singles = next_below(random, size), 0
    if next_below(random, 100) < _DROP_SINGLE:
        for k in range(size):
            child = network.fanins[node, k]
            if child >= network.first and network.references[child] == 1:
                singles += 1
                if next_below(random, singles) == 0:
                    place = k
    other = NONE
    if size > 1 and next_below(random, 100) < _DROP_TWO:
        other = next_below(random, size - 1)
        if other >= place:
            other += 1
    return place, other


@numba.njit(cache=True, nogil=True)
def _try_table(network: Any, node: Any, count: Any, sample: Any, work: Any, random: Any) -> Any:
    """Try one step at a table; returns whether it was accepted. Modifies network and work."""
    matters, values = work.matters, network.values
    flip_node(network, node, work.order, count, (work.depends, work.flipped), work.rows)
    flips = (work.depends, work.flipped, matters[0])
    outside(network, sample.interval, sample.valid, flips, work.at)
    any_on, any_off = np.uint64(0), np.uint64(0)
    for word in range(matters.shape[1]):
        matters[1, word] = matters[0, word] & values[node, word]
        matters[2, word] = matters[0, word] & ~values[node, word]
        any_on |= matters[1, word]
        any_off |= matters[2, word]
    if any_on == 0 or any_off == 0:
        network.sizes[node] = 0
        network.tables[node] = np.uint64(0 if any_on == 0 else 1)
        return True
    divisors, signal = _list_divisors(network, node, count, work, random)
    if signal != NONE:
        _stand_in(network, node, signal, work.order, count)
        return True
    place, other = _choose_dropped(network, node, random)
    size = 0
    for k in range(network.sizes[node]):
        if k != place and k != other:
            work.kept[size] = network.fanins[node, k]
            size += 1
    mixed = _list_mixed(network, work, size)
    if mixed == 0:
        _assign(network, node, size, work, random)
        return True
    second = network.fanins[node, other] if other != NONE else NONE
    dropped = (network.fanins[node, place], second)
    sizes = (size, mixed, divisors)
    best = _best_signal(network, dropped, sizes, work, random)
    if best != NONE:
        work.kept[size] = best
        _assign(network, node, size + 1, work, random)
        return True
    if size + 2 <= work.kept.shape[0] and _two_signals(network, dropped, sizes, work, random):
        _assign(network, node, size + 2, work, random)
        return True
    return False


@numba.njit(cache=True, nogil=True)
def _renew(network: Any, work: Any) -> Any:
    """Clean up and compute all signatures; return the number of tables in the order."""
    count = settle(network, work.order)
    for k in range(count):
        compute(network, work.order.nodes[k], network.values, work.rows)
    return count


@numba.njit(cache=True, nogil=True)
def _check(network: Any, count: Any, vectors: Any, checked: Any, work: Any) -> Any:
    """Find some of the vectors outside their limits; returns their number. Modifies checked."""
    step = checked.block.valid.shape[0]
    found = 0
    for first in range(0, vectors.valid.shape[0], step):
        load_block(vectors, first, checked)
        for k in range(count):
            compute(network, work.order.nodes[k], checked.values, work.rows)
        found = list_outside(network.outputs, first, checked, found)
        if found == checked.found.shape[0]:
            break
    return found


@numba.njit(cache=True, nogil=True)
def _copy(source: Any, target: Any) -> None:
    target.fanins[:] = source.fanins
    target.sizes[:] = source.sizes
    target.tables[:] = source.tables
    target.outputs[:] = source.outputs


@numba.njit(cache=True, nogil=True)
def _walk(network: Any, seen: Any, work: Any, kept: Any, random: Any) -> None:
    """Walk for a slice of trials. Modifies all arguments.

    seen: (all vectors, sample, `Checked`); kept: (the best network, which is within the limits on all vectors;
    int64 (3,): maximum tables, steps between two checks, steps since the last).
    """
    vectors, sample, checked = seen
    best, state = kept
    count = _renew(network, work)
    size = count_tables(network, work.order, count)
    state[0] = min(state[0], size)
    for _ in range(_SLICE):
        if count == 0:
            break
        node = work.order.nodes[next_below(random, count)]
        if network.sizes[node] and _try_table(network, node, count, sample, work, random):
            state[2] += 1
            count = _renew(network, work)
            size = count_tables(network, work.order, count)
        if state[2] < state[1] and size >= state[0]:
            continue
        state[2] = 0
        found = _check(network, count, vectors, checked, work) if size <= state[0] else 0
        if found == 0 and size <= state[0]:
            _copy(network, best)
            state[0] = size
            state[1] = min(
                2 * state[1], vectors.valid.shape[0] // sample.valid.shape[0] + _LEAST_STEPS
            )
        else:
            state[1] = max(_LEAST_STEPS, state[1] // 2)
            take_vectors(vectors, checked.found[:found], sample, network.values, random)
            _copy(best, network)
            count = _renew(network, work)
            size = count_tables(network, work.order, count)
