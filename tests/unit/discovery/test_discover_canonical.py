"""The canonical form of a circuit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.discovery.record import canonical_hash, canonical_netlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words
from btfsynth.ports import Port


def disguised(netlist: Netlist, seed: int) -> Netlist:
    """The same circuit otherwise: cells in another order and polarity, fan-in mixed, one cell dead."""
    random = np.random.default_rng(seed)
    first, fanins = netlist.first_cell, netlist.fanins.tolist()
    literal = {node: 2 * node for node in range(first)}
    rows: list[list[int]] = []
    waiting = list(range(len(fanins)))
    while waiting:
        ready = [k for k in waiting if all(lit >> 1 in literal for lit in fanins[k])]
        cell = int(random.choice(ready))
        waiting.remove(cell)
        flip = int(random.integers(2))
        row = [literal[lit >> 1] ^ (lit & 1) ^ flip for lit in fanins[cell]]
        rows.append(random.permutation(row).tolist())
        literal[first + cell] = 2 * (first + len(rows) - 1) + flip
    rows.append([0, 1, 2 * (first + len(rows)) - 1])
    outputs = [literal[lit >> 1] ^ (lit & 1) for lit in netlist.outputs.tolist()]
    return Netlist(
        "other", netlist.input_ports, netlist.output_ports,
        np.array(rows, dtype=np.int32), np.array(outputs, dtype=np.int32),
    )  # fmt: skip


def table(netlist: Netlist) -> bytes:
    """All outputs on all inputs."""
    return output_words(netlist, exhaustive_words(netlist.n_inputs)).tobytes()


@settings(deadline=None)
@given(netlists(), st.integers(0, 2**32))
def test_writing_a_circuit_otherwise_keeps_its_hash(netlist, seed):
    """Order of cells and fan-in, polarity, dead cells and names do not count."""
    other = disguised(netlist, seed)
    assert canonical_hash(other) == canonical_hash(netlist)
    ours, theirs = canonical_netlist(netlist), canonical_netlist(other)
    np.testing.assert_array_equal(ours.fanins, theirs.fanins)
    np.testing.assert_array_equal(ours.outputs, theirs.outputs)


@settings(deadline=None)
@given(netlists())
def test_the_canonical_netlist_is_the_same_circuit(netlist):
    """It computes the same with as many cells, and is its own canonical form."""
    canonical = canonical_netlist(netlist)
    assert table(canonical) == table(netlist)
    assert canonical.n_cells == rebuild(netlist).n_cells
    assert canonical_hash(canonical) == canonical_hash(netlist)
    np.testing.assert_array_equal(canonical_netlist(canonical).fanins, canonical.fanins)


@settings(deadline=None)
@given(
    netlists(max_inputs=2, max_cells=3, max_outputs=1),
    netlists(max_inputs=2, max_cells=3, max_outputs=1),
)
def test_one_hash_is_one_function(one, other):
    """Netlists of the same hash have the same interface and compute the same."""
    if canonical_hash(one) == canonical_hash(other):
        assert (one.n_inputs, one.n_outputs) == (other.n_inputs, other.n_outputs)
        assert table(one) == table(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (([[0, 2, 4]], [8]), ([[0, 2, 6]], [8])),
        (([[0, 2, 4]], [8]), ([[0, 2, 4]], [9])),
        (([[0, 2, 4]], [8]), ([[0, 2, 5]], [8])),
        (([[0, 2, 4], [0, 6, 8]], [10]), ([[0, 4, 6], [0, 2, 8]], [10])),
        (([[0, 2, 4], [0, 2, 6], [1, 8, 10]], [12]), ([[1, 4, 6], [0, 2, 8]], [10])),
    ],
)  # fmt: skip
def test_other_structures_are_told_apart(one, other):
    """Other inputs, other polarity, and other arrangements of one function."""
    ports = (Port("x", 3),), (Port("y", 1),)
    made = [
        Netlist("n", *ports, np.array(rows, dtype=np.int32), np.array(outputs, dtype=np.int32))
        for rows, outputs in (one, other)
    ]
    assert canonical_hash(made[0]) != canonical_hash(made[1])
