"""Bit-parallel simulation: 64 vectors a word.

Signatures are uint64 arrays of shape ``(signals, words)``; vector ``v`` is bit ``v % 64`` of word
``v // 64``. Bits past the last vector are not significant: mask them with `valid_words`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import NetlistError, plural
from btfsynth.netlist.kernels import COUNTING, complement_mask, majority_words
from btfsynth.netlist.netlist import Netlist
from btfsynth.settings.table import Preserve

MAX_EXHAUSTIVE_INPUTS = 16
"""Up to this many input bits, checks go through every input vector."""

Words = NDArray[np.uint64]

_BLOCK = 8
"""Words of a cache line."""
_FEW_WORDS = 1_000
"""Minimum words of all nodes from which a kernel for the outputs alone is loaded."""


def pack_bits(bits: NDArray[Any]) -> Words:
    """Pack ``(vectors, signals)`` 0/1 values into ``(signals, words)`` uint64."""
    vectors, signals = bits.shape
    padded = np.zeros((signals, (vectors + 63) // 64 * 64), dtype=np.uint8)
    padded[:, :vectors] = bits.T
    packed = np.packbits(padded, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)


def unpack_bits(words: Words, vectors: int) -> NDArray[np.uint8]:
    """Unpack ``(signals, words)`` uint64 into ``(vectors, signals)`` uint8 0/1."""
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    octets = octets.reshape(len(words), 8 * words.shape[1])
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    return np.ascontiguousarray(bits[:, :vectors].T)


def valid_words(vectors: int) -> Words:
    """Return ``(words,)`` uint64 with a one for each of this many vectors."""
    words = np.full((vectors + 63) // 64, ~np.uint64(0), dtype=np.uint64)
    if vectors % 64:
        words[-1] = np.uint64((1 << vectors % 64) - 1)
    return words


def count_ones(words: NDArray[Any]) -> int:
    return int(np.unpackbits(words.view(np.uint8)).sum())


def exhaustive_words(n_inputs: int) -> Words:
    """Return ``(inputs, words)`` uint64: up to 24 inputs in counting order, input 0 fastest."""
    if n_inputs > 24:
        raise NetlistError(
            f"all vectors of {n_inputs} inputs are too many to list; expected at most 24 inputs"
        )
    valid = valid_words(1 << n_inputs)
    numbers = np.arange(len(valid), dtype=np.uint64)
    words = np.empty((n_inputs, len(valid)), dtype=np.uint64)
    for bit in range(n_inputs):
        if bit < len(COUNTING):
            words[bit] = COUNTING[bit]
        else:
            words[bit] = np.uint64(0) - ((numbers >> np.uint64(bit - 6)) & np.uint64(1))
    return words & valid


@numba.njit(cache=True, nogil=True)
def simulate_cells(fanins: Any, first_cell: int, values: Any) -> None:
    """Compute the signatures of cells with successive numbers in topological order. Modifies values.

    fanins: (cells, 3) int32, the cells from ``first_cell`` on, all or some of a netlist's; values:
    (nodes, words) uint64, given for the nodes that the cells read; their own rows are overwritten.
    """
    for cell in range(fanins.shape[0]):
        fanin = (fanins[cell, 0], fanins[cell, 1], fanins[cell, 2])
        majority_words(fanin, values, values, values, first_cell + cell, values)


@numba.njit(cache=True, nogil=True)
def _simulate_outputs(fanins: Any, outputs: Any, inputs: Any, result: Any) -> None:
    """Fill in the signatures of the outputs, a block of words at a time. Modifies result.

    One block's rows are a cache line each and are written again for the next block: the memory is
    that of `_BLOCK` words however many there are.
    """
    n_inputs, words = inputs.shape
    first_cell = 1 + n_inputs
    values = np.zeros((first_cell + fanins.shape[0], _BLOCK), dtype=np.uint64)
    for start in range(0, words, _BLOCK):
        size = min(_BLOCK, words - start)
        for bit in range(n_inputs):
            for word in range(size):
                values[1 + bit, word] = inputs[bit, start + word]
        simulate_cells(fanins, first_cell, values)
        for number in range(outputs.shape[0]):
            flip = complement_mask(outputs[number])
            for word in range(size):
                result[number, start + word] = values[outputs[number] >> 1, word] ^ flip


def simulate(netlist: Netlist, inputs: Words) -> Words:
    """Return the signature of every node, ``(nodes, words)`` uint64, row 0 the constant false.

    `inputs` is ``(input bits, words)`` uint64; another number of rows is a `NetlistError`.
    """
    _check_inputs(netlist, inputs)
    values = np.zeros((netlist.n_nodes, inputs.shape[1]), dtype=np.uint64)
    values[1 : netlist.first_cell] = inputs
    simulate_cells(netlist.fanins, netlist.first_cell, values)
    return values


def output_words(netlist: Netlist, inputs: Words) -> Words:
    """Return the signature of every output bit, ``(output bits, words)`` uint64.

    Needs far less memory than `simulate` for many words.
    """
    _check_inputs(netlist, inputs)
    if netlist.n_nodes * inputs.shape[1] <= _FEW_WORDS:
        result: Words = simulate(netlist, inputs)[netlist.outputs >> 1]
        result[netlist.outputs & 1 == 1] ^= ~np.uint64(0)
        return result
    result = np.empty((netlist.n_outputs, inputs.shape[1]), dtype=np.uint64)
    _simulate_outputs(netlist.fanins, netlist.outputs, np.ascontiguousarray(inputs), result)
    return result


def evaluate(netlist: Netlist, vectors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the outputs for ``(vectors, input bits)`` 0/1, ``(vectors, output bits)`` uint8."""
    return unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors))


def _check_inputs(netlist: Netlist, inputs: Words) -> None:
    if len(inputs) != netlist.n_inputs:
        raise NetlistError(
            f"{netlist.name}: expected {netlist.n_inputs} input signatures, got {len(inputs)}"
        )


# What a netlist must keep computing while it is made smaller

_SAMPLE_VECTORS = 4096


@dataclass(frozen=True, eq=False)
class Reference:
    """Vectors with their required outputs.

    `inputs` ``(input bits, words)``, `targets` and `care` ``(output bits, words)`` are uint64 signatures;
    `care` has ones where a target matters and zeros past the last vector. `complete` is False if the vectors
    are a sample of all inputs, so that equality must be proven separately.
    """

    preserve: Preserve
    inputs: NDArray[np.uint64]
    targets: NDArray[np.uint64]
    care: NDArray[np.uint64]
    vectors: int
    complete: bool

    @property
    def proof(self) -> str:
        """Description of the check against these vectors."""
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
