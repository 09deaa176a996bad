"""The trials of a training as a table: the running ones, and what the finished ones came to."""

from __future__ import annotations

import threading

from rich.table import Table
from rich.text import Text

from btfsynth.events import Event, TrialEnded, TrialProgress
from btfsynth.train.parameters import StopReason

__all__ = ["TrialBoard"]

_WIDTHS = 18
"""Characters of the widths of a network that fit beside the other columns."""


class TrialBoard:
    """Keeps where trials stand; told from the training threads, drawn from another one."""

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
        """Note where a trial stands; other events are not the board's."""
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
        """Return the running trials, so many of them at most, by their numbers."""
        with self._lock:
            running = [progress for _, progress in sorted(self._running.items())]
        valid = any(progress.valid is not None for progress in running)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading, width in (("trial", 5), ("step", 9), ("gap", 7), ("best bits", 11),
                               *([("held out", 8)] if valid else []), ("steps/s", 7)):  # fmt: skip
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
    shown = "" if progress.valid is None else f"{progress.valid:.2%}"
    return [
        str(progress.trial),
        str(progress.iterations),
        f"{progress.gap:.4f}",
        f"{progress.bits_right} of {progress.bits}",
        *([shown] if valid else []),
        f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}",
        widths,
    ]
