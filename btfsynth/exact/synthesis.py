"""The smallest netlist of given functions, found and proven by SAT.

Sizes are tried in ascending order from 0, so the first netlist found has the minimum size if every smaller
size was proven impossible. If requested, depth is then lowered at that size in the same way.

Each question, "is there a netlist of N cells?", is an `Encoding` as clauses.

A cell is a set of three fan-in nodes with at most one complement: majority is self-dual, so any other
complements are equivalent to one of these and a complemented result. Majority is also symmetric, so the set is
unordered: variables encode which nodes a cell reads and which of them is complemented, and on every vector that
matters to some output, any two equal fan-in values fix the value of the cell.

On one vector, the *origin*, every signal can be assumed to be 0: inputs that are 1 there are complemented,
cells with at most one complement are then 0, and the targets are complemented to match. So the origin needs no
clauses and complements at the outputs need no variables.

Of netlists that differ only in the numbering of their cells, one is kept (Knuth, The Art of Computer
Programming 4B, 7.2.2.2, exercises 477 to 481; Haaswijk, Soeken, Mishchenko and De Micheli, "SAT-based exact
synthesis", TCAD 39(4), 2020): cells come in the co-lexicographic order of their fan-in; every cell is used; no
cell reads another together with two of that one's own fan-ins, which is never more than one cell of the three
others; interchangeable inputs come in the order of their first use. The constant counts as an input here: it
makes the function self-dual and may be interchangeable with an input.

Other bases are variations. A cell that may be a parity has a variable for its kind; parity is also self-dual
and 0 if its fan-in is 0. Two-input cells are cells that read the constant, which then is not interchangeable.
Two cells over the same three nodes still reduce to one cell: its function follows from its values where the two
shared nodes are equal and where they differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pysat.solvers import Solver

from btfsynth.errors import NetlistError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.gates import GateBuilder, GateNetlist
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.netlist.views import depth_of
from btfsynth.ports import Port
from btfsynth.settings.table import Basis
from btfsynth.time_box import solve_step

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Problem:
    """Functions to find a netlist for: ``(functions, 2 ** inputs)`` uint8 values, input 0 least significant.

    `care` has the same shape, 1 where the value matters.
    """

    values: NDArray[np.uint8]
    care: NDArray[np.uint8]
    basis: Basis = Basis.MAJ

    @property
    def n_inputs(self) -> int:
        return int(self.values.shape[1]).bit_length() - 1

    @property
    def origin(self) -> int:
        """The vector on which most functions matter."""
        return int(np.argmax(self.care.sum(axis=0)))

    def exchanges(self) -> list[tuple[int, int]]:
        """Return the pairs of nodes, 0 the constant, that can be exchanged, lower first.

        Exchanging may go with complements of any inputs and functions.
        """
        size = self.values.shape[1]
        # Self-dual with the constant as input 0: f(0, x) = f(x), f(1, x) = !f(!x).
        nodes = self.n_inputs + 1
        values = np.zeros((len(self.values), 2 * size), dtype=np.uint8)
        care = np.zeros_like(values)
        values[:, 0::2], values[:, 1::2] = self.values, 1 - self.values[:, ::-1]
        care[:, 0::2], care[:, 1::2] = self.care, self.care[:, ::-1]
        vectors = np.arange(2 * size)
        found = []
        for p, q in combinations(range(0 if self.basis.three else 1, nodes), 2):
            differ = (vectors >> p ^ vectors >> q) & 1
            swapped = vectors ^ (differ << p) ^ (differ << q)
            to = swapped ^ vectors[:, None]  # a row for every way to complement
            change = (values[:, to] ^ values[:, None]) & care[:, None]
            kept, turned = (change == 0).all(axis=2), (change == care[:, None]).all(axis=2)
            alike = (care[:, to] == care[:, None]).all(axis=2)
            if (alike & (kept | turned)).all(axis=0).any():
                found.append((p, q))
        return found


class Encoding:
    """The clauses of one question: a netlist of exactly `n_cells` cells, all used.

    `exchanges` is from `Problem.exchanges`; `max_depth` limits the cells on a path, 0 for no limit.
    `clauses` are for a solver; `read` turns its model into literals.
    """

    def __init__(
        self,
        problem: Problem,
        n_cells: int,
        exchanges: Sequence[tuple[int, int]] = (),
        max_depth: int = 0,
    ) -> None:
        self.clauses: list[list[int]] = []
        self.n_cells = n_cells
        self._problem = problem
        self._origin = problem.origin
        self._first = 1 + problem.n_inputs
        self._count = 0
        rows = np.flatnonzero(problem.care.any(axis=0)).tolist()
        self._rows = [row for row in rows if row != self._origin]
        last = self._first + n_cells
        self._known = [
            {row: bool(2 * (row ^ self._origin) >> node & 1) for row in self._rows}
            for node in range(self._first)
        ]
        self._values = {
            cell: {row: self._new() for row in self._rows} for cell in range(self._first, last)
        }
        self._plain = [self._new_row(cell) for cell in range(self._first, last)]
        self._flipped = [self._new_row(cell) for cell in range(self._first, last)]
        self._reads = [self._new_row(cell) for cell in range(self._first, last)]
        self._parity = self._new_row(n_cells) if problem.basis.parities else []
        self._drives = [self._new_row(last) for _ in problem.values]
        self._wrong_side = [self._new() for _ in problem.values]
        for cell in range(n_cells):
            self._choose_fanin(cell)
            self._compute(cell)
            if self._parity:
                self._compute_parity(cell)
            self._bar_reapplication(cell)
        self._match_outputs()
        self._use_every_cell()
        for cell in range(n_cells - 1):
            self._order(cell)
        for p, q in exchanges:
            self._use_first(p, q)
        if max_depth:
            self._limit_depth(max_depth)

    def read(self, model: Sequence[int]) -> tuple[list[tuple[int, int, int]], list[int]]:
        """Return the cells, literals falling in parities and rising in others, and the output literals."""
        true = {variable for variable in model if variable > 0}
        origin = self._origin
        # Signals are 0 at the origin: the inputs that are 1 there are complemented.
        flip = [0, *(origin >> bit & 1 for bit in range(self._first - 1)), *([0] * self.n_cells)]
        cells = []
        parities = self._parity or [0] * self.n_cells
        for plain, flipped, parity in zip(self._plain, self._flipped, parities, strict=True):
            found = [2 * node ^ flip[node] for node, name in enumerate(plain) if name in true]
            found += [
                2 * node ^ flip[node] ^ 1 for node, name in enumerate(flipped) if name in true
            ]
            a, b, c = sorted(found, reverse=parity in true)
            cells.append((a, b, c))
        outputs = []
        for function, names in enumerate(self._drives):
            node = next(node for node, name in enumerate(names) if name in true)
            side = int(self._wrong_side[function] in true)
            outputs.append(2 * node ^ flip[node] ^ side)
        return cells, outputs

    def _new(self) -> int:
        self._count += 1
        return self._count

    def _new_row(self, size: int) -> list[int]:
        return [self._new() for _ in range(size)]

    def _at_most_one(self, names: Sequence[int]) -> None:
        self.clauses += [[-a, -b] for a, b in combinations(names, 2)]

    def _choose_fanin(self, cell: int) -> None:
        """Three nodes, at most one complemented."""
        plain, flipped, reads = self._plain[cell], self._flipped[cell], self._reads[cell]
        for positive, negative, either in zip(plain, flipped, reads, strict=True):
            self.clauses += [[-positive, either], [-negative, either]]
            self.clauses += [[-positive, -negative], [positive, negative, -either]]
        self._at_most_one(flipped)
        self.clauses += [[-name for name in four] for four in combinations(reads, 4)]
        self.clauses += [list(most) for most in combinations(reads, len(reads) - 2)]
        if not self._problem.basis.three:
            self.clauses.append([reads[0]])
        if self._parity:
            self.clauses += [[-self._parity[cell], -name] for name in flipped]

    def _compute(self, cell: int) -> None:
        """Two equal fan-ins are the value of the cell, but of a parity."""
        unless = self._parity[cell : cell + 1]
        plain, flipped = self._plain[cell], self._flipped[cell]
        own = self._values[self._first + cell]
        for a, b in combinations(range(self._first + cell), 2):
            for left, right, flip_a, flip_b in (
                (plain[a], plain[b], 1, 1),
                (flipped[a], plain[b], -1, 1),
                (plain[a], flipped[b], 1, -1),
            ):
                for row in self._rows:
                    for value in (1, -1):
                        clause = [-left, -right, value * own[row], *unless]
                        if self._differs(a, row, flip_a * value, clause) and self._differs(
                            b, row, flip_b * value, clause
                        ):
                            self.clauses.append(clause)

    def _compute_parity(self, cell: int) -> None:
        """A parity is 1 if one or three fan-ins are."""
        reads, own = self._reads[cell], self._values[self._first + cell]
        lowest = range(self._first + cell) if self._problem.basis.three else range(1)
        for a, b, c in combinations(range(self._first + cell), 3):
            if a not in lowest:
                continue
            chosen = [-self._parity[cell], -reads[a], -reads[b], -reads[c]]
            for row in self._rows:
                for x, y, z in product((1, -1), repeat=3):
                    clause = [*chosen, x * y * z * own[row]]
                    if (
                        self._differs(a, row, x, clause)
                        and self._differs(b, row, y, clause)
                        and self._differs(c, row, z, clause)
                    ):
                        self.clauses.append(clause)

    def _differs(self, node: int, row: int, value: int, clause: list[int]) -> bool:
        """Add "the node does not have this value" to a clause; False if that always holds."""
        if node >= self._first:
            clause.append(-value * self._values[node][row])
            return True
        return self._known[node][row] == (value > 0)

    def _bar_reapplication(self, cell: int) -> None:
        """Exclude MAJ(a, b, MAJ(a, b, c)): with any complements, it equals at most one cell over a, b and c."""
        reads = self._reads[cell]
        for inner in range(cell):
            below = self._reads[inner]
            for a, b in combinations(range(self._first + inner), 2):
                names = (reads[self._first + inner], reads[a], reads[b], below[a], below[b])
                self.clauses.append([-name for name in names])

    def _match_outputs(self) -> None:
        """Require one node per function that has its value on every vector that matters."""
        problem = self._problem
        for function, names in enumerate(self._drives):
            self.clauses.append(list(names))
            self._at_most_one(names)
            side = self._wrong_side[function]
            if problem.care[function, self._origin]:
                value = bool(problem.values[function, self._origin])
                self.clauses.append([side if value else -side])
            for row in self._rows:
                if problem.care[function, row]:
                    target = 1 if problem.values[function, row] else -1
                    for node, name in enumerate(names):
                        for flip, sign in ((side, 1), (-side, -1)):
                            clause = [-name, flip]
                            if self._differs(node, row, -sign * target, clause):
                                self.clauses.append(clause)

    def _use_every_cell(self) -> None:
        for cell in range(self.n_cells):
            node = self._first + cell
            users = [reads[node] for reads in self._reads[cell + 1 :]]
            self.clauses.append(users + [names[node] for names in self._drives])

    def _order(self, cell: int) -> None:
        """The fan-in sets, read as binary numbers, rise; among equal ones the complements, a parity last."""
        low, high = self._reads[cell], self._reads[cell + 1]
        same = self._new()  # in all nodes above the present one
        self.clauses += [[-high[-1], -same], [high[-1], same]]
        for a, b in zip(reversed(low), reversed(high[:-1]), strict=True):
            self.clauses.append([-same, -a, b])
            following = self._new()
            self.clauses += [[-same, a, -b, -following], [-same, a, b, following]]
            self.clauses += [[-same, -a, -b, following], [same, -following]]
            same = following
        low, high = self._flipped[cell], self._flipped[cell + 1]
        self.clauses.append([-same, *high, *self._parity[cell + 1 : cell + 2]])
        if self._parity:
            self.clauses.append([-same, -self._parity[cell]])
        for node, a in enumerate(low):
            self.clauses += [[-same, -a, -b] for b in high[: node + 1]]

    def _use_first(self, p: int, q: int) -> None:
        """A cell may read q if it or an earlier one reads p."""
        for cell in range(self.n_cells):
            earlier = [reads[p] for reads in self._reads[: cell + 1]]
            self.clauses.append([-self._reads[cell][q], *earlier])

    def _limit_depth(self, most: int) -> None:
        """deep[cell][d]: the level of the cell, 1 if it reads no other, is above 1 + d."""
        deep = [self._new_row(most) for _ in range(self.n_cells)]
        for cell in range(self.n_cells):
            self.clauses.append([-deep[cell][-1]])
            for inner in range(cell):
                reads = self._reads[cell][self._first + inner]
                self.clauses.append([-reads, deep[cell][0]])
                for above in range(1, most):
                    self.clauses.append([-reads, -deep[inner][above - 1], deep[cell][above]])


MAX_EXACT_INPUTS = 8
"""Maximum inputs of a function; beyond five or six, only very small netlists can be found."""

_SOLVER = "cadical153"
_SLICE = 5_000
"""Conflicts between two looks at the clock."""


@dataclass(frozen=True)
class Limits:
    """Limits per solver call, 0 for none; results are reproducible with `conflicts`, not with `seconds`."""

    conflicts: int = 0
    seconds: float = 0.0


Found = TypeVar("Found", Netlist, GateNetlist)
Made_co = TypeVar("Made_co", covariant=True)


@dataclass(frozen=True)
class ExactResult(Generic[Found]):
    """Result of the search; `netlist` is None if none was found within the sizes and limits.

    `bound`: no netlist of fewer cells exists within the depth allowed: all smaller sizes were proven
    unsatisfiable or were below the caller's initial size. `depth_bound`: no netlist of the same size
    has less depth; 0 if not requested, not decided, or the size is not proven.
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
    """The user stopped the search; `result` is the result so far."""

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
    significant; `care` are tables with a 1 wherever the value matters. Sizes from `min_cells`, a lower bound
    known to the caller, up to `max_cells` are tried, with a depth of at most `max_depth`, 0 for no limit;
    `min_depth` also minimises the depth at the size found. If a size is not decided within the limits, the
    bound rises no further, but larger sizes are still tried. A `NetlistError` if there are too many inputs, no
    functions, or tables that do not fit the inputs.
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
        """Return a netlist of this size if one was found, and whether the search was conclusive."""
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
