"""Amaranth components, with and without registers, under Amaranth's simulator."""

from __future__ import annotations

import shutil

import pytest
from clocked import KINDS, change, make, spoil

from btfsynth.errors import DataError, ToolError
from btfsynth.hdl.design import HardwareOptions
from btfsynth.sim.amaranth_worker import simulate
from btfsynth.sim.registry import SIMULATORS
from btfsynth.sim.simulators import load_design

pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_passes(tmp_path, kind):
    """A vector a clock, with whatever controls there are; a spoiled vector fails alone."""
    design = make(tmp_path, KINDS[kind])
    assert simulate(design).count == 0
    failures = simulate(spoil(design, 3, 9))
    assert (failures.count, failures.first) == (2, (3, "0000"))


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("registered", "m.d.sync += self.", "m.d.comb += self."),
        ("both", 'm.d.sync += reg["d1_', 'm.d.comb += reg["d1_'),
        ("both", "with m.If(self.en):", "with m.If(1):"),
        ("both", "with m.If(self.en):", "with m.If(~self.en):"),
        ("enable", ", reset_less=True)\n        m.d.comb", ")\n        m.d.sync"),
    ],
)
def test_wrong_timing_fails(tmp_path, kind, old, new):
    """Registers too few or too many, and an enable that does not hold, are found."""
    design = make(tmp_path, KINDS[kind])
    change(design, "amaranth", old, new)
    assert simulate(design).count > 0


def test_reset_that_is_ignored(tmp_path):
    """Registers that outlive a reset fail at the first vector."""
    design = make(tmp_path / "a", KINDS["both"])
    held = make(tmp_path / "b", HardwareOptions(pipeline=3, enable=True))
    spoiled = spoil(design)
    path = design.path("vectors")
    lines = path.read_text().splitlines(keepends=True)
    # A reset while every output bit of the first vector is 0 shows nothing.
    path.write_text("".join(reversed(lines)))
    shutil.copyfile(held.path("amaranth"), design.path("amaranth"))
    failures = simulate(load_design(spoiled.directory))
    assert (failures.count, failures.first) == (1, (0, "1001"))


def test_missing_control(tmp_path):
    """A port for the enable has to be there."""
    design = make(tmp_path, KINDS["both"])
    change(design, "amaranth", "    en: In(1)\n", "    enable: In(1)\n")
    with pytest.raises(DataError, match="expected a port en of 1 bits"):
        simulate(design)


def test_simulator_runs_pipelines(tmp_path):
    """In a process of its own, with what the vectors are checked by in the report."""
    design = make(tmp_path, KINDS["both"])
    change(design, "amaranth", "    p: Out(4)", "    p: Out(4, init=15)")
    result = SIMULATORS["amaranth"].run(spoil(design, 7))
    assert (result.passed, result.failed) == (14, 2)
    assert str(result.mismatch) == (
        "vector 0: inputs a=2'b00 b=2'b00, expected p=4'b0000, got p=4'b1111"
    )


def test_design_without_a_stream(tmp_path):
    """There is nothing to simulate then."""
    result = SIMULATORS["amaranth_stream"].run(make(tmp_path))
    assert result.skipped == "the design has no stream wrapper"


def test_broken_component_is_named(tmp_path):
    """What a pipelined module raises comes back as one line."""
    design = make(tmp_path, KINDS["reset"])
    change(design, "amaranth", "m = Module()", "m = Modul()")
    with pytest.raises(ToolError, match="NameError: name 'Modul' is not defined"):
        SIMULATORS["amaranth"].run(design)
