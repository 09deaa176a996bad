"""Signals made of inputs that learners may use as if they were inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.learn.spectrum import Spectrum
from btfsynth.netlist.builder import NetlistBuilder

__all__ = ["AND", "XOR", "Features", "plain_features", "with_pairs"]

AND, XOR = 0, 1


@dataclass(frozen=True)
class Features:
    """The inputs, and after them gates of two earlier signals each.

    Parameters
    ----------
    n_inputs
        Number of inputs.
    gates
        (kind, a, b) of every gate, a and b literals: twice the number of the signal, plus one where it is
        complemented. Signals are numbered inputs first.
    """

    n_inputs: int
    gates: tuple[tuple[int, int, int], ...] = ()

    @property
    def count(self) -> int:
        """Number of signals."""
        return self.n_inputs + len(self.gates)

    def columns(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``(samples, signals)`` uint8 for ``(samples, inputs)``."""
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
            x, y = (literals[literal >> 1] ^ (literal & 1) for literal in (a, b))
            literals.append(builder.and_(x, y) if kind == AND else builder.xor(x, y))
        return literals

    def extended(self, gates: Sequence[tuple[int, int, int]]) -> Features:
        """Return the features with more gates; those that are there already are left out."""
        known = set(self.gates)
        new = []
        for gate in gates:
            if gate not in known:
                known.add(gate)
                new.append(gate)
        return Features(self.n_inputs, (*self.gates, *new))


def plain_features(n_inputs: int) -> Features:
    """Return the inputs alone."""
    return Features(n_inputs)


def with_pairs(n_inputs: int, spectrum: Spectrum, most: int) -> Features:
    """Return the inputs and the exclusive ors of pairs that the output goes with.

    Parameters
    ----------
    n_inputs
        Number of inputs.
    spectrum
        Significant sets; each set of two gives a pair, each of three gives its three pairs.
    most
        Pairs at most.
    """
    pairs: dict[tuple[int, int], None] = {}
    for members in spectrum.sets:
        for place, i in enumerate(members):
            for j in members[place + 1 :]:
                pairs.setdefault((i, j))
        if len(pairs) >= most:
            break
    gates = [(XOR, 2 * i, 2 * j) for i, j in list(pairs)[:most]]
    return Features(n_inputs).extended(gates)
