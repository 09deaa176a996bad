"""Read JSON records that somebody else may have written, and believe nothing in them.

A reader takes a record and the name of a value in it; it returns the value, or says in one line what was
expected under that name and what is there. `file_content` and `inside` put the place before that line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path

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
