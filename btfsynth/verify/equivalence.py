"""Whether two netlists compute the same function: exhaustive simulation, or SAT sweeping.

Up to `MAX_EXHAUSTIVE_INPUTS` inputs every vector is simulated. Beyond, both netlists are joined at their
inputs, and signals inside that are equal are found and merged from the inputs on (see
`btfsynth.passes.sat_sweep`): what an optimiser has left alone merges by hashing alone, and the outputs are then
close to what has been merged. A first round is content with what small common cuts prove or, where the netlists
are large, small windows of their cones. Outputs still apart get rounds of the solver on their own cones, with
more conflicts each, and in the end one question without limit each.

With a time limit, sweeping runs in a process of its own, as a question to the solver cannot be interrupted:
``python -m btfsynth.verify.equivalence FILE`` prints the vector as JSON, null where there is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError, VerificationError
from btfsynth.files import write_archive
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
from btfsynth.passes.cone_solver import ConeSolver
from btfsynth.passes.sat_sweep import find_equal_signals, random_vectors
from btfsynth.ports import Port
from btfsynth.sim.process import python_command, run_command, workspace_folder

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
    vector = find_difference(a, b) if timeout is None else find_difference_within(a, b, timeout)
    if vector is None:
        return Equivalence(True, None, SAT_METHOD)
    words = pack_bits(vector[None, :])
    if not ((output_words(a, words) ^ output_words(b, words)) & valid_words(1)).any():
        raise VerificationError("simulation does not confirm the counterexample of SAT sweeping")
    return Equivalence(False, vector, SAT_METHOD)


_ROUNDS: tuple[tuple[int | None, int], ...] = ((None, 0), (200, 0), (2000, 0), (20_000, 0))
"""Conflicts a pair of signals (None: no solver) and the window it is seen in (0: whole cones), by round."""
_LARGE_ROUNDS: tuple[tuple[int | None, int], ...] = ((20, 300), *_ROUNDS[1:])
"""The same where whole cones are too many to begin with."""
_LARGE = 50_000
"""Cells of both netlists from which on they are."""
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
    for conflicts, window in _LARGE_ROUNDS if joint.n_cells >= _LARGE else _ROUNDS:
        joint = _open_cones(joint)
        if not joint.n_cells:
            break
        joint = sorted_by_level(joint)
        equal = find_equal_signals(joint, vectors, conflicts, _SEED, _sides(joint), window)
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


_FILE = "netlists.npz"
_SIDES = ("a", "b")


def find_difference_within(a: Netlist, b: Netlist, timeout: float) -> NDArray[np.uint8] | None:
    """Do what `find_difference` does, for up to `timeout` seconds."""
    found = _difference_among(joined(a, b), random_vectors(a.n_inputs, _WORDS, _SEED))
    if found is not None:
        return found
    arrays = {"ports": np.array([a.n_inputs, a.n_outputs])}
    for side, netlist in zip(_SIDES, (a, b), strict=True):
        arrays |= {f"{side}_fanins": netlist.fanins, f"{side}_outputs": netlist.outputs}
    with workspace_folder() as folder:
        write_archive(folder / _FILE, arrays, compress=False)
        try:
            completed = run_command(python_command(__name__, _FILE), folder, timeout)
        except ToolTimeoutError:
            raise ToolTimeoutError(
                f"{a.name} and {b.name}: neither proven equivalent nor different within {timeout:g} s"
            ) from None
    vector = completed.answer(SAT_METHOD, ("vector",))["vector"]
    return None if vector is None else np.array(vector, dtype=np.uint8)


def main(arguments: Sequence[str]) -> int:
    with np.load(arguments[0], allow_pickle=False) as arrays:
        inputs, outputs = (
            (Port(name, int(width)),) if width else ()
            for name, width in zip("io", arrays["ports"], strict=True)
        )
        a, b = (
            Netlist(side, inputs, outputs, arrays[f"{side}_fanins"], arrays[f"{side}_outputs"])
            for side in _SIDES
        )
    found = find_difference(a, b)
    sys.stdout.write(json.dumps({"vector": None if found is None else found.tolist()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
