"""The interface of simulators: design, result and availability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, MissingToolError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import Manifest, load_manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port, total_width
from btfsynth.process import DEFAULT_TIMEOUT


@dataclass(frozen=True)
class Availability:
    """The version of a simulator, or the reason why it cannot be used and what to install."""

    version: str | None
    reason: str | None

    def require(self) -> str:
        """Return the version; a `MissingToolError` if it cannot be used."""
        if self.version is None:
            raise MissingToolError(str(self.reason))
        return self.version


@runtime_checkable
class Simulator(Protocol):
    @property
    def name(self) -> str:
        """Its key in the table."""

    def find(self) -> Availability:
        """Look for it."""

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design; `timeout` are the seconds for each command."""


@dataclass(frozen=True)
class Design:
    """A design folder that has been read and found complete."""

    directory: Path
    manifest: Manifest
    vectors: VectorTable

    def path(self, role: str) -> Path:
        return self.directory / self.manifest.files[role]

    @property
    def verilog_files(self) -> tuple[Path, ...]:
        return self.manifest.verilog_files(self.directory)

    def mismatch(self, vector: int, got: str | NDArray[np.uint8]) -> Mismatch:
        """Describe the vector of a number, for which the outputs, as `port_values` takes them, are wrong."""
        vectors, outputs = self.vectors, self.manifest.output_ports
        wanted = np.where(vectors.care[vector], vectors.expected[vector], 2)
        return Mismatch(
            vector,
            port_values(self.manifest.input_ports, vectors.inputs[vector]),
            port_values(outputs, wanted),
            port_values(outputs, got),
        )


def load_design(directory: StrPath) -> Design:
    directory = as_path(directory)
    manifest = load_manifest(directory)
    for role, name in sorted(manifest.files.items()):
        if not (directory / name).is_file():
            raise DataError(f"missing, though the manifest lists it as {role}", directory / name)
    path = directory / manifest.files["vectors"]
    vectors = VectorTable.read(
        path,
        total_width(manifest.input_ports),
        total_width(manifest.output_ports),
        manifest.exhaustive,
    )
    if vectors.count != manifest.vector_count:
        raise DataError(
            f"expected {manifest.vector_count} vectors as the manifest says, got {vectors.count}",
            path,
        )
    if manifest.exhaustive and not _lists_all(vectors):
        raise DataError("expected every input vector, as the manifest says", path)
    return Design(directory, manifest, vectors)


def _lists_all(vectors: VectorTable) -> bool:
    if vectors.count != 1 << vectors.inputs.shape[1]:
        return False
    packed = np.packbits(vectors.inputs, axis=1)
    return len(np.unique(packed, axis=0)) == vectors.count


@dataclass(frozen=True)
class Mismatch:
    """A vector, by its number in the vector file from 0, for which the hardware is wrong.

    Values are by port, like ``a=2'b10 b=2'b01``; a don't-care bit of `expected` is ``-``.
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
    """The outcome of one check: numbers of vectors, the first that failed, why it was skipped if it was."""

    name: str
    passed: int = 0
    failed: int = 0
    mismatch: Mismatch | None = None
    skipped: str | None = None
    seconds: float = 0.0
    version: str = ""

    @property
    def ok(self) -> bool:
        return self.skipped is None and self.failed == 0 and self.passed > 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report: the same for the same design, so no times."""
        if self.skipped is not None:
            return {"skipped": self.skipped}
        record: dict[str, Any] = {"passed": self.passed, "failed": self.failed}
        if self.mismatch is not None:
            record["first_mismatch"] = dict(vars(self.mismatch))
        return record


def port_values(ports: Sequence[Port], bits: str | NDArray[Any]) -> str:
    """Write bits by port, the ports least significant first.

    The bits are text, most significant first, as a simulator prints a whole bus, or 0 and 1, least significant
    first, and 2 for one that does not matter.

    >>> port_values([Port("a", 2), Port("b", 1)], "110")
    "a=2'b10 b=1'b1"
    """
    text = bits if isinstance(bits, str) else "".join("01-"[bit] for bit in reversed(bits.tolist()))
    values = []
    last = len(text)
    for port in ports:
        values.append(f"{port.name}={port.width}'b{text[last - port.width : last]}")
        last -= port.width
    return " ".join(values)
