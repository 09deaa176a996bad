"""Sums of the same literals, with any signs, that have most of their adders in common.

The neurons of a layer of binary or ternary weights add up the same inputs, some of them inverted. The parity of
three literals is the same for all signs but for an inverter, and majority is self-dual: of the eight full
adders of three literals one has to be built whole, three cells, and three more carries take a cell each. So
every sum takes the literals in the same order, seven at a time: three full adders make a parity of seven and
three carries, a fourth adds up the carries. There are 64 of these groups up to inverters, however many sums
there are, and their parities are the same signals for all sums, so that groups of these are shared in turn.
Sharing subexpressions of constant matrices is old (R. I. Hartley, "Subexpression sharing in filters using
canonic signed digit multipliers", IEEE Trans. Circuits and Systems II 43 (1996)).

A sum that shares nothing takes as many cells in this order as in any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from btfsynth.lower.adder import Adders, add_columns, signed_digits
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE

_GROUP = 7
"""The literals whose sum three bits hold."""
WIDE = 12
"""Terms of a sum from which on it is worth trying."""


class SharedAdders(Adders):
    """Full adders of which no parity is built twice, and sums that take their literals in one order."""

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
        """Add up all but two literals, those beside each other first; return what is left and the carries."""
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

    As `add_columns`; what the weights have in common is multiplied afterwards where that takes fewer adders.
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
