"""From a truth table to checked hardware, in Python.

    python examples/multiplier.py [FOLDER]

Learns the product of two 2-bit numbers, lowers the network to AND, OR and majority cells, makes the netlist
small, writes Verilog and Amaranth to FOLDER (hdl_out/multiplier_2 by default) and simulates both.
"""

from __future__ import annotations

import sys
from pathlib import Path

from btfsynth.dataset.load import load
from btfsynth.flow import BuildOptions, build
from btfsynth.train.session import TrainOptions


def main(folder: Path) -> None:
    """Build the multiplier and show what came of it."""
    data = load("multiplier:2")
    options = BuildOptions(TrainOptions(seed=1), simulators=("amaranth",))
    report = build(data, folder, options)
    run = report.origin.run
    assert run is not None  # this network was trained here
    best = run.best
    print(f"trained     {best.bits_right} of {best.bits} bits right after {best.iterations} steps")
    print(f"lowered     {report.lowering.cells} cells")
    for step in report.passes:
        print(f"{step.name:16}{step.after.cells:4} cells, checked on {step.proof}")
    for name, check in report.checks.items():
        print(f"{name:16}{check.passed:4} vectors right, {check.failed} wrong")
    print(f"verified    {report.verified}; files in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("hdl_out/multiplier_2"))
