"""What the emitters write, as text."""

from __future__ import annotations

import pytest
from hardware import full_adder
from jinja2 import UndefinedError

from btfsynth.errors import OutputError, UsageError
from btfsynth.hdl.formats import BACKENDS
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.templates import render, template_folder
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.identifiers import legal_names
from btfsynth.ports import Port


def emit(backend, netlist, provenance=None):
    """The netlist in a format."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports)
    return BACKENDS[backend].emit(HardwareModule(netlist, names, provenance or {}))


def test_verilog_is_one_assign_a_cell():
    """Ports, wires, cells and outputs stand as they are meant to."""
    text = emit("verilog", full_adder(), {"seed": "1"})
    assert text.startswith("`default_nettype none\n")
    assert text.endswith("`default_nettype wire\n")
    assert "// seed: 1\n" in text
    assert "    input wire a,\n    input wire [1:0] b,\n    output wire [1:0] s\n" in text
    assert "    wire n1, n2, n3;\n" in text
    assert "    assign n1 = (a & b[0]) | (a & b[1]) | (b[0] & b[1]);\n" in text
    assert "    assign s[1] = n1;\n" in text
    assert text.count("assign n") == 3


def test_constants_and_inverters():
    """Outputs may be constants, inputs and complements; an AND and an OR have two operands."""
    builder = NetlistBuilder("m1", [Port("a", 2)], [Port("p", 5)])
    a, b = builder.input(0), builder.input(1)
    netlist = builder.build([0, 1, a ^ 1, builder.and_(a, b ^ 1), builder.or_(a, b)])
    verilog = emit("verilog", netlist)
    for line in ("p[0] = 1'b0", "p[1] = 1'b1", "p[2] = ~a[0]", "n1 = a[0] & ~a[1]"):
        assert f"    assign {line};\n" in verilog
    assert "    assign n2 = a[0] | a[1];\n" in verilog
    amaranth = emit("amaranth", netlist)
    assert "m.d.comb += self.p[0].eq(Const(0, 1))\n" in amaranth
    assert "m.d.comb += net[1].eq(self.a[0] & ~self.a[1])\n" in amaranth


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_provenance_cannot_leave_its_comment(backend):
    """Line ends and other control characters in provenance stay text."""
    text = emit(backend, full_adder(), {"source": 'x\nendmodule\r\x0b"""\u2028import this'})
    (line,) = [line for line in text.splitlines() if "import this" in line]
    assert line.lstrip().startswith(("//", "#", "--"))


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_same_netlist_same_bytes(backend):
    """Nothing in the text depends on when or how often it is made."""
    assert emit(backend, full_adder()) == emit(backend, full_adder())


def test_unknown_backend_lists_the_known():
    """The error names what there is."""
    with pytest.raises(UsageError, match="unknown backend 'vhd': expected one of verilog, amara"):
        BACKENDS.find("vhd")


def test_template_without_a_value_fails():
    """A template that is not given a value does not render it as nothing."""
    with pytest.raises(UndefinedError):
        render("testbench/testbench.v.j2", module="m")


def test_missing_templates(tmp_path):
    """An incomplete installation is named, and so is a missing template."""
    with pytest.raises(OutputError, match="no template folder"):
        template_folder(tmp_path / "btfsynth")
    with pytest.raises(OutputError, match="the template is missing"):
        render("verilog/other.j2")


def test_templates_inside_the_package_come_first(tmp_path):
    """An installed package uses its own templates."""
    for folder in ("templates/verilog", "btfsynth/templates/verilog"):
        (tmp_path / folder).mkdir(parents=True)
    assert template_folder(tmp_path / "btfsynth") == tmp_path / "btfsynth/templates"
