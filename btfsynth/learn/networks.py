"""Networks of Boolean threshold functions, trained by reflect-reflect-relax, as circuits.

Trainings come in rounds. The first tries every setting for a short time; each round after it trains those
that have done best on the validation samples for longer, from new random starts, until the budget is spent.
Every network is rounded to small integers (`btfsynth.learn.integers`) at several tolerances, and what comes
out best on the validation samples within the limits is the fit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.ports import Port
from btfsynth.learn.base import OUTPUT, Fit, Problem, new_builder
from btfsynth.learn.features import Features, plain_features, with_pairs
from btfsynth.learn.integers import approximate_network, lower_integers
from btfsynth.learn.spectrum import Spectrum, measure_spectrum
from btfsynth.learn.thrift import within
from btfsynth.learn.trees import fringe_signals
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import output_words
from btfsynth.network.topology import layered
from btfsynth.network.trained import TrainedNetwork
from btfsynth.train.parameters import StopRule, TrainParameters
from btfsynth.train.trainer import TrialHooks, train_trial, warm_up

__all__ = ["SETTINGS", "NetworkLearner", "Sees", "Setting"]

_TOLERANCES = (0.002, 0.01, 0.03, 0.08)
_FIRST_WORK = 3e8
"""Edges times samples times steps of a training of the first round, about half a second."""
_GROWTH = 3.0
_LARGEST_WORK = 2e10
_KEPT = 3
"""One setting in so many goes on to the next round; at least two do."""
_STEPS = (60, 20_000)
_NEURON_EDGES = 16
_PAIRS = 16
_FRINGE_ROUNDS = 6
_FRINGE_SIGNALS = 32


class Sees(str, Enum):
    """What the inputs of a network are."""

    INPUTS = "inputs"
    RELEVANT = "relevant inputs"
    """Those that matter by the spectrum."""
    PAIRS = "relevant inputs and pairs"
    """With exclusive ors of pairs."""
    FRINGE = "fringe signals"
    """What the tree of the last fringe round asks for."""


_SEEN = {
    Sees.INPUTS: "",
    Sees.RELEVANT: ", relevant inputs",
    Sees.PAIRS: ", relevant inputs and pairs",
    Sees.FRINGE: ", fringe signals",
}


@dataclass(frozen=True)
class Setting:
    """How to train.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    sigma, beta, gamma
        See `btfsynth.train.parameters.TrainParameters`.
    stop
        The stopping rule.
    skip
        Let every layer see the inputs.
    sees
        What its inputs are.
    rows
        Training samples at most; fewer make more steps of the same time.
    """

    hidden: tuple[int, ...]
    sigma: float = 3.0
    beta: float = 0.5
    gamma: float = 3e-3
    stop: StopRule = StopRule.EXACT
    skip: bool = False
    sees: Sees = Sees.INPUTS
    rows: int = 1 << 30

    def words(self) -> str:
        """Return it in a few words."""
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
"""What the first round tries."""


@dataclass(frozen=True, eq=False)
class _Trained:
    number: int
    setting: Setting
    fit: Fit | None
    right: int


class NetworkLearner:
    """Fit networks until the budget is spent or there were so many trainings.

    Parameters
    ----------
    trials
        Trainings at most; None for no limit but the budget.
    jobs
        Trainings side by side; the result of a number of trainings does not depend on it.
    """

    name: ClassVar[str] = "btf"

    def __init__(self, trials: int | None = None, jobs: int = 1) -> None:
        self.trials = trials
        self.jobs = jobs

    def fit(self, problem: Problem) -> Iterator[Fit]:
        """Yield the circuit of every training that makes one within the limits."""
        warm_up(32)
        bench = _Bench(problem, self.name)
        settings = list(SETTINGS)
        done: list[_Trained] = []
        work = _FIRST_WORK
        stop = threading.Event()
        futures: list[Future[_Trained | None]] = []
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="learn") as pool:
            try:
                while settings and not problem.budget.over():
                    left = len(settings) if self.trials is None else self.trials - len(done)
                    futures = [
                        pool.submit(bench.train, len(done) + place, setting, work, stop)
                        for place, setting in enumerate(settings[:left])
                    ]
                    if not futures:
                        return
                    round_ = []
                    for future in futures:
                        result = _wait(future)
                        if result is None:
                            continue
                        round_.append(result)
                        if result.fit is not None:
                            yield result.fit
                    done.extend(round_)
                    settings = _next_round(done, round_)
                    work = min(work * _GROWTH, _LARGEST_WORK)
            finally:
                stop.set()
                for future in futures:
                    future.cancel()


def _next_round(done: list[_Trained], last: list[_Trained]) -> list[Setting]:
    """Return the settings that have done best so far, each once."""
    count = max(2, -(-len(last) // _KEPT))
    ranked = sorted(done, key=lambda result: (-result.right, result.number))
    return list(dict.fromkeys(result.setting for result in ranked))[:count]


def _wait(future: Future[_Trained | None]) -> _Trained | None:
    """Wait in short naps, so that Ctrl-C is seen at once."""
    while not future.done():
        wait([future], timeout=0.2)
    return future.result()


class _Bench:
    """The samples as data sets to train on."""

    def __init__(self, problem: Problem, name: str) -> None:
        self.problem = problem
        self.name = name
        self._lock = threading.Lock()

    def signals(self, sees: Sees) -> tuple[Features, list[int]]:
        """Return signals, and which of them a network gets."""
        with self._lock:  # what is worked out is worked out once
            if sees is Sees.FRINGE:
                return self._fringe
            if sees is Sees.PAIRS:
                return self._pairs
            return plain_features(self.n), self._relevant if sees is Sees.RELEVANT else self._all

    @property
    def n(self) -> int:
        """Number of inputs."""
        return self.problem.train.n_inputs

    @cached_property
    def _all(self) -> list[int]:
        return list(range(self.n))

    @cached_property
    def _spectrum(self) -> Spectrum:
        return measure_spectrum(self.problem.train)

    @cached_property
    def _relevant(self) -> list[int]:
        relevant = sorted(self._spectrum.relevant())
        return relevant if len(relevant) > 1 else self._all

    @cached_property
    def _pairs(self) -> tuple[Features, list[int]]:
        features = with_pairs(self.n, self._spectrum, _PAIRS)
        return features, [*self._relevant, *range(self.n, features.count)]

    @cached_property
    def _fringe(self) -> tuple[Features, list[int]]:
        features, chosen = fringe_signals(self.problem, _FRINGE_ROUNDS, _FRINGE_SIGNALS)
        return (features, chosen) if len(chosen) > 1 else (plain_features(self.n), self._all)

    def train(
        self, number: int, setting: Setting, work: float, stop: threading.Event
    ) -> _Trained | None:
        """Train one network, and make a circuit of it; None if there was no time for it."""
        budget = self.problem.budget
        if stop.is_set() or budget.over():
            return None
        features, chosen = self.signals(setting.sees)
        train = self.problem.train
        columns = features.columns(train.inputs)[:, chosen]
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
        steps = int(work / (size * dataset.n_patterns))
        parameters = TrainParameters(
            sigma=setting.sigma,
            beta=setting.beta,
            gamma=setting.gamma,
            iterations=min(max(steps, _STEPS[0]), _STEPS[1]),
            stop=setting.stop,
        )
        hooks = TrialHooks(cancelled=stop, deadline=budget.deadline)
        result = train_trial(dataset, topology, parameters, self.problem.seed, number, hooks=hooks)
        network = TrainedNetwork("learn", topology, result.weights, dataset.input_ports, (OUTPUT,))
        return self._circuit(number, setting, features, chosen, columns, network)

    def _circuit(
        self,
        number: int,
        setting: Setting,
        features: Features,
        chosen: list[int],
        columns: NDArray[np.uint8],
        network: TrainedNetwork,
    ) -> _Trained:
        """Round a network and lower it; the tolerance that does best on the validation samples is taken."""
        problem = self.problem
        best: tuple[int, int, Netlist] | None = None
        for tolerance in _TOLERANCES:
            rounded = approximate_network(network, columns, problem.train.on, tolerance)
            builder = new_builder(problem)
            literals = features.literals(builder)
            literal = lower_integers(builder, rounded, [literals[place] for place in chosen])
            netlist = within(builder.build([literal]), problem.limits)
            if netlist is None:
                continue
            right = problem.valid.right(output_words(netlist, problem.valid.input_words)[0])
            if best is None or (right, -netlist.n_cells) > (best[0], -best[1]):
                best = (right, netlist.n_cells, netlist)
        if best is None:
            return _Trained(number, setting, None, 0)
        fit = Fit(self.name, f"{setting.words()}, training {number + 1}", best[2])
        return _Trained(number, setting, fit, best[0])
