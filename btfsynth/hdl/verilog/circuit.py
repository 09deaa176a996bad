"""A circuit of gates on single bits, as read from a file, and its evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Circuit",
    "Clocking",
    "Gate",
    "Op",
    "evaluate",
]

_BYTES_AT_ONCE = 1 << 25


class Op(Enum):
    """What a gate does with the gates it reads; AND, OR, XOR and XNOR read any number from one on.

    A register is a gate that does nothing but take time.
    """

    FALSE = "0"
    TRUE = "1"
    INPUT = "input"
    BUFFER = "="
    NOT = "~"
    AND = "&"
    OR = "|"
    XOR = "^"
    XNOR = "~^"
    MUX = "?:"
    REGISTER = "<="


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate.

    Parameters
    ----------
    op
        What it does.
    reads
        Indices of the gates it reads; of an input, its position.
    """

    op: Op
    reads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Clocking:
    """What controls the registers of a circuit.

    Parameters
    ----------
    clock
        Name of the input at whose rising edge they change.
    reset, enable
        Names of the inputs that clear them all and without which they all hold; None where there is none.
    latency
        Registers on every path from an input to an output; None if no output depends on an input.
    """

    clock: str
    reset: str | None
    enable: str | None
    latency: int | None


@dataclass(frozen=True)
class Circuit:
    """Gates in an order in which each comes after those it reads.

    Parameters
    ----------
    module
        Name of the module.
    inputs, outputs
        Width of each port by name, in order, without those that control registers.
    gates
        All gates.
    order
        Their indices in topological order.
    output_gates
        The gate that drives each output bit, ports in order, least significant bit first.
    clocking
        What controls its registers; None if it is combinational.
    ranges
        By name of a port the index of its least significant bit, and 1 or -1 for what it grows by from bit to
        bit; without an entry bits count up from 0.
    """

    module: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    gates: Sequence[Gate]
    order: Sequence[int]
    output_gates: Sequence[int]
    clocking: Clocking | None = None
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def evaluate(circuit: Circuit, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the output bits for input vectors, whenever these come out.

    Parameters
    ----------
    circuit
        What to evaluate.
    inputs
        ``(vectors, input bits)`` uint8 0/1.

    Returns
    -------
    ``(vectors, output bits)`` uint8 0/1.
    """
    chunk = max(1, _BYTES_AT_ONCE // max(1, len(circuit.order))) * 8
    parts = [
        _evaluate_chunk(circuit, inputs[start : start + chunk])
        for start in range(0, len(inputs), chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(circuit.output_gates)), np.uint8)


def _evaluate_chunk(circuit: Circuit, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Evaluate gate by gate with eight vectors a byte."""
    columns = np.packbits(inputs, axis=0).T
    zeros = np.zeros(columns.shape[1], dtype=np.uint8)
    values: list[Any] = [None] * len(circuit.gates)
    for index in circuit.order:
        gate = circuit.gates[index]
        if gate.op is Op.INPUT:
            values[index] = columns[gate.reads[0]]
        else:
            values[index] = _apply(gate.op, [values[read] for read in gate.reads], zeros)
    packed = np.array([values[gate] for gate in circuit.output_gates], dtype=np.uint8)
    return np.ascontiguousarray(np.unpackbits(packed, axis=1, count=len(inputs)).T)


def _apply(op: Op, reads: Sequence[Any], zeros: NDArray[np.uint8]) -> Any:
    if op is Op.FALSE:
        return zeros
    if op is Op.TRUE:
        return ~zeros
    if op in (Op.BUFFER, Op.REGISTER):
        return reads[0]
    if op is Op.NOT:
        return ~reads[0]
    if op is Op.AND:
        return np.bitwise_and.reduce(reads)
    if op is Op.OR:
        return np.bitwise_or.reduce(reads)
    if op is Op.XOR:
        return np.bitwise_xor.reduce(reads)
    if op is Op.XNOR:
        return ~np.bitwise_xor.reduce(reads)
    return (reads[0] & reads[1]) | (~reads[0] & reads[2])
