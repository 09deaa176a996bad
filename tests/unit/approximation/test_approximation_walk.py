"""Walks within bounds: what they end with keeps every bound, by sums taken one vector at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import metrics_of

from btfsynth.approximation.exact import exact_netlist, read_weights
from btfsynth.approximation.search import ApproximateOptions, approximate, ladder
from btfsynth.approximation.tolerance import limits_of
from btfsynth.approximation.walk import Walk
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError, UsageError
from btfsynth.netlist.simulation import exhaustive_words, output_words, valid_words
from btfsynth.ports import Port
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Reading
from btfsynth.workers.executor import local_executor

BOUNDS = {
    Metric.WCE: (0, 1, 5, 12),
    Metric.MAE: (0, Fraction(1, 4), 2),
    Metric.MSE: (1, 9),
    Metric.EP: (Fraction(1, 16), Fraction(1, 2)),
    Metric.MRE: (Fraction(1, 50), Fraction(1, 5)),
    Metric.WCRE: (Fraction(1, 10), Fraction(1, 2)),
}


def walked(netlist, reading, most, weights=None, seed=1):
    vectors = 1 << netlist.n_inputs
    words = exhaustive_words(netlist.n_inputs)
    exact = reading.values(output_words(netlist, words), vectors)
    weights = np.ones(vectors, dtype=np.int64) if weights is None else weights
    limits = limits_of(reading, exact, weights, most)
    return Walk(patience=150, seed=seed).run(netlist, words, valid_words(vectors), limits)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([(m, Fraction(b)) for m, each in BOUNDS.items() for b in each]), st.data())
def test_bounds_are_kept(bound, data):
    metric, most = bound
    exact = array_multiplier(3, 2)
    signed = data.draw(st.booleans())
    reading = Reading.of(exact.output_ports, signed)
    weights = None
    if data.draw(st.booleans()):
        weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=32, max_size=32)))
        weights[5] = 1
    found = walked(exact, reading, {metric: most}, weights)
    errors = metrics_of(exact, found, reading, weights)
    assert errors[metric] <= most
    assert found.n_cells <= exact.n_cells


def test_several_bounds_are_kept_at_once():
    exact = array_multiplier(3, 3)
    reading = Reading.of(exact.output_ports)
    most = {Metric.WCE: Fraction(6), Metric.EP: Fraction(1, 4), Metric.MAE: Fraction(1, 2)}
    found = walked(exact, reading, most)
    errors = metrics_of(exact, found, reading)
    assert all(errors[metric] <= bound for metric, bound in most.items())
    assert found.n_cells < exact.n_cells


def test_a_wide_bound_leaves_no_cell():
    exact = array_multiplier(2, 2)
    reading = Reading.of(exact.output_ports)
    assert walked(exact, reading, {Metric.WCE: Fraction(15)}).n_cells == 0


@pytest.mark.parametrize("metric", [Metric.MAE, Metric.MSE, Metric.EP])
@pytest.mark.parametrize(("weights", "most"), [([1, 1, 1, 1], "1/4"), ([2, 2, 1, 1], "1/6")])
def test_an_average_may_be_as_large_as_its_bound(metric, weights, most):
    """The product 0 is wrong on one vector of four, or by weight one of six, which is no binary fraction."""
    exact = array_multiplier(1, 1)
    reading = Reading.of(exact.output_ports)
    assert exact.n_cells == 1
    found = walked(exact, reading, {metric: Fraction(most)}, np.array(weights))
    assert found.n_cells == 0
    assert metrics_of(exact, found, reading, np.array(weights))[metric] <= Fraction(most)


def test_vectors_of_weight_zero_do_not_count():
    exact = array_multiplier(2, 2)
    reading = Reading.of(exact.output_ports)
    weights = np.zeros(16, dtype=np.int64)
    weights[0] = 1
    assert walked(exact, reading, {Metric.WCE: Fraction(0)}, weights).n_cells == 0


def search(directory, jobs=1, **settings):
    exact = array_multiplier(3, 3)
    options = ApproximateOptions(sweeps=1, jobs=jobs, **settings)
    return approximate(exact, directory, options, executor=local_executor)


def test_a_front_rises_in_error_and_falls_in_cells(tmp_path):
    report = search(tmp_path / "front")
    cells = [point.cells for point in report.front]
    errors = [point.errors.wce for point in report.front]
    assert len(report.front) > 3
    assert cells == sorted(cells, reverse=True)
    assert errors == sorted(set(errors))
    assert (tmp_path / "front" / report.front[0].path / "manifest.json").exists()


def test_the_number_of_jobs_changes_nothing(tmp_path):
    bounds = {Metric.WCE: Fraction(5)}
    found = [search(tmp_path / f"{jobs}", jobs, bounds=bounds) for jobs in (1, 2)]
    first, second = ([(p.key, p.origin) for p in report.front] for report in found)
    assert first == second
    texts = [(tmp_path / f"{jobs}" / "points.jsonl").read_bytes() for jobs in (1, 2)]
    assert texts[0] == texts[1]


def test_a_search_goes_on_where_it_ended(tmp_path):
    bounds = {Metric.WCE: Fraction(5)}
    first = search(tmp_path, bounds=bounds)
    exact = array_multiplier(3, 3)
    options = ApproximateOptions(sweeps=2, jobs=1, bounds=bounds)
    again = approximate(exact, tmp_path, options, resume=True, executor=local_executor)
    assert again.front[0].cells <= first.front[0].cells
    assert again.walks > first.walks
    other = ApproximateOptions(sweeps=2, jobs=1, bounds=bounds, seed=2)
    with pytest.raises(DataError, match="with other settings"):
        approximate(exact, tmp_path, other, resume=True, executor=local_executor)


def test_bounds_of_a_ladder_rise():
    reading = Reading.of((Port("p", 8),))
    for metric in Metric:
        bounds = [each[metric] for each in ladder(reading, ApproximateOptions(metric=metric))]
        assert bounds == sorted(set(bounds))
    given_bounds = ApproximateOptions(bounds={Metric.WCE: Fraction(10)})
    assert [each[Metric.WCE] for each in ladder(reading, given_bounds)] == [0, 1, 2, 5, 10]


def test_a_task_becomes_a_netlist():
    netlist, weights = exact_netlist(parse_task("multiplier:3"))
    assert weights is None
    reading = Reading.of(netlist.output_ports)
    values = reading.values(output_words(netlist, exhaustive_words(6)), 64)
    assert values[0].tolist() == [(v & 7) * (v >> 3) for v in range(64)]


PORTS = (Port("a", 2), Port("b", 1))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a,b\n3,1\n3,1\n0,0\n", {7: 2, 0: 1}),
        ("b,weight,a\n1,5,2\n0,0,1\n", {6: 5}),
    ],
)
def test_weights_are_read(tmp_path, text, wanted):
    path = tmp_path / "w.csv"
    path.write_text(text)
    weights = read_weights(path, PORTS)
    assert {int(place): int(weights[place]) for place in np.flatnonzero(weights)} == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n1\n", "1: expected a column for each of a, b"),
        ("a,b\n4,0\n", "2: a: expected a whole number from 0 to 3, got '4'"),
        ("a,b,weight\n1,0,-2\n", "2: weight: expected a whole number"),
        ("a,b,weight\n1,0,0\n", "at least one vector with a weight above 0"),
    ],
)
def test_bad_weights_are_refused(tmp_path, text, message):
    path = tmp_path / "w.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_weights(path, PORTS)
    assert message in str(error.value)


def test_an_array_of_weights_of_another_width_is_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.ones(16, dtype=np.int64))
    with pytest.raises(DataError, match="expected 8 weights, got an array of shape"):
        read_weights(tmp_path / "w.npy", PORTS)


def test_what_cannot_be_proven_is_refused(tmp_path):
    exact = array_multiplier(13, 13)
    options = ApproximateOptions(metric=Metric.MAE, sweeps=1, jobs=1)
    with pytest.raises(UsageError, match="with more than 24 inputs only `wce`"):
        approximate(exact, tmp_path, options, executor=local_executor)
