"""Netlists over other cells than majorities: made, proven equal, and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from btfsynth.errors import ToolTimeoutError, VerificationError, plural
from btfsynth.netlist.gates import GateNetlist, of_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.passes.gate_search import GateEffort, find_smallest
from btfsynth.passes.goal import Goal
from btfsynth.settings.table import Basis
from btfsynth.time_box import seconds_left
from btfsynth.verify.equivalence import equivalent


@dataclass(frozen=True)
class InBasis:
    """A netlist over the cells of a basis, and how it was proven equal to the one it was made of."""

    gates: GateNetlist
    proof: str

    def record(self) -> dict[str, Any]:
        return {
            "basis": self.gates.basis.value,
            "cells": self.gates.n_cells,
            **{kind: count for kind, count in self.gates.kinds.items() if count},
            "depth": self.gates.depth,
            "proof": self.proof,
        }

    def rank(self, goal: Goal) -> tuple[int, ...]:
        """Return what orders netlists of a basis by a goal, the best first."""
        return goal.rank_of(self.gates.n_cells, self.gates.depth)


def cell_by_cell(netlist: Netlist, basis: Basis, why: str = "") -> InBasis:
    """Return a netlist in other cells without a search, which needs no proof."""
    return InBasis(of_netlist(netlist, basis), f"cell by cell{why}")


def to_basis(
    netlist: Netlist,
    basis: Basis,
    also: Sequence[Netlist] = (),
    effort: GateEffort | None = None,
) -> InBasis:
    """Return a netlist over the cells of a basis, proven equal to one of majorities.

    `also` are other netlists to start from; those that differ from it where it may are of no use and are not
    taken. If there is no time left for the proof, the result is the netlist cell by cell, which needs none.
    """
    effort = effort or GateEffort()
    gates = find_smallest([netlist, *also], basis, effort)
    left = seconds_left(effort.deadline)
    try:
        found = None if left == 0 else equivalent(netlist, gates.expanded(), left)
    except ToolTimeoutError:
        found = None
    if found is None:
        return cell_by_cell(netlist, basis, ", as the time was up")
    if found.equal:
        return InBasis(gates, found.method)
    if also:
        return to_basis(netlist, basis, (), effort)
    raise VerificationError(f"{netlist.name}: the netlist over {basis.value} is another function")


def basis_summary(gates: GateNetlist) -> str:
    """Return cells by kind and depth, as in ``12 cells: 7 AND, 5 XOR; depth 4``."""
    names = {"xor3": "XOR3"}
    listed = ", ".join(
        f"{count} {names.get(kind, kind.upper())}" for kind, count in gates.kinds.items() if count
    )
    cells = plural(gates.n_cells, "cell")
    return f"{cells}{': ' if listed else ''}{listed}; depth {gates.depth}"
