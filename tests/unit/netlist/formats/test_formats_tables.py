"""Truth tables and PLA files as netlists, and the table of readers."""

from __future__ import annotations

import naive
import pytest
from circuits import array_multiplier
from reading import computes, ports, source

from btfsynth.dataset.formats import FORMATS
from btfsynth.errors import DataError
from btfsynth.hdl.formats import READERS, WRITERS, find_reader, read_design
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.tables import parse_pla_design, parse_truth_design
from btfsynth.netlist.functions import build_function
from btfsynth.netlist.simulation import exhaustive_words, output_words
from btfsynth.ports import Port


def test_a_truth_table():
    """Majority and parity of three, in binary and hexadecimal."""
    netlist = parse_truth_design(source("11101000\n0x96\n")).netlist
    assert ports(netlist) == ({"x": 3}, {"y": 2})
    assert computes(netlist, lambda a, b, c: (a + b + c >= 2, a ^ b ^ c))
    assert netlist.n_cells == 3


def test_a_truth_table_with_dont_cares():
    """What does not matter becomes what costs least: an AND where only 00 and 11 are given."""
    netlist = parse_truth_design(source("1--0\n")).netlist
    assert netlist.n_cells == 0


def test_a_pla():
    """Named buses, two outputs that share a product."""
    netlist = parse_pla_design(
        source(
            ".i 3\n.o 2\n.ilb v[1] v[0] c\n.ob y z\n.type f\n11- 11\n1-1 10\n-11 10\n--0 01\n.e\n"
        )
    ).netlist
    assert ports(netlist) == ({"v": 2, "c": 1}, {"y": 1, "z": 1})
    assert computes(netlist, lambda v0, v1, c: (v0 + v1 + c >= 2, (v0 and v1) or not c))


def test_a_wide_pla():
    """Of forty inputs, as products; what a decision diagram could not hold."""
    rows = f"1{'-' * 39} 1\n{'0' * 40} 1\n"
    netlist = parse_pla_design(source(f".i 40\n.o 1\n.type fr\n{rows}.e\n")).netlist
    assert netlist.n_inputs == 40
    assert netlist.n_cells == 40


@pytest.mark.parametrize("width", [4, 20])
def test_rows_that_contradict_each_other(width):
    """On and off at once is an error, however the netlist is made of the rest."""
    rows = f"{'1' * width} 1\n{'1' * (width - 1)}- 0\n"
    with pytest.raises(DataError, match=r":5: contradicts line 4"):
        parse_pla_design(source(f".i {width}\n.o 1\n.type fr\n{rows}.e\n"))


@pytest.mark.parametrize(
    ("table", "cells"),
    [(0x6996966996696996, 9), (0xFEE8E880E8808000, 11), (0x8000000000000001, 11)],
)
def test_functions_of_six_inputs(table, cells):
    """A parity, a threshold and an equality, built from their tables."""
    builder = NetlistBuilder("f", [Port("x", 6)], [Port("y", 1)])
    netlist = builder.build([build_function(builder, table, [builder.input(b) for b in range(6)])])
    assert int(output_words(netlist, exhaustive_words(6))[0, 0]) == table
    assert netlist.n_cells <= cells


@pytest.mark.parametrize("name", WRITERS)
def test_formats_are_recognised(tmp_path, name):
    """By ending, in any case, and by content where the ending says nothing."""
    writer = WRITERS[name]
    content, _ = writer.content(array_multiplier(2, 2))
    reader = {"aag": "aiger", "aig": "aiger"}.get(name, name)
    for file in (f"m{writer.ending}", f"M{writer.ending.upper()}", "m.data", "m"):
        (tmp_path / file).write_bytes(content)
        assert find_reader(tmp_path / file).name == reader
        netlist = read_design(tmp_path / file)
        assert computes(netlist, lambda a0, a1, b0, b1: _product(a0 + 2 * a1, b0 + 2 * b1))
    assert READERS[reader].foreign == (name != "mig")


def _product(a, b):
    return tuple(a * b >> bit & 1 for bit in range(4))


@pytest.mark.parametrize(
    ("text", "name"), [("0110\n", "truth"), ("# t\n0x6\n", "truth"), (".i 1\n.o 1\n1 1\n", "pla")]
)
def test_tables_are_recognised(tmp_path, text, name):
    """Of unknown ending."""
    (tmp_path / "t").write_text(text)
    assert find_reader(tmp_path / "t").name == name
    assert read_design(tmp_path / "t").n_outputs == 1


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xfe\0", b"1,2,3\n"])
def test_nothing_known(tmp_path, content):
    """Names the file and lists the endings."""
    (tmp_path / "x.foo").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.foo: .*known endings are: \.mig, .*\.blif"):
        read_design(tmp_path / "x.foo")


@pytest.mark.parametrize("ending", [e for reader in READERS.values() for e in reader.endings])
def test_missing_and_binary_files(tmp_path, ending):
    """Every reader says it in one line."""
    with pytest.raises(DataError, match="no such file"):
        read_design(tmp_path / f"none{ending}")
    (tmp_path / f"binary{ending}").write_bytes(b"\0\xff\x80" * 9)
    with pytest.raises(DataError, match=f"binary\\{ending}"):
        read_design(tmp_path / f"binary{ending}")


@pytest.mark.parametrize("kind", ["f", "fd", "fr", "fdr", "r", "dr"])
def test_dont_cares_of_a_wide_pla(kind):
    """Beyond 16 inputs the netlist is a sum of products, and another one says where it does not matter."""
    cubes = [("11", "10"), ("10", "-0"), ("1-", "~1"), ("01", "0-"), ("-1", "~-")]
    if kind == "fdr":
        cubes.pop()
    rows = "".join(f"{cube}{'-' * 15} {marks}\n" for cube, marks in cubes)
    text = ".i {}\n.o 2\n.type {}\n.phase 10\n{}.e\n"
    if kind in ("fr", "fdr"):
        text = text.replace(".phase 10\n", "")
        rows = rows.replace("11--------------- 10", "11--------------- 1-")
        rows = rows.replace("10--------------- -0", "10--------------- --")
    small = FORMATS["pla"].read(source(text.format(2, kind, rows.replace("-" * 15, "")), "f.pla"))
    design = parse_pla_design(source(text.format(17, kind, rows), "f.pla"))
    assert (design.dont_care is None) is (kind in ("f", "r"))
    cared = {
        tuple(map(int, vector)): (target, care)
        for vector, target, care in zip(small.inputs, small.targets, small.care_mask, strict=True)
    }
    for vector in naive.all_vectors(2):
        target, care = cared.get(tuple(vector), ((0, 0), (False, False)))
        padded = [*vector, *[0] * 15]
        loose = [0, 0] if design.dont_care is None else naive.netlist_bits(design.dont_care, padded)
        assert [not bit for bit in loose] == [bool(bit) for bit in care]
        found = naive.netlist_bits(design.netlist, padded)
        assert all(f == t for f, t, c in zip(found, target, care, strict=True) if c)
