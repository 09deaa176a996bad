"""``btfsynth data`` and ``tasks``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.completion import complete_names
from btfsynth.cli.options import (
    conflicts_option,
    file_option,
    json_option,
    load_source,
    option,
    outputs_option,
    source_argument,
)
from btfsynth.cli.output import console, emit_json, field_table, say, show
from btfsynth.dataset.formats import FORMATS
from btfsynth.errors import UsageError, plural
from btfsynth.settings.table import BUILD, TRAIN, Conflicts

if TYPE_CHECKING:
    from btfsynth.dataset.code import InputCode
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.ports import Port


@click.command("data")
@source_argument
@file_option(
    "Write the data to FILE, in the format of its ending: .dat, .pla, .truth, .csv or .npz."
)
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    shell_complete=complete_names(FORMATS),
    help=f"Format to write, if not by the ending: {', '.join(FORMATS)}.",
)
@click.option(
    "--sample", "count", type=click.IntRange(min=1), metavar="N", help="Draw N patterns at random."
)
@option(TRAIN["seed"], help="Seed of the sample.")
@option(BUILD["code"])
@outputs_option
@conflicts_option
@json_option
def data_command(
    *,
    source: str,
    path: Path | None,
    format_name: str | None,
    count: int | None,
    seed: int,
    code: InputCode | None,
    outputs: str | None,
    conflicts: Conflicts | None,
    as_json: bool,
) -> None:
    """Show the data set SOURCE, or write it in another format.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .npz.

    \b
    Examples:
      btfsynth data multiplier:2
      btfsynth data multiplier:3 --sample 40 --seed 2 -o sample.pla
      btfsynth data digits:grey,count=20 --code thermometer:4 -o digits.csv
    """  # noqa: D301
    from btfsynth.dataset.code import code_inputs
    from btfsynth.dataset.conflicts import settled
    from btfsynth.dataset.formats import format_by_ending, format_by_name
    from btfsynth.dataset.load import save
    from btfsynth.dataset.patterns import find_contradiction, sample
    from btfsynth.ports import moved_pins

    if format_name is not None and path is None:
        raise UsageError("--format: needs a file to write; give it with -o")
    rule = conflicts or (Conflicts.KEEP if path is None else Conflicts.ERROR)
    dataset = load_source(source, outputs, rule)
    if count is not None:
        dataset = sample(dataset, count, seed)
    if code is not None:
        known = dataset.notices
        dataset = code_inputs(dataset, code)
        dataset = replace(dataset, contradiction=None)  # which names lines, not codes
        if path is not None:
            # With an error as the rule, a file of them could not be read again.
            found = find_contradiction(dataset, f"{source} as {code.text}")
            if found is not None:
                dataset = settled(replace(dataset, contradiction=found), rule)
        for notice in dataset.notices[len(known) :]:
            say(f"note: {notice}")
    if path is not None:
        save(dataset, path, format_name)
        chosen = format_by_ending(path) if format_name is None else format_by_name(format_name)
        if chosen is not None and not chosen.names_ports:
            for notice in moved_pins(dataset.input_ports, dataset.output_ports):
                say(f"note: {notice}")
    if as_json:
        emit_json(_record(dataset))
    else:
        _show(dataset, path)


def _record(dataset: Dataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "source": dataset.source,
        "patterns": dataset.n_patterns,
        "inputs": [[port.name, port.width] for port in dataset.input_ports],
        "outputs": [[port.name, port.width] for port in dataset.output_ports],
        "input_kind": dataset.input_kind.value,
        "output_kind": dataset.output_kind.value,
        "exhaustive": dataset.exhaustive,
        "dont_cares": int((~dataset.care_mask).sum()),
        "data_hash": dataset.content_hash,
    }


def _show(dataset: Dataset, path: Path | None) -> None:
    dont_cares = int((~dataset.care_mask).sum())
    coverage = "all input vectors" if dataset.lists_all else "not all input vectors"
    coverage += ", every target" if dataset.exhaustive else ""
    show("name", dataset.name)
    show("source", dataset.source)
    show("patterns", f"{dataset.n_patterns}, {coverage}")
    show("inputs", f"{_ports(dataset.input_ports)}; {dataset.input_kind.value}")
    show("outputs", f"{_ports(dataset.output_ports)}; {dataset.output_kind.value}")
    if dont_cares:
        show("", f"{plural(dont_cares, 'target')} of {dataset.targets.size} do not matter")
    show("hash", dataset.content_hash)
    if path is not None:
        show("written", f"to {path}")


def _ports(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.name} ({plural(port.width, 'bit')})" for port in ports) or "none"


@click.command("tasks")
@json_option
def tasks_command(as_json: bool) -> None:
    """List the built-in tasks.

    \b
    Example:
      btfsynth tasks
    """  # noqa: D301
    from btfsynth.dataset.tasks import TASKS

    if as_json:
        emit_json(
            [
                {
                    "name": task.name,
                    "signature": task.signature,
                    "description": task.description,
                    "example": task.example,
                }
                for task in TASKS.values()
            ]
        )
        return
    rows = [(task.signature, task.description) for task in TASKS.values()]
    console.print(field_table(("task", "what it computes"), rows))
    console.print()
    show("examples", ", ".join(task.example for task in TASKS.values()))
