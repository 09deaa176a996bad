"""The result of learning: accuracies of the circuits and of scikit-learn models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth import __version__
from btfsynth.dataset.dataset import Dataset
from btfsynth.flow.patterns import (
    Targets,
    count_targets,
    targets_record,
    verified_words,
)
from btfsynth.flow.report import is_verified
from btfsynth.learning.base import (
    ClassProblem,
    LearnOptions,
    Problem,
    Rows,
    Samples,
    count_ands,
    new_builder,
)
from btfsynth.learning.candidates import Candidate
from btfsynth.learning.portfolio import JOINT, LEARNERS, Outcome
from btfsynth.lower.trees import LEAF, IntegerTree, lower_values
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.ports import bit_names
from btfsynth.sim.simulators import CheckResult

Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """Shares of bits and of whole vectors that are right."""

    bits: float
    vectors: float
    # 95% confidence intervals; None for data that the circuit was fitted to or chosen by
    bits_interval: Interval | None = None
    vectors_interval: Interval | None = None


@dataclass(frozen=True, eq=False)
class LearnReport:
    """The result of learning."""

    # Training, validation and, if given, test patterns by name: train, valid, test
    data: dict[str, Dataset]
    # Number of classes if there are more than two: one circuit gives the number of the class then
    n_classes: int | None
    options: LearnOptions
    outcomes: tuple[Outcome, ...]  # One for each output bit; of classes one for all bits
    baselines: tuple[list[Baseline], ...]  # One list for each outcome; empty without scikit-learn
    netlist: Netlist
    luts: (
        int | None
    )  # Lookup tables of the netlist as they were counted; None without a limit on them
    scores: dict[str, Score]  # By the name of the data
    checks: dict[str, CheckResult]
    files: tuple[str, ...]
    notices: tuple[str, ...]
    seconds: float
    # Where the files are: beside the folder asked for if the learning failed or was cut short and
    # that one holds a verified design
    directory: Path | None = None
    # (outputs,) agreement of probable circuits on each output; None where outputs are learnt singly
    confidence: NDArray[np.float64] | None = None
    asked: int | None = None  # Vectors asked of an oracle; None without one
    # True if the user stopped the work: the best found until then was taken, and is not simulated
    interrupted: bool = False

    @property
    def lost(self) -> str | None:
        """The reason if workers were lost; the best circuit found until then was taken."""
        return next((outcome.lost for outcome in self.outcomes if outcome.lost is not None), None)

    @property
    def verified(self) -> bool:
        """True if nothing failed and a simulator of the hardware ran."""
        return is_verified(self.checks, self.options.simulators or ())

    @property
    def targets(self) -> dict[str, Targets]:
        """Correct outputs of the circuit by data set."""
        return {
            name: count_targets(self.netlist, each, label=self.n_classes is not None)
            for name, each in self.data.items()
        }

    @property
    def verdict(self) -> str:
        """The verdict on the hardware in one line."""
        return verified_words(self.targets, "circuit") if self.verified else "not verified"

    @property
    def cost(self) -> NetlistStatistics:
        return statistics(self.netlist)

    @property
    def ands(self) -> int:
        return count_ands(self.netlist)

    @property
    def names(self) -> list[str]:
        """Name of each outcome: an output bit, or the port of the class."""
        ports = self.data["train"].output_ports
        names = bit_names(ports) if self.n_classes is None else [ports[0].name]
        return names[: len(self.outcomes)]

    def rows(self, place: int) -> list[dict[str, Any]]:
        """Return the best circuit of every learner and the baselines for an outcome, the winner marked."""
        outcome = self.outcomes[place]
        best: dict[str, Candidate] = {}
        for candidate in outcome.candidates:
            best.setdefault(candidate.learner, candidate)
        rows = [
            self._row(place, best[name], best[name] is outcome.candidates[0])
            for name in LEARNERS
            if name in best
        ]
        return rows + [baseline.row() for baseline in self.baselines[place]]

    def confidence_of(self, output: int) -> float | None:
        """Return the confidence of an output; None if another learner won it."""
        if self.confidence is None or self.outcomes[output].candidates[0].learner != JOINT:
            return None
        return round(float(self.confidence[output]), 4)

    def front(self, place: int) -> list[dict[str, Any]]:
        """Return circuits that are right on more validation samples than smaller ones, and the one chosen.

        By size; that is in AND nodes where circuits are compared, and in lookup tables where it is shown.
        """
        outcome = self.outcomes[place]
        found: list[Candidate] = []
        best = -1
        for each in sorted(outcome.candidates, key=lambda each: (each.ands, -each.valid_right)):
            if each.valid_right > best or each is outcome.candidates[0]:
                found.append(each)
            best = max(best, each.valid_right)
        rows = [
            {**self._row(place, each, each is outcome.candidates[0]), "luts": each.luts}
            for each in found
        ]
        return sorted(rows, key=lambda row: int(row["luts"]))

    def _row(self, place: int, candidate: Candidate, won: bool) -> dict[str, Any]:
        bits = slice(place, place + 1) if self.n_classes is None else slice(None)
        shares = {
            name: _share(evaluate(candidate.netlist, data.inputs), data, bits)
            for name, data in self.data.items()
        }
        return {
            "learner": candidate.learner,
            "how": candidate.how,
            **shares,
            "cells": candidate.netlist.n_cells,
            "ands": candidate.ands,
            "won": won,
        }

    def to_json(self) -> dict[str, Any]:
        train = self.data["train"]
        return {
            "name": train.name,
            "source": train.source,
            "data_hash": train.content_hash,
            "seed": self.options.seed,
            "patterns": {name: data.n_patterns for name, data in self.data.items()},
            "accuracy": {name: vars(score) for name, score in self.scores.items()},
            "netlist": {
                **self.cost.record(),
                "aiger_ands": self.ands,
                **({} if self.luts is None else {"luts": self.luts}),
            },
            **({"classes": list(train.classes)} if train.classes else {}),
            "limits": {
                "cells": self.options.max_cells,
                "ands": self.options.max_ands,
                "luts": self.options.max_luts,
            },
            "n_classes": self.n_classes,
            "asked": self.asked,
            "outputs": [
                {
                    "name": self.names[output],
                    "winner": outcome.candidates[0].learner,
                    "circuits": len(outcome.candidates),
                    "discarded": outcome.discarded,
                    "confidence": self.confidence_of(output),
                    "learners": self.rows(output),
                    **({"front": self.front(output)} if len(self.outcomes) == 1 else {}),
                }
                for output, outcome in enumerate(self.outcomes)
            ],
            "interrupted": self.interrupted,
            "checks": {name: check.to_json() for name, check in self.checks.items()},
            "verified": self.verified,
            "verdict": self.verdict,
            "targets": targets_record(self.targets),
            "seconds": round(self.seconds, 3),
            "version": __version__,
            "command": list(self.options.command) or None,
            "files": list(self.files),
            "notices": list(self.notices),
        }


def _share(values: NDArray[np.uint8], data: Dataset, bits: slice) -> float:
    care = data.care_mask[:, bits].all(axis=1)
    return float((values == data.targets[:, bits]).all(axis=1)[care].mean())


def score(netlist: Netlist, data: Dataset, *, unseen: bool) -> Score:
    """Return how often a circuit is right on patterns, with intervals if nothing depended on these."""
    right = evaluate(netlist, data.inputs) == data.targets
    care = data.care_mask
    whole = (right | ~care).all(axis=1)[care.any(axis=1)]
    shares = float(right[care].mean()), float(whole.mean())
    if not unseen:
        return Score(*shares)
    return Score(*shares, bits_interval(right, care), wilson(int(whole.sum()), len(whole)))


# Confidence intervals of an accuracy: Wilson's, of a share (E. B. Wilson, JASA 22, 209, 1927). The bits of one
# vector often fail together, as outputs share gates, so they are no independent samples; the vectors are. The
# number of independent bits is estimated from how much the share of right bits varies between vectors (the
# design effect; L. Kish, Survey Sampling, 1965).

_QUANTILE = 1.959964
"""Of the normal distribution, for an interval of 95%."""


def wilson(right: float, count: float) -> Interval:
    """Return the 95% confidence interval of a share, from `right` of `count` samples."""
    share, z2 = right / count, _QUANTILE**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    variance = share * (1 - share) / count + z2 / (4 * count**2)
    half = _QUANTILE * variance**0.5 / (1 + z2 / count)
    low = 0.0 if right == 0 else middle - half
    return low, 1.0 if right == count else middle + half


def bits_interval(right: NDArray[np.bool_], care: NDArray[np.bool_]) -> Interval:
    """Return the 95% confidence interval of the share of right bits; both ``(vectors, bits)`` bool."""
    told = care.any(axis=1)
    right, care = right[told], care[told]
    each = (right & care).sum(axis=1) / care.sum(axis=1)
    share = float(right[care].mean())
    variance = float(((each - share) ** 2).mean())
    count = float(len(each))
    if 0 < share < 1:
        spread = share * (1 - share)
        count = float(care.sum()) if variance == 0 else min(care.sum(), count * spread / variance)
    return wilson(share * count, count)


# Models of scikit-learn on the same samples, selected on the same validation samples.

_TREE_DEPTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, None)
_FOREST_DEPTHS = (8, 12, None)
_FOREST_TREES = 100


@dataclass(frozen=True, eq=False)
class Baseline:
    """A model of scikit-learn."""

    name: str
    how: str
    shares: dict[str, float]  # Right of the samples, by the name of the data
    netlist: Netlist | None = None  # A tree as multiplexers; None for a forest

    @property
    def ands(self) -> int | None:
        return None if self.netlist is None else count_ands(self.netlist)

    def row(self) -> dict[str, Any]:
        cells = None if self.netlist is None else self.netlist.n_cells
        return {
            "learner": self.name,
            "how": self.how,
            **self.shares,
            "cells": cells,
            "ands": self.ands,
            "won": False,
        }


def have_sklearn() -> bool:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def measure_baselines(problem: Problem | ClassProblem, test: Rows | None) -> list[Baseline]:
    """Fit a decision tree and a random forest, the depth of both selected on the validation samples."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    sets = {"train": _rows(problem.train), "valid": _rows(problem.valid)}
    if test is not None:
        sets["test"] = test
    tree = _best(
        sets,
        (
            DecisionTreeClassifier(max_depth=depth, random_state=problem.seed)
            for depth in _TREE_DEPTHS
        ),
    )
    forest = _best(
        sets,
        (
            RandomForestClassifier(_FOREST_TREES, max_depth=depth, random_state=problem.seed)
            for depth in _FOREST_DEPTHS
        ),
    )
    return [
        Baseline(
            "sklearn tree",
            f"depth {tree.get_depth()}, {tree.get_n_leaves()} leaves",
            _shares(tree, sets),
            _netlist(problem, tree),
        ),
        Baseline(
            "sklearn forest",
            f"{_FOREST_TREES} trees, depth {forest.max_depth or 'free'}",
            _shares(forest, sets),
        ),
    ]


def _rows(samples: Samples | Rows) -> Rows:
    return samples.rows if isinstance(samples, Samples) else samples


def _best(sets: dict[str, Rows], models: Iterable[Any]) -> Any:
    best, most = None, -1.0
    for model in models:
        model.fit(sets["train"].inputs, sets["train"].labels)
        right = _right(model, sets["valid"])
        if right > most:
            best, most = model, right
    return best


def _right(model: Any, rows: Rows) -> float:
    return float((model.predict(rows.inputs) == rows.labels).mean())


def _shares(model: Any, sets: dict[str, Rows]) -> dict[str, float]:
    return {name: _right(model, rows) for name, rows in sets.items()}


def _netlist(problem: Problem | ClassProblem, model: Any) -> Netlist:
    grown = model.tree_
    inner = grown.children_left >= 0
    # A column per class that was seen in training.
    tree = IntegerTree(
        test=np.where(inner, grown.feature, LEAF).astype(np.int64),
        low=grown.children_left.astype(np.int64),
        high=grown.children_right.astype(np.int64),
        value=model.classes_[grown.value[:, 0, :].argmax(axis=1)].astype(np.int64),
    )
    builder = new_builder(problem)
    literals = [builder.input(i) for i in range(builder.n_inputs)]
    width = builder.output_ports[0].width
    return builder.build(lower_values(builder, tree, literals, width))
