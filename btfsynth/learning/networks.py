"""Networks of Boolean threshold functions, trained by reflect-reflect-relax, as circuits.

Trainings come in rounds. The first tries every setting for a short time; each later round trains those that
were best on the validation samples for longer, from new random starts, until the budget is spent.

Every network is rounded to small integers at several tolerances; the best on the validation samples within the
limits is the fit. In topological order, each neuron gets the smallest integers that agree with it on all but a
tolerated share of the samples, given the rounded neurons before it, and the best threshold for these. The
output neuron is fitted to the targets instead, and its integers are changed one by one while that corrects more
of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import TrainingError
from btfsynth.events import OnEvent, ignore
from btfsynth.learning.base import (
    OUTPUT,
    Budget,
    Features,
    Fit,
    Problem,
    Spectrum,
    measure_spectrum,
    new_builder,
    with_pairs,
)
from btfsynth.learning.candidates import within
from btfsynth.learning.trees import fringe_signals
from btfsynth.lower.cheapest import cheapest_form, make
from btfsynth.lower.threshold import ThresholdFunction, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import output_words
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.trainer import TrialOptions, train_trial
from btfsynth.workers.executor import Common, Executor, Inline, Task, completed

_LARGEST = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512)
_SWEEPS = 6
_DOUBLINGS = 4
"""Sweeps over the integers of an output neuron, and how often all are doubled to make finer moves."""


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Threshold neurons of integer weights."""

    n_inputs: int  # Number of inputs; nodes are the constant, the inputs, the neurons
    # Every neuron's nonzero inputs, as nodes, with weights and threshold over -1/+1 values
    neurons: tuple[ThresholdFunction, ...]


def approximate_network(
    network: TrainedNetwork,
    columns: NDArray[np.uint8],
    on: NDArray[np.bool_],
    tolerance: float,
) -> IntegerNetwork:
    """Return small integers that are nearly a network of one output."""
    topology = network.topology
    wanted = network.node_values(columns) > 0
    values = wanted.astype(np.float32) * 2 - 1
    values[:, 0] = -1
    neurons = []
    for neuron in range(topology.n_neurons):
        edges = slice(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
        sources = topology.sources[edges]
        inputs = sources != 0
        sources, weights = sources[inputs], network.weights[edges][inputs]
        node = topology.first_neuron + neuron
        last = neuron == topology.n_neurons - 1
        target = on if last else wanted[:, node]
        least = (
            int((wanted[:, node] == on).sum()) - round(tolerance * len(on) / 4)
            if last
            else len(on) - int(tolerance * len(on))
        )
        integers, threshold = _smallest(weights, values[:, sources], target, least)
        if last:
            integers, threshold = _refined(integers, values[:, sources], target)
        kept = np.flatnonzero(integers)
        function = ThresholdFunction(
            tuple(int(sources[place]) for place in kept),
            tuple(int(integers[place]) for place in kept),
            threshold,
        )
        neurons.append(function)
        fired = values[:, sources] @ integers.astype(np.float32) > threshold
        values[:, node] = np.where(fired, 1, -1)
    return IntegerNetwork(topology.n_inputs, tuple(neurons))


def _smallest(
    weights: NDArray[np.float32], values: NDArray[np.float32], target: NDArray[np.bool_], least: int
) -> tuple[NDArray[np.int64], int]:
    """Return the smallest integers and threshold that are right often enough, else the best there are."""
    top = float(np.abs(weights).max(initial=0.0))
    best: tuple[int, NDArray[np.int64], int] | None = None
    for largest in _LARGEST if top > 0 else (1,):
        scaled = weights * (largest / top) if top > 0 else np.zeros(len(weights))
        integers = np.rint(scaled).astype(np.int64)
        threshold, right = _best_threshold(_sums(values, integers), target)
        if best is None or right > best[0]:
            best = (right, integers, threshold)
        if right >= least:
            break
    assert best is not None  # the loop runs at least once
    return best[1], best[2]


def _refined(
    integers: NDArray[np.int64], values: NDArray[np.float32], target: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int]:
    """Change one integer at a time while more samples become correct; then double all integers."""
    columns = values.astype(np.int64)
    sums = columns @ integers
    threshold, right = _best_threshold(sums, target)
    for _ in range(_DOUBLINGS):
        before = right
        for _ in range(_SWEEPS):
            moved = False
            for place in range(len(integers)):
                for step in (-1, 1, -2, 2, -int(integers[place])):
                    if not step:
                        continue
                    trial = sums + step * columns[:, place]
                    at, gained = _best_threshold(trial, target)
                    if gained > right:
                        integers = integers.copy()
                        integers[place] += step
                        sums, threshold, right, moved = trial, at, gained, True
            if not moved:
                break
        if right == before or np.abs(integers).max(initial=0) > _LARGEST[-1] // 2:
            break
        if right < len(target):
            integers, sums, threshold = 2 * integers, 2 * sums, 2 * threshold
    return integers, threshold


def _sums(values: NDArray[np.float32], integers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.rint(values @ integers.astype(np.float32)).astype(np.int64)


def _best_threshold(sums: NDArray[np.int64], target: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the threshold with the most correct samples, and their number."""
    base = int(sums.min())
    size = int(sums.max()) - base + 1
    ones = np.bincount(sums[target] - base, minlength=size)
    zeros = np.bincount(sums[~target] - base, minlength=size)
    # Above a threshold of base - 1 + k are the sums from base + k on.
    right = np.concatenate([[ones.sum()], ones.sum() + np.cumsum(zeros - ones)])
    place = int(right.argmax())
    return base - 1 + place, int(right[place])


def lower_integers(builder: NetlistBuilder, network: IntegerNetwork, inputs: Sequence[int]) -> int:
    literals = [FALSE, *inputs]
    needed = _needed(network)
    for neuron, function in enumerate(network.neurons):
        if neuron not in needed:
            literals.append(FALSE)
            continue
        constraint = pseudo_boolean(function, literals)  # its inputs are nodes
        literals.append(make(builder, cheapest_form(builder, constraint)))
    return literals[-1]


def _needed(network: IntegerNetwork) -> set[int]:
    """Return the neurons that the last one depends on."""
    first = 1 + network.n_inputs
    stack = [len(network.neurons) - 1]
    needed: set[int] = set()
    while stack:
        neuron = stack.pop()
        if neuron not in needed:
            needed.add(neuron)
            stack.extend(node - first for node in network.neurons[neuron].inputs if node >= first)
    return needed


_TOLERANCES = (0.002, 0.01, 0.03, 0.08)
_FIRST_WORK = 3e8
"""Edges times samples times iterations of a training of the first round, about half a second."""
_GROWTH = 3.0
_LARGEST_WORK = 2e10
_KEPT = 3
"""One setting in this many enters the next round, but at least two."""
_ITERATIONS = (60, 20_000)
_NEURON_EDGES = 16
_PAIRS = 16
_FRINGE_ROUNDS = 6
_FRINGE_SIGNALS = 32


class Sees(str, Enum):
    INPUTS = "inputs"
    RELEVANT = "relevant inputs"
    """Relevant inputs by the spectrum."""
    PAIRS = "relevant inputs and pairs"
    """With exclusive ors of pairs."""
    FRINGE = "fringe signals"
    """The signals tested by the tree of the last fringe round."""


_SEEN = {
    Sees.INPUTS: "",
    Sees.RELEVANT: ", relevant inputs",
    Sees.PAIRS: ", relevant inputs and pairs",
    Sees.FRINGE: ", fringe signals",
}


@dataclass(frozen=True)
class Setting:
    """How to train."""

    hidden: tuple[int, ...]
    sigma: float = 3.0
    beta: float = 0.5
    gamma: float = 3e-3
    stop: StopRule = StopRule.EXACT
    skip: bool = False
    sees: Sees = Sees.INPUTS
    rows: int = 1 << 30  # Training samples at most; fewer leave time for more iterations

    def words(self) -> str:
        shape = "-".join(map(str, self.hidden)) or "one neuron"
        extras = [", skip"] * self.skip + [_SEEN[self.sees]]
        return f"{shape}, sigma {self.sigma:g}{''.join(extras)}"


SETTINGS = (
    Setting((), sigma=9),
    Setting((), sigma=63, beta=0.2),
    Setting((8,), sees=Sees.RELEVANT),
    Setting((8,), gamma=1e-2),
    Setting((16,), rows=1600),
    Setting((8,), sees=Sees.FRINGE),
    Setting((8,), sees=Sees.PAIRS),
    Setting((8,), beta=0.8, gamma=1e-2, sees=Sees.RELEVANT),
    Setting((16,), sees=Sees.FRINGE),
    Setting((), sigma=31, beta=0.2, sees=Sees.FRINGE),
    Setting((8, 8), rows=1600),
    Setting((8,), stop=StopRule.GAP, gamma=1e-2),
    Setting((16, 8), skip=True, rows=1600, sees=Sees.RELEVANT),
    Setting((24,), sigma=5, rows=3200),
)
"""Settings of the first round."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training."""

    number: int
    setting: Setting
    fit: Fit | None = None  # The circuit; None if there is none within the limits
    right: int = 0


@dataclass(frozen=True, eq=False)
class Ground(Common):
    problem: Problem
    features: Features
    chosen: list[int]


class NetworkLearner:
    """Fit networks until the budget is spent or `trials` are trained; the executor changes no result."""

    name: ClassVar[str] = "btf"

    def __init__(
        self,
        trials: int | None = None,
        executor: Executor | None = None,
        on_event: OnEvent = ignore,
    ) -> None:
        self.trials = trials
        self.executor = executor or Inline()
        self.on_event = on_event

    def fit(self, problem: Problem) -> Iterator[Fit]:
        grounds = _Grounds(problem)
        settings: Sequence[Setting] = SETTINGS
        done: list[Trained] = []
        work = _FIRST_WORK
        while settings and not problem.budget.over():
            left = len(settings) if self.trials is None else self.trials - len(done)
            round_ = []
            for trained in self._round(grounds, settings[:left], len(done), work):
                round_.append(trained)
                if trained.fit is not None:
                    yield trained.fit
            done.extend(round_)
            settings = _next_round(done, round_)
            work = min(work * _GROWTH, _LARGEST_WORK)

    def _round(
        self, grounds: _Grounds, settings: Sequence[Setting], first: int, work: float
    ) -> Iterator[Trained]:
        """Train once with each setting while there is time; yield the results in order of the settings."""
        budget = grounds.problem.budget

        def tasks() -> Iterator[Task]:
            for number, setting in enumerate(settings, first):
                if budget.over():
                    return
                ground = grounds.of(setting.sees)
                left = None if budget.deadline is None else budget.deadline - time.monotonic()
                arguments = (ground, number, setting, work, left)
                yield Task(number, f"training {number}", train_network, arguments)

        for finished in completed(self.executor, tasks(), self.on_event, in_order=True):
            if not finished.died:
                yield finished.value


def _next_round(done: list[Trained], last: list[Trained]) -> list[Setting]:
    """Return the best settings so far, without duplicates; empty after a round without a training."""
    if not last:
        return []
    count = max(2, -(-len(last) // _KEPT))
    ranked = sorted(done, key=lambda result: (-result.right, result.number))
    return list(dict.fromkeys(result.setting for result in ranked))[:count]


class _Grounds:
    """The grounds of a problem, each worked out once, when it is needed."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._made: dict[Sees, Ground] = {}

    def of(self, sees: Sees) -> Ground:
        if sees not in self._made:
            # A budget is of this process.
            problem = replace(self.problem, budget=Budget())
            self._made[sees] = Ground(problem, *self._signals(sees))
        return self._made[sees]

    def _signals(self, sees: Sees) -> tuple[Features, list[int]]:
        """Return signals, and the indices of those that a network reads."""
        n = self.problem.train.n_inputs
        if sees is Sees.FRINGE:
            features, chosen = fringe_signals(self.problem, _FRINGE_ROUNDS, _FRINGE_SIGNALS)
            if len(chosen) > 1:
                return features, chosen
        if sees is Sees.PAIRS:
            features = with_pairs(n, self._spectrum, _PAIRS)
            return features, [*self._relevant, *range(n, features.count)]
        return Features(n), self._relevant if sees is Sees.RELEVANT else list(range(n))

    @cached_property
    def _spectrum(self) -> Spectrum:
        return measure_spectrum(self.problem.train)

    @cached_property
    def _relevant(self) -> list[int]:
        relevant = sorted(self._spectrum.relevant())
        return relevant if len(relevant) > 1 else list(range(self.problem.train.n_inputs))


def train_network(
    ground: Ground, number: int, setting: Setting, work: float, seconds: float | None
) -> Trained:
    """Train one network for at most `seconds` and make a circuit of it."""
    problem, chosen = ground.problem, ground.chosen
    train = problem.train
    columns = ground.features.columns(train.inputs)[:, chosen]
    rows = slice(0, setting.rows)
    dataset = Dataset(
        "learn",
        "learn",
        columns[rows],
        train.on[rows, None].astype(np.uint8),
        (Port("x", len(chosen)),),
        (OUTPUT,),
    )
    topology = layered((len(chosen), *setting.hidden, 1), skip=setting.skip)
    # A neuron costs what some edges do beside its own: its root is sought and its output kept.
    size = topology.n_edges + _NEURON_EDGES * topology.n_neurons
    iterations = int(work / (size * dataset.n_patterns))
    parameters = TrainParameters(
        sigma=setting.sigma,
        beta=setting.beta,
        gamma=setting.gamma,
        max_iterations=min(max(iterations, _ITERATIONS[0]), _ITERATIONS[1]),
        stop=setting.stop,
    )
    options = TrialOptions.within(seconds)
    try:
        result = train_trial(dataset, topology, parameters, problem.seed, number, options=options)
    except TrainingError:  # the state is not finite: nothing comes of this setting
        return Trained(number, setting)
    network = TrainedNetwork("learn", topology, result.weights, dataset.input_ports, (OUTPUT,))
    netlist, right = _best_circuit(ground, columns, network)
    if netlist is None:
        return Trained(number, setting)
    fit = Fit(NetworkLearner.name, f"{setting.words()}, training {number}", netlist)
    return Trained(number, setting, fit, right)


def _best_circuit(
    ground: Ground, columns: NDArray[np.uint8], network: TrainedNetwork
) -> tuple[Netlist | None, int]:
    """Round a network and lower it; the tolerance that does best on the validation samples is taken."""
    problem = ground.problem
    best: tuple[int, int, Netlist] | None = None
    for tolerance in _TOLERANCES:
        rounded = approximate_network(network, columns, problem.train.on, tolerance)
        builder = new_builder(problem)
        literals = ground.features.literals(builder)
        literal = lower_integers(builder, rounded, [literals[place] for place in ground.chosen])
        netlist = within(builder.build([literal]), problem.limits)
        if netlist is None:
            continue
        right = problem.valid.right(output_words(netlist, problem.valid.input_words)[0])
        if best is None or (right, -netlist.n_cells) > (best[0], -best[1]):
            best = (right, netlist.n_cells, netlist)
    return (None, 0) if best is None else (best[2], best[0])
