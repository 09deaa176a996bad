"""Amaranth modules proven by way of Yosys, registers and all."""

from __future__ import annotations

import pytest
from hardware import multiplier, vectors_of

from btfsynth.errors import MissingToolError
from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.hdl.manifest import CONTROL_NAMES
from btfsynth.hdl.yosys import find_yosys
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.subjects import align
from btfsynth.verify.yosys import amaranth_netlist

try:
    find_yosys()
except MissingToolError:
    pytest.skip("needs Yosys", allow_module_level=True)


def read(folder, options, old="", new=""):
    """What Yosys makes of the multiplier's Amaranth module, in which a text may be replaced."""
    netlist = multiplier()
    manifest = write_design(netlist, vectors_of(netlist), folder, options=options)
    path = folder / manifest.files["amaranth"]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else text)
    found = amaranth_netlist(path, controls=CONTROL_NAMES)
    return align(netlist, found)


@pytest.mark.parametrize(
    "options",
    [HardwareOptions(pipeline=2), HardwareOptions(pipeline=3, enable=True, reset=True)],
    ids=["plain", "controls"],
)
def test_pipelines_are_proven(tmp_path, options):
    """Registers are wires and control ports are gone: the function is the netlist's."""
    assert equivalent(multiplier(), read(tmp_path, options)).equal


def test_wrong_pipeline_is_refuted(tmp_path):
    """An inverter too many on a register is found."""
    options = HardwareOptions(pipeline=2, enable=True)
    found = read(tmp_path, options, "out_p[0].eq(", "out_p[0].eq(~")
    assert not equivalent(multiplier(), found).equal
