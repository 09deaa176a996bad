"""Networks with integer weights over the bits of coded inputs, against plain integer arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.code import InputCode, code_inputs, coded_ports, parse_code
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import UsageError
from btfsynth.network.integers import Rounding, round_network
from btfsynth.network.network import (
    Topology,
    TrainedNetwork,
    hardware_outputs,
    label_port,
    layered,
    require_comparable,
)
from btfsynth.ports import Port

CODES = ("binary:1", "binary:3", "levels:5", "levels:16", "thermometer:4", "threshold:0.4")


def random_case(
    seed: int, widths: tuple[int, ...], patterns: int, skip: bool = False
) -> tuple[TrainedNetwork, Dataset]:
    """A random network over analog inputs, and patterns whose targets are its own classes."""
    random = np.random.default_rng(seed)
    topology = layered(widths, skip=skip)
    inputs, outputs = (Port("x", widths[0]),), (Port("y", widths[-1]),)
    weights = random.normal(size=topology.n_edges)
    network = TrainedNetwork("n", topology, weights.astype(np.float32), inputs, outputs)
    values = random.random((patterns, widths[0])).astype(np.float32)
    classes = network.output_sums(values).argmax(axis=1)
    targets = np.eye(widths[-1], dtype=np.uint8)[classes]
    return network, Dataset(
        "n",
        "n.csv",
        values,
        targets,
        inputs,
        outputs,
        input_kind=InputKind.ANALOG,
        output_kind=OutputKind.LABEL,
    )


def rounded(
    network: TrainedNetwork, data: Dataset, code: InputCode, **options: object
) -> tuple[TrainedNetwork, Rounding]:
    return round_network(network, data, code, coded_ports(data.input_ports, code), **options)


@given(st.integers(0, 10**6), st.sampled_from(CODES), st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_rounding_keeps_the_network_on_the_patterns(
    seed: int, text: str, label: bool, skip: bool
) -> None:
    """Whole weights, and as many changed patterns as the report says when they are counted anew."""
    network, data = random_case(seed, (3, 4, 3), 40, skip)
    code = parse_code(text)
    made, rounding = rounded(network, data, code, label=label)
    assert np.array_equal(made.weights, np.rint(made.weights))
    before = network.output_sums(code.quantised(data.inputs))
    after = made.output_sums(code_inputs(data, code).inputs)
    assert np.array_equal(after, np.rint(after))
    assert ((before > 0) != (after > 0)).any(axis=1).sum() == rounding.changed
    # 40 patterns are told apart by integers of up to 12 bits, but for sums that nearly are a tie.
    assert rounding.changed <= 2
    if label:
        assert (before.argmax(axis=1) != after.argmax(axis=1)).sum() == rounding.labels_changed <= 2
    else:
        assert rounding.labels_changed is None


@pytest.mark.parametrize("text", CODES)
def test_a_neuron_over_bits_is_the_neuron_over_numbers(text: str) -> None:
    """Every number of every input: the bits' sum is that of integer weights times the numbers."""
    code = parse_code(text)
    numbers = np.stack(np.meshgrid(*[np.arange(code.levels + 1)] * 2), -1).reshape(-1, 2)
    values = (numbers / code.levels).astype(np.float32)
    if code.threshold is not None:
        values = numbers.astype(np.float32)
    topology = layered((2, 1))
    inputs, outputs = (Port("a", 1), Port("b", 1)), (Port("y", 1),)
    network = TrainedNetwork(
        "n", topology, np.array([0.4, 3.0, -2.0], dtype=np.float32), inputs, outputs
    )
    exact = 3 * (2 * numbers[:, 0] - code.levels) - 2 * (2 * numbers[:, 1] - code.levels)
    data = Dataset(
        "n",
        "n.csv",
        values,
        network.outputs(values),
        inputs,
        outputs,
        input_kind=InputKind.ANALOG,
    )
    made, rounding = rounded(network, data, code, weight_bits=3)
    assert rounding.changed == 0
    assert rounding.weight_bits == 3
    sums = made.output_sums(code.bits(values))[:, 0]
    assert len(np.unique(sums - exact)) == 1
    assert made.weights.tolist()[1:] == [
        *(3.0 * weight for weight in code.bit_weights),
        *(-2.0 * weight for weight in code.bit_weights),
    ]


def test_numbers_that_no_value_becomes_count_on() -> None:
    """A code of five levels takes three bits: 6 and 7 continue the line that 0 to 5 are on."""
    network, data = random_case(3, (2, 2), 30)
    made, _ = rounded(network, data, parse_code("levels:5"), weight_bits=6)
    bits = np.array([[n >> b & 1 for b in range(3)] + [0, 0, 0] for n in range(8)])
    steps = np.diff(made.output_sums(bits), axis=0)
    assert (steps == steps[0]).all()


def test_boolean_networks_are_rounded_too() -> None:
    """Without a code the inputs stay, and small weights become 0."""
    topology = layered((3, 1))
    weights = np.array([1.0, 1.0, 0.98, -0.02], dtype=np.float32)
    ports = (Port("x", 3),), (Port("y", 1),)
    network = TrainedNetwork("n", topology, weights, *ports)
    inputs = np.array([[n >> b & 1 for b in range(3)] for n in range(8)], dtype=np.uint8)
    data = Dataset("n", "n", inputs, inputs[:, :1] & inputs[:, 1:2], *ports)
    made, rounding = round_network(network, data, None, network.input_ports)
    assert made.weights[1:].tolist() == [1, 1, 0]
    assert np.array_equal(made.outputs(inputs), network.outputs(inputs))
    assert (rounding.weight_bits, rounding.zeros, rounding.weights) == (2, 1, 3)


@pytest.mark.parametrize("bits", [1, 13])
def test_wrong_weight_bits(bits: int) -> None:
    """Too few and too many bits are refused."""
    network, data = random_case(1, (2, 2), 4)
    with pytest.raises(UsageError, match=f"expected 2 to 12 bits, got {bits}"):
        rounded(network, data, parse_code("binary:2"), weight_bits=bits)


def test_analog_data_need_a_code() -> None:
    """Analog data without a code are refused."""
    network, data = random_case(1, (2, 2), 4)
    with pytest.raises(UsageError, match="expected Boolean inputs, or analog ones and a code"):
        round_network(network, data, None, data.input_ports)


def test_label_is_the_first_of_the_largest_sums() -> None:
    """Three equal neurons and a smaller one: place 0; the label's bits follow the outputs."""
    topology = layered((1, 4))
    weights = np.array([0, 1, 0, 1, 0, 1, 0, -1], dtype=np.float32)
    network = TrainedNetwork("n", topology, weights, (Port("x", 1),), (Port("y", 4),))
    found = hardware_outputs(network, True)(np.array([[1], [0]]))
    assert found.tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    assert hardware_outputs(network, False)(np.array([[1]])).tolist() == [[1, 1, 1, 0]]


@pytest.mark.parametrize(
    ("taken", "name"),
    [(("y",), "class_number"), (("class_number", "class_number_1"), "class_number_2")],
)
def test_the_label_port_has_a_free_name(taken: tuple[str, ...], name: str) -> None:
    """It gives way to outputs that are called so."""
    assert label_port([Port(each, 1) for each in taken], 10) == Port(name, 4)


def test_outputs_that_read_each_other_have_no_label() -> None:
    """Their sums are not there at once."""
    chain = Topology(1, 2, np.array([0, 1, 2]), np.array([1, 2]))
    network = TrainedNetwork(
        "n", chain, np.ones(2, dtype=np.float32), (Port("x", 1),), (Port("y", 2),)
    )
    with pytest.raises(UsageError, match="reads another output neuron"):
        require_comparable(network)
    require_comparable(
        replace(network, topology=replace(chain, n_outputs=1), output_ports=(Port("y", 1),))
    )
