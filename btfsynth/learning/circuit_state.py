"""The circuit of a chain: a pool of gates, and their values on all samples.

Signals are numbered as in a netlist: 0 is FALSE, then come the inputs, then the places of the pool; a literal
is twice a signal, plus one if it is complemented. A place contains a majority of three literals (an AND or OR
has a constant as the third) or an exclusive or of two. The place of a gate that no output needs becomes free.
Values are -1 and +1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FREE, MAJORITY, PARITY = 0, 1, 2
"""Kinds of content of a place."""
AND_COST, MAJORITY_COST, PARITY_COST = 0, 1, 2
"""Places in the costs of gates; ANDs and ORs cost the same."""


class Goal(NamedTuple):
    """Targets of a circuit and costs of its gates."""

    # (outputs, samples) float32: -1 or +1, and 0 where a sample says nothing of an output
    targets: NDArray[np.float32]
    # (3,) float64, what a gate costs, in nats; infinity where there must be none
    costs: NDArray[np.float64]


class State(NamedTuple):
    """A circuit, its values, and scratch arrays of its moves. Kernels change it in place."""

    kinds: NDArray[np.int64]  # (places,)
    fanins: NDArray[np.int64]  # (places, 3) literals; the third of a parity is 0
    outputs: NDArray[np.int64]  # (outputs,) literals
    values: NDArray[np.float32]  # (1 + inputs + places, samples) -1 or +1
    order: NDArray[np.int64]  # (places,) the gates in use, in topological order
    refs: NDArray[np.int64]  # (places,) how many fan-ins and outputs read a gate
    # (places,) and (4 * places,), of the search for the order
    colour: NDArray[np.int64]
    stack: NDArray[np.int64]
    marked: NDArray[np.bool_]  # (places,) the gate that is changed and all that depend on it
    flipped: NDArray[np.float32]  # (places, samples) their values if that gate were complemented
    members: NDArray[np.int64]  # (places,) the gates that a change may free
    inside: NDArray[np.bool_]  # (places,) whether a gate is among them
    drops: NDArray[np.int64]  # (places,) how many of a gate's references they hold
    size: NDArray[np.int64]  # (1,) the number of gates in use


def new_state(inputs: NDArray[np.uint8], outputs: int, places: int) -> State:
    """Return a circuit without gates whose outputs are FALSE, on ``(samples, inputs)`` values 0 or 1."""
    count, width = inputs.shape
    values = np.full((1 + width + places, count), -1, dtype=np.float32)
    values[1 : 1 + width] = 2.0 * inputs.T - 1
    return State(
        kinds=np.zeros(places, np.int64),
        fanins=np.zeros((places, 3), np.int64),
        outputs=np.zeros(outputs, np.int64),
        values=values,
        order=np.zeros(places, np.int64),
        refs=np.zeros(places, np.int64),
        colour=np.zeros(places, np.int64),
        stack=np.zeros(4 * places + 4, np.int64),
        marked=np.zeros(places, np.bool_),
        flipped=np.empty((places, count), np.float32),
        members=np.zeros(places, np.int64),
        inside=np.zeros(places, np.bool_),
        drops=np.zeros(places, np.int64),
        size=np.zeros(1, np.int64),
    )


@njit(cache=True)
def first_place(state: State) -> int:
    return len(state.values) - len(state.kinds)


@njit(cache=True)
def pins(state: State, place: int) -> int:
    """Return the number of fan-ins of a gate."""
    return 3 if state.kinds[place] == MAJORITY else 2


@njit(cache=True)
def gate_cost(state: State, costs: NDArray[np.float64], place: int) -> Any:
    if state.kinds[place] == PARITY:
        return costs[PARITY_COST]
    for pin in range(3):
        if state.fanins[place, pin] < 2:
            return costs[AND_COST]
    return costs[MAJORITY_COST]


@njit(cache=True, fastmath=True)
def majority_values(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    c: NDArray[np.float32],
    signs: tuple[np.float32, np.float32, np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write the majority of three signals, each times its sign; all ``(samples,)`` float32."""
    one, two, three = signs
    for i in range(len(out)):
        total = one * a[i] + two * b[i] + three * c[i]
        out[i] = np.float32(1.0) if total > 0 else np.float32(-1.0)


@njit(cache=True, fastmath=True)
def parity_values(
    a: NDArray[np.float32], b: NDArray[np.float32], sign: np.float32, out: NDArray[np.float32]
) -> None:
    for i in range(len(out)):
        out[i] = -sign * a[i] * b[i]


@njit(cache=True)
def sign_of(literal: int) -> Any:
    return np.float32(1 - 2 * (literal & 1))


@njit(cache=True)
def evaluate_gate(state: State, place: int, with_flipped: bool) -> None:
    """Compute a gate from its fan-ins, into `values`, or from flipped ones where marked into `flipped`."""
    base = first_place(state)
    a, b, c = state.fanins[place]
    rows = (a >> 1, b >> 1, c >> 1)
    one, two, three = state.values[rows[0]], state.values[rows[1]], state.values[rows[2]]
    out = state.values[base + place]
    if with_flipped:
        out = state.flipped[place]
        if rows[0] >= base and state.marked[rows[0] - base]:
            one = state.flipped[rows[0] - base]
        if rows[1] >= base and state.marked[rows[1] - base]:
            two = state.flipped[rows[1] - base]
        if rows[2] >= base and state.marked[rows[2] - base]:
            three = state.flipped[rows[2] - base]
    if state.kinds[place] == MAJORITY:
        majority_values(one, two, three, (sign_of(a), sign_of(b), sign_of(c)), out)
    else:
        parity_values(one, two, sign_of(a) * sign_of(b), out)


@njit(cache=True)
def arrange(state: State) -> None:
    """Find the gates in use, their order and their references; free all others.

    Modifies kinds, order, refs and size; values are left as they are.
    """
    base = first_place(state)
    state.refs[:] = 0
    state.colour[:] = 0
    count = 0
    for output in state.outputs:
        root = (output >> 1) - base
        if root < 0:
            continue
        state.refs[root] += 1
        if state.colour[root]:
            continue
        top = 0
        state.stack[0] = root
        while top >= 0:
            place = state.stack[top]
            if state.colour[place] == 0:
                state.colour[place] = 1
                for pin in range(pins(state, place)):
                    child = (state.fanins[place, pin] >> 1) - base
                    if child >= 0:
                        state.refs[child] += 1
                        if state.colour[child] == 0:
                            top += 1
                            state.stack[top] = child
            else:
                if state.colour[place] == 1:
                    state.colour[place] = 2
                    state.order[count] = place
                    count += 1
                top -= 1
    state.size[0] = count
    for place in range(len(state.kinds)):
        if state.colour[place] == 0:
            state.kinds[place] = FREE


@njit(cache=True)
def refresh(state: State) -> None:
    """Arrange a circuit and compute the values of all its gates."""
    arrange(state)
    for place in state.order[: state.size[0]]:
        evaluate_gate(state, place, False)


@njit(cache=True)
def find_members(state: State, root: int, references: int) -> int:
    """Find the gates that become free when a gate loses `references` references; return their number.

    Modifies members and inside; `forget_members` undoes this.
    """
    if root < 0 or state.refs[root] > references:
        return 0
    base = first_place(state)
    count, done = 1, 0
    state.members[0] = root
    state.inside[root] = True
    while done < count:
        place = state.members[done]
        done += 1
        for pin in range(pins(state, place)):
            child = (state.fanins[place, pin] >> 1) - base
            if child >= 0:
                state.drops[child] += 1
                if state.drops[child] == state.refs[child]:
                    state.inside[child] = True
                    state.members[count] = child
                    count += 1
    for place in state.members[:count]:
        for pin in range(pins(state, place)):
            child = (state.fanins[place, pin] >> 1) - base
            if child >= 0:
                state.drops[child] = 0
    return count


@njit(cache=True)
def forget_members(state: State, count: int) -> None:
    for place in state.members[:count]:
        state.inside[place] = False


@njit(cache=True)
def kept_cost(state: State, costs: NDArray[np.float64], place: int) -> Any:
    """Return the cost of the members in the cone of a gate, itself included."""
    if place < 0 or not state.inside[place]:
        return 0.0
    base = first_place(state)
    count, done = 1, 0
    state.stack[0] = place
    state.inside[place] = False
    total = 0.0
    while done < count:
        one = state.stack[done]
        done += 1
        total += gate_cost(state, costs, one)
        for pin in range(pins(state, one)):
            child = (state.fanins[one, pin] >> 1) - base
            if child >= 0 and state.inside[child]:
                state.inside[child] = False
                state.stack[count] = child
                count += 1
    for one in state.stack[:count]:
        state.inside[one] = True
    return total


@njit(cache=True)
def same_as(state: State, place: int) -> Any:
    """Return the literal that a gate is always equal to, -1 if there is none among its fan-ins."""
    a, b, c = state.fanins[place]
    if state.kinds[place] == MAJORITY:
        if a == b or b == c ^ 1:
            return a
        if a == c ^ 1:
            return b
        if a == c or b == c:
            return c
        return c if a == b ^ 1 else -1
    if a < 2 or b < 2:
        return a ^ b
    return (a ^ b) & 1 if a >> 1 == b >> 1 else -1


@njit(cache=True)
def collapse(state: State, first: int) -> None:
    """Replace a gate that equals a literal by that literal, and gates that do so as a result."""
    base = first_place(state)
    waiting = first
    while waiting >= 0:
        place, waiting = waiting, -1
        literal = same_as(state, place)
        if literal < 0:
            continue
        state.kinds[place] = FREE
        own = 2 * (base + place)
        for user in range(len(state.kinds)):
            if state.kinds[user] == FREE:
                continue
            for pin in range(3):
                if state.fanins[user, pin] >> 1 == own >> 1:
                    state.fanins[user, pin] = literal ^ (state.fanins[user, pin] & 1)
        for output in range(len(state.outputs)):
            if state.outputs[output] >> 1 == own >> 1:
                state.outputs[output] = literal ^ (state.outputs[output] & 1)
        for user in range(len(state.kinds)):
            if state.kinds[user] != FREE and same_as(state, user) >= 0:
                waiting = user
