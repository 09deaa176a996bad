"""VHDL as a netlist, and the link of the chain that is made of it."""

from __future__ import annotations

import re
import shutil

import pytest
from hardware import full_adder, multiplier, vectors_of

from btfsynth.errors import DataError, MissingToolError
from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.hdl.manifest import CONTROL_NAMES
from btfsynth.hdl.yosys import find_yosys
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.verify.chain import verify_design
from btfsynth.verify.compare import compare
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.links import LinkResult
from btfsynth.verify.subjects import read_subject
from btfsynth.verify.yosys import vhdl_netlist

needs_ghdl = pytest.mark.skipif(shutil.which("ghdl") is None, reason="needs ghdl")


def has_yosys():
    """Whether there is one."""
    try:
        find_yosys()
    except MissingToolError:
        return False
    return True


needs_yosys = pytest.mark.skipif(not has_yosys(), reason="needs Yosys")

FOREIGN = """\
-- entity other is
library ieee;
use ieee.std_logic_1164.all;
entity Choice is
    port (s, A : in std_logic; b : in std_logic; y, n4_o : out std_logic);
end Choice;
architecture rtl of Choice is
begin
    y <= A when s = '1' else b;
    n4_o <= A xor b;
end rtl;
"""
PROCESS = """\
library ieee;
use ieee.std_logic_1164.all;
entity choice is
    port (s : in std_logic_vector(1 downto 0); a, b : in std_logic; y : out std_logic);
end choice;
architecture rtl of choice is
begin
    process (s, a, b) begin
        if s = "00" then
            y <= a;
        elsif s = "01" then
            y <= b;
        else
            y <= s(0) and (a xor b);
        end if;
    end process;
end rtl;
"""


def make(folder, netlist, **options):
    """The path of the VHDL of a design in a folder."""
    options = HardwareOptions(**options)
    manifest = write_design(netlist, vectors_of(netlist), folder, options=options)
    return folder / manifest.files["vhdl"]


def change(path, old, new):
    """The file with a text in it changed; it must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def awkward():
    """A netlist of names that VHDL, or what GHDL makes of it, has trouble with."""
    names = ["a__b", "n3_o", "x_"]
    builder = NetlistBuilder("my__mod", [Port(name, 1) for name in names], [Port("N1_q", 2)])
    a, b, c = (builder.input(bit) for bit in range(3))
    return builder.build([builder.maj(a, b ^ 1, c), builder.and_(a, c ^ 1)])


@needs_ghdl
@pytest.mark.parametrize("netlist", [full_adder(), multiplier(), awkward()], ids=lambda n: n.name)
def test_emitted_vhdl_is_the_netlist(tmp_path, netlist):
    """Names, ports and function come back."""
    found = vhdl_netlist(make(tmp_path, netlist))
    assert found.name == netlist.name
    assert found.input_ports == netlist.input_ports
    assert found.output_ports == netlist.output_ports
    assert equivalent(netlist, found).counterexample is None


@needs_ghdl
@needs_yosys
@pytest.mark.parametrize(
    "options",
    [
        {"pipeline": 2},
        {"pipeline": 1, "reset": True},
        {"pipeline": 3, "enable": True, "reset": True},
    ],
    ids=["plain", "reset", "both"],
)
def test_pipelines_are_their_function(tmp_path, options):
    """Registers are taken for wires, whatever controls them."""
    netlist = multiplier()
    found = vhdl_netlist(make(tmp_path, netlist, **options), controls=CONTROL_NAMES)
    assert found.input_ports == netlist.input_ports
    assert equivalent(netlist, found).counterexample is None


@needs_ghdl
@pytest.mark.parametrize(
    ("text", "function"),
    [
        (
            FOREIGN,
            lambda b, s, x, y: [b.or_(b.and_(s, x), b.and_(s ^ 1, y)), b.xor(x, y)],
        ),
        pytest.param(
            PROCESS,
            lambda b, s, t, x, y: [
                b.or_(
                    b.and_(t, b.and_(s, b.xor(x, y))),
                    b.and_(t ^ 1, b.or_(b.and_(s, y), b.and_(s ^ 1, x))),
                )
            ],
            marks=needs_yosys,
        ),
    ],
    ids=["when", "process"],
)
def test_vhdl_of_others(tmp_path, text, function):
    """Conditional assignments and processes are read; ports keep their case."""
    path = tmp_path / "choice.vhdl"
    path.write_text(text)
    found = read_subject(path).netlist
    builder = NetlistBuilder("wanted", found.input_ports, found.output_ports)
    literals = [builder.input(bit) for bit in range(found.n_inputs)]
    assert equivalent(builder.build(function(builder, *literals)), found).counterexample is None
    assert {"b", "y"} <= {port.name for port in (*found.input_ports, *found.output_ports)}
    if text is FOREIGN:
        assert [port.name for port in found.input_ports] == ["s", "A", "b"]
        assert [port.name for port in found.output_ports] == ["y", "n4_o"]


@needs_ghdl
def test_a_difference_is_shown(tmp_path):
    """A folder compared with changed VHDL names inputs for which they differ."""
    path = make(tmp_path, full_adder())
    assert compare(read_subject(tmp_path), read_subject(path)).equal
    change(path, "s(1) <= n1", "s(1) <= n2")
    found = compare(read_subject(tmp_path), read_subject(path))
    assert not found.equal
    assert found.first != found.second


@needs_ghdl
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n1 <= (a", "n1 <= (z", r'full_adder\.vhd:\d+: no declaration for "z"'),
        ("n1 <= (a", "n1 <= = (a", r"full_adder\.vhd:\d+: "),
        ("entity full_adder is", "entity full_adder", r"expected one entity, got 0"),
        ("library", "entity e is end e;\nlibrary", "got 2: e, full_adder"),
    ],
    ids=["undeclared", "syntax", "none", "two"],
)
def test_vhdl_that_cannot_be_read(tmp_path, old, new, message):
    """One line names the file, and the line if GHDL does."""
    path = make(tmp_path, full_adder())
    change(path, old, new)
    with pytest.raises(DataError, match=message) as caught:
        vhdl_netlist(path)
    assert "\n" not in str(caught.value)


@needs_ghdl
@needs_yosys
def test_registers_of_a_pipeline(tmp_path):
    """A file away from its folder is read as any other pipeline."""
    (tmp_path / "design").mkdir()
    path = make(tmp_path / "design", full_adder(), pipeline=1, enable=True)
    assert read_subject(path).netlist.n_inputs == 3
    path = path.rename(tmp_path / path.name)
    assert read_subject(path).netlist.n_inputs == 3


def test_without_tools(tmp_path, monkeypatch):
    """A missing GHDL is one line that says what to install; a missing file comes first."""
    path = make(tmp_path, full_adder())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="no such file"):
        vhdl_netlist(tmp_path / "none.vhd")
    with pytest.raises(MissingToolError, match="apt-get install ghdl"):
        vhdl_netlist(path)
    link = proof(tmp_path)
    assert (link.result, link.detail) == (
        LinkResult.SKIPPED,
        "ghdl is not installed; apt-get install ghdl",
    )


@pytest.fixture
def bare_chain(monkeypatch):
    """The chain without the links that need Yosys for something else."""

    def missing():
        raise MissingToolError("not here")

    monkeypatch.setattr("btfsynth.verify.chain.find_yosys", missing)


def proof(folder):
    """The link of the chain."""
    links = verify_design(folder, 1, []).links
    return next(link for link in links if link.name == "vhdl_proof")


@needs_ghdl
@pytest.mark.usefixtures("bare_chain")
def test_the_link_proves_the_vhdl(tmp_path):
    """It passes, and names inputs for which changed VHDL differs."""
    path = make(tmp_path, full_adder())
    assert proof(tmp_path).result is LinkResult.PASSED
    change(path, "n1 <= (a and b(0))", "n1 <= (a or b(0))")
    link = proof(tmp_path)
    assert link.result is LinkResult.FAILED
    assert re.fullmatch(r"a=1'b. b=2'b..", link.counterexample["inputs"])
    assert link.counterexample["VHDL"] != link.counterexample["Verilog"]


@needs_ghdl
@needs_yosys
@pytest.mark.usefixtures("bare_chain")
def test_the_link_proves_pipelines(tmp_path):
    """With registers that are enabled and reset, and with one that leads somewhere else."""
    path = make(tmp_path, full_adder(), pipeline=2, enable=True, reset=True)
    assert proof(tmp_path).result is LinkResult.PASSED
    change(path, "s(0) <= n3", "s(0) <= n1")
    assert proof(tmp_path).result is LinkResult.FAILED


@needs_ghdl
def test_ranges_are_those_of_the_file(tmp_path):
    """GHDL counts all bits from 0; the netlist has the ranges that the entity declares."""
    path = tmp_path / "r.vhd"
    path.write_text(
        "library ieee;\nuse ieee.std_logic_1164.all;\n"
        "entity r is port (A, b : in std_logic_vector(0 to 2); c : in std_logic_vector(7 downto 6);\n"
        "  y : out std_logic_vector(5 downto 4)); -- z : out std_logic_vector(1 to 2)\nend entity;\n"
        "architecture x of r is begin\n  y(5) <= a(0) and c(7);\n  y(4) <= b(2) or c(6);\nend;\n"
    )
    found = read_subject(path).netlist
    assert [port.label for port in found.input_ports] == ["A[0:2]", "b[0:2]", "c[7:6]"]
    assert [port.label for port in found.output_ports] == ["y[5:4]"]
    (tmp_path / "r.blif").write_text(
        ".model r\n.inputs A[0] A[1] A[2] b[0] b[1] b[2] c[6] c[7]\n.outputs y[4] y[5]\n"
        ".names A[0] c[7] y[5]\n11 1\n.names b[2] c[6] y[4]\n1- 1\n-1 1\n.end\n"
    )
    result = compare(read_subject(path), read_subject(tmp_path / "r.blif"))
    assert result.equal
    assert result.notes == ()
