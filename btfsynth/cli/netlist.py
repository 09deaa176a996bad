"""``btfsynth emit``: from a netlist to hardware."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    SectionCommand,
    comb_option,
    conflicts_option,
    folder_option,
    hardware_options,
    json_option,
    load_design,
    load_source,
    name_option,
    named,
    source_option,
)
from btfsynth.cli.output import (
    describe_timing,
    emit_json,
    netlist_summary,
    show,
    show_files,
    timing_record,
)
from btfsynth.errors import VerificationError
from btfsynth.settings.table import Conflicts

if TYPE_CHECKING:
    from btfsynth.netlist.views import NetlistStatistics
if TYPE_CHECKING:
    from btfsynth.hdl.design import HardwareOptions
    from btfsynth.hdl.manifest import Manifest
    from btfsynth.netlist.views import NetlistStatistics


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
