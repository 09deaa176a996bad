"""The registers of Verilog: what an ``always`` block says, and their place in time.

The subset: ``always @(posedge clock)`` with nonblocking assigns, which may stand under ``if (reset)``, where
they clear, and under ``if (enable)``. Clock, reset and enable are inputs of one bit of the whole design, the
same for every register, and nothing else reads them. Registers are in step: every path from an input to a
net goes through the same number of them, so that the circuit is a function with a latency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.circuit import Clocking, Gate, Op
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.words import describe

_MAX_DEPTH = 16

_CONTROLS = ("clock", "reset", "enable")

ErrorAt = Callable[[str, Any], DataError]
Next = Union[int, None, "_Choice"]
"""What a register bit takes over: a gate, its own value (None), or one of two by a condition."""


@dataclass(frozen=True)
class _Choice:
    condition: int
    then: Next
    otherwise: Next


@dataclass(frozen=True)
class Register:
    """One bit: the gate that holds it and reads its next value, and the gates that control it, if any."""

    gate: int
    clock: int
    reset: int | None
    enable: int | None


@dataclass(frozen=True)
class AlwaysReader:
    """Reads clocked ``always`` blocks, given what evaluates targets and expressions."""

    targets: Callable[[Any], list[int]]
    values: Callable[[Any, int], list[int]]
    gates: Sequence[Gate]
    error: ErrorAt

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
        """Tell a reset from an enable, which has no other branch."""
        then = choice.then
        return (
            choice.otherwise is not None
            and isinstance(then, int)
            and self.gates[then].op is Op.FALSE
        )

    def bit(self, node: Any, what: str) -> int:
        bits = self.values(node, 0)
        if len(bits) != 1:
            raise self.error(f"expected {what} of one bit, got {len(bits)}", node)
        return bits[0]

    def run(self, statement: Any, state: Mapping[int, Next], depth: int) -> dict[int, Next]:
        if depth > _MAX_DEPTH:
            raise self.error(
                f"expected at most {_MAX_DEPTH} statements inside each other", statement
            )
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
            targets = self.targets(statement.left.var)
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
    """A circuit with at least one register; `net_of` names the gates that are nets."""

    gates: list[Gate]
    registers: Sequence[Register]
    net_of: Mapping[int, str]
    error: Callable[[str, int], DataError]

    def take_controls(self, inputs: dict[str, list[int]], outputs: Sequence[int]) -> Clocking:
        """Return what controls the registers, the latency not yet known.

        The controls are taken out of `inputs`, the gates of every input port, and become constant.
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
            self.gates[gate] = Gate(Op.FALSE)
        clock, reset, enable = usual
        return Clocking(str(clock), reset, enable, None)

    def control_names(self, register: Register, names: Mapping[int, str]) -> tuple[str | None, ...]:
        """Return the inputs that are clock, reset and enable of a register."""
        found = []
        for kind in _CONTROLS:
            gate = getattr(register, kind)
            name = None if gate is None else names.get(self.source(gate))
            if gate is not None and name is None:
                raise self.error(
                    f"{self.net_of[register.gate]}: expected a {kind} that is an input of one bit",
                    register.gate,
                )
            found.append(name)
        return tuple(found)

    def odd_one(
        self, gate: int, got: Sequence[str | None], usual: Sequence[str | None]
    ) -> DataError:
        """Describe the difference in control between a register and the others."""
        place = next(place for place in range(len(_CONTROLS)) if got[place] != usual[place])
        return self.error(
            f"{self.net_of[gate]}: expected the {_CONTROLS[place]} of the other registers, "
            f"{usual[place] or 'none'}, got {got[place] or 'none'}",
            gate,
        )

    def require_apart(self, controls: Mapping[int, str], outputs: Sequence[int]) -> None:
        """Refuse controls that are also data."""
        data = [
            (read, index)
            for index, gate in enumerate(self.gates)
            if gate.op not in (Op.INPUT, Op.BUFFER)
            for read in gate.reads
        ]
        for read, index in (*data, *((gate, gate) for gate in outputs)):
            name = controls.get(self.source(read))
            if name is not None:
                raise self.error(f"{name} controls registers and is also read as data", index)

    def source(self, gate: int) -> int:
        """Return the gate at the other end of the buffers before a gate."""
        while self.gates[gate].op is Op.BUFFER and self.gates[gate].reads:
            gate = self.gates[gate].reads[0]
        return gate

    def latency(self, order: Sequence[int], outputs: Sequence[int]) -> int | None:
        """Return the number of registers on every path from an input to an output, None without a path."""
        found = self.latencies(order)
        known = [(gate, found[gate]) for gate in outputs if found[gate] is not None]
        for gate, latency in known:
            first, wanted = known[0]
            if latency != wanted:
                raise self.error(
                    f"{self.net_of[gate]} has the latency {latency}, {self.net_of[first]} has {wanted}",
                    gate,
                )
        return known[0][1] if known else None

    def latencies(self, order: Sequence[int]) -> list[int | None]:
        """Return the number of registers on every path from an input to each gate, None without a path."""
        found: list[int | None] = [None] * len(self.gates)
        for index in order:
            gate = self.gates[index]
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
        """Say which net is made from nets of different latency."""
        shown = []
        for read in reads:
            net = read
            while net not in self.net_of:
                net = next(one for one in self.gates[net].reads if found[one] is not None)
            shown.append(f"{self.net_of[net]} of latency {found[read]}")
        reader = {read: index for index, by in enumerate(self.gates) for read in by.reads}
        net = gate
        while net not in self.net_of:
            net = reader[net]
        return self.error(f"{self.net_of[net]} joins {' and '.join(shown)}", gate)
