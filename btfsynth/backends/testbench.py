"""A self-checking Verilog testbench that knows nothing of how the module is made."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.backends.base import HardwareModule
from btfsynth.backends.templates import render
from btfsynth.dataset.ports import Port, total_width

__all__ = ["emit_testbench"]

_REPORTED = 10


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
        module=names.module,
        vector_count=vector_count,
        vector_file=vector_file,
        n_inputs=total_width(names.inputs),
        n_outputs=total_width(names.outputs),
        timing=timing,
        connections=[
            *((control, control) for control in controls),
            *_connections(names.inputs, driven),
            *_connections(names.outputs, "got"),
        ],
        reported=_REPORTED,
    )


def _connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    """Return for each port its slice of the bus."""
    connections = []
    first = 0
    for port in ports:
        last = first + port.width - 1
        connections.append((port.name, f"{bus}[{last}:{first}]"))
        first = last + 1
    return connections
