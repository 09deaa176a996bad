"""``btfsynth estimate``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import comb_option, json_option
from btfsynth.cli.output import console, emit_json, field_table, netlist_summary, say, show


@click.command("estimate")
@click.argument("source", metavar="DIRECTORY|NETLIST", type=click.Path(path_type=Path))
@comb_option
@json_option
def command(source: Path, comb: bool, as_json: bool) -> None:
    """Estimate the look-up tables that a design folder or a netlist takes on an FPGA.

    Needs no tool. Tables of four inputs are those of iCE40, ECP5 and Gowin, tables of six
    those of larger devices. Registers and what is around the logic are not counted.

    \b
    Examples:
      btfsynth estimate hdl_out/multiplier_3
      btfsynth estimate m3.mig --json
    """  # noqa: D301
    from btfsynth.fpga.estimate import estimate
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
            (entry.luts, entry.levels, "few tables"),
            (entry.shallow_luts, entry.least_levels, "few levels"),
        )
    ]
    console.print()
    console.print(field_table(("table", "number", "levels", "mapped for"), rows, numbers=2))
