"""One trial: reflect-reflect-relax from one random start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import TopologyError, TrainingError, UsageError
from btfsynth.network.topology import Topology
from btfsynth.network.trained import TrainedNetwork
from btfsynth.train.kernel import Problem, State, run_steps
from btfsynth.train.parameters import (
    Progress,
    StopReason,
    StopRule,
    TrainParameters,
    TrialResult,
)
from btfsynth.train.state import make_problem, make_state

__all__ = ["check_fit", "train_trial", "warm_up"]

_CHUNK_SECONDS = 0.1


def check_fit(dataset: Dataset, topology: Topology) -> None:
    """Check that a data set can be learnt by a network of this shape.

    Raises
    ------
    TopologyError
        If the numbers of inputs or outputs differ.
    UsageError
        If the data have no inputs.
    """
    if dataset.input_kind not in (InputKind.BOOLEAN, InputKind.ANALOG):
        raise UsageError(f"{dataset.name}: expected input columns, got data for a generator")
    for label, data, network in (
        ("inputs", dataset.n_inputs, topology.n_inputs),
        ("outputs", dataset.n_outputs, topology.n_outputs),
    ):
        if data != network:
            raise TopologyError(
                f"the network has {network} {label}, {dataset.name} has {data}; widths begin with "
                "the number of inputs and end with the number of outputs"
            )


def warm_up(dtype: type[np.floating[Any]]) -> None:
    """Compile the kernel, or load it from the cache, so that no figure holds its compilation."""
    from btfsynth.dataset.ports import Port
    from btfsynth.network.topology import layered

    bit = np.array([[0], [1]], dtype=np.uint8)
    tiny = Dataset("warm_up", "warm_up", bit, bit, (Port("x", 1),), (Port("y", 1),))
    problem = make_problem(tiny, layered((1, 1)), 3.0, dtype)
    state = make_state(problem, (0,))
    best = np.array([0, 2, 0], dtype=np.int64)
    run_steps(
        problem, state, (0.5, 0.0, 0.0, 0.0), True, 1, 1, best, state.weights.copy(), np.zeros(1)
    )


class _Run:
    """The state of one trial between two chunks of steps."""

    def __init__(
        self,
        dataset: Dataset,
        topology: Topology,
        parameters: TrainParameters,
        seed: int,
        trial: int,
    ) -> None:
        self.dataset = dataset
        self.topology = topology
        self.parameters = parameters
        self.problem: Problem = make_problem(dataset, topology, parameters.sigma, parameters.dtype)
        self.state: State = make_state(self.problem, (seed, trial))
        self.bits = int(dataset.care_mask.sum())
        self.best = np.array([-1, self.bits, 0], dtype=np.int64)
        self.best_weights = self.state.weights.copy()
        self.done = 0
        self.mean = 0.0
        stop = parameters.stop
        self.limit2 = parameters.gap_limit**2 if stop in (StopRule.GAP, StopRule.BOTH) else 0.0
        self.check = parameters.check_interval if stop is StopRule.EXACT else 0

    def advance(self, steps: int) -> None:
        """Run up to so many steps; `done`, `mean` and `best` say where it came to."""
        parameters = self.parameters
        history = np.zeros(steps)
        ran = run_steps(
            self.problem,
            self.state,
            (parameters.beta, parameters.gamma, self.limit2, self.mean),
            self.done == 0,
            steps,
            self.check,
            self.best,
            self.best_weights,
            history,
        )
        self.done += ran
        self.mean = float(history[ran - 1])
        if not np.isfinite(self.mean):
            raise TrainingError(
                f"the state is not finite after {self.done} steps; try a smaller beta "
                f"(now {parameters.beta:g}) or 64 bits of precision"
            )

    def right(self, weights: NDArray[np.floating[Any]]) -> int:
        """Return how many targets weights get right by the reference evaluation."""
        network = TrainedNetwork(
            self.dataset.name,
            self.topology,
            weights.astype(np.float32),
            self.dataset.input_ports,
            self.dataset.output_ports,
        )
        return network.bits_right(self.dataset)

    def stopped(self) -> StopReason | None:
        """Return what ends the trial now, if anything does."""
        stop = self.parameters.stop
        small = self.limit2 > 0 and self.mean < self.limit2
        if stop is StopRule.EXACT and self.best[2]:
            # The kernel sums in its own precision; the reference has the last word.
            if self.right(self.state.weights) == self.bits:
                return StopReason.EXACT
            self.best[2] = 0
        if stop is StopRule.GAP and small:
            return StopReason.GAP
        if stop is StopRule.BOTH and small and self.right(self.state.weights) == self.bits:
            return StopReason.BOTH
        if self.done >= self.parameters.iterations:
            return StopReason.ITERATIONS
        return None


def train_trial(
    dataset: Dataset,
    topology: Topology,
    parameters: TrainParameters,
    seed: int,
    trial: int = 0,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    deadline: float | None = None,
) -> TrialResult:
    """Train one network from the random start that ``(seed, trial)`` names.

    The result depends on the data, the topology, the parameters, the seed and the trial only, as long
    as neither the deadline nor a cancellation cuts it short.

    Parameters
    ----------
    dataset, topology, parameters
        What to train, and how.
    seed, trial
        Name the random start.
    on_progress
        Called every tenth of a second or so with a `Progress`.
    cancelled
        Ends the trial when set.
    deadline
        `time.monotonic` value at which to end the trial.

    Raises
    ------
    TopologyError, UsageError
        If the data do not fit the network.
    TrainingError
        If the state is no longer finite.
    """
    check_fit(dataset, topology)
    warm_up(parameters.dtype)
    begin = time.perf_counter()
    run = _Run(dataset, topology, parameters, seed, trial)
    chunk = parameters.check_interval
    reason: StopReason | None = None
    while reason is None:
        started = time.perf_counter()
        run.advance(min(chunk, parameters.iterations - run.done))
        took = time.perf_counter() - started
        if took < _CHUNK_SECONDS / 2:
            chunk *= 2
        elif took > _CHUNK_SECONDS * 2 and chunk > parameters.check_interval:
            chunk = max(
                parameters.check_interval,
                chunk // 2 // parameters.check_interval * parameters.check_interval,
            )
        if on_progress is not None:
            right = max(0, int(run.best[0]))
            on_progress(Progress(trial, run.done, run.mean**0.5, right, run.bits, topology.widths))
        reason = run.stopped()
        if reason is None and cancelled is not None and cancelled.is_set():
            reason = StopReason.INTERRUPTED
        if reason is None and deadline is not None and time.monotonic() > deadline:
            reason = StopReason.TIME
    weights = run.state.weights
    right = run.right(weights)
    if right < run.bits and run.best[0] > right:
        weights = run.best_weights
        right = run.right(weights)
    return TrialResult(
        trial=trial,
        topology=topology,
        parameters=parameters,
        weights=weights.astype(np.float32),
        stop=reason,
        iterations=run.done,
        gap=run.mean**0.5,
        bits_right=right,
        bits=run.bits,
        seconds=time.perf_counter() - begin,
    )
