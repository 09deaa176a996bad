"""Structural Verilog as a netlist (see `reader` for the subset), and the majorities in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.circuit import Circuit, Gate, Op
from btfsynth.hdl.verilog.reader import read_verilog
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats import functions as gates
from btfsynth.netlist.formats.nets import Design, Make
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, bit_names, group_ports

_MAKE: Mapping[Op, Make] = MappingProxyType(
    {
        Op.FALSE: lambda _, __: FALSE,
        Op.TRUE: lambda _, __: TRUE,
        Op.BUFFER: gates.buffer_gate,
        Op.REGISTER: gates.buffer_gate,
        Op.NOT: gates.not_gate,
        Op.AND: gates.and_gate,
        Op.OR: gates.or_gate,
        Op.XOR: gates.xor_gate,
        Op.XNOR: gates.xnor_gate,
        Op.MUX: gates.mux_gate,
    }
)


def read_verilog_netlist(path: StrPath, *libraries: StrPath, comb: bool = False) -> Netlist:
    """Read a Verilog file; of a pipeline, the function that it computes.

    Modules of `libraries` may be instantiated; all registers become ports if `comb` (see `read_verilog`).
    """
    path = as_path(path)
    libraries = tuple(as_path(each) for each in libraries)
    return read_verilog_design(path, *libraries, comb=comb).netlist


def read_verilog_design(path: StrPath, *libraries: StrPath, comb: bool = False) -> Design:
    """Read a Verilog file as `read_verilog_netlist` does; return the latency too."""
    path = as_path(path)
    libraries = tuple(as_path(each) for each in libraries)
    circuit = read_verilog(path, *libraries, comb=comb)
    if not circuit.output_gates:
        raise DataError(f"the module {circuit.module} has no output", path)
    latency = 0 if circuit.clocking is None else circuit.clocking.latency
    return Design(circuit_netlist(circuit, path), latency=latency)


def circuit_netlist(circuit: Circuit, path: StrPath | None = None) -> Netlist:
    r"""Return a circuit as a netlist.

    Scalar ports whose names are those of a bus's bits, as in ``\p[0]``, become one port.
    """
    path = None if path is None else as_path(path)
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
    circuit: Circuit, widths: Mapping[str, int], path: Path | None
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
