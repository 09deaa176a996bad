"""Adders, comparisons and the largest of several numbers, against integer arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.vectors import numbers_of
from btfsynth.lower.adder import add_columns, full_adder, signed_digits
from btfsynth.lower.class_sums import (
    ClassNeuron,
    choose,
    constant_bits,
    greater,
    lower_class_sums,
    place_of_largest,
)
from btfsynth.lower.lowering import lower_network
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.netlist.simulation import (
    exhaustive_words,
    function_reference,
    output_words,
    pack_bits,
    unpack_bits,
)
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port

WEIGHTS = st.lists(st.integers(1, 40), min_size=1, max_size=7)


def new_builder(width: int) -> tuple[NetlistBuilder, list[int]]:
    builder = NetlistBuilder("t", [Port("x", width)], [Port("y", 1)])
    return builder, [builder.input(bit) for bit in range(width)]


def evaluate(builder: NetlistBuilder, literals: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return all input vectors, and the values of literals on them."""
    builder.output_ports = (Port("y", len(literals)),)
    words = exhaustive_words(builder.n_inputs)
    count = 1 << builder.n_inputs
    found = unpack_bits(output_words(builder.build(literals), words), count)
    return unpack_bits(words, count).astype(np.int64), found


def test_full_adder_takes_three_cells() -> None:
    """Sum and carry of three bits."""
    builder, inputs = new_builder(3)
    bits, found = evaluate(builder, list(full_adder(builder, *inputs)))
    assert np.array_equal(bits.sum(axis=1), found[:, 0] + 2 * found[:, 1])
    assert builder.n_cells == 3


@given(st.integers(0, 1 << 40))
def test_signed_digits_spell_the_number(number: int) -> None:
    """The digits sum to the number and no two neighbours are nonzero."""
    digits = signed_digits(number)
    assert sum((-1 if negative else 1) << column for column, negative in digits) == number
    columns = [column for column, _ in digits]
    assert all(b - a >= 2 for a, b in pairwise(columns))


@given(weights=WEIGHTS, constant=st.integers(0, 90), flips=st.integers(0, 127))
@settings(max_examples=60)
def test_add_columns_is_the_sum(weights: list[int], constant: int, flips: int) -> None:
    """The literals are the weighted sum of the bits, some of them complemented, and a constant."""
    builder, inputs = new_builder(len(weights))
    flip = np.array([flips >> j & 1 for j in range(len(weights))])
    terms = [(w, lit ^ int(f)) for w, lit, f in zip(weights, inputs, flip, strict=True)]
    bits, found = evaluate(builder, add_columns(builder, terms, constant))
    assert np.array_equal(numbers_of(found), (bits ^ flip) @ np.array(weights) + constant)
    assert found.shape[1] == (sum(weights) + constant).bit_length()


def test_add_columns_stays_linear() -> None:
    """The count of 255 ones takes less than three cells a bit."""
    builder, inputs = new_builder(255)
    bits = add_columns(builder, [(1, literal) for literal in inputs], 0)
    assert len(bits) == 8
    assert builder.n_cells <= 3 * 255


@given(width=st.integers(1, 4), limit=st.integers(0, 15))
def test_greater(width: int, limit: int) -> None:
    """Two numbers of bits, and one against a constant, compare as integers do."""
    builder, inputs = new_builder(2 * width)
    limit %= 1 << width
    a, b = inputs[:width], inputs[width:]
    pair = [greater(builder, a, b), greater(builder, a, constant_bits(limit, width))]
    bits, found = evaluate(builder, pair)
    first, second = numbers_of(bits[:, :width]), numbers_of(bits[:, width:])
    assert np.array_equal(found[:, 0], first > second)
    assert np.array_equal(found[:, 1], first > limit)


def test_choose() -> None:
    """A choice takes three cells, none if there is nothing to choose and one between constants."""
    builder, (condition, yes, no) = new_builder(3)
    assert choose(builder, condition, yes, yes) == yes
    assert choose(builder, condition, TRUE, FALSE) == condition
    literal = choose(builder, condition, yes, no)
    bits, found = evaluate(builder, [literal])
    assert np.array_equal(found[:, 0], np.where(bits[:, 0], bits[:, 1], bits[:, 2]))
    assert builder.n_cells <= 3


@pytest.mark.parametrize("shallow", [False, True], ids=["pairs", "fours"])
@pytest.mark.parametrize(
    ("count", "width"), [(1, 2), (2, 3), (3, 3), (4, 2), (5, 2), (6, 2), (9, 1)]
)
def test_place_of_largest(count: int, width: int, shallow: bool) -> None:
    """It is the first of the largest numbers, as argmax has it, on every combination."""
    builder, inputs = new_builder(count * width)
    numbers = [inputs[width * k : width * (k + 1)] for k in range(count)]
    place = place_of_largest(builder, numbers, shallow=shallow)
    assert len(place) == max(1, (count - 1).bit_length())
    bits, found = evaluate(builder, place)
    values = np.stack([numbers_of(bits[:, width * k : width * (k + 1)]) for k in range(count)], 1)
    assert np.array_equal(numbers_of(found), values.argmax(axis=1))


WEIGHT = st.integers(-9, 9) | st.sampled_from([0.5, -0.75, 2.25])


@given(
    rows=st.lists(st.lists(WEIGHT, min_size=5, max_size=5), min_size=1, max_size=5),
    biases=st.lists(WEIGHT, min_size=5, max_size=5),
    literals=st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
@settings(max_examples=80)
def test_class_sums(rows: list[list[float]], biases: list[float], literals: list[int]) -> None:
    """Signs and the class of the largest sum are those of exact arithmetic, ties and constants too."""
    builder, _ = new_builder(4)
    given_literals = [*literals, literals[0] ^ 1]
    neurons = [
        ClassNeuron(np.array(row, dtype=np.float64), given_literals, bias)
        for row, bias in zip(rows, biases, strict=False)
    ]
    outputs, label = lower_class_sums(builder, neurons)
    bits, found = evaluate(builder, [*outputs, *label])
    for vector, got in zip(bits, found, strict=True):
        nodes = [0, *vector]
        seen = [2 * int(nodes[lit >> 1] ^ (lit & 1)) - 1 for lit in given_literals]
        sums = [
            sum(Fraction(w) * x for w, x in zip(row, seen, strict=True)) + Fraction(bias)
            for row, bias in zip(rows, biases, strict=False)
        ]
        assert got[: len(sums)].tolist() == [int(total > 0) for total in sums]
        assert numbers_of(got[None, len(sums) :])[0] == sums.index(max(sums))


@pytest.mark.parametrize(("inputs", "largest"), [(300, 1), (200, 100)])
def test_wide_neurons_stay_small(inputs: int, largest: int) -> None:
    """Hundreds of inputs take cells in proportion, no table, and compute the neuron on random vectors."""
    random = np.random.default_rng(inputs)
    weights = random.integers(-largest, largest + 1, inputs + 1)
    network = TrainedNetwork(
        "wide",
        layered((inputs, 1)),
        weights.astype(np.float32),
        (Port("x", inputs),),
        (Port("y", 1),),
    )
    reference = function_reference(network.outputs, inputs)
    netlist, report = lower_network(network, reference)
    digits = sum(len(signed_digits(abs(int(weight)))) for weight in weights[1:])
    assert digits < netlist.n_cells < 3 * digits + 20
    assert report.forms == {"counter": 1}
    vectors = random.integers(0, 2, (500, inputs), dtype=np.uint8)
    found = unpack_bits(output_words(netlist, pack_bits(vectors)), 500)[:, 0]
    exact = (2 * vectors.astype(int) - 1) @ weights[1:] - weights[0]
    assert np.array_equal(found, exact > 0)
    assert 100 < found.sum() < 400
