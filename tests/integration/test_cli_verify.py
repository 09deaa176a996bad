"""``btfsynth verify`` on a built design, sound and broken."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from circuits import array_multiplier

from btfsynth.flow.building import emit_netlist
from btfsynth.hdl.design import HardwareOptions

LINKS = ["files", "source", "netlist", "parsed_verilog", "equivalence", "amaranth", "icarus"]
LINKS += ["verilator", "yosys", "amaranth_proof", "vhdl_proof", "mutation", "testbench"]
NEEDED = {
    "yosys": {"yosys"},
    "amaranth_proof": {"yosys"},
    "vhdl_proof": {"ghdl"},
    "testbench": {"icarus"},
}
"""Links and the tools without which they are skipped."""


@pytest.fixture(scope="session")
def sound_multiplier(tmp_path_factory) -> Path:
    """Return the folder of a two-bit multiplier's design, not to be changed."""
    from btfsynth.dataset.load import load
    from btfsynth.flow.building import build
    from btfsynth.flow.report import BuildOptions

    folder = tmp_path_factory.mktemp("verify") / "multiplier_2"
    build(load("multiplier:2"), folder, BuildOptions(simulators=("parsed_verilog",)))
    return folder


@pytest.fixture
def design(sound_multiplier, tmp_path) -> Path:
    """Return a copy of the design."""
    return Path(shutil.copytree(sound_multiplier, tmp_path / "multiplier_2"))


def links(record: dict) -> dict[str, dict]:
    """Return the links by name."""
    return {link["name"]: link for link in record["links"]}


def test_every_link(cli, sound_multiplier):
    """A build passes every link that can be checked; JSON says what each covers."""
    outcome = cli(
        "verify", sound_multiplier, "--simulator", "amaranth", "--mutants", 1000, "--json"
    )
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert (record["module"], record["verified"]) == ("multiplier_2", True)
    assert [link["name"] for link in record["links"]] == [
        name for name in LINKS if name not in {"icarus", "verilator"}
    ]
    tools = cli("doctor", "--json").json["found"]
    there = {tool["name"] for tool in tools if tool["version"]}
    skipped = {name for name, needed in NEEDED.items() if not needed <= there}
    assert {link["name"] for link in record["links"] if link["result"] == "skipped"} == skipped
    for link in record["links"]:
        assert link["result"] in ("passed", "skipped")
        assert link["covers" if link["result"] == "passed" else "detail"]
    mutants = links(record)["mutation"]["mutants"]
    assert mutants["tried"] == mutants["total"] == mutants["killed"] + mutants["equivalent"] > 80
    assert outcome.stderr.splitlines()[0] == "multiplier_2: files ..."


def test_ports_called_as_cells_are(cli, tmp_path):
    """Ports of ISCAS circuits (N1, n2) keep their names; cells and registers make way, in every language."""
    rows = ["in:N1,in:n2,in:nn3,out:n5,out:d1_N1"]
    rows += [f"{a},{b},{c},{a ^ b},{a & b | c}" for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "t.v").write_text(
        "module t(input N1, n2, nn3, output n5, d1_N1);\n"
        "assign n5 = N1 ^ n2; assign d1_N1 = N1 & n2 | nn3;\nendmodule\n"
    )
    plain = cli("simplify", "t.v", "-o", "plain.v")
    assert (plain.code, "is renamed" in plain.stdout) == (0, False)
    assert cli("emit", "t.v", "--data", "t.csv", "-o", "d", "--pipeline", 2, "--cells").code == 0
    ports = json.loads((tmp_path / "d" / "manifest.json").read_text())["ports"]
    assert [port["hdl"] for port in ports["inputs"] + ports["outputs"]] == [
        "N1", "n2", "nn3", "n5", "d1_N1",
    ]  # fmt: skip
    outcome = cli("verify", "d", "--json")
    assert outcome.code == 0, outcome.stderr
    for file in ("plain.v", "d"):
        assert cli("equiv", file, "t.csv").code == 0


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.skipif(shutil.which("verilator") is None, reason="needs verilator")
def test_all_simulators(cli, sound_multiplier):
    """Without options every installed simulator takes part, and the table ends in a verdict."""
    outcome = cli("verify", sound_multiplier)
    assert outcome.code == 0, outcome.stderr
    first = [line.split(" ")[0] for line in outcome.stdout.splitlines()]
    assert [word for word in first if word in LINKS] == LINKS
    last = outcome.stdout.splitlines()[-1]
    assert last == "verified: hardware equals the netlist; 64 of 64 targets right (100%)"


def corrupt_vectors(design: Path) -> None:
    """Flip an expected bit of the last vector."""
    path = design / "multiplier_2_vectors.mem"
    lines = path.read_text().splitlines()
    lines[-1] = lines[-1][:5] + ("1" if lines[-1][5] == "0" else "0") + lines[-1][6:]
    path.write_text("\n".join(lines) + "\n")


def corrupt_verilog(design: Path) -> None:
    """Invert the first output."""
    path = design / "multiplier_2.v"
    text = path.read_text()
    path.write_text(text.replace("assign p[0] = ", "assign p[0] = ~", 1).replace("~~", ""))


def corrupt_netlist(design: Path) -> None:
    """Invert the last output."""
    path = design / "multiplier_2.mig"
    head, _, last = path.read_text().rstrip().rpartition(" ")
    path.write_text(f"{head} {int(last) ^ 1}\n")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (corrupt_vectors, {"files", "source", "netlist", "parsed_verilog", "amaranth", "mutation"}),
        (corrupt_verilog, {"files", "parsed_verilog", "equivalence"}),
        (corrupt_netlist, {"netlist", "equivalence", "mutation"}),
    ],
)
def test_damage_is_found(cli, design, damage, named):
    """Whatever is damaged, the links that look at it fail, and so does the command."""
    damage(design)
    outcome = cli(
        "verify", design, "--simulator", "amaranth", "--mutants", 5, "--json", "--junit", "v.xml"
    )
    assert outcome.code == 1
    assert outcome.json["verified"] is False
    wrong = {name for name, link in links(outcome.json).items() if link["result"] == "failed"}
    assert named <= wrong <= named | {"yosys", "amaranth_proof", "vhdl_proof"}
    assert outcome.complaint.startswith("not verified: ")
    suite = ET.parse("v.xml").getroot().find("testsuite")
    failures = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failures == wrong
    assert int(suite.get("failures")) == len(wrong)


def test_table_names_the_failure(cli, design):
    """The table for people has the counterexample, and so has the error line."""
    corrupt_vectors(design)
    outcome = cli("verify", design, "--simulator", "amaranth", "--mutants", 5)
    assert outcome.code == 1
    assert "FAILED" in outcome.stdout
    assert "verified" not in outcome.stdout
    assert "not verified: files, source, netlist" in outcome.complaint


def test_bad_folders(cli, design):
    """A folder that is no design, and one that is no whole one, are refused with exit code 2."""
    outcome = cli("verify", "nowhere")
    assert (outcome.code, outcome.complaint) == (2, "nowhere: no such design folder")
    (design / "multiplier_2.v").unlink()
    outcome = cli("verify", design, "--json")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "multiplier_2.v: missing" in outcome.complaint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mutants", "0"], "--mutants"),
        (["--simulator", "modelsim"], "all, got 'modelsim'"),
        (["--junit", "."], "expected a file to write, got a folder"),
    ],
)
def test_wrong_options(cli, sound_multiplier, arguments, message):
    """Options that cannot be used are refused before anything is checked."""
    outcome = cli("verify", sound_multiplier, *arguments)
    assert outcome.code in {1, 2}
    assert outcome.stdout == ""
    assert message in outcome.complaint


def test_names_are_escaped(cli, design):
    """What a manifest says ends up as text, in XML and on the terminal."""
    record = json.loads((design / "manifest.json").read_text())
    record["source"] = "<b>&\x1b[31m.csv"
    (design / "manifest.json").write_text(json.dumps(record))
    outcome = cli("verify", design, "--simulator", "amaranth", "--mutants", 5, "--junit", "v.xml")
    assert outcome.code == 0, outcome.stderr
    assert "\x1b" not in outcome.stdout + Path("v.xml").read_text()
    cases = {case.get("name"): case for case in ET.parse("v.xml").getroot().iter("testcase")}
    message = cases["source"].find("skipped").get("message")
    assert message == "made from <b>&\\x1b[31m.csv, not from a built-in task"


def test_reports_are_reproducible(cli, sound_multiplier):
    """The same design twice gives the same report but for the seconds."""
    reports = []
    for _ in range(2):
        record = cli("verify", sound_multiplier, "--simulator", "amaranth", "--json").json
        for link in record["links"]:
            del link["seconds"]
        reports.append(record)
    assert reports[0] == reports[1]


EDITS = {
    "blif": lambda text: text.replace(b"11 1", b"10 1", 1),
    "aag": lambda text: re.sub(rb"(?m)^(\d+ )(\d+ )(\d+)$", _complemented, text, count=1),
    "bench": lambda text: text.replace(b" = AND(", b" = NAND(", 1),
    "json": lambda text: text.replace(b'"$_AND_"', b'"$_OR_"', 1),
    "aig": lambda text: re.sub(rb"(?m)^(\d+)$", _complemented_output, text, count=1),
}
"""Edits that make a netlist file another function, one a format."""


def _complemented(row: re.Match[bytes]) -> bytes:
    return row[1] + row[2] + b"%d" % (int(row[3]) ^ 1)


def _complemented_output(row: re.Match[bytes]) -> bytes:
    return b"%d" % (int(row[1]) ^ 1)


@pytest.fixture(scope="session")
def sound_formats(tmp_path_factory) -> Path:
    """Return a pipelined design with a netlist file of every format, not to be changed."""
    folder = tmp_path_factory.mktemp("formats") / "product"
    netlist = replace(array_multiplier(2, 2), name="product")
    emit_netlist(netlist, None, folder, HardwareOptions(pipeline=2, formats=("mig", *EDITS)))
    return folder


def _rewritten(folder: Path, role: str, content: bytes) -> str:
    """Write a file of a design with its hash; return the name."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    (folder / manifest["files"][role]).write_bytes(content)
    manifest["sha256"][role] = hashlib.sha256(content).hexdigest()
    path.write_text(json.dumps(manifest))
    return manifest["files"][role]


@pytest.mark.parametrize("with_mig", [True, False])
@pytest.mark.parametrize("role", EDITS)
def test_netlist_file_of_another_function(cli, sound_formats, tmp_path, role, with_mig):
    """A netlist file beside the design that is a different netlist is found, whatever its hash says."""
    folder = Path(shutil.copytree(sound_formats, tmp_path / "product"))
    manifest = json.loads((folder / "manifest.json").read_text())
    if not with_mig:
        (folder / manifest["files"].pop("mig")).unlink()
        del manifest["sha256"]["mig"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
    content = (folder / manifest["files"][role]).read_bytes()
    changed = EDITS[role](content)
    assert changed != content
    name = _rewritten(folder, role, changed)
    outcome = cli("verify", folder, "--simulator", "amaranth", "--mutants", 1, "--json")
    assert outcome.code == 1
    failed = {name for name, link in links(outcome.json).items() if link["result"] == "failed"}
    assert failed == {"netlist"}
    link = links(outcome.json)["netlist"]
    assert link["detail"] == f"{name} is a different netlist"
    shown = link["counterexample"]
    assert shown["inputs"].startswith("a=2'b")
    assert shown["netlist"] != shown[name]


def test_sound_netlist_files(cli, sound_formats, tmp_path):
    """Files of every format are named as what was compared; one that is none of its format is named too."""
    given = ("--simulator", "amaranth", "--mutants", 1, "--json")
    outcome = cli("verify", sound_formats, *given, "-o", tmp_path / "verify.json")
    assert outcome.code == 0, outcome.stderr
    detail = links(outcome.json)["netlist"]["detail"]
    assert all(f"product{ending}" in detail for ending in (".blif", ".aag", ".aig", ".bench"))
    assert "product_yosys.json" in detail
    folder = Path(shutil.copytree(sound_formats, tmp_path / "product"))
    name = _rewritten(folder, "aag", b"aag 1 2\n")
    outcome = cli("verify", folder, *given)
    assert outcome.code == 1
    assert name in links(outcome.json)["netlist"]["detail"]
