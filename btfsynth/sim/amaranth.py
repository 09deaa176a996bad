"""Amaranth's own simulator, in a child process: the modules of a design are code."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.extras import install_command
from btfsynth.sim.base import Availability, CheckResult, Design
from btfsynth.sim.process import DEFAULT_TIMEOUT, python_command, run_command, workspace_folder


@dataclass(frozen=True)
class _Amaranth:
    """The module of a design under Amaranth's Python simulator, or its stream wrapper with back-pressure."""

    name: str

    def find(self) -> Availability:
        try:
            return Availability(metadata.version("amaranth"), None)
        except metadata.PackageNotFoundError:
            return Availability(None, f"amaranth is not installed; {install_command('amaranth')}")

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        folder = str(design.directory.resolve())
        return (python_command("btfsynth.sim.amaranth_worker", folder, self.name),)

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        if self.name == "amaranth_stream" and self.name not in design.manifest.files:
            return CheckResult(self.name, skipped="the design has no stream wrapper")
        found = self.find()
        if found.version is None:
            raise MissingToolError(str(found.reason))
        start = time.perf_counter()
        with workspace_folder() as folder:
            (command,) = self.commands(design, folder)
            completed = run_command(command, folder, timeout)
        answer = completed.answer("the Amaranth simulation", ("error", "failed", "first"))
        if answer["error"] is not None:
            raise ToolError(f"{design.path(self.name)}: {answer['error']}")
        failed, first = answer["failed"], answer["first"]
        return CheckResult(
            self.name,
            passed=design.vectors.count - failed,
            failed=failed,
            mismatch=None if first is None else design.mismatch(int(first[0]), str(first[1])),
            seconds=time.perf_counter() - start,
            version=found.version,
        )


AMARANTH, AMARANTH_STREAM = _Amaranth("amaranth"), _Amaranth("amaranth_stream")
