"""External commands: failures, time-outs, fakes, and nothing left running."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hardware import design, full_adder

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.process import run_command
from btfsynth.sim.registry import SIMULATORS
from btfsynth.sim.simulators import Availability, CheckResult, load_design, port_values


def fake(folder, name, script):
    """An executable shell script that stands for a tool."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder of fake tools that the PATH begins with."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


VERSION = 'if [ "$1" = -V ]; then echo "Icarus Verilog version 11.0"; exit 0; fi'


def test_output_and_exit_code(tmp_path):
    """What a command writes and returns comes back."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    completed = run_command([sys.executable, "-c", code], tmp_path, 20)
    assert (completed.returncode, completed.stdout, completed.stderr) == (3, "out\n", "err\n")


def test_arguments_meet_no_shell(tmp_path):
    """Arguments are passed as they are."""
    completed = run_command(["/bin/echo", "$(touch x)", "`touch x`"], tmp_path, 20)
    assert completed.stdout == "$(touch x) `touch x`\n"
    assert not list(tmp_path.iterdir())


def test_missing_program(tmp_path):
    """A program that is not there is named."""
    with pytest.raises(MissingToolError, match="no-such-tool is not installed"):
        run_command(["no-such-tool"], tmp_path, 20)


def runs(process):
    """Whether a process has not ended."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", process], capture_output=True, text=True, check=False
    ).stdout.strip()
    return listed != "" and not listed.startswith("Z")


def test_timeout_kills_the_whole_group(tmp_path, tools, monkeypatch):
    """A child of the command does not outlive the time-out."""
    fake(tools, "tool", "sleep 6000 & echo $! > part; mv part child; wait")
    child = tmp_path / "child"
    communicate = subprocess.Popen.communicate

    def when_started(process, *arguments, **options):
        while not child.exists():
            time.sleep(0.01)
        return communicate(process, *arguments, **options)

    monkeypatch.setattr(subprocess.Popen, "communicate", when_started)
    with pytest.raises(ToolError, match=r"timed out after 0\.5 s \(command: tool\)"):
        run_command(["tool"], tmp_path, 0.5)
    while runs(child.read_text().strip()):
        time.sleep(0.01)


def test_interrupt_kills_the_command(tmp_path, tools, monkeypatch):
    """Control-C ends the command before it travels on."""
    fake(tools, "tool", "sleep 60")
    started = []

    def interrupted(process, *_args, **_options):
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_command(["tool"], tmp_path, 20)
    assert started[0].returncode == -9


def test_compiler_that_fails(tmp_path, tools):
    """Its command line and last words are in the error."""
    fake(tools, "iverilog", f"{VERSION}\necho 'full_adder.v:3: syntax error' >&2\nexit 2")
    fake(tools, "vvp", "exit 0")
    found = load_design(design(full_adder(), tmp_path / "d"))
    with pytest.raises(ToolError, match=r"cannot compile full_adder .*syntax error") as caught:
        SIMULATORS["icarus"].run(found)
    assert caught.value.command[:2] == ("iverilog", "-g2012")


def test_compiler_that_hangs(tmp_path, tools):
    """It is killed in time."""
    fake(tools, "iverilog", f"{VERSION}\nsleep 60")
    fake(tools, "vvp", "exit 0")
    found = load_design(design(full_adder(), tmp_path / "d"))
    with pytest.raises(ToolError, match="timed out after 1 s"):
        SIMULATORS["icarus"].run(found, timeout=1)


@pytest.mark.parametrize("words", ["", "PASS 7 vectors", "xPASS 8 vectors", "FAIL 1 of 8"])
def test_simulation_without_a_verdict(tmp_path, tools, words):
    """An exit code of 0 alone passes nothing."""
    fake(tools, "iverilog", VERSION)
    fake(tools, "vvp", f"echo '{words}'")
    found = load_design(design(full_adder(), tmp_path / "d"))
    with pytest.raises(ToolError, match="gave no verdict"):
        SIMULATORS["icarus"].run(found)


def test_tool_that_is_no_program(tools, monkeypatch):
    """A file that cannot be run is a reason, not a traceback."""
    fake(tools, "iverilog", "")
    (tools / "iverilog").write_bytes(b"\x7fELF nonsense")
    fake(tools, "vvp", "")
    monkeypatch.setenv("PATH", str(tools))
    found = SIMULATORS["icarus"].find()
    assert found.version is None
    assert "cannot be started" in found.reason


def test_versions_are_found(tools):
    """The version is read off what the tool prints."""
    fake(tools, "iverilog", VERSION)
    fake(tools, "vvp", "")
    assert SIMULATORS["icarus"].find() == Availability("11.0", None)


def test_values_by_port(tmp_path):
    """A bus is split into its ports, least significant first."""
    found = load_design(design(full_adder(), tmp_path))
    assert port_values(found.manifest.input_ports, "110") == "a=1'b0 b=2'b11"


def test_results_as_json():
    """A report holds counts or a reason; what did not run is not ok."""
    assert CheckResult("icarus", passed=3, seconds=2.0).to_json() == {"passed": 3, "failed": 0}
    assert CheckResult("icarus", skipped="no tool").to_json() == {"skipped": "no tool"}
    assert not CheckResult("icarus", skipped="no tool").ok
    assert not CheckResult("icarus").ok


def test_worker_is_light():
    """The child process that simulates does not load the numeric kernels."""
    code = "import sys, btfsynth.sim.amaranth_worker; print('numba' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_more_time_than_can_be_waited(tmp_path):
    """A limit beyond what the system can wait for is none."""
    for timeout in (3e6, 1e10, 1e300):
        assert run_command(["/bin/echo", "done"], tmp_path, timeout).stdout == "done\n"
