"""Tuning and settings files."""

from __future__ import annotations

import pytest


def test_tuned_settings_are_read_back(cli, tmp_path):
    """What tune writes, train and build read; the study goes on."""
    pytest.importorskip("optuna")
    first = cli("tune", "full_adder", "--time", 2, "-o", "fa.toml", "--study", "fa.db", "--json")
    assert first.code == 0, first.stderr
    assert first.json["solutions"] >= 1
    assert first.json["widths"][0] == 3
    text = (tmp_path / "fa.toml").read_text()
    assert "[train]" in text
    trained = cli("train", "full_adder", "--config", "fa.toml", "--json")
    assert trained.code == 0, trained.stderr
    for key in ("widths", "sigma", "beta", "gamma"):
        assert trained.json[key] == first.json[key]
    second = cli("tune", "full_adder", "--time", 1, "-o", "fa.toml", "--study", "fa.db", "--json")
    assert second.json["candidates"] > first.json["candidates"]
    assert second.json["seconds_per_solution"] <= first.json["seconds_per_solution"]


def test_tuning_without_success_says_so(cli):
    """No exact network in the time: exit 1."""
    pytest.importorskip("optuna")
    outcome = cli("tune", "multiplier:4", "--time", 1)
    assert outcome.code == 1
    assert "no settings reached an exact network" in outcome.complaint


def test_patterns_held_out_judge(cli, tmp_path):
    """With --held-out the share of them is what is tuned for, and the file says how many steps to run."""
    pytest.importorskip("optuna")
    task = "random_and_or:1x6,train=30,test=20"
    outcome = cli(
        "tune", task, "--held-out", f"{task},part=test", "--time", 2, "-o", "s.toml", "--json"
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert 0.5 < outcome.json["held_out"] <= 1
    assert outcome.json["seconds_per_solution"] is None
    text = (tmp_path / "s.toml").read_text()
    assert 'stop = "none"' in text
    assert f"iterations = {outcome.json['iterations']}" in text
    # Any number of steps will do to see that the file is read.
    trained = cli("train", task, "--config", "s.toml", "--iterations", 20, "--json")
    assert (trained.code, trained.json["stop"]) == (0, "iterations")


def test_generated_codes_are_tuned(cli):
    """Data without inputs keep the width of their codes."""
    pytest.importorskip("optuna")
    outcome = cli("tune", "decoder:4", "--time", 2, "--json")
    assert outcome.code == 0, outcome.stderr
    assert (outcome.json["widths"][0], outcome.json["widths"][-1]) == (2, 4)


def test_options_come_before_the_file(cli, tmp_path):
    """An option on the command line wins over the settings file."""
    (tmp_path / "s.toml").write_text("[train]\nwidths = [3, 7, 2]\nsigma = 5\nbeta = 0.25\n")
    record = cli("train", "full_adder", "--config", "s.toml", "--beta", 0.4, "--json").json
    assert record["widths"] == [3, 7, 2]
    assert (record["sigma"], record["beta"]) == (5, 0.4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[train]\nsigma = 0.5\n", "sigma"),
        ("[train]\nsigma = true\n", "sigma"),
        ("[train]\nspeed = 3\n", "s.toml:2: speed: expected a key of [train]"),
        ("[train]\nwidths = [3, -1]\n", "widths"),
        ("[train]\nstop = 'never'\n", "stop"),
        ("[other]\nsigma = 3\n", "[train]"),
        ("sigma 3\n", "TOML"),
        (None, "no such file"),
    ],
)
def test_bad_settings_files_are_refused(cli, tmp_path, text, words):
    """One line that names the file or the key, exit 2."""
    if text is not None:
        (tmp_path / "s.toml").write_text(text)
    outcome = cli("train", "full_adder", "--config", "s.toml")
    assert outcome.code == 2
    assert words in outcome.complaint
