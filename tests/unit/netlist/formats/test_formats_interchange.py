"""Netlist files as they are written: goldens by hand, names that a format cannot hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hardware import full_adder

from btfsynth import __version__
from btfsynth.errors import UsageError
from btfsynth.hdl.formats import WRITERS, get_writer
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

MAKER = f"generator: btfsynth {__version__}"

GOLDENS = {
    "blif": f"""# {MAKER}
.model full_adder
.inputs a b[0] b[1]
.outputs s[0] s[1]
.names a b[0] b[1] s[1]
11- 1
1-1 1
-11 1
.names a b[0] b[1] n2
11- 1
1-0 1
-10 1
.names b[1] s[1] n2 s[0]
10- 1
1-1 1
-01 1
.end
""",
    "bench": f"""# {MAKER}
# full_adder
INPUT(a)
INPUT(b[0])
INPUT(b[1])
OUTPUT(s[0])
OUTPUT(s[1])
s[1] = LUT 0xe8 (a, b[0], b[1])
n2 = LUT 0x8e (a, b[0], b[1])
s[0] = LUT 0xb2 (b[1], s[1], n2)
""",
}


def test_blif():
    """A majority is three rows with its complements in them; a cell has the name of its output."""
    assert WRITERS["blif"].content(full_adder())[0].decode() == GOLDENS["blif"]


def test_bench():
    """A majority is a table with its complements in it."""
    assert WRITERS["bench"].content(full_adder())[0].decode() == GOLDENS["bench"]


def test_aiger():
    """A majority is four ANDs; the symbols are the bits of the ports; the binary form agrees."""
    text = WRITERS["aag"].content(full_adder())[0].decode()
    header, *lines = text.splitlines()
    words = header.split()
    assert words == ["aag", "13", "3", "0", "2", "10"]  # two of the twelve are shared
    assert lines[:3] == ["2", "4", "6"]
    assert lines[3:10] == ["27", "15", "8 4 2", "10 5 3", "12 11 6", "14 13 9", "16 11 7"]
    assert text.endswith(f"i0 a\ni1 b[0]\ni2 b[1]\no0 s[0]\no1 s[1]\nc\nfull_adder\n{MAKER}\n")
    binary = WRITERS["aig"].content(full_adder())[0]
    assert binary.startswith(f"aig {' '.join(words[1:])}\n".encode())
    assert binary.endswith(text[text.index("i0 a") :].encode())


def test_an_and_is_one_and():
    """And so is an OR, in AIGER; BENCH has gates for both and one inverter a signal."""
    netlist = Netlist(
        "g", (Port("a", 1), Port("b", 1)), (Port("y", 3),),
        np.array([[0, 3, 4], [1, 3, 4]]), np.array([6, 8, 9]),
    )  # fmt: skip
    aag = WRITERS["aag"].content(netlist)[0].decode().splitlines()
    assert aag[:8] == ["aag 4 2 0 3 2", "2", "4", "6", "9", "8", "6 4 3", "8 5 2"]
    bench = WRITERS["bench"].content(netlist)[0].decode()
    assert "i1 = NOT(a)\ny[0] = AND(i1, b)\ny[1] = OR(i1, b)\ny[2] = NOT(y[1])\n" in bench


@pytest.mark.parametrize("name", ["blif", "bench"])
def test_names_that_cannot_stand(name):
    """Blanks, comments, clashes of inputs with outputs and with nets; each change is said."""
    netlist = Netlist(
        "no name",
        (Port("a b", 1), Port("n1", 1), Port("q", 1)),
        (Port("n1", 1), Port("q", 1), Port("a#b", 1)),
        np.array([[0, 2, 4]]),
        np.array([8, 6, 3]),
    )
    content, notices = WRITERS[name].content(netlist)
    text = content.decode()
    assert notices == (
        "port 'a b' is renamed to a_b in the file",
        "port 'n1' is renamed to n1_2 in the file",
        "port 'a#b' is renamed to a_b_2 in the file",
    )
    words = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    assert {"a_b", "n1", "q", "n1_2", "a_b_2"} <= set(words)


def test_long_lists_are_continued():
    """No line of a thousand inputs."""
    netlist = Netlist(
        "w", (Port("x", 1000),), (Port("y", 1),), np.zeros((0, 3), np.int32), np.array([2])
    )
    lines = WRITERS["blif"].content(netlist)[0].decode().splitlines()
    assert max(map(len, lines)) < 90


def test_the_writer_of_a_name():
    """By ending in any case; one without an ending is our own; an unknown one lists the others."""
    assert get_writer(Path("x.BLIF")).name == "blif"
    assert get_writer(Path("x")).name == "mig"
    with pytest.raises(
        UsageError, match=r"x\.edif: .*\.mig, \.blif, \.aag, \.aig, \.bench, \.json, \.v"
    ):
        get_writer(Path("x.edif"))
