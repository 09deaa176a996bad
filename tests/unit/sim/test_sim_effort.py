"""Which simulators are left out of those that run by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.load import load
from btfsynth.hdl.design import write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.process import DEFAULT_TIMEOUT
from btfsynth.sim.registry import time_allowed, too_long
from btfsynth.sim.simulators import Design, load_design


@pytest.fixture
def design(tmp_path) -> Design:
    """An OR with the vectors of its table."""
    builder = NetlistBuilder("wide", [Port("a", 1), Port("b", 1)], [Port("y", 1)])
    netlist = builder.build([builder.or_(builder.input(0), builder.input(1))])
    table = VectorTable.from_dataset(load("full_adder"))
    inputs = table.inputs[:4, :2]
    write_design(
        netlist,
        VectorTable(inputs, inputs.max(axis=1)[:, None], np.ones((4, 1), dtype=bool), True),
        tmp_path,
    )
    return load_design(tmp_path)


def grown(design: Design, cells: int, depth: int) -> Design:
    size = {**design.manifest.netlist, "cells": cells, "depth": depth}
    return replace(design, manifest=replace(design.manifest, netlist=size))


def test_small_designs_run_everywhere(design) -> None:
    """Nothing is left out."""
    names = ("amaranth", "cocotb", "ghdl", "icarus", "verilator")
    assert [too_long(name, design) for name in names] == [None] * 5


def test_a_large_design_is_left_to_those_that_compile(design) -> None:
    """The reason says how large it is and how to run it after all."""
    large = grown(design, 2_000_000, 1000)
    assert too_long("verilator", large) is None
    for name in ("amaranth", "icarus", "ghdl", "cocotb"):
        reason = too_long(name, large)
        assert reason is not None
        assert "2000000 cells of depth 1000 on 4 vectors" in reason
        assert f"`simulator={name}` runs it" in reason


def test_amaranth_settles_after_every_port(design) -> None:
    """Between the limits only Amaranth's simulator is left out."""
    middle = grown(design, 500_000, 1000)
    assert too_long("amaranth", middle) is not None
    assert too_long("icarus", middle) is None


def test_time_goes_by_size(design) -> None:
    """Small designs have the same time everywhere, large ones as many times that as they are larger."""
    for name in ("amaranth", "icarus", "verilator"):
        assert time_allowed(name, design) == DEFAULT_TIMEOUT
    large = grown(design, 100_000, 100_000)
    assert time_allowed("verilator", large) == 2 * DEFAULT_TIMEOUT
    assert time_allowed("icarus", large) == 10 * DEFAULT_TIMEOUT  # 4e10 steps, 4e9 take minutes
    assert time_allowed("amaranth", large) == 80 * DEFAULT_TIMEOUT
