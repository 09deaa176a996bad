"""What is beside a circuit that was learnt and fails takes nothing from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import ToolError
from btfsynth.events import BetterCircuit, Event, Note, StageBegan
from btfsynth.learning import learning
from btfsynth.learning.learning import LearnOptions, learn
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import read_netlist
from btfsynth.passes.base import Ended, InterruptedPasses, ScriptResult


def test_simulator_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The circuit is written, unverified, with the reason."""

    def broken(*_: object, **__: object) -> None:
        raise ToolError("the simulator broke")

    monkeypatch.setattr(learning, "simulate_design", broken)
    options = LearnOptions(time_limit=None, trials=1, baselines=False)
    report = learn(parse_task("parity:4"), tmp_path / "d", options)
    assert not report.verified
    assert report.checks["simulation"].skipped == "failed: the simulator broke"
    assert (report.directory / "manifest.json").is_file()


def test_baselines_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are skipped with a note."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no baseline")

    told: list[Event] = []
    monkeypatch.setattr(learning, "measure_baselines", broken)
    monkeypatch.setattr(learning, "have_sklearn", lambda: True)
    options = LearnOptions(time_limit=None, trials=1, simulators=("amaranth",))
    report = learn(parse_task("parity:4"), tmp_path / "d", options, on_event=told.append)
    assert report.verified
    assert Note("baselines: skipped: no baseline") in told


def test_ctrl_c_waits_for_no_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best circuit is kept; what only compares is left out."""

    def stop(event: Event) -> None:
        if isinstance(event, BetterCircuit):
            raise KeyboardInterrupt

    def measure(*_: object) -> None:
        pytest.fail("baselines after an interruption")

    monkeypatch.setattr(learning, "have_sklearn", lambda: True)
    monkeypatch.setattr(learning, "measure_baselines", measure)
    options = LearnOptions(trials=1, simulators=("amaranth",))
    report = learn(parse_task("majority:3"), tmp_path / "d", options, on_event=stop)
    assert report.interrupted
    assert not report.checks
    assert not any(report.baselines)
    assert read_netlist(tmp_path / "d" / "majority_3.mig").n_cells == report.netlist.n_cells


@pytest.mark.parametrize("stage", ["simplify_netlist", "simulate_design"])
def test_ctrl_c_after_the_learning_keeps_the_circuit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Whether it comes in the passes or in the simulation, the circuit is written and nothing else is begun."""

    def stop(netlist: object, *_: object) -> None:
        if isinstance(netlist, Netlist):
            raise InterruptedPasses(ScriptResult(netlist, (), 3, Ended.USER))
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, stage, stop)
    options = LearnOptions(trials=1, simulators=("amaranth",), baselines=False)
    told: list[Event] = []
    report = learn(parse_task("majority:3"), tmp_path / "d", options, on_event=told.append)
    assert report.interrupted
    assert not report.checks
    assert (StageBegan("simulating") in told) == (stage == "simulate_design")
    assert json.loads((tmp_path / "d" / "report.json").read_text())["interrupted"] is True
    assert (tmp_path / "d" / "manifest.json").exists()
