"""``always`` blocks of Verilog: the value of each register bit after all statements, and its timing.

A combinational block is run once, on gates instead of values. ``if`` and ``case`` run all their branches from
the same state and join the results by multiplexers; a ``case`` with constant labels becomes a decision
diagram, in which equal parts are shared, so that tables of thousands of rows stay small.

Registers of a pipeline: ``always @(posedge clock)`` with nonblocking assigns, optionally under an ``if
(reset)``, where they clear, and under an ``if (enable)``. Clock, reset and enable are one-bit inputs of the
whole design, the same for every register, and nothing else reads them. Every path from an input to a net has
the same number of registers, so that the circuit is a function with a latency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.circuit import Clocking, Gate, Op
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.wiring import Wiring
from btfsynth.hdl.verilog.words import Number, describe

_LATCH = -1
"""In place of a gate: not assigned on every path through the block."""

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
    state: _State = field(default_factory=dict)  # the gate that every bit is assigned so far
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
                raise self.latch(target, "is not assigned on every path through the block", always)
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

    def run(self, statement: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self.wiring.unread(f"expected at most {_MAX_DEPTH} nested statements", statement)
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
            raise self.wiring.unread(
                f"expected assigns, 'if' and 'case' in a block, got {describe(statement)}",
                statement,
            )

    def assign(self, statement: Any) -> None:
        """Run an assignment; the effect of a nonblocking one is not seen inside the block."""
        if statement.ldelay is not None:
            raise self.wiring.unread("a delay '#' before a statement is not supported", statement)
        targets = self.expressions.target_bits(statement.left.var)
        values = self.expressions.expression(statement.right.var, len(targets))
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
        ways = []
        while isinstance(statement, ast.IfStatement):
            condition = self.expressions.truth(statement.cond)
            ways.append((condition, self.branch(statement.true_statement, depth)))
            statement = statement.false_statement
        self.join(ways, self.branch(statement, depth))

    def join(self, ways: Sequence[tuple[int, _State]], otherwise: _State) -> None:
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
    """Return the compared bits of a label and their values; None if it never matches 0s and 1s."""
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


_MAX_CLOCKED_DEPTH = 16

_CONTROLS = ("clock", "reset", "enable")

Next = Union[int, None, "_Choice"]
"""The next value of a register bit: a gate, its own value (None), or one of two by a condition."""


@dataclass(frozen=True)
class _Choice:
    condition: int
    then: Next
    otherwise: Next


@dataclass(frozen=True)
class Register:
    """One register bit: the gate that reads its next value, and the gates that control it, if any."""

    gate: int
    clock: int
    reset: int | None
    enable: int | None


@dataclass(frozen=True)
class AlwaysReader:
    wiring: Wiring

    def error(self, message: str, node: Any) -> DataError:
        return self.wiring.sequential(message, node)

    def values(self, node: Any, width: int) -> list[int]:
        """Return the bits of an expression, with a constant of its own for every assign.

        So ``q <= 0`` in both branches of an ``if`` is still a reset.
        """
        wiring = self.wiring
        constants = {wiring.bits.false: Op.FALSE, wiring.bits.true: Op.TRUE}
        bits = Expressions(wiring).expression(node, width)
        return [
            wiring.gate(constants[bit], (), node.lineno) if bit in constants else bit
            for bit in bits
        ]

    def read(self, always: Any) -> list[tuple[Register, int]]:
        senses = always.sens_list.list
        if len(senses) != 1 or senses[0].type != "posedge":
            raise self.error("expected 'always @(posedge clock)'", always)
        clock = self.bit(senses[0].sig, "a clock")
        found = []
        for target, assigned in self.run(always.statement, {}, 0).items():
            reset = enable = None
            following = assigned
            if isinstance(following, _Choice) and self.clears(following):
                reset, following = following.condition, following.otherwise
            if isinstance(following, _Choice) and following.otherwise is None:
                enable, following = following.condition, following.then
            if not isinstance(following, int):
                raise self.error(
                    "expected registers that 'if (reset)' clears and 'if (enable)' lets change, "
                    "and no other condition",
                    always,
                )
            found.append((Register(target, clock, reset, enable), following))
        return found

    def clears(self, choice: _Choice) -> bool:
        """Distinguish a reset from an enable, which has no other branch."""
        then = choice.then
        return (
            choice.otherwise is not None
            and isinstance(then, int)
            and self.wiring.gates[then].op is Op.FALSE
        )

    def bit(self, node: Any, what: str) -> int:
        bits = self.values(node, 0)
        if len(bits) != 1:
            raise self.error(f"expected {what} of one bit, got {len(bits)}", node)
        return bits[0]

    def run(self, statement: Any, state: Mapping[int, Next], depth: int) -> dict[int, Next]:
        if depth > _MAX_CLOCKED_DEPTH:
            raise self.error(f"expected at most {_MAX_CLOCKED_DEPTH} nested statements", statement)
        after = dict(state)
        if isinstance(statement, ast.Block):
            for part in statement.statements:
                after = self.run(part, after, depth + 1)
        elif isinstance(statement, ast.IfStatement):
            condition = self.bit(statement.cond, "a condition")
            then, otherwise = (
                self.run(branch, state, depth + 1) if branch is not None else state
                for branch in (statement.true_statement, statement.false_statement)
            )
            for target in {**then, **otherwise}:
                one, other = then.get(target), otherwise.get(target)
                after[target] = one if one is other else _Choice(condition, one, other)
        elif isinstance(statement, ast.NonblockingSubstitution):
            if statement.ldelay is not None:
                raise self.error("a delay '#' before a statement is not supported", statement)
            targets = Expressions(self.wiring).target_bits(statement.left.var)
            values = self.values(statement.right.var, len(targets))
            after.update(zip(targets, values, strict=True))
        elif isinstance(statement, ast.BlockingSubstitution):
            raise self.error("expected a nonblocking assign '<=' to a register, got '='", statement)
        else:
            raise self.error(
                "expected assigns '<=' and 'if' in an 'always @(posedge clock)' block, got "
                f"{describe(statement)}",
                statement,
            )
        return after


@dataclass(frozen=True)
class Pipeline:
    wiring: Wiring
    registers: Sequence[Register]

    def error(self, message: str, gate: int) -> DataError:
        return self.wiring.sequential_at(message, gate)

    def take_controls(self, inputs: dict[str, list[int]], outputs: Sequence[int]) -> Clocking:
        """Return the controls of the registers, before the latency is known.

        The controls are removed from `inputs`, the gates of every input port, and become constant.
        """
        names = {gates[0]: name for name, gates in inputs.items() if len(gates) == 1}
        found = [self.control_names(register, names) for register in self.registers]
        (usual, _), *others = Counter(found).most_common()
        if others:
            odd = next(place for place, own in enumerate(found) if own != usual)
            raise self.odd_one(self.registers[odd].gate, found[odd], usual)
        used = {name: inputs[name][0] for name in usual if name is not None}
        if len(used) < sum(name is not None for name in usual):
            message = "expected different inputs for clock, reset and enable"
            raise self.error(message, self.registers[0].gate)
        self.require_apart({gate: name for name, gate in used.items()}, outputs)
        for name, gate in used.items():
            del inputs[name]
            self.wiring.gates[gate] = Gate(Op.FALSE)
        clock, reset, enable = usual
        return Clocking(str(clock), reset, enable, None)

    def control_names(self, register: Register, names: Mapping[int, str]) -> tuple[str | None, ...]:
        found = []
        for kind in _CONTROLS:
            gate = getattr(register, kind)
            name = None if gate is None else names.get(self.source(gate))
            if gate is not None and name is None:
                raise self.error(
                    f"{self.wiring.net_of[register.gate]}: expected a {kind} that is an input of one bit",
                    register.gate,
                )
            found.append(name)
        return tuple(found)

    def odd_one(
        self, gate: int, got: Sequence[str | None], usual: Sequence[str | None]
    ) -> DataError:
        place = next(place for place in range(len(_CONTROLS)) if got[place] != usual[place])
        return self.error(
            f"{self.wiring.net_of[gate]}: expected the {_CONTROLS[place]} of the other registers, "
            f"{usual[place] or 'none'}, got {got[place] or 'none'}",
            gate,
        )

    def require_apart(self, controls: Mapping[int, str], outputs: Sequence[int]) -> None:
        data = [
            (read, index)
            for index, gate in enumerate(self.wiring.gates)
            if gate.op not in (Op.INPUT, Op.BUFFER)
            for read in gate.reads
        ]
        for read, index in (*data, *((gate, gate) for gate in outputs)):
            name = controls.get(self.source(read))
            if name is not None:
                raise self.error(f"{name} controls registers and is also read as data", index)

    def source(self, gate: int) -> int:
        while self.wiring.gates[gate].op is Op.BUFFER and self.wiring.gates[gate].reads:
            gate = self.wiring.gates[gate].reads[0]
        return gate

    def latency(self, order: Sequence[int], outputs: Sequence[int]) -> int | None:
        """Return the number of registers on every path from an input to an output, None without a path."""
        found = self.latencies(order)
        known = [(gate, found[gate]) for gate in outputs if found[gate] is not None]
        for gate, latency in known:
            first, wanted = known[0]
            if latency != wanted:
                one, other = self.wiring.net_of[gate], self.wiring.net_of[first]
                message = f"{one} has the latency {latency}, {other} has {wanted}"
                raise self.error(message, gate)
        return known[0][1] if known else None

    def latencies(self, order: Sequence[int]) -> list[int | None]:
        """Return the number of registers on every path from an input to each gate, None without a path."""
        found: list[int | None] = [None] * len(self.wiring.gates)
        for index in order:
            gate = self.wiring.gates[index]
            if gate.op is Op.INPUT:
                found[index] = 0
                continue
            first = None
            for read in gate.reads:
                if found[read] is None:
                    continue
                if first is not None and found[read] != found[first]:
                    raise self.out_of_step(index, (first, read), found)
                first = read
            if first is not None:
                found[index] = (found[first] or 0) + (gate.op is Op.REGISTER)
        return found

    def out_of_step(
        self, gate: int, reads: Sequence[int], found: Sequence[int | None]
    ) -> DataError:
        shown = []
        for read in reads:
            net = read
            while net not in self.wiring.net_of:
                net = next(one for one in self.wiring.gates[net].reads if found[one] is not None)
            shown.append(f"{self.wiring.net_of[net]} of latency {found[read]}")
        reader = {read: index for index, by in enumerate(self.wiring.gates) for read in by.reads}
        net = gate
        while net not in self.wiring.net_of:
            net = reader[net]
        return self.error(f"{self.wiring.net_of[net]} joins {' and '.join(shown)}", gate)
