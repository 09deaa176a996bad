"""What a check of a design found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from btfsynth.ports import Port

__all__ = ["CheckResult", "Mismatch", "port_values"]


@dataclass(frozen=True)
class Mismatch:
    """A vector for which the hardware does not do what it should.

    Parameters
    ----------
    vector
        Its number in the vector file, from 0.
    inputs, expected, got
        Values by port, like ``a=2'b10 b=2'b01``; a bit of `expected` that does not matter is ``-``.
    """

    vector: int
    inputs: str
    expected: str
    got: str

    def __str__(self) -> str:
        return (
            f"vector {self.vector}: inputs {self.inputs}, expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Parameters
    ----------
    name
        Name of the check.
    passed, failed
        Number of vectors.
    mismatch
        The first that failed, if any.
    skipped
        Why the check did not run, or None if it did.
    seconds
        Wall-clock time.
    version
        Version of the tool.
    """

    name: str
    passed: int = 0
    failed: int = 0
    mismatch: Mismatch | None = None
    skipped: str | None = None
    seconds: float = 0.0
    version: str = ""

    @property
    def ok(self) -> bool:
        """True if the check ran and every vector passed."""
        return self.skipped is None and self.failed == 0 and self.passed > 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report: the same for the same design, so no times."""
        if self.skipped is not None:
            return {"skipped": self.skipped}
        record: dict[str, Any] = {"passed": self.passed, "failed": self.failed}
        if self.mismatch is not None:
            record["first_mismatch"] = dict(vars(self.mismatch))
        return record


def port_values(ports: Sequence[Port], bits: str) -> str:
    """Write bits by port.

    Parameters
    ----------
    ports
        The ports, least significant first.
    bits
        One character a bit, most significant first, as a simulator prints the whole bus.

    Examples
    --------
    >>> port_values([Port("a", 2), Port("b", 1)], "110")
    "a=2'b10 b=1'b1"
    """
    values = []
    last = len(bits)
    for port in ports:
        values.append(f"{port.name}={port.width}'b{bits[last - port.width : last]}")
        last -= port.width
    return " ".join(values)
