"""Which passes a netlist goes through if nobody says."""

from __future__ import annotations

import pytest

from btfsynth.flow.simplify import default_script
from btfsynth.passes.registry import parse_script


@pytest.mark.parametrize(
    ("cells", "script"),
    [(0, "size"), (4_999, "size"), (5_000, "fast"), (29_999, "fast"), (30_000, "light")],
)
def test_larger_netlists_get_faster_scripts(cells: int, script: str) -> None:
    """Each is a script that there is, and has fewer passes than those for smaller netlists."""
    assert default_script(cells) == script
    assert len(parse_script(script)) <= len(parse_script("size" if cells < 5_000 else "fast"))
