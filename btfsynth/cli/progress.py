"""Progress on standard error: live on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.text import Text

from btfsynth.cli.board import TrialBoard
from btfsynth.cli.output import errors, say
from btfsynth.cli.text import one_line
from btfsynth.errors import plural
from btfsynth.events import Event, Note, OnEvent, SettingsTried, StageBegan, TrialProgress
from btfsynth.passes.compile_clock import watch_compiling

__all__ = ["is_live", "live_line", "observed"]

_COMPILING = "compiling the kernels (once)"
_FRAMES_A_SECOND = 5
_PLAIN_SECONDS = 60.0
"""Time between two lines on running trials where there is no terminal."""
_OTHER_LINES = 6
"""Lines of the screen that are left to what is not a row of a trial."""


def is_live() -> bool:
    """Tell whether standard error is a terminal on which lines can change."""
    return errors.is_terminal and not errors.is_dumb_terminal


@contextmanager
def live_line(title: str) -> Iterator[Callable[[str], None]]:
    """Show for how long the body runs, and a line that what it is given changes."""
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda text: bar.update(task, description=text)


@contextmanager
def observed(title: str) -> Iterator[OnEvent]:
    """Show progress while the body runs: live on a terminal, else a line a stage."""
    if not is_live():
        plain = _Plain(title)
        with watch_compiling(plain.on_compiling):
            yield plain.on_event
        return
    display = _Display(title)
    with (
        Live(display, console=errors, transient=True, refresh_per_second=_FRAMES_A_SECOND),
        watch_compiling(display.on_compiling),
    ):
        yield display.on_event


class _Plain:
    """Says a line a stage, and one a minute on running trials."""

    def __init__(self, title: str) -> None:
        self.board = TrialBoard()
        self._title = title
        self._compiled = False
        self._said = time.monotonic()

    def on_event(self, event: Event) -> None:
        self.board.on_event(event)
        match event:
            case StageBegan(stage):
                self._say_stage(stage)
            case TrialProgress() if time.monotonic() - self._said >= _PLAIN_SECONDS:
                self._said = time.monotonic()
                say(f"{self._title}: {self.board.summary()}")
            case Note(text):
                say(text)

    def _say_stage(self, stage: str) -> None:
        say(f"{self._title}: {stage} ...")

    def on_compiling(self, runs: bool) -> None:
        if runs and not self._compiled:
            self._compiled = True
            self._say_stage(_COMPILING)


class _Display:
    """What stands on the terminal: what is done for how long, and under it the trials."""

    def __init__(self, title: str) -> None:
        self.board = TrialBoard()
        self._title = title
        self._stage = ""
        self._compiling = False
        self._begin = time.monotonic()
        self._spinner = Spinner("dots")

    def on_event(self, event: Event) -> None:
        self.board.on_event(event)
        match event:
            case StageBegan(stage):
                self._stage = stage
                self.board.clear()
            case SettingsTried():
                self._stage = f"tuning: {_tried(event)}"
            case Note(text):
                say(text)

    def on_compiling(self, runs: bool) -> None:
        self._compiling = runs

    def __rich__(self) -> RenderableType:
        minutes, seconds = divmod(int(time.monotonic() - self._begin), 60)
        stage = _COMPILING if self._compiling else self._stage
        words = f"{minutes}:{seconds:02} {self._title}" + (f": {stage}" if stage else "")
        self._spinner.update(text=Text(one_line(words), no_wrap=True, overflow="ellipsis"))
        if self.board.empty:
            return self._spinner
        summary = Text(self.board.summary(), style="bold", no_wrap=True, overflow="ellipsis")
        table = self.board.table(max(1, errors.height - _OTHER_LINES))
        return Group(self._spinner, table, summary)


def _tried(event: SettingsTried) -> str:
    """Return where tuning stands."""
    best = "none exact yet"
    if event.valid is not None:
        best = f"{event.valid:.2%} of what is held out right at best"
    elif event.seconds_per_solution is not None:
        best = f"{event.seconds_per_solution:.3g} s a solution at best"
    return f"{plural(event.candidates, 'candidate')}, {best}"
