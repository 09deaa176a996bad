"""Cells of FPGAs and flip-flops as Yosys leaves them in Verilog, JSON and BLIF."""

from __future__ import annotations

import json

import pytest
from reading import computes, source

from btfsynth.errors import DataError, SequentialError
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.yosys import has_yosys
from btfsynth.netlist.formats.blif import parse_blif
from btfsynth.netlist.formats.yosys_json import parse_yosys_json
from btfsynth.ports import bit_names

needs_yosys = pytest.mark.skipif(not has_yosys(), reason="needs Yosys")


CELLS = [
    ("LUT2", {"INIT": "1000"}, {"I0": 2, "I1": 3, "O": 5}),
    ("SB_LUT4", {"LUT_INIT": "0" * 8 + "11101000"}, {"I0": 2, "I1": 3, "I2": 4, "I3": "0", "O": 6}),
    ("MUXF7", {}, {"I0": 2, "I1": 3, "S": 4, "O": 7}),
]
PORTS = {"a": 2, "b": 3, "c": 4, "x": 5, "y": 6, "z": 7}


def wanted(a, b, c):
    """What `CELLS` compute."""
    return a and b, a + b + c > 1, b if c else a


def as_json(cells, ports=PORTS):
    """A file of Yosys with these cells; ports whose nets are pins of outputs are outputs."""
    driven = {pins[pin] for _, _, pins in cells for pin in ("O", "Q", "Y") if pin in pins}
    module = {
        "ports": {
            name: {"direction": "output" if net in driven else "input", "bits": [net]}
            for name, net in ports.items()
        },
        "cells": {
            f"u{place}": {
                "type": kind,
                "parameters": parameters,
                "connections": {pin: [net] for pin, net in pins.items()},
            }
            for place, (kind, parameters, pins) in enumerate(cells)
        },
        "netnames": {name: {"bits": [net]} for name, net in ports.items()},
    }
    return source(json.dumps({"creator": "Yosys", "modules": {"m": module}}), "m.json")


def as_blif(cells, ports=PORTS, word=".subckt"):
    """The same as BLIF."""
    names = {net: name for name, net in ports.items()} | {"0": "zero"}
    lines = [".model m", ".inputs a b c", ".outputs x y z", ".names zero"]
    for kind, parameters, pins in cells:
        nets = " ".join(f"{pin}={names[net]}" for pin, net in pins.items())
        lines.append(f"{word} {kind} {nets}")
        lines.extend(f".param {name} {value}" for name, value in parameters.items())
    return source("\n".join([*lines, ".end"]) + "\n", "m.blif")


def test_cells_of_json():
    """Tables, and cells without parameters."""
    assert computes(parse_yosys_json(as_json(CELLS)).netlist, wanted)


@pytest.mark.parametrize("word", [".subckt", ".gate"])
def test_cells_of_blif(word):
    """Parameters follow the instance."""
    assert computes(parse_blif(as_blif(CELLS, word=word)).netlist, wanted)


def test_a_carry_chain_of_json():
    """Pins that are vectors; an undefined one that is needed is refused."""
    file = as_json([], {"s": 2, "c": 3, "o": 4})
    document = json.loads("\n".join(file.lines))
    module = document["modules"]["m"]
    module["ports"]["o"]["direction"] = "output"
    module["cells"]["u"] = {
        "type": "CARRY4",
        "connections": {
            "CI": ["0"], "CYINIT": [3], "S": [2, "x", "x", "x"], "DI": ["x"] * 4,
            "O": [4, 5, 6, 7], "CO": [],
        },
    }  # fmt: skip
    undefined = source(json.dumps(document), "m.json")
    with pytest.raises(DataError, match="constant x' is not driven"):
        parse_yosys_json(undefined)
    module["cells"]["u"]["connections"]["S"] = [2, 2, 2, 2]
    module["cells"]["u"]["connections"]["DI"] = [3, 3, 3, 3]
    netlist = parse_yosys_json(source(json.dumps(document), "m.json")).netlist
    assert computes(netlist, lambda s, c: s != c)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (("LUT2", {}, CELLS[0][2]), "the parameter INIT is missing"),
        (("LUT2", {"INIT": "10000"}, CELLS[0][2]), "expected at most 4 bits, got 0x10"),
        (("LUT2", {"INIT": "1x00"}, CELLS[0][2]), "expected digits 0 and 1, got '1x00'"),
        (("LUT2", {"INIT": "1000"}, {"I0": 2, "O": 5}), "the input I1 is not connected"),
        (("DSP48E1", {}, CELLS[0][2]), "DSP48E1"),
    ],
)
def test_cells_refused(cell, message):
    """A table that is missing is not taken for one of zeros."""
    with pytest.raises(DataError, match=message):
        parse_yosys_json(as_json([cell, *CELLS[1:]]))
    with pytest.raises(DataError, match=message):
        parse_blif(as_blif([cell, *CELLS[1:]]))


FLIPFLOPS = [
    ("$_DFF_P_", {"D": "a"}, lambda a, b, c, q: a),
    ("$_DFFE_PN_", {"D": "a", "E": "b"}, lambda a, b, c, q: q if b else a),
    ("$_DFF_NP1_", {"D": "a", "R": "b"}, lambda a, b, c, q: b or a),
    ("$_SDFFE_PN0P_", {"D": "a", "R": "b", "E": "c"}, lambda a, b, c, q: b and (a if c else q)),
    ("$_SDFFCE_PP1P_", {"D": "a", "R": "b", "E": "c"}, lambda a, b, c, q: (b or a) if c else q),
    ("FDRE", {"D": "a", "R": "b", "CE": "c"}, lambda a, b, c, q: not b and (a if c else q)),
    ("FDPE", {"D": "a", "PRE": "b", "CE": "c"}, lambda a, b, c, q: b or (a if c else q)),
    ("SB_DFFESR", {"D": "a", "R": "b", "E": "c"}, lambda a, b, c, q: (a and not b) if c else q),
    ("SB_DFFER", {"D": "a", "R": "b", "E": "c"}, lambda a, b, c, q: not b and (a if c else q)),
    ("DFFCE", {"D": "a", "CLEAR": "b", "CE": "c"}, lambda a, b, c, q: not b and (a if c else q)),
    ("DFFS", {"D": "a", "SET": "b"}, lambda a, b, c, q: b or a),
]


@pytest.mark.parametrize(("kind", "pins", "function"), FLIPFLOPS)
def test_flipflops_become_ports(kind, pins, function):
    """In JSON and BLIF: the output is an input, what it takes over an output behind the others."""
    ports = {"a": 2, "b": 3, "c": 4, "q": 5}
    cell = (kind, {}, {pin: ports[net] for pin, net in (pins | {"Q": "q"}).items()})
    blif = as_blif([cell], ports)
    text = "\n".join(blif.lines).replace(".outputs x y z", ".outputs q")
    for netlist in (
        parse_yosys_json(as_json([cell], ports), comb=True).netlist,
        parse_blif(source(text, "m.blif"), comb=True).netlist,
    ):
        assert bit_names(netlist.input_ports) == ["a", "b", "c", "q"]
        assert bit_names(netlist.output_ports) == ["q", "q_in"]
        assert computes(netlist, lambda a, b, c, q: (q, function(a, b, c, q)))


@needs_yosys
@pytest.mark.parametrize("family", ["$", "F", "SB", "DFF"])
def test_flipflops_of_verilog_become_ports(tmp_path, family):
    """Those of one vendor in one file, through Yosys."""
    kinds = [each for each in FLIPFLOPS if each[0].startswith(family)]
    clock = "CLK" if family == "DFF" else "C"
    lines = []
    for k, (kind, pins, _) in enumerate(kinds):
        named = ", ".join(f".{pin}({net})" for pin, net in pins.items())
        lines.append(f"\\{kind} u{k} (.{clock}(k), .Q(q[{k}]), {named});")
    path = tmp_path / "m.v"
    header = f"module m (input a, b, c, k, output [{len(kinds) - 1}:0] q);"
    path.write_text("\n".join([header, *lines, "endmodule\n"]))
    netlist = read_design(path, comb=True)

    _, *following = bit_names(netlist.output_ports)[len(kinds) - 1 :]
    order = [int(name[5]) for name in following]  # q_in[1]

    def function(a, b, c, k, *q):
        return (*q, *(kinds[place][2](a, b, c, q[place]) for place in order))

    assert sorted(order) == list(range(len(kinds)))
    assert computes(netlist, function)


@needs_yosys
def test_registers_of_verilog(tmp_path):
    """Of any block with a clock, whatever resets it and wherever it stands."""
    path = tmp_path / "m.v"
    path.write_text(
        "module m (input clk, rst, d, output reg [1:0] q, output y);\nstage s (clk, q[1], y);\n"
        "initial q = 2'd1;\nalways @(posedge clk or negedge rst)\n"
        "if (!rst) q <= 2'b10; else case (q) 1: q <= 2; 2: q[0] <= d; default: q <= q + d; endcase\n"
        "endmodule\nmodule stage (input c, d, output o); reg t; assign o = ~t;\n"
        "always @(negedge c) begin t = d; t = t & o; end\nendmodule\n"
    )
    with pytest.raises(SequentialError):
        read_design(path)
    netlist = read_design(path, comb=True)
    assert bit_names(netlist.input_ports) == ["clk", "rst", "d", "q[0]", "q[1]", "s.t"]
    assert bit_names(netlist.output_ports) == ["q[0]", "q[1]", "y", "q_in[0]", "q_in[1]", "s.t_in"]

    def following(clk, rst, d, q0, q1, t):
        q = q0 + 2 * q1
        after = 2 if not rst or q == 1 else 2 + d if q == 2 else (q + d) & 3
        return q0, q1, not t, after & 1, after >> 1, q1 and not t

    assert computes(netlist, following)


def test_latches_of_sis(tmp_path):
    """An ``always`` that waits for nothing holds the latches of a netlist, all of which change at once."""
    path = tmp_path / "m.v"
    path.write_text(
        "module m (d, q);\ninput d; output q; reg q, \\[1] ;\nalways begin\n\\[1]  = d;\nq = \\[1] ;\n"
        "end\ninitial begin\n\\[1]  = 0; q = 1;\nend\nendmodule\n"
    )
    netlist = read_design(path, comb=True)
    assert bit_names(netlist.input_ports) == ["d", "[1]", "q"]
    assert computes(netlist, lambda d, state, q: (q, d, state))


@needs_yosys
def test_latches_of_blocks(tmp_path):
    """What a block without a clock does not always assign is cut as well, and nothing else."""
    path = tmp_path / "m.v"
    path.write_text(
        "module m (input g, d, output reg q, y);\nalways @(g or d) begin\ny = g & d;\n"
        "if (g) q = d;\nend\nendmodule\n"
    )
    with pytest.raises(SequentialError, match=r":2: q is a latch"):
        read_design(path)
    netlist = read_design(path, comb=True)
    assert bit_names(netlist.input_ports) == ["g", "d", "q"]
    assert bit_names(netlist.output_ports) == ["q", "y", "q_in"]
    assert computes(netlist, lambda g, d, q: (q, g and d, d if g else q))


@needs_yosys
def test_inputs_of_no_effect_may_be_open(tmp_path):
    """Yosys leaves inputs open that a table does not depend on."""
    path = tmp_path / "m.v"
    text = 'module m(input c, d, output z);\nLUT4 #(.INIT("0x{}")) u (.C(c), .D(d), .Z(z));\nendmodule\n'
    path.write_text(text.format("0ff0"))
    assert computes(read_design(path), lambda c, d: c != d)
    path.write_text(text.format("0ff8"))
    with pytest.raises(DataError, match=r"depends on u\.A, which nothing drives"):
        read_design(path)
    blif = ".model m\n.inputs c d\n.outputs z\n.subckt LUT3 I0=c I2=d O=z\n.param INIT {}\n.end\n"
    netlist = parse_blif(source(blif.format("10100000"), "m.blif")).netlist
    assert computes(netlist, lambda c, d: c and d)
    with pytest.raises(DataError, match="the input I1 is not connected"):
        parse_blif(source(blif.format("10000000"), "m.blif"))
