"""Signals that are there already, for a neuron, on the vectors where it matters.

Where a neuron matters a literal is right or wrong about it, its *errors*. A literal without errors is the
neuron; the majority of three is, if no two of them err together (the test of `passes.replacement`, before
the neuron has cells of its own).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder

__all__ = ["SignalValues", "find_majority", "find_signal", "literal_errors"]

Words = NDArray[np.uint64]

_MOST_LITERALS = 384
_WORK = 20_000_000
"""Words that are compared for one neuron at most."""
_MOST_WORDS = 1 << 22


class SignalValues:
    """The signatures of all nodes of a builder.

    Parameters
    ----------
    inputs
        ``(input bits, words)`` uint64.
    """

    def __init__(self, inputs: Words) -> None:
        self._values = np.zeros((1 + len(inputs), inputs.shape[1]), dtype=np.uint64)
        self._values[1:] = inputs

    def follow(self, builder: NetlistBuilder) -> Words | None:
        """Return ``(nodes, words)`` uint64 of all nodes made so far, None if that takes too much memory."""
        nodes = 1 + builder.n_inputs + builder.n_cells
        words = self._values.shape[1]
        if nodes * words > _MOST_WORDS:
            return None
        rows = list(self._values)
        for node in range(len(rows), nodes):
            fanin = builder.fanin(2 * node)
            assert fanin is not None  # the rows of the inputs are there
            x, y, z = (~rows[lit >> 1] if lit & 1 else rows[lit >> 1] for lit in fanin)
            rows.append((x & y) | (z & (x | y)))
        if nodes > len(self._values):
            self._values = np.array(rows)
        return self._values


def literal_errors(values: Words, target: Words, care: Words) -> Words:
    """Return ``(2 * nodes, words)`` uint64: on which vectors each literal errs.

    Parameters
    ----------
    values
        ``(nodes, words)`` uint64 signatures, row 0 the constant false.
    target, care
        ``(words,)`` uint64: what the neuron is, and where it matters.
    """
    errors = np.empty((2 * len(values), values.shape[1]), dtype=np.uint64)
    errors[0::2] = (values ^ target) & care
    errors[1::2] = errors[0::2] ^ care
    return errors


def find_signal(errors: Words) -> int | None:
    """Return the first literal without errors, None if there is none."""
    right = np.flatnonzero(~errors.any(axis=1))
    return int(right[0]) if len(right) else None


def find_majority(errors: Words) -> tuple[int, int, int] | None:
    """Return three literals of which no two err together, None if none are found.

    Of many literals those with the fewest errors are looked at, and of the majorities that are right the
    one of the lowest nodes is taken, nearest to the inputs.
    """
    count = np.unpackbits(errors.view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
    limit = min(_MOST_LITERALS, int((_WORK / errors.shape[1]) ** 0.5))
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
