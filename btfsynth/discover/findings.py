"""All that a discovery has found so far."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from btfsynth.discover.front import Objective, costs, pareto
from btfsynth.discover.record import Circuit, Record

__all__ = ["Findings"]


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
        """Add a record and return it as it is to be kept: with its netlist if that is new or better."""
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
        """Circuits told apart by their canonical form."""
        return len(self._best)

    def front(self, objective: Objective, without: Container[str] = ()) -> list[Record]:
        """Return the front (see `pareto`), circuits with certain keys left out."""
        if not without:
            return pareto(self._by_cost.values(), objective)
        return pareto(
            (record for key, record in self._best.items() if key not in without), objective
        )

    def text(self, key: str) -> str:
        """Return the netlist of a circuit."""
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
