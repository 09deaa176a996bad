"""The circuits that are kept as examples are what they are said to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from btfsynth.dataset.tasks import parse_task
from btfsynth.netlist.reference import care_reference, count_wrong
from btfsynth.netlist.text import read_netlist
from btfsynth.netlist.views import statistics

CIRCUITS = sorted((Path(__file__).parents[2] / "examples" / "circuits").glob("*.mig"))


@pytest.mark.parametrize("path", CIRCUITS, ids=lambda path: path.stem)
def test_a_kept_circuit(path):
    """It computes its task, with the cells and the depth that its name tells."""
    task, size, cells, depth = re.fullmatch(r"([a-z]+)_(\d+)_c(\d+)_d(\d+)", path.stem).groups()
    netlist = read_netlist(path)
    assert not count_wrong(netlist, care_reference(parse_task(f"{task}:{size}")))
    cost = statistics(netlist)
    assert (cost.cells, cost.depth) == (int(cells), int(depth))
