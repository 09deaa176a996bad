"""Fitting the weights of a trained network anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.load import load
from btfsynth.errors import TopologyError, UsageError
from btfsynth.network.integers import sparsify
from btfsynth.network.network import Topology, TrainedNetwork, layered, measure
from btfsynth.ports import Port
from btfsynth.training.session import TrainOptions, train


def network_of(topology: Topology, weights: np.ndarray) -> TrainedNetwork:
    """Return a network under one port each way."""
    ports = (Port("x", topology.n_inputs),), (Port("y", topology.n_outputs),)
    return TrainedNetwork("n", topology, weights, *ports)


def data_of(inputs: np.ndarray, targets: np.ndarray, care: np.ndarray | None = None) -> Dataset:
    """Return patterns of one port each way."""
    ports = (Port("x", inputs.shape[1]),), (Port("y", targets.shape[1]),)
    return Dataset("d", "d", inputs, targets, *ports, care=care)


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_what_is_right_stays_right(seed, widths, skip, some_matter):
    """No pattern that was right becomes wrong in an output, whatever network and patterns."""
    random = np.random.default_rng(seed)
    topology = layered(widths, skip=skip)
    inputs = np.unique(random.integers(0, 2, (10, widths[0])), axis=0).astype(np.uint8)
    targets = random.integers(0, 2, (len(inputs), widths[-1])).astype(np.uint8)
    care = random.integers(0, 2, targets.shape).astype(np.uint8) if some_matter else None
    data = data_of(inputs, targets, care)
    network = network_of(topology, random.normal(size=topology.n_edges).astype(np.float32))
    sparse, came = sparsify(network, data)
    before = (network.outputs(inputs) == targets) & data.care_mask.astype(bool)
    after = sparse.outputs(inputs) == targets
    assert after[before].all()
    assert (came.bits_right_before, came.bits_right) == (
        network.bits_right(data),
        sparse.bits_right(data),
    )
    assert came.nonzero == np.count_nonzero(sparse.weights)
    norms = np.sqrt(np.add.reduceat(sparse.weights**2.0, topology.fanin_start[:-1]))
    assert np.allclose(norms, np.sqrt(topology.fan_in), rtol=1e-5)


def test_noise_on_the_weights_goes():
    """An AND with a little of every other input is an AND again, of three weights."""
    random = np.random.default_rng(3)
    inputs = np.unique(random.integers(0, 2, (80, 12)), axis=0).astype(np.uint8)
    weights = random.normal(scale=0.1, size=13)
    weights[[0, 4, 9]] += (1.0, 1.0, -1.0)
    network = network_of(layered((12, 1)), weights)
    targets = (inputs[:, 3:4] & (1 - inputs[:, 8:9])).astype(np.uint8)
    sparse, came = sparsify(network, data_of(inputs, targets))
    assert np.flatnonzero(sparse.weights).tolist() == [0, 4, 9]
    assert came.nonzero == 3
    assert came.bits_right == came.bits


def test_what_nothing_reads_becomes_constant():
    """Of two equal hidden neurons one is enough; the other counts as not used."""
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    both = [1.0, 1.0, 1.0]
    network = network_of(layered((2, 2, 1)), np.array([*both, *both, 0.0, 1.0, 1.0]))
    sparse, came = sparsify(network, data_of(inputs, inputs[:, :1] & inputs[:, 1:]))
    assert came.bits_right == 4
    assert (came.neurons, came.used) == (3, 2)
    idle = 0 if sparse.weights[7] == 0 else 1
    assert np.count_nonzero(sparse.weights[3 * idle : 3 * idle + 3]) == 1


@pytest.mark.parametrize("seed", [1, 6])
def test_a_sampled_circuit_is_found_again(seed):
    """Trained on a sample, the network misses vectors it was not shown; with few weights it misses none."""
    task = f"random_and_or:2x12,train=200,test=600,seed={seed}"
    data, test = load(task), load(f"{task},part=test")
    options = TrainOptions(seed=1, widths=(12, 10, 12), skip=True, beta=0.4, gamma=1e-3)
    network = train(data, options).network(data, 1)
    sparse, came = sparsify(network, data)
    assert measure(network, test).bit_share < 1
    assert measure(sparse, test).bit_share == 1
    assert came.nonzero < came.nonzero_before / 5


def test_other_data_are_refused():
    """Analog inputs, and data of another size."""
    network = network_of(layered((2, 1)), np.ones(3))
    ports = (Port("x", 2),), (Port("y", 1),)
    values = np.array([[0.5, 0.25]])
    analog = Dataset("a", "a", values, np.ones((1, 1)), *ports, input_kind=InputKind.ANALOG)
    with pytest.raises(UsageError, match="expected Boolean inputs"):
        sparsify(network, analog)
    with pytest.raises(TopologyError, match="the network has 2 inputs"):
        sparsify(network, load("full_adder"))
