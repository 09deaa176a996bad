"""Output of the commands: plain lines, fields, tables and JSON; settings are spelled as options."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from btfsynth.errors import BtfsynthError, OutputError, plural

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from btfsynth.flow.importing import ImportReport
    from btfsynth.flow.patterns import Targets
    from btfsynth.flow.report import BuildReport
    from btfsynth.hdl.manifest import Timing
    from btfsynth.learning.report import LearnReport
    from btfsynth.netlist.views import NetlistStatistics
    from btfsynth.sim.simulators import CheckResult
    from btfsynth.training.trials import TrainingRun


class _LazyConsole:
    """A console of rich that is made at its first use: importing rich costs every command its time."""

    def __init__(self, stderr: bool) -> None:
        self._stderr = stderr

    @functools.cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(stderr=self._stderr, highlight=False, emoji=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._console, name)

    def __enter__(self) -> Console:  # a `with` statement does not ask __getattr__
        return self._console.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._console.__exit__(*error)


console: Console = cast("Console", _LazyConsole(stderr=False))
errors: Console = cast("Console", _LazyConsole(stderr=True))

_INDENT = 10


def emit_json(record: Any) -> None:
    """Write one JSON document to standard output."""
    click.echo(json.dumps(record, indent=2))


def say(line: str) -> None:
    """Write a line to standard error."""
    from rich.text import Text

    errors.print(Text(one_line(spelled(line))), soft_wrap=True)


def show(label: str, text: str, style: str = "") -> None:
    """Write a labelled text to standard output, folded between words under itself.

    A word that is too long, such as a path, stays whole.
    """
    from rich.text import Text

    lines = textwrap.wrap(
        one_line(spelled(text)),
        width=max(40, min(console.width, 100)) - _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, line in enumerate(lines or [""]):
        head = Text(f"{'' if number else label:{_INDENT}}", style="bold")
        console.print(head.append(Text(line, style=style or "not bold")), soft_wrap=True)


def show_training(run: TrainingRun) -> None:
    """Write the result of a training."""
    best = run.best
    widths = "-".join(str(width) for width in best.topology.widths or ())
    show(
        "network",
        f"{widths}, sigma {best.parameters.sigma:g}; {best.bits_right} of {best.bits} bits right",
    )
    line = (
        f"{plural(run.iterations, 'iteration')} in {plural(len(run.results), 'trial')}, "
        f"{run.seconds:.2f} s; stop: {best.stop.value}, gap {best.gap:.3g}"
    )
    if best.best_iteration != best.iterations:
        line += f" at iteration {best.best_iteration} of trial {best.trial}, the best"
    show("training", line)


def netlist_summary(cost: NetlistStatistics) -> str:
    """Return the cost of a netlist in words."""
    return (
        f"{plural(cost.cells, 'cell')}: {cost.and_cells} AND, {cost.or_cells} OR, "
        f"{cost.maj_cells} MAJ; {plural(cost.inverters, 'inverter')}, depth {cost.depth}"
    )


def field_table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> Table:
    """Return rows of plain text as a table; this many columns after the first are numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        justify = "right" if 0 < index <= numbers else "left"
        fixed = index <= numbers
        table.add_column(heading, justify=justify, no_wrap=fixed, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(one_line(spelled(cell))) for cell in row))
    return table


def check_table(checks: Sequence[CheckResult]) -> Table:
    """Return checks as a table."""
    rows = []
    for check in checks:
        if check.skipped is not None:
            rows.append((check.name, "-", "-", f"skipped: {check.skipped}"))
            continue
        verdict = "ok" if check.ok else "FAILED"
        tool = f"  ({check.version})" if check.version else ""
        rows.append((check.name, str(check.passed), str(check.failed), verdict + tool))
    return field_table(("check", "passed", "failed", "result"), rows, numbers=2)


def show_files(
    files: Iterable[str], directory: Path, notices: Iterable[str], known: Sequence[str]
) -> None:
    """Print the files written to a folder, and the notices not yet printed when the data were read."""
    show("files", f"in {directory}:")
    show("", ", ".join(files))
    for notice in notices:
        if notice not in known:
            show("note", notice)


def show_checks(report: BuildReport | LearnReport | ImportReport) -> None:
    """Write the checks of a design and the verdict."""
    console.print()
    console.print(check_table(list(report.checks.values())))
    if report.verified:
        show_verified(report.verdict, report.targets)


def show_verified(words: str, targets: Mapping[str, Targets]) -> None:
    """Write that a design was verified, in green only where it gets every known target right."""
    from rich.text import Text

    right = all(each.all_right for each in targets.values())
    console.print()
    console.print(Text(words, style="bold green" if right else "bold yellow"))


def kept_beside(asked: Path, written: Path) -> str:
    """Return words for a result beside the requested place, where an earlier one is kept; else nothing."""
    return "" if written == asked else f"; it is in {written}{why_beside(asked, written)}"


def why_beside(asked: Path, written: Path) -> str:
    """Return the reason if a result is not in the requested place."""
    return "" if written == asked else f", because {asked} contains an earlier one"


def why_not_verified(checks: Sequence[CheckResult], wanted: Sequence[str]) -> str:
    """Return what failed, or which requested check (by default any simulator) did not run."""
    from btfsynth.settings.table import ALL_SIMULATORS
    from btfsynth.sim.registry import SIMULATORS

    for check in checks:
        if check.skipped is None and not check.ok:
            first = f"; first: {check.mismatch}" if check.mismatch is not None else ""
            return (
                f"not verified: {check.name}: {check.failed} of {check.passed + check.failed} "
                f"vectors failed{first}"
            )
    skipped = [
        f"{check.name}: {check.skipped}"
        for check in checks
        if check.skipped is not None
        and (check.name in wanted or not wanted or ALL_SIMULATORS in wanted)
    ]
    reasons = "; ".join(skipped) or f"name a simulator: {', '.join(SIMULATORS)}"
    return f"not verified: the hardware was not simulated: {reasons}"


def attempted(what: str, work: Callable[[], object]) -> list[str]:
    """Do secondary work after the result; return the reason of a failure, as a list of at most one line.

    Drawing packages may raise anything, so every exception except an interrupt counts as a failure.
    """
    try:
        work()
    except BtfsynthError as error:
        return [f"{what}: {error}"]
    except Exception as error:
        return [f"{what}: {type(error).__name__}: {error}"]
    return []


def require_whole(problems: list[str], kept: str) -> None:
    """Fail if a secondary result is missing; the message names the results that are kept."""
    if problems:
        raise OutputError(f"{'; '.join(problems)}; {kept}")


def timing_record(timing: Timing | None) -> dict[str, Any] | None:
    """Return the timing of a design as JSON values."""
    return None if timing is None else vars(timing).copy()


def describe_timing(timing: Timing | None) -> str:
    """Return the timing of a design on one line."""
    if timing is None:
        return "combinational"
    return f"latency {plural(timing.latency, 'clock')}; ports {', '.join(timing.controls)}"


_SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")


def one_line(text: str) -> str:
    """Return text on one line, with control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )


def spelled(text: str, command: click.Command | None = None) -> str:
    """Return a message of the library with its settings as the options of a command.

    The library writes ```time_limit``` and ```preserve=network```; these become ``--time-limit`` and
    ``--preserve network``. A name that is no option of the command, by default the one that runs, stays.
    """
    if command is None:
        context = click.get_current_context(silent=True)
        if context is None:
            return text
        command = context.command
    options = dict(_option_names(command))

    def spell(found: re.Match[str]) -> str:
        option = options.get(found[1])
        if option is None:
            return found[0]
        value = found[2]
        if option.is_flag and value in ("true", "false", None):
            names = option.secondary_opts if value == "false" else option.opts
            return names[0] if names else found[0]
        return f"{_longest(option)} {value}" if value is not None else _longest(option)

    return _SETTING.sub(spell, text)


def _option_names(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """Give every option under its parameter's name and under its own, a setting's name."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter.name or "", parameter
            for name in parameter.opts:
                yield name.lstrip("-").replace("-", "_"), parameter


def _longest(option: click.Option) -> str:
    return max(option.opts, key=len)
