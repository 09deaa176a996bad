"""Recovery of hidden circuits from samples: sample-size curves of `learn`, gradient training and forests.

    python benchmarks/samples.py [FAMILY ...] [--seeds 5] [--seed 1] [--trials 4] [--markdown] [-o FILE.csv]

For each family, number of samples and seed a hidden circuit is drawn, learnt from its samples alone, measured
on 2,048 other vectors and compared with the hidden circuit, by a proof for each output. Beside it stand ReLU
networks trained by AdamW with three penalties, of which the best by the test itself counts (so they get more
than they could know), and a random forest for each output. `oracle` asks for up to 199 vectors instead. Rows
are written as they are measured; those that FILE.csv has already are kept.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

import btfsynth as btf
from btfsynth.reproduce.record import GradientOptions, has_torch, train_gradient

FAMILIES = {
    "and_or": ("random_and_or:3x32", (64, 128, 256), (32, 32, 32, 32), {}),
    "majority": ("random_majority:5x32", (256, 512, 1024), (32,) * 6, {}),
    "rule30": ("automaton:30,cells=16", (128, 256), (16, 48, 48, 16), {}),
    "rule30_tied": ("automaton:30,cells=16", (32, 128), (), {"share": "cyclic"}),
    "rule30_2": ("automaton:30,steps=2,cells=16", (256,), (16, 32, 32, 32, 32, 16), {}),
    "rule30_2_tied": ("automaton:30,steps=2,cells=16", (256,), (), {"share": "cyclic"}),
    "rule232": ("automaton:232,steps=3,cells=32", (256,), (32, 32, 32, 32), {}),
    "rule232_tied": ("automaton:232,steps=3,cells=32", (256,), (), {"share": "cyclic"}),
    "oracle": ("random_and_or:3x20", (199,), (), {}),
}
"""Task, numbers of samples, widths of the gradient's networks (none: not run), settings of `learn`."""

PENALTIES = tuple(
    GradientOptions(epochs=2000, l1=l1, row_norm=row_norm)
    for l1, row_norm in ((0.0, 0.0), (1e-4, 1e-2), (1e-3, 1e-2))
)
FIELDS = ("family", "samples", "seed", "bits", "proven", "outputs", "cells", "hidden", "confidence")
FIELDS += ("seconds", "adamw", "forest")


def learn(family: str, samples: int, seed: int, trials: int) -> dict[str, object]:
    """Learn one circuit and compare it with the hidden one."""
    task, _, widths, settings = FAMILIES[family]
    asked = family == "oracle"
    source = f"{task},seed={seed},train={4 if asked else samples}"
    data, test = btf.load(source), btf.load(f"{source},part=test")
    hidden = data.circuit
    extra = (
        {"oracle": hidden, "queries": samples}
        if asked
        else {"trials": trials, "learners": ["circuit"]}
    )
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found = btf.learn(
            data,
            folder,
            test=test,
            baselines=False,
            simulators=["parsed_verilog"],
            **extra,
            **settings,
        )
    seconds = time.process_time() - begin
    netlist = found.netlist
    proven = [bool(netlist.cone(k).equivalent(hidden.cone(k))) for k in netlist.outputs[0].bits]
    sure = found.core.confidence
    row: dict[str, object] = {
        "family": family,
        "samples": samples,
        "seed": seed,
        "bits": found.scores["test"].bits,
        "proven": sum(proven),
        "outputs": len(proven),
        "cells": netlist.cells,
        "hidden": hidden.cells,
        "confidence": "" if sure is None else round(float(np.mean(sure)), 4),
        "seconds": round(seconds, 1),
    }
    return row | others(data, test, widths, seed)


def others(
    data: btf.Dataset, test: btf.Dataset, widths: tuple[int, ...], seed: int
) -> dict[str, object]:
    """Measure gradient training and forests on the same samples."""
    row: dict[str, object] = {"adamw": "", "forest": ""}
    if not widths:
        return row
    if has_torch():
        runs = [train_gradient(data.core, test.core, widths, seed, each) for each in PENALTIES]
        row["adamw"] = round(max(run.test or 0.0 for run in runs), 5)
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        return row
    right = []
    for output in range(data.y.shape[1]):
        forest = RandomForestClassifier(100, random_state=seed).fit(data.X, data.y[:, output])
        right.append((forest.predict(test.X) == test.y[:, output]).mean())
    row["forest"] = round(float(np.mean(right)), 5)
    return row


def summary(rows: list[dict[str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each family and number of samples: medians over the seeds."""
    groups: dict[tuple[str, int], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["family"], int(row["samples"])), []).append(row)
    for (family, samples), group in groups.items():

        def middle(field: str, group: list[dict[str, str]] = group) -> str:
            values = [float(row[field]) for row in group if row[field] not in ("", None)]
            return f"{median(values):.2%}" if values else "-"

        bits = sorted(float(row["bits"]) for row in group)
        whole = sum(row["proven"] == row["outputs"] for row in group)
        outputs = median(int(row["proven"]) for row in group)
        yield (
            family,
            str(samples),
            f"{median(bits):.2%} ({bits[0]:.2%} to {bits[-1]:.2%})",
            f"{whole} of {len(group)}",
            f"{outputs:g} of {group[0]['outputs']}",
            middle("adamw"),
            middle("forest"),
            f"{median(float(row['seconds']) for row in group):.0f}",
        )


HEAD = ("family", "samples", "test bits", "whole", "outputs", "AdamW", "forest", "CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--trials", type=int, default=4, help="chains of moves")
    parser.add_argument("--samples", type=int, help="only this number of samples")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("-o", "--output", type=Path, help="CSV file to continue")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown family {sorted(unknown)[0]}; families are {', '.join(FAMILIES)}")
    rows: list[dict[str, str]] = []
    if options.output and options.output.exists():
        with options.output.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["family"], int(row["samples"]), int(row["seed"])) for row in rows}
    for family in options.families or FAMILIES:
        for samples in FAMILIES[family][1]:
            if options.samples not in (None, samples):
                continue
            for seed in range(options.seed, options.seed + options.seeds):
                if (family, samples, seed) in done:
                    continue
                row = {
                    key: str(value)
                    for key, value in learn(family, samples, seed, options.trials).items()
                }
                rows.append(row)
                print(" ".join(f"{key}={row[key]}" for key in FIELDS), file=sys.stderr, flush=True)
                if options.output:
                    with options.output.open("w", newline="") as file:
                        writer = csv.DictWriter(file, FIELDS)
                        writer.writeheader()
                        writer.writerows(rows)
    lines = [HEAD, *summary(rows)]
    if options.markdown:
        lines.insert(1, ("---",) * len(HEAD))
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        print("\n".join("  ".join(part.ljust(14) for part in line) for line in lines))


if __name__ == "__main__":
    main()
