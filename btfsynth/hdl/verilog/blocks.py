"""``always`` blocks of Verilog: what each register bit is after all statements have run.

A block is run once, on gates instead of values. ``if`` and ``case`` run all their branches from the same state
and join the results by multiplexers; a ``case`` with constant labels becomes a decision diagram, in which
equal parts are shared, so that tables of thousands of rows stay small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.wiring import Wiring
from btfsynth.hdl.verilog.words import Number, describe

_LATCH = -1
"""In place of a gate: not assigned on every way through the block."""

_MAX_DEPTH = 60
_MAX_TABLE_BITS = 16

_State = dict[int, int]


@dataclass
class BlockRunner:
    """Runs one block.

    In a clocked block an unassigned bit keeps its value; in another it would infer a latch. With
    `is_parallel` all assignments are read as nonblocking ones.
    """

    wiring: Wiring
    is_clocked: bool = False
    is_parallel: bool = False
    state: _State = field(default_factory=dict)
    """The gate that every bit is assigned so far."""
    is_blocking: dict[int, bool] = field(default_factory=dict)
    reads: dict[int, Any] = field(default_factory=dict)
    """Bits of nets that are read from outside the block, or before they are assigned."""

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.wiring, self.look)

    def combinational(self, always: Any) -> Mapping[int, int]:
        """Return the gate of every bit that a block without a clock assigns, on every path."""
        self.run(always.statement, 0)
        for target, value in self.state.items():
            if value == _LATCH:
                raise self.latch(target, "is not assigned on every way through the block", always)
        for gate, node in self.reads.items():
            if self.is_blocking.get(gate):
                raise self.latch(gate, "is read before it is assigned", node)
        if any(sense.type == "level" for sense in always.sens_list.list):
            listed = {
                gate
                for sense in always.sens_list.list
                for gate in Expressions(self.wiring).select(sense.sig)
            }
            for gate, node in self.reads.items():
                if gate not in listed and gate not in self.state:
                    raise self.latch(gate, "is read, but the block does not wait for it", node)
        return self.state

    def held(self, always: Any) -> set[int]:
        """Return the bits that keep their value on some path through a block without a clock: latches."""
        self.run(always.statement, 0)
        return {target for target, value in self.state.items() if value == _LATCH}

    def clocked(self, always: Any) -> Mapping[int, int]:
        """Return the gate of every bit that a clocked block assigns: its own where it keeps its value."""
        self.run(always.statement, 0)
        return self.state

    def latch(self, gate: int, what: str, node: Any) -> DataError:
        return self.wiring.sequential(
            f"{self.wiring.net_of[gate]} {what}, which infers a latch; expected a combinational "
            "block",
            node,
        )

    def look(self, gate: int, node: Any) -> int:
        value = self.state.get(gate) if self.is_blocking.get(gate) else None
        if value == _LATCH:
            raise self.latch(gate, "is read where it is not always assigned", node)
        if value is not None:
            return value
        if gate in self.wiring.net_of:
            self.reads.setdefault(gate, node)
        return gate

    # statements

    def run(self, statement: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self.wiring.error(
                f"expected at most {_MAX_DEPTH} statements inside each other", statement
            )
        if isinstance(statement, ast.Block):
            for part in statement.statements:
                self.run(part, depth + 1)
        elif isinstance(statement, ast.IfStatement):
            self.run_if(statement, depth)
        elif isinstance(statement, ast.CaseStatement):
            self.run_case(statement, depth)
        elif isinstance(statement, ast.Substitution):
            self.assign(statement)
        elif not _is_empty(statement):
            raise self.wiring.error(
                f"expected assigns, 'if' and 'case' in a block, got {describe(statement)}",
                statement,
            )

    def assign(self, statement: Any) -> None:
        """Run an assignment; the effect of a nonblocking one is not seen inside the block."""
        if statement.ldelay is not None:
            raise self.wiring.error("a delay '#' before a statement is not supported", statement)
        targets = self.expressions.target_bits(statement.left.var)
        values = self.expressions.assigned(statement.right.var, len(targets))
        is_blocking = isinstance(statement, ast.BlockingSubstitution) and not self.is_parallel
        for target, value in zip(targets, values, strict=True):
            if self.is_blocking.setdefault(target, is_blocking) != is_blocking:
                raise self.wiring.error(
                    f"{self.wiring.net_of[target]} is assigned by both '=' and '<='", statement
                )
            self.state[target] = value

    def branch(self, statement: Any, depth: int) -> _State:
        """Return the state after a statement, which may be missing, and keep that before it."""
        before = self.state
        self.state = dict(before)
        if statement is not None:
            self.run(statement, depth + 1)
        after, self.state = self.state, before
        return after

    def run_if(self, statement: Any, depth: int) -> None:
        """Run a chain of ``if ... else if ... else``."""
        ways = []
        while isinstance(statement, ast.IfStatement):
            condition = self.expressions.truth(statement.cond)
            ways.append((condition, self.branch(statement.true_statement, depth)))
            statement = statement.false_statement
        self.join(ways, self.branch(statement, depth))

    def join(self, ways: Sequence[tuple[int, _State]], otherwise: _State) -> None:
        """Continue with the state of the first branch whose condition is true."""
        for condition, then in reversed(ways):
            joined = {}
            for target in {**otherwise, **then}:
                one, other = (self.after(state, target) for state in (then, otherwise))
                joined[target] = self.choose(condition, one, other)
            otherwise = joined
        self.state = otherwise

    def after(self, state: _State, target: int) -> int:
        return state.get(target, target if self.is_clocked else _LATCH)

    def choose(self, condition: int, one: int, other: int) -> int:
        """Return a multiplexer of two branches; a latch if one that can be taken does not assign."""
        bits = self.wiring.bits
        if condition in (bits.true, bits.false):
            return one if condition == bits.true else other
        return _LATCH if _LATCH in (one, other) else bits.choose(condition, one, other)

    # case

    def run_case(self, statement: Any, depth: int) -> None:
        """Run a ``case``, ``casez`` or ``casex``: the first branch one of whose labels matches."""
        labels = [label for item in statement.caselist for label in item.cond or ()]
        shapes = [Expressions(self.wiring).own_shape(node) for node in (statement.comp, *labels)]
        width, signed = max(width for width, _ in shapes), all(signed for _, signed in shapes)
        branches = [self.branch(item.statement, depth) for item in statement.caselist]
        defaults = [place for place, item in enumerate(statement.caselist) if item.cond is None]
        if len(defaults) > 1:
            raise self.wiring.error("expected one default", statement)
        otherwise = branches[defaults[0]] if defaults else dict(self.state)
        subject = self.expressions.evaluate(statement.comp, width, signed)[0]
        own = width  # of bits that can differ from 0
        while own > 1 and subject[own - 1] == self.wiring.bits.false:
            own -= 1
        if own <= _MAX_TABLE_BITS and all(isinstance(label, ast.IntConst) for label in labels):
            chosen = np.full(1 << own, len(branches))
            for place, care, value in self.matches(statement, width, signed):
                if not (value & care) >> own:
                    vectors = np.arange(1 << own)
                    low = (1 << own) - 1
                    hit = (vectors & (care & low)) == (value & care & low)
                    chosen[hit & (chosen == len(branches))] = place
            self.look_up(subject[:own], chosen.tolist(), [*branches, otherwise])
        else:
            ways = [
                (self.any_match(item, statement, subject, width, signed), branches[place])
                for place, item in enumerate(statement.caselist)
                if item.cond is not None
            ]
            self.join(ways, otherwise)

    def matches(self, statement: Any, width: int, signed: bool) -> Iterator[tuple[int, int, int]]:
        """Yield the branch, the mask of relevant bits and their values, for all constant labels in order."""
        expressions = Expressions(self.wiring)
        for place, item in enumerate(statement.caselist):
            for label in item.cond or ():
                found = _pattern(statement, expressions.constant(label), width, signed)
                if found is not None:
                    yield place, *found

    def any_match(
        self, item: Any, statement: Any, subject: Sequence[int], width: int, signed: bool
    ) -> int:
        """Return the gate that is true where one of the labels matches."""
        bits, hits = self.wiring.bits, []
        for label in item.cond:
            care = (1 << width) - 1
            if isinstance(label, ast.IntConst):
                found = _pattern(statement, self.expressions.constant(label), width, signed)
                if found is None:
                    continue
                care, value = found
                wanted = bits.constant(value, width)
            else:
                wanted = self.expressions.evaluate(label, width, signed)[0]
            places = [place for place in range(width) if care >> place & 1]
            hits.append(
                bits.equal(
                    [subject[place] for place in places], [wanted[place] for place in places]
                )
            )
        return bits.any_of(hits)

    def look_up(
        self, subject: Sequence[int], chosen: Sequence[int], branches: Sequence[_State]
    ) -> None:
        """Continue with the state of the branch that a table has for every value of a vector."""
        used = sorted(set(chosen))
        joined = {}
        for target in {target: None for place in used for target in branches[place]}:
            values = {place: self.after(branches[place], target) for place in used}
            if _LATCH in values.values():
                joined[target] = _LATCH
            else:
                leaves = [values[place] for place in chosen]
                joined[target] = self.wiring.bits.table(leaves, subject)
        self.state = joined


def _pattern(statement: Any, number: Number, width: int, signed: bool) -> tuple[int, int] | None:
    """Return which bits of a label matter and their values; None if it never matches 0s and 1s."""
    free = 0
    if isinstance(statement, ast.CasezStatement | ast.CasexStatement):
        free = number.floating
    if isinstance(statement, ast.CasexStatement):
        free |= number.unknown
    if (number.unknown | number.floating) & ~free:
        return None
    value = number.value
    if signed and value >> (number.width - 1):
        value |= (1 << width) - (1 << number.width)
    return ((1 << width) - 1) & ~free, value


def _is_empty(statement: Any) -> bool:
    return isinstance(statement, ast.EventStatement) and statement.senslist.list[0].type == "none"
