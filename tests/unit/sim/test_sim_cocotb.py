"""The cocotb test of a design, run by its simulator and by hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata

import pytest
from clocked import KINDS, change, make, spoil

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.hdl.design import HardwareOptions
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.sim.registry import SIMULATORS
from btfsynth.sim.simulators import ICARUS, _has_shared_python, load_design

COCOTB = SIMULATORS["cocotb"]
needs_cocotb = pytest.mark.skipif(
    COCOTB.find().version is None, reason="needs cocotb and Icarus Verilog"
)


@needs_cocotb
@pytest.mark.parametrize("kind", ["combinational", "both"])
def test_every_kind(tmp_path, kind):
    """A design of each kind; two spoiled vectors fail alone."""
    result = COCOTB.run(spoil(make(tmp_path, KINDS[kind]), 3, 9))
    assert (result.passed, result.failed) == (14, 2)
    assert str(result.mismatch) == (
        "vector 3: inputs a=2'b11 b=2'b00, expected p=4'b0001, got p=4'b0000"
    )
    assert result.version == f"{metadata.version('cocotb')}, icarus {ICARUS.find().version}"


def hostile():
    """A netlist whose names try to break out, or are names of cocotb's own."""
    names = ["'; import os", "_log", "value", "clk", "en", "dut", "a\nb"]
    builder = NetlistBuilder("cocotb", [Port(name, 1) for name in names], [Port("_name", 3)])
    literals = [builder.input(bit) for bit in range(len(names))]
    return builder.build([builder.maj(*literals[:3]), literals[3] ^ 1, builder.or_(*literals[5:])])


@needs_cocotb
def test_hostile_names_pass(tmp_path):
    """Names end as ports that the test finds; cells may be instances from a file of their own."""
    options = HardwareOptions(pipeline=1, reset=True, cells=True)
    assert COCOTB.run(make(tmp_path, options, hostile())).ok


@needs_cocotb
def test_unknown_bits_fail(tmp_path):
    """A register that never gets its value is X, which no vector wants; others still pass."""
    design = make(tmp_path, KINDS["enable"])
    change(design, "verilog", "            p[3] <= ", "            if (a[0] & ~a[0]) p[3] <= ")
    result = COCOTB.run(design)
    assert (result.passed, result.failed) == (0, 16)
    assert result.mismatch.got == "p=4'bx000"


@needs_cocotb
@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("both", "else if (en) begin", "else begin"),
        ("registered", "always @(posedge clk)", "always @(*)"),
    ],
)
def test_wrong_timing_fails(tmp_path, kind, old, new):
    """Outputs that change while they should hold fail, and so do those that no register holds."""
    design = make(tmp_path, KINDS[kind])
    change(design, "verilog", old, new)
    assert COCOTB.run(design).failed > 0


@needs_cocotb
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("assign n1 =", "assign n1 = =", r"cannot compile multiplier .*error"),
        ("module multiplier ", "module multiplier_ ", r"cannot compile multiplier "),
        ("a,", "a_,", r"cannot compile multiplier"),
    ],
)
def test_broken_verilog(tmp_path, old, new, message):
    """What Icarus says comes back as one line."""
    design = make(tmp_path)
    change(design, "verilog", old, new)
    with pytest.raises(ToolError, match=message) as caught:
        COCOTB.run(design)
    assert "\n" not in str(caught.value)


@needs_cocotb
def test_renamed_port(tmp_path):
    """A test that cannot find a port fails and names it."""
    design = make(tmp_path)
    change(design, "cocotb", '("a", 2)', '("z", 2)')
    with pytest.raises(ToolError, match=r"gave no verdict .* no child object named z"):
        COCOTB.run(design)


def test_missing_cocotb(tmp_path, monkeypatch):
    """One line says what to install; so it does for a cocotb of old."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("btfsynth.sim.simulators.metadata.version", missing)
    with pytest.raises(MissingToolError, match=r"not installed; pip install '?cocotb"):
        COCOTB.run(make(tmp_path))
    monkeypatch.setattr("btfsynth.sim.simulators.metadata.version", lambda _: "1.9.2")
    assert COCOTB.find().reason.startswith("cocotb 1.9.2 is too old")


def test_missing_icarus(tmp_path, monkeypatch):
    """cocotb alone simulates nothing."""
    monkeypatch.setattr("btfsynth.sim.simulators.metadata.version", lambda _: "2.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert COCOTB.find().reason == "iverilog is not installed; apt-get install iverilog"


def test_design_of_old(tmp_path):
    """A folder from before there were cocotb tests is skipped."""
    design = make(tmp_path)
    del design.manifest.files["cocotb"]
    assert "the design has no cocotb test" in COCOTB.run(design).skipped


@needs_cocotb
def test_program_and_pytest(tmp_path):
    """Without this package the folder's own tests pass, and fail on a vector that is wrong."""
    design = make(tmp_path / "d", KINDS["both"])
    program = design.manifest.files["cocotb"]
    command = [sys.executable, "-B", program]
    ran = subprocess.run(command, cwd=tmp_path / "d", capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "PASS 16 vectors" in ran.stdout.splitlines()
    spoil(design, 5)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", program]
    ran = subprocess.run(command, cwd=tmp_path / "d", capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "1 of 16 vectors failed" in ran.stdout
    shutil.rmtree(tmp_path / "d" / "sim_build")
    assert load_design(tmp_path / "d").manifest == design.manifest


def test_python_without_a_shared_library(monkeypatch):
    """As Debian installs it: cocotb counts as missing, with the package to install, before anything is run."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    _has_shared_python.cache_clear()
    found = COCOTB.find()
    _has_shared_python.cache_clear()
    said = f"cocotb needs Python as a shared library; apt-get install libpython{version}"
    assert (found.version, found.reason) == (None, said)
