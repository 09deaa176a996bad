"""A design folder that has been read and found complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import Manifest, load_manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import total_width
from btfsynth.sim.result import Mismatch, port_values

__all__ = ["Design", "load_design"]


@dataclass(frozen=True)
class Design:
    """A design to check.

    Parameters
    ----------
    directory
        Its folder.
    manifest
        Its manifest.
    vectors
        What it is checked against.
    """

    directory: Path
    manifest: Manifest
    vectors: VectorTable

    def path(self, role: str) -> Path:
        """Return the path of a file by its role in the manifest."""
        return self.directory / self.manifest.files[role]

    @property
    def verilog_files(self) -> tuple[Path, ...]:
        """All files that the Verilog module is made of: its own first, then the cells if it has any."""
        return self.manifest.verilog_files(self.directory)

    def mismatch(self, vector: int, got: str) -> Mismatch:
        """Describe a vector that failed.

        Parameters
        ----------
        vector
            Its number.
        got
            The output bits, most significant first.
        """
        wanted = [
            str(bit) if care else "-"
            for bit, care in zip(
                self.vectors.expected[vector], self.vectors.care[vector], strict=True
            )
        ]
        return Mismatch(
            vector,
            port_values(self.manifest.input_ports, _bits(self.vectors.inputs[vector])),
            port_values(self.manifest.output_ports, "".join(reversed(wanted))),
            port_values(self.manifest.output_ports, got),
        )


def load_design(directory: StrPath) -> Design:
    """Read a design folder.

    Raises
    ------
    DataError
        If it is incomplete, or its manifest or its vectors are not what they should be.
    """
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
    """Tell whether every input vector there can be is listed."""
    if vectors.count != 1 << vectors.inputs.shape[1]:
        return False
    packed = np.packbits(vectors.inputs, axis=1)
    return len(np.unique(packed, axis=0)) == vectors.count


def _bits(row: NDArray[np.uint8]) -> str:
    return "".join(str(bit) for bit in reversed(row.tolist()))
