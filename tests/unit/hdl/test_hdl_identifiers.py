"""Names from anywhere become legal, different and stay if they can."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.netlist.identifiers import MAX_LENGTH, is_legal, legal_names, printable
from btfsynth.ports import Port

HOSTILE = [
    "module",
    "a b",
    "$(touch x)",
    "2x",
    "größe",
    "a\nb",
    "A b",
    "x" * 5000,
    "",
    "-n12-",
    "🙂",
]


def flat(names):
    """Module and port names."""
    return [names.module, *(port.name for port in (*names.inputs, *names.outputs))]


def test_legal_names_stay():
    """Nothing legal is renamed and nothing is said."""
    names = legal_names("full_adder", [Port("a", 2), Port("Cin", 1)], [Port("sum_0_", 3)])
    assert flat(names) == ["full_adder", "a", "Cin", "sum_0_"]
    assert names.notices == ()
    assert names.outputs[0].width == 3


def test_hostile_names_become_legal():
    """Every hostile name gets a legal one of its own and one notice on one line."""
    names = legal_names("$(rm -rf)", [Port(name, 1) for name in HOSTILE], [Port("../etc", 2)])
    assert all(is_legal(name) for name in flat(names))
    assert len({name.lower() for name in flat(names)}) == len(HOSTILE) + 2
    assert len(names.notices) == len(HOSTILE) + 2
    assert all(notice.isprintable() and len(notice) < 250 for notice in names.notices)


def test_renaming_makes_way_for_legal_names():
    """A legal name keeps its spelling even if an earlier illegal one would turn into it."""
    names = legal_names("m_1", [Port("a b", 1), Port("a_b", 1), Port("A_B", 1)], [Port("M_1", 1)])
    assert flat(names) == ["m_1_2", "a_b_2", "a_b", "A_B_3", "M_1"]  # a port before the module


@pytest.mark.parametrize(
    "word", ["wire", "Signal", "lambda", "elaborate", "self", "__a", "_a", "template"]
)
def test_words_that_cannot_stay(word):
    """Keywords of any of the languages and private names are not legal."""
    assert not is_legal(word)


def test_ports_may_be_called_as_cells_are():
    """ISCAS calls them so, and cells make way; but nothing is renamed so, and no module is called so."""
    names = legal_names("n5", [Port("N1", 1), Port("n12", 1), Port("nn3", 1)], [Port("-n7-", 1)])
    assert flat(names) == ["m_n5", "N1", "n12", "nn3", "p_n7"]


def test_names_for_verilog_alone():
    """Words of other languages stay, and so do names that differ in case only."""
    ports = [Port(name, 1) for name in ("self", "A", "a", "_x", "out", "wire", "2")]
    names = legal_names("m", ports, [Port("signal", 1)], verilog_only=True)
    assert flat(names) == ["m", "self", "A", "a", "_x", "out", "p_wire", "p_2", "signal"]


def test_python_keywords_are_reserved():
    """No Python keyword is legal, whatever this Python's are."""
    assert not [word for word in keyword.kwlist if is_legal(word)]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_any_text(texts):
    """Any text at all gives legal names that differ, the same ones every time."""
    ports = [Port(text, 1) for text in texts]
    names = legal_names(texts[0], ports, ports)
    assert all(is_legal(name) and len(name) <= MAX_LENGTH for name in flat(names))
    assert len({name.lower() for name in flat(names)}) == 2 * len(texts) + 1
    assert names == legal_names(texts[0], ports, ports)


def test_printable():
    """Comments stay on their line and in ASCII."""
    assert printable("a\nb\u2028ü") == "a\\nb\\u2028\\xfc"
