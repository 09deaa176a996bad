"""Records and the settings of trials."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from btfsynth.dataset.load import load
from btfsynth.discovery.portfolio import make_portfolio
from btfsynth.discovery.record import canonical_netlist, parse_record
from btfsynth.discovery.work import polish, run_trial
from btfsynth.errors import DataError
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.network.network import layered
from btfsynth.training.session import TrainOptions, plan_for

FULL_ADDER = load("full_adder")


def portfolio(**settings):
    """The portfolio of the full adder."""
    options = TrainOptions(**settings)
    return make_portfolio(FULL_ADDER, plan_for(FULL_ADDER, options), options)


@pytest.fixture(scope="module")
def trained():
    """A record of a training."""
    return run_trial(FULL_ADDER, portfolio(), 1, "size", 0)


def test_a_trial_is_a_pure_function(trained):
    """The same arguments, sent to another process or not, give the same record."""
    arguments = pickle.loads(pickle.dumps((FULL_ADDER, portfolio(), 1, "size", 0)))
    assert run_trial(*arguments) == trained
    assert trained.exact
    netlist = parse_netlist(trained.circuit.netlist)
    assert count_wrong(netlist, care_reference(FULL_ADDER)) == 0


def test_polishing_depends_on_the_circuit_alone(trained):
    """Another netlist of the same circuit is polished to the same; attempts differ in their seeds."""
    text = trained.circuit.netlist
    other = format_netlist(canonical_netlist(parse_netlist(text)))
    first = polish(FULL_ADDER, trained, text, "size", False, 0)
    assert polish(FULL_ADDER, trained, other, "size", False, 0) == first
    assert (first.parent, first.attempt, first.trial) == (trained.circuit.key, 0, trained.trial)
    again = polish(FULL_ADDER, trained, text, "size", False, 1)
    assert first.passes != again.passes
    assert "resub" in first.passes
    # The script in the record is the one that did it.
    redone = polish(FULL_ADDER, trained, text, first.passes, False, 0)
    assert redone.circuit == first.circuit


def test_an_inexact_trial_has_no_circuit():
    """One step is not enough."""
    record = run_trial(FULL_ADDER, portfolio(max_iterations=1), 1, "size", 0)
    assert not record.exact
    assert record.circuit is None
    assert parse_record(json.loads(json.dumps(record.to_json()))) == record


def test_records_round_trip(trained):
    """What is written is read back."""
    for each in (trained, polish(FULL_ADDER, trained, trained.circuit.netlist, "fast", False, 3)):
        assert parse_record(json.loads(json.dumps(each.to_json()))) == each


def _wrong_netlist(values):
    good = parse_netlist(values["circuit"]["netlist"])
    ports = good.input_ports, good.output_ports
    values["circuit"]["netlist"] = format_netlist(
        Netlist(good.name, *ports, good.fanins, good.outputs ^ 1)
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.pop("trial"),
        lambda values: values.update(trial=-1),
        lambda values: values.update(trial=True),
        lambda values: values.update(sigma="3"),
        lambda values: values.update(widths=[3, "x"]),
        lambda values: values.update(passes=None),
        lambda values: values.update(parent="../up"),
        lambda values: values.update(circuit=[]),
        lambda values: values["circuit"].update(key="zz"),
        lambda values: values["circuit"].update(cells=1),
        lambda values: values["circuit"].update(netlist="mig 2"),
        _wrong_netlist,
    ],
)
def test_spoilt_records_are_refused(trained, spoil):
    """Nothing in a file is believed."""
    values = copy.deepcopy(trained.to_json())
    spoil(values)
    with pytest.raises(DataError):
        parse_record(values)
    with pytest.raises(DataError):
        parse_record([values])


def test_the_portfolio_varies_networks_and_support():
    """A cycle begins with the task's own settings and holds others."""
    cycle = portfolio()
    plan = cycle.plan
    assert cycle.topology(0).widths == plan.widths
    assert cycle.parameters(0) == plan.parameters
    widths = {cycle.topology(trial).widths for trial in range(12)}
    assert len(widths) >= 6
    assert all((w[0], w[-1]) == (3, 2) for w in widths)
    assert {len(w) for w in widths} == {3, 4, 5}
    assert len({cycle.parameters(trial).sigma for trial in range(12)}) > 1
    assert cycle.topology(5).widths == cycle.topology(5 + 12 * 1000).widths


def test_what_the_user_sets_is_not_varied():
    """Widths, a graph, or sigma stay as given."""
    fixed = portfolio(widths=(3, 5, 2), sigma=4.0)
    assert {fixed.topology(trial).widths for trial in range(12)} == {(3, 5, 2)}
    assert {fixed.parameters(trial).sigma for trial in range(12)} == {4.0}
    graph = layered((3, 4, 2), skip=True)
    assert portfolio(topology=graph).topology(7) is graph


def test_large_functions_are_grown_in_most_trials():
    """Three of four of seven inputs, all of nine, of exhaustive data; never where the user names a network."""
    seven = load("majority:7")

    def methods(dataset, **settings):
        options = TrainOptions(**settings)
        made = make_portfolio(dataset, plan_for(dataset, options), options)
        return [made.grows(trial) for trial in range(5)]

    assert methods(seven) == [True, True, True, False, True]
    assert all(methods(load("majority:9")))
    assert not any(methods(seven, widths=(7, 9, 1)))
    assert not any(methods(FULL_ADDER))
