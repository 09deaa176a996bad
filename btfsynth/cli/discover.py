"""``btfsynth discover``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.config import (
    DataOptions,
    config_option,
    configured_source_argument,
    data_options,
    run_file,
)
from btfsynth.cli.options import (
    code_options,
    conflicts_option,
    folder_option,
    json_option,
    name_option,
    option,
    outputs_option,
    record_options,
    scheduler_option,
    workers_of,
)
from btfsynth.cli.output import console, emit_json, field_table, show
from btfsynth.cli.progress import is_live, watched
from btfsynth.errors import InterruptedWorkError, TrainingError, VerificationError, percent, plural
from btfsynth.events import Event, Growing, SearchStatus
from btfsynth.settings.run_file import RunFile
from btfsynth.settings.table import DISCOVER, TRAIN, TRIAL

if TYPE_CHECKING:
    from btfsynth.discovery.search import DiscoverOptions, DiscoverReport


@click.command("discover")
@configured_source_argument
@config_option
@folder_option("Folder of the results.  [default: hdl_out/<name>_discover]")
@record_options("options", "btfsynth.discovery.search:DiscoverOptions", DISCOVER)
@option(TRAIN["seed"])
@scheduler_option
@click.option("--resume", is_flag=True, help="Continue the search in the folder.")
@name_option
@outputs_option
@conflicts_option
@code_options
@json_option
@data_options
def discover_command(
    data: DataOptions,
    directory: Path | None,
    options: DiscoverOptions,
    seed: int,
    scheduler: str | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Search for small circuits of SOURCE in many trainings, and keep the best.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .arff, .npz.
    The Pareto front in cells, depth and inverters is kept as checked designs, each with its origin.
    Ctrl-C ends the search, keeps everything and exits with 1; --resume continues. Exits with 0 if the search
    completed and found a circuit.

    \b
    Examples:
      btfsynth discover multiplier:2 --time-limit 20
      btfsynth discover multiplier:3 --trials 100 --jobs 4 -o m3
      btfsynth discover multiplier:3 --time-limit 3600 --objective 'cells*depth' -o m3 --resume
      btfsynth discover multiplier:4 --time-limit 3600 --scheduler tcp://head:8786
    """  # noqa: D301
    from btfsynth.discovery.search import discover
    from btfsynth.training.session import TrainOptions
    from btfsynth.workers.executor import WorkerPool

    workers = WorkerPool if scheduler is None else workers_of(scheduler)
    options = replace(options, training=TrainOptions(**{**_settings(run_file()), "seed": seed}))
    dataset = data.load()
    directory = directory or Path("hdl_out") / f"{dataset.name}_discover"
    with watched(dataset.name, _status()) as on_event:
        report = discover(
            dataset, directory, options, resume=resume, on_event=on_event, executor=workers
        )
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report)
    _require_success(report)


def _settings(run: RunFile | None) -> dict[str, Any]:
    """Return the trial settings of a run file as options of a training."""
    from btfsynth.training.session import TrainOptions

    if run is None:
        return {}
    if run.get("train", "topology") is not None:
        raise run.error("train", "topology", "expected none: a discovery trains layers")
    settings = run.of(TrainOptions)
    # A search has its own limits, and workers instead of threads.
    return {
        name: settings[name] for name in settings if name in TRIAL or name in ("widths", "skip")
    }


_PLAIN_SECONDS = 8.0
"""Without a terminal, the time between two lines: less than ten seconds with all delays."""


def _status() -> Callable[[Event], str | None]:
    """Return the words for an event; without a terminal, only for a better circuit or after a while."""
    best: list[int] = []
    said = [0.0]

    def words(event: Event) -> str | None:
        if not isinstance(event, SearchStatus):
            return None
        if is_live():
            return _status_line(event)
        better = False
        if event.cells is not None and event.depth is not None:
            better = not best or event.cells < best[0] or event.depth < best[1]
            best[:] = event.cells, event.depth
        due = event.seconds - said[0] >= _PLAIN_SECONDS
        if not better and not due:
            return None
        said[0] = event.seconds
        return f"{_status_line(event)}, {event.seconds:.0f} s"

    return words


def _status_line(status: SearchStatus) -> str:
    """Return the state of a search in less than 80 columns."""
    rate = f", {status.exact / status.trials:.0%} exact" if status.trials else ""
    best = (
        ""
        if status.cells is None
        else f"; best {plural(status.cells, 'cell')}, depth {status.depth}"
    )
    doing = f"; polishing {status.polished}" if status.phase == "polishing" else ""
    if status.growing is not None:
        done = f"{plural(status.trials, 'trial')}{best}{doing}; " if status.trials else ""
        return f"{done}{_growing_words(status.growing)}"
    return (
        f"{plural(status.trials, 'trial')}{rate}, {plural(status.distinct, 'circuit')}{best}{doing}"
    )


def _growing_words(at: Growing) -> str:
    """Return the state of a cascade in words."""
    right = f", {at.output} {at.right}/{at.patterns}" if at.output else ""
    return (
        f"trial {at.trial}: {at.free}/{at.inputs} inputs, {at.learnt}/{at.outputs} outputs{right}, "
        f"{percent(at.bits_right, at.bits)} right, {plural(at.cells, 'cell')}"
    )


def _show(report: DiscoverReport) -> None:
    from btfsynth.flow.patterns import verified_words
    from btfsynth.report.folder import recorded_targets

    rate = f" ({report.exact / report.trials:.0%})" if report.trials else ""
    show(
        "search",
        f"{plural(report.trials, 'trial')} in {report.seconds:.1f} s, {report.exact} exact{rate}; "
        f"{plural(report.distinct, 'distinct circuit')}, {report.polished} polished",
    )
    if not report.front:
        return
    show("kept", f"in {report.directory}; the front is:")
    known = [recorded_targets({"targets": {"train": each.get("targets")}}) for each in report.front]
    if known and all(known):
        least = min(known, key=lambda each: each["train"].right)
        show("", verified_words(least))
    console.print()
    headings = ("circuit", "cells", "depth", "inv", "AND", "OR", "MAJ", "from")
    console.print(field_table(headings, [_row(entry) for entry in report.front], numbers=6))


def _partial_words(report: DiscoverReport) -> str:
    """Return the progress of the most advanced cascade."""
    partial = report.partial or {}
    outputs = ", ".join(partial["outputs"]) or "none"
    began = "interrupted" if report.interrupted else "the time is up"
    return (
        f"{began}: no circuit yet in {plural(report.trials, 'trial')}; kept in {partial['path']}: "
        f"{plural(partial['cells'], 'cell')}, {partial['bits_right']} of {partial['bits']} bits right, "
        f"these outputs on all patterns: {outputs}; continue with --resume"
    )


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    origin = entry["origin"]
    made = "-".join(str(width) for width in origin["widths"] or (origin["method"],))
    polished = ", polished" if "parent" in origin else ""
    costs = (str(entry[name]) for name in ("cells", "depth", "inverters", "and", "or", "maj"))
    return (Path(entry["path"]).name, *costs, f"trial {origin['trial']}, {made}{polished}")


def _require_success(report: DiscoverReport) -> None:
    """Say what is missing if there is nothing to show."""
    if report.partial is not None:
        kind = InterruptedWorkError if report.interrupted else TrainingError
        raise kind(_partial_words(report))
    if report.interrupted:
        found = plural(report.distinct, "circuit") if report.front else "no circuit"
        raise InterruptedWorkError(
            f"interrupted; {found} of {plural(report.trials, 'trial')} saved in {report.directory}; "
            "continue with --resume"
        )
    if report.front:
        return
    if report.rejected:
        raise VerificationError(next(iter(report.rejected.values())))
    raise TrainingError(
        f"no circuit in {plural(report.trials, 'trial')}: {report.exact} exact; give more time, or "
        "tuned settings with --config (see 'btfsynth tune')"
    )
