"""Compare two designs, each a file of any known format or a design folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError, UsageError, plural
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS
from btfsynth.sim.base import port_values
from btfsynth.verify.equivalence import SAT_METHOD, equivalent, joined
from btfsynth.verify.interface import ORDER_NOTE, match_bits, under_ports
from btfsynth.verify.subjects import Subject

_VECTORS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Comparison:
    equal: bool | None  # None if undecided in time
    method: str
    notes: tuple[str, ...]  # what was guessed, one line each
    # A counterexample by port, like ``p=2'b10`` with ``-`` for what does not matter.
    inputs: str = ""
    first: str = ""
    second: str = ""
    # The same as (inputs,) uint8 0/1 in the order of the first.
    vector: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    latencies: tuple[int | None, int | None] = (None, None)  # clocks; None if not known

    @property
    def same_latency(self) -> bool:
        return None in self.latencies or self.latencies[0] == self.latencies[1]

    def to_json(self) -> dict[str, Any]:
        shown = None
        if self.equal is False:
            shown = {"inputs": self.inputs, "a": self.first, "b": self.second}
        return {
            "equivalent": self.equal,
            "method": self.method,
            "notes": list(self.notes),
            "counterexample": shown,
            "latency": dict(zip("ab", self.latencies, strict=True)),
            "same_latency": self.same_latency,
        }


def compare(a: Subject, b: Subject, timeout: float | None = None) -> Comparison:
    """Compare two designs on every input for which the outputs matter in both.

    Latencies are noted where they differ; what is compared is the function.
    """
    return _Pair(a, b, timeout).compare()


class _Pair:
    """Two designs whose bits have been matched; vectors are in the order of the first."""

    def __init__(self, a: Subject, b: Subject, timeout: float | None) -> None:
        a, b = a.under_ranges(b), b.under_ranges(a)
        self.a, self.b, self.timeout = a, b, timeout
        self.inputs, input_note = match_bits("inputs", a.input_ports, b.input_ports)
        self.outputs, output_note = match_bits("outputs", a.output_ports, b.output_ports)
        self.latencies = (a.latency, b.latency)
        self.notes = [*a.notes, *b.notes, *filter(None, (input_note, output_note))]
        self.notes += [
            f"{subject.path.name} leaves outputs open; these may have any value"
            for subject in (a, b)
            if subject.leaves_open
        ]

    def compare(self) -> Comparison:
        vectors = self.vectors()
        found = self.proven() if vectors is None else self.on_vectors(vectors)
        if found.equal is False and any(ORDER_NOTE in note for note in self.notes):
            self.notes.append("ports matched by order may be matched wrongly")
        if not found.same_latency:
            one, other = (
                f"{subject.path.name} has {subject.latency}" for subject in (self.a, self.b)
            )
            self.notes.append(f"latencies differ: {one}, {other}; only the function was compared")
        return replace(found, notes=tuple(self.notes))

    def found(self, equal: bool | None, method: str) -> Comparison:
        return Comparison(equal, method, (), latencies=self.latencies)

    def vectors(self) -> NDArray[np.uint8] | None:
        """Return all vectors that can matter, ``(vectors, inputs)``; None where these are not listed."""
        if not (self.a.leaves_open or self.b.leaves_open or self.a.table or self.b.table):
            return None
        listed = []
        if self.a.table is not None:
            listed.append(self.a.table.inputs)
        if self.b.table is not None:
            listed.append(self.b.table.inputs[:, self.inputs])
        if listed:
            return min(listed, key=len)
        if len(self.inputs) > MAX_EXHAUSTIVE_INPUTS:
            return None
        numbers = np.arange(1 << len(self.inputs), dtype=np.int64)
        return ((numbers[:, None] >> np.arange(len(self.inputs))) & 1).astype(np.uint8)

    def evaluate(
        self, vectors: NDArray[np.uint8]
    ) -> tuple[tuple[NDArray[np.uint8], NDArray[np.bool_]], ...]:
        """Return outputs of both and where they matter, in the order of the first."""
        own = np.empty_like(vectors)
        own[:, self.inputs] = vectors
        values, care = self.b.evaluate(own)
        return self.a.evaluate(vectors), (values[:, self.outputs], care[:, self.outputs])

    def on_vectors(self, vectors: NDArray[np.uint8]) -> Comparison:
        """Compare on listed vectors; on all others no output matters."""
        mattering, wrong_one = 0, None
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            part = vectors[start : start + _VECTORS_AT_ONCE]
            (first, in_first), (second, in_second) = self.evaluate(part)
            care = in_first & in_second
            wrong = ((first != second) & care).any(axis=1)
            mattering += int(care.any(axis=1).sum())
            if wrong_one is None and wrong.any():
                wrong_one = part[int(np.argmax(wrong))]
        if not mattering:
            raise self.nothing_matters()
        method = f"the {plural(mattering, 'input vector')} with an output that matters"
        return self.found(True, method) if wrong_one is None else self.differs(wrong_one, method)

    def proven(self) -> Comparison:
        """Compare on every input vector, by simulation or by SAT."""
        a, b = self.a.netlist, self.b.netlist
        assert a is not None
        assert b is not None
        loose = [] if self.a.dont_care is None else [self.a.dont_care]
        if self.b.dont_care is not None:
            loose.append(under_ports(self.b.dont_care, self.inputs, self.outputs, a))
        first, second = a, under_ports(b, self.inputs, self.outputs, a)
        for dont_care in loose:
            first, second = _masked(first, dont_care), _masked(second, dont_care)
        where = " wherever the outputs matter" if loose else ""
        try:
            found = equivalent(first, second, self.timeout)
        except ToolTimeoutError:
            return self.found(None, f"{SAT_METHOD}{where}, time-out after {self.timeout:g} s")
        if found.counterexample is None:
            if loose and self.is_all_open(a, loose):
                raise self.nothing_matters()
            return self.found(True, f"{found.method}{where}")
        return self.differs(found.counterexample, f"{found.method}{where}")

    def is_all_open(self, like: Netlist, loose: Sequence[Netlist]) -> bool:
        """Tell whether no output matters for any input vector, as far as that is found out in time."""
        cells = np.empty((0, 3), dtype=np.int32)
        zeros, ones = (
            replace(like, fanins=cells, outputs=np.full(like.n_outputs, literal, dtype=np.int32))
            for literal in (FALSE, TRUE)
        )
        for dont_care in loose:
            ones = _masked(ones, dont_care)
        try:
            return equivalent(ones, zeros, self.timeout).equal
        except ToolTimeoutError:
            return False

    def nothing_matters(self) -> UsageError:
        return UsageError(
            f"{self.a.path} and {self.b.path}: there is no input vector for which an output matters in "
            "both, so nothing can be compared"
        )

    def differs(self, vector: NDArray[np.uint8], method: str) -> Comparison:
        """Return the comparison with a vector for which an output differs."""
        first, second = (
            port_values(self.a.output_ports, np.where(care[0], values[0], 2))
            for values, care in self.evaluate(vector[None, :])
        )
        shown = port_values(self.a.input_ports, vector)
        return Comparison(False, method, (), shown, first, second, vector, self.latencies)


def _masked(netlist: Netlist, dont_care: Netlist) -> Netlist:
    """Return a netlist whose outputs are 0 where those of another of the same inputs and outputs are 1."""
    both = joined(netlist, dont_care)
    half = netlist.n_outputs
    fanins = np.stack(
        [np.full(half, FALSE, np.int32), both.outputs[:half], both.outputs[half:] ^ 1], axis=1
    )
    return Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        np.concatenate([both.fanins, fanins]),
        (2 * (both.n_nodes + np.arange(half))).astype(np.int32),
    )
