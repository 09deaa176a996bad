"""Compare approximate multipliers with those of EvoApproxLib, optimised by the same ABC script.

    python benchmarks/approximate.py FOLDER [--width 8] [--levels W,W,...] [--sweeps 2] [-o WORK]

FOLDER contains Verilog files of EvoApproxLib (https://github.com/ehw-fit/evoapproxlib), also in subfolders.
Those with two operands of this width are read; their worst-case error is computed over all operands and
compared with the error stated in the file. For every level W, `approximate` searches for two circuits with a
worst-case error of at most W, one with few lookup tables and one with few ANDs; an interrupted run is
continued. Then ABC counts every circuit of both sides in two ways:

plain   ``strash``, resyn2 once: ANDs are the nodes of the graph; ``if -K 6``: LUT6 are all nodes of the
        network as ABC prints them, also those without inputs (constants) and with one (wires, inverters)
effort  resyn2 four times and dc2 twice: ANDs; LUT6 are the fewest tables of several mappings with mfs2, without
        tables of fewer than two inputs

Needs Yosys and ``yosys-abc`` or ``abc``.
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
PLAIN = f"{RESYN2}; print_stats; if -K 6; print_stats"
GRAPH = r"\band = +(\d+)", r"\blev = *(\d+)"
MAPPINGS = (
    "if -K 6 -a; {}; mfs2 -a; {}",
    "dch; if -K 6 -a; mfs2 -a; {}",
    f"{RESYN2}; {RESYN2}; {RESYN2}; dc2; dc2; {RESYN2}; print_stats; if -K 6 -a; {{}}; mfs2 -a; {{}}; "
    "strash; dch; if -K 6 -a; {}; mfs2 -a; {}; strash; ifraig; dch; if -K 6; mfs2 -a; {}",
)
CANDIDATES = 4
"""Circuits of each search that are judged."""


@dataclass(frozen=True)
class Count:
    ands: int
    depth: int  # of the graph
    luts: int


@dataclass(frozen=True)
class Judged:
    name: str
    wce: int
    counts: dict[str, Count]  # plain, effort


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
        begin = f"read_aiger {source}; strash"
        plain = Count(*figures(f"{begin}; {PLAIN}", *GRAPH, r"\bnd = +(\d+)"))
        script = "; ".join(f"{begin}; {mapping}" for mapping in MAPPINGS)
        names = [folder / f"{number}.blif" for number in range(script.count("{}"))]
        script = script.format(*(f"write_blif {path}" for path in names))
        graph = figures(script, *GRAPH)
        effort = Count(*graph, min(tables_of(path) for path in names))
        return Judged(name, wce, {"plain": plain, "effort": effort})


def figures(script: str, *patterns: str) -> list[int]:
    """Run a script of ABC and return the first number that it prints after each pattern."""
    said = subprocess.run([abc(), "-q", script], capture_output=True, text=True, check=True).stdout
    found = [re.search(pattern, said) for pattern in patterns]
    if None in found:
        sys.exit(f"expected sizes from ABC, got {said[:200]!r}")
    return [int(each[1]) for each in found if each]


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


def compared(
    way: str, level: int, library: list[Judged], found: list[Judged]
) -> tuple[int | str, ...]:
    """Return a row: the least of both sides within a bound, and one circuit that is ahead in both counts."""
    theirs, ours = (
        [each.counts[way] for each in side if each.wce <= level] for side in (library, found)
    )
    theirs_least, ours_least = least(theirs), least(ours)
    both = [each for each in ours if each.ands < theirs_least[0] and each.luts < theirs_least[2]]
    one = min(both, key=lambda each: (each.luts, each.ands), default=None)
    pair = ("-", "-") if one is None else (one.ands, one.luts)
    return (level, *theirs_least, *ours_least, *pair)


def least(counts: list[Count]) -> tuple[int, int, int]:
    """Return the fewest ANDs, the depth of this graph, and the fewest tables."""
    ands, depth = min((each.ands, each.depth) for each in counts)
    return ands, depth, min(each.luts for each in counts)


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
    sides = (
        f"{whose} {count}" for whose in ("their", "our") for count in ("ANDs", "depth", "LUT6")
    )
    heads = ("WCE", *sides, "one: ANDs", "LUT6", "CPU s")
    tables = {way: Table(*heads, title=way) for way in ("plain", "effort")}
    for level in arguments.levels or LEVELS.get(arguments.width, (1,)):
        begin = time.process_time()
        circuits = list(ours(exact, level, arguments.work, arguments.sweeps))
        seconds = time.process_time() - begin
        found = [judge(*each) for each in circuits]
        for way, table in tables.items():
            row = (*compared(way, level, library, found), f"{seconds:.0f}")
            table.add_row(*map(str, row))
            print(way, *row, flush=True)
    for table in tables.values():
        Console(width=100).print(table)


if __name__ == "__main__":
    main()
