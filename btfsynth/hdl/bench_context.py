"""What the templates of all testbenches are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from btfsynth.hdl.base import HardwareModule
from btfsynth.ports import Port, total_width

__all__ = [
    "REPORTED",
    "bench_context",
    "port_slices",
]

REPORTED = 10
"""Mismatches of which a testbench prints a line each."""


def bench_context(module: HardwareModule, vector_count: int, vector_file: str) -> dict[str, Any]:
    """Return the module, its timing and its vectors, by the names of the templates.

    Parameters
    ----------
    module
        What is checked; only names and timing are looked at.
    vector_count
        Number of vectors in the file.
    vector_file
        Name of the file.
    """
    return {
        "module": module.names.module,
        "vector_count": vector_count,
        "vector_file": vector_file,
        "n_inputs": total_width(module.names.inputs),
        "n_outputs": total_width(module.names.outputs),
        "timing": module.timing,
    }


def port_slices(ports: Sequence[Port]) -> Iterator[tuple[str, int, int]]:
    """Give each port with the last and the first of its bits on a bus of all, the first port lowest."""
    first = 0
    for port in ports:
        yield port.name, first + port.width - 1, first
        first += port.width
