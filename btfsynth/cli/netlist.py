"""``btfsynth emit``, ``show`` and ``report``: a netlist as hardware, text or drawing, a design as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.options import (
    SectionCommand,
    comb_option,
    conflicts_option,
    file_option,
    folder_option,
    hardware_options,
    json_option,
    load_design,
    load_source,
    name_option,
    named,
    path_option,
    require_writable,
    source_option,
)
from btfsynth.cli.output import (
    describe_timing,
    emit_json,
    netlist_summary,
    one_line,
    show,
    show_files,
    timing_record,
)
from btfsynth.errors import UsageError, VerificationError
from btfsynth.files import write_text
from btfsynth.settings.table import Conflicts

if TYPE_CHECKING:
    from btfsynth.netlist.netlist import Netlist
    from btfsynth.ports import Port
    from btfsynth.report.schematic import Excerpt
if TYPE_CHECKING:
    from btfsynth.netlist.views import NetlistStatistics
if TYPE_CHECKING:
    from btfsynth.hdl.design import HardwareOptions
    from btfsynth.hdl.manifest import Manifest
    from btfsynth.netlist.views import NetlistStatistics

_DASH = Path("-")
_DOT_ENDINGS = (".dot", ".gv")
_SVG_ENDINGS = (".svg",)


@click.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--cone",
    metavar="OUTPUT",
    help="Show only the fan-in cone of this output, a port or a bit such as 'p[2]'.",
)
@path_option(
    "--dot", "dot_file", help="Write a Graphviz graph (.dot, .gv) instead; - is standard output."
)
@path_option("--svg", "svg_file", help="Write a drawing (.svg) instead; - is standard output.")
@comb_option
@json_option
def show_command(
    *,
    file: Path,
    cone: str | None,
    dot_file: Path | None,
    svg_file: Path | None,
    comb: bool,
    as_json: bool,
) -> None:
    """Print a netlist: ports, cost, and one line per cell.

    FILE is a netlist (.mig, .blif, .aag, .aig, .bench, .json, .v, .sv), a table (.truth, .pla) or
    a design folder. Cells are listed in topological order with their level. ~ is NOT, & is AND, | is OR,
    maj is the majority of three.

    \b
    Examples:
      btfsynth show hdl_out/multiplier_2
      btfsynth show adder.blif --cone 's[3]'
      btfsynth show m3.mig --svg m3.svg
      btfsynth show m3.mig --dot - | dot -Tpdf -o m3.pdf
    """  # noqa: D301
    from btfsynth.netlist.formats.nets import plain_cells
    from btfsynth.report.folder import read_folder
    from btfsynth.report.schematic import Excerpt, find_outputs, format_dot, format_svg

    _require_ending("--dot", dot_file, _DOT_ENDINGS)
    _require_ending("--svg", svg_file, _SVG_ENDINGS)
    netlist = read_folder(file).netlist if file.is_dir() else load_design(file, comb).netlist
    netlist = plain_cells(
        netlist
    )  # as files are written from it, so that cells have their names there
    excerpt = Excerpt(netlist, None if cone is None else find_outputs(netlist, cone))
    drawings = [
        (path, form(excerpt))
        for path, form in ((dot_file, format_dot), (svg_file, format_svg))
        if path is not None
    ]
    for path, text in drawings:
        if path == _DASH:
            click.echo(text, nl=False)
        else:
            write_text(path, text)
    if any(path == _DASH for path, _ in drawings):
        return
    if as_json:
        emit_json(_record(excerpt))
        return
    _head(excerpt, cone)
    for path, _ in drawings:
        show("drawn", f"in {path}")
    if not drawings:
        click.echo()
        for line in _listing(excerpt):
            click.echo(line)


def _require_ending(option: str, path: Path | None, endings: tuple[str, ...]) -> None:
    """Refuse a file name whose ending belongs to another format."""
    if path is not None and path != _DASH and path.suffix.lower() not in ("", *endings):
        raise UsageError(
            f"{option} {path}: expected a name that ends in {' or '.join(endings)}, got {path.suffix}"
        )


def _head(excerpt: Excerpt, cone: str | None) -> None:
    netlist = excerpt.netlist
    show("name", netlist.name)
    show("inputs", _ports(netlist, inputs=True))
    show("outputs", _ports(netlist, inputs=False))
    if cone is not None:
        read = len(excerpt.inputs)
        show("cone", f"of {cone}; it reads {read} of {netlist.n_inputs} input bits")
    show("netlist", netlist_summary(excerpt.cost))


def _ports(netlist: Netlist, inputs: bool) -> str:
    ports = netlist.input_ports if inputs else netlist.output_ports
    return ", ".join(port.label for port in ports)


def _listing(excerpt: Excerpt) -> Iterator[str]:
    """Give the lines of cells and outputs, in columns."""
    cells = excerpt.cells
    names = [one_line(excerpt.name(cell.node)) for cell in cells]
    names += [one_line(name) for name, _ in excerpt.shown_outputs]
    width = max((len(name) for name in names), default=0)
    yield f"{'level':>5}  cell"
    for cell, name in zip(cells, names, strict=False):
        yield f"{cell.level:>5}  {name:<{width}} = {one_line(excerpt.function(cell))}"
    for name, (_, literal) in zip(names[len(cells) :], excerpt.shown_outputs, strict=True):
        yield f"{'out':>5}  {name:<{width}} = {one_line(excerpt.literal(literal))}"


def _port_record(port: Port) -> dict[str, Any]:
    """Return name and width, and the range where it is not ``[width-1:0]``."""
    record: dict[str, Any] = {"name": port.name, "width": port.width}
    return record if port.counts_from_zero else {**record, "range": port.range}


def _record(excerpt: Excerpt) -> dict[str, Any]:

    netlist = excerpt.netlist
    return {
        "name": netlist.name,
        "inputs": [_port_record(port) for port in netlist.input_ports],
        "outputs": [_port_record(port) for port in netlist.output_ports],
        "netlist": excerpt.cost.record(),
        "cells": [
            {
                "name": excerpt.name(cell.node),
                "level": cell.level,
                "kind": cell.kind.value,
                "fanins": [excerpt.literal(literal) for literal in cell.fanins],
            }
            for cell in excerpt.cells
        ],
        "drive": {name: excerpt.literal(literal) for name, literal in excerpt.shown_outputs},
    }


@click.command("report")
@click.argument("directory", type=click.Path(path_type=Path))
@file_option("File of the page.  [default: DIRECTORY/report.html]")
def report_command(*, directory: Path, path: Path | None) -> None:
    """Show the design, the discovery or the reproduction in DIRECTORY as one HTML page.

    The page shows an interactive schematic, the truth table, training, weights, passes, checks and
    provenance, and the result of 'btfsynth verify DIRECTORY' if there is one. It opens from disk and needs
    no network.

    \b
    Examples:
      btfsynth report hdl_out/multiplier_3
      btfsynth report found -o front.html
      btfsynth report hdl_out/reproduce_quick
    """  # noqa: D301
    from btfsynth.report.page import PAGE_FILE, write_report

    if path is None:
        path = directory / PAGE_FILE
        if directory.is_dir():
            require_writable(path)
    write_report(directory, path)
    show("report", str(path))


@click.command("emit", cls=SectionCommand)
@click.argument("netlist", type=click.Path(path_type=Path))
@folder_option("Folder of the files.  [default: hdl_out/<name of the file>]")
@source_option(
    "--data",
    "source",
    help="Task or file with the patterns that the testbenches check.  "
    "[default: the netlist's own outputs]",
)
@conflicts_option
@name_option
@comb_option
@json_option
@hardware_options
def emit_command(
    *,
    netlist: Path,
    directory: Path | None,
    source: str | None,
    conflicts: Conflicts | None,
    name: str | None,
    comb: bool,
    as_json: bool,
    hardware: HardwareOptions,
) -> None:
    """Write NETLIST (.mig, .blif, .aag, .aig, .bench, .json, .v, .sv) as hardware with testbenches.

    Writes Verilog, VHDL and Amaranth, a testbench for each and one for cocotb, test vectors and a manifest.

    \b
    Examples:
      btfsynth emit m3.mig --data multiplier:3 -o hdl_out/m3
      btfsynth emit m3.mig --pipeline auto --enable --reset --format blif,json
    """  # noqa: D301
    from btfsynth.flow.building import emit_netlist
    from btfsynth.flow.patterns import count_targets, fitted, targets_record
    from btfsynth.netlist.views import statistics

    design = load_design(netlist, comb).netlist
    dataset = (
        None if source is None else load_source(source, conflicts=conflicts or Conflicts.ERROR)
    )
    design = named(design, name)
    directory = directory or Path("hdl_out") / (name or netlist.stem)
    manifest = emit_netlist(design, dataset, directory, hardware)
    cost = statistics(design)
    targets = None if dataset is None else count_targets(design, fitted(design, dataset))
    if as_json:
        emit_json(
            {
                "name": manifest.name,
                "module": manifest.module,
                "netlist": cost.record(),
                "timing": timing_record(manifest.timing),
                "files": _files(manifest),
                "vectors": manifest.vector_count,
                "notices": list(manifest.notices),
                **(
                    {}
                    if targets is None
                    else {"targets": targets_record({"data": targets})["data"]}
                ),
            }
        )
    else:
        _show_made(manifest, cost, directory, () if dataset is None else dataset.notices)
    if targets is not None and dataset is not None and not targets.all_right:
        raise VerificationError(
            f"{netlist}: {targets.words()} of {dataset.source}, so the hardware in {directory} fails its "
            "own checks"
        )


def _files(manifest: Manifest) -> dict[str, str]:
    """Return the names of what the folder got, by role: the netlist is there without a format, too."""
    return {"mig": f"{manifest.module}.mig", **manifest.files}


def _show_made(
    manifest: Manifest, cost: NetlistStatistics, directory: Path, said: Sequence[str]
) -> None:
    show("module", manifest.module)
    show("netlist", netlist_summary(cost))
    show("timing", describe_timing(manifest.timing))
    show("vectors", str(manifest.vector_count))
    files = sorted([*_files(manifest).values(), "manifest.json"])
    show_files(files, directory, manifest.notices, said)
    show("next", f"btfsynth simulate {directory}")
