"""Digits on an FPGA: train on handwritten digits, build the network as hardware, show it unseen images.

    python examples/digits.py [FOLDER] [--quick]

Needs scikit-learn for the images (pip install scikit-learn) and Verilator. 512 of the 1797 images of 8x8 grey
levels train a network of 64-64-10 in half a minute. Weights become the smallest integers that keep every label,
grey levels become ports of 5 bits, and the class with the largest sum gets its own port. The hardware, about
60,000 cells, is simulated on 200 images that were not used for training, and has the label of the trained
network for each. Finally the lookup tables on an FPGA are estimated. This takes some minutes. With --quick
pixels are black or white, the network is small and inaccurate, and Icarus Verilog simulates it in seconds.
FOLDER is hdl_out/digits by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import btfsynth as btf

FULL = {"widths": (64, 64, 10), "stop": "gap", "gap_limit": 0.1, "max_iterations": 50_000}
QUICK = {"widths": (64, 4, 10), "stop": "none", "max_iterations": 300}


def main(folder: Path, quick: bool) -> None:
    """Train, build, simulate, estimate."""
    shown, unseen = (128, 40) if quick else (512, 200)
    images = btf.load(f"digits:grey,train={shown}")
    valid = btf.load(f"digits:grey,train={shown},part=test,count={unseen}")
    training = {"trials": 1, "sigma": 5.0, "beta": 0.4, "gamma": 1e-3, **(QUICK if quick else FULL)}
    code = "threshold:0.5" if quick else "levels:16"
    hardware = {"code": code, "weights": "labels", "label": True, "passes": "light"}
    simulators = ["icarus" if quick else "verilator"]
    built = btf.build(images, folder, valid=valid, simulators=simulators, **training, **hardware)
    for station, right in built.accuracy.items():
        print(f"{station:12}{right['valid'].labels_right} of {unseen} unseen images right")
    same = built.labels_as_trained["valid"]
    print(f"same        {same} of {unseen} labels of the hardware are the trained network's")
    for check in built.checks:
        print(f"{check.name:16}{check.skipped or f'{check.passed} right, {check.failed} wrong'}")
    print(f"netlist     {built.netlist.cells} cells, depth {built.netlist.depth}")
    print(built.netlist.luts())
    print(f"verified    {built.verified}; files in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/digits"))
    parser.add_argument("--quick", action="store_true", help="a small network, a few seconds")
    main(**vars(parser.parse_args()))
