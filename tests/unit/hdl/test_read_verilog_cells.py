"""Headers with expressions, parameters, delays and specify blocks, and cells of FPGAs in Verilog."""

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


@pytest.mark.parametrize(
    ("instance", "function"),
    [
        ("LUT2 #(.INIT(4'h8)) u (.I0(a), .I1(b), .O(y));", lambda a, b, c: a and b),
        ("LUT3 #(.INIT(8'hd8)) u (.I0(a), .I1(b), .I2(c), .O(y));",
         lambda a, b, c: 0xD8 >> (a + 2 * b + 4 * c) & 1),
        ("LUT4 u (.A(a), .B(b), .C(c), .D(1'b0), .Z(y)); defparam u.INIT = 16'h00d8;",
         lambda a, b, c: 0xD8 >> (a + 2 * b + 4 * c) & 1),
        ('LUT4 #(.INIT("0xD8D8")) u (.A(a), .B(b), .C(c), .D(b), .Z(y));',
         lambda a, b, c: 0xD8 >> (a + 2 * b + 4 * c) & 1),
        ("LUT1 #(.INIT(1)) u (.I0(a), .F(y));", lambda a, b, c: not a),
        ("SB_LUT4 #(.LUT_INIT(16'h00d8)) u (.I0(a), .I1(b), .I2(c), .I3(1'b0), .O(y));",
         lambda a, b, c: 0xD8 >> (a + 2 * b + 4 * c) & 1),
        ("SB_CARRY u (.I0(a), .I1(b), .CI(c), .CO(y));", lambda a, b, c: a + b + c > 1),
        ("MUXF7 u (.I0(a), .I1(b), .S(c), .O(y));", lambda a, b, c: b if c else a),
        ("L6MUX21 u (.D0(a), .D1(b), .SD(c), .Z(y));", lambda a, b, c: b if c else a),
        ("CARRY4 u (.CI(1'b0), .CYINIT(c), .DI({3'd0, a}), .S({3'd0, a ^ b}), .O({o, y}), .CO());"
         "wire [2:0] o;", lambda a, b, c: a ^ b ^ c),
        ("CARRY4 u (.CI(c), .CYINIT(1'b0), .DI({2'd0, a, 1'b1}), .S({2'd0, b, 1'b1}),"
         " .CO({o, y, x})); wire [1:0] o; wire x;", lambda a, b, c: c if b else a),
        ("LUT6_2 #(.INIT(64'h00000002_00000008)) u (.I0(a), .I1(b), .I2(1'b0), .I3(1'b0), "
         ".I4(1'b0), .I5(c), .O5(), .O6(y));", lambda a, b, c: (a and not b) if c else a and b),
        ("wire i, o; IBUF u (.I(a), .O(i)); INV v (.I(i), .O(o)); OBUF w (.I(o), .O(y));",
         lambda a, b, c: not a),
        ("wire p, g; VCC u (.P(p)); GND v (.G(g)); assign y = p & a | g;", lambda a, b, c: a),
        ("CCU2C #(.INIT0(16'h96AA), .INIT1(16'h96AA), .INJECT1_0(\"NO\"), .INJECT1_1(\"NO\")) u "
         "(.CIN(c), .A0(a), .B0(b), .C0(1'b0), .D0(1'b1), .A1(1'b0), .B1(1'b0), .C1(1'b0), "
         ".D1(1'b0), .S0(y), .S1(), .COUT());", lambda a, b, c: a ^ b ^ c),
        ("\\$_AOI3_ u (.A(a), .B(b), .C(c), .Y(y));", lambda a, b, c: not ((a and b) or c)),
    ],
)  # fmt: skip
def test_cells(tmp_path, instance, function):
    """Lookup tables, carries, buffers and constants, vendors told apart by the ports."""
    text = f"module m (input a, b, c, output y);\n{instance}\nendmodule\n"
    assert computes(read(tmp_path, text), function)


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        ("LUT2 u (.I0(a), .I1(b), .O(y));", "LUT2 u: the parameter INIT is missing"),
        ("LUT2 #(.INIT(16'h8000)) u (.I0(a), .I1(b), .O(y));", "INIT: expected at most 4 bits"),
        ("LUT2 #(.INIT(8), .INIT(7)) u (.I0(a), .I1(b), .O(y));", "LUT2: INIT is given twice"),
        ("LUT2 #(.INIT(8)) u (.I0(a), .O(y));", "LUT2: the input I1 is not connected"),
        ("LUT2 #(.INIT(8)) u (.A(a), .B(b), .Y(y));", "LUT2 is not defined in this file; .*techmap"),
        ("LUT2 #(.INIT(8)) u (y, a, b);", "LUT2: expected connections by name"),
        ("LUT2 #(.INIT(8)) u (.I0({a, b}), .I1(b), .O(y));", "expected 1 bits at I0, got 2"),
        ("LUT2 #(.INIT(8)) u (.I0(a), .I1(b), .O(~y));", "got the operator ~"),
    ],
)  # fmt: skip
def test_cells_refused(tmp_path, instance, message):
    """Without a table, with one of another width, or with other ports."""
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"module m (input a, b, c, output y);\n{instance}\nendmodule\n")
