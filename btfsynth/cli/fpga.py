"""``btfsynth fpga`` and ``estimate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    comb_option,
    complete_names,
    folder_option,
    is_given,
    json_option,
    record_options,
)
from btfsynth.cli.output import (
    console,
    emit_json,
    field_table,
    kept_beside,
    netlist_summary,
    say,
    show,
)
from btfsynth.errors import UsageError, VerificationError
from btfsynth.fpga.devices import BOARDS, DEVICES
from btfsynth.settings.table import FPGA, PLACE

if TYPE_CHECKING:
    from rich.table import Table

    from btfsynth.fpga.flow import BoardResult, Column, FpgaOptions, FpgaResult
    from btfsynth.fpga.place import PlaceOptions

_DEFAULT = "ice40-hx1k"
_PROOFS = {True: "proven", False: "REFUTED", None: "not proven"}


@click.command("fpga")
@click.argument("source", metavar="DIRECTORY", type=click.Path(path_type=Path))
@click.option(
    "--device",
    metavar="NAME",
    shell_complete=complete_names(DEVICES),
    help=f"Device: {', '.join(DEVICES)}.  [default: {_DEFAULT}, or the board's]",
)
@click.option(
    "--board",
    metavar="NAME",
    shell_complete=complete_names(BOARDS),
    help=f"Connect the design to the serial port of this board instead: {', '.join(BOARDS)}.",
)
@record_options("place", "btfsynth.fpga.place:PlaceOptions", PLACE)
@record_options("options", "btfsynth.fpga.flow:FpgaOptions", FPGA)
@folder_option("Folder of the files.  [default: DIRECTORY/fpga-<device or board>]")
@json_option
def fpga_command(
    source: Path,
    device: str | None,
    board: str | None,
    place: PlaceOptions,
    options: FpgaOptions,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Map, place and route the design in DIRECTORY for an FPGA, and check every step.

    The best of several mappings gets registers around it and is placed, routed and packed into a bitstream.
    The netlists before and after routing are simulated. For comparison, the same truth table as a case
    statement is implemented in the same way.

    \b
    Examples:
      btfsynth fpga hdl_out/multiplier_3
      btfsynth fpga hdl_out/multiplier_3 --device ecp5-25k --freq 200 --json
      btfsynth fpga hdl_out/multiplier_3 --board icestick
    """  # noqa: D301
    from btfsynth.fpga.devices import get_device
    from btfsynth.fpga.flow import board_device, run_fpga

    if board is not None:
        if device not in {None, board_device(board)} or place.freq is not None:
            raise UsageError("--board: has its own device and clock; omit --device and --freq")
        if is_given("tries"):
            raise UsageError("--board: takes no --tries; its design is mapped by Yosys alone")
        _on_board(source, board, place, directory or source / f"fpga-{board}", as_json)
        return
    target = get_device(device or _DEFAULT)
    output = directory or source / f"fpga-{target.name}"
    options = replace(options, place=place)
    result = run_fpga(source, target, options, output, say=_said(source))
    _finish(result, output, as_json, lambda: _show(result))


def _on_board(source: Path, board: str, place: PlaceOptions, output: Path, as_json: bool) -> None:
    from btfsynth.fpga.board_worker import BAUD
    from btfsynth.fpga.flow import run_board

    result = run_board(source, board, place, output, say=_said(source))

    def show_board() -> None:
        check, cells = result.check, result.cells
        fmax = "not timed" if result.fmax is None else f"up to {result.fmax:g} MHz"
        show("board", f"{board}: {BAUD} baud, 8N1, clock {result.clock:g} MHz ({fmax})")
        show("cells", f"{cells.luts} LUTs, {cells.flip_flops} flip-flops, {cells.carries} carry")
        show("serial", f"{check.passed} of {check.passed + check.failed} vectors passed")

    _finish(result, output, as_json, show_board)


def _said(source: Path) -> Callable[[str], None]:
    return lambda line: say(f"{source.name}: {line}")


def _finish(
    result: FpgaResult | BoardResult, asked: Path, as_json: bool, show_own: Callable[[], None]
) -> None:
    """Write the result; fail if a check has failed."""
    written = result.directory or asked
    if as_json:
        emit_json(result.to_json())
    else:
        show_own()
        show("tools", ", ".join(f"{name} {version}" for name, version in result.tools.items()))
        show("files", f"in {written}: {', '.join(result.files.values())}, fpga.json")
    if result.failure:
        raise VerificationError(f"{result.failure}{kept_beside(asked, written)}")


def _show(result: FpgaResult) -> None:
    console.print(_table(result))
    console.print()
    if result.no_case:
        show("case", f"omitted: {result.no_case}")
    for check in result.checks:
        if check.skipped is None:
            show(check.name, f"{check.passed} of {check.passed + check.failed} vectors passed")
        else:
            show(check.name, f"not simulated: {check.skipped}")


def _table(result: FpgaResult) -> Table:
    columns = [result.design, *([result.case] if result.case else [])]
    kinds = sorted({kind for column in columns for kind in column.placed.utilization})

    def row(name: str, values: list[object]) -> tuple[str, ...]:
        return (name, *map(str, values))

    def sites(column: Column, kind: str) -> str:
        found = column.placed.utilization.get(kind)
        return f"{found.used} of {found.available}" if found else "0"

    rows = [
        row("LUTs", [column.mapping.counts.luts for column in columns]),
        row("levels", [column.mapping.counts.levels for column in columns]),
        row("carry cells", [column.mapping.counts.carries for column in columns]),
        row("script", [column.mapping.script for column in columns]),
        row("mapped = source", [_PROOFS[column.proven] for column in columns]),
        row("Fmax (MHz)", [column.placed.fmax or "-" for column in columns]),
        row("with registers: LUTs", [column.top.luts for column in columns]),
        row("  flip-flops", [column.top.flip_flops for column in columns]),
        *(row(f"  {kind}", [sites(column, kind) for column in columns]) for kind in kinds),
    ]
    headings = (result.device.part, "design", *(["case statement"] if result.case else []))
    return field_table(headings, rows, numbers=len(columns))


@click.command("estimate")
@click.argument("source", metavar="DIRECTORY|NETLIST", type=click.Path(path_type=Path))
@comb_option
@json_option
def estimate_command(source: Path, comb: bool, as_json: bool) -> None:
    """Estimate the lookup tables (LUTs) of a design folder or a netlist, without FPGA tools.

    iCE40, ECP5 and Gowin devices have LUTs of four inputs, larger FPGAs have LUTs of six. Only the logic of
    the netlist is counted, without registers.

    \b
    Examples:
      btfsynth estimate hdl_out/multiplier_3
      btfsynth estimate m3.mig --json
    """  # noqa: D301
    from btfsynth.fpga.lut_mapper import estimate
    from btfsynth.netlist.views import statistics
    from btfsynth.report.folder import read_folder
    from btfsynth.verify.subjects import read_subject

    if source.is_dir():
        netlist = read_folder(source).netlist
    else:
        subject = read_subject(source, comb=comb, tables=False)
        assert subject.netlist is not None  # without tables there always is one
        netlist = subject.netlist
        for note in subject.notes:
            say(f"note: {note}")
    found = estimate(netlist)
    if as_json:
        emit_json(found.to_json())
        return
    show("netlist", netlist_summary(statistics(netlist)))
    rows = [
        (f"LUT{entry.inputs}", *map(str, (luts, levels)), how)
        for entry in found.tables
        for luts, levels, how in (
            (entry.luts, entry.levels, "few LUTs"),
            (entry.shallow_luts, entry.least_levels, "few levels"),
        )
    ]
    console.print()
    console.print(field_table(("table", "LUTs", "levels", "optimised for"), rows, numbers=2))
