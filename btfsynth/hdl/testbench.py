"""Self-checking testbenches in Verilog, VHDL, cocotb and Amaranth; of a module they know names and timing.

They read the vectors from a file beside them, give a pipelined module one per clock, and count unknown bits
and vectors that could not be read as failed. The Verilog, VHDL and cocotb ones print a line for each of the
first ten mismatches, then ``PASS n vectors`` or ``FAIL k of n``, and fail by their exit code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from btfsynth.hdl.amaranth import class_name, stream_class_name
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.templates import render
from btfsynth.hdl.vhdl import vhdl_name
from btfsynth.ports import Port, total_width


def emit_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    names, timing = module.names, module.timing
    controls = () if timing is None else timing.controls
    driven = "driven" if timing is not None and timing.enable else "inputs"
    return render(
        "testbench/testbench.v.j2",
        **bench_context(module, vector_count, vector_file),
        connections=[
            *((control, control) for control in controls),
            *connections(names.inputs, driven),
            *connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    return [(name, f"{bus}[{last}:{first}]") for name, last, first in port_slices(ports)]


REPORTED = 10
"""Mismatches of which a testbench prints a line each."""


def bench_context(module: HardwareModule, vector_count: int, vector_file: str) -> dict[str, Any]:
    return {
        "module": module.names.module,
        "vector_count": vector_count,
        "vector_file": vector_file,
        "n_inputs": total_width(module.names.inputs),
        "n_outputs": total_width(module.names.outputs),
        "timing": module.timing,
    }


def port_slices(ports: Sequence[Port]) -> Iterator[tuple[str, int, int]]:
    """Return each port with the last and the first of its bits on a bus of all, the first port lowest."""
    first = 0
    for port in ports:
        yield port.name, first + port.width - 1, first
        first += port.width


def emit_cocotb(
    module: HardwareModule, vector_count: int, vector_file: str, sources: Sequence[str]
) -> str:
    names, timing = module.names, module.timing
    return render(
        "cocotb/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        sources=sources,
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )


def emit_amaranth_test(
    module: HardwareModule, vector_count: int, vector_file: str, stream: bool = False
) -> str:
    names, timing = module.names, module.timing
    return render(
        "amaranth/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        component=class_name(names.module),
        stream=stream_class_name(names.module) if stream else "",
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )


def bench_name(module: str) -> str:
    """Return the name of the VHDL testbench of a module, as GHDL's command line takes it."""
    return vhdl_name(f"tb_{module}")


def emit_vhdl_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    names, timing = module.names, module.timing
    controls = () if timing is None else timing.controls
    return render(
        "vhdl/testbench.vhd.j2",
        **bench_context(module, vector_count, vector_file),
        entity=vhdl_name(names.module),
        bench=bench_name(names.module),
        connections=[
            *((control, control) for control in controls),
            *_vhdl_connections(names.inputs, "inputs"),
            *_vhdl_connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def _vhdl_connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    connections = []
    for name, last, first in port_slices(ports):
        bits = f"{first}" if last == first else f"{last} downto {first}"
        connections.append((vhdl_name(name), f"{bus}({bits})"))
    return connections
