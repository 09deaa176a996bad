"""The circuit behind sampled data, as a netlist."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.dataset.generators import Gate, HiddenCircuit, hidden_circuit, read_world
from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port


def hidden_netlist(spec: str) -> Netlist:
    """Return the circuit that a task's patterns are drawn from.

    Parameters
    ----------
    spec
        ``random_and_or:...``, ``random_majority:...`` or ``automaton:RULE,cells=C,...``; which patterns
        are taken does not matter.

    Returns
    -------
    Netlist
        With the ports of the task's data.

    Raises
    ------
    UsageError
        If it is another task, or its arguments are wrong.
    """
    name, _, arguments = spec.partition(":")
    if name.strip().lower() == "automaton":
        (rule, steps, cells), _, _ = read_world(arguments)
        return automaton_netlist(rule, steps, cells)
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
    """Return an elementary automaton on a ring, from port ``state`` to port ``next``.

    Parameters
    ----------
    rule
        0 to 255.
    steps
        Steps, one layer of rules each.
    cells
        Cells; the most significant bit is the leftmost.
    """
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
