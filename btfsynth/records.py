"""Read JSON records that somebody else may have written, and believe nothing in them.

A reader takes a record and the name of a value in it; it returns the value, or says in one line what was
expected under that name and what is there. `file_content` and `inside` put the place before that line.

`RecordFolder` is the folder of a search that writes such records and may be continued.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from btfsynth.errors import DataError, OutputError, shown
from btfsynth.files import StrPath, as_path, make_folder, move, write_text

_MAX_BYTES = 50_000_000
"""Of a JSON file that is read."""

LARGEST = (1 << 62) - 1
"""Of whole numbers without another limit."""

Reader = Callable[[Any, str], Any]


class InvalidRecordError(DataError):
    """What is wrong with a record, before its file is known."""


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Put a place inside the record before what is wrong there."""
    try:
        yield
    except InvalidRecordError as error:
        raise InvalidRecordError(f"{place}: {error}") from None


@contextmanager
def file_content(path: StrPath, otherwise: str = "") -> Iterator[None]:
    """Put the file, and what it is not, before what is wrong with a record in it."""
    try:
        yield
    except InvalidRecordError as error:
        raise DataError(
            f"{otherwise}: {error}" if otherwise else str(error), as_path(path)
        ) from None


def read_record(path: StrPath, what: str = "a JSON object") -> dict[str, Any]:
    """Return the JSON object in a file; `what` it is named in the error if there is something else."""
    path = as_path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"expected a file of at most {_MAX_BYTES} bytes", path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON: {' '.join(str(error).split())}", path) from None
    if not isinstance(content, dict):
        raise DataError(f"expected {what}", path)
    return content


def record_or_empty(path: StrPath) -> dict[str, Any]:
    """Return the JSON object in a file, empty if there is none that can be read."""
    try:
        return read_record(path)
    except DataError:
        return {}


def sub_record(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, empty if there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def whole(record: Any, name: str, low: int = 0, high: int = LARGEST) -> int:
    """Read a whole number; True is none."""
    kind = f"{low}" if low == high else f"a whole number{between(low, high)}"
    value = _value(record, name, kind)
    if type(value) is not int or not low <= value <= high:
        raise _wrong(name, kind, value)
    return value


def real(
    record: Any,
    name: str,
    low: float = 0.0,
    high: float = math.inf,
    *,
    integral: bool = False,
    infinite: bool = False,
) -> float:
    """Read a number, finite unless infinity is one too, without a fraction if it is to be `integral`."""
    kind = f"a {'whole' if integral else 'finite'} number{between(low, high)}"
    value = _value(record, name, kind)
    try:
        fits = (
            type(value) in (int, float)
            and (math.isfinite(value) or (infinite and value == math.inf))
            and low <= value <= high
            and not (integral and value != int(value))
        )
    except OverflowError:
        fits = False
    if not fits:
        raise _wrong(name, kind, value)
    return float(value)


def share(record: Any, name: str) -> float:
    return real(record, name, high=1.0)


def string(record: Any, name: str) -> str:
    return str(_typed(record, name, str, "text"))


def flag(record: Any, name: str) -> bool:
    return bool(_typed(record, name, bool, "true or false"))


def items(record: Any, name: str) -> list[Any]:
    return list(_typed(record, name, list, "a list"))


def section(record: Any, name: str) -> dict[str, Any]:
    return dict(_typed(record, name, dict, "an object"))


def one_of(record: Any, name: str, words: tuple[str, ...]) -> str:
    value = _value(record, name, kind := f"{'one of ' if words[1:] else ''}{', '.join(words)}")
    if value not in words:
        raise _wrong(name, kind, value)
    return str(value)


def digest(record: Any, name: str) -> str:
    """Read a SHA-256 in lower case."""
    value = _value(record, name, kind := "64 hexadecimal digits")
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise _wrong(name, kind, value)
    return value


_DIGEST = re.compile(r"[0-9a-f]{64}")


def optional(reader: Reader) -> Reader:
    """Return a reader of what may be null, but not missing."""

    def read(record: Any, name: str) -> Any:
        null = isinstance(record, Mapping) and record.get(name, name) is None
        return None if null else reader(record, name)

    return read


def between(low: float, high: float) -> str:
    """Return the words for a range that follow "a number"."""
    least, most = (f"{end}" if isinstance(end, int) else f"{end:g}" for end in (low, high))
    if high < LARGEST:
        return f" from {least} to {most}"
    return f" of at least {least}" if low > -math.inf else ""


def _typed(record: Any, name: str, kind: type, words: str) -> Any:
    value = _value(record, name, words)
    if type(value) is not kind:
        raise _wrong(name, words, value)
    return value


def _value(record: Any, name: str, expected: str) -> Any:
    if not isinstance(record, Mapping):
        raise InvalidRecordError(f"{name}: expected it in an object, got {shown(record)}")
    if name not in record:
        raise InvalidRecordError(f"{name}: expected {expected}, got none")
    return record[name]


def _wrong(name: str, expected: str, value: Any) -> InvalidRecordError:
    return InvalidRecordError(f"{name}: expected {expected}, got {shown(value)}")


# The folder of a search: a record per line, and an index

Parsed = TypeVar("Parsed")


class RecordFolder:
    """The folder of a search that may be killed at any moment and continued.

    Records are appended to a file, one per line, and are on the disk at once; part of a line, as a killed run
    leaves it, is dropped. The index says what the records belong to and what came of them.

    Parameters
    ----------
    names
        Everything that a search writes there: the index, the file of records, and the others.
    what
        What the search is called, as in "the index of a discovery".
    version
        Version of the format of the index.
    """

    def __init__(self, directory: StrPath, names: Sequence[str], what: str, version: int) -> None:
        self.directory = as_path(directory)
        self.index, self.lines = (self.directory / name for name in names[:2])
        self._content, self._version = names, version
        self._index_kind = f"the index of {what}, format {version}"
        self._is_mended = False

    def exists(self) -> bool:
        return any(os.path.lexists(self.directory / name) for name in self._content)

    def set_aside(self) -> Path:
        """Move an earlier search into a folder of its own inside this one, and return that."""
        folders = (self.directory / f"former-{number}" for number in count(1))
        target = next(folder for folder in folders if not os.path.lexists(folder))
        make_folder(target)
        for name in self._content:
            if os.path.lexists(self.directory / name):
                move(self.directory / name, target / name)
        return target

    def read_index(self) -> dict[str, Any]:
        if not self.index.exists():
            raise DataError("no such file, so nothing to continue from", self.index)
        content = read_record(self.index, self._index_kind)
        if content.get("format") != self._version:
            found = shown(content.get("format"))
            raise DataError(f"expected {self._index_kind}, got {found}", self.index)
        return content

    def write_index(self, content: Mapping[str, Any]) -> None:
        text = json.dumps({"format": self._version, **content}, indent=2) + "\n"
        write_text(self.index, text)

    def read_lines(self, parse: Callable[[Any], Parsed], what: str) -> list[Parsed]:
        """Return the records; `what` one is called in the error if a line is none."""
        try:
            lines = self.lines.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}", self.lines) from None
        records = []
        for number, line in enumerate(lines[:-1], start=1):
            try:
                records.append(parse(json.loads(line)))
            except (DataError, ValueError, RecursionError) as error:
                raise DataError(f"not {what}: {error}", self.lines, number) from None
        return records

    def append_line(self, record: Mapping[str, Any]) -> None:
        """Add a record; it is on the disk when this returns."""
        try:
            if not self._is_mended:
                self._drop_torn_line()
            with self.lines.open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(_line(record))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.lines}: cannot be written: {reason}") from None

    def write_lines(self, records: Iterable[Mapping[str, Any]]) -> None:
        write_text(self.lines, "".join(map(_line, records)))

    def _drop_torn_line(self) -> None:
        """Cut off what a killed run left of a line, so that the next does not continue it."""
        with suppress(FileNotFoundError), self.lines.open("r+b") as stream:
            content = stream.read()
            if not content.endswith(b"\n"):
                stream.truncate(content.rfind(b"\n") + 1)
        self._is_mended = True


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"
