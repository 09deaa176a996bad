"""Equality of signals of a graph, decided on their fan-in cones.

`ConeSolver` uses an incremental SAT solver, which loads cones when they are needed; `compare_cones` uses a
compiled solver on the cells just below two signals.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.kernels import complement_mask, majority_of, variable_word
from btfsynth.passes.goal import keep_time
from btfsynth.passes.majority_solver import MAJORITY, OPEN, XOR, answer, new_question
from btfsynth.time_box import solve_step

_SOLVER = "cadical153"
_MAX_VARIABLES = 12_000
"""Maximum loaded signals before the solver is replaced, because every answer assigns all of them."""
_STEP = 5_000
"""Conflicts between two looks at the clock."""


class ConeSolver:
    """Compare literals of a graph (see `btfsynth.netlist.hashing`) that may still grow.

    At most `conflicts` per question; 0 for no limit.
    """

    def __init__(self, graph: Any, conflicts: int) -> None:
        self._graph = graph
        self._conflicts = conflicts
        self._variable = np.zeros(len(graph.fanins), dtype=np.int32)
        self._loaded = np.zeros(len(graph.fanins), dtype=np.int32)
        self._count = 0
        self._solver: Any = None  # until there is a question

    def close(self) -> None:
        if self._solver is not None:
            self._solver.delete()

    def compare(self, a: int, b: int) -> tuple[bool | None, NDArray[np.uint8] | None]:
        """Decide whether two literals are equal on every input vector; None if the conflicts do not suffice.

        If False, also a vector on which they differ, ``(inputs,)`` uint8, with zeros where neither depends on
        an input.
        """
        if not a >> 1:
            a, b = b, a
        if not a >> 1:
            same = a == b
            return same, None if same else np.zeros(int(self._graph.first) - 1, dtype=np.uint8)
        x, y = self._literal(a, b)
        questions = [[x, -y], [-x, y]]
        if not b >> 1:
            questions = [[-x if b else x]]
        for question in questions:
            answer = self._answer(question)
            if answer is None:
                return None, None
            if answer:
                return False, self._vector()
        return True, None

    def _answer(self, question: list[int]) -> bool | None:
        """Ask in short steps: a signal or an alarm waits for the end of one."""
        asked = 0
        while not self._conflicts or asked < self._conflicts:
            keep_time()
            step = min(_STEP, self._conflicts - asked) if self._conflicts else _STEP
            answer = solve_step(self._solver, step, question)
            if answer is not None:
                return answer
            asked += step
        return None

    def _literal(self, a: int, b: int) -> tuple[int, int]:
        """Load two cones and return the literals as the solver knows them."""
        if self._solver is None or self._count > _MAX_VARIABLES:
            from pysat.solvers import Solver

            self._variable[self._loaded[: self._count]] = 0
            self._count = 0
            self.close()
            self._solver = Solver(name=_SOLVER)
        roots = np.array([a >> 1, b >> 1], dtype=np.int64)
        first = int(self._graph.first)
        before = self._count
        self._count = _load_cones(
            self._graph.fanins, first, roots, self._variable, self._loaded, before
        )
        new = self._loaded[before : self._count]
        clauses = _clauses(self._graph.fanins, first, new, self._variable)
        for clause in clauses.tolist():
            self._solver.add_clause(clause if clause[2] else clause[:2])
        x, y = int(self._variable[a >> 1]), int(self._variable[b >> 1])
        return (-x if a & 1 else x), (-y if b & 1 else y)

    def _vector(self) -> NDArray[np.uint8]:
        model = self._solver.get_model()
        vector = np.zeros(int(self._graph.first) - 1, dtype=np.uint8)
        loaded = self._loaded[: self._count]
        for node in loaded[loaded < len(vector) + 1].tolist():
            place = int(self._variable[node]) - 1
            vector[node - 1] = place < len(model) and model[place] > 0
        return vector


@numba.njit(cache=True, nogil=True)
def _load_cones(fanins: Any, first: Any, roots: Any, variable: Any, loaded: Any, count: Any) -> Any:
    """Number the nodes of some cones that have no variable yet, except the constant.

    Modifies variable and loaded (the nodes by variable, from 1 on); returns how many there are now.
    """
    done = count
    for root in roots:
        if root and not variable[root]:
            loaded[count] = root
            count += 1
            variable[root] = count
    while done < count:
        node = loaded[done]
        done += 1
        if node < first:
            continue
        for place in range(3):
            source = fanins[node, place] >> 1
            if source and not variable[source]:
                loaded[count] = source
                count += 1
                variable[source] = count
    return count


@numba.njit(cache=True, nogil=True)
def _clauses(fanins: Any, first: Any, nodes: Any, variable: Any) -> Any:
    """Return the clauses of cells, int32 (clauses, 3), 0 in the third place of one of two literals.

    Six a majority, ``x & y -> out`` and ``!x & !y -> !out`` for every pair; three an AND or OR.
    """
    clauses = np.zeros((6 * nodes.shape[0], 3), dtype=np.int32)
    count = 0
    for node in nodes:
        if node < first:
            continue
        out = variable[node]
        for left, right in ((0, 1), (0, 2), (1, 2)):
            a, b = fanins[node, left], fanins[node, right]
            x = -variable[a >> 1] if a & 1 else variable[a >> 1]
            y = -variable[b >> 1] if b & 1 else variable[b >> 1]
            if a >> 1 and b >> 1:
                clauses[count, 0], clauses[count, 1], clauses[count, 2] = -x, -y, out
                clauses[count + 1, 0], clauses[count + 1, 1], clauses[count + 1, 2] = x, y, -out
                count += 2
                continue
            # One of them is constant (a cell in normal form has no two constants).
            constant, signal = (a, y) if a >> 1 == 0 else (b, x)
            clauses[count, 0] = -signal if constant else signal
            clauses[count, 1] = out if constant else -out
            count += 1
    return clauses[:count]


# Whether two signals of a graph are equal, asked of a compiled solver about the cells just below them.

EQUAL, DIFFERENT, UNDECIDED = range(3)

_TABLE_INPUTS = 16
"""Maximum signals for simulating all their values instead of using a solver."""


class Cones(NamedTuple):
    """Room for questions."""

    question: Any  # see `btfsynth.passes.majority_solver`
    number: Any  # int32 ``(nodes,)``, the variable of each node; zero between questions
    loaded: Any  # int32, the node of each variable but the first
    side: Any  # uint8 ``(nodes,)``, which cones a node is in, 1 and 2; zero between questions
    order: Any  # int32, the variables of the cells, fan-in last
    tables: Any  # uint64 ``(variables, words)``
    clause: Any  # int32 ``(1,)``


@numba.njit(cache=True, nogil=True)
def new_cones(nodes: Any, cells: Any, conflicts: Any) -> Any:
    """Return work arrays for questions about this many cells of a graph of this many nodes."""
    capacity = 3 * min(cells, nodes) + 8
    return Cones(
        new_question(capacity, conflicts),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(capacity, dtype=np.int32),
        np.zeros((capacity, 1 << (_TABLE_INPUTS - 6)), dtype=np.uint64),
        np.zeros(1, dtype=np.int32),
    )


@numba.njit(cache=True, nogil=True)
def compare_cones(graph: Any, a: Any, b: Any, cones: Any, limits: Any, vector: Any) -> Any:
    """Compare two literals of a graph.

    limits: maximum cells (the latest first, as space permits) and conflicts. Signals below these cells are
    free: equality for all their values is a proof, but a difference is one only if there are no free signals.
    At first only cells of one cone alone are included, which suffice if the two cones differ only locally.
    Returns `EQUAL`, `DIFFERENT` or `UNDECIDED`. Modifies the cones, and vector, uint8 ``(inputs,)``, to one on
    which the two differ.
    """
    for common in (False, True):
        size, cells, closed = _two_cones(graph, a, b, cones, limits[0], common)
        if size - cells <= _TABLE_INPUTS:
            found = _simulate(a, b, cones, size, cells)
        else:
            found = _ask(a, b, cones, size, limits[1])
        if found == 1 and closed:
            vector[:] = 0
            for k in range(size):
                if cones.loaded[k] < graph.first:
                    vector[cones.loaded[k] - 1] = cones.question.values[k + 1] == 1
        for k in range(size):
            cones.number[cones.loaded[k]] = 0
            cones.side[cones.loaded[k]] = 0
        if found == 0:
            return EQUAL
        if found == 1 and closed:
            return DIFFERENT
    return UNDECIDED


@numba.njit(cache=True, nogil=True)
def _ask(a: Any, b: Any, cones: Any, size: Any, conflicts: Any) -> Any:
    """Ask for values with which two literals differ: see `answer`."""
    question, number = cones.question, cones.number
    question.kinds[size + 1] = XOR
    question.fanins[size + 1, 0] = 2 * number[a >> 1] + (a & 1)
    question.fanins[size + 1, 1] = 2 * number[b >> 1] + (b & 1)
    cones.clause[0] = 2 * (size + 1)
    return answer(question, size + 2, cones.clause, np.int64(cones.clause[0]), conflicts)


@numba.njit(cache=True, nogil=True)
def _simulate(a: Any, b: Any, cones: Any, size: Any, cells: Any) -> Any:
    """Find values with which two literals differ among all: 1 and the values in the question, or 0."""
    question, number, order, tables = cones.question, cones.number, cones.order, cones.tables
    words = 1 << max(0, size - cells - 6)
    place = 0
    tables[0, :words] = 0
    for variable in range(1, size + 1):
        if question.kinds[variable] == OPEN:
            for word in range(words):
                tables[variable, word] = variable_word(place, word)
            place += 1
    for k in range(cells - 1, -1, -1):
        row = question.fanins[order[k]]
        for word in range(words):
            x = tables[row[0] >> 1, word] ^ complement_mask(row[0])
            y = tables[row[1] >> 1, word] ^ complement_mask(row[1])
            z = tables[row[2] >> 1, word] ^ complement_mask(row[2])
            tables[order[k], word] = majority_of(x, y, z)
    flip = complement_mask(a ^ b)
    for word in range(words):
        differ = tables[number[a >> 1], word] ^ tables[number[b >> 1], word] ^ flip
        if differ:
            bit = np.uint64(0)
            while not (differ >> bit) & np.uint64(1):
                bit += np.uint64(1)
            for variable in range(1, size + 1):
                question.values[variable] = (tables[variable, word] >> bit) & np.uint64(1)
            return 1
    return 0


@numba.njit(cache=True, nogil=True)
def _two_cones(graph: Any, a: Any, b: Any, cones: Any, cells: Any, common: Any) -> Any:
    """Number the latest cells below two literals, those of both cones if wanted.

    Returns how many nodes and cells, and whether all cells are in.
    """
    question, number, loaded, side, order, _, _ = cones
    fanins, first = graph.fanins, graph.first
    heap = [np.int64(0)]
    heap.pop()
    size, done, closed = 0, 0, True
    question.kinds[0] = OPEN
    for bit, root in ((1, a >> 1), (2, b >> 1)):
        if root and not number[root]:
            loaded[size] = root
            size += 1
            number[root] = size
            question.kinds[size] = OPEN
            heapq.heappush(heap, -np.int64(root))
        side[root] |= bit
    side[0] = 0
    while len(heap) > 0 and -heap[0] >= first:
        node = -heapq.heappop(heap)
        if done == cells:
            return size, done, False
        if side[node] == 3 and not common:
            closed = False
            continue
        variable = number[node]
        order[done] = variable
        done += 1
        question.kinds[variable] = MAJORITY
        for place in range(3):
            literal = np.int64(fanins[node, place])
            source = literal >> 1
            if source and not number[source]:
                loaded[size] = source
                size += 1
                number[source] = size
                question.kinds[size] = OPEN
                heapq.heappush(heap, -source)
            side[source] |= side[node]
            question.fanins[variable, place] = 2 * number[source] + (literal & 1)
    side[0] = 0
    return size, done, closed
