"""A walk over and-inverter graphs within worst-case bounds.

Flipping a node shows on which vectors it must keep its value, as in `btfsynth.approximation.tolerance`. A
literal that is true wherever the node must be on is a candidate: two candidates whose AND is false wherever the
node must be off can replace its fan-in. The same holds with on and off exchanged and the node complemented. If
several nodes fall out of use, up to three new ones are tried: ``a & b & c``, ``a & (b | c)`` and a parity.
Random steps that save nothing are accepted too, and a few that cost a node, up to some nodes above the best.

The walk uses a sample of the vectors (see `btfsynth.approximation.tolerance`). At intervals all vectors are
checked; if some are outside their limits, the steps are undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.and_network import (
    compute,
    copy_of,
    empty_order,
    flip_node,
    free_node,
    freed_ands,
    graph_of,
    netlist_of,
    put_in_place,
    settle,
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
from btfsynth.netlist.kernels import NONE, complement_mask, next_below, random_state
from btfsynth.netlist.netlist import Netlist

_NOTHING, _SIGNAL, _PAIR, _TRIPLE, _AND_OR, _PARITY = range(6)
"""Kinds of replacements."""
_TIES = 64
"""Maximum number of equally good replacements to choose from; the search ends there."""
_TWO_NEW, _FIRSTS = 30, 3
"""Percentage of trials that look for two new nodes if these can suffice, and first literals tried then."""
_PARITIES = 20
"""Percentage of trials that look for a parity if it can suffice."""
_UPHILL = 200
"""One in this many trials may cost a node."""
_ABOVE = 3
"""Maximum nodes of a graph above the best."""
_LEAST_STEPS = 8
_SLICE = 20_000
"""Trials between two checks of the time limit."""


class _Work(NamedTuple):
    """Scratch of a walk."""

    order: Any
    depends: Any  # uint8 ``(nodes,)``
    flipped: Any  # uint64 ``(nodes, words)``
    matters: (
        Any  # uint64 ``(3, words)``: where the node matters, and of these where it is on and off
    )
    at: Any  # uint64 ``(2, words)``
    covering: Any
    """int32 ``(3, 2 * nodes)``: literals that are true wherever the node is on, wherever it is off; scratch."""
    counts: Any  # int64 ``(3,)``, how many of each
    inside: (
        Any  # uint8 ``(nodes,)``, nodes that fall out of use with the node; zero before and after
    )
    choice: Any
    """int64 ``(7,)``, the best replacement: kind, nodes saved, literals a, b, c, phase, and ties so far."""


@dataclass(frozen=True)
class AndWalk:
    """A walk that ends after `patience` trials in a row without a saving."""

    patience: int = 400_000
    seed: int = 1
    sees_all: ClassVar[bool] = True

    def reseeded(self, number: int) -> AndWalk:
        return replace(self, seed=self.seed + number)

    def run(
        self,
        netlist: Netlist,
        inputs: NDArray[np.uint64],
        valid: NDArray[np.uint64],
        limits: Limits,
    ) -> Netlist:
        """Return the netlist with the fewest ANDs found. Arguments as in `Walk.run`."""
        graph = graph_of(netlist, SAMPLE_WORDS)
        vectors = all_vectors(inputs, valid, limits, SAMPLE_WORDS)
        sample = first_sample(vectors, SAMPLE_WORDS, self.seed)
        graph.values[1 : graph.first] = sample.inputs
        nodes = len(graph.fanins)
        checked = checking(vectors, nodes, SAMPLE_WORDS)
        best, base = copy_of(graph), copy_of(graph)
        state = np.array([nodes, nodes, _LEAST_STEPS, 0], dtype=np.int64)
        random, work = random_state(self.seed), _scratch(nodes, SAMPLE_WORDS)
        idle = 0
        while idle <= self.patience and state[0]:
            before = state[0]
            _walk(graph, (vectors, sample, checked), work, (best, base, state), random)
            idle = 0 if state[0] < before else idle + _SLICE
        return netlist_of(best, netlist)


def _scratch(nodes: int, words: int) -> _Work:
    return _Work(
        empty_order(nodes),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros((nodes, words), dtype=np.uint64),
        np.zeros((3, words), dtype=np.uint64),
        np.zeros((2, words), dtype=np.uint64),
        np.zeros((3, 2 * nodes), dtype=np.int32),
        np.zeros(3, dtype=np.int64),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(7, dtype=np.int64),
    )


@numba.njit(cache=True, nogil=True)
def _offer(choice: Any, offered: Any, random: Any) -> Any:
    """Accept a replacement if it saves most, at random among equals; return whether there were enough."""
    kind, saved, a, b, c, phase = offered
    if saved > choice[1]:
        choice[6] = 0
    elif saved < choice[1]:
        return False
    choice[6] += 1
    if next_below(random, choice[6]) == 0:
        choice[0], choice[1], choice[2], choice[3], choice[4], choice[5] = (
            kind,
            saved,
            a,
            b,
            c,
            phase,
        )
    return choice[6] >= _TIES


@numba.njit(cache=True, nogil=True)
def _is_clear(where: Any, row_a: Any, flip_a: Any, row_b: Any, flip_b: Any) -> Any:
    """Return whether two literals are never both true on some vectors."""
    for word in range(where.shape[0]):
        if where[word] & (row_a[word] ^ flip_a) & (row_b[word] ^ flip_b):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _list_covering(graph: Any, node: Any, numbers: Any, work: Any, random: Any) -> None:
    """List the covering literals, and offer those that can replace the node. Modifies covering, counts, choice.

    numbers: (ANDs in use, those that fall out of use with the node).
    """
    count, freed = numbers
    order, values, covering = work.order, graph.values, work.covering
    on, off = work.matters[1], work.matters[2]
    work.counts[:] = 0
    for place in range(1, graph.first + count):
        signal = place if place < graph.first else order.nodes[place - graph.first]
        if work.depends[signal]:
            continue
        row = values[signal]
        # Plain and complemented, covering on and off
        on_0, on_1, off_0, off_1 = True, True, True, True
        for word in range(row.shape[0]):
            on_0 &= (on[word] & ~row[word]) == 0
            on_1 &= (on[word] & row[word]) == 0
            off_0 &= (off[word] & ~row[word]) == 0
            off_1 &= (off[word] & row[word]) == 0
            if not (on_0 or on_1 or off_0 or off_1):
                break
        for kind in range(2):
            for phase in range(2):
                if (off_1 if phase else off_0) if kind else (on_1 if phase else on_0):
                    covering[kind, work.counts[kind]] = 2 * signal + phase
                    work.counts[kind] += 1
        if (on_0 and off_1) or (on_1 and off_0):
            literal = 2 * signal + (0 if on_0 and off_1 else 1)
            saved = freed
            if work.inside[signal]:
                saved = freed_ands(graph, node, literal, NONE, order.stack)
            _offer(work.choice, (_SIGNAL, saved, literal, 0, 0, 0), random)


@numba.njit(cache=True, nogil=True)
def _offer_pairs(graph: Any, node: Any, freed: Any, work: Any, random: Any) -> None:
    """Offer ANDs of two covering literals. Modifies choice."""
    values, inside = graph.values, work.inside
    own_a, own_b = graph.fanins[node, 0], graph.fanins[node, 1]
    for phase in range(2):
        listed, number = work.covering[phase], work.counts[phase]
        away = work.matters[2 - phase]
        start = next_below(random, number) if number else 0
        for first in range(number):
            a = listed[(first + start) % number]
            row_a, flip_a = values[a >> 1], complement_mask(a)
            for second in range(first + 1, number):
                b = listed[(second + start) % number]
                if not _is_clear(away, row_a, flip_a, values[b >> 1], complement_mask(b)):
                    continue
                if phase == 0 and min(a, b) == min(own_a, own_b) and max(a, b) == max(own_a, own_b):
                    continue
                saved = freed
                if inside[a >> 1] or inside[b >> 1]:
                    saved = freed_ands(graph, node, a, b, work.order.stack)
                if _offer(work.choice, (_PAIR, saved - 1, a, b, 0, phase), random):
                    return


@numba.njit(cache=True, nogil=True)
def _offer_triples(graph: Any, freed: Any, first: Any, phase: Any, work: Any, random: Any) -> Any:
    """Offer ``first & b & c`` with covering literals. Modifies choice and at; returns whether it is over."""
    values = graph.values
    listed, number = work.covering[phase], work.counts[phase]
    left = work.at[0]
    for k in range(number):
        b = listed[k]
        if b >> 1 == first >> 1 or work.inside[b >> 1]:
            continue
        for other in range(k + 1, number):
            c = listed[other]
            if c >> 1 in (first >> 1, b >> 1) or work.inside[c >> 1]:
                continue
            flip_b, flip_c = complement_mask(b), complement_mask(c)
            if _is_clear(left, values[b >> 1], flip_b, values[c >> 1], flip_c):
                offered = (_TRIPLE, freed - 2, first, b, c, phase)
                if _offer(work.choice, offered, random):
                    return True
    return False


@numba.njit(cache=True, nogil=True)
def _offer_and_ors(graph: Any, numbers: Any, first: Any, phase: Any, work: Any, random: Any) -> Any:
    """Offer ``first & (b | c)``. Modifies choice, at, covering[2]; returns whether the search is over.

    numbers: (ANDs in use, those that fall out of use with the node).
    """
    count, freed = numbers
    values, order = graph.values, work.order
    left, present = work.at[0], work.matters[1 + phase]
    listed, number = work.covering[2], 0
    for place in range(1, graph.first + count):
        signal = place if place < graph.first else order.nodes[place - graph.first]
        if work.depends[signal] or work.inside[signal] or signal == first >> 1:
            continue
        plain, complemented = True, True
        for word in range(left.shape[0]):
            plain &= (left[word] & values[signal, word]) == 0
            complemented &= (left[word] & ~values[signal, word]) == 0
            if not (plain or complemented):
                break
        for phase_of in range(2):
            if complemented if phase_of else plain:
                listed[number] = 2 * signal + phase_of
                number += 1
    for k in range(number):
        b = listed[k]
        flip_b = ~complement_mask(b)
        for other in range(k + 1, number):
            c = listed[other]
            if c >> 1 == b >> 1:
                continue
            offered = (_AND_OR, freed - 2, first, b, c, phase)
            flip_c = ~complement_mask(c)
            if not _is_clear(present, values[b >> 1], flip_b, values[c >> 1], flip_c):
                continue
            if _offer(work.choice, offered, random):
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _offer_two_new(graph: Any, numbers: Any, work: Any, random: Any) -> None:
    """Offer replacements of two new nodes, for some first literals. Modifies choice, at and covering."""
    for phase in range(2):
        number = work.counts[phase]
        away, left = work.matters[2 - phase], work.at[0]
        start = next_below(random, number) if number else 0
        for k in range(min(number, _FIRSTS)):
            first = work.covering[phase, (start + k) % number]
            if work.inside[first >> 1]:
                continue
            row, flip = graph.values[first >> 1], complement_mask(first)
            for word in range(left.shape[0]):
                left[word] = away[word] & (row[word] ^ flip)
            if _offer_triples(graph, numbers[1], first, phase, work, random):
                return
            if _offer_and_ors(graph, numbers, first, phase, work, random):
                return


@numba.njit(cache=True, nogil=True)
def _offer_parities(graph: Any, node: Any, numbers: Any, work: Any, random: Any) -> None:
    """Offer exclusive ors of two signals, three new nodes. Modifies choice and covering[2]."""
    count, freed = numbers
    values, order, matters = graph.values, work.order, work.matters[0]
    listed, number = work.covering[2], 0
    for place in range(1, graph.first + count):
        signal = place if place < graph.first else order.nodes[place - graph.first]
        if not work.depends[signal] and not work.inside[signal]:
            listed[number] = signal
            number += 1
    own = values[node]
    start = next_below(random, number) if number else 0
    for first in range(number):
        a = listed[(first + start) % number]
        row_a = values[a]
        for second in range(first + 1, number):
            b = listed[(second + start) % number]
            row_b = values[b]
            equal, opposite = True, True
            for word in range(own.shape[0]):
                differs = own[word] ^ row_a[word] ^ row_b[word]
                equal &= (differs & matters[word]) == 0
                opposite &= (~differs & matters[word]) == 0
                if not (equal or opposite):
                    break
            if equal or opposite:
                literal = 2 * b + (0 if equal else 1)
                if _offer(work.choice, (_PARITY, freed - 3, 2 * a, literal, 0, 0), random):
                    return


@numba.njit(cache=True, nogil=True)
def _find(graph: Any, node: Any, numbers: Any, sample: Any, work: Any, random: Any) -> None:
    """Find a replacement of a node. Modifies choice and scratch.

    numbers: (ANDs in use, whether the replacement may cost one).
    """
    count, uphill = numbers
    matters, choice, stack = work.matters, work.choice, work.order.stack
    choice[:] = 0
    choice[1] = -2 if uphill else -1
    flip_node(graph, node, work.order, count, (work.depends, work.flipped))
    outside(graph, sample.interval, sample.valid, (work.depends, work.flipped, matters[0]), work.at)
    any_on, any_off = np.uint64(0), np.uint64(0)
    for word in range(matters.shape[1]):
        matters[1, word] = matters[0, word] & graph.values[node, word]
        matters[2, word] = matters[0, word] & ~graph.values[node, word]
        any_on |= matters[1, word]
        any_off |= matters[2, word]
    freed = freed_ands(graph, node, NONE, NONE, stack)
    if any_on == 0 or any_off == 0:
        _offer(choice, (_SIGNAL, freed, 0 if any_on == 0 else 1, 0, 0, 0), random)
        return
    members = stack[:freed].copy()
    for member in members:
        work.inside[member] = 1
    _list_covering(graph, node, (count, freed), work, random)
    if choice[0] == _NOTHING:
        if not uphill:
            _offer_pairs(graph, node, freed, work, random)
        likely = freed - 2 >= max(0, choice[1]) and next_below(random, 100) < _TWO_NEW
        if uphill or likely:
            _offer_two_new(graph, (count, freed), work, random)
        if freed - 3 >= max(0, choice[1]) and next_below(random, 100) < _PARITIES:
            _offer_parities(graph, node, (count, freed), work, random)
    for member in members:
        work.inside[member] = 0


@numba.njit(cache=True, nogil=True)
def _replace(graph: Any, node: Any, choice: Any) -> Any:
    """Make a replacement; returns False if no node is free for it. Modifies graph."""
    kind, a, b, c = choice[0], choice[2], choice[3], choice[4]
    fanins = graph.fanins
    if kind == _SIGNAL:
        put_in_place(graph, node, a)
        return True
    one = free_node(graph, 0) if kind != _PAIR else NONE
    two = free_node(graph, one) if kind == _PARITY else NONE
    if (kind != _PAIR and one == NONE) or (kind == _PARITY and two == NONE):
        return False
    if kind == _PAIR:
        fanins[node, 0], fanins[node, 1] = a, b
    elif kind == _PARITY:
        fanins[one, 0], fanins[one, 1] = a, b
        fanins[two, 0], fanins[two, 1] = a ^ 1, b ^ 1
        fanins[node, 0], fanins[node, 1] = 2 * one + 1, 2 * two + 1
    else:
        negated = 1 if kind == _AND_OR else 0
        fanins[one, 0], fanins[one, 1] = b ^ negated, c ^ negated
        fanins[node, 0], fanins[node, 1] = a, 2 * one + negated
    if choice[5]:
        put_in_place(graph, node, 2 * node + 1)
    return True


@numba.njit(cache=True, nogil=True)
def _renew(graph: Any, work: Any) -> Any:
    """Fold and compute all signatures; return the number of ANDs in use."""
    count = settle(graph, work.order)
    for k in range(count):
        compute(graph, work.order.nodes[k], graph.values)
    return count


@numba.njit(cache=True, nogil=True)
def _check(graph: Any, count: Any, vectors: Any, checked: Any, work: Any) -> Any:
    """Find some of the vectors outside their limits; returns their number. Modifies checked."""
    step = checked.block.valid.shape[0]
    found = 0
    for first in range(0, vectors.valid.shape[0], step):
        load_block(vectors, first, checked)
        for k in range(count):
            compute(graph, work.order.nodes[k], checked.values)
        found = list_outside(graph.outputs, first, checked, found)
        if found == checked.found.shape[0]:
            break
    return found


@numba.njit(cache=True, nogil=True)
def _copy(source: Any, target: Any) -> None:
    target.fanins[:] = source.fanins
    target.outputs[:] = source.outputs


@numba.njit(cache=True, nogil=True)
def _walk(graph: Any, seen: Any, work: Any, kept: Any, random: Any) -> None:
    """Walk for a slice of trials. Modifies all arguments.

    seen: (all vectors, sample, `Checked`); kept: (the best graph, the last one within the limits on all
    vectors, int64 (4,): ANDs of both, steps between two checks, steps since the last).
    """
    vectors, sample, checked = seen
    best, base, state = kept
    count = _renew(graph, work)
    state[0], state[1] = min(state[0], count), min(state[1], count)
    for _ in range(_SLICE):
        if count == 0:
            break
        node = work.order.nodes[next_below(random, count)]
        uphill = count < state[0] + _ABOVE and next_below(random, _UPHILL) == 0
        _find(graph, node, (count, uphill), sample, work, random)
        if work.choice[0] != _NOTHING and _replace(graph, node, work.choice):
            state[3] += 1
            count = _renew(graph, work)
        if state[3] < state[2] and count >= state[1]:
            continue
        state[3] = 0
        found = _check(graph, count, vectors, checked, work)
        if found == 0:
            _copy(graph, base)
            state[1] = count
            state[2] = min(
                2 * state[2], vectors.valid.shape[0] // sample.valid.shape[0] + _LEAST_STEPS
            )
            if count <= state[0]:
                _copy(graph, best)
                state[0] = count
        else:
            state[2] = max(_LEAST_STEPS, state[2] // 2)
            take_vectors(vectors, checked.found[:found], sample, graph.values, random)
            _copy(base, graph)
            count = _renew(graph, work)
