"""The passes of one look at every cell: hashing by structure and by function, dead cells, inverters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import compact, rebuild
from btfsynth.netlist.netlist import TRUE, Netlist, value_of
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.simulation import simulate, valid_words
from btfsynth.netlist.views import statistics


@dataclass(frozen=True)
class Strash:
    """Rebuild the netlist under structural hashing, without cells that drive nothing."""

    name: ClassVar[str] = "strash"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return rebuild(netlist)


@dataclass(frozen=True)
class Sweep:
    """Remove the cells that no output depends on; the others stay as they are."""

    name: ClassVar[str] = "sweep"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return compact(netlist, netlist.fanins, netlist.outputs)


@dataclass(frozen=True)
class FunctionalHash:
    """Replace a cell by the first signal, or complement of one, with the same signature.

    Constants and inputs count as signals. Equality is on the vectors of the reference; where these are a
    sample it proves nothing, and the netlist is hashed by structure only (see `SatSweep`).
    """

    name: ClassVar[str] = "functional_hash"
    structural: ClassVar[bool] = False

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        # Dead cells must not stand in for live ones: what feeds them would come back to life.
        netlist = Strash().apply(netlist, reference)
        if not reference.complete:
            return netlist
        values = simulate(netlist, reference.inputs) & valid_words(reference.vectors)
        # The canonical signature of a signal and its complement is the one that starts with a zero.
        flipped = (values[:, 0] & np.uint64(1)).astype(np.bool_)
        canonical = np.where(flipped[:, None], values ^ valid_words(reference.vectors), values)
        builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
        first: dict[bytes, int] = {}
        literals: list[int] = []
        for node in range(netlist.n_nodes):
            key, flip = canonical[node].tobytes(), int(flipped[node])
            if node < netlist.first_cell:
                literal = 2 * node
            elif key in first:
                literals.append(first[key] ^ flip)
                continue
            else:
                fanin = netlist.fanins[node - netlist.first_cell].tolist()
                a, b, c = (value_of(literals, lit) for lit in fanin)
                literal = builder.maj(a, b, c)
            literals.append(literal)
            first.setdefault(key, literal ^ flip)
        return builder.build([value_of(literals, lit) for lit in netlist.outputs.tolist()])


@dataclass(frozen=True)
class Inverters:
    """Flip cells, ``MAJ(!a, !b, !c) = !MAJ(a, b, c)``, while fewer signals need an inverter.

    Greedy and in node order, over single cells; cells and depth stay as they are, an AND may become an
    OR. It runs last: the result is not in the builder's normal form.
    """

    name: ClassVar[str] = "inverters"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
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
