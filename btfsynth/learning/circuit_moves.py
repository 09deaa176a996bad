"""Heat-bath moves on a circuit: a connection is redrawn from all signals that could replace it.

The energy of a circuit is the cost of its gates plus, for every output, a weight times its number of wrong
samples. At a position (a fan-in of a gate, an output, or a gate as a whole) it is linear in the values there.
Complementing the gate on every sample gives the coefficients, the *gain*; the gain times the values of a signal
is the energy with that signal in this position. A product of a matrix and a vector thus gives the energies of
all signals, and a product of two matrices those of all new gates of two signals: for values -1 and +1

    and(a, b) = (a + b + ab - 1) / 2,    xor(a, b) = -ab,    majority(a, b, c) = (a + b + c - abc) / 2.

The choice is drawn with probability proportional to exp(-energy) (Gibbs sampling; S. Geman and D. Geman, IEEE
PAMI 6, 721, 1984). The weight of an error rises from the first move to the last: at first only gates that
explain much pay off, at the end every error counts (annealing; S. Kirkpatrick et al., Science 220, 671, 1983).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from btfsynth.learning.circuit_state import (
    AND_COST,
    FREE,
    MAJORITY,
    MAJORITY_COST,
    PARITY,
    PARITY_COST,
    Goal,
    State,
    arrange,
    collapse,
    evaluate_gate,
    find_members,
    first_place,
    forget_members,
    gate_cost,
    kept_cost,
    sign_of,
)
from btfsynth.netlist.kernels import next_below, random_state

_IMPROBABLE = 20.0
"""Energy above the lowest, in nats, from which a choice is not considered."""
_WHOLE = 3
"""Pin number for a whole gate."""
_GATES, _PAIRS = 14, 30
"""New gates of two signals: four ANDs, four ORs, four majorities with the present signal, parity and its
complement; and an OR, or an AND, of the present signal with each of the first eight."""


class Position(NamedTuple):
    """A connection to redraw."""

    place: int  # of the gate; -1 for an output
    pin: int  # of the gate, or the number of the output
    literal: int  # the present signal


class Scratch(NamedTuple):
    """Scratch arrays of moves; each is written before it is read."""

    gain: NDArray[np.float32]  # (samples,) the energy of +1 at the position, over that of 0
    delta: NDArray[np.float32]  # (samples,) change of energy if the gate is complemented
    rows: NDArray[np.int64]  # (signals,) signals that may take the place
    # (2, signals) gain, and gain times the present signal, times the values of these
    linear: NDArray[np.float32]
    keeps: NDArray[np.float64]  # (signals,) cost of the gates that only this choice keeps
    energies: NDArray[np.float64]  # (2 * signals,) by literal
    pairs: NDArray[
        np.float32
    ]  # (2, signals, signals) gain, and gain times the present signal, with two
    scaled: NDArray[np.float32]  # (2, samples)
    focus: NDArray[np.bool_]  # (places,) the gates that may change
    places: NDArray[np.int64]  # (places,) the same, listed
    chosen: NDArray[np.int64]  # (outputs,) the outputs that may change first
    random: NDArray[np.uint64]  # (1,) the state of the random numbers


def new_scratch(state: State) -> Scratch:
    signals, samples = state.values.shape
    places = len(state.kinds)
    return Scratch(
        gain=np.empty(samples, np.float32),
        delta=np.empty(samples, np.float32),
        rows=np.empty(signals, np.int64),
        linear=np.empty((2, signals), np.float32),
        keeps=np.empty(signals, np.float64),
        energies=np.empty(2 * signals, np.float64),
        pairs=np.empty((2, signals, signals), np.float32),
        scaled=np.empty((2, samples), np.float32),
        focus=np.zeros(places, np.bool_),
        places=np.zeros(places, np.int64),
        chosen=np.arange(len(state.outputs), dtype=np.int64),
        random=random_state(1),
    )


@njit(cache=True)
def _chance(random: NDArray[np.uint64]) -> Any:
    """Return a random number from 0 to below 1."""
    return next_below(random, 1 << 53) / (1 << 53)


@njit(cache=True, fastmath=True)
def _dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> Any:
    total = np.float32(0.0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, fastmath=True)
def _add_difference(
    total: NDArray[np.float32],
    weight: np.float32,
    target: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
) -> None:
    """Add weight times the change of errors of an output, ``(samples,)``, to the total."""
    for i in range(len(total)):
        total[i] += weight * target[i] * (before[i] - after[i])


@njit(cache=True)
def flip_gate(state: State, place: int) -> None:
    """Mark a gate and all that depend on it, and compute their values if it is complemented."""
    base = first_place(state)
    state.marked[:] = False
    state.marked[place] = True
    np.negative(state.values[base + place], state.flipped[place])
    behind = False
    for one in state.order[: state.size[0]]:
        if one == place:
            behind = True
        elif behind:
            a, b, c = state.fanins[one]
            if (
                (a >> 1 >= base and state.marked[(a >> 1) - base])
                or (b >> 1 >= base and state.marked[(b >> 1) - base])
                or (c >> 1 >= base and state.marked[(c >> 1) - base])
            ):
                state.marked[one] = True
                evaluate_gate(state, one, True)


@njit(cache=True)
def _flip(
    state: State, goal: Goal, weights: NDArray[np.float64], place: int, delta: NDArray[np.float32]
) -> None:
    """Flip a gate and write the change of energy on each sample."""
    base = first_place(state)
    flip_gate(state, place)
    delta[:] = 0
    for output in range(len(state.outputs)):
        literal = state.outputs[output]
        gate = (literal >> 1) - base
        if gate >= 0 and state.marked[gate]:
            weight = np.float32(0.5 * weights[output]) * sign_of(literal)
            _add_difference(
                delta, weight, goal.targets[output], state.values[base + gate], state.flipped[gate]
            )


@njit(cache=True, fastmath=True)
def _set_gain(state: State, position: Position, gain: Any, delta: Any) -> None:
    """Write the gain of a position in a gate from the cost of flipping the gate."""
    place, pin, _ = position
    values = state.values[first_place(state) + place]
    if pin == _WHOLE:
        for i in range(len(gain)):
            gain[i] = np.float32(-0.5) * delta[i] * values[i]
    elif state.kinds[place] == MAJORITY:
        one, two = state.fanins[place, (pin + 1) % 3], state.fanins[place, (pin + 2) % 3]
        a, b, sign = state.values[one >> 1], state.values[two >> 1], sign_of(one ^ two)
        for i in range(len(gain)):  # it matters where the other two differ
            differ = np.float32(1.0) - sign * a[i] * b[i]
            gain[i] = np.float32(-0.25) * delta[i] * values[i] * differ
    else:
        other = state.fanins[place, 1 - pin]
        a, sign = state.values[other >> 1], sign_of(other)
        for i in range(len(gain)):
            gain[i] = np.float32(0.5) * delta[i] * values[i] * sign * a[i]


@njit(cache=True)
def _draw_position(
    state: State, scratch: Scratch, places: int, outputs: int, whole: bool
) -> Position:
    """Draw a connection that may change or, if requested, possibly a whole gate."""
    pins = 4 if whole else 3
    number = next_below(scratch.random, outputs + pins * places)
    if number < outputs:
        output = scratch.chosen[number]
        return Position(-1, output, state.outputs[output])
    place = scratch.places[(number - outputs) // pins]
    pin = (number - outputs) % pins
    if pin == _WHOLE:
        return Position(place, pin, 2 * (first_place(state) + place))
    return Position(place, pin, state.fanins[place, pin])


@njit(cache=True)
def _prepare(
    state: State, goal: Goal, weights: NDArray[np.float64], position: Position, scratch: Scratch
) -> Any:
    """Write the gain of a position and the signals allowed there; return the number of these."""
    if position.place < 0:
        state.marked[:] = False
        factor = np.float32(-0.5 * weights[position.pin])
        np.multiply(goal.targets[position.pin], factor, scratch.gain)
    else:
        _flip(state, goal, weights, position.place, scratch.delta)
        _set_gain(state, position, scratch.gain, scratch.delta)
    base = first_place(state)
    count = base
    for signal in range(base):
        scratch.rows[signal] = signal
    for place in state.order[: state.size[0]]:
        if not state.marked[place]:
            scratch.rows[count] = base + place
            count += 1
    for row in range(count):
        scratch.linear[0, row] = _dot(scratch.gain, state.values[scratch.rows[row]])
    return count


@njit(cache=True)
def _own_cost(state: State, costs: NDArray[np.float64], position: Position, signal: int) -> Any:
    """Return the cost of the gate of a position with that signal."""
    place, pin, _ = position
    if place < 0:
        return 0.0
    if state.kinds[place] == PARITY:
        other = state.fanins[place, 1 - pin] >> 1
        return 0.0 if signal in (0, other) else costs[PARITY_COST]
    one, two = state.fanins[place, (pin + 1) % 3] >> 1, state.fanins[place, (pin + 2) % 3] >> 1
    if signal in (one, two):
        return 0.0
    return costs[AND_COST] if 0 in (signal, one, two) else costs[MAJORITY_COST]


@njit(cache=True)
def _draw_signal(state: State, goal: Goal, position: Position, scratch: Scratch, rows: int) -> Any:
    """Draw the literal at a position from all signals, and return it."""
    base = first_place(state)
    least = np.inf
    for row in range(rows):
        signal = scratch.rows[row]
        extra = _own_cost(state, goal.costs, position, signal)
        extra += kept_cost(state, goal.costs, signal - base)
        scratch.energies[2 * row] = extra + scratch.linear[0, row]
        scratch.energies[2 * row + 1] = extra - scratch.linear[0, row]
        least = min(least, extra - abs(scratch.linear[0, row]))
    total, drawn = 0.0, position.literal
    for place in range(2 * rows):
        excess = scratch.energies[place] - least
        if excess < _IMPROBABLE:
            weight = math.exp(-excess)
            total += weight
            if _chance(scratch.random) * total < weight:
                drawn = 2 * scratch.rows[place >> 1] + (place & 1)
    return drawn


@njit(cache=True, fastmath=True)
def _four_dots(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    signals: tuple[NDArray[np.float32], ...],
    out: NDArray[np.float32],
) -> None:
    """Write the products of two vectors with four others; ``(2, 4)`` float32."""
    a, b, c, d = signals
    zero = np.float32(0.0)
    one, two, three, four = zero, zero, zero, zero
    five, six, seven, eight = zero, zero, zero, zero
    for i in range(len(first)):
        one += first[i] * a[i]
        two += first[i] * b[i]
        three += first[i] * c[i]
        four += first[i] * d[i]
        five += second[i] * a[i]
        six += second[i] * b[i]
        seven += second[i] * c[i]
        eight += second[i] * d[i]
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = one, two, three, four
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = five, six, seven, eight


@njit(cache=True, fastmath=True)
def _set_pairs(state: State, literal: int, scratch: Scratch, rows: int) -> None:
    """Write the products of the gain with every two signals, and with the present signal as well."""
    present, sign = state.values[literal >> 1], sign_of(literal)
    first, second = scratch.scaled
    out = np.empty((2, 4), np.float32)
    for row in range(1, rows):
        a = state.values[scratch.rows[row]]
        for i in range(len(first)):
            first[i] = scratch.gain[i] * a[i]
            second[i] = first[i] * sign * present[i]
        scratch.linear[1, row] = second.sum()
        for other in range(row + 1, rows, 4):
            # Of the last signals some are looked at twice.
            begin = max(row + 1, min(other, rows - 4)) if rows - row > 4 else row + 1
            signals = (
                state.values[scratch.rows[begin]],
                state.values[scratch.rows[min(begin + 1, rows - 1)]],
                state.values[scratch.rows[min(begin + 2, rows - 1)]],
                state.values[scratch.rows[min(begin + 3, rows - 1)]],
            )
            _four_dots(first, second, signals, out)
            for place in range(min(4, rows - begin)):
                scratch.pairs[0, row, begin + place] = out[0, place]
                scratch.pairs[1, row, begin + place] = out[1, place]


@njit(cache=True)
def _gate_energy(gate: int, a: float, b: float, ab: float, constant: float) -> Any:
    """Return the energy of one of the eight ANDs and ORs, from those of its parts."""
    one = -a if gate & 1 else a
    two = -b if gate & 2 else b
    product = -ab if (gate ^ gate >> 1) & 1 else ab
    if gate < 4:
        return 0.5 * (one + two + product - constant)
    return 0.5 * (one + two - product + constant)


@njit(cache=True)
def _energy_of(
    gate: int,
    parts: tuple[float, float, float],
    with_present: tuple[float, float, float],
    sums: tuple[float, float],
) -> Any:
    """Return the energy of the values of a new gate of two signals, its cost aside.

    parts: gain times the first signal, the second and both; with_present: the same times the present signal;
    sums: those of the gain, and of the gain times the present signal.
    """
    a, b, ab = parts
    ac, bc, abc = with_present
    constant, present = sums
    if gate < 8:
        return _gate_energy(gate, a, b, ab, constant)
    if gate < 12:
        # majority(a, b, c) = (a + b + c - abc) / 2: an OR of a and b with c for 1
        return _gate_energy(gate - 4, a, b, abc, present)
    if gate < _GATES:
        return ab if gate & 1 else -ab
    on, off = 0.5 * (constant + present), 0.5 * (constant - present)
    if gate < _GATES + 8:  # an OR: the gate counts where the present signal is -1
        inner = gate - _GATES
        return on + _gate_energy(inner, 0.5 * (a - ac), 0.5 * (b - bc), 0.5 * (ab - abc), off)
    inner = gate - _GATES - 8
    return _gate_energy(inner, 0.5 * (a + ac), 0.5 * (b + bc), 0.5 * (ab + abc), on) - off


@njit(cache=True)
def _least_energy(
    parts: tuple[float, float, float],
    with_present: tuple[float, float, float],
    sums: tuple[float, float],
    prices: tuple[float, float, float, float],
) -> Any:
    """Return a lower bound of the energies of all new gates of two signals, their prices included."""
    a, b, ab = parts
    ac, bc, abc = with_present
    constant, present = sums
    size = abs(a) + abs(b)
    on, off = 0.5 * (constant + present), 0.5 * (constant - present)
    two_off = on - 0.25 * (abs(a - ac) + abs(b - bc) + abs(ab - abc)) - 0.5 * abs(off)
    two_on = -off - 0.25 * (abs(a + ac) + abs(b + bc) + abs(ab + abc)) - 0.5 * abs(on)
    return min(
        prices[0] - 0.5 * (size + abs(ab) + abs(constant)),
        prices[1] + 0.5 * (present - size - abs(abc)),
        prices[2] - abs(ab),
        prices[3] + min(two_off, two_on),
    )


@njit(cache=True)
def _price(gate: int, prices: tuple[float, float, float, float]) -> Any:
    if gate < 8:
        return prices[0]
    if gate < 12:
        return prices[1]
    return prices[2] if gate < _GATES else prices[3]


@njit(cache=True)
def _draw_gate(
    goal: Goal, scratch: Scratch, rows: int, can_keep: bool, sums: tuple[float, float]
) -> tuple[int, int, int]:
    """Draw a new gate of two signals for a position; its number and the signals, -1 for none."""
    costs = goal.costs
    saved = scratch.energies[0]
    present = sums[1]
    least, total = present, 0.0
    drawn = (-1, 0, 0)
    kept = (costs[MAJORITY_COST], 2 * costs[AND_COST]) if can_keep else (np.inf, np.inf)
    for drawing in (False, True):
        if drawing:
            total = math.exp(least - present) if present - least < _IMPROBABLE else 0.0
        limit = least + _IMPROBABLE if drawing else least
        for row in range(1, rows):
            a, ac = scratch.linear[0, row], scratch.linear[1, row]
            for other in range(row + 1, rows):
                spared = saved - max(scratch.keeps[row], scratch.keeps[other])
                parts = (a, scratch.linear[0, other], scratch.pairs[0, row, other])
                more = (ac, scratch.linear[1, other], scratch.pairs[1, row, other])
                prices = (costs[AND_COST] - spared, kept[0], costs[PARITY_COST] - spared, kept[1])
                if _least_energy(parts, more, sums, prices) > limit:
                    continue
                for gate in range(_PAIRS if can_keep else _GATES):
                    energy = _energy_of(gate, parts, more, sums) + _price(gate, prices)
                    if not drawing:
                        least = min(least, energy)
                        limit = least
                    elif energy - least < _IMPROBABLE:
                        weight = math.exp(least - energy)
                        total += weight
                        if _chance(scratch.random) * total < weight:
                            drawn = (gate, scratch.rows[row], scratch.rows[other])
    return drawn


@njit(cache=True)
def _build(state: State, places: tuple[int, int], drawn: tuple[int, int, int], present: int) -> int:
    """Write a gate that was drawn into free places; return that of the one that is read."""
    gate, one, two = drawn
    place, outer = places
    inner = gate
    if gate >= _GATES:
        inner = (gate - _GATES) & 7
        state.kinds[outer] = MAJORITY
        state.fanins[outer, 0] = 2 * (first_place(state) + place)
        state.fanins[outer, 1] = present
        state.fanins[outer, 2] = 1 if gate < _GATES + 8 else 0
    state.kinds[place] = PARITY if 12 <= inner < _GATES else MAJORITY
    if inner < 12:
        third = present
        if inner < 8:
            third = 0 if inner < 4 else 1
        state.fanins[place, 0] = 2 * one + (inner & 1)
        state.fanins[place, 1] = 2 * two + (inner >> 1 & 1)
        state.fanins[place, 2] = third
    else:
        state.fanins[place, 0] = 2 * one
        state.fanins[place, 1] = 2 * two + (inner & 1)
        state.fanins[place, 2] = 0
    return outer if gate >= _GATES else place


@njit(cache=True)
def _free_places(state: State) -> tuple[int, int]:
    """Return two free places, -1 if there is none."""
    found = -1
    for place in range(len(state.kinds)):
        if state.kinds[place] == FREE:
            if found >= 0:
                return found, place
            found = place
    return found, -1


@njit(cache=True)
def _new_gate(state: State, goal: Goal, position: Position, scratch: Scratch, rows: int) -> Any:
    """Draw a new gate for a position and build it; return its place, -1 if the present signal stays."""
    base = first_place(state)
    places = _free_places(state)
    if places[1] < 0:
        return -1
    literal = position.literal
    present = sign_of(literal) * _dot(scratch.gain, state.values[literal >> 1])
    _set_pairs(state, literal, scratch, rows)
    for row in range(1, rows):
        scratch.keeps[row] = kept_cost(state, goal.costs, scratch.rows[row] - base)
    can_keep = literal > 1 and position.pin != _WHOLE
    sums = (-scratch.linear[0, 0], present)
    drawn = _draw_gate(goal, scratch, rows, can_keep, sums)
    if drawn[0] < 0:
        return -1
    return _build(state, places, drawn, literal)


@njit(cache=True)
def _members_cost(state: State, costs: NDArray[np.float64], count: int) -> Any:
    total = 0.0
    for place in state.members[:count]:
        total += gate_cost(state, costs, place)
    return total


@njit(cache=True)
def _settle(state: State, position: Position, literal: int, fresh: int) -> None:
    """Connect a literal, or the new gate, to a position, and update the circuit."""
    if position.place < 0:
        state.outputs[position.pin] = literal
    elif position.pin == _WHOLE:
        state.kinds[position.place] = state.kinds[fresh]
        state.fanins[position.place] = state.fanins[fresh]
        state.kinds[fresh] = FREE
        fresh = -1
    else:
        state.fanins[position.place, position.pin] = literal
    if position.place >= 0:
        collapse(state, position.place)
    arrange(state)
    if position.place < 0 and fresh < 0:
        return
    for place in state.order[: state.size[0]]:
        if fresh >= 0 or state.marked[place]:
            evaluate_gate(state, place, False)


@njit(cache=True)
def _find_focus(state: State, scratch: Scratch, outputs: int) -> Any:
    """List the gates on which the outputs in focus depend; return their number."""
    base = first_place(state)
    if outputs == len(state.outputs):
        scratch.places[: state.size[0]] = state.order[: state.size[0]]
        return state.size[0]
    scratch.focus[:] = False
    for output in scratch.chosen[:outputs]:
        gate = (state.outputs[output] >> 1) - base
        if gate >= 0:
            scratch.focus[gate] = True
    count = 0
    for number in range(state.size[0] - 1, -1, -1):
        place = state.order[number]
        if scratch.focus[place]:
            scratch.places[count] = place
            count += 1
            for pin in range(3):
                child = (state.fanins[place, pin] >> 1) - base
                if child >= 0:
                    scratch.focus[child] = True
    return count


@njit(cache=True)
def anneal(
    state: State,
    goal: Goal,
    scratch: Scratch,
    weights: tuple[NDArray[np.float64], NDArray[np.float64]],
    outputs: int,
    steps: tuple[int, int],
    seed: np.uint64,
) -> None:
    """Change a circuit by a number of moves.

    weights: ``(outputs,)`` float64 energies of an error of each output, at the first move and at the last. Only
    the first `outputs` of `scratch.chosen`, and the gates that they need, may change. steps: the number of
    moves, and the interval between draws among new gates. Modifies state and scratch.
    """
    scratch.random[0] = seed
    begin, end = weights
    count, every = steps
    base = first_place(state)
    now = begin.copy()
    ratio = np.log(end / begin)
    places = _find_focus(state, scratch, outputs)
    for step in range(count):
        if step % 64 == 0:
            for output in range(len(now)):
                now[output] = begin[output] * math.exp(ratio[output] * step / count)
        gates = step % every == 0
        position = _draw_position(state, scratch, places, outputs, gates)
        if position.place >= 0 and state.kinds[position.place] == PARITY and position.pin == 2:
            continue
        rows = _prepare(state, goal, now, position, scratch)
        gate = (position.literal >> 1) - base
        references = 1
        if position.pin == _WHOLE and position.place >= 0:
            references = state.refs[gate]
        members = find_members(state, gate, references)
        literal, fresh = position.literal, -1
        if gates:
            scratch.energies[0] = _members_cost(state, goal.costs, members)
            fresh = _new_gate(state, goal, position, scratch, rows)
            if fresh >= 0:
                literal = 2 * (base + fresh)
        else:
            literal = _draw_signal(state, goal, position, scratch, rows)
        forget_members(state, members)
        if literal != position.literal:
            _settle(state, position, literal, fresh)
            places = _find_focus(state, scratch, outputs)
