"""``btfsynth simplify`` and ``emit``: from netlist to netlist, and to hardware."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    SectionCommand,
    comb_option,
    file_option,
    folder_option,
    hardware_options,
    json_option,
    load_design,
    load_source,
    name_option,
    named,
    option,
    require_writable,
    source_option,
)
from btfsynth.cli.output import (
    console,
    describe_timing,
    emit_json,
    field_table,
    netlist_summary,
    say,
    show,
    show_files,
    timing_record,
    why_beside,
)
from btfsynth.cli.progress import announced_compiling
from btfsynth.errors import InterruptedWorkError, UsageError, VerificationError, plural
from btfsynth.files import beside, write_bytes
from btfsynth.settings.table import BUILD, Preserve

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.netlist.netlist import Netlist
    from btfsynth.netlist.views import NetlistStatistics
    from btfsynth.passes.base import InterruptedPasses, PassReport
if TYPE_CHECKING:
    from btfsynth.hdl.design import HardwareOptions
    from btfsynth.hdl.manifest import Manifest
    from btfsynth.netlist.views import NetlistStatistics


@click.command("simplify", cls=SectionCommand)
@click.argument("file", type=click.Path(path_type=Path))
@file_option(
    "File of the netlist; its ending gives the format: .mig, .blif, .aag, .aig, .bench, .json or .v.  "
    "[default: FILE with the ending .mig]",
    "OUT",
)
@source_option(
    "--data",
    "source",
    help="Task or file whose targets are kept (see --preserve); exits with 1 if one is missed.",
)
@name_option
@comb_option
@json_option
@option(BUILD["passes"], default="size")
@option(BUILD["preserve"])
def simplify_command(
    *,
    file: Path,
    path: Path | None,
    source: str | None,
    passes: str,
    preserve: str | None,
    name: str | None,
    comb: bool,
    as_json: bool,
) -> None:
    """Optimise a netlist.

    FILE is a netlist (.mig, .blif, .aag, .aig, .bench, Yosys .json, structural .v), a table (.truth,
    .pla) or a trained network (.npz, .net, .sol). The result of every pass is proven. Without --data the
    function is kept on every input vector.

    \b
    Examples:
      btfsynth simplify m3.npz --data multiplier:3 -o m3.mig
      btfsynth simplify m3.mig -o m3.aig
      btfsynth simplify m3.aig -o m3.blif
      btfsynth simplify m3.mig -o smaller.mig --passes 'resub --patience 2000 --seed 7'
    """  # noqa: D301
    from btfsynth.flow.patterns import count_targets, fitted, targets_record
    from btfsynth.hdl.writers import get_writer
    from btfsynth.netlist.views import statistics
    from btfsynth.passes.base import InterruptedPasses

    path = path or require_writable(file.parent / f"{file.stem}.mig")
    if path == file:
        raise UsageError(f"{path}: is the input file; name another one with -o")
    writer = get_writer(path)
    dataset = None if source is None else load_source(source, contradictory=True)
    wanted = None if preserve is None else Preserve(preserve)
    if wanted is Preserve.CARE and dataset is None:
        raise UsageError("--preserve care: needs patterns; give them with --data")
    try:
        with announced_compiling(file.stem):
            netlist, first, reports = _smallest(file, dataset, wanted, passes, comb)
    except InterruptedPasses as stopped:
        raise _kept(stopped, path, name) from None
    netlist = named(netlist, name)
    content, notices = writer.content(netlist)
    targets = None if dataset is None else count_targets(netlist, fitted(netlist, dataset))
    broken = ""
    if dataset is not None and targets is not None and not targets.all_right:
        missed = f"{targets.count - targets.right} of {plural(targets.count, 'target')}"
        notices = (*notices, f"{netlist.name} misses {missed} of {dataset.source}")
        if wanted is None and dataset.says_all:
            broken = f"the targets of {dataset.source} are missed, {targets.words()}"
    asked, path = path, beside(path) if broken and path.exists() else path
    write_bytes(path, content)
    if as_json:
        record = {
            "name": netlist.name,
            "cells_before": first.cells,
            "before": first.record(),
            **statistics(netlist).record(),
            "passes": [report.record() for report in reports],
            "file": path.name,
            "notices": list(notices),
        }
        if targets is not None:
            record["targets"] = targets_record({"data": targets})["data"]
        emit_json(record)
    else:
        _show(netlist, first, reports, path)
        for notice in notices:
            show("note", notice)
    if broken:
        raise VerificationError(
            f"{file}: {broken}; the netlist of the network is in {path}{why_beside(asked, path)}"
        )


def _smallest(
    file: Path, dataset: Dataset | None, wanted: Preserve | None, passes: str, comb: bool
) -> tuple[Netlist, NetlistStatistics, Sequence[PassReport]]:
    """Return the netlist that passes make of a file, what it was before, and what they did."""
    from btfsynth.flow.simplify import simplify_netlist, simplify_network
    from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS
    from btfsynth.netlist.views import statistics
    from btfsynth.network.formats import is_network, read_network

    if is_network(file):
        netlist, _, reports = simplify_network(read_network(file), dataset, wanted, passes)
        return netlist, reports[0].before if reports else statistics(netlist), reports
    design = load_design(file, comb)
    given = design.netlist
    open_at = None if wanted is Preserve.NETWORK else design.dont_care
    if open_at is not None and dataset is None and open_at.n_inputs > MAX_EXHAUSTIVE_INPUTS:
        say(f"note: don't-cares are ignored above {MAX_EXHAUSTIVE_INPUTS} inputs")
    if wanted is None and dataset is not None and _is_sample_of(dataset, given):
        wanted = Preserve.NETWORK
        say(
            f"note: {dataset.source} is a sample, so the netlist keeps its function on every input; "
            "--preserve care keeps only the targets"
        )
    netlist, reports = simplify_netlist(given, dataset, wanted, passes, open_at)
    first = statistics(given)
    if first.dominates(statistics(netlist)):
        # A walk over netlists of equal size ends at any of them, mostly at a deeper one.
        say("note: no smaller netlist was found; the netlist is unchanged")
        netlist = given
    return netlist, first, reports


def _is_sample_of(dataset: Dataset, netlist: Netlist) -> bool:
    """Tell whether patterns are a sample of what a netlist computes; others cannot be kept at all."""
    from btfsynth.flow.patterns import count_targets, fitted

    return not dataset.says_all and count_targets(netlist, fitted(netlist, dataset)).all_right


def _show(
    netlist: Netlist, first: NetlistStatistics, reports: Sequence[PassReport], path: Path
) -> None:
    from btfsynth.netlist.views import statistics

    if reports:
        headings = ("pass", "before", "after", "depth", "seconds", "checked on")
        console.print(field_table(headings, [_row(report) for report in reports], numbers=4))
        console.print()
        compiled = sum(report.compile_seconds for report in reports)
        if compiled >= 0.1:
            show("note", f"compiling the kernels (once) took another {compiled:.1f} s")
    show("netlist", netlist_summary(statistics(netlist)), style="green")
    show("", f"from {plural(first.cells, 'cell')}; saved in {path}")


def _kept(stopped: InterruptedPasses, asked: Path, name: str | None) -> InterruptedWorkError:
    """Write what the passes before an interruption have made; return what there is to say of it."""
    from btfsynth.hdl.writers import get_writer

    done = len(stopped.reports)
    if not done:
        return InterruptedWorkError("interrupted in the first pass; nothing was saved")
    path = beside(asked) if asked.exists() else asked
    content, _ = get_writer(asked).content(named(stopped.netlist, name))
    write_bytes(path, content)
    return InterruptedWorkError(
        f"interrupted; the netlist after {done} of {stopped.steps} passes is saved in "
        f"{path}{why_beside(asked, path)}"
    )


def _row(report: PassReport) -> tuple[str, ...]:
    return (
        report.name,
        str(report.before.cells),
        str(report.after.cells),
        str(report.after.depth),
        f"{report.seconds:.2f}",
        report.proof if report.kept else f"{report.proof}: not proven, undone",
    )


@click.command("emit", cls=SectionCommand)
@click.argument("netlist", type=click.Path(path_type=Path))
@folder_option("Folder of the files.  [default: hdl_out/<name of the file>]")
@source_option(
    "--data",
    "source",
    help="Task or file with the patterns that the testbenches check.  "
    "[default: the netlist's own outputs]",
)
@name_option
@comb_option
@json_option
@hardware_options
def emit_command(
    *,
    netlist: Path,
    directory: Path | None,
    source: str | None,
    name: str | None,
    comb: bool,
    as_json: bool,
    hardware: HardwareOptions,
) -> None:
    """Write NETLIST (.mig, .blif, .aag, .aig, .bench, .json, .v) as hardware with testbenches.

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
    dataset = None if source is None else load_source(source)
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
