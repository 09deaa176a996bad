"""Circuits that compete: each measured by simulation on the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, count_ands, inlined, new_builder
from btfsynth.learn.thrift import within
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import output_words

__all__ = ["Candidate", "measured", "rank"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A circuit within the limits.

    Parameters
    ----------
    learner, how
        Where it comes from.
    netlist
        One output.
    ands
        AND nodes of its AIGER form.
    train_right, valid_right
        Samples that it gets right.
    train_words, valid_words
        ``(words,)`` uint64, its output on the samples.
    parity
        Inputs whose exclusive or was taken off before it was fitted, and added again.
    """

    learner: str
    how: str
    netlist: Netlist
    ands: int
    train_right: int
    valid_right: int
    train_words: NDArray[np.uint64]
    valid_words: NDArray[np.uint64]
    parity: tuple[int, ...] = ()


def measured(problem: Problem, fit: Fit, parity: tuple[int, ...] = ()) -> Candidate | None:
    """Return a fit as a candidate, None if it cannot be brought within the limits.

    Parameters
    ----------
    problem
        What it is to solve.
    fit
        A circuit.
    parity
        Inputs whose exclusive or is added to the circuit: it was fitted to what is left without it.
    """
    netlist = fit.netlist
    if parity:
        builder = new_builder(problem)
        (literal,) = inlined(builder, netlist, [builder.input(i) for i in range(builder.n_inputs)])
        for i in parity:
            literal = builder.xor(literal, builder.input(i))
        netlist = builder.build([literal])
    small = within(netlist, problem.limits)
    if small is None:
        return None
    train_words = output_words(small, problem.train.input_words)[0]
    valid_words = output_words(small, problem.valid.input_words)[0]
    return Candidate(
        learner=fit.learner,
        how=fit.how + (f", exclusive or of {plural(len(parity), 'input')}" if parity else ""),
        netlist=small,
        ands=count_ands(small),
        train_right=problem.train.right(train_words),
        valid_right=problem.valid.right(valid_words),
        train_words=train_words,
        valid_words=valid_words,
        parity=parity,
    )


def rank(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates by validation samples right, then by size; equals as they came."""
    return sorted(
        candidates,
        key=lambda each: (-each.valid_right, each.ands, each.netlist.n_cells),
    )
