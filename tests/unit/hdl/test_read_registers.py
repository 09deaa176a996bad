"""Registers of netlist files: refused, or cut into ports as ABC's ``comb`` does it."""

from __future__ import annotations

import json

import pytest
from reading import computes, ports, source

from btfsynth.errors import DataError, SequentialError
from btfsynth.hdl.formats import read_design
from btfsynth.netlist.formats.aiger import parse_aiger
from btfsynth.netlist.formats.bench import parse_bench
from btfsynth.netlist.formats.blif import parse_blif
from btfsynth.netlist.formats.nets import Design
from btfsynth.netlist.formats.yosys_json import parse_yosys_json
from btfsynth.ports import bit_names

BLIF = """.model count
.inputs en clk
.outputs wrap
.clock clk
.latch {first}
.latch n1 q1 re clk 2
.names en q0 n0
10 1
01 1
.names en q0 q1 n1
0-1 1
101 1
110 1
.names en q0 q1 wrap
111 1
.end
"""
BENCH = """INPUT(en)
OUTPUT(wrap)
q0 = {dff}(n0)
q1 = {dff}(n1)
n0 = XOR(en, q0)
c = AND(en, q0)
n1 = XOR(c, q1)
wrap = AND(c, q1)
"""
AAG = """aag 11 1 2 1 8{more}
2
4 {next0}{reset}
6 23
16
8 2 5
10 3 4
12 9 11
14 2 4
16 14 6
18 15 6
20 14 7
22 19 21
"""


def named(design: Design) -> tuple[list[str], list[str]]:
    """The bit names of the inputs and of the outputs in order."""
    netlist = design.netlist
    return bit_names(netlist.input_ports), bit_names(netlist.output_ports)


def counter(en, q0, q1):
    """A counter of two bits: its carry and its next state."""
    return en and q0 and q1, en != q0, (en and q0) != q1


@pytest.mark.parametrize(
    "first", ["n0 q0", "n0 q0 3", "n0 q0 re clk", "n0 q0 al en 1", "n0 q0 as NIL 0"]
)
def test_latches_of_blif(first):
    """Every form of a latch; the clock is no net that anything reads."""
    design = parse_blif(source(BLIF.format(first=first), "f.blif"), comb=True)
    assert named(design) == (["en", "clk", "q0", "q1"], ["wrap", "q0_in", "q1_in"])
    assert computes(design.netlist, lambda en, _, q0, q1: counter(en, q0, q1))


def test_registers_as_abc_writes_them():
    """With control pins that are tied to ground."""
    text = (
        "INPUT(a)\nOUTPUT(q)\nq           = DFFRSE( d, gnd, gnd, gnd, gnd )\nd = LUT 0x6 ( a, q )\n"
    )
    design = parse_bench(source(text, "f.bench"), comb=True)
    assert named(design) == (["a", "q"], ["q", "q_in"])
    assert computes(design.netlist, lambda a, q: (q, a != q))


@pytest.mark.parametrize("dff", ["DFF", "dff", "LATCH", "DFF0", "dff1"])
def test_registers_of_bench(dff):
    """Real ports come first, then those of registers in the order of the file."""
    design = parse_bench(source(BENCH.format(dff=dff), "f.bench"), comb=True)
    assert named(design) == (["en", "q0", "q1"], ["wrap", "q0_in", "q1_in"])
    assert computes(design.netlist, counter)


@pytest.mark.parametrize("reset", ["", " 0", " 1", " 4"])
def test_latches_of_aiger(reset):
    """Any reset value of version 1.9; without names there are the ports l and l_in."""
    content = AAG.format(more="", next0=13, reset=reset)
    design = parse_aiger(source(content, "f.aag"), comb=True)
    assert ports(design.netlist) == ({"x": 1, "l": 2}, {"y": 1, "l_in": 2})
    assert computes(design.netlist, counter)
    assert design.notes == ()
    design = parse_aiger(source(f"{content}i0 en\nl0 q0\nl1 q1\no0 q0_in\n", "f.aag"), comb=True)
    assert named(design) == (["en", "q0", "q1"], ["q0_in", "q0_in_", "q1_in"])
    assert computes(design.netlist, counter)


def test_latches_of_binary_aiger():
    """q' = q & a, with the reset value left open."""
    design = parse_aiger(source(b"aig 3 1 1 1 1\n6 4\n7\n\x02\x02", "f.aig"), comb=True)
    assert ports(design.netlist) == ({"x": 1, "l": 1}, {"y": 1, "l_in": 1})
    assert computes(design.netlist, lambda a, q: (not (a and q), a and q))


def test_bad_states_are_outputs():
    """So are constraints, with a note; what has no output at all has at least these."""
    content = "aag 2 1 1 0 0 1 1\n2\n4 2\n5\n3\nb0 oops\n"
    design = parse_aiger(source(content, "f.aag"), comb=True)
    assert named(design)[1] == ["oops", "constraint", "l_in"]
    assert computes(design.netlist, lambda a, q: (not q, not a, a))
    assert design.notes == ("read as outputs: 1 bad state and 1 constraint",)


def test_a_register_that_is_an_output():
    """And one that reads an input, another one, or the same net as a third."""
    text = "INPUT(a)\nOUTPUT(q)\nOUTPUT(q_in)\nq = DFF(a)\nr = DFF(q)\nq_in = DFF(q)\n"
    design = parse_bench(source(text, "f.bench"), comb=True)
    assert named(design) == (["a", "q", "r", "q_in"], ["q", "q_in", "q_in_", "r_in", "q_in_in"])
    assert computes(design.netlist, lambda a, q, r, s: (q, s, a, q, q))


def test_registers_of_instances():
    """Each instance has its own."""
    text = (
        ".model top\n.inputs a clk\n.outputs y\n.subckt ff d=a q=t clk=clk\n"
        ".subckt ff d=t q=y clk=clk\n.end\n"
        ".model ff\n.inputs d\n.outputs q\n.clock clk\n.latch d r re clk 0\n"
        ".names r q\n0 1\n.end\n"
    )
    design = parse_blif(source(text, "f.blif"), comb=True)
    (a, clk, second, first), (y, second_in, first_in) = named(design)
    assert (a, clk, y) == ("a", "clk", "y")
    assert len({first, second}) == 2
    assert (first_in, second_in) == (f"{first}_in", f"{second}_in")
    assert not any(character.isspace() for character in first + second)
    assert computes(design.netlist, lambda a, _, s, f: (not s, not f, a))


@pytest.mark.parametrize(
    ("cell", "following"),
    [
        ("FDRE C=clk D=d CE=e R=r Q=q", lambda d, e, r, q: not r and (d if e else q)),
        (
            "FDSE C=clk D=d CE=e S=r Q=q\n.param IS_D_INVERTED 1\n.param IS_S_INVERTED 1",
            lambda d, e, r, q: not r or (not d if e else q),
        ),
        (
            "FDRE C=clk D=d CE=e R=r Q=q\n.param IS_D_INVERTED 0",
            lambda d, e, r, q: not r and (d if e else q),
        ),
        (
            'TRELLIS_FF CLK=clk DI=d CE=e LSR=r Q=q\n.param CEMUX "INV"\n.param REGSET "SET"',
            lambda d, e, r, q: r or (q if e else d),
        ),
        (
            'TRELLIS_FF CLK=clk DI=d CE=e LSR=r Q=q\n.param CEMUX "CE"\n.param LSRMUX "INV"',
            lambda d, e, r, q: r and (d if e else q),
        ),
        ("TRELLIS_FF CLK=clk DI=d CE=e Q=q", lambda d, e, r, q: d),
        ("LDCE D=d G=clk GE=e CLR=r Q=q", None),
        ("$_DFFE_PN_ C=clk D=d E=e Q=q", lambda d, e, r, q: q if e else d),
        ("$_SDFFCE_PN1N_ C=clk D=d R=r E=e Q=q", lambda d, e, r, q: q if e else (d or not r)),
    ],
)
def test_flip_flops_of_a_library(cell, following):
    """Polarities and the order of reset and enable are those of the library."""
    text = f".model top\n.inputs clk d e r\n.outputs q\n.subckt {cell}\n.end\n"
    netlist = parse_blif(source(text, "f.blif"), comb=True).netlist
    if following is None:  # a latch, open while G and GE are on
        assert computes(netlist, lambda c, d, e, r, q: (q, not r and (d if c and e else q)))
    else:
        assert computes(netlist, lambda c, d, e, r, q: (q, following(d, e, r, q)))


def test_flip_flops_of_ecp5_refuse_what_is_unknown():
    """A preload has another function."""
    cell = 'TRELLIS_FF CLK=c DI=d M=d LSR=d Q=q\n.param LSRMODE "PRLD"'
    text = f".model t\n.inputs c d\n.outputs q\n.subckt {cell}\n.end\n"
    with pytest.raises(DataError, match="the parameter LSRMODE: expected LSR, got 'PRLD'"):
        parse_blif(source(text, "f.blif"), comb=True)


def test_initial_values_of_flip_flops_may_be_undefined(tmp_path):
    """As Yosys writes them for Xilinx."""
    path = tmp_path / "f.v"
    cell = "FDRE #(.INIT(1'hx)) f (.C(c), .CE(1'h1), .D(d), .Q(q), .R(r));"
    path.write_text(f"module t(input c, d, r, output q);\n{cell}\nendmodule\n")
    assert computes(read_design(path, comb=True), lambda c, d, r, q: (q, d and not r))


def test_flip_flops_that_nothing_reads():
    """They are no ports, but the circuit is sequential all the same."""
    text = ".model t\n.inputs c d\n.outputs y\n.subckt $_DFF_P_ C=c D=d\n.names d y\n0 1\n.end\n"
    netlist = parse_blif(source(text, "f.blif"), comb=True).netlist
    assert computes(netlist, lambda c, d: (not d,))
    cells = {
        "f": {"type": "$_DFF_P_", "connections": {"C": [2], "D": [3], "Q": []}},
        "g": {"type": "$_NOT_", "connections": {"A": [3], "Y": [4]}},
    }
    sides = {"c": ("input", 2), "d": ("input", 3), "y": ("output", 4)}
    named_ports = {name: {"direction": side, "bits": [bit]} for name, (side, bit) in sides.items()}
    module = {"ports": named_ports, "cells": cells, "netnames": {}}
    written = json.dumps({"modules": {"t": module}})
    assert computes(
        parse_yosys_json(source(written, "f.json"), comb=True).netlist, lambda c, d: (not d,)
    )
    for parse, whole in ((parse_blif, text), (parse_yosys_json, written)):
        with pytest.raises(SequentialError, match="DFF_P_"):
            parse(source(whole, "f"))


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_blif, BLIF.format(first="n0 q0"), "f:5: .latch is sequential"),
        (parse_bench, BENCH.format(dff="DFF"), "f:3: DFF is sequential"),
        (parse_aiger, AAG.format(more="", next0=13, reset=""), "f:1: the circuit is sequential"),
    ],
)
def test_refused_unless_they_are_to_be_ports(parse, text, message):
    """An error of its own kind, so that the command line can name its option."""
    with pytest.raises(SequentialError) as caught:
        parse(source(text, "f"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_blif, BLIF.format(first="n0"), "f:5: expected .latch input output"),
        (parse_blif, BLIF.format(first="n0 q0 re"), "f:5: expected .latch input output"),
        (parse_blif, BLIF.format(first="n0 q0 xx clk 0"), "f:5: expected .latch input output"),
        (parse_blif, BLIF.format(first="n0 q0 re clk 4"), "f:5: expected .latch input output"),
        (parse_blif, BLIF.format(first="n0 en"), "f:5: the net 'en' is driven twice"),
        (parse_bench, "INPUT(a)\nq = DFFRSE(a, a)\nOUTPUT(q)\n", "f:2: expected the control pins"),
        (parse_blif, BLIF.format(first="none q0"), "f:5: the net 'none' is not driven"),
        (
            parse_bench,
            "INPUT(a)\nq = DFF(a, a)\nOUTPUT(q)\n",
            "f:2: expected 1 input of DFF, got 2",
        ),
        (
            parse_aiger,
            AAG.format(more="", next0=13, reset=" 2"),
            "f:3: expected the next state of latch 4 and optionally 0, 1 or 4",
        ),
        (parse_aiger, AAG.format(more="", next0=99, reset=""), "f:3: expected a literal of at"),
        (parse_aiger, AAG.format(more=" 0 0 1", next0=13, reset=""), "f:1: justice properties"),
    ],
)
def test_malformed_registers(parse, text, message):
    """One clear line."""
    with pytest.raises(DataError) as caught:
        parse(source(text, "f"), comb=True)
    assert message in str(caught.value)
