"""``always`` blocks of Verilog: the registers of a pipeline.

``always @(posedge clock)`` with nonblocking assigns, which may stand under an ``if (reset)``, where they clear,
and under an ``if (enable)``. Clock, reset and enable are inputs of one bit of the whole design, the same for
every register, and nothing else reads them. Every path from an input to a net goes through the same number of
registers, so that the circuit is a function with a latency.

Where registers become ports, any clocked block with ``if`` and nonblocking assigns is read. Blocks without a
clock, ``case`` and loops are left to Yosys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.circuit import Clocking, Gate, Op
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.wiring import Wiring
from btfsynth.hdl.verilog.words import describe

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
    """Reads a block; with `parallel` all of its assigns take place at once, ``=`` too."""

    wiring: Wiring
    parallel: bool = False

    def error(self, message: str, node: Any) -> DataError:
        return self.wiring.sequential(message, node)

    def values(self, node: Any, width: int) -> list[int]:
        """Return the bits of an expression, with a constant of its own for every assign.

        So ``q <= 0`` in both branches of an ``if`` is still a reset.
        """
        wiring = self.wiring
        constants = {wiring.bits.false: Op.FALSE, wiring.bits.true: Op.TRUE}
        bits = Expressions(wiring).expression(node, width)
        if self.parallel:
            return bits
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

    def following(self, statement: Any) -> dict[int, int]:
        """Return the next value of every bit that a block assigns, its own where it keeps that."""
        found = self.run(statement, {}, 0)
        return {target: self._joined(value, target) for target, value in found.items()}

    def _joined(self, value: Next, target: int) -> int:
        if not isinstance(value, _Choice):
            return target if value is None else value
        then, otherwise = (self._joined(each, target) for each in (value.then, value.otherwise))
        return self.wiring.bits.choose(value.condition, then, otherwise)

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
        elif isinstance(statement, ast.NonblockingSubstitution) or (
            self.parallel and isinstance(statement, ast.BlockingSubstitution)
        ):
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
