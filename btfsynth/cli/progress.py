"""Progress on standard error: live on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from btfsynth.cli.output import errors, one_line, say
from btfsynth.errors import percent, plural
from btfsynth.events import (
    Event,
    Note,
    OnEvent,
    SettingsTried,
    StageBegan,
    TrialEnded,
    TrialProgress,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_COMPILING = "compiling the kernels (once)"
_COMPILING_SECONDS = 8.0
"""Seconds between two lines about a compilation without a terminal."""
_FRAMES_PER_SECOND = 5
PLAIN_SECONDS = 60.0
"""Seconds between two lines about running trials without a terminal."""
_OTHER_LINES = 6
"""Lines of the screen reserved for other content than rows of trials."""


def is_live() -> bool:
    """Return True if standard error is a terminal on which lines can be rewritten."""
    return errors.is_terminal and not errors.is_dumb_terminal


@contextmanager
def observed(title: str) -> Iterator[OnEvent]:
    """Show progress while the body runs: live on a terminal, else a line per stage."""
    from rich.live import Live

    from btfsynth.netlist.kernels import watch_compiling

    if not is_live():
        with announced_compiling(title):
            yield _Plain(title).on_event
        return
    display = _Display(title)
    with (
        Live(display, console=errors, transient=True, refresh_per_second=_FRAMES_PER_SECOND),
        watch_compiling(display.on_compiling),
    ):
        yield display.on_event


@contextmanager
def announced_compiling(title: str) -> Iterator[None]:
    """Write a line to standard error at the first compilation in the body, and more while it continues."""
    from btfsynth.netlist.kernels import watch_compiling

    began, ended = 0.0, threading.Event()

    def tell(runs: bool) -> None:
        nonlocal began
        if runs and not began:
            began = time.monotonic()
            say(f"{title}: {_COMPILING} ...")
            threading.Thread(target=go_on, daemon=True).start()

    def go_on() -> None:
        while not ended.wait(_COMPILING_SECONDS):
            module = compiled()
            if module:
                seconds = time.monotonic() - began
                say(f"{title}: compiling {module} for this machine, {seconds:.0f} s ...")

    with watch_compiling(tell) as compiled:
        try:
            yield
        finally:
            ended.set()


@contextmanager
def watched(title: str, words: Callable[[Event], str | None]) -> Iterator[OnEvent]:
    """Show stages, notes, and the words of `words` for other events.

    On a terminal this is one changing line with the elapsed time, otherwise one line per event.
    """
    stage = status = ""

    def on_event(event: Event) -> None:
        nonlocal stage, status
        match event:
            case Note(text):
                say(f"note: {text}")
            case StageBegan(stage):
                tell(f"{stage}; {status}" if status else f"{title}: {stage}", f"{stage} ...")
            case _ if status_now := words(event):
                status = status_now
                tell(f"{stage or title}; {status}", status)

    if not is_live():

        def tell(live: str, plain: str) -> None:
            say(f"{title}: {plain}")

        yield on_event
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(live: str, plain: str) -> None:
            bar.update(task, description=live)

        yield on_event


class _Plain:
    """Prints a line per stage, and one per minute on running trials."""

    def __init__(self, title: str) -> None:
        self.board = TrialBoard()
        self._title = title
        self._said = time.monotonic()

    def on_event(self, event: Event) -> None:
        self.board.on_event(event)
        match event:
            case StageBegan(stage):
                say(f"{self._title}: {stage} ...")
            case TrialProgress() if time.monotonic() - self._said >= PLAIN_SECONDS:
                self._said = time.monotonic()
                say(f"{self._title}: {self.board.summary()}")
            case Note(text):
                say(text)


class _Display:
    """The display on the terminal: the present work and its duration, and the trials below."""

    def __init__(self, title: str) -> None:
        from rich.spinner import Spinner

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
        from rich.console import Group
        from rich.text import Text

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
    """Return the state of tuning in words."""
    best = "none exact yet"
    if event.valid is not None:
        best = f"{percent(event.valid)} of the validation set right at best"
    elif event.seconds_per_solution is not None:
        best = f"{event.seconds_per_solution:.3g} s per solution at best"
    return f"{plural(event.candidates, 'candidate')}, {best}"


_WIDTHS = 18
"""Characters of the widths of a network that fit beside the other columns."""


class TrialBoard:
    """The states of trials, updated by the training threads and drawn by another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, TrialProgress] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything: another training begins, or none."""
        with self._lock:
            self._running.clear()
            self._finished = self._exact = self._succeeded = 0
            self._best: tuple[int, int] | None = None

    def on_event(self, event: Event) -> None:
        """Record the state of a trial; ignore other events."""
        match event:
            case TrialProgress():
                self._update(event)
            case TrialEnded():
                self._end(event)

    def _update(self, progress: TrialProgress) -> None:
        with self._lock:
            self._running[progress.trial] = progress
            self._better(progress.bits_right, progress.bits)

    def _end(self, result: TrialEnded) -> None:
        """Note that a trial has ended; one that a success elsewhere cut short does not count."""
        from btfsynth.training.parameters import StopReason

        with self._lock:
            self._running.pop(result.trial, None)
            if result.stop == StopReason.INTERRUPTED.value:
                return
            self._better(result.bits_right, result.bits)
            self._finished += 1
            self._exact += result.exact
            self._succeeded += result.succeeded

    def _better(self, right: int, bits: int) -> None:
        if self._best is None or right > self._best[0]:
            self._best = right, bits

    @property
    def empty(self) -> bool:
        """True if nothing was told yet."""
        return not self._running and not self._finished

    def summary(self) -> str:
        """Return a line on the finished trials and the best of all."""
        with self._lock:
            line = f"{self._finished} finished, {self._exact} exact"
            if self._finished:
                line += f", success rate {self._succeeded / self._finished:.0%}"
            if self._best is not None:
                line += f"; at best {self._best[0]} of {self._best[1]} bits"
        return line

    def table(self, rows: int) -> Table:
        """Return at most this many of the running trials, by their numbers."""
        from rich.table import Table
        from rich.text import Text

        with self._lock:
            running = [progress for _, progress in sorted(self._running.items())]
        valid = any(progress.valid is not None for progress in running)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading, width in (("trial", 5), ("iteration", 9), ("gap", 7), ("best bits", 11),
                               *([("valid", 8)] if valid else []), ("iter/s", 7)):  # fmt: skip
            table.add_column(heading, justify="right", min_width=width, no_wrap=True)
        table.add_column("widths", no_wrap=True)
        for progress in running[:rows]:
            table.add_row(*map(Text, _cells(progress, valid)))
        if len(running) > rows:
            table.add_row(Text(f"+{len(running) - rows}"))
        return table


def _cells(progress: TrialProgress, valid: bool) -> list[str]:
    rate = progress.iterations / progress.seconds if progress.seconds > 0 else 0.0
    widths = "-".join(str(width) for width in progress.widths or ())
    if len(widths) > _WIDTHS:
        widths = f"{widths[: _WIDTHS - 3]}..."
    shown = "" if progress.valid is None else percent(progress.valid)
    return [
        str(progress.trial),
        str(progress.iterations),
        f"{progress.gap:.4f}",
        f"{progress.bits_right} of {progress.bits}",
        *([shown] if valid else []),
        f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}",
        widths,
    ]
