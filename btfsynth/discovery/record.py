"""Circuits found by a discovery: their names, their records, and the front of the best.

Names. Every cell is brought to the normal form of `NetlistBuilder` (at most one complemented fan-in, equal
cells joined, trivial ones folded, dead ones omitted), then hashed from the inputs up over its sorted fan- in.
As inputs and outputs stay in place, the normal form fixes the polarities and the set of cells, and only the
order of cells is open: two netlists have the same hash exactly if they are the same graph. Netlists are
therefore equal if they differ only in the numbering or order of cells, the order of a fan-in, the placement of
inverters (``MAJ(!a, !b, !c) = !MAJ(a, b, c)``), in duplicate, trivial or dead cells, or in names. All others
are distinct: circuits that differ by an exchange of inputs or outputs, even if the function is symmetric in
them, and two arrangements of one function, such as the two sides of the distributive law.

Records. A record contains everything that is needed to repeat the work, and the netlist as text. When it is
read, the netlist is parsed, counted and hashed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import NetlistStatistics, levels, statistics
from btfsynth.records import (
    InvalidRecordError,
    digest,
    inside,
    items,
    one_of,
    real,
    section,
    string,
    whole,
)
from btfsynth.settings.table import Objective


def canonical_hash(netlist: Netlist) -> str:
    """Return the SHA-256 of a netlist's canonical form, 64 hexadecimal digits."""
    normal = rebuild(netlist)
    names = _names(normal)
    sizes = b"".join(count.to_bytes(4, "little") for count in (normal.n_inputs, normal.n_outputs))
    outputs = (_literal(names, literal) for literal in normal.outputs.tolist())
    return _digest(b"circuit", sizes, *outputs).hex()


def canonical_netlist(netlist: Netlist) -> Netlist:
    """Return the netlist in its canonical form: the same arrays for all that have the same hash.

    Cells are in normal form and in the order of their levels, within a level of their hashes.
    """
    normal = rebuild(netlist)
    names, level = _names(normal), levels(normal).tolist()
    cells = range(normal.first_cell, normal.n_nodes)
    order = sorted(cells, key=lambda node: (level[node], names[node]))
    number = np.arange(normal.n_nodes, dtype=np.int32)
    number[order] = np.arange(normal.first_cell, normal.n_nodes, dtype=np.int32)
    rows = normal.fanins[np.array(order, dtype=np.int64) - normal.first_cell]
    return Netlist(
        normal.name,
        normal.input_ports,
        normal.output_ports,
        np.sort(2 * number[rows >> 1] + (rows & 1), axis=1),
        2 * number[normal.outputs >> 1] + (normal.outputs & 1),
    )


def _names(normal: Netlist) -> list[bytes]:
    """Return the hash of every node of a netlist in normal form."""
    names = [_digest(b"node", node.to_bytes(4, "little")) for node in range(normal.first_cell)]
    for fanin in normal.fanins.tolist():
        names.append(_digest(b"cell", *sorted(_literal(names, literal) for literal in fanin)))
    return names


def _literal(names: list[bytes], literal: int) -> bytes:
    return names[literal >> 1] + bytes([literal & 1])


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


METHODS = ("network", "cascade")
"""How a trial makes its circuit."""


@dataclass(frozen=True)
class Circuit:
    """A netlist that is right on every pattern.

    `netlist` is its text, empty where another record of the same circuit has the better one.
    """

    key: str
    cost: NetlistStatistics
    netlist: str


@dataclass(frozen=True)
class Record:
    """One training with its circuit, or one polishing of a circuit.

    Settings are those of the training, or of the first trainings of a cascade. A record of a polishing has the
    numbers of the original training, the key of the circuit at which it began (`parent`), and the number of the
    attempt, from 0. `widths` is None for a graph without layers and for a cascade, whose `iterations` are those
    of all its trainings. `made` counts the outputs of all stages by the way in which they were made (see
    `btfsynth.discovery.cascade.WAYS`) and has the cells before the passes (`cells`); for a polishing that
    rebuilt a part, these refer to that part. There is no `circuit` if the network was not exact or could not be
    lowered; `problem` is the reason.
    """

    trial: int
    seed: int
    method: str
    widths: tuple[int, ...] | None
    sigma: float
    beta: float
    gamma: float
    max_iterations: int
    iterations: int
    bits_right: int
    bits: int
    passes: str
    circuit: Circuit | None = None
    problem: str = ""
    parent: str | None = None
    attempt: int = 0
    made: dict[str, int] | None = None

    @property
    def exact(self) -> bool:
        return self.bits_right == self.bits

    @property
    def rank(self) -> tuple[int, bool, int, str, int]:
        """Sort key of the records of one circuit: fewest inverters, then the lowest number."""
        inverters = 0 if self.circuit is None else self.circuit.cost.inverters
        return inverters, self.parent is not None, self.trial, self.parent or "", self.attempt

    def origin(self) -> dict[str, Any]:
        values = asdict(replace(self, circuit=None))
        del values["circuit"], values["problem"]
        values["widths"] = None if self.widths is None else list(self.widths)
        if self.parent is None:
            del values["parent"], values["attempt"]
        if self.made is None:
            del values["made"]
        return values

    def to_json(self) -> dict[str, Any]:
        record = self.origin()
        if self.problem:
            record["problem"] = self.problem
        if self.circuit is not None:
            record["circuit"] = {"key": self.circuit.key, **asdict(self.circuit.cost)}
            if self.circuit.netlist:
                record["circuit"]["netlist"] = self.circuit.netlist
        return record

    def without_netlist(self) -> Record:
        if self.circuit is None:
            return self
        return replace(self, circuit=replace(self.circuit, netlist=""))


def make_circuit(netlist: Netlist) -> Circuit:
    return Circuit(canonical_hash(netlist), statistics(netlist), format_netlist(netlist))


def parse_record(values: Any) -> Record:
    """Read the result of `Record.to_json`; its figures must match its netlist."""
    counts = ("trial", "seed", "max_iterations", "iterations", "bits_right", "bits")
    method = one_of(values, "method", METHODS)
    polished = values.get("parent") is not None
    return Record(
        **{name: whole(values, name) for name in counts},
        sigma=real(values, "sigma"),
        beta=real(values, "beta"),
        gamma=real(values, "gamma"),
        method=method,
        widths=None if values.get("widths") is None else _widths(values),
        passes=string(values, "passes"),
        circuit=_circuit(section(values, "circuit")) if "circuit" in values else None,
        problem=string(values, "problem") if "problem" in values else "",
        parent=digest(values, "parent") if polished else None,
        attempt=whole(values, "attempt") if polished else 0,
        made=_made(section(values, "made")) if "made" in values else None,
    )


def _made(values: Mapping[str, Any]) -> dict[str, int]:
    with inside("made"):
        return {name: whole(values, name) for name in values}


def _widths(values: Mapping[str, Any]) -> tuple[int, ...]:
    widths = items(values, "widths")
    if not widths:
        raise InvalidRecordError("widths: expected at least one, got none")
    return tuple(whole({"widths": width}, "widths") for width in widths)


def _circuit(values: Mapping[str, Any]) -> Circuit:
    with inside("circuit"):
        key = digest(values, "key")
        names = NetlistStatistics.__dataclass_fields__
        cost = NetlistStatistics(**{name: whole(values, name) for name in names})
        written = string(values, "netlist") if "netlist" in values else ""
    if written:
        netlist = parse_netlist(written)
        if statistics(netlist) != cost or canonical_hash(netlist) != key:
            raise InvalidRecordError(
                "circuit: expected the cost and the key of its netlist, got others"
            )
    return Circuit(key, cost, written)


def rank(objective: Objective, cost: NetlistStatistics) -> tuple[int, ...]:
    """Return the sort key of a circuit, the best first; the other figures decide among equals."""
    if objective is Objective.CELLS:
        return cost.cells, cost.depth, cost.inverters
    if objective is Objective.DEPTH:
        return cost.depth, cost.cells, cost.inverters
    return cost.cells * cost.depth, cost.cells, cost.depth, cost.inverters


def costs(cost: NetlistStatistics) -> tuple[int, int, int]:
    """Return the costs by which circuits of a front are compared."""
    return cost.cells, cost.depth, cost.inverters


def pareto(records: Iterable[Record], objective: Objective) -> list[Record]:
    """Return the records of the Pareto front, the best by the objective first.

    Of circuits with equal costs, only the one with the lowest number is included.
    """
    first: dict[tuple[int, int, int], tuple[tuple[int, bool, int, str, int], Record]] = {}
    for record in records:
        if record.circuit is not None:
            key = costs(record.circuit.cost)
            if key not in first or record.rank < first[key][0]:
                first[key] = record.rank, record
    beaten = {
        key
        for key in first
        if any(other != key and all(a <= b for a, b in zip(other, key, strict=True)) for other in first)
    }  # fmt: skip
    left = [record for key, (_, record) in first.items() if key not in beaten]
    return sorted(left, key=lambda record: rank(objective, record.circuit.cost))  # type: ignore[union-attr]


class Findings:
    """Records by what they are of, and the best record of every circuit.

    What it holds depends on which records were added, not on their order.
    """

    def __init__(self) -> None:
        self.trials: dict[int, Record] = {}
        self.polished: dict[tuple[str, int], Record] = {}
        self.exact = 0
        """Trials that ended with an exact network."""
        self._best: dict[str, Record] = {}
        self._by_cost: dict[tuple[int, int, int], Record] = {}

    def add(self, record: Record) -> Record:
        """Add a record and return it as kept: with its netlist if that is new or better."""
        if record.circuit is not None:
            record = self._add_circuit(record, record.circuit)
        kept = record.without_netlist()
        if record.parent is not None:
            self.polished[record.parent, record.attempt] = kept
        elif record.trial not in self.trials:
            self.trials[record.trial] = kept
            self.exact += record.exact
        return record

    def _add_circuit(self, record: Record, circuit: Circuit) -> Record:
        """Compare a record with the best of its circuit; return it without its netlist if it is no better."""
        cost = costs(circuit.cost)
        if cost not in self._by_cost or record.rank < self._by_cost[cost].rank:
            self._by_cost[cost] = record.without_netlist()
        known = self._best.get(circuit.key)
        if known is None or known.circuit is None or record.rank < known.rank:
            if not circuit.netlist and known is not None and known.circuit is not None:
                # A record of a file, its text with another record of the circuit.
                circuit = replace(circuit, netlist=known.circuit.netlist)
            self._best[circuit.key] = replace(record, circuit=circuit)
            return record
        if not known.circuit.netlist:
            text = replace(known.circuit, netlist=circuit.netlist)
            self._best[circuit.key] = replace(known, circuit=text)
        return record.without_netlist()

    @property
    def distinct(self) -> int:
        """Circuits that differ in their canonical form."""
        return len(self._best)

    def front(self, objective: Objective, without: Container[str] = ()) -> list[Record]:
        """Return the front (see `pareto`), without circuits of certain keys."""
        if not without:
            return pareto(self._by_cost.values(), objective)
        return pareto(
            (record for key, record in self._best.items() if key not in without), objective
        )

    def text(self, key: str) -> str:
        circuit = self._best[key].circuit
        return "" if circuit is None else circuit.netlist

    def in_order(self) -> list[Record]:
        """Return all records, trials first, each circuit's netlist with its best record."""
        ordered = [self.trials[trial] for trial in sorted(self.trials)]
        ordered += [self.polished[key] for key in sorted(self.polished)]
        return [self._with_netlist(record) for record in ordered]

    def _with_netlist(self, record: Record) -> Record:
        if record.circuit is None:
            return record
        best = self._best[record.circuit.key]
        return best if best.rank == record.rank else record
