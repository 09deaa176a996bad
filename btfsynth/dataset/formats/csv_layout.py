"""The cells of a table and the roles of its columns.

Delimiter, header and margins are read as written by spreadsheets and libraries. The first rule that applies
decides which columns are inputs and which are outputs:

1. the caller names the output columns, or gives the number of last columns;
2. the header marks them ``in:NAME`` (or ``analog:NAME``) and ``out:NAME``; unmarked ones take the role
   not marked;
3. an empty column, or one named or filled with ``->`` or ``|``, separates them;
4. the last columns, and no others, are named y, z, q, out, output, target, class or label, with or without
   a number (``y``, ``out_2``, ``y[3]``);
5. the rows are exactly all vectors of the first columns;
6. the last column is the output.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from btfsynth.dataset.columns import MISSING, NUMBER
from btfsynth.dataset.formats import OutputColumns
from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.errors import DataError, UsageError, plural
from btfsynth.ports import Port, group_ports

SEPARATORS = ("", "->", "|")
"""Content of a column between inputs and outputs."""

MAX_COLUMN_BITS = 62
"""Widest column of numbers."""

_RANGE = re.compile(r"(?P<name>.+)\[(?P<msb>[0-9]{1,6}):(?P<lsb>[0-9]{1,6})\]")
_OUTPUT_NAME = re.compile(
    r"(y|z|q|out|outputs?|targets?|labels?|class)(_?[0-9]+|\[[0-9]+(:[0-9]+)?\])?", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    index: int
    name: str
    # Names of its bits, least significant first; one unless the column holds numbers
    bits: tuple[str, ...]
    role: str | None = None
    # Whether the header says that its values are analog even where all are 0 and 1
    analog: bool = False
    # Whether the file says that its cells are categories, even if they look like numbers
    words: bool = False

    @property
    def is_number(self) -> bool:
        return _RANGE.fullmatch(self.name) is not None

    @property
    def base(self) -> str:
        """The name of the bus that the column belongs to, else its own."""
        return re.sub(r"\[[0-9:]*\]$", "", self.name)

    def answers_to(self, name: str) -> bool:
        """Return True if `name` means this column or the bus it belongs to."""
        return name in (self.name, self.base)


@dataclass(frozen=True)
class Roles:
    """Which columns are inputs and which are outputs."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    notice: str | None  # How it was guessed; None if the file or the caller says it


def parse_header_cell(file: SourceFile, text: str, index: int, line: int) -> Column:
    """Make the column of a header cell such as ``a``, ``in:a[0]`` or ``out:p[3:0]``."""
    role, name = None, text
    analog = False
    for mark in ("in", "out", "analog"):
        if text.lower().startswith(f"{mark}:"):
            analog = mark == "analog"
            role, name = "in" if analog else mark, text[len(mark) + 1 :].strip()
    match = _RANGE.fullmatch(name)
    if match is None:
        return Column(index, name, (name,), role, analog)
    msb, lsb = int(match["msb"]), int(match["lsb"])
    if msb < lsb or msb - lsb >= MAX_COLUMN_BITS:
        raise file.error(
            f"expected name[msb:lsb] of at most {MAX_COLUMN_BITS} bits, got {name[:40]!r}", line
        )
    bits = tuple(f"{match['name']}[{bit}]" for bit in range(lsb, msb + 1))
    return Column(index, name, bits, role)


def declared_ports(columns: Sequence[Column]) -> list[Port]:
    """Return the ports of some columns, of one bit each but for a column such as ``a[7:4]`` that is a bus."""
    bases = Counter(column.base for column in columns)
    ports = []
    for column in columns:
        match = _RANGE.fullmatch(column.name)
        if match is not None and int(match["lsb"]) and bases[column.base] == 1:
            ports.append(Port(column.base, len(column.bits), int(match["lsb"])))
        else:
            ports.extend(Port(bit, 1) for bit in column.bits)
    return ports


def decide_roles(
    file: SourceFile,
    columns: Sequence[Column],
    *,
    header_line: int | None,
    separator: int | None,
    chosen: OutputColumns | None,
    lists_all: Callable[[Sequence[Column]], bool],
) -> Roles:
    """Decide which columns are inputs; `lists_all` returns whether the rows are all vectors of some columns."""
    if chosen is not None:
        return _split(columns, _chosen_outputs(file, columns, header_line, chosen), None)
    if any(column.role for column in columns):
        return _split(columns, _marked_outputs(file, columns, header_line), None)
    if separator is not None:
        outputs = [column for column in columns if column.index > separator]
        return _split(columns, outputs, "by the separator column")
    if header_line is not None:
        outputs = [column for column in columns if is_output_name(column.name)]
        if outputs and list(columns[-len(outputs) :]) == outputs and len(outputs) < len(columns):
            return _split(columns, outputs, "by the names of the last columns")
    for count in range(1, len(columns)):
        if lists_all(columns[:count]):
            outputs = list(columns[count:])
            return _split(columns, outputs, "the rows list all input vectors")
    return _split(columns, columns[-1:], "by default the last column")


def is_output_name(name: str) -> bool:
    """Return True if a column of this name is an output by default."""
    return _OUTPUT_NAME.fullmatch(name) is not None


def _split(columns: Sequence[Column], outputs: Sequence[Column], how: str | None) -> Roles:
    inputs = tuple(column for column in columns if column not in outputs)
    notice = f"inputs: {_listing(inputs)}; outputs: {_listing(outputs)} ({how})"
    return Roles(inputs, tuple(outputs), None if how is None else notice)


def _listing(columns: Sequence[Column]) -> str:
    ports, _ = group_ports(declared_ports(columns))
    names = [port.name if port.width == 1 else f"{port.name}{port.range}" for port in ports]
    if len(names) > 8:
        names = [*names[:4], "...", names[-1]]
    return ", ".join(names)


def _chosen_outputs(
    file: SourceFile,
    columns: Sequence[Column],
    header_line: int | None,
    chosen: OutputColumns,
) -> list[Column]:
    if isinstance(chosen, int):
        if not 1 <= chosen < len(columns):
            raise UsageError(
                f"{file.path}: expected 1 to {len(columns) - 1} output columns of "
                f"{len(columns)} columns, got {chosen}"
            )
        return list(columns[-chosen:])
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    if header_line is None:
        raise UsageError(f"{file.path}: output columns can be named only if the file has a header")
    known = ", ".join(column.name for column in columns)
    for name in names:
        if not any(column.answers_to(name) for column in columns):
            raise UsageError(f"{file.path}: no column {name!r}; columns are: {known}")
    outputs = [column for column in columns if any(map(column.answers_to, names))]
    if not 0 < len(outputs) < len(columns):
        raise UsageError(f"{file.path}: expected some of the columns {known} as outputs, not all")
    return outputs


def _marked_outputs(
    file: SourceFile, columns: Sequence[Column], header_line: int | None
) -> list[Column]:
    roles = {column.role for column in columns}
    if {"in", "out", None} <= roles:
        name = next(column.name for column in columns if column.role is None)
        raise file.error(
            f"some columns are marked in: and some out:, but {name[:40]!r} is not", header_line
        )
    rest = "in" if "out" in roles else "out"
    outputs = [column for column in columns if (column.role or rest) == "out"]
    if not 0 < len(outputs) < len(columns):
        missing = "input" if outputs else "output"
        raise file.error(f"the marks in: and out: leave no {missing} column", header_line)
    return outputs


def default_columns(indices: Sequence[int]) -> list[Column]:
    """Return columns for a table without a header; they are renamed once their roles are known."""
    return [
        Column(index, f"column {place}", (f"column {place}",))
        for place, index in enumerate(indices, start=1)
    ]


def renamed(roles: Roles) -> Roles:
    """Name the columns of a table without a header x and y."""
    inputs, outputs = (
        tuple(
            Column(column.index, name, (name,))
            for column, name in zip(columns, Port(letter, len(columns)).bits, strict=True)
        )
        for letter, columns in (("x", roles.inputs), ("y", roles.outputs))
    )
    return Roles(inputs, outputs, roles.notice)


WORDS = {"false": 0, "true": 1}
_DELIMITERS = ",;\t"
_BLANK = " "
_NAME = re.compile(r"[^\W\d].*", re.DOTALL)
_STATED = re.compile(r'"?sep=(.)"?', re.I)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]{1,6})?")
_INDEX_NAMES = ("", "Unnamed: 0", "index")


@dataclass(frozen=True)
class Table:
    """Rows of cells, all of the same length."""

    file: SourceFile
    header: list[str] | None  # The names, None if there are none
    header_line: int | None
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...] = ()

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows]

    def bad(self, row: int, column: Column, expected: str) -> DataError:
        """Return the error that names a cell and its line."""
        return self.file.error(
            f"column {quoted(column.name)}: expected {expected}, got "
            f"{quoted(self.rows[row][column.index])}",
            self.lines[row],
        )


def as_utf8(file: SourceFile) -> tuple[SourceFile, tuple[str, ...]]:
    """Return the file in UTF-8, with a note if it was in Windows-1252, which spreadsheets write as well."""
    if b"\0" in file.data:
        return file, ()
    try:
        file.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = file.data.decode("cp1252")
        except UnicodeDecodeError:
            return file, ()
        if not text.isprintable() and re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text):
            return file, ()
        decoded = SourceFile(file.path, text.encode())
        if find_delimiter(decoded) is not None:
            return decoded, ("the text is not UTF-8 and is read as Windows-1252",)
    return file, ()


def find_delimiter(file: SourceFile) -> str | None:
    """Return the delimiter that the file states, else the one that its first line uses most."""
    stated = _stated(file)
    if stated is not None:
        return stated
    first = next((text for _, text in _content(file)), "")
    if re.search(r"[;\t]", first) and not re.search(r"(?<![0-9]),|,(?![0-9])", first):
        first = first.replace(",", "")  # decimal commas
    best = max(_DELIMITERS, key=first.count)
    return best if best in first else None


def read_table(file: SourceFile, *, one: bool = False) -> Table:
    """Return the cells of a file, without empty margins and without a column that only numbers the rows."""
    delimiter = find_delimiter(file)
    if delimiter is None and any(_BLANK in text.strip() for _, text in _content(file)):
        delimiter = _BLANK  # numpy.savetxt without a delimiter
    if delimiter is None and one:
        delimiter = _DELIMITERS[0]
    if delimiter is None:
        raise file.error("expected values separated by commas, semicolons or tabs, got none", 1)
    rows, lines = _cells(file, delimiter)
    rows, lines = _without_margins(file, _with_corner(rows), lines)
    if delimiter != ",":
        rows = [[_with_point(cell) for cell in row] for row in rows]
    header: list[str] | None = None
    header_line: int | None = None
    if _is_header(rows[0]) and not _repeats(rows):
        header, header_line = rows.pop(0), lines.pop(0)
    else:
        header, header_line = _commented_header(file, delimiter, lines[0], len(rows[0]))
    if not rows:
        raise file.error("expected rows of values after the header, got none", header_line)
    return _without_index(Table(file, header, header_line, rows, lines))


def _stated(file: SourceFile) -> str | None:
    match = _STATED.fullmatch(file.lines[0].strip("\r\n ")) if file.lines else None
    return match[1] if match else None


def _content(file: SourceFile) -> Iterator[tuple[int, str]]:
    skipped = 1 if _stated(file) is not None else 0
    for number, text in enumerate(file.lines, start=1):
        if number > skipped and text.strip() and not text.lstrip().startswith("#"):
            yield number, text


def _cells(file: SourceFile, delimiter: str) -> tuple[list[list[str]], list[int]]:
    skipped = 1 if _stated(file) is not None else 0

    def lines() -> Iterator[str]:
        for number, line in enumerate(file.lines, start=1):
            # A comment is emptied: its quotes would else be taken for the table's.
            comment = number <= skipped or line.lstrip().startswith("#")
            text = line.strip(_BLANK) if delimiter == _BLANK else line
            if delimiter == _BLANK:
                text = re.sub(" +", _BLANK, text)
            yield "\n" if comment else f"{text}\n"

    reader = csv.reader(lines(), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if any(row):
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise file.error(f"no table: {error}", reader.line_num) from None
    if not rows:
        raise file.error("expected rows of values, got none")
    return rows, numbers


def _with_corner(rows: list[list[str]]) -> list[list[str]]:
    """Put an empty cell above the numbers of the rows, to which R's ``write.table`` gives no name."""
    head, rest = rows[0], rows[1:]
    numbered = [row[0] for row in rest] == [str(place) for place in range(1, len(rows))]
    if rest and numbered and _is_header(head) and {len(row) for row in rest} == {len(head) + 1}:
        return [["", *head], *rest]
    return rows


def _without_margins(
    file: SourceFile, rows: list[list[str]], lines: list[int]
) -> tuple[list[list[str]], list[int]]:
    """Drop empty columns on the left and on the right; raise if a row is too short or too long."""
    wide = len(rows[0])
    width = max(_filled(row) for row in rows if len(row) == wide)
    for row, line in zip(rows, lines, strict=True):
        if not width <= len(row) or _filled(row) > width:
            found = len(row) if len(row) < width else _filled(row)
            raise file.error(
                f"expected {plural(width, 'field')} as in line {lines[0]}, got {found}", line
            )
    first = min(next(place for place, cell in enumerate(row) if cell) for row in rows)
    return [row[first:width] for row in rows], lines


def _filled(row: Sequence[str]) -> int:
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell


def _is_header(row: Sequence[str]) -> bool:
    """Return True if some cell is a name and no cell is a value (x may be either)."""
    cells = [cell for cell in row if cell not in SEPARATORS]
    if any(NUMBER.fullmatch(cell) or cell.lower() in WORDS for cell in cells):
        return False
    return any(_NAME.fullmatch(cell) and cell.lower() != "x" for cell in cells)


def _repeats(rows: Sequence[Sequence[str]]) -> bool:
    """Return True if the words of the first row occur again in their columns, as values do."""
    again = 0
    for place, cell in enumerate(rows[0]):
        below = {row[place] for row in rows[1:]}
        numbers = sum(NUMBER.fullmatch(each) is not None for each in below)
        again += cell in below and cell.lower() not in MISSING and 2 * numbers < len(below)
    return 2 * again > len(rows[0])


def _commented_header(
    file: SourceFile, delimiter: str, first: int, width: int
) -> tuple[list[str] | None, int | None]:
    """Return the names that numpy.savetxt writes after ``#`` directly above the values."""
    for number in range(first - 1, 0, -1):
        text = file.lines[number - 1].strip()
        if text.startswith("#"):
            text = (
                re.sub(" +", _BLANK, text.lstrip("# ")) if delimiter == _BLANK else text.lstrip("#")
            )
            names = [cell.strip() for cell in text.split(delimiter)]
            if len(names) == width and all(names) and _is_header(names):
                return names, number
            return None, None
        if text:
            return None, None
    return None, None


def _without_index(table: Table) -> Table:
    """Drop a first column without a name of its own that only numbers the rows, as pandas writes it."""
    if table.header is None or len(table.header) < 3 or table.header[0] not in _INDEX_NAMES:
        return table
    cells = table.column(0)
    if table.header[0] == "index" and len(cells) < 3:
        return table  # 0 and 1 may be values as well
    drawn = (
        table.header[0] != "index" and len(set(cells)) == len(cells) > 2
    )  # rows of a larger table
    if cells not in ([str(k + start) for k in range(len(cells))] for start in (0, 1)) and not (
        drawn and all(cell.isdecimal() for cell in cells)
    ):
        return table
    name = table.header[0] or "the first column, without a name,"
    note = f"{name} contains row numbers and is ignored"
    rows = [row[1:] for row in table.rows]
    return replace(table, header=table.header[1:], rows=rows, notes=(note,))
