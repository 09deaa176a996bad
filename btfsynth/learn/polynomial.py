"""A polynomial over GF(2), exact on all training samples: parities and functions of low algebraic degree.

The unknowns are the coefficients of the monomials up to a degree, each sample is one linear equation, and
Gaussian elimination solves them. With more samples than unknowns a solution is no accident: were the function
another one, every spare sample would contradict it with probability one half. Sampled parities, which no
greedy learner sees, are exact in degree one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, new_builder
from btfsynth.learn.samples import Samples
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["PolynomialLearner", "solve_gf2"]

_MAX_DEGREE = 4
_MAX_UNKNOWNS = 3000
_SPARE = 32
"""Equations beyond the unknowns that have to agree as well."""


class PolynomialLearner:
    """Fit polynomials of rising degree until one is exact, on all inputs."""

    name: ClassVar[str] = "polynomial"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield the polynomial of least degree that is exact on the training samples, if there is one."""
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
    """Return the terms whose sum is the output on all samples, None if there are none."""
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
    """Solve linear equations over GF(2).

    Parameters
    ----------
    matrix
        ``(equations, unknowns)`` uint8 0/1.
    right
        ``(equations,)`` uint8 0/1.

    Returns
    -------
    ``(unknowns,)`` uint8 with every free unknown 0; None if the equations contradict each other.
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
    """Build a sum of monomials, factored by the input that most of them share."""
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
    """Build the parity as a balanced tree."""
    while len(literals) > 1:
        pairs = [builder.xor(literals[k], literals[k + 1]) for k in range(0, len(literals) - 1, 2)]
        literals = pairs + literals[len(pairs) * 2 :]
    return literals[0]
