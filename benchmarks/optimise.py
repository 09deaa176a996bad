"""Optimiser scripts on many circuits: cells, depth and CPU time, as geometric means of ratios.

    python benchmarks/optimise.py                        # the scripts fast and size on generated circuits
    python benchmarks/optimise.py --script size --script best --circuit adder_16 --circuit sorter_8
    python benchmarks/optimise.py circuits/ --reference figures.csv --prove --jobs 2 --json results.json

Circuits are generated (``--list`` names them), or are netlists of any format the package reads: files, or
folders of AIGER and BLIF files. A reference is a CSV file with the columns name, cells and depth. With ``--json
FILE`` each result is written as soon as it is found, and results of the same circuit and script are not
repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from circuits_made import CIRCUITS, make_circuit

import btfsynth as btf
from btfsynth.api.netlists import Netlist
from btfsynth.errors import BtfsynthError
from btfsynth.files import write_text

__all__ = ["main", "measured", "ratios"]

_ENDINGS = {".aig", ".aag", ".blif"}
_DEFAULT_SCRIPTS = ("fast", "size")
Result = dict[str, Any]


def measured(
    circuit: str, script: str, prove: bool = False, time_limit: float | None = None
) -> Result:
    """Return what a script does to a circuit, named or in a file."""
    given = read_circuit(circuit)
    begin = time.process_time()
    made = given.optimize(None if script == "default" else script, time_limit=time_limit)
    seconds = time.process_time() - begin
    result: Result = {
        "circuit": Path(circuit).stem,
        "script": script,
        "inputs": given.core.n_inputs,
        "cells_before": given.cells,
        "depth_before": given.depth,
        "cells": made.cells,
        "depth": made.depth,
        "seconds": round(seconds, 2),
    }
    if made.unproven is not None:
        result["unproven_cells"] = made.unproven.cells
    if prove:
        result["equal"] = bool(made.equivalent(given))
    return result


def read_circuit(circuit: str) -> Netlist:
    if circuit in CIRCUITS:
        return Netlist(make_circuit(circuit))
    return btf.read(circuit)


def ratios(results: Iterable[Result], others: Mapping[str, tuple[float, float, float]]) -> Result:
    """Return the geometric means of cells, depth and seconds over others' of the same circuits."""
    sums, count = [0.0, 0.0, 0.0], 0
    for result in results:
        if result["circuit"] not in others:
            continue
        own = (result["cells"], result["depth"], result["seconds"])
        count += 1
        for place, (mine, other) in enumerate(zip(own, others[result["circuit"]], strict=True)):
            sums[place] += math.log(max(mine, 0.01) / max(other, 0.01))
    means = [round(math.exp(total / count), 3) for total in sums] if count else [math.nan] * 3
    return {"circuits": count, "cells": means[0], "depth": means[1], "seconds": means[2]}


def figures(results: Iterable[Result], when: str = "") -> dict[str, tuple[float, float, float]]:
    """Return cells, depth and seconds by circuit; `when` is ``_before`` for those as given."""
    return {
        each["circuit"]: (each[f"cells{when}"], each[f"depth{when}"], each["seconds"])
        for each in results
    }


def read_reference(path: Path) -> dict[str, tuple[float, float, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        if not {"name", "cells", "depth"} <= set(rows.fieldnames or ()):
            sys.exit(f"{path}: expected the columns name, cells and depth")
        try:
            return {
                row["name"]: (float(row["cells"]), float(row["depth"]), math.nan) for row in rows
            }
        except ValueError as error:
            sys.exit(f"{path}:{rows.line_num}: expected numbers: {error}")


def summary(
    results: Sequence[Result],
    scripts: Sequence[str],
    reference: Mapping[str, tuple[float, float, float]],
) -> list[Result]:
    """Return every script beside its input, the first script and the reference."""
    found = []
    by_script = {name: [each for each in results if each["script"] == name] for name in scripts}
    for name, own in by_script.items():
        found.append({"script": name, "beside": "as given", **ratios(own, figures(own, "_before"))})
        if name != scripts[0]:
            found.append(
                {
                    "script": name,
                    "beside": scripts[0],
                    **ratios(own, figures(by_script[scripts[0]])),
                }
            )
        if reference:
            found.append({"script": name, "beside": "reference", **ratios(own, reference)})
    for each in found:
        if each["beside"] != scripts[0]:
            del each["seconds"]
    return found


_COLUMNS = (
    "circuit",
    "script",
    "inputs",
    "cells_before",
    "depth_before",
    "cells",
    "depth",
    "seconds",
)


_MEANS = ("script", "beside", "circuits", "cells", "depth", "seconds")


def table_lines(rows: Sequence[Result], columns: Sequence[str], markdown: bool) -> Iterator[str]:
    """Yield a table, its columns aligned or in Markdown."""
    cells = [list(columns), *([str(row.get(name, "")) for name in columns] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    for number, row in enumerate(cells):
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()
        if markdown and number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def find_circuits(sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the circuits that were asked for: names, files, and the files of folders."""
    unknown = [name for name in names if name not in CIRCUITS]
    if unknown:
        sys.exit(f"unknown circuit {unknown[0]!r}; --list names those that can be made")
    found = list(names)
    for source in map(Path, sources):
        if source.is_dir():
            found += sorted(str(path) for path in source.iterdir() if path.suffix in _ENDINGS)
        else:
            found.append(str(source))
    return found or list(CIRCUITS)


def run_all(
    tasks: Sequence[tuple[str, str]], options: argparse.Namespace, results: list[Result]
) -> list[str]:
    """Measure all tasks, write each result when it is there; returns what failed."""
    failed = []
    begin = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        running = {
            pool.submit(measured, circuit, script, options.prove, options.time_limit): (
                circuit,
                script,
            )
            for circuit, script in tasks
        }
        for number, future in enumerate(as_completed(running), 1):
            circuit, script = running[future]
            try:
                result = future.result()
            except BtfsynthError as error:
                failed.append(f"{circuit}: {script}: {error}")
                continue
            results.append(result)
            if options.json is not None:
                write_text(options.json, json.dumps(results, indent=1) + "\n")
            print(
                f"{number} of {len(tasks)}, {time.monotonic() - begin:.0f} s: {result['circuit']} {script}: "
                f"{result['cells_before']}/{result['depth_before']} -> {result['cells']}/{result['depth']}, "
                f"{result['seconds']} s",
                file=sys.stderr,
            )
    return failed


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "sources", nargs="*", help="netlist files, or folders of AIGER and BLIF files"
    )
    parser.add_argument(
        "--circuit", action="append", default=[], help="a generated circuit; repeatable"
    )
    parser.add_argument("--script", action="append", help="passes, or 'default'; repeatable")
    parser.add_argument("--reference", type=Path, help="CSV file: name, cells, depth")
    parser.add_argument("--prove", action="store_true", help="prove every result once more")
    parser.add_argument("--time-limit", type=float, help="seconds a circuit and script")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, read again to resume")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="list the generated circuits")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    if options.list:
        print("\n".join(CIRCUITS))
        return 0
    scripts = options.script or list(_DEFAULT_SCRIPTS)
    circuits = find_circuits(options.sources, options.circuit)
    reference = {} if options.reference is None else read_reference(options.reference)
    resumed = options.json is not None and options.json.exists()
    results: list[Result] = json.loads(options.json.read_text("utf-8")) if resumed else []
    done = {(each["circuit"], each["script"]) for each in results}
    tasks = [(c, s) for c in circuits for s in scripts if (Path(c).stem, s) not in done]
    failed = run_all(tasks, options, results)
    order = {Path(circuit).stem: place for place, circuit in enumerate(circuits)}
    shown = [each for each in results if each["circuit"] in order and each["script"] in scripts]
    shown.sort(key=lambda each: (order[each["circuit"]], scripts.index(each["script"])))
    columns = (*_COLUMNS, *(["equal"] if options.prove else []))
    print("\n".join(table_lines(shown, columns, options.markdown)), end="\n\n")
    means = summary(shown, scripts, reference)
    print("\n".join(table_lines(means, _MEANS, options.markdown)))
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    wrong = [each["circuit"] for each in shown if each.get("equal") is False]
    for name in wrong:
        print(f"failed: {name}: the result is another function", file=sys.stderr)
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
