"""Headers with expressions, parameters, delays and specify blocks in Verilog."""

from __future__ import annotations

import pytest
from reading import computes, ports

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.read import read_verilog_netlist
from btfsynth.netlist.netlist import Netlist


def read(folder, text: str) -> Netlist:
    """The netlist of a text."""
    path = folder / "f.v"
    path.write_text(text)
    return read_verilog_netlist(path)


def test_ports_that_are_expressions(tmp_path):
    """Inner nets under outer names, of the top and of an instance."""
    netlist = read(
        tmp_path,
        "module half (.p({x, y}), .s(t), .co(k[1]));\ninput x, y; output t; output [1:1] k;\n"
        "assign t = x ^ y, k[1] = x & y;\nendmodule\n"
        "module top (.v(w), .sum(s), c);\ninput [1:0] w; output s, c;\n"
        "half h (.p(w), .s(s), .co(c));\nendmodule\n",
    )
    assert ports(netlist) == ({"v": 2}, {"sum": 1, "c": 1})
    assert computes(netlist, lambda a, b: (a ^ b, a and b))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{a, b}, y", "expected a name for a port that is an expression"),
        (".a(a), .b(b), .a(y)", "a is declared twice"),
        (".p({a, y}), b", "a port joins an input and an output"),
        (".p(a), .q(a), b, y", "a is an input"),
        (".p(z), a, b, y", "the port z is not declared"),
    ],
)
def test_ports_refused(tmp_path, header, message):
    """Ports that have no name, or one bit twice, or bits of both directions."""
    with pytest.raises(DataError, match=message):
        read(
            tmp_path,
            f"module m ({header});\ninput a, b; output y;\nassign y = a & b;\nendmodule\n",
        )


def test_time_says_nothing_of_the_function(tmp_path):
    """Delays of gates, assigns, wires and registers, specify blocks and specparams."""
    netlist = read(
        tmp_path,
        "`timescale 1ns/1ps\n`celldefine\nmodule ND2 (Y, A, B);\noutput Y; input A, B;\n"
        "nand #(1:2:3, 4) (Y, A, B);\nspecparam t = 1.5;\nspecify\n(A => Y) = (0.1:0.2:0.3);\n"
        "if (A) (posedge B *> (Y +: A)) = t;\n$setup(A, posedge B &&& A, 0);\nendspecify\n"
        "endmodule\n`endcelldefine\nmodule core (p, q, r);\ninput p, q; output r;\nwire #2 x = ~p;\n"
        "wire z;\nND2 u (.A(x), .B(q), .Y(z));\nor #1 g (r, z, p), h (o, p, q);\nendmodule\n",
    )
    assert computes(netlist, lambda p, q: not (not p and q) or p)


def test_a_library_with_tables(tmp_path):
    """Tables of primitives are passed over; an instance of one is refused."""
    table = (
        "primitive mux (y, s, a);\noutput y; input s, a;\ntable\n0 ? : 0;\nendtable\nendprimitive\n"
    )
    netlist = read(tmp_path, f"{table}module m (input a, output y);\nnot (y, a);\nendmodule\n")
    assert computes(netlist, lambda a: not a)
    with pytest.raises(DataError, match=":8: the module mux is not defined"):
        read(tmp_path, f"{table}module m (input a, output y);\nmux u (y, a, a);\nendmodule\n")


def test_parameters(tmp_path):
    """By name, by position, by defparam, and as they are."""
    netlist = read(
        tmp_path,
        "module bit #(parameter W = 2, parameter [W-1:0] T = 2'b10) (input a, output y);\n"
        "localparam I = W - 1;\nassign y = T[I] ^ a;\nendmodule\n"
        "module top (input a, output [3:0] y);\nbit u (a, y[0]);\nbit #(.T(1)) v (a, y[1]);\n"
        "bit #(3, 3'b100) w (a, y[2]);\nbit x (a, y[3]);\ndefparam x.W = 1, x.T = 1'b0;\nendmodule\n",
    )
    assert computes(netlist, lambda a: (not a, a, not a, a))
