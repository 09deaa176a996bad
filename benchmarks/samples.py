"""Recovery of hidden circuits from samples: sample-size curves of `learn`, gradient training and forests.

    python benchmarks/samples.py [FAMILY ...] [--seeds 5] [--seed 1] [--baselines] [--markdown] [-o FILE.csv]

For each family, number of samples and seed, `learn` gets samples of a hidden circuit and is measured on 2,048
other vectors; each output is then compared with the hidden circuit by a proof. `oracle` evaluates up to 199
chosen vectors instead.

`--baselines` also fits ReLU networks by AdamW, without and with a penalty, and random forests to the same
samples. Their settings are chosen from a grid (GRIDS) on a quarter of the samples; then they are fitted to all
samples and measured on the test vectors once. They count as whole if no test bit is wrong, without a proof.
For rules shared by all outputs, they are also fitted to the samples of that rule.

Rows are written as they are measured; existing rows of FILE.csv are kept. Seconds are CPU seconds of one
thread, with the choice of settings, without compilation.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import btfsynth as btf
from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import percent, plural
from btfsynth.learning.base import split
from btfsynth.learning.joint import tied
from btfsynth.learning.report import wilson
from btfsynth.reproduce.record import GradientOptions, has_torch, train_gradient


@dataclass(frozen=True)
class Family:
    """Hidden circuits of one kind."""

    title: str
    task: str
    samples: tuple[int, ...]
    hidden: tuple[int, ...]  # Widths of the hidden layers of ReLU networks
    trials: int  # Chains of `learn`
    tied: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


CYCLIC: dict[str, Any] = {"tied": True, "settings": {"share": "cyclic"}}
FAMILIES = {
    "and_or": Family(
        "random AND/OR, 3 layers of 32", "random_and_or:3x32", (32, 64, 128, 256), (32, 32), 2
    ),
    "majority": Family(
        "random majority, 5 layers of 32", "random_majority:5x32", (256, 512, 1024), (32,) * 4, 2
    ),
    "rule30": Family("rule 30, 16 cells", "automaton:30,cells=16", (64, 128, 256), (48, 48), 1),
    "rule30_tied": Family(
        "rule 30, `--share cyclic`",
        "automaton:30,cells=16",
        (8, 16, 32, 128),
        (48, 48),
        1,
        **CYCLIC,
    ),
    "rule30_2": Family("rule 30, two steps", "automaton:30,steps=2,cells=16", (256,), (32,) * 4, 3),
    "rule30_2_tied": Family(
        "rule 30, two steps, `--share cyclic`",
        "automaton:30,steps=2,cells=16",
        (256,),
        (32,) * 4,
        1,
        **CYCLIC,
    ),
    "rule232": Family(
        "rule 232, three steps, 32 cells", "automaton:232,steps=3,cells=32", (256,), (32, 32), 3
    ),
    "rule232_tied": Family(
        "rule 232, three steps, `--share cyclic`",
        "automaton:232,steps=3,cells=32",
        (256,),
        (32, 32),
        1,
        **CYCLIC,
    ),
    "oracle": Family(
        "random AND/OR, 3 layers of 20, asked", "random_and_or:3x20", (199,), (20, 20), 1
    ),
}
CIRCUIT = "circuit"
FIELDS = ("family", "samples", "seed", "method", "bits", "whole", "proven", "outputs", "cells")
FIELDS += ("hidden", "confidence", "unsure", "unsure_wrong", "setting", "seconds")
_UNSURE = 0.99
"""Confidence below which an output counts as unsure."""
Row = dict[str, str]


def source_of(family: str, samples: int, seed: int) -> str:
    return f"{FAMILIES[family].task},seed={seed},train={samples}"


def recover(family: str, samples: int, seed: int) -> dict[str, object]:
    """Learn one circuit and compare it with the hidden one."""
    asked, kind = family == "oracle", FAMILIES[family]
    source = source_of(family, 4 if asked else samples, seed)
    data, test = btf.load(source), btf.load(f"{source},part=test")
    hidden = data.circuit
    extra: dict[str, Any] = (
        {"oracle": hidden, "queries": samples}
        if asked
        else {"trials": kind.trials, "learners": [CIRCUIT]}
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
            **kind.settings,
        )
    seconds = time.process_time() - begin
    netlist = found.netlist
    proven = [bool(netlist.cone(k).equivalent(hidden.cone(k))) for k in netlist.outputs[0].bits]
    known = [found.core.confidence_of(output) for output in range(1 if kind.tied else len(proven))]
    sure = [each for each in known if each is not None]
    unsure = [each is not None and each < _UNSURE for each in known]
    return {
        "bits": found.scores["test"].bits,
        "whole": int(all(proven)),
        "proven": sum(proven),
        "outputs": len(proven),
        "cells": netlist.cells,
        "hidden": hidden.cells,
        "confidence": round(float(np.mean(sure)), 4) if sure else "",
        "unsure": sum(unsure),
        "unsure_wrong": sum(
            doubt and not right for doubt, right in zip(unsure, proven, strict=False)
        ),
        "seconds": round(seconds, 1),
    }


# The baselines: each is fitted with every setting of its grid to three quarters of the samples.

Fitted = tuple[float, float]
"""Shares of the bits right: of the samples fitted, and of others."""
GRIDS: dict[str, list[dict[str, Any]]] = {
    "adamw": [
        {"rate": rate, "decay": decay, "factor": factor}
        for rate, decay in ((3e-3, 1e-2), (1e-2, 0.3))
        for factor in (1, 4)
    ],
    "adamw_penalty": [{"l1": l1, "factor": factor} for l1 in (3e-4, 1e-3) for factor in (1, 4)],
    "forest": [{"features": share} for share in ("sqrt", 0.5)],
}
"""Settings of each baseline; factor: of the widths of the hidden layers."""
_EPOCHS = 1500
_ROW_NORM = 1e-2
_TREES = 100


def gradient(
    train: Dataset, test: Dataset, hidden: Sequence[int], seed: int, setting: dict[str, Any]
) -> float:
    """Return the share of the test bits that a ReLU network gets right."""
    widths = (train.n_inputs, *(setting["factor"] * width for width in hidden), train.n_outputs)
    l1 = setting.get("l1", 0.0)
    options = GradientOptions(
        epochs=_EPOCHS,
        rate=setting.get("rate", 3e-3),
        decay=setting.get("decay", 1e-2),
        l1=l1,
        row_norm=_ROW_NORM if l1 else 0.0,
    )
    reached = train_gradient(train, test, widths, seed, options).test
    assert reached is not None
    return reached


def forest(
    train: Dataset, test: Dataset, hidden: Sequence[int], seed: int, setting: dict[str, Any]
) -> float:
    """Return the share of the test bits that random forests, one for each output, get right."""
    from sklearn.ensemble import RandomForestClassifier

    del hidden
    right = []
    for output in range(train.n_outputs):
        model = RandomForestClassifier(
            _TREES, max_features=setting["features"], random_state=seed, n_jobs=1
        )
        model.fit(train.inputs, train.targets[:, output])
        right.append((model.predict(test.inputs) == test.targets[:, output]).mean())
    return float(np.mean(right))


def baseline(method: str, family: str, samples: int, seed: int) -> dict[str, object]:
    """Choose settings by a quarter of the samples, fit all samples, and measure on the test vectors."""
    kind = FAMILIES[family]
    source = source_of(family, samples, seed)
    data, test = btf.load(source).core, btf.load(f"{source},part=test").core
    outputs = data.n_outputs
    if kind.tied:
        data, test = tied(data), tied(test)
    fit: Callable[..., float] = forest if method == "forest" else gradient
    begin = time.process_time()
    part, valid = split(data, seed)
    reached = [fit(part, valid, kind.hidden, seed, setting) for setting in GRIDS[method]]
    setting = GRIDS[method][int(np.argmax(reached))]
    bits = fit(data, test, kind.hidden, seed, setting)
    return {
        "bits": round(bits, 6),
        "whole": int(bits == 1),
        "outputs": outputs,
        "setting": " ".join(f"{key}={value}" for key, value in setting.items()),
        "seconds": round(time.process_time() - begin, 1),
    }


# Tables of what was measured.

HEAD = ("hidden circuit", "samples", "test bits", "whole", "of all circuits", "outputs", "AdamW")
HEAD += ("AdamW, penalty", "forests", "CPU seconds")


def summary(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each family and number of samples: medians over the seeds.

    Test bits: of `learn`, with the range. Whole: circuits that it recovered, by proof, then the 95% confidence
    interval of their share of all such circuits. Baselines: test bits, then circuits without a wrong test bit.
    CPU seconds: of `learn`, and of the baselines in their order.
    """
    groups: dict[tuple[str, int], dict[str, list[Row]]] = {}
    for row in rows:
        key = row["family"], int(row["samples"])
        groups.setdefault(key, {}).setdefault(row["method"], []).append(row)
    for (family, samples), methods in sorted(groups.items(), key=_place):
        own = methods.get(CIRCUIT, [])
        if not own:
            continue
        bits = sorted(float(row["bits"]) for row in own)
        whole = sum(int(row["whole"]) for row in own)
        low, high = wilson(whole, len(own))
        ranged = f" ({percent(bits[0])} to {percent(bits[-1])})" if bits[0] < bits[-1] else ""
        seconds = [
            f"{median(float(row['seconds']) for row in methods[each]):.0f}"
            if each in methods
            else "-"
            for each in ((CIRCUIT, *GRIDS) if len(methods) > 1 else (CIRCUIT,))
        ]
        yield (
            FAMILIES[family].title,
            f"{samples:,}",
            percent(median(bits)) + ranged,
            f"{whole} of {len(own)}",
            f"{low:.0%} to {high:.0%}",
            f"{median(int(row['proven']) for row in own):g} of {own[0]['outputs']}",
            *(reached(methods.get(each, []), len(own)) for each in GRIDS),
            ", ".join(seconds),
        )


def _place(group: tuple[tuple[str, int], Any]) -> tuple[int, int]:
    family, samples = group[0]
    return list(FAMILIES).index(family), samples


def reached(group: list[Row], circuits: int) -> str:
    """Return the median of a baseline, and how many circuits it got whole; of how many if not of all."""
    if not group:
        return "-"
    whole = sum(int(row["whole"]) for row in group)
    words = percent(median(float(row["bits"]) for row in group))
    if whole:
        words += f", {whole} whole"
    return words if len(group) == circuits else f"{words} ({plural(len(group), 'circuit')})"


def shown(lines: list[tuple[str, ...]], markdown: bool) -> str:
    if markdown:
        lines = [lines[0], ("---",) * len(lines[0]), *lines[1:]]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def measure(options: argparse.Namespace, rows: list[Row]) -> None:
    """Measure what is missing in the rows, and append it."""
    done = {(row["family"], int(row["samples"]), int(row["seed"]), row["method"]) for row in rows}
    methods = (CIRCUIT, *GRIDS) if options.baselines else (CIRCUIT,)
    seeds = range(options.seed, options.seed + options.seeds)
    warm = False
    for family in options.families or FAMILIES:
        for samples, seed, method in itertools.product(FAMILIES[family].samples, seeds, methods):
            key = family, samples, seed, method
            if key in done or options.samples not in (None, samples):
                continue
            if method == CIRCUIT and not warm:
                warm = bool(recover("rule30_tied", 8, 100))  # compiles
            begun = dict(zip(("family", "samples", "seed", "method"), key, strict=True))
            found = (
                recover(family, samples, seed)
                if method == CIRCUIT
                else baseline(method, family, samples, seed)
            )
            row = {name: str((begun | found).get(name, "")) for name in FIELDS}
            rows.append(row)
            told = (f"{name}={value}" for name, value in row.items() if value)
            print(" ".join(told), file=sys.stderr, flush=True)
            if options.output:
                write(options.output, rows)


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=_order))


def _order(row: Row) -> tuple[int, ...]:
    places = list(FAMILIES).index(row["family"]), (CIRCUIT, *GRIDS).index(row["method"])
    return places[0], int(row["samples"]), places[1], int(row["seed"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--seeds", type=int, default=5, help="number of circuits")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--samples", type=int, help="only this number of samples")
    parser.add_argument("--baselines", action="store_true", help="AdamW and forests too")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("-o", "--output", type=Path, help="CSV file to continue")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown family {sorted(unknown)[0]}; families are {', '.join(FAMILIES)}")
    if options.baselines and not has_torch():
        parser.error(
            "--baselines: torch is not installed: pip install 'btfsynth[baselines,sklearn]'"
        )
    rows: list[Row] = []
    if options.output and options.output.exists():
        with options.output.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    measure(options, rows)
    print(shown([HEAD, *summary(rows)], options.markdown))


if __name__ == "__main__":
    main()
