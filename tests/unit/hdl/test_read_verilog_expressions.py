"""Operators of Verilog with the widths and signs of the standard, on all values of three inputs."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.errors import DataError
from btfsynth.hdl.verilog.circuit import evaluate
from btfsynth.hdl.verilog.read import read_verilog

HEADER = (
    "module m (input [3:0] a, input signed [2:0] s, input c, output {kind}[{top}:0] y);\n"
    "wire signed [2:0] w = -3;\nlocalparam [3:0] N = 5;\n"
)
VALUES = [(a, s if s < 4 else s - 8, c) for a in range(16) for s in range(8) for c in range(2)]


def outputs(folder, body, width, kind=""):
    """Values of y for all values of a, s and c."""
    path = folder / "m.v"
    path.write_text(f"{HEADER.format(top=width - 1, kind=kind)}{body}\nendmodule\n")
    numbers = np.array([a | (s & 7) << 4 | c << 7 for a, s, c in VALUES])
    inputs = (numbers[:, None] >> np.arange(8) & 1).astype(np.uint8)
    return (evaluate(read_verilog(path), inputs).astype(int) << np.arange(width)).sum(axis=1)


@pytest.mark.parametrize(
    ("expression", "width", "function"),
    [
        ("^a", 1, lambda a, s, c: a.bit_count() & 1),
        ("~^a", 1, lambda a, s, c: ~a.bit_count() & 1),
        ("{&a, ~&a, |a, ~|a}", 4, lambda a, s, c: 10 if a == 15 else 6 if a else 5),
        ("!a", 1, lambda a, s, c: a == 0),
        ("a && c", 1, lambda a, s, c: a > 0 and c),
        ("a || c", 1, lambda a, s, c: a > 0 or c),
        ("(a == 4'b0110) && c", 1, lambda a, s, c: a == 6 and c),
        ("a === s", 1, lambda a, s, c: a == s & 7),
        ("s != w", 1, lambda a, s, c: s != -3),
        ("a < 3", 1, lambda a, s, c: a < 3),
        ("s < w", 1, lambda a, s, c: s < -3),
        ("s <= a", 1, lambda a, s, c: (s & 7) <= a),
        ("s >= 0", 1, lambda a, s, c: s >= 0),
        ("s > 3'd2", 1, lambda a, s, c: (s & 7) > 2),
        ("a << 2", 4, lambda a, s, c: a << 2),
        ("a << 2", 6, lambda a, s, c: a << 2),
        ("(a << 2) >> 2", 4, lambda a, s, c: a & 3),
        ("s >>> 1", 3, lambda a, s, c: s >> 1),
        ("s >> 1", 5, lambda a, s, c: (s & 31) >> 1),
        ("8'he8 >> a[2:0]", 1, lambda a, s, c: 0xE8 >> (a & 7)),
        ("a >> {c, 1'b1}", 4, lambda a, s, c: a >> (2 * c + 1)),
        ("a + s", 6, lambda a, s, c: a + (s & 7)),
        ("s + w", 6, lambda a, s, c: s - 3),
        ("a - 1", 6, lambda a, s, c: a - 1),
        ("a * a", 8, lambda a, s, c: a * a),
        ("s * w", 6, lambda a, s, c: s * -3),
        ("-s", 4, lambda a, s, c: -s),
        ("+a", 5, lambda a, s, c: a),
        ("{1'b0, a + a}", 5, lambda a, s, c: (a + a) & 15),
        ("c ? s : a", 5, lambda a, s, c: s & 7 if c else a),
        ("a ? 2'd2 : 1", 2, lambda a, s, c: 2 if a else 1),
        ("{3{c, 1'b1}}", 6, lambda a, s, c: 0b111111 if c else 0b010101),
        ("$signed(a) >>> 1", 4, lambda a, s, c: (a - 16 if a > 7 else a) >> 1),
        ("$unsigned(s)", 5, lambda a, s, c: s & 7),
        ("{a[2 -: 2], a[0 +: 2]}", 4, lambda a, s, c: (a >> 1 & 3) << 2 | a & 3),
        ("a[{c, c}]", 1, lambda a, s, c: a >> 3 * c),
        ("a[N - 3]", 1, lambda a, s, c: a >> 2),
        ("a[N / 2] + N % 3", 3, lambda a, s, c: (a >> 2 & 1) + 2),
        ("-7 / 2", 4, lambda a, s, c: -3),
        ("-7 % 4", 4, lambda a, s, c: -3),
        ("a & c", 4, lambda a, s, c: a & c),
        ("~c", 3, lambda a, s, c: ~c),
        ("4'b1_0_1_0", 4, lambda a, s, c: 10),
        ("4 'b 1010 + 8'h 1_f", 6, lambda a, s, c: 10 + 31),
        ("c ? 3 'd 5 : 2", 3, lambda a, s, c: 5 if c else 2),
        ("4'sb1010", 6, lambda a, s, c: -6),
    ],
)
def test_operators(tmp_path, expression, width, function):
    """Operands are extended before the operator, by their sign if all of them are signed."""
    wanted = [int(function(*value)) & ((1 << width) - 1) for value in VALUES]
    assert outputs(tmp_path, f"assign y = {expression};", width).tolist() == wanted


def test_lists_of_assigns_and_of_nets_with_values(tmp_path):
    """One keyword for several; a wire with a value and one without in one declaration."""
    body = "wire [1:0] p = a[1:0], q, r = {c, c};\nassign #1 q = p ^ r,\n y = {q, p & r};"
    wanted = [((a & 3) ^ 3 * c) << 2 | (a & 3) & 3 * c for a, _, c in VALUES]
    assert outputs(tmp_path, body, 4).tolist() == wanted


@pytest.mark.parametrize(
    ("body", "function"),
    [
        ("always @* begin y = a; if (c) y = y + 1; end", lambda a, s, c: a + c),
        ("always @(a, c) if (a[0]) y = 1; else if (c) y = 2; else y = 3;",
         lambda a, s, c: 1 if a & 1 else 2 if c else 3),
        ("always @(a or s) case (a) 0, 1: y = 7; 4'd9: y <= s; default: y <= a; endcase"
         .replace("y = 7", "y <= 7"),
         lambda a, s, c: 7 if a < 2 else s if a == 9 else a),
        ("always @(*) begin y = 0; case (a[1:0]) 2'b01: y = 5; default: ; endcase end",
         lambda a, s, c: 5 if a & 3 == 1 else 0),
        ("always @* casez (a) 4'b1???: y = 1; 4'b?1?0: y = 2; default: y = 3; endcase",
         lambda a, s, c: 1 if a > 7 else 2 if a & 5 == 4 else 3),
        ("always @* casex (a) 4'b1xxx: y = 1; default: y = 3; endcase",
         lambda a, s, c: 1 if a > 7 else 3),
        ("always @* case (s) -1: y = 1; 3: y = 2; default: y = 0; endcase",
         lambda a, s, c: {-1: 1, 3: 2}.get(s, 0)),
        ("always @* case (1'b1) a[3]: y = 3; a[1]: y = 1; default: y = 0; endcase",
         lambda a, s, c: 3 if a > 7 else 1 if a & 2 else 0),
        ("always @* case (c) 1'b0: y = 4; 1'b1: y = a; endcase", lambda a, s, c: a if c else 4),
        ("always @* case (a[1:0]) 0, 3: y = 9; 1: y = 1; 2: y = 2; default: y = 4'bx; endcase",
         lambda a, s, c: [9, 1, 2, 9][a & 3]),
        ("reg z = 0; always @* begin if (z) begin end y = a; end", lambda a, s, c: a),
    ],
)  # fmt: skip
def test_combinational_blocks(tmp_path, body, function):
    """The last assign counts, branches are joined, the first label that matches is taken."""
    wanted = [function(*value) & 15 for value in VALUES]
    assert outputs(tmp_path, body, 4, "reg ").tolist() == wanted


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("always @* if (c) y = a;", "y.0. is not assigned on every path .* latch"),
        ("always @* case (a) 0: y = 1; 1: y = 2; endcase", "not assigned on every path .* latch"),
        ("always @(a) y = a & {4{c}};", "c is read, but the block does not wait for it.* latch"),
        ("reg q; always @* begin y = q; q = c; end", "q is read before it is assigned.* latch"),
        ("always @* y = y + 1;", "latch"),
        ("always @* begin y = a; y <= c; end", "assigned by both '=' and '<='"),
        ("always y = a;", "expected 'always @"),
        ("always @* begin y = a; #1 y = c; end", "a delay '#' before a statement"),
        ("always @* for (i = 0; i < 4; i = i + 1) y[i] = a[i];", "got a 'for' loop"),
        ("always @* y = a; always @* y = c;", "driven twice"),
        ("always @* y = a; assign y = c;", "is a register, not a wire"),
        ("always @* y = a[3:7];", r"a: no bits \[3:7\]"),
        ("always @* case (c) 0: y = a; default: y = 4'bx; endcase", "0 and 1, got 4'bx"),
        ("always @* y = 4'b10x0;", "expected a constant of 0 and 1"),
        ("always @* y = a % 3;", "the operator % is supported only on nonzero constants"),
        ("always @* y = ({2000{a}} * a) >> 1;", "a product of at most 1024 bits, got 8000"),
        ("always @* y = s[a];", "index that cannot leave the vector"),
        ("always @* $display(c);", "got a call of a task"),
        ("assign c[0] = a; always @* y = a;", "c is an input"),
    ],
)
def test_refused_blocks(tmp_path, body, message):
    """What would keep a value, and what is outside the subset, in the words of Verilog."""
    with pytest.raises(DataError, match=message) as caught:
        outputs(tmp_path, body, 4, "reg ")
    assert str(caught.value).startswith(str(tmp_path / "m.v"))


def test_a_table_of_many_rows(tmp_path):
    """A full case of 12 inputs is read within seconds; equal parts of it are one."""
    rows = "".join(f"12'd{v}: y = {v.bit_count() > 5:d};\n" for v in range(4096))
    path = tmp_path / "m.v"
    path.write_text(
        "module m (input [11:0] a, output reg y);\nalways @ (a) begin case (a)\n"
        f"{rows}endcase end\nendmodule\n"
    )
    circuit = read_verilog(path)
    assert len(circuit.gates) < 200
    numbers = np.arange(4096)
    inputs = (numbers[:, None] >> np.arange(12) & 1).astype(np.uint8)
    assert np.array_equal(evaluate(circuit, inputs)[:, 0], inputs.sum(axis=1) > 5)
