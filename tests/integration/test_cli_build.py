"""``btfsynth build`` from end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog")


def product_table(bits: int) -> list[tuple[int, int]]:
    """Return inputs and outputs of a multiplier as numbers, by Python's own arithmetic."""
    low = (1 << bits) - 1
    return [(x, (x & low) * (x >> bits)) for x in range(1 << 2 * bits)]


def vectors_of(folder: Path) -> list[tuple[int, int]]:
    """Return inputs and expected outputs of a design's vector file as numbers."""
    manifest = json.loads((folder / "manifest.json").read_text())
    n_out = sum(port["width"] for port in manifest["ports"]["outputs"])
    lines = (folder / manifest["files"]["vectors"]).read_text().split()
    return [(int(t[1 + 2 * n_out :], 2), int(t[1 + n_out : 1 + 2 * n_out], 2)) for t in lines]


@needs_icarus
def test_multiplier_2_json(run_program, tmp_path):
    """The program prints its report as one JSON document, which is report.json."""
    outcome = run_program(
        "build", "multiplier:2", "--seed", 1, "--json",
        "--simulator", "amaranth", "--simulator", "icarus",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    report, folder = outcome.json, tmp_path / "hdl_out" / "multiplier_2"
    assert outcome.stdout == (folder / "report.json").read_text()
    assert report["verified"] is True
    assert (report["name"], report["source"]) == ("multiplier_2", "multiplier:2")
    assert (report["patterns"], report["exhaustive"], report["seed"]) == (16, True, 1)
    assert set(report["train"]) >= {
        "trials", "iterations", "seconds", "stop", "gap", "widths", "sigma", "beta", "gamma",
    }  # fmt: skip
    netlist = report["netlist"]
    assert set(netlist) >= {
        "cells", "and", "or", "maj", "inverters", "depth", "lowered_cells",
    }  # fmt: skip
    assert netlist["cells"] <= 10
    assert netlist["cells"] == netlist["and"] + netlist["or"] + netlist["maj"]
    assert set(report["checks"]) == {"network", "amaranth", "icarus", "parsed_verilog"}
    assert all(check == {"passed": 16, "failed": 0} for check in report["checks"].values())
    assert sorted(report["files"]) == sorted(path.name for path in folder.iterdir())
    assert vectors_of(folder) == product_table(2)
    assert read_netlist(folder / "multiplier_2.mig").n_cells == netlist["cells"]
    assert load_network(folder / "multiplier_2.npz").training["seed"] == 1


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4, 5))]
)
def test_multiplier_3(cli, tmp_path, fast_simulator, seed):
    """The three-bit multiplier is right on all 64 input vectors."""
    outcome = cli("build", "multiplier:3", "--seed", seed, "--json", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["checks"][fast_simulator] == {"passed": 64, "failed": 0}
    assert outcome.json["checks"]["parsed_verilog"] == {"passed": 64, "failed": 0}
    assert vectors_of(tmp_path / "hdl_out" / "multiplier_3") == product_table(3)


@pytest.mark.verilator
@pytest.mark.skipif(shutil.which("verilator") is None, reason="needs verilator")
def test_verilator(cli):
    """Verilator checks a build too."""
    outcome = cli("build", "full_adder", "--json", "--simulator", "verilator")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["checks"]["verilator"] == {"passed": 8, "failed": 0}


def test_missing_simulator_is_skipped(cli, tmp_path, monkeypatch):
    """A simulator that is not there is skipped with a reason, and is no verification."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    outcome = cli("build", "full_adder", "--json", "--simulator", "icarus")
    assert outcome.code == 1
    assert outcome.json["verified"] is False
    assert "iverilog is not installed" in outcome.json["checks"]["icarus"]["skipped"]
    assert outcome.complaint.startswith("not verified: the hardware was not simulated: icarus")
    everything = cli("build", "full_adder", "--json")
    assert everything.code == 0, "Amaranth's simulator ran and none was asked for by name"
    assert set(everything.json["checks"]["verilator"]) == {"skipped"}
    assert everything.json["checks"]["amaranth"] == {"passed": 8, "failed": 0}


def test_parsing_alone_is_no_simulation(cli):
    """A build that simulates nothing is not verified."""
    outcome = cli("build", "full_adder", "--json", "--simulator", "parsed_verilog")
    assert (outcome.code, outcome.json["verified"]) == (1, False)
    assert (
        "name a simulator: amaranth, amaranth_stream, cocotb, ghdl, icarus, verilator"
        in outcome.complaint
    )


COMPARED = (
    "manifest.json", "multiplier_2.mig", "multiplier_2.npz", "multiplier_2.v",
    "multiplier_2_amaranth.py", "multiplier_2_vectors.mem", "tb_multiplier_2.v",
)  # fmt: skip


def test_same_bytes(cli, tmp_path, fast_simulator):
    """The same command gives the same files, for any number of jobs."""
    for folder, jobs in (("one", 1), ("two", 1), ("three", 2)):
        # So few iterations need more than one trial, else jobs would mean nothing.
        outcome = cli(
            "build", "multiplier:2", "--max-iterations", 300, "--trials", 200, "--jobs", jobs,
            "-o", folder, "--json", "--simulator", fast_simulator,
        )  # fmt: skip
        assert outcome.code == 0, outcome.stderr
        assert outcome.json["train"]["trials"] > 1
    for name in COMPARED:
        first = (tmp_path / "one" / name).read_bytes()
        assert (tmp_path / "two" / name).read_bytes() == first, name
        assert (tmp_path / "three" / name).read_bytes() == first, name


def test_other_seed_other_network(cli, tmp_path, fast_simulator):
    """The seed matters."""
    for seed in (1, 2):
        cli("build", "full_adder", "--seed", seed, "-o", seed, "--simulator", fast_simulator)
    one, two = (load_network(tmp_path / name / "full_adder.npz").weights.tolist() for name in "12")
    assert one != two


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "exact"),
        (("--stop", "gap", "--gap-limit", 0.05), "gap"),
        (("--stop", "both", "--gap-limit", 0.05), "both"),
        (("--stop", "none", "--max-iterations", 4000), "iterations"),
    ],
)
def test_stop_rules(cli, fast_simulator, options, reason):
    """The report says which rule ended the training."""
    outcome = cli("build", "multiplier:2", "--json", "--simulator", fast_simulator, *options)
    training = outcome.json["train"]
    assert training["stop"] == reason
    if reason in ("gap", "both"):
        assert training["gap"] < 0.05
    if reason == "iterations":
        assert training["iterations"] == 4000
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["verified"] is True


def test_inexact_network_is_not_verified(cli, fast_simulator):
    """What ends well by its rule but misses targets is built and called unverified."""
    outcome = cli(
        "build", "multiplier:2", "--stop", "none", "--max-iterations", 5, "--json",
        "--simulator", fast_simulator,
    )  # fmt: skip
    assert outcome.code == 1
    assert outcome.json["verified"] is False
    assert outcome.json["checks"]["network"]["failed"] > 0
    assert "network" in outcome.complaint


def test_missed_depth_keeps_the_design(cli, tmp_path, fast_simulator):
    """A design deeper than asked for is there and verified, and the exit code tells that it missed."""
    outcome = cli("build", "multiplier:2", "--max-depth", 1, "--simulator", fast_simulator)
    assert outcome.code == 1
    assert outcome.stderr.splitlines()[-1].startswith(
        "btfsynth: error: no netlist of depth 1 or less"
    )
    assert (
        json.loads((tmp_path / "hdl_out/multiplier_2/report.json").read_text())["verified"] is True
    )
    assert cli("build", "multiplier:2", "--max-depth", 9, "--simulator", fast_simulator).code == 0


def test_sample_keeps_the_network(cli, fast_simulator):
    """Hardware from a sample is the network's function, checked on every input vector."""
    assert cli("data", "multiplier:3", "--sample", 40, "-o", "s.dat").code == 0
    outcome = cli("build", "s.dat", "--json", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    report = outcome.json
    assert (report["patterns"], report["exhaustive"]) == (40, False)
    assert report["netlist"]["preserves"] == "network"
    assert report["checks"]["network"] == {"passed": 40, "failed": 0}
    for name in ("parsed_verilog", fast_simulator):
        assert report["checks"][name] == {"passed": 64, "failed": 0}


def test_sample_reduced_to_care(cli, fast_simulator):
    """With --preserve care the patterns are all that is kept, with no more cells than before."""
    cli("data", "multiplier:3", "--sample", 40, "-o", "s.dat")
    command = ("build", "s.dat", "--json", "--simulator", fast_simulator)
    network = cli(*command, "--preserve", "network")
    care = cli(*command, "--preserve", "care")
    assert care.code == 0, care.stderr
    assert care.json["checks"]["parsed_verilog"] == {"passed": 40, "failed": 0}
    assert care.json["netlist"]["cells"] < network.json["netlist"]["cells"]


def test_summary_fits_80_columns(cli, monkeypatch):
    """The summary is readable in 80 columns: nothing sticks out, no line begins mid-phrase."""
    monkeypatch.setenv("COLUMNS", "80")
    outcome = cli("build", "multiplier:2", "--simulator", "amaranth")
    assert outcome.code == 0
    lines = outcome.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith("netlist   ") and "cells: " in line for line in lines)
    assert any(line.split()[:3] == ["amaranth", "16", "0"] for line in lines)
    assert lines[-1] == "verified: hardware equals the netlist; 64 of 64 targets right (100%)"
    labels = {line[:10].strip() for line in lines[1 : lines.index("")]}
    assert labels == {"data", "network", "training", "netlist", "files", ""}
    assert outcome.stderr.splitlines() == [
        f"multiplier_2: {stage} ..."
        for stage in ("training", "simplifying", "emitting", "simulating")
    ]


def test_long_folder_name_stays_whole(cli, tmp_path, fast_simulator):
    """A path longer than a line can still be copied from the summary."""
    folder = f"{'deep' * 20}/{'er' * 30}"
    outcome = cli("build", "full_adder", "-o", folder, "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert folder in outcome.stdout
    assert (tmp_path / folder / "full_adder.v").is_file()


def test_markup_in_names_is_plain_text(cli, tmp_path, fast_simulator):
    """Names that look like markup or emoji codes are shown as they are."""
    folder = "[bold]:smile:[/x]"
    outcome = cli("build", "full_adder", "-o", folder, "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert f"in {folder}:" in outcome.stdout
    assert (tmp_path / folder / "full_adder.v").is_file()


def test_second_build_replaces_the_first(cli, tmp_path, fast_simulator):
    """A build into a folder that holds an earlier one leaves one consistent design."""
    for seed in (1, 2):
        outcome = cli(
            "build", "multiplier:2", "-o", "out", "--seed", seed, "--simulator", fast_simulator
        )
        assert outcome.code == 0, outcome.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["options"]["seed"] == 2
    assert cli("simulate", "out", "--simulator", fast_simulator).code == 0
    assert not list((tmp_path / "out").glob(".*"))


def test_valid_columns_go_by_name(cli, tmp_path):
    """Hardware is measured on the columns that the names say; the run file makes it again."""
    table = [(a, b, a & (1 - b)) for a in (0, 1) for b in (0, 1)]
    rows = "".join(f"{a},{b},{y}\n" for a, b, y in table)
    turned = "".join(f"{b},{a},{y}\n" for a, b, y in table)
    (tmp_path / "t.csv").write_text("in:a,in:b,out:y\n" + rows)
    (tmp_path / "h.csv").write_text("in:b,in:a,out:y\n" + turned)
    outcome = cli(
        "build", "t.csv", "--valid", "h.csv", "--weights", "auto", "--simulator", "amaranth",
        "-o", "out", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    accuracy = outcome.json["hardware"]["accuracy"]
    assert {accuracy[stage]["valid"]["bits_right"] for stage in accuracy} == {4}
    assert any("matched by name" in notice for notice in outcome.json["notices"])
    again = cli("build", "--config", "out/run.toml", "-o", "again", "--json")
    assert again.code == 0, again.stderr
    assert again.json["command"] == ["btfsynth", "build", "--config", "run.toml"]
    wider = cli("build", "t.csv", "--valid", "full_adder", "-o", "wider")
    assert wider.code == 2
    assert "expected 2 inputs" in wider.complaint
    assert not (tmp_path / "wider").exists()


def test_contradictory_rows_stop_a_training_alone(cli, tmp_path, fast_simulator):
    """Where nothing is learnt from them they are a note: a network is measured on what it can meet."""
    rows = "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"
    (tmp_path / "good.csv").write_text(rows)
    (tmp_path / "bad.csv").write_text(f"{rows}1,1,1\n")
    assert cli("train", "good.csv", "-o", "g.npz").code == 0
    said = "bad.csv:6: contradicts line 5"
    for command in (
        ("train", "bad.csv", "-o", "b.npz"),
        ("build", "bad.csv", "-o", "b"),
        ("learn", "bad.csv", "--conflicts", "error"),
    ):
        outcome = cli(*command)
        assert (outcome.code, said in outcome.complaint) == (2, True), command
        rule = command[-2:] == ("--conflicts", "error")
        assert rule or "--conflicts majority" in outcome.complaint
    outcome = cli("data", "bad.csv", "--json")
    assert (outcome.code, outcome.json["patterns"]) == (0, 5)
    assert f"note: {said}" in outcome.stderr
    build = ("build", "bad.csv", "--network", "g.npz", "--simulator", "amaranth")
    outcome = cli(*build, "-o", "out", "--json")
    assert f"note: {said}" in outcome.stderr
    assert outcome.json["checks"]["network"] == outcome.json["checks"]["network"] | {
        "passed": 4,
        "failed": 1,
    }
    assert (tmp_path / "out" / "manifest.json").exists()
