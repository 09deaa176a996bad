"""Structural VHDL-93: one concurrent assignment per cell, all registers in one process."""

from __future__ import annotations

from btfsynth.hdl.module import HardwareModule, RegisterNames, cell_expression, listed
from btfsynth.hdl.templates import render
from btfsynth.netlist.identifiers import cell_names
from btfsynth.ports import Port

_CONSTANTS = ("'0'", "'1'")
# A port of such a name would hide what an entity refers to.
_REFERRED_TO = frozenset(
    {"ieee", "std", "work", "std_logic", "std_logic_1164", "std_logic_vector", "rising_edge"}
)


def vhdl_name(name: str) -> str:
    r"""Return how a legal name is written in VHDL: as it is, or as an extended identifier.

    VHDL has no basic identifiers with two underscores in a row or one at the end; names of the packages in use
    become extended identifiers too.

    >>> vhdl_name("a_b"), vhdl_name("a__b")
    ('a_b', '\\a__b\\')
    """
    if "__" in name or name.endswith("_") or name.lower() in _REFERRED_TO:
        return f"\\{name}\\"
    return name


def emit_vhdl(module: HardwareModule) -> str:
    netlist, names = module.netlist, module.names
    nets = cell_names(netlist)
    nodes = ["", *_bits(names.inputs), *nets]
    read = RegisterNames(module, nodes, _CONSTANTS, vhdl_name, "not ")
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
