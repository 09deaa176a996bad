"""What a netlist must keep computing while it is made smaller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import plural
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    count_ones,
    exhaustive_words,
    output_words,
    pack_bits,
    unpack_bits,
    valid_words,
)
from btfsynth.settings.table import Preserve

_SAMPLE_VECTORS = 4096


@dataclass(frozen=True, eq=False)
class Reference:
    """Vectors with the outputs that are required on them.

    `inputs` ``(input bits, words)``, `targets` and `care` ``(output bits, words)`` are uint64 signatures;
    `care` has ones where a target matters and zeros past the last vector. `complete` is False if the vectors
    are a sample of the inputs, so that equality has to be proven on top.
    """

    preserve: Preserve
    inputs: NDArray[np.uint64]
    targets: NDArray[np.uint64]
    care: NDArray[np.uint64]
    vectors: int
    complete: bool

    @property
    def proof(self) -> str:
        """How far checking against these vectors goes, in words."""
        if self.preserve is Preserve.CARE:
            return f"all {plural(self.vectors, 'pattern')}"
        if self.complete:
            return f"all {self.vectors} input vectors"
        return plural(self.vectors, "vector")


def count_wrong(netlist: Netlist, reference: Reference) -> int:
    """Return the number of vectors on which an output that matters is wrong."""
    wrong = (output_words(netlist, reference.inputs) ^ reference.targets) & reference.care
    any_wrong = np.bitwise_or.reduce(wrong, axis=0)
    return count_ones(any_wrong)


def care_reference(dataset: Dataset) -> Reference:
    valid = valid_words(dataset.n_patterns)
    return Reference(
        Preserve.CARE,
        pack_bits(dataset.inputs),
        pack_bits(dataset.targets),
        pack_bits(dataset.care_mask) & valid,
        dataset.n_patterns,
        complete=True,
    )


def function_reference(
    function: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    n_inputs: int,
    seen: NDArray[np.uint8] | None = None,
) -> Reference:
    """Return a function on every input vector as the reference, or on a sample where they are too many.

    The function takes ``(vectors, inputs)`` to ``(vectors, outputs)``, uint8 0/1. Up to
    `MAX_EXHAUSTIVE_INPUTS` inputs all vectors are listed; a sample contains the ``(vectors, inputs)`` `seen`.
    """
    complete = n_inputs <= MAX_EXHAUSTIVE_INPUTS
    if complete:
        inputs, vectors = exhaustive_words(n_inputs), 1 << n_inputs
    else:
        random = np.random.Generator(np.random.PCG64(0))
        listed = random.integers(0, 2, (_SAMPLE_VECTORS, n_inputs), dtype=np.uint8)
        if seen is not None:
            listed = np.concatenate([seen, listed])
        inputs, vectors = pack_bits(listed), len(listed)
    targets = pack_bits(function(unpack_bits(inputs, vectors)))
    care = np.broadcast_to(valid_words(vectors), targets.shape).copy()
    return Reference(Preserve.NETWORK, inputs, targets, care, vectors, complete)
