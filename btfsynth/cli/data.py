"""``btfsynth data``, ``tasks`` and ``predict``."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.options import (
    code_from_option,
    code_options,
    complete_names,
    file_option,
    gathered,
    json_option,
    load_source,
    option,
    outputs_option,
    source_argument,
)
from btfsynth.cli.output import console, emit_json, field_table, say, show
from btfsynth.dataset.formats import FORMATS
from btfsynth.errors import UsageError, percent, plural
from btfsynth.files import write_text
from btfsynth.settings.table import INPUTS, TRAIN, Conflicts

if TYPE_CHECKING:
    from btfsynth.dataset.code import Code
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.ports import Port

_SHOWN = 40
"""Columns that are listed."""


@dataclass(frozen=True)
class _Coding:
    """The code of the inputs: a new one, or that of a design, a network or a file."""

    code: Code | None
    code_from: Path | None
    missing: str | None

    def __post_init__(self) -> None:
        if self.code is not None and self.code_from is not None:
            raise UsageError("`code` and `code_from`: give one of them")

    def __bool__(self) -> bool:
        return self.code is not None or self.code_from is not None

    @property
    def chooses(self) -> bool:
        """Whether the rows of the data choose the code."""
        from btfsynth.dataset.code import InputCode

        return self.code is not None and not isinstance(self.code, InputCode)

    @property
    def text(self) -> str:
        return self.code_from.name if self.code is None and self.code_from else self.code.text  # type: ignore[union-attr]

    def of(self, dataset: Dataset) -> Dataset:
        """Return the data in bits."""
        from btfsynth.dataset.code import InputCode, choose_code, code_inputs, with_code
        from btfsynth.dataset.dataset import InputKind, with_classes
        from btfsynth.dataset.table_code import IMPUTE
        from btfsynth.flow.patterns import find_code
        from btfsynth.ports import Port

        if self.code_from is not None:
            made, classes = find_code(self.code_from)
            width = 1 if len(classes) == 2 and dataset.n_outputs == 1 else max(1, len(classes))
            ports = (Port(dataset.output_ports[0].name, width),)
            return with_classes(with_code(dataset, made), classes, ports, self.code_from.name)
        assert self.code is not None
        if isinstance(self.code, InputCode) and dataset.input_kind is not InputKind.TABLE:
            return code_inputs(dataset, self.code)
        made, notes = choose_code(dataset, self.code, self.missing or IMPUTE)
        return with_code(replace(dataset, notices=(*dataset.notices, *notes)), made)


@dataclass(frozen=True)
class _File:
    """What is written, and how."""

    path: Path | None
    format_name: str | None

    def __post_init__(self) -> None:
        if self.format_name is not None and self.path is None:
            raise UsageError("--format: needs a file to write; give it with -o")

    def write(self, dataset: Dataset) -> None:
        from btfsynth.dataset.formats import format_by_ending, format_by_name
        from btfsynth.dataset.load import save
        from btfsynth.ports import moved_pins

        if self.path is None:
            return
        name = self.format_name
        save(dataset, self.path, name)
        chosen = format_by_ending(self.path) if name is None else format_by_name(name)
        if chosen is not None and not chosen.names_ports:
            for notice in moved_pins(dataset.input_ports, dataset.output_ports):
                say(f"note: {notice}")


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
@code_options
@code_from_option
@outputs_option
@option(
    INPUTS["conflicts"].but(
        otherwise="keep; error with -o; majority with --code auto, quantile, tree or COLUMN=CODE"
    )
)
@json_option
@gathered("file", _File)
@gathered("coding", _Coding)
def data_command(
    *,
    source: str,
    file: _File,
    count: int | None,
    seed: int,
    coding: _Coding,
    outputs: str | None,
    conflicts: Conflicts | None,
    as_json: bool,
) -> None:
    """Show the data set SOURCE, or write it in another format.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .arff, .npz.

    \b
    Examples:
      btfsynth data multiplier:2
      btfsynth data patients.csv --code quantile:8,sex=onehot -o bits.csv
      btfsynth data multiplier:3 --sample 40 --seed 2 -o sample.pla
      btfsynth data digits:grey,count=20 --code thermometer:4 -o digits.csv
    """  # noqa: D301
    from btfsynth.dataset.patterns import find_contradiction, sample, settled

    rule = conflicts or (Conflicts.KEEP if file.path is None else Conflicts.ERROR)
    dataset = load_source(source, outputs, None if coding.chooses else rule)
    if count is not None:
        dataset = sample(dataset, count, seed)
    if coding:
        known = dataset.notices
        dataset = replace(coding.of(dataset), contradiction=None)  # which names lines, not codes
        if file.path is not None or coding.chooses:
            found = find_contradiction(dataset, f"{source} as {coding.text}")
            if found is not None:
                settle = conflicts or (Conflicts.MAJORITY if coding.chooses else rule)
                dataset = settled(replace(dataset, contradiction=found), settle)
        for notice in dataset.notices[len(known) :]:
            say(f"note: {notice}")
    file.write(dataset)
    if as_json:
        emit_json(_record(dataset))
    else:
        _show(dataset, file.path)


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
        **({"classes": list(dataset.classes)} if dataset.classes else {}),
        **(
            {"columns": [_column(dataset, at) for at in range(dataset.n_inputs)]}
            if dataset.columns
            else {}
        ),
        **({} if dataset.code is None else {"meanings": dataset.code.bit_meanings()}),
    }


def _column(dataset: Dataset, place: int) -> dict[str, object]:
    """Return the content of a column of a table in words."""
    import numpy as np

    column, values = dataset.columns[place], dataset.inputs[:, place]
    known = values[~np.isnan(values)]
    record: dict[str, object] = {"name": column.name, "missing": len(values) - len(known)}
    if column.categories is not None:
        return {**record, "categories": [column.categories[int(each)] for each in np.unique(known)]}
    limits = [float(known.min()), float(known.max())] if len(known) else []
    return {**record, "different": len(np.unique(known)), "range": limits}


def _column_line(record: dict[str, Any]) -> str:
    if "categories" in record:
        words = record["categories"]
        text = f"{len(words)} words: {', '.join(words[:6])}{', ...' if len(words) > 6 else ''}"
    else:
        limits = [f"{each:g}" for each in record["range"]]
        text = f"numbers from {limits[0]} to {limits[1]}" if limits else "nothing"
    return f"{record['name']}: {text}" + (
        f"; {record['missing']} missing" if record["missing"] else ""
    )


def _show(dataset: Dataset, path: Path | None) -> None:
    dont_cares = int((~dataset.care_mask).sum())
    coverage = "all input vectors" if dataset.lists_all else "not all input vectors"
    coverage += ", every target" if dataset.exhaustive else ""
    show("name", dataset.name)
    show("source", dataset.source)
    show("patterns", f"{dataset.n_patterns}, {coverage}")
    unit = "column" if dataset.columns else "bit"
    show("inputs", f"{_ports(dataset.input_ports, unit)}; {dataset.input_kind.value}")
    show("outputs", f"{_ports(dataset.output_ports)}; {dataset.output_kind.value}")
    if dataset.classes:
        show("classes", ", ".join(map(str, dataset.classes)))
    if dataset.columns:
        lines = [_column_line(_column(dataset, place)) for place in range(dataset.n_inputs)]
        _list("columns", lines)
    if dataset.code is not None:
        said = dataset.code.meanings(short=True)
        _list("ports", [f"{port}: {each}" for port, each in said.items()])
    if dont_cares:
        verb = "does" if dont_cares == 1 else "do"
        show("", f"{plural(dont_cares, 'target')} of {dataset.targets.size} {verb} not matter")
    show("hash", dataset.content_hash)
    if path is not None:
        show("written", f"to {path}")


def _list(heading: str, lines: Sequence[str]) -> None:
    """Print lines, shortened on a terminal with too little room."""
    for place, line in enumerate(lines[:_SHOWN]):
        show("" if place else heading, line)
    if len(lines) > _SHOWN:
        show("", f"and {len(lines) - _SHOWN} more; --json lists all")


def _ports(ports: Sequence[Port], unit: str = "bit") -> str:
    listed = [f"{port.name} ({plural(port.width, unit)})" for port in ports]
    if len(listed) > _SHOWN:
        listed = [*listed[: _SHOWN - 2], "...", listed[-1]]
    return ", ".join(listed) or "none"


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


_LISTED_PREDICTIONS = 20


@click.command("predict")
@click.argument("design", type=click.Path(path_type=Path))
@source_argument
@file_option("Write the predictions to FILE as CSV, a row per pattern.", "FILE.csv")
@outputs_option
@json_option
def predict_command(
    *, design: Path, source: str, path: Path | None, outputs: str | None, as_json: bool
) -> None:
    """Apply DESIGN to the rows of SOURCE, and count the correct outputs.

    DESIGN is a design folder or a trained network (.npz), SOURCE a file or a task. Columns are matched by name
    and coded as in the design. Target columns are optional; rows with a missing target (such as ?) are not
    counted.

    \b
    Examples:
      btfsynth predict hdl_out/patients later.csv
      btfsynth predict hdl_out/patients next.csv -o labels.csv
    """  # noqa: D301
    from btfsynth.flow.predict import load_rows, predict, read_model

    model = read_model(design)
    dataset = load_rows(model, source) if outputs is None else load_source(source, outputs, None)
    if outputs is None:
        for notice in dataset.notices:
            say(f"note: {notice}")
    found = predict(model, dataset)
    for notice in found.notices[len(dataset.notices) :]:
        say(f"note: {notice}")
    words = [str(label) for label in found.labels]
    rows = [[word] for word in words] or [list(map(str, row)) for row in found.outputs.tolist()]
    if path is not None:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([found.names, *rows])
        write_text(path, stream.getvalue())
    unit = "class" if words else "output bit"
    if as_json:
        record: dict[str, object] = {
            "patterns": len(rows),
            "count": found.count,
            "right": found.right,
        }
        record |= {"accuracy": found.right / found.count} if found.count else {}
        emit_json({**record, "of": unit, "predicted": list(found.labels) or found.outputs.tolist()})
        return
    show("design", model.name)
    show("patterns", f"{len(rows)} of {dataset.source}")
    for place, (word, count) in enumerate(Counter(words).most_common(_LISTED_PREDICTIONS)):
        show("" if place else "predicted", f"{word}: {count}")
    if found.count:
        share = percent(found.right, found.count)
        many = plural(found.count, unit, "classes" if words else None)
        show("right", f"{found.right} of {many} ({share})")
    else:
        say("note: no target is known, so nothing is counted")
    if path is not None:
        show("written", f"to {path}")
