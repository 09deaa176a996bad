"""Mutants of a netlist: single faults that a check worth its name must notice.

Four kinds: an inverter more or less, a gate of another kind (AND for OR, a majority that ignores one of its
fan-in), a fan-in or an output read from a neighbour, and a signal or a fan-in stuck at a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from btfsynth.hdl.module import cell_expression
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import CellKind, Netlist, cell_kind
from btfsynth.ports import bit_names

__all__ = ["Mutant", "MutantKind", "describe", "list_mutants", "mutate", "pick_mutants"]

Edits = tuple[tuple[int, int], ...]


class MutantKind(str, Enum):
    """What was changed."""

    INVERTER = "inverter"
    GATE = "gate"
    READ = "read"
    STUCK = "stuck"


@dataclass(frozen=True)
class Mutant:
    """A change of a netlist.

    Parameters
    ----------
    kind
        What was changed.
    edits
        Places and their new literals; the places are those of the fan-in, cell by cell, then those of the
        outputs.
    """

    kind: MutantKind
    edits: Edits


def list_mutants(netlist: Netlist) -> tuple[Mutant, ...]:
    """Return all mutants of a netlist, no two with the same change."""
    found: dict[Edits, MutantKind] = {}
    for kind, edits in (
        *((MutantKind.INVERTER, edits) for edits in _inverters(netlist)),
        *((MutantKind.GATE, edits) for edits in _gates(netlist)),
        *((MutantKind.READ, edits) for edits in _reads(netlist)),
        *((MutantKind.STUCK, edits) for edits in _stuck(netlist)),
    ):
        found.setdefault(edits, kind)
    return tuple(Mutant(kind, edits) for edits, kind in found.items())


def pick_mutants(mutants: Sequence[Mutant], limit: int, seed: int = 1) -> tuple[Mutant, ...]:
    """Return so many at most, of every kind as many as can be, in their own order.

    Parameters
    ----------
    mutants
        What to pick from.
    limit
        How many.
    seed
        Names the choice.
    """
    if len(mutants) <= limit:
        return tuple(mutants)
    random = np.random.Generator(np.random.PCG64(seed))
    queues = [
        [int(place) for place in random.permutation(places)]
        for kind in MutantKind
        if (places := [at for at, mutant in enumerate(mutants) if mutant.kind is kind])
    ]
    chosen: list[int] = []
    while len(chosen) < limit:
        for queue in queues:
            if queue and len(chosen) < limit:
                chosen.append(queue.pop())
    return tuple(mutants[place] for place in sorted(chosen))


def mutate(netlist: Netlist, mutant: Mutant) -> Netlist:
    """Return the netlist with the change in it."""
    literals = np.concatenate([netlist.fanins.ravel(), netlist.outputs])
    for place, literal in mutant.edits:
        literals[place] = literal
    split = netlist.fanins.size
    return Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        literals[:split].reshape(-1, 3),
        literals[split:],
    )


def describe(netlist: Netlist, mutant: Mutant, cells: Sequence[str] | None = None) -> str:
    """Return what a mutant changes, with the names that signals have in the Verilog.

    Parameters
    ----------
    netlist
        Under the names of the hardware.
    mutant
        What is changed in it.
    cells
        Names of its cells; those of `cell_names` if None.
    """
    cells = cell_names(netlist) if cells is None else cells
    nodes = ["", *bit_names(netlist.input_ports), *cells]
    place, literal = mutant.edits[0]
    if len(mutant.edits) > 1 and mutant.kind is MutantKind.STUCK:
        was = _literals(netlist)[place]
        return f"{nodes[was >> 1]} is stuck at {(literal ^ was) & 1}"
    changed = mutate(netlist, mutant)

    def text(value: int) -> str:
        if value in (FALSE, TRUE):
            return f"1'b{value}"
        return f"{'~' if value & 1 else ''}{nodes[value >> 1]}"

    if place < netlist.fanins.size:
        cell = place // 3
        after, before = (
            cell_expression(fanin, [text(literal) for literal in fanin])
            for fanin in (changed.fanins[cell].tolist(), netlist.fanins[cell].tolist())
        )
        return f"{cells[cell]} = {after} instead of {before}"
    bit = place - netlist.fanins.size
    before, after = (text(int(design.outputs[bit])) for design in (netlist, changed))
    return f"{bit_names(netlist.output_ports)[bit]} = {after} instead of {before}"


def _literals(netlist: Netlist) -> list[int]:
    literals: list[int] = np.concatenate([netlist.fanins.ravel(), netlist.outputs]).tolist()
    return literals


def _inverters(netlist: Netlist) -> Iterator[Edits]:
    split = netlist.fanins.size
    for place, literal in enumerate(_literals(netlist)):
        if literal > TRUE or place >= split:
            yield ((place, literal ^ 1),)


def _gates(netlist: Netlist) -> Iterator[Edits]:
    for cell, fanin in enumerate(netlist.fanins):
        for at, literal in enumerate(fanin.tolist()):
            place = 3 * cell + at
            if literal <= TRUE:
                yield ((place, literal ^ 1),)
            elif cell_kind(fanin) is CellKind.MAJ:
                yield ((place, FALSE),)
                yield ((place, TRUE),)


def _reads(netlist: Netlist) -> Iterator[Edits]:
    """Yield fan-in from the node before or after the one that is read, and exchanged outputs."""
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        count = netlist.first_cell + cell - 1
        for at, literal in enumerate(fanin):
            node = literal >> 1
            if not node:
                continue
            for other in {1 + (node - 2) % count, 1 + node % count} - {node}:
                yield ((3 * cell + at, 2 * other + (literal & 1)),)
    outputs, split = netlist.outputs.tolist(), netlist.fanins.size
    for bit, (one, two) in enumerate(pairwise(outputs)):
        if one != two:
            yield ((split + bit, two), (split + bit + 1, one))


def _stuck(netlist: Netlist) -> Iterator[Edits]:
    """Yield signals and single fan-in that are constant."""
    readers: dict[int, list[tuple[int, int]]] = {}
    for place, literal in enumerate(_literals(netlist)):
        if literal > TRUE:
            readers.setdefault(literal >> 1, []).append((place, literal))
    for node in sorted(readers):
        for value in (FALSE, TRUE):
            yield tuple((place, value ^ (literal & 1)) for place, literal in readers[node])
    for node in sorted(readers):
        for place, _ in readers[node]:
            yield ((place, FALSE),)
            yield ((place, TRUE),)
