"""An incremental SAT solver that loads the cones of a graph as they are asked about."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.passes.best_so_far import keep_time

_SOLVER = "cadical153"
_MAX_VARIABLES = 12_000
"""Signals loaded before the solver is replaced: an answer assigns every one of them."""
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
            self._solver.conf_budget(step)
            answer: bool | None = self._solver.solve_limited(assumptions=question)
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
        self._count = _load(self._graph.fanins, first, roots, self._variable, self._loaded, before)
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
def _load(fanins: Any, first: Any, roots: Any, variable: Any, loaded: Any, count: Any) -> Any:
    """Number the nodes of some cones that have no variable yet, but not the constant.

    Changes variable and loaded (the nodes by variable, from 1 on); returns how many there are now.
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
