"""Design folders through every checker, good ones and spoiled ones."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from hardware import design, full_adder, hdl_mutants, multiplier, netlists, vectors_of
from hypothesis import HealthCheck, given, settings

from btfsynth.errors import DataError, ToolError, UsageError
from btfsynth.hdl.design import write_design
from btfsynth.hdl.verilog.circuit import evaluate
from btfsynth.hdl.verilog.read import read_verilog
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port
from btfsynth.sim.simulators import load_design
from btfsynth.verify.simulate import simulate_design

SLOW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog")


def values(ports, bits):
    """Bits, least significant first, as a report shows them."""
    shown, first = [], 0
    for port in ports:
        text = "".join(map(str, bits[first : first + port.width][::-1]))
        shown.append(f"{port.hdl}={port.width}'b{text}")
        first += port.width
    return " ".join(shown)


@needs_icarus
@SLOW
@given(netlists())
def test_random_netlists_pass_everywhere(tmp_path, netlist):
    """Reader, Icarus and Amaranth agree with bit-parallel simulation."""
    folder = design(netlist, tmp_path)
    results = simulate_design(folder, ["icarus", "amaranth"])
    assert [result.name for result in results] == ["parsed_verilog", "icarus", "amaranth"]
    for result in results:
        assert result.ok
        assert result.to_json() == {"passed": 1 << netlist.n_inputs, "failed": 0}


@needs_icarus
@pytest.mark.parametrize("netlist", [full_adder(), multiplier()], ids=["adder", "multiplier"])
def test_every_mutant_is_killed(tmp_path, netlist):
    """A mutant fails under Icarus exactly if it differs, with the first vector that differs."""
    folder = design(netlist, tmp_path)
    found = load_design(folder)
    source, manifest = found.path("verilog"), found.manifest
    mutants = hdl_mutants(source.read_text())
    inputs, expected = found.vectors.inputs.tolist(), found.vectors.expected
    killed = 0
    for mutant in mutants:
        source.write_text(mutant)
        got = evaluate(read_verilog(source), found.vectors.inputs)
        wrong = np.flatnonzero((got != expected).any(axis=1))
        parsed, icarus = simulate_design(folder, ["icarus"])
        assert parsed.failed == icarus.failed == len(wrong)
        assert parsed.mismatch == icarus.mismatch
        if not len(wrong):
            continue
        killed += 1
        first = int(wrong[0])
        assert not icarus.ok
        assert icarus.to_json()["first_mismatch"] == {
            "vector": first,
            "inputs": values(manifest.inputs, inputs[first]),
            "expected": values(manifest.outputs, expected[first].tolist()),
            "got": values(manifest.outputs, got[first].tolist()),
        }
    assert len(mutants) > 25
    assert killed > 0.7 * len(mutants)


@needs_icarus
def test_testbench_alone_exits_non_zero(tmp_path):
    """Whoever runs the testbench without this package sees a failure in its exit code too."""
    folder = design(full_adder(), tmp_path)
    source = folder / "full_adder.v"
    for text, verdict in (
        (source.read_text(), "PASS 8 vectors"),
        (source.read_text().replace("s[1] = n1", "s[1] = ~n1"), "FAIL 8 of 8"),
        (source.read_text().replace("s[1] = n1", "s[1] = 1'bx"), "FAIL 8 of 8"),
    ):
        source.write_text(text)
        ran = run_icarus(folder)
        assert verdict in ran.stdout.splitlines()
        assert (ran.returncode == 0) == verdict.startswith("PASS")
    mismatch = next(line for line in ran.stdout.splitlines() if line.startswith("MISMATCH"))
    assert mismatch == "MISMATCH vector=0 inputs=000 care=11 expected=00 got=x0"


def run_icarus(folder):
    """The testbench by hand."""
    build = ["iverilog", "-g2012", "-o", "t.vvp", "full_adder.v", "tb_full_adder.v"]
    subprocess.run(build, cwd=folder, check=True)
    return subprocess.run(
        ["vvp", "-n", "t.vvp"], cwd=folder, capture_output=True, text=True, check=False
    )


@needs_icarus
@pytest.mark.parametrize("keep", [0, 7])
def test_testbench_alone_notices_missing_vectors(tmp_path, keep):
    """A vector file that is short or missing fails, though nothing mismatches."""
    folder = design(full_adder(), tmp_path)
    vectors = folder / "full_adder_vectors.mem"
    lines = vectors.read_text().splitlines(keepends=True)
    vectors.unlink()
    if keep:
        vectors.write_text("".join(lines[:keep]))
    ran = run_icarus(folder)
    assert ran.returncode
    assert f"FAIL {8 - keep} of 8" in ran.stdout.splitlines()


@needs_icarus
def test_corrupted_vectors_are_reported(tmp_path):
    """An expected bit that is flipped fails in every checker at that vector."""
    folder = design(full_adder(), tmp_path)
    vectors = folder / "full_adder_vectors.mem"
    lines = vectors.read_text().splitlines()
    lines[5] = lines[5][:3] + ("0" if lines[5][3] == "1" else "1") + lines[5][4:]
    vectors.write_text("\n".join(lines) + "\n")
    results = simulate_design(folder, ["icarus", "amaranth"])
    assert [result.name for result in results] == ["parsed_verilog", "icarus", "amaranth"]
    for result in results:
        assert (result.passed, result.failed, result.mismatch.vector) == (7, 1, 5)


def test_damaged_folders(tmp_path):
    """A missing file, a wrong line and a wrong count of vectors are one clear line each."""
    folder = design(full_adder(), tmp_path)
    vectors = folder / "full_adder_vectors.mem"
    good = vectors.read_text()
    for text, message in ((good[8:], ":1: expected a vector"), (good * 2, "expected 8 vectors")):
        vectors.write_text(text)
        with pytest.raises(DataError, match=message):
            simulate_design(folder, [])
    vectors.unlink()
    with pytest.raises(DataError, match="missing, though the manifest lists it as vectors"):
        simulate_design(folder, [])


def test_dont_cares_do_not_fail(tmp_path):
    """A wrong bit that does not matter passes, and shows as - where another bit fails."""
    netlist = full_adder()
    vectors = vectors_of(netlist)
    vectors.expected[:, 0] ^= 1
    vectors.care[:, 0] = False
    vectors.expected[:, 0] = 0
    write_design(netlist, vectors, tmp_path)
    assert all(result.ok for result in simulate_design(tmp_path, ["amaranth"]))
    source = tmp_path / "full_adder.v"
    source.write_text(source.read_text().replace("s[1] = n1", "s[1] = ~n1"))
    (result,) = simulate_design(tmp_path, [])
    assert result.mismatch.expected == "s=2'b0-"


def test_edited_interface(tmp_path):
    """Verilog whose ports are not those of the manifest is refused."""
    folder = design(full_adder(), tmp_path)
    source = folder / "full_adder.v"
    source.write_text(source.read_text().replace("[1:0] b", "[2:0] b"))
    with pytest.raises(DataError, match=r"inputs: expected a \(1\), b \(2\), got a \(1\), b \(3\)"):
        simulate_design(folder, [])


def test_unknown_simulator(tmp_path):
    """The error lists the simulators there are."""
    with pytest.raises(UsageError, match="'modelsim': expected some of amaranth, amaranth_stream"):
        simulate_design(tmp_path, ["modelsim"])


def test_missing_simulators_are_skipped(tmp_path, monkeypatch):
    """Without tools on the PATH the rest still runs, and it says what to install."""
    folder = design(full_adder(), tmp_path / "d")
    monkeypatch.setenv("PATH", str(tmp_path))
    results = {result.name: result for result in simulate_design(folder)}
    assert results["parsed_verilog"].ok
    assert results["amaranth"].ok
    assert results["icarus"].to_json() == {
        "skipped": "iverilog is not installed; apt-get install iverilog"
    }
    assert "verilator is not installed" in results["verilator"].skipped
    assert not results["icarus"].ok


@needs_icarus
def test_hostile_names(tmp_path):
    """Names that try to break out end as legal HDL; nothing of them is run."""
    hostile = ["$(touch x)", "`touch x`", "a;b", "module", "N1", "n1", "a\nb", "../../x", "é" * 300]
    builder = NetlistBuilder(
        '$(touch x); `include "/etc/passwd"\n',
        [Port(name, 1) for name in hostile],
        [Port("out", 2), Port("'; import os", 1)],
    )
    literals = [builder.input(bit) for bit in range(len(hostile))]
    folder = design(
        builder.build([builder.maj(*literals[:3]), builder.maj(*literals[3:6]), literals[8]]),
        tmp_path / "d",
    )
    assert all(result.ok for result in simulate_design(folder, ["icarus", "amaranth"]))
    manifest = load_design(folder).manifest
    assert len(list(folder.iterdir())) == len(manifest.files) + 1
    assert len(manifest.notices) == len(hostile) + 2  # N1 stays as it is
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 /", "SyntaxError"),
        ("raise ValueError('no\\nsuch')", "ValueError: no such"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("print('{}')", "expected one wiring.Component, got 0"),
    ],
)
def test_broken_amaranth_module(tmp_path, text, message):
    """An error in the module comes back as one line that names the file."""
    folder = design(full_adder(), tmp_path)
    (folder / "full_adder_amaranth.py").write_text(text)
    with pytest.raises(ToolError, match=message) as caught:
        simulate_design(folder, ["amaranth"])
    assert "full_adder_amaranth.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_amaranth_mutant_fails(tmp_path):
    """An inverter too many in the Amaranth module is found."""
    folder = design(full_adder(), tmp_path)
    source = folder / "full_adder_amaranth.py"
    source.write_text(source.read_text().replace("s[1].eq(net[1])", "s[1].eq(~net[1])"))
    parsed, amaranth = simulate_design(folder, ["amaranth"])
    assert parsed.ok
    assert (amaranth.failed, amaranth.mismatch.got) == (8, "s=2'b10")


@pytest.mark.verilator
@pytest.mark.skipif(shutil.which("verilator") is None, reason="needs verilator")
def test_verilator(tmp_path):
    """Verilator lints the module without a word, passes it, and fails a mutant like the others."""
    folder = design(multiplier(), tmp_path)
    lint = ["verilator", "--lint-only", "-Wall", "multiplier.v"]
    ran = subprocess.run(lint, cwd=folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
    source = folder / "multiplier.v"
    assert all(result.ok for result in simulate_design(folder, ["verilator"]))
    source.write_text(source.read_text().replace("p[0] = n", "p[0] = ~n"))
    parsed, verilator = simulate_design(folder, ["verilator"])
    assert (verilator.failed, verilator.mismatch) == (parsed.failed, parsed.mismatch)
    assert verilator.failed == 16


@pytest.mark.verilator
@pytest.mark.skipif(shutil.which("verilator") is None, reason="needs verilator")
def test_verilator_notices_missing_vectors(tmp_path):
    """The testbench fails without its vectors in a two-state simulator too."""
    folder = design(full_adder(), tmp_path)
    build = ["verilator", "--binary", "-CFLAGS", "-O0", "--top-module", "tb_full_adder"]
    build += ["full_adder.v", "tb_full_adder.v"]
    subprocess.run(build, cwd=folder, capture_output=True, check=True)
    (folder / "full_adder_vectors.mem").unlink()
    run = [str(folder / "obj_dir/Vtb_full_adder")]
    ran = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "FAIL 8 of 8" in ran.stdout.splitlines()
