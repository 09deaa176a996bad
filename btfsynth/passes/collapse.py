"""Collapsing: the function as its table, built anew in several ways, and the smallest result taken.

Resubstitution and rewriting improve the structure that they are given. Where all input vectors can be listed
nothing ties a netlist to its structure: each of the starting points of `btfsynth.lower.starts`, and the netlist
as it came, is optimised a little, the best few of them more, and the smallest is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.lower.starts import table_starts
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    exhaustive_words,
    output_words,
    unpack_bits,
)
from btfsynth.netlist.views import statistics
from btfsynth.passes.basic import FunctionalHash
from btfsynth.passes.detect import Detect
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.passes.rewrite import Rewrite

_HOPELESS = 3
"""Starts of more than this many times the cells of the smallest one are not optimised further."""
_SMALL = 5_000
"""Cells times words up to which two cells are tried."""
_UNKNOWN = 2


@dataclass(frozen=True)
class Collapse:
    """Build the function anew from its table in several ways and return the smallest netlist, optimised.

    All starting points are resubstituted by one cell, the best `keep` of them, if they are small, by two with a
    `patience` (see `Resubstitution`); the netlist that was given is one of them. It does nothing above 16
    inputs or where the table would have more than `entries` values.
    """

    keep: int = 2
    patience: int = 1_000
    entries: int = 1 << 22
    seed: int = 1
    name: ClassVar[str] = "collapse"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if min(self.patience, self.entries, self.seed) < 0 or self.keep < 1:
            raise UsageError(
                "collapse: patience, entries and seed must be 0 or more, keep 1 or more"
            )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        size = netlist.n_outputs << netlist.n_inputs
        fits = 0 < netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS and size <= self.entries
        if not reference.complete or not fits:
            return netlist
        tables, wanted = _tables(netlist, reference)
        starts = [start.netlist for start in table_starts(netlist, tables, wanted)]
        return self._best([netlist, *starts], reference)

    def _best(self, starts: list[Netlist], reference: Reference) -> Netlist:
        quick = [Rewrite().apply(Detect().apply(start, reference), reference) for start in starts]
        limit = _HOPELESS * min(netlist.n_cells for netlist in quick)
        step = Resubstitution(k=1, patience=0, seed=self.seed)
        found: list[Netlist] = []
        for netlist in quick:
            if netlist.n_cells <= limit:
                hashed = FunctionalHash().apply(netlist, reference)
                found.append(Rewrite().apply(step.apply(hashed, reference), reference))
        found.sort(key=_cost)
        more = Resubstitution(patience=self.patience, seed=self.seed)
        best = found[: self.keep]
        words = reference.inputs.shape[1]
        return min(
            (more.apply(net, reference) if net.n_cells * words <= _SMALL else net for net in best),
            key=_cost,
        )


def _cost(netlist: Netlist) -> tuple[int, int]:
    return netlist.n_cells, statistics(netlist).depth


def _tables(netlist: Netlist, reference: Reference) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return what the outputs are on every input vector, and the same with 2 where that does not matter.

    Both are ``(outputs, 2 ** inputs)`` uint8.
    """
    vectors = 1 << netlist.n_inputs
    words = output_words(netlist, exhaustive_words(netlist.n_inputs))
    tables = np.ascontiguousarray(unpack_bits(words, vectors).T)
    inputs = unpack_bits(reference.inputs, reference.vectors).astype(np.int64)
    numbers = inputs @ (np.int64(1) << np.arange(netlist.n_inputs, dtype=np.int64))
    wanted = np.full_like(tables, _UNKNOWN)
    matters = unpack_bits(reference.care, reference.vectors).T == 1
    for output in range(netlist.n_outputs):
        listed = numbers[matters[output]]
        wanted[output, listed] = tables[output, listed]
    return tables, wanted
