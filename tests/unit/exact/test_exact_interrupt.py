"""Ctrl-C while a solver works ends the search, and never leaves it stuck."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
from btfsynth.exact.synthesis import exact_netlist
print("ready", flush=True)
exact_netlist([0x6A3C95F0E8D41B72], 6, 20)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs POSIX signals")
@pytest.mark.parametrize("after", [2.0])
def test_interrupted_in_the_solver(after):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=-1, stderr=-1, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert errors.splitlines()[-1].endswith("InterruptedSearch")
