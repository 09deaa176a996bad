"""Annealed circuits: energies against brute force, the state's bookkeeping, recovery of known circuits."""

from __future__ import annotations

import numpy as np
import pytest
from naive import circuit_outputs

import btfsynth as btf
from btfsynth.learning import circuit_moves as moves
from btfsynth.learning.circuit_search import Search, run_chain, settled
from btfsynth.learning.circuit_state import (
    MAJORITY,
    PARITY,
    Goal,
    collapse,
    find_members,
    first_place,
    forget_members,
    gate_cost,
    kept_cost,
    new_state,
    refresh,
)
from btfsynth.learning.circuits import (
    Chain,
    Ground,
    confidence,
    predict,
)
from btfsynth.learning.joint import command_oracle
from btfsynth.learning.portfolio import LEARNERS
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port
from btfsynth.settings import table
from btfsynth.settings.table import Basis

COSTS = np.array([8.0, 13.0, 11.0])


def made(random, inputs=5, samples=40, gates=7, outputs=3):
    """Return a random circuit in use, and random targets with don't-cares."""
    state = new_state(random.integers(0, 2, (samples, inputs), dtype=np.uint8), outputs, gates + 3)
    base = first_place(state)
    for place in range(gates):
        state.kinds[place] = random.choice([MAJORITY, PARITY])
        signals = random.choice(np.arange(1, base + place), 3, replace=False)
        state.fanins[place] = 2 * signals + random.integers(0, 2, 3)
        if state.kinds[place] == PARITY:
            state.fanins[place, 2] = 0
        elif random.random() < 0.5:
            state.fanins[place, 2] = random.integers(0, 2)
    state.outputs[:] = 2 * (base + gates - 1 - np.arange(outputs)) + random.integers(0, 2, outputs)
    refresh(state)
    targets = random.choice(np.array([-1, 0, 1], np.float32), (outputs, samples))
    return state, Goal(targets, COSTS)


def errors(state, goal, weights):
    """Return the energy of the errors of a circuit, computed gate by gate."""
    said = circuit_outputs(state, state.values[1 : first_place(state)])
    return float((weights * (said * goal.targets < 0).sum(axis=1)).sum())


@pytest.mark.parametrize("seed", range(6))
def test_energies_are_those_of_the_changed_circuit(seed):
    """Of every signal at every position: what it is said to cost is what the change costs."""
    random = np.random.default_rng(seed)
    state, goal = made(random)
    weights = random.uniform(0.5, 4, len(state.outputs))
    scratch = moves.new_scratch(state)
    used = state.order[: state.size[0]].tolist()
    positions = [(-1, output) for output in range(len(state.outputs))]
    positions += [
        (place, pin) for place in used for pin in range(3 if state.kinds[place] == 1 else 2)
    ]
    for place, pin in positions:
        row = state.outputs if place < 0 else state.fanins[place]
        literal = int(row[pin])
        position = moves.Position(place, pin, literal)
        count = moves._prepare(state, goal, weights, position, scratch)
        linear = scratch.linear[0, :count].copy()
        rows = scratch.rows[:count].tolist()
        assert 0 in rows
        present = linear[rows.index(literal >> 1)] * (1 - 2 * (literal & 1))
        before = errors(state, goal, weights)
        for signal, energy in zip(rows, linear, strict=True):
            for flip in (0, 1):
                row[pin] = 2 * signal + flip
                change = errors(state, goal, weights) - before
                assert change == pytest.approx(energy * (1 - 2 * flip) - present, abs=1e-3)
        row[pin] = literal


@pytest.mark.parametrize("seed", range(4))
def test_gates_have_the_energy_they_are_built_for(seed):
    """The gates of two signals, in place of an output: energy as drawn and as built."""
    random = np.random.default_rng(seed)
    state, goal = made(random)
    weights = np.array([1.0, 2.0, 3.0])
    scratch = moves.new_scratch(state)
    literal = int(state.outputs[0])
    count = moves._prepare(state, goal, weights, moves.Position(-1, 0, literal), scratch)
    moves._set_pairs(state, literal, scratch, count)
    before = errors(state, goal, weights)
    sign = 1 - 2 * (literal & 1)
    present = sign * float(scratch.gain @ state.values[literal >> 1])
    free = tuple(np.flatnonzero(state.kinds == 0)[:2].tolist())
    one, two = 1, 3
    parts, more = (
        (*scratch.linear[kind, [one, two]], scratch.pairs[kind, one, two]) for kind in (0, 1)
    )
    sums = (-scratch.linear[0, 0], present)
    energies = []
    for gate in range(30):
        drawn = (gate, int(scratch.rows[one]), int(scratch.rows[two]))
        place = moves._build(state, free, drawn, literal)
        state.outputs[0] = 2 * (first_place(state) + place)
        change = errors(state, goal, weights) - before
        state.outputs[0] = literal
        energies.append(moves._energy_of(gate, parts, more, sums))
        assert change == pytest.approx(energies[-1] - present, abs=1e-3), gate
    bound = moves._least_energy(parts, more, sums, (0.0, 0.0, 0.0, 0.0))
    assert bound <= min(energies) + 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_moves_keep_the_state_consistent(seed):
    """After many moves values, order and references are those of the circuit computed afresh."""
    random = np.random.default_rng(seed)
    state, goal = made(random)
    weights = np.full(3, 0.3), np.full(3, 5.0)
    scratch = moves.new_scratch(state)
    moves.anneal(state, goal, scratch, weights, 3, (400, 3), np.uint64(seed))
    used = state.order[: state.size[0]]
    fresh = new_state(
        (state.values[1 : first_place(state)].T > 0).astype(np.uint8), 3, len(state.kinds)
    )
    fresh.kinds[:], fresh.fanins[:], fresh.outputs[:] = state.kinds, state.fanins, state.outputs
    refresh(fresh)
    assert np.array_equal(fresh.order[: fresh.size[0]], used)
    assert np.array_equal(fresh.refs, state.refs)
    base = first_place(state)
    assert np.array_equal(fresh.values[base + used], state.values[base + used])
    assert np.array_equal(fresh.kinds, state.kinds)


def test_members_and_what_of_them_is_kept():
    """Dropping a root frees its own cone, not what others read; a part of the cone can be kept."""
    state = new_state(np.zeros((1, 4), np.uint8), 2, 6)
    base = first_place(state)
    rows = {0: (2, 4, 0), 1: (6, 8, 0), 2: (2 * base, 2 * (base + 1), 0), 3: (2 * (base + 1), 2, 1)}
    for place, fanin in rows.items():
        state.kinds[place] = MAJORITY
        state.fanins[place] = fanin
    state.outputs[:] = 2 * (base + 2), 2 * (base + 3)
    refresh(state)
    count = find_members(state, 2, 1)
    assert set(state.members[:count]) == {0, 2}
    assert kept_cost(state, COSTS, 2) == 2 * COSTS[0]
    assert kept_cost(state, COSTS, 0) == COSTS[0]
    assert kept_cost(state, COSTS, 1) == 0
    forget_members(state, count)
    assert not state.inside.any()
    assert find_members(state, 1, 1) == 0


def test_collapse():
    """A gate that has become a literal goes, and so does one that becomes one by this."""
    state = new_state(np.zeros((1, 3), np.uint8), 1, 3)
    base = first_place(state)
    state.kinds[:2] = MAJORITY, PARITY
    state.fanins[0] = 2, 2, 4
    state.fanins[1] = 2 * base + 1, 0, 0
    state.outputs[:] = 2 * (base + 1) + 1
    refresh(state)
    collapse(state, 0)
    assert state.outputs.tolist() == [2]
    assert not state.kinds.any()


def hidden(inputs):
    """Return three outputs that share gates of every kind."""
    a, b, c, d, e, f, g, _ = inputs.T
    both, odd = a & b, c ^ d
    return np.stack([both & odd, (odd + e + f >= 2).astype(np.uint8), both | (g & 1 - f)], axis=1)


def ground(samples, basis=Basis.XMG):
    inputs = np.random.default_rng(3).integers(0, 2, (samples, 8), dtype=np.uint8)
    targets = (2.0 * hidden(inputs).T - 1).astype(np.float32)
    return Ground(inputs, np.ascontiguousarray(targets), basis, 1)


def test_recovers_a_small_circuit(monkeypatch):
    """From 80 of 256 vectors, two chains end alike; the netlist is right on all vectors."""
    monkeypatch.setattr("btfsynth.learning.circuits._STEPS", 6000)
    monkeypatch.setattr("btfsynth.learning.circuits._GROWTH", 1)
    problem = ground(80)
    found = list(Search(problem, 6).run())
    ends = found[1::2]
    assert settled(ends)
    best = min(ends, key=lambda each: each.energy)
    everything = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.uint8)
    assert np.array_equal(predict(best, everything).T, hidden(everything))
    netlist = best.netlist("small", (Port("x", 8),), (Port("y", 3),))
    assert np.array_equal(evaluate(netlist, everything), hidden(everything))
    assert len(best.order) == 6
    assert best.energy == pytest.approx(sum(gate_costs(best, problem.costs)))
    assert (confidence(problem, ends) > 0.99).all()


def test_confidence_tells_how_often_a_circuit_is_right(monkeypatch):
    """Of ten samples it is within a tenth of the accuracy on all vectors; 1 where nothing was drawn."""
    monkeypatch.setattr("btfsynth.learning.circuits._STEPS", 3000)
    problem = ground(10)
    best = run_chain(problem, 0, None)[-1]
    everything = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.uint8)
    right = (hidden(everything) == predict(best, everything).T).mean(axis=0)
    sure = confidence(problem, [best])
    assert right.min() < 0.9
    assert sure == pytest.approx(right, abs=0.1)
    assert np.array_equal(sure, confidence(problem, [best]))
    assert confidence(problem, [best], seconds=0).tolist() == [1, 1, 1]


def gate_costs(circuit, costs):
    state = new_state(np.zeros((1, 8), np.uint8), len(circuit.outputs), len(circuit.kinds))
    state.kinds[:], state.fanins[:] = circuit.kinds, circuit.fanins
    return [gate_cost(state, costs, place) for place in circuit.order]


def test_basis_is_kept(monkeypatch):
    """In AND and OR nothing else is used, and the same seed gives the same circuit."""
    monkeypatch.setattr("btfsynth.learning.circuits._STEPS", 3000)
    first, again = (run_chain(ground(60, Basis.AIG), 0, None)[-1] for _ in range(2))
    gates = first.fanins[first.order]
    assert (first.kinds[first.order] == MAJORITY).all()
    assert (gates.min(axis=1) < 2).all()
    assert np.array_equal(gates, again.fanins[again.order])
    assert first.energy == again.energy


def test_an_automaton_with_a_shared_rule(tmp_path):
    """Rule 30 on a ring of 16 cells from 20 states: proven."""
    data = btf.load("automaton:30,cells=16,train=20")
    settings = {"trials": 1, "baselines": False, "simulators": ["amaranth"], "share": "cyclic"}
    learned = btf.learn(data, tmp_path / "rule", **settings)
    assert learned.netlist.equivalent(data.circuit)
    assert learned.scores["valid"].bits == 1


def test_a_rule_that_is_not_shared(tmp_path):
    """Outputs that are no function of the inputs turned round are refused, and so are other widths."""
    for task, words in (("adder:2", "as many outputs as inputs"), ("sorter:4", "contradicts it")):
        with pytest.raises(btf.UsageError, match=words):
            btf.learn(task, tmp_path / "no", share="cyclic", trials=1)


def test_an_oracle_is_asked_until_the_circuit_is_certain(tmp_path):
    """A hidden circuit of 8 inputs from at most 60 of its 256 vectors: proven."""
    data = btf.load("random_and_or:2x8,train=4,test=4,seed=2")
    asked = []

    def answer(vectors):
        asked.append(len(vectors))
        return data.circuit(vectors)

    settings = {"baselines": False, "simulators": ["amaranth"], "queries": 60}
    learned = btf.learn(data, tmp_path / "asked", oracle=answer, **settings)
    assert learned.netlist.equivalent(data.circuit)
    assert learned.core.asked == sum(asked) <= 60
    assert set(learned.winners) == {"circuit"}


def test_wrong_answers_are_refused(tmp_path):
    """Of another shape, or not 0 and 1; a command that fails or writes something else is named."""
    data = btf.load("adder:2").sample(4)
    with pytest.raises(btf.UsageError, match="`oracle`: expected an array of 44 by 3"):
        btf.learn(data, tmp_path / "no", oracle=lambda vectors: vectors)
    for command, words in (("exit 3", "code 3"), ("cat", "the line"), ("true", "got 0 lines")):
        with pytest.raises(btf.ToolError, match=words):
            btf.learn(data, tmp_path / "no", oracle=command)


def test_a_command_answers(tmp_path):
    """Lines of bits in, lines of bits out."""
    vectors = np.array([[0, 1, 1], [1, 0, 0]], dtype=np.uint8)
    assert command_oracle("cut -c2-3", 2)(vectors).tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("ones", [True, False])
def test_a_rare_value_is_covered(ones):
    """A product of five of twelve inputs, true on one sample in 32: one cover makes the output right."""
    inputs = np.random.default_rng(1).integers(0, 2, (400, 12), dtype=np.uint8)
    values = inputs[:, [0, 3, 4, 7, 9]].all(axis=1) == ones
    targets = (2.0 * values[None] - 1).astype(np.float32)
    chain = Chain(Ground(inputs, targets, Basis.XMG, 2), 0)
    chain.state.outputs[0] = 0 if ones else 1
    assert chain.measure()[0] > 5
    assert any(chain._cover(0) and not chain.measure()[0].any() for _ in range(5))
    assert chain.state.size[0] <= 9


def test_names_of_the_learners():
    """The setting has those that there are."""
    assert table.LEARNERS == LEARNERS
