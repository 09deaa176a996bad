"""Iterated local search: spoil the netlist a little, resubstitute, keep what is not larger.

Resubstitution walks over netlists of equal size and gets stuck where every way out leads uphill. So some
majorities, chosen at random, are written as ANDs and ORs, ``MAJ(a, b, c) = ab | c (a | b)``, with the roles of
the three chosen at random too: more cells, but many more divisors, from which the walk often comes down to
another netlist, and at times to a smaller one (Lourenco, Martin & Stutzle, "Iterated local search").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import TRUE, Netlist, value_of
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import size_order
from btfsynth.passes.goal import best_so_far, keep
from btfsynth.passes.resubstitution import Resubstitution

_CELLS_TRIED = 40
_ROOM = 4
"""Netlists of equal size may be deeper by the depth divided by this."""


@dataclass(frozen=True)
class Perturbation:
    """Expand majorities at random, resubstitute, go on from the result if it is not larger; again and again.

    Each of the `rounds` expands `share` per cent of the majorities and resubstitutes with a `patience` of up
    to 40 per cell (see `Resubstitution`). Of the smallest netlists met the shallowest is kept; none is gone on
    from that is much deeper, or deeper than `max_depth` if that is given. After about `work` million words of
    signatures, those of all nodes for every cell tried, no round begins; 0 is no limit. Netlists of more than
    `max_cells`, and those whose reference is a sample, stay as they are.
    """

    rounds: int = 100
    share: int = 20
    patience: int = 2_000
    max_cells: int = 100
    work: int = 0
    seed: int = 1
    max_depth: int = 0
    name: ClassVar[str] = "perturb"
    structural: ClassVar[bool] = False
    formerly: ClassVar[Mapping[str, str]] = {"most": "max_cells"}

    def __post_init__(self) -> None:
        counts = (self.patience, self.max_cells, self.work, self.seed, self.max_depth)
        if min(self.rounds, *counts) < 0:
            raise UsageError(
                "perturb: rounds, patience, max_cells, work, seed and max_depth must be 0 or more"
            )
        if not 1 <= self.share <= 100:
            raise UsageError(f"perturb: share: expected 1 to 100, got {self.share}")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        if not reference.complete or netlist.n_cells > self.max_cells:
            return netlist
        random = np.random.Generator(np.random.PCG64(self.seed))
        present, best = netlist, size_order(netlist)
        bound = self._bound(best[1])

        def so_far() -> Netlist:
            return netlist

        words, spent = reference.inputs.shape[1], 0
        for number in range(self.rounds):
            if self.work and spent >= self.work * 1_000_000:
                break
            keep(so_far)
            patience = min(self.patience, _CELLS_TRIED * present.n_cells)
            spent += (1 + patience) * present.n_nodes * words
            step = Resubstitution(
                patience=patience, seed=self.seed + number, max_depth=self.max_depth
            )
            with best_so_far():
                result = step.apply(_expanded(present, self.share / 100, random), reference)
            found = size_order(result)
            if found[0] < best[0] and not (self.max_depth and found[1] > bound):
                bound = self._bound(found[1])
            if found[1] > bound:
                continue
            if found[0] <= present.n_cells:
                present = result
            if found < best:
                netlist, best = result, found
        return netlist

    def _bound(self, depth: int) -> int:
        """Return the depth up to which netlists are gone on from, the smallest one having this."""
        return max(self.max_depth, depth) if self.max_depth else depth + -(-depth // _ROOM)


def _expanded(netlist: Netlist, share: float, random: np.random.Generator) -> Netlist:
    builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
    literals = list(range(0, 2 * netlist.first_cell, 2))
    for fanin in netlist.fanins.tolist():
        random.shuffle(fanin)
        a, b, c = (value_of(literals, lit) for lit in fanin)
        if min(fanin) > TRUE and random.random() < share:
            both, either = builder.and_(a, b), builder.or_(a, b)
            literals.append(builder.or_(both, builder.and_(c, either)))
        else:
            literals.append(builder.maj(a, b, c))
    return builder.build([value_of(literals, lit) for lit in netlist.outputs.tolist()])
