"""Sums that have adders in common: right on every vector, and fewer cells where weights are -1, 0 and 1."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.lower.adder import SharedAdders, add_columns, add_factored, lower_counter
from btfsynth.lower.lowering import lower_network
from btfsynth.lower.threshold import ThresholdFunction, normal_form, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import evaluate, function_reference
from btfsynth.network.network import TrainedNetwork, hardware_outputs, layered
from btfsynth.ports import Port

WIDTH = 9
NEURONS = st.lists(
    st.tuples(
        st.lists(st.integers(-3, 3), min_size=WIDTH, max_size=WIDTH), st.integers(-WIDTH, WIDTH)
    ),
    min_size=1,
    max_size=4,
)


def dense(widths: list[int], seed: int) -> TrainedNetwork:
    """A network of weights -1 and 1; thresholds near the middle."""
    random = np.random.default_rng(seed)
    topology = layered(widths)
    weights = random.choice([-1.0, 1.0], topology.n_edges)
    weights[topology.fanin_start[:-1]] = random.integers(-2, 3, topology.n_neurons) * 2 + 1
    ports = (Port("x", widths[0]),), (Port("y", widths[-1]),)
    return TrainedNetwork("dense", topology, weights.astype(np.float32), *ports)


@given(neurons=NEURONS)
@settings(max_examples=40, deadline=None)
def test_sums_that_share_adders_are_right(neurons: list[tuple[list[int], int]]) -> None:
    """Several neurons of small weights over the same inputs, on every vector."""
    builder = NetlistBuilder("t", [Port("x", WIDTH)], [Port("y", len(neurons))])
    adders = SharedAdders(builder)
    inputs = [builder.input(bit) for bit in range(WIDTH)]
    outputs = []
    for weights, threshold in neurons:
        kept = [place for place, weight in enumerate(weights) if weight]
        function = ThresholdFunction(tuple(kept), tuple(weights[k] for k in kept), threshold)
        outputs.append(lower_counter(builder, pseudo_boolean(function, inputs), adders))
    netlist = builder.build(outputs)
    vectors = np.array(naive.all_vectors(WIDTH), dtype=np.uint8)
    for output, (weights, threshold) in zip(evaluate(netlist, vectors).T, neurons, strict=True):
        sums = (2 * vectors.astype(int) - 1) @ np.array(weights)
        assert np.array_equal(output, sums > threshold)


@given(
    terms=st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=8),
    common=st.sampled_from([1, 2, 5, 11, 100]),
    constant=st.integers(0, 300),
)
@settings(max_examples=60, deadline=None)
def test_factored_sums_are_right(terms: list[tuple[int, bool]], common: int, constant: int) -> None:
    builder = NetlistBuilder("t", [Port("x", len(terms))], [Port("y", 14)])
    weighted = [
        (common * weight, builder.input(bit) ^ int(negated))
        for bit, (weight, negated) in enumerate(terms)
    ]
    bits = add_factored(SharedAdders(builder), weighted, constant)
    netlist = builder.build([*bits, *[0] * 14][:14])
    vectors = np.array(naive.all_vectors(len(terms)), dtype=np.uint8)
    found = evaluate(netlist, vectors).astype(int) @ (1 << np.arange(14))
    signed = vectors ^ np.array([negated for _, negated in terms], dtype=np.uint8)
    wanted = signed.astype(int) @ np.array([common * weight for weight, _ in terms]) + constant
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("inputs", [7, 15, 40])
def test_a_sum_alone_takes_as_many_cells(inputs: int) -> None:
    ports = [Port("x", inputs)], [Port("y", 1)]
    cells = []
    for share in (False, True):
        builder = NetlistBuilder("t", *ports)
        terms = [(1, builder.input(bit)) for bit in range(inputs)]
        adders = SharedAdders(builder) if share else None
        literal = lower_counter(builder, normal_form(terms, inputs // 2), adders)
        cells.append(builder.build([literal]).n_cells)
    assert cells[1] <= cells[0]


def test_inverters_cost_a_carry_each() -> None:
    """All eight sign patterns of three inputs: four carries and one cell for all parities."""
    builder = NetlistBuilder("t", [Port("x", 3)], [Port("y", 16)])
    adders = SharedAdders(builder)
    made = []
    for signs in naive.all_vectors(3):
        literals = [builder.input(bit) ^ sign for bit, sign in enumerate(signs)]
        made += add_columns(builder, [(1, literal) for literal in literals], 0, adders)
    assert builder.build(made).n_cells == 5  # the parity takes one of the carries


def test_a_dense_layer_shares_adders() -> None:
    """Layers of 32 and 4 neurons: each alone they take 1,737 cells."""
    network = dense([32, 32, 4], 1)
    function = hardware_outputs(network, label=False)
    netlist, report = lower_network(network, function_reference(function, 32))
    assert report.forms["shared sum"] > 30
    assert netlist.n_cells == 1399
