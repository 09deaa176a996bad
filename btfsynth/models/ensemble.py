"""Ensembles of trees with real leaves as imported models: bits of the leaves, and rows to compare.

The trees of libraries split features at thresholds (`Splits`); here they become trees over the questions of a
grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import frame_columns
from btfsynth.dataset.table_code import Scalar
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import UsageError, plural
from btfsynth.lower.trees import (
    LEAF,
    IntegerTree,
    RealTree,
    TreeEnsemble,
    fixed_point,
    lower_ensemble,
    lower_values,
)
from btfsynth.models.grid import Feature, Grid, Question, Values, ask, border_values
from btfsynth.models.record import ImportedModel, Library, class_port
from btfsynth.netlist.builder import NetlistBuilder

_EXACT_BITS = 12
"""Maximum bits of leaves that stay exact if they are multiples of a power of two."""
TRIED_BITS = (8, 12, 16, 20, 24)
"""Bits of the largest leaf, tried in this order until every known row keeps its label."""
_TRIED_ROWS = 1024

_FEW_BITS, _SLACK = range(3, 7), 0.7
"""Bits of leaves that are rounded by cost, and the maximum rounding in units."""

AnyTree = IntegerTree | RealTree


@dataclass(frozen=True, eq=False)
class RealEnsemble:
    """Trees over the questions of a grid; a single output decides by its sign, several by the largest."""

    trees: tuple[RealTree, ...]
    bias: tuple[float, ...]
    # For one output: whether a sum of exactly 0 is the second class
    inclusive: bool = False


@dataclass(frozen=True, eq=False)
class Origin:
    """Origin of an ensemble: names, labels, and the library to compare with."""

    name: str
    source: str
    classes: tuple[Scalar, ...]
    library: Library | None
    # From numbers and indices of words to rows for the library
    rows_of: Callable[[NDArray[np.float64]], Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class EnsembleFunction:
    """The integer model, from ``(rows, input bits)`` to the bits of the label, least significant first."""

    ensemble: TreeEnsemble
    grid: Grid
    width: int
    real: RealEnsemble  # Roundings, in words

    def __call__(self, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return bits_of(self.ensemble.labels(self.grid.answers(rows)), self.width)


def ensemble_model(
    ensemble: RealEnsemble, grid: Grid, origin: Origin, X: Any = None, leaf_bits: int | None = None
) -> ImportedModel:
    """Return an ensemble in integers.

    Leaves that are small multiples of a power of two stay exact. Otherwise the largest leaf has `leaf_bits`
    bits. None takes 8 bits, or more until the rows of `X` and rows at the borders have the library's labels.
    """
    whole, bound, bits = _exactly(ensemble), Fraction(0), None
    borders = cache(partial(border_rows, grid, ensemble.trees, origin.rows_of))
    known = [borders(_TRIED_ROWS), *([] if X is None else [X])]
    if whole is None or (leaf_bits is not None and _leaf_width(whole) > leaf_bits):
        bits = leaf_bits or _bits_for(ensemble, grid, origin, known)
        whole, bound = _rounded(ensemble, bits)
    builder = NetlistBuilder(origin.name, grid.code.ports, (class_port(len(origin.classes)),))
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    label = lower_ensemble(builder, whole, grid.lower(builder, inputs), by_sixes=True)
    said = origin.notes
    if bits is not None:
        said = (
            *said,
            f"leaves of {plural(bits, 'bit')}: the error of a sum is at most {float(bound):.3g}",
        )
    return ImportedModel(
        origin.name,
        origin.source,
        builder.build(label),
        EnsembleFunction(whole, grid, class_port(len(origin.classes)).width, ensemble),
        code=grid.code,
        classes=origin.classes,
        library=origin.library,
        border_rows=borders,
        bound=float(bound) * (1 + 1e-9),
        notes=said,
    )


def label_tree_model(tree: IntegerTree, grid: Grid, origin: Origin) -> ImportedModel:
    """Return a tree whose leaves are indices of labels."""
    port = class_port(len(origin.classes))
    builder = NetlistBuilder(origin.name, grid.code.ports, (port,))
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    label = lower_values(builder, tree, grid.lower(builder, inputs), port.width)

    def function(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return bits_of(tree.values(grid.answers(rows)), port.width)

    return ImportedModel(
        origin.name,
        origin.source,
        builder.build(label),
        function,
        code=grid.code,
        classes=origin.classes,
        library=origin.library,
        border_rows=partial(border_rows, grid, [tree], origin.rows_of),
        notes=origin.notes,
    )


def _exactly(ensemble: RealEnsemble) -> TreeEnsemble | None:
    """Return an ensemble with exact integer leaves; None if these would not be small."""
    leaves = [tree.value[_leaves(tree)] for tree in ensemble.trees]
    values = np.concatenate([np.array(ensemble.bias), *leaves])
    for bits in range(_EXACT_BITS + 1):
        scaled = values * (1 << bits)
        if np.abs(scaled).max(initial=0) >= 1 << _EXACT_BITS:
            return None
        if (scaled == np.rint(scaled)).all():
            return _inclusive(
                ensemble, fixed_point(ensemble.trees, ensemble.bias, Fraction(1 << bits))[0]
            )
    return None


def _rounded(ensemble: RealEnsemble, bits: int) -> tuple[TreeEnsemble, Fraction]:
    """Return an ensemble rounded so that the leaves of the tree with the largest range have `bits` bits."""
    ranges = [Fraction(float(np.ptp(tree.value[_leaves(tree)]))) for tree in ensemble.trees]
    widest = max(ranges, default=Fraction(0)) or Fraction(1)
    scale = ((1 << bits) - 1) / widest
    whole, bound = fixed_point(
        ensemble.trees, ensemble.bias, scale, _SLACK if bits in _FEW_BITS else None
    )
    return _inclusive(ensemble, whole), bound


def _leaf_width(whole: TreeEnsemble) -> int:
    """Return the bits of the largest difference of two leaves of a tree."""
    ranges = [int(np.ptp(tree.value[_leaves(tree)])) for tree in whole.trees]
    return max(ranges, default=0).bit_length()


def _leaves(tree: AnyTree) -> NDArray[np.intp]:
    return np.flatnonzero(tree.test == LEAF)


def _inclusive(ensemble: RealEnsemble, whole: TreeEnsemble) -> TreeEnsemble:
    if not ensemble.inclusive:
        return whole
    return replace(whole, bias=tuple(each + 1 for each in whole.bias))


def _bits_for(ensemble: RealEnsemble, grid: Grid, origin: Origin, rows: Sequence[Any]) -> int:
    """Return the fewest bits with which the most known rows have the library's label."""
    if origin.library is None:
        return TRIED_BITS[1]
    place = {str(label): number for number, label in enumerate(origin.classes)}
    asked, expected = [], []
    for each in rows:
        asked.append(grid.answers(grid.code.bits(*frame_columns("X", each), "X")[0]))
        labels = np.asarray(origin.library.predict(each)).reshape(-1).tolist()
        expected += [place.get(str(label), -1) for label in labels]
    answers = np.concatenate(asked)
    fewest, chosen = len(expected) + 1, 0
    for bits in TRIED_BITS:
        wrong = int((_rounded(ensemble, bits)[0].labels(answers) != np.array(expected)).sum())
        if wrong < fewest:
            fewest, chosen = wrong, bits
        if not wrong:
            break
    return chosen


def border_rows(
    grid: Grid,
    trees: Sequence[AnyTree],
    rows_of: Callable[[NDArray[np.float64]], Any],
    count: int,
) -> Any:
    """Return rows at the borders of leaves, on either side; deterministic.

    Each row follows a random path down a tree and has, in every column of the path, a value at a border.
    """
    random = np.random.Generator(np.random.PCG64(0))
    columns = [border_values(grid, column) for column in range(len(grid.columns))]
    answers = [asked.answers(columns[asked.column]) for asked in grid.questions]
    rows = np.stack([values[random.integers(0, len(values), count)] for values in columns], axis=1)
    for row in rows if trees else ():
        tree = trees[int(random.integers(len(trees)))]
        left: dict[int, NDArray[np.bool_]] = {}
        node = 0
        while tree.test[node] != LEAF:
            question = int(tree.test[node])
            column, answer = grid.questions[question].column, answers[question]
            open_ = left.get(column, np.ones(len(answer), dtype=np.bool_))
            yes = bool((open_ & answer).any())
            if yes and (open_ & ~answer).any():
                yes = bool(random.integers(2))
            left[column] = open_ & (answer if yes else ~answer)
            node = int(tree.high[node] if yes else tree.low[node])
        for column, open_ in left.items():
            places = np.flatnonzero(open_)
            row[column] = columns[column][places[int(random.integers(len(places)))]]
    return rows_of(rows)


# From splits to questions


@dataclass(frozen=True, eq=False)
class Splits:
    """The shape of a tree; node 0 is the root, and a node's children have larger numbers.

    Parameters
    ----------
    feature
        ``(nodes,)`` int64: the feature that a node splits, `LEAF` at a leaf.
    threshold
        ``(nodes,)`` float64.
    left, right
        ``(nodes,)`` int64: the children.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def ordered(splits: Splits, values: NDArray[np.float64]) -> tuple[Splits, NDArray[np.float64]]:
    """Return a tree with its nodes numbered from the root, parents first.

    Raises
    ------
    UsageError
        If it is not a tree: a node is reached twice or does not exist.
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
    """Return the distinct questions of trees, and the trees over them with all leaves 0."""
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
