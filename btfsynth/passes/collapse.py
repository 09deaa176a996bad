"""Two passes that rebuild the netlist from another form: its table (`Collapse`), or ANDs alone (`Detour`).

Collapsing computes the table of the function, rebuilds it in several ways and takes the smallest result.

Resubstitution and rewriting improve a given structure. If all input vectors can be listed, other structures are
possible: each of the starting points of `btfsynth.lower.starts`, and the given netlist, is optimised briefly,
the best few of them longer, and the smallest is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.starts import table_starts
from btfsynth.netlist.gates import of_netlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    exhaustive_words,
    output_words,
    unpack_bits,
)
from btfsynth.netlist.views import statistics
from btfsynth.passes.annealing import Annealing
from btfsynth.passes.base import Pass
from btfsynth.passes.basic import Detect, FunctionalHash
from btfsynth.passes.gate_search import GateEffort, find_swept
from btfsynth.passes.goal import best_so_far, keep, require_options
from btfsynth.passes.mapping import Rewrite
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.settings.table import Basis

_HOPELESS = 3
"""Starts of more than this many times the cells of the smallest one are not optimised further."""
_ANNEALING_WORK = 8_000_000
"""Steps times cells times words per start: large netlists are annealed for fewer steps."""
_WORK = 1_000
"""The same in million words looked at, which many outputs make many more of."""
_GIVEN_STEPS, _GIVEN_STEPS_A_CELL = 100_000, 1_000
"""Steps of the walk from the given netlist: maximum, and per cell."""
_UNKNOWN = 2


@dataclass(frozen=True)
class Collapse:
    """Rebuild the function from its table in several ways and return the smallest netlist, optimised.

    Diagrams are built for `orders` input orders. All starting points, including the given netlist, are
    resubstituted and then annealed for `steps` (see `Annealing`), the best `keep` of them for four times as
    many. The given netlist is also annealed without resubstitution, which could lose a good structure. The pass
    does nothing above 16 inputs or if the table would have more than `entries` values.
    """

    orders: int = 6
    keep: int = 2
    steps: int = 4_000
    entries: int = 1 << 22
    seed: int = 1
    name: ClassVar[str] = "collapse"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(self, steps=0, entries=0, seed=0, orders=1, keep=1)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        size = netlist.n_outputs << netlist.n_inputs
        fits = netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS and size <= self.entries
        if reference.complete and netlist.n_inputs == 0:
            return rebuild(netlist)
        if not reference.complete or not fits:
            return netlist
        netlist = rebuild(netlist)
        work = _Portfolio(netlist, reference)
        tables, wanted = _tables(netlist, reference)
        with best_so_far():
            starts = table_starts(netlist, tables, wanted, self.orders, self.seed)
            found = [netlist, *(start.netlist for start in starts)]
        walked = min(_GIVEN_STEPS, _GIVEN_STEPS_A_CELL * netlist.n_cells)
        work.taken(Annealing(walked, work=_WORK, seed=self.seed), start=netlist)
        found = [work.taken(Detect(), Rewrite(), start=start) for start in found]
        limit = _HOPELESS * min(start.n_cells for start in found)
        found = sorted((start for start in found if start.n_cells <= limit), key=_cost)
        steps = (
            FunctionalHash(),
            Resubstitution(k=1, patience=0, seed=self.seed),
            Rewrite(),
        )
        words = reference.inputs.shape[1]

        def annealing(start: Netlist, times: int, seed: int) -> Annealing:
            most = _ANNEALING_WORK // (1 + start.n_cells * words)
            return Annealing(times * min(self.steps, most), work=times * _WORK, seed=seed)

        found = [work.taken(*steps, start=start) for start in found]
        found = [work.taken(annealing(start, 1, self.seed), start=start) for start in found]
        for start in sorted(found, key=_cost)[: self.keep]:
            work.taken(annealing(start, 4, self.seed + 1), start=start)
        return work.best


class _Portfolio:
    """The smallest netlist found, the shallowest of equal ones, the first in a tie."""

    def __init__(self, netlist: Netlist, reference: Reference) -> None:
        self.best = netlist
        self._reference = reference

    def taken(self, *steps: Pass, start: Netlist) -> Netlist:
        """Run passes on a start, and record the result if it is the best."""
        with best_so_far():
            for step in steps:
                start = step.apply(start, self._reference)
        if _cost(start) < _cost(self.best):
            self.best = start
        keep(lambda: self.best)
        return start


def _cost(netlist: Netlist) -> tuple[int, int]:
    return netlist.n_cells, statistics(netlist).depth


def _tables(netlist: Netlist, reference: Reference) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the outputs on every input vector, and the same with 2 for don't-cares.

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


# A detour: the netlist taken apart into ANDs, which are made fewer, and majorities found in them again.
#
# A small netlist of majorities is a local minimum of all passes that replace cells by fewer ones. Among
# and-inverter graphs other moves are gains: a majority is four cells there, and what two of them share shows.
# Where the logic has few parities and majorities, what comes back is often smaller.


@dataclass(frozen=True)
class Detour:
    """Minimise the netlist as an and-inverter graph, then find majorities again; return the smaller netlist.

    The ANDs are swept by rewriting and resubstituted in windows for at most `rounds`; `patience` is that of the
    resubstitution of majorities afterwards (see `Resubstitution`).
    """

    rounds: int = 12
    patience: int = 2_000
    seed: int = 1
    name: ClassVar[str] = "detour"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(self, rounds=0, patience=0, seed=0)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        found = [netlist]
        keep(lambda: min(found, key=_cost))
        effort = GateEffort(self.rounds, self.seed)
        ands = find_swept(of_netlist(netlist, Basis.AIG), Basis.AIG, effort)
        steps: tuple[Pass, ...] = (
            Detect(),
            FunctionalHash(),
            Resubstitution(k=1, patience=0, seed=self.seed),
            Resubstitution(patience=self.patience, seed=self.seed),
            Rewrite(),
            Resubstitution(patience=0, seed=self.seed),
        )
        made = ands.as_netlist()
        for step in steps:
            with best_so_far():
                made = step.apply(made, reference)
            found.append(made)
            keep(lambda: min(found, key=_cost))
        return min(found, key=_cost)
