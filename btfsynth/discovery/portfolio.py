"""The tasks of a discovery: settings of its trials, and the order of trials and polishing.

The settings of a trial depend only on its number, not on the number of workers or on the results of other
trials. The settings of the task are the most frequent, because they reach exact networks soonest; shallow and
wide networks need fewer iterations, and others lead to circuits of other shapes. The cycle also has very wide
networks, for data that nothing smaller fits. For complete tables of seven or eight inputs, three of four trials
grow the circuit by a cascade (see `btfsynth.discovery.cascade`) instead of training one network; from nine
inputs on, all trials do.

Generations of polishing follow. A generation is a few attempts at each of the best known circuits and ends
before the next is chosen, so the choice does not depend on the order in which tasks end.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.record import Findings, Record, costs, pareto, rank
from btfsynth.network.network import Topology, layered
from btfsynth.settings.table import Objective
from btfsynth.training.parameters import TrainingPlan, TrainParameters
from btfsynth.training.session import TrainOptions


@dataclass(frozen=True)
class _Variant:
    """A difference to the plan: times the hidden layers are widened, layers more or less, more sigma."""

    widenings: int = 0
    layers: int = 0
    sigma: float = 0.0


_CYCLE = (
    _Variant(),
    _Variant(widenings=1, layers=-1),
    _Variant(widenings=1),
    _Variant(layers=-1),
    _Variant(),
    _Variant(widenings=2, layers=-1),
    _Variant(layers=1),
    _Variant(widenings=1, sigma=2.0),
    _Variant(widenings=1, layers=-1),
    _Variant(widenings=2),
    _Variant(),
    _Variant(widenings=3),
)


_CASCADE_INPUTS = 7
_NETWORK_EVERY, _NETWORK_INPUTS = 4, 8


@dataclass(frozen=True)
class Portfolio:
    """The settings of every trial: variations of a plan.

    Without `vary_network` every trial trains the plan's first network, without `vary_sigma` with the plan's
    sigma.
    """

    plan: TrainingPlan
    vary_network: bool = True
    vary_sigma: bool = True
    cascades: bool = False

    def grows(self, trial: int) -> bool:
        """Return True if a trial grows its circuit by a cascade."""
        wide = self.plan.widths[0] > _NETWORK_INPUTS
        return self.cascades and (wide or trial % _NETWORK_EVERY != _NETWORK_EVERY - 1)

    def topology(self, trial: int) -> Topology:
        plan = self.plan
        if plan.topology is not None or not self.vary_network:
            return plan.trial_topology(0)
        variant = _CYCLE[trial % len(_CYCLE)]
        factor = plan.growth**variant.widenings
        hidden = [round(width * factor) for width in plan.widths[1:-1]]
        if variant.layers > 0 and hidden:
            hidden.append(hidden[-1])
        elif variant.layers < 0 and len(hidden) > 1:
            hidden.pop()
        return layered((plan.widths[0], *hidden, plan.widths[-1]), skip=plan.skip)

    def parameters(self, trial: int) -> TrainParameters:
        parameters = self.plan.parameters
        if not self.vary_sigma:
            return parameters
        variant = _CYCLE[trial % len(_CYCLE)]
        return replace(parameters, sigma=parameters.sigma + variant.sigma)


def grows(dataset: Dataset) -> bool:
    """Return True if cascades suit a data set; for small ones networks are enough."""
    return dataset.exhaustive and dataset.n_inputs >= _CASCADE_INPUTS


def make_portfolio(dataset: Dataset, plan: TrainingPlan, options: TrainOptions) -> Portfolio:
    """Return the portfolio of a plan; settings given by the user are not varied."""
    own_network = options.widths is not None or options.topology is not None
    return Portfolio(
        plan,
        vary_network=not own_network,
        vary_sigma=options.sigma is None,
        cascades=grows(dataset) and not own_network,
    )


_CIRCUITS = 8
"""Minimum circuits of a generation, if there are as many; it includes the front."""

_ATTEMPTS = 2
"""Attempts at each."""

_FRONT = 4
"""Circuits of the front among them where polishing takes long, the best by the objective."""

_STALLED = 2
"""Generations without a better front after which polishing ends."""

_REST = 4
"""Trials after which it begins again where there is a time limit alone."""


@dataclass(frozen=True)
class TrialTask:
    trial: int


@dataclass(frozen=True)
class PolishTask:
    """One more run of the passes over a circuit."""

    parent: str
    attempt: int


Planned = TrialTask | PolishTask
"""A planned task; a trial that grows its circuit is split into parts."""


class Schedule:
    """Hands out tasks: `trials` trainings (None for no end), then polishing of the best by the objective."""

    def __init__(
        self, trials: int | None, polish: bool, objective: Objective, *, slow: bool = False
    ) -> None:
        self._trials = trials
        self._slow = slow
        self._rested = 0
        self._objective = objective
        self._next_trial = 0
        self._may_polish = polish
        self.polishing = False
        self._queue: deque[PolishTask] = deque()
        self._generations: list[PolishTask] = []
        self._attempts: Counter[str] = Counter()
        self._sources: dict[str, Record] = {}
        self._best: list[tuple[int, int, int]] = []
        self._idle_generations = 0

    def source(self, task: PolishTask) -> Record:
        """Return the record of the circuit that is polished, as it was when that was decided."""
        return self._sources[task.parent]

    def polishes(self, found: Findings, late: bool) -> bool:
        """Return True if circuits are being polished, or polishing should begin."""
        rested = len(found.trials) >= self._rested
        return self.polishing or bool(late and self._may_polish and found.distinct and rested)

    def next(self, found: Findings, running: Collection[Planned], late: bool) -> Planned | None:
        """Return the next task, None if it must wait for others (`running`).

        `late` means that polishing should begin.
        """
        while True:
            if not self.polishing:
                if not self.polishes(found, late):
                    task = self._next_training(found)
                    if task is not None:
                        return task
                if not self._may_polish or not found.distinct:
                    return None
                if self._trials is not None and not late and _any(running, TrialTask):
                    return None
                self.polishing = True
                self._plan(found)
            if self._queue:
                return self._queue.popleft()
            if _any(running, PolishTask):
                return None
            if self._idle_generations >= _STALLED:
                self.polishing = False
                self._may_polish = self._slow and self._trials is None
                self._rested, self._idle_generations = len(found.trials) + _REST, 0
            else:
                self._plan(found)

    def _next_training(self, found: Findings) -> TrialTask | None:
        while self._trials is None or self._next_trial < self._trials:
            trial, self._next_trial = self._next_trial, self._next_trial + 1
            if trial not in found.trials:
                return TrialTask(trial)
        return None

    def _plan(self, found: Findings) -> None:
        """Choose the next generation, without attempts of an earlier session."""
        known = list(found.trials.values())
        for task in self._generations:
            record = found.polished.get((task.parent, task.attempt))
            if record is not None:
                known.append(record)
        front = pareto(known, self._objective)
        best = [costs(record.circuit.cost) for record in front if record.circuit is not None]
        self._idle_generations = self._idle_generations + 1 if best == self._best else 0
        self._best = best
        if self._idle_generations >= _STALLED:
            return
        self._sources = _first_of_each(known)
        for key in self._choose(front):
            for _ in range(_ATTEMPTS):
                task = PolishTask(key, self._attempts[key])
                self._attempts[key] += 1
                self._generations.append(task)
                if (task.parent, task.attempt) not in found.polished:
                    self._queue.append(task)

    def _choose(self, front: list[Record]) -> list[str]:
        """Return the keys of the front and of the best other circuits."""
        chosen = [record.circuit.key for record in front if record.circuit is not None]
        if self._slow:
            del chosen[_FRONT:]
        order = sorted(
            (rank(self._objective, record.circuit.cost), key)
            for key, record in self._sources.items()
            if record.circuit is not None
        )
        for _, key in order:
            if len(chosen) >= _CIRCUITS:
                break
            if key not in chosen:
                chosen.append(key)
        return chosen


def _first_of_each(records: Iterable[Record]) -> dict[str, Record]:
    """Return the best record of every circuit."""
    best: dict[str, Record] = {}
    for record in records:
        if record.circuit is not None:
            key = record.circuit.key
            if key not in best or record.rank < best[key].rank:
                best[key] = record
    return best


def _any(running: Iterable[Planned], kind: type[Planned]) -> bool:
    return any(isinstance(task, kind) for task in running)
