"""The output neurons of a classifier, with their sums: the class of the largest one is a number.

All sums are brought to one scale and one offset, so that they are unsigned numbers of equally many bits;
an output is on where its sum is above what the offset made of 0.

A comparison is the carry out of ``a + !b``, one majority a bit. The largest of several numbers is found
in rounds of pairs; a comparison and, for every bit of number and place, a choice of three cells.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Build all sums exactly, whatever the weights are, and compare them; no neuron reads another.

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
    """Return the sum over 0/1 nodes: what each counts, and the rest."""
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


def place_of_largest(
    builder: NetlistBuilder, numbers: Sequence[Sequence[int]], *, shallow: bool = False
) -> list[int]:
    """Return the index of the largest number, the first of equal ones, as literals.

    All numbers have equally many literals; literals are least significant first, here and in the result,
    which has as many as the last index needs and at least one.
    """
    width = max(1, (len(numbers) - 1).bit_length())
    rivals = [(list(bits), constant_bits(place, width)) for place, bits in enumerate(numbers)]
    while len(rivals) > 1:
        ahead = []
        for (a, at), (b, bt) in zip(rivals[::2], rivals[1::2], strict=False):
            later = (greater_in_pairs if shallow else greater)(builder, b, a)
            # The largest of all is never read, only where it is.
            largest = (
                []
                if len(rivals) == 2
                else [choose(builder, later, y, x) for x, y in zip(a, b, strict=True)]
            )
            ahead.append(
                (largest, [choose(builder, later, y, x) for x, y in zip(at, bt, strict=True)])
            )
        if len(rivals) % 2:
            ahead.append(rivals[-1])
        rivals = ahead
    return rivals[0][1]
