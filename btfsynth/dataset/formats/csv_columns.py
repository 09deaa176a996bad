"""Which columns of a table are inputs and which are outputs.

The first of these that applies decides:

1. the caller names the output columns, or says how many of the last ones they are;
2. the header marks them ``in:NAME`` (or ``analog:NAME``) and ``out:NAME``; unmarked ones take the role
   not marked;
3. an empty column, or one named or filled with ``->`` or ``|``, stands between them;
4. the last columns, and no others, are named y, z, q, out, output, target, class or label, with or without
   a number (``y``, ``out_2``, ``y[3]``);
5. the rows are exactly all vectors of the first columns;
6. the last column is the output.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from btfsynth.dataset.formats.base import OutputColumns, SourceFile
from btfsynth.errors import UsageError
from btfsynth.ports import Port, group_ports

__all__ = [
    "SEPARATORS",
    "Column",
    "Roles",
    "decide_roles",
    "default_columns",
    "parse_header_cell",
    "renamed",
]

SEPARATORS = ("", "->", "|")
"""What a column between inputs and outputs holds."""

MAX_COLUMN_BITS = 62
"""Widest column of numbers."""

_RANGE = re.compile(r"(?P<name>.+)\[(?P<msb>[0-9]{1,6}):(?P<lsb>[0-9]{1,6})\]")
_OUTPUT_NAME = re.compile(
    r"(y|z|q|out|outputs?|targets?|labels?|class)(_?[0-9]+|\[[0-9]+(:[0-9]+)?\])?", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    index
        Its place in a row, from 0.
    name
        Without its mark.
    bits
        Names of its bits, least significant first; one unless the column holds numbers.
    role
        ``in`` or ``out`` if the header says so.
    analog
        Whether the header says that its values are analog even where all are 0 and 1.
    """

    index: int
    name: str
    bits: tuple[str, ...]
    role: str | None = None
    analog: bool = False

    @property
    def is_number(self) -> bool:
        """True if the column holds decimal numbers of some bits."""
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
    """The decision.

    Parameters
    ----------
    inputs, outputs
        The columns.
    notice
        How it was decided where it had to be guessed, else None.
    """

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    notice: str | None


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
    """Decide which columns are inputs.

    Parameters
    ----------
    file
        For messages.
    columns
        All but the separator, at least two.
    header_line
        Line of the header, None if there is none.
    separator
        Place of the separator, None if there is none.
    chosen
        What the caller says about the outputs.
    lists_all
        Tells whether the rows are all vectors of these columns, each once.

    Raises
    ------
    DataError
        If the marks do not decide it.
    UsageError
        If `chosen` does not fit the columns.
    """
    if chosen is not None:
        return _split(columns, _chosen_outputs(file, columns, header_line, chosen), None)
    if any(column.role for column in columns):
        return _split(columns, _marked_outputs(file, columns, header_line), None)
    if separator is not None:
        outputs = [column for column in columns if column.index > separator]
        return _split(columns, outputs, "a separator column stands between them")
    if header_line is not None:
        outputs = [column for column in columns if _OUTPUT_NAME.fullmatch(column.name)]
        if outputs and list(columns[-len(outputs) :]) == outputs and len(outputs) < len(columns):
            return _split(columns, outputs, "by the names of the last columns")
    for count in range(1, len(columns)):
        if lists_all(columns[:count]):
            outputs = list(columns[count:])
            return _split(columns, outputs, "the rows list all input vectors")
    return _split(
        columns, columns[-1:], "nothing else said which, so the last column is the output"
    )


def _split(columns: Sequence[Column], outputs: Sequence[Column], how: str | None) -> Roles:
    inputs = tuple(column for column in columns if column not in outputs)
    roles = Roles(inputs, tuple(outputs), None)
    if how is None:
        return roles
    notice = f"inputs: {_listing(inputs)}; outputs: {_listing(outputs)} ({how})"
    return Roles(roles.inputs, roles.outputs, notice)


def _listing(columns: Sequence[Column]) -> str:
    """Name the ports of some columns."""
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
        raise UsageError(f"{file.path}: output columns can only be named if there is a header")
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
            for column, name in zip(columns, _plain_names(letter, len(columns)), strict=True)
        )
        for letter, columns in (("x", roles.inputs), ("y", roles.outputs))
    )
    return Roles(inputs, outputs, roles.notice)


def _plain_names(letter: str, count: int) -> list[str]:
    return [letter] if count == 1 else [f"{letter}[{bit}]" for bit in range(count)]
