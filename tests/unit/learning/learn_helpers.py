"""Problems for the learners."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.learning.base import Fit, Limits, Problem, Samples
from btfsynth.netlist.simulation import output_words
from btfsynth.ports import Port

Function = Callable[[np.ndarray], np.ndarray]


def make_samples(function: Function, n_inputs: int, count: int, seed: int) -> Samples:
    """Random input vectors with the function's value."""
    inputs = np.random.default_rng(seed).integers(0, 2, (count, n_inputs), dtype=np.uint8)
    return Samples(inputs, np.asarray(function(inputs)).astype(np.bool_))


def make_problem(
    function: Function, n_inputs: int, count: int = 600, limits: Limits | None = None
) -> Problem:
    """Samples to train on and to validate by."""
    return Problem(
        name="f",
        ports=(Port("x", n_inputs),),
        train=make_samples(function, n_inputs, count, 1),
        valid=make_samples(function, n_inputs, count, 2),
        limits=limits or Limits(5000, 5000),
        seed=1,
    )


def make_dataset(function: Function, n_inputs: int, count: int, seed: int) -> Dataset:
    """Samples as a data set of one output."""
    samples = make_samples(function, n_inputs, count, seed)
    _, first = np.unique(samples.inputs, axis=0, return_index=True)
    return Dataset(
        "f",
        "f.pla",
        samples.inputs[first],
        samples.on[first, None],
        (Port("x", n_inputs),),
        (Port("y", 1),),
    )


def accuracy(fit: Fit, samples: Samples) -> float:
    """Share of the samples that a circuit gets right."""
    return samples.right(output_words(fit.netlist, samples.input_words)[0]) / samples.count


def number(inputs: np.ndarray) -> np.ndarray:
    """Rows as numbers, the first column least significant."""
    return inputs.astype(np.int64) @ (1 << np.arange(inputs.shape[1]))
