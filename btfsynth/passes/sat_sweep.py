"""SAT sweeping: signals that are proven equal become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.errors import UsageError
from btfsynth.netlist.hashing import rebuild, sorted_by_level
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.passes.equal_signals import find_equal_signals, random_vectors

__all__ = ["SatSweep"]

_MOST_WORDS = 64


@dataclass(frozen=True)
class SatSweep:
    """Join signals that are equal, or each other's complement, on every input vector.

    Candidates come from the reference's vectors and from random ones; each is proven before it is used
    (see `equal_signals`).

    Parameters
    ----------
    conflicts
        Most conflicts of the solver a candidate; 0 for no limit.
    words
        Random vectors to begin with, in words of 64.
    seed
        Seed of the random vectors.
    """

    conflicts: int = 200
    words: int = 16
    seed: int = 1
    name: ClassVar[str] = "sat_sweep"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.conflicts < 0 or self.words < 1 or self.seed < 0:
            raise UsageError("sat_sweep: conflicts and seed must be 0 or more, words 1 or more")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist with equal signals joined."""
        hashed = sorted_by_level(rebuild(netlist))
        random = random_vectors(hashed.n_inputs, self.words, self.seed)
        vectors = np.concatenate([random, reference.inputs[:, :_MOST_WORDS]], axis=1)
        found = find_equal_signals(hashed, vectors, self.conflicts, self.seed)
        return rebuild(hashed, found.substitution)
