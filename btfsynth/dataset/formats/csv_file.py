"""Comma-, semicolon- or tab-separated tables, with or without a header.

Values are ``0``, ``1``, ``true`` or ``false``. ``-``, ``x``, ``?`` or nothing is a don't-care as an
output; ``-`` or ``x`` as an input stands for both values. A column named ``name[msb:lsb]`` holds
unsigned decimal numbers. Inputs written with a decimal point are analog. Lines that begin with
``#`` are skipped. `csv_columns` tells which columns are inputs.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.contradictions import check_contradictions
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.formats.base import (
    Format,
    OutputColumns,
    SourceFile,
    check_names,
    plural,
    quoted,
)
from btfsynth.dataset.formats.csv_columns import (
    SEPARATORS,
    Column,
    Roles,
    decide_roles,
    declared_ports,
    default_columns,
    parse_header_cell,
    renamed,
)
from btfsynth.dataset.formats.cubes import FREE, MAX_EXPANDED, expand_cubes, expanded_size
from btfsynth.dataset.ports import bit_names, group_ports
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import UsageError

__all__ = ["CSV"]

_DELIMITERS = ",;\t"
_BITS = {"0": 0, "1": 1, "false": 0, "true": 1}
_INPUT_BITS = {**_BITS, "-": FREE, "x": FREE}
_OUTPUT_BITS = {**_BITS, "-": FREE, "x": FREE, "?": FREE, "": FREE}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|[+-]?(nan|inf)", re.I)
_NAME = re.compile(r"[^\W\d].*", re.DOTALL)


@dataclass(frozen=True)
class _Table:
    """Rows of cells, all of the same length; ``lines`` are their lines."""

    rows: list[list[str]]
    lines: list[int]

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows]


def _delimiter(file: SourceFile) -> str | None:
    """Return the delimiter the first line uses most."""
    first = next((t for t in file.lines if t.strip() and not t.lstrip().startswith("#")), "")
    best = max(_DELIMITERS, key=first.count)
    return best if best in first else None


def _sniff(file: SourceFile) -> bool:
    return _delimiter(file) is not None


def _read(file: SourceFile) -> Dataset:
    return _read_outputs(file, None)


def _read_outputs(file: SourceFile, outputs: OutputColumns | None) -> Dataset:
    table = _table(file)
    header = table.rows[0] if _is_header(table.rows[0]) else None
    header_line = table.lines[0] if header is not None else None
    body = _Table(table.rows[1:], table.lines[1:]) if header is not None else table
    if not body.rows:
        raise file.error("expected rows of values after the header, got none", header_line)
    separator, indices = _separator(header, body)
    if len(indices) < 2:
        raise file.error("expected at least one input and one output column", table.lines[0])
    if header is not None:
        line = table.lines[0]
        columns = [parse_header_cell(file, header[index], index, line) for index in indices]
        check_names(file, [bit for column in columns for bit in column.bits], "column", line)
    else:
        columns = default_columns(indices)
    roles = decide_roles(
        file,
        columns,
        header_line=header_line,
        separator=separator,
        chosen=outputs,
        lists_all=lambda first: _lists_all(body, first),
    )
    return _dataset(file, body, roles if header is not None else renamed(roles))


def _table(file: SourceFile) -> _Table:
    delimiter = _delimiter(file)
    if delimiter is None:
        raise file.error("expected values separated by commas, semicolons or tabs, got none", 1)
    reader = csv.reader(
        (_uncommented(line) for line in file.lines),
        delimiter=delimiter,
        strict=True,
        skipinitialspace=True,
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if not row or row == [""]:
                continue
            if rows and len(row) != len(rows[0]):
                raise file.error(
                    f"expected {plural(len(rows[0]), 'field')} as in line {lines[0]}, got "
                    f"{len(row)}",
                    reader.line_num,
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise file.error(f"no table: {error}", reader.line_num) from None
    if not rows:
        raise file.error("expected rows of values, got none")
    return _Table(rows, lines)


def _uncommented(line: str) -> str:
    """Empty a comment, whose quotes would else be taken for the table's."""
    return "\n" if line.lstrip().startswith("#") else f"{line}\n"


def _is_header(row: Sequence[str]) -> bool:
    """Return True if some cell is a name and none is a value (x may be either)."""
    cells = [cell for cell in row if cell not in SEPARATORS]
    if any(_NUMBER.fullmatch(cell) or cell.lower() in _BITS for cell in cells):
        return False
    return any(_NAME.fullmatch(cell) and cell.lower() != "x" for cell in cells)


def _separator(header: Sequence[str] | None, body: _Table) -> tuple[int | None, list[int]]:
    """Return the separator column, and the columns that hold values.

    An empty last column is what a delimiter at the end of every line makes; it is left out.
    """
    width = len(body.rows[0])
    empty = [
        index
        for index in range(width)
        if (header is None or header[index] in SEPARATORS)
        and all(row[index] in SEPARATORS for row in body.rows)
    ]
    if empty and empty[-1] == width - 1 and set(body.column(width - 1)) == {""}:
        width -= 1
        empty.pop()
    separator = empty[0] if len(empty) == 1 and 0 < empty[0] < width - 1 else None
    return separator, [index for index in range(width) if index != separator]


def _lists_all(body: _Table, columns: Sequence[Column]) -> bool:
    width = sum(len(column.bits) for column in columns)
    if width > 62 or len(body.rows) != 1 << width:
        return False
    cells = [body.column(column.index) for column in columns]
    for column, values in zip(columns, cells, strict=True):
        if not column.is_number and not all(value.lower() in _BITS for value in values):
            return False
        if column.is_number and not all(re.fullmatch(r"[0-9]{1,18}", value) for value in values):
            return False
    numbers = [[int(_BITS.get(value.lower(), value)) for value in values] for values in cells]
    return len(set(zip(*numbers, strict=True))) == len(body.rows)


def _dataset(file: SourceFile, body: _Table, roles: Roles) -> Dataset:
    input_ports, input_order = group_ports(declared_ports(roles.inputs))
    output_ports, output_order = group_ports(declared_ports(roles.outputs))
    marks = _codes(file, body, roles.outputs, _OUTPUT_BITS, "0, 1 or -")[:, output_order]
    rows = np.arange(len(body.rows))
    kind = InputKind.BOOLEAN
    inputs: NDArray[np.uint8] | NDArray[np.float32]
    if any(map(_is_analog, (cell for c in roles.inputs for cell in body.column(c.index)))):
        kind = InputKind.ANALOG
        inputs = _analog(file, body, roles.inputs)[:, input_order]
    else:
        cubes = _codes(file, body, roles.inputs, _INPUT_BITS, "0, 1 or -")[:, input_order]
        size = expanded_size(cubes)
        if size > max(MAX_EXPANDED, len(cubes)):
            raise file.error(
                f"the rows stand for {size} input vectors; at most {MAX_EXPANDED} can be listed"
            )
        inputs, rows = expand_cubes(cubes)
    dataset = Dataset(
        name=file.function_name,
        source=file.base_name,
        inputs=inputs,
        targets=marks[rows] == 1,
        care=marks[rows] != FREE,
        input_ports=input_ports,
        output_ports=output_ports,
        input_kind=kind,
        notices=() if roles.notice is None else (roles.notice,),
    )
    check_contradictions(
        dataset.inputs,
        dataset.targets,
        dataset.care_mask,
        names=bit_names(output_ports),
        path=file.path,
        line_of=lambda pattern: body.lines[rows[pattern]],
    )
    return dataset


def _first_bad(
    file: SourceFile,
    body: _Table,
    columns: Sequence[Column],
    expected: Callable[[Column], str],
    is_good: Callable[[Column, str], bool],
) -> Exception:
    """Return the error for the first bad value, row by row."""
    for line, row in zip(body.lines, body.rows, strict=True):
        for column in columns:
            if not is_good(column, row[column.index]):
                return file.error(
                    f"column {quoted(column.name)}: expected {expected(column)}, got "
                    f"{quoted(row[column.index])}",
                    line,
                )
    raise AssertionError("no bad value")


def _codes(
    file: SourceFile,
    body: _Table,
    columns: Sequence[Column],
    meaning: dict[str, int],
    expected: str,
) -> NDArray[np.uint8]:
    """Return the bits of Boolean columns, ``(rows, bits)``: 0, 1 or `FREE`."""

    def is_good(column: Column, cell: str) -> bool:
        return _value(column, cell, meaning) is not None

    parts = []
    for column in columns:
        values = [_value(column, cell, meaning) for cell in body.column(column.index)]
        if None in values:
            raise _first_bad(
                file,
                body,
                columns,
                lambda c: f"a number below {1 << len(c.bits)}" if c.is_number else expected,
                is_good,
            )
        numbers = np.array(values, dtype=np.int64)
        if column.is_number:
            bits = bits_of(np.maximum(numbers, 0), len(column.bits))
            bits[numbers < 0] = FREE
        else:
            bits = numbers.astype(np.uint8)[:, None]
        parts.append(bits)
    return np.hstack(parts)


def _value(column: Column, cell: str, meaning: dict[str, int]) -> int | None:
    """Return the code of a bit, or a number with -1 for don't-care; None for a bad value."""
    if not column.is_number:
        code = meaning.get(cell)
        return meaning.get(cell.lower()) if code is None else code
    if re.fullmatch(r"[0-9]{1,40}", cell):
        number = int(cell)
        return number if number < 1 << len(column.bits) else None
    return -1 if meaning.get(cell.lower()) == FREE else None


def _is_analog(cell: str) -> bool:
    """Return True for a number that is not written as 0 or 1 but with a point or an exponent."""
    return not cell.isdigit() and _NUMBER.fullmatch(cell) is not None


def _analog(file: SourceFile, body: _Table, columns: Sequence[Column]) -> NDArray[np.float32]:
    def is_good(column: Column, cell: str) -> bool:
        return (
            not column.is_number and _NUMBER.fullmatch(cell) is not None and 0 <= float(cell) <= 1
        )

    for column in columns:
        if not all(is_good(column, cell) for cell in body.column(column.index)):
            raise _first_bad(file, body, columns, lambda _: "a number from 0 to 1", is_good)
    cells = [[float(row[column.index]) for column in columns] for row in body.rows]
    return np.array(cells, dtype=np.float32)


def _write(dataset: Dataset) -> bytes:
    if not dataset.n_inputs:
        raise UsageError(
            f"{dataset.name}: a csv file lists its inputs, these come from a "
            f"{dataset.input_kind.value}"
        )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    inputs, outputs = bit_names(dataset.input_ports), bit_names(dataset.output_ports)
    writer.writerow([*(f"in:{name}" for name in inputs), *(f"out:{name}" for name in outputs)])
    marks = np.where(dataset.care_mask, np.where(dataset.targets == 1, "1", "0"), "-")
    for row, mark in zip(dataset.inputs, marks, strict=True):
        # str gives the shortest text that reads back as the same float32, always with a point or an
        # exponent, which marks analog inputs.
        writer.writerow([*(str(value) for value in row), *mark])
    return stream.getvalue().encode()


CSV = Format(
    name="csv",
    endings=(".csv", ".tsv"),
    description="comma-, semicolon- or tab-separated table, header optional",
    sniff=_sniff,
    read=_read,
    write=_write,
    read_outputs=_read_outputs,
)
