"""Inverter minimisation by self-duality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.netlist.literals import TRUE
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import statistics

__all__ = ["Inverters"]


@dataclass(frozen=True)
class Inverters:
    """Flip cells, ``MAJ(!a, !b, !c) = !MAJ(a, b, c)``, while fewer signals need an inverter.

    Greedy and in node order, over single cells; cells and depth stay as they are, an AND may become an
    OR. It runs last: the result is not in the builder's normal form.
    """

    name: ClassVar[str] = "inverters"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist with the polarity of cells chosen anew."""
        first = netlist.first_cell
        fanins, outputs = netlist.fanins.tolist(), netlist.outputs.tolist()
        users: list[list[tuple[list[int], int]]] = [[] for _ in range(netlist.n_nodes)]
        complemented = [0] * netlist.n_nodes
        for row in (*fanins, outputs):
            for place, literal in enumerate(row):
                users[literal >> 1].append((row, place))
                complemented[literal >> 1] += literal & 1

        def changes(cell: int) -> dict[int, int]:
            """Return by how much flipping a cell changes the complemented uses of each signal."""
            change = {first + cell: len(users[first + cell]) - 2 * complemented[first + cell]}
            for literal in fanins[cell]:
                if literal > TRUE:
                    node = literal >> 1
                    change[node] = change.get(node, 0) + (-1 if literal & 1 else 1)
            return change

        improved = True
        while improved:
            improved = False
            for cell in range(netlist.n_cells):
                change = changes(cell)
                before = sum(1 for node in change if complemented[node])
                after = sum(1 for node, more in change.items() if complemented[node] + more)
                if after < before:
                    improved = True
                    fanins[cell][:] = [literal ^ 1 for literal in fanins[cell]]
                    for row, place in users[first + cell]:
                        row[place] ^= 1
                    for node, more in change.items():
                        complemented[node] += more
        rows = np.array(fanins, dtype=np.int32).reshape(-1, 3), np.array(outputs, dtype=np.int32)
        result = Netlist(netlist.name, netlist.input_ports, netlist.output_ports, *rows)
        better = statistics(result).inverters < statistics(netlist).inverters
        return result if better else netlist
