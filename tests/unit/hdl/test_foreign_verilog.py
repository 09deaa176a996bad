"""Verilog and SystemVerilog of other tools, read through Yosys."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from reading import computes

from btfsynth.errors import DataError, SequentialError, UnreadError
from btfsynth.hdl import foreign
from btfsynth.hdl.formats import read_noted
from btfsynth.hdl.yosys import has_yosys
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent

needs_yosys = pytest.mark.skipif(not has_yosys(), reason="needs Yosys")

REGISTER = """
module myreg #(parameter DataWidth = 16) (input [DataWidth-1:0] data_in, input wire clk, rst,
    output reg [DataWidth-1:0] data_out);
  always @(posedge clk) begin
    if (!rst) data_out <= data_in;
    else data_out <= 0;
  end
endmodule
"""


def rom(name, width, out, seed):
    """A neuron as LogicNets writes it, and its table."""
    table = np.random.default_rng(seed).integers(0, 1 << out, 1 << width)
    rows = "\n".join(
        f"      {width}'b{key:0{width}b}: M1r = {out}'b{value:0{out}b};"
        for key, value in enumerate(table.tolist())
    )
    return (
        table,
        f"""
module {name} (input [{width - 1}:0] M0, output [{out - 1}:0] M1);
  (*rom_style = "distributed" *) reg [{out - 1}:0] M1r;
  assign M1 = M1r;
  always @ (M0) begin
    case (M0)
{rows}
    endcase
  end
endmodule
""",
    )


FIRST, SECOND = ((0, 1, 2, 3), (2, 4, 5, 1), (3, 0, 5, 4)), (5, 4, 2, 1, 0, 3)


def logicnet():
    """Two layers between registers; the text, and the outputs for all inputs."""
    neurons = [rom(f"layer0_N{place}", 4, 2, place) for place in range(3)]
    last = rom("layer1_N0", 6, 2, 7)
    wires = "".join(
        f"  layer0_N{place} n{place} (.M0({{{', '.join(f'M0[{bit}]' for bit in bits[::-1])}}}), "
        f".M1(M1[{2 * place + 1}:{2 * place}]));\n"
        for place, bits in enumerate(FIRST)
    )
    shuffled = ", ".join(f"M1w[{bit}]" for bit in SECOND[::-1])
    text = (
        REGISTER
        + "".join(part for _, part in neurons)
        + last[1]
        + f"module layer0 (input [5:0] M0, output [5:0] M1);\n{wires}endmodule\n"
        + "module logicnet (input [5:0] M0, input clk, input rst, output [1:0] M2);\n"
        + "  wire [5:0] M0w, M1, M1w;\n"
        + "  myreg #(.DataWidth(6)) r0 (.data_in(M0), .clk(clk), .rst(rst), .data_out(M0w));\n"
        + "  layer0 l0 (.M0(M0w), .M1(M1));\n"
        + "  myreg #(.DataWidth(6)) r1 (.data_in(M1), .clk(clk), .rst(rst), .data_out(M1w));\n"
        + f"  layer1_N0 l1 (.M0({{{shuffled}}}), .M1(M2));\nendmodule\n"
    )
    inputs = (np.arange(64)[:, None] >> np.arange(6)) & 1
    hidden = []
    for (table, _), bits in zip(neurons, FIRST, strict=True):
        value = table[inputs[:, bits] @ (1 << np.arange(4))]
        hidden += [value & 1, value >> 1]
    value = last[0][np.stack(hidden, axis=1)[:, SECOND] @ (1 << np.arange(6))]
    return text, inputs.astype(np.uint8), np.stack([value & 1, value >> 1], axis=1)


def read(folder, text, name="design.v", comb=False):
    path = folder / name
    path.write_text(text)
    return read_noted(path, comb)


def values(netlist, *ports):
    """The number at the outputs for numbers at the ports."""
    vector = [
        value >> bit & 1
        for port, value in zip(netlist.input_ports, ports, strict=True)
        for bit in range(port.width)
    ]
    bits = evaluate(netlist, np.array([vector], dtype=np.uint8))[0]
    return int(bits @ (1 << np.arange(len(bits))))


@needs_yosys
def test_a_hierarchy_of_roms(tmp_path):
    """The registers go, with clock and reset; the function is that of the tables."""
    text, inputs, wanted = logicnet()
    design = read(tmp_path, text)
    assert design.latency == 2
    assert design.netlist.name == "logicnet"
    assert design.netlist.input_ports == (Port("M0", 6),)
    assert design.netlist.output_ports == (Port("M2", 2),)
    assert np.array_equal(evaluate(design.netlist, inputs), wanted)
    assert design.notes[1] == (
        "a pipeline of latency 2; clk is the clock, rst is held at 0, and no longer among the inputs"
    )


@needs_yosys
def test_system_verilog(tmp_path):
    """Ranges and order of the ports are those of the file."""
    netlist = read(
        tmp_path,
        """module alu #(parameter int N = 4) (input logic [N-1:0] a, b, input logic [1:0] op,
                output logic [N:0] y, output logic [0:2] ones);
           always_comb begin
             ones = '0;
             for (int i = 0; i < N; i++) ones = ones + 3'(a[i]);
             unique case (op)
               0: y = a + b;  1: y = a * b[1:0];  2: y = {1'b0, a >> b[1:0]};  3: y = {5{a < b}};
             endcase
           end
           endmodule""",
        "alu.sv",
    ).netlist  # fmt: skip
    assert netlist.output_ports == (Port("y", 5), Port("ones", 3, 2, -1))
    inputs = (np.arange(1024)[:, None] >> np.arange(10) & 1).astype(np.uint8)
    a, b, op = np.arange(1024) & 15, np.arange(1024) >> 4 & 15, np.arange(1024) >> 8
    y = np.choose(op, [a + b, a * (b & 3) & 31, a >> (b & 3), 31 * (a < b)])
    wanted = np.hstack(
        [
            y[:, None] >> np.arange(5) & 1,
            inputs[:, :4].sum(1, dtype=int)[:, None] >> np.arange(3) & 1,
        ]
    )
    assert np.array_equal(evaluate(netlist, inputs), wanted)


MULTIPLY = """module m (input [2:0] a, b, input clk, rst, en, output reg [5:0] y);
  reg [2:0] ra, rb;
  always @(posedge clk) if (rst) begin ra <= 0; rb <= 0; y <= 0; end
    else if (en) begin ra <= a; rb <= b; y <= ra * rb; end
endmodule
"""


@needs_yosys
@pytest.mark.parametrize("family", ["xilinx -flatten", "ice40"])
def test_mapped_netlists(tmp_path, family):
    """A netlist of Yosys' own mapping: LUTs, carries, buffers and flip-flops of a vendor."""
    (tmp_path / "m.v").write_text(MULTIPLY)
    script = f"read_verilog m.v; synth_{family}; write_verilog -noattr mapped.v"
    yosys = foreign.find_confined_yosys()
    subprocess.run([*yosys.command, "-q", "-p", script], cwd=tmp_path, check=True)
    source, mapped = (read_noted(tmp_path / name) for name in ("m.v", "mapped.v"))
    assert source.latency == mapped.latency == 2
    assert equivalent(source.netlist, mapped.netlist).equal
    assert mapped.notes[1].endswith(
        "clk is the clock, rst is held at 0, en is held at 1, and no longer among the inputs"
    )


PIPE = "module t (input [1:0] a, b, input clk, r, output reg [1:0] y);\nreg [1:0] p, q;\n"


@needs_yosys
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            f"{PIPE}always @(posedge clk) begin p <= a;\ny <= p + b; end\nendmodule",
            r"t.v:4: a gate joins p\[0\] of 1 register and b\[0\] of 0 registers, expected the same",
        ),
        (
            f"{PIPE}always @(posedge clk)\ny <= y + a;\nendmodule",
            r"t.v:[34]: the register y\[0\] depends on its own value",
        ),
        (
            f"{PIPE}always @(posedge clk)\nif (a == b) y <= a;\nendmodule",
            r"t.v:[34]: the register y\[[01]\] keeps its value depending on ",
        ),
        (
            f"{PIPE}always @(posedge clk) p <= a;\nalways @(negedge clk) y <= p;\nendmodule",
            r"t.v:4: p\[0\] and y\[0\] do not change at the same edge of one clock",
        ),
        (
            f"{PIPE}always @(posedge clk or posedge a[0]) if (a[0]) y <= 0;\nelse y <= b;\nendmodule",
            r"t.v:[34]: the register y\[[01]\] is set asynchronously by a\[0\]",
        ),
        (
            f"{PIPE}always @(posedge a[1])\ny <= b;\nendmodule",
            r"t.v:[34]: y\[[01]\]: expected a clock that is an input of one bit .*, got a\[1\]",
        ),
        (
            f"{PIPE}always_latch if (r) y = a;\nendmodule",
            r"t.v:3: y\[[01]\] is a latch: it keeps its value",
        ),
    ],
)  # fmt: skip
def test_registers_of_no_pipeline(tmp_path, text, wanted):
    """One line says which register, and where; as ports they can be read all the same."""
    with pytest.raises(SequentialError, match=wanted):
        read(tmp_path, text, "t.v")


@needs_yosys
def test_registers_as_ports(tmp_path):
    text = (
        "module t (input clk, d, output logic q);\nalways_ff @(posedge clk) q <= q ^ d;\nendmodule"
    )
    netlist = read(tmp_path, text, "t.sv", comb=True).netlist
    assert [port.name for port in netlist.input_ports] == ["clk", "d", "q"]
    assert [port.name for port in netlist.output_ports] == ["q", "q_in"]


@needs_yosys
def test_a_reset_by_data_is_data(tmp_path):
    """A register that an input clears computes an AND, and so does the netlist."""
    text = "module t (input a, d, clk, output logic q);\nalways_ff @(posedge clk)\n"
    netlist = read(tmp_path, f"{text}if (a) q <= 0; else q <= d;\nendmodule", "t.sv").netlist
    assert [values(netlist, a, d) for a in (0, 1) for d in (0, 1)] == [0, 1, 0, 0]


HEAD = "module t (input [1:0] a, input b, output logic y);\n"


@needs_yosys
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            f"{HEAD}always_comb case (a) 0: y = b; 1: y = 1; default: y = 'x; endcase\nendmodule",
            "t.sv: the output y depends on an x; give it a value",
        ),
        (
            f"{HEAD}logic w;\nassign y = w & b;\nendmodule",
            "t.sv: the output y depends on w, which nothing drives",
        ),
        (f"{HEAD}assign y = a[0] ? b : 1'bz;\nendmodule", "t.sv:2: y can be z, expected 0 or 1"),
        (f"{HEAD}assign y = a[0];\nassign y = b;\nendmodule", "t.sv: .*driven more than once"),
        (
            f"{HEAD}logic p, q;\nassign p = q | b, q = p & a[0], y = q;\nendmodule",
            "t.sv:3: [pqy] is part of a combinational loop",
        ),
        (
            "module t (input logic a, inout wire c, output y);\nassign y = a & c;\nendmodule",
            "t.sv: the port c is an inout",
        ),
        (f"{HEAD}\nother u (a, b, y);\nendmodule", "t.sv:3: the module other is not in this file"),
        (f"{HEAD}assign y = ;\nendmodule", "t.sv:2: syntax error, unexpected ';'"),
        (f'{HEAD}`include "/etc/passwd"\nendmodule', "t.sv:2: `include includes another file"),
        (
            f'{HEAD}reg m [0:1];\ninitial $readmemh("../x", m);\nassign y = m[b];\nendmodule',
            r"t.sv:3: \$readmemh includes another file",
        ),
        (
            f"`define J(x, y) x``y\n{HEAD}initial `J($read, memh)(0);\nendmodule",
            "t.sv:1: `` joins words by macros",
        ),
    ],
)  # fmt: skip
def test_what_is_no_function(tmp_path, text, wanted):
    with pytest.raises(DataError, match=wanted):
        read(tmp_path, text, "t.sv")


@needs_yosys
def test_values_that_no_output_depends_on(tmp_path):
    """An x where nothing reads it is no error, even if no gate shows that."""
    netlist = read(
        tmp_path,
        f"{HEAD}always_comb case (a) 0: y = b; 1: y = 1; 2: y = 0; 3: y = !b; endcase\nendmodule",
        "t.sv",
    ).netlist
    assert [values(netlist, a, b) for a in range(4) for b in (0, 1)] == [0, 1, 1, 1, 0, 0, 1, 0]
    assert netlist.input_ports == (Port("a", 2), Port("b", 1))


@needs_yosys
def test_a_module_that_nothing_uses(tmp_path):
    """A note says which module is read."""
    other = "module spare (input a, output y);\nassign y = a;\nendmodule\n"
    inner = "module inner (input a, output y);\nassign y = !a;\nendmodule\n"
    text = f"{other}{inner}module t (input logic a, output y);\ninner i (a, y);\nendmodule"
    design = read(tmp_path, text, "t.sv")
    assert design.netlist.name == "t"
    assert design.notes[1] == "t is taken as the top module; nothing uses spare either"


@needs_yosys
def test_words_that_are_names_in_verilog(tmp_path):
    """A .v file may call a net as SystemVerilog calls a type."""
    text = "module t (input bit, do, output reg y);\nalways @* case (bit) 0: y = do; 1: y = !do; endcase\n"
    netlist = read(tmp_path, f"{text}endmodule").netlist
    assert [values(netlist, a, b) for a in (0, 1) for b in (0, 1)] == [0, 1, 1, 0]


def test_what_to_install_for_system_verilog(tmp_path, monkeypatch):
    """A declaration that the own reader takes for a mistake is none: the line says what reads the file."""
    monkeypatch.setattr(foreign, "has_yosys", lambda: False)
    path = tmp_path / "x.sv"
    path.write_text(
        "module x(input logic [1:0] a, output logic y);\nalways_comb y = ^a;\nendmodule\n"
    )
    with pytest.raises(DataError, match=r"x.sv:\d+: .*; Yosys reads more .*: pip install"):
        read_noted(path)


def test_without_yosys(tmp_path, monkeypatch):
    """Structural Verilog is read; of other constructs one line says what reads them."""
    monkeypatch.setattr(foreign, "has_yosys", lambda: False)
    plain = "module t (input a, b, output y);\nassign y = a & ~b;\nendmodule"
    assert read(tmp_path, plain).netlist.n_cells == 1
    text = "module t (input a, output y);\nfunction f(input x); f = !x; endfunction\nendmodule"
    with pytest.raises(UnreadError, match=r"design.v:2: .*; Yosys reads more .*: pip install"):
        read(tmp_path, text)


@needs_yosys
def test_yosys_sees_only_its_folder(tmp_path):
    """What the look at the text might miss, the package of Yosys cannot open."""
    yosys = foreign.find_confined_yosys()
    if yosys.command[0] != sys.executable:
        pytest.skip("a program, not the package")
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.v").write_text("module secret; endmodule\n")
    for name in ("../secret.v", os.fspath(tmp_path / "secret.v")):
        (inner / "design.v").write_text(f'`include "{name}"\n')
        done = foreign.run_yosys(yosys, ["read_verilog design.v"], inner, 600)
        assert done.returncode
        assert "Can't open include file" in done.stderr


@needs_yosys
def test_memories_that_are_only_read(tmp_path):
    """Also with a word that is not given, as long as nothing asks for it."""
    head = "module t (input [3:0] a, output [2:0] y);\nreg [2:0] m [0:15];\ninteger k;\n"
    words = "".join(f"m[{k}] = {3 * k % 8};\n" for k in range(16) if k != 6)
    inside = f"{head}initial begin\n{words}end\n"
    netlist = read(tmp_path, f"{inside}assign y = m[a == 6 ? 4'd0 : a];\nendmodule", "t.sv").netlist
    assert [values(netlist, a) for a in range(16)] == [3 * a % 8 * (a != 6) for a in range(16)]
    with pytest.raises(DataError, match=r"the output y\[0\] depends on an x"):
        read(tmp_path, f"{inside}assign y = m[a];\nendmodule", "t.sv")
    written = f"{head}assign y = m[a];\nalways @(posedge a[0]) m[a] <= a[2:0];\nendmodule"
    with pytest.raises(SequentialError, match=r"t.sv:.*expected a clock|the register "):
        read(tmp_path, written, "t.sv")


def look_up(table):
    return lambda a, b, c: table >> (a + 2 * b + 4 * c) & 1


CELLS = {
    "Xilinx": [
        ("LUT2 #(.INIT(4'h8)) {u} (.I0(a), .I1(b), .O({y}));", lambda a, b, c: a and b),
        ("LUT3 #(.INIT(8'hd8)) {u} (.I0(a), .I1(b), .I2(c), .O({y}));", look_up(0xD8)),
        ("MUXF7 {u} (.I0(a), .I1(b), .S(c), .O({y}));", lambda a, b, c: b if c else a),
        ("CARRY4 {u} (.CI(1'b0), .CYINIT(c), .DI({{3'd0, a}}), .S({{3'd0, a ^ b}}), .O({{o, {y}}}), "
         ".CO()); wire [2:0] o;", lambda a, b, c: a ^ b ^ c),
        ("CARRY4 {u} (.CI(c), .CYINIT(1'b0), .DI({{2'd0, a, 1'b1}}), .S({{2'd0, b, 1'b1}}), "
         ".CO({{p, {y}, x}})); wire [1:0] p; wire x;", lambda a, b, c: c if b else a),
        ("LUT6_2 #(.INIT(64'h00000002_00000008)) {u} (.I0(a), .I1(b), .I2(1'b0), .I3(1'b0), "
         ".I4(1'b0), .I5(c), .O5(), .O6({y}));", lambda a, b, c: (a and not b) if c else a and b),
        ("wire i, o1; IBUF {u}i (.I(a), .O(i)); INV {u}n (.I(i), .O(o1)); OBUF {u}o (.I(o1), .O({y}));",
         lambda a, b, c: not a),
        ("wire h, g; VCC {u}v (.P(h)); GND {u}g (.G(g)); assign {y} = h & a | g;", lambda a, b, c: a),
    ],
    "iCE40": [
        ("SB_LUT4 #(.LUT_INIT(16'h00d8)) {u} (.I0(a), .I1(b), .I2(c), .I3(1'b0), .O({y}));",
         look_up(0xD8)),
        ("SB_CARRY {u} (.I0(a), .I1(b), .CI(c), .CO({y}));", lambda a, b, c: a + b + c > 1),
    ],
    "ECP5": [
        ("LUT4 {u} (.A(a), .B(b), .C(c), .D(1'b0), .Z({y})); defparam {u}.INIT = 16'h00d8;",
         look_up(0xD8)),
        ('LUT4 #(.INIT("0xD8D8")) {u} (.A(a), .B(b), .C(c), .D(b), .Z({y}));', look_up(0xD8)),
        ('LUT4 {u} (.A(a), .B(b), .C(c), .D(b), .Z({y})); defparam {u}.INIT = "0xD8D8";',
         look_up(0xD8)),
        ("L6MUX21 {u} (.D0(a), .D1(b), .SD(c), .Z({y}));", lambda a, b, c: b if c else a),
    ],
    "Gowin": [("LUT1 #(.INIT(1)) {u} (.I0(a), .F({y}));", lambda a, b, c: not a)],
    "Yosys": [("\\$_AOI3_ {u} (.A(a), .B(b), .C(c), .Y({y}));", lambda a, b, c: not ((a and b) or c))],
}  # fmt: skip
"""Instances of cells of one bit each, by vendor, and what they compute."""


@needs_yosys
@pytest.mark.parametrize("vendor", list(CELLS))
def test_cells(tmp_path, vendor):
    """Lookup tables, carries, buffers and constants, vendors told apart by names and ports."""
    cells = CELLS[vendor]
    lines = [line.format(u=f"u{k}", y=f"y[{k}]") for k, (line, _) in enumerate(cells)]
    header = f"module m (input a, b, c, output [{len(cells) - 1}:0] y);"
    netlist = read(tmp_path, "\n".join([header, *lines, "endmodule"])).netlist
    assert computes(netlist, lambda a, b, c: tuple(function(a, b, c) for _, function in cells))


def test_cells_without_yosys(tmp_path, monkeypatch):
    """One line that names the module and says what to install."""
    monkeypatch.setattr(foreign, "has_yosys", lambda: False)
    text = (
        "module m (input a, b, output y);\nLUT2 #(.INIT(8)) u (.I0(a), .I1(b), .O(y));\nendmodule\n"
    )
    wanted = r"v:2: the module LUT2 is not defined in this file; .*Yosys reads more of Verilog: .*install"
    with pytest.raises(UnreadError, match=wanted):
        read(tmp_path, text)


BLOCKS = [
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
]  # fmt: skip
"""Blocks that assign ``y``, and its value for those of ``a``, ``s`` and ``c``."""


@needs_yosys
def test_combinational_blocks(tmp_path):
    """The last assign counts, branches are joined, the first label that matches is taken."""
    lines = [
        re.sub(r"\by\b", f"y{k}", re.sub(r"\bz\b", f"z{k}", body))
        for k, (body, _) in enumerate(BLOCKS)
    ]
    ports = ", ".join(f"output reg [3:0] y{k}" for k in range(len(BLOCKS)))
    header = f"module m (input [3:0] a, input signed [2:0] s, input c, {ports});"
    netlist = read(tmp_path, "\n".join([header, *lines, "endmodule"])).netlist
    values = [(a, s if s < 4 else s - 8, c) for c in range(2) for s in range(8) for a in range(16)]
    inputs = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    found = evaluate(netlist, inputs).reshape(256, -1, 4) @ (1 << np.arange(4))
    wanted = [[function(*each) & 15 for _, function in BLOCKS] for each in values]
    assert np.array_equal(found, wanted)


@needs_yosys
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("always @* if (c) y = a;", "latch"),
        ("always @* case (a) 0: y = 1; 1: y = 2; endcase", "latch"),
        ("always @* y = a; always @* y = c;", "driven more than once"),
        ("always @* case (c) 0: y = a; default: y = 4'bx; endcase", "depends on an x"),
    ],
)
def test_refused_blocks(tmp_path, body, message):
    """What would keep a value, is driven twice, or is undefined."""
    text = f"module m (input [3:0] a, input c, output reg [3:0] y);\n{body}\nendmodule\n"
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_blocks_without_yosys(tmp_path, monkeypatch):
    """One line that says what to install."""
    monkeypatch.setattr(foreign, "has_yosys", lambda: False)
    text = "module m (input a, output reg y);\nalways @* y = ~a;\nendmodule\n"
    with pytest.raises(UnreadError, match=r"v:2: expected 'always .*; Yosys reads more .*install"):
        read(tmp_path, text)
