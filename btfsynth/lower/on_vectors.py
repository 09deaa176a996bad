"""Lower a neuron with known values on all vectors where it matters.

An existing signal is tried first, then a majority of three of them, then threshold functions of the neuron's
inputs: with weights dropped in order, with the minimum sum of weights, with the fewest inputs. All are built
and counted.

The *errors* of a literal are the vectors where the neuron matters and has another value. A literal without
errors can replace the neuron, and so can the majority of three literals if no two of them err together (the
test of `btfsynth.passes.replacement`, before the neuron has cells of its own).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.cheapest import Candidate, cheapest_form, take_back
from btfsynth.lower.threshold import (
    ThresholdFunction,
    drop_inputs,
    least_weights,
    pseudo_boolean,
    reduce_on_vectors,
    sparse_weights,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import majority_of
from btfsynth.netlist.simulation import pack_bits

_PAYS = 3
"""Integer programs are solved if the best candidate needs at least this many cells."""
_WHOLE_INPUTS = 14
_NOTHING = 1e-9
"""Weights of a linear program that are zero but for rounding."""


@dataclass(frozen=True, eq=False)
class NeuronOnVectors:
    """A neuron to lower: ``(inputs,)`` float64 weights without the bias, and a literal per input.

    `seen`, ``(vectors, inputs)`` int8 -1/+1, are the values of the inputs; `on`, ``(vectors,)`` bool, is the
    neuron's value, relevant where `matters` is set. `signals` are ``(nodes, words)`` uint64 signatures of the
    builder's nodes, None if there are too many. Linear programs are solved up to `effort` inputs times
    vectors.
    """

    weights: NDArray[np.float64]
    literals: Sequence[int]
    seen: NDArray[np.int8]
    on: NDArray[np.bool_]
    matters: NDArray[np.bool_]
    signals: NDArray[np.uint64] | None
    effort: int


def lower_on_vectors(builder: NetlistBuilder, neuron: NeuronOnVectors) -> Candidate | None:
    """Return the candidate with the fewest cells, None if the weights do not separate on-set and off-set."""
    existing = _from_signals(builder, neuron)
    if existing is not None:
        return existing
    best: Candidate | None = None
    for function in _functions(neuron):
        if best is not None and len(best.cells) < _PAYS:
            break
        if function is not None:
            candidate = cheapest_form(builder, pseudo_boolean(function, neuron.literals))
            if best is None or len(candidate.cells) < len(best.cells):
                best = candidate
    return best


def _from_signals(builder: NetlistBuilder, neuron: NeuronOnVectors) -> Candidate | None:
    if neuron.signals is None:
        return None
    target, care = pack_bits(np.stack([neuron.on, neuron.matters], axis=1))
    errors = literal_errors(neuron.signals, target, care)
    start = builder.n_cells
    literal = find_signal(errors)
    if literal is not None:
        return Candidate("signal", start, (), literal)
    majority = find_majority(errors)
    if majority is None:
        return None
    return take_back(builder, "majority of signals", start, builder.maj(*majority))


def _functions(neuron: NeuronOnVectors) -> Iterator[ThresholdFunction | None]:
    """Yield threshold functions that are correct where the neuron matters."""
    seen, on = neuron.seen[neuron.matters], neuron.on[neuron.matters]
    greedy = reduce_on_vectors(neuron.weights, seen, on)
    yield greedy
    if on.all() or not on.any():
        return
    if greedy is not None and len(greedy.inputs) <= _WHOLE_INPUTS:
        yield _on_inputs(least_weights(seen[:, greedy.inputs], on), greedy.inputs)
    inputs = np.arange(seen.shape[1])
    if seen.size > neuron.effort and greedy is not None:
        inputs = np.array(greedy.inputs)
    if len(seen) * len(inputs) <= neuron.effort:
        yield from _by_programs(seen, on, inputs)


def _by_programs(
    seen: NDArray[np.int8], on: NDArray[np.bool_], inputs: NDArray[np.int64]
) -> Iterator[ThresholdFunction | None]:
    """Yield the solutions of linear and integer programs over some of the inputs."""
    sparse = sparse_weights(seen[:, inputs], on)
    if sparse is None:
        return
    yield _on_inputs(reduce_on_vectors(sparse, seen[:, inputs], on), inputs)
    kept = np.flatnonzero(np.abs(sparse) > _NOTHING)
    if len(kept) <= _WHOLE_INPUTS:
        order = np.argsort(np.abs(sparse[kept]), kind="stable").tolist()
        fewest = inputs[kept][drop_inputs(seen[:, inputs[kept]], on, order)]
        yield _on_inputs(least_weights(seen[:, fewest], on), fewest)
    if len(inputs) <= _WHOLE_INPUTS:
        yield _on_inputs(least_weights(seen[:, inputs], on), inputs)


def _on_inputs(
    function: ThresholdFunction | None, inputs: Sequence[int] | NDArray[np.int64]
) -> ThresholdFunction | None:
    if function is None:
        return None
    return ThresholdFunction(
        tuple(int(inputs[j]) for j in function.inputs), function.weights, function.threshold
    )


Words = NDArray[np.uint64]

_MAX_LITERALS = 384
_WORK = 20_000_000
"""Maximum words compared for one neuron."""
_MAX_WORDS = 1 << 22


class SignalValues:
    """The signatures of all nodes of a builder, from ``(input bits, words)`` uint64 of its inputs."""

    def __init__(self, inputs: Words) -> None:
        self._values = np.zeros((1 + len(inputs), inputs.shape[1]), dtype=np.uint64)
        self._values[1:] = inputs

    def follow(self, builder: NetlistBuilder) -> Words | None:
        """Return ``(nodes, words)`` uint64 of all nodes made so far, None if that needs too much memory."""
        nodes = 1 + builder.n_inputs + builder.n_cells
        words = self._values.shape[1]
        if nodes * words > _MAX_WORDS:
            return None
        rows = list(self._values)
        for node in range(len(rows), nodes):
            fanin = builder.fanin(2 * node)
            assert fanin is not None  # the rows of the inputs are there
            x, y, z = (~rows[lit >> 1] if lit & 1 else rows[lit >> 1] for lit in fanin)
            rows.append(majority_of(x, y, z))
        if nodes > len(self._values):
            self._values = np.array(rows)
        return self._values


def literal_errors(values: Words, target: Words, care: Words) -> Words:
    """Return ``(2 * nodes, words)`` uint64, the vectors on which each literal errs.

    `values`: ``(nodes, words)`` uint64, row 0 the constant false; `target` and `care`: ``(words,)`` uint64,
    the neuron and where it matters.
    """
    errors = np.empty((2 * len(values), values.shape[1]), dtype=np.uint64)
    errors[0::2] = (values ^ target) & care
    errors[1::2] = errors[0::2] ^ care
    return errors


def find_signal(errors: Words) -> int | None:
    right = np.flatnonzero(~errors.any(axis=1))
    return int(right[0]) if len(right) else None


def find_majority(errors: Words) -> tuple[int, int, int] | None:
    """Return three literals of which no two err together, None if none are found.

    If there are many literals, those with the fewest errors are tried; of the correct majorities, the one with
    the lowest nodes, nearest to the inputs, is returned.
    """
    count = np.unpackbits(errors.view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
    limit = min(_MAX_LITERALS, int((_WORK / errors.shape[1]) ** 0.5))
    tried = np.sort(np.argsort(count, kind="stable")[:limit])
    rows = errors[tried]
    apart = np.ones((len(rows), len(rows)), dtype=np.bool_)
    for word in rows.T:
        apart &= (word[:, None] & word[None, :]) == 0
    ahead = np.triu(apart, 1)
    joined = (ahead.astype(np.float32) @ apart.astype(np.float32) > 0) & ahead
    found = np.argwhere(joined)
    if not len(found):
        return None
    first, second = found[0]
    third = np.flatnonzero(apart[first] & apart[second])[0]
    a, b, c = (int(tried[k]) for k in (first, second, third))
    return a, b, c
