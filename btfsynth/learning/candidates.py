"""Circuits that compete: each is simulated on the samples and brought within the limits.

Where AND nodes are limited, full adders are rewritten: as three majorities one takes twelve AND nodes, written
with two exclusive ors that share their products with the carry it takes seven AND and OR cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learning.base import (
    ClassProblem,
    Fit,
    Limits,
    Problem,
    count_ands,
    count_luts,
    inlined,
    new_builder,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import TRUE, Netlist, value_of
from btfsynth.netlist.simulation import count_ones, output_words

_ODD = 0b10010110
"""The exclusive or of three as a table; entry ``v`` is bit ``v``."""
_TABLES = (0b10101010, 0b11001100, 0b11110000)


def with_few_ands(netlist: Netlist) -> Netlist:
    """Return the netlist with its full adders in AND and OR cells; everything else is as it was."""
    fanins = [tuple(row) for row in netlist.fanins.tolist()]
    sums = _sums(fanins, netlist.first_cell)
    wanted = set(sums.values())
    builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
    literals = [0, *(builder.input(bit) for bit in range(netlist.n_inputs))]
    odd: dict[tuple[int, ...], int] = {}

    def of(literal: int) -> int:
        return value_of(literals, literal)

    for cell, fanin in enumerate(fanins):
        nodes = _nodes(fanin)
        if cell in sums:
            leaves = _nodes(fanins[sums[cell]])
            flip = int(_table(fanin, fanins, netlist.first_cell, leaves) != _ODD)
            literals.append(odd[leaves] ^ flip)
        elif cell in wanted:
            a, b, c = (of(literal) for literal in fanin)
            both, neither = builder.and_(a, b), builder.and_(a ^ 1, b ^ 1)
            differ = builder.and_(both ^ 1, neither ^ 1)
            carried = builder.and_(differ, c)
            total = builder.and_(carried ^ 1, builder.and_(differ ^ 1, c ^ 1) ^ 1)
            complements = sum(literal & 1 for literal in fanin) & 1
            odd[nodes] = total ^ complements
            literals.append(builder.or_(both, carried))
        else:
            literals.append(builder.maj(*(of(literal) for literal in fanin)))
    return builder.build([of(literal) for literal in netlist.outputs.tolist()])


def _nodes(fanin: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(literal >> 1 for literal in fanin))


def _sums(fanins: list[tuple[int, ...]], first: int) -> dict[int, int]:
    """Return the cells that are the exclusive or of the fan-in of a majority they read, and the majority."""
    found = {}
    for cell, fanin in enumerate(fanins):
        for literal in fanin:
            below = (literal >> 1) - first
            if below < 0 or min(fanins[below]) <= TRUE:
                continue
            table = _table(fanin, fanins, first, _nodes(fanins[below]))
            if table in (_ODD, _ODD ^ 0xFF):
                found[cell] = below
                break
    return found


def _table(
    fanin: tuple[int, ...], fanins: list[tuple[int, ...]], first: int, leaves: tuple[int, ...]
) -> int | None:
    """Return the table of a cell over three leaves, None if it depends on other nearby signals."""
    values = []
    for literal in fanin:
        node = literal >> 1
        if node in leaves:
            value = _TABLES[leaves.index(node)]
        elif node >= first and set(_nodes(fanins[node - first])) <= {0, *leaves}:
            value = _majority(
                *(
                    (0 if each <= TRUE else _TABLES[leaves.index(each >> 1)]) ^ (0xFF * (each & 1))
                    for each in fanins[node - first]
                )
            )
        elif node == 0:
            value = 0
        else:
            return None
        values.append(value ^ (0xFF * (literal & 1)))
    return _majority(*values)


def _majority(a: int, b: int, c: int) -> int:
    return a & b | c & (a | b)


def within(netlist: Netlist, limits: Limits) -> Netlist | None:
    """Return the netlist if it meets the limits, else a version with few ANDs if that does, else None."""
    if limits.hold(netlist):
        return netlist
    rewritten = with_few_ands(netlist)
    return rewritten if limits.hold(rewritten) else None


@dataclass(frozen=True, eq=False)
class Candidate:
    """A circuit within the limits."""

    learner: str
    how: str
    netlist: Netlist
    ands: int
    train_right: int
    valid_right: int
    # (words,) uint64, its output on the samples
    train_words: NDArray[np.uint64]
    valid_words: NDArray[np.uint64]
    # (words,) uint64, the validation samples that it is right on, as judged without choosing by them
    valid_hits: NDArray[np.uint64]
    # Inputs whose exclusive or was taken off before it was fitted, and added again
    parity: tuple[int, ...] = ()
    # Mean loss on the validation samples, of models that give probabilities
    valid_loss: float | None = None

    @cached_property
    def luts(self) -> int:
        return count_luts(self.netlist)


def measured(problem: Problem, fit: Fit, parity: tuple[int, ...] = ()) -> Candidate | None:
    """Return a fit as a candidate, None if it cannot meet the limits."""
    netlist = fit.netlist
    if parity:
        builder = new_builder(problem)
        (literal,) = inlined(builder, netlist, [builder.input(i) for i in range(builder.n_inputs)])
        for i in parity:
            literal = builder.xor(literal, builder.input(i))
        netlist = builder.build([literal])
    small = within(netlist, problem.limits)
    if small is None:
        return None
    train_words = output_words(small, problem.train.input_words)[0]
    valid_words = output_words(small, problem.valid.input_words)[0]
    return Candidate(
        learner=fit.learner,
        how=fit.how + (f", exclusive or of {plural(len(parity), 'input')}" if parity else ""),
        netlist=small,
        ands=count_ands(small),
        train_right=problem.train.right(train_words),
        valid_right=problem.valid.right(valid_words),
        train_words=train_words,
        valid_words=valid_words,
        valid_hits=problem.valid.hits(valid_words) if fit.valid_hits is None else fit.valid_hits,
        parity=parity,
        valid_loss=fit.valid_loss,
    )


def rank(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates by correct validation samples, then by size; equal ones in their order."""
    return sorted(candidates, key=lambda each: (-each.valid_right, each.ands, each.netlist.n_cells))


_ENOUGH_SMALLER = 4
"""Factor by which a circuit must be smaller to be allowed the full tolerance."""
_ROWS_PER_CELL = 4
"""Minimum samples per cell, all correct, for a circuit to be more than a memory of the samples."""


def ordered(candidates: list[Candidate], problem: Problem | ClassProblem) -> list[Candidate]:
    """Return candidates with the winner first, the others by rank.

    With no tolerance the winner is the most accurate, and models with a loss change places by their loss.
    A circuit that is correct on all samples and far smaller than their number wins, because that is not chance.
    Otherwise the winner is the smallest circuit that is less than `tolerance` standard errors of the difference
    worse than a choice by accuracy (Breiman et al., Classification and Regression Trees, 1984).
    The full tolerance applies to circuits with at most a quarter of the AND nodes of the most accurate one,
    half of it to circuits with half of them.
    """
    ranked = rank(candidates)
    rows = problem.train.count, problem.valid.count
    if problem.tolerance == 0:
        return _by_loss(ranked)
    exact = [
        each
        for each in ranked
        if (each.train_right, each.valid_right) == rows
        and _ROWS_PER_CELL * each.netlist.n_cells <= sum(rows)
    ]
    if exact:
        return [exact[0], *(other for other in ranked if other is not exact[0])]
    chosen = _cross_fitted(ranked)
    for each in sorted(ranked, key=lambda each: (each.ands, each.netlist.n_cells)):
        errors = problem.tolerance * _saved(each, ranked[0])
        if each is ranked[0] or not is_worse(each.valid_hits, chosen, errors):
            return [each, *(other for other in ranked if other is not each)]
    raise AssertionError("the best is among the candidates")


def _by_loss(ranked: list[Candidate]) -> list[Candidate]:
    """Return candidates with the places of those that have a loss filled in order of the loss.

    Among many ensembles, the one with the most correct validation samples often has them by chance.
    """
    losses = ((each.valid_loss, place) for place, each in enumerate(ranked))
    order = iter(sorted((loss, place) for loss, place in losses if loss is not None))
    return [each if each.valid_loss is None else ranked[next(order)[1]] for each in ranked]


def _saved(candidate: Candidate, best: Candidate) -> float:
    """Return the saving of a smaller circuit, from 0 (none) to 1 (at least three quarters of the nodes)."""
    ratio = max(1, best.ands) / max(1, candidate.ands)
    return max(0.0, min(1.0, log(ratio, _ENOUGH_SMALLER)))


_EVERY_OTHER = np.uint64(0x5555555555555555)


def _cross_fitted(ranked: list[Candidate]) -> NDArray[np.uint64]:
    """Return ``(words,)`` uint64, the validation samples on which a choice by accuracy is correct.

    Each half is measured with the circuit that is best on the other half, because the best of many circuits on
    the same samples looks better than it is.
    """
    hits = np.zeros_like(ranked[0].valid_hits)
    for half in (_EVERY_OTHER, ~_EVERY_OTHER):
        best = max(
            ranked, key=lambda each: count_ones(each.valid_hits & half)
        )  # the first of equals
        hits |= best.valid_hits & ~half
    return hits


def is_worse(hits: NDArray[np.uint64], other: NDArray[np.uint64], errors: float = 1.0) -> bool:
    """Return True if a circuit is at least `errors` standard errors worse than another.

    Their `hits` are the samples on which each is correct, ``(words,)`` uint64. The standard error of the
    difference is the root of the number on which exactly one is correct (McNemar, 1947), with a continuity
    correction of half a sample.
    """
    lost, won = count_ones(other & ~hits), count_ones(hits & ~other)
    return lost > won and (lost - won - 0.5) ** 2 >= errors**2 * (lost + won)
