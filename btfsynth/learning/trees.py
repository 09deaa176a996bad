"""Decision trees over bits and over signals found at the fringe of earlier trees, as circuits.

Trees are grown best first: the split that lowers the entropy most comes next (Quinlan, Induction of decision
trees, Machine Learning 1, 1986). The first splits of a large tree are therefore the small tree, so one tree
gives all sizes to choose from.

The last two tests before a leaf are combined into a new signal, which the next tree may test. After some
rounds, signals replace subtrees that a plain tree repeats in every branch (Pagallo & Haussler, Boolean feature
discovery in empirical learning, Machine Learning 5, 1990).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learning.base import (
    AND,
    XOR,
    Features,
    Fit,
    Problem,
    measure_spectrum,
    new_builder,
    with_pairs,
)
from btfsynth.learning.closed_forms import forward_order
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist

_LEAF = -1


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree; node 0 is the root."""

    feature: NDArray[np.int64]  # (nodes,) int64, the column a node asks for, -1 at a leaf
    # (nodes,) int64, the next node where it is 0 and 1
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    value: NDArray[np.bool_]  # (nodes,) bool, the more frequent value of the samples at a node
    order: tuple[int, ...]  # The nodes that are split, in the order in which they were

    @property
    def leaves(self) -> int:
        return len(self.order) + 1

    def cut(self, leaves: int) -> Tree:
        """Return the tree as it was when it had this many leaves."""
        kept = self.order[: leaves - 1]
        feature = np.full_like(self.feature, _LEAF)
        feature[list(kept)] = self.feature[list(kept)]
        return Tree(feature, self.low, self.high, self.value, kept)

    def predict(self, columns: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return ``(samples,)`` bool for ``(samples, features)`` uint8."""
        return np.asarray(_predict(self.feature, self.low, self.high, self.value, columns))

    def staged_right(self, columns: NDArray[np.uint8], on: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return ``(leaves,)``: the number of correct samples of the tree with 1, 2, ... leaves."""
        members: dict[int, NDArray[np.intp]] = {0: np.arange(len(on))}
        right = [int((on == self.value[0]).sum())]
        for node in self.order:
            rows = members.pop(node)
            bits = columns[rows, self.feature[node]].astype(np.bool_)
            gained = -int((on[rows] == self.value[node]).sum())
            for child, part in ((self.low[node], rows[~bits]), (self.high[node], rows[bits])):
                members[int(child)] = part
                gained += int((on[part] == self.value[child]).sum())
            right.append(right[-1] + gained)
        return np.array(right, dtype=np.int64)


def grow_tree(
    columns: NDArray[np.uint8],
    on: NDArray[np.bool_],
    *,
    weights: NDArray[np.float64] | None = None,
    max_leaves: int = 4096,
    min_samples: int = 1,
    allowed: NDArray[np.intp] | None = None,
) -> Tree:
    """Grow a tree on ``(samples, features)`` uint8 until its leaves are pure or their number suffices.

    Weights are above 0; `allowed` are the features to split by.
    """
    chosen = np.arange(columns.shape[1]) if allowed is None else allowed
    used = np.ascontiguousarray(columns[:, chosen], dtype=np.uint8)
    weight = (
        np.ones(len(on)) if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    )
    most = 2 * min(max_leaves, len(on)) + 1
    feature, low, high = (np.full(most, _LEAF, dtype=np.int64) for _ in range(3))
    value = np.zeros(most, dtype=np.bool_)
    order = np.zeros(most, dtype=np.int64)
    nodes, splits = _grow(
        used, on, weight, max_leaves, min_samples, feature, low, high, value, order
    )
    feature = feature[:nodes]
    inner = feature != _LEAF
    feature[inner] = chosen[feature[inner]]
    return Tree(feature, low[:nodes], high[:nodes], value[:nodes], tuple(order[:splits].tolist()))


@numba.njit(cache=True, nogil=True)
def _predict(feature: Any, low: Any, high: Any, value: Any, columns: Any) -> Any:
    result = np.zeros(columns.shape[0], dtype=np.bool_)
    for row in range(columns.shape[0]):
        node = 0
        while feature[node] >= 0:
            node = high[node] if columns[row, feature[node]] else low[node]
        result[row] = value[node]
    return result


@numba.njit(cache=True, nogil=True)
def _grow(
    columns: Any,
    on: Any,
    weights: Any,
    max_leaves: int,
    min_samples: int,
    feature: Any,
    low: Any,
    high: Any,
    value: Any,
    order: Any,
) -> Any:
    """Grow a tree. Modifies feature to order; returns the numbers of nodes and of splits."""
    most = feature.shape[0]
    rows = np.arange(on.shape[0])
    spare = np.zeros(on.shape[0], dtype=rows.dtype)
    begin, end, place = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64)
    gain = np.full(most, -1.0)  # below 0: not to be split
    begin[0], end[0] = 0, on.shape[0]
    value[0] = _measure(
        columns, on, weights, rows, 0, on.shape[0], min_samples, False, gain, place, 0
    )
    nodes, splits = 1, 0
    while splits + 1 < max_leaves and nodes + 2 <= most:
        node = 0
        for other in range(1, nodes):
            if gain[other] > gain[node]:
                node = other
        if gain[node] < 0.0:
            break
        gain[node] = -1.0
        feature[node] = place[node]
        order[splits] = node
        splits += 1
        first, last = begin[node], end[node]
        middle = part_rows(columns, rows, spare, first, last, place[node])
        for side in range(2):
            child = nodes + side
            begin[child] = first if side == 0 else middle
            end[child] = middle if side == 0 else last
            value[child] = _measure(
                columns, on, weights, rows, begin[child], end[child], min_samples, value[node],
                gain, place, child,
            )  # fmt: skip
        low[node], high[node] = nodes, nodes + 1
        nodes += 2
    return nodes, splits


@numba.njit(cache=True, nogil=True)
def part_rows(columns: Any, rows: Any, spare: Any, first: int, last: int, place: int) -> Any:
    """Move the rows of a node with a 0 before those with a 1, keeping their order; return the boundary."""
    zeros, ones = first, 0
    for at in range(first, last):
        row = rows[at]
        if columns[row, place]:
            spare[ones] = row
            ones += 1
        else:
            rows[zeros] = row
            zeros += 1
    for at in range(ones):
        rows[zeros + at] = spare[at]
    return zeros


@numba.njit(cache=True, nogil=True)
def _measure(
    columns: Any,
    on: Any,
    weights: Any,
    rows: Any,
    first: int,
    last: int,
    min_samples: int,
    otherwise: bool,
    gain: Any,
    place: Any,
    node: int,
) -> Any:
    """Find the best split of a node. Modifies gain and place; returns the node's value."""
    features = columns.shape[1]
    count = last - first
    total, true, hits = 0.0, 0.0, 0
    for at in range(first, last):
        total += weights[rows[at]]
        if on[rows[at]]:
            true += weights[rows[at]]
            hits += 1
    value = otherwise if 2 * true == total else 2 * true > total
    if hits == 0 or hits == count or count < 2 * min_samples:
        return value
    number = np.zeros(features, np.int64)
    both, ones = np.zeros(features), np.zeros(features)
    for at in range(first, last):
        row = rows[at]
        weight = weights[row]
        if on[row]:
            for k in range(features):
                bit = columns[row, k]
                number[k] += bit
                both[k] += weight * bit
                ones[k] += weight * bit
        else:
            for k in range(features):
                bit = columns[row, k]
                number[k] += bit
                both[k] += weight * bit
    least = np.inf
    for k in range(features):
        if min(number[k], count - number[k]) >= min_samples:
            after = _entropy(both[k], ones[k]) + _entropy(total - both[k], true - ones[k])
            if after < least:
                least = after
                place[node] = k
    if least < np.inf:
        gain[node] = max(0.0, _entropy(total, true) - least)
    return value


@numba.njit(cache=True, nogil=True)
def _entropy(total: float, ones: float) -> float:
    """Return the entropy times the total; differences of rounded sums may be a little below 0."""
    zeros = total - ones
    result = 0.0
    if ones > 0.0 and total > 0.0:
        result -= ones * np.log2(ones / total)
    if zeros > 0.0 and total > 0.0:
        result -= zeros * np.log2(zeros / total)
    return result


def lower_tree(builder: NetlistBuilder, tree: Tree, literals: Sequence[int]) -> int:
    made: dict[int, int] = {}
    stack = [0]
    while stack:
        node = stack[-1]
        asked = int(tree.feature[node])
        if asked == _LEAF:
            made[node] = TRUE if tree.value[node] else FALSE
        else:
            low, high = int(tree.low[node]), int(tree.high[node])
            waiting = [child for child in (low, high) if child not in made]
            if waiting:
                stack.extend(waiting)
                continue
            made[node] = _multiplexer(builder, literals[asked], made[high], made[low])
        stack.pop()
    return made[0]


def _multiplexer(builder: NetlistBuilder, x: int, high: int, low: int) -> int:
    if high == low:
        return high
    if high == low ^ 1:
        return builder.xor(x, low)
    return builder.or_(builder.and_(x, high), builder.and_(x ^ 1, low))


_MIN_SAMPLES = (1, 3, 8)
_MUX_ANDS = 3
_ROUNDS = 12
_TELLING = 12
_PAIRS = 60
_NEW_SIGNALS = 24
"""Maximum number of signals added per round."""


class TreeLearner:
    """Fit plain trees over the inputs, their number of leaves chosen on the validation samples."""

    name: ClassVar[str] = "tree"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        n = problem.train.n_inputs
        pairs = with_pairs(n, measure_spectrum(problem.train), _PAIRS)
        for features in (Features(n), pairs)[: 2 if pairs.gates else 1]:
            tree, _ = best_tree(problem, features)
            over = f", {plural(len(features.gates), 'pair')} offered" if features.gates else ""
            how = f"{plural(tree.leaves, 'leaf', 'leaves')}{over}"
            yield Fit(self.name, how, _netlist(problem, features, tree))


class FringeLearner:
    """Fit trees round after round, each with the signals of the fringe of the last."""

    name: ClassVar[str] = "fringe"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        n = problem.train.n_inputs
        best = -1
        for inputs in (None, telling_inputs(problem)):
            if inputs is not None and len(inputs) == n:
                return
            words = "" if inputs is None else f" over {plural(len(inputs), 'input')}"
            features = Features(n)
            for number in range(_ROUNDS):
                tree, right = best_tree(problem, features, _allowed(features, inputs))
                if (number or inputs is not None) and right > best:
                    how = f"{tree.leaves} leaves, {number} rounds{words}"
                    yield Fit(self.name, how, _netlist(problem, features, tree))
                best = max(best, right)
                wider = features.extended(_fringe(tree, features)[:_NEW_SIGNALS])
                if problem.budget.over():
                    return
                if wider.count == features.count:
                    break
                features = wider


def telling_inputs(problem: Problem) -> list[int]:
    """Return the most informative inputs in ascending order; all of them if there are few."""
    return sorted(forward_order(problem.train, _TELLING))


def _allowed(features: Features, inputs: list[int] | None) -> NDArray[np.intp] | None:
    """Return the signals to test if only some inputs are allowed: these and all gates, which read no others."""
    if inputs is None:
        return None
    return np.array([*inputs, *range(features.n_inputs, features.count)], dtype=np.intp)


def fringe_signals(problem: Problem, rounds: int, most: int) -> tuple[Features, list[int]]:
    """Return the features after some rounds, and the signals that the last tree asks for first."""
    features = Features(problem.train.n_inputs)
    tree, _ = best_tree(problem, features)
    for _ in range(rounds):
        wider = features.extended(_fringe(tree, features)[:_NEW_SIGNALS])
        if wider.count == features.count or problem.budget.over():
            break
        features = wider
        tree, _ = best_tree(problem, features)
    asked = dict.fromkeys(int(tree.feature[node]) for node in tree.order)
    return features, sorted(list(asked)[:most])


def best_tree(
    problem: Problem, features: Features, allowed: NDArray[np.intp] | None = None
) -> tuple[Tree, int]:
    """Return the best tree on the validation samples within the limits, and its number of correct samples."""
    seen = features.columns(problem.train.inputs)
    held = features.columns(problem.valid.inputs)
    best: tuple[int, int, Tree] | None = None
    for min_samples in _MIN_SAMPLES:
        tree = grow_tree(seen, problem.train.on, min_samples=min_samples, allowed=allowed)
        right = tree.staged_right(held, problem.valid.on)
        right = right[: 1 + problem.limits.ands // _MUX_ANDS]
        leaves = int(right.argmax()) + 1  # the first of equals is the smallest
        if best is None or (int(right[leaves - 1]), -leaves) > best[:2]:
            best = (int(right[leaves - 1]), -leaves, tree.cut(leaves))
    assert best is not None  # there is always a tree of one leaf
    return best[2], best[0]


def _netlist(problem: Problem, features: Features, tree: Tree) -> Netlist:
    builder = new_builder(problem)
    literal = lower_tree(builder, tree, features.literals(builder))
    return builder.build([literal])


def _fringe(tree: Tree, features: Features) -> list[tuple[int, int, int]]:
    """Return the gates of two consecutive tests above leaves, the most frequent first."""
    found: Counter[tuple[int, int, int]] = Counter()
    split = set(tree.order)
    for node in tree.order:
        asked = int(tree.feature[node])
        children = [int(tree.low[node]), int(tree.high[node])]
        inner = [child in split for child in children]
        for side, child in enumerate(children):
            if not inner[side]:
                continue
            again = int(tree.feature[child])
            ends = [int(tree.low[child]), int(tree.high[child])]
            for branch, end in enumerate(ends):
                if end not in split:
                    # The conjunction that leads to this leaf.
                    found[_gate(AND, 2 * asked + 1 - side, 2 * again + 1 - branch)] += 1
        if all(inner):
            questions = {int(tree.feature[child]) for child in children}
            if len(questions) == 1 and _opposite(tree, children):
                found[_gate(XOR, 2 * asked, 2 * questions.pop())] += 2
    known = set(features.gates)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [gate for gate, _ in ranked if gate not in known]


def _opposite(tree: Tree, children: list[int]) -> bool:
    """Return True if two nodes with the same test have opposite majorities on each side."""
    low, high = children
    leans = [[tree.value[side[node]] for side in (tree.low, tree.high)] for node in (low, high)]
    return leans[0][0] != leans[0][1] and leans[1] == [not each for each in leans[0]]


def _gate(kind: int, a: int, b: int) -> tuple[int, int, int]:
    return (kind, min(a, b), max(a, b))
