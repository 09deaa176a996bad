"""The wrapper and its testbench in Icarus Verilog, around the design as it is; no tool of an FPGA."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from circuits import array_multiplier

from btfsynth.errors import VerificationError
from btfsynth.flow.building import emit_netlist
from btfsynth.fpga.devices import DEVICES, get_device
from btfsynth.fpga.flow import simulate_netlist
from btfsynth.fpga.place import CellCounts, check_capacity, make_wrapper, map_scripts
from btfsynth.hdl.design import HardwareOptions
from btfsynth.sim.simulators import load_design

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")


def simulate(folder, pins, spoil=False):
    """Simulate the wrapper of a design for a device of so many pins."""
    design = load_design(folder)
    device = replace(DEVICES["ice40-hx1k"], pins=pins)
    wrapper = make_wrapper(design.manifest, device, design.manifest.module, design.manifest.timing)
    workspace = folder / "work"
    workspace.mkdir()
    text = wrapper.verilog()
    for path in design.manifest.verilog_files(folder):
        text += path.read_text()
    if spoil:
        text = text.replace(" & ", " | ", 1)
    (workspace / "netlist.v").write_text(text)
    (workspace / "cells.v").write_text("")
    return wrapper, simulate_netlist("netlist", design, wrapper, "netlist.v", workspace, 60)


@needs_icarus
@pytest.mark.parametrize("pins", [90, 10], ids=["pins for all bits", "shift registers"])
@pytest.mark.parametrize("stages", [0, 2])
def test_wrapper_gives_the_outputs(tmp_path, pins, stages):
    """With and without shift registers, with and without registers in the design."""
    options = HardwareOptions(pipeline=stages, enable=stages > 0, reset=stages > 0)
    emit_netlist(array_multiplier(3, 2), None, tmp_path, options)
    wrapper, check = simulate(tmp_path, pins)
    assert wrapper.scan == (pins == 10)
    assert wrapper.latency == 2 + stages
    assert (check.passed, check.failed) == (32, 0)


@needs_icarus
@pytest.mark.parametrize("pins", [90, 10])
def test_a_fault_is_noticed(tmp_path, pins):
    """A wrong gate fails, and the first wrong vector is named."""
    emit_netlist(array_multiplier(2, 2), None, tmp_path)
    _, check = simulate(tmp_path, pins, spoil=True)
    assert check.failed > 0
    assert check.passed + check.failed == 16
    assert "expected p=4'b" in str(check.mismatch)


def test_both_columns_get_the_same_scripts():
    """Scripts depend on inputs, size and tries alone, have names of their own, and spare large designs."""
    scripts = map_scripts(6, 22, 4)
    assert scripts == map_scripts(6, 22, 4)
    assert len({script.name for script in scripts}) == len(scripts) > len(map_scripts(6, 22, 1))
    assert not any("collapse" in script.text for script in map_scripts(20, 100, 2))
    assert len(map_scripts(6, 10_000, 4)) == 1


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_devices(name):
    """Every device is found under its name and has room for the shift registers' pins."""
    device = get_device(name)
    assert device.name == name
    assert device.pins >= 4
    assert len(set(device.locations)) == len(device.locations)


@pytest.mark.parametrize(("luts", "flip_flops"), [(1281, 0), (0, 1281)])
def test_what_does_not_fit(luts, flip_flops):
    """More tables or registers than the device has are refused in one line."""
    device = get_device("ice40-hx1k")
    check_capacity(CellCounts(1280, 0, 1280, 0, 1), device)
    with pytest.raises(VerificationError, match=r"does not fit: needs 1281 .*ice40-hx1k has 1280"):
        check_capacity(CellCounts(luts, 0, flip_flops, 0, 1), device)
