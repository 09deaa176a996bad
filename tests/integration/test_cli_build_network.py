"""``btfsynth build --network``: hardware from a network that was trained before."""

from __future__ import annotations

import json
import shutil

import pytest

from btfsynth.network.formats import load_network

CHECK = ("--simulator", "amaranth", "--json")


@pytest.fixture
def trained(cli, tmp_path):
    """Put a trained multiplier into the folder, as archive and as boolearn's texts."""
    for ending in ("npz", "sol"):
        outcome = cli("train", "multiplier:2", "-o", f"m.{ending}")
        assert outcome.code == 0, outcome.stderr
    shutil.copy(tmp_path / "m.sol", tmp_path / "m.net")
    return tmp_path


@pytest.mark.parametrize("ending", ["npz", "sol", "net"])
def test_a_network_of_any_format_becomes_hardware(cli, trained, ending):
    """The design has name and ports of the data, and says which file the network was in."""
    (trained / "sub").mkdir()
    (trained / f"m.{ending}").rename(trained / "sub" / f"m.{ending}")
    outcome = cli("build", "multiplier:2", "--network", f"sub/m.{ending}", "-o", "out", *CHECK)
    assert outcome.code == 0, outcome.stderr
    report = outcome.json
    assert report["verified"] is True
    assert (report["seed"], report["train"]) == (None, None)
    network = report["network"]
    assert (network["origin"], network["file"]) == ("file", f"m.{ending}")
    assert (network["vectors_right"], network["bits_right"], network["bits"]) == (16, 64, 64)
    assert bool(network["training"]) is (ending == "npz")
    assert report["netlist"]["preserves"] == "care"
    assert report["checks"]["amaranth"] == {"passed": 16, "failed": 0}
    manifest = json.loads((trained / "out" / "manifest.json").read_text())
    assert manifest["options"]["network_file"] == f"m.{ending}"
    assert [port["name"] for port in manifest["ports"]["inputs"]] == ["a", "b"]
    kept = load_network(trained / "out" / "multiplier_2.npz")
    assert [port.name for port in kept.output_ports] == ["p"]
    verilog = (trained / "out" / "multiplier_2.v").read_text()
    assert f"file m.{ending}" in verilog
    for path in (trained / "out").iterdir():
        assert str(trained).encode() not in path.read_bytes()
        if path.name != "run.toml":  # which is to find the network again
            assert b"sub/" not in path.read_bytes()


def test_the_design_is_that_of_the_training(cli, trained):
    """Training and building at once, or one after the other, give the same netlist."""
    assert cli("build", "multiplier:2", *CHECK, "-o", "once").code == 0
    assert cli("build", "multiplier:2", "--network", "m.npz", *CHECK, "-o", "later").code == 0
    netlists = [(trained / name / "multiplier_2.mig").read_bytes() for name in ("once", "later")]
    assert netlists[0] == netlists[1]
    report = json.loads((trained / "once" / "report.json").read_text())
    assert report["network"]["origin"] == "training"
    assert report["network"]["vectors_right"] == 16


def test_a_network_for_a_file_of_patterns(cli, trained):
    """boolearn's solution and its data, as its authors have them."""
    assert cli("data", "multiplier:2", "-o", "x.dat").code == 0
    outcome = cli("build", "--network", "m.sol", "x.dat", "--simulator", "amaranth")
    assert outcome.code == 0, outcome.stderr
    assert "from m.sol; 64 of 64 bits, 16 of 16 patterns right" in outcome.stdout
    assert "verified" in outcome.stdout


def test_a_network_that_misses_patterns(cli, trained):
    """The network is kept and proven, the miss is told, and it is not called verified."""
    cli("data", "multiplier:2", "-o", "x.dat")
    lines = (trained / "x.dat").read_text().splitlines()
    last = lines[-1].split()
    lines[-1] = " ".join([*last[:-1], str(1 - int(last[-1]))])
    (trained / "y.dat").write_text("\n".join(lines) + "\n")
    outcome = cli("build", "y.dat", "--network", "m.npz", "-o", "out", *CHECK)
    assert outcome.code == 1
    assert "network: 1 of 16 vectors failed" in outcome.complaint
    report = outcome.json
    assert report["verified"] is False
    assert report["checks"]["amaranth"]["failed"] == 0
    assert report["netlist"]["preserves"] == "network"
    assert any("wrong on 1 of 16 patterns" in notice for notice in report["notices"])
    refused = cli("build", "y.dat", "--network", "m.npz", "--preserve", "care", "-o", "no")
    assert refused.code == 2
    assert "wrong on 1 of 16 patterns" in refused.complaint
    assert not (trained / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("multiplier:3", "--network", "m.npz"), "m.npz: has 4 inputs and 4 outputs"),
        (
            ("multiplier:2", "--network", "m.npz", "--seed", "1"),
            "--seed: has no effect with --network: nothing is trained",
        ),
        (
            ("multiplier:2", "--network", "m.npz", "--gap-limit", "1"),
            "--gap-limit: has no effect with --network: nothing is trained",
        ),
        (("multiplier:2", "--network", "missing.sol"), "missing.sol: no such file"),
        (("multiplier:2", "--network", "data.npz"), "data.npz: expected a trained network"),
        (("multiplier:2", "--network", "zero.net"), "zero.net: expected a trained network"),
        (("m.npz",), "m.npz: expected patterns, got a trained network"),
        (("multiplier:2", "--network", "m.npz", "--passes", "nonsense"), "nonsense"),
    ],
)
def test_what_cannot_be_built_is_refused_before_any_work(cli, trained, arguments, words):
    """One line that names file or option, exit 2, no folder."""
    cli("data", "multiplier:2", "-o", "data.npz")
    head, *edges = (trained / "m.sol").read_text().splitlines()
    zero = [" ".join([*edge.split()[:2], "0.0"]) for edge in edges]
    (trained / "zero.net").write_text("\n".join([head, *zero]) + "\n")
    outcome = cli("build", *arguments, "-o", "out")
    assert outcome.code == 2
    assert words in outcome.complaint
    assert not (trained / "out").exists()


def test_columns_go_by_the_names_of_the_network(cli, tmp_path):
    """A table that lists the inputs in another order is the same function."""
    rows = [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0)]
    for first, second in (("a", "b"), ("b", "a")):
        lines = [f"in:{first},in:{second},out:y"]
        for a, b, y in rows:
            values = {"a": a, "b": b}
            lines.append(f"{values[first]},{values[second]},{y}")
        (tmp_path / f"{first}{second}.csv").write_text("\n".join(lines) + "\n")
    assert cli("train", "ab.csv", "-o", "n.npz", "--seed", "1").code == 0
    outcome = cli("build", "ba.csv", "--network", "n.npz", "-o", "d", *CHECK)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["network"]["vectors_right"] == 4
    assert cli("equiv", "d", "ab.csv").code == 0
