"""A cocotb test that knows nothing of how the module is made."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.bench_context import bench_context
from btfsynth.hdl.templates import render

__all__ = [
    "emit_cocotb",
]


def emit_cocotb(
    module: HardwareModule, vector_count: int, vector_file: str, sources: Sequence[str]
) -> str:
    """Return a Python module with one cocotb test of the Verilog, and what runs it.

    It works as the Verilog testbench does and prints the same lines (see `testbench.emit_testbench`), but
    has a random enable of its own. A failed vector fails the cocotb test, and the exit code is 1 then.

    Parameters
    ----------
    module
        What it checks; only names and timing are looked at.
    vector_count
        Number of vectors in the file.
    vector_file
        Name of the file, which lies beside the test.
    sources
        Names of the Verilog files.
    """
    names, timing = module.names, module.timing
    return render(
        "cocotb/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        sources=sources,
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )
