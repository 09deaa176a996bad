"""What is taken from a folder, and what is not believed."""

from __future__ import annotations

import json

import pytest
from report_folders import add_build, multiplier_folder, wrong_folder

from btfsynth.errors import DataError
from btfsynth.netlist.text import read_netlist
from btfsynth.report.folder import read_folder
from btfsynth.report.sections import chains, design_facts, fpga_table, pass_table, verdict
from btfsynth.training.history import HistoryPoint, format_history, parse_history

POINTS = (
    HistoryPoint(1, 2.0, 1.0, 1.5, 0.9, 2.0, 0.5, 0.25),
    HistoryPoint(10, 0.5, 0.3, 0.3, 0.2, 0.4, 1.0, 1.0, 0.5, 0.75, None, 0.0),
)


@pytest.fixture
def folder(tmp_path):
    """A folder of a 2-bit multiplier with hardware and netlist alone."""
    return multiplier_folder(2, tmp_path / "m2")


def test_without_records(folder):
    """The netlist is checked on the vectors, but that does not verify the hardware."""
    found = read_folder(folder)
    assert verdict(found).state == "none"
    assert "correct on all 16 vectors" in verdict(found).reason
    assert not found.notices
    assert not chains(found)


def test_netlist_from_the_verilog(folder):
    """Without a netlist file the Verilog is read; it computes the same."""
    own = read_folder(folder)
    (folder / "multiplier_2.mig").unlink()
    found = read_folder(folder)
    assert found.netlist.input_ports == own.netlist.input_ports
    assert not found.wrong_vectors().any()


def test_wrong_netlist(tmp_path):
    """A netlist that is wrong fails the design, whatever its records say."""
    directory = wrong_folder(tmp_path / "w")
    add_build(directory, read_netlist(directory / "multiplier_2.mig"))
    found = read_folder(directory)
    assert found.build["verified"] is True
    assert verdict(found).state == "bad"
    assert "wrong on 16 of 16 vectors" in verdict(found).reason


def test_record_of_the_build(folder):
    """A record that fits the design is believed; a check that failed outweighs its verdict."""
    netlist = read_netlist(folder / "multiplier_2.mig")
    add_build(folder, netlist)
    assert verdict(read_folder(folder)).state == "good"
    checks = {"icarus": {"passed": 15, "failed": 1, "first_mismatch": {"vector": 3}}}
    add_build(folder, netlist, checks=checks)
    found = read_folder(folder)
    assert verdict(found).state == "bad"
    assert "icarus" in verdict(found).reason
    assert "vector 3" in chains(found)[0]["rows"][0]["detail"]


def test_record_of_another_build(folder):
    """A record of another netlist is left out, with a notice."""
    netlist = read_netlist(folder / "multiplier_2.mig")
    record = add_build(folder, netlist)
    record["netlist"]["depth"] += 1
    (folder / "report.json").write_text(json.dumps(record))
    found = read_folder(folder)
    assert verdict(found).state == "none"
    assert found.notices == ("report.json belongs to another design and is omitted",)


@pytest.mark.parametrize(
    ("hashes", "state"), [(None, "good"), ({}, "none"), ({"verilog": "0" * 64}, "none")]
)
def test_stored_verification(folder, hashes, state):
    """A stored result of verify counts only for the files it is of."""
    own = json.loads((folder / "manifest.json").read_text())["sha256"]
    link = {"name": "equivalence", "result": "passed", "covers": "all 2^4 inputs", "detail": "SAT"}
    content = {"links": [link], "verified": True, "sha256": own if hashes is None else hashes}
    (folder / "verify.json").write_text(json.dumps(content))
    found = read_folder(folder)
    assert verdict(found).state == state
    assert len(found.notices) == (state != "good")
    if state == "good":
        row = chains(found)[0]["rows"][0]
        assert (row["word"], row["covers"]) == ("passed", "all 2^4 inputs")


def test_history(folder):
    """The history is shown only if the build wrote it."""
    netlist = read_netlist(folder / "multiplier_2.mig")
    (folder / "multiplier_2_history.csv").write_text(format_history(POINTS))
    assert read_folder(folder).history == ()
    add_build(folder, netlist, files=["multiplier_2_history.csv"])
    assert read_folder(folder).history == POINTS
    (folder / "multiplier_2_history.csv").write_text("nonsense\n")
    found = read_folder(folder)
    assert found.history == ()
    assert "multiplier_2_history.csv:1" in found.notices[0]
    assert str(folder) not in found.notices[0]


def test_history_comes_back():
    """What is written is read back; what is unknown stays so."""
    assert parse_history(format_history(POINTS)) == POINTS


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("1,2", 3), ("x,1,1,1,1,1,1,1,,,,", 3), ("1.5,1,1,1,1,1,1,1,,,,", 3),
        ("2,nan,1,1,1,1,1,1,,,,", 3), ("2,,1,1,1,1,1,1,,,,", 3), ("-1,1,1,1,1,1,1,1,,,,", 3),
    ],
)  # fmt: skip
def test_broken_history(row, line):
    """A row that is no point is named."""
    text = format_history(POINTS[:1]) + row + "\n"
    with pytest.raises(DataError, match=f"h.csv:{line}: expected 12 numbers"):
        parse_history(text, "h.csv")


@pytest.mark.parametrize("content", ["[]", "{", '{"device": "hx8k"', "nonsense"])
def test_broken_records(folder, content):
    """A record that is none is left out with a notice that does not tell the folder."""
    (folder / "report.json").write_text(content)
    (folder / "fpga-hx8k").mkdir()
    (folder / "fpga-hx8k" / "fpga.json").write_text(content)
    found = read_folder(folder)
    assert len(found.notices) == 2
    assert all(str(folder) not in notice for notice in found.notices)
    assert fpga_table(found) is None


def test_fpga_figures(folder):
    """A row a run: figures of the design beside those of the case statement, or at the top."""
    hashes = json.loads((folder / "manifest.json").read_text())["sha256"]
    run = {
        "module": "multiplier_2",
        "sha256": {"verilog": hashes["verilog"]},
        "device": "ice40-hx1k",
        "tools": {"yosys": "0.70"},
        "design": {
            "luts": 5, "proven": True, "fmax_mhz": 123.5, "with_registers": {"flip_flops": 8},
        },
        "case": {"luts": 7},
        "checks": {"routed": {"passed": 16, "failed": 0}},
    }  # fmt: skip
    records = {
        "fpga-a": run,
        "fpga-b": {"luts": 8, "ffs": 2, "device": "25k", "log": ["x"]},
        "fpga-c": {**run, "module": "other"},
        "fpga-d": {**run, "sha256": {"verilog": hashes["vectors"]}},
        "fpga-e": {**run, "sha256": None},
    }
    for name, record in records.items():
        (folder / name).mkdir()
        (folder / name / "fpga.json").write_text(json.dumps(record))
    found = read_folder(folder)
    assert found.notices == tuple(
        f"fpga-{name} belongs to another design and is omitted; run fpga again" for name in "cde"
    )
    table = fpga_table(found)
    assert table["columns"] == [
        "device", "LUTs", "flip-flops", "MHz", "case LUTs", "proven", "tools",
    ]  # fmt: skip
    shown = [[row["values"][key] for key in table["columns"]] for row in table["rows"]]
    assert shown == [
        ["ice40-hx1k", "5", "8", "123.5", "7", "yes", "yosys 0.70"],
        ["25k", "8", "2", "", "", "", ""],
    ]
    assert [chain["title"] for chain in chains(found)] == ["On ice40-hx1k"]
    run["checks"]["routed"]["failed"] = 1
    (folder / "fpga-a" / "fpga.json").write_text(json.dumps(run))
    assert verdict(read_folder(folder)).state == "bad"


def test_passes(folder):
    """Each pass begins with the cells that the one before left."""
    netlist = read_netlist(folder / "multiplier_2.mig")
    passes = [
        {"name": "resub", "cells": 20, "depth": 5, "seconds": 0.5, "proof": "all 16 patterns"},
        {"name": "broken", "cells": "many"},
        {"name": "sweep", "cells": 18, "depth": 5, "kept": False},
    ]
    add_build(folder, netlist, passes=passes)
    table = pass_table(read_folder(folder))
    rows = [(row["name"], row["before"], row["after"], row["kept"]) for row in table["rows"]]
    assert rows == [
        ("lowering", "", 40, True), ("resub", 40, 20, True), ("sweep", 20, 18, False),
    ]  # fmt: skip
    assert "From 40 cells" in table["text"]
    assert "55 % fewer" in table["text"]


def test_command(folder):
    """The command is what the build recorded, quoted for a shell."""
    netlist = read_netlist(folder / "multiplier_2.mig")
    add_build(folder, netlist)
    assert "command" not in [name for name, _, _ in design_facts(read_folder(folder))]
    add_build(folder, netlist, command=["btfsynth", "build", "my file.pla", "--seed", "3"])
    command = "btfsynth build 'my file.pla' --seed 3"
    assert ("command", command, True) in design_facts(read_folder(folder))


def test_other_ports(folder):
    """A netlist of other ports than the manifest's is no netlist of the design."""
    path = folder / "multiplier_2.mig"
    path.write_text(path.read_text().replace('input "a" 2', 'input "x" 2'))
    with pytest.raises(DataError, match="expected the inputs that the manifest lists"):
        read_folder(folder)
