"""Circuits of more than 24 inputs: what is proven, what is estimated, and what is done without a proof."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from btfsynth.approximation import walk
from btfsynth.approximation.walk import Problem, Walk, walk_once
from btfsynth.errors import ToolTimeoutError
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import ErrorClaim, Reading, measure

INPUTS = 26


def rarely_two(*, low: bool = True, high: bool = True):
    """y[1] is 1 on one vector only, which no sample has; y[0] on one quarter of all."""
    builder = NetlistBuilder("rare", (Port("x", INPUTS),), (Port("y", 2),))
    x = [2 * (1 + place) for place in range(INPUTS)]
    everything = x[0]
    for literal in x[1:]:
        everything = builder.and_(everything, literal)
    outputs = [builder.and_(x[0], x[1]) if low else 0, everything if high else 0]
    return builder.build(outputs)


@pytest.fixture
def walked():
    exact = rarely_two()
    problem = Problem(format_netlist(exact), Reading.of(exact.output_ports), None)
    short = Walk(seed=1, patience=200)
    return lambda: walk_once(problem, problem.exact, {Metric.WCE: Fraction(2)}, short)


def test_the_worst_case_is_that_of_all_vectors_not_of_the_sample(walked):
    found = walked()
    assert parse_netlist(found.netlist).n_cells == 0
    assert found.errors.wce == 2
    assert not found.errors.exhaustive
    assert found.errors.sample_words.startswith("wce proven, the others estimated from 1048576")


def test_a_proof_that_takes_too_long_leaves_the_bound(walked, monkeypatch):
    monkeypatch.setattr(walk, "worst_case", _slow)
    assert walked().errors.wce == 2


def test_a_circuit_that_is_not_proven_in_time_is_not_kept(walked, monkeypatch):
    monkeypatch.setattr(walk, "beyond", _slow)
    assert walked() is None


def _slow(*_):
    raise ToolTimeoutError("not decided in time")


def test_verify_checks_the_stated_worst_case(cli, tmp_path):
    exact, near = rarely_two(), rarely_two(low=False, high=False)
    reading = Reading.of(exact.output_ports)
    errors = replace(measure(exact, near, reading), wce=1)  # what the sample shows; it is 2
    claim = ErrorClaim.of(reading, {Metric.WCE: Fraction(2)}, errors, None)
    origin = Origin(files=lambda module: claim.files(module, exact))
    folder = tmp_path / "near"
    folder.mkdir()
    vectors = np.eye(INPUTS, dtype=np.uint8)
    expected = evaluate(near, vectors)
    table = VectorTable(vectors, expected, np.ones(expected.shape, dtype=np.bool_), False)
    write_design(near, table, folder, origin=origin)
    outcome = cli("verify", folder, "--mutants", "1", "--simulator", "amaranth")
    assert outcome.code == 1
    assert "error above 1" in " ".join(outcome.stdout.split())


def test_equiv_decides_no_bound_by_a_sample(cli, tmp_path):
    (tmp_path / "all.mig").write_text(format_netlist(rarely_two()))
    (tmp_path / "near.mig").write_text(format_netlist(rarely_two(high=False)))
    (tmp_path / "far.mig").write_text(format_netlist(rarely_two(low=False)))
    outcome = cli("equiv", "all.mig", "near.mig", "--metric", "ep", "--bound", "0")
    assert outcome.code == 1
    assert "near.mig: ep is undecided: it was estimated from 1048576 random" in outcome.stderr
    assert cli("equiv", "all.mig", "near.mig", "--metric", "wce", "--bound", "2").code == 0
    assert cli("equiv", "all.mig", "all.mig", "--metric", "ep", "--bound", "0").code == 0
    outcome = cli("equiv", "all.mig", "far.mig", "--metric", "ep", "--bound", "0.1")
    assert "ep is 0.249" in outcome.stderr
