"""What a learner is asked for and what it returns.

A learner takes samples of one output and yields circuits, `Fit`; whether one is any good is decided on the
validation samples by simulating it, so a learner can be wrong but cannot overstate itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from btfsynth.dataset.code import Code
from btfsynth.learning.samples import Samples
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.aiger import aiger_names, emit_aig
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.ports import Port
from btfsynth.settings.setting import Options
from btfsynth.settings.table import DEFAULT_TIME_LIMIT, LEARN, Basis, Conflicts, Share

OUTPUT = Port("y", 1)
"""The one output of a learner's circuit."""


@dataclass(frozen=True)
class Limits:
    cells: int
    ands: int

    def hold(self, netlist: Netlist) -> bool:
        return netlist.n_cells <= self.cells and count_ands(netlist) <= self.ands


@dataclass(frozen=True)
class Budget:
    """When to stop."""

    deadline: float | None = None  # `time.monotonic` value; None for no limit

    def over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def share(self, part: float) -> Budget:
        """Return a part, 0 to 1, of what is left."""
        if self.deadline is None:
            return self
        now = time.monotonic()
        return Budget(now + max(0.0, self.deadline - now) * part)


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
        literals.append(builder.maj(*(value_of(literals, each) for each in fanin)))
    return [value_of(literals, literal) for literal in netlist.outputs.tolist()]


def count_ands(netlist: Netlist) -> int:
    header = emit_aig(netlist, aiger_names(netlist), {}).partition(b"\n")[0]
    return int(header.split()[5])


@dataclass(frozen=True)
class LearnOptions(Options, settings=LEARN):
    """How to learn, and what the circuit may cost.

    Parameters
    ----------
    (settings)
    command
        The command that asks for this, to be recorded; empty if there was none.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    conflicts: Conflicts = LEARN["conflicts"].default
    code: Code | None = None
    missing: str | None = None
    max_cells: int = LEARN["max_cells"].default
    max_ands: int = LEARN["max_ands"].default
    time_limit: float | None = None
    trials: int | None = None
    jobs: int = LEARN["jobs"].default
    seed: int = LEARN["seed"].default
    passes: str = LEARN["passes"].default
    basis: Basis = LEARN["basis"].default
    share: Share = LEARN["share"].default
    baselines: bool | None = None
    simulators: tuple[str, ...] | None = None  # Names; None takes all that are installed
    # The command that asks for this, to be recorded; empty if there was none
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._fill("max_ands", self.max_cells)
        if self.trials is None:
            self._fill("time_limit", DEFAULT_TIME_LIMIT)
