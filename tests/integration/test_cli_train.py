"""Training from the command line: checkpoints, held-out data, generators, boolearn's files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

FAST = ("multiplier:3", "--widths", "6,12,12,12,6", "--beta", "0.5", "--gamma", "3e-3")


def test_all_trials_give_statistics(cli, tmp_path):
    """--all runs every trial and reports success rate, mean, standard error and time a solution."""
    record = cli("train", "multiplier:2", "--trials", 12, "--all", "--json").json
    assert record["trials"] == 12
    assert 8 <= record["solutions"] <= 12
    assert record["steps_per_solution"] > 0
    assert record["steps_standard_error"] > 0
    assert record["seconds_per_solution"] > 0
    assert record["success_rate"] == record["solutions"] / 12
    assert record["iterations"] >= record["solutions"] * 10


def test_held_out_accuracy_and_history(cli, tmp_path):
    """Held-out patterns are measured along the way and at the end."""
    cli("data", "multiplier:2", "--sample", 12, "-o", "part.dat")
    outcome = cli("train", "part.dat", "--held-out", "multiplier:2", "--history", "h.csv", "--json")
    held = outcome.json["held_out"]
    assert held["patterns"] == 16
    assert 12 / 16 <= held["vectors"] <= held["bits"] <= 1
    rows = (tmp_path / "h.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert float(last["held_out_bits"]) == pytest.approx(held["bits"])
    assert int(last["iterations"]) == outcome.json["iterations"]


def test_history_is_drawn(cli, tmp_path):
    """--plot draws the history that --history writes, the same bytes again and again."""
    pytest.importorskip("matplotlib")
    for name in ("a", "b"):
        outcome = cli("train", "full_adder", "--held-out", "full_adder", "--plot", f"{name}.svg")
        assert outcome.code == 0, outcome.stderr
    picture = (tmp_path / "a.svg").read_text()
    assert picture == (tmp_path / "b.svg").read_text()
    assert "full_adder, 3-" in picture
    assert "held out: patterns" in picture


def test_a_plot_that_cannot_be_is_refused_before_training(cli, tmp_path):
    """One line, exit 2, nothing written."""
    outcome = cli("train", "full_adder", "--plot", "a.jpg")
    assert outcome.code == 2
    assert "a.jpg: expected a plot to end in .svg, .png, .pdf" in outcome.complaint
    assert not list(tmp_path.iterdir())


def test_generative_training_uses_all_codes(cli, tmp_path):
    """16 random 16-bit vectors from a 4-bit hypercube: all 16 codes come to be used."""
    random = np.random.default_rng(3)
    rows = random.integers(0, 2, (16, 16))
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    (tmp_path / "g.dat").write_text(f"16\n2 0\n2 16\n{text}\n")
    outcome = cli(
        "train", "g.dat", "--widths", "4,16,16", "--sigma", 3, "--beta", 0.5, "--gamma", "1e-4",
        "--iterations", 200000, "--generators", "g.gen", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["codes_used"] == 16
    assert (tmp_path / "g.gen").read_text().split()[:2] == ["16", "16"]


def test_labels_are_trained_as_one_hot(cli, tmp_path):
    """A class label trains one output a class."""
    rows = "\n".join(f"{v & 1} {v >> 1 & 1} {v >> 2 & 1} {v % 3}" for v in range(8))
    (tmp_path / "l.dat").write_text(f"8\n2 3\n3 1\n{rows}\n")
    outcome = cli("train", "l.dat", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["bits"] == 24
    assert outcome.json["vectors_right"] == 8
    assert (outcome.json["labels_right"], outcome.json["label_accuracy"]) == (8, 1)


def test_labels_are_reported_beside_bits_and_patterns(cli, tmp_path):
    """The class of the largest sum is counted: at the end, along the way, on held-out data."""
    random = np.random.default_rng(5)
    for name, patterns in (("a.dat", 40), ("b.dat", 30)):
        rows = [[*random.integers(0, 2, 6), random.integers(0, 4)] for _ in range(patterns)]
        rows = list({tuple(row[:6]): row for row in rows}.values())
        text = "\n".join(" ".join(map(str, row)) for row in rows)
        (tmp_path / name).write_text(f"{len(rows)}\n2 6\n4 1\n{text}\n")
    options = ("--iterations", 60, "--trials", 1, "--stop", "none", "--history", "h.csv")
    outcome = cli("train", "a.dat", "--held-out", "b.dat", *options, "--json")
    assert outcome.code == 0, outcome.stderr
    record, held = outcome.json, outcome.json["held_out"]
    assert record["label_accuracy"] == record["labels_right"] / record["patterns"]
    assert record["vectors_right"] <= record["labels_right"]
    assert held["label_accuracy"] == held["labels_right"] / held["patterns"]
    assert held["vectors"] <= held["label_accuracy"] <= 1
    rows = (tmp_path / "h.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert float(last["vectors"]) < float(last["labels"]) < 1
    assert 0 < float(last["held_out_labels"]) < 1
    shown = cli("train", "a.dat", "--held-out", "b.dat", *options).stdout
    assert shown.count("of labels") == 2


def test_authors_files_go_both_ways(cli, tmp_path):
    """Widths, a graph, a solution: read, trained on, written, lowered."""
    (tmp_path / "w.wth").write_text("3\n4 4 4 4\n")
    assert cli("train", "multiplier:2", "--widths", "w.wth", "-o", "m.sol").code == 0
    assert (tmp_path / "m.sol").read_text().split()[:4] == ["17", "5", "4", "60"]
    outcome = cli("simplify", "m.sol", "--data", "multiplier:2", "-o", "m.mig", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["cells"] == 8
    again = cli("train", "multiplier:2", "--topology", "m.sol", "--json")
    assert again.code == 0
    assert again.json["widths"] == [4, 4, 4, 4]
    assert again.json["edges"] == 60


def test_any_graph_can_be_trained(cli, tmp_path):
    """A sparse graph with a skip connection learns exclusive or."""
    edges = [(3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2), (4, 3)]
    lines = [f"5 3 1 {len(edges)}"] + [f"{target} {source} 0.0" for target, source in edges]
    (tmp_path / "x.net").write_text("\n".join(lines) + "\n")
    outcome = cli("train", "parity:2", "--topology", "x.net", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["widths"] is None
    assert outcome.json["bits_right"] == 4


def test_threads_give_the_same_network(cli, tmp_path):
    """--threads changes nothing in what is saved."""
    for threads in (1, 2):
        cli(
            "train", "multiplier:4", "--widths", "8,80,80,8", "--iterations", 40, "--trials", 1,
            "--threads", threads, "-o", f"t{threads}.npz",
        )  # fmt: skip
    assert (tmp_path / "t1.npz").read_bytes() == (tmp_path / "t2.npz").read_bytes()


def test_a_killed_training_goes_on_to_the_same_end(cli, tmp_path):
    """kill -9 in the middle, then --resume: the result is that of an uninterrupted run."""
    options = (*FAST, "--trials", "6", "--all", "--seed", "5", "--iterations", "30000", "--json")
    whole = cli("train", *options, "-o", "whole.npz")
    command = [sys.executable, "-m", "btfsynth", "train", *options, "-o", "killed.npz",
               "--checkpoint", "c", "--checkpoint-interval", "0.1"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "c").exists() or not list(tmp_path.glob("c.trial*")):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed.npz").exists()
    refused = cli("train", *options, "--checkpoint", "c")
    assert refused.code == 2
    assert "--resume" in refused.complaint
    again = cli("train", *options, "-o", "killed.npz", "--checkpoint", "c", "--resume")
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    same = ("trials", "trial", "iterations", "gap", "bits_right", "solutions", "steps_per_solution")
    assert {key: again.json[key] for key in same} == {key: whole.json[key] for key in same}
    assert not list(tmp_path.glob("c.trial*"))


def test_a_success_leaves_no_state_of_later_trials(cli, tmp_path):
    """Trials that an earlier success cancelled leave nothing beside the checkpoint."""
    outcome = cli(
        "train", *FAST, "--trials", 8, "--jobs", 2, "--checkpoint", "c", "--checkpoint-interval", 0,
        "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert [path.name for path in tmp_path.glob("c*")] == ["c"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--seed", "6"), "another training"),
        (("--sigma", "5"), "another training"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(cli, change, words):
    """Data, parameters and seed must be the same."""
    cli("train", "multiplier:2", "--checkpoint", "c", "--json")
    outcome = cli("train", "multiplier:2", "--checkpoint", "c", "--resume", *change)
    assert outcome.code == 2
    assert words in outcome.complaint


@pytest.mark.parametrize("content", [b"", b"nonsense", json.dumps({"format": 1}).encode()])
def test_a_file_that_is_no_checkpoint_is_refused(cli, tmp_path, content):
    """One line, exit 2."""
    (tmp_path / "c").write_bytes(content)
    outcome = cli("train", "multiplier:2", "--checkpoint", "c", "--resume")
    assert outcome.code == 2
    assert "not a checkpoint" in outcome.complaint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--resume",), "--checkpoint"),
        (("--topology", "x.net", "--widths", "4,4"), "give one of them"),
        (("--topology", "missing.net"), "missing.net"),
        (("--widths", "missing.wth"), "missing.wth"),
        (("--generators", "g.gen"), "none are generated"),
        (("--held-out", "parity:2"), "inputs"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_options_that_cannot_be_carried_out(cli, options, words):
    """One line that names the option or file, exit 2."""
    outcome = cli("train", "multiplier:2", "--trials", 1, *options)
    assert outcome.code == 2
    assert words in outcome.complaint


@pytest.mark.slow
def test_the_first_run_says_that_it_compiles(program, tmp_path):
    """With an empty cache a line tells what is waited for; the next run does not say it."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    seen = []
    for _ in range(2):
        done = subprocess.run(
            [*program, "train", "full_adder"], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        # A slow machine tells how the training goes as well, once a minute.
        seen.append([line for line in done.stderr.splitlines() if "compiling" in line])
    assert seen == [["full_adder: compiling the kernels (once) ..."], []]
