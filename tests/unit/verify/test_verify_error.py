"""Errors between netlists against sums taken one vector at a time, and proofs beyond lists of vectors."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import metrics_of, netlist_bits

from btfsynth.errors import ToolTimeoutError, UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import (
    Bounds,
    ErrorClaim,
    Reading,
    beyond,
    error_above,
    measure,
    read_claim,
    worst_case,
)


@st.composite
def pairs(draw):
    """Two netlists with the same ports, of random cells."""
    n_inputs = draw(st.integers(1, 5))
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    ports = tuple(Port(f"p{place}", width) for place, width in enumerate(widths))
    made = []
    for _ in range(2):
        builder = NetlistBuilder("random", (Port("a", n_inputs),), ports)
        literals = [0, *(builder.input(bit) for bit in range(n_inputs))]
        literal = st.sampled_from(literals)
        for _ in range(draw(st.integers(0, 8))):
            cell = [draw(literal) ^ draw(st.integers(0, 1)) for _ in range(3)]
            literals.append(builder.maj(*cell))
            literal = st.sampled_from(literals)
        made.append(
            builder.build([draw(literal) ^ draw(st.integers(0, 1)) for _ in range(sum(widths))])
        )
    return made


@settings(max_examples=60, deadline=None)
@given(pairs(), st.booleans(), st.booleans(), st.data())
def test_metrics_are_sums_over_vectors(pair, signed, bits, data):
    exact, other = pair
    reading = Reading.of(exact.output_ports, signed and not bits, bits)
    weights = None
    if data.draw(st.booleans()):
        size = 1 << exact.n_inputs
        listed = data.draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
        weights = np.array(listed, dtype=np.int64)
        weights[data.draw(st.integers(0, size - 1))] = 3
    errors = measure(exact, other, reading, weights)
    for metric, wanted in metrics_of(exact, other, reading, weights).items():
        if metric is Metric.MRE:
            assert float(errors.value(metric)) == pytest.approx(float(wanted), rel=1e-12)
        else:
            assert errors.value(metric) == wanted


@settings(max_examples=40, deadline=None)
@given(pairs(), st.booleans())
def test_a_solver_finds_the_same_worst_case(pair, signed):
    exact, other = pair
    reading = Reading.of(exact.output_ports, signed)
    wanted = int(metrics_of(exact, other, reading)[Metric.WCE])
    assert worst_case(exact, other, reading) == wanted
    assert beyond(exact, other, reading, wanted) is None
    if wanted:
        vector = beyond(exact, other, reading, wanted - 1)
        assert netlist_bits(error_above(exact, other, reading, wanted - 1), vector) == [1]


def without_low_bits(netlist, count):
    outputs = netlist.outputs.copy()
    outputs[:count] = 0
    return replace(netlist, outputs=outputs)


def test_the_worst_case_of_32_inputs_is_proven():
    exact = array_multiplier(16, 16)
    near = without_low_bits(exact, 3)
    reading = Reading.of(exact.output_ports)
    assert beyond(exact, near, reading, 7) is None
    assert beyond(exact, near, reading, 6) is not None


def test_a_bound_that_is_not_decided_in_time_is_named():
    exact, other = array_multiplier(16, 16), array_multiplier(16, 16)
    swapped = replace(other, fanins=_exchanged(other))  # the same product, in other cells
    with pytest.raises(ToolTimeoutError, match="whether an absolute error is above 0"):
        beyond(exact, swapped, Reading.of(exact.output_ports), 0, timeout=0.2)


def _exchanged(netlist):
    """Return the cells with the two operands of 16 bits exchanged."""
    nodes = np.arange(netlist.n_nodes)
    nodes[1:33] = np.roll(nodes[1:33], 16)
    return (2 * nodes[netlist.fanins >> 1] + (netlist.fanins & 1)).astype(netlist.fanins.dtype)


def test_a_claim_is_read_back_and_contradicted(tmp_path):
    exact = array_multiplier(3, 3)
    near = without_low_bits(exact, 2)
    reading = Reading.of(exact.output_ports)
    weights = np.arange(64, dtype=np.int64)
    errors = measure(exact, near, reading, weights)
    claim = ErrorClaim.of(reading, {Metric.WCE: Fraction(3)}, errors, weights)
    for name, content in claim.files("near", exact).values():
        (tmp_path / name).write_bytes(content)
    again = read_claim(tmp_path / "near_error.json", exact)
    assert again.contradiction(measure(exact, near, again.reading, again.weights)) is None
    worse = without_low_bits(exact, 3)
    found = again.contradiction(measure(exact, worse, again.reading, again.weights))
    assert found is not None
    assert found.startswith("wce 7 is above 3")


def test_bad_bounds_and_ports_are_refused():
    with pytest.raises(UsageError, match="wce: expected a bound of 0 or more, got -1"):
        Bounds({Metric.WCE: Fraction(-1)})
    with pytest.raises(UsageError, match="output p: expected at most 52 bits"):
        Reading.of((Port("p", 60),))
