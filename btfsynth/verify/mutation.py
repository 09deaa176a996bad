"""The mutation score: the number of single faults of a netlist that the vectors of a design detect.

Four kinds: an inverter added or removed, a gate of another kind (AND for OR, a majority that ignores one of its
fan-in), a fan-in or an output read from a neighbour, and a signal or a fan-in stuck at a constant.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError
from btfsynth.files import write_text
from btfsynth.hdl.manifest import CELL_LIBRARY
from btfsynth.hdl.module import HardwareModule, cell_expression, make_pipeline
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.verilog.emit import emit_cell_library, emit_verilog, emit_verilog_cells
from btfsynth.netlist.identifiers import HdlNames, cell_names
from btfsynth.netlist.netlist import FALSE, TRUE, CellKind, Netlist, cell_kind
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import bit_names
from btfsynth.process import workspace_folder
from btfsynth.sim.simulators import CheckResult, Design, Simulator
from btfsynth.verify.equivalence import equivalent

Edits = tuple[tuple[int, int], ...]


class MutantKind(str, Enum):
    INVERTER = "inverter"
    GATE = "gate"
    READ = "read"
    STUCK = "stuck"


@dataclass(frozen=True)
class Mutant:
    kind: MutantKind
    # Places and their new literals; places count the fan-ins, cell by cell, then the outputs.
    edits: Edits


def list_mutants(netlist: Netlist) -> tuple[Mutant, ...]:
    """Return all mutants of a netlist, no two with the same change."""
    found: dict[Edits, MutantKind] = {}
    for kind, make in (
        (MutantKind.INVERTER, _inverters),
        (MutantKind.GATE, _gates),
        (MutantKind.READ, _reads),
        (MutantKind.STUCK, _stuck),
    ):
        for edits in make(netlist):
            found.setdefault(edits, kind)
    return tuple(Mutant(kind, edits) for edits, kind in found.items())


def pick_mutants(mutants: Sequence[Mutant], limit: int, seed: int = 1) -> tuple[Mutant, ...]:
    """Return up to `limit` mutants, evenly of all kinds, in their own order."""
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
    """Return the change of a mutant in words, with the names of the Verilog."""
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


@dataclass(frozen=True, eq=False)
class Survivor:
    """A mutant that no vector notices though it is another function."""

    mutant: Mutant
    inputs: NDArray[np.uint8]  # ``(input bits,)`` uint8, an input vector that would notice it


@dataclass(frozen=True)
class MutationScore:
    total: int  # how many there are
    killed: tuple[tuple[Mutant, int], ...]  # those that a vector notices, and how many vectors do
    equivalent: tuple[Mutant, ...]  # those proven to compute the same on every input
    # those that are another function, but right wherever the patterns, which are all that is asked of the
    # design, say something
    unspecified: tuple[Mutant, ...]
    survived: tuple[Survivor, ...]  # those that are neither: the vectors are too few
    # those of which it was not found out in time whether they compute the same
    undecided: tuple[Mutant, ...] = ()

    @property
    def tried(self) -> int:
        groups = self.killed, self.equivalent, self.unspecified, self.survived, self.undecided
        return sum(map(len, groups))

    def to_json(self) -> dict[str, Any]:
        killed = [mutant for mutant, _ in self.killed]
        groups = {
            "killed": killed,
            "equivalent": self.equivalent,
            "unspecified": self.unspecified,
            "survived": [survivor.mutant for survivor in self.survived],
            "undecided": self.undecided,
        }
        return {
            "total": self.total,
            "tried": self.tried,
            **{name: len(group) for name, group in groups.items()},
            "by_kind": {
                kind.value: {
                    name: sum(mutant.kind is kind for mutant in group)
                    for name, group in groups.items()
                }
                for kind in MutantKind
            },
        }


def score_mutants(
    netlist: Netlist,
    vectors: VectorTable,
    specified: bool,
    limit: int,
    timeout: float | None = None,
) -> MutationScore:
    """Try up to `limit` mutants of a netlist on test vectors, on which the netlist is correct.

    `specified`: the vectors define the design completely; all other vectors are don't-cares.
    """
    everything = list_mutants(netlist)
    killed: list[tuple[Mutant, int]] = []
    same: list[Mutant] = []
    unspecified: list[Mutant] = []
    survived: list[Survivor] = []
    undecided: list[Mutant] = []
    for mutant in pick_mutants(everything, limit):
        changed = mutate(netlist, mutant)
        wrong = vectors.wrong(evaluate(changed, vectors.inputs))
        if wrong.any():
            killed.append((mutant, int(wrong.sum())))
            continue
        try:
            comparison = equivalent(netlist, changed, timeout)
        except ToolTimeoutError:
            undecided.append(mutant)
            continue
        if comparison.counterexample is None:
            same.append(mutant)
        elif specified:
            unspecified.append(mutant)
        else:
            survived.append(Survivor(mutant, comparison.counterexample))
    return MutationScore(
        len(everything),
        tuple(killed),
        tuple(same),
        tuple(unspecified),
        tuple(survived),
        tuple(undecided),
    )


def spread(mutants: Sequence[tuple[Mutant, int]], count: int) -> tuple[tuple[Mutant, int], ...]:
    """Return up to `count` mutants, evenly of all kinds."""
    vectors = dict(mutants)
    return tuple((mutant, vectors[mutant]) for mutant in pick_mutants(tuple(vectors), count))


def run_mutant(
    design: Design, netlist: Netlist, mutant: Mutant, simulator: Simulator, timeout: float
) -> CheckResult:
    """Run the testbench of a design folder on a mutant written as Verilog."""
    manifest = design.manifest
    names = HdlNames(manifest.module, manifest.input_ports, manifest.output_ports, ())
    with workspace_folder() as directory:
        for role in ("testbench", "vectors"):
            shutil.copyfile(design.path(role), directory / manifest.files[role])
        changed, timing = mutate(netlist, mutant), manifest.timing
        pipeline = make_pipeline(changed, timing.latency) if timing else None
        module = HardwareModule(changed, names, {}, timing, pipeline)
        has_cells = CELL_LIBRARY in manifest.files
        text = emit_verilog_cells(module) if has_cells else emit_verilog(module)
        write_text(directory / manifest.files["verilog"], text)
        if has_cells:
            write_text(directory / manifest.files[CELL_LIBRARY], emit_cell_library(module))
        return simulator.run(replace(design, directory=directory), timeout)
