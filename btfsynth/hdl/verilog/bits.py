"""Gates of Verilog's operators on vectors; constants among their inputs are folded.

A vector is a list of gates, least significant bit first. Operands of an operator have one width, to which
they have been extended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from btfsynth.hdl.verilog.circuit import Op

__all__ = [
    "Bits",
]


@dataclass
class Bits:
    """Makes gates.

    Parameters
    ----------
    add_gate
        Adds a gate for an operation and what it reads and returns its index.
    """

    add_gate: Callable[[Op, tuple[int, ...]], int]
    known: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Multiplexers by what they read: equal parts of a table are one."""
    false: int = field(init=False)
    true: int = field(init=False)

    def __post_init__(self) -> None:
        self.false = self.add_gate(Op.FALSE, ())
        self.true = self.add_gate(Op.TRUE, ())

    def constant(self, value: int, width: int) -> list[int]:
        """Return a number as a vector."""
        return [self.true if value >> bit & 1 else self.false for bit in range(width)]

    def value_of(self, bits: Sequence[int]) -> int | None:
        """Return the number that a vector is, None if it is not constant."""
        value = 0
        for place, bit in enumerate(bits):
            if bit == self.true:
                value |= 1 << place
            elif bit != self.false:
                return None
        return value

    def extend(self, bits: Sequence[int], width: int, signed: bool) -> list[int]:
        """Return a vector cut or extended to a width."""
        fill = bits[-1] if signed else self.false
        return [*bits[:width], *[fill] * (width - len(bits))]

    def invert(self, a: int) -> int:
        """Return NOT."""
        if a in (self.false, self.true):
            return self.true if a == self.false else self.false
        return self.add_gate(Op.NOT, (a,))

    def both(self, a: int, b: int) -> int:
        """Return AND."""
        if self.false in (a, b):
            return self.false
        if self.true in (a, b):
            return b if a == self.true else a
        return self.add_gate(Op.AND, (a, b))

    def either(self, a: int, b: int) -> int:
        """Return OR."""
        if self.true in (a, b):
            return self.true
        if self.false in (a, b):
            return b if a == self.false else a
        return self.add_gate(Op.OR, (a, b))

    def differ(self, a: int, b: int) -> int:
        """Return XOR."""
        for one, other in ((a, b), (b, a)):
            if one == self.false:
                return other
            if one == self.true:
                return self.invert(other)
        return self.add_gate(Op.XOR, (a, b))

    def choose(self, condition: int, then: int, otherwise: int) -> int:
        """Return the second where the first is true, else the third; the same gate for the same three."""
        if condition == self.true or then == otherwise:
            return then
        if condition == self.false:
            return otherwise
        if then == self.true and otherwise == self.false:
            return condition
        key = (condition, then, otherwise)
        if key not in self.known:
            if (then, otherwise) == (self.false, self.true):
                self.known[key] = self.invert(condition)
            else:
                self.known[key] = self.add_gate(Op.MUX, key)
        return self.known[key]

    def all_of(self, bits: Sequence[int]) -> int:
        """Return AND of any number of bits."""
        return self._joined(Op.AND, bits, self.true, self.false)

    def any_of(self, bits: Sequence[int]) -> int:
        """Return OR of any number of bits."""
        return self._joined(Op.OR, bits, self.false, self.true)

    def _joined(self, op: Op, bits: Sequence[int], neutral: int, absorbing: int) -> int:
        if absorbing in bits:
            return absorbing
        rest = tuple(bit for bit in bits if bit != neutral)
        if len(rest) < 2:
            return rest[0] if rest else neutral
        return self.add_gate(op, rest)

    def parity(self, bits: Sequence[int]) -> int:
        """Return XOR of any number of bits."""
        rest = tuple(bit for bit in bits if bit not in (self.false, self.true))
        odd = list(bits).count(self.true) & 1
        value = self.add_gate(Op.XOR, rest) if len(rest) > 1 else [*rest, self.false][0]
        return self.invert(value) if odd else value

    def add(self, a: Sequence[int], b: Sequence[int], carry: int) -> list[int]:
        """Return the sum of two vectors and a carry, as wide as they are."""
        total = []
        for x, y in zip(a, b, strict=True):
            half = self.differ(x, y)
            total.append(self.differ(half, carry))
            carry = self.either(self.both(x, y), self.both(half, carry))
        return total

    def subtract(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return the difference of two vectors."""
        return self.add(a, [self.invert(bit) for bit in b], self.true)

    def multiply(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Return the product of two vectors, as wide as each of them."""
        width = len(a)
        total = self.constant(0, width)
        for place, bit in enumerate(b):
            if bit != self.false:
                row = [self.both(bit, x) for x in a[: width - place]]
                total[place:] = self.add(total[place:], row, self.false)
        return total

    def equal(self, a: Sequence[int], b: Sequence[int]) -> int:
        """Return whether two vectors are equal."""
        same = [self.invert(self.differ(x, y)) for x, y in zip(a, b, strict=True)]
        return self.all_of(same)

    def less(self, a: Sequence[int], b: Sequence[int], signed: bool) -> int:
        """Return whether the first of two vectors is the smaller number."""
        a, b = list(a), list(b)
        if signed:
            a[-1], b[-1] = b[-1], a[-1]
        found = self.false
        for x, y in zip(a, b, strict=True):
            found = self.choose(self.differ(x, y), y, found)
        return found

    def shift_left(self, bits: Sequence[int], amount: Sequence[int]) -> list[int]:
        """Return a vector shifted towards its most significant bit, as wide as it is."""
        reverse = list(bits)[::-1]
        return self.shift_right(reverse, amount, self.false, len(reverse))[::-1]

    def shift_right(
        self, bits: Sequence[int], amount: Sequence[int], fill: int, needed: int
    ) -> list[int]:
        """Return the lowest bits of a vector shifted to the right.

        Parameters
        ----------
        bits, amount
            The vector, and the number of places.
        fill
            What comes in from the left.
        needed
            How many of the lowest bits are wanted.
        """
        stages = [(1 << place, bit) for place, bit in enumerate(amount) if 1 << place < len(bits)]
        wanted = [set(range(needed))]
        for step, _ in reversed(stages):
            after = wanted[-1]
            wanted.append(after | {place + step for place in after if place + step < len(bits)})
        values = dict(enumerate(bits))
        for (step, bit), places in zip(stages, reversed(wanted[:-1]), strict=True):
            values = {
                place: self.choose(bit, values.get(place + step, fill), values[place])
                for place in sorted(places)
            }
        beyond = self.any_of([bit for place, bit in enumerate(amount) if 1 << place >= len(bits)])
        return [self.choose(beyond, fill, values[place]) for place in range(needed)]

    def table(self, values: Sequence[int], choices: Sequence[int]) -> int:
        """Return what a table has at a number; a decision diagram, so that equal parts are one.

        Parameters
        ----------
        values
            A gate for every value of the number.
        choices
            The number, least significant bit first.
        """
        level = list(values)
        for choice in choices:
            level = [
                self.choose(choice, high, low)
                for low, high in zip(level[::2], level[1::2], strict=True)
            ]
        return level[0]
