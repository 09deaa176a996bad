"""Structural Verilog as a netlist (see `verilog_reader` for the subset)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.circuit import Circuit, Op
from btfsynth.hdl.verilog.majorities import find_majorities
from btfsynth.hdl.verilog.reader import read_verilog
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats import gates
from btfsynth.netlist.formats.design import Design
from btfsynth.netlist.formats.nets import Make
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, bit_names, group_ports

__all__ = [
    "circuit_netlist",
    "read_verilog_design",
    "read_verilog_netlist",
]

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

    Parameters
    ----------
    path
        The file.
    libraries
        Files with more modules, of which it may have instances.
    comb
        Whether registers become ports, see `read_verilog`.

    Raises
    ------
    SequentialError
        If there are registers that are not to become ports and make no pipeline.
    DataError
        Naming the line, if it is outside the subset or no sound circuit.
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

    Raises
    ------
    DataError
        If two bits have one name.
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
