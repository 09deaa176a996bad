"""What a network gets right: bits, whole patterns and class labels, and labels as hardware has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import UsageError
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port


@dataclass(frozen=True)
class Accuracy:
    """What a network gets right of a data set."""

    patterns: int
    bits: int
    bits_right: int
    # Patterns with all targets that matter correct. Of a class that is a one-hot row:
    # its output and no other is 1
    vectors_right: int
    # Patterns whose class has the largest sum W . x of all output neurons; None where the targets
    # are no classes
    labels_right: int | None = None

    @property
    def bit_share(self) -> float:
        return self.bits_right / max(1, self.bits)

    @property
    def vector_share(self) -> float:
        return self.vectors_right / self.patterns

    @property
    def label_share(self) -> float | None:
        """Share of classes got right; None where the targets are no classes."""
        return None if self.labels_right is None else self.labels_right / self.patterns

    def label_record(self) -> dict[str, Any]:
        """Return what there is to say of classes as JSON values: nothing where there are none."""
        if self.labels_right is None:
            return {}
        return {"labels_right": self.labels_right, "label_accuracy": self.label_share}


def measure(network: TrainedNetwork, dataset: Dataset) -> Accuracy:
    """Count what a network gets right, in one evaluation.

    A class is read from the output neurons as the first of the largest sums, so that every pattern has one.
    Bits and whole patterns are read from the signs, as hardware has them.
    """
    network.require_outputs_of(dataset)
    sums = network.output_sums(dataset.inputs)
    right = (sums > 0) == dataset.targets.astype(np.bool_)
    care = dataset.care_mask
    labels = None
    if dataset.output_kind is OutputKind.LABEL:
        labels = int((sums.argmax(axis=1) == dataset.targets.argmax(axis=1)).sum())
    return Accuracy(
        patterns=dataset.n_patterns,
        bits=int(care.sum()),
        bits_right=int((right & care).sum()),
        vectors_right=int((right | ~care).all(axis=1).sum()),
        labels_right=labels,
    )


def label_width(classes: int) -> int:
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
    """Refuse a network whose output neurons read each other: their sums are not there at once."""
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
    """Return the function of a network's hardware: ``(vectors, inputs)`` to ``(vectors, output bits)``, 0/1.

    With `label`, the number of the class follows the output bits: that of the output neuron with the largest
    sum ``W . x``, the first of equal ones, least significant bit first.
    """

    def outputs(inputs: NDArray[Any]) -> NDArray[np.uint8]:
        sums = network.output_sums(inputs)
        signs = (sums > 0).astype(np.uint8)
        if not label:
            return signs
        classes = bits_of(sums.argmax(axis=1), label_width(sums.shape[1]))
        return np.concatenate([signs, classes], axis=1)

    return outputs
