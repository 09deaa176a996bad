"""What a training or a polishing came to, and its line in a file.

A record says all that is needed to do the work again, and holds the circuit's netlist as text. What is
read back is checked: the netlist is parsed, counted and hashed anew, nothing is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from btfsynth.discover.canonical import canonical_hash
from btfsynth.errors import DataError
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import NetlistStatistics, statistics

__all__ = ["METHODS", "Circuit", "Record", "make_circuit", "parse_record"]

METHODS = ("network", "cascade")
"""How a trial makes its circuit."""

_KEY = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 62


@dataclass(frozen=True)
class Circuit:
    """A netlist that is right on every pattern.

    Parameters
    ----------
    key
        From `canonical_hash`.
    cost
        What it costs.
    netlist
        In the format of `btfsynth.netlist.text`; empty where another record of the same circuit
        has the better text.
    """

    key: str
    cost: NetlistStatistics
    netlist: str


@dataclass(frozen=True)
class Record:
    """One training with what followed it, or one polishing of a circuit.

    Parameters
    ----------
    trial
        Number of the training; of a polishing, the training that its circuit goes back to.
    seed
        With the trial it names the random start.
    method
        "network" or "cascade" (see `btfsynth.discover.cascade`).
    widths
        Of the network, inputs first; None for a graph without layers and for a cascade.
    sigma, beta, gamma, max_iterations
        Settings of the training, max_iterations being the limit; of a cascade, of its first trainings.
    iterations
        Iterations done, in all trainings of a cascade together.
    bits_right, bits
        Targets right and targets that matter.
    passes
        Script of the passes that made the circuit.
    circuit
        None if the network was not exact, or could not be lowered.
    problem
        Why there is no circuit though there might have been; empty otherwise.
    parent
        Of a polishing: the key of the circuit it began with.
    attempt
        Of a polishing: which one of its parent, from 0.
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

    @property
    def exact(self) -> bool:
        """True if the network got every target that matters right."""
        return self.bits_right == self.bits

    @property
    def rank(self) -> tuple[int, bool, int, str, int]:
        """Order of records of one circuit: fewest inverters, then what came first by number."""
        inverters = 0 if self.circuit is None else self.circuit.cost.inverters
        return inverters, self.parent is not None, self.trial, self.parent or "", self.attempt

    def origin(self) -> dict[str, Any]:
        """Return where the circuit came from as JSON values."""
        values = asdict(replace(self, circuit=None))
        del values["circuit"], values["problem"]
        values["widths"] = None if self.widths is None else list(self.widths)
        if self.parent is None:
            del values["parent"], values["attempt"]
        return values

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        record = self.origin()
        if self.problem:
            record["problem"] = self.problem
        if self.circuit is not None:
            record["circuit"] = {"key": self.circuit.key, **asdict(self.circuit.cost)}
            if self.circuit.netlist:
                record["circuit"]["netlist"] = self.circuit.netlist
        return record

    def without_netlist(self) -> Record:
        """Return the record with the text of the netlist left out."""
        if self.circuit is None:
            return self
        return replace(self, circuit=replace(self.circuit, netlist=""))


def make_circuit(netlist: Netlist) -> Circuit:
    """Return a netlist as a circuit."""
    return Circuit(canonical_hash(netlist), statistics(netlist), format_netlist(netlist))


def parse_record(values: Any) -> Record:
    """Return what `Record.to_json` gave.

    Raises
    ------
    DataError
        If it is anything else, or its figures are not those of its netlist.
    """
    if not isinstance(values, Mapping):
        raise DataError(f"expected a record, got {type(values).__name__}")
    widths = values.get("widths")
    if widths is not None and not (
        isinstance(widths, list) and widths and all(_is_whole(width) for width in widths)
    ):
        raise DataError(f"widths: expected whole numbers, got {widths!r:.60}")
    counts = ("trial", "seed", "max_iterations", "iterations", "bits_right", "bits")
    method = _text(values, "method")
    if method not in METHODS:
        raise DataError(f"method: expected one of {', '.join(METHODS)}, got {method[:60]!r}")
    parent = values.get("parent")
    if parent is not None and not (isinstance(parent, str) and _KEY.fullmatch(parent)):
        raise DataError(f"parent: expected a hash, got {parent!r:.60}")
    return Record(
        **{name: _whole(values, name) for name in counts},
        sigma=_number(values, "sigma"),
        beta=_number(values, "beta"),
        gamma=_number(values, "gamma"),
        method=method,
        widths=None if widths is None else tuple(widths),
        passes=_text(values, "passes"),
        circuit=None if "circuit" not in values else _circuit(values["circuit"]),
        problem=_text(values, "problem") if "problem" in values else "",
        parent=parent,
        attempt=_whole(values, "attempt") if parent is not None else 0,
    )


def _circuit(values: Any) -> Circuit:
    if not isinstance(values, Mapping):
        raise DataError("circuit: expected an object")
    key = _text(values, "key")
    if not _KEY.fullmatch(key):
        raise DataError(f"circuit: expected a hash as its key, got {key[:60]!r}")
    names = NetlistStatistics.__dataclass_fields__
    cost = NetlistStatistics(**{name: _whole(values, name) for name in names})
    text = _text(values, "netlist") if "netlist" in values else ""
    if text:
        netlist = parse_netlist(text)
        if statistics(netlist) != cost or canonical_hash(netlist) != key:
            raise DataError("the figures or the key of a circuit are not those of its netlist")
    return Circuit(key, cost, text)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _whole(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if not _is_whole(value):
        raise DataError(f"{name}: expected a whole number, got {value!r:.60}")
    return int(value)  # type: ignore[arg-type]


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if type(value) not in (int, float):
        raise DataError(f"{name}: expected a number, got {value!r:.60}")
    return float(value)  # type: ignore[arg-type]


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise DataError(f"{name}: expected text, got {value!r:.60}")
    return value
