"""A self-checking VHDL testbench, which does what the Verilog one does and prints the same lines."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.bench_context import REPORTED, bench_context, port_slices
from btfsynth.hdl.templates import render
from btfsynth.hdl.vhdl import vhdl_name
from btfsynth.ports import Port

__all__ = [
    "bench_name",
    "emit_vhdl_testbench",
]


def bench_name(module: str) -> str:
    """Return the name of the testbench of a module, as VHDL and GHDL's command line take it."""
    return vhdl_name(f"tb_{module}")


def emit_vhdl_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    """Return the testbench ``tb_<module>`` in VHDL-93.

    It reads the vectors from the folder it is run in, prints one line for each of the first ten
    mismatches and ends with ``PASS n vectors``, or with ``FAIL k of n`` and a failed assertion.
    A pipelined module gets a vector every clock. Bits that are neither 0 nor 1 never match and vectors that
    could not be read count as failed.

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
    return render(
        "vhdl/testbench.vhd.j2",
        **bench_context(module, vector_count, vector_file),
        entity=vhdl_name(names.module),
        bench=bench_name(names.module),
        connections=[
            *((control, control) for control in controls),
            *_connections(names.inputs, "inputs"),
            *_connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def _connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    """Return for each port its bits of the bus."""
    connections = []
    for name, last, first in port_slices(ports):
        bits = f"{first}" if last == first else f"{last} downto {first}"
        connections.append((vhdl_name(name), f"{bus}({bits})"))
    return connections
