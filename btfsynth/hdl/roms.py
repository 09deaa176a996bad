"""The ROMs of a module of Yosys JSON as look-up tables, which become decision diagrams in a netlist.

Yosys itself makes a multiplexer per word and bit of them, which takes it long.
"""

from __future__ import annotations

from itertools import count
from typing import Any

MAX_ADDRESS = 16
"""Address bits of a ROM that becomes tables; larger ones are left to Yosys."""


def expand_roms(module: dict[str, Any]) -> None:
    """Replace memories that are only read by ``$lut`` cells, one per bit. Changes module.

    A bit that is undefined for some address takes the value of an ``$anyseq`` there.
    """
    cells = module["cells"]
    nets = count(_free_net(module))
    for name in [name for name, cell in cells.items() if cell["type"] == "$mem_v2"]:
        cell = cells[name]
        parameters, pins = cell["parameters"], cell["connections"]
        ports, address, width, size, offset = (
            int(parameters[key], 2) for key in ("RD_PORTS", "ABITS", "WIDTH", "SIZE", "OFFSET")
        )
        read_only = not pins["WR_DATA"] and "1" not in parameters["RD_CLK_ENABLE"]
        if not read_only or offset or address > MAX_ADDRESS:
            continue  # refused as what it is
        del cells[name]
        words = 1 << address
        bits = parameters["INIT"][::-1].ljust(max(size, words) * width, "x")
        for port in range(ports):
            inputs = pins["RD_ADDR"][port * address : (port + 1) * address]
            outputs = pins["RD_DATA"][port * width : (port + 1) * width]
            for place, net in enumerate(outputs):
                table = bits[place::width][:words][::-1]
                made = f"{name}.{port}.{place}"
                if "x" not in table:
                    cells[made] = _lut(cell, table, inputs, net)
                    continue
                value, unknown, free = next(nets), next(nets), next(nets)
                ones = "".join("1" if bit == "x" else "0" for bit in table)
                cells[f"{made}.value"] = _lut(cell, table.replace("x", "0"), inputs, value)
                cells[f"{made}.unknown"] = _lut(cell, ones, inputs, unknown)
                cells[f"{made}.free"] = _cell(cell, "$anyseq", {"Y": [free]})
                chosen = {"A": [value], "B": [free], "S": [unknown], "Y": [net]}
                cells[made] = _cell(cell, "$_MUX_", chosen)


def _free_net(module: dict[str, Any]) -> int:
    """Return a number above those of all nets."""
    used = [bit for net in module["netnames"].values() for bit in net["bits"]]
    used += [
        bit
        for cell in module["cells"].values()
        for bits in cell["connections"].values()
        for bit in bits
    ]
    return 1 + max((bit for bit in used if isinstance(bit, int)), default=0)


def _lut(cell: dict[str, Any], table: str, inputs: list[Any], output: int) -> dict[str, Any]:
    return {**_cell(cell, "$lut", {"A": inputs, "Y": [output]}), "parameters": {"LUT": table}}


def _cell(like: dict[str, Any], kind: str, pins: dict[str, list[Any]]) -> dict[str, Any]:
    return {**like, "type": kind, "parameters": {}, "connections": pins}
