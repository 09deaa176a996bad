"""How a clocked design takes part in time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CONTROL_NAMES",
    "MAX_LATENCY",
    "Timing",
]

CONTROL_NAMES = frozenset({"clk", "rst", "en"})
"""Names that no data port of a clocked design has."""
MAX_LATENCY = 1000
"""Register stages at most."""


@dataclass(frozen=True)
class Timing:
    """The clock of a design and what comes with it.

    Every path from an input to an output goes through the same number of registers, so that a new input
    can come every clock.

    Parameters
    ----------
    latency
        Rising edges of the clock from an input to its output, at least 1.
    enable
        True if there is a port ``en``; the registers keep their values while it is 0.
    reset
        True if there is a port ``rst``: registers and outputs become 0 on the rising edge when it is 1,
        whatever the enable says.
    """

    latency: int
    enable: bool = False
    reset: bool = False

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control ports, each one bit wide, in the order in which they come before the data."""
        return ("clk", *(("rst",) if self.reset else ()), *(("en",) if self.enable else ()))
