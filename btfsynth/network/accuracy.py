"""How often a network is right: bits, whole patterns and, where targets are classes, labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.network.trained import TrainedNetwork

__all__ = ["Accuracy", "measure"]


@dataclass(frozen=True)
class Accuracy:
    """What a network gets right of a data set.

    Parameters
    ----------
    patterns
        Patterns of the data set.
    bits
        Targets that matter.
    bits_right
        Targets that matter and come out right.
    vectors_right
        Patterns of which every target that matters comes out right. Of a class that is a one-hot
        row: its output and no other is 1.
    labels_right
        Patterns whose class has the largest sum ``W . x`` of all output neurons; None where the
        targets are no classes.
    """

    patterns: int
    bits: int
    bits_right: int
    vectors_right: int
    labels_right: int | None = None

    @property
    def bit_share(self) -> float:
        """Share of the targets that matter got right."""
        return self.bits_right / max(1, self.bits)

    @property
    def vector_share(self) -> float:
        """Share of whole patterns got right."""
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

    Parameters
    ----------
    network
        The network.
    dataset
        Patterns with as many inputs and outputs as it has.

    Raises
    ------
    TopologyError
        If the patterns have another number of inputs or outputs.

    Notes
    -----
    A class is read from the output neurons as the first of the largest sums, so that every pattern
    has one. Bits and whole patterns are read from the signs, as hardware has them.
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
