"""A self-checking Verilog testbench that knows nothing of how the module is made."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.bench_context import REPORTED, bench_context, port_slices
from btfsynth.hdl.templates import render
from btfsynth.ports import Port

__all__ = [
    "emit_testbench",
]


def emit_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    """Return the testbench ``tb_<module>``.

    It reads the vectors from the folder it is run in, prints one line for each of the first ten
    mismatches and ends with ``PASS n vectors``, or with ``FAIL k of n`` and a non-zero exit code.
    A pipelined module gets a vector every clock. Unknown bits (X) never match and vectors that could
    not be read count as failed.

    Parameters
    ----------
    module
        What it checks; only names and timing are looked at.
    vector_count
        Number of vectors in the file.
    vector_file
        Name of the file.
    """
    names, timing = module.names, module.timing
    controls = () if timing is None else timing.controls
    driven = "driven" if timing is not None and timing.enable else "inputs"
    return render(
        "testbench/testbench.v.j2",
        **bench_context(module, vector_count, vector_file),
        connections=[
            *((control, control) for control in controls),
            *_connections(names.inputs, driven),
            *_connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def _connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    """Return for each port its slice of the bus."""
    return [(name, f"{bus}[{last}:{first}]") for name, last, first in port_slices(ports)]
