"""Digits on an FPGA: train on handwritten digits, build the network as hardware, show it unseen images.

    python examples/digits.py [FOLDER] [--quick]

Needs scikit-learn for the images (pip install scikit-learn) and Verilator. 512 of the 1797 images of
8x8 grey levels train a network of 64-64-10 in half a minute. Weights become the least integers that leave every
label as it is, grey levels ports of 5 bits, and the class with the largest sum a port of its own. The hardware,
some 60,000 cells, is simulated on 200 images that took no part in training, and gives each the label that the
trained network gives it. At last the look-up tables it would take on an FPGA. All that takes some minutes; with
--quick pixels are black or white, the network is small and not good, and Icarus Verilog simulates it in
seconds. FOLDER is hdl_out/digits by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from btfsynth.dataset.code import parse_code
from btfsynth.dataset.load import load
from btfsynth.flow.building import build
from btfsynth.flow.report import BuildOptions
from btfsynth.fpga.estimate import estimate
from btfsynth.netlist.text import read_netlist
from btfsynth.train.parameters import StopRule
from btfsynth.train.session import TrainOptions


def main(folder: Path, quick: bool) -> None:
    """Train, build, simulate, estimate."""
    shown, unseen, hidden, steps = (128, 40, 4, 300) if quick else (512, 200, 64, 50_000)
    images = load(f"digits:grey,train={shown}")
    valid = load(f"digits:grey,train={shown},part=test,count={unseen}")
    options = BuildOptions(
        TrainOptions(
            seed=1,
            trials=1,
            widths=(64, hidden, 10),
            sigma=5.0,
            beta=0.4,
            gamma=1e-3,
            stop=StopRule.NONE if quick else StopRule.GAP,
            gap_limit=0.1,
            max_iterations=steps,
        ),
        code=parse_code("threshold:0.5" if quick else "levels:16"),
        weights="labels",
        label=True,
        passes="light",
        simulators=("icarus",) if quick else ("verilator",),
    )
    report = build(images, folder, options, valid=valid)
    assert report.hardware is not None
    accuracy = report.hardware.accuracy
    for station in ("trained", "quantised", "netlist"):
        right = accuracy[station]["valid"]
        print(f"{station:12}{right.labels_right} of {right.patterns} unseen images right")
    same = report.hardware.labels_as_trained["valid"]
    print(f"same        {same} of {unseen} labels of the hardware are the trained network's")
    for name, check in report.checks.items():
        print(f"{name:16}{check.skipped or f'{check.passed} vectors right, {check.failed} wrong'}")
    print(f"netlist     {report.cost.cells} cells, depth {report.cost.depth}")
    small = estimate(read_netlist(folder / "digits.mig")).tables
    for table in small:
        print(f"LUT{table.inputs}        {table.luts} tables, {table.levels} levels")
    print(f"verified    {report.verified}; files in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/digits"))
    parser.add_argument("--quick", action="store_true", help="a small network, a few seconds")
    main(**vars(parser.parse_args()))
