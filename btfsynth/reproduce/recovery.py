"""The circuit behind sampled data, and whether a trained network is proven to be this circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.generators import Gate, HiddenCircuit, hidden_circuit, read_world
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower.lowering import lower_network, make_reference
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.network.accuracy import measure
from btfsynth.network.integers import round_network
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve
from btfsynth.verify.equivalence import equivalent

_MIN_SHARE = 0.97
"""Share of the test bits below which nothing is compared: it is not the circuit, and its neurons are large."""


def hidden_netlist(spec: str) -> Netlist:
    name, _, arguments = spec.partition(":")
    if name.strip().lower() == "automaton":
        world = read_world(arguments)
        if not world.cells:
            raise UsageError(f"{spec[:60]!r}: expected cells=C, got none")
        return automaton_netlist(world.rule, world.steps, world.cells)
    if name.strip().lower() in ("random_and_or", "random_majority"):
        return circuit_netlist(hidden_circuit(spec))
    raise UsageError(f"{spec[:60]!r}: there is no circuit behind this task")


def circuit_netlist(circuit: HiddenCircuit) -> Netlist:
    """Return a random circuit as a netlist from port ``x`` to port ``y``."""
    ports = Port("x", circuit.width), Port("y", circuit.width)
    builder = NetlistBuilder("hidden", [ports[0]], [ports[1]])
    signals = [builder.input(bit) for bit in range(circuit.width)]
    for layer in circuit.layers:
        signals = [_gate(builder, gate, signals) for gate in layer]
    return builder.build(signals)


def automaton_netlist(rule: int, steps: int, cells: int) -> Netlist:
    """Return an elementary automaton on a ring, from port ``state`` to port ``next``."""
    builder = NetlistBuilder("hidden", [Port("state", cells)], [Port("next", cells)])
    row = [builder.input(bit) for bit in range(cells)]
    for _ in range(steps):
        row = [
            _table(builder, rule, (row[(cell + 1) % cells], row[cell], row[cell - 1]))
            for cell in range(cells)
        ]
    return builder.build(row)


def _gate(builder: NetlistBuilder, gate: Gate, signals: Sequence[int]) -> int:
    read = [
        signals[source] ^ int(flip)
        for source, flip in zip(gate.sources, gate.inverted, strict=True)
    ]
    if len(read) == 1:
        return read[0]
    if len(read) == 2:
        return builder.and_(*read) if gate.least == 2 else builder.or_(*read)
    return builder.maj(*read)


def _table(builder: NetlistBuilder, table: int, inputs: Sequence[int]) -> int:
    """Return a truth table over literals, the first of them the most significant, by cofactors."""
    if not inputs:
        return TRUE if table & 1 else FALSE
    half = 1 << (len(inputs) - 1)
    on = _table(builder, table >> half, inputs[1:])
    off = _table(builder, table & ((1 << half) - 1), inputs[1:])
    return builder.or_(builder.and_(inputs[0], on), builder.and_(inputs[0] ^ 1, off))


@dataclass(frozen=True)
class Recovery:
    """The comparison of a network with the hidden circuit."""

    outputs: int
    equal: int  # Of these, proven equal to the hidden circuit's on every input vector
    method: str | None  # How it was proven; None if nothing was compared
    # Share of the test bits that the network with rounded weights gets right; None without a test
    rounded_share: float | None
    cells: int  # Cells of the netlist that was compared, 0 where none was
    hidden_cells: int
    why_not: str | None = None  # Why nothing was compared; None if it was

    @property
    def whole(self) -> bool:
        return self.equal == self.outputs

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "whole": self.whole}


def recover(
    network: TrainedNetwork,
    dataset: Dataset,
    test: Dataset | None,
    hidden: Netlist,
) -> Recovery:
    """Compare a network with the circuit behind its data.

    Its weights are first rounded, neuron by neuron, to the smallest integers that leave it as it is on the
    training patterns, which settles weights near 0 or near a common size. The integer network is lowered to a
    netlist that keeps it on every input, and this is compared output by output.
    """
    rounded, _ = round_network(network, dataset, None, dataset.input_ports)
    share = None if test is None else measure(rounded, test).bit_share
    if share is not None and share < _MIN_SHARE:
        return _nothing(hidden, share, f"less than {_MIN_SHARE:.0%} of the test bits right")
    try:
        reference = make_reference(rounded, dataset, Preserve.NETWORK)
        # Neurons of integers are lowered fast as they are, and slowly on all vectors of 16 inputs.
        netlist, _ = lower_network(rounded, replace(reference, complete=False))
    except NetlistError as error:
        return _nothing(hidden, share, str(error))
    whole = equivalent(netlist, hidden)
    equal = hidden.n_outputs if whole.equal else _count_equal(netlist, hidden)
    return Recovery(hidden.n_outputs, equal, whole.method, share, netlist.n_cells, hidden.n_cells)


def _nothing(hidden: Netlist, share: float | None, why_not: str) -> Recovery:
    return Recovery(hidden.n_outputs, 0, None, share, 0, hidden.n_cells, why_not)


def _count_equal(netlist: Netlist, hidden: Netlist) -> int:
    return sum(
        equivalent(_alone(netlist, bit), _alone(hidden, bit)).equal
        for bit in range(hidden.n_outputs)
    )


def _alone(netlist: Netlist, bit: int) -> Netlist:
    return Netlist(
        netlist.name,
        netlist.input_ports,
        (Port("y", 1),),
        netlist.fanins,
        netlist.outputs[bit : bit + 1],
    )
