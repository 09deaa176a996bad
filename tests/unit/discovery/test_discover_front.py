"""The Pareto front, and what is found, whatever the order it comes in."""

from __future__ import annotations

from discovery_helpers import record
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.discovery.record import Findings, costs, pareto, rank
from btfsynth.settings.table import Objective

COSTS = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 4))


@settings(deadline=None)
@given(st.lists(COSTS | st.none(), max_size=12), st.sampled_from(Objective))
def test_the_front_is_what_nothing_beats(given_costs, objective):
    """Every circuit is on the front, equal to one there, or beaten by one there."""
    records = [record(trial, cost) for trial, cost in enumerate(given_costs)]
    front = pareto(records, objective)
    kept = [costs(entry.circuit.cost) for entry in front]
    present = {cost for cost in given_costs if cost is not None}
    beaten = {
        a for a in present for b in present
        if a != b and b[0] <= a[0] and b[1] <= a[1] and b[2] <= a[2]
    }  # fmt: skip
    assert set(kept) == present - beaten
    assert len(kept) == len(set(kept))
    for entry, cost in zip(front, kept, strict=True):
        assert entry.trial == given_costs.index(cost)
    ranks = [rank(objective, entry.circuit.cost) for entry in front]
    assert ranks == sorted(ranks)


def test_objectives_order_the_front():
    """Fewest cells, least depth, least product."""
    records = [
        record(0, (8, 9, 0)),
        record(1, (12, 2, 0)),
        record(2, (9, 4, 0)),
        record(3, (10, 3, 0)),
    ]
    known = [objective for objective in Objective if objective is not Objective.LUT6]
    first = {objective: pareto(records, objective)[0].trial for objective in known}
    assert first == {Objective.CELLS: 0, Objective.DEPTH: 1, Objective.CELLS_DEPTH: 1}
    assert [r.trial for r in pareto(records, Objective.CELLS_DEPTH)] == [1, 3, 2, 0]


@settings(deadline=None)
@given(st.data())
def test_findings_do_not_depend_on_the_order(data):
    """Counts, front and what is written are those of the set of records."""
    keys = ["a" * 64, "b" * 64, "c" * 64]
    inverters = st.integers(0, 2)
    records = [
        record(trial, (keys.index(key) + 3, 2, data.draw(inverters)), key)
        for trial, key in enumerate(data.draw(st.lists(st.sampled_from(keys), max_size=8)))
    ]
    results = []
    for order in (records, data.draw(st.permutations(records))):
        found = Findings()
        for each in order:
            found.add(each)
        results.append(
            (found.distinct, found.exact, found.front(Objective.CELLS), found.in_order())
        )
    assert results[0] == results[1]
    written = [r for r in results[0][3] if r.circuit is not None and r.circuit.netlist]
    assert len(written) == results[0][0]
