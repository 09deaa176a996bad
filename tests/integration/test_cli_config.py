"""One TOML file for a whole run: ``--config``, and the ``run.toml`` that a build leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from btfsynth.settings.run_file import read_run_file

CHANGES = {"report.json"}
"""It has times and the command."""


def files(folder: Path) -> dict[str, bytes]:
    """Return all files of a design folder that a repetition is to have as well."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in CHANGES}


def test_run_file_repeats_a_build(cli, tmp_path, fast_simulator):
    """All settings that were in force are in it: every file but the report has the same bytes."""
    first = cli(
        "build", "multiplier:2", "--seed", 4, "--beta", 0.5, "--pipeline", "auto:3", "--reset",
        "--format", "blif", "--jobs", 2, "--simulator", fast_simulator, "-o", "first",
    )  # fmt: skip
    assert first.code == 0, first.stderr
    text = (tmp_path / "first" / "run.toml").read_text()
    assert str(tmp_path) not in text
    assert "jobs" not in text
    again = cli("build", "--config", "first/run.toml", "--json")
    assert again.code == 0, again.stderr
    folder = tmp_path / "hdl_out" / "multiplier_2"
    assert files(tmp_path / "first") == files(folder)
    assert "run.toml" in again.json["files"]
    run = read_run_file(folder / "run.toml")
    assert (run.get("data", "hash"), run.get("train", "seed")) == (again.json["data_hash"], 4)
    assert (run.get("hardware", "pipeline"), run.get("hardware", "reset")) == ("auto:3", True)
    assert run.get("netlist", "preserve") == "care"


def test_widths_that_were_widened_are_left_open(cli, tmp_path, fast_simulator):
    """Given widths would be those of the earlier trials too: the repetition would not be one."""
    options = ("--simulator", fast_simulator, "--max-iterations", 40, "--trials", 6)
    first = cli("build", "full_adder", *options, "-o", "first", "--json")
    assert first.code == 0, first.stderr
    assert first.json["train"]["trials"] > 1
    run = read_run_file(tmp_path / "first" / "run.toml")
    assert run.get("train", "widths") is None
    assert cli("build", "--config", "first/run.toml", "-o", "second").code == 0
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_a_file_of_ones_own(cli, tmp_path, fast_simulator):
    """Data beside the file are found from anywhere; the command line comes before the file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data.csv").write_text("x,y,p,q\n0,0,0,0\n0,1,1,0\n1,0,1,0\n1,1,0,1\n")
    Path("a/r.toml").write_text(
        '[data]\nsource = "data.csv"\noutputs = ["q"]\n[train]\nseed = 9\nwidths = [3, 4, 4, 1]\n'
        f'[hardware]\npipeline = 1\nenable = true\n[check]\nsimulators = ["{fast_simulator}"]\n'
    )
    outcome = cli("build", "--config", "a/r.toml", "--json")
    assert outcome.code == 0, outcome.stderr
    assert (outcome.json["seed"], outcome.json["source"]) == (9, "data.csv")
    assert outcome.json["train"]["widths"] == [3, 4, 4, 1]
    assert outcome.json["timing"] == {"latency": 1, "enable": True, "reset": False}
    manifest = json.loads(Path("hdl_out/data/manifest.json").read_text())
    assert [port["name"] for port in manifest["ports"]["outputs"]] == ["q"]
    run = read_run_file(Path("hdl_out/data/run.toml"))
    assert (run.get("data", "source"), run.get("data", "outputs")) == ("a/data.csv", ("q",))
    other = cli(
        "build", "full_adder", "--config", "a/r.toml", "--seed", 2, "--widths", "3,6,6,2",
        "--no-enable", "--json",
    )  # fmt: skip
    assert other.code == 0, other.stderr
    assert (other.json["seed"], other.json["source"]) == (2, "full_adder")
    assert other.json["timing"]["enable"] is False


def test_other_data_are_noticed(cli, tmp_path, fast_simulator):
    """A source that has changed is refused on the line of its hash; one that is named anew is not."""
    Path("t.truth").write_text("0110\n")
    assert cli("build", "t.truth", "--simulator", fast_simulator).code == 0
    Path("t.truth").write_text("0111\n")
    changed = cli("build", "--config", "hdl_out/t/run.toml")
    assert changed.code == 2
    assert changed.complaint.startswith("hdl_out/t/run.toml:5: hash: expected the content ")
    assert "t.truth has changed" in changed.complaint
    assert cli("build", "t.truth", "--config", "hdl_out/t/run.toml").code == 0
    Path("t.truth").unlink()
    gone = cli("build", "--config", "hdl_out/t/run.toml")
    assert gone.code == 2
    assert gone.complaint.startswith("hdl_out/t/run.toml:4: source: expected a task or a file")


def test_a_network_that_was_given(cli, tmp_path, fast_simulator):
    """It is named in the run file with its hash, and nothing is trained beside it."""
    assert cli("train", "full_adder", "-o", "n.npz").code == 0
    simulator = ("--simulator", fast_simulator)
    assert cli("build", "full_adder", "--network", "n.npz", *simulator, "-o", "one").code == 0
    assert "[train]" not in Path("one/run.toml").read_text()
    assert cli("build", "--config", "one/run.toml", "-o", "two").code == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")
    told = cli("build", "--config", "one/run.toml", "--seed", 3)
    assert told.complaint.startswith("--seed: has no effect with --network: nothing is trained")
    assert cli("train", "full_adder", "--seed", 5, "-o", "n.npz").code == 0
    assert "n.npz has changed" in cli("build", "--config", "one/run.toml").complaint


def test_the_other_commands_take_what_they_know(cli, fast_simulator):
    """Training and discovery read a build's run file; a discovery has its own number of trials."""
    assert cli("build", "full_adder", "--seed", 3, "--simulator", fast_simulator).code == 0
    path = "hdl_out/full_adder/run.toml"
    trained = cli("train", "--config", path, "--json").json
    assert (trained["source"], trained["seed"]) == ("full_adder", 3)
    found = cli("discover", "--config", path, "--trials", 1, "--jobs", 1, "--no-polish", "--json")
    assert found.code == 0, found.stderr
    assert found.json["trials"] == 1


@pytest.mark.parametrize("command", ["build", "train", "discover"])
def test_a_source_is_needed(cli, command):
    """Neither the command line nor the file names one."""
    Path("r.toml").write_text("[train]\nseed = 3\n")
    for arguments in ((), ("--config", "r.toml")):
        outcome = cli(command, *arguments)
        assert (outcome.code, outcome.complaint.partition(":")[0]) == (2, "missing SOURCE")


def test_the_line_of_a_mistake(cli):
    """One line with file, line and key; nothing is begun."""
    Path("r.toml").write_text("[train]\nseed = 3\n[hardware]\nresett = true\n")
    outcome = cli("build", "full_adder", "--config", "r.toml")
    assert outcome.code == 2
    assert outcome.complaint == (
        "r.toml:4: resett: expected a key of [hardware], got an unknown one; is reset meant?"
    )
    assert not Path("hdl_out").exists()
