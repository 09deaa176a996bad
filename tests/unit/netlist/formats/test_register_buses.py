"""Registers that are read as ports: those of a bus are buses on both sides, in every format."""

from __future__ import annotations

import pytest

from btfsynth.hdl.formats import read_design
from btfsynth.netlist.formats.nets import following_name

BLIF = """.model m
.inputs a
.outputs y
.latch d0 q[0] 0
.latch d1 q[1] 0
.names a d0
1 1
.names q[0] d1
1 1
.names q[1] y
1 1
.end
"""
VERILOG = """module m(input k, input a, output y); reg [1:0] q; assign y = q[1];
always @(posedge k) q <= {q[0], a}; endmodule
"""
AIGER = """aag 3 1 2 1 0
2
4 2
6 4
6
i0 a
l0 q[0]
l1 q[1]
o0 y
"""


@pytest.mark.parametrize(
    ("file", "content", "first"),
    [("m.blif", BLIF, ["a"]), ("m.v", VERILOG, ["k", "a"]), ("m.aag", AIGER, ["a"])],
)
def test_next_states_of_a_bus_are_a_bus(tmp_path, file, content, first):
    """So that their number is read as one, as that of the states is."""
    (tmp_path / file).write_text(content)
    netlist = read_design(tmp_path / file, comb=True)
    assert [(port.name, port.width) for port in netlist.input_ports] == [
        *((name, 1) for name in first),
        ("q", 2),
    ]
    assert [(port.name, port.width) for port in netlist.output_ports] == [("y", 1), ("q_in", 2)]


def test_names_of_next_states():
    assert [following_name(name) for name in ("q", "q[3]", "s.t[0][1]", "[1]", "a]")] == [
        "q_in", "q_in[3]", "s.t[0]_in[1]", "[1]_in", "a]_in"
    ]  # fmt: skip
