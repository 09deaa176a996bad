"""The cells of a CSV file: its delimiter, header and margins, as spreadsheets and libraries write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from btfsynth.dataset.formats.base import SourceFile
from btfsynth.dataset.formats.csv_columns import SEPARATORS
from btfsynth.errors import plural

__all__ = ["NUMBER", "WORDS", "Table", "as_utf8", "find_delimiter", "read_table"]

WORDS = {"false": 0, "true": 1}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|[+-]?(nan|inf)", re.I)
_DELIMITERS = ",;\t"
_BLANK = " "
_NAME = re.compile(r"[^\W\d].*", re.DOTALL)
_STATED = re.compile(r'"?sep=(.)"?', re.I)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]{1,6})?")
_INDEX_NAMES = ("", "Unnamed: 0", "index")


@dataclass(frozen=True)
class Table:
    """Rows of cells, all of the same length.

    Parameters
    ----------
    header
        The names, None if there are none.
    header_line
        Where they stand.
    rows, lines
        The cells, and the line of each row.
    notes
        What was passed over.
    """

    header: list[str] | None
    header_line: int | None
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...] = ()

    def column(self, index: int) -> list[str]:
        """Return the cells of a column."""
        return [row[index] for row in self.rows]


def as_utf8(file: SourceFile) -> tuple[SourceFile, tuple[str, ...]]:
    """Return the file in UTF-8, and a note if it was not: spreadsheets write Windows-1252 as well."""
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


def read_table(file: SourceFile) -> Table:
    """Return the cells of a file, without empty margins and without a column that only numbers the rows.

    Raises
    ------
    DataError
        If there are none, or rows differ in length.
    """
    delimiter = find_delimiter(file)
    if delimiter is None and any(_BLANK in text.strip() for _, text in _content(file)):
        delimiter = _BLANK  # numpy.savetxt without a delimiter
    if delimiter is None:
        raise file.error("expected values separated by commas, semicolons or tabs, got none", 1)
    rows, lines = _cells(file, delimiter)
    rows, lines = _without_margins(file, _with_corner(rows), lines)
    if delimiter != ",":
        rows = [[_with_point(cell) for cell in row] for row in rows]
    header: list[str] | None = None
    header_line: int | None = None
    if _is_header(rows[0]):
        header, header_line = rows.pop(0), lines.pop(0)
    else:
        header, header_line = _commented_header(file, delimiter, lines[0], len(rows[0]))
    if not rows:
        raise file.error("expected rows of values after the header, got none", header_line)
    return _without_index(Table(header, header_line, rows, lines))


def _stated(file: SourceFile) -> str | None:
    match = _STATED.fullmatch(file.lines[0].strip("\r\n ")) if file.lines else None
    return match[1] if match else None


def _content(file: SourceFile) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither empty nor comments, with their numbers."""
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
    """Return how many cells there are up to the last that is not empty."""
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell


def _is_header(row: Sequence[str]) -> bool:
    """Return True if some cell is a name and none is a value (x may be either)."""
    cells = [cell for cell in row if cell not in SEPARATORS]
    if any(NUMBER.fullmatch(cell) or cell.lower() in WORDS for cell in cells):
        return False
    return any(_NAME.fullmatch(cell) and cell.lower() != "x" for cell in cells)


def _commented_header(
    file: SourceFile, delimiter: str, first: int, width: int
) -> tuple[list[str] | None, int | None]:
    """Return the names that numpy.savetxt has written behind ``#`` right above the values."""
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
    if cells not in ([str(k + start) for k in range(len(cells))] for start in (0, 1)):
        return table
    name = table.header[0] or "the first column, without a name,"
    note = f"{name} numbers the rows and is not read"
    rows = [row[1:] for row in table.rows]
    return Table(table.header[1:], table.header_line, rows, table.lines, (note,))
