"""The whole way as a function: what it promises of folders and failures."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from btfsynth.dataset.load import load
from btfsynth.errors import InterruptedWorkError, OutputError, ToolError, UsageError
from btfsynth.events import Event, StageBegan, TrialProgress
from btfsynth.flow import building
from btfsynth.flow.building import build, emit_netlist
from btfsynth.flow.report import BuildOptions, is_verified
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network
from btfsynth.sim.simulators import CheckResult
from btfsynth.training.session import TrainOptions

QUICK = BuildOptions(simulators=("parsed_verilog",))
DATA = load("full_adder")


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_caller_hears_every_stage(tmp_path):
    """The stages are told in their order, and progress comes from the training."""
    told: list[Event] = []
    build(DATA, tmp_path / "out", QUICK, told.append)
    progress = [event for event in told if isinstance(event, TrialProgress)]
    stages = [event.stage for event in told if isinstance(event, StageBegan)]
    assert stages == ["training", "simplifying", "emitting", "simulating"]
    assert progress
    assert all(step.bits == 16 for step in progress)


@pytest.mark.parametrize(
    ("field", "value"), [("seed", -1), ("trials", 0), ("jobs", 0), ("time_limit", 0.0)]
)
def test_options_out_of_range(field, value):
    """Options out of range are refused by name."""
    with pytest.raises(UsageError, match=field):
        TrainOptions(**{field: value})


@pytest.mark.parametrize(
    "options",
    [
        lambda: replace(QUICK, passes="magic"),
        lambda: replace(QUICK, simulators=("magic",)),
        lambda: replace(QUICK, training=TrainOptions(sigma=0.5)),
        lambda: replace(QUICK, training=TrainOptions(widths=(1, 2))),
    ],
)
def test_wrong_options_leave_no_folder(tmp_path, options):
    """What can be seen to fail does so before a folder is made."""
    with pytest.raises(UsageError):
        build(DATA, tmp_path / "deep" / "out", options())
    assert not list(tmp_path.iterdir())


def test_failure_after_training_keeps_the_network(tmp_path, monkeypatch):
    """A tool that breaks does not cost the training: the message says where the network is."""

    def broken(*_: object) -> None:
        raise ToolError("icarus: broken", ("vvp",), "Segmentation fault")

    monkeypatch.setattr(building, "simulate_design", broken)
    with pytest.raises(ToolError, match=r"broken.*saved in .*full_adder_best\.npz") as raised:
        build(DATA, tmp_path / "out", QUICK)
    assert raised.value.command == ("vvp",)
    assert list(contents(tmp_path / "out")) == ["full_adder_best.npz"]
    assert load_network(tmp_path / "out" / "full_adder_best.npz").vectors_right(DATA) == 8


@pytest.mark.parametrize("station", ["simplify_network", "write_design", "simulate_design"])
def test_interrupt_after_training_keeps_the_network(tmp_path, monkeypatch, station):
    """Ctrl-C in a later station keeps the network and leaves nothing else."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(building, station, interrupted)
    with pytest.raises(InterruptedWorkError, match=r"full_adder_best\.npz"):
        build(DATA, tmp_path / "out", QUICK)
    assert list(contents(tmp_path / "out")) == ["full_adder_best.npz"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_dir()]


@pytest.mark.parametrize("last", [0, 3, 7])
def test_failed_publishing_is_undone(tmp_path, monkeypatch, last):
    """If a file cannot be moved up, the folder holds what it held before."""
    folder = tmp_path / "out"
    build(DATA, folder, QUICK)
    (folder / "full_adder.mig").unlink()  # one file that is new the second time
    before = contents(folder)
    move = Path.replace
    moved = []

    def failing(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".btfsynth-"):
            if len(moved) == last:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            moved.append(self.name)
        return move(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    # The network itself can still be saved beside the old design.
    with pytest.raises(OutputError, match="No space left on device"):
        build(DATA, folder, replace(QUICK, training=TrainOptions(seed=2)))
    after = contents(folder)
    after.pop("full_adder_best.npz", None)
    assert len(moved) == last
    assert after == before


def test_stale_staging_is_removed(tmp_path):
    """What a run that was killed outright left behind is gone after the next one."""
    stale = tmp_path / "out" / ".btfsynth-abc"
    stale.mkdir(parents=True)
    (stale / "half").write_text("half")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    build(DATA, tmp_path / "out", QUICK)
    assert not stale.exists()
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_two_runs_in_one_folder(tmp_path):
    """A second run into the folder of one that is still at work is refused, without harm to it."""
    pytest.importorskip("fcntl")
    folder = tmp_path / "out"
    refusals = []

    def second(event: Event) -> None:
        if event == StageBegan("simplifying"):
            with pytest.raises(OutputError, match="another run") as raised:
                build(DATA, folder, QUICK)
            refusals.append(raised.value)

    report = build(DATA, folder, QUICK, second)
    assert len(refusals) == 1
    assert sorted(contents(folder)) == list(report.files)
    build(DATA, folder, QUICK)  # the lock is gone


def test_folder_without_locks(tmp_path, monkeypatch):
    """Where a file system has no locks, all works but stale folders stay: they may be in use."""
    fcntl = pytest.importorskip("fcntl")

    def none(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", none)
    (tmp_path / "out" / ".btfsynth-other").mkdir(parents=True)
    build(DATA, tmp_path / "out", QUICK)
    assert (tmp_path / "out" / ".btfsynth-other").is_dir()
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_failed_emission_leaves_the_old_design(tmp_path, monkeypatch):
    """Emitting into a folder replaces the design there as a whole or not at all."""
    folder = tmp_path / "out"
    build(DATA, folder, QUICK)
    netlist = read_netlist(folder / "full_adder.mig")
    before = contents(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OutputError, match="No space left"):
        emit_netlist(netlist, None, folder)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("checks", "wanted", "verdict"),
    [
        ([CheckResult("network", 8), CheckResult("icarus", 8)], (), True),
        ([CheckResult("network", 8), CheckResult("parsed_verilog", 8)], (), False),
        ([CheckResult("icarus", 8), CheckResult("verilator", skipped="none")], (), True),
        ([CheckResult("icarus", 8), CheckResult("verilator", skipped="none")],
         ("verilator",), False),
        ([CheckResult("icarus", skipped="none"), CheckResult("network", 8)], (), False),
        ([CheckResult("icarus", 7, 1), CheckResult("amaranth", 8)], (), False),
        ([CheckResult("icarus", 8), CheckResult("network", 7, 1)], (), False),
        ([CheckResult("icarus", 0), CheckResult("network", 8)], (), False),
        ([], (), False),
    ],
)  # fmt: skip
def test_is_verified(checks, wanted, verdict):
    """Verified is what a simulator ran on, nothing failed of, and nothing asked for is missing."""
    assert is_verified({check.name: check for check in checks}, wanted) is verdict
