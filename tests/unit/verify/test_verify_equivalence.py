"""Equivalence by exhaustive simulation and by SAT."""

from __future__ import annotations

import numpy as np
import pytest
from circuits import array_multiplier, turned
from hardware import full_adder, multiplier, netlists, outputs_of, vectors_of
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.errors import ToolTimeoutError, VerificationError
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.passes import sat_sweep
from btfsynth.ports import Port
from btfsynth.verify import equivalence, mutation
from btfsynth.verify.equivalence import equivalent


def parity(n_inputs, backwards=False, spoiled=False):
    """Parity of many inputs; spoiled for one input vector."""
    builder = NetlistBuilder("parity", [Port("a", n_inputs)], [Port("p", 1)])
    literals = [builder.input(bit) for bit in range(n_inputs)]
    result = 0
    for literal in reversed(literals) if backwards else literals:
        result = builder.xor(result, literal)
    if spoiled:
        every = 1
        for literal in literals:
            every = builder.and_(every, literal)
        result = builder.xor(result, every)
    return builder.build([result])


@pytest.mark.parametrize("n_inputs", [5, 18])
def test_equal(n_inputs):
    """The same parity made in another order is the same."""
    found = equivalent(parity(n_inputs), parity(n_inputs, backwards=True))
    assert found.equal
    assert found.counterexample is None
    assert ("SAT" in found.method) == (n_inputs > 16)


@pytest.mark.parametrize("n_inputs", [5, 10, 18])
def test_different_for_one_vector(n_inputs):
    """The one vector for which they differ is found."""
    found = equivalent(parity(n_inputs), parity(n_inputs, spoiled=True))
    assert not found.equal
    assert found.counterexample.tolist() == [1] * n_inputs


@given(st.data(), netlists())
def test_sat_and_simulation_agree(data, netlist):
    """Both ways say the same of a random change, and a counterexample is one."""
    fanins = netlist.fanins.copy()
    outputs = netlist.outputs.copy()
    place = data.draw(st.integers(0, fanins.size + len(outputs) - 1))
    if place < fanins.size:
        fanins.reshape(-1)[place] ^= 1
    else:
        outputs[place - fanins.size] ^= data.draw(st.integers(0, 1))
    other = Netlist("other", netlist.input_ports, netlist.output_ports, fanins, outputs)
    simulated, solved = (
        equivalence._by_simulation(netlist, other),
        equivalence._by_sat(netlist, other),
    )
    assert simulated.equal == solved.equal
    for found in (simulated, solved):
        if not found.equal:
            vector = found.counterexample[None, :]
            assert not np.array_equal(outputs_of(netlist, vector), outputs_of(other, vector))


def adder(width, gates, spoiled=False):
    """A ripple-carry adder of majorities or of two-input gates; spoiled where both operands are all ones."""
    ports = [Port("a", width), Port("b", width)]
    builder = NetlistBuilder("adder", ports, [Port("s", width + 1)])
    carry, total, every = 0, [], 1
    for bit in range(width):
        a, b = builder.input(bit), builder.input(width + bit)
        every = builder.and_(every, builder.and_(a, b))
        either = builder.xor(a, b)
        total.append(builder.xor(either, carry))
        if gates:
            carry = builder.or_(builder.and_(a, b), builder.and_(carry, either))
        else:
            carry = builder.maj(a, b, carry)
    total.append(builder.xor(carry, every) if spoiled else carry)
    return builder.build(total)


def test_a_wide_adder_equals_its_twin_in_gates():
    """64 bits: every carry is merged with its twin on the way to the outputs."""
    found = equivalent(adder(64, False), adder(64, True))
    assert found.equal
    assert found.method == "SAT sweeping"


def test_one_vector_in_two_to_the_80th_is_found():
    """No random vector tells the two adders apart; the counterexample is the one vector."""
    found = equivalent(adder(40, False), adder(40, True, spoiled=True))
    assert not found.equal
    assert found.counterexample.tolist() == [1] * 80


@given(st.data(), netlists())
def test_narrow_questions_change_no_answer(data, netlist):
    """With two cells and hardly a conflict in every question, equal stays equal and different different."""
    fanins = netlist.fanins.copy()
    if fanins.size and data.draw(st.booleans()):
        fanins.reshape(-1)[data.draw(st.integers(0, fanins.size - 1))] ^= 1
    other = Netlist("o", netlist.input_ports, netlist.output_ports, fanins, netlist.outputs)
    expected = equivalence._by_simulation(netlist, other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equivalence, "_ROUNDS", (None, 1))
        patch.setattr(equivalence, "_WORDS", 1)
        patch.setattr(sat_sweep, "_NEAR_CELLS", data.draw(st.integers(1, 3)))
        patch.setattr(sat_sweep, "_NEAR_CONFLICTS", 1)
        found = equivalence._by_sat(netlist, other)
    assert found.equal == expected.equal
    if not found.equal:
        vector = found.counterexample[None, :]
        assert (evaluate(netlist, vector) != evaluate(other, vector)).any()


def test_wide_adders():
    """Of different cells; and one that is wrong on a single vector of 2^80."""
    assert equivalence.find_difference(adder(64, False), adder(64, True)) is None
    vector = equivalence.find_difference(adder(40, False), adder(40, True, spoiled=True))
    assert vector.tolist() == [1] * 80


def test_ports_must_agree():
    """Netlists with other ports cannot be compared."""
    with pytest.raises(VerificationError, match="their ports differ"):
        equivalent(full_adder(), multiplier())


WIDTH = 14
"""Operands of a multiplier of which no solver proves in seconds that they can be exchanged."""


def test_undecided_in_time():
    """A proof that is not there in time is no answer, in a thread neither."""
    netlist = array_multiplier(WIDTH, WIDTH)
    with pytest.raises(
        ToolTimeoutError, match="neither proven equivalent nor different within 2 s"
    ):
        equivalent(netlist, turned(netlist, WIDTH), timeout=2)


@pytest.mark.parametrize("spoiled", [False, True])
def test_decided_in_time(spoiled):
    """With a limit the answer is the one without: also the only vector on which two differ."""
    a, b = parity(18), parity(18, backwards=not spoiled, spoiled=spoiled)
    found, unlimited = equivalent(a, b, timeout=300), equivalent(a, b)
    assert (
        (found.equal, found.method)
        == (unlimited.equal, unlimited.method)
        == (not spoiled, found.method)
    )
    if spoiled:
        assert found.counterexample.tolist() == [1] * 18


def test_mutant_that_stays_undecided(monkeypatch):
    """A mutant that no vector notices, and of which nothing is known in time, is neither same nor survivor."""
    netlist = multiplier()
    full = vectors_of(netlist)
    few = VectorTable(full.inputs[:1], full.expected[:1], full.care[:1], False)

    def slow(a, b, timeout):
        raise ToolTimeoutError(f"not within {timeout:g} s")

    monkeypatch.setattr(mutation, "equivalent", slow)
    score = mutation.score_mutants(netlist, few, False, 10_000, timeout=1)
    assert score.undecided
    assert not score.equivalent
    assert not score.survived
    assert score.tried == score.total == len(score.killed) + len(score.undecided)
    assert score.to_json()["undecided"] == len(score.undecided)
