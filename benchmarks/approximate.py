"""Compare approximate multipliers with those of EvoApproxLib, optimised by the same ABC script.

    python benchmarks/approximate.py FOLDER [--width 8] [--levels W,W,...] [--sweeps 2] [-o WORK]

FOLDER contains Verilog files of EvoApproxLib (https://github.com/ehw-fit/evoapproxlib), also in subfolders.
Those with two operands of this width are read; their worst-case error is computed over all operands and
compared with the error stated in the file. For every level W, `approximate` searches for two circuits with a
worst-case error of at most W, one with few lookup tables and one with few ANDs; an interrupted run is
continued. Then ABC optimises every circuit of both sides by one script: ANDs are the nodes of its graph, LUT6
the fewest tables of several mappings. Tables with fewer than two inputs, which ABC makes for outputs that are
constant or an input, are not counted. Needs Yosys and ``yosys-abc`` or ``abc``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.table import Table

from btfsynth.approximation.exact import exact_netlist
from btfsynth.approximation.search import ApproximateOptions, approximate
from btfsynth.dataset.tasks import parse_task
from btfsynth.flow.simplify import lut_cost
from btfsynth.hdl.formats import get_writer, read_design
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import parse_netlist
from btfsynth.settings.table import Basis, Metric, Objective
from btfsynth.verify.error_metrics import Reading, measure
from btfsynth.workers.executor import local_executor

LEVELS = {7: (15, 31, 78, 154, 317, 812), 8: (3, 11, 40, 115, 431, 1577, 5380)}
RESYN2 = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"
MAPPINGS = (
    "if -K 6 -a; {}; mfs2 -a; {}",
    "dch; if -K 6 -a; mfs2 -a; {}",
    f"{RESYN2}; {RESYN2}; {RESYN2}; dc2; dc2; {RESYN2}; print_stats; if -K 6 -a; {{}}; mfs2 -a; {{}}; "
    "strash; dch; if -K 6 -a; {}; mfs2 -a; {}; strash; ifraig; dch; if -K 6; mfs2 -a; {}",
)
CANDIDATES = 4
"""Circuits of each search that are judged."""


@dataclass(frozen=True)
class Judged:
    name: str
    wce: int
    ands: int
    luts: int
    depth: int  # of the graph


def abc() -> str:
    for name in ("yosys-abc", "abc"):
        if found := shutil.which(name):
            return found
    sys.exit("needs yosys-abc or abc")


def tables_of(path: Path) -> int:
    """Count the tables of at least two inputs in a BLIF file."""
    lines = path.read_text(encoding="ascii").replace("\\\n", "").splitlines()
    return sum(line.startswith(".names") and len(line.split()) > 3 for line in lines)


def judge(name: str, netlist: Netlist, wce: int) -> Judged:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = folder / "circuit.aig"
        source.write_bytes(get_writer(source).content(netlist)[0])
        script = "; ".join(f"read_aiger {source}; strash; {mapping}" for mapping in MAPPINGS)
        names = [folder / f"{number}.blif" for number in range(script.count("{}"))]
        script = script.format(*(f"write_blif {path}" for path in names))
        said = subprocess.run(
            [abc(), "-q", script], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"and = +(\d+) +lev = *(\d+)", said)
        if found is None:
            sys.exit(f"{name}: expected the size of a graph from ABC, got {said[:200]!r}")
        luts = min(tables_of(path) for path in names)
        return Judged(name, wce, int(found[1]), luts, int(found[2]))


def theirs(folder: Path, exact: Netlist) -> Iterator[tuple[str, Netlist, int]]:
    """Yield the library's circuits of the width with their worst-case errors, each once."""
    seen = set()
    width = exact.input_ports[0].width
    for path in sorted(folder.rglob("*.v")):
        text = path.read_text(encoding="utf-8", errors="replace")
        stated = re.search(r"^// WCE = (\d+)", text, re.M)
        if path.stem in seen or path.stem.endswith("_pdk45") or stated is None:
            continue
        if f"[{width - 1}:0] A" not in text:  # quick; the ports decide below
            continue
        found = read_design(path)
        if [port.width for port in found.input_ports] != [width, width]:
            continue
        seen.add(path.stem)
        renamed = Netlist(
            exact.name, exact.input_ports, exact.output_ports, found.fanins, found.outputs
        )
        wce = measure(exact, renamed, Reading.of(exact.output_ports)).wce
        if wce != int(stated[1]):
            print(f"{path.name}: states a worst-case error of {stated[1]}, which is {wce}")
        yield path.stem, renamed, wce


def ours(exact: Netlist, level: int, work: Path, sweeps: int) -> Iterator[tuple[str, Netlist, int]]:
    """Search, and yield the best circuits of both searches."""
    settings = {"lut6": {"objective": Objective.LUT6}, "aig": {"basis": Basis.AIG}}
    for name, setting in settings.items():
        folder = work / f"{exact.name}_{level}_{name}"
        options = ApproximateOptions(
            bounds={Metric.WCE: Fraction(level)}, sweeps=sweeps, jobs=1, **setting
        )
        resume = (folder / "front.json").exists()
        approximate(exact, folder, options, resume=resume, executor=local_executor)
        lines = (folder / "points.jsonl").read_text(encoding="utf-8").splitlines()
        points = [json.loads(line) for line in lines]
        within = [point for point in points if int(point["errors"]["wce"]) <= level]
        found = [(parse_netlist(point["netlist"]), int(point["errors"]["wce"])) for point in within]
        found.sort(key=lambda each: lut_cost(each[0]) if name == "lut6" else (each[0].n_cells,))
        for number, (netlist, wce) in enumerate(found[:CANDIDATES]):
            yield f"{name} {number}", netlist, wce


def best(circuits: list[Judged], level: int) -> tuple[int, int]:
    """Return the fewest ANDs and the fewest tables within a bound."""
    within = [each for each in circuits if each.wce <= level]
    return min(each.ands for each in within), min(each.luts for each in within)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--levels", type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--sweeps", type=int, default=2)
    parser.add_argument("-o", dest="work", type=Path, default=Path("build/approximate"))
    arguments = parser.parse_args()
    exact, _ = exact_netlist(parse_task(f"multiplier:{arguments.width}"))
    library = [judge(*each) for each in theirs(arguments.folder, exact)]
    if not library:
        sys.exit(f"{arguments.folder}: no Verilog of {arguments.width}-bit multipliers there")
    table = Table(
        "WCE", "their ANDs", "LUT6", "our ANDs", "LUT6", "of one circuit: ANDs", "LUT6", "CPU s"
    )
    for level in arguments.levels or LEVELS.get(arguments.width, (1,)):
        begin = time.process_time()
        circuits = list(ours(exact, level, arguments.work, arguments.sweeps))
        seconds = time.process_time() - begin
        found = [judge(name, netlist, wce) for name, netlist, wce in circuits]
        ands, luts = best(library, level)
        both = [each for each in found if each.ands < ands and each.luts < luts]
        one = min(both, key=lambda each: (each.luts, each.ands), default=None)
        numbers = (level, ands, luts, *best(found, level))
        pair = ("-", "-") if one is None else (str(one.ands), str(one.luts))
        table.add_row(*map(str, numbers), *pair, f"{seconds:.0f}")
        print(*numbers, *pair, f"{seconds:.0f}", flush=True)
    Console().print(table)


if __name__ == "__main__":
    main()
