"""What an approximate design says of its error: the exact netlist, how outputs are read, bounds and metrics.

::

    MODULE_exact.mig     the exact circuit
    MODULE_error.json    all else; metrics and bounds as fractions "1/3", vectors as numbers, input 0 least
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.files import StrPath
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.ports import total_width
from btfsynth.records import InvalidRecordError, file_content, read_record
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Bounds, Errors, Reading

EXACT_ROLE, ERROR_ROLE = "exact", "error"
_FORMAT = 1
_FRACTION_CHARS = 4000


@dataclass(frozen=True, eq=False)
class ErrorClaim:
    reading: Reading
    bounds: Mapping[Metric, Fraction]
    metrics: Mapping[Metric, Fraction]
    weights: NDArray[np.int64] | None  # ``(2 ** inputs,)`` int64
    exhaustive: bool

    @classmethod
    def of(
        cls,
        reading: Reading,
        bounds: Mapping[Metric, Fraction],
        errors: Errors,
        weights: NDArray[np.int64] | None,
    ) -> ErrorClaim:
        metrics = {metric: errors.value(metric) for metric in Metric}
        return cls(reading, bounds, metrics, weights, errors.exhaustive)

    def files(self, module: str, exact: Netlist) -> dict[str, tuple[str, bytes]]:
        """Return the content of both files by their roles in a design folder."""
        record: dict[str, Any] = {
            "format": _FORMAT,
            "ports": [list(port) for port in self.reading.ports],
            "bounds": _texts(self.bounds),
            "metrics": _texts(self.metrics),
            "exhaustive": self.exhaustive,
        }
        if self.weights is not None:
            places = np.flatnonzero(self.weights)
            record["weights"] = [places.tolist(), self.weights[places].tolist()]
        return {
            EXACT_ROLE: (f"{module}_exact.mig", format_netlist(exact).encode()),
            ERROR_ROLE: (f"{module}_error.json", (json.dumps(record) + "\n").encode()),
        }

    def contradiction(self, errors: Errors) -> str | None:
        """Say what of it does not hold for errors that were measured, None if all does."""
        broken = Bounds(self.bounds).missed(errors)
        if broken:
            return "; ".join(broken)
        for metric, stated in self.metrics.items():
            found = errors.value(metric)
            if metric is Metric.MRE:  # rounded, by the order of vectors
                if abs(float(found) - float(stated)) > 1e-9 * max(1.0, float(found)):
                    return f"{metric.value} is {float(found)}, the file says {float(stated)}"
            elif found != stated and errors.exhaustive:
                return f"{metric.value} is {found}, the file says {stated}"
        return None


def _texts(values: Mapping[Metric, Fraction]) -> dict[str, str]:
    return {metric.value: str(value) for metric, value in values.items()}


def read_claim(path: StrPath, exact: Netlist) -> ErrorClaim:
    """Read ``MODULE_error.json``; a `DataError` if it is not one of a circuit with these ports."""
    record = read_record(path)
    with file_content(path, "not the error of a circuit"):
        if record.get("format") != _FORMAT:
            raise InvalidRecordError(
                f"format: expected {_FORMAT}, got {record.get('format')!r:.40}"
            )
        return ErrorClaim(
            _reading(record.get("ports"), total_width(exact.output_ports)),
            _fractions(record.get("bounds"), "bounds"),
            _fractions(record.get("metrics"), "metrics"),
            _weights(record.get("weights"), exact.n_inputs),
            record.get("exhaustive") is True,
        )


def _reading(listed: Any, bits: int) -> Reading:
    ports = []
    first = 0
    for port in listed if isinstance(listed, list) else []:
        fits = isinstance(port, list) and len(port) == 3 and isinstance(port[2], bool)
        if not fits or port[0] != first or type(port[1]) is not int or port[1] < 1:
            raise InvalidRecordError(
                f"ports: expected [first bit, width, signed], got {port!r:.60}"
            )
        ports.append((first, port[1], port[2]))
        first += port[1]
    if first != bits:
        raise InvalidRecordError(f"ports: expected {bits} output bits in all, got {first}")
    return Reading(tuple(ports))


def _fractions(record: Any, name: str) -> dict[Metric, Fraction]:
    if not isinstance(record, dict) or not record:
        raise InvalidRecordError(f"{name}: expected an object with at least one metric")
    result = {}
    for key, text in record.items():
        try:
            short = text if isinstance(text, str) and len(text) <= _FRACTION_CHARS else ""
            result[Metric(key)] = Fraction(short)
        except (ValueError, ZeroDivisionError):
            raise InvalidRecordError(
                f"{name}: expected a metric and a fraction as text, got {key!r:.20}: {text!r:.40}"
            ) from None
    return result


def _weights(listed: Any, inputs: int) -> NDArray[np.int64] | None:
    if listed is None:
        return None
    try:
        places, counts = (np.asarray(each, dtype=np.int64) for each in listed)
        weights = np.zeros(1 << inputs, dtype=np.int64)
        weights[places] = counts
    except (TypeError, ValueError, IndexError, OverflowError, MemoryError):
        raise InvalidRecordError("weights: expected [numbers of vectors, weights]") from None
    if weights.min() < 0 or not weights.any():
        raise InvalidRecordError("weights: expected whole numbers of 0 or more, not all 0")
    return weights
