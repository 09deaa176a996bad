"""Starting circuits for walks from circuits that compute a sum: the sum without its lowest terms.

The output of a multiplier, a squarer, an adder or a population count, read as a number, is a short sum of
products of at most two inputs. Leaving out terms of low weight makes the result too small by at most their sum;
a constant in their place halves the error (S. S. Kidambi, F. El-Guibaly and A. Antoniou, Area-efficient
multipliers for digital signal processing applications, IEEE Trans. Circuits and Systems II 43(2), 1996). A walk
starts from such a circuit, which is measured like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import add_columns, signed_digits
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.verify.error_metrics import Reading

_CHECKED = 4096
"""Random vectors on which a sum must give the exact result."""
_MAX_TERMS = 4096
_MAX_INPUTS = 64
_COLUMNS = 3
"""Starts without whole columns, in addition to the one without the most terms."""


@dataclass(frozen=True)
class Sum:
    """A constant and weighted products of inputs; their sum modulo a power of two is the output."""

    constant: int
    terms: tuple[tuple[int, tuple[int, ...]], ...]  # weight and inputs


@dataclass(frozen=True)
class Truncated:
    netlist: Netlist
    said: str


def sum_of(exact: Netlist, reading: Reading) -> Sum | None:
    """Return the sum that a netlist with one unsigned output computes, None if it is not a sum of few terms."""
    inputs = exact.n_inputs
    if len(reading.ports) != 1 or reading.ports[0][2] or not 1 < inputs <= _MAX_INPUTS:
        return None
    subsets = [(), *((i,) for i in range(inputs)), *combinations(range(inputs), 2)]
    vectors = np.zeros((len(subsets), inputs), dtype=np.uint8)
    for row, subset in enumerate(subsets):
        vectors[row, list(subset)] = 1
    values = _numbers(evaluate(exact, vectors))
    place = {subset: int(value) for subset, value in zip(subsets, values, strict=True)}
    span = 1 << reading.bits
    constant = place[()]
    single = [place[i,] - constant for i in range(inputs)]
    weights: dict[tuple[int, ...], int] = {(i,): single[i] for i in range(inputs)}
    for i, j in combinations(range(inputs), 2):
        weights[i, j] = place[i, j] - constant - single[i] - single[j]
    terms = []
    for subset, weight in weights.items():
        nearest = (weight + span // 2) % span - span // 2
        if nearest:
            terms.append((nearest, subset))
    found = Sum(constant, tuple(terms))
    if not 1 < len(terms) <= _MAX_TERMS or not _is_exact(exact, found):
        return None
    return found


def _numbers(bits: NDArray[np.uint8]) -> list[int]:
    return [sum(int(bit) << place for place, bit in enumerate(row)) for row in bits.tolist()]


def _is_exact(exact: Netlist, found: Sum) -> bool:
    random = np.random.Generator(np.random.PCG64(1))
    vectors = random.integers(0, 2, size=(_CHECKED, exact.n_inputs), dtype=np.uint8)
    total = np.full(_CHECKED, found.constant, dtype=object)
    for weight, subset in found.terms:
        total += weight * vectors[:, list(subset)].all(axis=1).astype(object)
    span = 1 << exact.n_outputs
    return _numbers(evaluate(exact, vectors)) == [int(value) % span for value in total]


def truncations(exact: Netlist, found: Sum, bound: int) -> Iterator[Truncated]:
    """Yield sums without low terms and with errors within the bound, the one without the most terms first."""
    digits = sorted(
        (column, subset, negative != (weight < 0))
        for weight, subset in found.terms
        for column, negative in signed_digits(abs(weight))
    )
    below, above = 0, 0  # how far the rest may be off
    most, ends = 0, []
    for number, (column, _, negative) in enumerate(digits):
        if number and column != digits[number - 1][0]:
            ends.append(number)
        above, below = above + (negative << column), below + ((not negative) << column)
        if above + below > 2 * bound:
            break
        most = number + 1
    chosen = [most, *[end for end in reversed(ends) if end < most][:_COLUMNS]]
    for count in dict.fromkeys(chosen):
        yield _without(exact, found, digits, count, bound)


def _without(
    exact: Netlist,
    found: Sum,
    digits: list[tuple[int, tuple[int, ...], bool]],
    count: int,
    bound: int,
) -> Truncated:
    """Build a sum without its first digits and with a constant in their place."""
    above = sum(1 << column for column, _, negative in digits[:count] if negative)
    below = sum(1 << column for column, _, negative in digits[:count] if not negative)
    lowest = digits[count][0] if count < len(digits) else exact.n_outputs
    least, largest = max(-above, below - bound), min(below, bound - above)
    added = _cheapest(least, largest, lowest)
    builder = NetlistBuilder(exact.name, exact.input_ports, exact.output_ports)
    weighted = []
    constant = found.constant + added
    for column, subset, negative in digits[count:]:
        product = builder.input(subset[0])
        for other in subset[1:]:
            product = builder.and_(product, builder.input(other))
        if negative:  # -w p = w (1 - p) - w
            constant -= 1 << column
            product ^= 1
        weighted.append((1 << column, product))
    width = exact.n_outputs
    bits = add_columns(builder, weighted, constant % (1 << width))
    netlist = builder.build([*bits, *[0] * width][:width])
    said = f"{count} of {len(digits)} terms omitted, {added} added"
    return Truncated(netlist, said)


def _cheapest(least: int, largest: int, column: int) -> int:
    """Return the number of a range with the fewest ones from a column on, the nearest to its middle first."""
    step = 1 << column
    best = (least + largest) // 2
    candidates = {least, largest, best}
    for place in range(column, max(1, largest.bit_length()) + 1):
        whole = (largest >> place) << place
        candidates.update(value for value in (whole, whole + step - 1) if least <= value <= largest)
    middle = (least + largest) / 2
    return min(
        candidates, key=lambda value: ((value >> column).bit_count(), abs(value - middle), value)
    )
