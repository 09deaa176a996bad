"""What all formats share: the record of a format, a file's content, and the guards of reading."""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path

MAX_FILE_BYTES = 512 << 20
"""Largest file that is read."""

MAX_CELLS = 1 << 26
"""Largest number of values a file may ask for beyond those it spells out."""

OutputColumns = int | Sequence[str]
"""Which columns are outputs: how many of the last ones, or their names."""


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
            raise self.error("expected UTF-8 text, got UTF-16 that is cut off or damaged") from None

    def error(self, message: str, line: int | None = None) -> DataError:
        return DataError(message, self.path, line)


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    endings
        File name endings, lower case with the dot; the first is the usual one.
    sniff
        True if the content looks like this format; for files of unknown ending.
    write
        Gives the content of the file; raises `UsageError` if the format cannot hold the data set.
    names_ports
        False if position is all that tells the bits of a file apart.
    read_outputs
        Reads with the output columns chosen by the user, for formats of unmarked columns.
    """

    name: str
    endings: tuple[str, ...]
    description: str
    sniff: Callable[[SourceFile], bool]
    read: Callable[[SourceFile], Dataset]
    write: Callable[[Dataset], bytes]
    read_outputs: Callable[[SourceFile, OutputColumns], Dataset] | None = None
    names_ports: bool = True


def _split_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_source(path: StrPath) -> SourceFile:
    """Read a file after looking at what it is."""
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


def check_names(file: SourceFile, names: Sequence[str], what: str, line: int) -> None:
    """Raise a `DataError` if a name is empty or comes twice; `what` is ``input`` or ``output``."""
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


def require_no_dont_care(dataset: Dataset, format_name: str) -> None:
    if not bool(dataset.care_mask.all()):
        raise UsageError(f"{dataset.name}: a {format_name} file cannot hold don't-care outputs")


def require_tokens(names: Sequence[str], format_name: str) -> None:
    """Raise a `UsageError` if a name cannot stand between spaces in a file with ``#`` comments."""
    for name in names:
        if not name or "#" in name or len(name.split()) != 1 or name.split()[0] != name:
            raise UsageError(f"a {format_name} file cannot hold the port name {quoted(name)}")
