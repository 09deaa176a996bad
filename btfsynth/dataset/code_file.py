"""The JSON file of a table's code: written with a design and a network, believed in nothing when it is read."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

from btfsynth.dataset.fit_code import MAX_LEVELS
from btfsynth.dataset.table_code import (
    IMPUTE,
    LEVELS,
    ORDER,
    REFUSE,
    SKIP,
    STEPS,
    WORDS,
    ColumnCode,
    Scalar,
    TableCode,
    plain_class,
)
from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.records import read_record

FORMAT = 1
_KIND = "input code"
_MAX_COLUMNS = 1_000_000
_MAX_BITS = 65_536
"""Of one column."""

Coded = tuple[TableCode, tuple[Scalar, ...]]
"""A code, and the classes that the outputs of its data stand for."""


def code_record(code: TableCode, classes: tuple[Scalar, ...] = ()) -> dict[str, Any]:
    """Return plain values for a file."""
    return {
        "format": FORMAT,
        "kind": _KIND,
        "text": code.text,
        "missing": code.missing,
        "columns": [_column_record(each) for each in code.columns],
        "classes": [plain_class(each) for each in classes],
    }


def _column_record(code: ColumnCode) -> dict[str, Any]:
    record: dict[str, Any] = {"name": code.name, "kind": code.kind}
    if code.kind == SKIP:
        return record
    record |= {"port": code.port, "fill": code.fill}
    if code.kind == STEPS:
        return {**record, "thresholds": list(code.thresholds)}
    if code.kind == LEVELS:
        return {**record, "low": code.low, "high": code.high, "levels": code.levels}
    return {**record, "categories": list(code.categories)}


def code_text(code: TableCode, classes: tuple[Scalar, ...] = ()) -> str:
    """Return the content of a file: the same for the same code."""
    return json.dumps(code_record(code, classes), indent=1, ensure_ascii=True) + "\n"


def save_code(code: TableCode, classes: tuple[Scalar, ...], path: StrPath) -> None:
    write_text(as_path(path), code_text(code, classes))


def load_code(path: StrPath) -> Coded:
    """Read a code.

    Raises
    ------
    DataError
        If the file is none, or says something that no code can be.
    """
    path = as_path(path)
    record = read_record(path, "the JSON object of a code")
    try:
        return code_of_record(record)
    except DataError as error:
        raise DataError(str(error), path) from None


def code_of_record(record: Any) -> Coded:
    """Return the code that plain values describe (see `load_code`)."""
    if not isinstance(record, dict) or record.get("kind") != _KIND:
        raise DataError(f"expected an {_KIND}")
    if record.get("format") != FORMAT:
        raise DataError(f"expected format {FORMAT}, got {shown(record.get('format'))}")
    text, missing = record.get("text"), record.get("missing")
    if not isinstance(text, str) or missing not in (IMPUTE, REFUSE):
        raise DataError(f"expected `text`, and {IMPUTE} or {REFUSE} as `missing`")
    listed = record.get("columns")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MAX_COLUMNS:
        raise DataError("columns: expected a list of columns")
    columns = tuple(_column(each, place) for place, each in enumerate(listed))
    ports = [each.port for each in columns if each.width]
    if not ports or len(set(ports)) < len(ports):
        raise DataError("columns: expected different ports, at least one")
    return TableCode(text, columns, missing), _classes(record.get("classes", []))


def _classes(listed: Any) -> tuple[Scalar, ...]:
    if not isinstance(listed, list) or not all(_is_scalar(each) for each in listed):
        raise DataError("classes: expected a list of names")
    if len(set(map(repr, listed))) < len(listed):
        raise DataError("classes: expected different names")
    return tuple(listed)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, int)) or _is_number(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _column(record: Any, place: int) -> ColumnCode:
    where = f"columns[{place}]"
    if not isinstance(record, dict) or not isinstance(record.get("name"), str):
        raise DataError(f"{where}: expected an object with a name")
    name, kind = record["name"], record.get("kind")
    if kind == SKIP:
        return ColumnCode(name, SKIP)
    port, fill = record.get("port"), record.get("fill")
    if not isinstance(port, str) or not port.strip():
        raise DataError(f"{where}: expected the name of a port, got {shown(port)}")
    if kind in (WORDS, ORDER):
        words = record.get("categories")
        if not isinstance(words, list) or not 2 <= len(words) <= _MAX_BITS:
            raise DataError(f"{where}: expected at least 2 categories")
        if not all(isinstance(word, str) for word in words) or len(set(words)) < len(words):
            raise DataError(f"{where}: expected different words as categories")
        if fill not in words:
            raise DataError(f"{where}: expected a category as fill, got {shown(fill)}")
        return ColumnCode(name, kind, port, categories=tuple(words), fill=str(fill))
    filled = _number(record, "fill", where)
    if kind == STEPS:
        return ColumnCode(name, kind, port, thresholds=_thresholds(record, where), fill=filled)
    if kind == LEVELS:
        low, high = (_number(record, key, where) for key in ("low", "high"))
        levels = record.get("levels")
        if not low < high:
            raise DataError(f"{where}: expected low below high, got {low:g} and {high:g}")
        if type(levels) is not int or not 1 <= levels <= MAX_LEVELS:
            raise DataError(f"{where}: expected 1 to {MAX_LEVELS} levels, got {shown(levels)}")
        return ColumnCode(name, kind, port, low=low, high=high, levels=levels, fill=filled)
    raise DataError(f"{where}: expected a known kind, got {shown(kind)}")


def _number(record: dict[str, Any], key: str, where: str) -> float:
    if not _is_number(record.get(key)):
        raise DataError(f"{where}: expected a number as {key}, got {shown(record.get(key))}")
    return float(record[key])


def _thresholds(record: dict[str, Any], where: str) -> tuple[float, ...]:
    listed = record.get("thresholds")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_BITS:
        raise DataError(f"{where}: expected at least 1 threshold")
    if not all(map(_is_number, listed)):
        raise DataError(f"{where}: expected numbers as thresholds")
    found = tuple(map(float, listed))
    if any(after <= before for before, after in pairwise(found)):
        raise DataError(f"{where}: expected ascending thresholds")
    return found
