"""Netlists with parities in files: what is read back computes the same, and what cannot hold them says so."""

from __future__ import annotations

import naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import source
from strategies import netlists

from btfsynth.errors import UsageError
from btfsynth.hdl.formats import WRITERS, get_writer, read_design
from btfsynth.netlist.formats.bench import parse_bench
from btfsynth.netlist.formats.blif import parse_blif
from btfsynth.netlist.formats.yosys_json import parse_yosys_json
from btfsynth.netlist.gates import GateBuilder, of_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import Basis

PARSERS = {"blif": parse_blif, "bench": parse_bench, "json": parse_yosys_json}


def adder(basis: Basis):
    """A full adder with an inverted sum and a parity of two."""
    builder = GateBuilder("fa", [Port("a", 3)], [Port("s", 3)], basis)
    a, b, c = (builder.input(bit) for bit in range(3))
    return builder.build([builder.xor(a, b, c) ^ 1, builder.maj(a, b ^ 1, c), builder.xor(a, c)])


@settings(max_examples=40)
@given(netlists(max_inputs=4, max_cells=8), st.sampled_from(list(PARSERS)), st.data())
def test_what_is_written_is_read_back(netlist, name, data):
    """In every basis that the format holds, whatever the names."""
    basis = data.draw(st.sampled_from([Basis.XMG, Basis.XAG, Basis.AIG]))
    gates = of_netlist(netlist, basis)
    content, _ = WRITERS[name].content(gates)
    back = PARSERS[name](source(content.decode(), f"f.{name}")).netlist
    assert naive.truth_table(back) == naive.gate_table(gates)


@pytest.mark.parametrize("ending", [".blif", ".bench", ".json", ".v"])
@pytest.mark.parametrize("basis", [Basis.XMG, Basis.XAG])
def test_parities_in_files(tmp_path, ending, basis):
    """Complements, outputs that are complemented, parities of two and of three."""
    path = tmp_path / f"fa{ending}"
    gates = adder(basis)
    path.write_bytes(get_writer(path).content(gates)[0])
    assert naive.truth_table(read_design(path)) == naive.gate_table(gates)


def test_the_words_of_each_format():
    """A parity is one statement."""
    texts = {
        name: WRITERS[name].content(adder(Basis.XMG))[0].decode()
        for name in WRITERS
        if name not in ("mig", "aag", "aig")
    }
    assert ".names a[2] a[1] a[0] n1\n001 1\n010 1\n100 1\n111 1\n" in texts["blif"]
    assert "n1 = LUT 0x96 (a[2], a[1], a[0])" in texts["bench"]
    assert "s[2] = XOR(a[2], a[0])" in texts["bench"]
    assert '"10010110"' in texts["json"]
    assert '"$_XOR_"' in texts["json"]
    assert "^ a[1] ^ a[0];" in texts["verilog"]
    assert "MAJ 1, XOR 1, XOR3 1" in texts["verilog"]


@pytest.mark.parametrize("name", ["mig", "aag", "aig"])
def test_formats_without_parities(name):
    """ANDs fit into all of them; the others are refused in one line."""
    gates = adder(Basis.AIG)
    content, _ = WRITERS[name].content(gates)
    assert content.startswith({"mig": b"mig 1", "aag": b"aag ", "aig": b"aig "}[name])
    wanted = rf"^\.{name}: .* has no exclusive or; `basis=xag` needs one of \.blif, \.bench, \.json, \.v$"
    with pytest.raises(UsageError, match=wanted):
        WRITERS[name].content(adder(Basis.XAG))


def test_aiger_has_as_many_nodes_as_the_netlist():
    """Cell for cell."""
    gates = adder(Basis.AIG)
    content, _ = WRITERS["aag"].content(gates)
    assert content.split()[5] == b"%d" % gates.n_cells
