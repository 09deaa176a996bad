"""Designs of different files under the same ports, and their comparison."""

from __future__ import annotations

import numpy as np
import pytest
from hardware import design, full_adder, multiplier, netlists, outputs_of
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.errors import DataError, UsageError
from btfsynth.hdl.formats import WRITERS
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, total_width
from btfsynth.verify.compare import compare
from btfsynth.verify.subjects import Subject, align, match_bits, read_subject


def over(inputs, outputs):
    """A netlist of given ports without cells whose outputs are its first inputs."""
    count = total_width([Port(*port) for port in outputs])
    return Netlist(
        "wires",
        tuple(Port(*port) for port in inputs),
        tuple(Port(*port) for port in outputs),
        np.zeros((0, 3), np.int32),
        np.array([2 * (1 + bit) for bit in range(count)], np.int32),
    )


@settings(deadline=None)
@given(st.data(), netlists())
def test_ports_in_any_order(data, netlist):
    """Ports in another order are found by their names, and the function stays."""
    order = data.draw(st.permutations(range(len(netlist.input_ports))))
    shuffled = tuple(netlist.input_ports[place] for place in order)
    starts = np.cumsum([0, *(port.width for port in netlist.input_ports)])
    bits = [bit for place in order for bit in range(starts[place], starts[place + 1])]
    moved = np.arange(netlist.n_nodes)
    moved[1 + np.array(bits)] = 1 + np.arange(len(bits))
    other = Netlist(
        "other",
        shuffled,
        netlist.output_ports,
        2 * moved[netlist.fanins >> 1] + (netlist.fanins & 1),
        2 * moved[netlist.outputs >> 1] + (netlist.outputs & 1),
    )
    aligned = align(netlist, other)
    assert match_bits("inputs", netlist.input_ports, shuffled)[1] == ""
    assert aligned.input_ports == netlist.input_ports
    vectors = ((np.arange(1 << len(bits))[:, None] >> np.arange(len(bits))) & 1).astype(np.uint8)
    assert (outputs_of(aligned, vectors) == outputs_of(netlist, vectors)).all()
    assert compare(Subject(None, netlist), Subject(None, other)).equal


@pytest.mark.parametrize(
    ("inputs", "order", "note"),
    [
        ([("a", 2), ("b", 1)], [0, 1, 2], None),
        ([("b", 1), ("a", 2)], [1, 2, 0], None),
        ([("x", 2), ("y", 1)], [0, 1, 2], "a[2], b with x[2], y"),
        ([("b", 1), ("y", 2)], [1, 2, 0], "a[2] with y[2]"),
        ([("i0", 1), ("i1", 1), ("i2", 1)], [0, 1, 2], "a[2], b with i0, i1, i2"),
    ],
)
def test_matching(inputs, order, note):
    """Names first, then the order; every guess is told."""
    first = over([("a", 2), ("b", 1)], [("y", 1)])
    other = over(inputs, [("y", 1)])
    bits, found = match_bits("inputs", first.input_ports, other.input_ports)
    assert bits.tolist() == order
    assert found == ("" if note is None else f"inputs matched by their order: {note}")


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([("a", 3), ("b", 1)], "3 and 4 bits"),
        ([("a", 1), ("b", 2)], "'a' has two widths"),
        ([("x", 1), ("y", 2)], "neither names nor widths agree"),
        ([("x", 2), ("x[0]", 1)], "two bits have the same name"),
    ],
)
def test_no_match(inputs, reason):
    """Ports that cannot belong together are refused with both lists."""
    first = over([("a", 2), ("b", 1)], [("y", 1)])
    with pytest.raises(UsageError, match="different inputs") as caught:
        align(first, over(inputs, [("y", 1)]))
    assert reason in str(caught.value)
    assert "a[2], b and " in str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format(tmp_path, name):
    """A netlist is equivalent to itself in every format, and a changed one is not."""
    netlist = multiplier()
    changed = Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        netlist.fanins,
        netlist.outputs ^ np.array([0, 0, 1, 0], np.int32),
    )
    writer = WRITERS[name]
    first, second = tmp_path / f"a{writer.ending}", tmp_path / f"b{writer.ending}"
    first.write_bytes(writer.content(netlist)[0])
    second.write_bytes(writer.content(changed)[0])
    own = Subject(tmp_path, netlist)
    assert compare(own, read_subject(first)).equal
    found = compare(own, read_subject(second))
    assert not found.equal
    assert found.to_json()["counterexample"] == {
        "inputs": "a=2'b00 b=2'b00",
        "a": "p=4'b0000",
        "b": "p=4'b0100",
    }


def test_design_folder(tmp_path):
    """Of a folder the Verilog counts, under the names of the data."""
    renamed = Netlist(
        "module",
        (Port("in put", 1), Port("b", 2)),
        (Port("wire", 2),),
        full_adder().fanins,
        full_adder().outputs,
    )
    subject = read_subject(design(renamed, tmp_path / "folder"))
    assert subject.netlist.input_ports == renamed.input_ports
    found = compare(Subject(tmp_path, renamed), subject)
    assert (found.equal, found.notes) == (True, ())
    file = next((tmp_path / "folder").glob("m_module.v"))
    file.write_text(file.read_text().replace("[1:0] b", "[1:0] c").replace("b[", "c["))
    with pytest.raises(DataError, match="expected the inputs that the manifest lists"):
        read_subject(tmp_path / "folder")


def test_open_outputs(tmp_path):
    """Where a table leaves an output open any value will do, in whatever order its inputs stand."""
    table = tmp_path / "t.pla"
    table.write_text(
        ".i 2\n.o 1\n.ilb b a\n.ob y\n.type fr\n00 0\n01 1\n10 0\n.e\n"
    )  # open for b=1 a=1
    subject = read_subject(table)
    assert subject.leaves_open
    for function, equal in (
        (lambda builder, a, b: a, True),
        (lambda builder, a, b: builder.and_(a, b ^ 1), True),
        (lambda builder, a, b: b, False),
        (lambda builder, a, b: builder.or_(a, b), False),
    ):
        builder = NetlistBuilder("o", [Port("a", 1), Port("b", 1)], [Port("y", 1)])
        netlist = builder.build([function(builder, builder.input(0), builder.input(1))])
        other = Subject(tmp_path / "o.mig", netlist)
        for first, second in ((subject, other), (other, subject)):
            found = compare(first, second)
            assert found.equal is equal, found
            assert found.notes == ("t.pla leaves outputs open; these may have any value",)
            assert found.method == "the 3 input vectors with an output that matters"
