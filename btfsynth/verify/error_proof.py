"""The errors of a circuit with respect to another: by all vectors, by a solver, or estimated from a sample.

Up to 24 inputs every vector is simulated, a block at a time. Beyond, a worst-case error is proven by a solver:
a netlist with one output, which is true if the error is above a bound, is proven constant. Averages are then
estimates from a random sample, and marked as such.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError, VerificationError
from btfsynth.lower.adder import lower_counter
from btfsynth.lower.threshold import normal_form
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, pack_bits
from btfsynth.passes.goal import keep_time
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.error_metrics import Errors, Meter, Reading

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
    return equivalent(question, builder.build([FALSE]), timeout).counterexample


def worst_case(
    exact: Netlist, given: Netlist, reading: Reading, timeout: float | None = None
) -> int:
    """Return the largest absolute error, proven by a solver; a `ToolTimeoutError` if it runs out of time."""
    end = None if timeout is None else time.monotonic() + timeout
    low = measure(exact, given, reading).wce  # seen on a vector
    high: int | None = None  # proven
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
