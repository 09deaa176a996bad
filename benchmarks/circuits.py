"""Write array multipliers as netlist files; measure the time to read them and to detect their majorities.

python benchmarks/circuits.py FOLDER [WIDTH ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from circuits import AND_ADDERS, array_multiplier

from btfsynth.files import make_folder, write_bytes
from btfsynth.hdl.formats import WRITERS, read_design
from btfsynth.netlist.simulation import function_reference, output_words, pack_bits, unpack_bits
from btfsynth.passes.basic import Detect

_FORMATS = ("aig", "aag", "blif", "bench", "verilog")
_MAX_VERILOG_CELLS = 20_000
"""Pyverilog takes about a millisecond a line."""


def main(folder: Path, widths: list[int]) -> None:
    """Write every width in every format and print one line for each."""
    make_folder(folder)
    print(f"{'file':16} {'cells':>8} {'read s':>7} {'detect':>8} {'s':>7} {'majorities':>10}")
    for width in widths:
        majorities = array_multiplier(width, width).n_cells
        netlist = array_multiplier(width, width, AND_ADDERS[0])
        for name in _FORMATS:
            writer = WRITERS[name]
            if name == "verilog" and netlist.n_cells > _MAX_VERILOG_CELLS:
                continue
            path = folder / f"mul{width}{writer.ending}"
            write_bytes(path, writer.content(netlist)[0])
            start = time.perf_counter()
            given = read_design(path)
            read = time.perf_counter() - start
            reference = function_reference(
                lambda vectors, of=given: unpack_bits(
                    output_words(of, pack_bits(vectors)), len(vectors)
                ),
                given.n_inputs,
            )
            start = time.perf_counter()
            found = Detect().apply(given, reference)
            seconds = time.perf_counter() - start
            print(
                f"{path.name:16} {given.n_cells:8} {read:7.2f} {found.n_cells:8} {seconds:7.2f} "
                f"{majorities:10}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("widths", type=int, nargs="*", default=[3, 4, 8, 32, 128], metavar="WIDTH")
    given = parser.parse_args()
    main(given.folder, given.widths)
