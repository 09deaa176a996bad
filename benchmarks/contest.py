"""Majority cells of the functions of the IWLS programming contests, beside the best and-inverter graphs.

    python benchmarks/contest.py FOLDER [NAME ...] [--year 2022] [--max-inputs 10] [--results FILE]

FOLDER is a clone of https://github.com/alanminko/iwls2025-ls-contest, or its ``benchmarks`` folder. Each
function is optimised from its truth table alone, and from the smallest submitted graph if there is one. Every
result is compared with the table on all input vectors. Finished functions are saved in FILE, one JSON record
per line, and not repeated. The last lines are the totals. Nodes of a graph are ANDs of two inputs; cells are
ANDs, ORs and majorities. A majority takes four ANDs, an exclusive or three nodes or three cells.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from btfsynth.flow.simplify import optimise
from btfsynth.hdl.formats import read_design
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words
from btfsynth.netlist.views import statistics
from btfsynth.passes.registry import parse_script

_FIRST = "strash; detect; rewrite; functional_hash; resub -k 1 --patience 0"
_MORE = "resub -k 1 --patience 5000; anneal --steps 20000; anneal --steps 80000 --seed 2; perturb; inverters"
SCRIPTS = {"table": f"collapse; {_MORE}", "graph": f"{_FIRST}; {_MORE}"}
COLUMNS = ("function", "inputs", "outputs", "best AIG", "from the table", "from the AIG")


def find_functions(folder: Path, year: str, names: list[str]) -> dict[str, Path]:
    """Return the truth tables by name; a folder without any, or an unknown name, ends the program."""
    root = folder / "benchmarks" if (folder / "benchmarks").is_dir() else folder
    found = {path.stem: path for path in sorted((root / year).glob("*.truth"))}
    if not found:
        sys.exit(
            f"{root / year}: expected truth tables (*.truth), found none; clone the contest's repository"
        )
    unknown = [name for name in names if name not in found]
    if unknown:
        sys.exit(f"{root / year}: no function {', '.join(unknown)}; there are {', '.join(found)}")
    return {name: path for name, path in found.items() if not names or name in names}


def table_width(path: Path) -> int:
    """Return the number of inputs of a truth table, from its first line."""
    with path.open(encoding="ascii") as file:
        return len(file.readline().strip()).bit_length() - 1


def best_graph(folder: Path, year: str, name: str) -> tuple[int, Path] | None:
    """Return the nodes of the smallest graph submitted and its file."""
    graphs = []
    for path in sorted((folder / "submissions").glob(f"*/{year}/{name}.aig")):
        with path.open("rb") as file:
            graphs.append((int(file.readline().split()[5]), path))
    return min(graphs, default=None, key=lambda graph: graph[0])


def smallest(netlist: Netlist, script: str, seconds: float | None, wanted: Any) -> dict[str, Any]:
    """Optimise a netlist and return cells, depth and CPU seconds; wrong outputs end the program."""
    start = time.process_time()
    deadline = None if seconds is None else time.monotonic() + seconds
    result = optimise(netlist, None, parse_script(script), deadline).netlist
    spent = time.process_time() - start
    if not np.array_equal(output_words(result, exhaustive_words(result.n_inputs)), wanted):
        sys.exit(f"{netlist.name}: the result is not the function of the table")
    cost = statistics(result)
    return {"cells": cost.cells, "depth": cost.depth, "seconds": round(spent, 1)}


def measure(name: str, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of one function."""
    table = read_design(path)
    wanted = output_words(table, exhaustive_words(table.n_inputs))
    record: dict[str, Any] = {"name": name, "inputs": table.n_inputs, "outputs": table.n_outputs}
    record["table"] = smallest(table, options.table_passes, options.time_limit, wanted)
    graph = best_graph(options.folder, options.year, name)
    if graph is not None:
        record["nodes"], file = graph
        given = read_design(file)
        if not np.array_equal(output_words(given, exhaustive_words(given.n_inputs)), wanted):
            sys.exit(f"{file}: is not the function of {path}")
        record["graph"] = smallest(given, options.graph_passes, options.time_limit, wanted)
    return record


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of an earlier run by name; a last line cut short is dropped."""
    if not path.exists():
        return {}
    records = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        records[record["name"]] = record
    return records


def rows_of(records: list[dict[str, Any]]) -> list[list[str]]:
    """Return the rows of the table, with totals over the functions that have both results."""

    def shown(part: dict[str, Any] | None) -> str:
        return "-" if part is None else f"{part['cells']} / {part['depth']}"

    rows = [
        [
            record["name"],
            str(record["inputs"]),
            str(record["outputs"]),
            str(record.get("nodes", "-")),
            shown(record["table"]),
            shown(record.get("graph")),
        ]
        for record in records
    ]
    both = [record for record in records if "graph" in record]
    nodes = sum(record["nodes"] for record in both)
    if nodes:
        totals = [sum(record[kind]["cells"] for record in both) for kind in ("table", "graph")]
        words = [f"{total} ({total / nodes:.3f})" for total in totals]
        rows.append([f"total of {len(both)}", "", "", str(nodes), *words])
    return rows


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="clone of the contest's repository")
    parser.add_argument("names", nargs="*", metavar="NAME", help="functions  [default: all]")
    parser.add_argument("--year", default="2022", help="2022 or 2025")
    parser.add_argument("--max-inputs", type=int, default=10)
    parser.add_argument("--results", type=Path, default=Path("contest.jsonl"))
    parser.add_argument("--time-limit", type=float, help="seconds per start  [default: none]")
    parser.add_argument("--table-passes", default=SCRIPTS["table"])
    parser.add_argument("--graph-passes", default=SCRIPTS["graph"])
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--markdown", action="store_true")
    shown.add_argument("--json", action="store_true")
    options = parser.parse_intermixed_args()
    functions = find_functions(options.folder, options.year, options.names)
    functions = {
        name: path for name, path in functions.items() if table_width(path) <= options.max_inputs
    }
    done = read_results(options.results)
    for name, path in functions.items():
        if name not in done:
            done[name] = measure(name, path, options)
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[name]) + "\n")
    records = [done[name] for name in functions]
    show(records, options)


def show(records: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print records as JSON, Markdown or a table."""
    if options.json:
        print(json.dumps(records, indent=2))
    elif options.markdown:
        for row in (COLUMNS, ["---"] * len(COLUMNS), *rows_of(records)):
            print(f"| {' | '.join(row)} |")
    else:
        table = Table(*COLUMNS)
        for row in rows_of(records):
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    main()
