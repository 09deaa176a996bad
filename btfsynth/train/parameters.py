"""What a training is asked to do, and what one trial of it came to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.events import TrialEnded
from btfsynth.network.topology import Topology
from btfsynth.train.history import HistoryPoint


class StopRule(str, Enum):
    """What ends a trial before its iterations are used up.

    Which of its networks a trial gives does not depend on it but for this: where every target had to be right,
    and is, it is the one that the trial ended with (see `btfsynth.train.trainer.train_trial`).
    """

    EXACT = "exact"
    """The network, read as sign(W . x), gets every target right."""
    GAP = "gap"
    """The gap is below its limit."""
    BOTH = "both"
    """The gap is below its limit and every target is right."""
    NONE = "none"
    """Nothing."""


class StopReason(str, Enum):
    """What did end a trial."""

    EXACT = "exact"
    GAP = "gap"
    BOTH = "both"
    ITERATIONS = "iterations"
    TIME = "time"
    INTERRUPTED = "interrupted"


_ENDS_WELL = {
    StopRule.EXACT: StopReason.EXACT,
    StopRule.GAP: StopReason.GAP,
    StopRule.BOTH: StopReason.BOTH,
    StopRule.NONE: StopReason.ITERATIONS,
}


@dataclass(frozen=True)
class TrainParameters:
    """Settings of reflect-reflect-relax for one trial.

    Parameters
    ----------
    sigma
        Support parameter, above 1: a neuron of fan-in m keeps the margin ``sqrt(m / sigma)``, so its
        weights settle on at most the largest odd number up to sigma of inputs.
    beta
        Time step, in (0, 2).
    gamma
        Rate at which the metric follows the gap, in [0, 1).
    max_iterations
        Iterations at most.
    stop
        The stopping rule.
    gap_limit
        The gap that `StopRule.GAP` and `StopRule.BOTH` wait for.
    check_interval
        Steps between two tests for exactness.
    precision
        Bits of the floating-point state, 32 or 64.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    sigma: float = 3.0
    beta: float = 0.5
    gamma: float = 3e-3
    max_iterations: int = 20_000
    stop: StopRule = StopRule.EXACT
    gap_limit: float = 0.01
    check_interval: int = 10
    precision: int = 32

    def __post_init__(self) -> None:
        _require("sigma", self.sigma, 1 < self.sigma < math.inf, "a number above 1")
        _require("beta", self.beta, 0 < self.beta < 2, "a number between 0 and 2")
        _require("gamma", self.gamma, 0 <= self.gamma < 1, "a number from 0 to below 1")
        _require("max_iterations", self.max_iterations, self.max_iterations >= 1, "at least 1")
        _require("gap_limit", self.gap_limit, 0 <= self.gap_limit < math.inf, "0 or more")
        _require("check_interval", self.check_interval, self.check_interval >= 1, "at least 1")
        _require("precision", self.precision, self.precision in (32, 64), "32 or 64")
        rules = [rule.value for rule in StopRule]
        _require("stop", self.stop, self.stop in rules, f"one of {', '.join(rules)}")
        object.__setattr__(self, "stop", StopRule(self.stop))  # from Python it may be its name

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The float type of the state."""
        return np.float32 if self.precision == 32 else np.float64


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name}: expected {expected}, got {value}")


@dataclass(frozen=True, eq=False)
class TrialResult:
    """One finished trial.

    Parameters
    ----------
    trial
        Its number, from 0.
    topology, parameters
        What was trained and how.
    weights
        ``(edges,)`` float32, the consensus weights of the best step (see `btfsynth.train.trainer.train_trial`).
    stop
        What ended it.
    iterations
        Steps done.
    best_iteration
        The step that the weights are of.
    gap
        The gap at that step: root mean square over patterns and neurons.
    bits_right, bits
        Targets right by these weights (reference evaluation) and targets that matter.
    valid_right
        What they get right of the held-out patterns: classes where they have any, else bits. None if there are
        none, or if they did not choose.
    seconds
        Wall time, compilation excluded.
    step_seconds
        Wall time of the steps alone, tests for exactness included.
    history
        Points on a logarithmic grid of steps, the last step included.
    codes
        ``(patterns, inputs)`` uint8: the generated input of every pattern at the best step, None where inputs
        are given.
    """

    trial: int
    topology: Topology
    parameters: TrainParameters
    weights: NDArray[np.float32]
    stop: StopReason
    iterations: int
    gap: float
    bits_right: int
    bits: int
    seconds: float
    step_seconds: float = 0.0
    history: tuple[HistoryPoint, ...] = ()
    codes: NDArray[np.uint8] | None = None
    best_iteration: int = 0
    valid_right: int | None = None

    @property
    def event(self) -> TrialEnded:
        """What is told of it."""
        return TrialEnded(
            trial=self.trial,
            stop=self.stop.value,
            succeeded=self.succeeded,
            iterations=self.iterations,
            gap=self.gap,
            bits_right=self.bits_right,
            bits=self.bits,
            seconds=self.seconds,
        )

    @property
    def quality(self) -> tuple[int, int]:
        """What decides between two trials, the larger one wins: held-out and training targets right."""
        return self.valid_right or 0, self.bits_right

    @property
    def exact(self) -> bool:
        """True if every target that matters is right."""
        return self.bits_right == self.bits

    @property
    def succeeded(self) -> bool:
        """True if the stopping rule was met (for `StopRule.NONE`: all iterations were run)."""
        return self.stop is _ENDS_WELL[self.parameters.stop]
