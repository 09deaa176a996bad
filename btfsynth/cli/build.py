"""``btfsynth build``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import (
    SectionCommand,
    folder_option,
    json_option,
    load_source,
    outputs_option,
    passes_option,
    preserve_option,
    simulator_option,
    source_argument,
    training_options,
)
from btfsynth.cli.output import (
    check_table,
    console,
    emit_json,
    netlist_summary,
    show,
    show_training,
    why_not_verified,
)
from btfsynth.cli.progress import observed
from btfsynth.dataset.formats.base import plural
from btfsynth.errors import VerificationError
from btfsynth.flow import BuildOptions, BuildReport, build
from btfsynth.netlist.reference import Preserve
from btfsynth.train.session import TrainOptions

__all__ = ["command"]


@click.command("build", cls=SectionCommand)
@source_argument
@folder_option("Where the files go.  [default: hdl_out/<name>]")
@outputs_option
@simulator_option
@json_option
@training_options
@passes_option
@preserve_option
def command(
    *,
    source: str,
    directory: Path | None,
    training: TrainOptions,
    passes: str,
    preserve: str | None,
    simulators: tuple[str, ...],
    outputs: str | None,
    as_json: bool,
) -> None:
    """Learn SOURCE and turn it into checked hardware.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .npz.
    Exits with 0 only if everything was verified.

    \b
    Examples:
      btfsynth build multiplier:2
      btfsynth build sample.pla -o out --seed 3 --trials 100 --jobs 2
    """  # noqa: D301
    dataset = load_source(source, outputs)
    directory = directory or Path("hdl_out") / dataset.name
    options = BuildOptions(
        training=training,
        passes=passes,
        preserve=None if preserve is None else Preserve(preserve),
        simulators=simulators or None,
    )
    with observed(dataset.name) as observer:
        report = build(dataset, directory, options, observer)
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report, directory)
    if not report.verified:
        raise VerificationError(why_not_verified(list(report.checks.values()), simulators))


def _show(report: BuildReport, directory: Path) -> None:
    data = report.dataset
    coverage = "all input vectors" if data.exhaustive else "not all input vectors"
    console.rule(data.name, align="left", style="dim")
    show(
        "data",
        f"{plural(data.n_inputs, 'input')}, {plural(data.n_outputs, 'output')}; "
        f"{plural(data.n_patterns, 'pattern')}, {coverage}",
    )
    show_training(report.run)
    show("netlist", netlist_summary(report.cost), style="green")
    kept = {
        Preserve.CARE: "the patterns' targets",
        Preserve.NETWORK: "the network on every input vector",
    }
    show("", f"from {report.lowering.cells} cells; it keeps {kept[report.lowering.preserved]}")
    show("files", f"in {directory}:")
    show("", ", ".join(report.files))
    for notice in report.notices:
        if notice not in data.notices:  # these were shown when the data were read
            show("note", notice)
    console.print()
    console.print(check_table(list(report.checks.values())))
    if report.verified:
        console.print("\n[bold green]verified[/bold green]")
