"""Functional hashing: signals that agree on every vector become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.simulation import simulate, valid_words
from btfsynth.passes.strash import Strash

__all__ = ["FunctionalHash"]


@dataclass(frozen=True)
class FunctionalHash:
    """Replace a cell by the first signal, or complement of one, with the same signature.

    Constants and inputs count as signals. Equality is on the vectors of the reference; where these are a
    sample it proves nothing, and the netlist is hashed by structure only (see `SatSweep`).
    """

    name: ClassVar[str] = "functional_hash"
    structural: ClassVar[bool] = False

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist with equal signals joined."""
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
                a, b, c = (literals[lit >> 1] ^ (lit & 1) for lit in fanin)
                literal = builder.maj(a, b, c)
            literals.append(literal)
            first.setdefault(key, literal ^ flip)
        return builder.build([literals[lit >> 1] ^ (lit & 1) for lit in netlist.outputs.tolist()])
