"""Equivalence of two netlists: exhaustive simulation, or SAT sweeping.

Up to `MAX_EXHAUSTIVE_INPUTS` inputs every vector is simulated. Beyond, both netlists are joined at their
inputs, and equal internal signals are merged from the inputs on: unchanged parts by hashing, locally replaced
parts by small common cuts, and the rest by simulation and solvers (see `btfsynth.passes.sat_sweep`). The
outputs are then close to merged signals. A first round proves equality from neighbouring cells only; outputs
that still differ get solver rounds on their cones with increasing conflict limits, and finally one question
without a limit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError, VerificationError
from btfsynth.netlist.hashing import graph_of, rebuild, sorted_by_level
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    exhaustive_words,
    output_words,
    pack_bits,
    unpack_bits,
    valid_words,
)
from btfsynth.netlist.views import mark_cone
from btfsynth.passes.cones import ConeSolver
from btfsynth.passes.goal import best_so_far
from btfsynth.passes.sat_sweep import equal_over_cuts, find_equal_signals, random_vectors
from btfsynth.ports import Port
from btfsynth.time_box import TimeUp, time_box

SAT_METHOD = "SAT sweeping"
_WORDS_AT_ONCE = 1 << 22
"""Of output signatures: 32 MiB."""


@dataclass(frozen=True, eq=False)
class Equivalence:
    equal: bool
    counterexample: NDArray[np.uint8] | None  # ``(input bits,)`` uint8 0/1, for which they differ
    method: str


def equivalent(a: Netlist, b: Netlist, timeout: float | None = None) -> Equivalence:
    """Compare two netlists with the same ports; a SAT proof may take `timeout` seconds."""
    if a.input_ports != b.input_ports or a.output_ports != b.output_ports:
        raise VerificationError(f"{a.name} and {b.name} cannot be compared: their ports differ")
    if a.n_inputs <= MAX_EXHAUSTIVE_INPUTS:
        return _by_simulation(a, b)
    return _by_sat(a, b, timeout)


def _by_simulation(a: Netlist, b: Netlist) -> Equivalence:
    vectors = 1 << a.n_inputs
    inputs, valid = exhaustive_words(a.n_inputs), valid_words(vectors)
    method = f"all {vectors} input vectors"
    chunk = max(64, _WORDS_AT_ONCE // max(1, a.n_outputs))
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


def _by_sat(a: Netlist, b: Netlist, timeout: float | None = None) -> Equivalence:
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        with best_so_far(deadline=deadline), time_box(deadline):
            vector = find_difference(a, b)
    except TimeUp:
        raise ToolTimeoutError(
            f"{a.name} and {b.name}: neither proven equivalent nor different within {timeout:g} s"
        ) from None
    if vector is None:
        return Equivalence(True, None, SAT_METHOD)
    words = pack_bits(vector[None, :])
    if not ((output_words(a, words) ^ output_words(b, words)) & valid_words(1)).any():
        raise VerificationError("simulation does not confirm the counterexample of SAT sweeping")
    return Equivalence(False, vector, SAT_METHOD)


_ROUNDS: tuple[int | None, ...] = (None, 200, 2000, 20_000)
"""Conflicts per pair of signals on whole cones, by round; None for neighbouring cells only."""
_WORDS = 16
_SEED = 1


def joined(a: Netlist, b: Netlist) -> Netlist:
    """Return both netlists over the same inputs: the outputs of the first, then those of the second."""
    first, shift = b.first_cell, 2 * a.n_cells

    def moved(literals: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(literals >> 1 >= first, literals + shift, literals)

    return Netlist(
        f"{a.name} and {b.name}",
        a.input_ports,
        (*a.output_ports, *b.output_ports),
        np.concatenate([a.fanins, moved(b.fanins)]),
        np.concatenate([a.outputs, moved(b.outputs)]),
    )


def find_difference(a: Netlist, b: Netlist) -> NDArray[np.uint8] | None:
    """Return an input vector on which two netlists with the same ports differ; None if proven equal."""
    joint = rebuild(joined(a, b))
    vectors = random_vectors(joint.n_inputs, _WORDS, _SEED)
    found = _difference_among(joint, vectors)
    if found is not None:
        return found
    for conflicts in _ROUNDS:
        joint = sorted_by_level(_open_cones(joint))
        joint = _open_cones(rebuild(joint, equal_over_cuts(joint)))
        if not joint.n_cells:
            break
        joint = sorted_by_level(joint)
        equal = find_equal_signals(joint, vectors, conflicts, _SEED, _sides(joint))
        joint = rebuild(joint, equal.substitution)
    return _decide(_open_cones(joint))


def _difference_among(joint: Netlist, vectors: NDArray[np.uint64]) -> NDArray[np.uint8] | None:
    """Return the first of some vectors on which an output of one differs from the other's."""
    words = output_words(joint, vectors)
    half = len(words) // 2
    differs = np.bitwise_or.reduce(words[:half] ^ words[half:], axis=0, initial=np.uint64(0))
    if not differs.any():
        return None
    word = int(np.flatnonzero(differs)[0])
    column = np.concatenate([vectors[:, word], differs[word : word + 1]])[:, None]
    bits = unpack_bits(column, 64)
    chosen: NDArray[np.uint8] = bits[int(np.argmax(bits[:, -1])), :-1]
    return chosen


def _sides(joint: Netlist) -> NDArray[np.uint8]:
    """Return which of the two netlists each signal belongs to (see `find_equal_signals`)."""
    half = joint.n_outputs // 2
    left, right = (
        mark_cone(joint.fanins, outputs, joint.first_cell)
        for outputs in (joint.outputs[:half], joint.outputs[half:])
    )
    sides: NDArray[np.uint8] = left.astype(np.uint8) | (2 * right).astype(np.uint8)
    sides[: joint.first_cell] = 3
    return sides


def _open_cones(joint: Netlist) -> Netlist:
    """Return the joint netlist of the outputs that are not yet one signal."""
    half = joint.n_outputs // 2
    left, right = joint.outputs[:half], joint.outputs[half:]
    open_ = left != right
    count = int(open_.sum())
    return rebuild(
        Netlist(
            joint.name,
            joint.input_ports,
            (Port("left", count), Port("right", count)) if count else (),
            joint.fanins,
            np.concatenate([left[open_], right[open_]]),
        )
    )


def _decide(joint: Netlist) -> NDArray[np.uint8] | None:
    """Ask the solver, without limit, about every pair of outputs."""
    half = joint.n_outputs // 2
    solver = ConeSolver(graph_of(joint.fanins, joint.first_cell), 0)
    try:
        for left, right in zip(
            joint.outputs[:half].tolist(), joint.outputs[half:].tolist(), strict=True
        ):
            vector = solver.compare(left, right)[1]
            if vector is not None:
                return vector
    finally:
        solver.close()
    return None
