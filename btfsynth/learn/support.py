"""A table over the few inputs that matter: exact where the function has small support.

Inputs are taken in the order of their largest Fourier coefficient; combinations that no sample shows are
left open and set by the decision diagram as suits its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, new_builder
from btfsynth.learn.samples import Samples
from btfsynth.learn.spectrum import measure_spectrum
from btfsynth.netlist.builder import lower_table

__all__ = ["SupportLearner", "forward_order"]

_WIDEST = 14
"""Inputs of a table at most."""


class SupportLearner:
    """Tabulate the output over the most telling inputs, for the best of several numbers of them."""

    name: ClassVar[str] = "support"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield the two tables that do best on the validation samples."""
        train, valid = problem.train, problem.valid
        order = forward_order(train, _WIDEST)
        spectral = measure_spectrum(train).relevant()[:_WIDEST]
        candidates = {tuple(order[:width]) for width in range(1, len(order) + 1)}
        candidates |= {tuple(spectral[:width]) for width in range(1, len(spectral) + 1)}
        ranked = sorted(
            candidates, key=lambda chosen: (-_right(train, valid, chosen), len(chosen), chosen)
        )
        for chosen in ranked[:2]:
            builder = new_builder(problem)
            # The first input is expanded first, which makes it the most significant of the table.
            literals = [builder.input(i) for i in chosen[::-1]]
            literal = lower_table(builder, _table(train, chosen[::-1]), literals)
            yield Fit(
                self.name, f"table of {plural(len(chosen), 'input')}", builder.build([literal])
            )


def forward_order(train: Samples, most: int) -> list[int]:
    """Return inputs in the order in which each tells most about the output beside those before it.

    Parameters
    ----------
    train
        Samples.
    most
        How many.
    """
    chosen: list[int] = []
    cells = np.zeros(train.count, dtype=np.int64)
    rest = list(range(train.n_inputs))
    while rest and len(chosen) < most:
        wrong = [_mixed(2 * cells + train.inputs[:, i], train.on) for i in rest]
        best = rest[int(np.argmin(wrong))]
        chosen.append(best)
        rest.remove(best)
        # Cells are numbered anew, so that there are never more than samples.
        cells = np.unique(2 * cells + train.inputs[:, best], return_inverse=True)[1].reshape(-1)
        if min(wrong) == 0:
            break
    return chosen


def _mixed(cells: NDArray[np.int64], on: NDArray[np.bool_]) -> float:
    """Return the impurity of cells, with two virtual samples in each so that small ones tell little."""
    size = int(cells.max()) + 1
    ones = np.bincount(cells[on], minlength=size)
    total = np.bincount(cells, minlength=size)
    return float((ones * (total - ones) / np.maximum(total + 1.0, 1.0)).sum())


def _table(samples: Samples, chosen: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return ``(2 ** inputs,)`` uint8: the more frequent value, 2 where there is no sample."""
    places = samples.inputs[:, chosen].astype(np.int64) @ (1 << np.arange(len(chosen)))
    ones = np.bincount(places[samples.on], minlength=1 << len(chosen))
    total = np.bincount(places, minlength=1 << len(chosen))
    return np.where(total == 0, 2, 2 * ones > total).astype(np.uint8)


def _right(train: Samples, valid: Samples, chosen: tuple[int, ...]) -> float:
    """Return how many validation samples a table gets right; an open entry is half right."""
    table = _table(train, chosen)
    places = valid.inputs[:, chosen].astype(np.int64) @ (1 << np.arange(len(chosen)))
    value = table[places]
    return float((value == valid.on).sum() + 0.5 * (value == 2).sum())
