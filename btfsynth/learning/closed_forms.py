"""Functions with a closed form: polynomials over GF(2), symmetric functions, tables over few inputs.

Polynomials: the unknowns are the coefficients of the monomials up to a degree, each sample is one linear
equation, and Gaussian elimination solves them. With more samples than unknowns a solution is no accident: every
spare sample would contradict a wrong one with probability one half. Sampled parities, which no greedy learner
sees, are exact in degree one.

Symmetric functions of all or some inputs or their complements: the value of each count of ones is the more
frequent one among its samples. Full adders make the count, and a table looks its binary digits up.

Tables: inputs are taken in the order of their largest Fourier coefficient. Combinations that no sample shows
are left open, and the decision diagram sets them as suits its size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learning.base import Fit, Problem, Samples, measure_spectrum, new_builder
from btfsynth.lower.adder import full_adder
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import FALSE, TRUE

_MAX_DEGREE = 4
_MAX_UNKNOWNS = 3000
_SPARE = 32
"""Equations beyond the unknowns that have to agree as well."""


class PolynomialLearner:
    """Fit polynomials of rising degree until one is exact, on all inputs."""

    name: ClassVar[str] = "polynomial"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        train = problem.train
        terms: list[tuple[int, ...]] = [()]
        for degree in range(1, _MAX_DEGREE + 1):
            new = comb(train.n_inputs, degree)
            unknowns = len(terms) + new
            if unknowns > _MAX_UNKNOWNS or unknowns + _SPARE > train.count or not new:
                return
            terms.extend(combinations(range(train.n_inputs), degree))
            chosen = _fit_terms(train, terms)
            if chosen is not None:
                builder = new_builder(problem)
                literal = _lower(builder, chosen)
                how = f"degree {degree}, {plural(len(chosen), 'monomial')}"
                yield Fit(self.name, how, builder.build([literal]))
                return
            if problem.budget.over():
                return


def _fit_terms(train: Samples, terms: list[tuple[int, ...]]) -> list[tuple[int, ...]] | None:
    """Return terms whose sum is the output on all samples, or None."""
    few = Samples(train.inputs[: len(terms) + _SPARE], train.on[: len(terms) + _SPARE])
    columns = np.ones((few.count, len(terms)), dtype=np.uint8)
    for place, term in enumerate(terms):
        for i in term:
            columns[:, place] &= few.inputs[:, i]
    solution = solve_gf2(columns, few.on.astype(np.uint8))
    if solution is None:
        return None
    chosen = [term for term, used in zip(terms, solution.tolist(), strict=True) if used]
    parity = np.zeros(train.count, dtype=np.bool_)
    for term in chosen:
        parity ^= train.inputs[:, list(term)].all(axis=1)
    return chosen if np.array_equal(parity, train.on) else None


def solve_gf2(matrix: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Solve ``(equations, unknowns)`` uint8 linear equations over GF(2); None if they are inconsistent.

    Every free unknown of the ``(unknowns,)`` solution is 0.
    """
    unknowns = matrix.shape[1]
    packed = np.packbits(np.column_stack([matrix, right]), axis=1)
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    rows = padded.view(np.uint64)
    pivots: list[int] = []
    for column in range(unknowns):
        rank = len(pivots)
        bit = padded[:, column >> 3] >> (7 - (column & 7)) & 1
        below = np.flatnonzero(bit[rank:])
        if not below.size:
            continue
        first = rank + int(below[0])
        rows[[rank, first]] = rows[[first, rank]]
        bit = padded[:, column >> 3] >> (7 - (column & 7)) & 1
        bit[rank] = 0
        rows[bit.astype(np.bool_)] ^= rows[rank]
        pivots.append(column)
    last = padded[:, unknowns >> 3] >> (7 - (unknowns & 7)) & 1
    if last[len(pivots) :].any():
        return None
    solution = np.zeros(unknowns, dtype=np.uint8)
    solution[pivots] = last[: len(pivots)]
    return solution


def _lower(builder: NetlistBuilder, terms: list[tuple[int, ...]]) -> int:
    """Build a sum of monomials, factored by the most frequent input."""
    if () in terms:
        return _lower(builder, [term for term in terms if term]) ^ TRUE
    if not terms:
        return FALSE
    uses = np.bincount([i for term in terms for i in term])
    most = int(uses.argmax())
    if uses[most] == 1:
        sums = [_product(builder, term) for term in terms]
        return _parity(builder, sums)
    with_it = [tuple(i for i in term if i != most) for term in terms if most in term]
    others = [term for term in terms if most not in term]
    factored = builder.and_(builder.input(most), _lower(builder, with_it))
    return builder.xor(factored, _lower(builder, others)) if others else factored


def _product(builder: NetlistBuilder, term: tuple[int, ...]) -> int:
    literal = TRUE
    for i in term:
        literal = builder.and_(literal, builder.input(i))
    return literal


def _parity(builder: NetlistBuilder, literals: list[int]) -> int:
    while len(literals) > 1:
        pairs = [builder.xor(literals[k], literals[k + 1]) for k in range(0, len(literals) - 1, 2)]
        literals = pairs + literals[len(pairs) * 2 :]
    return literals[0]


class SymmetricLearner:
    """Fit functions of the count over all or the relevant inputs, complemented or not."""

    name: ClassVar[str] = "symmetric"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        train = problem.train
        spectrum = measure_spectrum(train)
        signs = (2.0 * train.inputs - 1).T @ (2.0 * train.on - 1)
        everything = tuple(range(train.n_inputs))
        relevant = tuple(sorted(spectrum.relevant()))
        tried = set()
        for chosen in (everything, relevant):
            for phases in (np.zeros(len(chosen), dtype=np.uint8), signs[list(chosen)] < 0):
                flips = tuple(int(flip) for flip in phases)
                if not chosen or (chosen, flips) in tried:
                    continue
                tried.add((chosen, flips))
                yield self._fit(problem, chosen, np.array(flips, dtype=np.uint8))

    def _fit(self, problem: Problem, chosen: tuple[int, ...], flips: NDArray[np.uint8]) -> Fit:
        train = problem.train
        counts = (train.inputs[:, chosen] ^ flips).sum(axis=1, dtype=np.int64)
        size = 1 << len(chosen).bit_length()
        ones = np.bincount(counts[train.on], minlength=size)
        total = np.bincount(counts, minlength=size)
        table = np.where(total == 0, 2, 2 * ones > total).astype(np.uint8)
        builder = new_builder(problem)
        literals = [
            builder.input(i) ^ int(flip) for i, flip in zip(chosen, flips.tolist(), strict=True)
        ]
        literal = lower_table(builder, table, count_digits(builder, literals))
        complemented = int(flips.sum())
        how = f"count of {plural(len(chosen), 'input')}"
        if complemented:
            how += f", {complemented} complemented"
        return Fit(self.name, how, builder.build([literal]))


def count_digits(builder: NetlistBuilder, literals: list[int]) -> list[int]:
    """Build the number of true literals and return its binary digits, the least significant first."""
    digits = []
    column = deque(literals)
    size = len(literals)
    while size:
        carries: deque[int] = deque()
        while len(column) > 1:
            a, b = column.popleft(), column.popleft()
            c = column.popleft() if column else 0
            total, carry = full_adder(builder, a, b, c)
            column.append(total)
            carries.append(carry)
        digits.append(column[0] if column else 0)
        column = carries
        size >>= 1
    return digits


_WIDEST = 14
"""Maximum number of inputs of a table."""


class SupportLearner:
    """Tabulate the output over the most informative inputs, for the best of several numbers of them."""

    name: ClassVar[str] = "support"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        train, valid = problem.train, problem.valid
        order = forward_order(train, _WIDEST)
        spectral = measure_spectrum(train).relevant()[:_WIDEST]
        candidates = {tuple(order[:width]) for width in range(1, len(order) + 1)}
        candidates |= {tuple(spectral[:width]) for width in range(1, len(spectral) + 1)}
        ranked = sorted(
            candidates, key=lambda chosen: (-_right(train, valid, chosen), len(chosen), chosen)
        )
        for chosen in ranked[:2]:
            builder = new_builder(problem)
            # The first input is expanded first, which makes it the most significant of the table.
            literals = [builder.input(i) for i in chosen[::-1]]
            literal = lower_table(builder, _table(train, chosen[::-1]), literals)
            how = f"table of {plural(len(chosen), 'input')}"
            yield Fit(self.name, how, builder.build([literal]))


def forward_order(train: Samples, limit: int) -> list[int]:
    """Return inputs in greedy order: each adds the most information about the output."""
    chosen: list[int] = []
    cells = np.zeros(train.count, dtype=np.int64)
    rest = list(range(train.n_inputs))
    while rest and len(chosen) < limit:
        wrong = [_mixed(2 * cells + train.inputs[:, i], train.on) for i in rest]
        best = rest[int(np.argmin(wrong))]
        chosen.append(best)
        rest.remove(best)
        # Cells are renumbered, so that there are never more than samples.
        cells = np.unique(2 * cells + train.inputs[:, best], return_inverse=True)[1].reshape(-1)
        if min(wrong) == 0:
            break
    return chosen


def _mixed(cells: NDArray[np.int64], on: NDArray[np.bool_]) -> float:
    """Return the impurity of cells, with two virtual samples in each so that small ones have little weight."""
    size = int(cells.max()) + 1
    ones = np.bincount(cells[on], minlength=size)
    total = np.bincount(cells, minlength=size)
    return float((ones * (total - ones) / np.maximum(total + 1.0, 1.0)).sum())


def _table(samples: Samples, chosen: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return ``(2 ** inputs,)`` uint8: the more frequent value, 2 where there is no sample."""
    places = samples.inputs[:, chosen].astype(np.int64) @ (1 << np.arange(len(chosen)))
    ones = np.bincount(places[samples.on], minlength=1 << len(chosen))
    total = np.bincount(places, minlength=1 << len(chosen))
    return np.where(total == 0, 2, 2 * ones > total).astype(np.uint8)


def _right(train: Samples, valid: Samples, chosen: tuple[int, ...]) -> float:
    """Return the number of correct validation samples of a table; an open entry counts half."""
    table = _table(train, chosen)
    places = valid.inputs[:, chosen].astype(np.int64) @ (1 << np.arange(len(chosen)))
    value = table[places]
    return float((value == valid.on).sum() + 0.5 * (value == 2).sum())
