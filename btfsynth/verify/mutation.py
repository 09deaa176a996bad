"""The mutation score: how many single faults the vectors of a design notice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError
from btfsynth.files import write_text
from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.manifest import CELL_LIBRARY
from btfsynth.hdl.pipeline import make_pipeline
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.verilog.emit import emit_verilog
from btfsynth.hdl.verilog.emit_cells import emit_cell_library, emit_verilog_cells
from btfsynth.netlist.identifiers import HdlNames
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits, valid_words
from btfsynth.sim.base import Simulator
from btfsynth.sim.design import Design
from btfsynth.sim.process import workspace_folder
from btfsynth.sim.result import CheckResult
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.mutants import Mutant, MutantKind, list_mutants, mutate, pick_mutants

__all__ = ["MutationScore", "Survivor", "count_wrong", "run_mutant", "score_mutants", "spread"]


@dataclass(frozen=True, eq=False)
class Survivor:
    """A mutant that no vector notices though it is another function.

    Parameters
    ----------
    mutant
        The mutant.
    inputs
        ``(input bits,)`` uint8, an input vector that would notice it.
    """

    mutant: Mutant
    inputs: NDArray[np.uint8]


@dataclass(frozen=True)
class MutationScore:
    """What became of mutants.

    Parameters
    ----------
    total
        How many there are.
    killed
        Those that a vector notices, and how many vectors do.
    equivalent
        Those proven to compute the same on every input.
    unspecified
        Those that are another function, but right wherever the patterns, which are all that is asked of the
        design, say something.
    survived
        Those that are neither: the vectors are too few.
    undecided
        Those of which it was not found out in time whether they compute the same.
    """

    total: int
    killed: tuple[tuple[Mutant, int], ...]
    equivalent: tuple[Mutant, ...]
    unspecified: tuple[Mutant, ...]
    survived: tuple[Survivor, ...]
    undecided: tuple[Mutant, ...] = ()

    @property
    def tried(self) -> int:
        """How many were tried."""
        groups = self.killed, self.equivalent, self.unspecified, self.survived, self.undecided
        return sum(map(len, groups))

    def to_json(self) -> dict[str, Any]:
        """Return the counts, also by kind, as plain values."""
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


def count_wrong(netlist: Netlist, vectors: VectorTable) -> NDArray[np.uint64]:
    """Return ``(words,)`` uint64 with a one for every vector on which a netlist is wrong."""
    return _Vectors(vectors).wrong(netlist)


class _Vectors:
    """Test vectors, packed once for many netlists."""

    def __init__(self, vectors: VectorTable) -> None:
        self.inputs = pack_bits(vectors.inputs)
        self.expected = pack_bits(vectors.expected)
        self.care = pack_bits(vectors.care)
        self.valid = valid_words(vectors.count)

    def wrong(self, netlist: Netlist) -> NDArray[np.uint64]:
        differ = (output_words(netlist, self.inputs) ^ self.expected) & self.care
        wrong: NDArray[np.uint64] = np.bitwise_or.reduce(differ, axis=0, initial=np.uint64(0))
        return wrong & self.valid


def score_mutants(
    netlist: Netlist,
    vectors: VectorTable,
    specified: bool,
    limit: int,
    timeout: float | None = None,
) -> MutationScore:
    """Try mutants of a netlist on test vectors.

    Parameters
    ----------
    netlist
        A netlist that is right on all of them.
    vectors
        The vectors.
    specified
        True if the vectors are all that is asked of the design, so that elsewhere it may do anything.
    limit
        How many mutants to try at most.
    timeout
        Seconds the proof that a mutant is the same may take; no limit if None.
    """
    everything = list_mutants(netlist)
    packed = _Vectors(vectors)
    killed: list[tuple[Mutant, int]] = []
    same: list[Mutant] = []
    unspecified: list[Mutant] = []
    survived: list[Survivor] = []
    undecided: list[Mutant] = []
    for mutant in pick_mutants(everything, limit):
        changed = mutate(netlist, mutant)
        wrong = packed.wrong(changed)
        if wrong.any():
            killed.append((mutant, int(unpack_bits(wrong[None, :], vectors.count).sum())))
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
    """Return so many mutants, of every kind as many as can be."""
    vectors = dict(mutants)
    return tuple((mutant, vectors[mutant]) for mutant in pick_mutants(tuple(vectors), count))


def run_mutant(
    design: Design, netlist: Netlist, mutant: Mutant, simulator: Simulator, timeout: float
) -> CheckResult:
    """Run the testbench of a design, as it is on disk, on a mutant written as Verilog."""
    manifest = design.manifest
    names = HdlNames(manifest.module, manifest.input_ports, manifest.output_ports, ())
    with workspace_folder() as folder:
        directory = folder
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
