"""Logic that no output depends on may be undefined, as Yosys leaves it behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from btfsynth.errors import DataError
from btfsynth.hdl.formats import read_design
from btfsynth.netlist.netlist import Netlist

_BLIF = """.model m
.inputs a b
.outputs y
.names a b y
11 1
.names gone[1] left
1 1
.names left a {net}
11 1
.end
"""
_BENCH = "INPUT(a)\nINPUT(b)\nOUTPUT(y)\ny = AND(a, b)\nleft = NOT(gone)\n{net} = OR(left, a)\n"
_VERILOG = """module m(input a, b, output y);
  wire [1:0] word, gone;
  wire left = word[1] & gone[0];
  assign word = 2'bx1;
  assign y = a & b;
  wire {net} = left;
endmodule
"""
_PIPELINE = """module m(input clk, a, b, output reg y);
  wire gone;
  wire {net} = gone ^ a;
  always @(posedge clk) y <= a & b;
endmodule
"""
_FILES = {"m.blif": _BLIF, "m.bench": _BENCH, "m.v": _VERILOG, "p.v": _PIPELINE}


def _read(folder: Path, name: str, net: str) -> Netlist:
    path = folder / name
    text = _FILES[name].format(net=net)
    if net == "y":
        # what was dead drives the output
        text = text.replace(".names a b y\n11 1\n", "").replace("y = AND(a, b)\n", "")
        text = text.replace("  assign y = a & b;\n", "").replace("wire y =", "assign y =")
        text = text.replace("y <= a & b", "y <= other").replace(
            "assign y = gone", "wire other = gone"
        )
    path.write_text(text)
    return read_design(path)


@pytest.mark.parametrize("name", _FILES)
def test_dead_logic_may_read_what_nothing_drives(tmp_path: Path, name: str) -> None:
    netlist = _read(tmp_path, name, "dead")
    assert netlist.n_inputs == 2
    assert len(netlist.fanins) == 1


@pytest.mark.parametrize("name", _FILES)
def test_what_an_output_depends_on_must_be_driven(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"gone|2'bx1"):
        _read(tmp_path, name, "y")
