"""Inverter minimisation by self-duality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.statistics import statistics

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
        fanins, outputs = netlist.fanins.copy(), netlist.outputs.copy()
        users: list[list[tuple[int, int]]] = [[] for _ in range(netlist.n_nodes)]
        for cell, fanin in enumerate(fanins):
            for place, literal in enumerate(fanin):
                users[literal >> 1].append((cell, place))
        drives: list[list[int]] = [[] for _ in range(netlist.n_nodes)]
        for output, literal in enumerate(outputs):
            drives[literal >> 1].append(output)
        complemented = np.zeros(netlist.n_nodes, dtype=np.int64)
        used = np.concatenate([fanins.ravel(), outputs])
        np.add.at(complemented, used[used & 1 == 1] >> 1, 1)
        complemented[0] = 0

        def flip(cell: int) -> int:
            """Flip a cell and return the change in signals that need an inverter."""
            node = netlist.first_cell + cell
            touched = {node, *(int(literal) >> 1 for literal in fanins[cell])} - {0}
            before = sum(1 for other in touched if complemented[other])
            for literal in fanins[cell]:
                if literal > 1:
                    complemented[literal >> 1] += -1 if literal & 1 else 1
            fanins[cell] ^= 1
            complemented[node] = len(users[node]) + len(drives[node]) - complemented[node]
            for user, place in users[node]:
                fanins[user, place] ^= 1
            outputs[drives[node]] ^= 1
            return sum(1 for other in touched if complemented[other]) - before

        improved = True
        while improved:
            improved = False
            for cell in range(netlist.n_cells):
                if flip(cell) < 0:
                    improved = True
                else:
                    flip(cell)
        result = Netlist(netlist.name, netlist.input_ports, netlist.output_ports, fanins, outputs)
        better = statistics(result).inverters < statistics(netlist).inverters
        return result if better else netlist
