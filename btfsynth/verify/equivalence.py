"""Whether two netlists compute the same function: exhaustive simulation, or SAT sweeping.

Up to `MAX_EXHAUSTIVE_INPUTS` inputs every vector is simulated. Beyond, both netlists are joined at their
inputs and their signals merged as far as SAT proves them equal, the outputs last (see `sweeping`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
from btfsynth.verify.sweeping import find_difference
from btfsynth.verify.sweeping_worker import find_difference_within

__all__ = ["SAT_METHOD", "Equivalence", "equivalent"]

SAT_METHOD = "SAT sweeping"
_WORDS_AT_ONCE = 1 << 22
"""Of output signatures: 32 MiB."""


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


def equivalent(a: Netlist, b: Netlist, timeout: float | None = None) -> Equivalence:
    """Compare two netlists with the same ports.

    Parameters
    ----------
    a, b
        The netlists.
    timeout
        Seconds a SAT proof may take; no limit if None. With a limit it runs in a process of its own.

    Raises
    ------
    VerificationError
        If their ports differ.
    ToolTimeoutError
        If nothing was found out in that time.
    """
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
        raise VerificationError("the counterexample of SAT sweeping is none by simulation")
    return Equivalence(False, vector, SAT_METHOD)
