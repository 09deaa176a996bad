"""What may be asked of learning."""

from __future__ import annotations

from dataclasses import dataclass

from btfsynth.errors import UsageError


@dataclass(frozen=True)
class LearnOptions:
    """How to learn, and what the circuit may cost.

    Parameters
    ----------
    max_cells, max_ands
        AND, OR and majority cells, and AND nodes of the AIGER file, at most.
    time_limit
        Seconds to learn; None for no limit.
    trials
        Trainings of networks an output; None for no limit.
    jobs
        Trainings side by side, in processes of their own if it is more than one; for the same trials and
        without a time limit the result does not depend on it.
    seed
        Names the split and all random starts.
    passes
        Script that the circuit goes through in the end, its function kept.
    baselines
        Measure scikit-learn's tree and forest too; None does if it is installed.
    simulators
        Names; None takes all that are installed.
    command
        The command that asks for this, to be recorded; empty if there was none.

    Raises
    ------
    UsageError
        If a number is out of range, or there is neither a number of trials nor a time limit.
    """

    max_cells: int = 5000
    max_ands: int = 5000
    time_limit: float | None = 60.0
    trials: int | None = None
    jobs: int = 1
    seed: int = 1
    passes: str = "fast"
    baselines: bool | None = None
    simulators: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.time_limit is None and self.trials is None:
            raise UsageError("learn: expected a number of trials, a time limit, or both")
        for name, value in (
            ("max cells", self.max_cells),
            ("max ands", self.max_ands),
            ("trials", 1 if self.trials is None else self.trials),
            ("jobs", self.jobs),
        ):
            if value < 1:
                raise UsageError(f"{name}: expected at least 1, got {value}")
        if self.seed < 0:
            raise UsageError(f"seed: expected at least 0, got {self.seed}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"time_limit: expected more than 0 seconds, got {self.time_limit:g}")
