"""The VHDL of a design under GHDL: right designs pass, spoiled ones fail as they do elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from hardware import design, full_adder, multiplier, netlists, outputs_of, vectors_of
from hypothesis import HealthCheck, given, settings

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.flow.report import is_verified
from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.sim.registry import SIMULATORS, simulators_for
from btfsynth.sim.simulators import load_design
from btfsynth.verify.simulate import simulate_design

FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
needs_ghdl = pytest.mark.skipif(shutil.which("ghdl") is None, reason="needs ghdl")
KINDS = [
    HardwareOptions(),
    HardwareOptions(pipeline=1),
    HardwareOptions(pipeline=3, enable=True),
    HardwareOptions(pipeline=2, reset=True),
    HardwareOptions(pipeline=3, enable=True, reset=True),
    HardwareOptions(pipeline=9, enable=True, reset=True),
]
IDS = ["combinational", "plain", "enable", "reset", "both", "shifting"]


def make(folder, netlist=None, **options):
    """A design in a folder, read back."""
    netlist = multiplier() if netlist is None else netlist
    write_design(netlist, vectors_of(netlist), folder, options=HardwareOptions(**options))
    return load_design(folder)


def spoil(found, role, *changes):
    """The design with text in a file changed; what is changed must be there."""
    path = found.path(role)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


def ghdl(found):
    """The result of GHDL."""
    return SIMULATORS["ghdl"].run(found, 60)


@needs_ghdl
@FEW
@given(netlists())
def test_random_netlists_pass(tmp_path, netlist):
    """GHDL agrees with bit-parallel simulation, cells of constants and all."""
    result = ghdl(load_design(design(netlist, tmp_path)))
    assert result.to_json() == {"passed": 1 << netlist.n_inputs, "failed": 0}


@needs_ghdl
@pytest.mark.parametrize("options", KINDS, ids=IDS)
@pytest.mark.parametrize("standard", ["93", "08"])
def test_no_warning_and_no_failure(tmp_path, options, standard):
    """Entity and testbench are analysed without a word, in both standards, and pass."""
    found = make(tmp_path, **vars(options))
    run = run_ghdl(found, tmp_path, standard)
    assert [(part.returncode, part.stderr) for part in run] == [(0, "")] * 3
    assert [part.stdout for part in run] == ["", "", "PASS 16 vectors\n"]


def run_ghdl(found, folder, standard="93"):
    """The testbench by hand, as someone without this package runs it."""
    files = [found.manifest.files[role] for role in ("vhdl", "vhdl_testbench")]
    top = f"tb_{found.manifest.module}"
    return [
        subprocess.run(
            ["ghdl", step, f"--std={standard}", *rest],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        for step, rest in (("-a", files), ("-e", [top]), ("-r", [top]))
    ]


@needs_ghdl
@pytest.mark.parametrize("options", [KINDS[0], KINDS[4]], ids=["combinational", "pipelined"])
def test_mutants_fail_where_they_should(tmp_path, options):
    """A changed cell fails on the vectors on which the function differs; the first is named."""
    found = make(tmp_path, **vars(options))
    inputs = found.vectors.inputs
    source = found.path("vhdl")
    good = source.read_text()
    cells = re.findall(r"^    n\d+ <= .*;$", good, re.MULTILINE)
    assert len(cells) == multiplier().n_cells
    for cell, line in list(enumerate(cells))[::3]:
        changed = (
            line.replace(" and ", " or ") if " and " in line else line.replace(" or ", " and ")
        )
        source.write_text(good.replace(line, changed))
        netlist = multiplier()
        fanins = netlist.fanins.copy()
        fanins[cell][fanins[cell] <= 1] ^= 1
        got = outputs_of(
            type(netlist)(
                netlist.name, netlist.input_ports, netlist.output_ports, fanins, netlist.outputs
            ),
            inputs,
        )
        wrong = np.flatnonzero((got != found.vectors.expected).any(axis=1))
        result = ghdl(found)
        assert result.failed == len(wrong) > 0
        bits = "".join(map(str, got[wrong[0]][::-1]))
        assert result.mismatch == found.mismatch(int(wrong[0]), bits)


@needs_ghdl
@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ([("if rst = '1' then", "if false then")], 1),
        ([("elsif en = '1' then", "else")], 16),
        ([("p(0) <= d1_n1;", "p(0) <= n1;")], 16),
        ([("p(3) <= n", "p(3) <= 'X' and n")], 16),
        ([("p(0) <= '0';", "null;")], 1),
    ],
    ids=["no reset", "no enable", "too early", "unknown", "one bit not reset"],
)
def test_spoiled_registers_fail(tmp_path, changes, failed):
    """Control ports that do nothing, a missing register and an unknown bit are noticed."""
    found = make(tmp_path, pipeline=2, enable=True, reset=True)
    spoil(found, "vhdl", *changes)
    result = ghdl(found)
    assert 1 <= result.failed <= failed
    assert result.mismatch is not None


@needs_ghdl
def test_testbench_alone_exits_non_zero(tmp_path):
    """Whoever runs the testbench without this package sees the same lines as of the Verilog one."""
    found = make(tmp_path, full_adder())
    spoil(found, "vhdl", ("s(1) <= n1", "s(1) <= 'X'"))
    *_, ran = run_ghdl(found, tmp_path)
    lines = ran.stdout.splitlines()
    assert lines[0] == "MISMATCH vector=0 inputs=000 care=11 expected=00 got=x0"
    assert lines[8] == "FAIL 8 of 8"
    assert ran.returncode == 1
    assert ghdl(found).mismatch.got == "s=2'bx0"


@needs_ghdl
@pytest.mark.parametrize("options", [{}, {"pipeline": 3}], ids=["combinational", "pipelined"])
@pytest.mark.parametrize("keep", [0, 7])
def test_missing_vectors_fail(tmp_path, options, keep):
    """A vector file that is short or missing fails, though nothing mismatches."""
    found = make(tmp_path, full_adder(), **options)
    vectors = found.path("vectors")
    lines = vectors.read_text().splitlines(keepends=True)
    vectors.unlink()
    if keep:
        vectors.write_text("".join(lines[:keep]))
    *_, ran = run_ghdl(found, tmp_path)
    assert ran.returncode
    assert f"FAIL {8 - keep} of 8" in ran.stdout.splitlines()
    assert f"ERROR: read {keep} of 8 vectors from full_adder_vectors.mem" in ran.stdout


@needs_ghdl
def test_corrupted_vectors_are_reported(tmp_path):
    """An expected bit that is flipped fails at that vector, one that does not matter passes."""
    found = make(tmp_path, full_adder())
    vectors = found.path("vectors")
    lines = vectors.read_text().splitlines()
    lines[5] = lines[5][:3] + ("0" if lines[5][3] == "1" else "1") + lines[5][4:]
    vectors.write_text("\n".join(lines) + "\n")
    result = ghdl(load_design(tmp_path))
    assert (result.passed, result.failed, result.mismatch.vector) == (7, 1, 5)
    lines[5] = "100" + lines[5][3:]
    vectors.write_text("\n".join(lines) + "\n")
    assert ghdl(load_design(tmp_path)).ok


@needs_ghdl
@pytest.mark.parametrize("options", [{}, {"pipeline": 2, "enable": True}], ids=["wires", "clocked"])
def test_hostile_names(tmp_path, options):
    """Names that VHDL does not take, or that hide its types, are written so that it does."""
    names = ["a__b", "a_", "std_logic", "rising_edge", "text", "netlist", "d1_x", "work"]
    outputs = ["y__", "std_logic_vector", "got", "ieee"]
    builder = NetlistBuilder(
        "work", [Port(name, 1) for name in names[:6]], [Port(name, 2) for name in outputs]
    )
    literals = [builder.input(bit) for bit in range(6)]
    cells = [
        builder.maj(literals[bit % 6], literals[(bit + 1) % 6] ^ 1, literals[(bit + 3) % 6])
        for bit in range(8)
    ]
    assert ghdl(make(tmp_path, builder.build(cells), **options)).ok


def test_missing_tool(tmp_path, monkeypatch):
    """Without GHDL it says what to install."""
    found = make(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert SIMULATORS["ghdl"].find().reason == "ghdl is not installed; apt-get install ghdl"
    with pytest.raises(MissingToolError, match="apt-get install ghdl"):
        ghdl(found)


@needs_ghdl
def test_vhdl_that_cannot_be_compiled(tmp_path):
    """The failing command and the last of what it said come back."""
    found = make(tmp_path)
    spoil(found, "vhdl", ("n1 <= ", "n1 <= = "))
    with pytest.raises(
        ToolError, match=r"ghdl cannot compile multiplier .*multiplier\.vhd"
    ) as error:
        ghdl(found)
    assert error.value.command[:2] == ("ghdl", "-a")


@needs_ghdl
def test_simulation_that_hangs(tmp_path):
    """It is killed in time."""
    found = make(tmp_path)
    spoil(
        found,
        "vhdl_testbench",
        ("        open_file(stimuli, found);", "        loop null; end loop;"),
    )
    with pytest.raises(ToolError, match="timed out after 1 s"):
        SIMULATORS["ghdl"].run(found, 1)


def test_all_stands_for_every_simulator_that_fits(tmp_path, monkeypatch):
    """One that is missing is listed, so that its absence can be told."""
    make(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    results = simulate_design(tmp_path, ["all", "ghdl"])
    fitting = simulators_for(load_design(tmp_path).manifest)
    assert [result.name for result in results] == ["parsed_verilog", *fitting]
    assert {"amaranth", "ghdl", "icarus", "verilator"} <= set(fitting)
    checks = {result.name: result for result in results}
    assert "ghdl is not installed" in checks["ghdl"].skipped
    assert is_verified(checks, ())
    assert not is_verified(checks, ["all"])
