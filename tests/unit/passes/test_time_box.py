"""Passes end when their time is up, and what was made before is kept."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from circuits import array_multiplier

from btfsynth.flow.simplify import _prover
from btfsynth.netlist.reference import function_reference
from btfsynth.passes.base import run_passes
from btfsynth.passes.registry import parse_script
from btfsynth.passes.time_box import TimeUp, time_box


class Slow:
    """A pass that would take a minute."""

    name = "slow"
    structural = True

    def apply(self, netlist, reference):
        for _ in range(600):
            time.sleep(0.1)
        return netlist


def test_a_pass_is_ended_and_the_ones_before_count():
    """The report has what ran; nothing after the deadline begins."""
    from btfsynth.flow.vectors import function_of

    netlist = array_multiplier(2, 2)
    reference = function_reference(function_of(netlist), 4)
    steps = [*parse_script("strash"), Slow(), *parse_script("sweep")]
    begin = time.monotonic()
    made, reports = run_passes(steps, netlist, reference, deadline=begin + 0.5)
    assert time.monotonic() - begin < 5
    assert [report.name for report in reports] == ["strash"]
    expected, _ = run_passes(steps[:1], netlist, reference)
    assert made.fanins.tolist() == expected.fanins.tolist()
    assert run_passes(steps, netlist, reference, deadline=begin)[1] == ()
    assert not _prover(begin)(netlist, netlist)


def test_the_former_alarm_is_there_again():
    """Who else has set an alarm gets it."""
    rung = []
    former = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeUp), time_box(time.monotonic() + 0.1):
            time.sleep(10)
        time.sleep(0.5)
        assert len(rung) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def test_without_alarms_only_what_is_late_does_not_begin():
    """In another thread the body runs to its end."""
    came = []

    def work():
        with time_box(time.monotonic() + 0.05):
            time.sleep(0.2)
        came.append("end")
        try:
            with time_box(time.monotonic() - 1):
                came.append("begun")
        except TimeUp:
            came.append("up")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert came == ["end", "up"]
    with time_box(None):
        came.append("no limit")
    assert len(came) == 3
