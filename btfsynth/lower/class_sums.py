"""The output neurons of a classifier, and the number of the class with the largest sum.

All sums have one scale and one offset, which makes them unsigned numbers of the same width; an output is on
if its sum is above the offset 0.

A comparison is the carry out of ``a + !b``, one majority per bit. The largest of several numbers is found in
rounds of pairs, each a comparison and, per bit of the number and of its index, a multiplexer of three cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import SharedAdders, add_columns, add_factored
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE


@dataclass(frozen=True, eq=False)
class ClassNeuron:
    """An output neuron: ``(inputs,)`` float64 weights times -1/+1 inputs, plus a bias."""

    weights: NDArray[np.float64]
    literals: Sequence[int]
    bias: float


def lower_class_sums(
    builder: NetlistBuilder, neurons: Sequence[ClassNeuron], shared: SharedAdders | None = None
) -> tuple[list[int], list[int]]:
    """Build all sums exactly, for any weights, and compare them; no neuron may read another.

    Returns a literal per neuron, true where its sum is above 0, and the literals of the label, least
    significant first: the number of the neuron with the largest sum, the first of equal ones.
    """
    exact = [_exact(neuron) for neuron in neurons]
    scale = max(number.denominator for terms, rest in exact for number in (*terms.values(), rest))
    sums = [_unsigned(terms, rest, scale) for terms, rest in exact]
    offset = -min(rest for _, rest in sums)
    divisor = gcd(*(weight for terms, _ in sums for weight, _ in terms))
    divisor = gcd(divisor, *(rest + offset for _, rest in sums)) or 1
    numbers = []
    for terms, rest in sums:
        divided = [(weight // divisor, literal) for weight, literal in terms]
        constant = (rest + offset) // divisor
        if shared is None:
            numbers.append(add_columns(builder, divided, constant))
        else:
            numbers.append(add_factored(shared, divided, constant))
    # A sum is above 0 where the number is above offset / divisor.
    limit = offset // divisor
    width = max(limit.bit_length() if limit > 0 else 0, *(len(bits) for bits in numbers))
    numbers = [bits + [FALSE] * (width - len(bits)) for bits in numbers]
    if limit < 0:
        outputs = [FALSE ^ 1 for _ in numbers]
    else:
        outputs = [greater(builder, bits, constant_bits(limit, width)) for bits in numbers]
    return outputs, place_of_largest(builder, numbers)


def _exact(neuron: ClassNeuron) -> tuple[dict[int, Fraction], Fraction]:
    """Return the sum over 0/1 nodes: the weight of each node, and the constant."""
    rest = Fraction(neuron.bias)
    terms: dict[int, Fraction] = {}
    for weight, literal in zip(neuron.weights.tolist(), neuron.literals, strict=True):
        signed = Fraction(-weight if literal & 1 else weight)  # the value of a complement is -x
        rest -= signed
        terms[literal >> 1] = terms.get(literal >> 1, Fraction(0)) + 2 * signed
    terms.pop(FALSE >> 1, None)
    return terms, rest


def _unsigned(
    terms: dict[int, Fraction], rest: Fraction, scale: int
) -> tuple[list[tuple[int, int]], int]:
    """Return (positive integer, literal) terms and the rest of a sum times a scale."""
    total = int(rest * scale)
    positive = []
    for node, weight in terms.items():
        integer = int(weight * scale)
        if integer < 0:  # w b = -|w| + |w| (1 - b)
            total += integer
        if integer:
            positive.append((abs(integer), 2 * node + int(integer < 0)))
    return positive, total


def constant_bits(number: int, width: int) -> list[int]:
    """Return a number as this many constant literals, least significant bit first."""
    return [TRUE if number >> bit & 1 else FALSE for bit in range(width)]


def greater(builder: NetlistBuilder, a: Sequence[int], b: Sequence[int]) -> int:
    carry = FALSE
    for x, y in zip(a, b, strict=True):
        carry = builder.maj(x, y ^ 1, carry)
    return carry


def greater_in_pairs(builder: NetlistBuilder, a: Sequence[int], b: Sequence[int]) -> int:
    """Return where a number is greater, by halves of its bits: less deep than bit by bit, and more cells."""

    def compare(low: int, high: int) -> tuple[int, int]:  # greater, and at least as great
        if high - low == 1:
            return builder.and_(a[low], b[low] ^ 1), builder.or_(a[low], b[low] ^ 1)
        middle = (low + high) // 2
        less, more = compare(low, middle), compare(middle, high)
        return builder.maj(*more, less[0]), builder.maj(*more, less[1])

    return compare(0, len(a))[0] if len(a) else FALSE


def choose(builder: NetlistBuilder, condition: int, yes: int, no: int) -> int:
    if yes == no:
        return yes
    return builder.or_(builder.and_(condition, yes), builder.and_(condition ^ 1, no))


_Rival = tuple[Sequence[int], Sequence[int]]
"""The literals of a number, and those of its place."""


def place_of_largest(
    builder: NetlistBuilder, numbers: Sequence[Sequence[int]], *, shallow: bool = False
) -> list[int]:
    """Return the index of the largest number, the first of equal ones, as literals.

    All numbers have the same width, least significant literal first, and so does the result, which is as wide
    as the last index needs, at least one bit. With `shallow`, four numbers instead of two are compared at once,
    each with each.
    """
    width = max(1, (len(numbers) - 1).bit_length())
    rivals: list[_Rival] = [
        (bits, constant_bits(place, width)) for place, bits in enumerate(numbers)
    ]
    size = 4 if shallow else 2
    compare = greater_in_pairs if shallow else greater
    while len(rivals) > 1:
        groups = [rivals[first : first + size] for first in range(0, len(rivals), size)]
        rivals = [_largest(builder, group, compare, len(groups) == 1) for group in groups]
    return list(rivals[0][1])


def _largest(
    builder: NetlistBuilder,
    rivals: Sequence[_Rival],
    compare: Callable[[NetlistBuilder, Sequence[int], Sequence[int]], int],
    last: bool,
) -> _Rival:
    """Return the largest of up to four numbers; if it is the largest of all, only its place."""
    if len(rivals) == 1:
        return rivals[0]
    four = (*rivals, *[rivals[-1]] * 3)[:4]  # a number never exceeds itself

    def exceeds(later: int, earlier: int) -> int:
        return compare(builder, four[later][0], four[earlier][0])

    low, high = exceeds(1, 0), exceeds(3, 2)
    upper = choose(
        builder,
        low,
        choose(builder, high, exceeds(3, 1), exceeds(2, 1)),
        choose(builder, high, exceeds(3, 0), exceeds(2, 0)),
    )
    odd = choose(builder, upper, high, low)

    def chosen(a: int, b: int, c: int, d: int) -> int:
        return choose(builder, upper, choose(builder, odd, d, c), choose(builder, odd, b, a))

    numbers, places = zip(*four, strict=True)
    largest = [] if last else [chosen(*bits) for bits in zip(*numbers, strict=True)]
    return largest, [chosen(*bits) for bits in zip(*places, strict=True)]
