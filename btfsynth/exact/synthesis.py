"""The smallest netlist of given functions, found and proven by SAT.

Sizes are gone through from nothing upwards, so a netlist that is found is a smallest one if every question
before had the answer "no"; depth, where asked for, is then lowered at that size in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pysat.solvers import Solver

from btfsynth.errors import NetlistError
from btfsynth.exact.encoding import Encoding, Problem
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.gates import GateBuilder, GateNetlist
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.netlist.views import depth_of
from btfsynth.ports import Port
from btfsynth.settings.table import Basis
from btfsynth.time_box import solve_step

MAX_EXACT_INPUTS = 8
"""Most inputs of a function; beyond five or six only the smallest netlists are within reach."""

_SOLVER = "cadical153"
_SLICE = 5_000
"""Conflicts between two looks at the clock."""


@dataclass(frozen=True)
class Limits:
    """Limits per question, 0 for none; results are reproducible with `conflicts`, not with `seconds`."""

    conflicts: int = 0
    seconds: float = 0.0


Found = TypeVar("Found", Netlist, GateNetlist)
Made_co = TypeVar("Made_co", covariant=True)


@dataclass(frozen=True)
class ExactResult(Generic[Found]):
    """Result of the search; `netlist` is None if nothing was found within the sizes and limits.

    `bound`: no netlist of fewer cells exists within the depth allowed: all smaller sizes were proven
    unsatisfiable or lay below the size that the caller began with. `depth_bound`: no netlist of as few cells
    has less depth; 0 if not asked, not answered, or the size is not proven.
    """

    netlist: Found | None
    bound: int
    depth_bound: int
    conflicts: int
    undecided: tuple[int, ...] = ()  # sizes that were not decided within the limits

    @property
    def optimal(self) -> bool:
        return self.netlist is not None and self.netlist.n_cells == self.bound


class InterruptedSearch(KeyboardInterrupt):
    """The user stopped the search; `result` is what had been found."""

    def __init__(self, result: ExactResult[Any]) -> None:
        self.result = result
        super().__init__()


def exact_netlist(
    functions: Sequence[int],
    n_inputs: int,
    max_cells: int,
    *,
    care: Sequence[int] | None = None,
    min_cells: int = 0,
    max_depth: int = 0,
    min_depth: bool = False,
    limits: Limits | None = None,
) -> ExactResult[Netlist]:
    """Return the smallest netlist of some functions of up to `MAX_EXACT_INPUTS` inputs.

    `functions` are truth tables, one per output: bit ``v`` is the value at input vector ``v``, input 0 least
    significant; `care` are tables with a 1 wherever the value matters. Sizes from `min_cells`, which the
    caller knows to be a lower bound, up to `max_cells` are tried, with at most `max_depth` cells on a path,
    0 for no limit; `min_depth` also minimises the depth at the size found. A question that is not answered
    within the limits counts as open: the bound rises no further, but larger sizes are still tried. A
    `NetlistError` if there are too many inputs, no functions, or tables that do not fit the inputs.
    """
    problem = Problem(*_tables(functions, care, n_inputs))
    search: _Search[Netlist] = _Search(problem, limits or Limits(), NetlistBuilder)
    return search.over_sizes(min_cells, max_cells, max_depth, min_depth)


def exact_gates(
    table: int,
    n_inputs: int,
    basis: Basis,
    max_cells: int,
    *,
    min_cells: int = 0,
    max_depth: int = 0,
    limits: Limits | None = None,
) -> ExactResult[GateNetlist]:
    """Return the smallest netlist of a function over the cells of a basis (see `exact_netlist`)."""
    problem = Problem(*_tables([table], None, n_inputs), basis)
    search: _Search[GateNetlist] = _Search(
        problem, limits or Limits(), partial(GateBuilder, basis=basis)
    )
    return search.over_sizes(min_cells, max_cells, max_depth, False)


class _Builder(Protocol[Made_co]):
    def extend(self, literals: list[int], cells: Iterable[Sequence[int]]) -> None: ...
    def build(self, outputs: Sequence[int]) -> Made_co: ...


def _tables(
    functions: Sequence[int], care: Sequence[int] | None, n_inputs: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if not 0 <= n_inputs <= MAX_EXACT_INPUTS:
        raise NetlistError(f"expected 0 to {MAX_EXACT_INPUTS} inputs, got {n_inputs}")
    size = 1 << n_inputs
    everywhere = (1 << size) - 1
    masks = [everywhere] * len(functions) if care is None else list(care)
    if not functions or len(masks) != len(functions):
        raise NetlistError(
            f"expected one care table per function, got {len(functions)} and {len(masks)}"
        )
    for table in (*functions, *masks):
        if not 0 <= table <= everywhere:
            raise NetlistError(f"{table:#x} is no table of {n_inputs} inputs")
    rows = [
        [[table >> vector & 1 for vector in range(size)] for table in tables]
        for tables in (functions, masks)
    ]
    return np.array(rows[0], dtype=np.uint8), np.array(rows[1], dtype=np.uint8)


class _Search(Generic[Found]):
    def __init__(
        self, problem: Problem, limits: Limits, builder: Callable[..., _Builder[Found]]
    ) -> None:
        self.conflicts = 0
        self._problem = problem
        self._exchanges = problem.exchanges()
        self._limits = limits
        self._builder: Callable[..., _Builder[Found]] = builder

    def over_sizes(
        self, min_cells: int, max_cells: int, max_depth: int, min_depth: bool
    ) -> ExactResult[Found]:
        bound = min_cells
        undecided: list[int] = []
        netlist, depth = None, 0
        try:
            for size in range(min_cells, max_cells + 1):
                netlist, answered = self.ask(size, max_depth)
                if netlist is not None:
                    if min_depth:
                        netlist, depth = self.lower(netlist)
                    break
                if not answered:
                    undecided.append(size)
                bound = bound if undecided else size + 1
        except KeyboardInterrupt:
            raise InterruptedSearch(
                ExactResult(netlist, bound, 0, self.conflicts, tuple(undecided))
            ) from None
        proven = netlist is not None and netlist.n_cells == bound
        return ExactResult(netlist, bound, depth if proven else 0, self.conflicts, tuple(undecided))

    def lower(self, netlist: Found) -> tuple[Found, int]:
        """Return a netlist of the same size and the least depth found, and what depth is proven."""
        while True:
            depth = depth_of(netlist)
            if depth <= 1:
                return netlist, depth
            lower, answered = self.ask(netlist.n_cells, depth - 1)
            if lower is None:
                return netlist, depth if answered else 0
            netlist = lower

    def ask(self, n_cells: int, max_depth: int) -> tuple[Found | None, bool]:
        """Return a netlist of this size if there is one, and whether the question was answered."""
        encoding = Encoding(self._problem, n_cells, self._exchanges, max_depth)
        with Solver(name=_SOLVER, bootstrap_with=encoding.clauses) as solver:
            answer = self._solve(solver)
            self.conflicts += solver.accum_stats()["conflicts"]
            if not answer:
                return None, answer is not None
            cells, outputs = encoding.read(solver.get_model())
        ports = [Port("x", self._problem.n_inputs)] if self._problem.n_inputs else []
        builder = self._builder("exact", ports, [Port("y", len(outputs))])
        literals = [2 * node for node in range(1 + self._problem.n_inputs)]
        builder.extend(literals, cells)
        return builder.build([value_of(literals, lit) for lit in outputs]), True

    def _solve(self, solver: Solver) -> bool | None:
        conflicts, seconds = self._limits.conflicts, self._limits.seconds
        left, end = conflicts, time.monotonic() + seconds
        while True:
            part = min(_SLICE, left) if conflicts else _SLICE
            answer = solve_step(solver, part)
            left -= part
            if answer is not None:
                return bool(answer)
            if (conflicts and left <= 0) or (seconds and time.monotonic() >= end):
                return None
