"""Checks of pipelined designs: each must fail on what is its own to find."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hardware import multiplier, vectors_of

from btfsynth.errors import DataError, MissingToolError, ToolError
from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.hdl.yosys import Yosys, find_yosys
from btfsynth.sim.simulators import load_design
from btfsynth.verify import yosys
from btfsynth.verify.compare import compare
from btfsynth.verify.simulate import check_parsed
from btfsynth.verify.subjects import Subject, read_subject

OPTIONS = HardwareOptions(pipeline=3, enable=True, reset=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A pipelined multiplier."""
    path = tmp_path / "multiplier"
    path.mkdir()
    write_design(multiplier(), vectors_of(multiplier()), path, options=OPTIONS)
    return path


def edit(path, *changes):
    """Change a text; what is to be changed must be there."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def test_parsed(folder):
    """The design as it was written passes, and its function is the netlist's."""
    assert check_parsed(load_design(folder)).ok
    assert compare(Subject(folder, multiplier()), read_subject(folder)).equal
    assert compare(Subject(folder, multiplier()), read_subject(folder / "multiplier.v")).equal


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        ({"latency": 2}, "latency: expected 2 as the manifest says, got 3"),
        ({"enable": False}, "enable of the registers: expected none, got en"),
        ({"reset": False}, "reset of the registers: expected none, got rst"),
        (None, "expected a combinational module, got registers"),
    ],
)
def test_timing_of_the_manifest(folder, timing, message):
    """What the manifest says of time is held against the Verilog."""
    path = folder / "manifest.json"
    record = json.loads(path.read_text())
    record["timing"] = timing and {**record["timing"], **timing}
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=message):
        check_parsed(load_design(folder))


def test_registers_where_none_should_be(folder, tmp_path):
    """A combinational module under a manifest with a latency is refused, and the other way round."""
    plain = tmp_path / "plain"
    plain.mkdir()
    write_design(multiplier(), vectors_of(multiplier()), plain)
    (folder / "multiplier.v").write_bytes((plain / "multiplier.v").read_bytes())
    with pytest.raises(DataError, match="expected registers, got a combinational module"):
        check_parsed(load_design(folder))


def test_wrong_function(folder):
    """A fault behind registers is found with the vector."""
    edit(folder / "multiplier.v", ("n1 = a[0] & b[0]", "n1 = a[0] | b[0]"))
    check = check_parsed(load_design(folder))
    assert check.failed > 0
    assert check.mismatch.got == "p=4'b0001"


@pytest.fixture(params=["found", "on the PATH"])
def prover(request) -> Yosys:
    """The Yosys that is taken, and a program that may be older than that."""
    if request.param == "on the PATH":
        if shutil.which("yosys") is None:
            pytest.skip("no yosys on the PATH")
        return Yosys(("yosys",), "of any age")
    try:
        return find_yosys()
    except MissingToolError as missing:
        pytest.skip(str(missing))


def references(design):
    """The function as a table and as a netlist."""
    yield yosys.case_reference(design.manifest, design.vectors)
    yield yosys.blif_reference(design.manifest, multiplier())


@pytest.mark.parametrize(
    "options", [OPTIONS, replace(OPTIONS, cells=True), HardwareOptions(pipeline=1)]
)
def test_yosys_proves(tmp_path, prover, options):
    """With registers taken for wires the design is its function."""
    write_design(multiplier(), vectors_of(multiplier()), tmp_path, options=options)
    design = load_design(tmp_path)
    for reference in references(design):
        assert yosys.prove(prover, design, reference, 100) == yosys.Proof(True)


def test_yosys_proves_under_any_range_of_the_ports(tmp_path, prover):
    """Neither counts from 0 nor is every port's last bit the least significant one."""
    netlist = multiplier()
    a, b = netlist.input_ports
    netlist = replace(netlist, input_ports=(replace(a, low=2), replace(b, low=1, step=-1)))
    write_design(netlist, vectors_of(netlist), tmp_path)
    design = load_design(tmp_path)
    reference = yosys.blif_reference(design.manifest, netlist)
    assert yosys.prove(prover, design, reference, 100) == yosys.Proof(True)
    edit(tmp_path / "multiplier.v", ("a[2] & b[1]", "a[2] & b[0]"))
    assert yosys.prove(prover, load_design(tmp_path), reference, 100).proven is False


def test_yosys_refutes(folder, prover):
    """A fault is refuted with inputs; a register that feeds itself proves nothing."""
    path = folder / "multiplier.v"
    text = path.read_text()
    edit(path, ("n1 = a[0] & b[0]", "n1 = a[0] | b[0]"))
    design = load_design(folder)
    for reference in references(design):
        proof = yosys.prove(prover, design, reference, 100)
        assert proof.proven is False
        assert proof.inputs.startswith("a=2'b")
    for wrong in ("d2_n1 & d1_n1", "~d2_n1"):
        path.write_text(text.replace("d2_n1 <= d1_n1", f"d2_n1 <= {wrong}"))
        for reference in references(design):
            with pytest.raises(ToolError, match="no verdict on multiplier"):
                yosys.prove(prover, design, reference, 100)
