"""Learning circuits from samples: single networks, the whole portfolio, and scikit-learn's tree and forest.

    python benchmarks/learn.py [--time-limit SECONDS | --trials N] [--rows N] [--jobs N] [--markdown] [NAME ...]

Every function is sampled three times at random (6,400 rows each, as in the contests on learning from samples),
for training, validation and test. The table has the test accuracies and the size of the circuit within 5,000
AND nodes. *Accuracy alone* is the circuit with the highest validation accuracy, whatever its size, as chosen by
``learn --tolerance 0``; its AND nodes are counted before the optimiser. ``--write FOLDER`` only writes the
samples as PLA files.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import save
from btfsynth.dataset.patterns import group_rows
from btfsynth.learning import LearnOptions, LearnReport, learn
from btfsynth.learning.candidates import Candidate, rank
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port

Bits = NDArray[np.uint8]
Function = Callable[[Bits], NDArray[np.bool_]]


def number(bits: Bits) -> NDArray[np.int64]:
    """Rows as numbers, the first column least significant."""
    return bits.astype(np.int64) @ (1 << np.arange(bits.shape[1], dtype=np.int64))


def words(inputs: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two halves of the inputs as numbers."""
    half = inputs.shape[1] // 2
    return number(inputs[:, :half]), number(inputs[:, half:])


def bit(value: NDArray[np.int64], place: int) -> NDArray[np.bool_]:
    """A bit of numbers."""
    return (value >> place & 1).astype(np.bool_)


def adder(place: int) -> Function:
    """A bit of the sum of two words."""
    return lambda x: bit(np.add(*words(x)), place)


def multiplier(place: int) -> Function:
    """A bit of the product of two words."""
    return lambda x: bit(np.multiply(*words(x)), place)


def comparator(x: Bits) -> NDArray[np.bool_]:
    """One word below the other."""
    a, b = words(x)
    return a < b


def divider(place: int) -> Function:
    """A bit of the quotient of two words; by 0 it is all ones."""

    def function(x: Bits) -> NDArray[np.bool_]:
        a, b = words(x)
        return bit(np.where(b > 0, a // np.maximum(b, 1), (1 << x.shape[1] // 2) - 1), place)

    return function


def remainder(place: int) -> Function:
    """A bit of the remainder of two words; by 0 it is the dividend."""

    def function(x: Bits) -> NDArray[np.bool_]:
        a, b = words(x)
        return bit(np.where(b > 0, a % np.maximum(b, 1), a), place)

    return function


def square_root(place: int) -> Function:
    """A bit of the root of a word, rounded down."""
    return lambda x: bit(np.array([math.isqrt(v) for v in number(x).tolist()]), place)


def count_at_least(bound: int) -> Function:
    """At least this many inputs are 1."""
    return lambda x: x.sum(axis=1) >= bound


def symmetric(values: str) -> Function:
    """A symmetric function by its values for 0, 1, 2, ... ones."""
    table = np.array([value == "1" for value in values])
    return lambda x: table[x.sum(axis=1)]


def parity(x: Bits) -> NDArray[np.bool_]:
    """The exclusive or of all inputs."""
    return x.sum(axis=1) % 2 == 1


def cone(seed: int, gates: int, odd: float = 0.2) -> Function:
    """A random cone of gates of two inputs; balanced, and of more than half of its inputs."""

    def build(attempt: int, x: Bits) -> NDArray[np.bool_]:
        random = np.random.default_rng((seed, attempt))
        signals = [x[:, i].astype(np.bool_) for i in range(x.shape[1])]
        for _ in range(gates):
            # Late signals are read more often, so that the cone gets deep.
            a, b = (signals[int(len(signals) * random.random() ** 0.6)] for _ in range(2))
            a, b = a ^ bool(random.integers(2)), b ^ bool(random.integers(2))
            signals.append(a ^ b if random.random() < odd else a & b)
        return signals[-1]

    def is_rich(attempt: int, probe: Bits) -> bool:
        values = build(attempt, probe)
        if not 0.3 < values.mean() < 0.7:
            return False
        flips = np.eye(probe.shape[1], dtype=np.uint8)
        felt = sum(np.mean(values ^ build(attempt, probe ^ flip)) > 0.03 for flip in flips)
        return bool(2 * felt > probe.shape[1])

    def function(x: Bits) -> NDArray[np.bool_]:
        probe = np.random.default_rng(0).integers(0, 2, (1000, x.shape[1]), dtype=np.uint8)
        return build(next(k for k in range(10_000) if is_rich(k, probe)), x)

    return function


SUITE: dict[str, tuple[int, Function]] = {
    "adder 16, carry": (32, adder(16)),
    "adder 16, bit 15": (32, adder(15)),
    "adder 8, bit 6": (16, adder(6)),
    "comparator 10": (20, comparator),
    "comparator 16": (32, comparator),
    "multiplier 8, bit 15": (16, multiplier(15)),
    "multiplier 8, bit 13": (16, multiplier(13)),
    "multiplier 5, bit 5": (10, multiplier(5)),
    "divider 8, bit 0": (16, divider(0)),
    "divider 8, bit 2": (16, divider(2)),
    "remainder 8, bit 7": (16, remainder(7)),
    "square root 16, bit 3": (16, square_root(3)),
    "square root 20, bit 6": (20, square_root(6)),
    "count of 16 >= 6": (16, count_at_least(6)),
    "count of 16 >= 9": (16, count_at_least(9)),
    "symmetric 16": (16, symmetric("10110010111001011")),
    "parity 16": (16, parity),
    "cone 14": (14, cone(1, 60)),
    "cone 20": (20, cone(2, 120)),
    "cone 28": (28, cone(3, 200)),
}
"""Inputs and function of every benchmark."""


def samples(name: str, draw: int, rows: int) -> Dataset:
    """Return random samples of a function; rows that come twice are listed once, as a PLA reader has them."""
    n_inputs, function = SUITE[name]
    seed = (draw, *name.encode())
    inputs = np.random.default_rng(seed).integers(0, 2, (rows, n_inputs), dtype=np.uint8)
    inputs = inputs[group_rows(inputs)[1]]
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    targets = function(inputs)[:, None].astype(np.uint8)
    return Dataset(plain, f"{plain}.pla", inputs, targets, (Port("x", n_inputs),), (Port("y", 1),))


def most_accurate(report: LearnReport) -> Candidate:
    """Return the circuit that is right on most validation rows, the smallest of equal ones."""
    return rank(list(report.outcomes[0].candidates))[0]


def shares(report: LearnReport) -> dict[str, float | None]:
    """Return the test shares of the network alone, the portfolio and the baselines."""
    rows = {row["learner"]: row["test"] for row in report.rows(0)}
    test = report.data["test"]
    alone = evaluate(most_accurate(report).netlist, test.inputs) == test.targets
    return {
        "btf": rows.get("btf"),
        "learn": report.scores["test"].bits,
        "alone": float(alone.mean()),
        "tree": rows["sklearn tree"],
        "forest": rows["sklearn forest"],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--rows", type=int, default=6400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    parser.add_argument("names", nargs="*", default=list(SUITE))
    options = parser.parse_args()
    if options.write is not None:
        options.write.mkdir(parents=True, exist_ok=True)
        for name in options.names:
            for draw, kind in enumerate(("train", "valid", "test")):
                data = samples(name, draw, options.rows)
                save(data, options.write / f"{data.name}.{kind}.pla")
        return
    seconds = 30.0 if options.time_limit is None and options.trials is None else options.time_limit
    settings = LearnOptions(
        time_limit=seconds,
        trials=options.trials,
        jobs=options.jobs,
        seed=options.seed,
        baselines=True,
        simulators=("parsed_verilog",),
    )
    headings = (
        "function",
        "in",
        "BTF",
        "learn",
        "by",
        "accuracy alone",
        "tree",
        "forest",
        "cells",
        "ANDs",
        "alone ANDs",
        "tree ANDs",
    )
    limit = f"{seconds:g} s" if seconds is not None else f"{options.trials} trials"
    table = Table(title=f"test rows right, {limit} a function, {options.jobs} jobs")
    for heading in headings:
        table.add_column(heading)
    if options.markdown:
        print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    totals: list[dict[str, float | None]] = []
    for name in options.names:
        train, valid, test = (samples(name, draw, options.rows) for draw in range(3))
        with tempfile.TemporaryDirectory() as folder:
            report = learn(train, Path(folder) / "d", settings, valid=valid, test=test)
        found = shares(report)
        totals.append(found)
        cells = [("-" if value is None else f"{value:.2%}") for value in found.values()]
        row = report.rows(0)
        tree = next(each for each in row if each["learner"] == "sklearn tree")
        winner = next(each["learner"] for each in row if each["won"])
        line = [name, str(train.n_inputs), *cells[:2], winner, *cells[2:]]
        line += [str(report.cost.cells), str(report.ands)]
        line += [str(most_accurate(report).ands), str(tree["ands"])]
        if options.markdown:
            print(f"| {' | '.join(line)} |", flush=True)
        else:
            table.add_row(*line)
    means = [
        f"{np.mean([found[key] or 0.5 for found in totals]):.2%}"
        for key in ("btf", "learn", "alone", "tree", "forest")
    ]
    last = ["mean", "", *means[:2], "", *means[2:], *[""] * 4]
    if options.markdown:
        print(f"| {' | '.join(last)} |")
    else:
        table.add_row(*last)
        Console(width=130).print(table)


if __name__ == "__main__":
    main()
