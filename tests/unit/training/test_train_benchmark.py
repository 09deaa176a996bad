"""The benchmark of the kernel calls it as it is."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.mark.parametrize("threads", [1, 2])
def test_an_iteration_is_timed(monkeypatch, threads):
    """Seconds per iteration, and those of the floor, are above 0."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    kernel = importlib.import_module("kernel")
    assert min(kernel.step_seconds((4, 4, 4), 16, threads, 0.01)) > 0
