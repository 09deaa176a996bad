"""Equivalence of large netlists by SAT sweeping over both at once.

Both netlists are joined at their inputs. Signals inside that are equal are found and merged first, from the
inputs on (see `btfsynth.passes.sat_sweep`); what an optimiser has left alone merges by hashing alone, and
the outputs are then close to what has been merged. A first round is content with what small common cuts prove,
or, where the netlists are large, small windows of their cones. Outputs still apart get rounds of the solver on
their own cones, with more conflicts from one to the next, and at last a question without limit each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.hashing import graph_of, rebuild, sorted_by_level
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import output_words, unpack_bits
from btfsynth.netlist.views import mark_cone
from btfsynth.passes.cone_solver import ConeSolver
from btfsynth.passes.sat_sweep import find_equal_signals, random_vectors
from btfsynth.ports import Port

__all__ = ["find_difference", "find_difference_by_chance", "joined"]

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
    """Return an input vector on which two netlists with the same ports differ.

    Returns
    -------
    ``(input bits,)`` uint8; None if they are proven equal on every vector.
    """
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


def find_difference_by_chance(a: Netlist, b: Netlist) -> NDArray[np.uint8] | None:
    """Return one of some random input vectors on which two netlists differ; None if they do on none."""
    return _difference_among(joined(a, b), random_vectors(a.n_inputs, _WORDS, _SEED))


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
