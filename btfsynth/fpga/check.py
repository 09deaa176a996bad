"""Check a design on an FPGA: simulate it before and after routing, and prove the mapped logic.

The models of the primitives, one or two lines each, are files of this package: nothing is trusted of the tools
that made the netlists.
"""

from __future__ import annotations

import re
from pathlib import Path

from btfsynth.errors import ToolTimeoutError
from btfsynth.files import write_text
from btfsynth.fpga.devices import Family, Tool
from btfsynth.fpga.mapping import Subject
from btfsynth.fpga.place import Wrapper
from btfsynth.hdl.templates import template_folder
from btfsynth.sim.base import CheckResult, Design
from btfsynth.sim.process import run_command
from btfsynth.sim.programs import ICARUS, read_verdict

_CELLS = "cells.v"
_VECTORS = "vectors.mem"
_MAX_CLOCKS = 20_000
_MIN_VECTORS = 64
_PROVEN = "SAT proof finished - no model found: SUCCESS!"
_REFUTED = "proof did fail!"


def write_models(family: Family, workspace: Path) -> None:
    """Write the models of a family's primitives into the workspace."""
    models = template_folder() / "fpga" / f"{family.name}_cells.v"
    write_text(workspace / _CELLS, models.read_text(encoding="utf-8"))


def simulate_netlist(
    name: str, design: Design, wrapper: Wrapper, netlist: str, workspace: Path, timeout: float
) -> CheckResult:
    """Clock a netlist of the wrapper through vectors of the design in Icarus Verilog.

    Skipped if that is not installed. Of many vectors that have to be shifted in and out, an even sample is
    taken. The netlist is a file of the workspace, and so are the models (`write_models`).
    """
    found = ICARUS.find()
    if found.version is None:
        return CheckResult(name, skipped=str(found.reason))
    bench, image = f"tb_{wrapper.top}.v", f"{name}.vvp"
    places, vectors = design.vectors.sample(max(_MIN_VECTORS, _MAX_CLOCKS // wrapper.clocks))
    vectors.write(workspace / _VECTORS)
    write_text(workspace / bench, wrapper.testbench(vectors, _VECTORS))
    build = ("iverilog", "-g2012", "-s", f"tb_{wrapper.top}", "-o", image)
    built = run_command((*build, _CELLS, netlist, bench), workspace, timeout)
    if built.returncode:
        raise built.error(f"{name}: Icarus Verilog cannot compile the netlist")
    done = run_command(("vvp", "-n", image), workspace, timeout)
    failed, first = read_verdict(done, vectors.count, f"{name}: the simulation gave no verdict")
    mismatch = first and design.mismatch(int(places[first[0]]), first[1])
    return CheckResult(name, vectors.count - failed, failed, mismatch, version=found.version)


def prove_mapped(
    yosys: Tool, subject: Subject, mapped: str, workspace: Path, timeout: float
) -> bool | None:
    """Prove a mapped module equal to its source, which has no registers; None if undecided in time."""
    module = subject.module
    text = (workspace / mapped).read_text(encoding="utf-8")
    renamed = re.sub(rf"^module {module}\b", f"module {module}_gate", text, flags=re.MULTILINE)
    write_text(workspace / "gate.v", renamed)
    lines = [
        f"read_verilog {subject.files} gate.v {_CELLS}",
        "hierarchy",
        "proc",
        f"flatten {module} {module}_gate",
        "memory_map",
        "opt -full",
        f"miter -equiv -flatten -make_assert {module} {module}_gate miter",
        "sat -verify -prove-asserts miter",
    ]
    write_text(workspace / "prove.ys", "\n".join(lines) + "\n")
    try:
        done = run_command((*yosys.command, "-s", "prove.ys"), workspace, timeout)
    except ToolTimeoutError:
        return None
    if done.returncode == 0 and _PROVEN in done.stdout:
        return True
    if done.returncode and _REFUTED in done.stdout + done.stderr:
        return False
    raise yosys.failure(done)
