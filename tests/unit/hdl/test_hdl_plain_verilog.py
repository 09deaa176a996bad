"""Verilog for other readers: nothing but what the grammars of ABC and mockturtle have."""

from __future__ import annotations

import re

import numpy as np
from hardware import full_adder, multiplier, netlists, outputs_of, vectors_of
from hypothesis import given, settings

from btfsynth.hdl.formats import WRITERS
from btfsynth.hdl.verilog.circuit import evaluate
from btfsynth.hdl.verilog.read import read_verilog

NAME = r"[A-Za-z_]\w*(\[\d+\])?"
OPERAND = rf"~?({NAME}|1'b[01])"
PAIR = rf"\({OPERAND} & {OPERAND}\)"
LINES = re.compile(
    rf"//.*|module \w+ \(|    [\w, ]+|\);|    (input|output) (\[\d+:\d+\] )?\w+;|    wire [\w, ]+;?"
    rf"|         [\w, ]+;?|    assign {NAME} = ({OPERAND}( [&|] {OPERAND})?|{PAIR} \| {PAIR} \| {PAIR});"
    r"|endmodule"
)


def test_every_line_is_plain():
    """Names in the header, declarations in the body, a gate a line, no directive, no block comment."""
    for netlist in (full_adder(), multiplier()):
        text = WRITERS["verilog"].content(netlist)[0].decode()
        for line in text.splitlines():
            assert LINES.fullmatch(line), line
        ports = [port.name for port in (*netlist.input_ports, *netlist.output_ports)]
        header = re.search(r"module \w+ \(([^)]*)\);", text)
        assert header is not None
        assert re.findall(r"\w+", header[1]) == ports


@given(netlists())
@settings(deadline=None, max_examples=40)
def test_same_function(tmp_path_factory, netlist):
    """Every random netlist comes back."""
    path = tmp_path_factory.getbasetemp() / "plain.v"
    path.write_bytes(WRITERS["verilog"].content(netlist)[0])
    inputs = vectors_of(netlist).inputs
    assert np.array_equal(evaluate(read_verilog(path), inputs), outputs_of(netlist, inputs))
