"""Axes, training curve and weight maps."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port
from btfsynth.report.svg import (
    element,
    layer_maps,
    linear_axis,
    log_axis,
    settled_weights,
    training_curve,
)
from btfsynth.training.history import HistoryPoint


def point(steps: int, **changes: float | None) -> HistoryPoint:
    """Return a point of a history."""
    values = {
        "gap": 1.0, "gap_w": 0.5, "gap_x": 0.5, "gap_y": 0.7, "least_gap": 0.9, "bits": 0.5,
        "vectors": 0.1, **changes,
    }  # fmt: skip
    return HistoryPoint(steps, **values)


def test_elements_escape():
    """Text and attributes are escaped, elements inside are not escaped twice."""
    inner = element("title", "<b>&")
    outer = element("g", inner, class_='"x"')
    assert str(outer) == '<g class="&#34;x&#34;"><title>&lt;b&gt;&amp;</title></g>'


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_log_axis_holds_its_values(values):
    """Every value lies between the ends, larger ones farther along, and some tick has a text."""
    axis = log_axis(values, 10.0, 110.0)
    places = [axis.at(value) for value in sorted(values)]
    assert all(10 <= place <= 110 for place in places)
    assert places == sorted(places)
    assert any(text for _, text in axis.ticks)


@given(st.floats(-1e5, 1e5), st.just(0) | st.floats(0.01, 1e6), st.integers(1, 12))
def test_linear_axis_ticks_lie_on_it(least, length, steps):
    """Ticks lie between the ends and are not crowded."""
    axis = linear_axis(least, least + length, 0.0, 100.0, steps)
    assert all(-1e-6 <= axis.at(value) <= 100 + 1e-6 for value, _ in axis.ticks)
    assert len(axis.ticks) <= 2 * steps + 2


def test_the_step_of_the_network_is_marked():
    """Where it is not the last one, a line and the label say which it is."""
    points = [point(1), point(10, gap=0.5), point(100, gap=0.01, bits=1.0)]
    assert "the network: iteration 10" in training_curve(points, 10)
    assert "The network is that of iteration 10." in training_curve(points, 10)
    assert "the network:" not in training_curve(points, 100)
    assert "the network:" not in training_curve(points)


def test_training_curve():
    """A line a series that is known, a point a step; the label says how it ended."""
    drawn = training_curve([point(1), point(10, gap=0.5), point(100, gap=0.01, bits=1.0)])
    root = ET.fromstring(str(drawn))
    assert "100 iterations" in root.get("aria-label")
    assert "100 %" in root.get("aria-label")
    titles = [node.text for node in root.iter("title")]
    assert "gap 0.01 after 100 iterations" in titles
    texts = [node.text for node in root.iter("text")]
    assert {"gap", "weights", "inputs", "outputs", "bits", "patterns"} <= set(texts)
    assert "labels" not in texts


def test_training_curve_without_a_gap():
    """A gap of nothing has no place on a logarithmic axis and is left out, not an error."""
    drawn = training_curve([point(1), point(2, gap=0.0, gap_w=0.0, least_gap=0.0)])
    assert "gap 0 after" not in str(drawn)
    assert "nan" not in str(drawn)


@pytest.mark.parametrize("history", [(), (point(0),)])
def test_no_training_curve(history):
    """Without an iteration there is nothing to draw."""
    assert training_curve(history) is None


@given(st.integers(3, 9), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_settled_neurons_are_whole(inputs, count, seed, scale):
    """A neuron of s equal weights shows -1, 0 and +1, whatever its norm."""
    random = np.random.default_rng(seed)
    row = np.zeros(inputs)
    row[:count] = random.choice([-1, 1], count)
    random.shuffle(row)
    assert settled_weights(scale * row[None], 3.0) == pytest.approx(row[None])
    assert settled_weights(scale * row[None], None) == pytest.approx(row[None])


def test_support_limits_the_unit():
    """With a support below 3 three equal weights cannot be what the neuron settled on."""
    row = np.array([[1.0, 1.0, 1.0]])
    assert settled_weights(row, 2.5) == pytest.approx(row / 3**0.5)


def test_empty_neuron():
    """A neuron of zeros stays one."""
    assert settled_weights(np.zeros((2, 4)), 3.0).tolist() == np.zeros((2, 4)).tolist()


def network(widths: tuple[int, ...], training: dict | None = None) -> TrainedNetwork:
    """Return a network of random weights."""
    topology = layered(widths)
    weights = np.random.default_rng(1).normal(size=topology.n_edges)
    ports = (Port("a", widths[0]),), (Port("y", widths[-1]),)
    return TrainedNetwork("n", topology, weights.astype(np.float32), *ports, training or {})


def test_layer_maps():
    """A map a layer with a square a weight that tells its value; the histogram counts them all."""
    layers = layer_maps(network((3, 5, 2), {"sigma": 3.0}), ["a[0]", "<b>", "a[2]"])
    assert [layer.title for layer in layers] == ["hidden layer 1", "outputs"]
    assert layers[0].shape == "5 neurons of 4 inputs"
    root = ET.fromstring(str(layers[0].heat))
    titles = [node.text for node in root.iter("title")]
    assert len(titles) == 20
    assert sum(title.startswith("<b>: ") for title in titles) == 5
    for layer, weights in zip(layers, (20, 12), strict=True):
        assert 0 <= layer.settled <= 1
        bars = [node.text for node in ET.fromstring(str(layer.histogram)).iter("title")]
        assert sum(int(re.match(r"\d+", text)[0]) for text in bars) == weights


@pytest.mark.parametrize(("widths", "mapped"), [((60, 60, 4), True), ((200, 200, 4), False)])
def test_large_layers(widths, mapped):
    """Many weights are drawn by colour; a very large layer has its histogram alone."""
    layers = layer_maps(network(widths), [f"a[{bit}]" for bit in range(widths[0])])
    assert (layers[0].heat is not None) == mapped
    assert "<title>" not in str(layers[0].heat)
    assert sum(len(str(layer.heat)) for layer in layers) < 150_000
