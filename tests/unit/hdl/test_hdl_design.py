"""Design folders and their manifests."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hardware import design, full_adder, multiplier, vectors_of

from btfsynth.errors import DataError, OutputError
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.manifest import load_manifest
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
