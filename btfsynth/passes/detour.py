"""A detour: the netlist taken apart into ANDs, which are made fewer, and majorities found in them again.

A small netlist of majorities is a local minimum of all passes that replace cells by fewer ones. Among
and-inverter graphs other moves are gains: a majority is four cells there, and what two of them share shows.
Where the logic has few parities and majorities, what comes back is often smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from btfsynth.errors import UsageError
from btfsynth.netlist.gates import of_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import statistics
from btfsynth.passes.base import Pass
from btfsynth.passes.basic import FunctionalHash
from btfsynth.passes.detect import Detect
from btfsynth.passes.gate_search import GateEffort, find_swept
from btfsynth.passes.goal import best_so_far, keep
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.passes.rewrite import Rewrite
from btfsynth.settings.table import Basis


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
        if min(self.rounds, self.patience, self.seed) < 0:
            raise UsageError("detour: rounds, patience and seed must be 0 or more")

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


def _cost(netlist: Netlist) -> tuple[int, int]:
    cost = statistics(netlist)
    return cost.cells, cost.depth
