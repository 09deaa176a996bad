"""Measure the time of a training iteration, compared with its memory traffic and with plain NumPy.

    python benchmarks/kernel.py [--quick]

Columns: microseconds per iteration; nanoseconds per edge and pattern; the floor, which is the time to read and
write the copies w and x once (16 bytes per edge and pattern) with the same number of threads in the same run;
their ratio; the speed-up over a vectorised NumPy iteration. Figures are medians of repetitions without
compilation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy_step import NumpyTraining
from rich.console import Console
from rich.table import Table

from btfsynth.dataset.dataset import Dataset
from btfsynth.network.network import layered
from btfsynth.ports import Port
from btfsynth.training.kernel import Tally, run_steps, start_state
from btfsynth.training.parallel import Team
from btfsynth.training.state import make_problem, make_state
from btfsynth.training.trainer import new_best

PROBLEMS = {
    "2-bit multiplier": ((4, 4, 4, 4), 16),
    "3-bit multiplier": ((6, 12, 12, 12, 6), 64),
    "random majority": ((32,) * 6, 512),
    "wide": ((16, 256, 256), 1024),
    "million edges": ((16, 1024, 1024), 256),
}


def random_data(widths: tuple[int, ...], patterns: int) -> Dataset:
    """Random patterns: the time of a step does not depend on them."""
    random = np.random.default_rng(1)
    return Dataset(
        "random",
        "random",
        random.integers(0, 2, (patterns, widths[0])),
        random.integers(0, 2, (patterns, widths[-1])),
        (Port("x", widths[0]),),
        (Port("y", widths[-1]),),
    )


PASSES = 20
"""Of the floor between two meetings of its threads, so that it holds no waiting."""


@numba.njit(nogil=True, fastmath=True)
def touch(a, b, factor):
    """Read and write two arrays `PASSES` times."""
    for _ in range(PASSES):
        for k in range(a.shape[0]):
            a[k] *= factor
        for k in range(b.shape[0]):
            b[k] *= factor


def seconds_per_call(call, budget: float) -> float:
    """Median seconds of a call, repeated until the budget is spent, five times at least."""
    call()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < budget:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step_seconds(widths, patterns, threads, budget):
    """Return seconds a step and of the streaming floor."""
    topology = layered(widths)
    problem = make_problem(random_data(widths, patterns), topology, 3.0, np.float32)
    state = make_state(problem, (1,))
    start_state(problem, state)
    steps = max(1, min(1000, int(2e7 / (topology.n_edges * patterns))))
    best = new_best(1 << 40)
    history = np.zeros(steps)
    tally = Tally(best, state.weights.copy(), history)
    team = Team(threads) if threads > 1 else None
    run = run_steps if team is None else team.run_steps

    def advance():
        mean = float(history[-1])
        run(problem, state, (0.2, 1e-3, 0.0, mean), steps, 0, tally)

    per_step = seconds_per_call(advance, budget) / steps
    if team is not None:
        team.close()
    half = len(state.w) // threads
    shares = [(state.w[k * half : (k + 1) * half], state.x[k * half : (k + 1) * half])
              for k in range(threads)]  # fmt: skip
    one = np.float32(1)
    with ThreadPoolExecutor(threads) as pool:

        def stream():
            if threads == 1:
                touch(*shares[0], one)
            else:
                list(pool.map(lambda share: touch(*share, one), shares))

        return per_step, seconds_per_call(stream, budget / 2) / PASSES


def numpy_seconds(widths, patterns, budget):
    """Return seconds a step of the NumPy twin."""
    twin = NumpyTraining(random_data(widths, patterns), layered(widths), 3.0, 1)
    return seconds_per_call(lambda: twin.step(0.2, 1e-3), budget)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="shorter repetitions, no million edges"
    )
    quick = parser.parse_args().quick
    budget = 0.5 if quick else 3.0
    table = Table(title="One step of reflect-reflect-relax")
    for heading in ("problem", "edges", "patterns", "threads", "us/step", "ns/edge/pattern",
                    "floor us", "of floor", "x NumPy"):  # fmt: skip
        table.add_column(heading, justify="right")
    for name, (widths, patterns) in PROBLEMS.items():
        edges = layered(widths).n_edges
        if quick and edges > 500_000:
            continue
        slow = numpy_seconds(widths, patterns, budget / 2) if edges * patterns < 4e6 else None
        for threads in (1, 2):
            if threads > 1 and edges * patterns < 400_000:
                continue
            step, floor = step_seconds(widths, patterns, threads, budget)
            table.add_row(
                name, str(edges), str(patterns), str(threads), f"{step * 1e6:.1f}",
                f"{step * 1e9 / edges / patterns:.2f}", f"{floor * 1e6:.1f}", f"{step / floor:.2f}",
                "-" if slow is None else f"{slow / step:.0f}",
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
