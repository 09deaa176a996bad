"""A netlist as a folder of hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from btfsynth.backends.design import write_design
from btfsynth.backends.manifest import MANIFEST_FILE, Manifest
from btfsynth.backends.options import HardwareOptions
from btfsynth.backends.vectors import VectorTable
from btfsynth.dataset.dataset import Dataset
from btfsynth.flow.vectors import function_of, function_vectors, require_fit
from btfsynth.netlist.netlist import Netlist
from btfsynth.staging import publish, staging_folder

__all__ = ["emit_netlist"]


def emit_netlist(
    netlist: Netlist,
    dataset: Dataset | None,
    directory: Path,
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
        The folder; made if it is missing.
    options
        What hardware is made; a combinational design if None.

    Raises
    ------
    UsageError, DataError
        If the patterns do not fit the netlist or are not Boolean.
    OutputError
        If the folder cannot be written; it then holds what it held before.
    """
    origin: dict[str, Any] = {}
    if dataset is None:
        vectors = function_vectors(function_of(netlist), netlist.n_inputs)
    else:
        require_fit(netlist, dataset)
        vectors = VectorTable.from_dataset(dataset)
        origin = {
            "source": dataset.source,
            "data_hash": dataset.content_hash,
            "notices": dataset.notices,
        }
    with staging_folder(directory) as staging:
        manifest = write_design(netlist, vectors, staging, options=options, **origin)
        publish(staging, directory, last=MANIFEST_FILE)
    return manifest
