"""Bring your own table: a CSV file becomes checked hardware.

    python examples/own_csv.py [FOLDER] [--quick] [--table FILE.csv]

The example file, examples/data/seven_segment.csv, lists the segments of a display for each decimal digit. One
column is a number of four bits, the others are single outputs, and the rows from 10 on are don't-cares, which
makes the circuit smaller. In your own file, mark the columns in:NAME and out:NAME. FOLDER is hdl_out/<name of
the table> by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import btfsynth as btf

TABLE = Path(__file__).parent / "data" / "seven_segment.csv"


def main(folder: Path | None, quick: bool, table: Path) -> None:
    """Read the table, build, show the module."""
    data = btf.load(table)
    folder = folder or Path("hdl_out") / data.name
    ports = [f"{port.name} ({port.width})" for port in (*data.inputs, *data.outputs)]
    print(f"read        {len(data)} rows of {table.name}: {', '.join(ports)}")
    print(f"cares       {int(data.care.sum())} of {data.care.size} output bits matter")

    built = btf.build(
        data,
        folder,
        seed=1,
        passes="fast" if quick else "size",
        preserve="care",  # what the table says, and nothing else
        simulators=["amaranth"] if quick else None,
    )
    mig, right = built.netlist, built.network.score(data)
    print(f"learnt      {right.bits_right} of {right.bits} of these bits")
    print(f"netlist     {mig.cells} cells, depth {mig.depth}")
    for check in built.checks:
        print(
            f"{check.name:16}{check.skipped or f'{check.passed} vectors right, {check.failed} wrong'}"
        )
    print(f"verified    {built.verified}; files in {folder}")
    print(f"\n{built.netlist.to_verilog().partition('endmodule')[0]}endmodule")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true", help="one simulator, fewer passes")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE.csv")
    main(**vars(parser.parse_args()))
