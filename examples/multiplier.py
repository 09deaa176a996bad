"""Discover a multiplier: from a truth table to hardware, then the smallest circuit of many trainings.

    python examples/multiplier.py [FOLDER] [--quick]

Learns the product of two 2-bit numbers, writes and simulates its hardware; then trains the product of two
3-bit numbers again and again for a minute and keeps the smallest circuits. The school method, 9 ANDs and 2
half and 4 full adders, has 27 cells (a half adder is 3, a full adder 3 of majorities). With --quick both are
of 2 bits, and it takes seconds. FOLDER is hdl_out/multiplier by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from btfsynth.dataset.load import load
from btfsynth.discover.search import DiscoverOptions, discover
from btfsynth.flow.building import build
from btfsynth.flow.report import BuildOptions
from btfsynth.train.session import TrainOptions


def build_one(folder: Path) -> None:
    """Train once, and make hardware of what was learnt."""
    data = load("multiplier:2")
    options = BuildOptions(TrainOptions(seed=1), simulators=("amaranth",))
    report = build(data, folder, options)
    right = report.accuracy
    print(f"trained     {right.bits_right} of {right.bits} bits right")
    print(f"lowered     {report.lowering.cells} cells")
    for step in report.passes:
        print(f"{step.name:16}{step.after.cells:4} cells, checked on {step.proof}")
    for name, check in report.checks.items():
        print(f"{name:16}{check.passed:4} vectors right, {check.failed} wrong")
    print(f"verified    {report.verified}; files in {folder}")


def discover_small(folder: Path, task: str, options: DiscoverOptions) -> None:
    """Train many times, and keep the circuits that no other beats in cells, depth and inverters."""
    report = discover(load(task), folder, options)
    print(f"\nsearched    {task}: {report.trials} trainings, {report.exact} of them exact")
    print(f"found       {report.distinct} different circuits; the best, each checked:")
    for entry in report.front:
        print(
            f"            {entry['cells']} cells, depth {entry['depth']}: {folder / entry['path']}"
        )


def main(folder: Path, quick: bool) -> None:
    """Do both."""
    build_one(folder / "one")
    if quick:
        options = DiscoverOptions(trials=6, time_limit=None, polish=False)
        discover_small(folder / "many", "multiplier:2", options)
    else:
        discover_small(folder / "many", "multiplier:3", DiscoverOptions(time_limit=60, jobs=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/multiplier"))
    parser.add_argument("--quick", action="store_true", help="2 bits only, six trainings")
    main(**vars(parser.parse_args()))
