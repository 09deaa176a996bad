"""Truth tables and PLA files as netlists: the smaller of a decision diagram and the sum of products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats import pla as pla_format
from btfsynth.dataset.formats import truth
from btfsynth.dataset.formats.base import SourceFile
from btfsynth.dataset.formats.pla import DONT_CARE, OFF, ON, PlaFile, parse_pla
from btfsynth.dataset.patterns import contradiction
from btfsynth.dataset.vectors import FREE
from btfsynth.netlist.builder import NetlistBuilder, lower_table, make_table
from btfsynth.netlist.formats.nets import Design
from btfsynth.netlist.functions import (
    MAX_TABLE_WIDTH,
    and_gate,
    build_cover,
    build_table,
    or_gate,
)
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.ports import Port, bit_names, group_columns

_MAX_DIAGRAM_INPUTS = 16
_MAX_ROW_PAIRS = 1 << 28
_MARKS = np.array(["0", "1", "-"])


def parse_truth_design(file: SourceFile, _: bool = False) -> Design:
    """Read a truth table; outputs that do not matter get the cheapest value."""
    dataset = _read(truth.read, file)
    return Design(_diagram(dataset), dont_care=_open_outputs(dataset))


def parse_pla_design(file: SourceFile, _: bool = False) -> Design:
    """Read a PLA file of any number of inputs.

    With up to 16 inputs, outputs that do not matter get the cheapest value; beyond, vectors that the rows do
    not list are off, or on in types r and dr.
    """
    pla = parse_pla(file)
    products = _products(file, pla)
    if pla.n_inputs > _MAX_DIAGRAM_INPUTS:
        notes = list(pla.notes)
        if pla.kind in ("fr", "fdr"):
            notes.extend(_contradictions(file, pla))
        return Design(products, tuple(notes), _open_products(file, pla))
    dataset = _read(pla_format.read, file)
    netlist = min(products, _diagram(dataset), key=lambda netlist: netlist.n_cells)
    return Design(netlist, pla.notes, _open_outputs(dataset))


def _read(read: Callable[[SourceFile], Dataset], file: SourceFile) -> Dataset:
    """Read a table for a netlist; contradictory rows are an error."""
    dataset = read(file)
    if dataset.contradiction is not None:
        raise dataset.contradiction
    return dataset


def _contradictions(file: SourceFile, pla: PlaFile) -> list[str]:
    """Raise a `DataError` if a vector is both on and off; return a note if there are too many rows to check."""
    on, off = ((pla.marks == mark).any(axis=1) for mark in (ON, OFF))
    if int(on.sum()) * int(off.sum()) > _MAX_ROW_PAIRS:
        return [f"{len(on)} rows: not checked for contradictions"]
    ones, zeros = ((pla.cubes == value).astype(np.float32) for value in (1, 0))
    says_on, says_off = ((pla.marks == mark).astype(np.float32) for mark in (ON, OFF))
    others = np.flatnonzero(off)
    for row in np.flatnonzero(on):
        # Cubes meet unless one has a 1 where the other has a 0.
        apart = ones[others] @ zeros[row] + zeros[others] @ ones[row]
        bad = (apart == 0) & (says_off[others] @ says_on[row] > 0)
        if bad.any():
            other = int(others[np.argmax(bad)])
            output = int(np.argmax((pla.marks[row] == ON) & (pla.marks[other] == OFF)))
            names = bit_names([Port("y", pla.n_outputs)])
            name = (pla.output_names or names)[output]
            raise contradiction((other, int(row)), name, file.path, lambda at: int(pla.lines[at]))
    return []


def _open_outputs(dataset: Dataset) -> Netlist | None:
    """Return a netlist that is 1 where an output does not matter; None if every output always does."""
    if dataset.exhaustive:
        return None

    def unlisted(output: int) -> NDArray[np.uint8]:
        table = np.ones(1 << dataset.n_inputs, dtype=np.uint8)
        table[dataset.input_numbers[dataset.care_mask[:, output]]] = 0
        return table

    return _of_tables(dataset, unlisted)


def _diagram(dataset: Dataset) -> Netlist:
    def wanted(output: int) -> NDArray[np.uint8]:
        care = dataset.care_mask[:, output]
        return make_table(dataset.inputs[care], dataset.targets[care, output].astype(np.bool_))

    return _of_tables(dataset, wanted)


def _of_tables(dataset: Dataset, table: Callable[[int], NDArray[np.uint8]]) -> Netlist:
    """Return a netlist of the ports of a data set from the table of every output."""
    builder = NetlistBuilder(dataset.name, dataset.input_ports, dataset.output_ports)
    literals = [builder.input(bit) for bit in range(dataset.n_inputs)]
    outputs = [_build(builder, table(output), literals) for output in range(dataset.n_outputs)]
    return builder.build(outputs)


def _build(builder: NetlistBuilder, table: NDArray[np.uint8], literals: list[int]) -> int:
    if len(literals) <= MAX_TABLE_WIDTH and not (table > 1).any():
        return build_table(builder, int("".join(map(str, table[::-1])), 2), literals)
    return lower_table(builder, table, literals)


def _products(file: SourceFile, pla: PlaFile) -> Netlist:
    cover = _Cover(file, pla)
    listed = OFF if pla.kind in ("r", "dr") else ON
    outputs = []
    for column in cover.driven:
        flip = int(pla.complemented[column]) ^ int(listed == OFF)
        outputs.append(cover.sum(column, listed) ^ flip)
    return cover.builder.build(outputs)


def _open_products(file: SourceFile, pla: PlaFile) -> Netlist | None:
    """Return a netlist that is 1 where an output does not matter; None if every output always does."""
    if pla.kind in ("f", "r") or (pla.kind in ("fd", "dr") and not (pla.marks == DONT_CARE).any()):
        return None
    cover = _Cover(file, pla)
    builder = cover.builder
    outputs = []
    for column in cover.driven:
        if pla.kind in ("fd", "dr"):
            loose = cover.sum(column, DONT_CARE)
            off = cover.sum(column, OFF) if pla.kind == "dr" else FALSE
            outputs.append(builder.and_(loose, off ^ 1))
        else:
            on = cover.sum(column, ON)
            if pla.kind == "fdr":
                on = builder.and_(on, cover.sum(column, DONT_CARE) ^ 1)
            outputs.append(builder.or_(cover.sum(column, OFF), on) ^ 1)
    return cover.builder.build(outputs)


class _Cover:
    def __init__(self, file: SourceFile, pla: PlaFile) -> None:
        self.pla = pla
        input_ports, columns = _ports(pla.input_names, "x", pla.n_inputs)
        output_ports, self.driven = _ports(pla.output_names, "y", pla.n_outputs)
        self.builder = NetlistBuilder(file.function_name, input_ports, output_ports)
        self.literals = [self.builder.input(bit) for bit in range(pla.n_inputs)]
        self.cubes = pla.cubes[:, columns]
        self.products: dict[int, int] = {}

    def sum(self, column: int, mark: int) -> int:
        rows = np.flatnonzero(self.pla.marks[:, column] == mark).tolist()
        if self.pla.n_inputs <= MAX_TABLE_WIDTH:
            texts = ["".join(_MARKS[self.cubes[row]].tolist()) for row in rows]
            return build_cover(self.builder, texts, True, self.literals)
        return or_gate(self.builder, [self.product(row) for row in rows])

    def product(self, row: int) -> int:
        if row not in self.products:
            cube = self.cubes[row]
            read = np.flatnonzero(cube != FREE).tolist()
            self.products[row] = and_gate(
                self.builder, [self.literals[bit] ^ int(cube[bit] == 0) for bit in read]
            )
        return self.products[row]


def _ports(
    names: tuple[str, ...] | None, default: str, width: int
) -> tuple[tuple[Port, ...], list[int]]:
    if names is None:
        return (Port(default, width),), list(range(width))
    return group_columns(names)
