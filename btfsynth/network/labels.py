"""Classes as hardware has them: a number beside the output bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import UsageError
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port

__all__ = ["hardware_outputs", "label_port", "label_width", "require_comparable"]


def label_width(classes: int) -> int:
    """Return the bits of a class number."""
    return max(1, (classes - 1).bit_length())


def label_port(output_ports: Sequence[Port], classes: int) -> Port:
    """Return the port of the class: ``class_number``, or the first ``class_number_N`` that is free.

    ``label`` and ``class`` are keywords of hardware languages.
    """
    taken = {port.name for port in output_ports}
    names = ("class_number" if k == 0 else f"class_number_{k}" for k in count())
    free = next(name for name in names if name not in taken)
    return Port(free, label_width(classes))


def require_comparable(network: TrainedNetwork) -> None:
    """Refuse a network whose output neurons read each other: their sums are not there at once.

    Raises
    ------
    UsageError
        If one does.
    """
    topology = network.topology
    first = topology.n_nodes - topology.n_outputs
    edges = topology.sources[topology.fanin_start[topology.n_neurons - topology.n_outputs] :]
    if edges.max(initial=0) >= first:
        raise UsageError(
            f"{network.name}: an output neuron reads another one, so their sums cannot be compared"
        )


def hardware_outputs(
    network: TrainedNetwork, label: bool
) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Return a network as the function that its hardware is to have.

    Parameters
    ----------
    network
        The network.
    label
        Whether the number of the class follows the output bits: that of the output neuron with the largest
        sum ``W . x``, the first of equal ones, least significant bit first.

    Returns
    -------
    A function of ``(vectors, inputs)`` 0/1 to ``(vectors, output bits)`` uint8 0/1.
    """

    def outputs(inputs: NDArray[Any]) -> NDArray[np.uint8]:
        sums = network.output_sums(inputs)
        signs = (sums > 0).astype(np.uint8)
        if not label:
            return signs
        classes = bits_of(sums.argmax(axis=1), label_width(sums.shape[1]))
        return np.concatenate([signs, classes], axis=1)

    return outputs
