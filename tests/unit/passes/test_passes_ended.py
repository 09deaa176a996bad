"""Passes that are ended, and passes that are wrong where no sample of the vectors shows it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import pytest
from circuits import array_multiplier

from btfsynth.flow.simplify import netlist_reference, optimise
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, count_wrong
from btfsynth.passes.base import Ended, run_script
from btfsynth.passes.basic import Strash
from btfsynth.passes.goal import keep
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent


@dataclass(frozen=True)
class Ending:
    """Has half a netlist, then the user or the time ends it."""

    how: type[BaseException]
    name: ClassVar[str] = "ending"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        smaller = parse_script("functional_hash")[0].apply(netlist, reference)
        keep(lambda: smaller)
        if self.how is KeyboardInterrupt:
            raise KeyboardInterrupt
        time.sleep(60)
        return netlist


def redundant() -> Netlist:
    """An exclusive or, twice."""
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 2)])
    a, b = builder.input(0), builder.input(1)
    other = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    return builder.build([builder.xor(a, b), other])


@pytest.mark.parametrize("how", [KeyboardInterrupt, TimeoutError])
def test_what_an_ended_pass_had_counts(how):
    """It is checked and reported as cut short; the passes after it do not run."""
    netlist = redundant()
    reference = netlist_reference(netlist, None, None)
    deadline = None if how is KeyboardInterrupt else time.monotonic() + 0.5
    result = run_script([Strash(), Ending(how), Strash()], netlist, reference, deadline=deadline)
    assert result.ended is (Ended.USER if how is KeyboardInterrupt else Ended.TIME)
    assert [(each.name, each.cut_short) for each in result.reports] == [
        ("strash", False),
        ("ending", True),
    ]
    assert result.netlist.n_cells < netlist.n_cells
    assert count_wrong(result.netlist, reference) == 0


SCRIPTS = (
    "resub --patience 1000000000",
    "perturb --rounds 1000000000",
    "rewrite -z --patience 1000000000",
    "sat_sweep; detect; algebra; depth; perturb --rounds 1000000000",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_passes_that_walk_end_with_their_best(script):
    """By the clock where there are no alarms, as in a thread, too."""
    netlist = array_multiplier(3, 3)
    reference = netlist_reference(netlist, None, None)
    found = []

    def work():
        steps = parse_script(f"strash; {script}; strash")
        found.append(optimise(netlist, reference, steps, time.monotonic() + 0.8))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    work()
    for result in found:
        assert result.ended is Ended.TIME
        assert len(result.reports) < result.steps
        assert result.netlist.n_cells <= netlist.n_cells
        assert count_wrong(result.netlist, reference) == 0


@dataclass(frozen=True)
class Rare:
    """Forgets the outputs that are nearly always 0."""

    name: ClassVar[str] = "rare"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
        inputs = [builder.input(bit) for bit in range(20)]
        return builder.build([0, reduce(builder.xor, inputs)])


def test_a_pass_that_is_wrong_on_one_vector_is_undone():
    """Of a million, so that no sample has it; the passes before and after it count."""
    builder = NetlistBuilder("t", [Port("x", 20)], [Port("y", 2)])
    inputs = [builder.input(bit) for bit in range(20)]
    both = reduce(builder.and_, inputs), reduce(builder.xor, reversed(inputs))
    netlist = builder.build(both)
    reference = netlist_reference(netlist, None, None)
    assert not reference.complete
    result = optimise(netlist, reference, [*parse_script("strash"), Rare(), Strash()])
    assert [report.kept for report in result.reports] == [True, False, True]
    assert result.netlist.n_cells == netlist.n_cells
    assert result.unproven is None
    assert equivalent(netlist, result.netlist).equal


def test_progress_is_told():
    """At the beginning of each pass and while one runs: name, number, cells, depth and seconds."""
    netlist = array_multiplier(3, 3)
    told = []
    steps = parse_script("strash; resub --patience 1000000000")
    optimise(netlist, None, steps, time.monotonic() + 2.5, told.append)
    assert [event.name for event in told[:2]] == ["strash", "resub"]
    assert len(told) > 2
    assert told[-1].number == told[-1].passes == 2
    assert told[-1].cells <= told[0].cells == netlist.n_cells
    assert told[-1].depth > 0
    assert told[-1].seconds > told[1].seconds
