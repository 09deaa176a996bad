"""Optimising for look-up tables: never more of them, and the same function."""

from __future__ import annotations

import time

import numpy as np
from circuits import AND_ADDERS, array_multiplier

from btfsynth.flow.simplify import lut_cost, optimise, optimise_for_luts
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.passes.base import Ended
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent

SCRIPT = "detect; resub -k 1 --patience 0; rewrite"


def popcount_tables():
    """The decision diagrams of a population count of 8."""
    builder = NetlistBuilder("popcount", [Port("x", 8)], [Port("y", 4)])
    inputs = [builder.input(bit) for bit in range(8)]
    counts = np.array([vector.bit_count() for vector in range(256)])
    tables = (counts[None, :] >> np.arange(4)[:, None] & 1).astype(np.uint8)
    return builder.build([lower_table(builder, table, inputs) for table in tables])


def test_fewer_tables():
    """Fewer than the netlist has and than the script alone gives; the same again."""
    netlist = popcount_tables()
    steps = parse_script(SCRIPT)
    result = optimise_for_luts(netlist, None, steps)
    assert equivalent(netlist, result.netlist).equal
    plain = optimise(netlist, None, steps).netlist
    luts = [lut_cost(each)[0] for each in (netlist, plain, result.netlist)]
    assert luts[0] == 13
    assert luts[2] == 7 < luts[1]
    assert result.ended is Ended.DONE
    assert sum(report.kept for report in result.reports) == len(result.reports) > 0
    again = optimise_for_luts(netlist, None, steps)
    assert again.netlist.fanins.tolist() == result.netlist.fanins.tolist()


def test_a_netlist_that_is_best_stays():
    """One table per output: the netlist as it came, without a report."""
    netlist = array_multiplier(2, 2, AND_ADDERS[0])
    result = optimise_for_luts(netlist, None, parse_script("strash"))
    assert lut_cost(result.netlist)[:2] == (4, 1)


def test_no_time():
    """At a deadline that has passed the netlist as it came is what there is."""
    netlist = array_multiplier(4, 4, AND_ADDERS[1])
    result = optimise_for_luts(netlist, None, parse_script(SCRIPT), time.monotonic())
    assert result.netlist is netlist
    assert result.ended is Ended.TIME
