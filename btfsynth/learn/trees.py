"""A decision tree as a circuit, and trees over signals found at the fringe of the tree before.

The last two questions before a leaf, taken together, are a new signal, and the next tree may ask for it
directly; after some rounds of this, signals stand for what a plain tree has to say again in every branch
(Pagallo & Haussler, Boolean feature discovery in empirical learning, Machine Learning 5, 1990).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, new_builder
from btfsynth.learn.decision_tree import Tree, grow_tree, lower_tree
from btfsynth.learn.features import AND, XOR, Features, plain_features, with_pairs
from btfsynth.learn.spectrum import measure_spectrum
from btfsynth.learn.support import forward_order
from btfsynth.netlist.netlist import Netlist

__all__ = ["FringeLearner", "TreeLearner", "best_tree", "fringe_signals", "telling_inputs"]

_MIN_SAMPLES = (1, 3, 8)
_MUX_ANDS = 3
_ROUNDS = 12
_TELLING = 12
_PAIRS = 60
_NEW_SIGNALS = 24
"""Signals added a round at most."""


class TreeLearner:
    """Fit plain trees over the inputs, their number of leaves chosen on the validation samples."""

    name: ClassVar[str] = "tree"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield one tree over the inputs, and one over exclusive ors of pairs as well."""
        n = problem.train.n_inputs
        pairs = with_pairs(n, measure_spectrum(problem.train), _PAIRS)
        for features in (plain_features(n), pairs)[: 2 if pairs.gates else 1]:
            chosen = best_tree(problem, features)
            over = f", {plural(len(features.gates), 'pair')} offered" if features.gates else ""
            how = f"{plural(chosen.tree.leaves, 'leaf', 'leaves')}{over}"
            yield Fit(self.name, how, _netlist(problem, features, chosen.tree))


class FringeLearner:
    """Fit trees round after round, each with the signals of the fringe of the last."""

    name: ClassVar[str] = "fringe"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield every tree that is better than those before it."""
        n = problem.train.n_inputs
        best = -1
        for inputs in (None, telling_inputs(problem)):
            if inputs is not None and len(inputs) == n:
                return
            words = "" if inputs is None else f" over {plural(len(inputs), 'input')}"
            features = plain_features(n)
            for number in range(_ROUNDS):
                chosen = best_tree(problem, features, _allowed(features, inputs))
                if (number or inputs is not None) and chosen.right > best:
                    how = f"{chosen.tree.leaves} leaves, {number} rounds{words}"
                    yield Fit(self.name, how, _netlist(problem, features, chosen.tree))
                best = max(best, chosen.right)
                wider = features.extended(_fringe(chosen.tree, features)[:_NEW_SIGNALS])
                if problem.budget.over():
                    return
                if wider.count == features.count:
                    break
                features = wider


def telling_inputs(problem: Problem) -> list[int]:
    """Return the inputs that tell most about the output, one after the other; all where these are few."""
    return sorted(forward_order(problem.train, _TELLING))


def _allowed(features: Features, inputs: list[int] | None) -> NDArray[np.intp] | None:
    """Return the signals to ask for where only some inputs are: these and all gates, which are of these."""
    if inputs is None:
        return None
    return np.array([*inputs, *range(features.n_inputs, features.count)], dtype=np.intp)


def fringe_signals(problem: Problem, rounds: int, most: int) -> tuple[Features, list[int]]:
    """Return the features after some rounds, and the signals that the last tree asks for first.

    Parameters
    ----------
    problem
        What to fit.
    rounds
        Trees to grow.
    most
        Signals at most.
    """
    features = plain_features(problem.train.n_inputs)
    chosen = best_tree(problem, features)
    for _ in range(rounds):
        wider = features.extended(_fringe(chosen.tree, features)[:_NEW_SIGNALS])
        if wider.count == features.count or problem.budget.over():
            break
        features = wider
        chosen = best_tree(problem, features)
    asked = dict.fromkeys(int(chosen.tree.feature[node]) for node in chosen.tree.order)
    return features, sorted(list(asked)[:most])


@dataclass(frozen=True, eq=False)
class ChosenTree:
    """A tree, and how many validation samples it gets right."""

    tree: Tree
    right: int


def best_tree(
    problem: Problem, features: Features, allowed: NDArray[np.intp] | None = None
) -> ChosenTree:
    """Return the tree that does best on the validation samples, within the limits.

    Parameters
    ----------
    problem
        What to fit.
    features
        Signals to ask for.
    allowed
        Which of them; all if None.
    """
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
    return ChosenTree(best[2], best[0])


def _netlist(problem: Problem, features: Features, tree: Tree) -> Netlist:
    builder = new_builder(problem)
    literal = lower_tree(builder, tree, features.literals(builder))
    return builder.build([literal])


def _fringe(tree: Tree, features: Features) -> list[tuple[int, int, int]]:
    """Return the gates of two neighbouring questions above leaves, the most frequent first."""
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
            if len(questions) == 1 and _opposite(tree, children, split):
                found[_gate(XOR, 2 * asked, 2 * questions.pop())] += 2
    known = set(features.gates)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [gate for gate, _ in ranked if gate not in known]


def _opposite(tree: Tree, children: list[int], split: set[int]) -> bool:
    """Tell whether two nodes with the same question lean opposite ways on each answer."""
    low, high = children
    for side in (tree.low, tree.high):
        if tree.value[side[low]] == tree.value[side[high]]:
            return False
    return bool(tree.value[tree.low[low]] != tree.value[tree.high[low]])


def _gate(kind: int, a: int, b: int) -> tuple[int, int, int]:
    return (kind, min(a, b), max(a, b))
