"""Where a neuron matters: on which vectors flipping it changes an output that is cared for.

Neurons are lowered one after the other, each free to be anything where it does not matter. What it became
is what the later ones then see, so that their own freedom is never used twice: at every moment the values
here are those of the cells made so far and of the neurons still to be lowered behind them, and the outputs
are right wherever they are cared for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.network.trained import TrainedNetwork

__all__ = ["NeuronValues"]


class NeuronValues:
    """Values of all nodes on vectors, with some neurons replaced.

    Parameters
    ----------
    network
        The network.
    vectors
        ``(vectors, inputs)`` uint8 0/1.
    care
        ``(vectors, outputs)`` bool, which outputs are cared for.
    """

    def __init__(
        self, network: TrainedNetwork, vectors: NDArray[np.uint8], care: NDArray[np.bool_]
    ) -> None:
        self._network = network
        self._care = care
        self._weights = network.weights.astype(np.float64)
        self.values = network.node_values(vectors)

    def where_it_matters(self, neuron: int) -> NDArray[np.bool_]:
        """Return ``(vectors,)`` bool for a neuron by its number."""
        topology = self._network.topology
        node = topology.first_neuron + neuron
        flipped = self.values.copy()
        flipped[:, node] *= -1
        changed = self._evaluate(flipped, neuron)
        outputs = slice(topology.n_nodes - topology.n_outputs, None)
        differs = changed[:, outputs] != self.values[:, outputs]
        return np.asarray((differs & self._care).any(axis=1))

    def replace(self, neuron: int, on: NDArray[np.bool_]) -> None:
        """Give a neuron other values; those of all later ones follow."""
        node = self._network.topology.first_neuron + neuron
        new = np.where(on, 1, -1).astype(np.int8)
        if not np.array_equal(new, self.values[:, node]):
            self.values[:, node] = new
            self._evaluate(self.values, neuron)

    def _evaluate(self, values: NDArray[np.int8], after: int) -> NDArray[np.int8]:
        """Evaluate all neurons after one, as the network itself does: in float64, in edge order."""
        topology = self._network.topology
        start = topology.fanin_start
        for first, last in topology.layers:
            first = max(first, after + 1)  # noqa: PLW2901
            if first >= last:
                continue
            sources = topology.sources[start[first] : start[first + 1]]
            rows = self._weights[start[first] : start[last]].reshape(last - first, len(sources))
            total = np.zeros((len(values), last - first))
            for j, source in enumerate(sources):
                total += values[:, source, None] * rows[:, j]
            nodes = slice(topology.first_neuron + first, topology.first_neuron + last)
            values[:, nodes] = np.where(total > 0, 1, -1)
        return values
