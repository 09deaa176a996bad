"""``btfsynth learn``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.config import DataOptions, command_line, data_options
from btfsynth.cli.options import (
    folder_option,
    json_option,
    name_option,
    option,
    outputs_option,
    record_options,
    scheduler_option,
    source_argument,
    source_option,
    workers_of,
)
from btfsynth.cli.output import (
    console,
    emit_json,
    field_table,
    kept_beside,
    netlist_summary,
    say,
    show,
    show_checks,
    show_files,
    why_not_verified,
)
from btfsynth.cli.progress import announced_compiling, watched
from btfsynth.errors import InterruptedWorkError, ToolError, VerificationError, percent, plural
from btfsynth.events import BetterCircuit, Event
from btfsynth.plugins import install_command
from btfsynth.settings.table import INPUTS, LEARN

if TYPE_CHECKING:
    from btfsynth.learning import LearnOptions, LearnReport

_TABLES = 8
"""Maximum outputs for which every learner is shown; with more, only the winners are."""


@click.command("learn")
@source_argument
@option(
    INPUTS["valid"],
    help="Validation set, by which circuits are chosen.",
    otherwise="a quarter of SOURCE",
)
@source_option("--test", "test_source", help="Test set, on which the final circuit is measured.")
@folder_option("Folder of the files.  [default: hdl_out/<name>_learn]")
@record_options("options", "btfsynth.learning.base:LearnOptions", LEARN)
@scheduler_option
@name_option
@outputs_option
@json_option
@data_options
def learn_command(
    data: DataOptions,
    test_source: str | None,
    directory: Path | None,
    scheduler: str | None,
    options: LearnOptions,
    as_json: bool,
) -> None:
    """Learn from the samples in SOURCE a circuit that generalises to unseen vectors.

    SOURCE, --valid and --test are files (.pla, .dat, .truth, .csv, .arff, .npz) or tasks; numbers and words
    become bits (--code). Learners compete on the validation patterns: one circuit for all outputs, threshold
    networks, decision trees, boosted trees, rules, tables, symmetric functions and polynomials. The best
    circuit within the limits is written as checked hardware and as AIGER. Ctrl-C ends the learning, keeps the
    best circuit so far without simulating it, and exits with 1. Exits with 0 if the learning completed and the
    hardware was verified.

    \b
    Examples:
      btfsynth learn ex.train.pla --valid ex.valid.pla --test ex.test.pla --time-limit 60
      btfsynth learn samples.pla --max-cells 500 --trials 20 --seed 3 -o small
    """  # noqa: D301
    from btfsynth.learning import learn

    workers = workers_of(scheduler)
    without = ("directory", "as_json", "jobs", "scheduler")
    options = replace(options, command=command_line(without))
    data = replace(data, conflicts=options.conflicts)  # which learning settles itself
    train = data.load_unsettled()
    valid, test = data.read_valid(), data.read(test_source)
    directory = directory or Path("hdl_out") / f"{train.name}_learn"
    with watched(train.name, _found) as on_event, announced_compiling(train.name):
        report = learn(
            train, directory, options, valid=valid, test=test, on_event=on_event, executor=workers
        )
    if options.baselines is None and not report.interrupted and not any(report.baselines):
        say(f"note: no baselines without scikit-learn: {install_command('scikit-learn')}")
    asked, directory = directory, report.directory or directory
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report, directory, train.notices)
    beside = kept_beside(asked, directory)
    if report.lost is not None:
        raise ToolError(f"{report.lost}; the best circuit so far is in {directory}")
    if report.interrupted:
        raise InterruptedWorkError(
            f"interrupted; the best circuit so far is in {directory}, not simulated"
        )
    if not report.verified:
        reason = why_not_verified(list(report.checks.values()), options.simulators or ())
        raise VerificationError(f"{reason}{beside}")


def _found(event: Event) -> str | None:
    """Return the words for a better circuit, None for other events."""
    if not isinstance(event, BetterCircuit):
        return None
    return (
        f"{event.learner}, {event.how}: {percent(event.valid_right, event.valid_samples)} of "
        f"validation, {plural(event.cells, 'cell')}"
    )


def _show(report: LearnReport, directory: Path, said: Sequence[str]) -> None:
    from btfsynth.report.folder import agreement

    train = report.data["train"]
    console.rule(train.name, align="left", style="dim")
    show(
        "data",
        f"{plural(train.n_inputs, 'input')}, {plural(train.n_outputs, 'output')}; "
        + ", ".join(f"{data.n_patterns} {name}" for name, data in report.data.items())
        + " patterns",
    )
    names = report.names
    for output in range(min(len(names), _TABLES)):
        console.print()
        console.print(_table(report, output, names[output]))
    if len(names) > _TABLES:
        show("", f"the other {len(names) - _TABLES} outputs are in report.json")
    if len(names) == 1:
        console.print()
        console.print(_front(report, names[0]))
    console.print()
    show("netlist", f"{netlist_summary(report.cost)}; {report.ands} AND nodes", style="green")
    if report.luts is not None:
        by = report.options.count_luts.value
        show("LUT6", f"{report.luts} of at most {report.options.max_luts}, by {by}")
    for name, score in report.scores.items():
        what = "patterns" if report.n_classes is None else "labels"
        bits = _with_interval(score.bits, score.bits_interval)
        vectors = _with_interval(score.vectors, score.vectors_interval)
        show(name, f"{bits} of bits, {vectors} of {what} right")
    sure = ((report.confidence_of(place), name) for place, name in enumerate(names))
    agreed = agreement([(each, name) for each, name in sure if each is not None])
    if agreed is not None:
        show("agreement", f"{agreed[0]} {agreed[1]}")
    show_files(report.files, directory, report.notices, said)
    show_checks(report)


def _with_interval(share: float, interval: tuple[float, float] | None) -> str:
    """Return a share in percent, with its 95% confidence interval if known."""
    if interval is None:
        return percent(share)
    return f"{percent(share)} ({' to '.join(map(percent, interval))})"


def _front(report: LearnReport, name: str) -> Any:
    """Return the front of accuracy against lookup tables; the circuit that was chosen is marked by a star."""
    sets = list(report.data)
    rows = [
        (
            f"{row['luts']}{' *' if row['won'] else ''}",
            *(percent(row[key]) for key in sets),
            str(row["cells"]),
            f"{row['learner']}, {row['how']}",
        )
        for row in report.front(0)
    ]
    return field_table((f"{name}: LUT6", *sets, "cells", "what"), rows, numbers=len(sets) + 1)


def _table(report: LearnReport, output: int, name: str) -> Any:
    """Return the best circuit of every learner; the winner is marked by a star."""
    sets = list(report.data)
    rows = []
    for row in report.rows(output):
        sizes = ("-" if row[key] is None else str(row[key]) for key in ("cells", "ands"))
        mark = " *" if row["won"] else ""
        shares = (percent(row[key]) for key in sets)
        rows.append((row["learner"] + mark, *shares, *sizes, row["how"]))
    headings = (name, *sets, "cells", "AND nodes", "what")
    return field_table(headings, rows, numbers=len(sets) + 2)
