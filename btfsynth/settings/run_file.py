"""Read and write the file of a run: TOML, a section per step.

Example
-------
::

    [data]
    source = "sensors.csv"
    code = "binary:4"
    [train]
    seed = 3
    widths = [16, 32, 4]
    [hardware]
    pipeline = 2

A file that is named in it is looked for in the folder of the TOML file, then in the current one.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.plugins import resolve
from btfsynth.settings.setting import File, Options, Source
from btfsynth.settings.table import SECTIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RUN_FILE = "run.toml"
"""Name of the file that a build leaves in its folder."""

KeyPath = tuple[str, ...]
"""The names that lead to a key, such as ``("train", "beta")``."""

_LARGEST = 10_000_000
_DIGITS = re.compile(r"[0-9][0-9_]{999,}")
_PLACE = re.compile(r"\s*\(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


@dataclass(frozen=True, eq=False)
class RunFile:
    """The content of a run file; every value has been checked by itself.

    Parameters
    ----------
    values
        Converted values by section and key (see `btfsynth.settings.table.SECTIONS`).
    lines
        Line, from 1, of every section and key by its names.
    """

    path: Path
    values: Mapping[str, Mapping[str, Any]]
    lines: Mapping[KeyPath, int]

    def get(self, section: str, key: str) -> Any:
        """Return a value, None if it is not given."""
        return self.values.get(section, {}).get(key)

    def of(self, options: type[Options]) -> dict[str, Any]:
        """Return the values for the settings of a class of options, by name."""
        return {
            setting.name: self.values[setting.section][setting.name]
            for setting in options.settings.values()
            if setting.name in self.values.get(setting.section, {})
        }

    def error(self, section: str, key: str, message: str) -> DataError:
        """Return the error for a wrong value, with its place."""
        return _error(self.path, self.lines, (section, key), message)

    def find(self, section: str, key: str) -> str | None:
        """Return the path of a file value, a task unchanged, or None if it is not given.

        Raises
        ------
        DataError
            If the file is neither in the folder of this one nor in the current folder.
        """
        name, kind = self.get(section, key), SECTIONS[section][key].kind
        if name is None:
            return None
        if isinstance(kind, Source) and resolve("btfsynth.dataset.tasks:is_task_spec")(name):
            return str(name)
        # Joined as text: a Path would make ./full_adder the name of a task.
        beside = os.path.join(self.path.parent, name)  # noqa: PTH118
        for path in (beside, name):
            if os.path.lexists(path):
                return str(path)
        where = "beside this file and in the current folder"
        raise self.error(
            section, key, f"expected {kind.expected}, got {name!r:.80}, not found {where}"
        )


def is_file(section: str, key: str) -> bool:
    """Return True if a key names a file, to be found by `RunFile.find`."""
    return isinstance(SECTIONS[section][key].kind, (File, Source))


def read_run_file(path: StrPath) -> RunFile:
    """Read a run file.

    Raises
    ------
    DataError
        If it cannot be read, is not TOML, or has an unknown section or key or an invalid value; the message has
        the line.
    """
    path = as_path(path)
    text = _read(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, text, str(error)) from None
    except RecursionError:
        raise DataError("expected TOML: nested too deeply", path) from None
    except ValueError:  # of Python itself, which limits the digits of a whole number
        found = _DIGITS.search(text)
        line = None if found is None else text.count("\n", 0, found.start()) + 1
        raise DataError("expected whole numbers of less than 1,000 digits", path, line) from None
    lines = key_lines(text)
    values: dict[str, dict[str, Any]] = {}
    for section, keys in content.items():
        _require_section(path, lines, section, keys)
        values[section] = {}
        for key, value in keys.items():
            if key not in SECTIONS[section]:
                raise _unknown_key(path, lines, (section, key))
            try:
                values[section][key] = SECTIONS[section][key].kind.take(value)
            except UsageError as error:
                raise _error(path, lines, (section, key), str(error)) from None
    run = RunFile(path, values, lines)
    for key in ("widths", "skip"):
        if run.get("train", "topology") is not None and run.get("train", key) is not None:
            raise run.error("train", key, "expected none with topology: the graph defines it")
    return run


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot be read: {reason}", path) from None
    if len(data) > _LARGEST:
        raise DataError(f"expected TOML of at most {_LARGEST} bytes", path)
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("expected TOML: expected UTF-8", path, line) from None


def _syntax_error(path: Path, text: str, message: str) -> DataError:
    place = _PLACE.search(message)
    if place is None:
        return DataError(f"expected TOML: {message}", path)
    line = int(place[1]) if place[1] else max(1, len(text.splitlines()))
    return DataError(f"expected TOML: {message[: place.start()]}", path, line)


def _error(path: Path, lines: Mapping[KeyPath, int], place: KeyPath, message: str) -> DataError:
    return DataError(f"{place[-1]!s:.60}: {message}", path, _line(lines, place))


def _line(lines: Mapping[KeyPath, int], place: KeyPath) -> int | None:
    return lines.get(place, lines.get(place[:1]))


def _home(key: str) -> str | None:
    """Return the section that a key belongs to."""
    return next((section for section, keys in SECTIONS.items() if key in keys), None)


def _require_section(path: Path, lines: Mapping[KeyPath, int], name: str, keys: Any) -> None:
    """Refuse unknown sections."""
    if name not in SECTIONS:
        home = _home(name)
        if home is not None and not isinstance(keys, dict):
            message = f"expected below [{home}], got it outside"
        else:
            message = f"expected a section{_among(name, SECTIONS, '[{}]')}"
        raise _error(path, lines, (name,), message)
    if not isinstance(keys, dict):
        raise _error(path, lines, (name,), f"expected the section [{name}], got a value")


def _unknown_key(path: Path, lines: Mapping[KeyPath, int], place: KeyPath) -> DataError:
    section, key = place
    for setting in SECTIONS[section].values():
        if setting.formerly == key:
            return _error(path, lines, place, f"renamed to {setting.name}")
    home = _home(key)
    if home is not None:
        return _error(path, lines, place, f"expected below [{home}], got it below [{section}]")
    among = _among(key, SECTIONS[section], "{}")
    return _error(path, lines, place, f"expected a key of [{section}]{among}")


def _among(name: str, known: Iterable[str], form: str) -> str:
    """Return a suggestion for an unknown name, or all known names."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f", got an unknown one; is {form.format(near[0])} meant?"
    return f": {', '.join(form.format(each) for each in known)}"


# Where the keys of a TOML text stand, which its reader in the standard library does not tell.

_TOKEN = re.compile(
    r"""
    (?P<string>\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    | (?P<comment>\#[^\n]*)
    | (?P<newline>\n)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<equals>=)
    | (?P<other>[^"'\#\n\[\]{}=]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|[^\s."']+""")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each table and each key of a TOML text is first named.

    Keys inside inline tables are on the line of the table and have no entry. The text must be valid TOML.
    """
    lines: dict[KeyPath, int] = {}
    section: KeyPath = ()
    number, depth = 1, 0
    statement, started = "", 1
    in_value = False

    def enter(path: KeyPath) -> None:
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], started)

    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match.group()
        if kind == "newline" and not depth:
            if statement.strip().startswith("["):
                section = _names(statement.strip().strip("[]"))
                enter(section)
            statement, in_value = "", False
        elif kind == "equals" and not depth and not in_value:
            enter((*section, *_names(statement)))
            statement, in_value = "", True
        elif kind in ("open", "close") and in_value:
            depth += 1 if kind == "open" else -1
        elif not in_value and kind not in ("comment", "newline"):
            if not statement.strip():
                started = number
            statement += token
        number += token.count("\n")
    if statement.strip().startswith("["):
        enter(_names(statement.strip().strip("[]")))
    return lines


def _names(text: str) -> KeyPath:
    """Return the names of a dotted key."""
    return tuple(name.strip("\"'") for name in _NAME.findall(text))


def format_run_file(
    values: Mapping[str, Mapping[str, Any]], comment: str, notes: Mapping[str, str] | None = None
) -> str:
    """Return the text of a run file: the same bytes for the same values.

    Parameters
    ----------
    values
        By section and key; None and empty sections are omitted.
    comment
        Comment at the top.
    notes
        A comment below the heading of a section; empty for none.
    """
    blocks = [_comment(comment)] if comment else []
    for section, keys in SECTIONS.items():
        given = values.get(section, {})
        lines = [
            f"{name} = {_value(setting.kind.plain(given[name]))}"
            for name, setting in keys.items()
            if given.get(name) is not None
        ]
        note = (notes or {}).get(section, "")
        if lines:
            blocks.append([f"[{section}]", *(_comment(note) if note else []), *lines])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _comment(text: str) -> list[str]:
    shown = "".join(
        character if character.isprintable() or character == "\n" else "?" for character in text
    )
    return [f"# {line}".rstrip() for line in shown.split("\n")]


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a TOML one but for DEL. Bytes that are no UTF-8 cannot be said in either.
        clean = value.encode("utf-8", "replace").decode()
        return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
