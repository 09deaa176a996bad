"""AIGER, ASCII and binary, combinational (A. Biere, The AIGER And-Inverter Graph format, 2007).

The literals of AIGER are those of `literals`: twice the variable, plus one for a complement, and variable 0
the constant false. An AND becomes one cell. Names come from the symbol table; without one the inputs are
the port ``x`` and the outputs the port ``y``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import SourceFile, plural, quoted
from btfsynth.dataset.ports import Port, group_columns
from btfsynth.errors import DataError
from btfsynth.frontends.order import topological_order
from btfsynth.netlist.netlist import Netlist

__all__ = ["parse_aiger"]

_HEADER = re.compile(rb"(aag|aig)((?: [0-9]{1,10}){5,9})[ \r]*")
_COMMENT = re.compile(rb"^c(?![0-9]+ )", re.MULTILINE)
_SYMBOL = re.compile(r"([ilobcjf])([0-9]{1,9}) (.+)")
_MAX_PORTS = 1_000_000
_MAX_ANDS = 50_000_000
_EXTENSIONS = ("bad states", "constraints", "justice properties", "fairness constraints")


@dataclass(frozen=True)
class _Header:
    variables: int
    inputs: int
    outputs: int
    ands: int
    binary: bool
    size: int
    """Bytes of the header line with its end."""


@dataclass(frozen=True)
class _Graph:
    """Cells and outputs with the inputs as nodes 1 to n, and where the symbol table begins."""

    fanins: NDArray[np.int32]
    outputs: NDArray[np.int32]
    symbols_at: int


def parse_aiger(file: SourceFile) -> Netlist:
    """Read an AIGER file of either kind.

    Raises
    ------
    DataError
        Naming the line, or the byte in the binary part, if the file is cut off, has latches, or a
        literal is undefined, defined twice or in a loop.
    """
    header = _header(file)
    graph = _binary(file, header) if header.binary else _ascii(file, header)
    names = _symbols(file, header, graph.symbols_at)
    input_ports, columns = _ports(file, names["i"], header.inputs, "x", "input")
    output_ports, driven = _ports(file, names["o"], header.outputs, "y", "output")
    fanins = graph.fanins
    if columns is not None:
        # The bits of a bus may be declared in any order.
        node = np.arange(1 + header.inputs + header.ands, dtype=np.int32)
        node[1 + np.array(columns, dtype=np.int32)] = 1 + np.arange(header.inputs)
        fanins = np.sort(2 * node[fanins >> 1] + (fanins & 1), axis=1)
        outputs = 2 * node[graph.outputs >> 1] + (graph.outputs & 1)
    else:
        outputs = graph.outputs
    if driven is not None:
        outputs = outputs[driven]
    return Netlist(file.function_name, input_ports, output_ports, fanins, outputs)


def _header(file: SourceFile) -> _Header:
    end = file.data.find(b"\n")
    line = file.data if end < 0 else file.data[:end]
    match = _HEADER.fullmatch(line[:200])
    if match is None:
        shown = quoted(line[:60].decode("ascii", "replace"))
        raise file.error(f"expected an AIGER header such as 'aag 3 2 0 1 1', got {shown}", 1)
    variables, inputs, latches, outputs, ands, *more = (int(word) for word in match[2].split())
    if latches:
        raise file.error(
            f"the circuit is sequential, it has {latches} latches; expected a combinational one", 1
        )
    for count, what in zip(more, _EXTENSIONS, strict=False):
        if count:
            raise file.error(f"{what} are not supported, the header announces {count}", 1)
    if inputs > _MAX_PORTS or outputs > _MAX_PORTS or ands > _MAX_ANDS:
        raise file.error(
            f"expected at most {_MAX_PORTS} inputs, {_MAX_PORTS} outputs and {_MAX_ANDS} ANDs, got "
            f"{inputs}, {outputs} and {ands}",
            1,
        )
    if not outputs:
        raise file.error("expected at least one output, got none", 1)
    binary = match[1] == b"aig"
    if variables < inputs + ands or (binary and variables != inputs + ands):
        raise file.error(
            f"expected {inputs + ands} variables for {inputs} inputs and {ands} ANDs, got "
            f"{variables}",
            1,
        )
    if variables > _MAX_ANDS + _MAX_PORTS:
        raise file.error(f"expected fewer variables, got {variables}", 1)
    return _Header(variables, inputs, outputs, ands, binary, len(line) + 1)


# binary


def _binary(file: SourceFile, header: _Header) -> _Graph:
    data, at = file.data, header.size
    outputs = np.zeros(header.outputs, dtype=np.int32)
    for output in range(header.outputs):
        end = data.find(b"\n", at)
        if end < 0:
            raise _cut_off(file, f"output {output + 1} of {header.outputs}")
        outputs[output] = _number(file, data[at:end], 2 * header.variables + 1, 2 + output)
        at = end + 1
    if len(data) - at < 2 * header.ands:  # before memory is taken for what the header claims
        raise _cut_off(file, f"AND {(len(data) - at) // 2 + 1} of {header.ands}")
    fanins = np.zeros((header.ands, 3), dtype=np.int32)
    done, at, bad = _decode(np.frombuffer(data, dtype=np.uint8), at, header.inputs + 1, fanins)
    if done < header.ands:
        if not bad:
            raise _cut_off(file, f"AND {done + 1} of {header.ands}")
        raise file.error(
            f"AND {done + 1} of {header.ands}: expected two falling differences of literals at "
            f"byte {at}"
        )
    return _Graph(fanins, outputs, at)


def _cut_off(file: SourceFile, what: str) -> DataError:
    return file.error(f"the file ends at byte {len(file.data)}, before {what}")


@numba.njit(cache=True)
def _decode(data: Any, at: int, variable: int, fanins: Any) -> tuple[int, int, bool]:
    """Decode the differences of the ANDs.

    data: (bytes,) uint8; at: where they begin; variable: that of the first AND; fanins: (ands, 3)
    int32, overwritten. Returns how many were decoded, the byte behind them, or the one where the AND
    begins that could not be decoded, and whether this one is wrong rather than cut off.
    """
    for row in range(len(fanins)):
        begin = at
        above = np.int64(2 * (variable + row))
        for place in range(2):
            difference = np.int64(0)
            shift = 0
            while True:
                if at >= len(data):
                    return row, begin, False
                octet = np.int64(data[at])
                at += 1
                difference |= (octet & 0x7F) << shift
                if octet < 0x80:
                    break
                shift += 7
                if shift > 28:
                    return row, begin, True
            if difference > above or (place == 0 and difference == 0):
                return row, begin, True
            above -= difference
            fanins[row, 2 - place] = above
    return len(fanins), at, False


# ASCII


def _ascii(file: SourceFile, header: _Header) -> _Graph:
    lines = file.data[header.size :].split(b"\n")
    largest = 2 * header.variables + 1
    wanted = header.inputs + header.outputs + header.ands
    if len(lines) < wanted or (len(lines) == wanted and not lines[-1].strip()):
        raise file.error(
            f"expected {wanted} lines after the header ({header.inputs} inputs, {header.outputs} "
            f"outputs, {header.ands} ANDs), the file ends",
            max(1, len(lines) + int(bool(lines[-1]))),
        )
    node = np.full(header.variables + 1, -1, dtype=np.int64)
    line_of = np.zeros(header.variables + 1, dtype=np.int64)
    node[0], line_of[0] = 0, 1

    def define(literal: int, number: int, what: str) -> int:
        variable = literal >> 1
        if literal & 1 or not variable:
            raise file.error(f"expected an even literal above 0 as {what}, got {literal}", number)
        if line_of[variable]:
            raise file.error(
                f"the literal {literal} is defined twice, first in line {line_of[variable]}", number
            )
        line_of[variable] = number
        return variable

    for place in range(header.inputs):
        variable = define(_number(file, lines[place], largest, place + 2), place + 2, "an input")
        node[variable] = 1 + place
    first = header.inputs
    outputs = [
        _number(file, lines[place], largest, place + 2)
        for place in range(first, first + header.outputs)
    ]
    first += header.outputs
    rows = []
    variables = []
    for place in range(first, wanted):
        words = lines[place].split()
        if len(words) != 3:
            raise file.error(
                f"expected the three literals of an AND, got {_shown(lines[place])}", place + 2
            )
        row = [_number(file, word, largest, place + 2) for word in words]
        variables.append(define(row[0], place + 2, "an AND"))
        rows.append((row[1], row[2]))
    order = _order(file, header, variables, rows, line_of, first + 2)
    node[np.array(variables, dtype=np.int64)[order]] = np.arange(header.ands) + header.inputs + 1
    driven = np.array(outputs, dtype=np.int64)
    missing = node[driven >> 1] < 0
    if missing.any():
        place = int(np.argmax(missing))
        raise file.error(f"the literal {driven[place]} is not defined", place + header.inputs + 2)
    pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)[order]
    fanins = np.zeros((header.ands, 3), dtype=np.int32)
    fanins[:, 1:] = np.sort(2 * node[pairs >> 1] + (pairs & 1), axis=1)
    outputs_found = (2 * node[driven >> 1] + (driven & 1)).astype(np.int32)
    read = sum(len(line) + 1 for line in lines[:wanted])
    return _Graph(fanins, outputs_found, header.size + read)


def _order(
    file: SourceFile,
    header: _Header,
    variables: list[int],
    rows: list[tuple[int, int]],
    line_of: NDArray[np.int64],
    first_line: int,
) -> NDArray[np.int64]:
    """Return the ANDs in topological order; a file need not have them so."""
    pairs = np.array(rows, dtype=np.int64).reshape(-1, 2) >> 1
    undefined = (pairs > 0) & (line_of[pairs] == 0)
    if undefined.any():
        row, side = (int(i) for i in np.argwhere(undefined)[0])
        raise file.error(f"the literal {rows[row][side]} is not defined", first_line + row)
    place = np.full(header.variables + 1, -1, dtype=np.int64)
    place[np.array(variables, dtype=np.int64)] = np.arange(header.ands)
    reads = place[pairs]
    if (reads.max(axis=1, initial=-1) < np.arange(header.ands)).all():
        return np.arange(header.ands)
    listed = [[read for read in pair if read >= 0] for pair in reads.tolist()]
    order, loop = topological_order(listed)
    if loop:
        row = min(loop)
        raise file.error(
            f"the literal {2 * variables[row]} is part of a combinational loop", first_line + row
        )
    return np.array(order, dtype=np.int64)


def _number(file: SourceFile, word: bytes, largest: int, line: int) -> int:
    text = word.strip()
    if not text.isdigit() or len(text) > 10 or int(text) > largest:
        raise file.error(f"expected a literal of at most {largest}, got {_shown(word)}", line)
    return int(text)


def _shown(data: bytes) -> str:
    return quoted(data[:60].decode("ascii", "backslashreplace").strip())


# symbols


def _symbols(file: SourceFile, header: _Header, at: int) -> dict[str, dict[int, str]]:
    """Return the names of inputs and outputs by position."""
    found: dict[str, dict[int, str]] = {"i": {}, "o": {}}
    counts = {"i": header.inputs, "o": header.outputs}
    table = file.data[at:]
    comment = _COMMENT.search(table)
    table = table[: comment.start()] if comment else table
    line = None if header.binary else file.data.count(b"\n", 0, at)
    for row in table.split(b"\n"):
        line = None if line is None else line + 1
        try:
            text = row.decode("utf-8").rstrip("\r")
        except UnicodeDecodeError:
            raise file.error(f"expected a symbol in UTF-8, got {_shown(row)}", line) from None
        if not text:
            continue
        match = _SYMBOL.fullmatch(text)
        if match is None or match[1] not in found or int(match[2]) >= counts[match[1]]:
            raise file.error(
                f"expected a symbol such as 'i0 name' for one of {plural(header.inputs, 'input')} and "
                f"{plural(header.outputs, 'output')}, got {quoted(text)}",
                line,
            )
        if int(match[2]) in found[match[1]]:
            raise file.error(f"{match[1]}{match[2]} is named twice", line)
        found[match[1]][int(match[2])] = match[3]
    return found


def _ports(
    file: SourceFile, names: dict[int, str], count: int, default: str, what: str
) -> tuple[tuple[Port, ...], list[int] | None]:
    """Return the ports and the position of each of their bits, None if they are in order."""
    if not names:
        return ((Port(default, count),) if count else ()), None
    taken = set(names.values())
    listed = []
    for position in range(count):
        name = names.get(position)
        if name is None:
            name = f"{what[0]}{position}"
            while name in taken:
                name += "_"
        listed.append(name)
    if len(taken) < len(names):
        twice = next(name for name in listed if listed.count(name) > 1)
        raise file.error(f"the {what} name {quoted(twice)} is used twice")
    return group_columns(listed)
