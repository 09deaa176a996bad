"""A circuit of gates on single bits, as read from a file, and its evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTES_AT_ONCE = 1 << 25


class Op(Enum):
    """Operation of a gate; AND, OR, XOR and XNOR read any number of gates from one on.

    A register is a gate that only delays.
    """

    FALSE = "0"
    TRUE = "1"
    INPUT = "input"
    BUFFER = "="
    NOT = "~"
    AND = "&"
    OR = "|"
    XOR = "^"
    XNOR = "~^"
    MUX = "?:"
    REGISTER = "<="


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate and the indices of the gates it reads; of an input, its position."""

    op: Op
    reads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Clocking:
    """The inputs that control the registers of a circuit, and its latency.

    They change at the rising edge of the clock; reset clears them all, and without enable they all hold. The
    latency is None if no output depends on an input.
    """

    clock: str
    reset: str | None
    enable: str | None
    latency: int | None


@dataclass(frozen=True)
class Circuit:
    """Gates in topological order."""

    module: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    """Width of each port by name, in order, without those that control registers."""
    gates: Sequence[Gate]
    order: Sequence[int]  # indices of the gates in topological order
    output_gates: Sequence[int]
    """The gate that drives each output bit, ports in order, least significant bit first."""
    clocking: Clocking | None = None  # what controls its registers; None if it is combinational
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By name of a port the index of its least significant bit, and the step from bit to bit, 1 or -1; bits of
    the others count up from 0."""


def evaluate(circuit: Circuit, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(vectors, output bits)`` for ``(vectors, input bits)``, uint8 0/1, whatever the latency."""
    chunk = max(1, _BYTES_AT_ONCE // max(1, len(circuit.order))) * 8
    parts = [
        _evaluate_chunk(circuit, inputs[start : start + chunk])
        for start in range(0, len(inputs), chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(circuit.output_gates)), np.uint8)


def _evaluate_chunk(circuit: Circuit, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Evaluate gate by gate with eight vectors a byte."""
    columns = np.packbits(inputs, axis=0).T
    zeros = np.zeros(columns.shape[1], dtype=np.uint8)
    values: list[Any] = [None] * len(circuit.gates)
    for index in circuit.order:
        gate = circuit.gates[index]
        if gate.op is Op.INPUT:
            values[index] = columns[gate.reads[0]]
        else:
            values[index] = _apply(gate.op, [values[read] for read in gate.reads], zeros)
    packed = np.array([values[gate] for gate in circuit.output_gates], dtype=np.uint8)
    return np.ascontiguousarray(np.unpackbits(packed, axis=1, count=len(inputs)).T)


def _apply(op: Op, reads: Sequence[Any], zeros: NDArray[np.uint8]) -> Any:
    if op is Op.FALSE:
        return zeros
    if op is Op.TRUE:
        return ~zeros
    if op in (Op.BUFFER, Op.REGISTER):
        return reads[0]
    if op is Op.NOT:
        return ~reads[0]
    if op is Op.AND:
        return np.bitwise_and.reduce(reads)
    if op is Op.OR:
        return np.bitwise_or.reduce(reads)
    if op is Op.XOR:
        return np.bitwise_xor.reduce(reads)
    if op is Op.XNOR:
        return ~np.bitwise_xor.reduce(reads)
    return (reads[0] & reads[1]) | (~reads[0] & reads[2])


# gates of operators on vectors; constants among their inputs are folded


@dataclass
class Bits:
    """Makes gates; `add_gate` adds one for an operation and its operands and returns its index."""

    add_gate: Callable[[Op, tuple[int, ...]], int]
    known: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Multiplexers by their operands, so that equal parts of a table are shared."""
    false: int = field(init=False)
    true: int = field(init=False)

    def __post_init__(self) -> None:
        self.false = self.add_gate(Op.FALSE, ())
        self.true = self.add_gate(Op.TRUE, ())

    def constant(self, value: int, width: int) -> list[int]:
        return [self.true if value >> bit & 1 else self.false for bit in range(width)]

    def value_of(self, bits: Sequence[int]) -> int | None:
        value = 0
        for place, bit in enumerate(bits):
            if bit == self.true:
                value |= 1 << place
            elif bit != self.false:
                return None
        return value

    def extend(self, bits: Sequence[int], width: int, signed: bool) -> list[int]:
        fill = bits[-1] if signed else self.false
        return [*bits[:width], *[fill] * (width - len(bits))]

    def invert(self, a: int) -> int:
        if a in (self.false, self.true):
            return self.true if a == self.false else self.false
        return self.add_gate(Op.NOT, (a,))

    def both(self, a: int, b: int) -> int:
        if self.false in (a, b):
            return self.false
        if self.true in (a, b):
            return b if a == self.true else a
        return self.add_gate(Op.AND, (a, b))

    def either(self, a: int, b: int) -> int:
        if self.true in (a, b):
            return self.true
        if self.false in (a, b):
            return b if a == self.false else a
        return self.add_gate(Op.OR, (a, b))

    def differ(self, a: int, b: int) -> int:
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
        return self._joined(Op.AND, bits, self.true, self.false)

    def any_of(self, bits: Sequence[int]) -> int:
        return self._joined(Op.OR, bits, self.false, self.true)

    def _joined(self, op: Op, bits: Sequence[int], neutral: int, absorbing: int) -> int:
        if absorbing in bits:
            return absorbing
        rest = tuple(bit for bit in bits if bit != neutral)
        if len(rest) < 2:
            return rest[0] if rest else neutral
        return self.add_gate(op, rest)

    def parity(self, bits: Sequence[int]) -> int:
        rest = tuple(bit for bit in bits if bit not in (self.false, self.true))
        odd = list(bits).count(self.true) & 1
        value = self.add_gate(Op.XOR, rest) if len(rest) > 1 else [*rest, self.false][0]
        return self.invert(value) if odd else value

    def add(self, a: Sequence[int], b: Sequence[int], carry: int) -> list[int]:
        total = []
        for x, y in zip(a, b, strict=True):
            half = self.differ(x, y)
            total.append(self.differ(half, carry))
            carry = self.either(self.both(x, y), self.both(half, carry))
        return total

    def subtract(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        return self.add(a, [self.invert(bit) for bit in b], self.true)

    def multiply(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        width = len(a)
        total = self.constant(0, width)
        for place, bit in enumerate(b):
            if bit != self.false:
                row = [self.both(bit, x) for x in a[: width - place]]
                total[place:] = self.add(total[place:], row, self.false)
        return total

    def equal(self, a: Sequence[int], b: Sequence[int]) -> int:
        same = [self.invert(self.differ(x, y)) for x, y in zip(a, b, strict=True)]
        return self.all_of(same)

    def less(self, a: Sequence[int], b: Sequence[int], signed: bool) -> int:
        a, b = list(a), list(b)
        if signed:
            a[-1], b[-1] = b[-1], a[-1]
        found = self.false
        for x, y in zip(a, b, strict=True):
            found = self.choose(self.differ(x, y), y, found)
        return found

    def shift_left(self, bits: Sequence[int], amount: Sequence[int]) -> list[int]:
        reverse = list(bits)[::-1]
        return self.shift_right(reverse, amount, self.false, len(reverse))[::-1]

    def shift_right(
        self, bits: Sequence[int], amount: Sequence[int], fill: int, needed: int
    ) -> list[int]:
        """Return the `needed` lowest bits of a vector shifted to the right, filled from the left."""
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
        """Return the value of a table at a number, least significant bit first, as a decision diagram."""
        level = list(values)
        for choice in choices:
            level = [
                self.choose(choice, high, low)
                for low, high in zip(level[::2], level[1::2], strict=True)
            ]
        return level[0]
