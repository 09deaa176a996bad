"""Chains one after the other, until two agree on the simplest circuit; one of them learns layer by layer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from btfsynth.events import OnEvent, ignore
from btfsynth.learning.circuit_state import MAJORITY, State, first_place, refresh
from btfsynth.learning.circuits import SPARE, Chain, Ground, Sampled
from btfsynth.workers.executor import Executor, Inline, Task, completed

_LAYERED = 2
"""Number of the chain that begins with signals of single outputs."""


def run_chain(ground: Ground, number: int, seconds: float | None) -> list[Sampled]:
    """Run a chain for at most `seconds`; return its circuits, the latest one last."""
    if number == _LAYERED:
        return LayeredChain(ground, number, seconds).run()
    chain = Chain(ground, number - (number > _LAYERED), seconds)
    return [chain.full_course(chain.steps), chain.sampled("")]


@dataclass
class Search:
    """Run chains up to a number or a deadline, or until two end with the same description length."""

    ground: Ground
    chains: int | None = None
    deadline: float | None = None
    executor: Executor = field(default_factory=Inline)
    on_event: OnEvent = ignore

    def run(self) -> Iterator[Sampled]:
        """Yield circuits as chains end, in the order of the chains."""
        ends: list[Sampled] = []

        def tasks() -> Iterator[Task]:
            number = 0
            while self.chains is None or number < self.chains:
                left = None
                if self.deadline is not None:
                    left = self.deadline - time.monotonic()
                    if left <= 0 and number:
                        return
                yield Task(number, f"chain {number}", run_chain, (self.ground, number, left))
                number += 1

        for finished in completed(self.executor, tasks(), self.on_event, in_order=True):
            if finished.died or not finished.value:
                continue
            yield from finished.value
            ends.append(finished.value[-1])
            if settled(ends):
                return


def settled(ends: list[Sampled]) -> bool:
    """Return whether the simplest circuits of two chains are exact and equally long."""
    ranked = sorted(ends, key=lambda each: each.energy)
    return len(ranked) > 1 and all(
        each.exact and each.energy <= ranked[0].energy + 1e-6 for each in ranked[:2]
    )


# From local to global: signals found for one output at a time, layer by layer, then a circuit over them.
#
# A chain of all outputs may explain one output by others, which is cheap and leaves few errors, but some. Short
# chains of single outputs cannot do this. Their gates that read only known signals and occur repeatedly become
# new signals, which the next layer reads. Errors weigh more in each layer than in the previous one, so the
# first layer finds the signals that explain most. A chain of all outputs may then use all these signals without
# paying for their gates; its circuit is written out with these gates and repaired at full costs.
#
# Gates with the same values on all samples are the same signal, even if their structure differs.

_LAYERS = (1.0, 3.0, 16.0)
"""Weight of an error in nats at the end of each layer."""
_FIRST_WEIGHT, _MIDDLE_WEIGHT = 0.2, 2.0
_CHAINS = 4
"""Chains of each output and layer."""
_STEPS, _SLICES = 1000, 8
"""Moves of each chain, and the number of times its gates are recorded."""
_RECURRING = 0.25
"""Share of the chains of an output that must find a gate."""
_MAX_SIGNALS = 256
_GATE_EVERY = 40
_JOINT_STEPS = 30_000
_FREE_STEPS, _FREE_GATE_EVERY = 10_000, 25
"""Moves at full costs before the repairs."""
_REPAIRS = 33
_FIRST_CHAIN = 1 << 22
"""Seed of the first chain of one output."""


class Signals:
    """Signals by their values on the samples: FALSE, the inputs, then gates, each of earlier signals."""

    def __init__(self, inputs: NDArray[np.uint8]) -> None:
        samples, self.inputs = inputs.shape
        self.values = [np.zeros(samples, np.bool_), *inputs.T.astype(np.bool_)]
        self.gates: list[tuple[int, list[int]]] = []  # Kind and literals of each gate
        self._known: dict[bytes, int] = {}
        for number, values in reversed(list(enumerate(self.values))):
            self._register(number, values)

    def _register(self, number: int, values: NDArray[np.bool_]) -> None:
        self._known[np.packbits(~values).tobytes()] = 2 * number + 1
        self._known[np.packbits(values).tobytes()] = 2 * number

    def find(self, values: NDArray[np.float32]) -> int:
        """Return the literal with these values, -1 and +1; -1 if there is none."""
        return self._known.get(np.packbits(values > 0).tobytes(), -1)

    def record(self, state: State) -> list[int]:
        """Add the gates of a circuit over known signals; return the literals of its gates, in their order."""
        found = []
        for place in state.order[: state.size[0]].tolist():
            values = state.values[first_place(state) + place]
            literal = self.find(values)
            if literal < 0:
                fanins = state.fanins[place, : 3 if state.kinds[place] == MAJORITY else 2]
                literals = [self.find(state.values[each >> 1]) ^ (each & 1) for each in fanins]
                self.gates.append((int(state.kinds[place]), [int(each) for each in literals]))
                self.values.append(values > 0)
                literal = 2 * (len(self.values) - 1)
                self._register(literal >> 1, self.values[-1])
            found.append(literal)
        return found

    def of_gates(self, state: State) -> set[int]:
        """Return the gates of signals that a circuit reads, and its gates that read none of its own gates."""
        base = first_place(state)
        found = set()
        for literal, place in zip(self.record(state), state.order[: state.size[0]], strict=True):
            below = [each >> 1 for each in state.fanins[place]]
            if max(below) < base:
                found.add(literal >> 1)
            found |= {self.find(state.values[each]) >> 1 for each in below if each < base}
        found |= {
            self.find(state.values[each >> 1]) >> 1 for each in state.outputs if each >> 1 < base
        }
        return {each for each in found if each > self.inputs}

    def write(self, outputs: list[int], state: State) -> bool:
        """Write the circuit of output literals into a state; return whether it has room for it."""
        base = first_place(state)
        needed, waiting = set(), [each >> 1 for each in outputs]
        while waiting:
            signal = waiting.pop()
            if signal > self.inputs and signal not in needed:
                needed.add(signal)
                waiting += [each >> 1 for each in self.gates[signal - self.inputs - 1][1]]
        if len(needed) > len(state.kinds) - SPARE:
            return False
        place_of = {signal: place for place, signal in enumerate(sorted(needed))}

        def moved(literal: int) -> int:
            place = place_of.get(literal >> 1)
            return literal if place is None else 2 * (base + place) + (literal & 1)

        for signal, place in place_of.items():
            kind, literals = self.gates[signal - self.inputs - 1]
            state.kinds[place] = kind
            state.fanins[place] = [*map(moved, literals), *[0] * (3 - len(literals))]
        state.outputs[:] = [moved(literal) for literal in outputs]
        refresh(state)
        return True


class LayeredChain(Chain):
    """A chain of all outputs that begins with the signals of single outputs."""

    def __init__(self, ground: Ground, number: int, seconds: float | None = None) -> None:
        super().__init__(ground, number, seconds)
        self.ground = replace(ground, width=ground.charged)
        self.signals = Signals(ground.inputs)
        self.steps = _JOINT_STEPS

    def run(self) -> list[Sampled]:
        """Return the circuit recorded while errors were cheap, and the one at the end."""
        offered: list[int] = []
        for layer, weight in enumerate(_LAYERS):
            found = self._layer(offered, layer, weight)
            offered += [each for each in found if each not in offered]
            del offered[_MAX_SIGNALS:]
        chain = Chain(self._over(offered, self.ground.targets), self.number, self._left())
        chain.cool(_FIRST_WEIGHT, _MIDDLE_WEIGHT, _JOINT_STEPS // 2)
        noisy = self._written(chain, ", errors cheap")
        chain.cool(_MIDDLE_WEIGHT, self.error, _JOINT_STEPS // 2)
        last = self._written(chain, "")
        if last and not self.over():
            weights = np.full(self.outputs, self.error)
            self.move(weights, self.error, _FREE_STEPS, self.outputs, _FREE_GATE_EVERY)
            self.repair(_REPAIRS)
            last = [self.sampled("")]
        return [*noisy, *last]

    def sampled(self, what: str) -> Sampled:
        found = super().sampled(what)
        how = f"chain over signals of single outputs{what}"
        return replace(found, how=how)

    def _layer(self, offered: list[int], layer: int, weight: float) -> list[int]:
        """Return the signals that recur in chains of single outputs, the most frequent first."""
        total: Counter[int] = Counter()
        for output in range(self.outputs):
            ground = self._over(offered, self.ground.targets[output : output + 1])
            seen: Counter[int] = Counter()
            for trial in range(_CHAINS):
                if self.over():
                    return []
                number = _FIRST_CHAIN + (layer * self.outputs + output) * _CHAINS + trial
                seen.update(self._found(Chain(ground, number), weight))
            total.update({each: n for each, n in seen.items() if n >= _RECURRING * _CHAINS})
        return [each for each, _ in total.most_common()]

    def _found(self, chain: Chain, weight: float) -> set[int]:
        found = set()
        for low, high in pairwise(np.geomspace(_FIRST_WEIGHT, weight, _SLICES + 1)):
            chain.move(np.full(1, low), high, _STEPS // _SLICES, 1, _GATE_EVERY)
            found |= self.signals.of_gates(chain.state)
        return found

    def _over(self, offered: list[int], targets: NDArray[np.float32]) -> Ground:
        """Return the task of explaining targets by the inputs and by signals that are offered."""
        columns = [self.signals.values[each] for each in offered]
        inputs = np.column_stack([self.ground.inputs, *columns]).astype(np.uint8)
        return replace(self.ground, inputs=inputs, targets=np.ascontiguousarray(targets))

    def _written(self, chain: Chain, what: str) -> list[Sampled]:
        """Return a circuit over signals as one over the inputs, and begin at it; nothing if it is too large."""
        self.signals.record(chain.state)
        literals = [
            self.signals.find(chain.state.values[each >> 1]) ^ (each & 1)
            for each in chain.state.outputs.tolist()
        ]
        return [self.sampled(what)] if self.signals.write(literals, self.state) else []

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
