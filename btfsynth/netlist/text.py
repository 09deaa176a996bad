"""The native netlist format: plain text with one line per cell.

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

Names are JSON strings. A cell's line holds its three literals (see `netlist`): inputs are nodes 1, 2, ... in
port order, followed by the cells. ``drive`` gives one literal per output bit. Empty lines and lines
that begin with ``#`` are ignored.

A port whose bits are not numbered from 0 has a range instead of a width, as in ``input "a" [0:3]``. If the
original file had its inputs in another order, ``input_pins 1 0 2`` gives the position of each input bit there;
``output_pins`` does the same for outputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, in_pin_order

_MAX_CELLS = 50_000_000
_MAX_WIDTH = 1_000_000
_FEW_CELLS = 500
"""Lines read one by one before the kernel that reads them at once is loaded."""
_PINS = "_pins"
_RANGE = re.compile(r"\[([0-9]{1,9}):([0-9]{1,9})\]")


def format_netlist(netlist: Netlist) -> str:
    lines = ["mig 1", f"name {json.dumps(netlist.name)}"]
    for word, ports in (("input", netlist.input_ports), ("output", netlist.output_ports)):
        lines.extend(f"{word} {json.dumps(port.name)} {_extent(port)}" for port in ports)
        if all(port.pins is not None for port in ports) and not in_pin_order(ports):
            pins = (str(pin) for port in ports for pin in port.pins or ())
            lines.append(f"{word}{_PINS} {' '.join(pins)}")
    lines.append(f"cells {netlist.n_cells}")
    lines.extend(f"{a} {b} {c}" for a, b, c in netlist.fanins.tolist())
    lines.append(" ".join(["drive", *(str(literal) for literal in netlist.outputs.tolist())]))
    return "\n".join(lines) + "\n"


def read_netlist(path: StrPath) -> Netlist:
    """Read a .mig file; a `DataError` names the file and the line."""
    path = as_path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except UnicodeDecodeError:
        raise DataError(
            "expected a text file of netlist format 'mig 1', got binary", path
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    return parse_netlist(text, path)


def parse_netlist(text: str, path: str | Path | None = None) -> Netlist:
    return _Parser(text, path).run()


class _Parser:
    def __init__(self, text: str, path: str | Path | None) -> None:
        self.path = path
        self.lines = _Lines(text)
        self.last = text.count("\n") + (not text.endswith("\n"))
        self.name = "netlist"
        self.ports: dict[str, list[Port]] = {"input": [], "output": []}
        self.bits = {"input": 0, "output": 0}
        self.pins: dict[str, tuple[int, list[int]]] = {}

    def run(self) -> Netlist:
        number, line = self.following("'mig 1'")
        if line.split() != ["mig", "1"]:
            raise self.error(f"expected 'mig 1', got {line[:40]!r}", number)
        n_cells = self.header()
        fanins = self.cells(n_cells)
        outputs = self.outputs(n_cells)
        for extra, _ in self.lines:
            raise self.error("expected the end of the file", extra)
        inputs, driven = (self.with_pins(word) for word in ("input", "output"))
        return Netlist(self.name, inputs, driven, fanins, outputs)

    def with_pins(self, word: str) -> tuple[Port, ...]:
        """Return the ports with the positions of their bits in the file they came from, if these are known."""
        ports = tuple(self.ports[word])
        if word not in self.pins:
            return ports
        number, pins = self.pins[word]
        if sorted(pins) != list(range(self.bits[word])):
            raise self.error(
                f"{word}{_PINS}: expected every position from 0 to {self.bits[word] - 1} once",
                number,
            )
        waiting = iter(pins)
        return tuple(
            replace(port, pins=tuple(next(waiting) for _ in range(port.width))) for port in ports
        )

    def error(self, message: str, number: int) -> DataError:
        return DataError(message, self.path, number)

    def following(self, expected: str) -> tuple[int, str]:
        """Return the next line with content, and its number."""
        for line in self.lines:
            return line
        raise self.error(f"expected {expected}, got the end of the file", max(1, self.last))

    def header(self) -> int:
        while True:
            number, line = self.following("'cells'")
            word, _, rest = line.partition(" ")
            if word == "cells":
                n_cells = self.whole(rest.strip(), number)
                if n_cells > _MAX_CELLS:
                    raise self.error(f"expected at most {_MAX_CELLS} cells, got {n_cells}", number)
                return n_cells
            if word == "name":
                self.name = self.quoted(rest, number)
            elif word in self.ports:
                self.port(word, rest, number)
            elif word.removesuffix(_PINS) in self.ports:
                pins = [self.whole(digits, number) for digits in rest.split()]
                self.pins[word.removesuffix(_PINS)] = number, pins
            else:
                raise self.error(
                    f"expected name, input, output or cells, got {word[:40]!r}", number
                )

    def port(self, word: str, rest: str, number: int) -> None:
        quoted, _, extent = rest.rpartition(" ")
        match = _RANGE.fullmatch(extent)
        high, low = (int(match[1]), int(match[2])) if match else (0, 0)
        width = abs(high - low) + 1 if match else self.whole(extent, number)
        self.bits[word] += width
        if not width or self.bits[word] > _MAX_WIDTH:
            raise self.error(
                f"expected 1 to {_MAX_WIDTH} {word} bits, got {self.bits[word] if width else 0}",
                number,
            )
        step = 1 if high >= low else -1
        self.ports[word].append(Port(self.quoted(quoted, number), width, low, step))

    def cells(self, n_cells: int) -> NDArray[np.int32]:
        """Return the literals of all cells, at once where they are in the form that is written."""
        known = 2 + 2 * self.bits["input"]
        plain = self.lines.plain_cells(n_cells, known) if n_cells > _FEW_CELLS else None
        if plain is not None:
            return plain
        rows = []
        for cell in range(n_cells):
            number, line = self.following(f"cell {cell + 1} of {n_cells}")
            words = line.split()
            if len(words) != 3 or words[0] == "drive":
                raise self.error(
                    f"expected the three literals of a cell, got {line[:40]!r}", number
                )
            rows.append([self.literal(word, known + 2 * cell, number) for word in words])
        return np.array(rows, dtype=np.int32).reshape(-1, 3)

    def outputs(self, n_cells: int) -> NDArray[np.int32]:
        number, line = self.following("'drive'")
        word, *driven = line.split()
        if word != "drive":
            raise self.error(f"expected 'drive' after {n_cells} cells, got {word[:40]!r}", number)
        wanted = self.bits["output"]
        if len(driven) != wanted:
            raise self.error(
                f"expected {wanted} literals, one per output bit, got {len(driven)}", number
            )
        known = 2 + 2 * (self.bits["input"] + n_cells)
        return np.array(
            [self.literal(literal, known, number) for literal in driven], dtype=np.int32
        )

    def whole(self, word: str, number: int) -> int:
        if not (word.isascii() and word.isdigit() and len(word) <= 9):
            raise self.error(f"expected a whole number, got {word[:40]!r}", number)
        return int(word)

    def literal(self, word: str, known: int, number: int) -> int:
        literal = self.whole(word, number)
        if literal >= known:
            raise self.error(
                f"expected a literal of a constant, an input or an earlier cell, at most {known - 1}, "
                f"got {literal}",
                number,
            )
        return literal

    def quoted(self, text: str, number: int) -> str:
        text = text.strip()
        with suppress(ValueError):
            if text.startswith('"'):
                return str(json.loads(text))
        raise self.error(f"expected a name as a JSON string, got {text[:40]!r}", number)


class _Lines(Iterator[tuple[int, str]]):
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._number = 0

    def __next__(self) -> tuple[int, str]:
        while self._at <= len(self._text):
            end = self._text.find("\n", self._at)
            end = len(self._text) if end < 0 else end
            line = self._text[self._at : end].strip()
            self._at = end + 1
            self._number += 1
            if line and not line.startswith("#"):
                return self._number, line
        raise StopIteration

    def plain_cells(self, count: int, known: int) -> NDArray[np.int32] | None:
        """Read this many cell lines at once if they are exactly in the written form.

        Otherwise, as with a mistake or a comment, return None: the lines are then read one by one.
        """
        end = self._text.find("drive", self._at)
        # A cell takes six characters at least: no file can ask for more memory than its own size.
        if end < self._at + 6 * count:
            return None
        try:
            block = np.frombuffer(self._text[self._at : end].encode("ascii"), dtype=np.uint8)
        except UnicodeEncodeError:
            return None
        cells = np.empty((count, 3), dtype=np.int32)
        if not _read_cells(block, known, cells):
            return None
        self._at = end
        self._number += count
        return cells


@numba.njit(cache=True, nogil=True)
def _read_cells(block: Any, known: Any, cells: Any) -> Any:
    """Read lines of three literals, one blank between them. Modifies cells; False if it is not that.

    block: uint8, the characters; known: the literals that the first cell may use.
    """
    at = 0
    for cell in range(cells.shape[0]):
        for place in range(3):
            value, digits = 0, 0
            while at < block.shape[0] and 48 <= block[at] <= 57 and digits < 10:
                value = 10 * value + block[at] - 48
                digits += 1
                at += 1
            separator = 10 if place == 2 else 32
            if not 0 < digits < 10 or at == block.shape[0] or block[at] != separator:
                return False
            if value >= known + 2 * cell:
                return False
            at += 1
            cells[cell, place] = value
    return at == block.shape[0]


def _extent(port: Port) -> str:
    """Return the width of a port, or its range where it is not the usual one."""
    return str(port.width) if port.counts_from_zero else port.range
