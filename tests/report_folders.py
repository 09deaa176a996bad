"""Design folders for tests of reports, made from textbook circuits without a training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from circuits import array_multiplier, full_adder, majority_adder

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.tasks import parse_task
from btfsynth.files import write_text
from btfsynth.flow.building import emit_netlist
from btfsynth.hdl.design import HardwareOptions
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port

HOSTILE = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror=window.hit=2>',
    "</script>'&amp;",
)
"""Names that are markup."""


def write_folder(
    netlist: Netlist,
    directory: Path,
    dataset: Dataset | None = None,
    options: HardwareOptions | None = None,
) -> Path:
    """Write a netlist as a design folder with its own netlist file."""
    directory.mkdir()
    manifest = emit_netlist(netlist, dataset, directory, options)
    write_text(directory / f"{manifest.module}.mig", format_netlist(netlist))
    return directory


def multiplier_folder(bits: int, directory: Path) -> Path:
    """Write the array multiplier, against the patterns of the task."""
    netlist = replace(array_multiplier(bits, bits), name=f"multiplier_{bits}")
    return write_folder(netlist, directory, parse_task(f"multiplier:{bits}"))


def hostile_folder(directory: Path) -> Path:
    """Write a full adder of which every name is an attack on a page."""
    adder = full_adder(majority_adder)
    ports = tuple(Port(name, 1) for name in HOSTILE)
    return write_folder(
        replace(adder, name="</title><script>window.hit=3</script>", input_ports=ports), directory
    )


def wrong_folder(directory: Path) -> Path:
    """Write a 2-bit multiplier with its last output inverted: wrong on every vector."""
    netlist = array_multiplier(2, 2)
    outputs = netlist.outputs.copy()
    outputs[-1] ^= 1
    return write_folder(
        replace(netlist, name="multiplier_2", outputs=outputs),
        directory,
        parse_task("multiplier:2"),
    )


def add_build(directory: Path, netlist: Netlist, **more: Any) -> dict[str, Any]:
    """Write a record of a build that fits the design in a folder."""
    manifest = json.loads((directory / "manifest.json").read_text())
    record = {
        "data_hash": manifest["data_hash"],
        "netlist": {**statistics(netlist).record(), "lowered_cells": 40},
        "checks": {"icarus": {"passed": 16, "failed": 0}},
        "verified": True,
        "files": [],
        **more,
    }
    (directory / "report.json").write_text(json.dumps(record))
    return record


def all_inputs(bits: int) -> list[str]:
    """Return every vector of so many bits as text, bit 0 first."""
    numbers = np.arange(1 << bits)
    return ["".join(str(n >> bit & 1) for bit in range(bits)) for n in numbers.tolist()]
