"""Compare estimated lookup tables with those after mapping by Yosys and ABC.

Usage: ``python benchmarks/estimate.py [--tries N] DIRECTORY ...`` with design folders; needs Yosys. Prints one
line for each: 4-input tables and levels, as estimated and as mapped for an iCE40.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from btfsynth.fpga.devices import find_toolchain, get_device
from btfsynth.fpga.lut_mapper import estimate
from btfsynth.fpga.place import Subject, map_scripts, map_subject
from btfsynth.sim.simulators import load_design
from btfsynth.verify.subjects import read_subject

_TIMEOUT = 1800.0


def main(folders: list[Path], tries: int) -> None:
    """Print a line for each design."""
    device = get_device("ice40-hx1k")
    yosys = find_toolchain(device, print).yosys
    print(
        f"{'design':24} {'LUT4':>5} {'levels':>7} {'mapped':>7} {'levels':>7} {'more':>6} {'s':>5}"
    )
    for folder in folders:
        manifest = load_design(folder).manifest
        start = time.perf_counter()
        found = estimate(read_subject(folder).netlist).tables[0]
        seconds = time.perf_counter() - start
        scripts = map_scripts(
            sum(port.width for port in manifest.inputs), manifest.netlist["cells"], tries
        )
        with tempfile.TemporaryDirectory() as workspace:
            shutil.copyfile(folder / manifest.files["verilog"], Path(workspace) / "design.v")
            subject = Subject("design.v", manifest.module, manifest.timing is not None)
            made = map_subject(
                yosys, subject, device.family, scripts, Path(workspace), _TIMEOUT
            ).counts
        more = found.luts / made.luts - 1
        print(
            f"{manifest.name:24} {found.luts:5} {found.levels:7} {made.luts:7} {made.levels:7} "
            f"{more:6.0%} {seconds:5.1f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tries", type=int, default=4)
    options = parser.parse_args()
    main(options.folders, options.tries)
