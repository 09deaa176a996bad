"""Circuits grown input by input and output by output."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.load import load
from btfsynth.discovery import cascade
from btfsynth.discovery.cascade import (
    CascadeOptions,
    Growth,
    begin,
    finished,
    grow,
    holding,
    interleaved_order,
    merged,
    parse_growth,
    parts_of,
    run_part,
)
from btfsynth.discovery.learner import LearnerOptions
from btfsynth.discovery.stage import copy_cells, steps_within
from btfsynth.errors import TrainingError, UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import value_of
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import format_netlist
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port

QUICK = CascadeOptions(
    learner=LearnerOptions(supports=1, trainings=5, wanted=1), parts=1,
    walks=2, walk=200,
)  # fmt: skip
LEARNS = replace(QUICK, cells=0)
"""Nothing is found by search: every output is trained."""


def table(inputs: list[list[int]], targets: list[list[int]], care: object = None) -> Dataset:
    """A data set of one port each way."""
    return Dataset(
        "t", "t", np.array(inputs, dtype=np.uint8), np.array(targets, dtype=np.uint8),
        (Port("x", len(inputs[0])),), (Port("y", len(targets[0])),),
        care=None if care is None else np.array(care, dtype=np.bool_),
    )  # fmt: skip


@pytest.mark.parametrize("task", ["multiplier:2", "adder:3", "parity:5", "squarer:4"])
@pytest.mark.parametrize("options", [QUICK, LEARNS], ids=["searches", "learns"])
def test_a_grown_circuit_is_right_everywhere(task, options):
    """Every pattern comes out right, on the ports of the data."""
    data = load(task)
    grown = grow(data, options)
    assert count_wrong(grown.netlist, care_reference(data)) == 0
    assert grown.netlist.input_ports == data.input_ports
    assert grown.netlist.output_ports == data.output_ports


def test_an_adder_grows_by_full_adders():
    """Three cells a bit and two for the first: nothing is wasted where the stages are easy."""
    assert grow(load("adder:3")).netlist.n_cells <= 9


@pytest.mark.slow
def test_the_three_bit_multiplier_grows_small():
    """Fewer than the 27 cells of the textbook's array; outputs are searched and trained."""
    data = load("multiplier:3")
    grown = grow(data)
    assert count_wrong(grown.netlist, care_reference(data)) == 0
    assert grown.netlist.n_cells <= 25
    assert grown.made["searched"]
    assert grown.made["trained"]


def test_a_sorter_of_four_grows():
    """Three full adders would be more: ten cells of two inputs, less with majorities."""
    vectors = [[v >> k & 1 for k in range(4)] for v in range(16)]
    data = table(vectors, [sorted(row) for row in vectors])
    grown = grow(data, QUICK)
    assert count_wrong(grown.netlist, care_reference(data)) == 0
    assert grown.netlist.n_cells <= 8


def test_what_is_not_learnt_is_written_as_multiplexers():
    """Trainings of one iteration: the circuit is right all the same, and says how it was made."""
    data = load("multiplier:2")
    parameters = replace(LEARNS.learner.parameters, max_iterations=1)
    learner = replace(LEARNS.learner, parameters=parameters, repaired=0)
    grown = grow(data, replace(LEARNS, learner=learner, rounds=1))
    assert count_wrong(grown.netlist, care_reference(data)) == 0
    assert grown.made["expanded"]


def test_a_growth_continues_from_its_record():
    """At every step the state goes through JSON; the circuit is the one that grows in one go."""
    data = load("multiplier:2")
    growth = begin(data, LEARNS)
    while not growth.done:
        growth = parse_growth(json.loads(json.dumps(growth.to_json())))
        assert finished(data, LEARNS, growth).n_outputs == 4
        results = [run_part(data, LEARNS, growth, part) for part in parts_of(growth, LEARNS)]
        growth = merged(data, LEARNS, growth, results)
    whole = grow(data, LEARNS).netlist
    assert format_netlist(finished(data, LEARNS, growth)) == format_netlist(whole)
    assert growth.bits_right == 64


def test_a_circuit_is_held_and_let_free_again():
    """With the last two inputs at 0 a circuit is one of a smaller function, from which it grows again."""
    data = load("multiplier:2x3")
    netlist = grow(data, QUICK).netlist
    order = (4, 0, 2, 1, 3)
    start = holding(data, netlist, order, 3)
    assert start.circuit.n_inputs == 3
    again = grow(data, replace(QUICK, order=order), start)
    assert count_wrong(again.netlist, care_reference(data)) == 0


def test_the_same_seed_grows_the_same_circuit():
    """Byte for byte."""
    one, other = (format_netlist(grow(load("multiplier:2"), QUICK).netlist) for _ in range(2))
    assert one == other


def test_any_order_of_the_inputs_will_do():
    """The circuit is right."""
    data = load("multiplier:2")
    grown = grow(data, replace(QUICK, order=(3, 0, 2, 1)))
    assert count_wrong(grown.netlist, care_reference(data)) == 0


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_any_table_of_three_inputs_grows(data):
    """Whatever the outputs, don't-cares and missing patterns are, constants included."""
    rows = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True))
    bits = st.lists(st.integers(0, 1), min_size=2, max_size=2)
    targets = [data.draw(bits) for _ in rows]
    care = [data.draw(bits) for _ in rows]
    drawn = table([[row >> k & 1 for k in range(3)] for row in rows], targets, care)
    assert count_wrong(grow(drawn, QUICK).netlist, care_reference(drawn)) == 0


def test_patterns_that_never_have_an_input_off():
    """Stages without patterns ask for nothing; the last one asks for everything."""
    data = table([[0, 1, 1], [1, 1, 1], [1, 0, 1]], [[0], [1], [0]])
    assert count_wrong(grow(data, QUICK).netlist, care_reference(data)) == 0


def test_bits_of_ports_take_turns():
    """The least significant bit of every port comes first; short ports run out."""
    assert interleaved_order((Port("a", 3), Port("b", 1), Port("c", 2))) == (0, 3, 4, 1, 5, 2)
    assert interleaved_order(()) == ()


def test_giving_up_names_what_was_not_learnt():
    """Too few steps for an exclusive or: how far it came, and which outputs are left."""
    parameters = replace(QUICK.learner.parameters, max_iterations=1)
    learner = replace(QUICK.learner, parameters=parameters, repaired=0)
    stuck = replace(LEARNS, rounds=1, learner=learner, expands=False)
    with pytest.raises(
        TrainingError, match=r"\d of 4 inputs free, none of the output bits \d.* in 1 round"
    ):
        grow(load("multiplier:2"), stuck)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": (0, 1, 2)}, "order of the 4 inputs"),
        ({"order": (0, 1, 2, 2)}, "order of the 4 inputs"),
        ({"rounds": 0}, "rounds, outputs, parts, walks and patience"),
        ({"walks": 0}, "rounds, outputs, parts, walks and patience"),
        ({"patience": 0}, "rounds, outputs, parts, walks and patience"),
        ({"cells": 4}, "expected 0 to 3"),
        ({"learner": {"shapes": ()}}, "at least one shape"),
        ({"learner": {"supports": 0}}, "supports, attempts"),
        ({"passes": "nonsense"}, "unknown pass"),
    ],
)
def test_options_that_cannot_be(change, message):
    """One line says what was expected."""

    def begun():
        learner = replace(QUICK.learner, **change.get("learner", {}))
        grow(load("multiplier:2"), replace(QUICK, **{**change, "learner": learner}))

    with pytest.raises(UsageError, match=message):
        begun()


def test_only_boolean_inputs():
    """Generators have no inputs to let free."""
    data = replace(
        table([[0], [1]], [[0], [1]]), inputs=np.zeros((2, 0), dtype=np.uint8), input_ports=(),
        input_kind=InputKind.ONE_HOT_GENERATOR,
    )  # fmt: skip
    with pytest.raises(UsageError, match="expected Boolean inputs"):
        grow(data, QUICK)


def at_the_end_of_a_stage(options: CascadeOptions) -> tuple[Dataset, Growth]:
    """Return data, and its growth where all outputs of the stage of three inputs are made."""
    data = load("multiplier:2")
    growth = begin(data, options)
    while growth.free < 3 or not growth.made_all:
        results = [run_part(data, options, growth, part) for part in parts_of(growth, options)]
        growth = merged(data, options, growth, results)
    return data, growth


def test_walks_go_on_from_the_best_circuits_while_they_save_cells():
    """A round that saves a cell is followed by another; `patience` rounds that save none end the stage."""
    options = replace(QUICK, patience=2)
    data, growth = at_the_end_of_a_stage(options)
    small = growth.circuit
    y = small.outputs.tolist()
    large = NetlistBuilder("t", small.input_ports, small.output_ports)
    literals = copy_cells(large, small, [large.input(bit) for bit in range(3)])
    spare = large.and_(large.or_(literals[1], literals[2]), literals[3])
    driven = [value_of(literals, literal) for literal in y]
    wider = large.build([*driven[:-1], large.and_(spare, large.and_(literals[1], literals[2]))])
    assert wider.n_cells > small.n_cells
    walked = [replace(growth, circuit=each) for each in (wider, small)]
    growth = replace(growth, circuit=wider)
    better = merged(data, options, growth, walked)
    assert (better.made_all, better.free, better.round) == (True, 3, 0)
    assert [each.n_cells for each in (better.circuit, *better.others)] == [
        small.n_cells, wider.n_cells,
    ]  # fmt: skip
    (other,) = parse_growth(better.to_json()).others
    assert format_netlist(other) == format_netlist(wider)
    stale = merged(data, options, better, walked)
    assert (stale.made_all, stale.free, stale.round) == (True, 3, 1)
    after = merged(data, options, stale, walked)
    assert (after.made_all, after.free, after.round, after.others) == (False, 4, 0, ())


def test_the_longest_walk_is_counted_in_steps():
    """Twice the cells or a longer list of patterns: fewer steps; the time of the machine has no part in it."""
    data = load("multiplier:4")
    small, large = (grow(load(f"adder:{bits}"), QUICK).netlist for bits in (1, 2))
    steps = steps_within(1_000_000, small, data)
    assert steps == 200_000_000 // (small.n_cells * 44)
    assert steps_within(1_000_000, large, data) < steps
    assert steps_within(1_000_000, small, load("multiplier:5")) < steps


def test_circuits_of_early_stages_are_walked_longer(monkeypatch):
    """Twice as many steps per cell for every input held, up to a limit."""
    scripts = []
    data, growth = at_the_end_of_a_stage(QUICK)
    monkeypatch.setattr(
        cascade, "optimise", lambda netlist, _, script: scripts.append(script) or netlist
    )
    part = parts_of(growth, QUICK)[0]
    cells = growth.circuit.n_cells
    for walk in (100, 500 * cells, 30_000):
        run_part(data, replace(QUICK, walk=walk), growth, part)
    steps = [step.steps for script in scripts for step in parse_script(script)]
    assert steps == [200 * cells, 800 * cells**2, 30_000 * cells]
