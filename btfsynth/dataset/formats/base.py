"""Shared parts of all formats: content of a file, checks when reading, and meaning of the values of a table.

Inputs of 0 and 1, or of -1 and 1, are bits; other numbers from 0 to 1 are analog. Outputs are bits in the same
way; a single output of other whole numbers or of words contains classes. A number may be written as 1, 1.0 or
1e0.
"""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.table_code import Scalar
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path

MAX_FILE_BYTES = 512 << 20
"""Largest file that is read."""

MAX_CELLS = 1 << 26
"""Largest number of values a file may ask for beyond those it spells out."""

_COUNT = re.compile(r"[0-9]{1,18}")
_REAL = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class SourceFile:
    """A file's content, with its name for messages."""

    path: Path
    data: bytes

    @property
    def base_name(self) -> str:
        return self.path.name

    @property
    def function_name(self) -> str:
        """The name without folder and ending, made an identifier."""
        return identifier(self.path.stem)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of a text file, without their ends."""
        if not self.data.strip():
            raise self.error("the file is empty")
        if self.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _split_lines(self._utf_16())
        if b"\0" in self.data:
            raise self.error("expected a text file, got a binary one")
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            raise self.error(
                f"expected UTF-8 text, got the byte 0x{self.data[error.start]:02x}", line
            ) from None
        return _split_lines(text)

    def _utf_16(self) -> str:
        """Return the text of a file that spreadsheets call Unicode."""
        try:
            return self.data.decode("utf-16")
        except UnicodeDecodeError:
            raise self.error("expected UTF-8 text, got truncated or damaged UTF-16") from None

    def error(self, message: str, line: int | None = None) -> DataError:
        return DataError(message, self.path, line)


def _split_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_source(path: StrPath) -> SourceFile:
    """Read a file after checking its type and size."""
    path = as_path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DataError("expected a file, got a folder", path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError("expected a regular file", path)
        if status.st_size > MAX_FILE_BYTES:
            raise DataError(
                f"expected at most {MAX_FILE_BYTES >> 20} MiB, got {status.st_size >> 20} MiB", path
            )
        return SourceFile(path, path.read_bytes())
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except ValueError as error:  # a NUL in the name
        raise DataError(f"no file name: {error}", repr(str(path))) from None


def identifier(text: str) -> str:
    """Make a text an identifier of letters, digits and underscores."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    if not name.strip("_"):
        return "data"
    return f"_{name}" if name[0].isdigit() else name


def quoted(text: str) -> str:
    """Quote a piece of a file for a message, on one line and not longer than is useful."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


@dataclass(frozen=True)
class NumberFile:
    """A text file of numbers in free layout."""

    file: SourceFile

    @cached_property
    def tokens(self) -> list[str]:
        return [token for line in self.file.lines for token in line.split()]

    def line_of(self, index: int) -> int:
        """Return the line of a token, or the last line with a token."""
        last = 1
        for number, line in enumerate(self.file.lines, start=1):
            count = len(line.split())
            if index < count:
                return number
            index -= count
            last = number if count else last
        return last

    def error(self, message: str, index: int) -> DataError:
        """Return the error that names the file and the line of a token."""
        return self.file.error(message, self.line_of(index))

    def header(self, names: Sequence[str]) -> list[int]:
        for index, name in enumerate(names):
            if index >= len(self.tokens):
                raise self.error(f"expected {name}, got the end of the file", index)
            if not is_count(self.tokens[index]):
                raise self.error(f"expected {name}, got {quoted(self.tokens[index])}", index)
        return [int(token) for token in self.tokens[: len(names)]]

    def counts(self, start: int, step: int, name: str) -> NDArray[np.int64]:
        """Return every `step`-th token from `start` on as a whole number, none negative."""
        column = self.tokens[start::step]
        for row, token in enumerate(column):
            if not is_count(token):
                raise self.error(f"expected {name}, got {quoted(token)}", start + row * step)
        return np.fromiter(map(int, column), dtype=np.int64, count=len(column))

    def reals(self, start: int, step: int, name: str) -> NDArray[np.float32]:
        """Return every `step`-th token from `start` on as a number that is finite in float32."""
        column = self.tokens[start::step]
        for row, token in enumerate(column):
            if not _REAL.fullmatch(token):
                raise self.error(
                    f"expected a finite number as {name}, got {quoted(token)}", start + row * step
                )
        wide = np.fromiter(map(float, column), dtype=np.float64, count=len(column))
        with np.errstate(over="ignore", under="ignore"):
            numbers = wide.astype(np.float32)
        infinite = np.flatnonzero(~np.isfinite(numbers))
        if infinite.size:
            row = int(infinite[0])
            raise self.error(
                f"expected a number of float32 as {name}, got {quoted(column[row])}",
                start + row * step,
            )
        return numbers


def is_count(token: str) -> bool:
    """Return True if a token is a whole number of up to 18 digits without a sign."""
    return _COUNT.fullmatch(token) is not None


def check_names(file: SourceFile, names: Sequence[str], what: str, line: int) -> None:
    """Raise a `DataError` if a name is empty or repeated; `what` is ``input`` or ``output``."""
    seen: set[str] = set()
    for name in names:
        if not name:
            raise file.error(f"expected a name for every {what}, got an empty one", line)
        if name in seen:
            raise file.error(f"the {what} name {quoted(name)} is used twice", line)
        seen.add(name)


def require_boolean(dataset: Dataset, format_name: str) -> None:
    if dataset.input_kind is not InputKind.BOOLEAN or not dataset.n_inputs:
        raise UsageError(
            f"{dataset.name}: a {format_name} file holds Boolean inputs, these are "
            f"{dataset.input_kind.value} inputs"
        )


def require_no_table(dataset: Dataset, format_name: str) -> None:
    if dataset.input_kind is InputKind.TABLE:
        raise UsageError(
            f"{dataset.name}: a {format_name} file cannot hold words and numbers of any size; a csv file can, "
            "and `code=auto` makes bits of them"
        )


MAX_CLASSES = 1000
"""Largest number of classes that a column of labels may have."""

_SHOWN = 8
_REPEATED = 2
"""Times that whole numbers with gaps occur on average if they are classes."""

SIGNS_NOTICE = "inputs: -1 is read as 0"
"""Of data whose inputs were -1 and 1."""


class BadValue(Exception):  # noqa: N818 - the caller makes an error of it that names line or pattern
    """A value that fits nothing."""

    def __init__(self, row: int, column: int, expected: str) -> None:
        super().__init__(expected)
        self.row, self.column, self.expected = row, column, expected


class Outputs(NamedTuple):
    """Targets, their care mask, and their kind."""

    targets: NDArray[np.uint8]  # (rows, bits) 0/1, a one-hot row for each label
    care: NDArray[np.bool_]
    kind: OutputKind = OutputKind.BOOLEAN
    notes: tuple[str, ...] = ()
    classes: tuple[Scalar, ...] = ()  # in the order of the bits


def is_signed(numbers: NDArray[Any]) -> bool:
    """Return True if all numbers but NaN are -1 or 1 and some is -1."""
    return bool((numbers == -1).any() and ((np.abs(numbers) == 1) | np.isnan(numbers)).all())


def read_inputs(
    numbers: NDArray[np.float64],
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], InputKind, tuple[str, ...]]:
    """Return inputs, ``(rows, columns)`` float64, with the type of their kind, the kind, and notes."""
    if ((numbers == 0) | (numbers == 1)).all():
        return numbers.astype(np.uint8), InputKind.BOOLEAN, ()
    if is_signed(numbers):
        return (numbers == 1).astype(np.uint8), InputKind.BOOLEAN, (SIGNS_NOTICE,)
    return analog_inputs(numbers), InputKind.ANALOG, ()


def analog_inputs(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return numbers from 0 to 1; raise a `BadValue` for the first other one, NaN among them."""
    bad = ~((numbers >= 0) & (numbers <= 1))
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        whole = bool((np.floor(numbers) == numbers).all())
        raise BadValue(row, column, "0, 1 or -" if whole else "a number from 0 to 1")
    return numbers.astype(np.float32)


def read_outputs(numbers: NDArray[np.float64], name: str) -> Outputs:
    """Return columns of numbers as targets; NaN is a don't-care."""
    care = ~np.isnan(numbers)
    bad = care & (numbers != 0) & (numbers != 1)
    if not bad.any():
        return Outputs((numbers == 1).astype(np.uint8), care)
    if is_signed(numbers):
        targets = (numbers == 1).astype(np.uint8)
        return Outputs(targets, care, notes=("outputs: -1 is read as 0",))
    known = numbers[care]
    expected = "0, 1 or -"
    if numbers.shape[1] == 1 and (np.floor(known) == known).all() and (abs(known) < 2**53).all():
        count = len(np.unique(known))
        if known.max() - known.min() == count - 1 or _REPEATED * count <= len(known):
            labels = [None if np.isnan(number) else int(number) for number in numbers[:, 0]]
            found = classes_of(labels, name)
            if found is not None:
                return found
        expected = f"0, 1 or -, or 2 to {MAX_CLASSES} classes, which are consecutive numbers or occur often"
    row, column = (int(place) for place in np.argwhere(bad)[0])
    raise BadValue(row, column, expected)


def classes_of(
    labels: Sequence[Any], name: str, shown: Callable[[Any], str] = str
) -> Outputs | None:
    """Return labels of one type as classes, None being a don't-care; no result unless there are 2 to 1000.

    Classes are numbered in the order of their labels: numbers by value, words by their characters.
    """
    names = sorted({label for label in labels if label is not None})
    if not 2 <= len(names) <= MAX_CLASSES:
        return None
    place = {label: code for code, label in enumerate(names)}
    codes = np.array([-1 if label is None else place[label] for label in labels], dtype=np.int64)
    width = 1 if len(names) == 2 else len(names)
    care = np.repeat((codes >= 0)[:, None], width, axis=1)
    if width == 1:
        targets = (codes == 1).astype(np.uint8)[:, None]
    else:
        # A label that does not matter is a one-hot row like all others.
        targets = (np.maximum(codes, 0)[:, None] == np.arange(width)).astype(np.uint8)
    listed = [f"{code} = {shown(label)}" for code, label in enumerate(names)]
    if len(listed) > _SHOWN:
        listed = [*listed[: _SHOWN - 1], "...", listed[-1]]
    note = f"{name}: {len(names)} classes, {', '.join(listed)}"
    kind = OutputKind.BOOLEAN if width == 1 else OutputKind.LABEL
    return Outputs(targets, care, kind, (note,), tuple(names))
