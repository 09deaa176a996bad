"""What a learner is asked for and what it returns.

A learner takes samples of one output and yields circuits, `Fit`; whether one is any good is decided on the
validation samples by simulating it, so a learner can be wrong but cannot overstate itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from btfsynth.errors import UsageError
from btfsynth.learn.samples import Samples
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.aiger import aiger_names, emit_aig
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

OUTPUT = Port("y", 1)
"""The one output of a learner's circuit."""


@dataclass(frozen=True)
class Limits:
    cells: int
    ands: int

    def hold(self, netlist: Netlist) -> bool:
        return netlist.n_cells <= self.cells and count_ands(netlist) <= self.ands


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Budget:
    """When to stop: at a time, or when somebody says so."""

    deadline: float | None = None  # `time.monotonic` value; None for no limit
    stopped: Callable[[], bool] = _never

    def over(self) -> bool:
        return self.stopped() or (self.deadline is not None and time.monotonic() > self.deadline)

    def share(self, part: float) -> Budget:
        """Return a part, 0 to 1, of what is left."""
        if self.deadline is None:
            return self
        now = time.monotonic()
        return Budget(now + max(0.0, self.deadline - now) * part, self.stopped)


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples of one output, and what its circuit may cost."""

    name: str
    ports: tuple[Port, ...]
    train: Samples
    valid: Samples
    limits: Limits
    seed: int
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, eq=False)
class Fit:
    learner: str
    how: str
    netlist: Netlist


class Learner(Protocol):
    """A way to get from samples to circuits."""

    name: ClassVar[str]

    def fit(self, problem: Problem) -> Iterator[Fit]: ...


def new_builder(problem: Problem) -> NetlistBuilder:
    return NetlistBuilder(problem.name, problem.ports, (OUTPUT,))


def inlined(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Build a netlist into another and return its output literals."""
    literals = [0, *inputs]
    for fanin in netlist.fanins.tolist():
        literals.append(builder.maj(*(literals[each >> 1] ^ (each & 1) for each in fanin)))
    return [literals[literal >> 1] ^ (literal & 1) for literal in netlist.outputs.tolist()]


def count_ands(netlist: Netlist) -> int:
    header = emit_aig(netlist, aiger_names(netlist), {}).partition(b"\n")[0]
    return int(header.split()[5])


# What may be asked of learning.


@dataclass(frozen=True)
class LearnOptions:
    """How to learn, and what the circuit may cost.

    Raises
    ------
    UsageError
        If a number is out of range, or there is neither a number of trials nor a time limit.
    """

    # At most: AND, OR and majority cells, and AND nodes of the AIGER file
    max_cells: int = 5000
    max_ands: int = 5000
    time_limit: float | None = 60.0  # Seconds to learn; None for no limit
    trials: int | None = None  # Trainings of networks for each output; None for no limit
    # Trainings side by side, in processes of their own if it is more than one; for the same trials
    # and without a time limit the result does not depend on it
    jobs: int = 1
    seed: int = 1  # Names the split and all random starts
    passes: str = "fast"  # Script that the circuit goes through in the end, its function kept
    # Measure scikit-learn's tree and forest too; None does if it is installed
    baselines: bool | None = None
    simulators: tuple[str, ...] | None = None  # Names; None takes all that are installed
    # The command that asks for this, to be recorded; empty if there was none
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
