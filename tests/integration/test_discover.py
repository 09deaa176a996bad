"""``btfsynth discover`` from end to end."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from btfsynth.netlist.text import read_netlist


def test_discovers_the_small_multiplier(cli, tmp_path):
    """Eight cells, checked hardware, and a JSON report of it."""
    outcome = cli("discover", "multiplier:2", "--trials", 6, "--jobs", 2, "--json")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert record["best"]["cells"] == 8
    assert (record["name"], record["trials"], record["interrupted"]) == ("multiplier_2", 6, False)
    assert record["distinct"] >= 1
    assert record["seconds"] > 0
    folder = tmp_path / "hdl_out" / "multiplier_2_discover"
    for entry in record["front"]:
        assert entry["verified"] is True
        assert Path(entry["path"]).parent == Path("hdl_out/multiplier_2_discover/front")
        assert read_netlist(tmp_path / entry["path"] / "multiplier_2.mig").n_cells == entry["cells"]
        simulated = cli("simulate", entry["path"], "--simulator", "amaranth", "--json")
        assert simulated.code == 0
        assert simulated.json["targets"] == {"train": {"right": 64, "count": 64}}
    assert json.loads((folder / "front.json").read_text())["trials"] == 6


def test_a_time_limit_ends_the_search(cli):
    """A task that is soon solved is searched until the time is up; this ends, so it is seen."""
    outcome = cli("discover", "full_adder", "--time-limit", 6, "--jobs", 1, "-o", "fa", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["best"]["cells"] == 3
    assert outcome.json["seconds"] >= 5


def test_shows_the_front(cli):
    """Without --json there is a table; the objective orders it."""
    outcome = cli(
        "discover", "majority:5", "--trials", 2, "--no-polish", "--jobs", 1,
        "--objective", "cells*depth", "-o", "m5",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert "2 trials" in outcome.stdout
    assert "c4_d3_i" in outcome.stdout
    assert "majority_5: searching" in outcome.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_found(program, tmp_path, number):
    """Ctrl-C and a polite kill end the workers, keep everything, and exit with 1."""
    command = [*program, "discover", "full_adder", "--time-limit", "600", "--jobs", "2", "-o", "fa"]
    process = subprocess.Popen(
        [*command, "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    trials = tmp_path / "fa" / "trials.jsonl"
    while not (trials.exists() and trials.read_text().count("\n") > 5):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == 1, stderr
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("btfsynth: error: interrupted; ")
    assert last.endswith("trials saved in fa; continue with --resume")
    record = json.loads(stdout)
    assert record["interrupted"] is True
    assert record["best"]["cells"] == 3
    assert record["front"][0]["verified"] is True
    assert len(trials.read_text().splitlines()) == record["trials"]
    assert sorted(path.name for path in (tmp_path / "fa").iterdir()) == [
        "front", "front.json", "trials.jsonl",
    ]  # fmt: skip


def test_when_the_time_is_up_a_cascade_is_kept(cli, tmp_path):
    """No circuit yet: exit 1, the circuit so far in a file, and which outputs are right."""
    outcome = cli("discover", "multiplier:4", "--time-limit", 6, "--jobs", 1, "-o", "d", "--json")
    assert outcome.code == 1
    assert "kept in d/partial.mig: " in outcome.complaint
    assert outcome.complaint.endswith("continue with --resume")
    partial = outcome.json["partial"]
    assert partial["path"] == "d/partial.mig"
    assert 0 < partial["bits_right"] < partial["bits"] == 2048
    assert read_netlist(tmp_path / "d" / "partial.mig").n_cells == partial["cells"]


def test_progress_is_said_at_least_every_ten_seconds(monkeypatch):
    """Without a terminal a line on the cascade comes before ten seconds have passed, not at every event."""
    from btfsynth.cli import discover as command
    from btfsynth.events import Growing, SearchStatus

    monkeypatch.setattr(command, "is_live", lambda: False)
    words = command._status()
    at = Growing(
        trial=3, free=9, inputs=10, learnt=4, outputs=10, output="p[5]", right=500, patterns=512,
        cells=71, bits_right=9216, bits=10240,
    )  # fmt: skip
    said = {}
    for tenth in range(600):
        seconds = tenth / 10
        status = SearchStatus("trials", 0, 0, 0, 0, None, None, 0, seconds, at)
        line = words(status)
        if line is not None:
            said[seconds] = line
    assert set(said.values()) <= {
        f"trial 3: 9/10 inputs, 4/10 outputs, p[5] 500/512, 90.00% right, 71 cells, {seconds:.0f} s"
        for seconds in said
    }
    times = [0, *said]
    assert 5 <= len(said) <= 10
    assert all(later - sooner < 10 for sooner, later in itertools.pairwise(times))
    polishing = SearchStatus("polishing", 1, 1, 1, 4, 80, 16, 1, 70.0)
    assert (
        words(polishing)
        == "1 trial, 100% exact, 1 circuit; best 80 cells, depth 16; polishing 4, 70 s"
    )
    assert words(replace(polishing, seconds=77.0)) is None
    assert words(replace(polishing, seconds=78.0)) is not None


def test_a_config_fixes_the_settings(cli, tmp_path):
    """Widths and sigma of a file are those of every trial."""
    (tmp_path / "s.toml").write_text("[train]\nwidths = [3, 5, 2]\nsigma = 4\nstop = 'exact'\n")
    outcome = cli(
        "discover", "full_adder", "--trials", 3, "--no-polish", "--jobs", 1, "--config", "s.toml",
        "-o", "fa", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    lines = (tmp_path / "fa" / "trials.jsonl").read_text().splitlines()
    settings = {(tuple(json.loads(line)["widths"]), json.loads(line)["sigma"]) for line in lines}
    assert settings == {((3, 5, 2), 4.0)}


def test_no_circuit_is_a_failure(cli, tmp_path):
    """Exit 1 with one line, and the JSON all the same."""
    (tmp_path / "s.toml").write_text("[train]\nmax_iterations = 1\n")
    outcome = cli(
        "discover", "multiplier:3", "--trials", 2, "--jobs", 1, "--config", "s.toml", "-o", "m",
        "--json",
    )  # fmt: skip
    assert outcome.code == 1
    assert "no circuit in 2 trials" in outcome.complaint
    assert outcome.json["front"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing:2"], "nothing"),
        (["full_adder", "--passes", "shrink"], "unknown pass 'shrink'"),
        (["full_adder", "--objective", "area"], "area"),
        (["full_adder", "--time-limit", "0"], "--time-limit"),
        (["full_adder", "--trials", "0"], "--trials"),
        (["full_adder", "--config", "none.toml"], "none.toml: no such file"),
        (["full_adder", "--config", "bad.toml"], "stop: expected one of"),
        (["full_adder", "--config", "wide.toml"], "widths"),
        (["codes.csv"], "Boolean"),
    ],
)
def test_wrong_requests_are_refused(cli, tmp_path, arguments, words):
    """Exit 2 with one line, before any work, and no folder is left."""
    (tmp_path / "bad.toml").write_text("[train]\nstop = 'never'\n")
    (tmp_path / "wide.toml").write_text("[train]\nwidths = [4, 2]\n")
    (tmp_path / "codes.csv").write_text("in:a,out:y\n0.25,1\n0.5,0\n")
    outcome = cli("discover", *arguments, "-o", "d")
    assert outcome.code == 2
    assert words in outcome.complaint
    assert not (tmp_path / "d").exists()
