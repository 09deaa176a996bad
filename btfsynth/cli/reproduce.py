"""``btfsynth reproduce``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    complete_names,
    folder_option,
    json_option,
    option,
    scheduler_option,
    workers_of,
)
from btfsynth.cli.output import console, emit_json, errors, field_table, say, show
from btfsynth.cli.progress import PLAIN_SECONDS, announced_compiling, is_live
from btfsynth.errors import InterruptedWorkError, OutputError, ToolError, percent, plural
from btfsynth.events import (
    Event,
    Note,
    OnEvent,
    RunBegan,
    RunEnded,
    RunProgress,
    RunsPlanned,
    TrialProgress,
)
from btfsynth.files import make_folder
from btfsynth.plugins import install_command
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.settings.table import REPRODUCE

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from btfsynth.reproduce.run import Report

_CURVES = "curves"
_TITLES = {each.name: each.title for each in EXPERIMENTS.values()}


@click.command("reproduce")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names(_TITLES))
@click.option(
    "--quick/--full",
    default=True,
    help="Few seeds and iterations, under 15 minutes on two cores (quick); or all runs of the table in the "
    "documentation, which take hours (full).  [default: quick]",
)
@folder_option("Folder of runs and tables.  [default: hdl_out/reproduce_quick or _full]")
@option(REPRODUCE["jobs"])
@scheduler_option
@option(REPRODUCE["seed"])
@click.option("--list", "list_only", is_flag=True, help="List the experiments and exit.")
@json_option
def reproduce_command(
    names: tuple[str, ...],
    quick: bool,
    directory: Path | None,
    jobs: int,
    scheduler: str | None,
    seed: int,
    list_only: bool,
    as_json: bool,
) -> None:
    """Re-run the experiments of arXiv 2602.17493 and compare with the published figures.

    NAME is an experiment or a prefix, such as rule30 or digits; without it, all are run. Every finished run is
    saved in the folder and not repeated: Ctrl-C loses only the runs in progress, and the same command
    continues. Writes results.json, results.csv, results.md and, with Matplotlib, curves. Exits with 0 even if
    an experiment misses its goal.

    \b
    Examples:
      btfsynth reproduce --jobs 2
      btfsynth reproduce autoencoder rule30 --full --jobs 2 -o full
      btfsynth reproduce --full --scheduler tcp://head:8786
      btfsynth reproduce --list
    """  # noqa: D301
    from btfsynth.reproduce.catalogue import choose
    from btfsynth.reproduce.run import ReproduceOptions, reproduce
    from btfsynth.reproduce.table import report_record, write_tables

    workers = workers_of(scheduler)
    experiments = choose(names)
    if list_only:
        _list(as_json)
        return
    options = ReproduceOptions(full=not quick, jobs=jobs, seed=seed)
    directory = directory or Path("hdl_out") / f"reproduce_{'quick' if quick else 'full'}"
    interruption = InterruptedWorkError(
        f"interrupted; the finished runs are in {directory}; the same command continues"
    )
    try:
        with _watched() as on_event:
            report = reproduce(experiments, directory, options, on_event, workers)
        files = write_tables(report, directory)
        drawn, undrawn = _draw(report, directory)
    except KeyboardInterrupt:  # a second one, while the first is handled
        raise interruption from None
    record = {**report_record(report), "files": files, "curves": drawn}
    if as_json:
        emit_json(record)
    else:
        _show(report, directory, len(drawn))
    if report.interrupted:
        raise interruption
    if report.lost is not None:
        raise ToolError(
            f"{report.lost}; the finished runs are in {directory}; the same command continues"
        )
    if undrawn is not None:
        raise OutputError(f"{undrawn}; the results are in {directory}")


def _list(as_json: bool) -> None:
    """Print the experiments."""
    if as_json:
        emit_json([{"name": each.name, "title": each.title} for each in EXPERIMENTS.values()])
        return
    rows = [(each.name, each.title) for each in EXPERIMENTS.values()]
    console.print(field_table(("name", "experiment"), rows))


def _draw(report: Report, directory: Path) -> tuple[list[str], str | None]:
    """Draw the runs; return the names of the files, and the reason if one could not be drawn."""
    from btfsynth.reproduce.table import draw_curves, has_matplotlib

    if not has_matplotlib():
        say(
            f"note: matplotlib is not installed, so no curves are drawn; {install_command('matplotlib')}"
        )
        return [], None
    drawn: list[str] = []
    for row in report.rows:
        if row.records:
            name = f"{_CURVES}/{row.experiment.name}.svg"
            try:
                make_folder(directory / _CURVES)
                draw_curves(row, directory / name)
            except (
                Exception
            ) as error:  # of the drawing package, which must not take the results with it
                return drawn, f"{name}: cannot be drawn: {error or type(error).__name__}"
            drawn.append(name)
    return drawn, None


def _show(report: Report, directory: Path, drawn: int) -> None:
    from btfsynth.reproduce.table import SHORT_HEADINGS, report_record, short_row

    rows = [short_row(row) for row in report_record(report)["rows"]]
    console.print(field_table(SHORT_HEADINGS, rows, numbers=len(SHORT_HEADINGS) - 1))
    console.print()
    for note in report.notes:
        show("note", note)
    curves = f", and {plural(drawn, 'plot')} in {_CURVES}/" if drawn else ""
    show("saved", f"in {directory}: results.json, results.csv, results.md{curves}")


@contextmanager
def _watched() -> Iterator[OnEvent]:
    """Show progress: a bar per running training on a terminal, else a line per finished one."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if not is_live():
        with announced_compiling("reproduce"):
            yield _Plain().on_event
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    ) as bars:
        yield _Live(bars).on_event


class _Plain:
    """Prints a line per finished training, and one per minute on those that run."""

    def __init__(self) -> None:
        self.wanted = self.done = 0
        self._said = time.monotonic()

    def on_event(self, event: Event) -> None:
        match event:
            case RunsPlanned(wanted, found):
                self.wanted, self.done = wanted, found
                say(f"reproduce: {plural(wanted, 'run')}, {found} already finished")
            case RunProgress(name, seed, at) if time.monotonic() - self._said >= PLAIN_SECONDS:
                self._said = time.monotonic()
                say(f"{name}, seed {seed}: iteration {at.iterations}, {_standing(at)}")
            case RunEnded(name, seed, summary):
                self.done += 1
                self._said = time.monotonic()
                say(f"[{self.done}/{self.wanted}] {name}, seed {seed}: {summary}")
            case Note(text):
                say(f"note: {text}")


class _Live:
    """A bar for all trainings, and under it one for each that runs."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._all = bars.add_task("runs", total=None, words="")
        self._running: dict[tuple[str, int], TaskID] = {}

    def on_event(self, event: Event) -> None:
        match event:
            case RunsPlanned(wanted, found):
                self._bars.update(self._all, total=wanted, completed=found)
            case RunBegan(name, seed):
                bar = self._bars.add_task(f"{name}, seed {seed}", total=None, words="")
                self._running[name, seed] = bar
            case RunProgress(name, seed, at):
                bar = self._running[name, seed]
                self._bars.update(bar, completed=at.iterations, words=_standing(at))
            case RunEnded(name, seed, summary):
                self._bars.remove_task(self._running.pop((name, seed)))
                self._bars.advance(self._all)
                say(f"{name}, seed {seed}: {summary}")
            case Note(text):
                say(f"note: {text}")


def _standing(at: TrialProgress) -> str:
    text = f"gap {at.gap:.3f}"
    return text if at.valid is None else f"{text}, test {percent(at.valid)}"
