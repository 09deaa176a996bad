"""Comma-, semicolon- or tab-separated tables, with or without a header.

Values are ``0``, ``1``, ``true`` or ``false``, in any spelling of the number. As an output, ``-``, ``x``,
``?``, an empty cell or a mark of a missing value (``NA``) is a don't-care; as an input, ``-`` or ``x`` means
both values. A column named ``name[msb:lsb]`` contains unsigned numbers: decimal, ``0x``, ``0b``, or binary if
all have one digit per bit. Other inputs from 0 to 1 are analog. Lines that begin with ``#`` are skipped.
`csv_layout` reads the cells and determines which columns are inputs. If a model knows the columns, they are
found by name (`read_known`), and targets may be missing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import NUMBER, BadCell, Cells, column_of_cells
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind, class_places
from btfsynth.dataset.formats import OutputColumns
from btfsynth.dataset.formats.base import (
    BadValue,
    Outputs,
    SourceFile,
    check_names,
    classes_of,
    quoted,
    read_inputs,
    read_outputs,
)
from btfsynth.dataset.formats.csv_layout import (
    SEPARATORS,
    WORDS,
    Column,
    Roles,
    Table,
    as_utf8,
    decide_roles,
    declared_ports,
    default_columns,
    find_delimiter,
    is_output_name,
    parse_header_cell,
    read_table,
    renamed,
)
from btfsynth.dataset.patterns import with_contradiction
from btfsynth.dataset.table_code import Scalar, number_text
from btfsynth.dataset.vectors import FREE, MAX_EXPANDED, bits_of, expand_cubes, expanded_size
from btfsynth.errors import DataError, UsageError, plural, shown
from btfsynth.ports import Port, bit_names, group_ports

_BITS = {"0": 0, "1": 1, **WORDS}
_INPUT_BITS = {**_BITS, "-": FREE, "x": FREE}
_YES = {"no": "0", "yes": "1"}
_MISSING = ("na", "n/a", "#n/a", "<na>")
"""Marks of missing values of R, spreadsheets and pandas."""
_OUTPUT_BITS = {**_BITS, **dict.fromkeys(("-", "x", "?", "", *_MISSING), FREE)}


NO_CLASS = frozenset({"-", "?", "", *_MISSING})
"""Marks of a missing class; x may be the name of a class."""
_OPEN_NUMBERS = frozenset(cell for cell, code in _OUTPUT_BITS.items() if code == FREE)


def sniff(file: SourceFile) -> bool:
    return find_delimiter(file) is not None


def read(file: SourceFile, outputs: OutputColumns | None) -> Dataset:
    table, columns, separator = described(file)
    file, header_line = table.file, table.header_line
    if len(columns) < 2:
        raise file.error(
            "expected at least one input and one output column", header_line or table.lines[0]
        )
    roles = decide_roles(
        file,
        columns,
        header_line=header_line,
        separator=separator,
        chosen=outputs,
        lists_all=lambda first: _lists_all(table, first),
    )
    return dataset_of(table, roles if table.header is not None else renamed(roles))


def described(file: SourceFile, *, one: bool = False) -> tuple[Table, list[Column], int | None]:
    """Return the cells of a file, its columns and the place of an empty one between inputs and outputs.

    With `one`, a file of a single column is a table too.
    """
    file, notes = as_utf8(file)
    table = read_table(file, one=one)
    header, header_line = table.header, table.header_line
    separator, indices = _separator(header, table)
    if header is not None and header_line is not None:
        columns = [parse_header_cell(file, header[index], index, header_line) for index in indices]
        bits = [bit for column in columns for bit in column.bits]
        check_names(file, bits, "column", header_line)
        table = _binary_as_decimal(table, columns)
    else:
        columns = default_columns(indices)
    return replace(table, notes=(*notes, *table.notes)), columns, separator


def _separator(header: Sequence[str] | None, body: Table) -> tuple[int | None, list[int]]:
    width = len(body.rows[0])
    empty = [
        index
        for index in range(width)
        if (header is None or header[index] in SEPARATORS)
        and all(row[index] in SEPARATORS for row in body.rows)
    ]
    separator = empty[0] if len(empty) == 1 and 0 < empty[0] < width - 1 else None
    return separator, [index for index in range(width) if index != separator]


def _binary_as_decimal(table: Table, columns: Sequence[Column]) -> Table:
    """Return a table with numbers of one binary digit per bit, such as ``0110`` of ``d[3:0]``, made decimal.

    As decimal numbers of several digits they would be too large or have a leading 0.
    """
    rows, notes = table.rows, []
    for column in columns:
        cells = {cell for cell in table.column(column.index) if cell not in _OPEN_NUMBERS}
        width = len(column.bits)
        if width < 2 or not cells or any(len(c) != width or c.strip("01") for c in cells):
            continue
        decimal = {cell: str(int(cell, 2)) for cell in cells}
        rows = [
            [decimal.get(cell, cell) if place == column.index else cell
             for place, cell in enumerate(row)]
            for row in rows
        ]  # fmt: skip
        notes.append(f"{column.name}: {width} digits of 0 and 1 each, read as binary numbers")
    return replace(table, rows=rows, notes=(*table.notes, *notes))


def _lists_all(body: Table, columns: Sequence[Column]) -> bool:
    width = sum(len(column.bits) for column in columns)
    if width > 62 or len(body.rows) != 1 << width:
        return False
    numbers = []
    for column in columns:
        values = [_value(column, cell, _BITS) for cell in body.column(column.index)]
        if any(value is None or value < 0 for value in values):
            return False
        numbers.append(values)
    return len(set(zip(*numbers, strict=True))) == len(body.rows)


def dataset_of(body: Table, roles: Roles) -> Dataset:
    """Return the patterns of a table, uncoded if inputs are neither bits nor from 0 to 1.

    Raises
    ------
    DataError
        If a cell is invalid in its column.
    """
    try:
        return _patterns(_yes_as_one(body, roles.inputs), roles)
    except NotBits as error:
        return _any_values(body, roles, error.reason)


def _yes_as_one(body: Table, columns: Sequence[Column]) -> Table:
    """Return a table with columns of nothing but yes and no made bits."""
    rows, names = body.rows, []
    for column in columns:
        cells = set(body.column(column.index))
        if {cell.lower() for cell in cells} <= _YES.keys():
            names.append(column.name)
            rows = [
                [_YES[cell.lower()] if place == column.index else cell
                 for place, cell in enumerate(row)]
                for row in rows
            ]  # fmt: skip
    notes = [f"{name}: yes is read as 1" for name in names]
    return replace(body, rows=rows, notes=(*body.notes, *notes))


class NotBits(Exception):  # noqa: N818 - of cells that may be something else
    """Inputs that are neither bits nor analog, with the error for who needs them to be."""

    def __init__(self, reason: DataError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _any_values(body: Table, roles: Roles, reason: DataError) -> Dataset:
    """Return the uncoded table, with inputs of numbers and words."""
    if any(column.is_number or column.analog for column in roles.inputs):
        raise reason
    input_ports, order = group_ports(declared_ports(roles.inputs))
    outputs, output_ports = _targets(body, roles.outputs)
    found: list[Cells] = []
    for column in roles.inputs:
        try:
            found.append(
                column_of_cells(
                    column.name,
                    body.column(column.index),
                    words=column.words,
                    place=lambda row: f"in line {body.lines[row]}",
                )
            )
        except BadCell as bad:
            raise body.bad(bad.row, column, bad.expected) from None
    return _with_roles(
        body,
        roles,
        outputs,
        inputs=np.stack([values for _, values in found], axis=1)[:, order],
        input_ports=input_ports,
        output_ports=output_ports,
        input_kind=InputKind.TABLE,
        columns=tuple(found[place][0] for place in order),
        lines=np.array(body.lines),
        not_bits=reason,
    )


def _with_roles(body: Table, roles: Roles, outputs: Outputs, **given: Any) -> Dataset:
    """Return the data set of a table, with notes on guesses and contradictions.

    Parameters
    ----------
    given
        Fields of the data set; `rows` are those of the table that its patterns come from.
    """
    rows = given.pop("rows", np.arange(len(body.rows)))
    guessed = () if roles.notice is None else (roles.notice,)
    dataset = Dataset(
        name=body.file.function_name,
        source=body.file.base_name,
        targets=outputs.targets[rows],
        care=outputs.care[rows],
        output_kind=outputs.kind,
        classes=outputs.classes,
        notices=(*body.notes, *guessed, *given.pop("notes", ()), *outputs.notes),
        **given,
    )
    return with_contradiction(dataset, body.file.path, lambda pattern: body.lines[rows[pattern]])


def _patterns(body: Table, roles: Roles) -> Dataset:
    """Return patterns of bits or of analog values; raise `NotBits` for others."""
    file = body.file
    input_ports, input_order = group_ports(declared_ports(roles.inputs))
    outputs, output_ports = _targets(body, roles.outputs)
    rows = np.arange(len(body.rows))
    inputs: NDArray[np.uint8] | NDArray[np.float32]
    values = _numbers(body, roles.inputs)
    notes: tuple[str, ...] = ()
    if values is None:
        try:
            _refuse_mixture(body, roles.inputs)
            kind = InputKind.BOOLEAN
            cubes = _codes(body, roles.inputs, _INPUT_BITS)[:, input_order]
        except DataError as error:
            raise NotBits(error) from None
        size = expanded_size(cubes)
        if size > max(MAX_EXPANDED, len(cubes)):
            raise file.error(
                f"the rows expand to {size} input vectors; at most {MAX_EXPANDED} can be listed"
            )
        inputs, rows = expand_cubes(cubes)
    else:
        try:
            inputs, kind, notes = read_inputs(values)
        except BadValue as bad:
            reason = body.bad(bad.row, roles.inputs[bad.column], bad.expected)
            raise NotBits(reason) from None
        inputs = inputs[:, input_order]
        if any(column.analog for column in roles.inputs) and not notes:
            inputs, kind = inputs.astype(np.float32), InputKind.ANALOG
    return _with_roles(
        body,
        roles,
        outputs,
        rows=rows,
        notes=notes,
        inputs=inputs,
        input_ports=input_ports,
        output_ports=output_ports,
        input_kind=kind,
    )


def _targets(body: Table, columns: Sequence[Column]) -> tuple[Outputs, tuple[Port, ...]]:
    """Return the targets and their ports."""
    outputs, ports = _known_targets(body, columns)
    notes = list(outputs.notes)
    for cell in sorted({row[column.index] for row in body.rows for column in columns}):
        if cell.lower() in _MISSING:
            count = sum(body.column(column.index).count(cell) for column in columns)
            notes.append(
                f"outputs: {quoted(cell)}, {plural(count, 'time')}, is read as a don't-care"
            )
    return outputs._replace(notes=tuple(notes)), ports


def _known_targets(body: Table, columns: Sequence[Column]) -> tuple[Outputs, tuple[Port, ...]]:
    ports, order = group_ports(declared_ports(columns))
    first = columns[0]
    values = _numbers(body, columns, open_cells=True)
    found: Outputs | None = None
    if values is None and len(columns) == 1 and not first.is_number:
        cells = body.column(first.index)
        words = [None if cell.lower() in NO_CLASS else cell for cell in cells]
        if not any(word and (NUMBER.fullmatch(word) or word.lower() in _BITS) for word in words):
            found = classes_of(words, first.name, quoted)
    elif values is not None:
        try:
            found = read_outputs(values, first.name)
        except BadValue as bad:
            raise body.bad(bad.row, columns[bad.column], bad.expected) from None
    if found is None:
        marks = _codes(body, columns, _OUTPUT_BITS)
        found = Outputs((marks == 1).astype(np.uint8), marks != FREE)
    elif found.kind is OutputKind.LABEL or values is None:
        return found, (Port(first.name, found.targets.shape[1]),)
    return found._replace(targets=found.targets[:, order], care=found.care[:, order]), ports


def _numbers(
    body: Table, columns: Sequence[Column], open_cells: bool = False
) -> NDArray[np.float64] | None:
    """Return columns of numbers, ``(rows, columns)``; None if a cell is not one or a column has several bits.

    If don't-cares are allowed, they are NaN.
    """
    if any(column.is_number for column in columns):
        return None
    known: dict[str, float] = {}
    parts = []
    for column in columns:
        cells = body.column(column.index)
        for cell in set(cells) - known.keys():
            code = _BITS.get(cell.lower())
            if code is not None:
                known[cell] = code
            elif open_cells and _OUTPUT_BITS.get(cell.lower()) == FREE:
                known[cell] = np.nan
            elif NUMBER.fullmatch(cell):
                known[cell] = float(cell)
                if open_cells and np.isnan(known[cell]):
                    known[cell] = np.inf  # is no number, but says nothing else either
            else:
                return None
        parts.append(np.array([known[cell] for cell in cells], dtype=np.float64))
    return np.stack(parts, axis=1)


def _refuse_mixture(body: Table, columns: Sequence[Column]) -> None:
    """Raise a `DataError` for the first cell that is no number if another one is a fraction."""
    plain = [column for column in columns if not column.is_number]
    cells = {cell for column in plain for cell in body.column(column.index)}
    if any(NUMBER.fullmatch(cell) and not float(cell).is_integer() for cell in cells):
        raise _first_bad(
            body,
            columns,
            lambda _: "a number from 0 to 1",
            lambda column, cell: not column.is_number and NUMBER.fullmatch(cell) is not None,
        )


def _first_bad(
    body: Table,
    columns: Sequence[Column],
    expected: Callable[[Column], str],
    is_good: Callable[[Column, str], bool],
) -> DataError:
    return next(
        body.bad(place, column, expected(column))
        for place, row in enumerate(body.rows)
        for column in columns
        if not is_good(column, row[column.index])
    )


def _codes(body: Table, columns: Sequence[Column], meaning: dict[str, int]) -> NDArray[np.uint8]:
    """Return the bits of Boolean columns, ``(rows, bits)``: 0, 1 or `FREE`."""
    parts = []
    for column in columns:
        values = [_value(column, cell, meaning) for cell in body.column(column.index)]
        if None in values:
            raise _first_bad(
                body,
                columns,
                lambda c: f"a number below {1 << len(c.bits)}" if c.is_number else "0, 1 or -",
                lambda c, cell: _value(c, cell, meaning) is not None,
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
        code = meaning.get(cell.lower())
        if code is None and NUMBER.fullmatch(cell) and float(cell) in (0, 1):
            return int(float(cell))
        return code
    decimal = re.fullmatch(r"[0-9]{1,40}", cell)
    if decimal or re.fullmatch(r"0[xX][0-9a-fA-F]{1,40}|0[bB][01]{1,80}", cell):
        number = int(cell, 10 if decimal else 0)
        return number if number < 1 << len(column.bits) else None
    return -1 if meaning.get(cell.lower()) == FREE else None


def _any_cells(dataset: Dataset) -> Iterator[list[str]]:
    """Yield the rows of a table as it was read: words, numbers, classes, nothing where a value is missing."""
    named = bool(dataset.classes)
    outputs = [dataset.output_ports[0].name] if named else bit_names(dataset.output_ports)
    names = [
        *(f"in:{column.name}" for column in dataset.columns),
        *(f"out:{each}" for each in outputs),
    ]
    yield names
    places = class_places(dataset)
    marks = np.where(dataset.care_mask, np.where(dataset.targets == 1, "1", "0"), "-")
    for row, place, targets in zip(dataset.inputs, places, marks, strict=True):
        cells = [
            "?" if np.isnan(value)
            else number_text(float(value)) if column.categories is None
            else column.categories[int(value)]
            for column, value in zip(dataset.columns, row, strict=True)
        ]  # fmt: skip
        label = "?" if place < 0 else str(dataset.classes[place]) if named else ""
        yield [*cells, *([label] if named else targets)]


def write(dataset: Dataset) -> bytes:
    if not dataset.n_inputs:
        raise UsageError(
            f"{dataset.name}: a csv file lists its inputs, these come from a "
            f"{dataset.input_kind.value}"
        )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if dataset.input_kind is InputKind.TABLE:
        writer.writerows(_any_cells(dataset))
        return stream.getvalue().encode()
    inputs, outputs = bit_names(dataset.input_ports), bit_names(dataset.output_ports)
    bits = dataset.input_kind is InputKind.ANALOG and not (dataset.inputs % 1).any()
    mark = "analog" if bits else "in"
    writer.writerow([*(f"{mark}:{name}" for name in inputs), *(f"out:{name}" for name in outputs)])
    marks = np.where(dataset.care_mask, np.where(dataset.targets == 1, "1", "0"), "-")
    for row, targets in zip(dataset.inputs, marks, strict=True):
        # str gives the shortest text that reads back as the same float32.
        writer.writerow([*(str(value) for value in row), *targets])
    return stream.getvalue().encode()


_LISTED = 6


@dataclass(frozen=True)
class KnownColumns:
    """The input columns of a model, and its target columns."""

    inputs: frozenset[str]  # names of columns or of their bits, all of which have to be there
    unused: frozenset[str]  # names of columns that it was not given the values of
    count: int  # columns of a file without a header and without targets
    outputs: tuple[Port, ...]  # none where a model gives only the number of a class
    classes: tuple[Scalar, ...]
    coded: bool = False  # whether a code reads the columns, which are then matched by name alone


def read_known(file: SourceFile, known: KnownColumns) -> Dataset | None:
    """Read a table by the columns of a model; None if roles are marked or a column is missing.

    A column that a code reads, and that is missing beside others of it, is an error.
    """
    table, columns, separator = described(file, one=True)
    if separator is not None or any(column.role for column in columns):
        return None
    if table.header is None:
        if len(columns) != known.count:
            return None
        inputs = renamed(Roles(tuple(columns), tuple(columns), None)).inputs
        return _with_targets(table, inputs, [], known)
    named = [each for each in columns if known.inputs.intersection((each.name, *each.bits))]
    missing = known.inputs - {name for each in named for name in (each.name, *each.bits)}
    if missing and known.coded and named:
        absent = ", ".join(shown(name, 40) for name in sorted(missing)[:_LISTED])
        absent += ", ..." if len(missing) > _LISTED else ""
        raise DataError(
            f"expected the columns that the model was trained on, there is no {absent}",
            file.path,
            1,
        )
    if missing:
        return None
    rest = [each for each in columns if each not in named and each.name not in known.unused]
    targets = _targets_of(table, rest, known)
    ignored = [shown(each.name, 40) for each in rest if each not in targets]
    if ignored:
        more = ["..."] if len(ignored) > _LISTED else []
        listed = ", ".join([*ignored[:_LISTED], *more])
        note = f"the model has no {listed}: ignored"
        table = replace(table, notes=(*table.notes, note))
    if known.classes and targets and None in _places(table, targets[0], known.classes):
        return read(file, [targets[0].name])
    return _with_targets(table, named, targets, known)


def read_rows(file: SourceFile) -> Dataset | None:
    """Read a table whose columns are all inputs; None if marks, a separator or a name select outputs."""
    table, columns, separator = described(file, one=True)
    if separator is not None or any(column.role for column in columns):
        return None
    if table.header is not None and is_output_name(columns[-1].name):
        return None
    inputs = tuple(columns)
    if table.header is None:
        inputs = renamed(Roles(inputs, inputs, None)).inputs
    known = KnownColumns(frozenset(), frozenset(), len(inputs), (Port("y", 1),), ())
    return _with_targets(table, inputs, [], known)


def _targets_of(table: Table, rest: Sequence[Column], known: KnownColumns) -> list[Column]:
    """Return the columns of the targets: those with the names of the outputs, or the one of classes."""
    if not known.classes:
        wanted = set(bit_names(known.outputs))
        named = [each for each in rest if wanted.issuperset(each.bits)]
        return named if {bit for each in named for bit in each.bits} == wanted else []
    if known.outputs:
        return [each for each in rest if each.answers_to(known.outputs[0].name)][:1]
    named = []
    for each in rest:
        found = [place for place in _places(table, each, known.classes) if place != -1]
        if found and 2 * found.count(None) <= len(found):
            named.append(each)
    return named[-1:] if len(named) == 1 or named[-1:] == list(rest[-1:]) else []


def _places(table: Table, column: Column, classes: Sequence[Scalar]) -> list[int | None]:
    """Return the index of the class of each cell, -1 for an empty one, None for an unknown one."""
    places: dict[Any, int] = {}
    for place, each in enumerate(classes):
        places[str(each)] = place
        if isinstance(each, bool):
            places[str(each).lower()] = place
        elif isinstance(each, (int, float)):
            places[float(each)] = place
    found: list[int | None] = []
    for cell in table.column(column.index):
        number = float(cell) if NUMBER.fullmatch(cell) else None
        nothing = -1 if cell.lower() in NO_CLASS else None
        found.append(places.get(cell, places.get(number, nothing)))
    return found


def _with_targets(
    table: Table, inputs: Sequence[Column], targets: Sequence[Column], known: KnownColumns
) -> Dataset:
    """Return the patterns; each class is a column of bits, and unknown classes are don't-cares."""
    if targets and not known.classes:
        return dataset_of(table, Roles(tuple(inputs), tuple(targets), None))
    if known.classes:
        width = 1 if len(known.classes) == 2 else len(known.classes)
        name = targets[0].name if targets else "class"
        names = list(Port(known.outputs[0].name if known.outputs else name, width).bits)
    else:
        width, names = sum(port.width for port in known.outputs), bit_names(known.outputs)
    places = [-1] * len(table.rows)
    if targets:
        places = [place or 0 for place in _places(table, targets[0], known.classes)]
    cells = {-1: ["?"] * width}
    for place in set(places) - {-1}:
        one_hot = [str(int(bit == place)) for bit in range(width)]
        cells[place] = [str(place)] if width == 1 else one_hot
    rows = [[*row, *cells[place]] for row, place in zip(table.rows, places, strict=True)]
    first = len(table.rows[0])
    outputs = tuple(Column(first + bit, each, (each,)) for bit, each in enumerate(names))
    dataset = dataset_of(replace(table, rows=rows), Roles(tuple(inputs), outputs, None))
    if not known.classes or width == 1:
        return replace(dataset, classes=known.classes)
    marked = dataset.targets.copy()
    marked[~dataset.care_mask.all(axis=1), 0] = (
        1  # a label that does not matter is a row like others
    )
    marked = np.asarray(marked, dtype=np.uint8)
    return replace(dataset, targets=marked, output_kind=OutputKind.LABEL, classes=known.classes)
