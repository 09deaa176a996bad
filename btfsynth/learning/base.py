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
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.learning.samples import Rows, Samples
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.aiger import aiger_names, emit_aig
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.ports import Port
from btfsynth.settings.setting import Options
from btfsynth.settings.table import (
    DEFAULT_MAX_CELLS,
    DEFAULT_TIME_LIMIT,
    LEARN,
    UNLIMITED,
    Basis,
    Conflicts,
    Share,
)

OUTPUT = Port("y", 1)
"""The one output of a learner's circuit."""
_MAX_CELLS_PER_LUT = 40


@dataclass(frozen=True)
class Limits:
    cells: int
    ands: int
    luts: int | None = None  # Lookup tables of six inputs

    def hold(self, netlist: Netlist) -> bool:
        if netlist.n_cells > self.cells or count_ands(netlist) > self.ands:
            return False
        if self.luts is None:
            return True
        # Mapping is slow, and no useful circuit has that many cells per look-up table.
        return (
            netlist.n_cells <= _MAX_CELLS_PER_LUT * self.luts and count_luts(netlist) <= self.luts
        )


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
    # Standard errors of validation accuracy that a smaller circuit may lack
    tolerance: float = 1.0


@dataclass(frozen=True, eq=False)
class ClassProblem:
    """Samples of classes, and what their circuit may cost."""

    name: str
    ports: tuple[Port, ...]
    label: Port
    n_classes: int
    train: Rows
    valid: Rows
    limits: Limits
    seed: int
    budget: Budget = field(default_factory=Budget)
    tolerance: float = 1.0


@dataclass(frozen=True, eq=False)
class Fit:
    learner: str
    how: str
    netlist: Netlist


class Learner(Protocol):
    """A way to get from samples to circuits."""

    name: ClassVar[str]

    def fit(self, problem: Problem) -> Iterator[Fit]: ...


def new_builder(problem: Problem | ClassProblem) -> NetlistBuilder:
    output = problem.label if isinstance(problem, ClassProblem) else OUTPUT
    return NetlistBuilder(problem.name, problem.ports, (output,))


def inlined(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Build a netlist into another and return its output literals."""
    literals = [0, *inputs]
    for fanin in netlist.fanins.tolist():
        literals.append(builder.maj(*(value_of(literals, each) for each in fanin)))
    return [value_of(literals, literal) for literal in netlist.outputs.tolist()]


def count_luts(netlist: Netlist) -> int:
    """Return how many lookup tables of six inputs a netlist takes, as estimated by mapping it."""
    return map_luts(netlist, 6).luts


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
    max_luts: int | None = None
    tolerance: float = LEARN["tolerance"].default
    time_limit: float | None = None
    trials: int | None = None
    jobs: int = LEARN["jobs"].default
    seed: int = LEARN["seed"].default
    passes: str = LEARN["passes"].default
    basis: Basis = LEARN["basis"].default
    learners: tuple[str, ...] | None = None  # Names; None runs all
    oracle: str | None = None
    queries: int = LEARN["queries"].default
    share: Share = LEARN["share"].default
    baselines: bool | None = None
    simulators: tuple[str, ...] | None = None  # Names; None takes all that are installed
    # The command that asks for this, to be recorded; empty if there was none
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._fill("max_cells", DEFAULT_MAX_CELLS if self.max_luts is None else UNLIMITED)
        self._fill("max_ands", self.max_cells)
        self._fill("tolerance", 1.0 if self.max_luts is None else 0.0)
        if self.trials is None:
            self._fill("time_limit", DEFAULT_TIME_LIMIT)
