"""Fronts of error against cells, every metric recomputed vector by vector.

    python benchmarks/approximate_fronts.py [NAME ...] [--time-limit 60] [-o WORK]

NAME is a task such as multiplier:4, or random for a function of 10 inputs and 4 outputs; by default all listed.
After the search each circuit of the front is evaluated in plain Python, its cells on numbers of one bit per
vector, and its six metrics are summed up in fractions over all vectors. A metric that differs ends the program.
"""

from __future__ import annotations

import argparse
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from btfsynth.approximation.exact import exact_netlist
from btfsynth.approximation.search import ApproximateOptions, approximate
from btfsynth.dataset.tasks import parse_task
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import parse_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.workers.executor import local_executor

NAMES = ("multiplier:4", "adder:8", "popcount:15", "squarer:8", "random")


def random_function(inputs: int = 10, outputs: int = 4) -> Netlist:
    tables = np.random.default_rng(1).integers(0, 2, size=(outputs, 1 << inputs), dtype=np.uint8)
    builder = NetlistBuilder("random", (Port("x", inputs),), (Port("y", outputs),))
    literals = [builder.input(bit) for bit in range(inputs)]
    return builder.build([lower_table(builder, table, literals) for table in tables])


def values(netlist: Netlist) -> list[int]:
    """Return the outputs on every input vector, as one number each, by cells on numbers of a bit per vector."""
    vectors = 1 << netlist.n_inputs
    full = (1 << vectors) - 1
    known = [0]
    for bit in range(netlist.n_inputs):
        block = ((1 << (1 << bit)) - 1) << (1 << bit)
        known.append(full // ((1 << (2 << bit)) - 1) * block)

    def read(literal: int) -> int:
        return known[literal >> 1] ^ (full if literal & 1 else 0)

    for fanin in netlist.fanins.tolist():
        a, b, c = map(read, fanin)
        known.append(a & b | a & c | b & c)
    result = [0] * vectors
    for place, literal in enumerate(netlist.outputs.tolist()):
        for vector, digit in enumerate(reversed(f"{read(literal):0{vectors}b}")):
            result[vector] |= int(digit) << place
    return result


def metrics(exact: list[int], given: list[int]) -> dict[Metric, Fraction]:
    off = [abs(a - b) for a, b in zip(given, exact, strict=True)]
    relative = [Fraction(d, max(1, v)) for d, v in zip(off, exact, strict=True) if d]
    vectors = len(off)
    return {
        Metric.WCE: Fraction(max(off)),
        Metric.MAE: Fraction(sum(off), vectors),
        Metric.MSE: Fraction(sum(d * d for d in off), vectors),
        Metric.EP: Fraction(sum(d > 0 for d in off), vectors),
        Metric.MRE: Fraction(sum(map(float, relative))) / vectors,
        Metric.WCRE: max(relative, default=Fraction(0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("-o", dest="work", type=Path, default=Path("build/approximate"))
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        begin = time.monotonic()
        exact = random_function() if name == "random" else exact_netlist(parse_task(name))[0]
        options = ApproximateOptions(metric=Metric.WCE, time_limit=arguments.time_limit, jobs=1)
        folder = arguments.work / f"{exact.name}_front"
        report = approximate(exact, folder, options, executor=local_executor)
        seconds = time.monotonic() - begin
        wanted = values(exact)
        for point in report.front:
            for metric, value in metrics(wanted, values(parse_netlist(point.netlist))).items():
                stated = point.errors.value(metric)
                if abs(stated - value) > (1e-9 if metric is Metric.MRE else 0):
                    sys.exit(f"{name}, {point.name}: {metric.value} is {value}, stated as {stated}")
        ends = ", ".join(f"{point.errors.wce}: {point.cells}" for point in report.front)
        print(f"{name}: {exact.n_cells} cells, {seconds:.0f} s; wce: cells {ends}", flush=True)


if __name__ == "__main__":
    main()
