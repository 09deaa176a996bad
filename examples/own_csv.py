"""Bring your own table: a CSV file becomes checked hardware.

    python examples/own_csv.py [FOLDER] [--quick] [--table FILE.csv]

The file that comes with it, examples/data/seven_segment.csv, says which segments of a display show a decimal
digit. A column of it is a number of four bits, the others are single outputs, and the rows from 10 on are
don't-cares: the circuit is free there, and smaller for it. Give your own file, its columns marked in:NAME and
out:NAME. FOLDER is hdl_out/<name of the table> by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from btfsynth.dataset.load import load
from btfsynth.flow.building import build
from btfsynth.flow.report import BuildOptions
from btfsynth.netlist.reference import Preserve
from btfsynth.train.session import TrainOptions

TABLE = Path(__file__).parent / "data" / "seven_segment.csv"


def main(folder: Path | None, quick: bool, table: Path) -> None:
    """Read the table, build, show the module."""
    data = load(table)
    folder = folder or Path("hdl_out") / data.name
    ports = [f"{port.name} ({port.width})" for port in (*data.input_ports, *data.output_ports)]
    print(f"read        {data.n_patterns} rows of {data.source}: {', '.join(ports)}")
    print(f"cares       {int(data.care_mask.sum())} of {data.care_mask.size} output bits matter")

    options = BuildOptions(
        TrainOptions(seed=1),
        passes="fast" if quick else "size",
        preserve=Preserve.CARE,  # what the table says, and nothing else
        simulators=("amaranth",) if quick else None,
    )
    report = build(data, folder, options)
    cost = report.cost
    print(f"learnt      {report.accuracy.bits_right} of {report.accuracy.bits} of these bits")
    print(f"netlist     {cost.cells} cells, depth {cost.depth}")
    for name, check in report.checks.items():
        print(f"{name:16}{check.skipped or f'{check.passed} vectors right, {check.failed} wrong'}")
    print(f"verified    {report.verified}; files in {folder}")
    verilog = (folder / f"{data.name}.v").read_text(encoding="utf-8")
    print(f"\n{verilog[verilog.index('module') :]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true", help="one simulator, fewer passes")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE.csv")
    main(**vars(parser.parse_args()))
