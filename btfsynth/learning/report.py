"""The result of learning: how often the circuits are right, beside models of scikit-learn."""

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
from btfsynth.learning.base import LearnOptions, Problem, count_ands, new_builder
from btfsynth.learning.candidates import Candidate
from btfsynth.learning.portfolio import JOINT, LEARNERS, Outcome
from btfsynth.learning.samples import Samples
from btfsynth.learning.trees import Tree, lower_tree
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.ports import bit_names
from btfsynth.sim.base import CheckResult


@dataclass(frozen=True)
class Score:
    bits: float
    vectors: float


@dataclass(frozen=True, eq=False)
class LearnReport:
    """The result of learning."""

    # Training, validation and, if given, test patterns by name: train, valid, test
    data: dict[str, Dataset]
    options: LearnOptions
    outcomes: tuple[Outcome, ...]  # One for each output bit
    baselines: tuple[
        list[Baseline], ...
    ]  # One list for each output bit; empty without scikit-learn
    netlist: Netlist
    scores: dict[str, Score]  # By the name of the data
    checks: dict[str, CheckResult]
    files: tuple[str, ...]
    notices: tuple[str, ...]
    seconds: float
    # Where the files are: beside the folder asked for if the learning failed or was cut short and
    # that one holds a verified design
    directory: Path | None = None
    # (outputs,) how far equally simple circuits agree on each output; None where outputs are learnt singly
    confidence: NDArray[np.float64] | None = None
    # True if the user stopped the work: the best found until then was taken, and is not simulated
    interrupted: bool = False

    @property
    def lost(self) -> str | None:
        """What became of the workers, if they were lost; the best found until then was taken."""
        return next((outcome.lost for outcome in self.outcomes if outcome.lost is not None), None)

    @property
    def verified(self) -> bool:
        """True if nothing failed and a simulator of the hardware ran."""
        return is_verified(self.checks, self.options.simulators or ())

    @property
    def targets(self) -> dict[str, Targets]:
        """What the circuit gets right, by the name of the data."""
        return {name: count_targets(self.netlist, each) for name, each in self.data.items()}

    @property
    def verdict(self) -> str:
        """What is said of the hardware in one line."""
        return verified_words(self.targets, "circuit") if self.verified else "not verified"

    @property
    def cost(self) -> NetlistStatistics:
        return statistics(self.netlist)

    @property
    def ands(self) -> int:
        return count_ands(self.netlist)

    def rows(self, output: int) -> list[dict[str, Any]]:
        """Return the best circuit of every learner and the baselines for an output bit, the winner marked."""
        outcome = self.outcomes[output]
        best: dict[str, Candidate] = {}
        for candidate in outcome.candidates:
            best.setdefault(candidate.learner, candidate)
        rows = [
            self._row(output, best[name], best[name] is outcome.candidates[0])
            for name in LEARNERS
            if name in best
        ]
        return rows + [self._baseline_row(output, each) for each in self.baselines[output]]

    def confidence_of(self, output: int) -> float | None:
        """Return how far equally simple circuits agree on an output; None if another learner has won it."""
        if self.confidence is None or self.outcomes[output].candidates[0].learner != JOINT:
            return None
        return round(float(self.confidence[output]), 4)

    def _row(self, output: int, candidate: Candidate, won: bool) -> dict[str, Any]:
        shares = {
            name: _share(evaluate(candidate.netlist, data.inputs)[:, 0], data, output)
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

    def _baseline_row(self, output: int, baseline: Baseline) -> dict[str, Any]:
        counts = {name: int(data.care_mask[:, output].sum()) for name, data in self.data.items()}
        row: dict[str, Any] = {
            "learner": baseline.name,
            "how": baseline.how,
            "train": baseline.train_right / counts["train"],
            "valid": baseline.valid_right / counts["valid"],
        }
        if baseline.test is not None:
            test = self.data["test"]
            row["test"] = float(
                (baseline.test == test.targets[test.care_mask[:, output], output]).mean()
            )
        cells = None if baseline.netlist is None else baseline.netlist.n_cells
        return {**row, "cells": cells, "ands": baseline.ands, "won": False}

    def to_json(self) -> dict[str, Any]:
        train = self.data["train"]
        names = bit_names(train.output_ports)
        return {
            "name": train.name,
            "source": train.source,
            "data_hash": train.content_hash,
            "seed": self.options.seed,
            "patterns": {name: data.n_patterns for name, data in self.data.items()},
            "accuracy": {name: vars(score) for name, score in self.scores.items()},
            "netlist": {**self.cost.record(), "aiger_ands": self.ands},
            **({"classes": list(train.classes)} if train.classes else {}),
            "limits": {"cells": self.options.max_cells, "ands": self.options.max_ands},
            "outputs": [
                {
                    "name": names[output],
                    "winner": outcome.candidates[0].learner,
                    "circuits": len(outcome.candidates),
                    "discarded": outcome.discarded,
                    "confidence": self.confidence_of(output),
                    "learners": self.rows(output),
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


def _share(values: NDArray[np.uint8], data: Dataset, output: int) -> float:
    care = data.care_mask[:, output]
    return float((values == data.targets[:, output])[care].mean())


def score(netlist: Netlist, data: Dataset) -> Score:
    """Return how often a circuit of all outputs is right on patterns."""
    right = evaluate(netlist, data.inputs) == data.targets
    care = data.care_mask
    return Score(float(right[care].mean()), float((right | ~care).all(axis=1).mean()))


# Models of scikit-learn on the same samples, selected on the same validation samples.

_TREE_DEPTHS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, None)
_FOREST_DEPTHS = (8, 12, None)
_FOREST_TREES = 100


@dataclass(frozen=True, eq=False)
class Baseline:
    """A model of scikit-learn."""

    name: str
    how: str
    train_right: int
    valid_right: int
    # (samples,) bool, its output on the test samples, None without any
    test: NDArray[np.bool_] | None
    netlist: Netlist | None = None  # A tree as multiplexers; None for a forest
    ands: int | None = None


def have_sklearn() -> bool:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def measure_baselines(problem: Problem, test: Samples | None) -> list[Baseline]:
    """Fit a decision tree and a random forest, the depth of both selected on the validation samples."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    tree = _best(
        problem,
        (
            DecisionTreeClassifier(max_depth=depth, random_state=problem.seed)
            for depth in _TREE_DEPTHS
        ),
    )
    forest = _best(
        problem,
        (
            RandomForestClassifier(_FOREST_TREES, max_depth=depth, random_state=problem.seed)
            for depth in _FOREST_DEPTHS
        ),
    )
    netlist = _netlist(problem, tree)
    found = []
    for name, how, model in (
        ("sklearn tree", f"depth {tree.get_depth()}, {tree.get_n_leaves()} leaves", tree),
        ("sklearn forest", f"{_FOREST_TREES} trees, depth {forest.max_depth or 'free'}", forest),
    ):
        of_tree = model is tree
        found.append(
            Baseline(
                name,
                how,
                train_right=_right(model, problem.train),
                valid_right=_right(model, problem.valid),
                test=None if test is None else np.asarray(model.predict(test.inputs), np.bool_),
                netlist=netlist if of_tree else None,
                ands=count_ands(netlist) if of_tree else None,
            )
        )
    return found


def _best(problem: Problem, models: Iterable[Any]) -> Any:
    best, most = None, -1
    for model in models:
        model.fit(problem.train.inputs, problem.train.on)
        right = _right(model, problem.valid)
        if right > most:
            best, most = model, right
    return best


def _right(model: Any, samples: Samples) -> int:
    return int((model.predict(samples.inputs) == samples.on).sum())


def _netlist(problem: Problem, model: Any) -> Netlist:
    grown = model.tree_
    inner = grown.children_left >= 0
    # Where only one class was seen there is one column: the share of that class.
    classes = model.classes_.astype(np.bool_)
    value = classes[grown.value[:, 0, :].argmax(axis=1)]
    tree = Tree(
        feature=np.where(inner, grown.feature, -1).astype(np.int64),
        low=grown.children_left.astype(np.int64),
        high=grown.children_right.astype(np.int64),
        value=value,
        order=tuple(int(node) for node in np.flatnonzero(inner)),
    )
    builder = new_builder(problem)
    literals = [builder.input(i) for i in range(builder.n_inputs)]
    return builder.build([lower_tree(builder, tree, literals)])
