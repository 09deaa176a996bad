"""Whether a replacement of a cell is right: a question about the window around it.

The question holds the window above the cell (see `look_above`) twice: with the cell and with the replacement.
Both copies read the same signals from below. The replacement is right if no values of these signals change any
signal that is read outside the window. A limited number of cells below are included, the nearest first. Signals
under these are free inputs: a replacement that is right for all their values is right.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.kernels import next_below
from btfsynth.passes.guided_state import ABOVE, WORK, is_seen
from btfsynth.passes.majority_solver import (
    MAJORITY,
    OPEN,
    STEPS,
    UNKNOWN,
    XOR,
    answer,
    new_question,
)

RIGHT, WRONG, UNDECIDED = range(3)


class Check(NamedTuple):
    question: Any
    number: Any  # int32 ``(nodes,)``, the variable of each node, 0 if it has none; zero between questions
    loaded: Any  # int32, the nodes that have a variable
    twin: (
        Any  # int32 ``(nodes,)``, the literal of each node of the window above with the replacement
    )
    clause: Any  # int32 ``(above,)``, the differences
    pattern: Any  # uint8 ``(first,)``, the counterexample


@numba.njit(cache=True, nogil=True)
def new_check(nodes: Any, first: Any, below: Any, above: Any, conflicts: Any) -> Any:
    """Return arrays for questions of this many cells below and in the window above."""
    capacity = 3 * below + 12 * above + 64
    return Check(
        new_question(capacity, conflicts),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(above + 1, dtype=np.int32),
        np.zeros(first, dtype=np.uint8),
    )


@numba.njit(cache=True, nogil=True)
def _load(check: Any, node: Any, size: Any) -> Any:
    """Give a node a variable unless it has one; returns how many nodes have."""
    if node and not check.number[node]:
        check.loaded[size] = node
        size += 1
        check.number[node] = size
    return size


@numba.njit(cache=True, nogil=True)
def _known(check: Any, literal: Any) -> Any:
    return 2 * check.number[literal >> 1] + (literal & 1)


@numba.njit(cache=True, nogil=True)
def _gate(question: Any, variable: Any, kind: Any, a: Any, b: Any, c: Any) -> None:
    fanins = question.fanins
    question.kinds[variable] = kind
    fanins[variable, 0], fanins[variable, 1], fanins[variable, 2] = a, b, c


@numba.njit(cache=True, nogil=True)
def _load_below(state: Any, check: Any, choice: Any, below: Any) -> Any:
    """Load the window, the divisors and what is below; returns (nodes loaded, whether all is closed)."""
    fanins, first, above = state.fanins, state.first, state.above
    size = 0
    for k in range(state.numbers[ABOVE]):
        size = _load(check, np.int64(above[k]), size)
    for literal in choice[1:]:
        if literal >= 0:
            size = _load(check, literal >> 1, size)
    open_cells, closed, done = 0, 0, 0
    while done < size:
        node = check.loaded[done]
        variable = done + 1
        done += 1
        check.question.kinds[variable] = OPEN
        if node < first:
            continue
        if closed >= below and not state.inside[node]:
            open_cells += 1
            continue
        closed += 1
        for place in range(3):
            size = _load(check, np.int64(fanins[node, place] >> 1), size)
        a, b, c = fanins[node, 0], fanins[node, 1], fanins[node, 2]
        _gate(
            check.question, variable, MAJORITY, _known(check, a), _known(check, b), _known(check, c)
        )
    return size, open_cells == 0


@numba.njit(cache=True, nogil=True)
def _load_twin(state: Any, check: Any, choice: Any, variables: Any) -> Any:
    """Add the window with the replacement; returns (variables, differences, the literal that must hold)."""
    fanins, above, question, twin = state.fanins, state.above, check.question, check.twin
    node = above[0]
    _, a, b, c, d, e = choice
    if b == -1:
        twin[node] = _known(check, a)
    else:
        if d == -1:
            third = _known(check, c)
        else:
            _gate(
                question, variables, MAJORITY, _known(check, c), _known(check, d), _known(check, e)
            )
            third = 2 * variables
            variables += 1
        _gate(question, variables, MAJORITY, _known(check, a), _known(check, b), third)
        twin[node] = 2 * variables
        variables += 1
    must, differences = 0, 0
    for k in range(state.numbers[ABOVE]):
        cell = above[k]
        if k > 0:
            row = np.zeros(3, dtype=np.int64)
            for place in range(3):
                literal = fanins[cell, place]
                if state.inside[literal >> 1]:
                    row[place] = twin[literal >> 1] ^ (literal & 1)
                else:
                    row[place] = _known(check, literal)
            _gate(question, variables, MAJORITY, row[0], row[1], row[2])
            twin[cell] = 2 * variables
            variables += 1
        seen = is_seen(state, cell)
        if seen or k == 0:
            _gate(question, variables, XOR, 2 * check.number[cell], twin[cell], 0)
            if k == 0:
                must = 2 * variables
            if seen:
                check.clause[differences] = 2 * variables
                differences += 1
            variables += 1
    return variables, differences, must


@numba.njit(cache=True, nogil=True)
def check_choice(state: Any, check: Any, choice: Any, limits: Any, random: Any) -> Any:
    """Decide whether a choice of `find_replacement` may take the place of the present cell.

    It is ``state.above[0]``, as `look_above` left it; limits: (cells below, conflicts). Returns (`RIGHT`,
    `WRONG` or `UNDECIDED`, whether the window reaches the inputs); if wrong, with a pattern in
    ``check.pattern``, open inputs at random.
    """
    below, conflicts = limits
    number, loaded, pattern, question = check.number, check.loaded, check.pattern, check.question
    size, closed = _load_below(state, check, choice, below)
    question.kinds[0] = OPEN
    variables, differences, must = _load_twin(state, check, choice, size + 1)
    result = UNDECIDED
    if differences == 0:
        result = RIGHT
    else:
        found = answer(question, variables, check.clause[:differences], must, conflicts)
        state.numbers[WORK] += question.numbers[STEPS]
        if found == 0:
            result = RIGHT
        elif found == 1:
            result = WRONG
            for node in range(1, state.first):
                value = question.values[number[node]] if number[node] else UNKNOWN
                pattern[node] = next_below(random, 2) if value == UNKNOWN else value
    for k in range(size):
        number[loaded[k]] = 0
    return result, closed
