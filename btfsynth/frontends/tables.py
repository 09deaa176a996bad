"""Truth tables and PLA files as netlists: the smaller of a decision diagram and the sum of products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import SourceFile
from btfsynth.dataset.formats.cubes import FREE, MAX_EXPANDED, expanded_size
from btfsynth.dataset.formats.pla import PLA
from btfsynth.dataset.formats.pla_parser import ON, PlaFile, parse_pla
from btfsynth.dataset.formats.truth import TRUTH
from btfsynth.dataset.ports import Port, group_columns
from btfsynth.frontends.covers import build_cover, build_table
from btfsynth.frontends.functions import MAX_TABLE_WIDTH
from btfsynth.frontends.gates import and_gate, or_gate
from btfsynth.lower.cofactors import lower_table, make_table
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist

__all__ = ["parse_pla_netlist", "parse_truth_netlist"]

_MAX_DIAGRAM_INPUTS = 16
_MARKS = np.array(["0", "1", "-"])


def parse_truth_netlist(file: SourceFile) -> Netlist:
    """Read a table (see `truth`); an output that does not matter becomes whatever costs least.

    Raises
    ------
    DataError
        If the file is no table.
    """
    return _diagram(TRUTH.read(file))


def parse_pla_netlist(file: SourceFile) -> Netlist:
    """Read a PLA file (see `pla`), of any number of inputs.

    Up to 16 inputs an output that does not matter becomes whatever costs least; beyond, what is not
    listed as on is off.

    Raises
    ------
    DataError
        If the file is no PLA file, or rows of type fr or fdr contradict each other.
    """
    pla = parse_pla(file)
    products = _products(file, pla)
    if pla.n_inputs > _MAX_DIAGRAM_INPUTS:
        if pla.kind in ("fr", "fdr") and expanded_size(pla.cubes) <= MAX_EXPANDED:
            PLA.read(file)  # for its check of the rows alone
        return products
    return min(products, _diagram(PLA.read(file)), key=lambda netlist: netlist.n_cells)


def _diagram(dataset: Dataset) -> Netlist:
    """Return a decision diagram of every output; unlisted vectors do not matter."""
    builder = NetlistBuilder(dataset.name, dataset.input_ports, dataset.output_ports)
    literals = [builder.input(bit) for bit in range(dataset.n_inputs)]
    outputs = []
    for output in range(dataset.n_outputs):
        care = dataset.care_mask[:, output]
        table = make_table(dataset.inputs[care], dataset.targets[care, output].astype(np.bool_))
        outputs.append(_build(builder, table, literals))
    return builder.build(outputs)


def _build(builder: NetlistBuilder, table: NDArray[np.uint8], literals: list[int]) -> int:
    if len(literals) <= MAX_TABLE_WIDTH and not (table > 1).any():
        return build_table(builder, int("".join(map(str, table[::-1])), 2), literals)
    return lower_table(builder, table, literals)


def _products(file: SourceFile, pla: PlaFile) -> Netlist:
    """Return the sums of the products that are on; outputs share products."""
    input_ports, columns = _ports(pla.input_names, "x", pla.n_inputs)
    output_ports, driven = _ports(pla.output_names, "y", pla.n_outputs)
    builder = NetlistBuilder(file.function_name, input_ports, output_ports)
    literals = [builder.input(bit) for bit in range(pla.n_inputs)]
    cubes = pla.cubes[:, columns]
    outputs = []
    if pla.n_inputs <= MAX_TABLE_WIDTH:
        rows = ["".join(row) for row in _MARKS[cubes].tolist()]
        for output in driven:
            on = [rows[row] for row in np.flatnonzero(pla.marks[:, output] == ON)]
            outputs.append(build_cover(builder, on, True, literals))
        return builder.build(outputs)
    products = [
        and_gate(
            builder,
            [literals[bit] ^ int(cube[bit] == 0) for bit in np.flatnonzero(cube != FREE).tolist()],
        )
        for cube in cubes
    ]
    for output in driven:
        on = np.flatnonzero(pla.marks[:, output] == ON).tolist()
        outputs.append(or_gate(builder, [products[row] for row in on]))
    return builder.build(outputs)


def _ports(
    names: tuple[str, ...] | None, default: str, width: int
) -> tuple[tuple[Port, ...], list[int]]:
    """Return the ports and the column of each of their bits."""
    if names is None:
        return (Port(default, width),), list(range(width))
    return group_columns(names)
