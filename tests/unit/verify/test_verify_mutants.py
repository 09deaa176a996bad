"""Mutants of netlists and the score of vectors on them."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hardware import design, full_adder, multiplier, netlists, outputs_of, vectors_of
from hypothesis import given, settings

from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port
from btfsynth.sim.registry import get_simulator
from btfsynth.sim.simulators import load_design
from btfsynth.verify.mutation import (
    Mutant,
    MutantKind,
    describe,
    list_mutants,
    mutate,
    pick_mutants,
    run_mutant,
    score_mutants,
    spread,
)


def some(vectors: VectorTable, count: int) -> VectorTable:
    """Return the first vectors."""
    return VectorTable(
        vectors.inputs[:count], vectors.expected[:count], vectors.care[:count], False
    )


def test_every_kind_of_mutant():
    """An adder has mutants of every kind, all of them different from it and from each other."""
    netlist = full_adder()
    mutants = list_mutants(netlist)
    assert {mutant.kind for mutant in mutants} == set(MutantKind)
    made = [mutate(netlist, mutant) for mutant in mutants]
    forms = {(m.fanins.tobytes(), m.outputs.tobytes()) for m in made}
    assert len(forms) == len(mutants) > 50
    assert (netlist.fanins.tobytes(), netlist.outputs.tobytes()) not in forms


@settings(deadline=None)
@given(netlists())
def test_mutants_of_any_netlist(netlist):
    """Every mutant of a random netlist is a sound netlist that differs from it in form."""
    for mutant in list_mutants(netlist):
        changed = mutate(netlist, mutant)
        assert (changed.fanins != netlist.fanins).any() or (
            changed.outputs != netlist.outputs
        ).any()
        assert describe(netlist, mutant)


@settings(deadline=None)
@given(netlists())
def test_score_agrees_with_plain_evaluation(netlist):
    """Killed are those that differ on some vector, equivalent those that never do, and none is lost."""
    vectors = vectors_of(netlist)
    score = score_mutants(netlist, vectors, True, 10_000)
    assert score.tried == score.total == len(list_mutants(netlist))
    assert not score.survived
    assert not score.unspecified
    for mutant, count in score.killed:
        got = outputs_of(mutate(netlist, mutant), vectors.inputs)
        assert (got != vectors.expected).any(axis=1).sum() == count > 0
    for mutant in score.equivalent:
        assert (outputs_of(mutate(netlist, mutant), vectors.inputs) == vectors.expected).all()


def test_pick_is_the_same_every_time_and_of_every_kind():
    """A choice is reproducible, of the size asked for, of every kind, in the order of the list."""
    mutants = list_mutants(multiplier())
    chosen = pick_mutants(mutants, 20)
    assert chosen == pick_mutants(mutants, 20)
    assert chosen != pick_mutants(mutants, 20, seed=2)
    assert len(set(chosen)) == 20
    assert {mutant.kind for mutant in chosen} == set(MutantKind)
    places = [mutants.index(mutant) for mutant in chosen]
    assert places == sorted(places)
    assert pick_mutants(mutants, len(mutants) + 5) == mutants


def test_too_few_vectors_leave_survivors():
    """With two vectors mutants survive, and each is shown with an input that tells it apart."""
    netlist = multiplier()
    score = score_mutants(netlist, some(vectors_of(netlist), 2), False, 10_000)
    assert score.killed
    assert len(score.survived) > 10
    for survivor in score.survived:
        inputs = survivor.inputs[None, :]
        changed = mutate(netlist, survivor.mutant)
        assert (outputs_of(netlist, inputs) != outputs_of(changed, inputs)).any()
    record = score.to_json()
    assert record["tried"] == sum(
        record[name] for name in ("killed", "equivalent", "unspecified", "survived")
    )
    assert sum(kind["survived"] for kind in record["by_kind"].values()) == record["survived"]


def test_patterns_that_are_all_that_is_asked():
    """What differs only where the patterns say nothing does not count as a survivor."""
    netlist = multiplier()
    vectors = some(vectors_of(netlist), 12)
    free, asked = (score_mutants(netlist, vectors, flag, 10_000) for flag in (False, True))
    assert free.survived
    assert asked.survived == ()
    assert {s.mutant for s in free.survived} == set(asked.unspecified)


def test_wrong_vectors_are_counted():
    """An expected bit that is flipped makes the netlist wrong on that vector alone."""
    netlist = multiplier()
    vectors = vectors_of(netlist)
    expected = vectors.expected.copy()
    expected[5, 1] ^= 1
    outputs = evaluate(netlist, vectors.inputs)
    wrong = replace(vectors, expected=expected).wrong(outputs)
    assert np.flatnonzero(wrong).tolist() == [5]
    assert not vectors.wrong(outputs).any()


def test_redundant_logic_has_equivalent_mutants():
    """A fault in logic that does nothing is proven equivalent, not killed."""
    builder = NetlistBuilder("idle", [Port("a", 1), Port("b", 1)], [Port("y", 1)])
    a, b = builder.input(0), builder.input(1)
    netlist = builder.build([builder.or_(a, builder.and_(a, b))])
    score = score_mutants(netlist, vectors_of(netlist), False, 10_000)
    assert len(score.equivalent) > 3
    assert score.killed
    assert not score.survived


@pytest.mark.parametrize(
    ("kind", "edits", "text"),
    [
        (MutantKind.GATE, ((0, 1),), "n1 = a[0] | b[0] instead of a[0] & b[0]"),
        (MutantKind.INVERTER, ((1, 3),), "n1 = ~a[0] & b[0] instead of a[0] & b[0]"),
    ],
)
def test_description(kind, edits, text):
    """A mutant is described by the assignment it changes."""
    assert describe(multiplier(), Mutant(kind, edits)) == text


def test_descriptions_name_what_is_stuck():
    """A signal that is stuck is named once, however many cells read it."""
    netlist = multiplier()
    texts = [describe(netlist, mutant) for mutant in list_mutants(netlist)]
    assert "a[0] is stuck at 0" in texts
    assert "a[0] is stuck at 1" in texts
    assert any(re.fullmatch(r"p\[\d\] = \S+ instead of \S+", text) for text in texts)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog")
def test_testbench_fails_on_mutants(tmp_path):
    """Icarus counts as many wrong vectors as bit-parallel simulation, for mutants of every kind."""
    netlist = full_adder()
    found = load_design(design(netlist, tmp_path / "adder"))
    before = found.path("verilog").read_bytes()
    chosen = spread(score_mutants(netlist, found.vectors, True, 10_000).killed, 4)
    assert {mutant.kind for mutant, _ in chosen} == set(MutantKind)
    for mutant, count in chosen:
        check = run_mutant(found, netlist, mutant, get_simulator("icarus"), 60)
        assert (check.failed, check.passed) == (count, 8 - count)
    assert found.path("verilog").read_bytes() == before
