"""Where the keys of a TOML text stand: its reader in the standard library does not tell."""

from __future__ import annotations

import re

__all__ = ["KeyPath", "key_lines"]

KeyPath = tuple[str, ...]
"""The names that lead to a key, such as ``("train", "beta")``."""

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

    Keys inside inline tables stand where the table does and have no entry of their own.

    Parameters
    ----------
    text
        TOML that has been found to be right; of any other text the lines mean nothing.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
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
                table = _names(statement.strip().strip("[]"))
                enter(table)
            statement, in_value = "", False
        elif kind == "equals" and not depth and not in_value:
            enter((*table, *_names(statement)))
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
