"""The exceptions of the package.

Every error that the package raises on purpose derives from `BtfsynthError`. Its text is one line that names the
object (file, line, setting), what was expected and what was found. `exit_code` is that of the command line: 2
for wrong usage or a bad file, 1 if the work itself failed.

A message spells a setting as Python does, in backquotes: `time_limit`, or `preserve=network` with a value. The
command line shows these as its options: ``--time-limit``, ``--preserve network``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "BtfsynthError",
    "DataError",
    "InterruptedWorkError",
    "MissingToolError",
    "NetlistError",
    "OutputError",
    "PassError",
    "SequentialError",
    "ToolError",
    "ToolTimeoutError",
    "TopologyError",
    "TrainingError",
    "UnreadError",
    "UsageError",
    "VerificationError",
    "clipped",
    "plural",
    "shown",
]

_MAX_WORD = 400
_MAX_MESSAGE = 1200
"""Maximum characters shown of a word and of a message; files may contain names of any length."""


class BtfsynthError(Exception):
    """Base of all errors raised on purpose; its text is never longer than a screen."""

    exit_code = 1

    def __str__(self) -> str:
        return clipped(super().__str__())


def clipped(text: str) -> str:
    """Return a message, with the middle of long words and of a long message replaced by its length."""
    words = text.split(" ")
    if any(len(word) > _MAX_WORD for word in words):
        text = " ".join(_without_middle(word, _MAX_WORD) for word in words)
    return _without_middle(text, _MAX_MESSAGE)


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head, tail = limit * 5 // 8, limit // 4
    return f"{text[:head]}... ({len(text) - head - tail} characters) ...{text[len(text) - tail :]}"


def shown(value: Any, limit: int = 60) -> str:
    """Return an external value as quoted in a message, at most `limit` characters.

    Python refuses to write whole numbers of more than some thousands of digits.
    """
    if type(value) is int and value.bit_length() > 4 * limit:
        return f"a whole number of {value.bit_length()} bits"
    try:
        return f"{value!r:.{limit}}"
    except ValueError:
        return f"a {type(value).__name__} with a whole number of too many digits"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return the count with its noun: ``1 pattern``, ``2 patterns``; `many` is an irregular plural."""
    return f"{count} {noun if count == 1 else many or f'{noun}s'}"


def percent(right: float, count: float = 1) -> str:
    """Return a share in percent with two decimals; ``100%`` is all, and only all."""
    if right >= count:
        return "100%"
    shown = f"{right / count:.2%}"
    return "99.99%" if shown == "100.00%" else shown


class UsageError(BtfsynthError):
    """An invalid setting, task specification or combination of settings."""

    exit_code = 2


class WidthError(UsageError):
    """Rows with more or fewer columns than a model takes."""


class DataError(BtfsynthError):
    """A file or array with invalid content.

    Parameters
    ----------
    message
        What was expected and what was found.
    path
        The file, if there is one.
    line
        One-based line number, if one can be named.
    """

    exit_code = 2

    def __init__(
        self, message: str, path: str | Path | None = None, line: int | None = None
    ) -> None:
        self.path = None if path is None else str(path)
        self.line = line
        where = "" if self.path is None else self.path
        if line is not None:
            where = f"{where}:{line}" if where else f"line {line}"
        super().__init__(f"{where}: {message}" if where else message)


class SequentialError(DataError):
    """A netlist with registers where a combinational one is expected; `comb` turns them into ports."""


class UnreadError(DataError):
    """A construct that this reader does not support; another reader may."""


class TopologyError(UsageError):
    """Widths or edges that do not form a network, or do not fit the data."""


class NetlistError(BtfsynthError):
    """A netlist that violates an invariant."""


class PassError(BtfsynthError):
    """A pass cannot be applied as requested."""


class TrainingError(BtfsynthError):
    """Training ended without an exact network; `btfsynth.train` attaches its run."""

    run: Any = None


class InterruptedWorkError(BtfsynthError):
    """The user stopped the work; results so far are saved or attached."""

    run: Any = None
    netlist: Any = None


class VerificationError(BtfsynthError):
    """A check failed, or no result was found."""


class OutputError(BtfsynthError):
    """A file or folder that cannot be written."""


class ToolError(BtfsynthError):
    """An external tool failed; its command and output are attached.

    Parameters
    ----------
    message
        What went wrong.
    command
        The command, one argument per item.
    output
        Its standard output and error; the last line is quoted in the message.
    """

    def __init__(self, message: str, command: Sequence[str] = (), output: str = "") -> None:
        self.command = tuple(command)
        self.output = output
        lines = [line for line in output.splitlines() if line.strip()]
        tail = f"; last output: {lines[-1].strip()}" if lines else ""
        run = f" (command: {' '.join(self.command)})" if self.command else ""
        super().__init__(f"{message}{run}{tail}")


class ToolTimeoutError(ToolError):
    """An external tool exceeded its time-out and was stopped."""


class MissingToolError(BtfsynthError):
    """A tool or an optional package that is not installed; the message says what to install."""
