"""BENCH files by hand, the ISCAS circuit c17 among them, and files it must refuse."""

from __future__ import annotations

import pytest
from reading import computes, ports, source

from btfsynth.errors import DataError
from btfsynth.netlist.formats.bench import parse_bench
from btfsynth.netlist.netlist import Netlist

HEAD = "INPUT(a)\nINPUT(b)\nINPUT(c)\nOUTPUT(y)\n"

C17 = """# c17
INPUT(1)
INPUT(2)
INPUT(3)
INPUT(6)
INPUT(7)
OUTPUT(22)
OUTPUT(23)

10 = NAND(1, 3)
11 = NAND(3, 6)
16 = NAND(2, 11)
19 = NAND(11, 7)
22 = NAND(10, 16)
23 = NAND(16, 19)
"""


def read(text: str) -> Netlist:
    """The netlist of a text."""
    return parse_bench(source(text, "f.bench")).netlist


def test_c17():
    """The smallest of the ISCAS circuits; numbers are names."""
    netlist = read(C17)
    assert list(ports(netlist)[0]) == ["1", "2", "3", "6", "7"]

    def c17(i1, i2, i3, i6, i7):
        n11 = not (i3 and i6)
        n16, n19 = not (i2 and n11), not (n11 and i7)
        return not (not (i1 and i3) and n16), not (n16 and n19)

    assert computes(netlist, c17)
    assert netlist.n_cells == 6


@pytest.mark.parametrize(
    ("gate", "function"),
    [
        ("AND(a, b, c)", lambda a, b, c: a and b and c),
        ("or(a,b,c)", lambda a, b, c: a or b or c),
        ("NAND(a, b)", lambda a, b, c: not (a and b)),
        ("NOR(a, b, c)", lambda a, b, c: not (a or b or c)),
        ("XOR(a, b, c)", lambda a, b, c: a ^ b ^ c),
        ("XNOR(a, b)", lambda a, b, c: a == b),
        ("NOT(c)", lambda a, b, c: not c),
        ("BUFF(b)", lambda a, b, c: b),
        ("BUF(b)", lambda a, b, c: b),
        ("MAJ(a, b, c)", lambda a, b, c: a + b + c >= 2),
        ("AND(a)", lambda a, b, c: a),
        ("vdd", lambda a, b, c: True),
        ("gnd", lambda a, b, c: False),
        ("LUT 0xe8 (a, b, c)", lambda a, b, c: a + b + c >= 2),
        ("LUT 0x2 ( a, b )", lambda a, b, c: a and not b),
        ("LUT 0x1 ( )", lambda a, b, c: True),
    ],
)
def test_gates(gate, function):
    """Every gate, in either case, with any number of inputs."""
    assert computes(read(f"{HEAD}y = {gate}\n"), function)


def test_names_and_order():
    """Names with brackets, buses, gates before what they read."""
    netlist = read("INPUT(1GAT(0))\nINPUT(v[0])\nINPUT(v[1])\nOUTPUT(z)\nz = AND(t, 1GAT(0))\n"
                   "t = OR(v[0], v[1])  # later\n")  # fmt: skip
    assert ports(netlist) == ({"1GAT(0)": 1, "v": 2}, {"z": 1})
    assert computes(netlist, lambda g, v0, v1: g and (v0 or v1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y = DFF(a)", "f.bench:5: DFF is sequential"),
        ("y = FROB(a)", "f.bench:5: unknown gate 'FROB'"),
        ("y = NOT(a, b)", "f.bench:5: expected 1 inputs of NOT, got 2"),
        ("y = MAJ(a, b)", "f.bench:5: expected 3 inputs of MAJ, got 2"),
        ("y = AND()", "f.bench:5: expected at least 1 inputs of AND, got 0"),
        ("y = AND(a,, b)", "f.bench:5: expected the name of a net, got ''"),
        ("y AND a", "f.bench:5: expected INPUT(name)"),
        ("y = AND(a, q)", "f.bench:5: the net 'q' is not driven"),
        ("y = AND(a, b)\ny = OR(a, b)", "f.bench:6: the net 'y' is driven twice"),
        ("a = AND(b, c)\ny = NOT(a)", "f.bench:5: the net 'a' is driven twice, it is an input"),
        ("y = AND(a, t)\nt = NOT(y)", "f.bench:5: the net 'y' is part of a combinational loop"),
        ("y = NOT(y)", "f.bench:5: the net 'y' is part of a combinational loop"),
        ("OUTPUT(y)\ny = NOT(a)", "f.bench:5: the output 'y' is declared twice"),
        ("y = LUT (a, b)", "f.bench:5: expected a table"),
        ("y = LUT 0x1ff (a, b, c)", "f.bench:5: expected a table of 8 bits"),
        ("y = LUT 0x0 (a, a, a, a, a, a, a)", "f.bench:5: expected at most 6 inputs"),
        ("y = AND 0x1 (a, b)", "f.bench:5: expected a table after LUT only"),
    ],
)
def test_refused(text, message):
    """One clear line with file and line."""
    with pytest.raises(DataError) as caught:
        read(f"{HEAD}{text}\n")
    assert str(caught.value).startswith(message)


def test_a_multiplexer_and_constants():
    """The first input selects the second where it is 1, else the third."""
    netlist = read(
        "input( s )\nInput (a[0])\nINPUT(b.1)\noutput( y<0> )\nOUTPUT(z)\n"
        "y<0>=mux( s ,a[0],b.1 )\none = vcc\nz = Nand(one, n)\nn = inv(zero)\nzero = const0\n"
    )
    assert computes(netlist, lambda s, a, b: (a if s else b, False))
