"""What the seeds of an experiment came to together, beside what was published."""

from __future__ import annotations

import statistics
from typing import Any

from btfsynth.reproduce.catalogue import Measure
from btfsynth.reproduce.record import BASELINES, goal_reached, value_of
from btfsynth.reproduce.store import Row


def summary(row: Row) -> dict[str, Any]:
    """Return one row of the table as JSON values; figures are medians over its seeds.

    Steps and seconds are of the runs that reached the goal, where there is one to reach and a run did; else
    of all.
    """
    experiment, records = row.experiment, row.records
    published = experiment.published
    values = [value_of(experiment, record) for record in records]
    goals = [goal_reached(experiment, record) for record in records]
    reached = [record for record, goal in zip(records, goals, strict=True) if goal]
    ended = [record for record in records if record["stop"] != "iterations"]
    counted = reached or records
    steps = _median([record["steps"] for record in counted])
    return {
        "name": experiment.name,
        "title": experiment.title,
        "measure": experiment.measure.value,
        "state": _state(row),
        "seeds": len(records),
        "seeds_wanted": row.scale.seeds,
        "reached": None if not goals or goals[0] is None else len(reached),
        "ended_early": len(ended),
        "published": {
            "result": published.result,
            "share": published.share,
            "steps": published.steps,
            "beta": published.beta,
            "gamma": published.gamma,
            "gap_limit": published.gap_limit,
            "adamw": published.gradient,
            "adamw_penalty": published.penalised,
        },
        "settings": experiment.settings(row.scale),
        "value": _median(values),
        "least": min(values, default=None),
        "greatest": max(values, default=None),
        "steps": steps,
        "seconds": _median([record["seconds"] for record in counted]),
        "steps_ratio": None
        if published.steps is None or not steps
        else published.steps / float(steps),
        **{name: _baseline(row, name) for name in BASELINES},
        "fitted": _fitted(records),
        "recovered": _recovered(records),
    }


def _state(row: Row) -> str:
    if row.skipped is not None and not row.records:
        return "skipped"
    if not row.records:
        return "not run"
    return "done" if row.finished else "partly done"


def _baseline(row: Row, name: str) -> float | None:
    """Return the median of a baseline: of the test if there is one, else of the training targets."""
    key = "train" if row.experiment.measure is Measure.EXACT else "test"
    return _median(
        [
            record[name][key]
            for seed, record in sorted(row.baselines.items())
            if seed in row.seeds and name in record
        ]
    )


def _recovered(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return in how many runs the circuit was proven found, and how many outputs at best."""
    found = [record["recovery"] for record in records if record["recovery"] is not None]
    if not found:
        return None
    best = max(found, key=lambda recovery: (recovery["equal"], -recovery["cells"]))
    return {
        "runs": sum(recovery["whole"] for recovery in found),
        "looked_at": len(found),
        "outputs": best["outputs"],
        "best_equal": best["equal"],
        "method": best["method"],
        "cells": best["cells"],
        "hidden_cells": best["hidden_cells"],
        "rounded_test": _median(
            [r["rounded_share"] for r in found if r["rounded_share"] is not None]
        ),
    }


def _fitted(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what the networks have of the test once their weights are fitted anew, and how many are left."""
    found = [record["sparse"] for record in records if record.get("sparse") is not None]
    if not found:
        return None
    shares = [each["test"] for each in found]
    return {
        "runs": len(found),
        "test": _median(shares),
        "least": min(shares),
        "greatest": max(shares),
        "weights": _median([each["nonzero"] for each in found]),
    }


def _median(values: list[Any]) -> float | None:
    return statistics.median(values) if values else None
