"""Every station by itself on files, and the help with its examples."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from btfsynth.cli.main import cli as group
from btfsynth.dataset.load import load
from btfsynth.dataset.tasks import TASKS
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, unpack_bits
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network

COMMANDS = ("build", "tasks", "data", "train", "simplify", "emit", "simulate", "verify", "equiv")


def table_of(netlist: Netlist) -> np.ndarray:
    """Return a netlist's outputs on all input vectors in counting order."""
    words = exhaustive_words(netlist.n_inputs)
    return unpack_bits(output_words(netlist, words), 1 << netlist.n_inputs)


def test_version_and_help(run_program):
    """The console program is there, and its help names every command."""
    assert re.fullmatch(r"btfsynth, version \d+\.\d+\.\d+\S*\n", run_program("--version").stdout)
    outcome = run_program("-h")
    assert outcome.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\.$", outcome.stdout, re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help(cli, command):
    """Every command has a help of at most 80 columns with an example, and lists each option once."""
    outcome = cli(command, "--help")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert all(len(line) <= 80 for line in outcome.stdout.splitlines() if "btfsynth" not in line)
    assert f"btfsynth {command}" in outcome.stdout.partition("Example")[2]
    loaded = group.get_command(None, command)
    for parameter in loaded.params:
        if parameter.param_type_name == "option":
            flag = max(parameter.opts, key=len)
            assert (
                len(re.findall(rf"^  (?:-\w, )?{flag}(?![\w-])", outcome.stdout, re.MULTILINE)) == 1
            )
            assert parameter.help


def test_help_has_sections(cli):
    """The many options of build come in sections."""
    text = cli("build", "--help").stdout
    positions = [
        text.index(f"\n{title}:\n") for title in ("Options", "Training options", "Netlist options")
    ]
    assert positions == sorted(positions)
    assert text.index("--sigma") > positions[1]
    assert text.index("--passes") > positions[2] > text.index("--precision")


def test_help_examples(cli, tmp_path, monkeypatch, capsys):
    """The examples of all helps work as they stand, one after the other in one folder."""
    # Without Verilator, which takes long and has a test of its own.
    (tmp_path / "bin").mkdir()
    for name in ("iverilog", "vvp"):
        if shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    rows = "\n".join(f"{age},{'mf'[age % 2]},{int(age > 60)}" for age in range(50, 70))
    Path("patients.csv").write_text(f"age,sex,ill\n{rows}\n")
    ran = 0
    for command in (
        "tasks",
        "data",
        "build",
        "train",
        "simplify",
        "emit",
        "simulate",
        "verify",
        "equiv",
    ):
        examples = re.findall(
            rf"^ +btfsynth ({command}\b.*)$", cli(command, "--help").stdout, re.MULTILINE
        )
        assert examples, command
        for example in examples:
            outcome = cli(*shlex.split(example))
            assert outcome.code == 0, (example, outcome.stderr)
            ran += 1
    assert ran >= 11
    assert (tmp_path / "hdl_out" / "m3" / "manifest.json").is_file()


SAMPLES = (
    "digits", "random_and_or", "random_majority", "autoencoder", "decoder", "digit_images",
)  # fmt: skip
"""Tasks that are no whole tables."""


def test_tasks(cli):
    """All tasks are listed; signatures, which hold brackets, are whole."""
    lines = cli("tasks").stdout
    assert all(len(line) <= 80 for line in lines.splitlines())
    listed = cli("tasks", "--json").json
    assert [task["name"] for task in listed] == list(TASKS)
    for task in listed:
        assert task["signature"] in lines
        assert task["example"] in lines
        data = load(task["example"])
        assert data.source == task["example"]
        assert data.exhaustive is (task["name"] not in SAMPLES)


@pytest.mark.parametrize("ending", ["dat", "pla", "truth", "csv", "npz"])
def test_data_in_every_format(cli, ending):
    """A data set written in a format and read back is the same table."""
    assert cli("data", "comparator:2", "-o", f"c.{ending}").code == 0
    back, task = load(f"c.{ending}"), load("comparator:2")
    order = np.argsort(back.input_numbers)
    assert np.array_equal(back.inputs[order], task.inputs)
    assert np.array_equal(back.targets[order], task.targets)
    record = cli("data", f"c.{ending}", "--json").json
    assert (record["patterns"], record["exhaustive"], record["dont_cares"]) == (16, True, 0)
    assert sum(width for _, width in record["inputs"]) == 4
    assert sum(width for _, width in record["outputs"]) == 3


def test_data_by_format_name(cli, tmp_path):
    """The format may be named where the ending does not tell."""
    assert cli("data", "full_adder", "-o", "table.txt", "--format", "truth").code == 0
    assert len((tmp_path / "table.txt").read_text().split()) == 2
    assert cli("data", "table.txt", "--json").json["patterns"] == 8


def test_data_sample(cli, tmp_path):
    """A sample has so many different patterns of the whole, the same for the same seed."""
    for name, seed in (("a", 2), ("b", 2), ("c", 3)):
        outcome = cli("data", "multiplier:3", "--sample", 40, "--seed", seed, "-o", f"{name}.pla")
        assert outcome.code == 0
        assert "40" in outcome.stdout
    texts = [(tmp_path / f"{name}.pla").read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]
    part, whole = load("a.pla"), load("multiplier:3")
    assert len(set(part.input_numbers.tolist())) == 40
    assert np.array_equal(part.targets, whole.targets[part.input_numbers])


def test_data_summary(cli, tmp_path):
    """The summary tells ports, kinds and don't-cares in words."""
    (tmp_path / "d.pla").write_text(".i 2\n.o 2\n.ilb a b\n.ob f g\n.type fd\n11 1-\n00 01\n.e\n")
    text = cli("data", "d.pla").stdout
    assert "inputs    a (1 bit), b (1 bit); boolean" in text
    assert "1 target of 8 does not matter" in text


def test_train(cli, tmp_path):
    """A training saves its network and reports how it went."""
    outcome = cli("train", "multiplier:2", "--seed", 3, "-o", "n.npz", "--json")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert record["succeeded"] is True
    assert record["bits_right"] == record["bits"] == 64
    assert record["vectors_right"] == record["patterns"] == 16
    assert record["iterations"] > 0
    assert record["gap"] > 0
    assert record["seconds_per_iteration"] > 0
    assert (record["seed"], record["file"]) == (3, "n.npz")
    network = load_network(tmp_path / "n.npz")
    assert network.vectors_right(load("multiplier:2")) == 16
    assert network.training["iterations"] == record["iterations"]


def test_train_settings(cli, tmp_path):
    """The settings given are those trained with; the default file is named after the data."""
    outcome = cli(
        "train", "full_adder", "--widths", "3,5,2", "--sigma", 5, "--beta", 0.4, "--gamma", 0.01,
        "--precision", 64, "--stop", "none", "--max-iterations", 50, "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert (record["widths"], record["iterations"]) == ([3, 5, 2], 50)
    assert (record["sigma"], record["beta"], record["gamma"]) == (5, 0.4, 0.01)
    assert record["stop"] == "iterations"
    assert load_network(tmp_path / "full_adder.npz").topology.widths == (3, 5, 2)


def test_train_on_analog_data(cli, tmp_path):
    """A network can be trained on analog inputs, though no hardware be made of it."""
    (tmp_path / "a.dat").write_text("4 0 2 2 1\n.1 .2 0\n.2 .9 0\n.8 .1 1\n.9 .7 1\n")
    outcome = cli("train", "a.dat", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["bits_right"] == 4
    assert "analog" in cli("build", "a.dat").complaint


def test_simplify_emit_simulate(cli, tmp_path, fast_simulator):
    """A network goes through the stations on files and ends as checked hardware."""
    cli("train", "multiplier:2", "-o", "m2.npz")
    first = cli("simplify", "m2.npz", "--data", "multiplier:2", "--passes", "strash", "--json")
    assert first.code == 0, first.stderr
    assert first.json["file"] == "m2.mig"
    second = cli("simplify", "m2.mig", "-o", "small.mig", "--json")
    assert second.code == 0, second.stderr
    assert second.json["cells_before"] == first.json["cells"] >= second.json["cells"]
    assert second.json["cells"] <= 10
    assert all(step["kept"] or step["worse"] for step in second.json["passes"])
    small = read_netlist(tmp_path / "small.mig")
    assert np.array_equal(table_of(small), load("multiplier:2").targets)
    emitted = cli("emit", "small.mig", "--data", "multiplier:2", "-o", "out", "--json")
    assert emitted.code == 0, emitted.stderr
    assert emitted.json["vectors"] == 16
    assert emitted.json["netlist"]["cells"] == second.json["cells"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["source"] == "multiplier:2"
    assert emitted.json["files"] == manifest["files"] | {"mig": "multiplier_2.mig"}
    checked = cli("simulate", "out", "--simulator", fast_simulator, "--json")
    assert checked.code == 0, checked.stderr
    assert not list((tmp_path / "out").glob(".*"))


def test_simplify_recognises_a_network_by_content(cli):
    """The ending of a network's file does not matter."""
    cli("train", "full_adder", "-o", "network")
    outcome = cli("simplify", "network", "--data", "full_adder", "--json")
    assert outcome.code == 0, outcome.stderr
    assert (outcome.json["file"], outcome.json["cells"]) == ("network.mig", 3)


def test_simplify_without_data_keeps_the_network(cli, tmp_path):
    """Without data the network's function is kept on every input vector, right or wrong."""
    cli("train", "adder:2", "--stop", "none", "--max-iterations", 30, "-o", "n.npz")
    assert cli("simplify", "n.npz").code == 0
    network = load_network(tmp_path / "n.npz")
    inputs = load("adder:2").inputs
    assert np.array_equal(table_of(read_netlist(tmp_path / "n.mig")), network.outputs(inputs))


def test_simplify_preserve(cli, tmp_path):
    """With a sample, --preserve says whether the network or only the patterns are kept."""
    cli("data", "multiplier:2", "--sample", 9, "-o", "s.dat")
    cli("train", "s.dat", "-o", "n.npz")
    network, part = load_network(tmp_path / "n.npz"), load("s.dat")
    whole = load("multiplier:2").inputs
    tables = {}
    for preserve in ("network", "care"):
        outcome = cli(
            "simplify", "n.npz", "--data", "s.dat", "--preserve", preserve, "-o", f"{preserve}.mig"
        )
        assert outcome.code == 0, outcome.stderr
        tables[preserve] = table_of(read_netlist(tmp_path / f"{preserve}.mig"))
    assert np.array_equal(tables["network"], network.outputs(whole))
    assert np.array_equal(tables["care"][part.input_numbers], part.targets)


def test_simplify_refuses_other_data(cli, tmp_path):
    """Patterns of other numbers of bits than the network has are refused."""
    cli("train", "full_adder", "-o", "n.npz")
    outcome = cli("simplify", "n.npz", "--data", "multiplier:2")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "has 3 inputs and 2 outputs" in outcome.complaint
    assert "multiplier:2 have 4 and 4" in outcome.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["n.npz"]


def test_simplify_refuses_what_a_netlist_does_not_compute(cli, tmp_path):
    """A netlist that is wrong on the patterns cannot keep them."""
    cli("train", "multiplier:2", "-o", "m2.npz")
    cli("simplify", "m2.npz", "-o", "m2.mig", "--passes", "strash")
    cli("data", "comparator:2", "-o", "c.dat")
    fits = cli("simplify", "m2.mig", "--data", "c.dat", "-o", "x.mig")
    assert fits.code == 2
    assert "4 inputs and 4 outputs" in fits.complaint
    (tmp_path / "w.dat").write_text("2 2 4 2 4\n0 0 0 0 0 0 0 0\n1 0 1 0 0 1 0 0\n")
    wrong = cli("simplify", "m2.mig", "--data", "w.dat", "-o", "x.mig")
    assert wrong.code == 2
    assert "wrong on 1 of the 2 patterns of w.dat" in wrong.complaint
    assert not (tmp_path / "x.mig").exists()


def test_emit_without_data(cli, tmp_path, fast_simulator):
    """Without data hardware is checked against the netlist's own function."""
    cli("train", "full_adder")
    cli("simplify", "full_adder.npz")
    outcome = cli("emit", "full_adder.mig")
    assert outcome.code == 0, outcome.stderr
    folder = tmp_path / "hdl_out" / "full_adder"
    assert "next      btfsynth simulate hdl_out/full_adder" in outcome.stdout
    assert cli("simulate", folder, "--simulator", fast_simulator).code == 0


def test_emit_of_other_data(cli, tmp_path):
    """Data that do not fit the netlist are refused and leave no folder."""
    cli("train", "full_adder")
    cli("simplify", "full_adder.npz")
    outcome = cli("emit", "full_adder.mig", "--data", "multiplier:2", "-o", "out")
    assert outcome.code == 2
    assert "3 inputs and 2 outputs" in outcome.complaint
    assert not (tmp_path / "out").exists()


def test_notices_are_shown_once(cli, tmp_path, fast_simulator):
    """What a reader guessed is said before the work, what became of names after it."""
    Path("t.csv").write_text("a b,c,y\n0,0,1\n0,1,1\n1,0,0\n1,1,1\n")
    outcome = cli("build", "t.csv", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert outcome.stderr.count("note: ") == 1
    assert outcome.stdout.count("note  ") == 1
    assert "port 'a b' is renamed to a_b in hardware" in outcome.stdout
