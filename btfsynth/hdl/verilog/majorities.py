"""Majorities that Verilog spells as three ANDs under an OR, as the emitters here do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from btfsynth.hdl.verilog.circuit import Circuit, Gate, Op

__all__ = [
    "find_majorities",
]

_SIGNALS = 3


def find_majorities(circuit: Circuit) -> tuple[dict[int, tuple[int, ...]], set[int]]:
    """Find the expressions ``(x & y) | (x & z) | (y & z)`` of a circuit.

    Only what is one expression counts. ANDs and ORs that have nets of their own stay what they are, so that a
    netlist has the cells it was written with.

    Returns
    -------
    For each OR that is a majority the gates of the three signals, in the order in which they are first read;
    and the gates that are nothing but parts of these.
    """
    gates = circuit.gates
    readers = Counter(read for gate in gates if gate.op is not Op.INPUT for read in gate.reads)
    readers.update(circuit.output_gates)
    majorities: dict[int, tuple[int, ...]] = {}
    parts: set[int] = set()
    for index in circuit.order:
        terms = _terms(gates, index, readers)
        if terms is None:
            continue
        ands, inner = terms
        signals: dict[tuple[int, bool], int] = {}
        pairs = set()
        for term in ands:
            pair = [(_signal(gates, read), read) for read in gates[term].reads]
            for signal, read in pair:
                signals.setdefault(signal, read)
            pairs.add(frozenset(signal for signal, _ in pair))
        if len(signals) == _SIGNALS == len(pairs) and all(len(pair) == 2 for pair in pairs):
            majorities[index] = tuple(signals.values())
            parts.update(inner)
    return majorities, parts


def _terms(
    gates: Sequence[Gate], root: int, readers: Counter[int]
) -> tuple[list[int], list[int]] | None:
    """Return the three ANDs under an OR, and all gates down to them that nothing else reads; else None."""
    if gates[root].op is not Op.OR:
        return None
    ands: list[int] = []
    inner: list[int] = []
    stack = [root]
    while stack:
        for read in gates[stack.pop()].reads:
            inner.append(read)
            if readers[read] != 1 or len(inner) > _SIGNALS + 1:
                return None
            if gates[read].op is Op.OR:
                stack.append(read)
            elif gates[read].op is Op.AND and len(gates[read].reads) == 2:
                ands.append(read)
            else:
                return None
    return (ands, inner) if len(ands) == _SIGNALS else None


def _signal(gates: Sequence[Gate], index: int) -> tuple[int, bool]:
    """Return the gate that a signal comes from, and whether it is inverted on the way."""
    inverted = False
    while gates[index].op in (Op.BUFFER, Op.NOT):
        inverted ^= gates[index].op is Op.NOT
        (index,) = gates[index].reads
    return index, inverted
