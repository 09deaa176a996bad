"""Decision trees over bits: grown best first, cut to any number of leaves, built from multiplexers.

The split of a node is the one that lowers the entropy most (Quinlan, Induction of decision trees, Machine
Learning 1, 1986); nodes are split in the order of what that gains, so that the first splits of a large tree
are the small tree, and one growth serves the choice of a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["Tree", "grow_tree", "lower_tree"]

_LEAF = -1


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree; node 0 is the root.

    Parameters
    ----------
    feature
        ``(nodes,)`` int64, the column a node asks for, -1 at a leaf.
    low, high
        ``(nodes,)`` int64, the next node where it is 0 and 1.
    value
        ``(nodes,)`` bool, the more frequent value of the samples at a node.
    order
        The nodes that are split, in the order in which they were.
    """

    feature: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    value: NDArray[np.bool_]
    order: tuple[int, ...]

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return len(self.order) + 1

    def cut(self, leaves: int) -> Tree:
        """Return the tree as it was when it had so many leaves."""
        kept = self.order[: leaves - 1]
        feature = np.full_like(self.feature, _LEAF)
        feature[list(kept)] = self.feature[list(kept)]
        return Tree(feature, self.low, self.high, self.value, kept)

    def predict(self, columns: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return ``(samples,)`` bool for ``(samples, features)`` uint8."""
        rows = np.arange(len(columns))
        nodes = np.zeros(len(columns), dtype=np.int64)
        while True:
            asked = self.feature[nodes]
            inner = asked != _LEAF
            if not inner.any():
                return self.value[nodes]
            bits = columns[rows[inner], asked[inner]].astype(np.bool_)
            at = nodes[inner]
            nodes[inner] = np.where(bits, self.high[at], self.low[at])

    def staged_right(self, columns: NDArray[np.uint8], on: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return ``(leaves,)``: on how many samples the tree is right with 1, 2, ... leaves."""
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
    columns: NDArray[np.float32],
    on: NDArray[np.bool_],
    *,
    weights: NDArray[np.float64] | None = None,
    max_leaves: int = 4096,
    min_samples: int = 1,
    allowed: NDArray[np.intp] | None = None,
) -> Tree:
    """Grow a tree until its leaves are pure or there are enough of them.

    Parameters
    ----------
    columns
        ``(samples, features)`` float32 0/1.
    on
        ``(samples,)`` bool.
    weights
        ``(samples,)`` float64, above 0; all 1 if None.
    max_leaves
        Leaves at most.
    min_samples
        Samples on each side of a split at least.
    allowed
        Features to split by; all if None.
    """
    chosen = np.arange(columns.shape[1]) if allowed is None else allowed
    used = columns if allowed is None else np.ascontiguousarray(columns[:, chosen])
    weight = np.ones(len(on)) if weights is None else weights
    growth = _Growth(used, on, weight, min_samples)
    while growth.heap and len(growth.order) + 1 < max_leaves:
        growth.split_next()
    feature = np.array(growth.feature, dtype=np.int64)
    inner = feature != _LEAF
    feature[inner] = chosen[feature[inner]]
    return Tree(
        feature,
        np.array(growth.low, dtype=np.int64),
        np.array(growth.high, dtype=np.int64),
        np.array(growth.value, dtype=np.bool_),
        tuple(growth.order),
    )


class _Growth:
    """A tree while it grows."""

    def __init__(
        self,
        columns: NDArray[np.float32],
        on: NDArray[np.bool_],
        weights: NDArray[np.float64],
        min_samples: int,
    ) -> None:
        self.columns = columns
        self.min_samples = min_samples
        # Three things to sum at once over the samples with a bit: how many, their weight, that of the ones.
        self.sums = np.stack([np.ones(len(on)), weights, weights * on], axis=1).astype(np.float32)
        self.feature: list[int] = []
        self.low: list[int] = []
        self.high: list[int] = []
        self.value: list[bool] = []
        self.order: list[int] = []
        self.heap: list[tuple[float, int, int]] = []
        self.rows: dict[int, NDArray[np.intp]] = {}
        self._add(np.arange(len(on)), False)

    def split_next(self) -> None:
        """Split the node that gains most."""
        _, node, place = heappop(self.heap)
        rows = self.rows.pop(node)
        bits = self.columns[rows, place] > 0
        self.feature[node] = place
        self.order.append(node)
        self.low[node] = self._add(rows[~bits], self.value[node])
        self.high[node] = self._add(rows[bits], self.value[node])

    def _add(self, rows: NDArray[np.intp], otherwise: bool) -> int:
        """Add a leaf and, if it can be split, put it on the heap."""
        node = len(self.feature)
        sums = self.sums[rows]
        count, weight, ones = (float(total) for total in sums.sum(axis=0, dtype=np.float64))
        self.feature.append(_LEAF)
        self.low.append(_LEAF)
        self.high.append(_LEAF)
        self.value.append(otherwise if 2 * ones == weight else 2 * ones > weight)
        # A pure leaf is told by its samples: sums of weights are rounded.
        pure = bool((sums[:, 2] == 0).all() or (sums[:, 2] == sums[:, 1]).all())
        if count >= 2 * self.min_samples and not pure:
            with_bit = self.columns[rows].T @ sums
            gain, place = self._best(with_bit.astype(np.float64), count, weight, ones)
            if place != _LEAF:
                self.rows[node] = rows
                heappush(self.heap, (-gain, node, place))
        return node

    def _best(
        self, with_bit: NDArray[np.float64], count: float, weight: float, ones: float
    ) -> tuple[float, int]:
        """Return the gain and the place of the best split, no place if none is possible."""
        enough = np.minimum(with_bit[:, 0], count - with_bit[:, 0]) >= self.min_samples
        if not enough.any():
            return 0.0, _LEAF
        after = _entropy(with_bit[:, 1], with_bit[:, 2])
        after += _entropy(weight - with_bit[:, 1], ones - with_bit[:, 2])
        after[~enough] = np.inf
        place = int(after.argmin())
        before = float(_entropy(np.array([weight]), np.array([ones]))[0])
        return before - float(after[place]), place


def _entropy(total: NDArray[np.float64], ones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy times the total."""
    tiny = 1e-12
    total = np.maximum(total, 0.0)  # differences of rounded sums may fall below
    ones = np.clip(ones, 0.0, total)
    zeros = total - ones
    result = -ones * np.log2((ones + tiny) / (total + tiny))
    result -= zeros * np.log2((zeros + tiny) / (total + tiny))
    return np.asarray(result, dtype=np.float64)


def lower_tree(builder: NetlistBuilder, tree: Tree, literals: Sequence[int]) -> int:
    """Build a tree and return its literal.

    Parameters
    ----------
    builder
        Gets the cells: three for a multiplexer, one where the branches are ordered constants.
    tree
        What to build.
    literals
        The literal of every feature.
    """
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
