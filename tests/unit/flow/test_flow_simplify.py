"""Which passes a netlist goes through if nobody says."""

from __future__ import annotations

import pytest

from btfsynth.flow.simplify import default_script, lowered_script
from btfsynth.passes.registry import SCRIPTS, WIDE_SCRIPTS, parse_script
from btfsynth.settings.table import Effort


@pytest.mark.parametrize(
    ("cells", "script"),
    [(0, "size"), (4_899, "size"), (5_000, "fast"), (97_999, "fast"), (100_000, "light")],
)
def test_larger_networks_get_faster_scripts(cells: int, script: str) -> None:
    assert lowered_script(cells) == script


@pytest.mark.parametrize(
    ("cells", "effort", "seconds", "script"),
    [
        (100, "low", None, "fast"),
        (100, "normal", None, "size"),
        (100, "high", None, "best"),
        (25_000, "normal", None, "size"),
        (93_000, "normal", None, "fast"),
        (93_000, "high", None, "size"),
        (1_000_000, "low", None, "light"),
        (1_000, "high", 20.0, "size"),
        (1_000, "normal", 2.0, "fast"),
        (1_000, "low", 0.1, "light"),
        (1_000_000, "high", 0.1, "light"),
    ],
)
def test_size_effort_and_time_choose(cells, effort, seconds, script) -> None:
    """The slowest script of the effort that fits into the time."""
    assert default_script(cells, Effort(effort), seconds) == script


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_there_for_many_inputs(name: str) -> None:
    """Under the same name, of passes that work on a sample of the vectors."""
    assert set(WIDE_SCRIPTS) == set(SCRIPTS)
    steps = parse_script(name, wide=True)
    assert steps == parse_script(WIDE_SCRIPTS[name])
    assert parse_script(f"strash; {name}" if name != "depth" else name, wide=True)[-1] == steps[-1]
    assert not {"perturb", "exact", "collapse"} & {step.name for step in steps}
