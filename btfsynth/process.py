"""Run an external command and leave nothing of it behind."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import btfsynth
from btfsynth.errors import MissingToolError, OutputError, ToolError, ToolTimeoutError

DEFAULT_TIMEOUT = 600.0
"""Seconds one command of a simulator may take."""
_LONGEST = 2_000_000.0
"""Seconds that the system can wait for output at once; who gives more gives no limit."""
_FULL = re.compile("no space left|disk quota exceeded|disk full|file size limit", re.IGNORECASE)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MIN_SPACE = 1 << 20
"""Bytes; a tool that fails with less free space has most likely failed for lack of it."""


@contextlib.contextmanager
def workspace_folder() -> Iterator[Path]:
    """Give a temporary folder to run tools in; it is removed in the end."""
    try:
        with tempfile.TemporaryDirectory(prefix="btfsynth-") as folder:
            yield Path(folder)
    except OSError as error:
        raise OutputError(_temporary_reason(error)) from None


def _temporary_reason(error: OSError) -> str:
    if error.errno in _NO_SPACE or "No usable temporary directory" in str(error):
        folders = _temporary_folders()
        where = folders[0] if folders else "the folders of the system"
        return f"no space left in {where}, the folder of temporary files; set TMPDIR to another one"
    return f"{error.filename or 'temporary files'}: {error.strerror or error}"


def _temporary_folders() -> list[str]:
    """Return where commands put temporary files: by the environment, then by Python."""
    named = [os.environ[name] for name in ("TMPDIR", "TMP", "TEMP") if os.environ.get(name)]
    with contextlib.suppress(OSError):  # none of them can be written to
        named.append(tempfile.gettempdir())
    return named


def _full_folder(cwd: Path, output: str) -> str | None:
    """Return the folder that a command may have found full, None if it has not."""
    folders = [*_temporary_folders(), str(cwd)]
    for folder in folders:
        with contextlib.suppress(OSError, AttributeError):  # Windows has no statvfs
            space = os.statvfs(folder)
            free = space.f_bavail * space.f_frsize
            if free < _MIN_SPACE or (space.f_files and not space.f_favail):
                return folder
    return folders[0] if _FULL.search(output) else None


@dataclass(frozen=True)
class Completed:
    """A command that ended; a negative code is a signal, `full` the folder that had no space left if any."""

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    full: str | None = None

    def error(self, message: str) -> ToolError:
        """Return the error that says this command failed, for lack of space if there was none."""
        if self.full is not None:
            message = f"no space left in {self.full}: {message}"
        return ToolError(message, self.command, self.stdout + self.stderr)

    def answer(self, what: str, keys: Collection[str]) -> dict[str, Any]:
        """Return the JSON object with these keys that a process printed as its result."""
        try:
            answer = json.loads(self.stdout)
            return {key: answer[key] for key in keys}
        except (ValueError, KeyError, TypeError):
            raise self.error(f"{what} ended without a result") from None


def python_command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs the `main` of a module in a Python of its own.

    It imports the package from the folder that this process uses, even if that is not installed. The current
    folder, which comes first on the path, is the empty workspace.
    """
    package = str(Path(btfsynth.__file__).resolve().parents[1])
    code = (
        "import sys; sys.path.insert(1, sys.argv.pop(1)); "
        f"from {module} import main; sys.exit(main(sys.argv[1:]))"
    )
    return (sys.executable, "-B", "-c", code, package, *arguments)


def run_command(command: Sequence[str], cwd: Path, timeout: float) -> Completed:
    """Run a command in its own process group, which is killed after `timeout` seconds, and wait for it."""
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
            message = f"timed out after {timeout:g} s"
            raise ToolTimeoutError(message, command, stdout + stderr) from None
        except BaseException:
            _kill(process)
            raise
    full = _full_folder(cwd, stdout + stderr)
    return Completed(tuple(command), process.returncode, stdout, stderr, full)


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
