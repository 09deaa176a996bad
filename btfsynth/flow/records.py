"""What a netlist, passes and checks came to, as JSON values, and whether it is verified."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import MANIFEST_FILE
from btfsynth.netlist.views import NetlistStatistics
from btfsynth.network.trained import TrainedNetwork
from btfsynth.passes.base import PassReport
from btfsynth.sim.registry import ALL_SIMULATORS, SIMULATORS
from btfsynth.sim.result import CheckResult

__all__ = ["holds_verified", "is_verified", "netlist_record", "network_record", "pass_records"]


def is_verified(checks: Mapping[str, CheckResult], wanted: Sequence[str]) -> bool:
    """Tell whether every check that ran passed, all wanted ones ran, and one ran the hardware.

    Parameters
    ----------
    checks
        Those that ran or were skipped.
    wanted
        Names of those that must have run; `ALL_SIMULATORS` stands for all.
    """
    if ALL_SIMULATORS in wanted:
        wanted = tuple(checks)
    ran = [name for name, check in checks.items() if check.skipped is None]
    real = any(name in SIMULATORS for name in ran)
    return real and all(checks[name].ok for name in ran) and all(name in ran for name in wanted)


def holds_verified(directory: StrPath) -> bool:
    """Tell whether a folder holds a design that was verified, or one that nothing is recorded of.

    What failed is not to take its place.
    """
    directory = as_path(directory)
    if not (directory / MANIFEST_FILE).is_file():
        return False
    try:
        record = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return True
    return not isinstance(record, dict) or record.get("verified") is not False


def netlist_record(cost: NetlistStatistics) -> dict[str, int]:
    """Return what a netlist costs as JSON values."""
    return {
        "cells": cost.cells,
        "and": cost.and_cells,
        "or": cost.or_cells,
        "maj": cost.maj_cells,
        "inverters": cost.inverters,
        "depth": cost.depth,
    }


def pass_records(reports: Sequence[PassReport]) -> list[dict[str, Any]]:
    """Return what passes did as JSON values."""
    return [
        {
            "name": report.name,
            "cells": report.after.cells,
            "depth": report.after.depth,
            "seconds": round(report.seconds, 3),
            "compile_seconds": round(report.compile_seconds, 3),
            "proof": report.proof,
            "kept": report.kept,
        }
        for report in reports
    ]


def network_record(network: TrainedNetwork, dataset: Dataset) -> CheckResult:
    """Check the trained network against the patterns."""
    right = network.vectors_right(dataset)
    return CheckResult(name="network", passed=right, failed=dataset.n_patterns - right)
