"""Design folders and their manifests."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hardware import design, full_adder, multiplier, vectors_of

import btfsynth as btf
from btfsynth.errors import DataError, OutputError
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.manifest import load_manifest
from btfsynth.hdl.module import HardwareModule
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port


def test_manifest_round_trip(tmp_path):
    """What is written is what is loaded, options and all."""
    netlist = full_adder()
    written = write_design(
        netlist,
        vectors_of(netlist),
        tmp_path,
        origin=Origin(
            "adder", "12ab", made_with={"seed": 3, "passes": ["strash"]}, notices=["one"]
        ),
    )
    assert load_manifest(tmp_path) == written
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*written.files.values(), "manifest.json"]
    )
    assert written.netlist["cells"] == 3


def test_same_design_same_bytes(tmp_path):
    """Two folders hold the same bytes, and nothing of their own paths."""
    first, second = design(multiplier(), tmp_path / "a"), design(multiplier(), tmp_path / "b")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
        assert str(tmp_path).encode() not in path.read_bytes()


def test_missing_folder(tmp_path):
    """A folder that is not there cannot be written to and cannot be read."""
    netlist = full_adder()
    with pytest.raises(OutputError, match="no such folder"):
        write_design(netlist, vectors_of(netlist), tmp_path / "no")
    with pytest.raises(DataError, match="no such design folder"):
        load_manifest(tmp_path / "no")
    with pytest.raises(DataError, match="not a design folder"):
        load_manifest(tmp_path)


def test_netlist_without_inputs(tmp_path):
    """A constant has nothing to drive and is refused before anything is written."""
    netlist = Netlist("one", (), (Port("p", 1),), np.zeros((0, 3), np.int32), np.array([1]))
    with pytest.raises(DataError, match="one: expected at least one input"):
        write_design(netlist, vectors_of(full_adder()), tmp_path)
    assert not list(tmp_path.iterdir())


def test_vectors_must_fit(tmp_path):
    """Vectors of another netlist are refused before anything is written."""
    with pytest.raises(DataError, match="test vectors of 4 inputs and 4 outputs"):
        write_design(full_adder(), vectors_of(multiplier()), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("module", "a; b", "module: expected a legal identifier"),
        ("module", "wire", "module: expected a legal identifier"),
        ("files", {"verilog": "../x.v"}, "files.verilog: expected a plain file name"),
        ("files", {"verilog": "/etc/passwd"}, "files.verilog: expected a plain file name"),
        ("files", {"verilog": "-o"}, "files.verilog: expected a plain file name"),
        ("files", {"verilog": "x.v"}, "expected an entry for amaranth, testbench, vectors"),
        ("format", 2, "expected format 1, got 2"),
        ("format", True, "format: expected int, got bool"),
        ("ports", {"inputs": [], "outputs": []}, "ports.inputs: expected at least one"),
        ("ports", {"inputs": [3]}, "ports.inputs: expected objects"),
        ("notices", 7, "notices: expected list, got int"),
        ("vectors", {"count": 0}, "vectors.count: expected at least 1"),
        ("netlist", {"cells": "8"}, "netlist.cells: expected 0 to 1073741824, got '8'"),
        ("netlist", {"cells": None}, "netlist.cells: expected 0 to 1073741824, got None"),
        (
            "netlist",
            {"depth": 10**400},
            "netlist.depth: expected 0 to 1073741824, got a whole number of 1329 bits",
        ),
    ],
)
def test_manifest_is_not_trusted(tmp_path, field, value, message):
    """A field that is not what it should be is named."""
    folder = design(full_adder(), tmp_path)
    record = json.loads((folder / "manifest.json").read_text())
    record[field] = value
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=message):
        load_manifest(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"{}"])
def test_manifest_that_is_no_manifest(tmp_path, content):
    """Anything else than a JSON object is one clear line."""
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_half_design(tmp_path, monkeypatch):
    """When a file cannot be written the manifest is not there and the error names the file."""

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    netlist = full_adder()
    with pytest.raises(OutputError, match=r"full_adder\.v.* cannot be written: No space left"):
        write_design(netlist, vectors_of(netlist), tmp_path)
    assert not list(tmp_path.iterdir())


def test_dont_cares_are_kept(tmp_path):
    """The care mask reaches the vector file."""
    netlist = full_adder()
    vectors = vectors_of(netlist)
    vectors.care[0] = np.array([False, False])
    write_design(netlist, vectors, tmp_path)
    first = (tmp_path / "full_adder_vectors.mem").read_text().splitlines()[0]
    assert first == "1" + "00" + "00" + "000"


@pytest.mark.parametrize("count", [15, 256])
def test_every_threshold_is_told(tmp_path, count):
    """The manifest has them on one line, the headers of all languages in lines that stay short."""
    rows = np.arange(count + 1)[:, None] * 1.25 + 10
    data = btf.Dataset(rows, rows[:, 0] > 40, inputs=["t"], name="warm").coded(f"quantile:{count}")
    netlist = btf.train(data, seed=1, widths=(count, 1)).network.lower(data)
    design = netlist.write(tmp_path / "warm", vectors=data)
    thresholds = [said.removeprefix("t >= ") for said in data.code.bit_meanings["t"]]
    assert len(thresholds) == count
    meaning = design.manifest.inputs[0].meaning
    assert meaning.startswith(f"t >= {', '.join(thresholds)}, bit 0 first")
    for role, comment in (("verilog", "//"), ("vhdl", "--"), ("amaranth", "#")):
        lines = design.files[role].read_text().splitlines()
        first = next(place for place, line in enumerate(lines) if f"input t[{count}]" in line)
        last = next(place for place in range(first, len(lines)) if "bit 0 first" in lines[place])
        told = [line.removeprefix(comment).strip() for line in lines[first : last + 1]]
        assert " ".join(told) == f"input t[{count}]: {meaning}"
        assert len(told) > 1
        assert max(map(len, lines[first : last + 1])) < 110


def test_a_list_too_long_for_a_comment_names_the_manifest():
    meanings = {"input w[400]": f"w is {', '.join(map(str, range(400)))}, bit 0 first"}
    netlist = full_adder()
    header = HardwareModule(
        netlist,
        legal_names(netlist.name, netlist.input_ports, netlist.output_ports),
        {},
        meanings=meanings,
    ).header_lines
    assert "... (101 more: `meaning` in manifest.json), bit 0 first" in " ".join(header)
    assert "298" in " ".join(header)
    assert ", 299" not in " ".join(header)


@pytest.mark.parametrize("label", [False, True])
def test_bits_of_classes_are_votes(tmp_path, label):
    """Only the port of the class is the class; each bit of the others names the class that it votes for."""
    outputs = (Port("y", 3), *[Port("class_number", 2)] * label)
    literals = np.array([2, 4, 6, 4, 6][: 5 if label else 3])
    netlist = Netlist("kinds", (Port("x", 3),), outputs, np.zeros((0, 3), np.int32), literals)
    origin = Origin(classes=("a", "b", "c"))
    manifest = write_design(netlist, vectors_of(netlist), tmp_path, origin=origin)
    said = {port.name: port.meaning for port in manifest.outputs}
    listed = "bit 0: the vote for class a, bit 1: the vote for class b, bit 2: the vote for class c"
    if label:
        assert said == {
            "y": f"{listed}; none or several may be 1, `class_number` is the class",
            "class_number": "the class: 0 is a, 1 is b, 2 is c",
        }
    else:
        assert said == {
            "y": f"{listed}; none or several may be 1, of which `predict` takes the first, or a"
        }
