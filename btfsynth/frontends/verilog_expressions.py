"""Expressions of Verilog: what is read and what is assigned to, bit by bit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from btfsynth.frontends.circuit import Op
from btfsynth.frontends.verilog_parser import ast
from btfsynth.frontends.verilog_wiring import MAX_WIDTH, Net, Wiring, plain

__all__ = ["Expressions"]

_CONSTANT = re.compile(r"^([0-9]+)'([bodhBODH])([0-9a-fA-F_]+)$")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_BINARY = {ast.And: Op.AND, ast.Or: Op.OR, ast.Xor: Op.XOR, ast.Xnor: Op.XNOR}


@dataclass(frozen=True)
class Expressions:
    """Makes the gates of expressions, least significant bit first, in the scope of the wiring."""

    wiring: Wiring

    def target_bits(self, root: Any) -> list[int]:
        """Return the bits of what is assigned to."""
        bits: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.LConcat | ast.Concat):
                stack.extend(node.list)  # the last one, least significant, comes off first
            else:
                bits.extend(self.select(node))
        return bits

    def select(self, node: Any) -> list[int]:
        """Return the bits of a net, a bit select or a part select."""
        if isinstance(node, ast.Identifier):
            return self.net(node).gates
        if isinstance(node, ast.Pointer | ast.Partselect) and isinstance(node.var, ast.Identifier):
            net = self.net(node.var)
            if isinstance(node, ast.Pointer):
                low = high = self.wiring.number(node.ptr)
            else:
                high, low = self.wiring.number(node.msb), self.wiring.number(node.lsb)
            first, last = net.step * (low - net.low), net.step * (high - net.low)
            if not 0 <= first <= last < len(net.gates):
                raise self.wiring.error(f"{plain(node.var.name)}: no bits [{high}:{low}]", node)
            return net.gates[first : last + 1]
        raise self.wiring.unknown(node)

    def net(self, node: Any) -> Net:
        """Return the net of an identifier."""
        net = self.wiring.scope.nets.get(plain(node.name))
        if node.scope is not None or net is None:
            raise self.wiring.error(f"{plain(node.name)} is not declared", node)
        return net

    def expression(self, root: Any) -> list[int]:
        """Return the gates of an expression, least significant first, without recursion."""
        values: list[list[int]] = []
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            parts = _operands(node)
            if not parts:
                values.append(self.leaf(node))
            elif ready:
                operands = values[-len(parts) :]
                del values[-len(parts) :]
                values.append(self.operation(node, operands))
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed(parts))
        return values[0]

    def leaf(self, node: Any) -> list[int]:
        """Return the bits of a constant or of what a name says."""
        if not isinstance(node, ast.IntConst):
            return self.select(node)
        match = _CONSTANT.match(node.value)
        if match is None:
            raise self.wiring.error(f"expected a sized constant of 0 and 1, got {node.value}", node)
        width = int(match[1]) if len(match[1]) < 8 else MAX_WIDTH + 1
        try:
            value = int(match[3].replace("_", ""), _RADIX[match[2].lower()])
        except ValueError:
            raise self.wiring.error(f"expected a constant, got {node.value}", node) from None
        if not 1 <= width <= MAX_WIDTH or value >> width:
            raise self.wiring.error(f"the constant {node.value} does not fit its width", node)
        return [
            self.wiring.gate(Op.TRUE if value >> bit & 1 else Op.FALSE, (), node.lineno)
            for bit in range(width)
        ]

    def operation(self, node: Any, operands: Sequence[list[int]]) -> list[int]:
        """Return the bits of an operator, given those of its operands."""
        if isinstance(node, ast.Concat):
            return [bit for part in reversed(operands) for bit in part]
        if isinstance(node, ast.Unot):
            return [self.wiring.gate(Op.NOT, (bit,), node.lineno) for bit in operands[0]]
        if isinstance(node, ast.Cond):
            condition, *operands = operands
            if len(condition) != 1:
                raise self.wiring.error("expected a condition of one bit", node)
        if len(operands[0]) != len(operands[1]):
            raise self.wiring.error(
                f"operands of {len(operands[0])} and {len(operands[1])} bits", node
            )
        pairs = zip(*operands, strict=True)
        if isinstance(node, ast.Cond):
            return [self.wiring.gate(Op.MUX, (condition[0], x, y), node.lineno) for x, y in pairs]
        return [self.wiring.gate(_BINARY[type(node)], (x, y), node.lineno) for x, y in pairs]


def _operands(node: Any) -> tuple[Any, ...]:
    """Return what an operator reads; nothing for a leaf or an unknown construct."""
    if type(node) in _BINARY:
        return (node.left, node.right)
    if isinstance(node, ast.Unot):
        return (node.right,)
    if isinstance(node, ast.Cond):
        return (node.cond, node.true_value, node.false_value)
    if isinstance(node, ast.Concat):
        return tuple(node.list)
    return ()
