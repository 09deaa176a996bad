"""Make the table of `btfsynth.exact.table`: ``python -m btfsynth.exact.make_table``.

One member of each of the 83 self-dual classes is asked about; the netlists of the others are the same with
other literals, and so is what is proven. What the file has already is read first: only what is still open is
worked on, so running it again with more conflicts settles more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click

from btfsynth.errors import BtfsynthError, DataError
from btfsynth.exact.npn import CLASS_INPUTS, npn_classes, self_dual_classes
from btfsynth.exact.synthesis import Limits, exact_netlist
from btfsynth.exact.table import TABLE_FILE, TableEntry, read_table, table_text
from btfsynth.files import write_text
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.functions import build_table, mux_gate
from btfsynth.netlist.forms import FORM_INPUTS
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.literals import value_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port


@click.command()
@click.option("--conflicts", type=click.IntRange(0), default=0, help="A question; 0: no limit.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes at work.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path(__file__).with_name(TABLE_FILE),
    help="The file to make or improve.",
)
def main(conflicts: int, jobs: int, output: Path) -> None:
    """Make or improve the table of the smallest netlists of four inputs."""
    try:
        _make(conflicts, jobs, output)
    except BtfsynthError as error:
        click.echo(f"make_table: error: {error}", err=True)
        sys.exit(error.exit_code)


def _make(conflicts: int, jobs: int, output: Path) -> None:
    classes = self_dual_classes().representatives.tolist()
    entries = _begin(output)
    started = [entries[table] for table in classes]
    for done, entry in enumerate(_all_improved(started, conflicts, jobs), start=1):
        changed = entry is not entries[entry.table]
        entries[entry.table] = entry
        told = "proven" if entry.settled else f"proven from {entry.bound} on"
        click.echo(
            f"make_table: {done} of {len(classes)}: {entry.table:04x}: "
            f"{entry.cells} cells, depth {entry.depth}, {told}",
            err=True,
        )
        if changed:
            write_text(output, table_text(with_members(entries)))
    if not output.exists():
        write_text(output, table_text(with_members(entries)))


def _begin(output: Path) -> dict[int, TableEntry]:
    if output.exists():
        try:
            text = output.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read as text: {error}", output) from None
        return {entry.table: entry for entry in read_table(text, str(output))}
    tables = self_dual_classes().representatives.tolist()
    return {table: TableEntry(table, expanded(table), 0, 0) for table in tables}


def _all_improved(entries: list[TableEntry], conflicts: int, jobs: int) -> Iterator[TableEntry]:
    work = partial(improved, conflicts=conflicts)
    if jobs == 1:
        yield from map(work, entries)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, entries)


def improved(entry: TableEntry, conflicts: int = 0) -> TableEntry:
    """Settle size and depth of an entry as far as `conflicts` per question, 0 for no limit, allow."""
    limits = Limits(conflicts=conflicts)
    netlist, bound, depth_bound = entry.netlist, entry.bound, entry.depth_bound
    if not entry.optimal:
        found = exact_netlist(
            [entry.table], CLASS_INPUTS, entry.cells - 1, min_cells=bound, limits=limits
        )
        bound = max(bound, found.bound)
        netlist = netlist if found.netlist is None else found.netlist
    known = TableEntry(entry.table, netlist, bound, depth_bound)
    if known.optimal and not known.settled:
        netlist, depth_bound = _lowered(known, limits)
        known = TableEntry(entry.table, netlist, bound, depth_bound)
    same = (known.netlist is entry.netlist, known.bound, known.depth_bound)
    return entry if same == (True, entry.bound, entry.depth_bound) else known


def _lowered(entry: TableEntry, limits: Limits) -> tuple[Netlist, int]:
    """Return a netlist of the same size and the least depth found, and what depth is proven."""
    netlist, size, depth = entry.netlist, entry.cells, entry.depth
    while depth > 1:
        found = exact_netlist(
            [entry.table], CLASS_INPUTS, size, min_cells=size, max_depth=depth - 1, limits=limits
        )
        if found.netlist is None:
            return netlist, depth if found.bound > size else entry.depth_bound
        netlist = found.netlist
        depth = statistics(netlist).depth
    return netlist, depth


def with_members(entries: dict[int, TableEntry]) -> list[TableEntry]:
    """Return an entry for every NPN class from those of its self-dual class's representative."""
    classes = self_dual_classes()
    found = []
    for table in npn_classes().representatives.tolist():
        source = entries[int(classes.representatives[classes.number[table]])]
        row = int(classes.transformation[table])
        netlist = _transformed(
            source.netlist, classes.leaves[row].tolist(), classes.flips[row].tolist()
        )
        found.append(TableEntry(table, netlist, source.bound, source.depth_bound))
    return found


def _transformed(netlist: Netlist, leaves: list[int], flips: list[int]) -> Netlist:
    builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
    literals = [2 * leaf ^ flip for leaf, flip in zip(leaves, flips[:-1], strict=True)]
    builder.extend(literals, netlist.fanins.tolist())
    output = int(netlist.outputs[0])
    return builder.build([value_of(literals, output) ^ flips[-1]])


def expanded(table: int) -> Netlist:
    """Return a netlist of a function of four inputs: the last one chooses between smallest forms of three."""
    builder = NetlistBuilder("expanded", [Port("x", CLASS_INPUTS)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(CLASS_INPUTS)]
    half = 1 << FORM_INPUTS
    parts = (table >> half, table & ((1 << half) - 1))
    high, low = (build_table(builder, part, inputs[:-1]) for part in parts)
    return rebuild(builder.build([mux_gate(builder, [inputs[-1], high, low])]))


if __name__ == "__main__":
    main()
