"""The simplest circuit that explains the samples of all outputs at once, by simulated annealing.

Outputs share gates: a gate costs once, however many outputs it explains, so weak evidence from several outputs
adds up. A chain starts without gates. The weight of an error rises, so the gates that explain most are found
first and later gates read them. Repairs follow: one to three outputs, wrong ones first, are annealed again from
a lower weight while the others stay fixed; a change is kept if the description does not become longer.

The description is that of a two-part code (J. Rissanen, Automatica 14, 465, 1978): the literals of every gate,
and every error. Chains have several lengths; the shortest description wins.

Confidence: a circuit has the probability exp(-length of its description). Moves at full costs, with the final
weight of an error, sample this distribution near the initial circuit (Gibbs sampling). An explanation that is a
little longer than the shortest one is less probable, but there are many.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from btfsynth.learning.circuit_moves import Scratch, anneal, new_scratch
from btfsynth.learning.circuit_state import (
    FREE,
    MAJORITY,
    PARITY,
    Goal,
    State,
    collapse,
    gate_cost,
    new_state,
    refresh,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.ports import Port
from btfsynth.settings.table import Basis
from btfsynth.workers.executor import Common

_FIRST_WEIGHT, _MIDDLE_WEIGHT = 0.1, 2.0
"""Weights of an error in nats: at the start, and at which the circuit for noisy samples is recorded."""
_STEPS, _GROWTH, _MAX_STEPS = 100_000, 8, 6_400_000
"""Moves of the first chain, growth factor from chain to chain, and maximum."""
_SLICES = 20
_GATE_EVERY = 40
_QUENCH = 2000
_REPAIRS, _REPAIR_EVERY = 33, 24_000
"""Repairs of each chain, plus one per this many moves; a quarter of that if nothing is wrong."""
_REPAIR_STEPS = 3000
_REPAIR_GATE_EVERY = 25
_MELTED = (0.5, 2.0)
"""Range of the weight of an error at the start of a repair."""
_COVERING = 0.3
"""Share of the repairs of a wrong output that add a product of literals for its wrong samples."""
_MAX_LITERALS = 10
SPARE = 16
"""Minimum number of free places for repairs; a fuller circuit only lists the samples."""
_CHEAPEST = 0.25
"""Minimum factor on the cost of a gate in a repair; low costs let in gates that help only together."""
_NEAR = 10.0
"""Maximum energy above the simplest circuit, in nats, of circuits at which walks start."""
_WALKS, _STOPS, _WALK_STEPS = 4, 8, 1000
"""Walks, circuits recorded per walk after the first one, and moves from one to the next."""
_ASKED = 2048
"""Random vectors on which circuits are compared."""
_FIRST_WALK = 1 << 21
"""Seed of the first walk; those of chains are smaller."""


@dataclass(frozen=True, eq=False)
class Ground(Common):
    """The samples and settings that all chains share."""

    inputs: NDArray[np.uint8]  # (samples, inputs)
    targets: NDArray[np.float32]  # (outputs, samples) -1 or +1, 0 for a don't-care
    basis: Basis
    seed: int
    error: float = 16.0  # Energy of an error at the end
    width: int | None = None  # Signals that a literal is chosen from, if these are not the inputs

    @property
    def charged(self) -> int:
        return self.inputs.shape[1] if self.width is None else self.width

    @property
    def costs(self) -> NDArray[np.float64]:
        """Costs of gates in nats: choosing each literal, and the kind of gate."""
        literal = math.log(2 * (1 + self.charged))
        majority = 3.3 * literal if self.basis.three else math.inf
        return np.array([2 * literal, majority, 2.8 * literal if self.basis.parities else math.inf])

    @property
    def places(self) -> int:
        return 128 + 4 * len(self.targets)


@dataclass(frozen=True, eq=False)
class Sampled:
    """A circuit recorded during a chain."""

    how: str
    kinds: NDArray[np.int64]
    fanins: NDArray[np.int64]
    outputs: NDArray[np.int64]
    order: NDArray[np.int64]
    wrong: NDArray[np.int64]  # (outputs,) samples that it gets wrong
    energy: float

    @property
    def exact(self) -> bool:
        return not self.wrong.any()

    def netlist(self, name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> Netlist:
        builder = NetlistBuilder(name, inputs, outputs)
        first = 1 + builder.n_inputs
        literals = [0, *(builder.input(bit) for bit in range(builder.n_inputs))]
        literals += [0] * len(self.kinds)
        for place in self.order.tolist():
            a, b, c = (value_of(literals, literal) for literal in self.fanins[place].tolist())
            is_parity = self.kinds[place] == PARITY
            literals[first + place] = builder.xor(a, b) if is_parity else builder.maj(a, b, c)
        return builder.build([value_of(literals, literal) for literal in self.outputs.tolist()])


def load_circuit(state: State, circuit: Sampled) -> None:
    """Copy a recorded circuit into a state with the same number of places."""
    state.kinds[:], state.fanins[:] = circuit.kinds, circuit.fanins
    state.outputs[:] = circuit.outputs
    refresh(state)


class Chain:
    """An annealing chain, from an empty circuit or from a recorded one."""

    def __init__(
        self,
        ground: Ground,
        number: int,
        seconds: float | None = None,
        start: Sampled | None = None,
    ) -> None:
        self.full_price = self.goal = Goal(ground.targets, ground.costs)
        self.error = ground.error
        self.outputs = len(ground.targets)
        self.state: State = new_state(ground.inputs, self.outputs, ground.places)
        self.scratch: Scratch = new_scratch(self.state)
        self.random = np.random.default_rng([ground.seed, number])
        self.number = number
        self.steps = min(_STEPS * _GROWTH ** min(number, 8), _MAX_STEPS)
        self.deadline = None if seconds is None else time.monotonic() + seconds
        if start is not None:
            load_circuit(self.state, start)

    def over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def move(
        self, begin: NDArray[np.float64], end: float, steps: int, focus: int, every: int
    ) -> None:
        weights = begin, np.full(self.outputs, end)
        seed = np.uint64(self.random.integers(1 << 63))
        anneal(self.state, self.goal, self.scratch, weights, focus, (steps, every), seed)

    def cool(self, begin: float, end: float, steps: int) -> None:
        """Raise the weight of errors step by step; after the deadline, in one short step."""
        self.scratch.chosen[:] = np.arange(self.outputs)
        levels = np.geomspace(begin, end, _SLICES + 1)
        for low, high in pairwise(levels):
            over = self.over()
            self.move(
                np.full(self.outputs, end if over else low),
                end if over else high,
                _QUENCH if over else max(1, steps // _SLICES),
                self.outputs,
                _GATE_EVERY,
            )
            if over:
                return

    def repair(self, rounds: int) -> None:
        """Anneal a few outputs at a time again, wrong ones first; keep results that are not longer."""
        wrong, energy = self.measure()
        for done in range(rounds):
            full = self.state.size[0] > len(self.state.kinds) - SPARE
            if self.over() or full or (4 * done >= rounds and not wrong.any()):
                return
            bad = np.flatnonzero(wrong)
            others = self.random.permutation(self.outputs)
            first = self.random.choice(bad) if len(bad) else others[0]
            others = np.concatenate([[first], others[others != first]])
            focus = int(self.random.integers(1, min(3, self.outputs) + 1))
            self.scratch.chosen[:] = others
            begin = np.full(self.outputs, self.error)
            begin[others[:focus]] = np.exp(self.random.uniform(*np.log(_MELTED)))
            before = [part.copy() for part in self._parts]
            if not (wrong[first] and self.random.random() < _COVERING and self._cover(int(first))):
                price = np.exp(self.random.uniform(np.log(_CHEAPEST), 0))
                self.goal = self.full_price._replace(costs=price * self.full_price.costs)
                self.move(begin, self.error, _REPAIR_STEPS * 2 // 3, focus, _REPAIR_GATE_EVERY)
                self.goal = self.full_price
            begin = np.full(self.outputs, self.error)
            self.move(begin, self.error, _REPAIR_STEPS // 3, focus, _REPAIR_GATE_EVERY)
            after, reached = self.measure()
            if reached <= energy + 1e-6:
                wrong, energy = after, reached
                continue
            for part, old in zip(self._parts, before, strict=True):
                part[:] = old
            refresh(self.state)

    def _cover(self, output: int) -> bool:
        """Add a product of literals that is true on wrong samples of an output and on no right one.

        This finds rare values of an output, for which no single literal is good evidence. The wrong samples
        agree on these literals, which are added greedily until they exclude the right ones.
        """
        state = self.state
        literal = int(state.outputs[output])
        said = state.values[literal >> 1] * (1 - 2 * (literal & 1))
        target = self.goal.targets[output]
        bad = np.flatnonzero(said * target < 0)
        bad = bad[target[bad] == target[self.random.choice(bad)]]
        if self.random.random() < 0.5:
            bad = self.random.choice(bad, int(self.random.integers(1, len(bad) + 1)), replace=False)
        base = len(state.values) - len(state.kinds)
        rows = np.concatenate([np.arange(1, base), base + state.order[: state.size[0]]])
        totals = state.values[rows][:, bad].sum(axis=1)
        rows, signs = rows[abs(totals) == len(bad)], np.sign(totals[abs(totals) == len(bad)])
        excluded = (
            state.values[rows][:, (target == -target[bad[0]]) & (said == target)]
            != (signs[:, None])
        )
        chosen: list[int] = []
        left = np.ones(excluded.shape[1], dtype=np.bool_)
        while left.any():
            gains = (excluded & left).sum(axis=1) * self.random.uniform(0.8, 1, len(rows))
            best = int(gains.argmax()) if len(rows) else -1
            if best < 0 or gains[best] <= 0 or len(chosen) == _MAX_LITERALS:
                return False
            chosen.append(best)
            left &= ~excluded[best]
        free = np.flatnonzero(state.kinds == FREE)
        if not chosen or len(free) < len(chosen):
            return False
        term = 1
        for place, row in zip(free.tolist(), chosen, strict=False):
            one = 2 * int(rows[row]) + int(signs[row] < 0)
            term = self._gate(place, one, term, 0) if term > 1 else one
        place = int(free[0])  # the first literal needs no gate
        if target[bad[0]] > 0:
            state.outputs[output] = self._gate(place, literal, term, 1)
        else:
            state.outputs[output] = self._gate(place, literal, term ^ 1, 0)
        for one in (place, *free[: len(chosen)].tolist()):
            if state.kinds[one] != FREE:
                collapse(state, one)
        refresh(state)
        return True

    def _gate(self, place: int, one: int, two: int, third: int) -> int:
        """Make an AND (third 0) or an OR (1) of two literals; return its literal."""
        state = self.state
        state.kinds[place] = MAJORITY
        state.fanins[place] = one, two, third
        return 2 * (len(state.values) - len(state.kinds) + place)

    def full_course(self, steps: int) -> Sampled:
        """Anneal and repair; return the circuit recorded while errors were cheap."""
        self.cool(_FIRST_WEIGHT, _MIDDLE_WEIGHT, steps * 2 // 3)
        noisy = self.sampled(", errors cheap")
        self.cool(_MIDDLE_WEIGHT, self.error, steps // 3)
        self.repair(_REPAIRS + steps // _REPAIR_EVERY)
        return noisy

    @property
    def _parts(self) -> tuple[NDArray[np.int64], ...]:
        return self.state.kinds, self.state.fanins, self.state.outputs

    def measure(self) -> tuple[NDArray[np.int64], float]:
        """Return the wrong samples of each output, and the length of the description."""
        state = self.state
        signs = (1 - 2 * (state.outputs & 1)).astype(np.float32)
        values = state.values[state.outputs >> 1] * signs[:, None]
        wrong = (values * self.goal.targets < 0).sum(axis=1)
        gates = state.order[: state.size[0]].tolist()
        cost = sum(gate_cost(state, self.goal.costs, place) for place in gates)
        return wrong, cost + self.error * int(wrong.sum())

    def sampled(self, what: str) -> Sampled:
        wrong, energy = self.measure()
        kinds, fanins, outputs = (part.copy() for part in self._parts)
        order = self.state.order[: self.state.size[0]].copy()
        how = f"chain {self.number + 1} of {self.steps} moves{what}"
        return Sampled(how, kinds, fanins, outputs, order, wrong, energy)


def warm_up_circuits() -> None:
    """Compile the kernels, so that no time limit pays for it."""
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    ground = Ground(inputs, np.ones((1, 4), np.float32), Basis.XMG, 1)
    Chain(ground, 0, None).cool(_FIRST_WEIGHT, _MIDDLE_WEIGHT, 1)


def predict(circuit: Sampled, inputs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the outputs of a circuit on other vectors, ``(outputs, vectors)`` bool."""
    state = new_state(inputs, len(circuit.outputs), len(circuit.kinds))
    load_circuit(state, circuit)
    signs = (1 - 2 * (state.outputs & 1)).astype(np.float32)
    return np.asarray(state.values[state.outputs >> 1] * signs[:, None] > 0)


def confidence(
    ground: Ground, circuits: list[Sampled], seconds: float | None = None
) -> NDArray[np.float64]:
    """Return the agreement of probable explanations of the samples with the simplest circuit.

    ``(outputs,)`` float64: the share of random vectors on which circuits of a few random walks agree with it,
    averaged over these circuits. Walks begin at the simplest circuits and are weighted by exp(-energy) of their
    first one. After `seconds` all walks stop.
    """
    ranked = sorted(circuits, key=lambda each: each.energy)
    near = [each for each in ranked if each.energy <= ranked[0].energy + _NEAR]
    random = np.random.default_rng([ground.seed, 1 << 20])
    vectors = random.integers(0, 2, (_ASKED, ground.inputs.shape[1]), dtype=np.uint8)
    said = predict(near[0], vectors)
    deadline = None if seconds is None else time.monotonic() + seconds
    total, weights = np.zeros(len(said)), 0.0
    for number in range(max(_WALKS, len(near))):
        start = near[number % len(near)]
        weight = float(np.exp(near[0].energy - start.energy))
        for each in _walk(ground, start, number, deadline):
            total += weight * (predict(each, vectors) == said).mean(axis=1)
            weights += weight
    return total / weights


def _walk(ground: Ground, start: Sampled, number: int, deadline: float | None) -> list[Sampled]:
    """Return the circuits of a walk, the first one included."""
    chain = Chain(ground, _FIRST_WALK + number, start=start)
    weights = np.full(chain.outputs, ground.error)
    found = [start]
    for _ in range(_STOPS):
        if deadline is not None and time.monotonic() > deadline:
            break
        chain.move(weights, ground.error, _WALK_STEPS, chain.outputs, _REPAIR_GATE_EVERY)
        found.append(chain.sampled(""))
    return found
