"""Discover a multiplier: from a truth table to hardware, then the smallest circuit of many trainings.

    python examples/multiplier.py [FOLDER] [--quick]

Learns the product of two 2-bit numbers, writes the hardware and simulates it. Then trains the product of two
3-bit numbers repeatedly for a minute and keeps the smallest circuits. The textbook array of 9 ANDs, 2 half
adders and 4 full adders has 27 cells. With --quick both multipliers have 2 bits, and the script takes seconds.
FOLDER is hdl_out/multiplier by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import btfsynth as btf


def main(folder: Path, quick: bool) -> None:
    """Build one, then search for small ones."""
    data = btf.load("multiplier:2")
    built = btf.build(data, folder / "one", seed=1, simulators=["amaranth"])
    right = built.network.score(data)
    print(f"trained     {right.bits_right} of {right.bits} bits right")
    print(built.netlist.log)
    for check in built.checks:
        print(f"{check.name:16}{check.passed:4} vectors right, {check.failed} wrong")
    print(f"verified    {built.verified}; files in {folder / 'one'}")

    task = "multiplier:2" if quick else "multiplier:3"
    limits = {"trials": 6, "polish": False} if quick else {"jobs": 2}
    seconds = None if quick else 60
    found = btf.discover(task, folder / "many", time_limit=seconds, **limits)
    print(f"\nsearched    {task}: {found.trials} trainings, {found.exact} of them exact")
    print(f"found       {found.distinct} different circuits; the best, each checked:")
    print(found.front)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/multiplier"))
    parser.add_argument("--quick", action="store_true", help="2 bits only, six trainings")
    main(**vars(parser.parse_args()))
