"""Expressions of Verilog, read or assigned to, bit by bit.

Widths and signs follow IEEE 1364-2005, 5.4 and 5.5: an operator is as wide as its widest operand and as
its target, operands are extended first, with their sign if all of them are signed; operands of
concatenations, reductions, conditions and shift amounts are self-determined. Nothing recurses, as sums of
thousands of terms are usual in netlists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from btfsynth.hdl.verilog.circuit import Bits, Op
from btfsynth.hdl.verilog.grammar import Indexed, ast
from btfsynth.hdl.verilog.wiring import MAX_WIDTH, Net, Wiring
from btfsynth.hdl.verilog.words import Number, describe, parse_number, plain

_BITWISE = {ast.And: Op.AND, ast.Or: Op.OR, ast.Xor: Op.XOR, ast.Xnor: Op.XNOR}
_ARITHMETIC = (ast.Plus, ast.Minus, ast.Times)
_DIVISIONS = (ast.Divide, ast.Mod)
_COMPARISONS = (
    *(ast.Eq, ast.NotEq, ast.Eql, ast.NotEql),
    *(ast.LessThan, ast.GreaterThan, ast.LessEq, ast.GreaterEq),
)
_REDUCTIONS: Mapping[Any, tuple[Callable[[Bits, Sequence[int]], int], bool]] = {
    ast.Uand: (Bits.all_of, False),
    ast.Unand: (Bits.all_of, True),
    ast.Uor: (Bits.any_of, False),
    ast.Unor: (Bits.any_of, True),
    ast.Ulnot: (Bits.any_of, True),
    ast.Uxor: (Bits.parity, False),
    ast.Uxnor: (Bits.parity, True),
}
"""Operation that combines the bits, and whether the result is inverted."""
_SHIFTS = (ast.Sll, ast.Srl, ast.Sla, ast.Sra)
_MAX_FACTOR_WIDTH = 1024
_SIGNS = {"signed": True, "unsigned": False}

_Shape = tuple[int, bool]
"""Width, and whether it is signed."""


class _Task(NamedTuple):
    """A part to evaluate: its width, the number of lowest bits required, and its sign."""

    node: Any
    width: int
    needed: int
    signed: bool
    parts: tuple[Any, ...] = ()
    is_ready: bool = False


@dataclass(frozen=True)
class Expressions:
    """Makes the gates of expressions, least significant bit first, in the scope of the wiring."""

    wiring: Wiring
    shapes: dict[int, _Shape] = field(default_factory=dict)

    def target_bits(self, root: Any) -> list[int]:
        bits: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.LConcat | ast.Concat):
                stack.extend(node.list)  # the last one, least significant, comes off first
            elif isinstance(node, ast.Identifier | ast.Pointer | ast.Partselect | Indexed):
                bits.extend(self.select(node))
            else:
                raise self.wiring.unread(
                    f"expected a net, selects of its bits or a concatenation of these, got "
                    f"{describe(node)}",
                    node,
                )
        return bits

    def select(self, node: Any) -> list[int]:
        if isinstance(node, ast.Identifier):
            return self.net(node).gates
        if not isinstance(node.var, ast.Identifier):
            raise self.wiring.unread("a select of a select is not supported", node)
        net = self.net(node.var)
        if isinstance(node, ast.Pointer):
            low = high = self.number(node.ptr)
        elif isinstance(node, Indexed):
            base, width = self.number(node.base), self.number(node.width)
            ends = (base, base + width - 1) if node.up else (base - width + 1, base)
            low, high = ends if net.step > 0 else ends[::-1]
            if width < 1:
                raise self.wiring.error("expected a part select of at least one bit", node)
        else:
            high, low = self.number(node.msb), self.number(node.lsb)
        first, last = net.step * (low - net.low), net.step * (high - net.low)
        if not 0 <= first <= last < len(net.gates):
            raise self.wiring.error(f"{plain(node.var.name)}: no bits [{high}:{low}]", node)
        return net.gates[first : last + 1]

    def net(self, node: Any) -> Net:
        if node.scope is not None:
            raise self.wiring.unread(
                f"{plain(node.name)}: names of other modules' nets are not supported", node
            )
        net = self.wiring.scope.nets.get(plain(node.name))
        if net is None:
            raise self.wiring.error(f"{plain(node.name)} is not declared", node)
        return net

    def number(self, node: Any) -> int:
        """Return the number that a constant expression is, as in a range or a select."""
        if isinstance(node, ast.IntConst) and node.value.isdigit() and len(node.value) < 10:
            return int(node.value)
        bits, signed = Expressions(self.wiring).evaluate(node, 0)
        value = self.wiring.bits.value_of(bits)
        if value is None:
            raise self.wiring.error("expected a constant number", node)
        return value - (value >> (len(bits) - 1) << len(bits) if signed else 0)

    def expression(self, root: Any, width: int = 0) -> list[int]:
        """Return the gates of an expression in a width, 0 for its own, least significant first."""
        return self.evaluate(root, width)[0]

    def evaluate(self, root: Any, width: int, signed: bool | None = None) -> tuple[list[int], bool]:
        """Return the gates of an expression in a width, 0 for its own, and whether it is signed.

        `signed` is the sign of the operator around it, None if there is none.
        """
        self.measure(root)
        own, own_sign = self.shapes[id(root)]
        signed = own_sign if signed is None else signed
        values: list[list[int]] = []
        stack = [_Task(root, max(own, width), width or own, signed)]
        while stack:
            task = stack.pop()
            if task.is_ready:
                operands = values[-len(task.parts) :]
                del values[-len(task.parts) :]
                self.wiring.line = task.node.lineno or self.wiring.line
                values.append(self.operation(task, operands))
                continue
            parts = self.parts(task)
            if not parts:
                self.wiring.line = task.node.lineno or self.wiring.line
                values.append(self.fit(self.leaf(task.node), task))
                continue
            stack.append(_Task(task.node, task.width, task.needed, task.signed, parts, True))
            stack.extend(reversed(parts))
        self.shapes.clear()
        return values[0], signed

    def fit(self, bits: list[int], task: _Task) -> list[int]:
        return self.wiring.bits.extend(bits, max(task.width, len(bits)), task.signed)[: task.needed]

    def measure(self, root: Any) -> None:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            children = _children(node)
            if children and not ready:
                stack.append((node, True))
                stack.extend((child, False) for child in children)
            else:
                shape = self.shape(node, [self.shapes[id(child)] for child in children])
                if shape[0] > MAX_WIDTH:
                    raise self.wiring.error(
                        f"expected an expression of at most {MAX_WIDTH} bits", node
                    )
                self.shapes[id(node)] = shape

    def shape(self, node: Any, parts: Sequence[_Shape]) -> _Shape:
        kind = type(node)
        if kind in _BITWISE or kind in _ARITHMETIC or kind in _DIVISIONS:
            return max(parts[0][0], parts[1][0]), parts[0][1] and parts[1][1]
        if kind in (ast.Unot, ast.Uminus, ast.Uplus) or kind in _SHIFTS:
            return parts[0]
        if kind is ast.Cond:
            return max(parts[1][0], parts[2][0]), parts[1][1] and parts[2][1]
        if kind is ast.Concat:
            for part in node.list:
                if isinstance(part, ast.IntConst) and not self.constant(part).sized:
                    raise self.wiring.error(
                        f"expected constants of a width in a concatenation, got {part.value}", node
                    )
            return sum(width for width, _ in parts), False
        if kind is ast.Repeat:
            times = self.number(node.times)
            if not 1 <= times <= MAX_WIDTH:
                raise self.wiring.error(f"expected a replication of 1 or more, got {times}", node)
            return times * parts[0][0], False
        if kind is ast.SystemCall and parts:
            return parts[0][0], _SIGNS[node.syscall]
        if kind in _REDUCTIONS or kind in _COMPARISONS or kind in (ast.Land, ast.Lor):
            return 1, False
        return self.leaf_shape(node)

    def leaf_shape(self, node: Any) -> _Shape:
        if isinstance(node, ast.IntConst):
            number = self.constant(node)
            return number.width, number.signed
        if isinstance(node, ast.Identifier):
            net = self.net(node)
            return len(net.gates), net.signed
        if isinstance(node, ast.Pointer):
            return 1, False
        if isinstance(node, ast.Partselect | Indexed):
            return len(self.select(node)), False
        raise self.wiring.unread(f"{describe(node)} is not supported", node)

    def constant(self, node: Any) -> Number:
        try:
            return parse_number(node.value)
        except ValueError as error:
            raise self.wiring.error(str(error), node) from None

    def parts(self, task: _Task) -> tuple[_Task, ...]:
        """Return the parts of an operator with the widths and signs that it gives them."""
        node, kind = task.node, type(task.node)

        def alone(part: Any) -> _Task:
            width, signed = self.shapes[id(part)]
            return _Task(part, width, width, signed)

        def inside(part: Any) -> _Task:
            return _Task(part, task.width, task.needed, task.signed)

        if kind in _BITWISE or kind in _ARITHMETIC:
            return inside(node.left), inside(node.right)
        if kind in (ast.Unot, ast.Uminus, ast.Uplus):
            return (inside(node.right),)
        if kind in _DIVISIONS:
            return tuple(
                _Task(part, task.width, task.width, task.signed) for part in (node.left, node.right)
            )
        if kind in _SHIFTS:
            left = _Task(node.left, task.width, task.width, task.signed)
            return left, alone(node.right)
        if kind is ast.Cond:
            return alone(node.cond), inside(node.true_value), inside(node.false_value)
        if kind in _COMPARISONS:
            (one, one_signed), (other, other_signed) = (
                self.shapes[id(part)] for part in (node.left, node.right)
            )
            width, signed = max(one, other), one_signed and other_signed
            return tuple(_Task(part, width, width, signed) for part in (node.left, node.right))
        return tuple(alone(part) for part in _children(node))

    def leaf(self, node: Any) -> list[int]:
        if isinstance(node, ast.IntConst):
            number = self.constant(node)
            bits = self.wiring.bits.constant(number.value, number.width)
            unknown = number.unknown | number.floating
            for place in range(number.width) if unknown else ():
                if unknown >> place & 1:
                    bits[place] = self.wiring.undefined(node)
            return bits
        return self.indexed_bit(node) or self.select(node)

    def indexed_bit(self, node: Any) -> list[int] | None:
        """Return a bit that is selected by a vector; None if the index is constant."""
        if not isinstance(node, ast.Pointer) or not isinstance(node.var, ast.Identifier):
            return None
        index, signed = Expressions(self.wiring).evaluate(node.ptr, 0)
        if self.wiring.bits.value_of(index) is not None:
            return None
        net = self.net(node.var)
        inside = net.low == 0 and net.step > 0 and 1 << len(index) <= len(net.gates)
        if not inside or signed:
            raise self.wiring.unread(
                f"{plain(node.var.name)}: expected an index that cannot leave the vector, "
                f"got one of {len(index)} bits",
                node,
            )
        return [self.wiring.bits.table(net.gates[: 1 << len(index)], index)]

    def operation(self, task: _Task, operands: Sequence[list[int]]) -> list[int]:
        node, kind, bits = task.node, type(task.node), self.wiring.bits
        if kind in _BITWISE:
            op = _BITWISE[kind]
            return [self.bitwise(op, x, y) for x, y in zip(*operands, strict=True)]
        if kind is ast.Unot:
            return [bits.invert(bit) for bit in operands[0]]
        if kind is ast.Cond:
            condition = bits.any_of(operands[0])
            pairs = zip(operands[1], operands[2], strict=True)
            return [bits.choose(condition, x, y) for x, y in pairs]
        if kind is ast.Uplus:
            return operands[0]
        if kind is ast.Uminus:
            return bits.subtract(bits.constant(0, task.needed), operands[0])
        if kind in _ARITHMETIC:
            return self.arithmetic(node, *operands)
        if kind in _DIVISIONS:
            return self.divided(task, *operands)
        if kind in _SHIFTS:
            return self.shifted(task, *operands)
        if kind is ast.Concat:
            joined = [bit for part in reversed(operands) for bit in part]
        elif kind is ast.Repeat:
            joined = operands[0] * self.number(node.times)
        elif kind is ast.SystemCall:
            joined = operands[0]
        else:
            joined = [self.truth_value(task, operands)]
        return self.fit(joined, task)

    def bitwise(self, op: Op, x: int, y: int) -> int:
        """Return a gate of two bits; only constants are folded, so that the structure stays."""
        bits = self.wiring.bits
        if not {x, y} <= {bits.false, bits.true}:
            return bits.add_gate(op, (x, y))
        if op in (Op.AND, Op.OR):
            return bits.both(x, y) if op is Op.AND else bits.either(x, y)
        return bits.differ(x, y) if op is Op.XOR else bits.invert(bits.differ(x, y))

    def arithmetic(self, node: Any, a: list[int], b: list[int]) -> list[int]:
        bits = self.wiring.bits
        if isinstance(node, ast.Times):
            if len(a) > _MAX_FACTOR_WIDTH:
                raise self.wiring.unread(
                    f"expected a product of at most {_MAX_FACTOR_WIDTH} bits, got {len(a)}", node
                )
            fewer_first = sum(bit != bits.false for bit in a) < sum(bit != bits.false for bit in b)
            return bits.multiply(b, a) if fewer_first else bits.multiply(a, b)
        return bits.subtract(a, b) if isinstance(node, ast.Minus) else bits.add(a, b, bits.false)

    def divided(self, task: _Task, a: list[int], b: list[int]) -> list[int]:
        """Return quotient or remainder of constants, as parameters have them."""
        bits = self.wiring.bits
        one, other = bits.value_of(a), bits.value_of(b)
        if one is None or not other:
            raise self.wiring.unread(
                f"{describe(task.node)} is supported only on nonzero constants", task.node
            )
        if task.signed:
            one, other = (
                value - (value >> (task.width - 1) << task.width) for value in (one, other)
            )
        quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
        value = quotient if isinstance(task.node, ast.Divide) else one - quotient * other
        return bits.constant(value, task.needed)

    def shifted(self, task: _Task, value: list[int], amount: list[int]) -> list[int]:
        bits = self.wiring.bits
        if isinstance(task.node, ast.Sll | ast.Sla):
            return bits.shift_left(value, amount)[: task.needed]
        keeps_sign = isinstance(task.node, ast.Sra) and task.signed
        fill = value[-1] if keeps_sign else bits.false
        return bits.shift_right(value, amount, fill, task.needed)

    def truth_value(self, task: _Task, operands: Sequence[list[int]]) -> int:
        """Return the one bit of a reduction, a comparison or a logical operator."""
        node, kind, bits = task.node, type(task.node), self.wiring.bits
        if kind in _REDUCTIONS:
            join, inverted = _REDUCTIONS[kind]
            value = join(bits, operands[0])
            return bits.invert(value) if inverted else value
        if kind in (ast.Land, ast.Lor):
            join_two = bits.both if kind is ast.Land else bits.either
            return join_two(bits.any_of(operands[0]), bits.any_of(operands[1]))
        one, other = operands
        if kind in (ast.Eq, ast.Eql, ast.NotEq, ast.NotEql):
            same = bits.equal(one, other)
            return same if kind in (ast.Eq, ast.Eql) else bits.invert(same)
        signed = all(self.shapes[id(part)][1] for part in (node.left, node.right))
        if kind in (ast.GreaterThan, ast.LessEq):
            one, other = other, one
        less = bits.less(one, other, signed)
        return less if kind in (ast.LessThan, ast.GreaterThan) else bits.invert(less)


def _children(node: Any) -> tuple[Any, ...]:
    """Return the operands of an operator; empty for a leaf or an unknown construct."""
    kind = type(node)
    if kind in _REDUCTIONS or kind in (ast.Unot, ast.Uminus, ast.Uplus):
        return (node.right,)
    if kind in _BITWISE or kind in _ARITHMETIC or kind in _COMPARISONS or kind in _SHIFTS:
        return (node.left, node.right)
    if kind in (ast.Land, ast.Lor) or kind in _DIVISIONS:
        return (node.left, node.right)
    if kind is ast.Cond:
        return (node.cond, node.true_value, node.false_value)
    if kind is ast.Concat:
        return tuple(node.list)
    if kind is ast.Repeat:
        return (node.value,)
    if kind is ast.SystemCall and node.syscall in _SIGNS and len(node.args) == 1:
        return tuple(node.args)
    return ()
