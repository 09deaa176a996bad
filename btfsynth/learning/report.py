"""The result of learning: how often the circuits are right, and a table of all that competed."""

from __future__ import annotations

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
from btfsynth.learning.base import LearnOptions, count_ands
from btfsynth.learning.baselines import Baseline
from btfsynth.learning.candidates import Candidate
from btfsynth.learning.portfolio import LEARNERS, Outcome
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
            "limits": {"cells": self.options.max_cells, "ands": self.options.max_ands},
            "outputs": [
                {
                    "name": names[output],
                    "winner": outcome.candidates[0].learner,
                    "circuits": len(outcome.candidates),
                    "discarded": outcome.discarded,
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
