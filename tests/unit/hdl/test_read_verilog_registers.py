"""The reader on pipelines: what the emitter writes, by hand, and each way to be out of step."""

from __future__ import annotations

import numpy as np
import pytest
from hardware import multiplier, netlists, outputs_of, vectors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.errors import DataError
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.module import HardwareModule, make_pipeline
from btfsynth.hdl.verilog.circuit import Clocking, evaluate
from btfsynth.hdl.verilog.emit import emit_verilog
from btfsynth.hdl.verilog.read import read_verilog
from btfsynth.netlist.identifiers import legal_names

HEADER = "module m (\n  input wire clk, rst, en,\n  input wire [1:0] a,\n  output reg y\n);\n"


def pipelined(netlist, timing):
    """The Verilog of a netlist cut into stages."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports, {"clk"})
    pipeline = make_pipeline(netlist, timing.latency)
    return emit_verilog(HardwareModule(netlist, names, {}, timing, pipeline))


def read(tmp_path, text):
    """The circuit of a text."""
    path = tmp_path / "m.v"
    path.write_text(text)
    return read_verilog(path)


@given(netlists(), st.builds(Timing, st.integers(1, 6), st.booleans(), st.booleans()))
@settings(deadline=None, max_examples=40)
def test_reads_what_the_emitter_writes(tmp_path_factory, netlist, timing):
    """Function, latency and controls of every random pipeline come back."""
    path = tmp_path_factory.getbasetemp() / "pipeline.v"
    path.write_text(pipelined(netlist, timing))
    circuit = read_verilog(path)
    inputs = vectors_of(netlist).inputs
    assert np.array_equal(evaluate(circuit, inputs), outputs_of(netlist, inputs))
    assert list(circuit.inputs) == [port.name for port in netlist.input_ports]
    reset, enable = ("rst" if timing.reset else None), ("en" if timing.enable else None)
    found = circuit.clocking
    assert (found.clock, found.reset, found.enable) == ("clk", reset, enable)
    assert found.latency == (None if constant_outputs(netlist) else timing.latency)


def constant_outputs(netlist):
    """Whether no output has an input in its cone."""
    reached = {1 + bit for bit in range(netlist.n_inputs)}
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        if any(literal >> 1 in reached for literal in fanin):
            reached.add(netlist.first_cell + cell)
    return not any(literal >> 1 in reached for literal in netlist.outputs.tolist())


def test_written_otherwise(tmp_path):
    """Several blocks, buses, registers in instances and without begin and end mean the same."""
    circuit = read(
        tmp_path,
        "module m (input wire ck, input wire [1:0] a, output [1:0] y);\n"
        "reg [1:0] q;\nwire w;\nreg z;\n"
        "always @(posedge ck) q <= {a[0], ~a[1]};\n"
        "always @(posedge ck) begin z <= a[0] ^ a[1]; end\n"
        "stage s (.c(ck), .d(q), .q(y[0]));\nstage t (ck, {z, w}, y[1]);\nassign w = z;\n"
        "endmodule\n"
        "module stage (c, d, q);\ninput c; input [1:0] d; output q; reg q;\n"
        "always @(posedge c) q <= d[0] & d[1];\nendmodule\n",
    )
    assert circuit.clocking == Clocking("ck", None, None, 2)
    assert dict(circuit.inputs) == {"a": 2}
    inputs = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    assert evaluate(circuit, inputs).tolist() == [[0, 0], [1, 1], [0, 1], [0, 0]]


def test_function_of_a_pipeline(tmp_path):
    """Read as a design, a pipeline is the netlist that it was made of."""
    path = tmp_path / "p.v"
    path.write_text(pipelined(multiplier(), Timing(3, True, True)))
    netlist = read_design(path)
    inputs = vectors_of(multiplier()).inputs
    assert netlist.input_ports == multiplier().input_ports
    assert np.array_equal(outputs_of(netlist, inputs), outputs_of(multiplier(), inputs))


RESET = "if (rst) begin q <= 1'b0; r <= 1'b0; y <= 1'b0; end else"
WHOLE = (
    f"reg q, r;\nalways @(posedge clk) {RESET} if (en) begin q <= a[0]; r <= a[1]; y <= q & r; end"
)


def test_by_hand(tmp_path):
    """The circuit that the next test breaks is sound."""
    circuit = read(tmp_path, f"{HEADER}{WHOLE}\nendmodule\n")
    assert circuit.clocking == Clocking("clk", "rst", "en", 2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("y <= q & r", "y <= q & a[1]", ":7: y joins q of latency 1 and a\\[1\\] of latency 0"),
        ("y <= q & r", "y <= q & y", "y is a register whose next value depends on itself"),
        ("r <= a[1]", "r = a[1]", ":7: expected a nonblocking assign '<=' .*, got '='"),
        ("r <= a[1]", "#1 r <= a[1]", ":7: a delay '#' before a statement is not supported"),
        ("r <= a[1];", "", ":6: r: expected the reset of the other registers, rst, got none"),
        ("r <= 1'b0;", "", ":7: expected registers that 'if \\(reset\\)' clears"),
        ("r <= 1'b0;", "r <= 1'b1;", ":7: expected registers that 'if \\(reset\\)' clears"),
        ("q <= 1'b0; r", "if (en) q <= 1'b0; r", ":7: expected registers that"),
        ("if (en) begin", "begin if (a[0]) q <= a[0]; if (en)", "expected registers that"),
        ("r <= a[1];", "end\nalways @(posedge clk) begin r <= a[1];", ":8: r is driven twice"),
        ("posedge clk", "negedge clk", ":7: expected 'always @\\(posedge clock\\)'"),
        ("posedge clk", "posedge clk or posedge rst", ":7: expected 'always @\\(posedge clock\\)'"),
        ("posedge clk", "posedge q", ":5: y: expected a clock that is an input|:6: q: expected"),
        ("if (en)", "if (clk)", "expected different inputs for clock, reset and enable"),
        ("if (en)", "if (a)", ":7: expected a condition of one bit, got 2"),
        (
            "if (en)",
            "if (a[0])",
            "expected a enable that is an input|expected a.* that is an input",
        ),
        ("y <= q & r", "y <= q & r & rst", ":7: rst controls registers and is also read as data"),
        ("reg q, r;", "reg q; wire r;", ":7: r is not declared as a register"),
        ("reg q, r;", "reg q, r; assign r = q;", ":6: r is a register, not a wire"),
        ("reg q, r;", "reg q, r, en;", ":6: en is declared twice"),
    ],
)
def test_broken(tmp_path, old, new, message):
    """Each break of a sound pipeline is one line with the place."""
    assert old in WHOLE
    text = f"{HEADER}{WHOLE.replace(old, new)}\nendmodule\n"
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_one_register_without_enable(tmp_path):
    """A register that does not hold with the others is named, and so is one that is not cleared."""
    text = pipelined(multiplier(), Timing(2, True, True))
    line = next(line for line in text.splitlines() if "d1_" in line and "<= n" in line)
    name, moved = line.split()[0], line.strip()
    always = f"    always @(posedge clk) if (rst) {name} <= 1'b0; else {moved}\n"
    lone = text.replace(f"            {name} <= 1'b0;\n", "").replace(f"{line}\n", "")
    with pytest.raises(DataError, match=f"{name}: expected the enable .*, en, got none"):
        read(tmp_path, lone.replace("endmodule", f"{always}endmodule"))
    always = f"    always @(posedge clk) if (en) {moved}\n"
    with pytest.raises(DataError, match=f"{name}: expected the reset .*, rst, got none"):
        read(tmp_path, lone.replace("endmodule", f"{always}endmodule"))


def test_missing_register(tmp_path):
    """A register left out of one path is found whichever it is."""
    text = pipelined(multiplier(), Timing(3))
    moves = [line.strip() for line in text.splitlines() if "<=" in line]
    assert any(move.startswith("d") for move in moves)
    for move in moves:
        name, value = move.rstrip(";").split(" <= ")
        if name.startswith("d"):
            cut = text.replace(f"        {move}\n", "").replace(
                "    always", f"    assign {name} = {value};\n    always"
            )
            cut = cut.replace("reg d1_", "wire d1_").replace("always", "always", 1)
            declared = cut[cut.index("wire d1_") : cut.index(";", cut.index("wire d1_"))]
            others = declared.replace("wire ", "").replace(name, "").replace(", ,", ",")
            others = ", ".join(part.strip() for part in others.split(",") if part.strip())
            cut = cut.replace(declared, f"wire {name}; reg {others}" if others else f"wire {name}")
            with pytest.raises(DataError, match=r"joins|has the latency"):
                read(tmp_path, cut)
