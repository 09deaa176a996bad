"""A netlist that is emitted as Verilog and read back has the cells that it had."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from btfsynth.flow.building import emit_netlist
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.verilog.read import read_verilog_netlist
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port


def random_netlist(seed: int) -> Netlist:
    """Return ANDs, ORs, majorities, and majorities that are spelt as five cells."""
    rng = random.Random(seed)
    builder = NetlistBuilder("m", [Port("a", 3), Port("b", 3)], [Port("y", 3)])
    literals = [builder.input(place) for place in range(6)]
    for _ in range(rng.randrange(1, 12)):
        x, y, z = (rng.choice(literals) ^ rng.randrange(2) for _ in range(3))
        kind = rng.randrange(4)
        if kind == 0:
            literals.append(builder.and_(x, y))
        elif kind == 1:
            literals.append(builder.or_(x, y))
        elif kind == 2:
            literals.append(builder.maj(x, y, z))
        else:
            both = builder.or_(builder.and_(x, y), builder.and_(x, z))
            literals.append(builder.or_(both, builder.and_(y, z)))
    return builder.build([rng.choice(literals[-4:]) for _ in range(3)])


@pytest.mark.parametrize(
    "options", [HardwareOptions(), HardwareOptions(cells=True), HardwareOptions(pipeline=2)]
)
@pytest.mark.parametrize("seed", range(12))
def test_cells_are_those_of_the_netlist(
    tmp_path: Path, seed: int, options: HardwareOptions
) -> None:
    """Cells by kind, inverters and depth agree, in every way of writing Verilog."""
    netlist = random_netlist(seed)
    manifest = emit_netlist(netlist, None, tmp_path, options)
    read = read_verilog_netlist(*manifest.verilog_files(tmp_path))
    assert statistics(read) == statistics(netlist)
    assert manifest.netlist == vars(statistics(netlist))


@pytest.mark.parametrize(
    ("text", "cells", "majorities"),
    [
        ("(x & y) | (x & z) | (y & z)", 1, 1),
        ("(y & z) | ((x & z) | (y & x))", 1, 1),
        ("(~x & y) | (z & ~x) | (z & y)", 1, 1),
        ("(x & y) | (x & z) | (y & ~z)", 5, 0),
        ("(x & y) | (x & z)", 3, 0),
        ("(x & y) | (x & z) | y", 4, 0),
    ],
)
def test_what_is_a_majority(tmp_path: Path, text: str, cells: int, majorities: int) -> None:
    """Each two of three signals, with the same complements, in any order; else gates stay gates."""
    path = tmp_path / "m.v"
    path.write_text(f"module m(input x, y, z, output f); assign f = {text}; endmodule\n")
    found = statistics(read_verilog_netlist(path))
    assert (found.cells, found.maj_cells) == (cells, majorities)


def test_nets_of_their_own(tmp_path: Path) -> None:
    """ANDs that have nets of their own stay cells."""
    path = tmp_path / "m.v"
    path.write_text(
        "module m(input x, y, z, output f, g); wire n = x & y;"
        " assign f = n | (x & z) | (y & z); assign g = n; endmodule\n"
    )
    assert statistics(read_verilog_netlist(path)).maj_cells == 0
