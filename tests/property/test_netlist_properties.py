"""Random netlists against an evaluator by recursion, and through text and back."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import NAMES, netlists

from btfsynth.errors import DataError
from btfsynth.netlist import simulation
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, pack_bits, unpack_bits
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port


@given(netlist=netlists(), vectors=st.integers(1, 140), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_simulation_agrees_with_recursion(netlist: Netlist, vectors: int, seed: int) -> None:
    """Any number of vectors, not only whole words."""
    listed = np.random.default_rng(seed).integers(0, 2, (vectors, netlist.n_inputs))
    wanted = [naive.netlist_bits(netlist, vector) for vector in listed]
    assert unpack_bits(output_words(netlist, pack_bits(listed)), vectors).tolist() == wanted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "_FEW_WORDS", 0)  # as large netlists are
        assert unpack_bits(output_words(netlist, pack_bits(listed)), vectors).tolist() == wanted


@given(netlist=netlists())
@settings(max_examples=40, deadline=None)
def test_statistics_agree_with_recursion(netlist: Netlist) -> None:
    """Kinds add up, depth is the longest path, inverters the signals used complemented."""
    found = statistics(netlist)

    def depth(node: int) -> int:
        if node < netlist.first_cell:
            return 0
        fanin = netlist.fanins[node - netlist.first_cell].tolist()
        return 1 + max(depth(literal >> 1) for literal in fanin)

    assert found.and_cells + found.or_cells + found.maj_cells == found.cells == netlist.n_cells
    assert found.depth == max(depth(literal >> 1) for literal in netlist.outputs.tolist())
    used = [*netlist.fanins.ravel().tolist(), *netlist.outputs.tolist()]
    assert found.inverters == len({literal for literal in used if literal & 1 and literal > 1})


@given(netlist=netlists())
@settings(max_examples=80, deadline=None)
def test_text_round_trip(netlist: Netlist) -> None:
    """Names of any characters, ports, cells and outputs come back, and the same text again."""
    text = format_netlist(netlist)
    back = parse_netlist(text)
    assert back.name == netlist.name
    assert (back.input_ports, back.output_ports) == (netlist.input_ports, netlist.output_ports)
    assert np.array_equal(back.fanins, netlist.fanins)
    assert np.array_equal(back.outputs, netlist.outputs)
    assert format_netlist(back) == text


@given(netlist=netlists(max_cells=4), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_text_is_a_netlist_or_a_data_error(netlist: Netlist, data: st.DataObject) -> None:
    """Whatever is cut out of or put into a file, nothing but a DataError comes of it."""
    text = format_netlist(netlist)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 6)))
    middle = data.draw(st.text(max_size=4) | st.sampled_from(["-1", "99999999", '"', "\0", "\n"]))
    line: int | None = 0
    try:
        parse_netlist(text[:begin] + middle + text[end:])
    except DataError as error:
        line = error.line
    assert line is not None


@given(
    steps=st.lists(st.tuples(*[st.integers(0, 10_000)] * 3), max_size=20),
    name=NAMES,
    n_inputs=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_the_builder_keeps_the_function_and_the_normal_form(
    steps: list[tuple[int, int, int]], name: str, n_inputs: int
) -> None:
    """Cells come out sorted, with at most one complement, all different, all in use, and right."""
    builder = NetlistBuilder(name, [Port("x", n_inputs)], [Port("y", 2)])
    literals = [0, *(builder.input(bit) for bit in range(n_inputs))]
    columns = [[0] * (1 << n_inputs), *map(list, zip(*naive.all_vectors(n_inputs), strict=True))]
    for step in steps:
        chosen = [(pick >> 1) % len(literals) for pick in step]
        a, b, c = (
            [bit ^ (pick & 1) for bit in columns[place]]
            for place, pick in zip(chosen, step, strict=True)
        )
        columns.append([int(x + y + z >= 2) for x, y, z in zip(a, b, c, strict=True)])
        literals.append(
            builder.maj(*(literals[p] ^ (pick & 1) for p, pick in zip(chosen, step, strict=True)))
        )
    netlist = builder.build([literals[-1], literals[-1] ^ 1])
    rows = [tuple(row) for row in netlist.fanins.tolist()]
    assert all(row == tuple(sorted(row)) for row in rows)
    assert all(sum(literal & 1 for literal in row) <= 1 for row in rows)
    assert all(len({literal >> 1 for literal in row}) == 3 for row in rows)
    assert len(set(rows)) == len(rows)
    used = {literal >> 1 for row in rows for literal in row}
    used.update(literal >> 1 for literal in netlist.outputs.tolist())
    assert set(range(netlist.first_cell, netlist.n_nodes)) <= used
    assert [row[0] for row in naive.truth_table(netlist)] == columns[-1]
    found = unpack_bits(output_words(netlist, exhaustive_words(n_inputs)), 1 << n_inputs)
    assert found[:, 1].tolist() == [1 - bit for bit in columns[-1]]
