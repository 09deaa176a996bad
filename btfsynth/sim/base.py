"""What a simulator is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from btfsynth.sim.design import Design
from btfsynth.sim.result import CheckResult

__all__ = ["DEFAULT_TIMEOUT", "Availability", "Simulator"]

DEFAULT_TIMEOUT = 600.0
"""Seconds one command of a simulator may take."""


@dataclass(frozen=True)
class Availability:
    """Whether a simulator can be used.

    Parameters
    ----------
    version
        Its version, or None if it is not installed.
    reason
        Why it cannot be used and what to install; None if it can.
    """

    version: str | None
    reason: str | None


class Simulator(Protocol):
    """A program that runs a design over its vectors."""

    @property
    def name(self) -> str:
        """Its key in the table."""

    def find(self) -> Availability:
        """Look for it."""

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design; every command may take so many seconds."""
