"""Random neurons and networks through lowering, against brute force."""

from __future__ import annotations

from itertools import combinations

import naive
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import integer_thresholds, networks

from btfsynth.dataset.dataset import Dataset
from btfsynth.lower.adder import lower_counter
from btfsynth.lower.cheapest import diagram_orders, lower_diagram, lower_known, lower_split
from btfsynth.lower.lowering import (
    choose_preserve,
    find_majority,
    find_signal,
    literal_errors,
    lower_network,
    make_reference,
)
from btfsynth.lower.threshold import (
    ThresholdFunction,
    drop_inputs,
    least_weights,
    pseudo_boolean,
    reduce_exactly,
    reduce_on_vectors,
    sparse_weights,
)
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.network.network import TrainedNetwork
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve

SMALL = st.integers(-4, 4).map(float)
REAL = st.floats(-2, 2, allow_nan=False).map(lambda value: round(value, 3))


def is_on(function: ThresholdFunction, bits: list[int]) -> bool:
    return naive.threshold_is_on(function.inputs, function.weights, function.threshold, bits)


@given(weights=st.lists(SMALL | REAL, max_size=10), bias=SMALL | REAL)
@settings(max_examples=60, deadline=None)
def test_exact_reduction_keeps_every_sign(weights: list[float], bias: float) -> None:
    """The same function on all -1/+1 inputs, up to ten of them, and no weight is zero."""
    function = reduce_exactly(np.array(weights), bias)
    assert 0 not in function.weights
    scaled = [round(1000 * weight) for weight in weights], round(1000 * bias)
    for bits in naive.all_vectors(len(weights)):
        signs = [2 * bit - 1 for bit in bits]
        on = sum(w * x for w, x in zip(scaled[0], signs, strict=True)) > -scaled[1]
        exact = sum(w * x for w, x in zip(weights, signs, strict=True)) + bias
        if abs(exact) > 1e-9:  # decimal fractions are no binary ones
            assert is_on(function, bits) == on


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_reduction_on_vectors_is_right_on_them(data: st.DataObject) -> None:
    """Any set of vectors with repeats: the smaller function agrees on each of them."""
    weights = np.array(data.draw(st.lists(SMALL | REAL, min_size=1, max_size=7)))
    bias = data.draw(SMALL | REAL)
    shape = (data.draw(st.integers(1, 40)), len(weights))
    bits = data.draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 1)))
    sums = (2.0 * bits - 1) @ weights + bias
    function = reduce_on_vectors(weights, 2 * bits - 1, sums > 0)
    if function is None:
        off, on = sums[sums <= 0], sums[sums > 0]
        assert on.min() - off.max() < 1e-6
        return
    assert 0 not in function.weights
    assert [is_on(function, row) for row in bits.tolist()] == (sums > 0).tolist()


def built(builder: NetlistBuilder, whole: ThresholdFunction, literals: list[int]) -> list[int]:
    """Every way of building a threshold function, each as a literal."""
    constraint = pseudo_boolean(whole, literals)
    if constraint.constant is not None:
        return [constraint.constant]
    found = [
        lower_diagram(builder, constraint, order, 1000) for order in diagram_orders(constraint)
    ]
    found += [lower_counter(builder, constraint)]
    found += [lower_split(builder, constraint, known) for known in (3, 6)]
    known = lower_known(builder, constraint)
    assert known is not None or len(constraint.literals) > 6
    found += [literal for literal in (known,) if literal is not None]
    assert all(literal is not None for literal in found)
    return [literal for literal in found if literal is not None]


@given(function=integer_thresholds())
@settings(max_examples=120, deadline=None)
def test_thresholds_are_built_right_in_every_way(function: tuple[list[int], int]) -> None:
    """All input vectors of random integer weights and thresholds."""
    weights, threshold = function
    whole = ThresholdFunction(tuple(range(len(weights))), tuple(weights), threshold)
    ways = NetlistBuilder("t", [Port("x", max(1, len(weights)))], [Port("y", 10)])
    inputs = [ways.input(bit) for bit in range(len(weights))]
    literals = built(ways, whole, inputs)
    netlist = ways.build((literals * 10)[:10])
    for bits in naive.all_vectors(len(weights)):
        assert naive.netlist_bits(netlist, bits or [0]) == [is_on(whole, bits)] * 10


@given(function=integer_thresholds(max_inputs=6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_thresholds_of_any_literals_are_built_right(
    function: tuple[list[int], int], data: st.DataObject
) -> None:
    """Inputs that are constant, complemented, or the same signal twice."""
    weights, threshold = function
    builder = NetlistBuilder("t", [Port("x", 3)], [Port("y", 10)])
    literals = data.draw(st.lists(st.integers(0, 7), min_size=len(weights), max_size=len(weights)))
    whole = ThresholdFunction(tuple(range(len(weights))), tuple(weights), threshold)
    netlist = builder.build((built(builder, whole, literals) * 10)[:10])
    for vector in naive.all_vectors(3):
        values = [[0, *vector][lit >> 1] ^ (lit & 1) for lit in literals]
        assert naive.netlist_bits(netlist, vector) == [is_on(whole, values)] * 10


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_programs_find_weights_that_are_right(data: st.DataObject) -> None:
    """Whole, sparse and fewest weights on any vectors of a threshold function; the least sum is least."""
    weights = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=1, max_size=6)))
    shape = (data.draw(st.integers(2, 30)), len(weights))
    bits = data.draw(hnp.arrays(np.int8, shape, elements=st.integers(0, 1)))
    seen, bias = 2 * bits - 1, data.draw(st.integers(-4, 4))
    odd = bias + int((weights.sum() + bias + 1) % 2)
    on = seen @ weights + odd > 0
    least = least_weights(seen, on)
    assert least is not None
    assert [is_on(least, row) for row in bits.tolist()] == on.tolist()
    given_sum = np.abs(weights).sum() + abs(odd)
    assert sum(abs(w) for w in least.weights) + abs(least.threshold) <= given_sum
    sparse = sparse_weights(seen, on)
    assert sparse is not None
    sums = seen @ sparse
    assert on.all() or not on.any() or sums[on].min() > sums[~on].max() + 1
    kept = drop_inputs(seen, on, range(len(weights)))
    few = least_weights(seen[:, kept], on)
    assert few is not None
    assert [is_on(few, row) for row in bits[:, kept].tolist()] == on.tolist()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_signals_stand_in_where_they_are_right(data: st.DataObject) -> None:
    """Against all literals and triples: one is found if there is one, and it is right where it matters."""
    word = st.integers(0, 2**10 - 1)
    rows = np.array([0, *data.draw(st.lists(word, min_size=1, max_size=4))], dtype=np.uint64)
    target, care = (np.array([data.draw(word)], dtype=np.uint64) for _ in range(2))
    errors = literal_errors(rows[:, None], target, care)
    literals = [int(row) for row in rows for row in (row, row ^ np.uint64(2**10 - 1))]
    wanted, matters = int(target[0]), int(care[0])
    right = [k for k, row in enumerate(literals) if not (row ^ wanted) & matters]
    assert find_signal(errors) == (right[0] if right else None)
    if right:
        return

    def is_right(a: int, b: int, c: int) -> bool:
        return not (((a & b) | (c & (a | b))) ^ wanted) & matters

    found = find_majority(errors)
    if found is None:
        assert not any(is_right(*triple) for triple in combinations(literals, 3))
    else:
        assert is_right(*(literals[k] for k in found))


@given(
    table=st.integers(4, 5).flatmap(
        lambda width: hnp.arrays(np.uint8, 1 << width, elements=st.integers(0, 2))
    )
)
@settings(max_examples=150, deadline=None)
def test_tables_are_built_right_where_known(table: np.ndarray) -> None:
    """Every known entry of any table, whatever is unknown."""
    width = len(table).bit_length() - 1
    builder = NetlistBuilder("t", [Port("x", width)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(width)]
    netlist = builder.build([lower_table(builder, table, inputs)])
    for index, vector in enumerate(naive.all_vectors(width)):
        if table[index] != 2:
            assert naive.netlist_bits(netlist, vector) == [table[index]]


@given(bits=st.lists(st.integers(0, 1), min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_a_chain_of_ordered_cofactors_takes_a_cell_a_level(bits: list[int]) -> None:
    """An increasing table of one input a step: at most one cell a node, no multiplexer."""
    table = np.maximum.accumulate(np.array(bits, dtype=np.uint8))
    builder = NetlistBuilder("t", [Port("x", 4)], [Port("y", 1)])
    literal = lower_table(builder, table, [builder.input(bit) for bit in range(4)])
    assert builder.build([literal]).n_cells <= 3  # a comparison with a constant


@given(network=networks(max_inputs=5, max_neurons=5))
@settings(max_examples=60, deadline=None)
def test_networks_are_kept_on_every_vector(network: TrainedNetwork) -> None:
    """Under the stronger meaning the netlist's truth table is the network's."""
    n_inputs = network.topology.n_inputs
    vectors = naive.all_vectors(n_inputs)
    dataset = Dataset(
        "d",
        "d",
        np.zeros((1, n_inputs), dtype=np.uint8),
        np.zeros((1, network.topology.n_outputs), dtype=np.uint8),
        network.input_ports,
        network.output_ports,
    )
    reference = make_reference(network, dataset, Preserve.NETWORK)
    netlist, report = lower_network(network, reference)
    assert naive.truth_table(netlist) == [naive.network_bits(network, v) for v in vectors]
    assert report.cells == netlist.n_cells


@given(network=networks(max_inputs=4, max_neurons=5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_targets_are_kept_on_every_pattern(network: TrainedNetwork, data: st.DataObject) -> None:
    """Under the weaker meaning the netlist is right wherever a pattern matters."""
    n_inputs, n_outputs = network.topology.n_inputs, network.topology.n_outputs
    rows = data.draw(st.lists(st.sampled_from(naive.all_vectors(n_inputs)), min_size=1, max_size=9))
    right = np.array([naive.network_bits(network, row) for row in rows])
    care = data.draw(hnp.arrays(np.bool_, right.shape))
    noise = data.draw(hnp.arrays(np.uint8, right.shape, elements=st.integers(0, 1)))
    dataset = Dataset(
        "d",
        "d",
        np.array(rows, dtype=np.uint8).reshape(len(rows), n_inputs),
        np.where(care, right, noise),
        network.input_ports,
        network.output_ports,
        care=care,
        unlisted_dont_care=True,
    )
    assert choose_preserve(dataset, network) is Preserve.CARE
    netlist, _ = lower_network(network, make_reference(network, dataset, Preserve.CARE))
    for row, targets, matters in zip(rows, right.tolist(), care.tolist(), strict=True):
        found = naive.netlist_bits(netlist, row)
        for bit, target, matter in zip(found, targets, matters, strict=True):
            assert not matter or bit == target
    assert netlist.n_outputs == n_outputs
