"""Success rate, iterations and time per exact network with the default settings.

python benchmarks/success.py [--seeds N] [TASK ...]
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from rich.console import Console
from rich.table import Table

from btfsynth.dataset.load import load
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import TrainParameters, default_plan
from btfsynth.training.trainer import train_trial, warm_up

AUTHORS = TrainParameters(
    sigma=3, beta=0.2, gamma=1e-3, max_iterations=10_000, stop=StopRule.GAP, gap_limit=0.01
)


def row(name: str, task: str, parameters: TrainParameters | None, seeds: int) -> list[str]:
    """Train one trial per seed and return a row of the table."""
    data = load(task)
    plan = default_plan(data)
    used = parameters or plan.parameters
    warm_up(used.precision)
    results = [train_trial(data, plan.trial_topology(0), used, seed) for seed in range(seeds)]
    wins = [r for r in results if r.stop.value == used.stop.value]
    if not wins:
        return [name, f"0 of {seeds}", "-", "-", "-"]
    steps = np.array([r.iterations for r in wins])
    return [
        name,
        f"{len(wins)} of {seeds}",
        f"{steps.mean():.0f} +- {steps.std() / len(steps) ** 0.5:.0f}",
        f"{statistics.median(steps):.0f}",
        f"{statistics.median(r.seconds for r in wins):.3f}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("tasks", nargs="*", default=["multiplier:2", "multiplier:3"])
    options = parser.parse_args()
    table = Table(title="One trial a seed, one thread")
    for heading in ("training", "succeeded", "steps, mean", "steps, median", "seconds, median"):
        table.add_column(heading, justify="right")
    for task in options.tasks:
        table.add_row(*row(f"{task}, defaults, exact", task, None, options.seeds))
    table.add_row(
        *row("multiplier:2, authors' settings, gap 0.01", "multiplier:2", AUTHORS, options.seeds)
    )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
