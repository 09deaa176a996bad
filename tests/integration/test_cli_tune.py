"""Tuning and settings files."""

from __future__ import annotations

import pytest

from btfsynth.settings.run_file import read_run_file
from btfsynth.training import tuning
from btfsynth.training.tuning import try_settings


def test_tuned_settings_are_read_back(cli, tmp_path):
    """What tune writes, train and build read; the study goes on."""
    pytest.importorskip("optuna")
    first = cli(
        "tune", "full_adder", "--time-limit", 2, "-o", "fa.toml", "--study", "fa.db", "--json"
    )
    assert first.code == 0, first.stderr
    assert first.json["solutions"] >= 1
    assert first.json["widths"][0] == 3
    text = (tmp_path / "fa.toml").read_text()
    assert "[train]" in text
    trained = cli("train", "full_adder", "--config", "fa.toml", "--json")
    assert trained.code == 0, trained.stderr
    for key in ("widths", "sigma", "beta", "gamma"):
        assert trained.json[key] == first.json[key]
    second = cli(
        "tune", "full_adder", "--time-limit", 1, "-o", "fa.toml", "--study", "fa.db", "--json"
    )
    assert second.json["candidates"] > first.json["candidates"]
    assert second.json["seconds_per_solution"] <= first.json["seconds_per_solution"]


def test_tuning_without_success_says_so(cli):
    """No exact network in the time: exit 1."""
    pytest.importorskip("optuna")
    outcome = cli("tune", "multiplier:4", "--time-limit", 1)
    assert outcome.code == 1
    assert "no settings reached an exact network" in outcome.complaint


def test_patterns_valid_judge(cli, tmp_path):
    """With --valid the share of them is what is tuned for, and the file says how many steps to run."""
    pytest.importorskip("optuna")
    task = "random_and_or:1x6,train=30,test=20"
    outcome = cli(
        "tune", task, "--valid", f"{task},part=test", "--time-limit", 2, "-o", "s.toml", "--json"
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert 0.5 < outcome.json["valid"] <= 1
    assert outcome.json["seconds_per_solution"] is None
    text = (tmp_path / "s.toml").read_text()
    assert 'stop = "none"' in text
    assert f"max_iterations = {outcome.json['max_iterations']}" in text
    # Any number of steps will do to see that the file is read.
    trained = cli("train", task, "--config", "s.toml", "--max-iterations", 20, "--json")
    assert (trained.code, trained.json["stop"]) == (0, "iterations")


def test_generated_codes_are_tuned(cli):
    """Data without inputs keep the width of their codes."""
    pytest.importorskip("optuna")
    outcome = cli("tune", "decoder:4", "--time-limit", 2, "--json")
    assert outcome.code == 0, outcome.stderr
    assert (outcome.json["widths"][0], outcome.json["widths"][-1]) == (2, 4)


def test_a_run_file_names_the_data(cli, tmp_path):
    """--config gives the patterns, those held out and the seed."""
    pytest.importorskip("optuna")
    (tmp_path / "a.csv").write_text("a,b,y\n0,0,0\n0,1,0\n1,0,1\n1,1,1\n")
    (tmp_path / "b.csv").write_text("b,a,y\n1,0,0\n0,1,1\n")
    (tmp_path / "c.toml").write_text(
        '[data]\nsource = "a.csv"\noutputs = ["y"]\nvalid = "b.csv"\n[train]\nseed = 5\n'
    )
    outcome = cli("tune", "--config", "c.toml", "--time-limit", 1, "-o", "s.toml", "--json")
    assert outcome.code == 0, outcome.stderr
    assert (outcome.json["name"], outcome.json["valid"]) == ("a", 1)
    assert "inputs are in another order" in outcome.stderr


@pytest.mark.parametrize("command", ["tune", "discover", "learn"])
@pytest.mark.parametrize("time", ["nan", "inf", "0", "-1"])
def test_a_time_that_is_no_number_is_refused(cli, command, time):
    """One line, exit 2."""
    outcome = cli(command, "full_adder", "--time-limit", time)
    assert outcome.code == 2
    assert f"--time-limit: expected a number of seconds above 0, got {time}" in outcome.complaint


def test_no_time_at_all_is_a_failed_search(cli):
    """Not one candidate: exit 1."""
    pytest.importorskip("optuna")
    outcome = cli("tune", "full_adder", "--time-limit", 1e-9)
    assert outcome.code == 1
    assert "no settings reached an exact network in 0 candidates" in outcome.complaint


def test_ctrl_c_keeps_the_best_settings(cli, tmp_path, monkeypatch):
    """What was found until then is written; the exit code tells that the search did not end by itself."""
    pytest.importorskip("optuna")
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return try_settings(*arguments)

    monkeypatch.setattr(tuning, "try_settings", interrupted)
    outcome = cli(
        "tune", "full_adder", "--time-limit", 600, "-o", "s.toml", "--study", "s.db", "--json"
    )
    assert outcome.code == 1
    assert outcome.complaint == (
        "interrupted; the best settings so far are in s.toml; continue with --study s.db"
    )
    assert (outcome.json["candidates"], outcome.json["interrupted"]) == (2, True)
    assert cli("train", "full_adder", "--config", "s.toml").code == 0


def test_ctrl_c_before_a_success_says_so(cli, tmp_path, monkeypatch):
    """Nothing is written but the study."""
    pytest.importorskip("optuna")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "try_settings", interrupted)
    outcome = cli("tune", "full_adder", "--study", "s.db", "-o", "s.toml")
    assert outcome.code == 1
    assert outcome.complaint == "interrupted; no settings reached an exact network in 0 candidates"
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


def test_a_study_goes_on_with_other_candidates(cli, tmp_path):
    """The second search does not begin with the settings of the first; the file has the name it was given."""
    optuna = pytest.importorskip("optuna")
    for _ in range(2):
        assert cli("tune", "full_adder", "--time-limit", 0.2, "--study", "a?b%20.db").code == 0
    assert (tmp_path / "a?b%20.db").exists()
    (tmp_path / "a?b%20.db").rename(tmp_path / "s.db")
    name, *more = optuna.get_all_study_names("sqlite:///s.db")
    assert not more
    tried = [
        each.params for each in optuna.load_study(study_name=name, storage="sqlite:///s.db").trials
    ]
    assert len({str(params) for params in tried}) == len(tried) > 1


def test_a_study_that_breaks_is_one_line(cli, tmp_path, monkeypatch):
    """A full disk or a broken file in the middle of a search: exit 1, the file and the reason."""
    pytest.importorskip("optuna")

    def breaking(*arguments):
        (tmp_path / "s.db").write_bytes(b"no database" * 1000)
        return try_settings(*arguments)

    monkeypatch.setattr(tuning, "try_settings", breaking)
    outcome = cli("tune", "full_adder", "--time-limit", 600, "--study", "s.db")
    assert outcome.code == 1
    assert outcome.complaint.startswith("s.db: the study cannot be written: ")


def test_a_file_that_is_no_study_is_refused(cli, tmp_path):
    """Exit 2, the reason is said and the file stays."""
    pytest.importorskip("optuna")
    (tmp_path / "s.db").write_text("hello")
    outcome = cli("tune", "full_adder", "--study", "s.db")
    assert outcome.code == 2
    assert "s.db: cannot be used as a study" in outcome.complaint
    assert (tmp_path / "s.db").read_text() == "hello"


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


def test_the_settings_name_what_they_are_for(cli, tmp_path):
    """Data, output columns and held-out patterns are in the file, which is then enough to train and build."""
    pytest.importorskip("optuna")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.csv").write_text("a,b,r,s\n0,0,0,0\n0,1,0,1\n1,0,1,1\n1,1,1,0\n")
    tune = ("tune", "deep/a.csv", "--outputs", "r,s", "--time-limit", 1, "-o", "s.toml")
    assert cli(*tune).code == 0
    written = read_run_file(tmp_path / "s.toml")
    assert written.get("data", "source") == "deep/a.csv"
    assert written.get("data", "outputs") == ("r", "s")
    assert len(written.get("data", "hash")) == 64
    trained = cli("train", "--config", "s.toml", "--json")
    assert (trained.code, trained.json["name"]) == (0, "a")
    assert cli("build", "--config", "s.toml", "--simulator", "amaranth").code == 0
    held = cli(*tune, "--valid", "deep/a.csv", "--json")
    assert held.code == 0, held.stderr
    assert (
        cli("train", "--config", "s.toml", "--max-iterations", 20, "--json").json["valid"][
            "patterns"
        ]
        == 4
    )
    other = cli(
        "train",
        "full_adder",
        "--config",
        "s.toml",
        "--widths",
        "3,6,2",
        "--max-iterations",
        20,
        "--json",
    )
    assert (other.code, "valid" in other.json) == (0, False)
    # Other data than the study was for are named; without the data the settings serve others.
    (tmp_path / "deep" / "a.csv").write_text("a,b,r,s\n0,0,1,0\n0,1,0,1\n1,0,1,1\n1,1,1,0\n")
    changed = cli("train", "--config", "s.toml")
    assert changed.code == 2
    assert "a.csv has changed" in changed.complaint
    (tmp_path / "deep" / "a.csv").unlink()
    gone = cli("train", "--config", "s.toml")
    assert gone.code == 2
    assert gone.complaint.startswith("s.toml:")
    assert "'deep/a.csv', not found" in gone.complaint
    wide = ("--widths", "3,6,2", "--max-iterations", 20)
    assert cli("train", "full_adder", "--config", "s.toml", *wide).code == 0
