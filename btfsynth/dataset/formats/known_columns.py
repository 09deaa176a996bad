"""Tables whose columns a model knows: read by their names, with targets or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from btfsynth.dataset.columns import NUMBER
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.formats.base import SourceFile
from btfsynth.dataset.formats.csv_file import NO_CLASS, dataset_of, described, read
from btfsynth.dataset.formats.csv_layout import Column, Roles, Table, renamed
from btfsynth.dataset.table_code import Scalar
from btfsynth.errors import shown
from btfsynth.ports import Port, bit_names

_LISTED = 6


@dataclass(frozen=True)
class KnownColumns:
    """The columns that a model reads, and those that say what is right."""

    inputs: frozenset[str]  # names of columns or of their bits, all of which have to be there
    unused: frozenset[str]  # names of columns that it was not given the values of
    count: int  # columns of a file without a header and without targets
    outputs: tuple[Port, ...]  # none where a model gives only the number of a class
    classes: tuple[Scalar, ...]


def read_known(file: SourceFile, known: KnownColumns) -> Dataset | None:
    """Read a table by the columns that a model knows; None if roles are marked or a column is not there."""
    table, columns, separator = described(file, one=True)
    if separator is not None or any(column.role for column in columns):
        return None
    if table.header is None:
        if len(columns) != known.count:
            return None
        inputs = renamed(Roles(tuple(columns), tuple(columns), None)).inputs
        return _with_targets(table, inputs, [], known)
    named = [each for each in columns if known.inputs.intersection((each.name, *each.bits))]
    if not known.inputs <= {name for each in named for name in (each.name, *each.bits)}:
        return None
    rest = [each for each in columns if each not in named and each.name not in known.unused]
    targets = _targets_of(table, rest, known)
    ignored = [shown(each.name, 40) for each in rest if each not in targets]
    if ignored:
        more = ["..."] if len(ignored) > _LISTED else []
        listed = ", ".join([*ignored[:_LISTED], *more])
        note = f"the model has no {listed}: ignored"
        table = replace(table, notes=(*table.notes, note))
    if known.classes and targets and None in _places(table, targets[0], known.classes):
        return read(file, [targets[0].name])
    return _with_targets(table, named, targets, known)


def _targets_of(table: Table, rest: Sequence[Column], known: KnownColumns) -> list[Column]:
    """Return the columns of the targets: those with the names of the outputs, or the one of classes."""
    if not known.classes:
        wanted = set(bit_names(known.outputs))
        named = [each for each in rest if wanted.issuperset(each.bits)]
        return named if {bit for each in named for bit in each.bits} == wanted else []
    if known.outputs:
        return [each for each in rest if each.answers_to(known.outputs[0].name)][:1]
    named = []
    for each in rest:
        found = [place for place in _places(table, each, known.classes) if place != -1]
        if found and 2 * found.count(None) <= len(found):
            named.append(each)
    return named[-1:] if len(named) == 1 or named[-1:] == list(rest[-1:]) else []


def _places(table: Table, column: Column, classes: Sequence[Scalar]) -> list[int | None]:
    """Return the place of each cell among the classes, -1 for one that says nothing, None for a strange one."""
    places: dict[Any, int] = {}
    for place, each in enumerate(classes):
        places[str(each)] = place
        if isinstance(each, bool):
            places[str(each).lower()] = place
        elif isinstance(each, (int, float)):
            places[float(each)] = place
    found: list[int | None] = []
    for cell in table.column(column.index):
        number = float(cell) if NUMBER.fullmatch(cell) else None
        nothing = -1 if cell.lower() in NO_CLASS else None
        found.append(places.get(cell, places.get(number, nothing)))
    return found


def _with_targets(
    table: Table, inputs: Sequence[Column], targets: Sequence[Column], known: KnownColumns
) -> Dataset:
    """Return the patterns; classes are a column of bits each, and what is not known does not matter."""
    if targets and not known.classes:
        return dataset_of(table, Roles(tuple(inputs), tuple(targets), None))
    if known.classes:
        width = 1 if len(known.classes) == 2 else len(known.classes)
        name = targets[0].name if targets else "class"
        names = list(Port(known.outputs[0].name if known.outputs else name, width).bits)
    else:
        width, names = sum(port.width for port in known.outputs), bit_names(known.outputs)
    places = [-1] * len(table.rows)
    if targets:
        places = [place or 0 for place in _places(table, targets[0], known.classes)]
    cells = {-1: ["?"] * width}
    for place in set(places) - {-1}:
        one_hot = [str(int(bit == place)) for bit in range(width)]
        cells[place] = [str(place)] if width == 1 else one_hot
    rows = [[*row, *cells[place]] for row, place in zip(table.rows, places, strict=True)]
    first = len(table.rows[0])
    outputs = tuple(Column(first + bit, each, (each,)) for bit, each in enumerate(names))
    dataset = dataset_of(replace(table, rows=rows), Roles(tuple(inputs), outputs, None))
    if not known.classes or width == 1:
        return replace(dataset, classes=known.classes)
    marked = dataset.targets.copy()
    marked[~dataset.care_mask.all(axis=1), 0] = (
        1  # a label that does not matter is a row like others
    )
    marked = np.asarray(marked, dtype=np.uint8)
    return replace(dataset, targets=marked, output_kind=OutputKind.LABEL, classes=known.classes)
