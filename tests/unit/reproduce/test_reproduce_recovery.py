"""The circuit behind sampled data, and whether a network is it."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.generators import hidden_circuit
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import UsageError
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.reproduce.record import hidden_netlist, recover

SPEC = "random_and_or:2x8,train=120,test=100"


def as_network(spec: str, noise: float) -> TrainedNetwork:
    """Return the circuit of a task as threshold neurons, every weight a little off."""
    circuit, ports = hidden_circuit(spec), parse_task(spec)
    width = circuit.width
    rows = []
    for layer in circuit.layers:
        for gate in layer:
            row = np.zeros(1 + width)
            row[[1 + source for source in gate.sources]] = np.where(gate.inverted, -1.0, 1.0)
            # x sums to 2 true - pins, and node 0 is -1.
            row[0] = 2 * gate.least - 1 - len(gate.sources)
            rows.append(row)
    weights = np.concatenate(rows)
    weights += noise * np.random.default_rng(1).uniform(-1, 1, len(weights))
    widths = (width,) * (1 + len(circuit.layers))
    return TrainedNetwork(
        "net", layered(widths), weights.astype(np.float32), ports.input_ports, ports.output_ports
    )


@pytest.mark.parametrize(
    "spec",
    [
        "random_and_or:3x12,train=200,test=1",
        "random_majority:4x20,train=200,test=1",
        "automaton:30,cells=9,train=200,test=1",
        "automaton:73,steps=3,cells=33,train=200,test=1",
    ],
)
def test_the_netlist_makes_the_data(spec):
    """It has the ports of the data and gives its targets."""
    dataset, netlist = parse_task(spec), hidden_netlist(spec)
    assert netlist.input_ports == dataset.input_ports
    assert netlist.output_ports == dataset.output_ports
    outputs = unpack_bits(output_words(netlist, pack_bits(dataset.inputs)), dataset.n_patterns)
    assert (outputs == dataset.targets).all()


def test_no_circuit_behind_other_tasks():
    """The message names the task."""
    with pytest.raises(UsageError, match="multiplier:2"):
        hidden_netlist("multiplier:2")


@pytest.mark.parametrize("spec", [SPEC, "random_majority:2x20,train=300,test=100"])
def test_a_network_that_is_the_circuit_is_proven_so(spec):
    """Weights that are a little off settle by rounding; by all vectors, or by SAT where they are many."""
    dataset, test = parse_task(spec), parse_task(f"{spec},part=test")
    network = as_network(spec, 0.03)
    found = recover(network, dataset, test, hidden_netlist(spec))
    assert found.whole
    assert found.rounded_share == 1.0
    assert found.method == ("all 256 input vectors" if spec == SPEC else "SAT sweeping")
    assert found.to_json()["whole"] is True


def test_outputs_that_differ_are_counted():
    """Two outputs of another circuit: all the others are proven still."""
    dataset = parse_task(SPEC)
    network = as_network(SPEC, 0.0)
    weights = network.weights.copy()
    weights[-18:] *= -1  # the last two neurons turned over
    turned = TrainedNetwork(
        "net", network.topology, weights, network.input_ports, network.output_ports
    )
    found = recover(turned, dataset, None, hidden_netlist(SPEC))
    assert (found.equal, found.outputs, found.whole) == (6, 8, False)


def test_a_network_far_off_is_not_lowered():
    """The reason says how far off."""
    dataset, test = parse_task(SPEC), parse_task(f"{SPEC},part=test")
    network = as_network(f"{SPEC},seed=5", 0.0)
    found = recover(network, dataset, test, hidden_netlist(SPEC))
    assert found.equal == 0
    assert found.why_not == "less than 97% of the test bits right"
