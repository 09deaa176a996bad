"""Readers of records from outside."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from btfsynth import records
from btfsynth.errors import DataError

RECORD: dict[str, Any] = {
    "count": 7,
    "gap": 0.5,
    "huge": 10**400,
    "yes": True,
    "nan": math.nan,
    "never": math.inf,
    "name": "adder",
    "none": None,
    "list": [1],
    "inner": {"a": 1},
    "hash": "0f" * 32,
}


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (records.whole, "count", 7),
        (records.real, "count", 7.0),
        (records.real, "gap", 0.5),
        (records.share, "gap", 0.5),
        (records.string, "name", "adder"),
        (records.flag, "yes", True),
        (records.items, "list", [1]),
        (records.section, "inner", {"a": 1}),
        (records.digest, "hash", "0f" * 32),
        (records.optional(records.whole), "none", None),
        (records.optional(records.whole), "count", 7),
    ],
)
def test_sound_values_are_returned(read: records.Reader, name: str, value: object) -> None:
    assert read(RECORD, name) == value


@pytest.mark.parametrize(
    ("read", "name", "words"),
    [
        (records.whole, "yes", "yes: expected a whole number of at least 0, got True"),
        (records.whole, "gap", "gap: expected a whole number of at least 0, got 0.5"),
        (records.whole, "huge", "got a whole number of 1329 bits"),
        (records.whole, "absent", "absent: expected a whole number of at least 0, got none"),
        (lambda r, n: records.whole(r, n, 1, 6), "count", "a whole number from 1 to 6, got 7"),
        (lambda r, n: records.whole(r, n, 9, 9), "count", "count: expected 9, got 7"),
        (records.real, "nan", "nan: expected a finite number of at least 0, got nan"),
        (records.real, "never", "never: expected a finite number"),
        (records.real, "huge", "got a whole number of 1329 bits"),
        (records.share, "count", "count: expected a finite number from 0 to 1, got 7"),
        (records.string, "count", "count: expected text, got 7"),
        (records.flag, "count", "count: expected true or false, got 7"),
        (records.items, "inner", "inner: expected a list, got {'a': 1}"),
        (records.digest, "name", "name: expected 64 hexadecimal digits, got 'adder'"),
        (lambda r, n: records.one_of(r, n, ("a", "b")), "list", "list: expected one of a, b, got"),
        (records.optional(records.whole), "absent", "absent: expected a whole number"),
        (records.optional(records.whole), "name", "name: expected a whole number"),
    ],
)
def test_others_are_refused_in_one_line(
    read: Callable[[Any, str], object], name: str, words: str
) -> None:
    with pytest.raises(records.InvalidRecordError) as raised:
        read(RECORD, name)
    assert words in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_an_error_names_file_and_place() -> None:
    with (
        pytest.raises(DataError) as raised,
        records.file_content("x.json", "not a row"),
        records.inside("trained"),
    ):
        records.whole([3], "seed")
    assert (
        str(raised.value) == "x.json: not a row: trained: seed: expected it in an object, got [3]"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "expected JSON"), ("[1]", "expected an index"), ("[" * 10**5, "JSON")],
)
def test_what_is_no_object_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        records.read_record(path, "an index")
    assert records.record_or_empty(path) == {}


def _folder(directory, version=1):
    return records.RecordFolder(
        directory, ("index.json", "lines.jsonl", "more"), "a search", version
    )


def test_a_torn_line_is_dropped(tmp_path):
    """What a killed run left of a line is not read, and the next line does not continue it."""
    first = _folder(tmp_path)
    first.append_line({"a": 1})
    first.append_line({"a": 2})
    with first.lines.open("a") as stream:
        stream.write('{"a": 3')
    second = _folder(tmp_path)
    assert second.read_lines(lambda record: record["a"], "a record") == [1, 2]
    second.append_line({"a": 4})
    assert first.lines.read_text() == '{"a":1}\n{"a":2}\n{"a":4}\n'
    second.write_lines([{"a": 5}])
    second.append_line({"a": 6})
    assert second.read_lines(lambda record: record["a"], "a record") == [5, 6]


def test_a_line_that_is_no_record_is_named(tmp_path):
    """With its number; a folder without records has none."""
    folder = _folder(tmp_path)
    assert folder.read_lines(dict, "a record") == []
    folder.lines.write_text('{"a": 1}\nnonsense\n')
    with pytest.raises(DataError, match=r"lines\.jsonl:2: not a record: Expecting value"):
        folder.read_lines(dict, "a record")


def test_the_index_is_that_of_a_search(tmp_path):
    """Of the version that is read; without one there is nothing to continue from."""
    folder = _folder(tmp_path)
    assert not folder.exists()
    with pytest.raises(DataError, match="nothing to continue from"):
        folder.read_index()
    folder.write_index({"settings": "s"})
    assert folder.exists()
    assert folder.read_index() == {"format": 1, "settings": "s"}
    with pytest.raises(DataError, match="expected the index of a search, format 2, got 1"):
        _folder(tmp_path, version=2).read_index()


def test_an_earlier_search_is_moved_as_a_whole(tmp_path):
    """Its own files and folders, and nothing else; the second one does not meet the first."""
    for number in (1, 2):
        folder = _folder(tmp_path)
        folder.write_index({})
        (tmp_path / "more").mkdir()
        (tmp_path / "other").touch()
        moved = folder.set_aside()
        assert moved == tmp_path / f"former-{number}"
        assert sorted(path.name for path in moved.iterdir()) == ["index.json", "more"]
        assert not folder.exists()
        assert (tmp_path / "other").exists()
