"""The front of a learning on the report page, from a record that is not to be trusted."""

from __future__ import annotations

from typing import Any

from btfsynth.report.page import size_front

FRONT = [
    {
        "luts": 0,
        "train": 0.5,
        "valid": 0.5,
        "cells": 0,
        "learner": "constant",
        "how": "0",
        "won": False,
    },
    {
        "luts": 9,
        "train": 0.9,
        "valid": 0.8,
        "cells": 30,
        "learner": "gradient",
        "how": "3 trees",
        "won": True,
    },
]


def record(front: Any) -> dict[str, Any]:
    return {"outputs": [{"name": "y", "front": front}]}


def test_front_is_drawn() -> None:
    """A line per set of samples that all circuits have, a row per circuit, the chosen one marked."""
    found = size_front(record(FRONT))
    assert found is not None
    assert found["sets"] == ["train", "valid"]
    assert [row["values"] for row in found["rows"]] == [["50.00%", "50.00%"], ["90.00%", "80.00%"]]
    assert [row["won"] for row in found["rows"]] == [False, True]
    assert str(found["plot"]).count("<circle") == 4
    assert "9 tables: 80.00% valid" in found["plot"]


def test_broken_records_are_left_out() -> None:
    """What is no front, or has no numbers, is not shown; text cannot become markup."""
    assert size_front({}) is None
    assert size_front(record("front")) is None
    assert size_front(record([*FRONT[:1], {"luts": "many"}, {"luts": -3}])) is None
    two = {"outputs": [*record(FRONT)["outputs"], {}]}
    assert size_front(two) is None
    found = size_front(record([*FRONT, {"luts": 3, "how": "<b>"}]))
    assert found is not None
    assert found["sets"] == []
    assert "<b>" not in found["plot"]
