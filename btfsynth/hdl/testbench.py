"""A self-checking Verilog testbench that knows nothing of how the module is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from btfsynth.hdl.amaranth import class_name, stream_class_name
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.templates import render
from btfsynth.hdl.vhdl import vhdl_name
from btfsynth.ports import Port, total_width

__all__ = [
    "REPORTED",
    "bench_context",
    "bench_name",
    "emit_amaranth_test",
    "emit_cocotb",
    "emit_testbench",
    "emit_vhdl_testbench",
    "port_slices",
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


# What the templates of all testbenches are given.

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


# A cocotb test that knows nothing of how the module is made.


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


# A pytest file for the Amaranth component.


def emit_amaranth_test(
    module: HardwareModule, vector_count: int, vector_file: str, stream: bool = False
) -> str:
    """Return a Python module with tests that need nothing but Amaranth and pytest.

    Parameters
    ----------
    module
        What it checks; only names and timing are looked at.
    vector_count
        Number of vectors in the file.
    vector_file
        Name of the file, which lies beside the test.
    stream
        Whether there is a stream wrapper to test too (see `amaranth_stream.emit_amaranth_stream`).
    """
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


# A self-checking VHDL testbench, which does what the Verilog one does and prints the same lines.


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
            *_vhdl_connections(names.inputs, "inputs"),
            *_vhdl_connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def _vhdl_connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    """Return for each port its bits of the bus."""
    connections = []
    for name, last, first in port_slices(ports):
        bits = f"{first}" if last == first else f"{last} downto {first}"
        connections.append((vhdl_name(name), f"{bus}({bits})"))
    return connections
