"""Espresso's PLA format (R. Rudell's espresso, page espresso(5) of its manual).

An input is ``0``, ``1`` or ``-`` (or ``2``) for both. What an output says depends on the type,
which is fd unless the file states another one:

====  ==================================================================================
f     ``1`` is on; everything else is off
fd    ``1`` is on, ``-`` is don't-care; everything else is off
fr    ``1`` is on, ``0`` is off; everything else is don't-care
fdr   ``1`` is on, ``0`` is off, ``-`` is don't-care; so is what is not listed
r     ``0`` is off; everything else is on
dr    ``0`` is off, ``-`` is don't-care; everything else is on
====  ==================================================================================

``4``, ``2`` and ``3`` are other ways to write ``1``, ``-`` and ``0``; ``~`` says nothing. Where on and
don't-care overlap, it does not matter; where off and don't-care overlap, off wins; where on and off
overlap, the file contradicts itself. A row may continue on the next line, as espresso takes characters.

Types f, fd, r and dr give the whole table in counting order; types fr and fdr give the input vectors for
which at least one output is specified, in the order of the file, or in counting order where rows overlap so
much that the table is smaller than what they list.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.contradictions import contradiction, group_rows
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import (
    MAX_CELLS,
    Format,
    SourceFile,
    require_boolean,
    require_tokens,
)
from btfsynth.dataset.formats.cubes import (
    FREE,
    MAX_EXPANDED,
    CubeTable,
    expand_cubes,
    expanded_size,
)
from btfsynth.dataset.formats.pla_parser import (
    DONT_CARE,
    OFF,
    ON,
    PlaFile,
    parse_pla,
)
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, counting_inputs, numbers_of
from btfsynth.ports import Port, bit_names, group_columns

__all__ = ["PLA"]


def _sniff(file: SourceFile) -> bool:
    return any(re.match(r"\s*\.i\s+[0-9]", line) for line in file.lines)


_WHOLE = ("f", "fd", "r", "dr")
"""The types that say what every input vector gives."""


def _read(file: SourceFile) -> Dataset:
    pla = parse_pla(file)
    input_ports, input_order = _ports(pla.input_names, "x", pla.n_inputs)
    output_ports, output_order = _ports(pla.output_names, "y", pla.n_outputs)
    whole = pla.kind in _WHOLE
    if whole:
        _check_table_size(file, pla)  # before anything is made in the size the header claims
    cubes, marks = pla.cubes[:, input_order], pla.marks[:, output_order]
    flipped = pla.complemented[output_order]
    if whole:
        inputs, targets, care = _whole_table(pla, cubes, marks)
        targets = targets ^ flipped
    else:
        swap = flipped & (marks <= ON)
        marks = np.where(swap, np.uint8(ON + OFF) - marks, marks)
        inputs, targets, care = _listed(file, pla, cubes, marks, bit_names(output_ports))
    return Dataset(
        name=file.function_name,
        source=file.base_name,
        inputs=inputs,
        targets=targets,
        care=care,
        input_ports=input_ports,
        output_ports=output_ports,
        unlisted_dont_care=pla.kind not in ("f", "r"),
        notices=pla.notes,
    )


def _ports(
    names: tuple[str, ...] | None, default: str, width: int
) -> tuple[tuple[Port, ...], list[int] | slice]:
    """Return the ports and the column of each of their bits."""
    if names is None:
        return (Port(default, width),), slice(None)
    return group_columns(names)


_Patterns = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]


def _check_table_size(file: SourceFile, pla: PlaFile) -> None:
    if pla.n_inputs > MAX_TABLE_INPUTS:
        raise file.error(
            f"a file of type {pla.kind} stands for the whole table, which goes up to "
            f"{MAX_TABLE_INPUTS} inputs; got .i {pla.n_inputs} (type fr lists only some patterns)"
        )
    if pla.n_outputs << pla.n_inputs > MAX_CELLS:
        raise file.error(
            f"a table of {pla.n_inputs} inputs and {pla.n_outputs} outputs is more than can be held"
        )


def _paint(cubes: NDArray[np.uint8], marks: NDArray[np.uint8], says: int) -> NDArray[np.bool_]:
    """Return ``(outputs, vectors)`` bool: where some row says this of an output."""
    table = CubeTable(cubes.shape[1], marks.shape[1])
    table.paint(cubes, marks == says)
    return table.cells


def _whole_table(pla: PlaFile, cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Patterns:
    """Return the table of types f, fd, r and dr."""
    listed = _paint(cubes, marks, ON if "f" in pla.kind else OFF)
    care = np.ones(listed.shape, dtype=np.bool_)
    if "d" in pla.kind:
        care = ~_paint(cubes, marks, DONT_CARE)
        if "r" in pla.kind:
            care |= listed
    on = listed if "f" in pla.kind else ~listed
    return counting_inputs(pla.n_inputs), on.T.astype(np.uint8), care.T


def _listed(
    file: SourceFile,
    pla: PlaFile,
    cubes: NDArray[np.uint8],
    marks: NDArray[np.uint8],
    names: list[str],
) -> _Patterns:
    """Return the specified patterns of types fr and fdr."""
    says = (marks == ON) | (marks == OFF)
    if not says.any():
        raise file.error(
            f"no output is specified as 0 or 1, which a file of type {pla.kind} must do"
        )
    if pla.kind == "fdr":
        says |= marks == DONT_CARE
    rows = np.flatnonzero(says.any(axis=1))
    cubes, marks, lines = cubes[rows], marks[rows], pla.lines[rows]
    size = expanded_size(cubes)
    fits = pla.n_inputs <= MAX_TABLE_INPUTS and pla.n_outputs << pla.n_inputs <= MAX_CELLS
    if size > MAX_EXPANDED and not fits:
        raise file.error(
            f"the rows list {size} input vectors, those in several of them counted more than once; "
            f"expected at most {MAX_EXPANDED}, or a table of at most {MAX_TABLE_INPUTS} inputs"
        )
    make = _from_table if size > MAX_EXPANDED else _from_rows
    vectors, said = make(cubes, marks)
    off, on, loose = said[OFF], said[ON], said[DONT_CARE]
    if (on & off).any():
        output, vector = (int(place) for place in np.argwhere((on & off).T)[0])
        hit = ((cubes == FREE) | (cubes == vectors[vector])).all(axis=1)
        one, other = (int(np.argmax(hit & (marks[:, output] == mark))) for mark in (OFF, ON))
        raise contradiction(
            (one, other), names[output], file.path, lambda pattern: int(lines[pattern])
        )
    care = off | (on & ~loose) if pla.kind == "fdr" else off | on
    kept = care.any(axis=1)
    return vectors[kept], on[kept].astype(np.uint8), care[kept]


_Said = tuple[NDArray[np.uint8], tuple[NDArray[np.bool_], ...]]
"""Input vectors, and ``(vectors, outputs)`` bool for each of off, on and don't-care: where a row says it."""


def _from_rows(cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Said:
    """Return the vectors of the cubes in their order."""
    inputs, rows = expand_cubes(cubes)
    groups, first = group_rows(inputs)
    said = []
    for says in (OFF, ON, DONT_CARE):
        merged = np.zeros((len(first), marks.shape[1]), dtype=np.bool_)
        for output in range(marks.shape[1]):
            merged[groups[(marks[:, output] == says)[rows]], output] = True
        said.append(merged)
    return inputs[first], tuple(said)


def _from_table(cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Said:
    """Return all vectors, in counting order."""
    said = tuple(_paint(cubes, marks, says).T for says in (OFF, ON, DONT_CARE))
    return counting_inputs(cubes.shape[1]), said


def _write(dataset: Dataset) -> bytes:
    require_boolean(dataset, "pla")
    inputs, outputs = bit_names(dataset.input_ports), bit_names(dataset.output_ports)
    require_tokens([*inputs, *outputs], "pla")
    kind, rows = _written_rows(dataset)
    marks = np.where(dataset.targets == 1, np.uint8(ord("1")), np.uint8(ord("0")))
    marks[~dataset.care_mask] = ord("-")
    text = np.concatenate(
        [
            dataset.inputs[rows] + np.uint8(ord("0")),
            np.full((len(rows), 1), ord(" "), dtype=np.uint8),
            marks[rows],
            np.full((len(rows), 1), ord("\n"), dtype=np.uint8),
        ],
        axis=1,
    )
    header = (
        f".i {len(inputs)}\n.o {len(outputs)}\n.ilb {' '.join(inputs)}\n.ob {' '.join(outputs)}\n"
        f".type {kind}\n.p {len(rows)}\n"
    )
    return header.encode() + text.tobytes() + b".e\n"


def _written_rows(dataset: Dataset) -> tuple[str, NDArray[np.intp]]:
    """Return the type that gives the same patterns when read, and the rows it has to list."""
    n_inputs = dataset.n_inputs
    if n_inputs > MAX_TABLE_INPUTS or dataset.n_patterns != 1 << n_inputs:
        return "fr", np.arange(dataset.n_patterns)
    if not np.array_equal(numbers_of(dataset.inputs), np.arange(1 << n_inputs)):
        return "fr", np.arange(dataset.n_patterns)
    loose = ~dataset.care_mask
    kind = "fd" if loose.any() else "f"
    return kind, np.flatnonzero(((dataset.targets == 1) | loose).any(axis=1))


PLA = Format(
    name="pla",
    endings=(".pla", ".esp"),
    description="espresso's PLA, types f, fd, fr and fdr; cubes and don't-cares",
    sniff=_sniff,
    read=_read,
    write=_write,
)
