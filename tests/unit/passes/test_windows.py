"""Resubstitution in windows: what it keeps, and what it saves."""

from __future__ import annotations

from dataclasses import replace

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import complete_reference, netlists

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    function_reference,
    output_words,
    pack_bits,
    unpack_bits,
)
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.ports import Port


def sample(netlist: Netlist) -> Reference:
    """Return the netlist's function on vectors that are said to be a sample."""
    if netlist.n_inputs <= 16:
        return replace(complete_reference(netlist), complete=False)
    return function_reference(
        lambda rows: unpack_bits(output_words(netlist, pack_bits(rows)), len(rows)),
        netlist.n_inputs,
    )


def array_multiplier(bits: int) -> Netlist:
    """Columns of ANDs, added up by full adders of ANDs and ORs alone, each of eleven cells."""
    ports = [Port("a", bits), Port("b", bits)], [Port("p", 2 * bits)]
    builder = NetlistBuilder("m", *ports)
    columns: list[list[int]] = [[] for _ in range(2 * bits + 1)]
    for i in range(bits):
        for j in range(bits):
            columns[i + j].append(builder.and_(builder.input(i), builder.input(bits + j)))
    product = []
    for k in range(2 * bits):
        column = columns[k]
        while len(column) > 1:
            x, y = column.pop(), column.pop()
            total, carry = builder.xor(x, y), builder.and_(x, y)
            if column:
                z = column.pop()
                carry = builder.or_(carry, builder.and_(z, builder.or_(x, y)))
                total = builder.xor(total, z)
            column.insert(0, total)
            columns[k + 1].append(carry)
        product.append(column[0] if column else 0)
    return builder.build(product)


@pytest.mark.parametrize(
    "step",
    [
        Resubstitution(k=0, patience=0),
        Resubstitution(k=1, patience=0, divisors=5),
        Resubstitution(k=2, patience=0, leaves=6),
        Resubstitution(k=2, patience=60, seed=3),
    ],
    ids=str,
)
@given(netlist=netlists(max_inputs=5, max_cells=40, max_outputs=4))
@settings(max_examples=60, deadline=None)
def test_every_function_is_kept_whatever_the_sample(step: Resubstitution, netlist: Netlist) -> None:
    """A window knows all vectors of its leaves: nothing is left to proof, and nothing grows."""
    reference = sample(netlist)
    reference = replace(reference, care=np.zeros_like(reference.care))
    result = step.apply(netlist, reference)
    assert naive.truth_table(result) == naive.truth_table(netlist)
    assert result.n_cells <= netlist.n_cells
    again = step.apply(netlist, reference)
    assert np.array_equal(again.fanins, result.fanins)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_netlists_with_many_inputs_keep_their_function(seed: int) -> None:
    """200 random cells over 20 inputs, which no exhaustive signature covers."""
    random = np.random.default_rng(seed)
    rows = [random.integers(0, 2 * (21 + cell), 3) for cell in range(200)]
    outputs = random.integers(2 * 120, 2 * 221, 12)
    ports = (Port("x", 20),), (Port("y", 12),)
    netlist = Netlist("r", *ports, np.array(rows), outputs)
    result = Resubstitution(patience=1000).apply(netlist, sample(netlist))
    vectors = random.integers(0, 2**64, (20, 2000), dtype=np.uint64)
    assert np.array_equal(output_words(result, vectors), output_words(netlist, vectors))


@pytest.mark.parametrize(("bits", "cells"), [(4, (92, 53)), (12, (1140, 557))])
def test_full_adders_come_to_their_majorities(bits: int, cells: tuple[int, int]) -> None:
    """Array multipliers of AND and OR become about what majority arrays take."""
    netlist = array_multiplier(bits)
    result = Resubstitution().apply(netlist, sample(netlist))
    assert (netlist.n_cells, result.n_cells) == cells
    random = np.random.default_rng(1).integers(0, 2**64, (2 * bits, 500), dtype=np.uint64)
    assert np.array_equal(output_words(result, random), output_words(netlist, random))


def test_a_cell_is_seen_through_its_users() -> None:
    """Beside x & y the carry sees z & (x | y) only where x ^ y: the z & (x ^ y) that exists will do."""
    builder = NetlistBuilder("t", [Port("x", 17)], [Port("y", 2)])
    x, y, z = (builder.input(bit) for bit in range(3))
    part = builder.and_(z, builder.xor(x, y))
    carry = builder.or_(builder.and_(x, y), builder.and_(z, builder.or_(x, y)))
    netlist = builder.build([carry, part])
    result = Resubstitution(k=0, patience=0).apply(netlist, sample(netlist))
    assert (netlist.n_cells, result.n_cells) == (6, 5)
    random = np.random.default_rng(1).integers(0, 2**64, (17, 50), dtype=np.uint64)
    assert np.array_equal(output_words(result, random), output_words(netlist, random))
