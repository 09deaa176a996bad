"""The published experiments from the command line."""

from __future__ import annotations

import json

import pytest

from btfsynth.reproduce import run as run_module
from btfsynth.reproduce.catalogue import EXPERIMENTS


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch):
    """Run without baselines, as where PyTorch is not installed."""
    monkeypatch.setattr(run_module, "has_torch", lambda: False)


def test_an_experiment_is_run_kept_and_gone_on_from(cli, tmp_path):
    """Tables, rows and curves in the folder; the second time nothing is left to do."""
    first = cli("reproduce", "multiplier2", "--jobs", 2)
    assert first.code == 0, first.stderr
    assert "torch is not installed" in first.stderr
    assert "10/10" in first.stdout
    folder = tmp_path / "hdl_out/reproduce_quick"
    for name in ("results.csv", "results.md", "rows/multiplier2.json"):
        assert (folder / name).is_file()
    kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    second = cli("reproduce", "multiplier2", "--json")
    assert "10 runs, 10 already finished" in second.stderr
    assert second.json["rows"] == kept["rows"]
    assert second.json["complete"] is True
    assert str(tmp_path) not in (folder / "results.json").read_text(encoding="utf-8")


def test_other_settings_want_another_folder(cli):
    """What a quick run has left is not taken for a full one."""
    assert cli("reproduce", "autoencoder8", "-o", "here").code == 0
    outcome = cli("reproduce", "autoencoder8", "--full", "-o", "here")
    assert outcome.code == 2
    assert "autoencoder8.json: was made with other settings" in outcome.complaint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--jobs", 2, "--scheduler", "local:2"), "--scheduler and --jobs"),
        (("--scheduler", "head:8786"), "--scheduler: expected tcp://HOST:PORT"),
    ],
)
def test_schedulers_that_cannot_be(cli, tmp_path, arguments, message):
    """One line, exit code 2, and nothing written."""
    outcome = cli("reproduce", "multiplier2", *arguments)
    assert outcome.code == 2
    assert message in outcome.complaint
    assert not list(tmp_path.iterdir())


def test_experiments_are_listed(cli):
    """By name, without running any; a name there is not is refused with those there are."""
    listed = cli("reproduce", "--list", "--json").json
    assert [each["name"] for each in listed] == list(EXPERIMENTS)
    assert "rule30" in cli("reproduce", "--list").stdout
    outcome = cli("reproduce", "rule31")
    assert outcome.code == 2
    assert "not an experiment; experiments are multiplier2" in outcome.complaint
