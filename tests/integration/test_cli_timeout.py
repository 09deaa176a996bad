"""Simulators that do not come to an end cost nothing but their own verdict."""

from __future__ import annotations

import json
import time

import pytest


@pytest.fixture
def stuck(tmp_path, monkeypatch):
    """An Icarus Verilog that compiles at once and simulates for ever."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (
        ("iverilog", 'if [ "$1" = -V ]; then echo "Icarus Verilog version 12.0"; fi'),
        ("vvp", "sleep 60"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return tmp_path


BUILD = ("build", "full_adder", "--passes", "fast", "--timeout", "0.4", "--simulator", "icarus")
WHY = "icarus: timed out after 0.4 s; increase --timeout"
RECORDED = WHY.removeprefix("icarus: ").replace("--timeout", "`timeout`")


def test_the_design_is_there_though_the_simulator_was_given_up(cli, stuck):
    """Not verified, exit code 1; all files are where they belong, and the report says why."""
    outcome = cli(*BUILD)
    assert outcome.code == 1
    assert outcome.complaint == f"not verified: the hardware was not simulated: {WHY}"
    folder = stuck / "hdl_out" / "full_adder"
    report = json.loads((folder / "report.json").read_text())
    assert report["verified"] is False
    assert report["checks"]["icarus"] == {"skipped": RECORDED}
    assert report["checks"]["parsed_verilog"] == {"passed": 8, "failed": 0}
    assert set(report["files"]) == {path.name for path in folder.iterdir()}
    assert cli("simulate", folder, "--simulator", "amaranth").code == 0


def test_other_simulators_still_count(cli, stuck):
    """A simulator that was asked for must have run; the others run whatever becomes of it."""
    outcome = cli(*BUILD[:4], "--simulator", "amaranth", "--json")
    assert outcome.json["verified"] is True
    folder = stuck / "hdl_out" / "full_adder"
    arguments = ("--simulator", "icarus", "--simulator", "amaranth", "--timeout", "30", "--json")
    (stuck / "tools" / "vvp").write_text("#!/bin/sh\nsleep 0.1; echo PASS 8 vectors\n")
    assert cli("simulate", folder, *arguments).json["checks"]["icarus"]["passed"] == 8
    (stuck / "tools" / "vvp").write_text("#!/bin/sh\nsleep 60\n")
    outcome = cli("simulate", folder, *BUILD[6:], "--simulator", "icarus", "--timeout", "0.4")
    assert outcome.code == 1
    assert WHY in outcome.complaint


def test_the_recipe_has_the_time(cli, stuck):
    """``run.toml`` builds with the same limit again."""
    cli(*BUILD)
    recipe = stuck / "hdl_out" / "full_adder" / "run.toml"
    assert "timeout = 0.4" in recipe.read_text().splitlines()
    outcome = cli("build", "--config", recipe, "-o", "again")
    assert WHY in outcome.complaint


def test_verify_gives_tools_up(cli, stuck):
    """A tool that does not end is left out of the chain; a simulator that was asked for must have run."""
    cli(*BUILD[:4], "--simulator", "amaranth")
    yosys = stuck / "tools" / "yosys"
    yosys.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Yosys 0.50 (git)" || sleep 60\n')
    yosys.chmod(0o755)
    verify = ("verify", "hdl_out/full_adder", "--timeout", "0.4", "--json")
    whole = cli(*verify)
    assert whole.code == 0, whole.stderr
    links = {link["name"]: link for link in whole.json["links"]}
    for name in ("icarus", "yosys", "amaranth_proof", "testbench"):
        assert links[name]["result"] == "skipped"
        assert links[name]["detail"].endswith(RECORDED)
    assert links["mutation"]["result"] == "passed"
    asked = cli(*verify, "--simulator", "icarus")
    assert asked.code == 1
    assert asked.complaint == f"not verified: icarus; {WHY}"


@pytest.mark.parametrize("value", ["0", "-1", "nan", "soon"])
def test_a_time_that_is_none(cli, value):
    """Refused before anything is done."""
    for command in (("build", "full_adder"), ("verify", "hdl_out/full_adder")):
        outcome = cli(*command, "--timeout", value)
        assert outcome.code == 2
        assert "--timeout" in outcome.complaint


def test_a_time_limit_bounds_passes_too(cli, tmp_path, monkeypatch):
    """A pass that would take a minute is ended; the design of the passes before is checked and says so."""
    from btfsynth.passes.basic import Sweep

    def slow(self, netlist, reference):
        for _ in range(600):
            time.sleep(0.1)
        return netlist

    monkeypatch.setattr(Sweep, "apply", slow)
    begin = time.monotonic()
    outcome = cli(
        "build", "full_adder", "--passes", "strash; sweep; strash", "--time-limit", 4,
        "--simulator", "parsed_verilog", "--simulator", "amaranth", "--json",
    )  # fmt: skip
    assert time.monotonic() - begin < 30
    assert outcome.code == 0, outcome.stderr
    assert [each["name"] for each in outcome.json["passes"]] == ["strash"]
    assert "the time limit was reached after 1 of 3 passes" in outcome.json["notices"]
    assert outcome.json["verified"] is True


def test_a_limit_that_ends_before_all_trials_is_named(cli):
    """What was missing was time, not trials."""
    outcome = cli("build", "parity:9", "--widths", "9,2,1", "--max-iterations", 60_000,
                  "--trials", 5000, "--time-limit", 1)  # fmt: skip
    assert outcome.code == 1
    assert "no network met the stopping rule within the time limit" in outcome.complaint
