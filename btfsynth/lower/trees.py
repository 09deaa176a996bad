"""Ensembles of decision trees with integer leaves, as adders and a comparison.

Each test of an ensemble is a literal (a bit, or the output of a comparison). The smallest leaf of each tree is
subtracted from its leaves and added to the constant of its sum, so that leaves are unsigned. Each bit of a leaf
is a function of the tests of the tree, built as a decision diagram: bits with the same function in a subtree
share it, and a bit that is equal in all leaves costs nothing. A common power of two of the leaves of a tree is
a shift. The bits of a sum are then added column by column.

Two classes are decided by the sign of one sum, which is the carry of the addition of a constant. For more
classes, the label is the index of the largest sum, the first of equal ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import add_columns, lower_counter
from btfsynth.lower.class_sums import place_of_largest
from btfsynth.lower.threshold import normal_form
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.ports import Port

LEAF = -1


@dataclass(frozen=True, eq=False)
class IntegerTree:
    """A binary tree; node 0 is the root, and a node's children have larger numbers."""

    test: NDArray[np.int64]  # (nodes,) int64, the test that a node asks, `LEAF` at a leaf
    # (nodes,) int64, the next node where the test is false and true
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    value: NDArray[np.int64]  # (nodes,) int64, what a leaf adds; any number at other nodes
    output: int = 0  # The sum to which it is added

    @property
    def leaves(self) -> NDArray[np.intp]:
        """Numbers of the reachable leaves."""
        return np.flatnonzero(self._reached & (self.test == LEAF))

    @cached_property
    def _reached(self) -> NDArray[np.bool_]:
        reached = np.zeros(len(self.test), dtype=np.bool_)
        reached[0] = True
        for node in range(len(self.test)):
            if reached[node] and self.test[node] != LEAF:
                reached[[self.low[node], self.high[node]]] = True
        return reached

    def values(self, tests: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return ``(rows,)`` int64, the tree's contribution for ``(rows, tests)`` uint8 0/1."""
        places = _leaf_of(self.test, self.low, self.high, np.ascontiguousarray(tests))
        return np.asarray(self.value[places])


@numba.njit(cache=True, nogil=True)
def _leaf_of(test: Any, low: Any, high: Any, tests: Any) -> Any:
    """Return ``(rows,)`` int64, the leaf that each of ``(rows, tests)`` uint8 reaches."""
    result = np.zeros(tests.shape[0], np.int64)
    for row in range(tests.shape[0]):
        node = 0
        while test[node] >= 0:
            node = high[node] if tests[row, test[node]] else low[node]
        result[row] = node
    return result


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Sums of trees: the value of an output is its bias and the leaves of its trees.

    One output decides two classes, the second if the sum is above 0. Of several outputs, the largest decides
    the class, the first of equal ones.
    """

    trees: tuple[IntegerTree, ...]
    bias: tuple[int, ...]  # One per output

    @property
    def n_classes(self) -> int:
        return max(2, len(self.bias))

    def sums(self, tests: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return ``(rows, outputs)`` int64 for ``(rows, tests)`` uint8 0/1."""
        sums = np.tile(np.array(self.bias, dtype=np.int64), (len(tests), 1))
        for tree in self.trees:
            sums[:, tree.output] += tree.values(tests)
        return sums

    def labels(self, tests: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return ``(rows,)`` int64, the class of each row."""
        sums = self.sums(tests)
        if len(self.bias) == 1:
            return (sums[:, 0] > 0).astype(np.int64)
        return np.asarray(sums.argmax(axis=1))


def lower_ensemble(
    builder: NetlistBuilder,
    ensemble: TreeEnsemble,
    tests: Sequence[int],
    *,
    by_sixes: bool = False,
) -> list[int]:
    """Build an ensemble over literals of its tests; return the literals of the label, least significant first.

    Exact for every combination of the tests, for any leaves. See `add_columns` for `by_sixes`.
    """
    terms, bias = _unsigned(builder, ensemble, tests)
    if len(bias) == 1:
        return [_positive(builder, terms[0], bias[0])]
    # A constant common to all sums does not change the label.
    least = min(bias)
    numbers = [
        add_columns(builder, own, own_bias - least, by_sixes=by_sixes)
        for own, own_bias in zip(terms, bias, strict=True)
    ]
    width = max(len(bits) for bits in numbers)
    padded = [bits + [FALSE] * (width - len(bits)) for bits in numbers]
    return place_of_largest(builder, padded, shallow=by_sixes)


def lower_sums(
    builder: NetlistBuilder, ensemble: TreeEnsemble, tests: Sequence[int]
) -> list[list[int]]:
    """Build the sums as two's complement numbers of one width, least significant bit first."""
    terms, bias = _unsigned(builder, ensemble, tests)
    low = min(bias)
    high = max(b + sum(weight for weight, _ in own) for own, b in zip(terms, bias, strict=True))
    width = 1 + max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)
    numbers = []
    for own, own_bias in zip(terms, bias, strict=True):
        bits = add_columns(builder, own, own_bias % (1 << width))
        numbers.append([*bits, *[FALSE] * width][:width])
    return numbers


def _unsigned(
    builder: NetlistBuilder, ensemble: TreeEnsemble, tests: Sequence[int]
) -> tuple[list[list[tuple[int, int]]], list[int]]:
    """Return each sum as (positive weight, literal) terms and a constant."""
    bias = list(ensemble.bias)
    terms: list[dict[int, int]] = [{} for _ in bias]
    for tree in ensemble.trees:
        bias[tree.output] += int(tree.value[tree.leaves].min())
        for weight, literal in lower_leaves(builder, tree, tests):
            own = terms[tree.output]
            own[literal] = own.get(literal, 0) + weight
    for output, own in enumerate(terms):
        bias[output] += own.pop(TRUE, 0)
        for literal in [each for each in own if each & 1 and each ^ 1 in own]:
            # w x + v !x = (w - v) x + v
            both = min(own[literal], own[literal ^ 1])
            bias[output] += both
            for each in (literal, literal ^ 1):
                own[each] -= both
    return [[(weight, literal) for literal, weight in own.items() if weight] for own in terms], bias


def lower_leaves(
    builder: NetlistBuilder, tree: IntegerTree, tests: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the bits of a tree's leaves above its smallest one, as (weight, literal).

    For leaves 0, 1 and 2, the first literal is ``leaf == 1`` or ``leaf >= 1``, whichever costs less.
    """
    leaves = tree.leaves
    above = tree.value - tree.value[leaves].min()
    unit = gcd(*above[leaves].tolist()) or 1
    above = above // unit
    most = int(above[leaves].max())
    if most == 2:
        return _of_three(builder, tree, above, tests, unit)
    return [
        (unit << bit, literal)
        for bit in range(most.bit_length())
        if (literal := _leaf_bit(builder, tree, above >> bit & 1, tests)) != FALSE
    ]


def _of_three(
    builder: NetlistBuilder,
    tree: IntegerTree,
    above: NDArray[np.int64],
    tests: Sequence[int],
    unit: int,
) -> list[tuple[int, int]]:
    """Build leaves of 0, 1 and 2 in the cheaper of two codes: one-hot, or thermometer."""
    first = builder.n_cells

    def build(low: NDArray[np.bool_]) -> tuple[int, int]:
        builder.roll_back(first)
        literals = [
            _leaf_bit(builder, tree, bit.astype(np.int64), tests) for bit in (low, above == 2)
        ]
        return literals[0], literals[1]

    ways = [(above == 1, 2), (above >= 1, 1)]
    sizes = []
    for low, _ in ways:
        build(low)
        sizes.append(builder.n_cells)
    low, weight = ways[sizes.index(min(sizes))]
    one, two = build(low)
    return [(unit, one), (unit * weight, two)]


def lower_values(
    builder: NetlistBuilder, tree: IntegerTree, tests: Sequence[int], width: int
) -> list[int]:
    """Build a tree alone, leaves 0 to below ``2 ** width``: its value as bits, least significant first."""
    return [_leaf_bit(builder, tree, tree.value >> bit & 1, tests) for bit in range(width)]


def _leaf_bit(
    builder: NetlistBuilder, tree: IntegerTree, bits: NDArray[np.int64], tests: Sequence[int]
) -> int:
    """Build one bit of the leaves; `bits` is ``(nodes,)`` 0/1."""
    made = [FALSE] * len(tree.test)
    for node in range(len(tree.test) - 1, -1, -1):
        if tree.test[node] == LEAF:
            made[node] = TRUE if bits[node] else FALSE
        elif tree._reached[node]:
            low, high = made[int(tree.low[node])], made[int(tree.high[node])]
            made[node] = multiplexer(builder, tests[int(tree.test[node])], high, low)
    return made[0]


def multiplexer(builder: NetlistBuilder, x: int, high: int, low: int) -> int:
    """Return the literal that is `high` where `x` is true and `low` elsewhere."""
    if high >> 1 == x >> 1:
        high = TRUE if high == x else FALSE
    if low >> 1 == x >> 1:
        low = FALSE if low == x else TRUE
    if high == low:
        return high
    if high == low ^ 1:
        return builder.xor(x, low)
    if low == FALSE or high == TRUE:  # where one side implies the other, one majority does
        return builder.maj(x, high, low)
    if low == TRUE or high == FALSE:
        return builder.maj(x ^ 1, low, high)
    return builder.or_(builder.and_(x, high), builder.and_(x ^ 1, low))


def _positive(builder: NetlistBuilder, terms: Sequence[tuple[int, int]], bias: int) -> int:
    """Return the literal that is true where the sum of terms and a bias is above 0."""
    return lower_counter(builder, normal_form(terms, 1 - bias))


# Tests: comparisons of input numbers with constants; trees with real leaves as integer trees.


@dataclass(frozen=True, order=True)
class Comparison:
    """Comparison of the number in some input bits with a bound: ``number >= bound``."""

    bits: tuple[int, ...]  # Numbers of the input bits, least significant first
    bound: int

    def holds(self, inputs: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return ``(rows,)`` bool for ``(rows, input bits)`` uint8 0/1."""
        numbers = inputs[:, list(self.bits)].astype(np.int64) @ (1 << np.arange(len(self.bits)))
        return np.asarray(numbers >= self.bound)


def values_of(comparisons: Sequence[Comparison], inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(rows, comparisons)`` uint8 0/1, the tests of an ensemble."""
    tests = np.empty((len(inputs), len(comparisons)), dtype=np.uint8)
    for column, comparison in enumerate(comparisons):
        tests[:, column] = comparison.holds(inputs)
    return tests


def lower_comparisons(
    builder: NetlistBuilder, comparisons: Sequence[Comparison], inputs: Sequence[int]
) -> list[int]:
    """Build comparisons over the literals of the input bits and return a literal each."""
    return [
        at_least(builder, [inputs[bit] for bit in each.bits], each.bound) for each in comparisons
    ]


def at_least(builder: NetlistBuilder, bits: Sequence[int], bound: int) -> int:
    """Return the literal of ``number >= bound`` for the bits of a number, least significant first.

    One cell per bit above the lowest 1 of the bound; bounds that end in the same bits share cells.
    """
    if bound <= 0:
        return TRUE
    if bound >> len(bits):
        return FALSE
    lowest = (bound & -bound).bit_length() - 1
    literal = bits[lowest]
    for place in range(lowest + 1, len(bits)):
        # If the bound has a 1, the bit must be 1 too; if it has a 0, a 1 is enough.
        combine = builder.and_ if bound >> place & 1 else builder.or_
        literal = combine(bits[place], literal)
    return literal


@dataclass(frozen=True, eq=False)
class RealTree:
    """A tree as `IntegerTree`, with ``(nodes,)`` float64 leaves."""

    test: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    value: NDArray[np.float64]
    output: int = 0


_OFFSETS = 16
"""Number of offsets between two multiples that are tried for the grid of a tree."""
_FEW_LEAVES = 64
"""Maximum leaves of a tree that is built to measure the cost of a rounding."""
_LITERAL = 4
"""Cells per bit of a leaf in the sum."""


def fixed_point(
    trees: Sequence[RealTree], bias: Sequence[float], scale: Fraction, slack: float | None = None
) -> tuple[TreeEnsemble, Fraction]:
    """Round leaves and biases to multiples of ``1 / scale``.

    Each tree has an offset, by default the one with the smallest rounding errors, which goes into the bias of
    its sum. With `slack`, the offset with the fewest cells is chosen, and a leaf is rounded to the nearest
    multiple, or to the next one if that is within `slack` units and costs less.

    Returns the ensemble, whose sums are `scale` times those of the trees, and the maximum error of a sum
    divided by the scale. This bound is exact; it is 0 if every leaf is a multiple.
    """
    moved = [Fraction(each) for each in bias]
    error = [Fraction(0) for _ in bias]
    rounded = []
    for tree in trees:
        whole, start = _rounded_tree(tree, scale, slack)
        moved[tree.output] += start
        leaves = whole.leaves.tolist()
        pairs = {(tree.value[leaf], int(whole.value[leaf])) for leaf in leaves}
        error[tree.output] += max(
            abs(number / scale - (Fraction(real) - start)) for real, number in pairs
        )
        rounded.append(whole)
    whole_bias = [round(each * scale) for each in moved]
    error = [
        sofar + abs(number / scale - each)
        for sofar, number, each in zip(error, whole_bias, moved, strict=True)
    ]
    return TreeEnsemble(tuple(rounded), tuple(whole_bias)), max(error)


def _rounded_tree(
    tree: RealTree, scale: Fraction, slack: float | None
) -> tuple[IntegerTree, Fraction]:
    """Return a tree in multiples, and its offset."""
    none = np.zeros(len(tree.test), dtype=np.int64)
    shape = IntegerTree(tree.test, tree.low, tree.high, none, tree.output)
    leaves = shape.leaves
    least = tree.value[leaves].min()
    places = np.where(tree.test == LEAF, (tree.value - least) * float(scale), 0.0)
    small = len(leaves) <= _FEW_LEAVES

    def cost(value: NDArray[np.int64]) -> int:
        if slack is None:
            return 0
        return _cells(replace(shape, value=value)) if small else _ones(value[leaves])

    tried = []
    for part in range(_OFFSETS):
        off = places - part / _OFFSETS
        value = np.where(tree.test == LEAF, np.rint(off), 0).astype(np.int64)
        far = float(np.abs(value - off)[leaves].max())
        tried.append((cost(value), far, part, value))
    cells, _, part, value = min(tried, key=lambda each: each[:3])
    off = places - part / _OFFSETS
    by_doubt = sorted(leaves.tolist(), key=lambda leaf: -abs(off[leaf] - value[leaf]))
    for leaf in by_doubt if small and slack is not None else ():
        other = value.copy()
        other[leaf] += 1 if off[leaf] > value[leaf] else -1
        if abs(other[leaf] - off[leaf]) > (slack or 0.5):
            break
        if (less := cost(other)) < cells:
            cells, value = less, other
    start = Fraction(float(least)) + Fraction(part, _OFFSETS) / scale
    return replace(shape, value=value), start


def _cells(tree: IntegerTree) -> int:
    """Return the number of cells for the bits of a tree's leaves and for adding them."""
    used, test = np.unique(tree.test[tree.test != LEAF], return_inverse=True)
    own = tree.test.copy()
    own[tree.test != LEAF] = test
    builder = NetlistBuilder("tree", (Port("x", max(1, len(used))),), (Port("y", 1),))
    tests = [builder.input(bit) for bit in range(len(used))]
    literals = lower_leaves(builder, replace(tree, test=own), tests)
    return builder.n_cells + _LITERAL * len(literals)


def _ones(values: NDArray[np.int64]) -> int:
    """Return a proxy for the cells of a large tree: the number of leaves in which a bit has its rarer value."""
    above = values - values.min()
    above //= int(np.gcd.reduce(above)) or 1
    planes = [above >> bit & 1 for bit in range(int(above.max()).bit_length())]
    return sum(_LITERAL + min(int(each.sum()), len(each) - int(each.sum())) for each in planes)
