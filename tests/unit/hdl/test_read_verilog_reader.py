"""The reader against the emitter, against truth tables by hand, and files it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hardware import netlists, outputs_of, vectors_of
from hypothesis import given, settings

from btfsynth.errors import DataError
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.verilog.circuit import evaluate
from btfsynth.hdl.verilog.emit import emit_verilog
from btfsynth.hdl.verilog.read import read_verilog
from btfsynth.netlist.identifiers import legal_names

ALL = np.array([[v >> bit & 1 for bit in range(3)] for v in range(8)], dtype=np.uint8)
HEADER = "module m (\n  input wire [1:0] a,\n  input wire b,\n  output wire [1:0] p\n);\n"


def read(tmp_path, text):
    """The circuit of a text."""
    path = tmp_path / "m.v"
    path.write_text(text)
    return read_verilog(path)


def body(tmp_path, text):
    """Outputs of a module with this body for all values of a[0], a[1], b."""
    return evaluate(read(tmp_path, f"{HEADER}{text}\nendmodule\n"), ALL)


@given(netlists())
@settings(deadline=None)
def test_reads_what_the_emitter_writes(tmp_path_factory, netlist):
    """Every random netlist comes back with the same function."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports)
    path = tmp_path_factory.getbasetemp() / "random.v"
    path.write_text(emit_verilog(HardwareModule(netlist, names, {})))
    inputs = vectors_of(netlist).inputs
    assert np.array_equal(evaluate(read_verilog(path), inputs), outputs_of(netlist, inputs))


def test_operators(tmp_path):
    """Precedence, selection, constants and concatenation mean what Verilog says."""
    a0, a1, b = ALL.T.astype(bool)
    got = body(tmp_path, "assign p = {a[0] | a[1] & ~b, b ? a[1] ^ a[0] : 1'b1};")
    assert np.array_equal(got[:, 1], a0 | (a1 & ~b))
    assert np.array_equal(got[:, 0], np.where(b, a1 ^ a0, True))
    got = body(
        tmp_path,
        "wire [1:0] w;\nassign {p[0], w[1]} = 2'h2;\nassign p[1] = w[1];\nassign w[0] = a[0] ~^ b;",
    )
    assert got.tolist() == [[1, 0]] * 8
    got = body(tmp_path, "assign p = a[1:0] & {b, b};")
    assert np.array_equal(got, (ALL[:, :2] & ALL[:, 2:]))


def test_exclusive_nor_binds_like_exclusive_or(tmp_path):
    """``^~`` is one operator, weaker than ``&``; with a blank between it is two."""
    a0, a1, b = ALL.T.astype(bool)
    got = body(tmp_path, "assign p = {a[0] ^~ a[1] & b, a[0] ^ ~ a[1] & b};")
    assert np.array_equal(got[:, 1], a0 == (a1 & b))
    assert np.array_equal(got[:, 0], a0 ^ (~a1 & b))


def test_attributes(tmp_path):
    """They stand before anything, and may hold any text and several lines."""
    got = body(
        tmp_path,
        '(* keep, src = "m.v:1 *) (*" *) wire w;\nassign w = ~(* src = "m.v:2" *) b;\n'
        "assign p = (* first = 1,\n second = 2 *) a ^ {w, (* full_case *) b};",
    )
    assert np.array_equal(got, ALL[:, :2] ^ np.stack([ALL[:, 2], 1 - ALL[:, 2]], axis=1))
    with pytest.raises(DataError, match=":8: q is not declared"):
        body(tmp_path, "(* a\n, b *)\nassign p = {q, b};")


@pytest.mark.parametrize("kind", ["", " wire", " reg"])
def test_ports_that_share_a_declaration(tmp_path, kind):
    """All names after one direction, kind and width have them."""
    assigns = "assign y = a; assign z = b;"
    if kind == " reg":
        assigns = "always @(posedge c) begin y <= a; z <= b; end"
    circuit = read(
        tmp_path,
        f"module m (input [1:0] a, b, input c, output{kind} [1:0] y, z);\n{assigns}\nendmodule\n",
    )
    assert circuit.inputs == {"a": 2, "b": 2, **({} if kind == " reg" else {"c": 1})}
    assert circuit.outputs == {"y": 2, "z": 2}


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        ("`ifdef UNSET\nassign p[0] = b;\n`endif\nassign p = a;", "ifdef", 6),
        ("assign p = a &\n`NOT\na;", "NOT", 7),
        ("`define NOT ~\nassign p = a;", "define", 6),
        ('`include "rest.vh"\nassign p = a;', "include", 6),
        ("`celldefine assign p = a;\nassign p = 2'b00;", "celldefine", 6),
    ],
)
def test_directives_that_change_the_meaning(tmp_path, text, word, line):
    """Nothing is preprocessed, so nothing that asks for it may be passed over."""
    with pytest.raises(DataError, match=f":{line}: the directive `{word} is not supported"):
        body(tmp_path, text)


def test_directives_that_change_nothing(tmp_path):
    """Those of a library of cells, or of a preprocessor; the last line may lack its end."""
    circuit = read(
        tmp_path,
        "`timescale 1 ns / 10ps // as usual\n`default_nettype none\n`celldefine\n"
        'module m (input a, output y);\n`line 7 "m.v" 0\nassign y = a; // `ifdef\nendmodule\n'
        "`endcelldefine\n`resetall // the end",
    )
    assert evaluate(circuit, np.array([[0], [1]], dtype=np.uint8)).tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("assign p[0] = b;", ":4: p\\[1\\] is not driven"),
        ("assign p = a;\nassign p[0] = b;", ":7: p\\[0\\] is driven twice"),
        ("assign p = a;\nassign b = a[0];", ":7: b is an input"),
        ("assign p[0] = b & p[1];\nassign p[1] = ~(b | p[0]);", "combinational loop"),
        ("assign p = {q, b};", ":6: q is not declared"),
        ("assign p = {a[2], b};", ":6: a: no bits \\[2:2\\]"),
        ("assign p = a / a;", ":6: the operator / is supported only on nonzero constants"),
        ("assign p = f(b);", ":6: a call of a function is not supported"),
        ("assign p = $random;", ":6: a call of a system function .* is not supported"),
        ("assign p = $signed(a, b);", ":6: a call of a system function .* is not supported"),
        ('assign p = "ab";', ":6: a string is not supported"),
        ("assign p = u.p;", ":6: p: names of other modules' nets are not supported"),
        ("assign p = b ** a;", r":6: the operator \*\* is not supported"),
        ("assign p = {b, 1};", ":6: expected constants of a width in a concatenation, got 1"),
        ("assign p = 2'bx0;", "expected a constant of 0 and 1, got 2'bx0"),
        ("assign p = 3000000000;", "does not fit 32 bits"),
        ("assign p = 2'd4;", "does not fit its width"),
        ("integer q;\nassign p = a;", ":6: .* got an 'integer'"),
        ("wire b;\nassign p = a;", ":6: b is declared twice"),
        ("always @(negedge b) begin end\nassign p = a;", ":6: expected 'always @"),
        ("sub x (.a(a));\nassign p = a;", ":6: the module sub is not defined"),
        ("assign p = a", "syntax error"),
        ("trireg q;\nassign p = a;", ":6: 'trireg' is not supported"),
        ("assign p = \x01;", ":6: syntax error: Illegal character"),
    ],
)
def test_refused(tmp_path, text, message):
    """What is outside the subset is named with its line."""
    with pytest.raises(DataError, match=message) as caught:
        body(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "m.v"))


@pytest.mark.parametrize("text", ["", "// nothing", "module", f"{HEADER}assign p = a;", "é"])
def test_no_module(tmp_path, text):
    """A file without a whole module is one clear line."""
    with pytest.raises(DataError, match=r"m\.v"):
        read(tmp_path, text)


def test_two_modules(tmp_path):
    """One file holds one module."""
    text = f"{HEADER}assign p = a;\nendmodule\n"
    with pytest.raises(DataError, match="expected one top module, got m, k"):
        read(tmp_path, text + text.replace("module m", "module k"))


def test_deep_chains(tmp_path):
    """Neither a long chain of nets nor a long expression meets the recursion limit."""
    nets = "".join(f"assign n{k} = ~n{k - 1};\n" for k in range(1, 3001))
    wires = ", ".join(f"n{k}" for k in range(3001))
    chain = " ^ ".join(["b"] * 3001)
    got = body(tmp_path, f"wire {wires};\nassign n0 = b;\n{nets}assign p = {{n3000, {chain}}};")
    assert np.array_equal(got, np.stack([ALL[:, 2], ALL[:, 2]], axis=1))


def test_nothing_is_left_behind(tmp_path, monkeypatch, capfd):
    """The parser writes no tables into the folder one works in, and says nothing."""
    monkeypatch.chdir(tmp_path)
    body(tmp_path, "assign p = a;")
    assert [path.name for path in tmp_path.iterdir()] == ["m.v"]
    assert capfd.readouterr() == ("", "")
