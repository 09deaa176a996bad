"""A trained network with small integer weights: near the network, and small as a circuit.

Neuron after neuron, inputs first, gets the smallest integers that agree with it on all but a tolerated share
of the samples, given what the neurons before have become; the thresholds are the best for these integers.
The output neuron agrees with the targets instead, and its integers are moved one by one as long as that
makes more of them right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.cheapest import cheapest_form, make
from btfsynth.lower.threshold import ThresholdFunction, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE
from btfsynth.network.trained import TrainedNetwork

__all__ = ["IntegerNetwork", "approximate_network", "lower_integers"]

_LARGEST = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512)
_SWEEPS = 6
_DOUBLINGS = 4
"""Sweeps over the integers of an output neuron, and how often all are doubled to make finer moves."""


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Threshold neurons of integer weights.

    Parameters
    ----------
    n_inputs
        Number of inputs; nodes are the constant, the inputs, the neurons.
    neurons
        Every neuron's nonzero inputs, as nodes, with weights and threshold over -1/+1 values.
    """

    n_inputs: int
    neurons: tuple[ThresholdFunction, ...]


def approximate_network(
    network: TrainedNetwork,
    columns: NDArray[np.uint8],
    on: NDArray[np.bool_],
    tolerance: float,
) -> IntegerNetwork:
    """Return small integers that are nearly a network of one output.

    Parameters
    ----------
    network
        What was trained.
    columns
        ``(samples, inputs)`` uint8 0/1.
    on
        ``(samples,)`` bool.
    tolerance
        Share of the samples on which a neuron may become another.
    """
    topology = network.topology
    wanted = network.node_values(columns) > 0
    values = wanted.astype(np.float32) * 2 - 1
    values[:, 0] = -1
    neurons = []
    for neuron in range(topology.n_neurons):
        edges = slice(topology.fanin_start[neuron], topology.fanin_start[neuron + 1])
        sources = topology.sources[edges]
        inputs = sources != 0
        sources, weights = sources[inputs], network.weights[edges][inputs]
        node = topology.first_neuron + neuron
        last = neuron == topology.n_neurons - 1
        target = on if last else wanted[:, node]
        least = (
            int((wanted[:, node] == on).sum()) - round(tolerance * len(on) / 4)
            if last
            else len(on) - int(tolerance * len(on))
        )
        integers, threshold = _smallest(weights, values[:, sources], target, least)
        if last:
            integers, threshold = _refined(integers, values[:, sources], target)
        kept = np.flatnonzero(integers)
        function = ThresholdFunction(
            tuple(int(sources[place]) for place in kept),
            tuple(int(integers[place]) for place in kept),
            threshold,
        )
        neurons.append(function)
        fired = values[:, sources] @ integers.astype(np.float32) > threshold
        values[:, node] = np.where(fired, 1, -1)
    return IntegerNetwork(topology.n_inputs, tuple(neurons))


def _smallest(
    weights: NDArray[np.float32], values: NDArray[np.float32], target: NDArray[np.bool_], least: int
) -> tuple[NDArray[np.int64], int]:
    """Return the smallest integers and threshold that are right often enough, else the best there are."""
    top = float(np.abs(weights).max(initial=0.0))
    best: tuple[int, NDArray[np.int64], int] | None = None
    for largest in _LARGEST if top > 0 else (1,):
        scaled = weights * (largest / top) if top > 0 else np.zeros(len(weights))
        integers = np.rint(scaled).astype(np.int64)
        threshold, right = _best_threshold(_sums(values, integers), target)
        if best is None or right > best[0]:
            best = (right, integers, threshold)
        if right >= least:
            break
    assert best is not None  # the loop runs at least once
    return best[1], best[2]


def _refined(
    integers: NDArray[np.int64], values: NDArray[np.float32], target: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int]:
    """Move one integer at a time as long as more samples come out right; double all where that ends."""
    columns = values.astype(np.int64)
    sums = columns @ integers
    threshold, right = _best_threshold(sums, target)
    for _ in range(_DOUBLINGS):
        before = right
        for _ in range(_SWEEPS):
            moved = False
            for place in range(len(integers)):
                for step in (-1, 1, -2, 2, -int(integers[place])):
                    if not step:
                        continue
                    trial = sums + step * columns[:, place]
                    at, gained = _best_threshold(trial, target)
                    if gained > right:
                        integers = integers.copy()
                        integers[place] += step
                        sums, threshold, right, moved = trial, at, gained, True
            if not moved:
                break
        if right == before or np.abs(integers).max(initial=0) > _LARGEST[-1] // 2:
            break
        if right < len(target):
            integers, sums, threshold = 2 * integers, 2 * sums, 2 * threshold
    return integers, threshold


def _sums(values: NDArray[np.float32], integers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.rint(values @ integers.astype(np.float32)).astype(np.int64)


def _best_threshold(sums: NDArray[np.int64], target: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the threshold that is right most often, and how often."""
    base = int(sums.min())
    size = int(sums.max()) - base + 1
    ones = np.bincount(sums[target] - base, minlength=size)
    zeros = np.bincount(sums[~target] - base, minlength=size)
    # Above a threshold of base - 1 + k are the sums from base + k on.
    right = np.concatenate([[ones.sum()], ones.sum() + np.cumsum(zeros - ones)])
    place = int(right.argmax())
    return base - 1 + place, int(right[place])


def lower_integers(builder: NetlistBuilder, network: IntegerNetwork, inputs: Sequence[int]) -> int:
    """Build a network and return the literal of its last neuron.

    Parameters
    ----------
    builder
        Gets the cells.
    network
        What to build.
    inputs
        The literal of every input.
    """
    literals = [FALSE, *inputs]
    needed = _needed(network)
    for neuron, function in enumerate(network.neurons):
        if neuron not in needed:
            literals.append(FALSE)
            continue
        constraint = pseudo_boolean(function, literals)  # its inputs are nodes
        literals.append(make(builder, cheapest_form(builder, constraint)))
    return literals[-1]


def _needed(network: IntegerNetwork) -> set[int]:
    """Return the neurons that the last one depends on."""
    first = 1 + network.n_inputs
    stack = [len(network.neurons) - 1]
    needed: set[int] = set()
    while stack:
        neuron = stack.pop()
        if neuron not in needed:
            needed.add(neuron)
            stack.extend(node - first for node in network.neurons[neuron].inputs if node >= first)
    return needed
