"""Wrong usage, bad files and work that fails: one clear line, the right exit code, nothing left."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from btfsynth.network.formats import load_network

DAT = "4 2 2 2 1\n0 0 0\n0 1 1\n1 0 1\n1 1 0\n"

BAD_FILES = {
    # name: content, parts of the message
    "empty.dat": (b"", ["empty.dat", "empty"]),
    "empty.pla": (b"\n\n", ["empty.pla", "empty"]),
    "empty.csv": (b"", ["empty.csv", "empty"]),
    "empty.truth": (b"", ["empty.truth", "empty"]),
    "empty.npz": (b"", ["empty.npz"]),
    "short.dat": (b"4 2 2 2 1\n0 0 0\n0 1\n", ["short.dat", "12", "5"]),
    "long.dat": (DAT.encode() + b"1 1 0\n", ["long.dat", "12", "15"]),
    "header.dat": (b"4 2 2\n", ["header.dat", "output"]),
    "word.dat": (DAT.replace("1 0 1", "1 x 1").encode(), ["word.dat:4", "'x'"]),
    "two.dat": (DAT.replace("1 0 1", "1 2 1").encode(), ["two.dat:4", "2"]),
    "clash.dat": (DAT.replace("1 1 0", "0 1 0").encode(), ["clash.dat:5", "line 3"]),
    "binary.dat": (b"4 2 2 2 1\n\x00\x01\x02", ["binary.dat", "binary"]),
    "latin.csv": (b"a,b,y\n0,0,1\n0,1,\xe9\n", ["latin.csv:3", "'é'"]),
    "binary.npz": (b"PK\x03\x04nonsense", ["binary.npz"]),
    "wide.pla": (b".i 2\n.o 1\n00 1\n011 1\n.e\n", ["wide.pla:4", "2", "3"]),
    "clash.pla": (b".i 2\n.o 1\n.type fr\n0- 1\n11 1\n01 0\n.e\n", ["clash.pla:6", "line 4"]),
    "kind.pla": (b".i 2\n.o 1\n.type zz\n00 1\n.e\n", ["kind.pla:3", "zz"]),
    "clash.csv": (b"a,b,y\n0,0,1\n0,1,1\n0,0,0\n", ["clash.csv:4", "line 2"]),
    "ragged.csv": (b"a,b,y\n0,0,1\n0,1\n", ["ragged.csv:3", "3", "2"]),
    "value.csv": (b"a,b,y\n0,0,1\n0,2,1\n", ["value.csv:3", "2"]),
    "length.truth": (b"0110\n011\n", ["length.truth:2"]),
    "digit.truth": (b"01z0\n", ["digit.truth:1"]),
    "what.xyz": (b"hello, there\nis nothing here\n", ["what.xyz"]),
}


CONTRADICTORY = ("clash.csv", "clash.dat", "clash.pla", "value.csv")
"""Tables that only a training refuses: they contradict themselves, or hold other values than bits."""


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (name, command)
        for name in BAD_FILES
        for command in ("build", "data", "train")
        if not (name in CONTRADICTORY and command == "data")
    ],
)
def test_bad_file(cli, tmp_path, name, command):
    """A bad file is refused by every command that reads it; file and line are named."""
    content, parts = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    outcome = cli(command, name, "--json")
    assert outcome.code == 2
    assert outcome.stdout == ""
    complaint = outcome.complaint
    for part in parts:
        assert part in complaint
    assert len(complaint) < 400
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_missing_file(cli, tmp_path):
    """A file that is not there is named, and the tasks are listed."""
    outcome = cli("build", "nowhere.dat")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.complaint.startswith("'nowhere.dat': no such file, and not a task; tasks are: ")
    assert not list(tmp_path.iterdir())


def test_folder_as_file(cli, tmp_path):
    """A folder is no data file."""
    (tmp_path / "data.pla").mkdir()
    outcome = cli("build", "data.pla")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.complaint == "data.pla: expected a file, got a folder"


BAD_USAGE = {
    "no command": ((), 2, []),
    "unknown command": (("make",), 2, ["'make'"]),
    "no source": (("build",), 2, ["SOURCE"]),
    "unknown option": (("build", "full_adder", "--sed", 1), 2, ["--sed"]),
    "unknown task": (("build", "divider:3"), 2, ["'divider:3'", "multiplier:N"]),
    "task without size": (("build", "multiplier"), 2, ["multiplier:2"]),
    "task with wrong size": (("build", "multiplier:0"), 2, ["multiplier:0", "at least 1"]),
    "task too large": (("build", "multiplier:99"), 2, ["multiplier:99"]),
    "seed no number": (("build", "full_adder", "--seed", "x"), 2, ["--seed", "'x'"]),
    "seed below 0": (("build", "full_adder", "--seed", -1), 2, ["--seed", "-1"]),
    "no trials": (("build", "full_adder", "--trials", 0), 2, ["--trials", "0"]),
    "no jobs": (("build", "full_adder", "--jobs", 0), 2, ["--jobs", "0"]),
    "no iterations": (("build", "full_adder", "--max-iterations", 0), 2, ["--max-iterations", "0"]),
    "time below 0": (("build", "full_adder", "--time-limit", -1), 2, ["--time-limit", "-1"]),
    "time nan": (("build", "full_adder", "--time-limit", "nan"), 2, ["--time-limit", "nan"]),
    "sigma 1": (("build", "full_adder", "--sigma", 1), 2, ["sigma", "above 1", "got 1"]),
    "sigma nan": (("build", "full_adder", "--sigma", "nan"), 2, ["sigma", "above 1", "nan"]),
    "sigma infinite": (("build", "full_adder", "--sigma", "inf"), 2, ["sigma", "inf"]),
    "sigma a word": (("build", "full_adder", "--sigma", "big"), 2, ["--sigma", "'big'"]),
    "beta 0": (("build", "full_adder", "--beta", 0), 2, ["beta", "above 0 and below 2", "got 0"]),
    "beta 2": (("build", "full_adder", "--beta", 2), 2, ["beta", "got 2"]),
    "gamma 1": (("build", "full_adder", "--gamma", 1), 2, ["gamma", "got 1"]),
    "gap 0": (("build", "full_adder", "--stop", "gap", "--gap-limit", 0), 2, ["--gap-limit", "0"]),
    "unknown rule": (("build", "full_adder", "--stop", "soon"), 2, ["--stop", "'soon'", "exact"]),
    "empty folder": (("build", "full_adder", "-o", ""), 2, ["--output", "got an empty text"]),
    "precision": (("build", "full_adder", "--precision", 16), 2, ["--precision", "got 16"]),
    "no widths": (("build", "full_adder", "--widths", "a,b"), 2, ["'a,b'"]),
    "widths too few inputs": (("build", "full_adder", "--widths", "2,2"), 2, ["2 inputs", "3"]),
    "widths too many outputs": (
        ("build", "full_adder", "--widths", "3,4,9"),
        2,
        ["9 outputs", "2"],
    ),
    "unknown simulator": (
        ("build", "full_adder", "--simulator", "vcs"),
        2,
        ["'vcs'", "amaranth, amaranth_stream, cocotb, ghdl, icarus, verilator"],
    ),
    "unknown pass": (
        ("build", "full_adder", "--passes", "strash; magic"),
        2,
        ["'magic'", "strash", "resub"],
    ),
    "unknown pass option": (
        ("build", "full_adder", "--passes", "resub --luck 7"),
        2,
        ["'--luck'", "patience"],
    ),
    "open quote in passes": (("build", "full_adder", "--passes", "'resub"), 2, ["passes"]),
    "unknown preserve": (("build", "full_adder", "--preserve", "all"), 2, ["--preserve", "'all'"]),
    "outputs of a task": (("build", "full_adder", "--outputs", 1), 2, ["full_adder"]),
    "outputs odd digit": (("build", "x.csv", "--outputs", "²"), 2, ["²"]),
    "outputs too many": (("build", "x.csv", "--outputs", "9" * 5000), 2, ["999"]),
    "sample too large": (("data", "full_adder", "--sample", 9), 2, ["sample of 9", "8"]),
    "unknown ending": (("data", "full_adder", "-o", "x.doc"), 2, ["x.doc", ".pla"]),
    "unknown format": (("data", "full_adder", "-o", "x", "--format", "doc"), 2, ["'doc'"]),
    "format of nothing": (("data", "full_adder", "--format", "pla"), 2, ["--format", "-o"]),
    "data into no folder": (("data", "full_adder", "-o", "no/x.dat"), 1, ["no/x.dat"]),
    "network into no folder": (("train", "full_adder", "-o", "no/x.npz"), 1, ["no/x.npz"]),
    "netlist into no folder": (("simplify", "x.csv", "-o", "no/x.mig"), 1, ["no/x.mig"]),
    "nothing to simplify": (("simplify", "nowhere.npz"), 2, ["nowhere.npz: no such file"]),
    "no netlist": (("simplify", "x.csv"), 2, ["x.csv", "known format", ".blif"]),
    "care of nothing": (("simplify", "x.csv", "--preserve", "care"), 2, ["--preserve", "--data"]),
    "output is input": (("simplify", "x.mig"), 2, ["x.mig", "-o"]),
    "nothing to emit": (("emit", "nowhere.mig"), 2, ["nowhere.mig: no such file"]),
    "no netlist to emit": (("emit", "x.csv"), 2, ["x.csv", "known format", ".blif"]),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage(cli, tmp_path, case):
    """Wrong usage is refused before any work: what is wrong is named, nothing is left behind."""
    arguments, code, parts = BAD_USAGE[case]
    (tmp_path / "x.csv").write_text("a,b,y\n0,0,1\n0,1,1\n1,0,0\n")
    outcome = cli(*arguments)
    assert outcome.code == code
    assert outcome.stdout == ""
    assert "training" not in outcome.stderr
    if case == "no command":
        assert outcome.stderr.startswith("Usage: btfsynth")
    else:
        for part in parts:
            assert part in outcome.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("analog.dat", "2 0 2 2 1\n0.1 0.2 1\n0.7 0.8 0\n", "analog"),
        ("generator.dat", "2 1 0 2 1\n1\n0\n", "generator"),
        ("nothing.pla", ".i 2\n.o 1\n.type fd\n-- -\n.e\n", "don't-care"),
    ],
)
def test_unsuitable_data(cli, tmp_path, name, content, word):
    """Data that no hardware can be made of are refused before any training."""
    (tmp_path / name).write_text(content)
    outcome = cli("build", name, "--json")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert word in outcome.complaint
    assert "training" not in outcome.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        (("--trials", 1, "--max-iterations", 20), "the trials"),
        (("--time-limit", 0.5, "--stop", "none", "--max-iterations", 10**9), "the time limit"),
    ],
)
def test_training_that_finds_nothing(cli, tmp_path, options, limit):
    """A training that ends without success says how near it came and keeps the best network."""
    outcome = cli("build", "multiplier:3", "-o", "out", "--json", *options)
    assert (outcome.code, outcome.stdout) == (1, "")
    shown = re.fullmatch(
        rf"no network met the stopping rule within {limit}: the best network has (\d+) of 384 bits "
        r"right \(gap [0-9.]+, trial 0 of 1 trial\); it is saved in out/multiplier_3_best.npz",
        outcome.complaint,
    )
    assert shown, outcome.complaint
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["multiplier_3_best.npz"]
    network = load_network(tmp_path / "out" / "multiplier_3_best.npz")
    assert network.training["bits_right"] == int(shown[1])


def test_train_that_finds_nothing(cli, tmp_path):
    """The same of the train command, whose JSON document is whole."""
    outcome = cli("train", "multiplier:3", "--trials", 1, "--max-iterations", 20, "--json")
    assert outcome.code == 1
    assert outcome.json["succeeded"] is False
    assert f"{outcome.json['bits_right']} of 384 bits right" in outcome.complaint
    assert load_network(tmp_path / "multiplier_3.npz").topology.n_inputs == 6


def test_output_below_a_file(cli, tmp_path):
    """A folder that cannot be made is named before any training."""
    (tmp_path / "taken").write_text("mine")
    for folder in ("taken", "taken/deeper"):
        outcome = cli("build", "full_adder", "-o", folder)
        assert (outcome.code, outcome.stdout) == (1, "")
        assert outcome.complaint.startswith(f"{folder}: the folder cannot be created: ")
        assert "training" not in outcome.stderr
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_output_in_proc(cli):
    """The same where the system allows no folders."""
    outcome = cli("build", "full_adder", "-o", "/proc/btfsynth")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.complaint.startswith("/proc/btfsynth: the folder cannot be created: ")


def test_folder_in_a_file_s_place(cli, tmp_path, fast_simulator):
    """A folder where a file should go stops the build; nothing else of it appears, nothing is lost."""
    (tmp_path / "out" / "full_adder.v").mkdir(parents=True)
    (tmp_path / "out" / "full_adder.v" / "mine").write_text("mine")
    outcome = cli("build", "full_adder", "-o", "out", "--simulator", fast_simulator)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.complaint.startswith("out/full_adder.v: cannot be written: a folder")
    assert (tmp_path / "out" / "full_adder.v" / "mine").read_text() == "mine"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"full_adder.v", "full_adder_best.npz"}, "the network is kept"


def test_default_train_output_is_a_folder(cli, tmp_path):
    """A folder in the place of the file to write is refused before any training."""
    (tmp_path / "full_adder.npz").mkdir()
    outcome = cli("train", "full_adder")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.complaint == "full_adder.npz: expected a file to write, got a folder"
    assert "training" not in outcome.stderr


def full_disk(*_: object, **__: object) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "command",
    [
        ("build", "full_adder", "-o", "out", "--simulator", "amaranth"),
        ("train", "full_adder", "-o", "n.npz"),
        ("data", "full_adder", "-o", "d.dat"),
    ],
)
def test_full_disk(cli, tmp_path, monkeypatch, command):
    """A disk that is full at the last moment: one line, and not even a folder is left."""
    monkeypatch.setattr(Path, "replace", full_disk)
    outcome = cli(*command)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "No space left on device" in outcome.complaint
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_full_standard_output(program, tmp_path, options):
    """Standard output that takes nothing more is one line too."""
    with Path("/dev/full").open("w") as full:
        completed = subprocess.run(
            [*program, "data", "full_adder", *options],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert completed.returncode == 1
    assert completed.stderr == "btfsynth: error: standard output: No space left on device\n"


def test_closed_standard_output(program, tmp_path):
    """A reader that goes away is no reason to complain."""
    reading, writing = os.pipe()
    os.close(reading)
    completed = subprocess.run(
        [*program, "tasks", "--json"],
        cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (completed.returncode, completed.stderr) == (1, "")


SAYS_ALL = """
from btfsynth.cli import main, progress
progress.PLAIN_SECONDS = 0
main()
"""
"""The program, with a line whenever it looks at a training, not one a minute."""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_training(cli, tmp_path, number):
    """Ctrl-C and a polite kill end a training soon; the best network is kept, nothing else.

    They may come twice: `timeout` and job schedulers signal a process and its group. Two of a kind could
    be seen as one, so these are of two kinds.
    """
    assert cli("train", "full_adder").code == 0  # compiles the kernel, so that the other need not
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS_ALL, "build", "multiplier:4",
         "--trials", "1", "--stop", "none", "--max-iterations", "1000000000", "-o", "out"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr.readline() == "multiplier_4: training ...\n"
        line = process.stderr.readline()
        if "compiling" in line:  # where the trial before has compiled too little for this one
            line = process.stderr.readline()
        assert line.startswith("multiplier_4: 0 finished")
        for each in (number, signal.SIGHUP):
            process.send_signal(each)
        stdout, stderr = process.communicate()
    finally:
        process.kill()
    assert (process.returncode, stdout) == (1, "")
    *_, last = re.split(r"^multiplier_4: .*\n", stderr, flags=re.MULTILINE)
    assert re.fullmatch(
        r"btfsynth: error: interrupted; the best network has \d+ of 2048 bits right "
        r"\(gap \S+, trial 0 of 1 trial\); it is saved in out/multiplier_4_best.npz\n",
        last,
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["multiplier_4_best.npz"]
    load_network(tmp_path / "out" / "multiplier_4_best.npz")


def test_interrupt_elsewhere(cli, tmp_path, monkeypatch):
    """Ctrl-C outside training is one line too."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("btfsynth.dataset.load.load", interrupt)
    outcome = cli("data", "full_adder")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.complaint == "interrupted; nothing was saved"
    assert len(outcome.stderr.splitlines()) == 1


def test_escapes_do_not_reach_the_terminal(cli):
    """What a terminal would take as a command is shown as an escape."""
    outcome = cli("build", "a\x1b[2J\nb.dat")
    assert outcome.code == 2
    assert "\x1b" not in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
