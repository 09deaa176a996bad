"""JSON files that others wrote, read without trust: what is not as expected is not there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path

__all__ = ["as_number", "as_text", "numbers", "read_record", "records", "sub_record"]

_MAX_BYTES = 50_000_000
_MAX_TEXT = 2000


def read_record(path: StrPath) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises
    ------
    DataError
        If it cannot be read or is no JSON object.
    """
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
        raise DataError("expected a JSON object", path)
    return content


def sub_record(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, empty if there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def records(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of the list under a name; what is no object is passed over."""
    value = record.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_number(record: Mapping[str, Any], name: str) -> float | int | None:
    """Return the finite number under a name; True is none."""
    value = record.get(name)
    if type(value) not in (int, float) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def as_text(record: Mapping[str, Any], name: str) -> str:
    """Return the text under a name, cut if it is long, empty if there is none."""
    value = record.get(name)
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def numbers(values: Any) -> list[float | int]:
    """Return the numbers of a list, none if it holds anything else."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return []
    kept = [value for value in values if type(value) in (int, float)]
    return kept if len(kept) == len(values) else []
