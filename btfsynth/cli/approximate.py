"""``btfsynth approximate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    comb_option,
    folder_option,
    gathered,
    json_option,
    name_option,
    named,
    path_option,
    record_options,
)
from btfsynth.cli.output import console, emit_json, field_table, say, show
from btfsynth.cli.progress import is_live, watched
from btfsynth.errors import InterruptedWorkError, UsageError, VerificationError, plural
from btfsynth.events import ApproximationStatus, Event
from btfsynth.settings.table import APPROXIMATE, Metric

if TYPE_CHECKING:
    from fractions import Fraction

    from btfsynth.approximation.exact import Exact, Weights
    from btfsynth.approximation.point import Point
    from btfsynth.approximation.search import ApproximateOptions, ApproximateReport


@dataclass(frozen=True)
class _Wanted:
    """The source of an approximation, its bounds and its input weights."""

    source: str
    bounds: tuple[str, ...]
    distribution: Path | None
    name: str | None
    comb: bool

    def exact(self) -> Exact:
        """Return the circuit, with the weights of its input vectors if they are not alike."""
        from btfsynth.approximation.exact import read_exact, read_weights

        say(f"{self.source}: making the exact circuit ...")
        exact = read_exact(self.source, self.comb).simplified()
        for note in exact.notes:
            say(f"note: {note}")
        if self.distribution is not None:
            exact = exact.weighted(read_weights(self.distribution, exact.netlist.input_ports))
        return replace(exact, netlist=named(exact.netlist, self.name))


@click.command("approximate")
@click.argument("source")
@folder_option("Folder of the results.  [default: hdl_out/<name>_approximate]")
@click.option(
    "--bound",
    "bounds",
    multiple=True,
    metavar="X|METRIC=X",
    help="Maximum error in --metric or in METRIC; repeatable.  [default: none: search for the Pareto front]",
)
@record_options("options", "btfsynth.approximation.search:ApproximateOptions", APPROXIMATE)
@path_option(
    "--weights",
    "distribution",
    help="Frequencies of the input vectors: a .csv with a column per input port and a column weight, or an "
    ".npy of 2^inputs whole numbers.  [default: all equal]",
)
@click.option("--resume", is_flag=True, help="Continue the search in the folder.")
@name_option
@comb_option
@json_option
@gathered("wanted", _Wanted)
def approximate_command(
    wanted: _Wanted,
    directory: Path | None,
    options: ApproximateOptions,
    resume: bool,
    as_json: bool,
) -> None:
    """Search for the smallest circuit whose error stays within a bound.

    SOURCE is a netlist file, a design folder, a task (see 'btfsynth tasks') or a table of patterns. Output
    ports are read as unsigned numbers. Without --bound, searches for the Pareto front of error and cost. Every
    circuit found is kept as a design with its error, which is measured on every input vector (up to 24 inputs)
    or proven by SAT. Ctrl-C ends the search, keeps everything and exits with 1; --resume continues.

    \b
    Metrics, where d is the value of an output port minus its exact value v:
      wce    largest |d|                     ep    share of input vectors with any d other than 0
      mae    mean of |d|                     mre   mean of |d| / max(1, |v|)
      mse    mean of d * d                   wcre  largest |d| / max(1, |v|)

    \b
    Examples:
      btfsynth approximate multiplier:4 --bound 7 --time-limit 20
      btfsynth approximate multiplier:4 --metric mae -o m4_front
      btfsynth approximate m8.aig --bound wce=115 --bound ep=0.5 --jobs 2
    """  # noqa: D301
    from btfsynth.approximation.search import approximate

    options = replace(options, bounds=_bounds(wanted.bounds, options.metric))
    exact = wanted.exact()
    name, weights = exact.netlist.name, exact.weights
    directory = directory or Path("hdl_out") / f"{name}_approximate"
    with watched(name, _status()) as on_event:
        report = approximate(
            exact.netlist,
            directory,
            options,
            source=exact.source,
            weights=weights,
            resume=resume,
            on_event=on_event,
        )
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report, weights)
    if report.interrupted:
        raise InterruptedWorkError(
            f"interrupted; {plural(len(report.front), 'circuit')} saved in {report.directory}; continue with "
            "--resume"
        )
    if not report.front:
        raise VerificationError(
            f"no circuit within the bound was found in {plural(report.walks, 'walk')}; give more time"
        )


def _bounds(given: tuple[str, ...], metric: Metric) -> dict[Metric, Fraction]:
    from fractions import Fraction

    found: dict[Metric, Fraction] = {}
    for text in given:
        name, equals, value = text.rpartition("=")
        try:
            key = Metric(name.strip()) if equals else metric
            bound = Fraction(value.strip())
        except (ValueError, ZeroDivisionError):
            metrics = ", ".join(each.value for each in Metric)
            raise UsageError(
                f"--bound: expected a number, or one of {metrics}, '=' and a number, got {text[:40]!r}"
            ) from None
        if key in found:
            raise UsageError(f"--bound: expected one bound of {key.value}, got two")
        found[key] = bound
    return found


_PLAIN_SECONDS = 8.0
"""Without a terminal, the time between two lines."""


def _status() -> Callable[[Event], str | None]:
    said = [0.0]

    def words(event: Event) -> str | None:
        if not isinstance(event, ApproximationStatus):
            return None
        line = (
            f"sweep {event.sweep}, {event.bound}: {event.size}; "
            f"{plural(event.points, 'point')}, {plural(event.walks, 'walk')}"
        )
        if is_live():
            return line
        if event.seconds - said[0] < _PLAIN_SECONDS:
            return None
        said[0] = event.seconds
        return f"{line}, {event.seconds:.0f} s"

    return words


def _show(report: ApproximateReport, weights: Weights | None) -> None:
    from btfsynth.approximation.point import size_words

    show("exact", size_words(report.exact))
    show(
        "search",
        f"{plural(report.walks, 'walk')} in {plural(report.sweeps, 'sweep')}, {report.seconds:.1f} s",
    )
    if not report.front:
        return
    proven = all(point.errors.exhaustive for point in report.front)
    count = report.front[0].errors.vectors
    how = f"measured on all {count} input vectors" if proven else "wce proven, averages of a sample"
    if weights is not None:
        how = f"measured on {(weights > 0).sum()} of {count} input vectors, weighted"
    show("kept", f"in {report.directory}; errors {how}:")
    console.print()
    own = () if report.unit is None else (report.unit.words,)
    headings = (*own, "cells", "depth", *(metric.value for metric in Metric), "circuit")
    rows = [_row(point, report) for point in report.front]
    console.print(field_table(headings, rows, numbers=len(headings) - 2))  # names may wrap


def _row(point: Point, report: ApproximateReport) -> tuple[str, ...]:
    values = (point.errors.value(metric) for metric in Metric)
    shown = (
        str(value.numerator) if value.denominator == 1 else f"{float(value):.4g}"
        for value in values
    )
    return (*map(str, point.size(report.unit).values()), *shown, point.name)
