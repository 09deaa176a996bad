"""Verilog as instances of cells: what it says, its names, and that it is the same function."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hardware import full_adder, multiplier, netlists, outputs_of, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.hdl.manifest import CONTROL_NAMES, Timing
from btfsynth.hdl.module import HardwareModule, make_pipeline
from btfsynth.hdl.verilog.circuit import evaluate
from btfsynth.hdl.verilog.emit import emit_cell_library, emit_verilog_cells
from btfsynth.hdl.verilog.read import read_verilog
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port


def module_of(netlist, timing=None):
    """The hardware of a netlist."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports, CONTROL_NAMES)
    pipeline = make_pipeline(netlist, timing.latency) if timing else None
    return HardwareModule(netlist, names, {"generator": "test"}, timing, pipeline)


def test_full_adder():
    """A cell an instance, an inverter a signal; no operator is left."""
    text = emit_verilog_cells(module_of(full_adder()))
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line.startswith("full_adder_")] == [
        "full_adder_MAJ3 u1 (.a(a), .b(b[0]), .c(b[1]), .y(n1));",
        "full_adder_INV x1 (.a(b[1]), .y(i1));",
        "full_adder_MAJ3 u2 (.a(a), .b(b[0]), .c(i1), .y(n2));",
        "full_adder_INV x2 (.a(n1), .y(i2));",
        "full_adder_MAJ3 u3 (.a(b[1]), .b(i2), .c(n2), .y(n3));",
    ]
    assert not re.search("[&|~]", text)
    library = emit_cell_library(module_of(full_adder()))
    assert re.findall(r"^module (\w+)", library, re.MULTILINE) == [
        "full_adder_INV",
        "full_adder_MAJ3",
    ]


@given(netlists(), st.none() | st.builds(Timing, st.integers(1, 4), st.booleans(), st.booleans()))
@settings(deadline=None, max_examples=30)
def test_same_function(tmp_path_factory, netlist, timing):
    """Every random netlist comes back from its instances, pipelined or not."""
    folder = tmp_path_factory.getbasetemp()
    module = module_of(netlist, timing)
    (folder / "m.v").write_text(emit_verilog_cells(module))
    library = emit_cell_library(module)
    (folder / "m_cells.v").write_text(library)
    inputs = vectors_of(netlist).inputs
    files = ("m.v", "m_cells.v") if "endmodule" in library else ("m.v",)
    circuit = read_verilog(*(folder / file for file in files))
    assert np.array_equal(evaluate(circuit, inputs), outputs_of(netlist, inputs))
    assert (circuit.clocking is None) == (timing is None)


def hostile():
    """A multiplier whose names are those of cells, instances and nets."""
    base = multiplier()
    return Netlist(
        "btf_and2",
        (Port("u1", 1), Port("i1", 1), Port("btf_and2_INV", 1), Port("Xbtf_and2_OR2", 1)),
        (Port("x1", 2), Port("d1_n1", 2)),
        base.fanins,
        base.outputs,
    )


@pytest.mark.parametrize("timing", [None, Timing(3, True, True)])
def test_names_stay_apart(tmp_path, timing):
    """Neither cells nor instances nor nets are called as a port or as the module."""
    netlist = hostile()
    module = module_of(netlist, timing)
    assert module.names.notices == ()
    text, library = emit_verilog_cells(module), emit_cell_library(module)
    assert "XXbtf_and2_AND2 _u1 (.a(u1)" in text
    (tmp_path / "btf_and2.v").write_text(text)
    (tmp_path / "cells.v").write_text(library)
    inputs = vectors_of(netlist).inputs
    circuit = read_verilog(tmp_path / "btf_and2.v", tmp_path / "cells.v")
    assert np.array_equal(evaluate(circuit, inputs), outputs_of(netlist, inputs))
    if shutil.which("verilator"):
        command = ("verilator", "--lint-only", "-Wall", "--top-module", "btf_and2")
        linted = subprocess.run(
            (*command, "btf_and2.v", "cells.v"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (linted.returncode, linted.stderr) == (0, "")


@pytest.mark.parametrize("tool", ["iverilog", "verilator"])
def test_two_designs_in_one_project(tmp_path, tool):
    """Cells of one design are not those of another, though both have inverters and majorities."""
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    files = []
    for name in ("one", "two"):
        module = module_of(replace(full_adder(), name=name))
        for file, text in (
            (f"{name}.v", emit_verilog_cells(module)),
            (f"{name}_cells.v", emit_cell_library(module)),
        ):
            (tmp_path / file).write_text(text)
            files.append(file)
    (tmp_path / "both.v").write_text(
        "module both (input a, input [1:0] b, output [3:0] y);\n"
        "one u (.a(a), .b(b), .s(y[1:0]));\ntwo v (.a(a), .b(b), .s(y[3:2]));\n"
        "endmodule\n"
    )
    options = ["-t", "null", "-s", "both"] if tool == "iverilog" else ["--lint-only", "-Wall"]
    top = [] if tool == "iverilog" else ["--top-module", "both", "-Wno-DECLFILENAME"]
    command = [tool, *options, *top, "both.v", *files]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
