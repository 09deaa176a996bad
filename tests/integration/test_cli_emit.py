"""Pipelines, cells and netlist files from the command line, through every check there is."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from circuits import array_multiplier

from btfsynth.hdl.formats import folder_formats
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.ports import Port

SIMULATORS = [name for name, tool in (("icarus", "vvp"), ("ghdl", "ghdl")) if shutil.which(tool)]
SIMULATORS.append("amaranth")


def asked(*simulators):
    """The options that ask for simulators."""
    return [word for name in simulators for word in ("--simulator", name)]


@pytest.fixture
def netlist(tmp_path) -> Path:
    """A multiplier of three bits as a file."""
    path = tmp_path / "m.mig"
    path.write_text(format_netlist(array_multiplier(3, 3)))
    return path


def test_every_format(cli, tmp_path, netlist):
    """Each netlist file has its role and its hash, is the same design, and never changes."""
    given = ("emit", "m.mig", "--format", ",".join(folder_formats()))
    outcome = cli(*given, "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    files = outcome.json["files"]
    assert outcome.json["timing"] is None
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for name in folder_formats():
        path = tmp_path / "out" / files[name]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest["sha256"][name]
        assert cli("equiv", "m.mig", path).code == 0, name
    assert cli(*given, "-o", "again", "--format", "blif").code == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize("formats", ["", "mig", "blif,mig"])
def test_all_files_are_listed(cli, tmp_path, netlist, formats):
    """What was written is what the text and the JSON name, the netlist without a format included."""
    given = ["emit", "m.mig", *(["--format", formats] if formats else []), "-o", "out"]
    written = {*(cli(*given, "--json").json["files"].values()), "manifest.json"}
    assert written == {path.name for path in (tmp_path / "out").iterdir()}
    said = cli(*given).stdout.split("files", 1)[1].split("next")[0].replace(",", " ").split()
    assert {*said[2:]} == written


@pytest.mark.parametrize("formats", [(), ("--format", "mig")])
def test_folder_of_another_design(cli, tmp_path, netlist, formats):
    """The netlist that a folder has of a design before is not taken for that of the new one."""
    former = tmp_path / "out" / "mul.mig"
    assert cli("emit", "m.mig", "-o", "out").code == 0
    assert former.read_text() == netlist.read_text()
    noted = f"# mine\n{netlist.read_text()}"
    former.write_text(noted)
    assert cli("emit", "m.mig", "-o", "out").code == 0
    assert former.read_text() == noted
    changed = array_multiplier(3, 3)
    former.write_text(format_netlist(replace(changed, outputs=changed.outputs ^ 1)))
    assert cli("emit", "m.mig", "-o", "out", *formats).code == 0
    checked = cli("verify", "out", "--mutants", "1", "--json", *asked("amaranth"))
    assert checked.code == 0, checked.stderr
    links = {link["name"]: link["result"] for link in checked.json["links"]}
    assert links["netlist"] == links["equivalence"] == "passed"


@pytest.mark.parametrize("cells", [(), ("--cells",)])
def test_pipeline(cli, tmp_path, netlist, cells):
    """A pipeline passes the whole chain, its mutants in the testbench too."""
    outcome = cli(
        "emit", "m.mig", "--data", "multiplier:3", "-o", "out", "--pipeline", "3", "--enable", "--reset",
        "--format", "mig,json", "--json", *cells,
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["timing"] == {"latency": 3, "enable": True, "reset": True}
    assert outcome.json["notices"] == ["mig, json: the netlist without registers"]
    checked = cli("verify", "out", "--mutants", "30", "--json", *asked(*SIMULATORS))
    assert checked.code == 0, checked.stdout
    assert all(link["result"] != "failed" for link in checked.json["links"])
    assert cli("equiv", "m.mig", "out").code == 0
    if not cells:
        assert cli("equiv", "m.mig", "out/mul.v").code == 0


def test_depth_of_a_stage(cli, tmp_path, netlist):
    """As many stages as the depth asks for; the text says what it came to."""
    outcome = cli("emit", "m.mig", "-o", "out", "--pipeline", "auto:2", "--reset")
    assert outcome.code == 0, outcome.stderr
    assert "timing    latency 4 clocks; ports clk, rst\n" in outcome.stdout
    assert "// mul: pipelined, latency 4," in (tmp_path / "out" / "mul.v").read_text()
    assert cli("emit", "m.mig", "-o", "one", "--pipeline", "auto:9").code == 0
    assert json.loads((tmp_path / "one" / "manifest.json").read_text())["timing"]["latency"] == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--pipeline", "x"),
            "--pipeline: expected 0 to 1000 stages, auto or auto:DEPTH, got 'x'",
        ),
        (("--pipeline", "auto:"), "got 'auto:'"),
        (("--pipeline", "1001"), "stages, auto or auto:DEPTH, got 1001"),
        (("--pipeline", "auto:0"), "got 'auto:0'"),
        (("--enable",), "a combinational design has no registers"),
        (("--reset",), "a combinational design has no registers"),
        (("--format", "blif,edif"), "--format: expected a list of some of mig, blif, aag,"),
    ],
)
def test_refused(cli, tmp_path, netlist, given, said):
    """What cannot be is refused in one line, and no folder is left."""
    outcome = cli("emit", "m.mig", "-o", "out", *given)
    assert outcome.code == 2
    assert said in outcome.complaint
    assert not (tmp_path / "out").exists()


HOSTILE = ("module", "$(touch owned)", "a b", "a-b", "clk", "en", "rst")


def test_hostile_names(cli, tmp_path):
    """Keywords, commands, names that clash and names of controls from a file: legal and checked hardware."""
    rows = [[number >> bit & 1 for bit in range(6)] for number in range(64)]
    lines = [",".join(HOSTILE), *(",".join(map(str, [*row, int(sum(row) >= 4)])) for row in rows)]
    (tmp_path / "names.csv").write_text("\n".join(lines) + "\n")
    outcome = cli(
        "build", "names.csv", "-o", "out", "--pipeline", "2", "--enable", "--reset", "--cells", "--json",
        "--stream", "--format", ",".join(folder_formats()), *asked(*SIMULATORS),
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["timing"] == {"latency": 2, "enable": True, "reset": True}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    ports = [*manifest["ports"]["inputs"], *manifest["ports"]["outputs"]]
    assert [port["name"] for port in ports] == list(HOSTILE)
    names = [port["hdl"] for port in ports]
    assert len({*names, "clk", "rst", "en"}) == 10
    for name in HOSTILE:
        assert any(f"port {name!r} is renamed" in notice for notice in outcome.json["notices"])
    assert {path.name for path in tmp_path.iterdir()} == {"names.csv", "out"}
    assert not (tmp_path / "out" / "owned").exists()
    checked = cli("verify", "out", "--mutants", "20", *asked("amaranth"))
    assert checked.code == 0, checked.stdout
    for name in folder_formats():
        assert cli("equiv", "out", f"out/{manifest['files'][name]}").code == 0, name


def wide(cells: int, seed: int = 1) -> Netlist:
    """So many random cells over a thousand inputs in ports of mixed widths; every signal is read."""
    random = np.random.default_rng(seed)
    widths = [1, 64, 2, 32, 5, 8, 13] * 8
    builder = NetlistBuilder("wide", [Port(f"x{at}", width) for at, width in enumerate(widths)], [])
    unread = [builder.input(bit) for bit in range(sum(widths))]
    while len(unread) > 40:
        reads = [unread.pop(0) ^ int(random.integers(2)) for _ in range(3)]
        made = [builder.and_, builder.or_][random.integers(2)](*reads[:2])
        unread.append(builder.maj(made, reads[2], unread[0]))
        if builder.n_cells < cells:
            unread += [builder.maj(unread[-1], *reads[:2]), builder.or_(unread[-1], reads[2])]
    builder.output_ports = (Port("y", len(unread)),)
    return builder.build(unread)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("vvp") is None, reason="needs Icarus")
def test_a_thousand_inputs(cli, tmp_path):
    """A wide pipeline of instances is emitted and simulated on two thousand vectors."""
    netlist = wide(1500)
    assert netlist.n_inputs == 1000
    (tmp_path / "w.mig").write_text(format_netlist(netlist))
    outcome = cli(
        "emit", "w.mig", "-o", "out", "--json", "--pipeline", "2", "--enable", "--reset", "--cells"
    )
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["vectors"] == 2048
    assert outcome.json["netlist"]["cells"] >= 1500
    checked = cli("simulate", "out", "--simulator", "icarus", "--json")
    assert checked.code == 0, checked.stderr


RANGES = """module r(input [0:3] a, input [7:4] b, input c, output [3:1] y, output [0:1] z);
  assign y = {a[0] & b[7], a[1] | b[5], a[3] ^ c};
  assign z = {a[2] & b[4] & c, ~b[6]};
endmodule
"""


@pytest.mark.parametrize("options", [(), ("--pipeline", "2", "--enable", "--reset"), ("--cells",)])
def test_ranges_of_ports(cli, tmp_path, options):
    """Ports keep the ranges of the source in every file; what Amaranth numbers in its own way is said."""
    (tmp_path / "r.v").write_text(RANGES)
    outcome = cli("emit", "r.v", "-o", "d", "--format", "blif,aag,bench,json", *options, "--json")
    assert outcome.code == 0, outcome.stderr
    said = [note for note in outcome.json["notices"] if "Amaranth" in note]
    assert len(said) == 1
    assert "a[0:3], b[7:4], y[3:1], z[0:1]" in said[0]
    ports = json.loads((tmp_path / "d/manifest.json").read_text())["ports"]
    assert [port.get("range") for port in ports["inputs"]] == ["[0:3]", "[7:4]", None]
    verilog, vhdl = ((tmp_path / f"d/r{ending}").read_text() for ending in (".v", ".vhd"))
    for text in ("input wire [0:3] a", "input wire [7:4] b", "input wire c"):
        assert text in verilog
    assert "a : in std_logic_vector(0 to 3)" in vhdl
    assert "b : in std_logic_vector(7 downto 4)" in vhdl
    names = "b[4] b[5] b[6] b[7] c"
    assert names in " ".join((tmp_path / "d/r.blif").read_text().split())
    for file in ("d", "d/r.blif", "d/r.aag", "d/r.bench", "d/r_yosys.json"):
        outcome = cli("equiv", file, "r.v", "--json")
        assert outcome.code == 0, outcome.stderr
        assert not any("matched" in note for note in outcome.json["notes"])
    outcome = cli("simulate", "d", *asked("parsed_verilog", "amaranth"))
    assert outcome.code == 0, outcome.stdout
    listed = cli("show", "d", "--json").json
    assert listed["inputs"][:2] == [
        {"name": "a", "width": 4, "range": "[0:3]"},
        {"name": "b", "width": 4, "range": "[7:4]"},
    ]


@pytest.mark.parametrize(
    ("direction", "change", "said"),
    [
        ("inputs", {"range": "[0:4]"}, "expected a range of 4 bits such as [3:0], got '[0:4]'"),
        ("inputs", {"range": "0:3"}, "expected a range of 4 bits"),
        ("inputs", {"pins": [0, 1, 2, 3]}, "expected 9 whole numbers as pins"),
        ("inputs", {"pins": [0] * 9}, "expected pins from 0 to 8, each once"),
    ],
)
def test_ranges_in_a_manifest(cli, tmp_path, direction, change, said):
    """What is wrong with them is said in one line."""
    (tmp_path / "r.v").write_text(RANGES)
    assert cli("emit", "r.v", "-o", "d").code == 0
    path = tmp_path / "d/manifest.json"
    record = json.loads(path.read_text())
    record["ports"][direction][0].update(change)
    path.write_text(json.dumps(record))
    outcome = cli("equiv", "d", "r.v")
    assert outcome.code == 2
    assert said in outcome.complaint


SUM = ["in:a,in:b,out:s,out:c", "0,0,0,0", "0,1,1,0", "1,0,1,-", "1,1,0,1", "0,1,1,0"]
"""A half adder of two bits; a don't-care, and a row that comes twice."""


def test_targets_of_emitted_hardware(cli, tmp_path):
    """What was emitted with patterns says how many targets it gets right, wherever it is verified."""
    (tmp_path / "sum.csv").write_text("\n".join(SUM) + "\n")
    (tmp_path / "sum.v").write_text(
        "module sum(input b, a, output s, c); assign s = a ^ b; assign c = a & b; endmodule\n"
    )
    emitted = cli("emit", "sum.v", "--data", "sum.csv", "-o", "out", "--json")
    assert emitted.code == 0, emitted.stderr
    counts = {"right": 9, "count": 9}
    assert emitted.json["targets"] == counts
    words = "verified: hardware equals the netlist; 9 of 9 targets right (100%)"
    for command in ("simulate", "verify"):
        given = (command, "out", *asked("amaranth"), *(("--mutants", 5) * (command == "verify")))
        outcome = cli(*given, "--json")
        assert (outcome.code, outcome.json["verdict"]) == (0, words)
        assert outcome.json["targets"] == {"data": counts}
        assert words in cli(*given).stdout
    assert cli("report", "out", "-o", "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert words[1:] in page
    assert "100% of targets right" in page


def test_no_targets_without_patterns(cli, tmp_path, netlist):
    """Hardware that was emitted without patterns has no targets to get right, whatever was here before."""
    for given in (("--data", "multiplier:3"), ()):
        assert cli("emit", "m.mig", "-o", "out", *given).code == 0
    outcome = cli("simulate", "out", *asked("amaranth"), "--json")
    assert outcome.json["verdict"] == "verified: hardware equals the netlist"
    assert outcome.json["targets"] == {}


@pytest.mark.parametrize("targets", [[], {"data": 3}, {"data": {"right": 5, "count": 4}}])
def test_unsound_targets(cli, tmp_path, netlist, targets):
    """Targets in the manifest that cannot be are not shown, and end in no traceback."""
    assert cli("emit", "m.mig", "--data", "multiplier:3", "-o", "out").code == 0
    path = tmp_path / "out" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "targets": targets}))
    outcome = cli("simulate", "out", *asked("amaranth"))
    assert "targets right" not in outcome.stdout
    if isinstance(targets, list):
        assert outcome.code == 2
        assert "targets" in outcome.complaint
    else:
        assert outcome.code == 0
