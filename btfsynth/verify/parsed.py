"""Check the Verilog of a design as an independent reader understands it."""

from __future__ import annotations

import time
from importlib import metadata

import numpy as np

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.circuit import Circuit, evaluate
from btfsynth.hdl.verilog.reader import read_verilog
from btfsynth.sim.base import CheckResult, Design

__all__ = ["PARSED_CHECK", "check_parsed"]

PARSED_CHECK = "parsed_verilog"
"""Name of this check."""


def check_parsed(design: Design) -> CheckResult:
    """Parse the Verilog, evaluate it over all vectors and compare.

    Raises
    ------
    DataError
        If the file cannot be read, or its ports, its latency or what controls its registers are not those of
        the manifest.
    """
    start = time.perf_counter()
    circuit = read_verilog(*design.verilog_files)
    _check_interface(design, circuit)
    _check_time(design, circuit)
    got = evaluate(circuit, design.vectors.inputs)
    wrong = ((got != design.vectors.expected) & design.vectors.care).any(axis=1)
    failed = int(wrong.sum())
    mismatch = None
    if failed:
        first = int(np.argmax(wrong))
        bits = "".join(str(bit) for bit in reversed(got[first].tolist()))
        mismatch = design.mismatch(first, bits)
    return CheckResult(
        PARSED_CHECK,
        passed=design.vectors.count - failed,
        failed=failed,
        mismatch=mismatch,
        seconds=time.perf_counter() - start,
        version=f"pyverilog {metadata.version('pyverilog')}",
    )


def _check_time(design: Design, circuit: Circuit) -> None:
    """Compare latency and controls with what the manifest says."""
    timing, found, path = design.manifest.timing, circuit.clocking, design.path("verilog")
    if timing is None or found is None:
        if timing is not None or found is not None:
            kinds = ("a combinational module", "registers")
            raise DataError(
                f"expected {kinds[timing is not None]}, got {kinds[found is not None]}", path
            )
        return
    controls = {"clock": "clk", "reset": "rst" if timing.reset else None}
    controls["enable"] = "en" if timing.enable else None
    for kind, wanted in controls.items():
        got = getattr(found, kind)
        if got != wanted:
            raise DataError(
                f"{kind} of the registers: expected {wanted or 'none'}, got {got or 'none'}", path
            )
    if found.latency not in (None, timing.latency):
        raise DataError(
            f"latency: expected {timing.latency} as the manifest says, got {found.latency}", path
        )


def _check_interface(design: Design, circuit: Circuit) -> None:
    manifest, path = design.manifest, design.path("verilog")
    if circuit.module != manifest.module:
        raise DataError(f"expected the module {manifest.module}, got {circuit.module}", path)
    for kind, found, expected in (
        ("inputs", circuit.inputs, manifest.inputs),
        ("outputs", circuit.outputs, manifest.outputs),
    ):
        wanted = [(port.hdl, port.width) for port in expected]
        if list(found.items()) != wanted:
            shown = ", ".join(f"{name} ({width})" for name, width in found.items())
            raise DataError(
                f"{kind}: expected {', '.join(f'{name} ({width})' for name, width in wanted)}, "
                f"got {shown or 'none'}",
                path,
            )
