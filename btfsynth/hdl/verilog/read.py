"""Read structural and combinational Verilog, as a circuit and as a netlist, sharing no code with the writer.

The subset: modules with their ports declared in the header or in the body, wires, continuous assigns (see
`expressions`), ``always`` blocks (see `always`), gate primitives, instances of modules of the same files,
flattened, constant parameters, and the registers of a pipeline. All else is an error with its line.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from btfsynth.errors import DataError, UnreadError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.always import AlwaysReader, Pipeline, Register
from btfsynth.hdl.verilog.cells import CellReader, declare_parameters, given_values
from btfsynth.hdl.verilog.circuit import Circuit, Gate, Op
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import GATE_PRIMITIVES, Defparam, ast
from btfsynth.hdl.verilog.wiring import Scope, Wiring
from btfsynth.hdl.verilog.words import describe, parse_verilog, plain
from btfsynth.netlist import functions
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.nets import (
    Design,
    Make,
    following_name,
    topological_order,
    unused_names,
)
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.ports import Port, bit_names, group_ports


def read_verilog(path: StrPath, *libraries: StrPath, comb: bool = False) -> Circuit:
    """Read a file with one module that no other one contains, and its modules from `libraries`.

    With `comb` every register becomes two ports, its output an input of the circuit and its next value an
    output ``NAME_in``, after the others. Otherwise registers must form a pipeline, with the same number of
    them on all paths to a net, or `SequentialError` is raised.
    """
    path = as_path(path)
    modules: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for file in (path, *(as_path(each) for each in libraries)):
        for item in parse_verilog(file).description.definitions:
            if not isinstance(item, ast.ModuleDef):
                raise UnreadError(
                    f"expected only modules, got {describe(item)}",
                    file,
                    item.lineno or None,
                )
            if item.name in modules:
                raise DataError(f"the module {item.name} is defined twice", file, item.lineno)
            modules[item.name], files[item.name] = item, file
    return _Reader(modules, Wiring(path, files, comb)).read()


@dataclass
class _Reader:
    modules: dict[str, Any]
    wiring: Wiring
    registers: list[Register] = field(default_factory=list)
    pending: deque[Scope] = field(default_factory=deque)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Index of the least significant bit of ports of the top, and its step, see `Circuit`."""

    def __post_init__(self) -> None:
        self.wiring.number = self.expressions.number

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.wiring)

    def read(self) -> Circuit:
        top = self.top()
        self.wiring.scope = Scope(top)
        inputs, outputs, output_gates = self.top_ports()
        self.pending.append(self.wiring.scope)
        while self.pending:
            self.wiring.scope = self.pending.popleft()
            self.body()
        self.cut_ports(inputs, outputs, output_gates)
        controls = [
            gate
            for register in self.registers
            for gate in (register.clock, register.reset, register.enable)
            if gate is not None
        ]
        self.wiring.require_driven([*output_gates, *controls])
        pipeline, clocking = None, None
        if self.registers:
            pipeline = Pipeline(self.wiring, self.registers)
            clocking = pipeline.take_controls(inputs, output_gates)
        for place, gate in enumerate(gate for gates in inputs.values() for gate in gates):
            self.wiring.gates[gate] = Gate(Op.INPUT, (place,))
        reads = [() if gate.op is Op.INPUT else gate.reads for gate in self.wiring.gates]
        order, loop = topological_order(reads)
        if loop:
            raise self.wiring.loop(loop)
        if pipeline and clocking:
            clocking = replace(clocking, latency=pipeline.latency(order, output_gates))
        widths = {name: len(gates) for name, gates in inputs.items()}
        return Circuit(
            plain(top.name),
            widths,
            outputs,
            self.wiring.gates,
            order,
            output_gates,
            clocking,
            self.ranges,
        )

    def top_ports(self) -> tuple[dict[str, list[int]], dict[str, int], list[int]]:
        """Declare the ports of the top; return the gates of inputs, widths, gates of outputs."""
        inputs: dict[str, list[int]] = {}
        outputs: dict[str, int] = {}
        output_gates: list[int] = []
        self.declare_ports()
        for name, node in self.wiring.header():
            if name.startswith(" "):
                raise self.wiring.error(
                    "expected a name for a port that is an expression, as in .p({a, b})", node
                )
            bits, is_input = self.port_bits(node)
            if isinstance(node, ast.Identifier):
                net = self.expressions.net(node)
                self.ranges[name] = (net.low, net.step)
            if not is_input:
                outputs[name] = len(bits)
                output_gates.extend(bits)
                continue
            inputs[name] = bits
            for bit in bits:
                self.wiring.require_free(bit, node)
                self.wiring.undriven.remove(bit)
                self.wiring.gates[bit] = Gate(Op.INPUT)
        return inputs, outputs, output_gates

    def cut_ports(
        self, inputs: dict[str, list[int]], outputs: dict[str, int], output_gates: list[int]
    ) -> None:
        names = [self.wiring.net_of[gate] for gate, _ in self.wiring.cut]
        sides: tuple[dict[str, int], ...] = (
            {name: len(gates) for name, gates in inputs.items()},
            outputs,
        )
        taken = [
            bit_names(
                [Port(name, width, *self.ranges.get(name, (0, 1))) for name, width in side.items()]
            )
            for side in sides
        ]
        for name, (gate, _) in zip(unused_names(names, taken[0]), self.wiring.cut, strict=True):
            inputs[name] = [gate]
        for name in unused_names([following_name(name) for name in names], taken[1]):
            outputs[name] = 1
        output_gates.extend(following for _, following in self.wiring.cut)

    def declare_ports(self, line: int = 0, path: Path | None = None) -> None:
        """Declare parameters and ports of the scope's module; line and path: of an instance."""
        scope = self.wiring.scope
        declare_parameters(self.wiring)
        scope.ports = self.wiring.ports()
        for port in scope.ports.values():
            net = self.wiring.empty_net(port.node, line, path)
            self.wiring.declare(port.node, net, port.is_register)

    def port_bits(self, node: Any) -> tuple[list[int], bool]:
        kinds = set()
        stack = [node]
        while stack:
            part = stack.pop()
            if isinstance(part, ast.LConcat):
                stack.extend(part.list)
            else:
                name = part.name if isinstance(part, ast.Identifier) else part.var.name
                kinds.add(self.wiring.scope.ports[plain(name)].is_input)
        if len(kinds) > 1:
            raise self.wiring.error("a port joins an input and an output", node)
        return self.expressions.target_bits(node), kinds.pop()

    def top(self) -> Any:
        """Return the module that no other one uses; if some are unused, the one that uses others."""
        uses = {
            name: {item.module for item in module.items if isinstance(item, ast.InstanceList)}
            for name, module in self.modules.items()
        }
        used = set().union(*uses.values())
        tops = [name for name in self.modules if name not in used]
        if len(tops) > 1:
            tops = [name for name in tops if uses[name] & self.modules.keys()] or tops
        if len(tops) != 1:
            shown = ", ".join(plain(name) for name in tops[:5]) or "none"
            raise DataError(f"expected one top module, got {shown}", self.wiring.path)
        return self.modules[tops[0]]

    def body(self) -> None:
        assigns, instances, blocks, initials = [], [], [], []
        defparams: dict[str, dict[str, Any]] = {}
        for item in self.wiring.scope.module.items:
            if isinstance(item, ast.Decl):
                for entry in item.list:
                    if isinstance(entry, ast.Assign):
                        assigns.append(entry)
                    elif isinstance(entry, Defparam):
                        defparams.setdefault(plain(entry.instance), {})[plain(entry.name)] = entry
                    elif not isinstance(entry, ast.Input | ast.Output | ast.Parameter) or (
                        isinstance(entry, ast.Supply)
                    ):
                        self.declare_net(entry)
            elif isinstance(item, ast.InstanceList):
                instances.extend(item.instances)
            elif isinstance(item, ast.Initial):
                initials.append(item)
            elif isinstance(item, ast.Always) and not isinstance(item, ast.AlwaysLatch):
                blocks.append(item)
            else:
                raise self.wiring.unknown(item)
        for instance in instances:
            for argument in instance.portlist:
                self.wiring.declare_implicit(argument.argname)
        for assign in assigns:
            self.wiring.declare_implicit(assign.left.var)
            targets = self.expressions.target_bits(assign.left.var)
            values = self.expressions.expression(assign.right.var, len(targets))
            self.wiring.connect(targets, values, assign)
        for instance in instances:
            self.instance(instance, defparams.pop(plain(instance.name), {}))
        for name, given in defparams.items():
            raise self.wiring.error(
                f"a 'defparam' of {name}, which is not an instance here", next(iter(given.values()))
            )
        for block in blocks:
            self.always(block)
        for item in initials:
            first = AlwaysReader(self.wiring, parallel=True).following(item.statement)
            self.take_first_values(list(first), list(first.values()), item)

    def declare_net(self, entry: Any) -> None:
        self.wiring.declare_net(entry)
        first = getattr(entry, "value", None) if type(entry) is ast.Reg else None
        if first is not None:
            bits = self.wiring.scope.nets[plain(entry.name)].gates
            values = self.expressions.expression(first.var, len(bits))
            self.take_first_values(bits, values, entry)

    def take_first_values(self, bits: Sequence[int], values: Sequence[int], node: Any) -> None:
        """Note the initial values of registers, which count where nothing else drives them."""
        for bit in bits:
            if bit not in self.wiring.storage:
                name = self.wiring.net_of.get(bit, "a parameter")
                raise self.wiring.error(f"{name} is not declared as a register", node)
        if self.wiring.bits.value_of(values) is None:
            raise self.wiring.error("expected a constant as the first value of a register", node)
        self.wiring.first_values.update(zip(bits, values, strict=True))

    def always(self, block: Any) -> None:
        wiring = self.wiring
        kinds = {sense.type for sense in block.sens_list.list}
        if not wiring.comb and kinds <= {"all", "level", "none"}:
            raise wiring.unread("expected 'always @(posedge clock)'", block)
        # 'always begin q = d; end' is how SIS writes latches, and ABC reads them
        parallel = kinds == {"none"} and not isinstance(block, ast.AlwaysComb)
        if wiring.comb and (parallel or kinds <= {"posedge", "negedge"}):
            reader = AlwaysReader(wiring, parallel)
            for target, value in reader.following(block.statement).items():
                self.require_register(target, block)
                wiring.cut_register(target, value, block)
            return
        if wiring.comb:
            raise wiring.unread("expected a block with a clock", block)
        for register, value in AlwaysReader(wiring).read(block):
            self.drive_register(register.gate, Gate(Op.REGISTER, (value,)), block)
            self.registers.append(register)

    def drive_register(self, target: int, gate: Gate, block: Any) -> None:
        self.require_register(target, block)
        self.wiring.undriven.remove(target)
        self.wiring.gates[target] = gate

    def require_register(self, target: int, block: Any) -> None:
        """Refuse to assign to a net that is not a register, or is already driven."""
        wiring = self.wiring
        name = wiring.net_of.get(target, "a parameter")
        if target not in wiring.storage:
            raise wiring.error(f"{name} is not declared as a register", block)
        if target not in wiring.undriven:
            raise wiring.error(f"{name} is driven twice", block)

    def instance(self, instance: Any, defparams: Mapping[str, Any]) -> None:
        if instance.array is not None:
            raise self.wiring.unread(
                f"{plain(instance.module)}: arrays of instances are not supported", instance
            )
        if instance.module in self.modules:
            self.module_instance(instance, defparams)
        elif instance.module in GATE_PRIMITIVES:
            if instance.parameterlist or defparams:
                raise self.wiring.error(f"{instance.module} has no parameters", instance)
            CellReader(self.wiring).primitive(instance)
        else:
            raise self.wiring.unread(
                f"the module {plain(instance.module)} is not defined in this file; add the file of its library",
                instance,
            )

    def module_instance(self, instance: Any, defparams: Mapping[str, Any]) -> None:
        """Make the nets of the ports of an instance and connect them; its body comes later."""
        outer = self.wiring.scope
        module = self.modules[instance.module]
        if outer.depth >= len(self.modules):
            raise self.wiring.error(
                f"the module {plain(instance.module)} contains itself", instance
            )
        path, prefix = self.wiring.path, f"{outer.prefix}{plain(instance.name)}."
        values = given_values(self.wiring, instance, defparams, module)
        # What is wrong with the ports themselves is said of the file that declares them.
        inner = Scope(module, prefix=prefix, depth=outer.depth + 1, values=values)
        self.wiring.scope = inner
        self.declare_ports(instance.lineno, path)
        ports = {name: self.port_bits(node) for name, node in self.wiring.header()}
        self.wiring.scope = outer
        for name, node in CellReader(self.wiring).connections(instance, list(ports)).items():
            bits, is_input = ports[name]
            if is_input:
                self.wiring.connect(bits, self.port_value(node, len(bits)), instance)
            else:
                self.wiring.connect(self.expressions.target_bits(node), bits, instance)
        self.pending.append(inner)

    def port_value(self, node: Any, width: int) -> list[int]:
        """Return the bits connected to an input; an unsized number takes the width of the port."""
        expressions = self.expressions
        if isinstance(node, ast.IntConst) and not expressions.constant(node).sized:
            return expressions.expression(node, width)
        return expressions.expression(node)


_MAKE: Mapping[Op, Make] = MappingProxyType(
    {
        Op.FALSE: lambda _, __: FALSE,
        Op.TRUE: lambda _, __: TRUE,
        Op.BUFFER: functions.buffer_gate,
        Op.REGISTER: functions.buffer_gate,
        Op.NOT: functions.not_gate,
        Op.AND: functions.and_gate,
        Op.OR: functions.or_gate,
        Op.XOR: functions.xor_gate,
        Op.XNOR: functions.xnor_gate,
        Op.MUX: functions.mux_gate,
    }
)


def read_verilog_netlist(path: StrPath, *libraries: StrPath, comb: bool = False) -> Netlist:
    """Read a Verilog file; of a pipeline, the function that it computes.

    Modules of `libraries` may be instantiated; all registers become ports if `comb` (see `read_verilog`).
    """
    return read_verilog_design(path, *libraries, comb=comb).netlist


def read_verilog_design(path: StrPath, *libraries: StrPath, comb: bool = False) -> Design:
    path = as_path(path)
    circuit = read_verilog(path, *libraries, comb=comb)
    if not circuit.output_gates:
        raise DataError(f"the module {circuit.module} has no output", path)
    latency = 0 if circuit.clocking is None else circuit.clocking.latency
    return Design(circuit_netlist(circuit, path), latency=latency)


def circuit_netlist(circuit: Circuit, path: Path) -> Netlist:
    r"""Return a circuit as a netlist.

    Scalar ports whose names are those of a bus's bits, as in ``\p[0]``, become one port.
    """
    input_ports, columns = _ports(circuit, circuit.inputs, path)
    output_ports, driven = _ports(circuit, circuit.outputs, path)
    builder = NetlistBuilder(circuit.module, input_ports, output_ports)
    bit_of = {column: bit for bit, column in enumerate(columns)}
    literals = [FALSE] * len(circuit.gates)
    majorities, parts = find_majorities(circuit)
    for index in circuit.order:
        gate = circuit.gates[index]
        if index in parts:
            continue
        if index in majorities:
            literals[index] = builder.maj(*(literals[read] for read in majorities[index]))
        elif gate.op is Op.INPUT:
            literals[index] = builder.input(bit_of[gate.reads[0]])
        else:
            literals[index] = _MAKE[gate.op](builder, [literals[read] for read in gate.reads])
    return builder.build([literals[circuit.output_gates[column]] for column in driven])


def _ports(
    circuit: Circuit, widths: Mapping[str, int], path: Path
) -> tuple[tuple[Port, ...], Sequence[int]]:
    """Return the ports and, for each of their bits, its position among those of the circuit."""
    ports = [Port(name, width, *circuit.ranges.get(name, (0, 1))) for name, width in widths.items()]
    names = bit_names(ports)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"two ports have a bit named {twice!r}", path)
    return group_ports(ports)


# majorities, which Verilog spells as three ANDs under an OR

_SIGNALS = 3


def find_majorities(circuit: Circuit) -> tuple[dict[int, tuple[int, ...]], set[int]]:
    """Find the expressions ``(x & y) | (x & z) | (y & z)`` of a circuit.

    Only single expressions count: ANDs and ORs that have nets of their own stay, so that a netlist keeps the
    cells it was written with. Returns for each OR that is a majority the gates of the three signals, in the
    order in which they are first read, and the gates that are nothing but parts of these.
    """
    gates = circuit.gates
    readers = Counter(read for gate in gates if gate.op is not Op.INPUT for read in gate.reads)
    readers.update(circuit.output_gates)
    majorities: dict[int, tuple[int, ...]] = {}
    parts: set[int] = set()
    for index in circuit.order:
        terms = _terms(gates, index, readers)
        if terms is None:
            continue
        ands, inner = terms
        signals: dict[tuple[int, bool], int] = {}
        pairs = set()
        for term in ands:
            pair = [(_signal(gates, read), read) for read in gates[term].reads]
            for signal, read in pair:
                signals.setdefault(signal, read)
            pairs.add(frozenset(signal for signal, _ in pair))
        if len(signals) == _SIGNALS == len(pairs) and all(len(pair) == 2 for pair in pairs):
            majorities[index] = tuple(signals.values())
            parts.update(inner)
    return majorities, parts


def _terms(
    gates: Sequence[Gate], root: int, readers: Counter[int]
) -> tuple[list[int], list[int]] | None:
    """Return the three ANDs under an OR, and all gates down to them that nothing else reads; else None."""
    if gates[root].op is not Op.OR:
        return None
    ands: list[int] = []
    inner: list[int] = []
    stack = [root]
    while stack:
        for read in gates[stack.pop()].reads:
            inner.append(read)
            if readers[read] != 1 or len(inner) > _SIGNALS + 1:
                return None
            if gates[read].op is Op.OR:
                stack.append(read)
            elif gates[read].op is Op.AND and len(gates[read].reads) == 2:
                ands.append(read)
            else:
                return None
    return (ands, inner) if len(ands) == _SIGNALS else None


def _signal(gates: Sequence[Gate], index: int) -> tuple[int, bool]:
    """Return the gate that a signal comes from, and whether it is inverted on the way."""
    inverted = False
    while gates[index].op in (Op.BUFFER, Op.NOT):
        inverted ^= gates[index].op is Op.NOT
        (index,) = gates[index].reads
    return index, inverted
