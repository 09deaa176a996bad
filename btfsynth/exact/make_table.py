"""Make a table of `btfsynth.exact.table`: ``python -m btfsynth.exact.make_table --basis xag``.

The solver runs for one member of each of the 83 self-dual classes: its netlist and bounds, with other
literals, hold for the other members. For bases whose cells all read the constant, NPN classes are used instead.
The existing file is read first and only unproven entries are worked on, so another run with more conflicts
proves more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from btfsynth.errors import BtfsynthError, DataError
from btfsynth.exact.synthesis import ExactResult, Limits, exact_gates, exact_netlist
from btfsynth.exact.table import (
    CLASS_INPUTS,
    FunctionClasses,
    TableEntry,
    npn_classes,
    read_table,
    self_dual_classes,
    table_file,
    table_text,
)
from btfsynth.files import write_text
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.functions import FORM_INPUTS, build_table, mux_gate
from btfsynth.netlist.gates import AnyNetlist, GateBuilder, GateNetlist, of_netlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import value_of
from btfsynth.netlist.views import depth_of
from btfsynth.ports import Port
from btfsynth.settings.table import Basis


@click.command()
@click.option("--conflicts", type=click.IntRange(0), default=0, help="A question; 0: no limit.")
@click.option(
    "--basis", type=click.Choice([each.value for each in Basis]), default="maj", help="The cells."
)
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes at work.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The file to make or improve.  [default: the package's own]",
)
def main(conflicts: int, basis: str, jobs: int, output: Path | None) -> None:
    """Make or improve the table of the smallest netlists of four inputs."""
    cells = Basis(basis)
    try:
        _make(conflicts, jobs, output or Path(__file__).with_name(table_file(cells)), cells)
    except BtfsynthError as error:
        click.echo(f"make_table: error: {error}", err=True)
        sys.exit(error.exit_code)


def asked_classes(basis: Basis) -> FunctionClasses:
    """Return the classes whose members need the same cells."""
    return self_dual_classes() if basis.three else npn_classes()


def _make(conflicts: int, jobs: int, output: Path, basis: Basis) -> None:
    classes = asked_classes(basis).representatives.tolist()
    entries = _begin(output, basis)
    started = [entries[table] for table in classes]
    for done, entry in enumerate(_all_improved(started, conflicts, jobs, basis), start=1):
        changed = entry is not entries[entry.table]
        entries[entry.table] = entry
        told = "proven" if entry.settled else f"proven from {entry.bound} on"
        click.echo(
            f"make_table: {done} of {len(classes)}: {entry.table:04x}: "
            f"{entry.cells} cells, depth {entry.depth}, {told}",
            err=True,
        )
        if changed:
            write_text(output, table_text(with_members(entries, basis), basis))
    if not output.exists():
        write_text(output, table_text(with_members(entries, basis), basis))


def _begin(output: Path, basis: Basis) -> dict[int, TableEntry]:
    if output.exists():
        try:
            text = output.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read as text: {error}", output) from None
        return {entry.table: entry for entry in read_table(text, str(output), basis)}
    tables = asked_classes(basis).representatives.tolist()
    return {table: TableEntry(table, expanded(table, basis), 0, 0) for table in tables}


def _all_improved(
    entries: list[TableEntry], conflicts: int, jobs: int, basis: Basis
) -> Iterator[TableEntry]:
    work = partial(improved, conflicts=conflicts, basis=basis)
    if jobs == 1:
        yield from map(work, entries)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, entries)


def improved(entry: TableEntry, conflicts: int = 0, basis: Basis = Basis.MAJ) -> TableEntry:
    """Settle size and depth of an entry as far as `conflicts` per question, 0 for no limit, allow."""
    limits = Limits(conflicts=conflicts)
    netlist, bound, depth_bound = entry.netlist, entry.bound, entry.depth_bound
    if not entry.optimal:
        found = _search(entry.table, basis, entry.cells - 1, bound, 0, limits)
        bound = max(bound, found.bound)
        netlist = netlist if found.netlist is None else found.netlist
    known = TableEntry(entry.table, netlist, bound, depth_bound)
    if known.optimal and not known.settled:
        netlist, depth_bound = _lowered(known, limits, basis)
        known = TableEntry(entry.table, netlist, bound, depth_bound)
    same = (known.netlist is entry.netlist, known.bound, known.depth_bound)
    return entry if same == (True, entry.bound, entry.depth_bound) else known


def _search(
    table: int, basis: Basis, most: int, least: int, depth: int, limits: Limits
) -> ExactResult[Any]:
    if basis is Basis.MAJ:
        return exact_netlist(
            [table], CLASS_INPUTS, most, min_cells=least, max_depth=depth, limits=limits
        )
    return exact_gates(
        table, CLASS_INPUTS, basis, most, min_cells=least, max_depth=depth, limits=limits
    )


def _lowered(entry: TableEntry, limits: Limits, basis: Basis) -> tuple[AnyNetlist, int]:
    """Return the netlist of least depth found at the same size, and the depth bound proven."""
    netlist, size, depth = entry.netlist, entry.cells, entry.depth
    while depth > 1:
        found = _search(entry.table, basis, size, size, depth - 1, limits)
        if found.netlist is None:
            return netlist, depth if found.bound > size else entry.depth_bound
        netlist = found.netlist
        depth = depth_of(netlist)
    return netlist, depth


def with_members(entries: dict[int, TableEntry], basis: Basis = Basis.MAJ) -> list[TableEntry]:
    """Return an entry for every NPN class from the entries that were solved."""
    classes = asked_classes(basis)
    found = []
    for table in npn_classes().representatives.tolist():
        source = entries[int(classes.representatives[classes.number[table]])]
        row = int(classes.transformation[table])
        netlist = _transformed(
            source.netlist, classes.leaves[row].tolist(), classes.flips[row].tolist()
        )
        found.append(TableEntry(table, netlist, source.bound, source.depth_bound))
    return found


def _transformed(netlist: AnyNetlist, leaves: list[int], flips: list[int]) -> AnyNetlist:
    ports = netlist.name, netlist.input_ports, netlist.output_ports
    builder = (
        GateBuilder(*ports, netlist.basis)
        if isinstance(netlist, GateNetlist)
        else NetlistBuilder(*ports)
    )
    literals = [2 * leaf ^ flip for leaf, flip in zip(leaves, flips[:-1], strict=True)]
    builder.extend(literals, netlist.fanins.tolist())
    output = int(netlist.outputs[0])
    return builder.build([value_of(literals, output) ^ flips[-1]])


def expanded(table: int, basis: Basis = Basis.MAJ) -> AnyNetlist:
    """Return a netlist of a function of four inputs: the last one chooses between smallest forms of three."""
    builder = NetlistBuilder("expanded", [Port("x", CLASS_INPUTS)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(CLASS_INPUTS)]
    half = 1 << FORM_INPUTS
    parts = (table >> half, table & ((1 << half) - 1))
    high, low = (build_table(builder, part, inputs[:-1]) for part in parts)
    netlist = rebuild(builder.build([mux_gate(builder, [inputs[-1], high, low])]))
    return netlist if basis is Basis.MAJ else of_netlist(netlist, basis)


if __name__ == "__main__":
    main()
