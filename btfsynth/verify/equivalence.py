"""Whether two netlists compute the same function: exhaustive simulation, or a SAT miter.

The miter joins both netlists at their inputs, asks for an input vector for which some pair of
outputs differs, and is unsatisfiable exactly if they are equivalent (Brand, ICCAD 1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pysat.solvers import Solver

from btfsynth.errors import VerificationError
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    exhaustive_words,
    output_words,
    pack_bits,
    unpack_bits,
    valid_words,
)

__all__ = ["Equivalence", "equivalent"]

_SOLVER = "cadical153"
_WORDS_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class Equivalence:
    """Result of a comparison.

    Parameters
    ----------
    equal
        Whether the two compute the same.
    counterexample
        ``(input bits,)`` uint8, an input vector for which they differ; None if there is none.
    method
        How it was found out.
    """

    equal: bool
    counterexample: NDArray[np.uint8] | None
    method: str


def equivalent(a: Netlist, b: Netlist) -> Equivalence:
    """Compare two netlists with the same ports.

    Raises
    ------
    VerificationError
        If their ports differ.
    """
    if a.input_ports != b.input_ports or a.output_ports != b.output_ports:
        raise VerificationError(f"{a.name} and {b.name} cannot be compared: their ports differ")
    if a.n_inputs <= MAX_EXHAUSTIVE_INPUTS:
        return _by_simulation(a, b)
    return _by_sat(a, b)


def _by_simulation(a: Netlist, b: Netlist) -> Equivalence:
    vectors = 1 << a.n_inputs
    inputs, valid = exhaustive_words(a.n_inputs), valid_words(vectors)
    method = f"all {vectors} input vectors"
    chunk = max(1, _WORDS_AT_ONCE // max(a.n_nodes, b.n_nodes))
    for start in range(0, inputs.shape[1], chunk):
        words = inputs[:, start : start + chunk]
        differ = (output_words(a, words) ^ output_words(b, words)) & valid[start : start + chunk]
        if differ.any():
            columns = np.bitwise_or.reduce(differ, axis=0)[None, :]
            wrong = unpack_bits(columns, 64 * columns.shape[1])[:, 0]
            vector = 64 * start + int(np.argmax(wrong))
            bits = (vector >> np.arange(a.n_inputs)) & 1
            return Equivalence(False, bits.astype(np.uint8), method)
    return Equivalence(True, None, method)


def _by_sat(a: Netlist, b: Netlist) -> Equivalence:
    method = f"SAT ({_SOLVER})"
    shift = a.n_nodes - b.first_cell
    differs = a.n_nodes + b.n_cells
    with Solver(name=_SOLVER) as solver:
        solver.add_clause([-1])  # node 0 is variable 1, the constant false
        _add_cells(solver, a, 0)
        _add_cells(solver, b, shift)
        goal = []
        for x, y in zip(a.outputs.tolist(), b.outputs.tolist(), strict=True):
            left, right = _variable(x, a.first_cell, 0), _variable(y, b.first_cell, shift)
            differs += 1
            solver.add_clause([-differs, left, right])
            solver.add_clause([-differs, -left, -right])
            goal.append(differs)
        solver.add_clause(goal)
        if not solver.solve():
            return Equivalence(True, None, method)
        model = set(solver.get_model() or ())
    bits = np.array([int(2 + bit in model) for bit in range(a.n_inputs)], dtype=np.uint8)
    words = pack_bits(bits[None, :])
    if not ((output_words(a, words) ^ output_words(b, words)) & valid_words(1)).any():
        raise VerificationError(f"{_SOLVER} gave a counterexample that simulation does not confirm")
    return Equivalence(False, bits, method)


def _variable(literal: int, first_cell: int, shift: int) -> int:
    """Return a literal as a signed SAT variable; the cells are shifted, the inputs shared."""
    node = literal >> 1
    variable = 1 + node + (shift if node >= first_cell else 0)
    return -variable if literal & 1 else variable


def _add_cells(solver: Solver, netlist: Netlist, shift: int) -> None:
    """Add the six clauses of every majority; constant fan-in makes some of them short."""
    first = netlist.first_cell
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        x, y, z = (_variable(literal, first, shift) for literal in fanin)
        out = 1 + first + cell + shift
        for left, right in ((x, y), (x, z), (y, z)):
            solver.add_clause([-left, -right, out])
            solver.add_clause([left, right, -out])
