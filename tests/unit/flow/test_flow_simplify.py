"""Which passes a netlist goes through if nobody says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import numba
import pytest

from btfsynth.errors import ToolTimeoutError
from btfsynth.flow import simplify
from btfsynth.flow.simplify import default_script, lowered_script, optimise, proves_equal
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import statistics
from btfsynth.passes.basic import Strash
from btfsynth.passes.goal import Goal
from btfsynth.passes.registry import SCRIPTS, WIDE_SCRIPTS, parse_script
from btfsynth.ports import Port
from btfsynth.settings.table import Effort, Objective
from btfsynth.time_box import TimeUp, time_box


def two_ands(swapped: bool) -> Netlist:
    """Two conjunctions, one cell if they are written alike."""
    builder = NetlistBuilder("t", [Port("x", 3)], [Port("y", 2)])
    a, b, c = (builder.input(number) for number in range(3))
    first = builder.and_(builder.and_(a, b), c)
    second = builder.and_(a, builder.and_(b, c)) if swapped else first
    return builder.build([first, second])


@dataclass(frozen=True)
class Larger:
    """Writes one of them in another way."""

    name: ClassVar[str] = "larger"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return two_ands(swapped=True)


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


def test_cells_count_where_nobody_says(monkeypatch) -> None:
    """Where passes are given, what the last one leaves."""
    steps = (Strash(), Larger())
    monkeypatch.setattr(simplify, "script_steps", lambda *_: steps)
    netlist = two_ands(swapped=False)
    assert optimise(netlist, None, steps).netlist.n_cells == 4
    chosen = optimise(netlist, None, Effort.NORMAL)
    assert chosen.netlist is netlist
    assert [report.worse for report in chosen.reports] == [True, True]


def adder(width: int) -> Netlist:
    """Three cells a bit, and two levels: as few as are known; not in the order that passes make."""
    made = NetlistBuilder("sum", [Port("a", width), Port("b", width)], [Port("s", width + 1)])
    carry, bits = FALSE, []
    for bit in range(width):
        a, b = made.input(width + bit), made.input(bit)
        inner, after = made.maj(carry ^ 1, b, a), made.maj(a, carry, b)
        bits.append(made.maj(inner, after ^ 1, carry) if bit else made.and_(inner, after ^ 1))
        carry = after
    return made.build([*bits, carry])


@pytest.mark.parametrize(
    ("width", "effort", "objective"),
    [(2, Effort.NORMAL, None), (2, Effort.NORMAL, Objective.DEPTH), (9, Effort.LOW, None)],
)
def test_what_is_no_better_is_not_rewritten(
    width: int, effort: Effort, objective: Objective | None
) -> None:
    """All comes out as it was given, at most with fewer inverters, for tables and for many inputs."""
    goal = Goal(objective)
    script = goal.script or effort
    given = optimise(adder(width), None, script, goal=goal).netlist
    if objective is None:
        assert (given.fanins >> 1 == adder(width).fanins >> 1).all()
    again = optimise(given, None, script, goal=goal)
    assert again.netlist is given
    assert not any(report.kept for report in again.reports)
    assert again.reports[-1].after == statistics(given)


def test_a_proof_does_not_end_within_a_compilation(monkeypatch) -> None:
    """A kernel compiled by half can never be used again; the proof ends after it."""

    @numba.njit
    def kernel(number):
        return number + 1

    def late(_a: Netlist, _b: Netlist, _seconds: float) -> None:
        try:
            with time_box(time.monotonic() + 0.01):
                kernel(1)
                time.sleep(10)
        except TimeUp:
            raise ToolTimeoutError("late") from None

    monkeypatch.setattr(simplify, "equivalent", late)
    netlist = two_ands(swapped=False)
    assert proves_equal(netlist, netlist, time.monotonic() + 9.0) is None
    assert len(kernel.signatures) == 1
