"""Compare the default settings of the built-in tasks with those found by a search.

python benchmarks/defaults.py [--time-limit SECONDS] [--trials N] [TASK ...]

For every task: a search of ``--time-limit`` seconds, then trials from new random starts, alternately with its
settings and with the defaults, so that both have the same load of the machine. The cost is the time of all
trials per exact network.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from btfsynth.dataset.load import load
from btfsynth.errors import TrainingError
from btfsynth.training.parameters import TrainingPlan, TrainParameters, default_plan
from btfsynth.training.trainer import train_trial, warm_up
from btfsynth.training.tuning import tune

TASKS = (
    "multiplier:2", "multiplier:3", "multiplier:2x3", "squarer:3", "squarer:4", "adder:2", "adder:3",
    "full_adder", "majority:5", "majority:7", "parity:3", "parity:4", "popcount:4", "popcount:7",
    "comparator:2", "comparator:3", "automaton:30", "automaton:30,steps=2", "automaton:110,cells=6",
    "autoencoder:8", "autoencoder:16", "decoder:8", "decoder:16",
)  # fmt: skip
_SEED = 1000


def compare(task: str, seconds: float, trials: int) -> list[str]:
    """Search settings for a task and return a row of the table."""
    data = load(task)
    plans = {"defaults": default_plan(data)}
    try:
        found = tune(data, seconds)
    except TrainingError:
        pass
    else:
        steps = plans["defaults"].parameters.max_iterations
        parameters = TrainParameters(found.sigma, found.beta, found.gamma, max(steps, 10_000))
        plans["tuned"] = TrainingPlan(found.widths, parameters)
    spent = dict.fromkeys(plans, 0.0)
    exact = dict.fromkeys(plans, 0)
    for trial in range(trials):
        for name, plan in plans.items():
            topology = replace(plan, patience=0).trial_topology(0)
            result = train_trial(data, topology, plan.parameters, _SEED, trial)
            spent[name] += result.seconds
            exact[name] += result.exact
    row = [task]
    cost = {name: spent[name] / exact[name] if exact[name] else None for name in plans}
    for name in ("defaults", "tuned"):
        if name not in plans:
            row += ["none found", "-", "-"]
            continue
        plan = plans[name]
        widths = "-".join(str(width) for width in plan.trial_widths(0))
        p = plan.parameters
        row += [
            f"{widths}; {p.sigma:g}, {p.beta:.2g}, {p.gamma:.1e}",
            f"{exact[name]}/{trials}",
            "-" if cost[name] is None else f"{cost[name]:.3g}",
        ]
    both = cost["defaults"], cost.get("tuned")
    row.append("-" if None in both else f"{both[0] / both[1]:.1f}")  # type: ignore[operator]
    return row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds of search a task")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("tasks", nargs="*", default=TASKS)
    options = parser.parse_args()
    warm_up(32)
    table = Table(title="widths; sigma, beta, gamma | exact | seconds an exact network")
    for heading in ("task", "defaults", "exact", "s", "tuned", "exact", "s", "ratio"):
        table.add_column(heading)
    console = Console(width=150)
    for task in options.tasks:
        row = compare(task, options.time_limit, options.trials)
        console.print(" | ".join(row), style="dim")
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
