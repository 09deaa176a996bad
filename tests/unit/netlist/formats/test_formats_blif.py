"""BLIF files written by hand, in the manner of the format's report, and files it must refuse."""

from __future__ import annotations

import pytest
from reading import computes, ports, source

from btfsynth.errors import DataError
from btfsynth.netlist.formats.blif import parse_blif
from btfsynth.netlist.netlist import Netlist

HEAD = ".model m\n.inputs a b c\n.outputs y\n"


def read(text: str) -> Netlist:
    """The netlist of a text."""
    return parse_blif(source(text, "f.blif")).netlist


def test_a_model():
    """Comments, continued lines, buses and a missing .end."""
    netlist = read(
        "# a comment\n.model simple # another\n.inputs a[0] a[1] \\\n  c\n.outputs \\\ny\n"
        ".names a[0] a[1] t\n11 1\n.names c t y # y = !c | t\n0- 1\n-1 1\n"
    )
    assert netlist.name == "simple"
    assert ports(netlist) == ({"a": 2, "c": 1}, {"y": 1})
    assert computes(netlist, lambda a0, a1, c: not c or (a0 and a1))


@pytest.mark.parametrize(
    ("cover", "function", "cells"),
    [
        ("11- 1\n1-1 1\n-11 1", lambda a, b, c: a + b + c >= 2, 1),
        ("00- 0\n0-0 0\n-00 0", lambda a, b, c: a + b + c >= 2, 1),
        ("100 1\n010 1\n001 1\n111 1", lambda a, b, c: a ^ b ^ c, 3),
        ("10- 1\n01- 1", lambda a, b, c: a ^ b, 3),
        ("11- 1\n0-1 1", lambda a, b, c: b if a else c, 3),
        ("111 0", lambda a, b, c: not (a and b and c), 2),
        ("--- 1", lambda a, b, c: True, 0),
        ("", lambda a, b, c: False, 0),
        ("1-- 1\n0-- 1", lambda a, b, c: True, 0),
    ],
)
def test_covers(cover, function, cells):
    """On-set and off-set covers, constants among them, become their smallest forms."""
    netlist = read(f"{HEAD}.names a b c y\n{cover}\n.end\n")
    assert computes(netlist, function)
    assert netlist.n_cells == cells


def test_a_wide_cover():
    """Nine inputs: balanced trees of the products and of their sum."""
    names = " ".join(f"x[{bit}]" for bit in range(9))
    rows = "1-------- 1\n-00000000 1\n-1111---- 1"
    netlist = read(f".model w\n.inputs {names}\n.outputs y\n.names {names} y\n{rows}\n.end\n")
    assert computes(netlist, lambda x, *r: x or not any(r) or all(r[:4]))
    assert netlist.n_cells == 12
    assert ports(netlist)[0] == {"x": 9}


def test_constants_and_wires():
    """Cells without inputs, buffers, Yosys' .conn, an input that is an output."""
    netlist = read(
        ".model k\n.inputs a\n.outputs zero one a w n\n.names zero\n.names one\n1\n"
        ".conn a w\n.names a n\n0 1\n.end\n"
    )
    assert computes(netlist, lambda a: (False, True, a, a, not a))


def test_models_are_flattened():
    """Instances within instances keep their nets apart."""
    netlist = read(
        ".model top\n.inputs a b c\n.outputs y z\n.subckt pair p=a q=b r=c s=y\n"
        ".subckt gate x=c y=a o=z\n.end\n"
        ".model pair\n.inputs p q r\n.outputs s\n.subckt gate x=p y=q o=n\n"
        ".subckt gate x=n y=r o=s\n.end\n"
        ".model gate\n.inputs x y\n.outputs o\n.names x y n\n11 1\n.names n o\n0 1\n.end\n"
    )
    assert computes(netlist, lambda a, b, c: (not (not (a and b) and c), not (c and a)))


def test_the_top_may_come_last():
    """A model that another one uses is not the top, wherever it stands; of the rest the first one is."""
    sub = ".model s\n.inputs p q\n.outputs r\n.names p q r\n10 1\n.end\n"
    top = ".model m\n.inputs a b\n.outputs y\n.subckt s p=b q=a r=y\n.end\n"
    other = ".model spare\n.inputs a\n.outputs y\n.names a y\n0 1\n.end\n"
    for text in (sub + top, top + sub, sub + top + other):
        netlist = read(text)
        assert netlist.name == "m"
        assert computes(netlist, lambda a, b: b and not a)
    assert read(other + sub + top).name == "spare"


def test_attributes_are_passed_over():
    """What Yosys and SIS say besides the function."""
    netlist = read(
        f"{HEAD}.area 3\n.default_input_arrival 0 0\n.names a y\n1 1\n.attr src "
        '"f.v:1"\n.cname $1\n.param W 1\n.end\n'
    )
    assert computes(netlist, lambda a, b, c: a)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("# nothing\n", "expected .model"),
        (f"{HEAD}.names a b y\n11 1\n.latch y z re c 0\n.end", "f.blif:6: .latch is sequential"),
        (f"{HEAD}.gate nand2 A=a B=b O=y\n", "f.blif:4: the library gate 'nand2'"),
        (f"{HEAD}.names a y\n1 1\n.names b y\n1 1\n", "f.blif:6: the net 'y' is driven twice"),
        (f"{HEAD}.names a b\n1 1\n", "f.blif:4: the net 'b' is driven twice, it is an input"),
        (f"{HEAD}.names a q y\n11 1\n", "f.blif:4: the net 'q' is not driven"),
        (HEAD, "f.blif:3: the net 'y' is not driven"),
        (f"{HEAD}.names a t y\n11 1\n.names y t\n1 1\n", "combinational loop"),
        (f"{HEAD}.names a b y\n1 1\n", "f.blif:5: expected 2 inputs as in line 4, got 1"),
        (f"{HEAD}.names a b y\n11\n", "f.blif:5: expected a row of inputs and output"),
        (f"{HEAD}.names a b y\n1x 1\n", "f.blif:5: expected a row of 0, 1 and -"),
        (f"{HEAD}.names a b y\n11 1\n00 0\n", "f.blif:6: a cover lists"),
        (f"{HEAD}11 1\n", "f.blif:4: expected a row only after .names"),
        (f"{HEAD}.names\n", "f.blif:4: expected the nets"),
        (f"{HEAD}.magic\n", "f.blif:4: '.magic' is not supported"),
        (f"{HEAD}.subckt no a=a\n", "f.blif:4: the model 'no' is not defined"),
        (f"{HEAD}.subckt m a\n", "f.blif:4: expected formal=actual"),
        (f"{HEAD}.subckt m a=a b=b c=c y=y\n", "f.blif:4: the model 'm' contains itself"),
        (f"{HEAD}.subckt m a=a\n", "f.blif:4: the input 'b' of 'm' is not connected"),
        (f"{HEAD}.subckt m d=a\n", "f.blif:4: the model 'm' has no port 'd'"),
        (f"{HEAD}.end\n.names y\n", "f.blif:5: expected .model after .end"),
        (f"{HEAD}.names y\n.end\n.model m\n", "f.blif:6: the model 'm' is defined twice"),
        (".model m\n.inputs a a\n", "f.blif:2: .inputs: 'a' is listed twice"),
        (".model m\n.outputs y y\n", "f.blif:2: .outputs: 'y' is listed twice"),
        (".model m\n.inputs a\n.end\n", "expected at least one output"),
        ("\0.model", "binary"),
    ],
)
def test_refused(text, message):
    """One clear line with the file, and the line where there is one."""
    with pytest.raises(DataError) as caught:
        read(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("f.blif")


def test_a_long_chain():
    """A chain of gates, last one first, does not meet the recursion limit."""
    gates = "".join(f".names n{k - 1} n{k}\n0 1\n" for k in range(5000, 0, -1))
    netlist = read(f".model c\n.inputs n0\n.outputs n5000\n{gates}.end\n")
    assert computes(netlist, lambda n0: n0)


HALF = ".model {0}\n.inputs a b\n.outputs y\n.names a b y\n{1} 1\n"


def test_the_first_of_several_tops():
    """Of models that no other one uses the first is read, and a note says so; the last needs no .end."""
    text = HALF.format("one", "11") + ".end\n" + HALF.format("two", "00")
    design = parse_blif(source(text, "f.blif"))
    assert design.netlist.name == "one"
    assert design.notes == ("the model 'one' is read, the first of 2 that no other one uses",)
    alone = parse_blif(source(HALF.format("two", "00"), "f.blif"))
    assert alone.notes == ()


@pytest.mark.parametrize("first", [".model one\n", ""])
def test_a_model_without_end(first):
    """A model that another one follows must end: programs read different ones of the two."""
    text = first + HALF.format("two", "00").partition("\n")[2] + HALF.format("two", "00")
    line = text.count("\n", 0, text.index(".model two")) + 1
    with pytest.raises(DataError, match=rf"f.blif:{line}: expected .end of the model .* before"):
        parse_blif(source(text, "f.blif"))


EXDC = """.model m
.inputs a b c
.outputs y z
.and_gate_delay 1.0
.default_input_arrival 0 0
.names a b y
11 1
.names b c z
10 1
.exdc
.inputs a b c
.outputs y z
.names a b t
01 1
.names t c y
1- 1
-1 1
.end
"""


def test_external_dont_cares():
    """What .exdc lists, with nets of its own; an output it does not name always matters."""
    design = parse_blif(source(EXDC, "f.blif"))
    assert computes(design.netlist, lambda a, b, c: (a and b, b and not c))
    assert design.dont_care is not None
    assert ports(design.dont_care) == ports(design.netlist)
    assert computes(design.dont_care, lambda a, b, c: ((not a and b) or c, False))
    assert parse_blif(source(EXDC.partition(".exdc")[0], "f.blif")).dont_care is None


def test_dont_cares_of_what_a_register_reads():
    """The net that it reads can be open, and what it drives is an input of .exdc."""
    text = (
        ".model m\n.inputs a\n.outputs y\n.latch d q 0\n.names a q d\n11 1\n.names q y\n0 1\n"
        ".exdc\n.inputs a q\n.outputs d\n.names a q d\n00 1\n.end\n"
    )
    design = parse_blif(source(text, "f.blif"), comb=True)
    assert design.dont_care is not None
    assert ports(design.dont_care) == ({"a": 1, "q": 1}, {"y": 1, "q_in": 1})
    assert computes(design.dont_care, lambda a, q: (False, not a and not q))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            ".inputs a b c\n.outputs y z\n.names a b t",
            ".inputs a x\n.names a b t",
            ".exdc: 'x' is no input",
        ),
        (".exdc\n", ".exdc\n.latch a q\n", "expected gates alone in .exdc"),
        (".exdc\n", ".exdc\n.exdc\n", "expected .exdc once in a model"),
        ("01 1\n.names t c y", "01 1\n.names u c y", "the net 'exdc u' is not driven"),
    ],
)
def test_bad_external_dont_cares(old, new, message):
    """One clear line."""
    with pytest.raises(DataError) as caught:
        read(EXDC.replace(old, new))
    assert message in str(caught.value)


def test_a_state_machine_beside_its_gates():
    """As SIS writes one that it has encoded: the gates are read."""
    text = (
        ".model m\n.inputs a\n.outputs y\n.latch d q 0\n.start_kiss\n.i 1\n.o 1\n.p 1\n.s 1\n1 s0 s0 1\n"
        ".end_kiss\n.latch_order q\n.code s0 0\n.names a q d\n11 1\n.names q y\n1 1\n.end\n"
    )
    design = parse_blif(source(text, "f.blif"), comb=True)
    assert computes(design.netlist, lambda a, q: (q, a and q))
    alone = text.partition(".latch_order")[0].replace(".latch d q 0\n", "") + ".end\n"
    with pytest.raises(DataError, match=r"f\.blif:4: \.start_kiss describes a state machine"):
        read(alone)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".blackbox", "f.blif:4: the model 'm' is a black box"),
        (".flop D=a Q=y", "f.blif:4: the flip-flop of 'm' has unsupported pins"),
        (".mv a 3", "f.blif:4: 'm' has multi-valued variables"),
        (".start_kiss\n.i 1", "f.blif:4: expected .end_kiss, the file ends"),
        (".colour red", "f.blif:4: '.colour' is not supported"),
    ],
)
def test_what_is_refused_for_what_it_is(line, message):
    """One line that says why."""
    with pytest.raises(DataError) as caught:
        read(f".model m\n.inputs a\n.outputs y\n{line}\n.end\n")
    assert message in str(caught.value)
