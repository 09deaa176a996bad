"""A small compiled SAT solver on circuits of majorities and exclusive ors.

It is made for very many small questions: nothing is translated to clauses, and a question ends as soon as every
required value is justified by values of the inputs below, while the rest of the circuit stays open. It learns
from conflicts (Marques-Silva and Sakallah, "GRASP", IEEE Trans. Computers 48(5), 1999; Moskewicz et al.,
"Chaff", DAC 2001; Kuehlmann et al., "Robust Boolean reasoning for equivalence checking and functional property
verification", TCAD 21(12), 2002).

Variable 0 is the constant false. A literal is ``2 * variable + complement``. Every implication by a gate
follows from two literals, which are its reason.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

OPEN, MAJORITY, XOR = 0, 1, 2
"""Kind of a variable: an input, or a gate of its three or first two literals."""

UNKNOWN = 2
"""The value of a variable without one, and the answer if the conflicts do not suffice."""

_VARIABLES, _TRAIL, _HEAD, _LEVEL, _CLAUSES, _FIRST, _SECOND, _THIRD, _JUSTIFIED, STEPS = range(10)
_NONE = -1
_RESTART = 100
_ROOM = 40
"""Average number of literals of a learnt clause, for the allocation."""


class Question(NamedTuple):
    """A circuit, a clause over it, and the state of the search. The caller fills in the first two arrays."""

    fanins: Any  # int32 ``(capacity, 3)`` literals
    kinds: Any  # uint8 ``(capacity,)``
    start: Any  # int32 ``(capacity + 2,)``, where each variable's gates begin in users
    users: Any  # int32 ``(3 * capacity,)``
    values: Any  # uint8 ``(capacity,)``
    reasons: Any  # int32 ``(capacity, 2)``: two true literals, or `_NONE` and a clause or `_NONE`
    levels: Any  # int32 ``(capacity,)``
    trail: Any  # int32 ``(capacity,)``, the variables in the order of their values
    limits: Any  # int32 ``(capacity + 1,)``, the length of the trail before each level
    activity: Any  # float64 ``(capacity,)``
    seen: Any  # uint8 ``(capacity,)``, zero between conflicts
    literals: Any  # int32, those of the clauses
    clauses: Any  # int32, where each clause begins; one place more
    heads: Any  # int32 ``(2 * capacity,)``, the first watch of each literal
    following: Any  # int32, the next watch: number ``2 * clause + place``
    learnt: Any  # int32 ``(capacity + 1,)``, scratch
    justified: (
        Any  # int32 ``(capacity + 1,)``, how much of the trail was justified before each level
    )
    numbers: Any  # int64 ``(10,)``; `STEPS` counts the values looked at


@numba.njit(cache=True, nogil=True)
def new_question(capacity: Any, conflicts: Any) -> Any:
    """Return room for circuits of this many variables and for as many learnt clauses."""
    return Question(
        np.zeros((capacity, 3), dtype=np.int32),
        np.zeros(capacity, dtype=np.uint8),
        np.zeros(capacity + 2, dtype=np.int32),
        np.zeros(3 * capacity, dtype=np.int32),
        np.zeros(capacity, dtype=np.uint8),
        np.zeros((capacity, 2), dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(capacity + 1, dtype=np.int32),
        np.zeros(capacity, dtype=np.float64),
        np.zeros(capacity, dtype=np.uint8),
        np.zeros(capacity + _ROOM * (conflicts + 1), dtype=np.int32),
        np.zeros(conflicts + 4, dtype=np.int32),
        np.zeros(2 * capacity, dtype=np.int32),
        np.zeros(2 * conflicts + 8, dtype=np.int32),
        np.zeros(capacity + 1, dtype=np.int32),
        np.zeros(capacity + 1, dtype=np.int32),
        np.zeros(10, dtype=np.int64),
    )


@numba.njit(cache=True, nogil=True)
def answer(question: Any, variables: Any, clause: Any, unit: Any, conflicts: Any) -> Any:
    """Find values of the variables with a literal true and one of a clause too.

    question: its fan-in and kinds filled in for ``variables`` variables, any order, no cycle; clause: int32
    literals, at least one. Returns 1, the values found in ``question.values`` (`UNKNOWN` where anything does);
    0 if there are none; `UNKNOWN` if that takes more conflicts. Modifies the question.
    """
    _begin(question, variables)
    if clause.shape[0] == 1:
        if not _demand(question, clause[0]):
            return 0
    else:
        _add_clause(question, clause)
    if not _demand(question, unit):
        return 0
    numbers, values = question.numbers, question.values
    failed, increment = 0, 1.0
    while True:
        if _propagate(question):
            failed += 1
            if numbers[_LEVEL] == 0:
                return 0
            if failed > conflicts or not _learn(question, increment):
                return UNKNOWN
            increment *= 1.05
            if increment > 1e100:
                question.activity[:variables] *= 1e-100
                increment *= 1e-100
            if failed % _RESTART == 0:
                _back_to(question, 0)
            continue
        literal = _open_end(question, clause)
        if literal == _NONE:
            return 1
        question.limits[numbers[_LEVEL]] = numbers[_TRAIL]
        question.justified[numbers[_LEVEL]] = numbers[_JUSTIFIED]
        numbers[_LEVEL] += 1
        if values[literal >> 1] != UNKNOWN:
            return UNKNOWN
        _set(question, literal, _NONE, _NONE)


@numba.njit(cache=True, nogil=True)
def _begin(question: Any, variables: Any) -> None:
    """Forget the last question and list the gates that read each variable. Modifies the question."""
    fanins, kinds, start, users = question.fanins, question.kinds, question.start, question.users
    question.numbers[:] = 0
    question.numbers[_VARIABLES] = variables
    question.values[:variables] = UNKNOWN
    question.activity[:variables] = 0.0
    question.heads[: 2 * variables] = _NONE
    start[: variables + 2] = 0
    for gate in range(variables):
        for place in range(3 if kinds[gate] == MAJORITY else kinds[gate]):
            start[(fanins[gate, place] >> 1) + 2] += 1
    for variable in range(variables):
        start[variable + 2] += start[variable + 1]
    for gate in range(variables):
        for place in range(3 if kinds[gate] == MAJORITY else kinds[gate]):
            source = fanins[gate, place] >> 1
            users[start[source + 1]] = gate
            start[source + 1] += 1
    _set(question, 1, _NONE, _NONE)


@numba.njit(cache=True, nogil=True)
def _set(question: Any, literal: Any, reason: Any, other: Any) -> None:
    """Make a literal true. Modifies the question."""
    variable, numbers = literal >> 1, question.numbers
    question.values[variable] = 1 - (literal & 1)
    question.reasons[variable, 0] = reason
    question.reasons[variable, 1] = other
    question.levels[variable] = numbers[_LEVEL]
    question.trail[numbers[_TRAIL]] = variable
    numbers[_TRAIL] += 1


@numba.njit(cache=True, nogil=True)
def _demand(question: Any, literal: Any) -> Any:
    """Make a literal true at the first level; return whether it may be."""
    value = question.values[literal >> 1]
    if value == UNKNOWN:
        _set(question, literal, _NONE, _NONE)
        return True
    return value != literal & 1


@numba.njit(cache=True, nogil=True, inline="always")
def _true(values: Any, variable: Any) -> Any:
    """Return the literal of a variable that is true."""
    return 2 * variable + 1 - values[variable]


@numba.njit(cache=True, nogil=True)
def _conclusions(kinds: Any, fanins: Any, values: Any, gate: Any) -> Any:
    """Return up to two literals that a gate's values make true, `_NONE` for none, and the two that are why."""
    out = values[gate]
    a, b = np.int64(fanins[gate, 0]), np.int64(fanins[gate, 1])
    x, y = values[a >> 1], values[b >> 1]
    if kinds[gate] == XOR:
        flip = (a ^ b) & 1
        if x != UNKNOWN and y != UNKNOWN:
            made = 2 * gate + 1 - (x ^ y ^ flip)
            return made, _NONE, _true(values, a >> 1), _true(values, b >> 1)
        if out == UNKNOWN or (x == UNKNOWN and y == UNKNOWN):
            return _NONE, _NONE, _NONE, _NONE
        if x == UNKNOWN:
            a, b, x = b, a, y
        made = 2 * (b >> 1) + 1 - (out ^ x ^ flip)
        return made, _NONE, _true(values, gate), _true(values, a >> 1)
    c = np.int64(fanins[gate, 2])
    z = values[c >> 1]
    # Values of the literals; unknown ones are all different.
    x = x ^ (a & 1) if x != UNKNOWN else 4
    y = y ^ (b & 1) if y != UNKNOWN else 5
    z = z ^ (c & 1) if z != UNKNOWN else 6
    if x == y:
        return 2 * gate + 1 - x, _NONE, _true(values, a >> 1), _true(values, b >> 1)
    if x == z:
        return 2 * gate + 1 - x, _NONE, _true(values, a >> 1), _true(values, c >> 1)
    if y == z:
        return 2 * gate + 1 - y, _NONE, _true(values, b >> 1), _true(values, c >> 1)
    if out != UNKNOWN:
        # One input against the gate: the two others are as the gate.
        if x == 1 - out:
            return b ^ (1 - out), c ^ (1 - out), _true(values, gate), _true(values, a >> 1)
        if y == 1 - out:
            return a ^ (1 - out), c ^ (1 - out), _true(values, gate), _true(values, b >> 1)
        if z == 1 - out:
            return a ^ (1 - out), b ^ (1 - out), _true(values, gate), _true(values, c >> 1)
    return _NONE, _NONE, _NONE, _NONE


@numba.njit(cache=True, nogil=True)
def _propagate(question: Any) -> Any:
    """Draw all conclusions; return whether there is a contradiction, left in the numbers."""
    numbers, values, kinds, fanins = (
        question.numbers,
        question.values,
        question.kinds,
        question.fanins,
    )
    start, users, trail, heads = question.start, question.users, question.trail, question.heads
    reasons, levels = question.reasons, question.levels
    level, size = numbers[_LEVEL], numbers[_TRAIL]
    while numbers[_HEAD] < size:
        numbers[STEPS] += 1
        variable = np.int64(trail[numbers[_HEAD]])
        numbers[_HEAD] += 1
        for k in range(start[variable] - (kinds[variable] != OPEN), start[variable + 1]):
            gate = np.int64(users[k]) if k >= start[variable] else variable
            made, also, why, and_why = _conclusions(kinds, fanins, values, gate)
            while made != _NONE:
                value = values[made >> 1]
                if value == UNKNOWN:
                    values[made >> 1] = 1 - (made & 1)
                    reasons[made >> 1, 0], reasons[made >> 1, 1] = why, and_why
                    levels[made >> 1] = level
                    trail[size] = made >> 1
                    size += 1
                elif value == made & 1:
                    numbers[_TRAIL] = size
                    numbers[_FIRST], numbers[_SECOND], numbers[_THIRD] = made ^ 1, why, and_why
                    return True
                made, also = also, _NONE
        false = _true(values, variable) ^ 1
        if heads[false] != _NONE:
            numbers[_TRAIL] = size
            if _follow_clauses(question, false):
                return True
            size = numbers[_TRAIL]
    numbers[_TRAIL] = size
    return False


@numba.njit(cache=True, nogil=True)
def _follow_clauses(question: Any, false: Any) -> Any:
    """Look at the clauses that watch a literal now false; return whether one has no literal left."""
    literals, clauses, values = question.literals, question.clauses, question.values
    heads, following = question.heads, question.following
    watch = heads[false]
    heads[false] = _NONE
    while watch != _NONE:
        after = following[watch]
        clause, place = watch >> 1, watch & 1
        begin, end = clauses[clause], clauses[clause + 1]
        other = literals[begin + 1 - place]
        moved = False
        if values[other >> 1] != 1 - (other & 1):
            for k in range(begin + 2, end):
                literal = literals[k]
                if values[literal >> 1] != literal & 1:
                    literals[begin + place], literals[k] = literal, false
                    following[watch] = heads[literal]
                    heads[literal] = watch
                    moved = True
                    break
        if not moved:
            following[watch] = heads[false]
            heads[false] = watch
            value = values[other >> 1]
            if value == UNKNOWN:
                _set(question, other, _NONE, clause)
            elif value == other & 1:
                while after != _NONE:
                    following_one = following[after]
                    following[after] = heads[false]
                    heads[false] = after
                    after = following_one
                numbers = question.numbers
                numbers[_FIRST], numbers[_SECOND] = _NONE, clause
                return True
        watch = after
    return False


@numba.njit(cache=True, nogil=True)
def _add_clause(question: Any, clause: Any) -> Any:
    """Add a clause of at least two literals, the first two watched; returns its number or `_NONE`."""
    numbers, literals, clauses = question.numbers, question.literals, question.clauses
    number = numbers[_CLAUSES]
    begin = clauses[number]
    if number + 2 > clauses.shape[0] or begin + clause.shape[0] > literals.shape[0]:
        return _NONE
    for k in range(clause.shape[0]):
        literals[begin + k] = clause[k]
    clauses[number + 1] = begin + clause.shape[0]
    for place in range(2):
        watch = 2 * number + place
        question.following[watch] = question.heads[clause[place]]
        question.heads[clause[place]] = watch
    numbers[_CLAUSES] += 1
    return number


@numba.njit(cache=True, nogil=True, inline="always")
def _meet(question: Any, literal: Any, increment: Any, size: Any) -> Any:
    """Take a true literal into the conflict that is analysed; returns the size of the clause learnt."""
    variable = literal >> 1
    if question.seen[variable] or question.levels[variable] == 0:
        return size
    question.seen[variable] = 1
    question.activity[variable] += increment
    if question.levels[variable] == question.numbers[_LEVEL]:
        question.numbers[_HEAD] += 1  # how many of this level are still to be explained
    else:
        question.learnt[size] = literal ^ 1
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def _learn(question: Any, increment: Any) -> Any:
    """Learn the clause of the first implication point, go back and follow it; False if there is no room."""
    numbers, reasons, levels = question.numbers, question.reasons, question.levels
    literals, clauses, learnt = question.literals, question.clauses, question.learnt
    seen, trail = question.seen, question.trail
    numbers[_HEAD] = 0
    size = 1
    clause, implied = _NONE, _NONE
    if numbers[_FIRST] == _NONE:
        clause = numbers[_SECOND]
    else:
        for which in (_FIRST, _SECOND, _THIRD):
            size = _meet(question, numbers[which], increment, size)
    place = numbers[_TRAIL] - 1
    while True:
        if clause != _NONE:
            for k in range(clauses[clause], clauses[clause + 1]):
                if literals[k] >> 1 != implied:
                    size = _meet(question, literals[k] ^ 1, increment, size)
        while not seen[trail[place]]:
            place -= 1
        implied = trail[place]
        place -= 1
        seen[implied] = 0
        numbers[_HEAD] -= 1
        if numbers[_HEAD] == 0:
            break
        clause = _NONE
        if reasons[implied, 0] == _NONE:
            clause = reasons[implied, 1]
        else:
            for which in range(2):
                size = _meet(question, np.int64(reasons[implied, which]), increment, size)
    learnt[0] = _true(question.values, implied) ^ 1
    size = _shorten(question, size)
    back = 0
    for k in range(1, size):
        if levels[learnt[k] >> 1] > back:
            back = levels[learnt[k] >> 1]
            learnt[1], learnt[k] = learnt[k], learnt[1]
    _back_to(question, back)
    if size == 1:
        _set(question, np.int64(learnt[0]), _NONE, _NONE)
        return True
    number = _add_clause(question, learnt[:size])
    if number == _NONE:
        return False
    _set(question, np.int64(learnt[0]), _NONE, number)
    return True


@numba.njit(cache=True, nogil=True)
def _shorten(question: Any, size: Any) -> Any:
    """Drop the literals that follow from others of the clause learnt; returns its size, none seen any more."""
    learnt, seen, reasons, levels = (
        question.learnt,
        question.seen,
        question.reasons,
        question.levels,
    )
    literals, clauses = question.literals, question.clauses
    for k in range(1, size):
        variable = learnt[k] >> 1
        first, second = reasons[variable, 0], reasons[variable, 1]
        follows = first != _NONE or second != _NONE
        if first != _NONE:
            for reason in (first, second):
                if not seen[reason >> 1] and levels[reason >> 1] > 0:
                    follows = False
        elif follows:
            for place in range(clauses[second], clauses[second + 1]):
                other = literals[place] >> 1
                if other != variable and not seen[other] and levels[other] > 0:
                    follows = False
                    break
        if follows:
            seen[variable] = 2  # it goes, but what follows from it goes as well
    kept = 1
    for k in range(1, size):
        if seen[learnt[k] >> 1] == 1:
            seen[learnt[k] >> 1] = 0
            learnt[kept] = learnt[k]
            kept += 1
        else:
            seen[learnt[k] >> 1] = 0
    return kept


@numba.njit(cache=True, nogil=True)
def _back_to(question: Any, level: Any) -> None:
    """Undo all that came after a level. Modifies the question."""
    numbers = question.numbers
    if numbers[_LEVEL] > level:
        keep = question.limits[level]
        for k in range(keep, numbers[_TRAIL]):
            question.values[question.trail[k]] = UNKNOWN
        numbers[_TRAIL] = keep
        numbers[_LEVEL] = level
        numbers[_JUSTIFIED] = question.justified[level]
        numbers[_HEAD] = keep  # before a decision all conclusions are drawn


@numba.njit(cache=True, nogil=True)
def _open_end(question: Any, clause: Any) -> Any:
    """Return a literal to try next: a step towards what is not justified yet, `_NONE` if all is.

    Of several steps the one whose variable was in most conflicts lately.
    """
    values, fanins, kinds = question.values, question.fanins, question.kinds
    activity, trail = question.activity, question.trail
    best, most = _NONE, -1.0
    satisfied = False
    for k in range(clause.shape[0]):
        value = values[clause[k] >> 1]
        if value == UNKNOWN:
            if activity[clause[k] >> 1] > most:
                best, most = np.int64(clause[k]), activity[clause[k] >> 1]
        elif value != clause[k] & 1:
            satisfied = True
    if satisfied:
        best, most = _NONE, -1.0
    numbers, all_before = question.numbers, True
    for k in range(numbers[_JUSTIFIED], numbers[_TRAIL]):
        if all_before:
            numbers[_JUSTIFIED] = k
        gate = trail[k]
        if kinds[gate] == OPEN:
            continue
        value = values[gate]
        agreeing, unknown = 0, 0
        for place in range(3 if kinds[gate] == MAJORITY else 2):
            literal = fanins[gate, place]
            there = values[literal >> 1]
            if there == UNKNOWN:
                unknown += 1
            elif there ^ (literal & 1) == value:
                agreeing += 1
        if unknown == 0 or (kinds[gate] == MAJORITY and agreeing >= 2):
            continue
        all_before = False
        for place in range(3 if kinds[gate] == MAJORITY else 2):
            literal = np.int64(fanins[gate, place])
            if values[literal >> 1] == UNKNOWN and activity[literal >> 1] > most:
                best = literal ^ (1 - value) if kinds[gate] == MAJORITY else literal
                most = activity[literal >> 1]
    return best
