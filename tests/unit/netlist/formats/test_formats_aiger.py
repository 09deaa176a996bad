"""The examples of the AIGER report, in both kinds, and files it must refuse."""

from __future__ import annotations

import pytest
from reading import computes, ports, source

from btfsynth.errors import DataError
from btfsynth.netlist.formats.aiger import parse_aiger
from btfsynth.netlist.netlist import Netlist

HALF_ADDER = """aag 7 2 0 2 3
2
4
6
12
6 13 15
12 2 4
14 3 5
i0 x
i1 y
o0 s
o1 c
c
half adder
"""

HALF_ADDER_BINARY = (
    b"aig 5 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02i0 x\ni1 y\no0 s\no1 c\nc\nhalf adder\n"
)


def read(content: str | bytes) -> Netlist:
    """The netlist of a content."""
    return parse_aiger(source(content, "f.aig")).netlist


@pytest.mark.parametrize("content", [HALF_ADDER, HALF_ADDER_BINARY])
def test_the_half_adder(content):
    """Both examples of the report; the ASCII one is not in topological order."""
    netlist = read(content)
    assert ports(netlist) == ({"x": 1, "y": 1}, {"s": 1, "c": 1})
    assert computes(netlist, lambda x, y: (x ^ y, x and y))
    assert netlist.n_cells == 3


@pytest.mark.parametrize(
    ("content", "function"),
    [
        ("aag 0 0 0 1 0\n0\n", lambda: False),
        ("aag 0 0 0 1 0\n1\n", lambda: True),
        ("aag 1 1 0 2 0\n2\n2\n3\n", lambda x: (x, not x)),
        ("aag 3 2 0 1 1\n2\n4\n6\n6 2 4\n", lambda x, y: x and y),
        ("aag 3 2 0 1 1\n2\n4\n7\n6 3 5\n", lambda x, y: x or y),
        ("aag 9 2 0 1 1 0 0 0 0\n18\n4\n7\n6 19 5\n", lambda x, y: x or y),
        ("aig 3 2 0 1 1\n6\n\x02\x02", lambda x, y: x and y),
        ("aig 1 1 0 1 0\n3\n", lambda x: not x),
    ],
)
def test_small_circuits(content, function):
    """Constants, wires, gates, unused variables; without symbols the ports are x and y."""
    netlist = read(content)
    assert computes(netlist, function)
    inputs, outputs = ports(netlist)
    assert (list(inputs), list(outputs)) == (["x"] if inputs else [], ["y"])


def test_buses_in_any_order():
    """The bits of a bus come together whatever the order of the inputs is."""
    netlist = read(
        "aag 4 3 0 2 1\n2\n4\n6\n8\n2\n8 4 7\ni0 v[1]\ni1 w\ni2 v[0]\no0 q[1]\no1 q[0]\n"
    )
    assert ports(netlist) == ({"v": 2, "w": 1}, {"q": 2})
    assert computes(netlist, lambda v0, v1, w: (v1, w and not v0))


def test_some_symbols():
    """Inputs without a name get one that no other has."""
    netlist = read("aag 3 3 0 1 0\n2\n4\n6\n6\ni1 i0\nc\ni0 this is no symbol\n")
    assert list(ports(netlist)[0]) == ["i0_", "i0", "i2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "f.aig:1: expected an AIGER header"),
        ("aag 1 1\n", "f.aig:1: expected an AIGER header"),
        (
            "aag 2 1 1 1 0\n2\n4 2\n4\n",
            "f.aig:1: the circuit is sequential, it has 1 latch; expected",
        ),
        ("aag 1 1 0 1 0 0 0 1\n2\n2\n1\n2\n", "f.aig:1: justice properties describe runs"),
        ("aag 1 1 0 0 0\n2\n", "f.aig:1: expected at least one output"),
        ("aag 1 1 0 1 1\n2\n2\n4 2 2\n", "f.aig:1: expected 2 variables"),
        ("aag 9999999999 1 0 1 1\n", "f.aig:1: expected fewer variables"),
        ("aig 999999999 1 0 1 999999998\n2\n", "f.aig:1: expected at most"),
        ("aag 3 2 0 1 1\n2\n4\n6\n", "f.aig:4: expected 4 lines after the header"),
        ("aag 3 2 0 1 1\n2\n4\n6", "f.aig:4: expected 4 lines after the header"),
        ("aag 3 2 0 1 1\n2\nx\n6\n6 2 4\n", "f.aig:3: expected a literal of at most 7, got 'x'"),
        ("aag 3 2 0 1 1\n2\n-4\n6\n6 2 4\n", "f.aig:3: expected a literal"),
        ("aag 3 2 0 1 1\n2\n4\n8\n6 2 4\n", "f.aig:4: expected a literal of at most 7, got '8'"),
        ("aag 3 2 0 1 1\n2\n3\n6\n6 2 4\n", "f.aig:3: expected an even literal above 0"),
        ("aag 3 2 0 1 1\n2\n2\n6\n6 2 4\n", "f.aig:3: the literal 2 is defined twice"),
        ("aag 3 2 0 1 1\n2\n4\n6\n2 4 4\n", "f.aig:5: the literal 2 is defined twice"),
        ("aag 3 2 0 1 1\n2\n4\n6\n6 2\n", "f.aig:5: expected the three literals of an AND"),
        ("aag 4 2 0 1 1\n2\n4\n6\n6 2 8\n", "f.aig:5: the literal 8 is not defined"),
        ("aag 4 2 0 1 1\n2\n4\n8\n6 2 4\n", "f.aig:4: the literal 8 is not defined"),
        ("aag 4 2 0 1 2\n2\n4\n6\n6 8 2\n8 6 4\n", "f.aig:5: the literal 6 is part of a comb"),
        ("aag 1 1 0 1 0\n2\n2\ni1 x\n", "f.aig:4: expected a symbol"),
        ("aag 1 1 0 1 0\n2\n2\ni0 x\ni0 y\n", "f.aig:5: i0 is named twice"),
        ("aag 2 2 0 1 0\n2\n4\n2\ni0 x\ni1 x\n", "f.aig: the input name 'x' is used twice"),
        ("aag 1 1 0 1 0\n2\n2\nnonsense\n", "f.aig:4: expected a symbol"),
        ("aig 3 2 0 1 1\n6\n\x02", "f.aig: the file ends at byte 17, before AND 1 of 1"),
        (b"aig 3 2 0 1 1\n6\n\x02\x82", "f.aig: the file ends at byte 18, before AND 1 of 1"),
        ("aig 3 2 0 1 1\n6", "f.aig: the file ends at byte 15, before output 1 of 1"),
        ("aig 3 2 0 1 1\n6\n\x00\x02", "f.aig: AND 1 of 1: expected two falling differences"),
        ("aig 3 2 0 1 1\n6\n\x07\x00", "at byte 16"),
        (b"aig 3 2 0 1 1\n6\n\xff\xff\xff\xff\xff\x01\x00", "at byte 16"),
        (b"aag 1 1 0 1 0\n2\n2\ni0 \xff\n", "f.aig:4: expected a symbol in UTF-8"),
    ],
)
def test_refused(content, message):
    """One clear line with the line, or the byte in the binary part."""
    with pytest.raises(DataError) as caught:
        read(content)
    assert message in str(caught.value)
