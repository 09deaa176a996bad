"""Registers that let through what they should hold."""

from __future__ import annotations

import pytest
from hardware import full_adder, vectors_of

from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.sim.registry import get_simulator
from btfsynth.sim.simulators import load_design


@pytest.mark.parametrize("enable", [False, True])
@pytest.mark.parametrize(
    ("simulator", "role", "edge", "level"),
    [
        ("icarus", "verilog", "@(posedge clk)", "@(*)"),
        ("ghdl", "vhdl", "if rising_edge(clk) then", "if clk = '1' or clk = '0' then"),
    ],
)
def test_a_latch_is_no_register(tmp_path, simulator, role, edge, level, enable):
    """A module of latency 1 that follows its inputs between the edges fails."""
    runner = get_simulator(simulator)
    if runner.find().reason is not None:
        pytest.skip(str(runner.find().reason))
    netlist = full_adder()
    write_design(
        netlist, vectors_of(netlist), tmp_path, options=HardwareOptions(pipeline=1, enable=enable)
    )
    assert runner.run(load_design(tmp_path)).ok
    path = load_design(tmp_path).path(role)
    text = path.read_text()
    assert edge in text
    changed = text.replace(edge, level)
    if role == "vhdl":
        watched = ", ".join(["clk", *(f"n{cell + 1}" for cell in range(netlist.n_cells))])
        changed = changed.replace("process (clk)", f"process ({watched})")
    path.write_text(changed)
    result = runner.run(load_design(tmp_path))
    assert result.failed > 0
