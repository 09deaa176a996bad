"""A function of how many inputs are 1: every symmetric function, also of some of the inputs or complements.

The value for each count is the more frequent one among the samples with that count. The count itself is
made once from full adders, then its binary digits are looked up in a table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, new_builder
from btfsynth.learn.spectrum import measure_spectrum
from btfsynth.netlist.builder import NetlistBuilder, lower_table

__all__ = ["SymmetricLearner", "count_digits"]


class SymmetricLearner:
    """Fit functions of the count over all inputs or those that matter, as they are or complemented."""

    name: ClassVar[str] = "symmetric"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield up to four circuits."""
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
        how = f"count of {plural(len(chosen), 'input')}" + (
            f", {complemented} complemented" if complemented else ""
        )
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
            carry = builder.maj(a, b, c)
            column.append(builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c))
            carries.append(carry)
        digits.append(column[0] if column else 0)
        column = carries
        size >>= 1
    return digits
