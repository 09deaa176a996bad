"""Chains one after the other, until two agree on the simplest circuit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from btfsynth.events import OnEvent, ignore
from btfsynth.learning.circuit_layers import LayeredChain
from btfsynth.learning.circuits import Chain, Ground, Sampled
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
