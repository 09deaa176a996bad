"""What is compiled while a pass runs is no time of the pass."""

from __future__ import annotations

import time
from functools import partial

import numba
from circuits import array_multiplier

from btfsynth.netlist.kernels import compile_clock
from btfsynth.netlist.simulation import evaluate, function_reference
from btfsynth.passes.base import run_pass


def fresh():
    """Return a kernel that nobody has compiled."""

    @numba.njit
    def kernel(x):
        total = 0.0
        for k in range(x):
            total += k**0.5
        return total

    return kernel


class Compiling:
    """A pass that compiles a kernel and waits a little."""

    name = "compiling"
    structural = True

    def apply(self, netlist, reference):
        fresh()(3)
        time.sleep(0.05)
        return netlist


def test_compilation_is_told_apart():
    """The seconds of a pass are what is left."""
    netlist = array_multiplier(2, 2)
    reference = function_reference(partial(evaluate, netlist), 4)
    begin = time.perf_counter()
    _, report = run_pass(Compiling(), netlist, reference)
    whole = time.perf_counter() - begin
    assert report.compile_seconds > 0.01
    assert 0.04 < report.seconds <= whole - report.compile_seconds + 0.01
    (record,) = [report.record()]
    assert record["compile_seconds"] == round(report.compile_seconds, 3)
    assert run_pass(Compiling(), netlist, reference)[1].compile_seconds > 0


def test_what_is_compiled_already_counts_nothing():
    """Only compilations count."""
    kernel = fresh()
    with compile_clock() as compiled:
        kernel(3)
        first = compiled()
        kernel(4)
        assert compiled() == first > 0
