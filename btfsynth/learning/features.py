"""Signals that learners may use as inputs, and the Fourier coefficients that suggest them.

The coefficient of a set of inputs is the mean of ``y * product of the inputs`` over -1/+1 values, estimated
from the samples with a standard error of ``1 / sqrt(samples)`` (O'Donnell, Analysis of Boolean Functions,
chapter 3). An input of a function of moderate complexity shows in some set of up to three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from btfsynth.learning.samples import Samples
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import value_of

_TRIPLES_INPUTS = 40
_PAIRS_INPUTS = 600
"""Inputs up to which sets of three, and of two, are looked at."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Sets of inputs that the output goes with."""

    sets: tuple[tuple[int, ...], ...]
    coefficients: NDArray[np.float64]  # (sets,) float64
    # (inputs,) float64, the largest coefficient that an input takes part in, significant or not
    scores: NDArray[np.float64]
    threshold: float

    def relevant(self) -> list[int]:
        """Return the inputs of significant sets, the most telling first."""
        order = np.argsort(-self.scores, kind="stable")
        return [int(i) for i in order if self.scores[i] >= self.threshold]

    def common(self) -> tuple[int, ...]:
        """Return the inputs that all significant sets share: the output is their parity and more."""
        if not self.sets:
            return ()
        return tuple(sorted(set(self.sets[0]).intersection(*self.sets)))


def measure_spectrum(samples: Samples) -> Spectrum:
    """Estimate the coefficients of up to three inputs, of two or one where these are too many."""
    n, count = samples.n_inputs, samples.count
    signs = (2 * samples.inputs.astype(np.float32) - 1).astype(np.float32)
    output = (2 * samples.on.astype(np.float32) - 1).astype(np.float32)
    output = output - output.mean()
    sets: list[tuple[int, ...]] = [(i,) for i in range(n)]
    values = [output @ signs]
    if n <= _PAIRS_INPUTS:
        pairs = (signs * output[:, None]).T @ signs
        upper = np.triu_indices(n, 1)
        sets.extend(zip(upper[0].tolist(), upper[1].tolist(), strict=True))
        values.append(pairs[upper])
    if n <= _TRIPLES_INPUTS:
        for i, j in combinations(range(n), 2):
            if j + 1 < n:
                values.append((output * signs[:, i] * signs[:, j]) @ signs[:, j + 1 :])
                sets.extend((i, j, k) for k in range(j + 1, n))
    coefficients = np.concatenate(values).astype(np.float64) / max(1, count)
    threshold = 1.15 * float(np.sqrt(2 * np.log(max(2, len(sets))) / max(1, count)))
    scores = np.zeros(n)
    for size in (1, 2, 3):
        rows = [row for row, members in enumerate(sets) if len(members) == size]
        if rows:
            members = np.array([sets[row] for row in rows])
            for place in range(size):
                np.maximum.at(scores, members[:, place], np.abs(coefficients[rows]))
    order = np.argsort(-np.abs(coefficients), kind="stable")
    kept = [int(row) for row in order if abs(coefficients[row]) >= threshold]
    return Spectrum(tuple(sets[row] for row in kept), coefficients[kept], scores, threshold)


AND, XOR = 0, 1


@dataclass(frozen=True)
class Features:
    """The inputs, and after them gates of two earlier signals each."""

    n_inputs: int
    # (kind, a, b) of every gate, a and b literals: twice the number of the signal, plus one where
    # it is complemented. Signals are numbered inputs first
    gates: tuple[tuple[int, int, int], ...] = ()

    @property
    def count(self) -> int:
        return self.n_inputs + len(self.gates)

    def columns(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        values = np.empty((self.count, len(inputs)), dtype=np.uint8)
        values[: self.n_inputs] = inputs.T
        for place, (kind, a, b) in enumerate(self.gates, self.n_inputs):
            x, y = (values[literal >> 1] ^ np.uint8(literal & 1) for literal in (a, b))
            values[place] = x & y if kind == AND else x ^ y
        return np.ascontiguousarray(values.T)

    def literals(self, builder: NetlistBuilder) -> list[int]:
        """Build the gates and return the literal of every signal; what is not used costs nothing."""
        literals = [builder.input(i) for i in range(self.n_inputs)]
        for kind, a, b in self.gates:
            x, y = (value_of(literals, literal) for literal in (a, b))
            literals.append(builder.and_(x, y) if kind == AND else builder.xor(x, y))
        return literals

    def extended(self, gates: Sequence[tuple[int, int, int]]) -> Features:
        """Return the features with more gates, each once."""
        return Features(self.n_inputs, tuple(dict.fromkeys((*self.gates, *gates))))


def with_pairs(n_inputs: int, spectrum: Spectrum, most: int) -> Features:
    """Return the inputs and the exclusive ors of pairs that the output goes with."""
    pairs: dict[tuple[int, int], None] = {}
    for members in spectrum.sets:
        pairs.update(dict.fromkeys(combinations(members, 2)))
        if len(pairs) >= most:
            break
    gates = [(XOR, 2 * i, 2 * j) for i, j in list(pairs)[:most]]
    return Features(n_inputs).extended(gates)
