"""AIGER, ASCII and binary (A. Biere, The AIGER And-Inverter Graph format, 2007; version 1.9, 2011).

The literals of AIGER are those of `literals`: twice the variable, plus one for a complement, and variable 0
the constant false. An AND becomes one cell. Names come from the symbol table; without one the inputs are
the port ``x`` and the outputs the port ``y``. Latches are an error or become ports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import SourceFile, plural, quoted
from btfsynth.dataset.ports import Port, group_columns
from btfsynth.errors import DataError, SequentialError
from btfsynth.frontends.design import Design
from btfsynth.frontends.nets import unused_names
from btfsynth.frontends.order import topological_order
from btfsynth.netlist.netlist import Netlist

__all__ = ["parse_aiger"]

_HEADER = re.compile(rb"(aag|aig)((?: [0-9]{1,10}){5,9})[ \r]*")
_COMMENT = re.compile(rb"^c(?![0-9]+ )", re.MULTILINE)
_SYMBOL = re.compile(r"([ilobcjf])([0-9]{1,9}) (.+)")
_MAX_PORTS = 1_000_000
_MAX_ANDS = 50_000_000
_CHECKED = {"b": "bad state", "c": "constraint"}
"""What version 1.9 has beside outputs: functions of inputs and latches as these are."""

_UNSUPPORTED = ("justice properties", "fairness constraints")
_NAMELESS = {"o": "y", "b": "bad", "c": "constraint"}


@dataclass(frozen=True)
class _Header:
    variables: int
    inputs: int
    latches: int
    outputs: int
    ands: int
    kinds: dict[str, int]
    """How many outputs (o), bad states (b) and constraints (c) these outputs are."""
    binary: bool
    size: int
    """Bytes of the header line with its end."""

    @property
    def given(self) -> int:
        """How many variables are no ANDs: inputs and latches."""
        return self.inputs + self.latches


@dataclass(frozen=True)
class _Graph:
    """The content of a file with its inputs, then its latches as nodes 1 to n.

    fanins, outputs: the cells, and the literals of the outputs, then of what latches read; symbols_at: the
    byte at which the symbol table begins.
    """

    fanins: NDArray[np.int32]
    outputs: NDArray[np.int32]
    symbols_at: int


def parse_aiger(file: SourceFile, comb: bool = False) -> Design:
    """Read an AIGER file of either kind.

    Parameters
    ----------
    file
        The file.
    comb
        Whether latches become ports, see `NetTable.add_register`; without names the ports ``l`` and
        ``l_in``.

    Raises
    ------
    SequentialError
        If there are latches that are not to become ports.
    DataError
        Naming the line, or the byte in the binary part, if the file is cut off, or a literal is
        undefined, defined twice or in a loop.
    """
    header = _header(file, comb)
    graph = _binary(file, header) if header.binary else _ascii(file, header)
    names = _symbols(file, header, graph.symbols_at)
    input_ports, columns, output_ports, driven = _ports(file, header, names)
    fanins, outputs = graph.fanins, graph.outputs
    if columns != list(range(header.given)):
        # The bits of a bus may be declared in any order.
        node = np.arange(1 + header.given + header.ands, dtype=np.int32)
        node[1 + np.array(columns, dtype=np.int32)] = 1 + np.arange(header.given)
        fanins = np.sort(2 * node[fanins >> 1] + (fanins & 1), axis=1)
        outputs = 2 * node[outputs >> 1] + (outputs & 1)
    netlist = Netlist(file.function_name, input_ports, output_ports, fanins, outputs[driven])
    return Design(netlist, _notes(header))


def _notes(header: _Header) -> tuple[str, ...]:
    found = [plural(header.kinds[letter], what) for letter, what in _CHECKED.items()]
    found = [text for text in found if not text.startswith("0 ")]
    return (f"read as outputs: {' and '.join(found)}",) if found else ()


def _header(file: SourceFile, comb: bool) -> _Header:
    end = file.data.find(b"\n")
    line = file.data if end < 0 else file.data[:end]
    match = _HEADER.fullmatch(line[:200])
    if match is None:
        shown = quoted(line[:60].decode("ascii", "replace"))
        raise file.error(f"expected an AIGER header such as 'aag 3 2 0 1 1', got {shown}", 1)
    variables, inputs, latches, outputs, ands, *more = (int(word) for word in match[2].split())
    if latches and not comb:
        raise SequentialError(
            f"the circuit is sequential, it has {plural(latches, 'latch', 'latches')}; expected a "
            "combinational one",
            file.path,
            1,
        )
    for count, what in zip(more[2:], _UNSUPPORTED, strict=False):
        if count:
            raise file.error(
                f"{what} speak of runs, not of a function, and are not supported; the header "
                f"announces {count}",
                1,
            )
    kinds = {"o": outputs, "b": 0, "c": 0} | dict(zip(_CHECKED, more, strict=False))
    outputs = sum(kinds.values())
    if max(inputs, latches, outputs) > _MAX_PORTS or ands > _MAX_ANDS:
        raise file.error(
            f"expected at most {_MAX_PORTS} inputs, {_MAX_PORTS} latches, {_MAX_PORTS} outputs and "
            f"{_MAX_ANDS} ANDs, got {inputs}, {latches}, {outputs} and {ands}",
            1,
        )
    if not outputs and not latches:
        raise file.error("expected at least one output, got none", 1)
    binary = match[1] == b"aig"
    needed = inputs + latches + ands
    if variables < needed or (binary and variables != needed):
        among = f", {latches} latches" if latches else ""
        raise file.error(
            f"expected {needed} variables for {inputs} inputs{among} and {ands} ANDs, got {variables}",
            1,
        )
    if variables > _MAX_ANDS + _MAX_PORTS:
        raise file.error(f"expected fewer variables, got {variables}", 1)
    return _Header(variables, inputs, latches, outputs, ands, kinds, binary, len(line) + 1)


# binary


def _binary(file: SourceFile, header: _Header) -> _Graph:
    data, at = file.data, header.size
    driven = []
    for place in range(header.latches + header.outputs):
        end = data.find(b"\n", at)
        if end < 0:
            output = place - header.latches
            raise _cut_off(
                file,
                f"output {output + 1} of {header.outputs}"
                if output >= 0
                else f"latch {place + 1} of {header.latches}",
            )
        words = [data[at:end]]
        if place < header.latches:
            words = _latch_words(file, data[at:end], 2 * (header.inputs + place + 1), 2 + place)
        driven.append(_number(file, words[0], 2 * header.variables + 1, 2 + place))
        at = end + 1
    outputs = np.array(driven[header.latches :] + driven[: header.latches], dtype=np.int32)
    if len(data) - at < 2 * header.ands:  # before memory is taken for what the header claims
        raise _cut_off(file, f"AND {(len(data) - at) // 2 + 1} of {header.ands}")
    fanins = np.zeros((header.ands, 3), dtype=np.int32)
    done, at, bad = _decode(np.frombuffer(data, dtype=np.uint8), at, header.given + 1, fanins)
    if done < header.ands:
        if not bad:
            raise _cut_off(file, f"AND {done + 1} of {header.ands}")
        raise file.error(
            f"AND {done + 1} of {header.ands}: expected two falling differences of literals at "
            f"byte {at}"
        )
    return _Graph(fanins, outputs, at)


def _latch_words(file: SourceFile, line: bytes, literal: int, number: int) -> list[bytes]:
    """Return the words of a latch but its literal and reset value, 0, 1 or the literal itself."""
    words = line.split()
    if len(words) not in (1, 2) or (words[1:] and words[1] not in (b"0", b"1", b"%d" % literal)):
        raise file.error(
            f"expected what the latch {literal} reads, then 0, 1 or {literal} as its reset value if "
            f"there is one, got {_shown(line)}",
            number,
        )
    return words


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
    wanted = header.given + header.outputs + header.ands
    if len(lines) < wanted or (len(lines) == wanted and not lines[-1].strip()):
        raise file.error(
            f"expected {wanted} lines after the header ({header.inputs} inputs, "
            + (f"{header.latches} latches, " if header.latches else "")
            + f"{header.outputs} outputs, {header.ands} ANDs), the file ends",
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
    read_by_latches = []
    for place in range(header.inputs, header.given):
        literal, _, rest = lines[place].strip().partition(b" ")
        number = _number(file, literal, largest, place + 2)
        node[define(number, place + 2, "a latch")] = 1 + place
        words = _latch_words(file, rest, number, place + 2)
        read_by_latches.append(_number(file, words[0], largest, place + 2))
    first = header.given
    outputs = [
        _number(file, lines[place], largest, place + 2)
        for place in range(first, first + header.outputs)
    ] + read_by_latches
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
    node[np.array(variables, dtype=np.int64)[order]] = np.arange(header.ands) + header.given + 1
    driven = np.array(outputs, dtype=np.int64)
    missing = node[driven >> 1] < 0
    if missing.any():
        place = int(np.argmax(missing))
        line = (
            place + header.given
            if place < header.outputs
            else place - header.outputs + header.inputs
        )
        raise file.error(f"the literal {driven[place]} is not defined", line + 2)
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
    """Return the names by the letter of their kind and by position."""
    counts = {"i": header.inputs, "l": header.latches, **header.kinds}
    found: dict[str, dict[int, str]] = {letter: {} for letter in counts}
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
        if match is None or int(match[2]) >= counts.get(match[1], 0):
            raise file.error(
                f"expected a symbol such as 'i0 name' for one of {plural(header.inputs, 'input')} and "
                f"{plural(header.kinds['o'], 'output')}, got {quoted(text)}",
                line,
            )
        if int(match[2]) in found[match[1]]:
            raise file.error(f"{match[1]}{match[2]} is named twice", line)
        found[match[1]][int(match[2])] = match[3]
    return found


def _ports(
    file: SourceFile, header: _Header, names: dict[str, dict[int, str]]
) -> tuple[tuple[Port, ...], list[int], tuple[Port, ...], list[int]]:
    """Return the input ports and the position of each of their bits, then the same of the outputs."""
    inputs = _listed(file, names["i"], header.inputs, "x", "input")
    latches = _listed(file, names["l"], header.latches, "l", "latch")
    read = [f"{name}_in" for name in latches]
    if not names["l"] and header.latches > 1:
        read = [f"l_in[{place}]" for place in range(header.latches)]
    outputs = [
        name
        for letter, count in header.kinds.items()
        for name in _listed(file, names[letter], count, _NAMELESS[letter], "output")
    ]
    input_ports, columns = group_columns(inputs + unused_names(latches, inputs))
    outputs = unused_names(outputs, ())
    output_ports, driven = group_columns(outputs + unused_names(read, outputs))
    if not any(names[letter] for letter in ("i", "l")):
        input_ports = _nameless(input_ports)
    if not any(names[letter] for letter in ("l", *header.kinds)):
        output_ports = _nameless(output_ports)
    return input_ports, columns, output_ports, driven


def _nameless(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """Return ports whose names are made up."""
    return tuple(replace(port, named=False) for port in ports)


def _listed(
    file: SourceFile, names: dict[int, str], count: int, default: str, what: str
) -> list[str]:
    """Return one name a position: those of the file, or the bits of a bus if it has none."""
    if not names:
        return [default] if count == 1 else [f"{default}[{place}]" for place in range(count)]
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
    return listed
