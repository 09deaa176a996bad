"""Adders of literals by binary weight, and comparison of the sum with a constant.

The full adder takes three majorities: ``carry = MAJ(a, b, c)`` and ``sum = MAJ(!carry, MAJ(a, b, !c), c)``. In
carry-save form (C. S. Wallace, A suggestion for a fast multiplier, 1964) each full adder turns three literals
of one column into one of that column and one of the next. If there are many literals, the three earliest ones
of a column are added first (P. F. Stelling et al., Optimal circuits for parallel multipliers, IEEE Trans.
Computers 47 (1998)), which keeps the depth small; the number of cells does not depend on the order.

A pseudo-Boolean constraint is a sum and a comparison. An added constant turns the comparison into the carry out
of the highest column, so the last adder of each column is only its carry, one cell. The number of cells is
linear in the inputs times the bits of a weight, for any weights.

Weights are written with digits -1, 0 and 1, no two adjacent ones nonzero (the non-adjacent form, Reitwiesner
1960); on average a third of the digits are nonzero: ``-b`` is ``(1 - b) - 1``, an inverter and a constant.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.threshold import PseudoBoolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE

_MANY = 16
"""Literals of a sum from which on their levels are looked at."""


def full_adder(builder: NetlistBuilder, a: int, b: int, c: int) -> tuple[int, int]:
    carry = builder.maj(a, b, c)
    return builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c), carry


def signed_digits(weight: int) -> list[tuple[int, bool]]:
    """Return (column, negative) of the nonzero digits of the non-adjacent form of a weight, least first."""
    digits = []
    column = 0
    while weight:
        if weight & 1:
            negative = weight & 3 == 3
            digits.append((column, negative))
            weight += 1 if negative else -1
        weight >>= 1
        column += 1
    return digits


class Adders:
    """The adders of one sum: how its literals become fewer, and how deep they are."""

    def __init__(self, builder: NetlistBuilder) -> None:
        self.builder = builder
        # Of every node made by the adders of a sum; any other node is at level 0
        self._levels: dict[int, int] = {}

    def begin(self) -> None:
        """Begin another sum."""
        self._levels = {}

    def level(self, literal: int) -> int:
        return self._levels.get(literal >> 1, 0)

    def full(self, a: int, b: int, c: int) -> tuple[int, int]:
        """Return the sum and the carry of three literals."""
        total, carry = self._make(a, b, c)
        level = max(self.level(literal) for literal in (a, b, c))
        self._levels.setdefault(carry >> 1, level + 1)
        self._levels.setdefault(total >> 1, level + 2)
        return total, carry

    def _make(self, a: int, b: int, c: int) -> tuple[int, int]:
        return full_adder(self.builder, a, b, c)

    def carry(self, a: int, b: int, constant: int) -> int:
        """Return the carry of two literals and a constant bit."""
        carry = self.builder.maj(a, b, TRUE if constant else FALSE)
        self._levels.setdefault(carry >> 1, max(self.level(a), self.level(b)) + 1)
        return carry

    def ahead(self, literals: list[int]) -> tuple[list[int], list[int], list[int]]:
        """Add up the input literals of one weight.

        Returns the literals that remain, and literals of twice and of four times the weight.
        """
        return literals, [], []


class Column:
    """Literals of one binary weight that are still to be added.

    `many`: literals of the whole sum; if there are few, they are added in the given order.
    """

    def __init__(self, adders: Adders, many: int) -> None:
        self._adders = adders
        self._by_level = many > _MANY
        self._entries: list[tuple[int, int, int]] = []
        self._first = 0
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries) - self._first

    def add(self, literal: int) -> None:
        level = self._adders.level(literal) if self._by_level else 0
        insort(self._entries, (level, self._count, literal), lo=self._first)
        self._count += 1

    def waiting(self) -> list[int]:
        return [literal for _, _, literal in self._entries[self._first :]]

    def _take(self) -> int:
        self._first += 1
        return self._entries[self._first - 1][2]

    def compress(self) -> tuple[int, int, list[int]]:
        """Add up all but two literals; return these two, FALSE if there are fewer, and the carries."""
        carries = []
        while len(self) > 2:
            total, carry = self._adders.full(self._take(), self._take(), self._take())
            carries.append(carry)
            self.add(total)
        a, b = (self._take() if len(self) else FALSE for _ in range(2))
        return a, b, carries


def add_columns(
    builder: NetlistBuilder,
    terms: Sequence[tuple[int, int]],
    constant: int,
    adders: Adders | None = None,
    *,
    by_sixes: bool = False,
) -> list[int]:
    """Return the literals of ``sum of weight * literal + constant``, least significant bit first.

    `terms` are (weight, literal) with weights above 0; the constant is at least 0. There are as many literals
    as the largest value needs; some cells may be unused. Weights are written in the non-adjacent form:
    ``-b`` is ``(1 - b) - 1``. Intermediate constants may be negative: sums are modulo a power of two
    above the largest value.

    With `by_sixes`, groups of six literals of a column become three: their count, each bit of which is one
    lookup table of six inputs. That needs about the same cells and half the lookup tables.
    """
    width = (sum(weight for weight, _ in terms) + constant).bit_length()
    digits = [
        (column, literal ^ int(negative))
        for weight, literal in terms
        for column, negative in signed_digits(weight)
    ]
    negatives = (
        1 << column for weight, _ in terms for column, negative in signed_digits(weight) if negative
    )
    constant = (constant - sum(negatives)) % (1 << width)
    adders = adders or Adders(builder)
    adders.begin()
    columns = [Column(adders, len(digits)) for _ in range(width + 2)]
    fresh: list[list[int]] = [[] for _ in range(width)]
    if by_sixes:
        digits = _in_sixes(builder, digits, width)
    for column, literal in digits:
        if column < width:
            fresh[column].append(literal)
    _fill(columns, fresh, adders)
    bits = []
    for column in range(width):
        a, b, carries = columns[column].compress()
        constant_bit = constant >> column & 1
        last = adders.carry(a, b, constant_bit)
        for carry in [*carries, *([last] if last != FALSE else [])]:
            columns[column + 1].add(carry)
        bits.append(adders.full(a, b, TRUE if constant_bit else FALSE)[0])
    return bits


def _fill(columns: Sequence[Column], fresh: Sequence[list[int]], adders: Adders) -> None:
    """Give columns their literals, those of each added up ahead. Modifies columns."""
    for place, literals in enumerate(fresh):
        for offset, added in enumerate(adders.ahead(literals)):
            for literal in added:
                columns[place + offset].add(literal)


def _in_sixes(
    builder: NetlistBuilder, digits: Sequence[tuple[int, int]], width: int
) -> list[tuple[int, int]]:
    """Reduce six literals to three in rounds, then three to two, until no column has more than two.

    Five of a column can be grouped with one of the next: their sum is at most seven, which fits three bits.
    """
    columns: list[list[int]] = [[] for _ in range(width + 1)]
    for column, literal in digits:
        if column < width:
            columns[column].append(literal)
    while (most := max(map(len, columns))) > 2:
        ahead: list[list[int]] = [[] for _ in range(width + 3)]
        for column, waiting in enumerate(columns[:width]):
            while len(waiting) > 2 and (len(waiting) > 4 or most < 6):
                after = columns[column + 1]
                if len(waiting) >= 6:
                    counted = _count_six(builder, _taken(waiting, 6))
                elif len(waiting) == 5:
                    spare = _taken(after, 1)[0] if len(after) % 6 else FALSE
                    counted = _count_seven(builder, _taken(waiting, 5), spare)
                else:
                    counted = full_adder(builder, *_taken(waiting, 3))
                for place, literal in enumerate(counted):
                    if literal != FALSE:
                        ahead[column + place].append(literal)
            ahead[column] += waiting
        columns = [*ahead[:width], []]
    return [(column, literal) for column, waiting in enumerate(columns) for literal in waiting]


def _taken(waiting: list[int], count: int) -> list[int]:
    """Take the first literals out of a list."""
    taken = waiting[:count]
    del waiting[:count]
    return taken


def _count_six(builder: NetlistBuilder, six: Sequence[int]) -> tuple[int, ...]:
    """Return the number of true literals among six, least significant bit first."""
    first, first_carry = full_adder(builder, *six[:3])
    second, second_carry = full_adder(builder, *six[3:])
    low, carry = full_adder(builder, first, second, FALSE)
    return low, *full_adder(builder, first_carry, second_carry, carry)


def _count_seven(builder: NetlistBuilder, five: Sequence[int], twice: int) -> tuple[int, ...]:
    """Return the number of true literals among five, plus two if a sixth one is true."""
    first, first_carry = full_adder(builder, *five[:3])
    low, carry = full_adder(builder, first, *five[3:])
    return low, *full_adder(builder, first_carry, carry, twice)


def lower_counter(
    builder: NetlistBuilder, constraint: PseudoBoolean, adders: Adders | None = None
) -> int:
    """Build a constraint and return its literal; some cells may stay unused."""
    if constraint.constant is not None:
        return constraint.constant
    bound = constraint.bound
    digits = []
    for weight, literal in zip(constraint.weights, constraint.literals, strict=True):
        for column, negative in signed_digits(weight):
            digits.append((column, literal ^ int(negative)))
            bound += int(negative) << column
    # Adding 2^top - bound carries out of the columns below top exactly where the sum is the bound or more.
    top = (bound - 1).bit_length()
    constant = (1 << top) - bound
    adders = adders or Adders(builder)
    adders.begin()
    columns = [Column(adders, len(digits)) for _ in range(top + 2)]
    beyond = []
    fresh: list[list[int]] = [[] for _ in range(top)]
    for column, literal in sorted(digits, key=lambda digit: digit[0]):
        if column < top:
            fresh[column].append(literal)
        else:
            beyond.append(literal)
    _fill(columns, fresh, adders)
    carries: list[int] = []
    for column in range(top):
        for carry in carries:
            columns[column].add(carry)
        a, b, carries = columns[column].compress()
        last = adders.carry(a, b, constant >> column & 1)
        if last != FALSE:
            carries.append(last)
    # From there on anything that is true is enough.
    result = FALSE
    for literal in [*carries, *beyond, *columns[top].waiting(), *columns[top + 1].waiting()]:
        result = builder.or_(result, literal)
    return result


# Functions whose outputs are a number that is a short sum of products of inputs, as adders, from their tables.
#
# Every function to the integers is one polynomial, linear in each input (its *arithmetic transform*;
# Heidtmann, "Arithmetic spectrum applied to fault detection for combinational networks", IEEE Trans.
# Computers 40(3), 1991). Of a multiplier it has one term per partial product, of a square, an adder, a
# population count or a multiply-accumulate it is short as well. A short one is built as it stands: its
# products, and one sum of full adders for each of its bits.

_MAX_BITS = 40
"""Output bits of a number: sums and their digits stay within 64 bits."""


def lower_sum(
    builder: NetlistBuilder, tables: NDArray[np.uint8], literals: Sequence[int], most_digits: int
) -> list[int] | None:
    """Build tables as the bits of one number and return a literal per output.

    `tables` is ``(outputs, 2 ** inputs)`` 0/1, input and output 0 least significant. None if the polynomial has
    more than `most_digits` nonzero digits in total (see `signed_digits`) or only one.
    """
    width = len(tables)
    if not 1 < width <= _MAX_BITS:
        return None
    coefficients = _coefficients(tables, width)
    terms = [(subset, coefficients[subset]) for subset in np.flatnonzero(coefficients).tolist()]
    constant = sum(int(value) for subset, value in terms if subset == 0)
    terms = [(subset, int(value)) for subset, value in terms if subset]
    digits = sum(len(signed_digits(abs(value))) for _, value in terms)
    if not 1 < digits <= most_digits:
        return None
    weighted = []
    for subset, value in terms:
        product = TRUE
        for place, literal in enumerate(literals):
            if subset >> place & 1:
                product = builder.and_(product, literal)
        if value < 0:  # -w p = w (1 - p) - w
            constant += value
            product ^= 1
        weighted.append((abs(value), product))
    bits = add_columns(builder, weighted, constant % (1 << width))
    return [*bits, *[0] * width][:width]


def _coefficients(tables: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """Return ``(2 ** inputs,)`` int64, the factor of each product, nearest to 0 modulo ``2 ** width``."""
    powers = np.int64(1) << np.arange(width, dtype=np.int64)
    values: NDArray[np.int64] = (tables.astype(np.int64) * powers[:, None]).sum(axis=0)
    step = 1
    while step < len(values):
        halves = values.reshape(-1, 2, step)
        halves[:, 1] -= halves[:, 0]
        step *= 2
    values %= 1 << width
    values[values >= 1 << (width - 1)] -= 1 << width
    return values


# Sums of the same literals, with any signs, that have most of their adders in common.
#
# The neurons of a layer of binary or ternary weights add up the same inputs, some of them inverted. The parity
# of three literals is the same for all signs but for an inverter, and majority is self-dual: of the eight full
# adders of three literals one has to be built whole, three cells, and three more carries take a cell each. So
# every sum takes the literals in the same order, seven at a time: three full adders make a parity of seven and
# three carries, a fourth adds up the carries. There are 64 of these groups up to inverters, however many sums
# there are, and their parities are the same signals for all sums, so that groups of these are shared in turn.
# Sharing subexpressions of constant matrices is old (R. I. Hartley, "Subexpression sharing in filters using
# canonic signed digit multipliers", IEEE Trans. Circuits and Systems II 43 (1996)).
#
# A sum that shares nothing needs the same number of cells in any order.

_GROUP = 7
"""The literals of a group, whose sum fits three bits."""
WIDE = 12
"""Minimum terms of a sum for which this is tried."""


class SharedAdders(Adders):
    """Full adders that share parities, and sums that add their literals in a fixed order."""

    def __init__(self, builder: NetlistBuilder) -> None:
        super().__init__(builder)
        self._parity: dict[tuple[int, ...], int] = {}  # by node, without inverters

    def _make(self, a: int, b: int, c: int) -> tuple[int, int]:
        carry = self.builder.maj(a, b, c)
        nodes, sign = tuple(sorted((a >> 1, b >> 1, c >> 1))), (a ^ b ^ c) & 1
        if nodes not in self._parity:
            total = self.builder.maj(carry ^ 1, self.builder.maj(a, b, c ^ 1), c)
            self._parity[nodes] = total ^ sign
        return self._parity[nodes] ^ sign, carry

    def ahead(self, literals: list[int]) -> tuple[list[int], list[int], list[int]]:
        left = sorted(literals, key=lambda literal: literal >> 1)
        twice: list[int] = []
        four_times: list[int] = []
        while len(left) > 2:
            before, left = left, []
            for place in range(0, len(before), _GROUP):
                rest, carries = self._added(before[place : place + _GROUP])
                left += rest
                # Two carries of two triples in a group of six or seven, or three: one full adder.
                rest, above = self._added(carries)
                twice += rest
                four_times += above
        return left, twice, four_times

    def _added(self, literals: list[int]) -> tuple[list[int], list[int]]:
        """Add up all but two literals, adjacent ones first; return the two and the carries."""
        carries = []
        while len(literals) > 2:
            pairs = [
                self.full(*literals[place : place + 3]) for place in range(0, len(literals) - 2, 3)
            ]
            literals = [total for total, _ in pairs] + literals[3 * len(pairs) :]
            carries += [carry for _, carry in pairs]
        return literals, carries


def add_factored(
    adders: SharedAdders, terms: Sequence[tuple[int, int]], constant: int
) -> list[int]:
    """Return the literals of ``sum of weight * literal + constant``, least significant bit first.

    Like `add_columns`, but a common factor of the weights is multiplied afterwards if that needs fewer adders.
    """
    common = gcd(*(weight for weight, _ in terms))
    direct = sum(len(signed_digits(weight)) for weight, _ in terms)
    inner = [(weight // common, literal) for weight, literal in terms] if common else []
    total = sum(weight for weight, _ in inner)
    digits = sum(len(signed_digits(weight)) for weight, _ in inner)
    digits += total.bit_length() * len(signed_digits(common))
    if digits >= direct:
        return add_columns(adders.builder, terms, constant, adders)
    bits = add_columns(adders.builder, inner, 0, adders)
    outer = [(common << place, literal) for place, literal in enumerate(bits) if literal != FALSE]
    return add_columns(adders.builder, outer, constant, adders)
