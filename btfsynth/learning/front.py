"""Boosted ensembles of many sizes, and those that are worth building.

Several ways of growing are tried (`GROWTHS`). Each ensemble is looked at after every round of trees, one tree
per sum; what counts for its size are the bits of its leaves. The front are the ensembles that are right on more
validation samples than any smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import VerificationError, plural
from btfsynth.learning.base import Budget, Fit, Limits, Problem, new_builder
from btfsynth.learning.gradient import Booster, Growth
from btfsynth.learning.samples import Rows
from btfsynth.lower.trees import IntegerTree, TreeEnsemble, lower_ensemble
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate

GROWTHS = (
    Growth(tests=6, leaves=12, bits=1),
    Growth(tests=6, leaves=16, bits=2),
    Growth(tests=6, leaves=16, bits=2, rate=0.25, step=1 / 16),
    Growth(tests=6, leaves=24, bits=3),
    Growth(tests=3, leaves=6, bits=1),
)
"""Ways of growing. Six tests fill a lookup table; three leave room for another tree in it."""

_PATIENCE = 24
_MORE = 1.5
"""Rounds, and the factor of leaf bits, without a better ensemble after which no more trees are grown."""
_MAX_BITS = 4000
_MIN_CELLS, _MIN_ANDS, _MIN_LUTS = 4.0, 8.0, 1.7
"""Cells, AND nodes and lookup tables that a leaf bit takes at least, in an ensemble of some size."""
_SPACING = 1.08
_FRONT = 24
"""Factor between neighbouring sizes of the front, and the maximum number of ensembles that are built."""


@dataclass(frozen=True, eq=False)
class Stage:
    """An ensemble as it was after some rounds."""

    growth: Growth
    ensemble: TreeEnsemble
    right: int  # Of the validation samples
    bits: int  # Of all leaves together

    @property
    def how(self) -> str:
        growth = self.growth
        return (
            f"{plural(len(self.ensemble.trees), 'tree')} of up to {growth.tests} tests, "
            f"{growth.bits}-bit leaves"
        )


def max_leaf_bits(limits: Limits) -> int:
    """Return how many leaf bits may be worth trying within limits."""
    most = min(_MAX_BITS, limits.cells / _MIN_CELLS, limits.ands / _MIN_ANDS)
    if limits.luts is not None:
        most = min(most, limits.luts / _MIN_LUTS)
    return max(4, int(most))


def boosted_front(
    train: Rows, valid: Rows, n_classes: int, limits: Limits, seed: int, budget: Budget
) -> list[Stage]:
    """Return the front of all ways of growing, by size; at least one stage."""
    stages: list[Stage] = []
    for number, growth in enumerate(GROWTHS):
        if stages and budget.over():
            break
        part = budget.share(1 / (len(GROWTHS) - number))
        stages.extend(_stages(train, valid, n_classes, growth, max_leaf_bits(limits), seed, part))
    return thinned(stages)


def _stages(
    train: Rows,
    valid: Rows,
    n_classes: int,
    growth: Growth,
    most_bits: int,
    seed: int,
    budget: Budget,
) -> Iterator[Stage]:
    """Yield an ensemble after every round in which it is better than before, and the one without trees."""
    booster = Booster(train.inputs, train.labels, n_classes, growth, seed)
    columns = np.ascontiguousarray(valid.inputs)
    sums = np.tile(np.array(booster.bias, dtype=np.int64), (valid.count, 1))
    best, best_bits, waited, bits = -1, 0, 0, 0
    while True:
        right = int((_labels(sums) == valid.labels).sum())
        waited += 1
        if right > best:
            best, best_bits, waited = right, bits, 0
            yield Stage(growth, booster.ensemble(), right, bits)
        stuck = waited > _PATIENCE and bits > _MORE * best_bits
        if stuck or bits > most_bits or budget.over():
            return
        grown = False
        for output in range(len(booster.bias)):
            if not booster.grow(output):
                continue
            grown = True
            tree = booster.trees[-1]
            sums[:, output] += tree.values(columns)
            bits += leaf_bits(tree)
        if not grown:
            return


def leaf_bits(tree: IntegerTree) -> int:
    """Return how many bits the leaves of a tree differ in."""
    values = tree.value[tree.leaves]
    above = values - values.min()
    return int(above.max() // max(1, np.gcd.reduce(above))).bit_length()


def _labels(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    return (sums[:, 0] > 0).astype(np.int64) if sums.shape[1] == 1 else sums.argmax(axis=1)


def thinned(stages: list[Stage]) -> list[Stage]:
    """Return the stages that no smaller or equal one equals in accuracy, apart from each other in size."""
    front: list[Stage] = []
    for stage in sorted(stages, key=lambda each: (each.bits, -each.right)):
        if not front or stage.right > front[-1].right:
            if len(front) > 1 and stage.bits < _SPACING * front[-2].bits:
                front.pop()  # the better of two that are nearly as large
            front.append(stage)
    places = np.linspace(0, len(front) - 1, min(len(front), _FRONT)).round().astype(np.intp)
    return [front[place] for place in places]


def lower_stage(builder: NetlistBuilder, stage: Stage, checked: Rows) -> Netlist:
    """Build an ensemble over the inputs; refuse a netlist that does not give its labels on the rows."""
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    netlist = builder.build(lower_ensemble(builder, stage.ensemble, inputs))
    found = evaluate(netlist, checked.inputs)
    labels = found.astype(np.int64) @ (1 << np.arange(found.shape[1]))
    wrong = np.flatnonzero(labels != stage.ensemble.labels(np.ascontiguousarray(checked.inputs)))
    if wrong.size:
        raise VerificationError(
            f"the netlist of {stage.how} gives another label than the trees on row {wrong[0] + 1}"
        )
    return netlist


class GradientLearner:
    """Fit gradient-boosted trees with integer leaves, of one output."""

    name: ClassVar[str] = "gradient"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        train, valid = problem.train.rows, problem.valid.rows
        front = boosted_front(train, valid, 2, problem.limits, problem.seed, problem.budget)
        for stage in front:
            yield Fit(self.name, stage.how, lower_stage(new_builder(problem), stage, train))
