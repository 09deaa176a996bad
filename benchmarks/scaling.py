"""Limits of work on many processes: a cost model, its measured constants, and its predictions.

    python benchmarks/scaling.py [--quick] [--only mpi|dask] [--json FILE]

For one training over MPI, the constants are the time per edge and pattern, and bytes and time of the messages;
the model is compared with two processes, with and without artificially delayed messages. For trials on Dask,
they are the length of trials and the cost of a task on worker, client and scheduler; the model is compared with
one and two workers, with and without delayed results. It then predicts 10, 100 and 1,000 cores. The delays are
inserted between the program and its partners.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import scaling_dask
import scaling_mpi
from rich.console import Console
from rich.table import Table


def table(title: str, headings: tuple[str, ...], rows: list[tuple[object, ...]]) -> Table:
    """Return a table, numbers to the right."""
    made = Table(title=title)
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="right" if place else "left")
    for row in rows:
        made.add_row(*map(str, row))
    return made


def main() -> None:
    """Measure, compare, foretell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter repetitions, fewer trials")
    parser.add_argument("--only", choices=("mpi", "dask"))
    parser.add_argument("--json", dest="file", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(width=110)
    begin, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    found: dict[str, object] = {"cores": cores, "load_before": begin}
    console.print(f"{cores} cores, load {begin:.2f} before")
    for name, module in (("mpi", scaling_mpi), ("dask", scaling_dask)):
        if options.only in (None, name):
            measured = module.measure(options.quick)
            for each in module.tables(measured):
                console.print(table(*each))
            found[name] = measured
    found["load_after"] = os.getloadavg()[0]
    console.print(f"load {found['load_after']:.2f} after")
    if options.file is not None:
        options.file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
