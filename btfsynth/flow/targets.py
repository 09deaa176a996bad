"""How many targets a circuit gets right, and what is said of a design that is verified."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import plural
from btfsynth.flow.vectors import function_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.network.accuracy import Accuracy

__all__ = ["Targets", "count_targets", "percent", "targets_record", "verified_words"]

_SETS = {"train": "train: ", "held_out": "held out: ", "valid": "valid: ", "test": "test: "}
"""What stands before the figures of a set of patterns where there are several."""


@dataclass(frozen=True)
class Targets:
    """What comes out right of a set of patterns.

    Parameters
    ----------
    right, count
        Targets that matter: those right, and all.
    labels_right, labels
        Patterns whose class the hardware names right, and patterns; None where it names none.
    """

    right: int
    count: int
    labels_right: int | None = None
    labels: int | None = None

    @property
    def all_right(self) -> bool:
        """True if nothing is missed."""
        return self.right == self.count and self.labels_right == self.labels

    @classmethod
    def of(cls, accuracy: Accuracy, *, label: bool = False) -> Targets:
        """Return the counts of an accuracy, with the classes if the hardware names them."""
        right, count = accuracy.bits_right, accuracy.bits
        if not label or accuracy.labels_right is None:
            return cls(right, count)
        return cls(right, count, accuracy.labels_right, accuracy.patterns)

    def words(self) -> str:
        """Return the counts in words, such as ``42 of 64 targets right (65.6%)``."""
        text = f"{self.right} of {plural(self.count, 'target')} right ({percent(self.right, self.count)})"
        if self.labels_right is None or self.labels is None:
            return text
        share = percent(self.labels_right, self.labels)
        return f"{text}, {self.labels_right} of {self.labels} labels right ({share})"


def percent(right: int, count: int) -> str:
    """Return a share in percent with one decimal, rounded down: 100% is all."""
    return f"{math.floor(1000 * right / count) / 10 if count else 100:g}%"


def count_targets(netlist: Netlist, dataset: Dataset) -> Targets:
    """Count the targets that a netlist gets right of Boolean patterns with as many inputs and outputs."""
    right = function_of(netlist)(dataset.inputs) == dataset.targets
    care = dataset.care_mask
    return Targets(int((right & care).sum()), int(care.sum()))


def targets_record(targets: Mapping[str, Targets]) -> dict[str, dict[str, Any]]:
    """Return counts by set of patterns as JSON values."""
    found = {}
    for name, each in targets.items():
        record: dict[str, Any] = {"right": each.right, "count": each.count}
        if each.labels is not None:
            record.update(labels_right=each.labels_right, labels=each.labels)
        found[name] = record
    return found


def verified_words(targets: Mapping[str, Targets], equals: str = "netlist") -> str:
    """Return what is said of a design whose hardware was verified.

    Parameters
    ----------
    targets
        What it gets right, by set of patterns: ``train``, ``held_out``, ``valid``, ``test``; empty where it is
        not known.
    equals
        What the hardware was proven or simulated to equal.
    """
    shown = [
        f"{'' if len(targets) == 1 else _SETS.get(name, '')}{each.words()}"
        for name, each in targets.items()
    ]
    return "; ".join([f"verified: hardware equals the {equals}", *shown])
