"""Yosys JSON: what is written Yosys reads, what Yosys writes is read, and files that are refused."""

from __future__ import annotations

import json
import subprocess

import pytest
from hardware import full_adder, multiplier, outputs_of, vectors_of
from reading import computes

from btfsynth.errors import DataError, MissingToolError
from btfsynth.hdl.formats import WRITERS, read_design
from btfsynth.hdl.yosys import find_yosys
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port, bit_names


def written(netlist):
    """The document of a netlist."""
    return json.loads(WRITERS["json"].content(netlist)[0])


def read(tmp_path, document):
    """The netlist of a document."""
    path = tmp_path / "m.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_design(path)


def test_full_adder():
    """A cell a gate, a complement one inverter, ports by the bits of their nets."""
    document = written(full_adder())
    assert document["creator"].startswith("btfsynth ")
    module = document["modules"]["full_adder"]
    assert module["ports"] == {
        "a": {"direction": "input", "bits": [2]},
        "b": {"direction": "input", "bits": [3, 4]},
        "s": {"direction": "output", "bits": [7, 5]},
    }
    kinds = {name: (cell["type"], cell["connections"]) for name, cell in module["cells"].items()}
    assert kinds == {
        "u1": ("$lut", {"A": [2, 3, 4], "Y": [5]}),
        "x1": ("$_NOT_", {"A": [4], "Y": [8]}),
        "u2": ("$lut", {"A": [2, 3, 8], "Y": [6]}),
        "x2": ("$_NOT_", {"A": [5], "Y": [9]}),
        "u3": ("$lut", {"A": [4, 9, 6], "Y": [7]}),
    }
    assert module["cells"]["u1"]["parameters"]["LUT"] == f"{0xE8:08b}"
    assert module["netnames"]["n3"]["bits"] == module["ports"]["s"]["bits"][:1]


def test_names_are_apart():
    """An input and an output of one name get two keys, and a name that Yosys keeps to itself is mended."""
    base = full_adder()
    netlist = Netlist(
        "m", (Port("$a", 1), Port("b", 2)), (Port("b", 2),), base.fanins, base.outputs
    )
    content, notices = WRITERS["json"].content(netlist)
    assert set(json.loads(content)["modules"]["m"]["ports"]) == {"_a", "b", "b_2"}
    assert notices == (
        "port '$a' is renamed to _a in the file",
        "port 'b' is renamed to b_2 in the file",
    )


def yosys(folder, *script):
    """Run commands of Yosys in a folder."""
    try:
        found = find_yosys()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    (folder / "script.ys").write_text("\n".join(script) + "\n")
    return subprocess.run(
        (*found.command, "-s", "script.ys"), cwd=folder, capture_output=True, text=True, check=False
    )


def test_yosys_proves_it_equal_to_the_verilog(tmp_path):
    """Yosys reads the JSON without a complaint and proves it; a changed one it refutes."""
    (tmp_path / "m.v").write_bytes(WRITERS["verilog"].content(multiplier())[0])
    good = WRITERS["json"].content(multiplier())[0]
    prove = (
        "read_verilog m.v", "rename multiplier gold", "read_json m.json", "check -assert multiplier",
        "miter -equiv -flatten -make_assert gold multiplier miter", "sat -verify -prove-asserts miter",
    )  # fmt: skip
    (tmp_path / "m.json").write_bytes(good)
    assert yosys(tmp_path, *prove).returncode == 0
    (tmp_path / "m.json").write_bytes(good.replace(b'"$_AND_"', b'"$_OR_"', 1))
    refuted = yosys(tmp_path, *prove)
    assert refuted.returncode != 0
    assert "proof did fail" in refuted.stdout + refuted.stderr


def test_reads_what_yosys_writes(tmp_path):
    """After mapping to gates of many kinds and to tables the function is the same."""
    (tmp_path / "m.v").write_bytes(WRITERS["verilog"].content(multiplier())[0])
    steps = "read_verilog m.v", "synth -flatten", "abc -g gates", "write_json g.json", "abc -lut 4"
    assert yosys(tmp_path, *steps, "opt_clean", "write_json l.json").returncode == 0
    inputs = vectors_of(multiplier()).inputs
    for file, kind in (("g.json", "$_ANDNOT_"), ("l.json", "$lut")):
        assert kind in (tmp_path / file).read_text()
        netlist = read_design(tmp_path / file)
        assert netlist.input_ports == multiplier().input_ports
        assert (outputs_of(netlist, inputs) == outputs_of(multiplier(), inputs)).all()


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("$_AOI3_", lambda a, b, c, d: not ((a and b) or c)),
        ("$_OAI3_", lambda a, b, c, d: not ((a or b) and c)),
        ("$_AOI4_", lambda a, b, c, d: not ((a and b) or (c and d))),
        ("$_OAI4_", lambda a, b, c, d: not ((a or b) and (c or d))),
    ],
)
def test_complex_gates(tmp_path, kind, function):
    """What `abc -g cmos` leaves."""
    pins = {pin: [2 + place] for place, pin in enumerate("ABCD")}
    used = {pin: bits for pin, bits in pins.items() if pin < "D" or kind.endswith("4_")}
    ports = {pin: {"direction": "input", "bits": bits} for pin, bits in pins.items()}
    ports["Y"] = {"direction": "output", "bits": [6]}
    cell = {"type": kind, "connections": {**used, "Y": [6]}}
    netlist = read(tmp_path, {"modules": {"m": {"ports": ports, "cells": {"u": cell}}}})
    assert computes(netlist, function)


def test_reads_verilog_that_yosys_writes(tmp_path):
    """With the attributes that it puts before everything, operands among them."""
    (tmp_path / "m.v").write_text(
        "module m (input [1:0] a, input b, output p, q);\n"
        "    assign p = a[0] ? ~(a[1] & b) : a[1] ^ b;\n    assign q = b | ~a[0];\nendmodule\n"
    )
    steps = "read_verilog m.v", "proc", "flatten", "simplemap", "opt_clean", "write_verilog g.v"
    assert yosys(tmp_path, *steps).returncode == 0
    assert "(* src" in (tmp_path / "g.v").read_text()
    netlist = read_design(tmp_path / "g.v")
    assert computes(netlist, lambda a0, a1, b: (not (a1 and b) if a0 else a1 ^ b, b or not a0))


def change(document, path, value):
    """A copy with one entry changed, or left out if the value is None."""
    copied = json.loads(json.dumps(document))
    place = copied
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copied


CELLS = ("modules", "full_adder", "cells")
PORTS = ("modules", "full_adder", "ports")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            (*CELLS, "u1", "type"),
            "$_DFF_P_",
            "the cell 'u1' of kind \\$_DFF_P_ is sequential, expected a combinational circuit",
        ),
        ((*CELLS, "u1", "connections", "Y"), [6], "'net 6, n2' is driven by the cell 'u1' and"),
        ((*CELLS, "u1", "connections", "Y"), [2], "'net 2, a' is driven by the input 'a' and"),
        ((*CELLS, "u1"), None, "the net 'net 5, s\\[1\\]' is not driven"),
        ((*CELLS, "u1", "connections", "A"), [7, 3, 4], "part of a combinational loop"),
        ((*CELLS, "u1", "connections", "A"), [2, 3], "expected a LUT of 4 bits, got '11101000'"),
        (
            (*CELLS, "u1", "connections", "A"),
            list(range(2, 9)),
            "at most 6 inputs of a \\$lut, got 7",
        ),
        (
            (*CELLS, "x1", "connections", "A"),
            [2, 3],
            "the cell 'x1' is '\\$_XOR_'|the cell 'x1': the input A is not connected",
        ),
        (
            (*CELLS, "x1", "connections", "A"),
            ["x"],
            "the net 'constant x' is not driven",
        ),
        ((*CELLS, "x1", "connections", "A"), None, "the cell 'x1': the input A is not connected"),
        ((*PORTS, "a", "direction"), "inout", "the port 'a': expected an input or an output"),
        ((*PORTS, "a", "bits"), [], "the port 'a': expected at least one bit"),
        ((*PORTS, "b", "offset"), -1, "'b': expected an offset from 0 to 999999997, got '-1'"),
        ((*PORTS, "b", "offset"), "1", "'b': expected an offset from 0 to 999999997, got '1'"),
        ((*PORTS, "b", "offset"), 10**9, "'b': expected an offset from 0 to 999999997"),
        ((*PORTS, "s"), None, "expected at least one output, got none"),
        (("modules",), {}, "expected one module, or one marked as the top, got 0"),
        (("modules",), 3, "expected Yosys JSON: AttributeError"),
        (("modules",), None, "expected Yosys JSON: KeyError 'modules'"),
    ],
)
def test_refused(tmp_path, path, value, message):
    """Each damage is one line with the file's name."""
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, change(written(full_adder()), path, value))
    assert str(caught.value).startswith(str(tmp_path / "m.json"))


@pytest.mark.parametrize("text", ["{", "[1]", "7", '{"creator": 1' + ', "a": [' * 5000])
def test_no_document(tmp_path, text):
    """A file that is no document at all is one line."""
    with pytest.raises(DataError, match=r"expected (Yosys )?JSON"):
        read(tmp_path, text)


def test_constant_outputs(tmp_path):
    """Constants are texts in the file; several modules need one that is marked."""
    document = written(full_adder())
    document = change(document, (*PORTS, "s", "bits"), ["1", "0"])
    document["modules"]["other"] = {"ports": {}, "cells": {}}
    netlist = read(tmp_path, document)
    assert netlist.outputs.tolist() == [1, 0]
    assert netlist.name == "full_adder"


@pytest.mark.parametrize(
    ("entry", "bits"),
    [
        ({"offset": 4}, ["b[4]", "b[5]"]),
        ({"upto": 1}, ["b[1]", "b[0]"]),
        ({"offset": 2, "upto": 1}, ["b[3]", "b[2]"]),
        ({"upto": 0}, ["b[0]", "b[1]"]),
    ],
)
def test_ranges(tmp_path, entry, bits):
    """A port's range is what offset and upto say, as Yosys writes them."""
    document = written(full_adder())
    for key, value in entry.items():
        document = change(document, (*PORTS, "b", key), value)
    netlist = read(tmp_path, document)
    assert bit_names(netlist.input_ports) == ["a", *bits]
    again = written(netlist)
    port = again["modules"]["full_adder"]["ports"]["b"]
    assert (port.get("offset", 0), port.get("upto", 0)) == (
        entry.get("offset", 0),
        entry.get("upto", 0),
    )
