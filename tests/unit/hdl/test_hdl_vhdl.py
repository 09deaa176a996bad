"""What the emitters of VHDL write, as text."""

from __future__ import annotations

import json
import re

import pytest
from hardware import design, full_adder, vectors_of

from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.hdl.formats import BACKENDS
from btfsynth.hdl.manifest import load_manifest
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.templates import vhdl_name
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.sim.registry import SIMULATORS
from btfsynth.sim.simulators import load_design

ENTITY = """\
-- full_adder: combinational, made by machine.
-- seed: 1
-- cells: 3 (AND 0, OR 0, MAJ 3), inverters: 2, depth: 2
library ieee;
use ieee.std_logic_1164.all;

entity full_adder is
    port (
        a : in std_logic;
        b : in std_logic_vector(1 downto 0);
        s : out std_logic_vector(1 downto 0)
    );
end entity full_adder;

architecture netlist of full_adder is
    signal n1, n2, n3 : std_logic;
begin
    n1 <= (a and b(0)) or (a and b(1)) or (b(0) and b(1));
    n2 <= (a and b(0)) or (a and not b(1)) or (b(0) and not b(1));
    n3 <= (b(1) and not n1) or (b(1) and n2) or (not n1 and n2);
    s(0) <= n3;
    s(1) <= n1;
end architecture netlist;
"""

PIPELINE = """\
    signal n1, n2, n3 : std_logic;
    signal d1_b_1, d1_n1, d1_n2 : std_logic;
begin
    n1 <= (a and b(0)) or (a and b(1)) or (b(0) and b(1));
    n2 <= (a and b(0)) or (a and not b(1)) or (b(0) and not b(1));
    n3 <= (d1_b_1 and not d1_n1) or (d1_b_1 and d1_n2) or (not d1_n1 and d1_n2);

    process (clk)
    begin
        if rising_edge(clk) then
            if rst = '1' then
                d1_b_1 <= '0';
                d1_n1 <= '0';
                d1_n2 <= '0';
                s(0) <= '0';
                s(1) <= '0';
            elsif en = '1' then
                d1_b_1 <= b(1);
                d1_n1 <= n1;
                d1_n2 <= n2;
                s(0) <= n3;
                s(1) <= d1_n1;
            end if;
        end if;
    end process;
end architecture netlist;
"""


def emit(netlist, provenance=None):
    """The netlist as VHDL."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports)
    return BACKENDS["vhdl"].emit(HardwareModule(netlist, names, provenance or {}))


def test_entity():
    """The whole file: header, ports, one assignment a cell and an output."""
    assert emit(full_adder(), {"seed": "1"}) == ENTITY


def test_constants_and_inverters():
    """Outputs may be constants, inputs and complements; an AND and an OR have two operands."""
    builder = NetlistBuilder("m1", [Port("a", 2)], [Port("p", 5)])
    a, b = builder.input(0), builder.input(1)
    text = emit(builder.build([0, 1, a ^ 1, builder.and_(a, b ^ 1), builder.or_(a, b)]))
    for line in ("p(0) <= '0'", "p(1) <= '1'", "p(2) <= not a(0)", "n1 <= a(0) and not a(1)"):
        assert f"    {line};\n" in text
    assert "    n2 <= a(0) or a(1);\n" in text


def test_no_cells():
    """A module of wires declares no signal."""
    builder = NetlistBuilder("wire_only", [Port("a", 1)], [Port("y", 1)])
    text = emit(builder.build([builder.input(0)]))
    assert "signal" not in text
    assert "    y <= a;\n" in text


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a_b", "a_b"),
        ("Sum", "Sum"),
        ("a__b", "\\a__b\\"),
        ("a_", "\\a_\\"),
        ("std_logic", "\\std_logic\\"),
        ("Rising_Edge", "\\Rising_Edge\\"),
        ("IEEE", "\\IEEE\\"),
    ],
)
def test_names(name, written):
    """Names that are no basic identifiers, or would hide what is in use, are extended ones."""
    assert vhdl_name(name) == written


def test_extended_names_are_the_same_everywhere(tmp_path):
    """Entity, testbench and registers write a name in the same way; files keep the plain name."""
    builder = NetlistBuilder("my__mod", [Port("a__b", 2)], [Port("y_", 1)])
    netlist = builder.build([builder.and_(builder.input(0), builder.input(1))])
    options = HardwareOptions(pipeline=2)
    manifest = write_design(netlist, vectors_of(netlist), tmp_path, options=options)
    assert manifest.files["vhdl"] == "my__mod.vhd"
    assert manifest.files["vhdl_testbench"] == "tb_my__mod.vhd"
    entity = (tmp_path / "my__mod.vhd").read_text()
    bench = (tmp_path / "tb_my__mod.vhd").read_text()
    assert "entity \\my__mod\\ is\n" in entity
    assert "end entity \\my__mod\\;\n" in entity
    assert re.findall(r"\\\w+\\ : \w+", entity) == ["\\a__b\\ : in", "\\y_\\ : out"]
    assert "entity \\tb_my__mod\\ is\n" in bench
    assert "entity work.\\my__mod\\ port map (" in bench
    assert "\\a__b\\ => inputs(1 downto 0),\n        \\y_\\ => got(0)\n" in bench
    for text in (entity, bench):
        assert not re.search(r"(?<![\\\w])(a__b|y_|tb_my__mod)\b", text.partition("library")[2])


def test_registers_are_in_one_process(tmp_path):
    """Reset comes before enable; the output bits are the last registers."""
    options = HardwareOptions(pipeline=2, enable=True, reset=True)
    write_design(full_adder(), vectors_of(full_adder()), tmp_path, options=options)
    text = (tmp_path / "full_adder.vhd").read_text()
    assert text.endswith(f"architecture netlist of full_adder is\n{PIPELINE}")


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (HardwareOptions(pipeline=1), ["            s(0) <= n3;"]),
        (HardwareOptions(pipeline=1, enable=True), ["            if en = '1' then"]),
        (
            HardwareOptions(pipeline=1, reset=True),
            ["            if rst = '1' then", "            else"],
        ),
    ],
    ids=["plain", "enable", "reset"],
)
def test_controls(tmp_path, options, lines):
    """Only the controls that are asked for are ports and are read."""
    write_design(full_adder(), vectors_of(full_adder()), tmp_path, options=options)
    text = (tmp_path / "full_adder.vhd").read_text()
    for line in lines:
        assert f"{line}\n" in text
    timing = load_manifest(tmp_path).timing
    ports = re.findall(r"^        (\w+) : in std_logic;", text, re.MULTILINE)
    assert tuple(ports) == (*timing.controls, "a")


def test_designs_from_before_there_was_vhdl(tmp_path):
    """A manifest without VHDL loads; GHDL says why it has nothing to do."""
    folder = design(full_adder(), tmp_path)
    path = folder / "manifest.json"
    record = json.loads(path.read_text())
    for role in ("vhdl", "vhdl_testbench"):
        (folder / record["files"].pop(role)).unlink()
        del record["sha256"][role]
    path.write_text(json.dumps(record))
    found = load_design(folder)
    result = SIMULATORS["ghdl"].run(found)
    assert not result.ok
    assert "the design has no VHDL" in result.skipped


def test_wide_ports_stay_on_short_lines():
    """Declarations of many signals are folded."""
    bits = 300
    builder = NetlistBuilder("wide", [Port("a", bits)], [Port("y", bits)])
    netlist = builder.build(
        [builder.and_(builder.input(bit), builder.input(bit - 1)) for bit in range(bits)]
    )
    assert isinstance(netlist, Netlist)
    assert max(map(len, emit(netlist).splitlines())) < 110
