"""The exceptions a user can meet.

Every error the package raises on purpose derives from `BtfsynthError`. Its text is one line that
names the object (file, line, option), what was expected and what came; `exit_code` is what the
command line exits with: 2 for wrong usage or a bad file, 1 where the work itself failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    "UsageError",
    "VerificationError",
]


class BtfsynthError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class UsageError(BtfsynthError):
    """An option, a task specification or a combination of them that cannot be carried out."""

    exit_code = 2


class DataError(BtfsynthError):
    """A file that cannot be read as what it should be.

    Parameters
    ----------
    message
        What was expected and what came.
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
    """A netlist with registers, where a combinational one is expected: they can be read as ports."""


class TopologyError(UsageError):
    """Widths or edges that make no network, or one that does not fit the data."""


class NetlistError(BtfsynthError):
    """A netlist that breaks one of its invariants."""


class PassError(BtfsynthError):
    """A pass was asked for something it cannot do."""


class TrainingError(BtfsynthError):
    """Training ended without an exact network."""


class InterruptedWorkError(BtfsynthError):
    """The user stopped the work; what was found so far has been kept."""


class VerificationError(BtfsynthError):
    """A check ran and did not pass."""


class OutputError(BtfsynthError):
    """A file or folder that cannot be written."""


class ToolError(BtfsynthError):
    """An external tool failed; its command line and last output stay attached.

    Parameters
    ----------
    message
        What went wrong.
    command
        The command as it was run, one argument an item.
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
    """An external tool took longer than it was given, and was ended."""


class MissingToolError(BtfsynthError):
    """A tool or an optional package that is not installed; the message says what to install."""
