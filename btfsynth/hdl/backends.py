"""VHDL and Amaranth; `btfsynth.hdl.verilog.emit` emits Verilog.

Structural VHDL-93 has one concurrent assignment per cell and all registers in one process. An Amaranth
component has one statement per cell and register; a second one wraps it between two streams.
"""

from __future__ import annotations

from btfsynth.hdl.module import HardwareModule, RegisterNames, cell_expression, listed, place_bits
from btfsynth.hdl.templates import class_name, render, stream_class_name, vhdl_name
from btfsynth.netlist.identifiers import HdlNames, cell_names, cell_prefix
from btfsynth.ports import Port

_VHDL_CONSTANTS = ("'0'", "'1'")


def emit_vhdl(module: HardwareModule) -> str:
    netlist, names = module.netlist, module.names
    nets = cell_names(netlist)
    nodes = ["", *_bits(names.inputs), *nets]
    read = RegisterNames(module, nodes, _VHDL_CONSTANTS, vhdl_name, "not ")
    registers = [(vhdl_name(name), value) for name, value in read.chains()]
    return render(
        "vhdl/entity.vhd.j2",
        **module.context(),
        entity=vhdl_name(names.module),
        ports=_port_lines(module),
        nets=listed(nets),
        cells=[
            (net, cell_expression(fanin, read.cell(row), "and", "or"))
            for row, (net, fanin) in enumerate(zip(nets, netlist.fanins.tolist(), strict=True))
        ],
        registers=registers,
        register_names=listed([name for name, _ in registers]),
        outputs=list(zip(_bits(names.outputs), read.outputs(), strict=True)),
    )


def _bits(ports: tuple[Port, ...]) -> list[str]:
    """Return how each bit is written: ``a(0) a(1)``, or the plain name of a scalar."""
    return [
        vhdl_name(port.name)
        if port.width == 1
        else f"{vhdl_name(port.name)}({port.low + port.step * bit})"
        for port in ports
        for bit in range(port.width)
    ]


def _port_lines(module: HardwareModule) -> list[tuple[str, str, str]]:
    controls = () if module.timing is None else module.timing.controls
    lines = [(control, "in", "std_logic") for control in controls]
    for direction, ports in (("in", module.names.inputs), ("out", module.names.outputs)):
        lines += [(vhdl_name(port.name), direction, _type(port)) for port in ports]
    return lines


def _type(port: Port) -> str:
    if port.width == 1:
        return "std_logic"
    return f"std_logic_vector({port.high} {'downto' if port.step > 0 else 'to'} {port.low})"


_SHOWN = 6
_AMARANTH_CONSTANTS = ("Const(0, 1)", "Const(1, 1)")


def emit_amaranth(module: HardwareModule) -> str:
    """Return the netlist as a Python module with one ``wiring.Component``.

    Registers are in the domain ``sync``; its reset clears them if the design has a reset, otherwise it is
    ignored.
    """
    netlist, names = module.netlist, module.names
    nets = [f"net[{number}]" for number in range(1, netlist.n_cells + 1)]
    nodes = ["", *(f"self.{bit}" for bit in place_bits(names.inputs)), *nets]
    read = RegisterNames(module, nodes, _AMARANTH_CONSTANTS, lambda name: f'reg["{name}"]')
    held = module.timing is not None and not module.timing.reset
    cells = [
        (net, cell_expression(fanin, read.cell(row)))
        for row, (net, fanin) in enumerate(zip(nets, netlist.fanins.tolist(), strict=True))
    ]
    bits = place_bits(names.outputs)
    owner = "out_" if held else "self."
    outputs = list(zip((f"{owner}{bit}" for bit in bits), read.outputs(), strict=True))
    registers = [(name, f'reg["{name}"]', value) for name, value in read.chains()]
    texts = [expression for _, expression in (*cells, *outputs)]
    return render(
        "amaranth/component.py.j2",
        **module.context(),
        component=class_name(names.module),
        inputs=names.inputs,
        outputs=names.outputs,
        cells=cells,
        prefix=cell_prefix(netlist),
        registers=registers,
        drivers=outputs,
        held=held,
        constants=any("Const(" in text for text in texts),
    )


def renumbered(names: HdlNames) -> tuple[str, ...]:
    """Return a comment on ports whose bits Amaranth numbers differently, if there are any."""
    ports = [port for port in (*names.inputs, *names.outputs) if not port.counts_from_zero]
    if not ports:
        return ()
    shown = ", ".join(f"{port.name}{port.range}" for port in ports[:_SHOWN])
    more = ", ..." if len(ports) > _SHOWN else ""
    return (
        f"Amaranth numbers bits from 0, least significant first; it cannot express the range of {shown}{more}",
    )


# the ready/valid wrapper (Amaranth RFC 61, `amaranth.lib.stream`)


def emit_amaranth_stream(module: HardwareModule) -> str:
    """Return a Python module with a component that puts the pipeline between two streams.

    The pipeline has enable and reset and is imported from the file beside this one. The payloads are structures
    of the data ports. The valid signal depends only on registers; the pipeline stalls while an item at its end
    is not taken.
    """
    names = module.names
    return render(
        "amaranth/stream.py.j2",
        module=names.module,
        component=class_name(names.module),
        stream=stream_class_name(names.module),
        header=module.header_lines,
        timing=module.timing,
        inputs=names.inputs,
        outputs=names.outputs,
    )
