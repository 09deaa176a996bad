"""``--name`` names module and files in every command that writes a design, a netlist or a network."""

from __future__ import annotations

import json

import pytest

from btfsynth.network.formats import load_network
from btfsynth.settings.run_file import RUN_FILE

CHECK = ("--simulator", "amaranth")
MAKES = {
    "build": ("build", "full_adder", *CHECK),
    "train": ("train", "full_adder"),
    "discover": ("discover", "full_adder", "--trials", 2, "--jobs", 1, "--no-polish"),
    "learn": ("learn", "majority:5", "--trials", 1, "--passes", "strash",
              "--no-baselines", *CHECK),
}  # fmt: skip


def module_of(folder):
    return json.loads((folder / "manifest.json").read_text())["module"]


def test_a_build_and_what_its_run_file_makes(cli, tmp_path):
    """Folder, module, files and network have the name; the run file keeps it."""
    outcome = cli(*MAKES["build"], "--name", "adder_cell", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["name"] == "adder_cell"
    folder = tmp_path / "hdl_out" / "adder_cell"
    assert module_of(folder) == "adder_cell"
    assert "module adder_cell(" in (folder / "adder_cell.v").read_text().replace(" (", "(")
    assert load_network(folder / "adder_cell.npz").name == "adder_cell"
    assert 'name = "adder_cell"' in (folder / RUN_FILE).read_text()
    assert cli("build", "--config", folder / RUN_FILE, "-o", "again", *CHECK).code == 0
    for name in ("adder_cell.v", "adder_cell.npz", RUN_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert cli("verify", folder, *CHECK, "--mutants", 1).code == 0


def test_a_network_a_netlist_and_a_design(cli, tmp_path):
    """From train by way of simplify to emit."""
    assert cli(*MAKES["train"], "--name", "first").code == 0
    assert load_network(tmp_path / "first.npz").name == "first"
    assert cli("simplify", "first.npz", "-o", "n.blif", "--name", "second").code == 0
    assert ".model second\n" in (tmp_path / "n.blif").read_text()
    assert cli("emit", "n.blif", "--name", "third").code == 0
    assert module_of(tmp_path / "hdl_out" / "third") == "third"


def test_a_learning_and_a_discovery(cli, tmp_path):
    """Their folders have the name, and the designs in them."""
    assert cli(*MAKES["learn"], "--name", "odd").code == 0
    assert module_of(tmp_path / "hdl_out" / "odd_learn") == "odd"
    assert cli(*MAKES["discover"], "--name", "compact").code == 0
    designs = list((tmp_path / "hdl_out" / "compact_discover" / "front").iterdir())
    assert designs
    assert {module_of(design) for design in designs} == {"compact"}


@pytest.mark.parametrize("name", ["", "1st", "a b", "always", "n8", "x" * 101, "café", "a-b", "_a"])
@pytest.mark.parametrize("command", [*MAKES, "emit", "simplify"])
def test_a_name_that_is_none(cli, tmp_path, command, name):
    """One line, exit code 2, before any work."""
    (tmp_path / "n.mig").write_text("no netlist\n")
    outcome = cli(*MAKES.get(command, (command, "n.mig")), "--name", name)
    assert outcome.code == 2
    assert outcome.complaint.startswith("--name: expected a letter, then letters, digits and _")
    assert [path.name for path in tmp_path.iterdir()] == ["n.mig"]


def test_a_name_in_a_run_file(cli, tmp_path):
    """It is checked there too."""
    (tmp_path / "r.toml").write_text('[data]\nsource = "full_adder"\nname = "module"\n')
    outcome = cli("build", "--config", "r.toml")
    assert outcome.code == 2
    assert outcome.complaint.startswith(
        "r.toml:3: name: expected a letter, then letters, digits and _"
    )
