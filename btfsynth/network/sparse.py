"""Refitting a network with few and small weights that keep what it gets right.

A network trained on a sample gets it right with weights that have not all settled: its neurons read what they
need and a little of much else, which shows on vectors outside the sample. Every neuron is refitted by linear
programming with the smallest sum of magnitudes that still separates the patterns. Such a sum is smallest at
corners where few weights are not 0 (D. Donoho, Comm. Pure Appl. Math. 59, 797 (2006)). A neuron must keep its
value only on the patterns where the other value would make a right target wrong: its observability care set, as
in logic synthesis (H. Savoj and R. Brayton, DAC 1990). What is free in one neuron makes others simpler, so this
is repeated in rounds until nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import TopologyError, UsageError
from btfsynth.network.trained import TrainedNetwork

_MAX_ROUNDS = 12
_ZERO = 1e-7
"""A weight below it, where the least sum is 1 in magnitude, is one that the solver meant to be 0."""
_SOLVED = 0

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Sparsification:
    """How many weights were left by refitting, and what the network gets right."""

    weights: int
    nonzero_before: int
    nonzero: int
    neurons: int
    used: int
    bits: int
    bits_right_before: int
    bits_right: int
    rounds: int


def sparsify(network: TrainedNetwork, dataset: Dataset) -> tuple[TrainedNetwork, Sparsification]:
    """Return a network of few weights that keeps every target that the given one gets right.

    Output neurons aim at the targets, so more may be right than before. Rows of weights get the norm that
    training gives them, the square root of the fan-in; a neuron on which nothing depends is constant.
    """
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to fit weights on, got "
            f"{dataset.input_kind.value} ones"
        )
    topology = network.topology
    found = dataset.n_inputs, dataset.n_outputs
    if found != (topology.n_inputs, topology.n_outputs):
        raise TopologyError(
            f"the network has {topology.n_inputs} inputs and {topology.n_outputs} outputs, "
            f"{dataset.name} has {found[0]} and {found[1]}"
        )
    before = network.bits_right(dataset)
    fit = _Fit(network, dataset)
    rounds = fit.run()
    made = replace(network, weights=fit.scaled())
    return made, Sparsification(
        weights=topology.n_edges,
        nonzero_before=int(np.count_nonzero(network.weights)),
        nonzero=int(np.count_nonzero(made.weights)),
        neurons=topology.n_neurons,
        used=int(fit.used.sum()),
        bits=int(dataset.care_mask.sum()),
        bits_right_before=before,
        bits_right=made.bits_right(dataset),
        rounds=rounds,
    )


class _Fit:
    """Weights while they are fitted, and the values of all nodes on the patterns."""

    def __init__(self, network: TrainedNetwork, dataset: Dataset) -> None:
        self.topology = network.topology
        self.weights = network.weights.astype(np.float64)
        self.values = network.node_values(dataset.inputs).astype(np.float64)
        self.goal = 2.0 * dataset.targets.astype(np.float64) - 1.0
        self.matters = dataset.care_mask.astype(bool)
        self.used = np.ones(self.topology.n_neurons, dtype=bool)

    def run(self) -> int:
        """Fit all neurons in rounds until the weights stay as they are; return the rounds."""
        for number in range(1, _MAX_ROUNDS + 1):
            former = self.weights.copy()
            for neuron in range(self.topology.n_neurons):
                # At first each keeps its values, so that the outputs can choose among all there are.
                self._fit(neuron, everywhere=number == 1)
            if np.array_equal(former, self.weights):
                return number
        return _MAX_ROUNDS

    def scaled(self) -> NDArray[np.float32]:
        """Return the weights with rows of the norm that training has."""
        topology, weights = self.topology, self.weights.copy()
        for neuron in range(topology.n_neurons):
            edges = self._edges(neuron)
            norm = float(np.linalg.norm(weights[edges]))
            if norm > 0:
                weights[edges] *= np.sqrt(edges.stop - edges.start) / norm
        return np.asarray(weights, dtype=np.float32)

    def _edges(self, neuron: int) -> slice:
        start = self.topology.fanin_start
        return slice(int(start[neuron]), int(start[neuron + 1]))

    def _fit(self, neuron: int, *, everywhere: bool) -> None:
        """Give a neuron the least weights with which no right target becomes wrong."""
        topology = self.topology
        edges, node = self._edges(neuron), topology.first_neuron + neuron
        output = neuron - (topology.n_neurons - topology.n_outputs)
        wanted = self.values[:, node]
        if output >= 0:
            care = self.matters[:, output]
            wanted = np.where(care, self.goal[:, output], wanted)
            care = care | self._observable(neuron, wanted)
        elif everywhere:
            care = np.ones(len(wanted), dtype=bool)
        else:
            care = self._observable(neuron, wanted)
        self.used[neuron] = output >= 0 or bool(care.any())
        if not care.any():
            weights = np.zeros(edges.stop - edges.start)
            weights[0] = 1.0
        else:
            signed = self.values[care][:, topology.sources[edges]] * wanted[care, None]
            fitted = _least_weights(signed)
            if fitted is None:
                return
            weights = fitted
        self.weights[edges] = weights
        self._evaluate(self.values, neuron)

    def _observable(self, neuron: int, wanted: Reals) -> NDArray[np.bool_]:
        """Return ``(patterns,)``: where the other value would make a right target wrong.

        An output neuron's own target does not count, only those of outputs that read it.
        """
        topology = self.topology
        own = neuron - (topology.n_neurons - topology.n_outputs)
        if neuron == topology.n_neurons - 1:  # nothing reads it
            return np.zeros(len(wanted), dtype=bool)
        outputs = slice(topology.n_nodes - topology.n_outputs, topology.n_nodes)
        right = (self.values[:, outputs] == self.goal) & self.matters
        flipped = self.values.copy()
        flipped[:, topology.first_neuron + neuron] = -wanted
        self._evaluate(flipped, neuron + 1)
        spoilt = right & (flipped[:, outputs] != self.goal)
        if own >= 0:
            spoilt[:, own] = False
        return np.asarray(spoilt.any(axis=1))

    def _evaluate(self, values: Reals, first: int) -> None:
        """Evaluate all neurons from one on. Changes values."""
        topology = self.topology
        for neuron in range(first, topology.n_neurons):
            edges = self._edges(neuron)
            sums = values[:, topology.sources[edges]] @ self.weights[edges]
            values[:, topology.first_neuron + neuron] = np.where(sums > 0, 1.0, -1.0)


def _least_weights(signed: Reals) -> Reals | None:
    """Return the ``(fan-in,)`` weights of the least sum of magnitudes whose sums are all at least 1, or None.

    `signed` is ``(patterns, fan-in)`` -1/+1: what the neuron reads, times what it should be.
    """
    rows = np.unique(signed, axis=0)
    fan_in = rows.shape[1]
    from scipy.optimize import linprog  # slow to import, and few networks come here

    solved = linprog(
        np.ones(2 * fan_in),
        A_ub=np.hstack([-rows, rows]),
        b_ub=-np.ones(len(rows)),
        bounds=(0, None),
        method="highs",
    )
    if solved.status != _SOLVED:
        return None
    weights = np.asarray(solved.x[:fan_in] - solved.x[fan_in:])
    weights[np.abs(weights) < _ZERO] = 0.0
    return weights if bool((rows @ weights > 0.5).all()) else None
