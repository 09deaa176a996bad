"""All runs of the chosen experiments, some side by side, each kept on disk as soon as it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from btfsynth.errors import DataError, MissingToolError, TrainingError
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.reproduce.experiment import Experiment
from btfsynth.reproduce.gradient import has_torch
from btfsynth.reproduce.record import (
    Record,
    baseline_record,
    goal_reached,
    training_record,
    value_of,
)
from btfsynth.reproduce.store import Row, Store
from btfsynth.train.parameters import Progress

__all__ = ["Report", "ReproduceOptions", "Watcher", "in_words", "reproduce"]

_FULL_BASELINES = 3
"""Seeds of an experiment that have gradient baselines, which spread little; in a quick run the first."""
_SKIPS = (MissingToolError, TrainingError)
"""What ends one experiment and not the others."""


@dataclass(frozen=True)
class ReproduceOptions:
    """How to run.

    Parameters
    ----------
    full
        Whether to go all the way; else fewer seeds and steps.
    jobs
        Runs side by side; results do not depend on how many.
    seed
        The first seed of every experiment.
    """

    full: bool = False
    jobs: int = 1
    seed: int = 1


@dataclass(frozen=True)
class Watcher:
    """What a reproduction tells; called from its threads, one call at a time.

    Parameters
    ----------
    on_plan
        How many runs are to be made, and how many were found made.
    on_begin
        Name of an experiment and a seed, as its training begins.
    on_progress
        Where that training stands.
    on_done
        A training has ended: what it came to, in words.
    on_note
        Something to know.
    """

    on_plan: Callable[[int, int], None] = lambda *_: None
    on_begin: Callable[[str, int], None] = lambda *_: None
    on_progress: Callable[[str, int, Progress], None] = lambda *_: None
    on_done: Callable[[str, int, str], None] = lambda *_: None
    on_note: Callable[[str], None] = lambda *_: None


@dataclass(frozen=True)
class Report:
    """What came of it.

    Parameters
    ----------
    rows
        One an experiment, in the order of the catalogue: those asked for, and what else the folder holds.
    options
        How it was run.
    interrupted
        Whether the user stopped it.
    notes
        What is missing and why.
    """

    rows: tuple[Row, ...]
    options: ReproduceOptions
    interrupted: bool
    notes: tuple[str, ...] = field(default=())


def reproduce(
    experiments: tuple[Experiment, ...],
    directory: Path,
    options: ReproduceOptions,
    watcher: Watcher | None = None,
) -> Report:
    """Run experiments and keep every run in the folder; what is there already is not run again.

    Parameters
    ----------
    experiments
        Which.
    directory
        Where runs are kept.
    options
        How.
    watcher
        What to tell.

    Raises
    ------
    DataError
        If the folder holds runs with other settings.
    OutputError
        If it cannot be written.
    """
    run = _Run(experiments, directory, options, watcher or Watcher())
    return run.go()


class _Run:
    """A reproduction while it goes on."""

    def __init__(
        self,
        experiments: tuple[Experiment, ...],
        directory: Path,
        options: ReproduceOptions,
        watcher: Watcher,
    ) -> None:
        self.options = options
        self.watcher = watcher
        self.store = Store(directory)
        self.rows = [self._row(each) for each in experiments]
        for row in self.rows:
            self.store.read(row)
        self.lock = threading.Lock()
        self.cancelled = threading.Event()
        self.notes: list[str] = []

    def go(self) -> Report:
        torch = has_torch()
        if not torch:
            self._note(
                "torch is not installed, so the gradient baselines are left out; "
                "pip install 'btfsynth[baselines]' (or pip install torch)"
            )
        work: list[Callable[[], None]] = []
        wanted = found = 0
        for row in self.rows:
            missing = [seed for seed in row.seeds if seed not in row.trained]
            work += [self._training(row, seed) for seed in missing]
            wanted += len(row.seeds)
            found += len(row.seeds) - len(missing)
            if torch:
                shown = row.seeds[: _FULL_BASELINES if self.options.full else 1]
                work += [self._baseline(row, seed) for seed in shown if seed not in row.baselines]
        self.watcher.on_plan(wanted, found)
        interrupted = self._work(work)
        rows = sorted([*self.rows, *self._found()], key=lambda row: _place(row.experiment.name))
        return Report(tuple(rows), self.options, interrupted, tuple(self.notes))

    def _found(self) -> list[Row]:
        """Return what the folder holds of experiments that were not asked for."""
        asked = {row.experiment.name for row in self.rows}
        found = []
        for name, experiment in EXPERIMENTS.items():
            if name in asked:
                continue
            row = self._row(experiment)
            try:
                self.store.read(row)
            except DataError:  # of a run with other settings
                continue
            if row.records:
                found.append(row)
        return found

    def _row(self, experiment: Experiment) -> Row:
        scale = experiment.full if self.options.full else experiment.quick
        return Row(experiment, scale, self.options.seed)

    def _work(self, work: list[Callable[[], None]]) -> bool:
        """Do all of it; return whether it was interrupted."""
        with ThreadPoolExecutor(self.options.jobs, thread_name_prefix="run") as pool:
            futures: list[Future[None]] = [pool.submit(each) for each in work]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException as error:
                self.cancelled.set()
                for future in futures:
                    future.cancel()
                if isinstance(error, KeyboardInterrupt):
                    return True
                raise
        return False

    def _training(self, row: Row, seed: int) -> Callable[[], None]:
        name = row.experiment.name

        def progress(state: Progress) -> None:
            with self.lock:
                self.watcher.on_progress(name, seed, state)

        def train() -> None:
            if self.cancelled.is_set() or row.skipped is not None:
                return
            with self.lock:
                self.watcher.on_begin(name, seed)
            try:
                record = training_record(
                    row.experiment,
                    row.scale,
                    seed,
                    on_progress=progress,
                    cancelled=self.cancelled,
                )
            except _SKIPS as error:
                self._skip(row, str(error))
                return
            if record is not None:
                with self.lock:
                    row.trained[seed] = record
                    self.store.write(row)
                    self.watcher.on_done(name, seed, in_words(row.experiment, record))

        return train

    def _baseline(self, row: Row, seed: int) -> Callable[[], None]:
        def train() -> None:
            if self.cancelled.is_set() or row.skipped is not None:
                return
            try:
                record = baseline_record(row.experiment, seed)
            except _SKIPS as error:
                self._skip(row, str(error))
                return
            with self.lock:
                row.baselines[seed] = record
                self.store.write(row)

        return train

    def _skip(self, row: Row, why: str) -> None:
        if row.skipped is None:
            row.skipped = why
            self._note(f"{row.experiment.name}: {why}")

    def _note(self, line: str) -> None:
        with self.lock:
            self.notes.append(line)
            self.watcher.on_note(line)


def _place(name: str) -> int:
    """Return where an experiment stands in the catalogue."""
    return list(EXPERIMENTS).index(name)


def in_words(experiment: Experiment, record: Record) -> str:
    """Say what one training came to."""
    value = value_of(experiment, record)
    figure = f"{value:.0f}" if value.is_integer() and value > 1 else f"{value:.2%}"
    reached = {True: ", goal reached", False: ", goal not reached", None: ""}
    line = (
        f"{experiment.measure.value} {figure} after {record['steps']} steps, "
        f"{record['seconds']:.0f} s{reached[goal_reached(experiment, record)]}"
    )
    recovery = record["recovery"]
    if recovery is not None and recovery["why_not"] is None:
        line += (
            f"; {recovery['equal']} of {recovery['outputs']} outputs proven equal to the circuit's"
        )
    return line
