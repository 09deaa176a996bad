"""One walk as a task of a worker: from a netlist and bounds to a smaller netlist that keeps them, measured.

Up to `MAX_EXHAUSTIVE_INPUTS` inputs a walk sees every input vector, so that what it ends with keeps the bounds.
With more it sees a sample. Its result is measured on every vector, or checked by a solver. Where it misses a
bound, vectors with too large an error join the sample, or the budget of an average is cut, and the walk is
repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.tolerance import AVERAGES, limits_of
from btfsynth.approximation.walk import Walk
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    exhaustive_words,
    output_words,
    pack_bits,
    unpack_bits,
    valid_words,
)
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Errors, Reading
from btfsynth.verify.error_proof import MAX_MEASURED_INPUTS, beyond, measure
from btfsynth.workers.executor import Common

_SAMPLE_WORDS = 128
_SEED = 1
_ROUNDS = 24
"""Walks on a sample before the start is kept."""
_ADDED = 256
"""Vectors added to a sample at most, after a walk."""
_PROOF_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Problem(Common):
    """What all walks of a search have in common."""

    exact: str  # the exact netlist as text
    reading: Reading
    weights: NDArray[np.int64] | None

    def netlist(self) -> Netlist:
        return _parsed(self.exact)


@dataclass(frozen=True, eq=False)
class Walked:
    netlist: str  # as text
    errors: Errors


@lru_cache(maxsize=4)
def _parsed(text: str) -> Netlist:
    return parse_netlist(text)


def get_ready(averages: bool) -> None:
    """Compile what walks need, on a circuit of one cell."""
    builder = NetlistBuilder("ready", (Port("a", 2),), (Port("y", 1),))
    text = format_netlist(builder.build([builder.and_(builder.input(0), builder.input(1))]))
    problem = Problem(text, Reading(((0, 1, False),)), None)
    metrics = AVERAGES if averages else (Metric.WCE,)
    walk_once(problem, text, dict.fromkeys(metrics, Fraction(0)), Walk(patience=1))


def walk_once(
    problem: Problem, start: str, most: Mapping[Metric, Fraction], walk: Walk
) -> Walked | None:
    """Walk from a netlist that keeps the bounds; None if nothing that keeps them was found on a sample."""
    exact, netlist = problem.netlist(), parse_netlist(start)
    if exact.n_inputs <= MAX_EXHAUSTIVE_INPUTS:
        words, vectors = exhaustive_words(exact.n_inputs), 1 << exact.n_inputs
        found = _walk(problem, netlist, words, vectors, most, walk)
        return Walked(
            format_netlist(found), measure(exact, found, problem.reading, problem.weights)
        )
    return _on_sample(problem, netlist, most, walk)


def _walk(
    problem: Problem,
    netlist: Netlist,
    words: NDArray[np.uint64],
    vectors: int,
    most: Mapping[Metric, Fraction],
    walk: Walk,
) -> Netlist:
    exact = problem.reading.values(output_words(problem.netlist(), words), vectors)
    weights = problem.weights
    if weights is None:
        weights = np.ones(vectors, dtype=np.int64)
    elif vectors != len(weights):
        weights = weights[_numbers(words, vectors)]
    limits = limits_of(problem.reading, exact, weights, most)
    return walk.run(netlist, words, valid_words(vectors), limits)


def _numbers(words: NDArray[np.uint64], vectors: int) -> NDArray[np.int64]:
    """Return ``(vectors,)`` int64, the numbers of input vectors, input 0 least significant."""
    bits = unpack_bits(words, vectors).astype(np.int64)
    worth = np.int64(1) << np.arange(bits.shape[1], dtype=np.int64)
    return np.asarray(bits @ worth, dtype=np.int64)


def _on_sample(
    problem: Problem, start: Netlist, most: Mapping[Metric, Fraction], walk: Walk
) -> Walked | None:
    exact = problem.netlist()
    sample = random_vectors(exact.n_inputs, _SAMPLE_WORDS, _SEED)
    listed = unpack_bits(sample, 64 * _SAMPLE_WORDS)
    asked = dict(most)
    for number in range(_ROUNDS):
        words = pack_bits(listed)
        tried = replace(walk, seed=walk.seed + number)
        found = _walk(problem, start, words, len(listed), asked, tried)
        errors = measure(exact, found, problem.reading, problem.weights)
        missed = [metric for metric in most if errors.value(metric) > most[metric]]
        if not missed and not errors.exhaustive and Metric.WCE in most:
            bound = int(most[Metric.WCE])
            vector = beyond(exact, found, problem.reading, bound, _PROOF_SECONDS)
            if vector is not None:
                listed = np.concatenate([listed, vector[None, :]])
                continue
        if not missed:
            return Walked(format_netlist(found), errors)
        for metric in missed:
            if metric in AVERAGES:
                asked[metric] *= most[metric] / errors.value(metric) * Fraction(95, 100)
        worst = _above(problem, found, most)
        listed = np.concatenate([listed, worst])
    return None


def _above(problem: Problem, found: Netlist, most: Mapping[Metric, Fraction]) -> NDArray[np.uint8]:
    """Return up to `_ADDED` input vectors whose errors are above a worst-case bound, spread over all."""
    exact, reading = problem.netlist(), problem.reading
    if exact.n_inputs > MAX_MEASURED_INPUTS:
        words = random_vectors(exact.n_inputs, 1 << 14, _SEED)
    else:
        words = exhaustive_words(exact.n_inputs)
    kept: list[NDArray[np.uint8]] = []
    for start in range(0, words.shape[1], 1 << 10):
        block = words[:, start : start + (1 << 10)]
        count = 64 * block.shape[1]
        wanted = reading.values(output_words(exact, block), count)
        off = np.abs(reading.values(output_words(found, block), count) - wanted)
        above = np.zeros(count, dtype=np.bool_)
        if Metric.WCE in most:
            above |= (off > int(most[Metric.WCE])).any(axis=0)
        if Metric.WCRE in most:
            ratio = off / np.maximum(1, np.abs(wanted))
            above |= (ratio > float(most[Metric.WCRE])).any(axis=0)
        if above.any():
            kept.append(unpack_bits(block, count)[above])
    if not kept:
        return np.zeros((0, exact.n_inputs), dtype=np.uint8)
    every = np.concatenate(kept)
    return every[np.linspace(0, len(every) - 1, min(len(every), _ADDED)).astype(np.int64)]
