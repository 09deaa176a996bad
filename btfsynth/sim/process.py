"""Run an external command and leave nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btfsynth.errors import MissingToolError, ToolError, ToolTimeoutError

__all__ = ["Completed", "run_command"]

_LONGEST = 2_000_000.0
"""Seconds that the system can wait for output at once; who gives more gives no limit."""


@dataclass(frozen=True)
class Completed:
    """A command that came to an end.

    Parameters
    ----------
    command
        The command, one argument an item.
    returncode
        Its exit code; negative if a signal ended it.
    stdout, stderr
        What it wrote.
    """

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    def error(self, message: str) -> ToolError:
        """Return the error that says this command failed."""
        return ToolError(message, self.command, self.stdout + self.stderr)


def run_command(command: Sequence[str], cwd: Path, timeout: float) -> Completed:
    """Run a command in its own process group and wait for it.

    Parameters
    ----------
    command
        Program and arguments; no shell sees them.
    cwd
        Folder it runs in.
    timeout
        Seconds until the whole process group is killed.

    Raises
    ------
    MissingToolError
        If the program is not installed.
    ToolTimeoutError
        If it takes too long.
    ToolError
        If it cannot be started.
    """
    try:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise MissingToolError(f"{command[0]} is not installed") from None
    except OSError as error:
        raise ToolError(f"cannot be started: {error.strerror or error}", command) from None
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout if timeout < _LONGEST else None)
        except subprocess.TimeoutExpired:
            _kill(process)
            stdout, stderr = process.communicate()
            message = f"did not end within {timeout:g} s"
            raise ToolTimeoutError(message, command, stdout + stderr) from None
        except BaseException:
            _kill(process)
            raise
    return Completed(tuple(command), process.returncode, stdout, stderr)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
