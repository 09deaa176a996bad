"""Smallest circuits found for well-known functions, compared with references.

    python benchmarks/functions.py [--time-limit SECONDS] [--jobs N] [--markdown] [TASK ...]

`btfsynth discover` runs on each function for the same time. The time in the table is that of the best circuit,
without the start of the workers. Cells are AND, OR and majority; inverters are free. A reference is the size of
the textbook circuit in the same cells: a full adder takes 3, a half adder 3.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from btfsynth.dataset.load import load
from btfsynth.discovery.search import DiscoverOptions, discover
from btfsynth.events import Event, SearchStatus
from btfsynth.training.session import TrainOptions

OPTIMAL = "minimum, by SAT"
REFERENCES = {
    "multiplier:2": (8, "array, minimum by SAT"),
    "multiplier:2x3": (15, "array"),
    "multiplier:3": (27, "array"),
    "multiplier:4": (52, "array"),
    "squarer:3": (None, ""),
    "squarer:4": (None, ""),
    "full_adder": (3, OPTIMAL),
    "adder:2": (6, "half and full adder"),
    "adder:3": (9, "ripple"),
    "adder:4": (12, "ripple"),
    "majority:5": (4, "minimum, Soeken et al. 2017"),
    "majority:7": (7, "counting, best known"),
    "majority:9": (12, "counting"),
    "comparator:2": (None, ""),
    "comparator:3": (None, ""),
    "popcount:4": (9, "adders"),
    "popcount:7": (12, "4 full adders"),
    "parity:3": (3, OPTIMAL),
    "parity:4": (6, "two exclusive ors of 3"),
    "automaton:30": (4, OPTIMAL),
}


def search(task: str, seconds: float, jobs: int) -> list[str]:
    """Return a row of the table."""
    best: list[tuple[int, float]] = []

    def follow(event: Event) -> None:
        match event:
            case SearchStatus(cells=int(cells)) if not best or cells < best[-1][0]:
                best.append((cells, event.seconds))

    with tempfile.TemporaryDirectory() as folder:
        options = DiscoverOptions(TrainOptions(seed=1), time_limit=seconds, jobs=jobs)
        report = discover(load(task), Path(folder) / "d", options, on_event=follow)
        front = report.to_json()["front"]
    size, source = REFERENCES.get(task, (None, ""))
    known = "-" if size is None else f"{size}, {source}"
    if not front:
        return [task, "none", "-", known, f"{report.exact} of {report.trials}", "-"]
    entry = front[0]
    found = f"{best[-1][1]:.0f}" if best else "-"
    counts = f"{report.exact} of {report.trials}"
    return [task, str(entry["cells"]), str(entry["depth"]), known, counts, found]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-limit", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("tasks", nargs="*", default=list(REFERENCES))
    options = parser.parse_args()
    headings = ("function", "cells", "depth", "reference", "exact trials", "seconds")
    table = Table(title=f"{options.time_limit:g} s a function, {options.jobs} jobs")
    for heading in headings:
        table.add_column(heading)
    if options.markdown:
        print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for task in options.tasks:
        row = search(task, options.time_limit, options.jobs)
        if options.markdown:
            print(f"| {' | '.join(row)} |", flush=True)
        else:
            table.add_row(*row)
    if not options.markdown:
        Console(width=110).print(table)


if __name__ == "__main__":  # workers import this file
    main()
