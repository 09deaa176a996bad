"""What fails or is interrupted does not take the place of an earlier result, and says what it kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from btfsynth.plugins import register, unregister

FAILS = ("--max-iterations", 5, "--trials", 1, "--widths", "4,4,4,4")
CHECK = ("--simulator", "amaranth")


@dataclass(frozen=True)
class Stopped:
    """A pass in which the user presses Ctrl-C."""

    name: ClassVar[str] = "stopped"
    structural: ClassVar[bool] = True

    def apply(self, netlist, reference):
        raise KeyboardInterrupt


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_failed_training_replaces_nothing(cli, tmp_path):
    """Network, history and plot of the earlier training stay; the new ones stand beside them."""
    files = ("-o", "m.npz", "--history", "h.csv")
    assert cli("train", "multiplier:2", *files).code == 0
    before = contents(tmp_path)
    outcome = cli("train", "multiplier:2", *files, *FAILS, "--json")
    assert outcome.code == 1
    assert outcome.json["file"] == "m.failed.npz"
    assert outcome.complaint.endswith(
        "saved in m.failed.npz, because m.npz contains an earlier one"
    )
    after = contents(tmp_path)
    assert set(after) == {*before, "m.failed.npz", "h.failed.csv"}
    assert {name: after[name] for name in before} == before
    assert cli("train", "multiplier:2", *files, "--seed", 2).code == 0  # one that succeeds replaces
    assert contents(tmp_path)["m.npz"] != before["m.npz"]


def test_a_failed_training_alone_has_the_name(cli, tmp_path):
    """Without an earlier file there is nothing to keep."""
    outcome = cli("train", "multiplier:2", "-o", "m.sol", *FAILS)
    assert outcome.code == 1
    assert outcome.complaint.endswith("saved in m.sol")
    assert [path.name for path in tmp_path.iterdir()] == ["m.sol"]


def test_an_unverified_build_replaces_no_verified_one(cli, tmp_path):
    """The design that was verified stays whole; the other one gets a folder beside it."""
    assert cli("build", "multiplier:2", *CHECK, "-o", "out").code == 0
    before = contents(tmp_path / "out")
    misses = ("build", "multiplier:2", *FAILS, "--stop", "none", *CHECK, "-o", "out", "--report")
    outcome = cli(*misses)
    assert outcome.code == 1
    assert outcome.complaint.endswith("it is in out.failed, because out contains an earlier one")
    assert contents(tmp_path / "out") == before
    failed = tmp_path / "out.failed"
    assert json.loads((failed / "report.json").read_text())["verified"] is False
    assert (failed / "report.html").is_file()
    outcome = cli(*misses[:-3], "-o", "new")  # nothing there to keep
    assert outcome.code == 1
    assert "keeps" not in outcome.complaint
    assert cli(*misses[:-3], "-o", "new").code == 1
    assert not (tmp_path / "new.failed").exists()


def test_an_interrupted_learning_replaces_no_whole_one(cli, tmp_path, monkeypatch):
    """The circuit of a learning that went to its end stays."""
    rows = [f"{k:06b} {k.bit_count() > 3:d}" for k in range(0, 64, 2)]
    (tmp_path / "t.pla").write_text("\n".join([".i 6", ".o 1", ".type fr", *rows, ".e"]) + "\n")
    learn = ("learn", "t.pla", "--trials", 1, "--passes", "strash", "--no-baselines", *CHECK)
    assert cli(*learn, "-o", "out").code == 0
    before = contents(tmp_path / "out")
    from btfsynth.learning import learning

    monkeypatch.setattr(learning, "_simplified", lambda netlist, _: (netlist, True))
    outcome = cli(*learn, "-o", "out", "--seed", 2)
    assert outcome.code == 1
    assert (
        outcome.complaint == "interrupted; the best circuit so far is in out.failed, not simulated"
    )
    assert contents(tmp_path / "out") == before
    assert (tmp_path / "out.failed" / "manifest.json").is_file()


@pytest.mark.parametrize("there", [False, True])
def test_an_interrupted_simplification_keeps_what_is_done(cli, tmp_path, there):
    """The netlist after the last pass that was checked is written, beside a file that exists."""
    assert cli("train", "multiplier:2", "-o", "m.npz").code == 0
    done = cli("simplify", "m.npz", "-o", "first.mig", "--passes", "strash; sweep")
    assert done.code == 0, done.stderr
    if there:
        (tmp_path / "out.mig").write_text("earlier\n")
    register("passes", "stopped", Stopped)
    try:
        outcome = cli("simplify", "m.npz", "-o", "out.mig", "--passes", "strash; sweep; stopped")
        kept = "out.failed.mig" if there else "out.mig"
        assert outcome.code == 1
        why = ", because out.mig contains an earlier one" if there else ""
        assert outcome.complaint == (
            f"interrupted after 2 of 3 passes; the best netlist so far, 8 cells, is saved in {kept}{why}"
        )
        assert (tmp_path / kept).read_bytes() == (tmp_path / "first.mig").read_bytes()
        outcome = cli("simplify", "m.npz", "-o", "none.mig", "--passes", "stopped")
    finally:
        unregister("passes", "stopped")
    assert outcome.complaint == "interrupted in the first pass; nothing was saved"
    assert not (tmp_path / "none.mig").exists()
