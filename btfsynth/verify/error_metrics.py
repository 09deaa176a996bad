"""The errors of a circuit with respect to another: of output ports read as numbers, their file and their proof.

The error of a port on an input vector is the difference between its value and the exact one. Of the metrics,
the worst-case ones are the largest over all ports and vectors, the average ones the mean over the vectors, by
their weights, of the sum over the ports:

========  ==============================================================
``wce``   largest absolute error
``wcre``  largest relative error: absolute error / max(1, exact value)
``mae``   mean absolute error
``mse``   mean squared error
``mre``   mean relative error
``ep``    share of vectors on which any port is wrong
========  ==============================================================

`wce`, `mae` and `mse` are in units of the least significant bit, the others are fractions. Vectors of weight
zero are ignored.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import ToolTimeoutError, UsageError, VerificationError
from btfsynth.files import StrPath
from btfsynth.lower.adder import lower_counter
from btfsynth.lower.threshold import normal_form
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, pack_bits, unpack_bits
from btfsynth.netlist.text import format_netlist
from btfsynth.passes.goal import keep_time
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.ports import Port, total_width
from btfsynth.records import InvalidRecordError, file_content, read_record
from btfsynth.settings.table import Metric
from btfsynth.verify.equivalence import equivalent

_WIDEST = 52
"""Bits of the widest port: its values, their differences and signs are exact in int64 and float64."""
_ROUNDING = 1e-12
"""Relative distance below which two quotients in double precision may be in the wrong order."""


@dataclass(frozen=True)
class Reading:
    """Conversion of output bits to numbers: first bit, width and sign of each port."""

    ports: tuple[tuple[int, int, bool], ...]

    @classmethod
    def of(cls, ports: Iterable[Port], signed: bool = False, bits: bool = False) -> Reading:
        """Read ports as unsigned numbers, in two's complement if `signed`, or each bit as a port if `bits`."""
        found: list[tuple[int, int, bool]] = []
        first = 0
        for port in ports:
            if bits:
                found.extend((first + place, 1, False) for place in range(port.width))
            elif port.width > _WIDEST:
                raise UsageError(
                    f"output {port.name}: expected at most {_WIDEST} bits for an error as a number, got "
                    f"{port.width}; `bits` counts wrong bits"
                )
            else:
                found.append((first, port.width, signed))
            first += port.width
        return cls(tuple(found))

    @property
    def bits(self) -> int:
        return sum(width for _, width, _ in self.ports)

    def values(self, words: NDArray[np.uint64], vectors: int) -> NDArray[np.int64]:
        """Return ``(ports, vectors)`` int64 of ``(output bits, words)`` uint64 signatures."""
        bits = unpack_bits(words, vectors)
        result = np.zeros((len(self.ports), vectors), dtype=np.int64)
        for number, (first, width, signed) in enumerate(self.ports):
            for place in range(width):
                worth = -(1 << place) if signed and place == width - 1 else 1 << place
                result[number] += bits[:, first + place] * np.int64(worth)
        return result


def require_fit(reading: Reading, metrics: Iterable[Metric], signed: bool = False) -> None:
    """Refuse relative errors and signs of output ports that are all single bits."""
    if any(width > 1 for _, width, _ in reading.ports):
        return
    if signed:
        raise UsageError("`signed`: expected an output port of at least two bits, got single bits")
    for metric in metrics:
        if metric in (Metric.MRE, Metric.WCRE):
            raise UsageError(
                f"{metric.value}: expected an output port of at least two bits for a relative error, got "
                "single bits; use ep or mae"
            )


@dataclass(frozen=True)
class Errors:
    """The errors of a circuit; exact except `mre`, whose sum is rounded once.

    `worst` is the number of the first input vector with the error `wce` (input 0 least significant), None if
    there is no error. `vectors` is the number of vectors measured; `exhaustive` is False if they are a sample,
    so that worst-case metrics are lower bounds and averages are estimates.
    """

    wce: int
    wcre: Fraction
    mae: Fraction
    mse: Fraction
    mre: float
    ep: Fraction
    worst: int | None
    vectors: int
    exhaustive: bool = True

    def value(self, metric: Metric) -> Fraction:
        return Fraction(getattr(self, metric.value))

    def estimated(self, metric: Metric) -> bool:
        """Return True if the value is that of a sample. `wce` is proven separately."""
        return not (self.exhaustive or metric is Metric.WCE or self.wce == 0)

    @property
    def sample_words(self) -> str:
        """How far the metrics are proven, in words; empty if all are exact."""
        if self.exhaustive:
            return ""
        return f"wce proven, the others estimated from {self.vectors} random input vectors"

    def record(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        values = {metric.value: number(self.value(metric)) for metric in Metric}
        return {**values, "vectors": self.vectors, "exhaustive": self.exhaustive}


def number(value: Fraction) -> int | float:
    """Return a whole number as an int, others as the nearest float."""
    return value.numerator if value.denominator == 1 else float(value)


class Meter:
    """Adds up the errors on many vectors, in blocks."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._wce = 0
        self._worst: int | None = None
        self._wcre = Fraction(0)
        self._absolute, self._squares = Fraction(0), Fraction(0)
        self._wrong, self._weight = Fraction(0), Fraction(0)
        self._relative: list[float] = []
        self._vectors = 0

    def add(
        self,
        exact: NDArray[np.int64],
        given: NDArray[np.int64],
        weights: NDArray[np.int64] | None = None,
    ) -> None:
        """Add ``(ports, vectors)`` int64 values; weights: ``(vectors,)`` int64, None for ones."""
        first, count = self._vectors, exact.shape[1]
        self._vectors += count
        counted = np.ones(count, dtype=np.int64) if weights is None else weights
        self._weight += int(counted.sum())
        off = np.abs(given - exact)
        off[:, counted == 0] = 0
        places = np.flatnonzero(off.any(axis=0))
        if len(places) == 0:
            return
        off, exact, counted = off[:, places], exact[:, places], counted[places]
        largest = off.max(axis=0)
        if largest.max() > self._wce:
            self._wce = int(largest.max())
            self._worst = first + int(places[largest.argmax()])
        self._wrong += int(counted.sum())
        against = np.maximum(1, np.abs(exact))
        ratio = off / against
        self._wcre = max(self._wcre, _largest_ratio(off, against, ratio))
        for port in range(len(off)):
            for value, weight in _grouped(off[port], counted):
                self._absolute += value * weight
                self._squares += value * value * weight
        self._relative.append(math.fsum((ratio * counted).ravel()))

    def errors(self, exhaustive: bool = True) -> Errors:
        if self._weight == 0:
            raise UsageError("no input vector has a weight above zero")
        return Errors(
            self._wce,
            self._wcre,
            self._absolute / self._weight,
            self._squares / self._weight,
            math.fsum(self._relative) / float(self._weight),
            self._wrong / self._weight,
            self._worst,
            self._vectors,
            exhaustive,
        )


def _largest_ratio(
    off: NDArray[np.int64], against: NDArray[np.int64], ratio: NDArray[np.float64]
) -> Fraction:
    """Return the largest of ``off / against`` exactly; `ratio` is the same, rounded."""
    near = ratio >= ratio.max() * (1 - _ROUNDING)
    above, below = off[near], against[near]
    common = np.gcd(above, below)
    pairs = np.unique(np.stack([above // common, below // common], axis=1), axis=0)
    return max(Fraction(*pair) for pair in pairs.tolist())


def _grouped(off: NDArray[np.int64], weights: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield every error other than zero with the weight of the vectors that have it."""
    values, places = np.unique(off, return_inverse=True)
    totals = np.bincount(places, weights=weights, minlength=len(values))
    for value, total in zip(values.tolist(), totals.tolist(), strict=True):
        if value:
            yield value, int(total)


@dataclass(frozen=True)
class Bounds:
    """Maxima of metrics."""

    most: Mapping[Metric, Fraction]

    def __post_init__(self) -> None:
        if not self.most:
            raise UsageError("expected a bound of at least one metric")
        for metric, bound in self.most.items():
            if bound < 0:
                raise UsageError(
                    f"{metric.value}: expected a bound of 0 or more, got {number(bound)}"
                )

    def missed(self, errors: Errors) -> list[str]:
        """Return the violated bounds in words."""
        return [
            f"{metric.value} {number(errors.value(metric))} is above {number(bound)}"
            for metric, bound in self.most.items()
            if errors.value(metric) > bound
        ]


# What an approximate design says of its error: the exact netlist, how outputs are read, bounds and metrics.
#
# ::
#
#     MODULE_exact.mig     the exact circuit
#     MODULE_error.json    the rest; metrics and bounds as fractions "1/3", vectors as numbers, input 0 least

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

    @property
    def weighted(self) -> str:
        return weighted_words(self.weights)

    def contradiction(self, errors: Errors) -> str | None:
        """Return the first statement that measured errors contradict, in words; None if all hold."""
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


def weighted_words(weights: NDArray[np.int64] | None) -> str:
    """Return how errors are weighted, in words; empty without weights."""
    if weights is None:
        return ""
    return f"weighted, on {np.count_nonzero(weights)} of {len(weights)} input vectors"


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


# Measured on all vectors, proven by a solver, or estimated from a sample
#
# Up to 24 inputs every vector is simulated, a block at a time. Beyond, a worst-case error is proven by a
# solver: a netlist with one output, which is true if the error is above a bound, is proven constant. Averages
# are then estimates from a random sample, and marked as such.

MAX_MEASURED_INPUTS = 24
"""Maximum inputs for simulating every vector."""
SAMPLE_VECTORS = 1 << 20
_WORDS_AT_ONCE = 1 << 10
_SEED = 1


def measure(
    exact: Netlist,
    given: Netlist,
    reading: Reading,
    weights: NDArray[np.int64] | None = None,
) -> Errors:
    """Return the errors of a netlist against the exact one on every input vector.

    weights: ``(2 ** inputs,)`` int64, 0 or more, of every vector; None for ones. Above `MAX_MEASURED_INPUTS`
    inputs a sample of `SAMPLE_VECTORS` vectors is measured.
    """
    require_same_ports(exact, given)
    meter = Meter(reading)
    if exact.n_inputs > MAX_MEASURED_INPUTS:
        if weights is not None:
            raise UsageError(
                f"expected at most {MAX_MEASURED_INPUTS} inputs for weights, got {exact.n_inputs}"
            )
        words = random_vectors(exact.n_inputs, SAMPLE_VECTORS // 64, _SEED)
        vectors = SAMPLE_VECTORS
    else:
        words, vectors = exhaustive_words(exact.n_inputs), 1 << exact.n_inputs
    for start in range(0, words.shape[1], _WORDS_AT_ONCE):
        keep_time()
        block = words[:, start : start + _WORDS_AT_ONCE]
        first = 64 * start
        count = min(vectors - first, 64 * block.shape[1])
        meter.add(
            reading.values(output_words(exact, block), count),
            reading.values(output_words(given, block), count),
            None if weights is None else weights[first : first + count],
        )
    return meter.errors(exhaustive=exact.n_inputs <= MAX_MEASURED_INPUTS)


def require_same_ports(exact: Netlist, given: Netlist) -> None:
    if (exact.input_ports, exact.output_ports) != (given.input_ports, given.output_ports):
        raise VerificationError(
            f"{exact.name} and {given.name} cannot be compared: their ports differ"
        )


def beyond(
    exact: Netlist, given: Netlist, reading: Reading, bound: int, timeout: float | None = None
) -> NDArray[np.uint8] | None:
    """Return an input vector whose absolute error is above a bound, ``(inputs,)`` uint8; None if proven.

    Raises a `ToolTimeoutError` if the solver does not decide within `timeout` seconds.
    """
    require_same_ports(exact, given)
    question = error_above(exact, given, reading, bound)
    builder = NetlistBuilder(question.name, question.input_ports, question.output_ports)
    try:
        return equivalent(question, builder.build([FALSE]), timeout).counterexample
    except ToolTimeoutError:
        raise ToolTimeoutError(
            f"{given.name}: not decided in time whether an absolute error is above {bound}"
        ) from None


def worst_case(
    exact: Netlist,
    given: Netlist,
    reading: Reading,
    timeout: float | None = None,
    proven: int | None = None,
) -> int:
    """Return the largest absolute error, proven by a solver; a `ToolTimeoutError` if it runs out of time.

    `proven` is a bound that is known to hold.
    """
    end = None if timeout is None else time.monotonic() + timeout
    low = measure(exact, given, reading).wce  # seen on a vector
    high = proven
    step = 0
    while high is None or low < high:
        asked = low + step if high is None else (low + high) // 2
        left = None if end is None else max(0.0, end - time.monotonic())
        vector = beyond(exact, given, reading, asked, left)
        if vector is None:
            high = asked
        else:
            low = error_on(exact, given, reading, vector)
            step = 2 * step + 1
    return low


def error_on(exact: Netlist, given: Netlist, reading: Reading, vector: NDArray[np.uint8]) -> int:
    """Return the largest absolute error on one input vector."""
    words = pack_bits(vector[None, :])
    values = [reading.values(output_words(each, words), 1) for each in (exact, given)]
    return int(np.abs(values[0] - values[1]).max())


def error_above(exact: Netlist, given: Netlist, reading: Reading, bound: int) -> Netlist:
    """Return a netlist of one output, true if the error of any port is above a bound."""
    builder = NetlistBuilder(f"{given.name}_error", exact.input_ports, (Port("above", 1),))
    outputs = []
    for netlist in (exact, given):
        literals = [2 * node for node in range(netlist.first_cell)]
        builder.extend(literals, netlist.fanins.tolist())
        outputs.append([literals[each >> 1] ^ (each & 1) for each in netlist.outputs.tolist()])
    above = FALSE
    for first, width, signed in reading.ports:
        worth = [1 << place for place in range(width)]
        if signed:
            worth[-1] *= -1
        sides = [side[first : first + width] for side in outputs]
        for more, less in (sides, sides[::-1]):
            terms = [*zip(worth, more, strict=True)]
            terms += [(-value, literal) for value, literal in zip(worth, less, strict=True)]
            above = builder.or_(above, _at_least(builder, terms, bound + 1))
    return builder.build([above])


def _at_least(builder: NetlistBuilder, terms: Sequence[tuple[int, int]], bound: int) -> int:
    """Return the literal of ``sum of weight * literal >= bound``; weights may be negative."""
    by_node: Counter[int] = Counter()
    for weight, literal in terms:
        bound -= weight * (literal & 1)
        by_node[literal >> 1] += -weight if literal & 1 else weight
    by_node.pop(FALSE >> 1, None)  # nothing, whatever its weight
    positive = []
    for node, weight in by_node.items():
        if weight < 0:
            bound -= weight
        if weight:
            positive.append((abs(weight), 2 * node + int(weight < 0)))
    return lower_counter(builder, normal_form(positive, bound))
