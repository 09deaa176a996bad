"""Gradient boosting of small trees whose leaves are integers of few bits, and the ensembles worth building.

Several ways of growing are tried (`GROWTHS`). Each ensemble is measured after every round of trees, one tree
per sum; its size is the number of bits of its leaves. The front contains the ensembles that are better on the
validation samples than any smaller one: by correct samples or, where only accuracy counts, by the mean loss.
The loss varies less from one validation set to another than the number of correct samples does.

Each tree is fitted to the first and second derivatives of the logistic or softmax loss (Friedman, Greedy
function approximation: a gradient boosting machine, Annals of Statistics 29, 2001; Chen & Guestrin, XGBoost: a
scalable tree boosting system, KDD 2016). Two properties suit hardware:

- A tree has a limited number of different tests, as many as a lookup table has inputs; repeating a test in
  another branch is free. One bit of a leaf is then one table, for any number of leaves.
- Leaves are rounded before the next tree is grown, so that it compensates for the rounding: to a smallest leaf
  plus a power of two times an integer of `bits` bits, where only the `bits` cost hardware.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import VerificationError, plural
from btfsynth.learning.base import Budget, ClassProblem, Fit, Limits, Problem, Rows, new_builder
from btfsynth.learning.trees import part_rows
from btfsynth.lower.trees import LEAF, IntegerTree, TreeEnsemble, lower_ensemble
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate


@dataclass(frozen=True)
class Growth:
    """How trees are grown."""

    tests: int = 6  # Different tests of a tree
    leaves: int = 12
    bits: int = 2  # Of a leaf
    rate: float = 0.5  # Part of the best leaf that is taken
    step: float = 0.125  # What one unit of a leaf is, in natural logarithms of odds
    reg: float = 1.0  # Added to the second derivatives of a leaf
    min_weight: float = 1.0  # Second derivatives that a leaf needs in all
    sample: float = 1.0  # Share of the rows that a tree is grown on


_LARGEST_SHIFT = 6
_LARGEST_LOG = 30.0


class Booster:
    """Grow an ensemble tree by tree; the sums on the rows are kept.

    Parameters
    ----------
    columns
        ``(rows, tests)`` uint8 0/1.
    labels
        ``(rows,)`` int64.
    """

    def __init__(
        self,
        columns: NDArray[np.uint8],
        labels: NDArray[np.int64],
        n_classes: int,
        growth: Growth,
        seed: int,
    ) -> None:
        self._columns = np.ascontiguousarray(columns)
        self._outputs = 1 if n_classes == 2 else n_classes
        self._growth = growth
        self._random = np.random.default_rng(seed)
        self._wanted = (
            (labels == 1)[:, None] if n_classes == 2 else labels[:, None] == np.arange(n_classes)
        ).astype(np.float32)
        share = np.clip(self._wanted.mean(axis=0), 1e-6, 1 - 1e-6)
        start = np.log(share / (1 - share)) if n_classes == 2 else np.log(share)
        bias = np.rint(start / growth.step).astype(np.int64)
        self.bias = tuple(int(each) for each in bias - (0 if n_classes == 2 else bias.min()))
        self.sums = np.tile(np.array(self.bias, dtype=np.int64), (len(columns), 1))
        # Of classes, the power of e of each sum and their total: one tree changes one column.
        self._powers = self._power(self.sums)
        self._total = self._powers.sum(axis=1)
        self.trees: list[IntegerTree] = []

    def ensemble(self) -> TreeEnsemble:
        return TreeEnsemble(tuple(self.trees), self.bias)

    def derivatives(self, output: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the first and second derivatives of the loss by the sum of an output."""
        power = self._powers[:, output]
        rest = 1.0 if self._outputs == 1 else np.maximum(self._total - power, 0.0)
        chance = (power / (power + rest)).astype(np.float32)
        return chance - self._wanted[:, output], np.maximum(chance * (1 - chance), 1e-6)

    def _power(self, sums: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(np.clip(sums * self._growth.step, -_LARGEST_LOG, _LARGEST_LOG)))

    def grow(self, output: int) -> bool:
        """Add one tree to the sum of an output; return False if no tree improves it."""
        growth = self._growth
        first, second = self.derivatives(output)
        rows = np.arange(len(first))
        if growth.sample < 1:
            count = max(1, round(growth.sample * len(rows)))
            rows = np.sort(self._random.permutation(rows)[:count])
        test, low, high, slopes, bends = grow_newton_tree(
            self._columns, first, second, rows,
            growth.tests, growth.leaves, growth.reg, growth.min_weight,
        )  # fmt: skip
        leaves = test == LEAF
        if len(test) == 1:
            return False
        value = np.zeros(len(test), dtype=np.int64)
        value[leaves] = rounded_leaves(slopes[leaves], bends[leaves], growth)
        if not np.any(value[leaves] != value[leaves][0]):
            return False
        tree = IntegerTree(test, low, high, value, output)
        self.trees.append(tree)
        self.sums[:, output] += tree.values(self._columns)
        power = self._power(self.sums[:, output])
        self._total += power - self._powers[:, output]
        self._powers[:, output] = power
        return True


def rounded_leaves(
    slopes: NDArray[np.float64], bends: NDArray[np.float64], growth: Growth
) -> NDArray[np.int64]:
    """Return ``(leaves,)`` int64: the integers that lower the loss most, to second order.

    They are a smallest integer plus a power of two times integers of `bits` bits.
    """
    bend = (bends + growth.reg) * growth.step**2 / growth.rate
    best = -slopes * growth.step / bend
    top = (1 << growth.bits) - 1
    found = np.zeros(len(best), dtype=np.int64)
    least = np.inf
    spread = float(best.max() - best.min())
    for shift in range(_LARGEST_SHIFT):
        unit = 1 << shift
        for lowest in range(int(np.floor(best.min())), int(np.ceil(best.max())) + 1):
            value = lowest + unit * np.clip(np.rint((best - lowest) / unit), 0, top).astype(
                np.int64
            )
            loss = float((bend * (value - best) ** 2).sum())
            if loss < least:
                least, found = loss, value
        if unit * top > spread:
            break
    return found


def grow_newton_tree(
    columns: NDArray[np.uint8],
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    rows: NDArray[np.intp],
    tests: int,
    leaves: int,
    reg: float,
    min_weight: float,
) -> tuple[NDArray[Any], ...]:
    """Grow a tree best first; return its tests, next nodes, and the derivatives of each node in all."""
    most = 2 * leaves - 1
    test = np.full(most, LEAF, dtype=np.int64)
    low, high = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
    sums = np.zeros((most, 2))
    nodes = _grow(
        columns, first, second, rows.copy(), tests, reg, min_weight, test, low, high, sums
    )
    return test[:nodes], low[:nodes], high[:nodes], sums[:nodes, 0], sums[:nodes, 1]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add_up(
    columns: Any, first: Any, second: Any, rows: Any, begin: int, end: int, sums: Any
) -> None:
    """Add up the derivatives of the rows of a node where each test is true, into ``(2, tests)`` float32."""
    count = columns.shape[1]
    slopes, bends = sums[0], sums[1]
    for at in range(begin, end):
        row = rows[at]
        slope, bend = first[row], second[row]
        bits = columns[row]
        for k in range(count):
            bit = np.float32(bits[k])
            slopes[k] += slope * bit
            bends[k] += bend * bit


@numba.njit(cache=True, nogil=True)
def _best_split(
    sums: Any, slope: float, bend: float, used: Any, only_used: bool, reg: float, min_weight: float
) -> Any:
    """Return the test with the largest gain at a node, -1 if there is none, and the gain."""
    place, most = -1, 1e-7
    whole = slope * slope / (bend + reg)
    for k in range(sums.shape[1]):
        if only_used and not used[k]:
            continue
        bends = sums[1, k]
        rest = bend - bends
        if bends < min_weight or rest < min_weight:
            continue
        slopes = sums[0, k]
        other = slope - slopes
        gain = slopes * slopes / (bends + reg) + other * other / (rest + reg) - whole
        if gain > most:
            place, most = k, gain
    return place, most


@numba.njit(cache=True, nogil=True)
def _grow(
    columns: Any,
    first: Any,
    second: Any,
    rows: Any,
    tests: int,
    reg: float,
    min_weight: float,
    test: Any,
    low: Any,
    high: Any,
    totals: Any,
) -> int:
    """Grow a tree best first. Modifies rows and test to totals; returns the number of nodes.

    `totals` is ``(nodes, 2)`` float64, the derivatives of each node's rows. The sums by test are kept for
    every node that may be split: when the tests are used up, the best of these tests is searched for again, and
    the sums of the larger child are the difference of those of the parent and the smaller child.
    """
    most = test.shape[0]
    count = columns.shape[1]
    sums = np.zeros((most, 2, count), dtype=np.float32)
    begin, end = np.zeros(most, np.int64), np.zeros(most, np.int64)
    place = np.full(most, -1)
    gain = np.zeros(most)
    used = np.zeros(count, dtype=np.bool_)
    n_used = 0
    spare = np.empty_like(rows)
    end[0] = rows.shape[0]
    for row in rows:
        totals[0, 0] += first[row]
        totals[0, 1] += second[row]
    _add_up(columns, first, second, rows, 0, rows.shape[0], sums[0])
    place[0], gain[0] = _best_split(
        sums[0], totals[0, 0], totals[0, 1], used, n_used >= tests, reg, min_weight
    )
    nodes = 1
    while nodes + 2 <= most:
        node = -1
        for other in range(nodes):
            if place[other] >= 0 and (node < 0 or gain[other] > gain[node]):
                node = other
        if node < 0:
            break
        asked = place[node]
        place[node] = -1
        test[node] = asked
        low[node], high[node] = nodes, nodes + 1
        middle = part_rows(columns, rows, spare, begin[node], end[node], asked)
        begin[nodes], end[nodes] = begin[node], middle
        begin[nodes + 1], end[nodes + 1] = middle, end[node]
        totals[nodes + 1, 0] = sums[node, 0, asked]
        totals[nodes + 1, 1] = sums[node, 1, asked]
        totals[nodes] = totals[node] - totals[nodes + 1]
        small = (
            nodes if end[nodes] - begin[nodes] < end[nodes + 1] - begin[nodes + 1] else nodes + 1
        )
        large = 2 * nodes + 1 - small
        _add_up(columns, first, second, rows, begin[small], end[small], sums[small])
        sums[large] = sums[node] - sums[small]
        filled = False
        if not used[asked]:
            used[asked] = True
            n_used += 1
            filled = n_used == tests
        for other in range(nodes + 2):
            if other >= nodes or (filled and place[other] >= 0):
                place[other], gain[other] = _best_split(
                    sums[other], totals[other, 0], totals[other, 1], used, n_used >= tests,
                    reg, min_weight,
                )  # fmt: skip
        nodes += 2
    return nodes


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
"""Minimum cells, AND nodes and lookup tables per leaf bit, in an ensemble of some size."""
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
    loss: float = 0.0  # Mean of the validation samples, in natural logarithms

    def merit(self, by_loss: bool) -> float:
        return -self.loss if by_loss else self.right

    @property
    def how(self) -> str:
        growth = self.growth
        return (
            f"{plural(len(self.ensemble.trees), 'tree')} of up to {growth.tests} tests, "
            f"{growth.bits}-bit leaves"
        )


def max_leaf_bits(limits: Limits) -> int:
    """Return the maximum number of leaf bits to try within limits."""
    most = min(_MAX_BITS, limits.cells / _MIN_CELLS, limits.ands / _MIN_ANDS)
    if limits.luts is not None:
        most = min(most, limits.luts / _MIN_LUTS)
    return max(4, int(most))


@dataclass(frozen=True, eq=False)
class _Ground:
    """What all ensembles of a front are grown on and measured with."""

    train: Rows
    valid: Rows
    n_classes: int
    max_bits: int
    seed: int
    by_loss: bool


def boosted_front(problem: Problem | ClassProblem) -> list[Stage]:
    """Return the front of all ways of growing, by size; at least one stage."""
    ground = _ground(problem)
    budget = problem.budget
    stages: list[Stage] = []
    for number, growth in enumerate(GROWTHS):
        if stages and budget.over():
            break
        stages.extend(_stages(ground, growth, budget.share(1 / (len(GROWTHS) - number))))
    return thinned(stages, ground.by_loss)


def _ground(problem: Problem | ClassProblem) -> _Ground:
    bits, by_loss = max_leaf_bits(problem.limits), problem.tolerance == 0
    if isinstance(problem, ClassProblem):
        train, valid, n_classes = problem.train, problem.valid, problem.n_classes
    else:
        train, valid, n_classes = problem.train.rows, problem.valid.rows, 2
    return _Ground(train, valid, n_classes, bits, problem.seed, by_loss)


def _stages(ground: _Ground, growth: Growth, budget: Budget) -> Iterator[Stage]:
    """Yield an ensemble after every round in which it is better than before, and the one without trees."""
    train, valid = ground.train, ground.valid
    booster = Booster(train.inputs, train.labels, ground.n_classes, growth, ground.seed)
    columns = np.ascontiguousarray(valid.inputs)
    sums = np.tile(np.array(booster.bias, dtype=np.int64), (valid.count, 1))
    best, best_bits, waited, bits = -np.inf, 0, 0, 0
    while True:
        right = int((_labels(sums) == valid.labels).sum())
        loss = mean_loss(sums, valid.labels, growth.step)
        stage = Stage(growth, booster.ensemble(), right, bits, loss)
        waited += 1
        if stage.merit(ground.by_loss) > best:
            best, best_bits, waited = stage.merit(ground.by_loss), bits, 0
            yield stage
        stuck = waited > _PATIENCE and bits > _MORE * best_bits
        if stuck or bits > ground.max_bits or budget.over():
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
    """Return the number of bits in which the leaves of a tree differ."""
    values = tree.value[tree.leaves]
    above = values - values.min()
    return int(above.max() // max(1, np.gcd.reduce(above))).bit_length()


def _labels(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    return (sums[:, 0] > 0).astype(np.int64) if sums.shape[1] == 1 else sums.argmax(axis=1)


def mean_loss(sums: NDArray[np.int64], labels: NDArray[np.int64], step: float) -> float:
    """Return the mean logistic or softmax loss of ``(rows, 1 or classes)`` integer sums in units of `step`."""
    logits = sums * step
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - own).mean()) if len(labels) else 0.0


def thinned(stages: list[Stage], by_loss: bool = False) -> list[Stage]:
    """Return the stages that are better than all smaller or equal ones, apart from each other in size."""
    front: list[Stage] = []
    for stage in sorted(stages, key=lambda each: (each.bits, -each.merit(by_loss))):
        if not front or stage.merit(by_loss) > front[-1].merit(by_loss):
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
        for stage in boosted_front(problem):
            netlist = lower_stage(new_builder(problem), stage, problem.train.rows)
            yield Fit(self.name, stage.how, netlist, valid_loss=stage.loss)
