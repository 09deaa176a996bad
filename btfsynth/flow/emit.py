"""A netlist as a folder of hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import BtfsynthError
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.flow.targets import count_targets, targets_record
from btfsynth.flow.vectors import fitted, function_of, function_vectors
from btfsynth.hdl.design import write_design
from btfsynth.hdl.manifest import MANIFEST_FILE, Manifest
from btfsynth.hdl.options import HardwareOptions
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.formats.tokens import plain_cells
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist, read_netlist
from btfsynth.staging import publish, staging_folder

__all__ = ["emit_netlist"]


def emit_netlist(
    netlist: Netlist,
    dataset: Dataset | None,
    directory: StrPath,
    options: HardwareOptions | None = None,
) -> Manifest:
    """Write a netlist as hardware with vectors from patterns, or from its own function without.

    Parameters
    ----------
    netlist
        The netlist.
    dataset
        The patterns, if there are any.
    directory
        The folder; made if it is missing. It gets the netlist too, unless there is one with the name of the
        module that is this netlist, whatever else is written in it.
    options
        What hardware is made; a combinational design if None.

    Raises
    ------
    UsageError, DataError
        If the patterns do not fit the netlist or are not Boolean.
    OutputError
        If the folder cannot be written; it then holds what it held before.
    """
    directory = as_path(directory)
    netlist = plain_cells(netlist)
    origin: dict[str, Any] = {}
    if dataset is None:
        vectors = function_vectors(function_of(netlist), netlist.n_inputs)
    else:
        patterns = fitted(netlist, dataset)
        vectors = VectorTable.from_dataset(patterns)
        origin = {
            "source": dataset.source,
            "data_hash": dataset.content_hash,
            "notices": dataset.notices,
            # In the manifest: a report.json in this folder is of a build.
            "targets": targets_record({"data": count_targets(netlist, patterns)}),
        }
    with staging_folder(directory) as staging:
        manifest = write_design(netlist, vectors, staging, options=options, **origin)
        former, own = (folder / f"{manifest.module}.mig" for folder in (directory, staging))
        if not own.exists() and not (former.is_file() and _holds(former, netlist)):
            # Else the hardware would be compared with, and shown as, what was here before.
            write_text(own, format_netlist(netlist))
        publish(staging, directory, last=MANIFEST_FILE)
    return manifest


def _holds(path: Path, netlist: Netlist) -> bool:
    """Tell whether a file is this netlist, whatever else is written in it."""
    try:
        return format_netlist(read_netlist(path)) == format_netlist(netlist)
    except BtfsynthError:
        return False
