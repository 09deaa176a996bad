"""Hierarchical Verilog as netlists: gate primitives, instances, old-style ports, escaped names."""

from __future__ import annotations

import pytest
from reading import computes, ports

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.read import read_verilog_netlist
from btfsynth.netlist.netlist import Netlist

CELLS = """
module AND(input a, b, output y); assign y = a & b; endmodule
module MAJ(a, b, c, y);
  input a, b, c; output y; wire y;
  assign y = (a & b) | (a & c) | (b & c);
endmodule
"""


def read(folder, text: str) -> Netlist:
    """The netlist of a text."""
    path = folder / "f.v"
    path.write_text(text)
    return read_verilog_netlist(path)


@pytest.mark.parametrize(
    ("gate", "function"),
    [
        ("and (y, a, b, c);", lambda a, b, c: a and b and c),
        ("nand g1 (y, a, b);", lambda a, b, c: not (a and b)),
        ("or g1 (y, a, b, c);", lambda a, b, c: a or b or c),
        ("nor g1 (y, a, b, c);", lambda a, b, c: not (a or b or c)),
        ("xor g1 (y, a, b, c);", lambda a, b, c: a ^ b ^ c),
        ("xnor g1 (y, a, b, c);", lambda a, b, c: not (a ^ b ^ c)),
        ("not g1 (y, a);", lambda a, b, c: not a),
        ("buf g1 (w, y, a);", lambda a, b, c: a),
        ("and g1 (w, a, b), g2 (y, w, ~c);", lambda a, b, c: a and b and not c),
    ],
)
def test_primitives(tmp_path, gate, function):
    """Of any number of inputs, unnamed too, with nets that are not declared."""
    text = f"module m(a, b, c, y); input a, b, c; output y;\n{gate}\nendmodule\n"
    assert computes(read(tmp_path, text), function)


def test_cells_are_flattened(tmp_path):
    """Named and positional connections, two levels, an open output."""
    netlist = read(
        tmp_path,
        CELLS + "module pair(input [1:0] v, output y, z); AND u(v[0], v[1], y); MAJ w(.a(v[0]), "
        ".b(1'b1), .c(v[1]), .y(z)); endmodule\n"
        "module top(input [1:0] v, input s, output [1:0] q);\n"
        "wire t; pair p(.v({s, v[1]}), .y(t), .z());\n"
        "MAJ u(.y(q[1]), .a(t), .b(v[0]), .c(s)); assign q[0] = t; endmodule\n",
    )
    assert netlist.name == "top"
    assert ports(netlist) == ({"v": 2, "s": 1}, {"q": 2})
    assert computes(netlist, lambda v0, v1, s: (v1 and s, (v1 and s) + v0 + s >= 2))


def test_a_majority_cell_is_one_majority(tmp_path):
    """Once it has been looked for."""
    from strategies import complete_reference

    from btfsynth.passes.basic import Detect

    text = f"{CELLS}module t(input a, b, c, output y); MAJ u(a, b, c, y); endmodule\n"
    text = text.replace("module AND(input a, b, output y); assign y = a & b; endmodule\n", "")
    netlist = read(tmp_path, text)
    assert Detect().apply(netlist, complete_reference(netlist)).n_cells == 1


def test_ranges_and_escaped_names(tmp_path):
    """Vectors of any range, and scalar ports that are the bits of a bus."""
    netlist = read(
        tmp_path,
        "module \\my$mod (\\p[0] , \\p[1] , v, w, y);\ninput \\p[0] , \\p[1] ; input [4:3] v;\n"
        "input [0:1] w; output [1:0] y;\n"
        "assign y = {\\p[0] & v[3], \\p[1] ^ w[1]};\nendmodule\n",
    )
    assert ports(netlist) == ({"p": 2, "v": 2, "w": 2}, {"y": 2})
    assert computes(netlist, lambda p0, p1, v3, v4, w1, w0: (p1 ^ w1, p0 and v3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always @(posedge a) y <= b;", ":2: y is not declared as a register"),
        ("reg r; assign r = a;", ":2: r is a register, not a wire"),
        ("initial y = 0;", ":2: y is not declared as a register"),
        ("reg r; initial r = a;", ":2: expected a constant as the first value"),
        ("function f; input x; f = x; endfunction", ":2: .* got a 'function'"),
        ("NOPE u(a, b, y);", ":2: the module NOPE is not defined in this file"),
        ("AND u(a, b, y, a);", ":2: AND: expected 3 connections, got 4"),
        ("AND u(.a(a), .q(b), .y(y));", ":2: AND: q is no port"),
        ("AND u(.a(a), .a(b), .y(y));", ":2: AND: a is connected twice"),
        ("AND u(.a(a), .y(y));", ":2: u.b is not driven"),
        ("AND u(a, b, y); AND v(a, b, y);", ":2: y is driven twice"),
        ("AND u(a, {a, b}, y);", ":2: 2 bits are assigned to 1"),
        ("AND u(a, y, y);", "y is part of a combinational loop|combinational loop"),
        ("AND u(a, b, ~y);", r":2: expected a net.* got the operator ~ \(unary\)"),
        ("AND u(a, b, + y);", r":2: expected a net.* got the operator \+ \(unary\)"),
        ("AND #(3) u(a, b, y);", ":2: AND: expected at most 0 parameters"),
        ("AND u[1:0] (a, b, y);", ":2: AND: arrays of instances are not supported"),
        ("AND u(, b, y);", ":2: u.a is not driven"),
        ("and g(y);", ":2: and: expected an output and an input"),
        ("and g(y, {a, b});", ":2: and: expected one bit, got 2"),
        ("and g(.y(y), .a(a), .b(b));", ":2: and: expected connections by position"),
        ("assign y = a;\nendmodule\nmodule k(input a, output y);", "expected one top module"),
        ("k u(a, y);\nendmodule\nmodule k(input a, output y); k v(a, y);", ":4: .*contains itself"),
        ("assign y = a;\nendmodule\nmodule AND(input a);", ":4: the module AND is defined twice"),
        ("input q; assign y = a;", ":2: q is not among the ports"),
    ],
)
def test_refused(tmp_path, text, message):
    """Sequential and unknown constructs and unsound circuits, with their line."""
    cell = "module AND(input a, b, output y); assign y = a & b; endmodule "
    head = f"{cell if 'AND' in text else ''}module m(input a, b, output y);\n"
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"{head}{text}\nendmodule\n")


def test_cells_that_are_not_used(tmp_path):
    """The top is the one module that has instances, whatever cells stand beside it."""
    text = f"{CELLS}module t(input a, b, output y); AND u(a, b, y); endmodule\n"
    assert read(tmp_path, text).name == "t"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            "module AND(input a, b, inout y);\nendmodule",
            r"cells\.v:1: y: expected an input or an out",
        ),
        ("module AND(a, b, y);\ninput a, b; endmodule", r"cells\.v:1: the port y is not declared"),
        (
            "\n\nmodule AND #(parameter N = a) (input a, b, output y);\nendmodule",
            r"cells\.v:3: a is not declared",
        ),
        (
            "module AND(input a, b, q, output y);\nassign y = q;\nendmodule",
            r"m\.v:2: u\.q is not dri",
        ),
        ("module AND(input a, b, output y);\nendmodule", r"m\.v:2: u\.y is not driven"),
        (
            "module AND(input a, b, output y);\nwire w;\nassign w = ~w;\nassign y = w;\nendmodule",
            r"cells\.v:3: u\.w is part of a combinational loop",
        ),
        (
            "module AND(input a, b, output y);\n\nassign y = a & y;\nendmodule",
            r"cells\.v:3: u\.y is part of a combinational loop",
        ),
    ],
)
def test_the_file_that_is_named(tmp_path, cells, message):
    """The library for what it declares and drives itself, the design for how its cells are used."""
    design, library = tmp_path / "m.v", tmp_path / "cells.v"
    design.write_text("module m(input a, b, output y);\nAND u(.a(a), .b(b), .y(y));\nendmodule\n")
    library.write_text(cells + "\n")
    with pytest.raises(DataError, match=message):
        read_verilog_netlist(design, library)


def test_no_output(tmp_path):
    """A module without outputs computes nothing."""
    with pytest.raises(DataError, match="has no output"):
        read(tmp_path, "module m(input a); endmodule\n")


def test_one_name_for_two_bits(tmp_path):
    """A bus and a scalar of the name of its bit."""
    with pytest.raises(DataError, match=r"bit named 'p\[0\]'"):
        read(
            tmp_path,
            "module m(input [1:0] p, input \\p[0] , output y); assign y = p[0]; endmodule\n",
        )
