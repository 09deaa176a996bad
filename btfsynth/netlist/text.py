"""The netlist's own file format: plain text, one line a cell.

::

    mig 1
    name "full_adder"
    input "a" 1
    input "b" 1
    input "cin" 1
    output "s" 1
    output "cout" 1
    cells 3
    2 4 6
    2 4 7
    6 9 10
    drive 12 8

Names are JSON strings. A cell's line holds its three literals (see `literals`): inputs are nodes 1, 2, ... in
port order, cells are numbered on from there. ``drive`` gives one literal an output bit. Empty lines and lines
that begin with ``#`` are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from btfsynth.dataset.ports import Port
from btfsynth.errors import DataError, NetlistError
from btfsynth.netlist.netlist import Netlist

__all__ = ["format_netlist", "parse_netlist", "read_netlist"]

_MAX_CELLS = 50_000_000
_MAX_WIDTH = 1_000_000


def format_netlist(netlist: Netlist) -> str:
    """Return a netlist as text."""
    lines = ["mig 1", f"name {json.dumps(netlist.name)}"]
    for word, ports in (("input", netlist.input_ports), ("output", netlist.output_ports)):
        lines.extend(f"{word} {json.dumps(port.name)} {port.width}" for port in ports)
    lines.append(f"cells {netlist.n_cells}")
    lines.extend(f"{a} {b} {c}" for a, b, c in netlist.fanins.tolist())
    lines.append(" ".join(["drive", *(str(literal) for literal in netlist.outputs.tolist())]))
    return "\n".join(lines) + "\n"


def read_netlist(path: Path) -> Netlist:
    """Read a netlist file.

    Raises
    ------
    DataError
        If the file is missing or is anything else; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except UnicodeDecodeError:
        raise DataError("expected a text file of netlist format 'mig 1', got binary", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    return parse_netlist(text, path)


def parse_netlist(text: str, path: str | Path | None = None) -> Netlist:
    """Read a netlist from text (see `read_netlist`)."""
    lines = _lines(text)

    def following(expected: str) -> tuple[int, str]:
        for line in lines:
            return line
        raise DataError(f"the file ends where {expected} was expected", path)

    number, line = following("'mig 1'")
    if line.split() != ["mig", "1"]:
        raise DataError(f"expected 'mig 1', got {line[:40]!r}", path, number)
    name = "netlist"
    ports: dict[str, list[Port]] = {"input": [], "output": []}
    while True:
        number, line = following("'cells'")
        word, _, rest = line.partition(" ")
        if word == "cells":
            n_cells = _whole(rest, path, number)
            break
        try:
            if word == "name":
                name = str(json.loads(rest))
            elif word in ports:
                quoted, _, width = rest.rpartition(" ")
                ports[word].append(Port(str(json.loads(quoted)), _whole(width, path, number)))
            else:
                raise DataError(
                    f"expected name, input, output or cells, got {word[:40]!r}", path, number
                )
        except ValueError as error:
            raise DataError(f"{word}: {error}", path, number) from None
    if n_cells > _MAX_CELLS or sum(p.width for both in ports.values() for p in both) > _MAX_WIDTH:
        raise DataError("more cells or port bits than can be read", path, number)
    cells = []
    for cell in range(n_cells):
        number, line = following(f"cell {cell + 1} of {n_cells}")
        literals = [_whole(word, path, number) for word in line.split()]
        if len(literals) != 3:
            raise DataError(f"expected the three literals of a cell, got {line[:40]!r}", path, number)
        cells.append(literals)
    number, line = following("'drive'")
    word, *driven = line.split()
    if word != "drive":
        raise DataError(f"expected 'drive' after {n_cells} cells, got {word[:40]!r}", path, number)
    outputs = [_whole(word, path, number) for word in driven]
    for extra, _ in lines:
        raise DataError("expected the end of the file", path, extra)
    try:
        return Netlist(
            name,
            tuple(ports["input"]),
            tuple(ports["output"]),
            np.array(cells, dtype=np.int32).reshape(-1, 3),
            np.array(outputs, dtype=np.int32),
        )
    except NetlistError as error:
        raise DataError(str(error), path) from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _whole(word: str, path: str | Path | None, number: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 9):
        raise DataError(f"expected a whole number, got {word[:40]!r}", path, number)
    return int(word)
