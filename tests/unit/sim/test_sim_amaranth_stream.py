"""The stream wrapper keeps to the rules of streams, and whoever breaks one is told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from clocked import change, make, spoil
from hardware import full_adder

from btfsynth.errors import DataError, ToolError
from btfsynth.hdl.design import HardwareOptions
from btfsynth.sim.amaranth_worker import simulate_stream
from btfsynth.sim.registry import SIMULATORS, simulators_for

pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")


@pytest.fixture(autouse=True)
def _forget():
    """The wrapper imports its component by name; the next test has another of that name."""
    yield
    for name in ("multiplier_amaranth", "full_adder_amaranth"):
        sys.modules.pop(name, None)


def stream(folder, stages=0, netlist=None):
    """A design with a stream."""
    return make(folder, HardwareOptions(pipeline=stages, stream=True), netlist)


@pytest.mark.parametrize("stages", [0, 1, 2, 7])
@pytest.mark.parametrize("netlist", [None, full_adder()], ids=["multiplier", "adder"])
def test_streams_pass(tmp_path, stages, netlist):
    """At full speed, after a reset, and with gaps and back-pressure; spoiled vectors fail alone."""
    design = stream(tmp_path, stages, netlist)
    assert simulate_stream(design).count == 0
    failures = simulate_stream(spoil(design, 2, 5))
    assert (failures.count, failures.first[0]) == (2, 2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("core.en.eq(self.o.ready | ~valid[-1])", "core.en.eq(1)", "changes though it was not"),
        ("valid.eq(valid[-1])", "valid.eq(valid[-1] & self.o.ready)", "depends on whether it is"),
        ("ready.eq(core.en)", "ready.eq(1)", "are not out in"),
        ("ready.eq(core.en)", "ready.eq(0)", "item 0 comes out before it is in"),
        ("valid.eq(valid[-1])", "valid.eq(0)", "256 of 256 items are not out in 5180 clocks"),
        ("Signal(3)", "Signal(3, reset_less=True)", "an item is left after a reset"),
        ("Cat(self.i.valid,", "Cat(1,", "comes out after all 256"),
        ("valid[:-1]))", "valid[:-1]) | valid)", "comes out after all 256"),
        ('"a": 2,\n        "b": 2', '"b": 2,\n        "a": 2', r"i to be In\(stream.Signature"),
        ("i: In(stream", "i: Out(stream", r"expected i to be In\(stream.Signature"),
        ("o: Out(stream.Signature(", "o: Out(stream.Signature(5 * ", "unsupported operand"),
    ],
)
def test_broken_rules_are_named(tmp_path, old, new, message):
    """An error says which item broke which rule."""
    design = stream(tmp_path, 3)
    change(design, "amaranth_stream", old, new)
    with pytest.raises((DataError, TypeError), match=message):
        simulate_stream(design)


def test_half_speed_fails(tmp_path):
    """A stream that takes an item every other clock is not what was asked for."""
    design = stream(tmp_path, 3)
    change(design, "amaranth_stream", "ready.eq(core.en)", "ready.eq(core.en & ~valid[0])")
    change(design, "amaranth_stream", "Cat(self.i.valid,", "Cat(self.i.valid & self.i.ready,")
    with pytest.raises(DataError, match="expected 256 items to take 259 clocks, got 514"):
        simulate_stream(design)


def test_wrong_payload_fails(tmp_path):
    """A wrong output bit fails at the vectors where it is wrong."""
    design = stream(tmp_path, 3)
    change(design, "amaranth_stream", "eq(core.p)", "eq(core.p | 1)")
    failures = simulate_stream(design)
    assert (failures.count, failures.first) == (12, (0, "0001"))


def test_simulator(tmp_path):
    """The stream is a check of its own, for designs that have one."""
    design = stream(tmp_path, 2)
    assert "amaranth_stream" in simulators_for(design.manifest)
    result = SIMULATORS["amaranth_stream"].run(design)
    assert (result.name, result.passed, result.ok) == ("amaranth_stream", 16, True)
    change(design, "amaranth_stream", "valid.eq(valid[-1])", "valid.eq(0)")
    with pytest.raises(ToolError, match=r"multiplier_stream\.py: 256 of 256 items are not out"):
        SIMULATORS["amaranth_stream"].run(design)


def convert(design, folder, *arguments, role="amaranth_stream", **environment):
    """Run a file of the design as a program."""
    command = [sys.executable, design.path(role).name, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | environment,
    )  # fmt: skip


def fake_yosys(folder, version, text="module fake; endmodule"):
    """A program that answers as a Yosys of a version does, and converts everything to one text."""
    folder.mkdir()
    program = folder / "yosys"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -V ]; then echo "Yosys {version} (git sha1 0)"; exit; fi\n'
        f"cat > /dev/null\necho '{text}'\n"
    )
    program.chmod(0o755)
    return str(folder)


def test_wrapper_converts_itself(tmp_path):
    """Run as a program it writes hardware with the streams as ports."""
    design = stream(tmp_path, 2)
    ran = convert(design, tmp_path, "rtlil")
    assert (ran.returncode, ran.stderr) == (0, "")
    for port in ("i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready"):
        assert port in ran.stdout
    assert "attribute \\generator" in ran.stdout
    assert convert(design, tmp_path, "vhdl").returncode == 1


@pytest.mark.parametrize("role", ["amaranth", "amaranth_stream"])
def test_a_yosys_that_is_new_enough_is_found(tmp_path, role):
    """Behind an old one on the PATH; without one nothing is written."""
    design = stream(tmp_path, 2)
    old, new = fake_yosys(tmp_path / "old", "0.23"), fake_yosys(tmp_path / "new", "0.60+12")
    ran = convert(design, tmp_path, role=role, PATH=f"{old}:{new}:{os.environ['PATH']}")
    assert (ran.returncode, ran.stdout.strip()) == (0, "module fake; endmodule")
    ran = convert(design, tmp_path, role=role, YOSYS=f"{old}/yosys", AMARANTH_USE_YOSYS="system")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Verilog needs Yosys 0.40 or newer (")
    assert ran.stderr.count("\n") == 1


def test_files_in_a_package(tmp_path):
    """The wrapper and the test find the component beside them, in a package as in a folder."""
    package = tmp_path / "hardware"
    stream(package, 2)
    (package / "__init__.py").write_text("")
    code = "from hardware.multiplier_stream import MultiplierStream as S; print(S().o.signature)"
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for test in package.glob("test_*.py"):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert convert_in(package).stdout.startswith("attribute")


def convert_in(folder):
    """Run the wrapper of a folder from outside."""
    command = [sys.executable, str(folder / "multiplier_stream.py"), "rtlil"]
    return subprocess.run(command, capture_output=True, text=True, check=True)
