"""The serial port around a design, simulated."""

from __future__ import annotations

import pytest
from circuits import array_multiplier

from btfsynth.errors import UsageError
from btfsynth.flow.building import emit_netlist
from btfsynth.fpga import board_worker
from btfsynth.fpga.board_worker import byte_count, simulate_shell
from btfsynth.fpga.flow import board_device
from btfsynth.hdl.design import HardwareOptions
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.sim.simulators import load_design


@pytest.mark.parametrize("stages", [0, 2])
def test_all_vectors_come_back(tmp_path, stages):
    """Bytes in, the right bytes out, with and without registers in the design."""
    options = HardwareOptions(pipeline=stages, enable=stages > 0, reset=stages > 0)
    emit_netlist(array_multiplier(2, 2), None, tmp_path, options)
    places, failures = simulate_shell(load_design(tmp_path))
    assert len(places) == 16
    assert failures.count == 0


def test_more_than_a_byte(tmp_path, monkeypatch):
    """Inputs and outputs of several bytes keep their order; of many vectors some are sent."""
    monkeypatch.setattr(board_worker, "_MAX_VECTORS", 30)
    builder = NetlistBuilder("mix", [Port("a", 9), Port("b", 3)], [Port("y", 11)])
    bits = [builder.input(place) for place in range(12)]
    outputs = [builder.xor(bits[place], bits[place + 1]) for place in range(11)]
    emit_netlist(builder.build(outputs), None, tmp_path)
    places, failures = simulate_shell(load_design(tmp_path))
    assert len(places) == len(set(places.tolist())) == 30
    assert failures.count == 0


def test_a_fault_is_noticed(tmp_path):
    """A wrong gate behind the port fails."""
    emit_netlist(array_multiplier(2, 2), None, tmp_path)
    design = load_design(tmp_path)
    path = design.path("amaranth")
    path.write_text(path.read_text().replace(" & ", " | ", 1))
    _, failures = simulate_shell(design)
    assert failures.count > 0
    assert failures.first is not None


@pytest.mark.parametrize(("bits", "count"), [(1, 1), (8, 1), (9, 2), (16, 2)])
def test_byte_count(bits, count):
    """A byte that is begun counts."""
    assert byte_count(bits) == count


def test_unknown_board():
    """All boards are named."""
    assert board_device("icestick") == "ice40-hx1k"
    with pytest.raises(UsageError, match="expected one of icebreaker, icestick"):
        board_device("nexys")
