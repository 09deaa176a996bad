"""Parts of netlists in words, as graphs and as drawings."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port
from btfsynth.report.schematic import Excerpt, arrange, find_outputs, format_dot, format_svg

SVG = "{http://www.w3.org/2000/svg}"


def small() -> Netlist:
    """Return two outputs of which one does not need the majority, and a third that is constant."""
    return Netlist(
        "small",
        (Port("a", 2), Port("c", 1)),
        (Port("y", 2), Port("k", 1)),
        np.array([[0, 2, 4], [1, 3, 6], [9, 8, 11]], dtype=np.int32),
        np.array([8, 13, 1], dtype=np.int32),
    )


def value_of(excerpt: Excerpt, literal: int, inputs: dict[str, int]) -> int:
    """Compute a literal from the words of the excerpt alone."""
    values = {"0": 0, "1": 1, **inputs}

    def read(word: str) -> int:
        return 1 - values[word[1:]] if word.startswith("~") else values[word]

    for cell in excerpt.cells:
        words = excerpt.function(cell)
        if words.startswith("maj("):
            value = sum(map(read, words[4:-1].split(", "))) > 1
        elif " & " in words:
            value = all(map(read, words.split(" & ")))
        else:
            value = any(map(read, words.split(" | ")))
        values[excerpt.name(cell.node)] = int(value)
    return read(excerpt.literal(literal))


def test_words_of_a_netlist():
    """Every cell has a line that says what it is of."""
    excerpt = Excerpt(small())
    lines = [
        (cell.level, excerpt.name(cell.node), excerpt.function(cell)) for cell in excerpt.cells
    ]
    assert lines == [
        (1, "n1", "a[0] & a[1]"),
        (1, "n2", "~a[0] | c"),
        (2, "n3", "maj(~n1, n1, ~n2)"),
    ]
    assert [(name, excerpt.literal(lit)) for name, lit in excerpt.shown_outputs] == [
        ("y[0]", "n1"), ("y[1]", "~n3"), ("k", "1"),
    ]  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(netlists(), st.data())
def test_words_compute_the_netlist(netlist, data):
    """The words of the cone of an output, read again, give the output's value."""
    inputs = (Port("x", netlist.n_inputs),) if netlist.n_inputs else ()
    outputs = (Port("y", netlist.n_outputs),)
    netlist = Netlist("t", inputs, outputs, netlist.fanins, netlist.outputs)
    bit = data.draw(st.integers(0, netlist.n_outputs - 1))
    excerpt = Excerpt(netlist, (bit,))
    bits = data.draw(
        st.lists(st.integers(0, 1), min_size=netlist.n_inputs, max_size=netlist.n_inputs)
    )
    values = [0, *bits]
    for a, b, c in netlist.fanins.tolist():
        values.append(int(sum(values[x >> 1] ^ (x & 1) for x in (a, b, c)) > 1))
    literal = int(netlist.outputs[bit])
    given_bits = {excerpt.name(node): values[node] for node in excerpt.inputs}
    assert value_of(excerpt, literal, given_bits) == values[literal >> 1] ^ (literal & 1)


def test_a_cone_is_what_an_output_needs():
    """Cells and inputs of other outputs are left out, the others keep their numbers."""
    netlist = small()
    cone = Excerpt(netlist, find_outputs(netlist, "y[0]"))
    assert [cone.name(cell.node) for cell in cone.cells] == ["n1"]
    assert [cone.name(node) for node in cone.inputs] == ["a[0]", "a[1]"]
    assert (cone.cost.cells, cone.cost.and_cells, cone.cost.depth) == (1, 1, 1)
    assert find_outputs(netlist, "y") == (0, 1)
    assert find_outputs(netlist, "k") == (2,)
    whole = Excerpt(netlist, find_outputs(netlist, "y"))
    assert whole.cost == statistics(netlist)
    with pytest.raises(UsageError, match=r"no output 'z'; outputs are: y\[0\] to y\[1\], k"):
        find_outputs(netlist, "z")


def test_cells_are_not_called_as_ports_are():
    """An input n3 leaves another prefix for the cells."""
    netlist = Netlist(
        "t", (Port("n3", 1), Port("NN1", 1)), (Port("y", 1),), np.array([[0, 2, 4]]), np.array([6])
    )
    assert Excerpt(netlist).name(3) == "nnn1"


HOSTILE = '<"\\&\n\x01&amp;\\N]]>'


@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_drawings_hold_every_cell_and_circle(name):
    """SVG is right XML with a group a cell and a circle a complement; DOT has an edge a fan-in."""
    netlist = small()
    netlist = Netlist(
        name, (Port(name, 2), Port("c", 1)), netlist.output_ports, netlist.fanins, netlist.outputs
    )
    excerpt = Excerpt(netlist)
    root = ET.fromstring(format_svg(excerpt))
    assert len(root.findall(f"{SVG}g")) == 3
    assert len(root.findall(f"{SVG}circle")) == 5
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {"y[0]", "y[1]", "k", "c", excerpt.name(1)} <= texts
    lines = format_dot(excerpt).splitlines()
    assert sum("->" in line for line in lines) == 2 + 2 + 3 + 3
    assert sum("arrowhead=odot" in line for line in lines) == 5
    assert lines[-1] == "}"
    assert all(len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0 for line in lines)


@settings(deadline=None, max_examples=40)
@given(netlists())
def test_gates_do_not_touch(netlist):
    """In a column of the drawing each gate ends above the next one, and wires run from left to right."""
    excerpt = Excerpt(netlist)
    root = ET.fromstring(format_svg(excerpt))
    boxes: dict[str, list[tuple[float, float]]] = {}
    for gate in root.findall(f"{SVG}g"):
        name = gate.findall(f"{SVG}text")[1]
        outline = [
            float(y)
            for y in re.findall(r"[MV][-0-9.]* ?([-0-9.]+)", gate.find(f"{SVG}path").get("d"))
        ]
        bottom = float(name.get("y")) - 8
        boxes.setdefault(name.get("x"), []).append((outline[0], bottom))
    assert sum(map(len, boxes.values())) == len(excerpt.cells)
    for column in boxes.values():
        column.sort()
        assert all(lower[1] < upper[0] for lower, upper in pairwise(column))
    ways = "".join(wire.get("d") for wire in root.findall(f"{SVG}path"))
    curves = re.findall(r"M([-0-9.]+) [-0-9.]+C(?:[-0-9.]+ ){4}([-0-9.]+)", ways)
    pins = sum(len(cell.fanins) for cell in excerpt.cells) + len(excerpt.shown_outputs)
    assert len(curves) >= pins
    for start, end in curves:
        assert float(start) < float(end)


def test_layers_untangle():
    """Two crossed wires are uncrossed, and what is joined stands level."""
    layers = arrange(
        [["a", "b"], ["c", "d"]], [("a", "d"), ("b", "c")], dict.fromkeys("abcd", 10.0)
    )
    assert layers.at["a"] == pytest.approx(layers.at["d"])
    assert layers.at["b"] == pytest.approx(layers.at["c"])
    assert abs(layers.at["a"] - layers.at["b"]) >= 10
    assert layers.height == pytest.approx(20)
