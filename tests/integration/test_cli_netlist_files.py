"""``simplify`` and ``emit`` on the netlist files of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from circuits import AND_ADDERS, array_multiplier

from btfsynth.hdl.formats import SOFTWARE, WRITERS, read_design
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.text import format_netlist
from btfsynth.verify.equivalence import equivalent

FORMATS = [writer.ending for writer in WRITERS.values()]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_in_and_out(cli, tmp_path, ending):
    """The 3-bit multiplier of ANDs comes down to at most the 27 cells of the textbook."""
    given = array_multiplier(3, 3, AND_ADDERS[0])
    writer = next(writer for writer in WRITERS.values() if writer.ending == ending)
    (tmp_path / f"m{ending}").write_bytes(writer.content(given)[0])
    outcome = cli(
        "simplify", f"m{ending}", "-o", f"small{ending}", "--passes", "detect; inverters", "--json"
    )
    record = outcome.json
    assert record["cells"] <= 27
    assert record["cells_before"] == record["before"]["cells"] == 39
    assert set(record["before"]) >= {"cells", "depth", "inverters"}
    assert record["file"] == f"small{ending}"
    back = read_design(tmp_path / f"small{ending}")
    assert [port.name for port in back.output_ports] == ["p"]
    assert equivalent(rebuild(given), _like(back, given)).equal


def _like(netlist, other):
    from dataclasses import replace

    return replace(netlist, input_ports=other.input_ports, output_ports=other.output_ports)


def test_majorities_in_a_foreign_file_are_detected(cli, tmp_path):
    """The full adders of an AND netlist become majorities in the quickest script."""
    content, _ = WRITERS["aig"].content(array_multiplier(3, 3, AND_ADDERS[0]))
    (tmp_path / "m.aig").write_bytes(content)
    found = cli("simplify", "m.aig", "-o", "a.blif", "--passes", "fast", "--json").json
    assert found["cells"] <= 27


def test_names_that_change_are_told(cli, tmp_path):
    """A port that Verilog cannot hold is named in a note."""
    (tmp_path / "m.blif").write_text(".model m\n.inputs 1a\n.outputs y\n.names 1a y\n0 1\n.end\n")
    outcome = cli("simplify", "m.blif", "-o", "m.v")
    assert "port '1a' is renamed" in outcome.stdout
    assert outcome.code == 0


def test_emit_takes_any_netlist(cli, tmp_path):
    """Hardware from a BENCH file."""
    (tmp_path / "m.bench").write_text("INPUT(a)\nINPUT(b)\nOUTPUT(y)\ny = NAND(a, b)\n")
    assert cli("emit", "m.bench", "-o", "hw", "--json").json["netlist"]["cells"] == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.blif", ".model m\n.latch a b\n", "x.blif:2: .latch is sequential"),
        ("x.bench", "y = DFF(a)\n", "x.bench:1: DFF is sequential"),
        ("x.aag", "aag 1 0 1 0 0\n2 3\n", "x.aag:1: the circuit is sequential"),
        ("x.v", "module m(input a, output y);\nassign y = ;\nendmodule\n", "x.v:2: "),
        ("x.aig", "aig 3 2 0 1 1\n6\n", "x.aig: the file ends at byte"),
    ],
)
def test_bad_files(cli, tmp_path, name, text, said):
    """One line, exit code 2."""
    (tmp_path / name).write_text(text)
    outcome = cli("simplify", name, "-o", "out.mig")
    assert (outcome.code, outcome.complaint.startswith(said)) == (2, True), outcome.complaint


def test_unknown_output(cli, tmp_path):
    """The ending of the output is looked at before any work."""
    (tmp_path / "m.bench").write_text("INPUT(a)\nOUTPUT(y)\ny = NOT(a)\n")
    outcome = cli("simplify", "m.bench", "-o", "m.edif")
    assert (outcome.code, "m.edif" in outcome.complaint) == (2, True)


def test_what_cannot_be_bettered_stays(cli):
    """A circuit of least size known does not come out deeper, as it would from a walk over equal sizes."""
    circuit = Path(__file__).parents[2] / "examples" / "circuits" / "multiplier_3_c22_d9.mig"
    outcome = cli("simplify", circuit, "-o", "out.mig", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["cells"] == outcome.json["cells_before"] == 22
    assert outcome.json["depth"] == outcome.json["before"]["depth"] == 9
    assert outcome.json["notices"] == ["no smaller netlist was found; the netlist is unchanged"]
    assert Path("out.mig").read_bytes() == circuit.read_bytes()


TOGGLE = ".model t\n.inputs en\n.outputs q\n.latch d q re clk 0\n.names en q d\n10 1\n01 1\n.end\n"


def test_registers_become_ports(cli, tmp_path):
    """Every command that reads netlists names the option, and takes it."""
    (tmp_path / "t.blif").write_text(TOGGLE)
    (tmp_path / "t.bench").write_text("INPUT(en)\nOUTPUT(q)\nq = DFF(d)\nd = XOR(en, q)\n")
    commands = {
        "simplify": ("t.blif", "-o", "t.aag"),
        "show": ("t.blif",),
        "emit": ("t.blif", "-o", "hw"),
        "estimate": ("t.blif",),
        "equiv": ("t.blif", "t.bench"),
    }
    for command, rest in commands.items():
        refused = cli(command, *rest)
        assert refused.code == 2
        assert refused.complaint.endswith("; --comb reads registers as ports")
        assert cli(command, *rest, "--comb").code == 0, command
    found = cli("show", "t.blif", "--comb", "--json").json
    assert [port["name"] for port in found["inputs"]] == ["en", "q"]
    assert [port["name"] for port in found["outputs"]] == ["q", "q_in"]
    assert cli("equiv", "t.blif", "t.aag", "--comb", "--json").json["equivalent"] is True


def test_what_a_reader_notes_is_said(cli, tmp_path):
    """On standard error, so that JSON stays alone on standard output."""
    (tmp_path / "b.aag").write_text("aag 1 1 0 0 0 1\n2\n2\n")
    for command in (("show", "b.aag", "--json"), ("estimate", "b.aag", "--json")):
        outcome = cli(*command)
        assert outcome.json
        assert "note: b.aag: read as outputs: 1 bad state" in outcome.stderr
    assert "read as outputs" in cli("equiv", "b.aag", "b.aag").stdout


def test_dont_cares_are_used(cli, tmp_path):
    """simplify makes use of .exdc, equiv respects it; --preserve network keeps every output."""
    gates = ".names a b y\n10 1\n01 1\n"
    text = (
        f".model m\n.inputs a b\n.outputs y\n{gates}.exdc\n.inputs a b\n.names a b y\n11 1\n.end\n"
    )
    (tmp_path / "m.blif").write_text(text)
    assert cli("simplify", "m.blif", "-o", "or.blif", "--json").json["cells"] == 1
    assert cli("equiv", "m.blif", "or.blif", "--json").json["equivalent"] is True
    assert (
        cli("simplify", "m.blif", "-o", "xor.blif", "--preserve", "network", "--json").json["cells"]
        == 3
    )
    (tmp_path / "plain.blif").write_text(text.partition(".exdc")[0] + ".end\n")
    assert cli("equiv", "plain.blif", "xor.blif", "--json").json["equivalent"] is True
    assert cli("equiv", "plain.blif", "or.blif").code == 1


@pytest.mark.parametrize("ending", [writer.ending for writer in SOFTWARE.values()])
def test_programs_and_tables_out(cli, tmp_path, ending):
    """By the ending of the file, as netlists are; the function of a .py is the netlist's."""
    (tmp_path / "m.mig").write_text(format_netlist(array_multiplier(2, 2)))
    for name in ("one", "two"):
        outcome = cli("simplify", "m.mig", "-o", f"{name}{ending}", "--passes", "strash")
        assert outcome.code == 0, outcome.stderr
    text = (tmp_path / f"one{ending}").read_text()
    assert text == (tmp_path / f"two{ending}").read_text()
    if ending == ".py":
        namespace = {}
        exec(text, namespace)
        (function,) = (each for each in namespace.values() if callable(each))
        assert function([1, 1, 1, 1]).tolist() == [1, 0, 0, 1]
