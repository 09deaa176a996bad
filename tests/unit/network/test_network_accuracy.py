"""Bits, patterns and labels that a network gets right."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.network.network import Topology, TrainedNetwork, layered, measure
from btfsynth.ports import Port


def plain_sums(network: TrainedNetwork, vector: list[float]) -> list[float]:
    """Return the sums of the output neurons on one vector, neuron by neuron."""
    topology = network.topology
    values = [-1.0, *(2 * bit - 1 for bit in vector)]
    sums = []
    for neuron in range(topology.n_neurons):
        edges = range(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
        sums.append(sum(float(network.weights[e]) * values[topology.sources[e]] for e in edges))
        values.append(1.0 if sums[-1] > 0 else -1.0)
    return sums[-topology.n_outputs :]


@pytest.mark.parametrize("kind", [InputKind.BOOLEAN, InputKind.ANALOG])
def test_labels_are_the_largest_sums(kind):
    """Random networks agree with a count pattern by pattern."""
    random = np.random.default_rng(1)
    for _ in range(20):
        topology = layered((4, 3, 3))
        network = TrainedNetwork(
            "n", topology, random.normal(size=topology.n_edges), (Port("x", 4),), (Port("y", 3),)
        )
        inputs = random.random((30, 4)) if kind is InputKind.ANALOG else (
            random.integers(0, 2, (30, 4))
        )  # fmt: skip
        targets = np.eye(3, dtype=np.uint8)[random.integers(0, 3, 30)]
        data = Dataset(
            "d", "d", inputs, targets, network.input_ports, network.output_ports,
            input_kind=kind, output_kind=OutputKind.LABEL,
        )  # fmt: skip
        sums = [plain_sums(network, row) for row in data.inputs.astype(np.float64).tolist()]
        np.testing.assert_allclose(network.output_sums(data.inputs), sums, rtol=1e-12, atol=1e-12)
        best = [max(range(3), key=row.__getitem__) for row in sums]
        right = [k == t.argmax() for k, t in zip(best, targets, strict=True)]
        found = measure(network, data)
        assert found.labels_right == sum(right)
        assert found.label_share == sum(right) / 30
        assert found.bits_right == network.bits_right(data)
        assert found.vectors_right == network.vectors_right(data) <= found.labels_right


def test_outputs_of_any_graph_have_their_sums():
    """Outputs that lie in different layers come in their order."""
    # Neuron 3 is hidden, outputs are 4 (of input 1), 5 (of neuron 4) and 6 (of neuron 3).
    topology = Topology(2, 3, np.array([0, 2, 3, 4, 5]), np.array([1, 2, 1, 4, 3]))
    network = TrainedNetwork(
        "n", topology, np.array([1.0, 2.0, 3.0, -5.0, 7.0]), (Port("x", 2),), (Port("y", 3),)
    )
    sums = network.output_sums(np.array([[1, 0], [0, 1]], dtype=np.uint8))
    assert sums.tolist() == [[3.0, -5.0, -7.0], [-3.0, 5.0, 7.0]]


def test_targets_that_are_no_classes_have_no_labels():
    """Bits and whole patterns only; targets that do not matter are not counted."""
    network = TrainedNetwork(
        "n", layered((1, 1)), np.array([0.0, 1.0]), (Port("x", 1),), (Port("y", 1),)
    )
    rows = np.array([[0], [1], [1]])
    care = np.array([[True], [True], [False]])
    data = Dataset("d", "d", rows, 1 - rows, (Port("x", 1),), (Port("y", 1),), care=care)
    found = measure(network, data)
    assert (found.bits, found.bits_right, found.vectors_right) == (2, 0, 1)
    assert found.labels_right is found.label_share is None
    assert found.label_record() == {}


def test_a_pattern_without_a_class_is_neither_right_nor_wrong():
    network = TrainedNetwork(
        "n", layered((1, 2)), np.array([0.0, 1.0, 0.0, -1.0]), (Port("x", 1),), (Port("y", 2),)
    )
    care = np.array([[True, True], [True, True], [False, False], [False, False]])
    data = Dataset(
        "d", "d", np.array([[1], [0], [1], [0]]), np.array([[1, 0], [1, 0], [1, 0], [1, 0]]),
        network.input_ports, network.output_ports, care=care, output_kind=OutputKind.LABEL,
    )  # fmt: skip
    found = measure(network, data)
    assert (found.labels_right, found.labels, found.label_share) == (1, 2, 0.5)
