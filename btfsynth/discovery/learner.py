"""Learn one output of a stage from few of its signals.

Few of the existing signals are needed, so small sets that determine the output are chosen first (see
`btfsynth.discovery.signals`). Over such a set the output is a table of a few dozen rows, which networks of a
dozen neurons learn in milliseconds; many are trained, on several sets. A network that is wrong on only a few
patterns is repaired: its neurons become signals, and one or two new cells over all signals are searched for.

If nothing is learnt, `expand` writes the output as multiplexers over expressions of two cells, which always
succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.signals import Support, find_expression, find_supports
from btfsynth.discovery.stage import (
    Bits,
    Stage,
    copy_cells,
    expressed,
    input_ports,
    optimise,
    over_signals,
)
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower.lowering import lower_network
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist, value_of
from btfsynth.netlist.simulation import (
    care_reference,
    pack_bits,
    simulate,
    unpack_bits,
    valid_words,
)
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.trainer import network_of, train_trial
from btfsynth.workers.executor import report

_LARGEST_ADDITION = 300
"""Maximum cells of a lowered network that is optimised; the weights of larger ones have not settled."""

_JOINED = 8
"""Additions that are joined to the circuit, the smallest first."""

_FINALISTS = 2
"""Number of these that the passes of the cascade optimise."""


def _parameters() -> TrainParameters:
    return TrainParameters(max_iterations=1_000, stop=StopRule.BOTH, gap_limit=0.1)


@dataclass(frozen=True)
class LearnerOptions:
    """Settings of learning an output.

    Each of `supports` sets of signals gets `trainings` trainings, with the hidden layers of `shapes` in turn,
    until there are `wanted` exact networks. `parameters` has the iterations of the first round; each round
    after a failure adds as many iterations and sets. The stopping rule waits for a small gap, because an exact
    network with a large gap has weights on all signals. `quick` are the passes for a lowered network, `join`
    those for the circuit with it, and `passes` those for the best of these.
    """

    parameters: TrainParameters = field(default_factory=_parameters)
    shapes: tuple[tuple[int, ...], ...] = ((4, 4), (6, 6), (4,), (6, 6, 6), (8, 8))
    supports: int = 3
    attempts: int = 40
    trainings: int = 15
    wanted: int = 5
    repaired: int = 24
    quick: str = "strash; functional_hash; resub -k 0 --patience 0; anneal --steps 2000"
    join: str = "strash; functional_hash; resub -k 0 --patience 0"
    passes: str = "anneal --steps 4000 --slack 1"

    def __post_init__(self) -> None:
        if not self.shapes:
            raise UsageError("cascade: expected at least one shape")
        if min(self.supports, self.attempts, self.trainings, self.wanted) < 1:
            raise UsageError("cascade: supports, attempts, trainings and wanted must be 1 or more")
        for script in (self.quick, self.join, self.passes):
            parse_script(script)


@dataclass(frozen=True, eq=False)
class Learnt:
    """A stage with one more output, if it was learnt, and the number of trainings, including failed ones.

    `how` is ``trained``, ``repaired`` or ``expanded``; `wrong` is the smallest number of wrong patterns of a
    network, 0 if one was exact.
    """

    stage: Stage | None
    how: str
    trainings: int
    iterations: int
    wrong: int = 0


def learn(stage: Stage, output: int, options: LearnerOptions, round_: int, seed: int) -> Learnt:
    """Train networks to be an output of a stage; return the smallest circuit with one."""
    task = _Task(stage, output, options, round_, seed)
    task.train()
    how = "trained"
    if not task.additions and task.nearest is not None:
        how = "repaired"
        task.repair()
    if not task.additions:
        return Learnt(None, how, task.trainings, task.iterations, task.wrong)
    best = _best_joined(stage, output, task.additions, options)
    return Learnt(best, how, task.trainings, task.iterations)


def _best_joined(
    stage: Stage, output: int, additions: Sequence[Netlist], options: LearnerOptions
) -> Stage:
    order = sorted(range(len(additions)), key=lambda k: (additions[k].n_cells, k))
    joined = [stage.join(additions[k], output, options.join) for k in order[:_JOINED]]
    joined.sort(key=lambda each: each.circuit.n_cells)
    finalists = [each.optimised(options.passes) for each in joined[:_FINALISTS]]
    return min(finalists, key=lambda each: each.circuit.n_cells)


class _Task:
    """The search for one output: additions found, trainings made."""

    def __init__(
        self, stage: Stage, output: int, options: LearnerOptions, round_: int, seed: int
    ) -> None:
        self.stage, self.output = stage, output
        self.options, self.round = options, round_
        self.seed = seed
        target, care = stage.wanted(output)
        self.bits: Bits = np.ascontiguousarray(stage.values[care][:, stage.signals])
        self.target: Bits = np.ascontiguousarray(target[care])
        self.additions: list[Netlist] = []
        self.nearest: Netlist | None = None
        self.wrong = len(self.target)
        self.trainings, self.iterations = 0, 0

    def train(self) -> None:
        options, more = self.options, 1 + self.round
        parameters = replace(
            options.parameters, max_iterations=options.parameters.max_iterations * more
        )
        found = find_supports(self.bits, self.target, options.attempts, self.seed)
        for support in found[: options.supports * more]:
            self._train_on(support, parameters)
            if len(self.additions) >= options.wanted:
                return

    def _train_on(self, support: Support, parameters: TrainParameters) -> None:
        options = self.options
        data, weight = self._table(support)
        for number in range(options.trainings):
            hidden = options.shapes[(number + self.round) % len(options.shapes)]
            topology = layered((data.n_inputs, *hidden, 1), skip=True)
            result = train_trial(data, topology, parameters, self.seed, self.trainings)
            self.trainings += 1
            self.iterations += result.iterations
            settled = result.gap < parameters.gap_limit or parameters.stop is not StopRule.BOTH
            if result.exact and not settled:
                continue
            network = network_of(data, topology, result.weights)
            right = network.outputs(data.inputs) if not result.exact else data.targets
            wrong = int(weight[(right != data.targets)[:, 0]].sum())
            if not result.exact and not (wrong < self.wrong and wrong <= options.repaired):
                self.wrong = min(self.wrong, wrong)
                continue
            self.wrong = min(self.wrong, wrong)
            report((len(self.target) - self.wrong, len(self.target)))
            own = data if result.exact else replace(data, targets=right)
            addition = self._lowered(network, own, support)
            if addition is None:
                continue
            if not result.exact:
                self.nearest = addition
                continue
            self.additions.append(addition)
            if len(self.additions) >= options.wanted:
                return

    def _table(self, support: Support) -> tuple[Dataset, NDArray[np.int64]]:
        """Return the output as a table over a set of signals, and the number of patterns per row."""
        columns = [self.bits[:, list(support)], self.target[:, None]]
        rows, weight = np.unique(np.concatenate(columns, axis=1), axis=0, return_counts=True)
        data = self.stage.patterns
        table = Dataset(
            f"{data.name}_{self.output}", data.source,
            np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1:]),
            input_ports(len(support)), (Port("y", 1),), unlisted_dont_care=True,
        )  # fmt: skip
        return table, weight

    def _lowered(self, network: TrainedNetwork, data: Dataset, support: Support) -> Netlist | None:
        """Return a network as cells over all signals, None if it is of no use."""
        try:
            lowered, _ = lower_network(network, care_reference(data))
        except NetlistError:  # a neuron with too many weights: as good as not learnt
            return None
        if lowered.n_cells > _LARGEST_ADDITION:
            return None
        small = optimise(lowered, data, self.options.quick)
        builder = over_signals(small.name, len(self.stage.signals))
        literals = copy_cells(builder, small, [builder.input(place) for place in support])
        return builder.build([value_of(literals, int(small.outputs[0]))])

    def repair(self) -> None:
        """Seek one or two cells that make the nearest network right; all its cells are signals then."""
        nearest = self.nearest
        if nearest is None:
            return
        cells = simulate(nearest, pack_bits(self.bits))
        nodes = np.arange(nearest.n_nodes, dtype=np.int32)
        matters = valid_words(len(self.target))
        found = find_expression(
            cells, nodes, pack_bits(self.target[:, None])[0], matters, 2, self.seed
        )
        if found is None:
            return
        builder = over_signals(nearest.name, nearest.n_inputs)
        inputs = [builder.input(bit) for bit in range(nearest.n_inputs)]
        literals = copy_cells(builder, nearest, inputs)
        addition = expressed(found, range(1, nearest.n_nodes), nearest.name)
        made = copy_cells(builder, addition, literals[1:])
        self.additions.append(builder.build([value_of(made, int(addition.outputs[0]))]))


def expand(stage: Stage, output: int, options: LearnerOptions, seed: int) -> Learnt:
    """Write an output of a stage as multiplexers over small expressions of its signals."""
    target, care = stage.wanted(output)
    nodes = np.array([0, *stage.signals], dtype=np.int32)
    words = pack_bits(target[:, None])[0]
    builder = over_signals(stage.patterns.name, len(stage.signals))
    literals = {0: FALSE}
    literals.update({node: builder.input(k) for k, node in enumerate(stage.signals)})
    work = _Expansion(builder, literals, stage, nodes, words, seed)
    made = builder.build([work.make(np.ascontiguousarray(care))])
    best = _best_joined(stage, output, [made], options)
    return Learnt(best, "expanded", 0, 0)


class _Expansion:
    def __init__(
        self,
        builder: NetlistBuilder,
        literals: dict[int, int],
        stage: Stage,
        nodes: NDArray[np.int32],
        target: NDArray[np.uint64],
        seed: int,
    ) -> None:
        self.builder, self.literals = builder, literals
        self.stage, self.nodes = stage, nodes
        self.target, self.seed = target, seed
        self.n_patterns = stage.patterns.n_patterns

    def make(self, where: NDArray[np.bool_]) -> int:
        """Return a literal that is the target on some of the patterns."""
        matters = pack_bits(where[:, None].astype(np.uint8))[0]
        literal = self._signal(where)
        if literal is not None:
            return literal
        for most in (1, 2):
            cells = find_expression(
                self.stage.words, self.nodes, self.target, matters, most, self.seed
            )
            if cells is not None:
                addition = expressed(cells, self.stage.signals, "leaf")
                inputs = [self.literals[node] for node in self.stage.signals]
                made = copy_cells(self.builder, addition, inputs)
                return value_of(made, int(addition.outputs[0]))
        node = self._branch(where)
        on = self.stage.values[:, node] > 0
        choice = self.literals[node]
        one, zero = self.make(where & on), self.make(where & ~on)
        builder = self.builder
        return builder.or_(builder.and_(choice, one), builder.and_(choice ^ 1, zero))

    def _signal(self, where: NDArray[np.bool_]) -> int | None:
        target = unpack_bits(self.target[None], self.n_patterns)[where]
        wrong = (self.stage.values[where][:, self.nodes] != target).sum(axis=0)
        if not wrong.size or not wrong.min():
            return self.literals[int(self.nodes[int(wrong.argmin())])]
        if wrong.max() == len(target):
            return self.literals[int(self.nodes[int(wrong.argmax())])] ^ 1
        return None

    def _branch(self, where: NDArray[np.bool_]) -> int:
        """Return the node that leaves the fewest pairs of patterns with different targets together."""
        target = unpack_bits(self.target[None], self.n_patterns)[where][:, 0].astype(np.int64)
        values = self.stage.values[where][:, self.stage.signals].astype(np.int64)
        ones, total = target.sum(), len(target)
        on = values.sum(axis=0)
        on_ones = (values * target[:, None]).sum(axis=0)
        off_ones, off = ones - on_ones, total - on
        pairs = on_ones * (on - on_ones) + off_ones * (off - off_ones)
        pairs[(on == 0) | (off == 0)] = np.iinfo(np.int64).max
        return self.stage.signals[int(pairs.argmin())]
