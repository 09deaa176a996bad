"""``btfsynth doctor``."""

from __future__ import annotations

import shutil

from btfsynth.hdl.yosys import Yosys
from btfsynth.sim.registry import SIMULATORS


def test_lists_what_is_there(cli):
    """Every simulator is listed, with a version or with what to install."""
    outcome = cli("doctor", "--json")
    assert outcome.code == 0
    found = {each["name"]: each for each in outcome.json["found"]}
    assert set(SIMULATORS) < set(found)
    for each in found.values():
        assert each["version"] or each["install"]
    assert found["amaranth"]["version"]
    assert bool(found["icarus"]["version"]) == (shutil.which("iverilog") is not None)


def test_says_how_to_get_the_rest(cli, monkeypatch):
    """With an empty PATH the simulators that are programs are missing, and a line says what to do."""
    monkeypatch.setenv("PATH", "")
    outcome = cli("doctor")
    assert outcome.code == 0
    assert "apt-get install" in outcome.stdout
    assert "iverilog is not installed" in " ".join(outcome.stdout.split())


def test_an_old_yosys_is_said_to_be_too_old_for_mapping(cli, monkeypatch):
    """It is of use for proofs."""
    monkeypatch.setattr("btfsynth.hdl.yosys.find_yosys", lambda: Yosys(("yosys",), "0.23"))
    outcome = cli("doctor")
    assert outcome.code == 0
    assert "0.23 verify, equiv; too old for fpga" in " ".join(outcome.stdout.split())
