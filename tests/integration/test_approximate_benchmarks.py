"""The programs that compare approximate multipliers and recompute metrics."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
from circuits import array_multiplier
from naive import metrics_of

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Reading

FOLDER = Path(__file__).parents[2] / "benchmarks"
OWN = """/***
* A file in the form of the library's
***/
// MAE = 0.12
// WCE% = 12.50 %
// WCE = {wce}
// EP% = 6.25 %

module mul2u_own (
    A,
    B,
    O
);

input [1:0] A;
input [1:0] B;
output [3:0] O;

wire sig_5,sig_6,sig_7;

assign sig_5 = A[1] & B[0];
assign sig_6 = A[0] & B[1];
assign sig_7 = A[1] & B[1];

assign O[3] = 1'b0;
assign O[2] = sig_7;
assign O[1] = sig_5 | sig_6;
assign O[0] = A[0] & B[0];

endmodule
"""


def program(name: str):
    spec = importlib.util.spec_from_file_location(f"{name}_program", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("yosys") is None, reason="needs Yosys")
def test_files_in_the_form_of_the_library_are_read_and_measured(tmp_path, capsys):
    """3 x 3 = 9 becomes 7; a file that states another error than it has is named."""
    (tmp_path / "mul2u_own.v").write_text(OWN.format(wce=2), encoding="utf-8")
    exact = array_multiplier(2, 2)
    ((name, netlist, wce),) = program("approximate").theirs(tmp_path, exact)
    assert (name, wce) == ("mul2u_own", 2)
    metrics = metrics_of(exact, netlist, Reading.of(exact.output_ports), None)
    assert metrics[Metric.EP] == pytest.approx(0.0625)
    assert metrics[Metric.MAE] == pytest.approx(0.125)
    assert capsys.readouterr().out == ""
    (tmp_path / "mul2u_own.v").write_text(OWN.format(wce=1), encoding="utf-8")
    list(program("approximate").theirs(tmp_path, exact))
    assert "states a worst-case error of 1, which is 2" in capsys.readouterr().out


def test_tables_of_constants_and_wires_do_not_count(tmp_path):
    path = tmp_path / "mapped.blif"
    path.write_text(
        ".model m\n.inputs a b\n.outputs x y z\n.names x\n.names a y\n1 1\n.names a \\\nb z\n11 1\n.end\n",
        encoding="ascii",
    )
    assert program("approximate").tables_of(path) == 1


def test_both_sides_are_compared_within_the_bound_alone():
    """By each count, and by both for one circuit; circuits beyond the bound are left out."""
    made = program("approximate")

    def judged(name, wce, ands, luts):
        return made.Judged(name, wce, {"plain": made.Count(ands, 9, luts)})

    library = [judged("a", 3, 40, 9), judged("b", 4, 50, 8), judged("c", 5, 1, 1)]
    ours = [judged("d", 4, 38, 8), judged("e", 4, 45, 6)]
    assert made.compared("plain", 4, library, ours) == (4, 40, 9, 8, 38, 9, 6, "-", "-")
    ours.append(judged("f", 2, 39, 7))
    assert made.compared("plain", 4, library, ours)[-2:] == (39, 7)


def test_metrics_of_fronts_are_sums_of_their_own():
    fronts = program("approximate_fronts")
    exact = array_multiplier(3, 2)
    wanted = fronts.values(exact)
    assert wanted == [(v & 7) * (v >> 3) for v in range(32)]
    builder = NetlistBuilder(exact.name, exact.input_ports, exact.output_ports)
    given: Netlist = builder.build([builder.input(bit) for bit in range(5)])
    reading = Reading.of(exact.output_ports)
    found = fronts.metrics(wanted, fronts.values(given))
    for metric, value in metrics_of(exact, given, reading, None).items():
        assert float(found[metric]) == pytest.approx(float(value))
