"""Passes end when their time is up, and what was made before is kept."""

from __future__ import annotations

import signal
import threading
import time
from functools import partial

import pytest
from circuits import array_multiplier

from btfsynth.flow.simplify import _prover
from btfsynth.netlist.simulation import function_reference
from btfsynth.passes.base import run_passes
from btfsynth.passes.registry import parse_script
from btfsynth.time_box import TimeUp, time_box


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
    from btfsynth.netlist.simulation import evaluate

    netlist = array_multiplier(2, 2)
    reference = function_reference(partial(evaluate, netlist), 4)
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


def test_the_first_of_two_boxes_ends_both():
    """A box inside another one does not put off the end of the outer one."""
    begin = time.monotonic()
    with pytest.raises(TimeUp), time_box(begin + 0.2), time_box(begin + 60):
        time.sleep(30)
    assert time.monotonic() - begin < 5
    with pytest.raises(TimeUp), time_box(begin + 60), time_box(time.monotonic() + 0.1):
        time.sleep(30)


def test_another_alarm_rings_inside_a_box():
    """Who has set an alarm gets it in time, and the box ends when it should."""
    rung = []
    former = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    begin = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeUp), time_box(begin + 0.3):
            time.sleep(30)
        assert len(rung) == 1
        assert rung[0] - begin < 0.25
        assert 0.3 <= time.monotonic() - begin < 5
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
