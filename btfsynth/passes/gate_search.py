"""The smallest netlist of a function over a basis that rewriting and resubstitution find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from btfsynth.netlist.gates import GateNetlist, of_netlist
from btfsynth.netlist.kernels import random_state
from btfsynth.netlist.netlist import Netlist
from btfsynth.passes.gate_resub import resubstituted
from btfsynth.passes.gate_rewrite import rewritten
from btfsynth.passes.gate_windows import windowed
from btfsynth.settings.table import Basis
from btfsynth.time_box import seconds_left

_MOST_INPUTS = 14
_MOST_WORDS = 60_000
"""Words of all signatures up to which the netlist is resubstituted as a whole."""
_CELLS_TRIED = (60, 300)
"""Cells without a gain after which a walk ends, as a multiple of the netlist's: from the best, and afresh."""
_IDLE_SWEEPS = 4
_SMALLER = {
    Basis.MAJ: (Basis.MAJ, Basis.AIG),
    Basis.AIG: (Basis.AIG,),
    Basis.XAG: (Basis.XAG, Basis.AIG),
    Basis.XMG: (Basis.XMG, Basis.AIG, Basis.MAJ),
}
"""Bases without some of the cells: what is swept there first may be a better start."""
_IDLE_ROUNDS = 2
_SHIFT = 17
"""Cells by which the roots of windows move from round to round."""


@dataclass(frozen=True)
class GateEffort:
    """How long to search: at most `rounds`; where all vectors can be simulated, every third starts afresh."""

    rounds: int = 24
    seed: int = 1
    deadline: float | None = None

    @property
    def is_over(self) -> bool:
        return seconds_left(self.deadline) == 0


def find_smallest(
    starts: Sequence[Netlist], basis: Basis, effort: GateEffort | None = None
) -> GateNetlist:
    """Return a netlist over a basis that computes what each of some equal netlists does, in few cells.

    Of equal ones that of the least depth.
    """
    effort = effort or GateEffort()
    given = [of_netlist(start, Basis.MAJ) for start in starts]
    ways = [(start, each) for start in given for each in _SMALLER[basis]]
    best = min(
        (_mapped(_mapped(start, each, effort), basis, effort) for start, each in ways), key=_cost
    )
    words = 1 << max(0, best.n_inputs - 6)
    if best.n_inputs > _MOST_INPUTS or best.n_nodes * words > _MOST_WORDS:
        return _through_windows(best, basis, effort)
    for number in range(effort.rounds):
        if effort.is_over or not best.n_cells:
            break
        random = random_state(effort.seed + number)
        afresh = number % 3 == 0
        made = given[number // 3 % len(given)] if afresh else best
        made = rewritten(made, basis, number > 0, random)
        if afresh:
            made = rewritten(resubstituted(made, 1, 0, random), basis, False, random)
        made = resubstituted(made, 2, _CELLS_TRIED[afresh] * made.n_cells, random)
        made = rewritten(made, basis, False, random)
        best = min(best, made, key=_cost)
    return best


def find_swept(start: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Return a netlist over a basis after sweeps of rewriting and rounds of windows alone."""
    return _through_windows(_mapped(start, basis, effort), basis, effort)


def _mapped(start: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Sweep until nothing is gained, in the end with forms of equal size at random."""
    random = random_state(effort.seed)
    best = present = rewritten(start, basis, False, random)
    idle, walk = 0, False
    while idle <= _IDLE_SWEEPS and not effort.is_over:
        present = rewritten(present, basis, walk, random)
        if _cost(present) < _cost(best):
            best, idle = present, 0
        else:
            idle, walk = idle + 1, True
    return best


def _through_windows(best: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Resubstitute in windows and rewrite in turns, until rounds gain next to nothing."""
    random = random_state(effort.seed)
    idle = 0
    for number in range(effort.rounds):
        if effort.is_over or idle >= _IDLE_ROUNDS:
            break
        made = windowed(best, random, number * _SHIFT, effort.deadline)
        made = rewritten(made, basis, False, random)
        idle = 0 if best.n_cells - made.n_cells > best.n_cells // 500 else idle + 1
        best = min(best, made, key=_cost)
    return best


def _cost(gates: GateNetlist) -> tuple[int, int]:
    return gates.n_cells, gates.depth
