"""Training from the command line: checkpoints, held-out data, generators, boolearn's files."""

from __future__ import annotations

import json
import os
import re
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
    assert record["iterations_per_solution"] > 0
    assert record["iterations_standard_error"] > 0
    assert record["seconds_per_solution"] > 0
    assert record["success_rate"] == record["solutions"] / 12
    assert record["iterations"] >= record["solutions"] * 10


def test_valid_accuracy_and_history(cli, tmp_path):
    """Held-out patterns are measured along the way and at the end."""
    cli("data", "multiplier:2", "--sample", 12, "-o", "part.dat")
    outcome = cli("train", "part.dat", "--valid", "multiplier:2", "--history", "h.csv", "--json")
    held = outcome.json["valid"]
    assert held["patterns"] == 16
    assert 12 / 16 <= held["vectors"] <= held["bits"] <= 1
    rows = (tmp_path / "h.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert float(last["valid_bits"]) == pytest.approx(held["bits"])
    assert int(last["iterations"]) == outcome.json["iterations"]


def test_valid_columns_go_by_their_names(cli, tmp_path):
    """A file with the columns in another order is measured as what it says, and a note tells."""
    (tmp_path / "a.csv").write_text("in:a,in:b,out:y\n0,0,0\n0,1,0\n1,0,1\n1,1,1\n")
    (tmp_path / "b.csv").write_text("in:b,in:a,out:y\n1,0,0\n0,1,1\n")
    outcome = cli("train", "a.csv", "--valid", "b.csv", "--history", "h.csv", "--json")
    assert outcome.json["valid"]["bits"] == 1
    assert (
        "note: b.csv: inputs are in another order than in a.csv; matched by name" in outcome.stderr
    )
    rows = (tmp_path / "h.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert float(last["valid_bits"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2\n2 2\n2 2\n0 0 0 1\n1 1 0 0\n", "expected 3 outputs, as a.dat has, got the 2 of b.dat"),
        ("2\n2 2\n2 1\n0 0 0\n1 1 0\n", "expected 3 outputs, as a.dat has, got the 1 of b.dat"),
        ("2\n2 2\n4 1\n0 0 0\n1 1 3\n", "expected 3 outputs, as a.dat has, got the 4 of b.dat"),
        ("2\n2 1\n2 3\n0 0 0 1\n1 1 0 0\n", "expected 2 inputs, as a.dat has, got the 1 of b.dat"),
    ],
)
@pytest.mark.parametrize("command", ["train", "tune"])
def test_valid_patterns_of_another_shape_are_refused(cli, tmp_path, command, text, words):
    """Another number of classes, or one column for three, is one line and exit 2, before any training."""
    (tmp_path / "a.dat").write_text("3\n2 2\n3 1\n0 0 0\n0 1 1\n1 0 2\n")
    (tmp_path / "b.dat").write_text(text)
    outcome = cli(command, "a.dat", "--valid", "b.dat")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert words in outcome.complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dat", "b.dat"]


def test_columns_chosen_in_a_file_are_no_matter_of_a_task_valid(cli, tmp_path):
    """--outputs is for the file; a task that is held out has nothing to choose."""
    assert cli("data", "multiplier:2", "-o", "m.csv").code == 0
    options = ("--outputs", "p", "--valid", "multiplier:2", "--json")
    outcome = cli("train", "m.csv", *options)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["valid"]["patterns"] == 16


def test_nothing_to_learn_is_said(cli, tmp_path):
    """Targets of which none matters are no success."""
    (tmp_path / "d.csv").write_text("in:a,in:b,out:y\n0,0,-\n0,1,-\n")
    outcome = cli("train", "d.csv")
    assert outcome.code == 2
    assert "d.csv: every target is a don't-care: nothing to learn" in outcome.complaint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "a.csv"), "--output a.csv: is the file of the patterns"),
        (("--history", "./a.csv"), "--history a.csv: is the file of the patterns"),
        (("--valid", "b.csv", "--history", "b.csv"), "is the file of the patterns"),
        (("-o", "n", "--checkpoint", "n"), "--checkpoint n: is the file of --output"),
        (("--history", "h.svg", "--plot", "h.svg"), "--plot h.svg: is the file of --history"),
        (("--history", "a.npz"), "--history a.npz: is the file of --output"),
    ],
)
def test_no_file_is_written_twice_or_over_the_patterns(cli, tmp_path, options, words):
    """What would be lost is refused before any training."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("in:a,out:y\n0,0\n1,1\n")
    outcome = cli("train", "a.csv", *options)
    assert outcome.code == 2
    assert words in outcome.complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_history_is_drawn(cli, tmp_path):
    """--plot draws the history that --history writes, the same bytes again and again."""
    pytest.importorskip("matplotlib")
    for name in ("a", "b"):
        outcome = cli("train", "full_adder", "--valid", "full_adder", "--plot", f"{name}.svg")
        assert outcome.code == 0, outcome.stderr
    picture = (tmp_path / "a.svg").read_text()
    assert picture == (tmp_path / "b.svg").read_text()
    assert "full_adder, 3-" in picture
    assert "valid: patterns" in picture


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
        "--max-iterations", 200000, "--generators", "g.gen", "--json",
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
    options = ("--max-iterations", 60, "--trials", 1, "--stop", "none", "--history", "h.csv")
    outcome = cli("train", "a.dat", "--valid", "b.dat", *options, "--json")
    assert outcome.code == 0, outcome.stderr
    record, held = outcome.json, outcome.json["valid"]
    assert record["label_accuracy"] == record["labels_right"] / record["patterns"]
    assert record["vectors_right"] <= record["labels_right"]
    assert held["label_accuracy"] == held["labels_right"] / held["patterns"]
    assert held["vectors"] <= held["label_accuracy"] <= 1
    rows = (tmp_path / "h.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert float(last["vectors"]) < float(last["labels"]) < 1
    assert 0 < float(last["valid_labels"]) < 1
    shown = cli("train", "a.dat", "--valid", "b.dat", *options).stdout
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


def test_widths_that_do_not_fit_are_named(cli):
    outcome = cli("train", "multiplier:2", "--widths", "3,4,4")
    assert outcome.code == 2
    assert outcome.complaint.startswith("--widths: the network has 3 inputs, multiplier_2 has 4;")


def test_a_graph_without_inputs_is_refused(cli, tmp_path):
    """Generated codes need inputs to be generated at."""
    edges = "\n".join(f"{node} 0 0" for node in (1, 2, 3, 4))
    (tmp_path / "x.net").write_text(f"5 1 4 4\n{edges}\n")
    outcome = cli("train", "decoder:4", "--topology", "x.net")
    assert outcome.code == 2
    assert "the network has no inputs" in outcome.complaint


def test_weights_that_are_no_numbers_are_a_failed_training(cli):
    """Far too large a step: the weights are lost while the gap is still a number."""
    outcome = cli(
        "train", "full_adder", "--widths", "3,6,6,2", "--beta", 1.95, "--gamma", 0.95, "--seed", 55991,
    )  # fmt: skip
    assert outcome.code == 1
    assert "the state is not finite after" in outcome.complaint


def test_threads_give_the_same_network(cli, tmp_path):
    """--threads changes nothing in what is saved."""
    for threads in (1, 2):
        cli(
            "train", "multiplier:4", "--widths", "8,80,80,8", "--max-iterations", 40, "--trials", 1,
            "--threads", threads, "-o", f"t{threads}.npz",
        )  # fmt: skip
    assert (tmp_path / "t1.npz").read_bytes() == (tmp_path / "t2.npz").read_bytes()


def test_a_killed_training_goes_on_to_the_same_end(cli, tmp_path):
    """kill -9 in the middle, then --resume: the result is that of an uninterrupted run."""
    options = (
        *FAST,
        "--trials",
        "6",
        "--all",
        "--seed",
        "5",
        "--max-iterations",
        "30000",
        "--json",
    )
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
    assert again.code == 0, again.stderr
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    same = (
        "trials",
        "trial",
        "iterations",
        "gap",
        "bits_right",
        "solutions",
        "iterations_per_solution",
    )
    assert {key: again.json[key] for key in same} == {key: whole.json[key] for key in same}
    assert not list(tmp_path.glob("c.trial*"))


def test_the_state_of_a_first_trial_is_not_continued_unasked(cli, tmp_path):
    """A training that ended in its first trial left no finished one: --resume is asked for all the same."""
    (tmp_path / "c.trial0").write_bytes(b"the state of some other training")
    outcome = cli("train", "full_adder", "--checkpoint", "c")
    assert outcome.code == 2
    assert "--checkpoint c: exists; give --resume to continue from it" in outcome.complaint


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_twice_keeps_the_network(cli, program, tmp_path, number):
    """`timeout` signals a process and its group: the second one does not end the keeping."""
    assert cli("train", "full_adder").code == 0  # compiles the kernel, so that the other need not
    process = subprocess.Popen(
        [*program, "train", "multiplier:4", "--stop", "none", "--max-iterations", "1000000000",
         "-o", "n.npz", "--checkpoint", "c", "--checkpoint-interval", "0.1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "c.trial0").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for each in (number, signal.SIGHUP):  # two of a kind could be seen as one
            process.send_signal(each)
        _, stderr = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 1
    assert stderr == (
        "btfsynth: error: interrupted; the best network is saved in n.npz; continue with --resume\n"
    )
    assert (tmp_path / "n.npz").exists()


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
        (("--generators", "g.gen"), "expected data without inputs"),
        (("--valid", "parity:2"), "inputs"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_options_that_cannot_be_carried_out(cli, options, words):
    """One line that names the option or file, exit 2."""
    outcome = cli("train", "multiplier:2", "--trials", 1, *options)
    assert outcome.code == 2
    assert words in outcome.complaint


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("train", "full_adder"),
        (
            "discover",
            "full_adder",
            "--trials",
            "1",
            "--jobs",
            "1",
            "--passes",
            "strash",
            "--no-polish",
        ),
    ],
    ids=["train", "discover"],
)
def test_the_first_run_says_that_it_compiles(program, tmp_path, command):
    """With an empty cache lines tell what is waited for; the next run does not say it."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    seen = []
    for _ in range(2):
        done = subprocess.run(
            [*program, *command], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        # A slow machine tells how the training goes as well, once a minute.
        seen.append([line for line in done.stderr.splitlines() if "compiling" in line])
    first, *others = seen[0]
    assert first == "full_adder: compiling the kernels (once) ..."
    assert all(
        re.match(r"full_adder: compiling \w+ for this machine, \d+ s", line) for line in others
    )
    assert seen[1] == []


@pytest.mark.slow
def test_what_was_compiled_is_found_again(program, tmp_path):
    """The code of all passes of a search is kept: there is a run that compiles nothing."""
    command = [*program, "discover", "full_adder", "--trials", "1", "--jobs", "1"]
    for number in range(
        4
    ):  # other processes that save at the same moment may undo what one has saved
        done = subprocess.run(
            [*command, "-o", str(number)], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        if "compiling" not in done.stderr:
            return
    pytest.fail(done.stderr)
