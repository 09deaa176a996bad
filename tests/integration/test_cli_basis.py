"""``simplify --basis``: cells by kind, files, what is refused; and the same from Python."""

from __future__ import annotations

import pytest
from circuits import AND_ADDERS, array_multiplier

import btfsynth as btf
from btfsynth.hdl.formats import get_writer
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.gates import of_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import Basis


@pytest.fixture
def multiplier(tmp_path):
    """The textbook array of 2 bits as a file."""
    path = tmp_path / "m2.aig"
    path.write_bytes(get_writer(path).content(array_multiplier(2, 2, AND_ADDERS[0]))[0])
    return path


@pytest.mark.parametrize(
    ("basis", "ending", "cells"), [("aig", ".aig", 8), ("xag", ".v", 7), ("xmg", ".bench", 7)]
)
def test_another_basis(cli, multiplier, tmp_path, basis, ending, cells):
    """The smallest sizes known; the file computes what was read."""
    options = ("--basis", basis, "-o", f"small{ending}", "--passes", "light")
    record = cli("simplify", "m2.aig", *options, "--json").json
    assert record["basis"]["basis"] == basis
    assert record["basis"]["cells"] == cells
    assert record["basis"]["proof"] == "all 16 input vectors"
    assert btf.prove(multiplier, tmp_path / f"small{ending}")
    assert f"{basis} " in cli("simplify", "m2.aig", *options[:-1], "light").stdout


def test_the_ending_follows_the_basis(cli, multiplier, tmp_path):
    """AIGER for ANDs, BLIF where there are exclusive ors."""
    cli("simplify", "m2.aig", "--basis", "xag", "--passes", "light")
    assert (tmp_path / "m2.blif").exists()


def test_a_format_without_exclusive_or(cli, multiplier):
    """One line before any work, exit code 2."""
    outcome = cli("simplify", "m2.aig", "--basis", "xmg", "-o", "m.mig")
    assert outcome.code == 2
    assert outcome.stderr == (
        "btfsynth: error: m.mig: btfsynth's own text has no exclusive or; --basis xmg needs one of "
        ".blif, .bench, .json, .v\n"
    )


def test_from_python(multiplier, tmp_path, monkeypatch):
    """A small repr, counts, values, files, proofs."""
    monkeypatch.chdir(tmp_path)
    given = btf.read(multiplier)
    made = given.to_basis("xag")
    assert repr(made) == (
        "<GateNetlist: m2, inputs a[2], b[2], outputs p[4], basis xag, cells 7, depth 2>"
    )
    assert sum(made.kinds.values()) == made.cells == 7
    assert made(a=3, b=3).p == 9
    assert made.equivalent(given)
    assert btf.prove(made, given)
    made.save("m.blif")
    assert btf.prove("m.blif", made)
    assert made.luts()[1].luts == given.luts()[1].luts
    assert "^" in made.to_verilog()
    with pytest.raises(btf.UsageError, match=r"m\.aig: .* has no exclusive or"):
        made.save("m.aig")
    with pytest.raises(
        btf.UsageError, match="`basis`: expected one of maj, xmg, aig, xag, got 'mig'"
    ):
        given.to_basis("mig")
    assert (
        given.to_basis("aig", time_limit=1e-9).proof
        == "cell by cell, because the time limit was reached"
    )


def test_the_fewest_lookup_tables(cli, tmp_path):
    """Tables before and after, in words and as JSON; a discovery does not know them."""
    path = tmp_path / "m3.blif"
    path.write_bytes(get_writer(path).content(array_multiplier(3, 2, AND_ADDERS[1]))[0])
    options = ("--objective", "lut6", "--passes", "strash; detect", "-o")
    record = cli("simplify", "m3.blif", *options, "small.mig", "--json").json
    assert record["luts"] == btf.read(tmp_path / "small.mig").luts()[1].luts == 5
    assert record["luts"] <= record["luts_before"]
    assert btf.prove(path, tmp_path / "small.mig")
    assert "5 tables of six inputs, 1 level" in cli("simplify", "m3.blif", *options, "b.mig").stdout
    made = btf.read(path).optimize("strash; detect", objective="lut6")
    assert made.luts()[1].luts == 5
    refused = cli("discover", "multiplier:2", "--objective", "lut6").complaint
    assert "expected one of cells, depth, cells*depth" in refused or "lut6" in refused


def array(folder):
    """The textbook array of 3 bits as a file."""
    path = folder / "m3.mig"
    path.write_bytes(get_writer(path).content(array_multiplier(3, 3))[0])
    return path


@pytest.mark.parametrize(
    "place", ["passes.gate_search.find_smallest", "passes.basic.Inverters.apply"]
)
def test_interrupted_in_another_basis(cli, tmp_path, monkeypatch, place):
    """In the search or in a pass: the file has the cells that were asked for, the record is of it."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    given = array(tmp_path)
    monkeypatch.setattr(f"btfsynth.{place}", interrupted)
    options = ("--basis", "aig", "--passes", "strash; inverters", "-o", "small.blif")
    outcome = cli("simplify", given.name, *options, "--json")
    assert outcome.code == 1
    record = outcome.json
    assert record["ended"] == "interrupted"
    assert record["basis"]["basis"] == "aig"
    assert f"{record['basis']['cells']} cells, is saved in small.blif" in outcome.stderr
    covers = [line.split() for line in (tmp_path / "small.blif").read_text().splitlines()]
    assert all(len(words) <= 4 for words in covers if words[:1] == [".names"])
    assert btf.prove(given, tmp_path / "small.blif")


def test_interrupted_it_is_not_larger_than_what_was_given(cli, tmp_path, monkeypatch):
    """Majorities that a pass found cost more as ANDs than the ANDs of the file."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("btfsynth.passes.gate_search.find_smallest", interrupted)
    path = tmp_path / "m3.aig"
    path.write_bytes(get_writer(path).content(array_multiplier(3, 3, AND_ADDERS[0]))[0])
    given = btf.read(path)
    assert of_netlist(given.optimize("detect").core, Basis.AIG).n_cells > given.cells
    options = ("--basis", "aig", "--passes", "detect", "-o", "small.aig", "--json")
    assert cli("simplify", path.name, *options).json["basis"]["cells"] <= given.cells


def conjunction(deep):
    """An AND of 8 inputs as a chain or as a tree."""
    builder = NetlistBuilder("all", [Port("x", 8)], [Port("y", 1)])
    signals = [builder.input(bit) for bit in range(8)]
    while len(signals) > 1:
        made = builder.and_(signals.pop(0), signals.pop(0))
        signals.insert(0 if deep else len(signals), made)
    return builder.build(signals)


def test_the_depth_allowed_is_that_of_the_file(cli, tmp_path, monkeypatch):
    """What a search made deeper is left for the netlist cell by cell; if that is too deep, it is an error."""
    path = tmp_path / "all.mig"
    path.write_bytes(get_writer(path).content(conjunction(deep=False))[0])

    def find(starts, basis, effort):
        return of_netlist(conjunction(deep=True), basis)

    monkeypatch.setattr("btfsynth.passes.gate_search.find_smallest", find)
    options = ("--basis", "xag", "--passes", "strash", "--json", "-o", "small.blif")
    outcome = cli("simplify", path.name, *options, "--max-depth", 3)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["basis"]["depth"] == 3
    assert outcome.json["basis"]["proof"] == "cell by cell"
    outcome = cli("simplify", path.name, *options, "--max-depth", 2)
    assert outcome.code == 1
    assert "no netlist of depth 2 or less was found; the shallowest has depth 3" in outcome.stderr
