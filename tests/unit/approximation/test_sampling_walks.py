"""Walks over lookup tables and ANDs that look at a sample: against sums taken one vector at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import metrics_of, netlist_bits
from strategies import netlists

from btfsynth.approximation import and_network, lut_network
from btfsynth.approximation.and_walk import AndWalk
from btfsynth.approximation.lut_walk import LutWalk
from btfsynth.approximation.search import ApproximateOptions, approximate
from btfsynth.approximation.tolerance import limits_of
from btfsynth.approximation.truncation import sum_of, truncations
from btfsynth.errors import UsageError
from btfsynth.flow.simplify import lut_cost
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import exhaustive_words, output_words, valid_words
from btfsynth.passes.goal import Goal
from btfsynth.ports import Port
from btfsynth.settings.table import Basis, Metric, Objective
from btfsynth.verify.error_metrics import Reading
from btfsynth.workers.executor import local_executor


def walked(walk, exact, reading, most, start=None, weights=None):
    vectors = 1 << exact.n_inputs
    words = exhaustive_words(exact.n_inputs)
    values = reading.values(output_words(exact, words), vectors)
    weights = np.ones(vectors, dtype=np.int64) if weights is None else weights
    limits = limits_of(reading, values, weights, most)
    return walk.run(start or exact, words, valid_words(vectors), limits)


def is_same(one, other) -> bool:
    vectors = np.arange(1 << one.n_inputs)[:, None] >> np.arange(one.n_inputs) & 1
    return all(netlist_bits(one, row) == netlist_bits(other, row) for row in vectors.tolist())


@settings(max_examples=40, deadline=None)
@given(netlists())
def test_networks_are_the_netlists_they_are_made_of(netlist):
    if netlist.n_inputs <= 8:
        assert is_same(netlist, lut_network.netlist_of(lut_network.tables_of(netlist, 1), netlist))
        assert is_same(netlist, and_network.netlist_of(and_network.graph_of(netlist, 1), netlist))


@pytest.mark.parametrize("walk", [LutWalk, AndWalk])
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_bounds_are_kept(walk, data):
    metric, most = data.draw(
        st.sampled_from(
            [(Metric.WCE, Fraction(b)) for b in (0, 1, 5, 12)] + [(Metric.WCRE, Fraction(1, 3))]
        )
    )
    exact = array_multiplier(3, 2)
    reading = Reading.of(exact.output_ports, data.draw(st.booleans()))
    weights = None
    if data.draw(st.booleans()):
        weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=32, max_size=32)))
        weights[5] = 1
    seed = data.draw(st.integers(1, 99))
    found = walked(walk(5_000, seed), exact, reading, {metric: most}, weights=weights)
    assert metrics_of(exact, found, reading, weights)[metric] <= most


@pytest.mark.parametrize("walk", [LutWalk, AndWalk])
def test_vectors_outside_the_sample_count(walk):
    """With 12 inputs two of three vectors are outside the sample at first."""
    exact = array_multiplier(6, 6)
    reading = Reading.of(exact.output_ports)
    found = walked(walk(1), exact, reading, {Metric.WCE: Fraction(20)})
    assert metrics_of(exact, found, reading, None)[Metric.WCE] <= 20
    assert lut_cost(found) < lut_cost(exact)


def test_a_small_multiplier_takes_few_tables():
    exact = array_multiplier(3, 3)
    reading = Reading.of(exact.output_ports)
    found = walked(LutWalk(20_000), exact, reading, {Metric.WCE: Fraction(4)})
    assert lut_cost(exact)[0] == 6
    assert lut_cost(found)[0] == 3
    ands = walked(AndWalk(100_000), exact, reading, {Metric.WCE: Fraction(4)})
    assert all(min(fanin) < 2 for fanin in ands.fanins.tolist())
    assert ands.n_cells <= 22


def adder(width):
    builder = NetlistBuilder("add", [Port("a", width), Port("b", width)], [Port("s", width + 1)])
    carry, outputs = 0, []
    for bit in range(width):
        a, b = builder.input(bit), builder.input(width + bit)
        outputs.append(builder.xor(builder.xor(a, b), carry))
        carry = builder.maj(a, b, carry)
    return builder.build([*outputs, carry])


@pytest.mark.parametrize(("exact", "terms"), [(array_multiplier(4, 3), 12), (adder(5), 10)])
def test_sums_are_found_and_cut_within_the_bound(exact, terms):
    reading = Reading.of(exact.output_ports)
    found = sum_of(exact, reading)
    assert found is not None
    assert len(found.terms) == terms
    for bound in range(12):
        for each in truncations(exact, found, bound):
            assert metrics_of(exact, each.netlist, reading, None)[Metric.WCE] <= bound, each.said


def test_other_functions_are_no_sums():
    exact = array_multiplier(3, 3)
    turned = NetlistBuilder("other", exact.input_ports, exact.output_ports)
    literals = list(range(0, 2 * exact.first_cell, 2))
    turned.extend(literals, exact.fanins.tolist())
    outputs = [literals[each >> 1] ^ (each & 1) for each in exact.outputs.tolist()]
    other = turned.build([turned.and_(outputs[0], outputs[5]), *outputs[1:]])
    assert sum_of(other, Reading.of(other.output_ports)) is None


@pytest.mark.parametrize("settings", [{"objective": Objective.LUT6}, {"basis": Basis.AIG}])
def test_a_search_by_tables_or_ands(tmp_path, settings):
    exact = array_multiplier(4, 3)
    bounds = {Metric.WCE: Fraction(5)}
    options = ApproximateOptions(sweeps=1, jobs=1, bounds=bounds, **settings)
    report = approximate(exact, tmp_path, options, executor=local_executor)
    best = report.front[0]
    assert best.errors.wce <= 5
    if "basis" in settings:
        assert best.cells <= 30
        assert best.origin["bounds"] == {"wce": 5}
    else:
        assert best.cost(Goal(options.objective))[0] < lut_cost(exact)[0]


def test_ands_are_counted_for_the_worst_case_alone():
    with pytest.raises(UsageError, match="needs bounds on wce and wcre only, got mae"):
        ApproximateOptions(metric=Metric.MAE, basis=Basis.AIG)
    with pytest.raises(UsageError, match="lookup tables have no basis"):
        ApproximateOptions(objective=Objective.LUT6, basis=Basis.AIG)
