"""Models of scikit-learn on the same samples, selected on the same validation samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.learning.base import Problem, count_ands, new_builder
from btfsynth.learning.samples import Samples
from btfsynth.learning.trees import Tree, lower_tree
from btfsynth.netlist.netlist import Netlist

_TREE_DEPTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, None)
_FOREST_DEPTHS = (8, 12, None)
_FOREST_TREES = 100


@dataclass(frozen=True, eq=False)
class Baseline:
    """A model of scikit-learn."""

    name: str
    how: str
    train_right: int
    valid_right: int
    # (samples,) bool, its output on the test samples, None without any
    test: NDArray[np.bool_] | None
    netlist: Netlist | None = None  # A tree as multiplexers; None for a forest
    ands: int | None = None


def have_sklearn() -> bool:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def measure_baselines(problem: Problem, test: Samples | None) -> list[Baseline]:
    """Fit a decision tree and a random forest, the depth of both selected on the validation samples."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    tree = _best(
        problem,
        (
            DecisionTreeClassifier(max_depth=depth, random_state=problem.seed)
            for depth in _TREE_DEPTHS
        ),
    )
    forest = _best(
        problem,
        (
            RandomForestClassifier(_FOREST_TREES, max_depth=depth, random_state=problem.seed)
            for depth in _FOREST_DEPTHS
        ),
    )
    netlist = _netlist(problem, tree)
    found = []
    for name, how, model in (
        ("sklearn tree", f"depth {tree.get_depth()}, {tree.get_n_leaves()} leaves", tree),
        ("sklearn forest", f"{_FOREST_TREES} trees, depth {forest.max_depth or 'free'}", forest),
    ):
        of_tree = model is tree
        found.append(
            Baseline(
                name,
                how,
                train_right=_right(model, problem.train),
                valid_right=_right(model, problem.valid),
                test=None if test is None else np.asarray(model.predict(test.inputs), np.bool_),
                netlist=netlist if of_tree else None,
                ands=count_ands(netlist) if of_tree else None,
            )
        )
    return found


def _best(problem: Problem, models: Iterable[Any]) -> Any:
    best, most = None, -1
    for model in models:
        model.fit(problem.train.inputs, problem.train.on)
        right = _right(model, problem.valid)
        if right > most:
            best, most = model, right
    return best


def _right(model: Any, samples: Samples) -> int:
    return int((model.predict(samples.inputs) == samples.on).sum())


def _netlist(problem: Problem, model: Any) -> Netlist:
    grown = model.tree_
    inner = grown.children_left >= 0
    # Where only one class was seen there is one column: the share of that class.
    classes = model.classes_.astype(np.bool_)
    value = classes[grown.value[:, 0, :].argmax(axis=1)]
    tree = Tree(
        feature=np.where(inner, grown.feature, -1).astype(np.int64),
        low=grown.children_left.astype(np.int64),
        high=grown.children_right.astype(np.int64),
        value=value,
        order=tuple(int(node) for node in np.flatnonzero(inner)),
    )
    builder = new_builder(problem)
    literals = [builder.input(i) for i in range(builder.n_inputs)]
    return builder.build([lower_tree(builder, tree, literals)])
