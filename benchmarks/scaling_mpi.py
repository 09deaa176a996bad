"""The part of scaling.py on one training over MPI; started by it, and again by mpirun for every measurement."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from kernel import random_data

from btfsynth.network.network import layered
from btfsynth.training.kernel import Tally, advance_blocks, make_scratch, run_steps, start_state
from btfsynth.training.parallel import Ranks
from btfsynth.training.state import count_blocks, make_problem, make_state
from btfsynth.training.trainer import new_best

PROBLEMS = {
    "6 x 32, 4096 patterns": ((32,) * 6, 4096),
    "1024 wide, 4096 patterns": ((64, 1024, 10), 4096),
}
NETWORKS = {
    "one machine's memory (measured)": None,
    "10 Gbit/s Ethernet, 20 us": (20e-6, 1.25e9),
    "100 Gbit/s InfiniBand, 2 us": (2e-6, 12.5e9),
}
"""Seconds a message and bytes a second; those that are not measured are assumed."""
DELAYS = (0.0, 2e-3, 10e-3)
RANKS = (2, 10, 64, 100, 1000)
_MESSAGES = 8
"""Exchanges a step with every other process: two arrays in four rounds."""


@dataclass(frozen=True)
class Model:
    """The time of a step.

    Parameters
    ----------
    edges, blocks
        Of the training; a block has 64 patterns.
    work
        Seconds of an edge in a block.
    joining
        Seconds to add up an edge's sums of a block.
    """

    edges: int
    blocks: int
    work: float
    joining: float

    def step(self, ranks: int, latency: float, speed: float) -> float:
        """Return the seconds of a step; the largest share of blocks is waited for.

        The sums of a round travel while the next one is computed, so that only those of the last cannot be
        hidden; but each exchange costs the time of a message for every other process.
        """
        largest = math.ceil(self.blocks / ranks)
        computing = self.edges * largest * self.work
        joining = self.edges * self.blocks * self.joining / ranks
        if ranks == 1:
            return computing + joining
        sums = 8 * self.edges * largest * (ranks - 1) / ranks / speed
        last = sums / 4
        hidden = min(sums - last, computing * 3 / 4)
        weights = 4 * self.edges * (ranks - 1) / ranks / speed
        messages = _MESSAGES * (ranks - 1) * latency + 2 * math.log2(ranks) * latency
        return computing + joining + sums - hidden + weights + messages


class _Delayed:
    """A communicator whose blocking exchanges take longer."""

    def __init__(self, communicator: Any, seconds: float) -> None:
        self._communicator = communicator
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._communicator, name)

    def Allgatherv(self, *arguments: Any) -> None:  # noqa: N802
        """Wait, then exchange."""
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass
        self._communicator.Allgatherv(*arguments)


def _steps(ranks: Any, widths: tuple[int, ...], patterns: int, budget: float) -> dict[str, float]:
    """Return what a step takes, all processes at work: the least of many, as other work only ever adds.

    ``step`` seconds; ``busy`` processor seconds, of which there is waiting where there are others;
    ``computing`` processor seconds of the blocks alone.
    """
    share = ranks.share
    data = random_data(widths, patterns)
    problem = make_problem(data, layered(widths), 3.0, np.float32, share)
    state = make_state(problem, (1, 0), share)
    run = ranks.run_steps
    if share.ranks == 1:  # as the program does it without MPI
        run = run_steps
        start_state(problem, state)
    else:
        ranks.begin(problem, state, count_blocks(patterns))
        ranks.start(problem, state)
    scratch = make_scratch(problem)
    tally = Tally(new_best(1 << 40), state.weights.copy(), np.zeros(1))
    mean = 0.0

    def step() -> None:
        nonlocal mean
        run(problem, state, (0.2, 1e-3, 0.0, mean), 1, 0, tally)
        mean = float(tally.history[0])

    step()
    # In turn, so that what else the machine does bears on both.
    times: dict[str, list[float]] = {"step": [], "busy": [], "computing": []}
    begin = time.perf_counter()
    enough = 0.0
    while not enough:
        start, busy = time.perf_counter(), time.thread_time()
        step()
        times["step"].append(time.perf_counter() - start)
        times["busy"].append(time.thread_time() - busy)
        busy = time.thread_time()
        advance_blocks(problem, state, scratch, 0, problem.blocks, (0.2, 1e-3, mean))
        times["computing"].append(time.thread_time() - busy)
        over = len(times["step"]) >= 5 and time.perf_counter() - begin > budget
        (enough,) = ranks.agree((float(over),))
    return {name: min(each) for name, each in times.items()}


def _messages(communicator: Any, mpi: Any) -> dict[str, float]:
    """Return seconds of an empty exchange, and bytes a second of a large one, between these processes."""
    count = communicator.Get_size()
    found = {}
    for name, size, repeats in (("latency", 1, 2000), ("speed", 1 << 20, 60)):
        sent, received = (np.zeros(size * count, dtype=np.float32) for _ in range(2))
        times = []
        for _ in range(5):
            communicator.Barrier()
            start = time.perf_counter()
            for _ in range(repeats):
                communicator.Alltoall([sent, mpi.FLOAT], [received, mpi.FLOAT])
            times.append((time.perf_counter() - start) / repeats)
        seconds = min(times)
        others = max(1, count - 1)
        found[name] = seconds / others if name == "latency" else 4 * size * others / seconds
    return found


def _rank(quick: bool) -> None:
    """What every process does that mpirun has started; the first one writes what came of it."""
    from mpi4py import MPI

    everyone = MPI.COMM_WORLD
    budget = 1.5 if quick else 5.0
    found: dict[str, Any] = {"messages": _messages(everyone, MPI), "problems": {}}
    for name, (widths, patterns) in PROBLEMS.items():
        found["problems"][name] = {}
        for delay in DELAYS if everyone.Get_size() > 1 else DELAYS[:1]:
            ranks = Ranks(_Delayed(everyone, delay))
            found["problems"][name][str(delay)] = _steps(ranks, widths, patterns, budget)
    if everyone.Get_rank() == 0:
        print(json.dumps(found))


def _run(ranks: int, quick: bool) -> dict[str, Any]:
    """Measure with so many processes."""
    command = ["mpirun", "--bind-to", "core", "-n", str(ranks), sys.executable, __file__]
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "NUMBA_NUM_THREADS": "1",
    }
    done = subprocess.run(
        command + ["quick"] * quick, env=environment, capture_output=True, text=True, check=True
    )
    # mpirun may add the control sequences of a terminal.
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def measure(quick: bool) -> dict[str, Any]:
    """Return what one process and two came to."""
    return {"1": _run(1, quick), "2": _run(2, quick)}


def _model(measured: dict[str, Any], name: str) -> tuple[Model, Model]:
    """Return the model of one process that has the memory to itself, and of two that share it."""
    widths, patterns = PROBLEMS[name]
    edges, blocks = layered(widths).n_edges, count_blocks(patterns)
    one, two = (measured[ranks]["problems"][name]["0.0"] for ranks in ("1", "2"))
    joining = max(0.0, one["busy"] - one["computing"]) / (edges * blocks)
    alone = Model(edges, blocks, one["computing"] / (edges * blocks), joining)
    shared = Model(edges, blocks, two["computing"] / (edges * math.ceil(blocks / 2)), joining)
    return alone, shared


def tables(measured: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return constants, comparison and forecast as tables."""
    constants, compared, foretold = [], [], []
    messages = measured["2"]["messages"]
    here = messages["latency"], messages["speed"]
    for name in PROBLEMS:
        alone, shared = _model(measured, name)
        constants.append(
            (
                name, alone.edges, f"{alone.work / 64 * 1e9:.2f}", f"{shared.work / 64 * 1e9:.2f}",
                f"{alone.joining * 1e9:.2f}", f"{8 * alone.edges * alone.blocks / 4e6:.2f}",
                f"{4 * alone.edges / 1e6:.2f}",
            )
        )  # fmt: skip
        one = alone.step(1, *here)
        for ranks, model in (("1", alone), ("2", shared)):
            for delay, taken in measured[ranks]["problems"][name].items():
                expected = model.step(int(ranks), *here) + (
                    2 * float(delay) if ranks == "2" else 0.0
                )
                compared.append(
                    (
                        name, ranks, f"{float(delay) * 1e3:g}", f"{taken['step'] * 1e3:.2f}",
                        f"{expected * 1e3:.2f}", f"{taken['step'] / expected - 1:+.0%}",
                        f"{measured['1']['problems'][name]['0.0']['step'] / taken['step']:.2f}",
                    )
                )  # fmt: skip
        for network, given in NETWORKS.items():
            latency, speed = given or here
            gains = {r: one / alone.step(r, latency, speed) for r in range(1, alone.blocks + 1)}
            most = max(gains, key=gains.__getitem__)
            pays = max(ranks for ranks, gain in gains.items() if gain >= ranks / 2)
            gained = (f"{gains[ranks]:.1f}" if ranks in gains else "-" for ranks in RANKS)
            foretold.append((name, network, *gained, pays, f"{gains[most]:.0f} at {most}"))
    latency, speed = here
    return [
        (
            f"One step: constants (a message here {latency * 1e6:.1f} us, {speed / 1e9:.2f} GB/s)",
            ("training", "edges", "ns/edge/pattern", "two at work", "ns to join an edge and block",
             "MB of sums, two", "MB of weights"),
            constants,
        ),
        (
            "One step: measured and by the model",
            ("training", "processes", "delay ms", "ms", "model ms", "off by", "speed-up"),
            compared,
        ),
        (
            "Speed-up by the model, every process on a machine of its own",
            ("training", "network", *map(str, RANKS), "above half up to", "most"),
            foretold,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    _rank("quick" in sys.argv[1:])
