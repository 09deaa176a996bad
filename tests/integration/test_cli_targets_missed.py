"""Commands that are given patterns beside a circuit: what it misses of them is never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

NETWORK = "4  3  1  3\n" + "".join(f"    3    {node}    1.00000000\n" for node in range(3))
"""An AND of two inputs as a network: it fires if all three of constant and inputs are +1, ..."""
OR = "x0,x1,y\n0,0,0\n0,1,1\n1,0,1\n1,1,1\n"
"""... which misses two of the four targets here."""
SAMPLE = "x0,x1,y\n0,0,0\n0,1,1\n"
BLIF = ".model f\n.inputs b a\n.outputs y\n.names b a y\n10 1\n.end\n"
"""b and not a."""


@pytest.fixture
def files(cli):
    """A network and tables."""
    Path("net.sol").write_text(NETWORK)
    Path("or.csv").write_text(OR)
    Path("sample.csv").write_text(SAMPLE)
    return cli


def test_targets_that_were_to_be_kept(files):
    """The result is written, the exit code is 1, and a file of an earlier run stays."""
    outcome = files("simplify", "net.sol", "--data", "or.csv", "-o", "out.blif", "--json")
    assert outcome.code == 1
    assert outcome.complaint.startswith(
        "net.sol: the targets of or.csv are missed, 2 of 4 targets right (50.00%)"
    )
    assert outcome.json["targets"] == {"right": 2, "count": 4}
    assert "net misses 2 of 4 targets of or.csv" in outcome.json["notices"]
    written = Path("out.blif").read_bytes()
    Path("out.blif").write_text("an earlier one")
    outcome = files("simplify", "net.sol", "--data", "or.csv", "-o", "out.blif")
    assert outcome.code == 1
    assert Path("out.blif").read_text() == "an earlier one"
    assert Path("out.failed.blif").read_bytes() == written


@pytest.mark.parametrize(
    ("data", "options", "missed"),
    [
        ("or.csv", ["--preserve", "network"], "misses 2 of 4"),
        ("sample.csv", [], "misses 1 of 2"),
    ],
)
def test_targets_that_were_not_asked_for(files, data, options, missed):
    """Where the network is to be kept, what it misses is a note."""
    outcome = files("simplify", "net.sol", "--data", data, "-o", "out.blif", *options)
    assert outcome.code == 0, outcome.stderr
    assert missed in outcome.stdout


def test_targets_that_are_all_right(files):
    """Nothing is said then."""
    Path("and.csv").write_text(OR.replace("0,1,1", "0,1,0").replace("1,0,1", "1,0,0"))
    outcome = files("simplify", "net.sol", "--data", "and.csv", "-o", "out.blif", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["targets"] == {"right": 4, "count": 4}
    assert outcome.json["notices"] == ["no smaller netlist was found; the netlist is unchanged"]


def test_a_sample_does_not_free_a_netlist(files):
    """Of a sample the netlist is kept on every input, unless the targets alone are asked for."""
    Path("f.blif").write_text(BLIF)
    Path("few.csv").write_text("a,b,y\n0,1,1\n")
    outcome = files("simplify", "f.blif", "--data", "few.csv", "-o", "out.mig")
    assert outcome.code == 0, outcome.stderr
    assert "few.csv is a sample" in outcome.stderr
    assert files("equiv", "f.blif", "out.mig").code == 0
    options = ("--preserve", "care", "-o", "less.mig", "--json")
    outcome = files("simplify", "f.blif", "--data", "few.csv", *options)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["cells"] == 0


def test_columns_go_by_name(files):
    """A table that lists the inputs in another order is the same table, in simplify and in emit."""
    Path("f.blif").write_text(BLIF)
    Path("all.csv").write_text("a,b,y\n0,0,0\n0,1,1\n1,0,0\n1,1,0\n")
    outcome = files("simplify", "f.blif", "--data", "all.csv", "-o", "out.mig", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["targets"] == {"right": 4, "count": 4}
    outcome = files("emit", "f.blif", "--data", "all.csv", "-o", "d")
    assert outcome.code == 0, outcome.stderr
    assert files("simulate", "d", "--simulator", "amaranth").code == 0


def test_hardware_that_fails_its_vectors(files):
    """It is written, and the exit code is 1."""
    Path("f.blif").write_text(BLIF)
    Path("bad.csv").write_text("a,b,y\n0,0,1\n0,1,1\n1,0,0\n1,1,0\n")
    outcome = files("emit", "f.blif", "--data", "bad.csv", "-o", "d", "--json")
    assert outcome.code == 1
    assert outcome.json["targets"] == {"right": 3, "count": 4}
    assert "3 of 4 targets right (75.00%) of bad.csv" in outcome.complaint
    assert Path("d/manifest.json").is_file()
