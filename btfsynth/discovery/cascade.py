"""Grow a circuit by a cascade of small trainings: one input more at a time, one output after the other.

A large function takes a wide network to learn at once, and a netlist of thousands of cells comes of it.
But where all inputs except a few are 0 it is a small function, and what it becomes when one input more is let
free is often few cells away from what there is. So a cascade has a stage for every input. In a stage every
output is learnt again on the patterns whose other inputs are 0, and all signals of the circuit so far are
inputs of the trainings: a network of a dozen neurons is enough. Whichever output is learnt first joins the
circuit, and its cells serve the ones after it as well (the carries of an adder are found that way). Each
network is lowered and optimised together with the circuit as soon as it is exact.

Nothing is known of the function but its patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import NetlistError, TrainingError, UsageError
from btfsynth.lower.lowering import lower_network
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, value_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import care_reference, count_wrong
from btfsynth.netlist.simulation import pack_bits, simulate, unpack_bits
from btfsynth.network.topology import layered
from btfsynth.passes.base import run_passes
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.trainer import network_of, train_trial

Bits = NDArray[np.uint8]

_LARGEST_ADDITION = 2_000
"""Cells of a lowered network above which it is not worth the optimiser's time: its weights have not settled."""


def _parameters() -> TrainParameters:
    return TrainParameters(max_iterations=1_000, stop=StopRule.BOTH, gap_limit=0.1)


@dataclass(frozen=True)
class CascadeOptions:
    """How a cascade is trained.

    A round trains the outputs that are not learnt yet, once each; after `rounds` without success the cascade
    gives up. `parameters` has the iterations of the first round; each round after it has as many more. The
    rule waits for a small gap: weights of a network that is merely exact are spread over all signals.
    `shapes` are the hidden layers, one per round, again and again. An output has `candidates` trainings once
    it is learnt, the first success included; the smallest circuit stays. `passes` join it to the circuit,
    `stage_passes` end a stage. The input bits are let free in `order`, by default `interleaved_order`.
    """

    seed: int = 1
    parameters: TrainParameters = field(default_factory=_parameters)
    shapes: tuple[tuple[int, ...], ...] = (
        (4, 4), (6, 6), (6, 6, 6), (8, 8, 8), (12, 12), (10, 10, 10, 10),
    )  # fmt: skip
    rounds: int = 24
    candidates: int = 3
    passes: str = "strash; functional_hash; resub -k 0 --patience 0; resub --patience 5000"
    stage_passes: str = "resub -k 0 --patience 0; resub --patience 20000"
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.shapes:
            raise UsageError("cascade: expected at least one shape")
        if self.rounds < 1 or self.candidates < 1:
            raise UsageError("cascade: rounds and candidates must be 1 or more")
        parse_script(self.passes)
        parse_script(self.stage_passes)


class GrownCircuit(NamedTuple):
    """A netlist that is right on every pattern, and the trainings it took, the failed ones included."""

    netlist: Netlist
    trainings: int
    iterations: int


def interleaved_order(ports: Sequence[Port]) -> tuple[int, ...]:
    """Return input bits port by port in turn, the least significant of each first.

    Operands then grow together, so that the stages are the function's own smaller sizes.
    """
    first = np.cumsum([0, *(port.width for port in ports)]).tolist()
    return tuple(
        first[number] + bit
        for bit in range(max((port.width for port in ports), default=0))
        for number, port in enumerate(ports)
        if bit < port.width
    )


def grow(dataset: Dataset, options: CascadeOptions | None = None) -> GrownCircuit:
    """Grow a circuit that is right on every listed pattern, and anything on other input vectors."""
    options = options or CascadeOptions()
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to grow a circuit for, got "
            f"{dataset.input_kind.value}"
        )
    order = options.order or interleaved_order(dataset.input_ports)
    if sorted(order) != list(range(dataset.n_inputs)):
        raise UsageError(
            f"cascade: expected an order of the {dataset.n_inputs} inputs, got {list(order)}"
        )
    cascade = _Cascade(dataset, order, options)
    return GrownCircuit(cascade.run(), cascade.trainings, cascade.iterations)


class _Cascade:
    def __init__(self, dataset: Dataset, order: tuple[int, ...], options: CascadeOptions) -> None:
        self.dataset = dataset
        self.order = order
        self.options = options
        self.trainings, self.iterations = 0, 0

    def run(self) -> Netlist:
        dataset = self.dataset
        circuit = NetlistBuilder(dataset.name, (), dataset.output_ports).build(
            [FALSE] * dataset.n_outputs
        )
        # Without the stage of no input at all, a function of none would be lost.
        for free in range(len(self.order) + 1):
            patterns = _restricted(dataset, self.order, free)
            widened = _rewired(circuit, _input_ports(free), circuit.output_ports)
            circuit = self._run_stage(widened, patterns)
        ported = _rewired(circuit, dataset.input_ports, dataset.output_ports, self.order)
        if count_wrong(ported, care_reference(dataset)):
            raise NetlistError(f"{dataset.name}: the grown circuit is not right on every pattern")
        return ported

    def _run_stage(self, circuit: Netlist, patterns: Dataset) -> Netlist:
        """Learn every output on the patterns; circuit computes them where the newest input is 0."""
        stage = _Stage(circuit, patterns)
        while True:
            stage.adopt()
            if not stage.pending:
                break
            stage.accept(*self._learn_one(stage))
        return _optimised(stage.finished(), patterns, self.options.stage_passes)

    def _learn_one(self, stage: _Stage) -> tuple[int, Netlist]:
        """Train the outputs in turn until one is learnt; return it and the smallest circuit with it."""
        options = self.options
        for number in range(options.rounds):
            for output in stage.pending:
                first = self._train(stage, output, number, number)
                if first is None:
                    continue
                others = (
                    self._train(stage, output, number + k, number)
                    for k in range(1, options.candidates)
                )
                found = [first, *(other for other in others if other is not None)]
                return output, min(found, key=lambda netlist: netlist.n_cells)
        names = ", ".join(str(output) for output in stage.pending)
        raise TrainingError(
            f"{self.dataset.name}: with {stage.patterns.n_inputs} of {self.dataset.n_inputs} inputs "
            f"free, none of the output bits {names} was learnt in {options.rounds} "
            f"{'round' if options.rounds == 1 else 'rounds'}"
        )

    def _train(self, stage: _Stage, output: int, shape: int, number: int) -> Netlist | None:
        """Train one network; return the circuit that it has joined, None if it is of no use."""
        options = self.options
        data = stage.training_data(output)
        hidden = options.shapes[shape % len(options.shapes)]
        parameters = replace(
            options.parameters, max_iterations=options.parameters.max_iterations * (1 + number)
        )
        topology = layered((data.n_inputs, *hidden, 1), skip=True)
        result = train_trial(data, topology, parameters, options.seed, self.trainings)
        self.trainings += 1
        self.iterations += result.iterations
        # A trial gives the best network on its way; one that is exact with a wide gap has weights everywhere.
        if not result.exact or (
            options.parameters.stop is StopRule.BOTH and result.gap >= options.parameters.gap_limit
        ):
            return None
        network = network_of(data, topology, result.weights)
        try:
            addition, _ = lower_network(network, care_reference(data))
        except NetlistError:  # a neuron with too many weights: as good as not learnt
            return None
        if addition.n_cells > _LARGEST_ADDITION:
            return None
        return stage.join(addition, output, options.passes)


class _Stage:
    """The circuit while its outputs are learnt again.

    Its outputs are the former ones, which stay as signals till the end of the stage, then those learnt so far.
    """

    def __init__(self, circuit: Netlist, patterns: Dataset) -> None:
        self.patterns = patterns
        self.circuit = circuit
        self.pending = list(range(patterns.n_outputs))
        self.learnt: list[int] = []
        values = self._values()
        self._former = _select(values, circuit.outputs)

    def _values(self) -> Bits:
        """Return ``(patterns, nodes)``: what the circuit's nodes are on the patterns."""
        words = simulate(self.circuit, pack_bits(self.patterns.inputs))
        return unpack_bits(words, self.patterns.n_patterns)

    def adopt(self) -> None:
        """Take outputs that some signal already is."""
        values = self._values()
        for output in list(self.pending):
            literal = self._find(values, output)
            if literal is not None:
                literals = [*self.circuit.outputs.tolist(), literal]
                self.accept(output, self._driving(literals))
                values = self._values()

    def _find(self, values: Bits, output: int) -> int | None:
        """Return the literal of a signal that is right about an output; rather its former one."""
        care = self.patterns.care_mask[:, output]
        wrong = values[care] != self.patterns.targets[care, output, None]
        former = int(self.circuit.outputs[output])
        errors = wrong.sum(axis=0)
        if errors[former >> 1] == (int(care.sum()) if former & 1 else 0):
            return former
        if not errors.min():
            return 2 * int(errors.argmin())
        if errors.max() == care.sum():
            return 2 * int(errors.argmax()) + 1
        return None

    def accept(self, output: int, circuit: Netlist) -> None:
        """Take a circuit whose last output is a learnt one."""
        self.circuit = circuit
        self.pending.remove(output)
        self.learnt.append(output)

    def training_data(self, output: int) -> Dataset:
        """Return the patterns of one output, all different signals of the circuit being inputs."""
        values = self._values()
        data = self.patterns
        return Dataset(
            f"{data.name}_{output}", data.source, values[:, self._signals(values)],
            data.targets[:, [output]],
            (Port("x", len(self._signals(values))),), (Port("y", 1),),
            care=data.care_mask[:, [output]], unlisted_dont_care=True,
        )  # fmt: skip

    @staticmethod
    def _signals(values: Bits) -> list[int]:
        """Return one node of every set of equal or opposite ones, without constants."""
        normal = values ^ values[:1]
        _, first = np.unique(normal, axis=1, return_index=True)
        return [int(node) for node in np.sort(first) if normal[:, node].any()]

    def join(self, addition: Netlist, output: int, passes: str) -> Netlist:
        """Return the circuit with one output more, optimised as a whole."""
        signals = self._signals(self._values())
        circuit = self.circuit
        ports = (Port("y", circuit.n_outputs + 1),)
        builder = NetlistBuilder(circuit.name, circuit.input_ports, ports)
        inputs = [builder.input(bit) for bit in range(circuit.n_inputs)]
        literals = _copy_cells(builder, circuit, inputs)
        added = _copy_cells(builder, addition, [literals[node] for node in signals])
        driven = [value_of(literals, literal) for literal in circuit.outputs.tolist()]
        driven.append(value_of(added, int(addition.outputs[0])))
        return _optimised(builder.build(driven), self._all_targets(output), passes)

    def _all_targets(self, output: int) -> Dataset:
        """Return the patterns with the targets of all outputs of the circuit and one more."""
        data, columns = self.patterns, [*self.learnt, output]
        targets = np.concatenate([self._former, data.targets[:, columns]], axis=1)
        everywhere = np.ones(self._former.shape, dtype=np.bool_)
        care = np.concatenate([everywhere, data.care_mask[:, columns]], axis=1)
        ports = (Port("y", targets.shape[1]),)
        return replace(data, targets=targets, care=care, output_ports=ports)

    def finished(self) -> Netlist:
        """Return the circuit with the data's outputs alone."""
        n_former = self._former.shape[1]
        literals = self.circuit.outputs.tolist()[n_former:]
        ordered = [literals[self.learnt.index(k)] for k in range(self.patterns.n_outputs)]
        return self._driving(ordered)

    def _driving(self, outputs: Sequence[int]) -> Netlist:
        ports = (Port("y", len(outputs)),)
        return _rewired(self.circuit, self.circuit.input_ports, ports, outputs=outputs)


def _restricted(dataset: Dataset, order: Sequence[int], free: int) -> Dataset:
    """Return the patterns on which all inputs but the first few are 0, these in order as inputs."""
    rows = ~dataset.inputs[:, list(order[free:])].any(axis=1)
    if not rows.any():  # nothing is asked for then; one pattern that does not matter says so
        inputs = np.zeros((1, free), dtype=np.uint8)
        targets = np.zeros((1, dataset.n_outputs), dtype=np.uint8)
        care = np.zeros(targets.shape, dtype=np.bool_)
    else:
        inputs = dataset.inputs[rows][:, list(order[:free])]
        targets, care = dataset.targets[rows], dataset.care_mask[rows]
    return Dataset(
        dataset.name, dataset.source, inputs, targets, _input_ports(free),
        (Port("y", dataset.n_outputs),), care=care, unlisted_dont_care=True,
    )  # fmt: skip


def _input_ports(free: int) -> tuple[Port, ...]:
    return (Port("x", free),) if free else ()


def _select(values: Bits, literals: NDArray[Any]) -> Bits:
    return np.asarray(values[:, literals >> 1] ^ (literals & 1).astype(np.uint8), dtype=np.uint8)


def _copy_cells(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Make a netlist's cells over given input literals; return a literal for every node."""
    literals = [FALSE, *inputs]
    for fanin in netlist.fanins.tolist():
        a, b, c = (value_of(literals, literal) for literal in fanin)
        literals.append(builder.maj(a, b, c))
    return literals


def _rewired(
    netlist: Netlist,
    input_ports: tuple[Port, ...],
    output_ports: tuple[Port, ...],
    order: Sequence[int] | None = None,
    outputs: Sequence[int] | None = None,
) -> Netlist:
    """Return a netlist with other ports, or other output literals.

    `order` names the new input bits that become its inputs; by default they are the first ones.
    """
    builder = NetlistBuilder(netlist.name, input_ports, output_ports)
    inputs = [builder.input(bit) for bit in order or range(netlist.n_inputs)]
    literals = _copy_cells(builder, netlist, inputs)
    driven = netlist.outputs.tolist() if outputs is None else outputs
    return builder.build([value_of(literals, literal) for literal in driven])


def _optimised(netlist: Netlist, patterns: Dataset, script: str) -> Netlist:
    result, _ = run_passes(parse_script(script), netlist, care_reference(patterns))
    return result
