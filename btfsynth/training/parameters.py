"""Settings of a training, and the result of one trial."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.events import TrialEnded
from btfsynth.network.topology import Topology
from btfsynth.settings.setting import Options
from btfsynth.settings.table import TRIAL, StopRule
from btfsynth.training.history import HistoryPoint


class StopReason(str, Enum):
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
class TrainParameters(Options, settings=TRIAL):
    """Settings of reflect-reflect-relax for one trial.

    Parameters
    ----------
    (settings)
    """

    sigma: float = TRIAL["sigma"].default
    beta: float = TRIAL["beta"].default
    gamma: float = TRIAL["gamma"].default
    max_iterations: int = TRIAL["max_iterations"].default
    stop: StopRule = TRIAL["stop"].default
    gap_limit: float = TRIAL["gap_limit"].default
    check_interval: int = TRIAL["check_interval"].default
    precision: int = TRIAL["precision"].default

    @property
    def dtype(self) -> type[np.floating[Any]]:
        return np.float32 if self.precision == 32 else np.float64


@dataclass(frozen=True, eq=False)
class TrialResult:
    """One finished trial.

    ``weights`` are ``(edges,)`` float32, the consensus weights of iteration ``best_iteration`` (see
    `btfsynth.training.trainer.train_trial`); ``gap`` (root mean square over patterns and neurons),
    ``bits_right`` (of ``bits`` targets that matter, by the reference evaluation), ``valid_right`` (classes
    where the validation set has labels, else bits; None without one, or if it did not choose) and ``codes``
    are of that iteration too. ``codes`` are the generated inputs, ``(patterns, inputs)`` uint8, None where
    inputs are given.

    ``iterations`` were done, in ``seconds`` of wall time without compilation, ``step_seconds`` of them in the
    iterations and tests for exactness alone. ``history`` has points on a logarithmic grid of iterations, the
    last one included.
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
        """What decides between two trials, the larger one wins: validation and training targets right."""
        return self.valid_right or 0, self.bits_right

    @property
    def exact(self) -> bool:
        return self.bits_right == self.bits

    @property
    def succeeded(self) -> bool:
        """True if the stopping rule was met (for `StopRule.NONE`: all iterations were run)."""
        return self.stop is _ENDS_WELL[self.parameters.stop]
