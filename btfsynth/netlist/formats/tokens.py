"""Names for netlist files, which allow far more than hardware languages do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import overload

import numpy as np

from btfsynth.netlist.gates import AnyNetlist, GateNetlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, bit_names

_SHOWN = 60


def token_names(netlist: AnyNetlist, forbidden: str, one_space: bool) -> HdlNames:
    """Return names that a format can hold, all different bit by bit.

    A name stays as it is unless it is taken or has a character that is `forbidden` or cannot be printed. With
    `one_space` inputs and outputs share their names: an output may have the name of an input only if it is that
    input.
    """
    notices: list[str] = []
    module = _mended(netlist.name, forbidden)
    inputs = _ports(netlist.input_ports, forbidden, set(), {}, notices)
    taken = set(bit_names(inputs)) if one_space else set()
    same = _passed_through(netlist, inputs) if one_space else {}
    outputs = _ports(netlist.output_ports, forbidden, taken, same, notices)
    return HdlNames(module, inputs, outputs, tuple(notices))


def comments(provenance: Mapping[str, str]) -> list[str]:
    return [f"# {printable(key)}: {printable(value)}" for key, value in provenance.items()]


def net_prefix(taken: Collection[str], prefix: str) -> str:
    """Return the prefix after as many underscores as keep it, before a digit, from being a name.

    Instances and inverters are called by it and a number; for cells see `btfsynth.netlist.identifiers`.
    """
    while any(re.match(re.escape(prefix) + "[0-9]", name) for name in taken):
        prefix = f"_{prefix}"
    return prefix


def net_names(netlist: AnyNetlist, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return a name for every node, the constant's being empty, given the names of ports bit by bit.

    An output that is a cell gives the cell its name, so that no buffer is needed.
    """
    nets = ["", *inputs, *cell_names(netlist)]
    named: set[int] = set()
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        node = literal >> 1
        if node >= netlist.first_cell and not literal & 1 and node not in named:
            nets[node] = name
            named.add(node)
    return nets


def wrapped(words: Sequence[str], width: int = 80) -> Iterator[list[str]]:
    start = 0
    while start < len(words):
        size, count = 0, 0
        for word in islice(words, start, None):
            size += len(word) + 1
            if count and size > width:
                break
            count += 1
        yield list(words[start : start + count])
        start += count


def _ports(
    ports: Sequence[Port], forbidden: str, taken: set[str], same: dict[int, str], notices: list[str]
) -> tuple[Port, ...]:
    """Name ports in order, avoiding the bits that are taken. Extends `notices`.

    A port may have the name that ``same`` gives for its place even if that is taken.
    """
    found = []
    used: set[str] = set()
    for place, port in enumerate(ports):
        wanted = name = _mended(port.name, forbidden)
        number = 2
        while used.intersection(bits := replace(port, name=name).bits) or (
            taken.intersection(bits) and same.get(place) != name
        ):
            name = f"{wanted}_{number}"
            number += 1
        used.update(bits)
        found.append(replace(port, name=name))
        if name != port.name:
            shown = port.name[:_SHOWN]
            notices.append(f"port {shown!r} is renamed to {name} in the file")
    return tuple(found)


def _passed_through(netlist: AnyNetlist, inputs: Sequence[Port]) -> dict[int, str]:
    """Return the names of the inputs that an output of the same width passes on unchanged."""
    literals = {}
    first = 2
    for port in inputs:
        bits = tuple(range(first, first + 2 * port.width, 2))
        literals[bits] = port.name
        first += 2 * port.width
    same = {}
    start = 0
    for place, port in enumerate(netlist.output_ports):
        bits = tuple(netlist.outputs[start : start + port.width].tolist())
        if bits in literals:
            same[place] = literals[bits]
        start += port.width
    return same


def _mended(name: str, forbidden: str) -> str:
    kept = [
        character if character.isprintable() and character not in forbidden else "_"
        for character in name
    ]
    return "".join(kept).strip(" ") or "_"


@overload
def plain_cells(netlist: GateNetlist) -> GateNetlist: ...
@overload
def plain_cells(netlist: Netlist) -> Netlist: ...
def plain_cells(netlist: AnyNetlist) -> AnyNetlist:
    """Return the netlist if every cell reads three different nodes, else an equivalent one where they do.

    A netlist that the passes have left that way keeps its complements where they are.
    """
    if isinstance(netlist, GateNetlist):
        return netlist
    nodes = np.sort(netlist.fanins >> 1, axis=1)
    folds = (nodes[:, 0] == nodes[:, 1]) | (nodes[:, 1] == nodes[:, 2])
    return rebuild(netlist) if folds.any() else netlist
