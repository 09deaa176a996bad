"""Whole networks to netlists, under both meanings of the same function."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import NetlistError, UsageError
from btfsynth.lower import lowering
from btfsynth.lower.lowering import (
    LoweringReport,
    choose_preserve,
    lower_network,
    make_reference,
)
from btfsynth.netlist.simulation import count_wrong
from btfsynth.network.network import Topology, TrainedNetwork, layered
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve


def network(topology: Topology, weights: object) -> TrainedNetwork:
    return TrainedNetwork(
        "net",
        topology,
        np.array(weights, dtype=np.float32),
        (Port("x", topology.n_inputs),),
        (Port("y", topology.n_outputs),),
    )


def patterns(inputs: object, targets: object, **options: object) -> Dataset:
    arrays = np.array(inputs), np.array(targets)
    ports = (Port("x", arrays[0].shape[1]),), (Port("y", arrays[1].shape[1]),)
    return Dataset("data", "data", *arrays, *ports, **options)  # type: ignore[arg-type]


def and_network() -> TrainedNetwork:
    """AND of two inputs; the constant -1 comes first."""
    return network(layered((2, 1)), [1, 1, 1])


XOR = [-1, 1, 1, 1, 1, 1, 1, 1, -1]
"""Weights of 2-2-1: an OR, an AND, and the one without the other."""


def test_exhaustive_targets_that_come_out_right_are_kept() -> None:
    """All vectors listed and learnt: the targets say all there is to say."""
    listed = patterns(naive.all_vectors(2), [[0], [0], [0], [1]])
    assert choose_preserve(listed, and_network()) is Preserve.CARE
    care = np.array([[True], [True], [False], [True]])
    open_ = patterns(naive.all_vectors(2), [[0], [0], [1], [1]], care=care)
    assert choose_preserve(open_, and_network()) is Preserve.CARE


@pytest.mark.parametrize(
    ("inputs", "targets", "options", "expected"),
    [
        ([[0, 0], [1, 1]], [[0], [1]], {}, Preserve.NETWORK),  # a sample
        ([[0, 0], [1, 1]], [[0], [1]], {"unlisted_dont_care": True}, Preserve.CARE),
        ([[0, 0], [1, 1]], [[1], [1]], {"unlisted_dont_care": True}, Preserve.NETWORK),
        (naive.all_vectors(2), [[0], [0], [1], [1]], {}, Preserve.NETWORK),  # one missed
    ],
)
def test_the_meaning_follows_from_the_data(
    inputs: object, targets: object, options: dict[str, object], expected: Preserve
) -> None:
    """A sample is there to be generalised from; a missed target cannot be kept."""
    assert choose_preserve(patterns(inputs, targets, **options), and_network()) is expected


def test_analog_inputs_cannot_be_lowered() -> None:
    """The error names the data and what its inputs are."""
    analog = patterns([[0.5, 0.2]], [[1]], input_kind=InputKind.ANALOG)
    for preserve in Preserve:
        with pytest.raises(UsageError, match=r"data: only Boolean inputs .* got analog ones"):
            make_reference(and_network(), analog, preserve)


def test_missed_targets_cannot_be_kept() -> None:
    """Keeping the targets needs a network that has learnt them; keeping the network does not."""
    missed = patterns([[1, 1], [0, 0]], [[0], [0]])
    with pytest.raises(UsageError, match="data: the network misses targets"):
        make_reference(and_network(), missed, Preserve.CARE)
    assert make_reference(and_network(), missed, Preserve.NETWORK).vectors == 4


def test_a_missed_target_that_does_not_matter_is_none() -> None:
    """Care masks count."""
    masked = patterns([[1, 1], [0, 0]], [[0], [0]], care=np.array([[False], [True]]))
    assert make_reference(and_network(), masked, Preserve.CARE).vectors == 2


def test_xor_from_three_neurons() -> None:
    """OR, AND and their difference are three cells; the report says what was done."""
    xor = network(layered((2, 2, 1)), XOR)
    listed = patterns(naive.all_vectors(2), [[0], [1], [1], [0]])
    netlist, report = lower_network(xor, make_reference(xor, listed, Preserve.CARE))
    assert naive.truth_table(netlist) == [[0], [1], [1], [0]]
    assert report == LoweringReport(Preserve.CARE, "all 4 patterns", 3, {"majority of signals": 3})
    assert netlist.n_cells == 3
    assert (netlist.name, netlist.input_ports, netlist.output_ports) == (
        "net",
        xor.input_ports,
        xor.output_ports,
    )


def test_vectors_that_do_not_matter_save_cells() -> None:
    """On two opposite vectors the AND is a wire; as a function of all inputs it is a cell."""
    sample = patterns([[0, 0], [1, 1]], [[0], [1]], unlisted_dont_care=True)
    for preserve, cells in ((Preserve.CARE, 0), (Preserve.NETWORK, 1)):
        netlist, _ = lower_network(and_network(), make_reference(and_network(), sample, preserve))
        assert netlist.n_cells == cells


def test_a_wide_neuron_of_real_weights_is_built_as_a_counter() -> None:
    """Sixteen inputs: right on every vector, with fewer cells than a table or a diagram, as reported."""
    weights = np.random.default_rng(3).uniform(1, 3, size=17)
    wide = network(layered((16, 1)), weights)
    reference = make_reference(wide, patterns([[0] * 16], [[0]]), Preserve.NETWORK)
    netlist, report = lower_network(wide, reference)
    assert report.forms == {"counter": 1}
    assert netlist.n_cells < 300
    assert report.proof == "all 65536 input vectors"
    for vector in naive.all_vectors(16)[::397]:
        assert naive.netlist_bits(netlist, vector) == naive.network_bits(wide, vector)
    assert count_wrong(netlist, reference) == 0


def test_a_neuron_that_rounding_decides_on_is_built_from_its_table() -> None:
    """1 + 1e-12 - 1 against 0: the table does not ask how near it was."""
    near = network(Topology(3, 1, [0, 3], [1, 2, 3]), [1, 1e-12, -1])
    netlist, report = lower_network(
        near, make_reference(near, patterns([[0] * 3], [[0]]), Preserve.NETWORK)
    )
    assert report.forms == {"majority of signals": 1}
    assert naive.truth_table(netlist) == [
        naive.network_bits(near, vector) for vector in naive.all_vectors(3)
    ]


def majorities(n_inputs: int) -> TrainedNetwork:
    """Noisy majorities of neighbours, a constant neuron, and an AND of them all."""
    random = np.random.default_rng(5)
    sources: list[int] = []
    weights: list[float] = []
    start = [0]
    for neuron in range(5):
        sources += [0, *(1 + (3 * neuron + k) % n_inputs for k in range(5))]
        weights += [0.01, 1, 1, -1, 0.02, 0.01]
        start.append(len(sources))
    sources += [0, 1]
    weights += [-1.0, 0.1]  # always on
    start.append(len(sources))
    first = 1 + n_inputs
    sources += [0, *range(first, first + 6)]
    weights += [4.5, 1, 1, 1, 1, 1, 0.5]
    start.append(len(sources))
    noisy = np.array(weights) * (1 + random.normal(size=len(weights)) * 0.005)
    return network(Topology(n_inputs, 2, start, sources), noisy)


def test_more_inputs_than_can_be_listed_keep_every_neuron_on_all_its_inputs() -> None:
    """Twenty inputs: five majorities of one cell each, the constant folded, four ANDs."""
    wide = majorities(20)
    random = np.random.default_rng(9)
    sample = patterns(random.integers(0, 2, (10, 20)), np.zeros((10, 2)))
    reference = make_reference(wide, sample, Preserve.NETWORK)
    assert not reference.complete
    netlist, report = lower_network(wide, reference)
    assert (netlist.n_cells, report.proof) == (9, "4106 vectors")
    assert report.forms == {"constant": 1, "known form": 6}
    for vector in random.integers(0, 2, (400, 20)):
        assert naive.netlist_bits(netlist, vector) == naive.network_bits(wide, vector)


def test_forty_real_weights_are_built_exactly() -> None:
    """No diagram of these ends; the counter is linear in the bits of the weights, and right."""
    random = np.random.default_rng(1)
    wide = network(layered((40, 1)), random.normal(size=41))
    sample = patterns(random.integers(0, 2, (5, 40)), np.zeros((5, 1)))
    netlist, report = lower_network(wide, make_reference(wide, sample, Preserve.NETWORK))
    assert report.forms == {"counter": 1}
    assert netlist.n_cells < 40 * 30
    for vector in random.integers(0, 2, (300, 40)):
        assert naive.netlist_bits(netlist, vector) == naive.network_bits(wide, vector)


def test_a_neuron_that_rounding_decides_on_is_an_error_without_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seventeen inputs, and a network too large to look for signals or weights: nothing to fall back on."""
    monkeypatch.setattr(lowering, "_FREEDOM_WORK", 0)
    monkeypatch.setattr(lowering, "_EFFORT", 0)
    near = network(Topology(17, 1, [0, 3], [1, 2, 3]), [1, -1, 1e-12])
    inputs = np.zeros((2, 17), dtype=np.uint8)
    inputs[1, 2] = 1
    listed = patterns(inputs, [[0], [1]], unlisted_dont_care=True)
    reference = make_reference(near, listed, Preserve.CARE)
    with pytest.raises(NetlistError, match="net: neuron 0 has sums too close to its threshold"):
        lower_network(near, reference)


def test_a_reference_the_network_does_not_compute_is_an_error() -> None:
    """The result is checked against the reference whatever was lowered."""
    other = patterns(naive.all_vectors(2), [[0], [1], [1], [1]])
    or_network = network(layered((2, 1)), [-1, 1, 1])
    reference = make_reference(or_network, other, Preserve.CARE)
    with pytest.raises(NetlistError, match="net: lowering broke 2 of 4 vectors"):
        lower_network(and_network(), reference)


def test_a_neuron_is_free_where_no_output_cares() -> None:
    """An exclusive or of which only (0, 0) and (1, 0) are cared for is its first input."""
    xor = network(layered((2, 2, 1)), XOR)
    care = np.array([[True], [True], [False], [False]])
    listed = patterns(naive.all_vectors(2), [[0], [1], [1], [0]], care=care)
    netlist, report = lower_network(xor, make_reference(xor, listed, Preserve.CARE))
    assert netlist.n_cells == 0
    assert report.forms == {"signal": 3}
    found = [naive.netlist_bits(netlist, vector) for vector in naive.all_vectors(2)]
    assert found[:2] == [[0], [1]]


def test_the_same_network_gives_the_same_cells() -> None:
    """Nothing depends on time or on what was lowered before."""
    random = np.random.default_rng(2)
    deep = network(layered((8, 6, 6, 3)), random.normal(size=9 * 6 + 7 * 6 + 7 * 3))
    reference = make_reference(deep, patterns([[0] * 8], [[0] * 3]), Preserve.NETWORK)
    first, second = (lower_network(deep, reference)[0] for _ in range(2))
    assert np.array_equal(first.fanins, second.fanins)
    assert np.array_equal(first.outputs, second.outputs)
    for vector in naive.all_vectors(8):
        assert naive.netlist_bits(first, vector) == naive.network_bits(deep, vector)


def test_small_weights_that_turn_no_sign_are_dropped_exactly() -> None:
    """Twenty inputs of which three decide, with weights no rounding finds: what is left is one cell."""
    weights = [0.0, 1.0, 0.71, 0.62, *[0.015] * 17]
    wide = network(layered((20, 1)), weights)
    sample = patterns(np.zeros((1, 20), dtype=int), [[0]])
    netlist, _ = lower_network(wide, make_reference(wide, sample, Preserve.NETWORK))
    assert netlist.n_cells == 1
    for vector in np.random.default_rng(0).integers(0, 2, (200, 20)):
        assert naive.netlist_bits(netlist, vector) == naive.network_bits(wide, vector)
