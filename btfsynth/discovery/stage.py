"""A circuit while its outputs are learnt again on more patterns.

In a stage all inputs but the first few are held at 0. The circuit's outputs are the former ones, those of the
stage before, which stay as signals till the end of the stage, then those learnt so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.signals import NEW, Cells
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist, value_of
from btfsynth.netlist.simulation import care_reference, pack_bits, simulate, unpack_bits
from btfsynth.passes.base import run_passes
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port

Bits = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Stage:
    """The patterns of a stage, its circuit, and the outputs learnt in the order in which they were."""

    patterns: Dataset
    circuit: Netlist
    learnt: tuple[int, ...] = ()

    @property
    def pending(self) -> list[int]:
        return [k for k in range(self.patterns.n_outputs) if k not in self.learnt]

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        """Values of the circuit's nodes on the patterns, ``(nodes, words)``."""
        return simulate(self.circuit, pack_bits(self.patterns.inputs))

    @cached_property
    def values(self) -> Bits:
        """The same values as ``(patterns, nodes)``."""
        return unpack_bits(self.words, self.patterns.n_patterns)

    @cached_property
    def signals(self) -> list[int]:
        """One node of every set of equal or opposite ones, without constants."""
        normal = self.values ^ self.values[:1]
        _, first = np.unique(normal, axis=1, return_index=True)
        return [int(node) for node in np.sort(first) if normal[:, node].any()]

    def wanted(self, output: int) -> tuple[Bits, NDArray[np.bool_]]:
        """Return the targets of an output and their care mask."""
        return self.patterns.targets[:, output], self.patterns.care_mask[:, output]

    def adopted(self) -> Stage:
        """Return the stage with the outputs that some signal already is."""
        stage = self
        for output in self.pending:
            literal = stage._find(output)
            if literal is not None:
                outputs = [*stage.circuit.outputs.tolist(), literal]
                stage = Stage(
                    self.patterns, driving(stage.circuit, outputs), (*stage.learnt, output)
                )
        return stage

    def _find(self, output: int) -> int | None:
        """Return the literal of a signal that is right about an output; rather its former one."""
        target, care = self.wanted(output)
        wrong = self.values[care] != target[care, None]
        former = int(self.circuit.outputs[output])
        errors = wrong.sum(axis=0)
        if errors[former >> 1] == (int(care.sum()) if former & 1 else 0):
            return former
        if not errors.min():
            return 2 * int(errors.argmin())
        if errors.max() == care.sum():
            return 2 * int(errors.argmax()) + 1
        return None

    def bits_right(self) -> int:
        """Return the number of correct targets; pending outputs count with their previous signals."""
        literals = self._present()
        driven = select(self.values, np.array(literals, dtype=np.int64))
        return int(((driven == self.patterns.targets) & self.patterns.care_mask).sum())

    def _present(self) -> list[int]:
        """Return the literal that each output of the function has now."""
        literals: list[int] = self.circuit.outputs.tolist()
        n_former = self.patterns.n_outputs
        present = literals[:n_former]
        for place, output in enumerate(self.learnt):
            present[output] = literals[n_former + place]
        return present

    def join(self, addition: Netlist, output: int, passes: str) -> Stage:
        """Return the stage with an output more, the circuit optimised as a whole.

        The inputs of `addition` are the signals.
        """
        circuit = self.circuit
        ports = (Port("y", circuit.n_outputs + 1),)
        builder = NetlistBuilder(circuit.name, circuit.input_ports, ports)
        inputs = [builder.input(bit) for bit in range(circuit.n_inputs)]
        literals = copy_cells(builder, circuit, inputs)
        added = copy_cells(builder, addition, [literals[node] for node in self.signals])
        driven = [value_of(literals, literal) for literal in circuit.outputs.tolist()]
        driven.append(value_of(added, int(addition.outputs[0])))
        joined = Stage(self.patterns, builder.build(driven), (*self.learnt, output))
        return joined.optimised(passes)

    def optimised(self, passes: str) -> Stage:
        """Return the stage after passes that keep the former outputs and those learnt."""
        result = optimise(self.circuit, self._required(), passes)
        return Stage(self.patterns, result, self.learnt)

    def _required(self) -> Dataset:
        """Return the patterns with the targets of all outputs of the circuit."""
        data, columns = self.patterns, list(self.learnt)
        former = select(self.values, self.circuit.outputs[: data.n_outputs])
        targets = np.concatenate([former, data.targets[:, columns]], axis=1)
        everywhere = np.ones(former.shape, dtype=np.bool_)
        care = np.concatenate([everywhere, data.care_mask[:, columns]], axis=1)
        ports = (Port("y", targets.shape[1]),)
        return replace(data, targets=targets, care=care, output_ports=ports)

    def finished(self) -> Netlist:
        """Return the circuit with the data's outputs alone; those pending are the former ones."""
        return driving(self.circuit, self._present())


def restricted(dataset: Dataset, order: Sequence[int], free: int) -> Dataset:
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
        dataset.name, dataset.source, inputs, targets, input_ports(free),
        (Port("y", dataset.n_outputs),), care=care, unlisted_dont_care=True,
    )  # fmt: skip


def input_ports(free: int) -> tuple[Port, ...]:
    return (Port("x", free),) if free else ()


def select(values: Bits, literals: NDArray[Any]) -> Bits:
    return np.asarray(values[:, literals >> 1] ^ (literals & 1).astype(np.uint8), dtype=np.uint8)


def copy_cells(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Make a netlist's cells over given input literals; return a literal for every node."""
    literals = [FALSE, *inputs]
    for fanin in netlist.fanins.tolist():
        a, b, c = (value_of(literals, literal) for literal in fanin)
        literals.append(builder.maj(a, b, c))
    return literals


def driving(netlist: Netlist, outputs: Sequence[int]) -> Netlist:
    """Return a netlist with other output literals."""
    return rewired(netlist, netlist.input_ports, (Port("y", len(outputs)),), outputs=outputs)


def rewired(
    netlist: Netlist,
    inputs: tuple[Port, ...],
    output_ports: tuple[Port, ...],
    order: Sequence[int] | None = None,
    outputs: Sequence[int] | None = None,
) -> Netlist:
    """Return a netlist with other ports, or other output literals.

    `order` names the new input bits that become its inputs; by default they are the first ones.
    """
    builder = NetlistBuilder(netlist.name, inputs, output_ports)
    places = order if order is not None else range(netlist.n_inputs)
    literals = copy_cells(builder, netlist, [builder.input(bit) for bit in places])
    driven = netlist.outputs.tolist() if outputs is None else outputs
    return builder.build([value_of(literals, literal) for literal in driven])


def optimise(netlist: Netlist, patterns: Dataset, script: str) -> Netlist:
    """Run passes that keep the targets of the patterns."""
    result, _ = run_passes(parse_script(script), netlist, care_reference(patterns))
    return result


def steps_within(microseconds: int, netlist: Netlist, patterns: Dataset) -> int:
    """Return how many steps of a walk (see `btfsynth.passes.annealing`) take about so long.

    A measured rule, so that results do not depend on the machine: 10 for 46 cells and 256 patterns, 70 for 120
    cells and 4,096.
    """
    words = -(-patterns.n_patterns // 64)
    return 200 * microseconds // max(1, netlist.n_cells * (40 + words))


def over_signals(name: str, n_signals: int) -> NetlistBuilder:
    """Return a builder for an addition: its inputs are the signals of a stage, it has one output."""
    return NetlistBuilder(name, input_ports(n_signals), (Port("y", 1),))


def expressed(cells: Cells, signals: Sequence[int], name: str) -> Netlist:
    """Return an addition from new cells whose literals are those of a stage's nodes."""
    builder = over_signals(name, len(signals))
    number = {node: builder.input(place) for place, node in enumerate(signals)}
    number[0] = FALSE
    made: list[int] = []

    def literals(fanin: tuple[int, int, int]) -> Iterator[int]:
        for literal in fanin:
            node = literal >> 1
            known = made[(literal - NEW) >> 1] if literal >= NEW else number[node]
            yield known ^ (literal & 1)

    for fanin in cells:
        a, b, c = literals(fanin)
        made.append(builder.maj(a, b, c))
    return builder.build([made[-1]])
