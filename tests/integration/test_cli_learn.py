"""``btfsynth learn`` from end to end."""

from __future__ import annotations

import json
import signal
import subprocess

import numpy as np
import pytest

from btfsynth.learning import learning
from btfsynth.plugins import install_command

QUICK = ("--trials", 2, "--passes", "strash", "--simulator", "amaranth")


def write_pla(path, function, n_inputs, count, seed):
    """Write random samples as a PLA file of type fr, as the contests on learning do."""
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 2, (count, n_inputs), dtype=np.uint8)
    values = np.asarray(function(inputs)).astype(np.uint8)
    rows = "".join(
        "".join(map(str, row)) + f" {value}\n"
        for row, value in zip(inputs.tolist(), values.tolist(), strict=True)
    )
    path.write_text(f".i {n_inputs}\n.o 1\n.type fr\n.p {count}\n{rows}.e\n")


def write_sets(folder, function, n_inputs, count):
    """Write training, validation and test samples."""
    for seed, name in enumerate(("train", "valid", "test")):
        write_pla(folder / f"{name}.pla", function, n_inputs, count, seed)


SETS = ("train.pla", "--valid", "valid.pla", "--test", "test.pla")


def test_a_count_of_sixteen_inputs(cli, tmp_path):
    """The population count compared with a constant: above 97 % on vectors nobody has seen."""
    write_sets(tmp_path, lambda x: x.sum(axis=1) > 9, 16, 500)
    outcome = cli("learn", *SETS, *QUICK, "--json", "-o", "out")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    accuracy = record["accuracy"]
    assert accuracy["test"]["bits"] > 0.97
    low, high = accuracy["test"]["bits_interval"]
    assert low < accuracy["test"]["bits"] <= high
    assert accuracy["train"]["bits_interval"] is accuracy["valid"]["vectors_interval"] is None
    assert record["netlist"]["cells"] <= 5000
    assert record["netlist"]["aiger_ands"] <= 5000
    assert record["verified"] is True
    learners = {row["learner"]: row for row in record["outputs"][0]["learners"]}
    assert {"symmetric", "btf", "sklearn tree", "sklearn forest"} <= set(learners)
    assert sum(row["won"] for row in learners.values()) == 1
    assert learners["symmetric"]["test"] > learners["sklearn tree"]["test"]
    assert record == json.loads((tmp_path / "out" / "report.json").read_text())
    header = (tmp_path / "out" / "train.aig").read_bytes().split(b"\n")[0].split()
    assert [int(field) for field in header[1:]] == [
        16 + record["netlist"]["aiger_ands"],
        16,
        0,
        1,
        record["netlist"]["aiger_ands"],
    ]
    assert cli("simulate", "out", "--simulator", "amaranth").code == 0


def test_shows_a_table_and_splits(cli, tmp_path):
    """Without --valid a quarter is held out; the table has the baselines and marks the winner."""
    write_pla(tmp_path / "p.pla", lambda x: x.sum(axis=1) & 1, 30, 400, 1)
    outcome = cli("learn", "p.pla", *QUICK)
    assert outcome.code == 0, outcome.stderr
    assert "polynomial *" in outcome.stdout
    assert "sklearn tree" in outcome.stdout
    assert "300 train, 100 valid patterns" in outcome.stdout
    assert "100% of bits" in outcome.stdout
    assert "p: btf ..." in outcome.stderr
    assert (tmp_path / "hdl_out" / "p_learn" / "p.v").exists()


def test_noise_between_files_is_told(cli, tmp_path):
    """Validation rows that contradict training rows are learnt around, and counted in a note."""
    write_pla(tmp_path / "train.pla", lambda x: x[:, 0] | x[:, 1], 7, 90, 1)
    text = (tmp_path / "train.pla").read_text().splitlines()
    row = text.index(".p 90") + 1
    inputs, value = text[row].split()
    text = [line for line in text if not line.startswith(inputs)]
    kept = sum(line[:1] in "01" for line in text) + 1
    text[text.index(".p 90")] = f".p {kept}"
    text.insert(row, f"{inputs} {1 - int(value)}")
    (tmp_path / "valid.pla").write_text("\n".join(text) + "\n")
    outcome = cli("learn", "train.pla", "--valid", "valid.pla", *QUICK, "--no-baselines", "--json")
    assert outcome.code == 0, outcome.stderr
    (notice,) = [line for line in outcome.json["notices"] if "contradict" in line]
    assert notice.startswith("1 of the")
    assert outcome.json["outputs"][0]["learners"][-1]["learner"] != "sklearn forest"


def test_rows_that_contradict_each_other(cli, tmp_path):
    """Within one file the more frequent target counts, with a note; as an error both lines are named."""
    rows = "00 1\n01 0\n00 0\n00 1\n10 1\n11 0\n"
    (tmp_path / "bad.pla").write_text(f".i 2\n.o 1\n.type fr\n{rows}.e\n")
    (tmp_path / "valid.pla").write_text(".i 2\n.o 1\n.type fr\n00 1\n00 0\n01 0\n10 1\n11 0\n.e\n")
    outcome = cli("learn", "bad.pla", *QUICK, "--conflicts", "error")
    assert outcome.code == 2
    assert "bad.pla:6: contradicts line 4" in outcome.complaint
    files = ("bad.pla", "--valid", "valid.pla")
    outcome = cli("learn", *files, *QUICK, "--no-baselines", "--json")
    assert outcome.code == 0, outcome.stderr
    said = "3 of 6 patterns have the inputs of a pattern with other targets; 1 pattern got"
    assert any(said in line for line in outcome.json["notices"])
    # Of the validation patterns one contradicts another: no circuit has both.
    assert outcome.json["accuracy"]["valid"]["bits"] == 0.8
    for rule, left in (("drop", "3 train"), ("keep", "6 train"), ("majority", "6 train")):
        outcome = cli("learn", *files, *QUICK, "--no-baselines", "--conflicts", rule)
        assert (outcome.code, left in outcome.stdout) == (0, True), rule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train.pla", "--valid", "other.pla"), "--valid other.pla: expected the input ports"),
        (("train.pla", "--test", "other.pla"), "--test other.pla: expected the input ports"),
        (("decoder:4",), "expected Boolean inputs"),
        (("one.pla",), "at least 2 patterns"),
        (("train.pla", "--passes", "nonsense"), "unknown pass"),
        (("train.pla", "--simulator", "nonsense"), "nonsense"),
        (("missing.pla",), "no such file"),
        (("train.pla", "--max-cells", "0"), "--max-cells"),
        (("train.pla", "--time-limit", "0"), "--time-limit"),
        (("train.pla", "--jobs", "2", "--scheduler", "local:2"), "--scheduler and --jobs"),
        (("train.pla", "--scheduler", "head"), "--scheduler: expected tcp://HOST:PORT"),
    ],
)
def test_wrong_usage(cli, tmp_path, arguments, message):
    """One line, exit code 2, and nothing written."""
    write_pla(tmp_path / "train.pla", lambda x: x[:, 0], 5, 20, 1)
    write_pla(tmp_path / "other.pla", lambda x: x[:, 0], 6, 20, 1)
    write_pla(tmp_path / "one.pla", lambda x: x[:, 0], 5, 1, 1)
    before = sorted(tmp_path.iterdir())
    outcome = cli("learn", *arguments)
    assert outcome.code == 2
    assert message in outcome.complaint
    assert sorted(tmp_path.iterdir()) == before


def test_without_scikit_learn(cli, tmp_path, monkeypatch):
    """It works without; asking for the baselines says what to install."""
    monkeypatch.setattr(learning, "have_sklearn", lambda: False)
    write_pla(tmp_path / "t.pla", lambda x: x[:, 0] & x[:, 1], 6, 60, 1)
    outcome = cli("learn", "t.pla", *QUICK)
    assert outcome.code == 0, outcome.stderr
    assert install_command("scikit-learn") in outcome.stderr
    outcome = cli("learn", "t.pla", *QUICK, "--baselines")
    assert outcome.code == 1
    assert install_command("scikit-learn") in outcome.complaint


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_keeps_the_best(program, tmp_path, jobs):
    """Ctrl-C ends the learning; the best circuit so far is written and checked."""
    write_sets(tmp_path, lambda x: (x[:, :6].sum(axis=1) > 3) ^ (x[:, 6:].sum(axis=1) > 3), 12, 150)
    command = [*program, "learn", *SETS, "--time-limit", "600", "--jobs", jobs]
    command += ["--simulator", "amaranth", "-o", "out"]
    process = subprocess.Popen(
        [*command, "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("train: btf, "):  # a circuit came of a training, and the next one runs
            break
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=200)
    assert process.returncode == 1, stderr
    last = "btfsynth: error: interrupted; the best circuit so far is in out, not simulated"
    assert stderr.splitlines()[-1] == last
    record = json.loads(stdout)
    assert record["interrupted"] is True
    assert record["verified"] is False
    assert any(row["learner"] == "btf" for row in record["outputs"][0]["learners"])
    assert (tmp_path / "out" / "manifest.json").exists()
