"""Trees as libraries have them: splits of features at thresholds, as trees over the questions of a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.lower.trees import LEAF, RealTree
from btfsynth.models.features import Feature, Values, ask
from btfsynth.models.grid import Question


@dataclass(frozen=True, eq=False)
class Splits:
    """The shape of a tree; node 0 is the root, and a node's children have larger numbers.

    Parameters
    ----------
    feature
        ``(nodes,)`` int64: what a node splits, `LEAF` at a leaf.
    threshold
        ``(nodes,)`` float64.
    left, right
        ``(nodes,)`` int64: the next node.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def ordered(splits: Splits, values: NDArray[np.float64]) -> tuple[Splits, NDArray[np.float64]]:
    """Return a tree with the numbers of its nodes as they are reached from the root, parents first.

    Raises
    ------
    UsageError
        If it is no tree: a node is reached twice, or does not exist.
    """
    order, place = [0], 0
    while place < len(order):
        node = order[place]
        place += 1
        if splits.feature[node] == LEAF:
            continue
        children = int(splits.left[node]), int(splits.right[node])
        if not all(0 < child < len(splits.feature) for child in children):
            raise UsageError(f"node {node}: expected children among {len(splits.feature)} nodes")
        order += children
        if len(order) > len(splits.feature):
            raise UsageError(f"node {node}: expected a tree, got a node with two parents")
    back = np.zeros(len(splits.feature), dtype=np.int64)
    back[order] = np.arange(len(order))
    made = Splits(
        splits.feature[order],
        splits.threshold[order],
        back[splits.left[order]],
        back[splits.right[order]],
    )
    return made, values[order]


def over_questions(
    trees: Sequence[Splits],
    features: Sequence[Feature],
    goes_right: Callable[[Values, Values], NDArray[np.bool_]],
) -> tuple[list[Question], list[RealTree]]:
    """Return the different questions of trees, and the trees over them, each with leaves of 0."""
    inner = [np.flatnonzero(tree.feature != LEAF) for tree in trees]
    if not sum(map(len, inner)):
        return [], [_leaf_tree(tree, np.full(len(tree.feature), LEAF)) for tree in trees]
    numbers = np.concatenate([tree.feature[at] for tree, at in zip(trees, inner, strict=True)])
    limits = np.concatenate([tree.threshold[at] for tree, at in zip(trees, inner, strict=True)])
    asked = ask(features, numbers.astype(np.intp), limits, goes_right)
    place: dict[Question, int] = {}
    answers = np.array([place.setdefault(each, len(place)) for each in asked], dtype=np.int64)
    made, start = [], 0
    for tree, at in zip(trees, inner, strict=True):
        test = np.full(len(tree.feature), LEAF, dtype=np.int64)
        test[at] = answers[start : start + len(at)]
        start += len(at)
        made.append(_leaf_tree(tree, test))
    return list(place), made


def _leaf_tree(tree: Splits, test: NDArray[np.int64]) -> RealTree:
    return RealTree(test, tree.left, tree.right, np.zeros(len(test)))
