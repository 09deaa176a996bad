"""The state of guided resubstitution: a netlist with patterns over its inputs, and the check of replacements.

Node numbers never change; a node without references is free. The patterns are words of 64 over the inputs: some
random, some counterexamples, of which the oldest is overwritten. Structural data (order, users, levels,
heights) are recomputed after every change, in one pass over the cells.

A replacement of a cell is checked in the window around it. The SAT question contains the window above the cell
(see `look_above`) twice: with the cell and with the replacement. Both copies read the same signals from below.
The replacement is correct if no values of these signals change any signal that is read outside the window. A
limited number of cells below are included, the nearest first. Signals under these are free inputs: a
replacement that is correct for all their values is correct.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.kernels import (
    complement_mask,
    majority_of,
    majority_words,
    next_below,
    release,
)
from btfsynth.netlist.views import order_cells
from btfsynth.passes.majority_solver import (
    MAJORITY,
    OPEN,
    STEPS,
    UNKNOWN,
    XOR,
    answer,
    new_question,
)

COUNT, NEXT_PATTERN, ABOVE, MISLED, WORK = range(5)
"""In numbers: the cells in use, the counterexamples so far, the cells in the window above, whether one of
the solver's counterexamples was none, and steps of work done."""


class Guided(NamedTuple):
    fanins: Any  # int32 ``(nodes, 3)`` literals, rows below the first cell not used
    outputs: Any  # int32 literals
    references: Any  # int32 ``(nodes,)``, how often each node is used
    values: Any  # uint64 ``(nodes, words)``, the signatures over the patterns
    first: Any  # the first cell
    order: Any  # int32 ``(nodes,)``, the cells in use, fan-in first
    start: Any  # int32 ``(nodes + 2,)``, where each node's users begin
    users: Any  # int32 ``(3 * nodes,)``
    level: Any  # int32 ``(nodes,)``
    height: Any  # int32 ``(nodes,)``, the cells between a node and the farthest output
    driving: Any  # uint8 ``(nodes,)``, whether a node is an output
    depends: Any  # uint8 ``(nodes,)``, whether a node depends on the present cell
    above: (
        Any  # int32 ``(nodes,)``, the window above the present cell, it first, fan-in before users
    )
    inside: Any  # uint8 ``(nodes,)``, whether a node is in that window
    flipped: Any  # uint64 ``(nodes, words)``, signatures with the present cell flipped
    hard: Any  # uint8 ``(nodes,)``, how often a question about a cell was not decided
    numbers: Any  # int64 ``(5,)``
    alias: Any = None  # nothing stands for another node


@numba.njit(cache=True, nogil=True)
def new_guided(fanins: Any, outputs: Any, first: Any, words: Any, random: Any) -> Any:
    """Return the state of a netlist under random patterns.

    fanins: int32 ``(nodes, 3)``; outputs: int32, both changed later on; random: uint64 (1,), modified.
    """
    nodes = fanins.shape[0]
    state = Guided(
        fanins,
        outputs,
        np.zeros(nodes, dtype=np.int32),
        np.zeros((nodes, words), dtype=np.uint64),
        first,
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes + 2, dtype=np.int32),
        np.zeros(3 * nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros((nodes, words), dtype=np.uint64),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(5, dtype=np.int64),
        None,
    )
    for node in range(1, first):
        for word in range(words):
            high = np.uint64(next_below(random, 1 << 32)) << np.uint64(32)
            state.values[node, word] = high | np.uint64(next_below(random, 1 << 32))
    settle(state)
    for k in range(state.numbers[COUNT]):
        node = state.order[k]
        fanin = (fanins[node, 0], fanins[node, 1], fanins[node, 2])
        majority_words(fanin, state.values, state.values, state.values, node, state.values)
    return state


@numba.njit(cache=True, nogil=True)
def settle(state: Any) -> None:
    """Find the cells in use, their users, levels and heights. Modifies the state."""
    fanins, outputs, first, order = state.fanins, state.outputs, state.first, state.order
    references, start, users = state.references, state.start, state.users
    level, height, driving = state.level, state.height, state.driving
    nodes = fanins.shape[0]
    count = order_cells(fanins[first:], outputs, first, order)
    state.numbers[COUNT] = count
    references[:] = 0
    driving[:] = 0
    height[:] = 0
    for k in range(outputs.shape[0]):
        references[outputs[k] >> 1] += 1
        driving[outputs[k] >> 1] = 1
    start[:] = 0
    for k in range(count):
        node = order[k]
        deepest = 0
        for place in range(3):
            source = fanins[node, place] >> 1
            start[source + 2] += 1
            references[source] += 1
            deepest = max(deepest, level[source])
        level[node] = 1 + deepest
    for node in range(nodes):
        start[node + 2] += start[node + 1]
    for k in range(count):
        for place in range(3):
            source = fanins[order[k], place] >> 1
            users[start[source + 1]] = order[k]
            start[source + 1] += 1
    for k in range(count - 1, -1, -1):
        for place in range(3):
            source = fanins[order[k], place] >> 1
            height[source] = max(height[source], height[order[k]] + 1)


@numba.njit(cache=True, nogil=True)
def depth_of(state: Any) -> Any:
    deepest = 0
    for k in range(state.outputs.shape[0]):
        deepest = max(deepest, state.level[state.outputs[k] >> 1])
    return deepest


@numba.njit(cache=True, nogil=True)
def look_above(state: Any, node: Any, most: Any, matters: Any) -> Any:
    """Find what depends on a cell, the window above it, and the patterns on which it matters.

    The window is the cell and at most ``most`` of its nearest dependents; all signals read from outside are
    observed. matters: uint64 (words,). Modifies depends, above, inside, flipped and matters; returns whether
    the cell matters on any pattern.
    """
    depends, above, inside = state.depends, state.above, state.inside
    order, fanins, values, flipped = state.order, state.fanins, state.values, state.flipped
    start, users, count = state.start, state.users, state.numbers[COUNT]
    depends[:] = 0
    for k in range(state.numbers[ABOVE]):
        inside[above[k]] = 0
    depends[node] = 1
    inside[node] = 1
    above[0] = node
    size, done = 1, 0
    while done < size:
        current = above[done]
        done += 1
        for k in range(start[current], start[current + 1]):
            user = users[k]
            if not inside[user] and size < most:
                inside[user] = 1
                above[size] = user
                size += 1
    words = values.shape[1]
    for word in range(words):
        flipped[node, word] = ~values[node, word]
        matters[word] = 0
    size = 0
    for k in range(count):
        cell = order[k]
        if cell != node:
            a, b, c = fanins[cell, 0], fanins[cell, 1], fanins[cell, 2]
            if not (depends[a >> 1] or depends[b >> 1] or depends[c >> 1]):
                continue
            depends[cell] = 1
            if not inside[cell]:
                continue
            rows_a = flipped if inside[a >> 1] else values
            rows_b = flipped if inside[b >> 1] else values
            rows_c = flipped if inside[c >> 1] else values
            majority_words((a, b, c), rows_a, rows_b, rows_c, cell, flipped)
        above[size] = cell
        size += 1
    state.numbers[ABOVE] = size
    seen = np.uint64(0)
    for k in range(size):
        if is_seen(state, above[k]):
            for word in range(words):
                matters[word] |= flipped[above[k], word] ^ values[above[k], word]
                seen |= matters[word]
    return seen != 0


@numba.njit(cache=True, nogil=True)
def is_seen(state: Any, node: Any) -> Any:
    """Return whether a node of the window above is an output or read from outside."""
    if state.driving[node]:
        return True
    for k in range(state.start[node], state.start[node + 1]):
        if not state.inside[state.users[k]]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def near_signals(state: Any, node: Any, options: Any, chosen: Any, seen: Any) -> Any:
    """Choose signals that do not depend on a cell, the nearest by fan-in and users.

    options: (the most, the deepest level that they may have); chosen: int32, the constant first, and seen:
    uint8 (nodes,), zero before and after, modified. Returns their number.
    """
    most, deepest = options
    fanins, first, start, users = state.fanins, state.first, state.start, state.users
    queue = np.empty(8 * most + 8, dtype=np.int32)
    chosen[0] = 0
    queue[0] = node
    seen[node] = 1
    seen[0] = 1
    head, tail, size = 0, 1, 1
    while head < tail and size < most:
        current = queue[head]
        head += 1
        if not state.depends[current] and state.level[current] <= deepest:
            chosen[size] = current
            size += 1
        if current >= first:
            for place in range(3):
                child = fanins[current, place] >> 1
                if not seen[child] and tail < queue.shape[0]:
                    seen[child] = 1
                    queue[tail] = child
                    tail += 1
        # Signals that very many cells use are near to everything and say little.
        if start[current + 1] - start[current] <= most:
            for k in range(start[current], start[current + 1]):
                if not seen[users[k]] and tail < queue.shape[0]:
                    seen[users[k]] = 1
                    queue[tail] = users[k]
                    tail += 1
    seen[0] = 0
    for k in range(tail):
        seen[queue[k]] = 0
    return size


@numba.njit(cache=True, nogil=True)
def replace(state: Any, node: Any, choice: Any, stack: Any) -> None:
    """Carry out a replacement found by `find_replacement`, and bring everything up to date but signatures."""
    fanins, outputs, references = state.fanins, state.outputs, state.references
    _, a, b, c, d, e = choice
    if b >= 0:
        if d >= 0:
            for literal in (a, b, c, d, e):
                references[literal >> 1] += 1
            release(state, node, stack)
            cell = np.int64(stack[1])
            fanins[cell, 0], fanins[cell, 1], fanins[cell, 2] = c, d, e
            state.depends[cell] = 1
            c = 2 * cell
        fanins[node, 0], fanins[node, 1], fanins[node, 2] = a, b, c
    else:
        for k in range(state.start[node], state.start[node + 1]):
            user = state.users[k]
            for place in range(3):
                if fanins[user, place] >> 1 == node:
                    fanins[user, place] = a ^ (fanins[user, place] & 1)
        for number in range(outputs.shape[0]):
            if outputs[number] >> 1 == node:
                outputs[number] = a ^ (outputs[number] & 1)
    settle(state)


@numba.njit(cache=True, nogil=True)
def resimulate(state: Any) -> None:
    """Compute the signatures of the cells that depend on the one just replaced. Modifies values."""
    fanins, values, depends = state.fanins, state.values, state.depends
    for k in range(state.numbers[COUNT]):
        node = state.order[k]
        if not depends[node]:
            continue
        fanin = (fanins[node, 0], fanins[node, 1], fanins[node, 2])
        majority_words(fanin, values, values, values, node, values)


@numba.njit(cache=True, nogil=True)
def add_pattern(state: Any, pattern: Any, kept: Any) -> None:
    """Overwrite the oldest added pattern; the first ``kept`` words stay random.

    pattern: uint8 (first,), the values of the inputs at their node numbers. Modifies values and numbers.
    """
    fanins, values, numbers = state.fanins, state.values, state.numbers
    places = 64 * (values.shape[1] - kept)
    at = 64 * kept + numbers[NEXT_PATTERN] % places
    numbers[NEXT_PATTERN] += 1
    word, mask = at >> 6, np.uint64(1) << np.uint64(at & 63)
    for node in range(1, state.first):
        if pattern[node]:
            values[node, word] |= mask
        else:
            values[node, word] &= ~mask
    for k in range(numbers[COUNT]):
        node = state.order[k]
        a, b, c = fanins[node, 0], fanins[node, 1], fanins[node, 2]
        x = values[a >> 1, word] ^ complement_mask(a)
        y = values[b >> 1, word] ^ complement_mask(b)
        z = values[c >> 1, word] ^ complement_mask(c)
        values[node, word] = majority_of(x, y, z)


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
