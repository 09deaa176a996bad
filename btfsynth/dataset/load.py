"""Reading data, whether it is a built-in task or a file, and writing it."""

from __future__ import annotations

import os

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats import (
    FORMATS,
    OutputColumns,
    format_by_ending,
    format_by_name,
    format_of_source,
    known_endings,
)
from btfsynth.dataset.formats.base import read_source
from btfsynth.dataset.formats.csv_file import read_rows
from btfsynth.dataset.patterns import settled
from btfsynth.dataset.tasks import is_task_spec, parse_task, task_signatures
from btfsynth.errors import UsageError
from btfsynth.files import StrPath, as_path, write_bytes
from btfsynth.settings.table import Conflicts


def load(
    source: StrPath,
    *,
    outputs: OutputColumns | None = None,
    format: str | None = None,  # noqa: A002
    conflicts: Conflicts | None = Conflicts.ERROR,
) -> Dataset:
    """Read a data set from a task such as ``multiplier:2`` or from a file.

    A string that begins with the name of a task is a task; write ``./full_adder``, or a `Path`, for a file of
    that name. `outputs` selects the output columns of a table: the number of last columns, or names. The format
    is recognised by the ending, else by the content. Contradictory patterns are settled by `conflicts`; with
    None they are kept, and the caller handles their `contradiction`.
    """
    if isinstance(source, str) and is_task_spec(source):
        if outputs is not None or format is not None:
            raise UsageError(f"{source}: a task takes neither output columns nor a format")
        return parse_task(source)
    if isinstance(source, str) and not os.path.lexists(source):
        raise UsageError(
            f"{source!r}: no such file, and not a task; tasks are: {task_signatures()}"
        )
    path = as_path(source)
    chosen = None if format is None else format_by_name(format)
    file = read_source(path)
    chosen = chosen or format_of_source(file)
    dataset = chosen.read(file, outputs)
    if dataset.contradiction is None or conflicts is None:
        return dataset
    return settled(dataset, conflicts)


def load_rows(source: str) -> Dataset | None:
    """Read a ``.csv`` file whose columns are all inputs; None for other sources or if outputs are marked."""
    if is_task_spec(source) or not os.path.lexists(source):
        return None
    file = read_source(as_path(source))
    return read_rows(file) if format_of_source(file).name == "csv" else None


def save(dataset: Dataset, path: StrPath, format: str | None = None) -> None:  # noqa: A002
    """Write a data set, by default in the format of the ending; the file appears whole or not at all."""
    path = as_path(path)
    chosen = format_by_name(format) if format is not None else format_by_ending(path)
    if chosen is None:
        raise UsageError(
            f"{path}: unknown ending; known endings are: {known_endings()} (or give a "
            f"format: {', '.join(FORMATS)})"
        )
    write_bytes(path, chosen.write(dataset))
