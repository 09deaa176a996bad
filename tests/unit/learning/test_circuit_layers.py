"""Circuits over signals of single outputs: their bookkeeping, what they recover, and limits."""

from __future__ import annotations

import numpy as np
import pytest

import btfsynth as btf
from btfsynth.learning.circuit_search import LayeredChain, Search, Signals, run_chain
from btfsynth.learning.circuit_state import MAJORITY, PARITY, new_state, refresh
from btfsynth.learning.circuits import Ground, predict
from btfsynth.settings.table import Basis

EVERYTHING = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(np.uint8)


def state_of(gates, outputs, places=20):
    """Return a circuit over four inputs, a gate is kind and literals; the first one is literal 10."""
    state = new_state(EVERYTHING, len(outputs), places)
    for place, (kind, *fanins) in enumerate(gates):
        state.kinds[place], state.fanins[place] = kind, fanins
    state.outputs[:] = outputs
    refresh(state)
    return state


def literals_of(signals, state):
    return [signals.find(state.values[each >> 1]) ^ (each & 1) for each in state.outputs.tolist()]


def test_equal_values_are_one_signal():
    """An OR and the NAND of the complements are one literal; their complement is the other one."""
    either, neither = (MAJORITY, 2, 4, 1), (MAJORITY, 3, 5, 0)
    signals = Signals(EVERYTHING)
    one = signals.record(state_of([either], [10]))
    other = signals.record(state_of([neither], [11]))
    assert one == [10]
    assert other == [11]
    assert len(signals.gates) == 1


def test_a_recorded_circuit_is_written_over_the_inputs():
    """Gates recorded over signals that are offered as inputs become gates of the inputs."""
    signals = Signals(EVERYTHING)
    signals.record(state_of([(MAJORITY, 2, 4, 6)], [10]))
    offered = np.column_stack([EVERYTHING, signals.values[5]]).astype(np.uint8)
    above = new_state(offered, 2, 20)
    above.kinds[0], above.fanins[0] = PARITY, (10, 8, 0)
    above.outputs[:] = 13, 10
    refresh(above)
    signals.record(above)
    whole = new_state(EVERYTHING, 2, 20)
    assert signals.write(literals_of(signals, above), whole)
    a, b, c, d = EVERYTHING.T
    majority = (a.astype(int) + b + c >= 2).astype(np.uint8)
    values = whole.values[whole.outputs >> 1] * (1 - 2 * (whole.outputs & 1))[:, None]
    assert np.array_equal(values > 0, np.stack([1 - (majority ^ d), majority]) > 0)
    assert whole.size[0] == 2


def test_of_gates_takes_those_above_known_signals():
    """The lower gate is taken, the upper one is not until the lower one is known."""
    both = state_of([(MAJORITY, 2, 4, 0), (MAJORITY, 10, 6, 0)], [12])
    assert Signals(EVERYTHING).of_gates(both) == {5}


def test_a_circuit_without_room_is_not_written():
    signals = Signals(EVERYTHING)
    state = state_of([(MAJORITY, 2, 4, 6)], [10])
    signals.record(state)
    assert not signals.write([10], new_state(EVERYTHING, 1, 16))
    assert signals.write([2], new_state(EVERYTHING, 1, 16))


def two_steps(samples):
    data = btf.load(f"automaton:232,steps=2,cells=8,train={samples},test=64")
    targets = (2.0 * data.y.T - 1).astype(np.float32)
    return Ground(data.X, np.ascontiguousarray(targets), Basis.XMG, 1)


def test_signals_of_the_first_step_are_found():
    """Two steps of a majority of three, from 128 of 256 states: all eight cells after one step are signals."""
    problem = two_steps(128)
    chain = LayeredChain(problem, 2)
    noisy, last = chain.run()
    cells = 2.0 * problem.inputs - 1
    after = np.sign(np.roll(cells, 1, axis=1) + cells + np.roll(cells, -1, axis=1))
    assert all(chain.signals.find(column) >= 0 for column in after.astype(np.float32).T)
    assert last.exact
    assert np.array_equal(predict(last, problem.inputs), problem.targets > 0)
    assert noisy.how == "chain over signals of single outputs, errors cheap"


def test_the_third_chain_is_layered_and_repeatable(monkeypatch):
    monkeypatch.setattr("btfsynth.learning.circuits._STEPS", 100)
    monkeypatch.setattr("btfsynth.learning.circuits._GROWTH", 1)
    for name, value in (
        ("_CHAINS", 1),
        ("_JOINT_STEPS", 1000),
        ("_REPAIRS", 4),
        ("_FREE_STEPS", 100),
    ):
        monkeypatch.setattr(f"btfsynth.learning.circuit_search.{name}", value)
    problem = two_steps(40)
    first, again = run_chain(problem, 2, None), run_chain(problem, 2, None)
    assert [each.energy for each in first] == [each.energy for each in again]
    assert "single outputs" in first[-1].how
    monkeypatch.setattr("btfsynth.learning.circuit_search.settled", lambda ends: False)
    found = list(Search(problem, 4).run())
    assert ["single outputs" in each.how for each in found] == [False] * 4 + [True] * 2 + [
        False
    ] * 2


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_layered_chain_ends_in_time(seconds):
    for each in run_chain(two_steps(128), 2, seconds):
        assert each.energy > 0
