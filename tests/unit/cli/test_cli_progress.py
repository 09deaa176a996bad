"""What a terminal shows while trials run, and when kernels are compiled."""

from __future__ import annotations

import io

import numba
import pytest
from rich.console import Console

from btfsynth.cli import progress as module
from btfsynth.cli.progress import TrialBoard, announced_compiling, observed
from btfsynth.events import StageBegan, TrialEnded, TrialProgress
from btfsynth.netlist.kernels import watch_compiling
from btfsynth.training.parameters import StopReason


def running(trial: int, **changes: object) -> TrialProgress:
    """Return where a trial stands."""
    values = {"iterations": 500, "gap": 0.25, "bits_right": 60, "bits": 64, "widths": (4, 4, 4),
              "seconds": 2.0, **changes}  # fmt: skip
    return TrialProgress(trial=trial, **values)


def ended(trial: int, stop: StopReason, right: int = 64) -> TrialEnded:
    """Return a trial that has ended."""
    succeeded = stop is StopReason.EXACT
    return TrialEnded(trial, stop.value, succeeded, 10, 0.1, bits_right=right, bits=64, seconds=1.0)


def drawn(board: TrialBoard, rows: int = 10) -> list[str]:
    """Return the table as lines of a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(board.table(rows))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_row_a_running_trial():
    """Number from 0, iteration, gap, best bits, iterations per second, by number; no column without figures."""
    board = TrialBoard()
    assert board.empty
    for trial in (2, 0):
        board.on_event(running(trial))
    head, first, second = drawn(board)
    assert head.split() == ["trial", "iteration", "gap", "best", "bits", "iter/s", "widths"]
    assert first.split() == ["0", "500", "0.2500", "60", "of", "64", "250", "4-4-4"]
    assert second.split()[0] == "2"
    board.on_event(running(1, valid=0.75))
    head, first, second, _ = drawn(board)
    assert "valid" in head
    assert "75.00%" in second
    assert "%" not in first


def test_ended_trials_leave_the_table_and_are_counted():
    """Those cut short by a success elsewhere are not."""
    board = TrialBoard()
    for trial in range(4):
        board.on_event(running(trial))
    assert board.summary() == "0 finished, 0 exact; at best 60 of 64 bits"
    board.on_event(ended(0, StopReason.EXACT))
    board.on_event(ended(1, StopReason.ITERATIONS, right=62))
    board.on_event(ended(2, StopReason.INTERRUPTED, right=61))
    assert board.summary() == "2 finished, 1 exact, success rate 50%; at best 64 of 64 bits"
    assert [line.split()[0] for line in drawn(board)] == ["trial", "3"]
    board.clear()
    assert board.empty


def test_no_more_rows_than_the_screen_has():
    """The others are counted; wide names do not break a line."""
    board = TrialBoard()
    for trial in range(30):
        board.on_event(running(trial, widths=tuple(range(100, 160)), valid=0.5))
    lines = drawn(board, rows=5)
    assert len(lines) == 7
    assert lines[-1].split() == ["+25"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("colour", "expected"), [(None, True), ("1", False)])
def test_live_on_a_terminal(monkeypatch, colour, expected):
    """The table is drawn in place and goes away; NO_COLOR leaves no colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if colour is not None:
        monkeypatch.setenv("NO_COLOR", colour)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, height=24, stderr=True)
    monkeypatch.setattr(module, "errors", console)
    with observed("a_task") as on_event:
        on_event(StageBegan("training"))
        on_event(running(0))
        on_event(ended(1, StopReason.EXACT))
        console.print("[red]a line[/red]")  # makes a frame be drawn
    shown = screen.getvalue()
    assert "a_task: training" in shown
    assert "60 of 64" in shown
    assert "1 finished, 1 exact, success rate 100%" in shown
    assert ("\x1b[31m" in shown) is expected
    assert shown.rstrip("\n").endswith("\x1b[2K")


@pytest.mark.parametrize("terminal", [None, "dumb"])
def test_plain_lines_elsewhere(monkeypatch, capsys, terminal):
    """A line a stage; one a minute on the trials, without control codes."""
    console = Console(stderr=True, width=80, force_terminal=terminal is not None, color_system=None)
    monkeypatch.setenv("TERM", terminal or "xterm")
    monkeypatch.setattr(module, "errors", console)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with observed("a_task") as on_event:
        on_event(StageBegan("training"))
        for second in (1, 59, 61, 100, 122):
            now[0] = second
            on_event(running(0))
    assert capsys.readouterr().err.splitlines() == [
        "a_task: training ...",
        "a_task: 0 finished, 0 exact; at best 60 of 64 bits",
        "a_task: 0 finished, 0 exact; at best 60 of 64 bits",
    ]


def test_compiling_is_told_once_and_only_when_it_happens(tmp_path, monkeypatch):
    """Nested compilations are one; what is there already is not told."""
    told: list[bool] = []

    @numba.njit
    def inner(x):
        return x + 1

    @numba.njit
    def outer(x):
        return inner(x) * 2

    with watch_compiling(told.append):
        assert outer(1) == 4
        assert told == [True, False]
        assert outer(2) == 6
    assert told == [True, False]
    assert outer(1.5) == 5.0  # compiled for another type, but nobody watches
    assert told == [True, False]


def test_a_long_compilation_is_told_again(monkeypatch, capsys):
    """Without a terminal too: the module whose kernel is compiled, now and then; nothing where none is."""
    monkeypatch.setattr(module, "_COMPILING_SECONDS", 0.001)
    with announced_compiling("a_task"):
        numba.njit(lambda x: x + 1)(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "a_task: compiling the kernels (once) ..."
    assert len(lines) >= 2
    assert set(lines[1:]) == {"a_task: compiling test_cli_progress for this machine, 0 s ..."}
    with announced_compiling("a_task"):
        pass
    assert capsys.readouterr().err == ""
