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
    ("body", "message"),
    [
        ("assign y = a[3:7];", r"a: no bits \[3:7\]"),
        ("assign y = 4'b10x0;", "expected a constant of 0 and 1"),
        ("assign y = a % 3;", "the operator % is supported only on nonzero constants"),
        ("assign y = ({2000{a}} * a) >> 1;", "a product of at most 1024 bits, got 8000"),
        ("assign y = s[a];", "index that cannot leave the vector"),
        ("assign y = a; assign c = a[0];", "c is an input"),
        ("reg q; always @* q = c; assign y = q;", r"expected 'always @\(posedge clock\)'"),
        ("reg q; always q = a; assign y = q;", r"expected 'always @\(posedge clock\)'"),
    ],
)
def test_refused(tmp_path, body, message):
    """What is outside the subset, in the words of Verilog."""
    with pytest.raises(DataError, match=message) as caught:
        outputs(tmp_path, body, 4)
    assert str(caught.value).startswith(str(tmp_path / "m.v"))
