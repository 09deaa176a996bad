"""Yosys JSON: what ``read_json`` of Yosys takes, and netlistsvg draws.

ANDs and ORs are gates of Yosys' internal library and inverters are gates of their own, one for every signal
that is read complemented. A majority, of which that library has none, is one ``$lut`` of three inputs, so
that every cell of the netlist stays one cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from btfsynth.backends.cells import plain_cells
from btfsynth.backends.expressions import read_literals
from btfsynth.backends.identifiers import HdlNames
from btfsynth.backends.tokens import net_prefix, token_names
from btfsynth.dataset.ports import Port, bit_names
from btfsynth.netlist.literals import TRUE
from btfsynth.netlist.names import cell_prefix
from btfsynth.netlist.netlist import Netlist

__all__ = ["emit_yosys_json", "yosys_names"]

_FORBIDDEN = " $\\"
_SHOWN = 60
_FIRST_NET = 2
"""Yosys numbers nets from here on."""
_MAJORITY = "11101000"
"""Outputs of a majority of three, the one for all ones first."""
_TRUE_BITS = f"{1:032b}"


def yosys_names(netlist: Netlist) -> HdlNames:
    """Return names that Yosys takes for public ones; no two ports and no bit of another have the same."""
    plain = token_names(netlist, _FORBIDDEN, one_space=False)
    taken: set[str] = set()
    found = []
    notices = []
    wanted = (*netlist.input_ports, *netlist.output_ports)
    for port, given in zip((*plain.inputs, *plain.outputs), wanted, strict=True):
        name, number = port.name, 2
        while taken.intersection({name, *replace(port, name=name).bits}):
            name = f"{port.name}_{number}"
            number += 1
        found.append(replace(port, name=name))
        taken.update({name, *found[-1].bits})
        if name != given.name:
            notices.append(f"port {given.name[:_SHOWN]!r} is called {name} in the file")
    split = len(plain.inputs)
    return HdlNames(plain.module, tuple(found[:split]), tuple(found[split:]), tuple(notices))


def emit_yosys_json(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as JSON, a line a cell.

    Parameters
    ----------
    netlist
        What to write.
    names
        Names of its ports (see `yosys_names`).
    provenance
        ``generator`` in it is named as the creator; nothing else has a place.
    """
    return _Document(plain_cells(netlist), names).text(provenance.get("generator", "btfsynth"))


class _Document:
    """The module while it is written; nets are numbers, constants are texts."""

    def __init__(self, netlist: Netlist, names: HdlNames) -> None:
        self.netlist = netlist
        self.names = names
        taken = [*bit_names(names.inputs), *bit_names(names.outputs)]
        self.letters = {letter: net_prefix(taken, letter) for letter in "uix"}
        self.letters["n"] = cell_prefix(netlist)
        self.next_net = _FIRST_NET + netlist.n_nodes - 1
        self.inverted: dict[int, int] = {}
        self.cells: dict[str, Any] = {}
        self.nets: dict[str, Any] = {}

    def text(self, creator: str) -> str:
        """Return the document."""
        ports = self.input_ports()
        for row, fanin in enumerate(self.netlist.fanins.tolist()):
            kind, bits = read_literals(fanin, [self.bit(literal) for literal in fanin])
            self.cell(kind, bits, ("u", "n"), row + 1, self.net(self.netlist.first_cell + row))
        ports |= self.output_ports()
        lines = [
            "{",
            f'  "creator": {json.dumps(creator)},',
            '  "modules": {',
            f"    {json.dumps(self.names.module)}: {{",
            f'      "attributes": {{"top": "{_TRUE_BITS}"}},',
            *_section("ports", ports, ","),
            *_section("cells", self.cells, ","),
            *_section("netnames", self.nets, ""),
            "    }",
            "  }",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def net(self, node: int) -> int:
        """Return the number of the net of a node."""
        return _FIRST_NET + node - 1

    def input_ports(self) -> dict[str, Any]:
        bits = iter(range(self.net(1), self.net(self.netlist.first_cell)))
        return {
            port.name: self.port(port, "input", [next(bits) for _ in range(port.width)])
            for port in self.names.inputs
        }

    def output_ports(self) -> dict[str, Any]:
        literals = iter(self.netlist.outputs.tolist())
        return {
            port.name: self.port(
                port, "output", [self.bit(next(literals)) for _ in range(port.width)]
            )
            for port in self.names.outputs
        }

    def port(self, port: Port, direction: str, bits: Sequence[Any]) -> dict[str, Any]:
        extent: dict[str, Any] = {"bits": list(bits)}
        if not port.counts_from_zero:
            extent["offset"] = min(port.low, port.high)
            if port.step < 0:
                extent["upto"] = 1
        self.nets[port.name] = {"hide_name": 0, **extent, "attributes": {}}
        return {"direction": direction, **extent}

    def bit(self, literal: int) -> Any:
        """Return what carries a literal."""
        if literal <= TRUE:
            return str(literal)
        node = literal >> 1
        if not literal & 1:
            return self.net(node)
        if node not in self.inverted:
            self.inverted[node] = self.next_net
            self.next_net += 1
            number = len(self.inverted)
            self.cell("not", [self.net(node)], ("x", "i"), number, self.inverted[node])
        return self.inverted[node]

    def cell(
        self, kind: str, reads: Sequence[Any], letters: tuple[str, str], number: int, output: int
    ) -> None:
        """Write a cell and its net; they may not have one name."""
        name, net = (f"{self.letters[letter]}{number}" for letter in letters)
        pins: dict[str, list[Any]] = {}
        parameters = {}
        if kind == "maj":
            gate, pins = "$lut", {"A": list(reads)}
            parameters = {"LUT": _MAJORITY, "WIDTH": f"{3:032b}"}
        else:
            gate = f"$_{kind.upper()}_"
            pins = {pin: [bit] for pin, bit in zip("AB", reads, strict=False)}
        self.cells[name] = {
            "hide_name": 0,
            "type": gate,
            "parameters": parameters,
            "attributes": {},
            "port_directions": {**dict.fromkeys(pins, "input"), "Y": "output"},
            "connections": {**pins, "Y": [output]},
        }
        self.nets[net] = {"hide_name": 0, "bits": [output], "attributes": {}}


def _section(title: str, entries: Mapping[str, Any], end: str) -> list[str]:
    """Return an object with a line an entry."""
    lines = [f"        {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    return [f'      "{title}": {{', *_comma(lines), f"      }}{end}"]


def _comma(lines: Sequence[str]) -> list[str]:
    return [f"{line}," for line in lines[:-1]] + list(lines[-1:])
