"""Where the registers go, and the pipeline clock by clock."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.errors import UsageError
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.module import make_pipeline, stages_for_depth
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.settings.table import MAX_LATENCY


@given(netlists(), st.integers(1, 8))
@settings(deadline=None)
def test_times_are_consistent(netlist, stages):
    """No cell reads what is not yet there, no stage is too deep, and chains are as long as is needed."""
    pipeline = make_pipeline(netlist, stages)
    time, first = pipeline.time.tolist(), netlist.first_cell
    needed = [0] * netlist.n_nodes
    depth = [0] * netlist.n_nodes
    assert time[:first] == [0] * first
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        own = time[first + cell]
        assert 0 <= own < stages
        sources = [literal >> 1 for literal in fanin if literal >> 1]
        for source in sources:
            assert time[source] <= own
            needed[source] = max(needed[source], own - time[source])
        depth[first + cell] = 1 + max(
            (depth[source] for source in sources if source >= first and time[source] == own),
            default=0,
        )
    for literal in netlist.outputs.tolist():
        if literal >> 1:
            gap = stages - 1 - time[literal >> 1]
            needed[literal >> 1] = max(needed[literal >> 1], gap)
    assert max(depth) <= pipeline.stage_depth
    assert pipeline.stage_depth == max(1, -(-max(naive.cell_levels(netlist)) // stages))
    assert pipeline.delays.tolist() == needed
    assert pipeline.n_registers == sum(needed) <= naive.registers_of_cut(netlist, stages)


@given(netlists(max_inputs=4, max_cells=10), st.integers(1, 5), st.data())
@settings(deadline=None, max_examples=60)
def test_clock_by_clock(netlist, stages, data):
    """Each vector comes out a latency later whatever the enable does, and a reset clears everything."""
    model = naive.Clocked(netlist, make_pipeline(netlist, stages))
    table = naive.truth_table(netlist)
    events = st.tuples(
        st.integers(0, (1 << netlist.n_inputs) - 1), st.booleans(), st.integers(0, 9)
    )
    taken: list[int | None] = []  # vectors on their way, None for what a reset has left
    before = [0] * netlist.n_outputs
    for number, enable, reset in data.draw(st.lists(events, max_size=30)):
        bits = [number >> bit & 1 for bit in range(netlist.n_inputs)]
        got = model.tick(bits, enable, reset == 0)
        if reset == 0:
            taken = [None] * len(taken)
            assert got == [0] * netlist.n_outputs
        elif not enable:
            assert got == before
        else:
            taken.append(number)
            if len(taken) >= stages and taken[-stages] is not None:
                assert got == list(table[taken[-stages]])
        before = got


def test_moving_cells_saves_registers():
    """Four cells of two inputs that are read late are made late: two long chains instead of four."""
    builder = NetlistBuilder("late", [Port("a", 2), Port("x", 7)], [Port("y", 4)])
    a, b, *rest = (builder.input(bit) for bit in range(9))
    chain = rest[0]
    for place, literal in enumerate(rest[1:]):
        chain = builder.or_(chain, literal) if place % 2 else builder.and_(chain, literal)
    pairs = [builder.and_(a ^ flip, b ^ other) for flip in (0, 1) for other in (0, 1)]
    netlist = builder.build([builder.and_(chain, pair) for pair in pairs])
    saved = naive.registers_of_cut(netlist, 7) - make_pipeline(netlist, 7).n_registers
    assert saved == 24 - (2 * 5 + 4)


def test_number_of_stages():
    """As many stages as the depth asks for; more than it only shift."""
    netlist = array_multiplier(6, 6)
    deepest = max(naive.cell_levels(netlist))
    assert stages_for_depth(netlist, deepest) == 1
    assert stages_for_depth(netlist, 1) == deepest
    assert make_pipeline(netlist, deepest).stage_depth == 1
    assert (make_pipeline(netlist, 2 * deepest).time < 2 * deepest).all()


@pytest.mark.parametrize(
    ("options", "timing"),
    [
        ({}, None),
        ({"pipeline": 2}, Timing(2)),
        ({"pipeline": 2, "enable": True}, Timing(2, enable=True)),
        ({"pipeline": "auto:3", "reset": True}, Timing(3, reset=True)),
        ({"pipeline": "auto:100"}, Timing(1)),
        ({"stream": True}, Timing(1, enable=True, reset=True)),
    ],
)
def test_timing_of_options(options, timing):
    """What is asked for is what the design becomes."""
    assert HardwareOptions(**options).timing(array_multiplier(3, 3)) == timing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": -1}, "expected 0 to 1000 stages, .*got -1"),
        ({"pipeline": MAX_LATENCY + 1}, "got 1001"),
        ({"pipeline": "auto:0"}, "stages, auto or auto:DEPTH, got 'auto:0'"),
        ({"enable": True}, "a combinational design has no registers"),
        (
            {"formats": ("blif", "verilog")},
            "`formats`: expected a list of some of .*blif, aag.*got 'verilog'",
        ),
    ],
)
def test_impossible_options(options, message):
    """What cannot be is refused before anything is written."""
    with pytest.raises(UsageError, match=message):
        HardwareOptions(**options)


def test_wide_and_shallow():
    """A netlist without cells only shifts."""
    netlist = array_multiplier(1, 1)
    wires = type(netlist)(
        "w", netlist.input_ports, netlist.output_ports, np.zeros((0, 3), np.int32),
        np.array([2, 5], np.int32),
    )  # fmt: skip
    pipeline = make_pipeline(wires, 3)
    assert pipeline.delays.tolist() == [0, 2, 2]
    model = naive.Clocked(wires, pipeline)
    assert [model.tick(bits) for bits in ([1, 0], [0, 1], [0, 0], [0, 0])][2:] == [[1, 1], [0, 0]]
