"""What tests of several folders use."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from needed import missing

MARK = "btfsynth: error: "

# Processes that run tests side by side, and all that they start, multiply matrices with one thread each: more
# threads than processors wait for each other. NumPy reads this when it is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

# A machine with other work to do is no failure.
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """In continuous integration a missing tool is a failure; elsewhere its tests are skipped."""
    # A shell ignores Ctrl-C for what it starts in the background, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lacking = missing() if os.environ.get("CI") else []
    if lacking:
        pytest.exit(f"continuous integration needs {', '.join(lacking)}", returncode=1)


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.stdout)

    @property
    def complaint(self) -> str:
        """The one error line; fails if there is none, or more, or anything else looks like one."""
        assert "Traceback" not in self.stdout + self.stderr
        assert MARK not in self.stdout
        lines = self.stderr.splitlines()
        assert sum(line.startswith(MARK) for line in lines) == 1, self.stderr
        assert lines[-1].startswith(MARK), self.stderr
        return lines[-1].removeprefix(MARK)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run the command line in this process, in an empty folder."""
    from btfsynth.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as left,
        ):
            main([str(argument) for argument in arguments])
        return Outcome(int(left.value.code or 0), out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def program() -> list[str]:
    """The console program, to be run in a process of its own."""
    path = Path(sys.executable).with_name("btfsynth")
    return [str(path)] if path.exists() else [sys.executable, "-m", "btfsynth"]


@pytest.fixture
def run_program(tmp_path: Path, program: list[str]) -> Callable[..., Outcome]:
    """Run the console program in an empty folder."""

    def run(*arguments: object) -> Outcome:
        completed = subprocess.run(
            [*program, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Outcome(completed.returncode, completed.stdout, completed.stderr)

    return run


@pytest.fixture(scope="session")
def fast_simulator() -> str:
    """The quickest simulator there is; Amaranth's is always there."""
    return "icarus" if shutil.which("iverilog") and shutil.which("vvp") else "amaranth"
