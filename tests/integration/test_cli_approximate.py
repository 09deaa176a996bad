"""``btfsynth approximate``, the error link of ``verify`` and ``equiv --metric``."""

from __future__ import annotations

import json
import re
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from circuits import array_multiplier

import btfsynth as btf
from btfsynth.approximation.exact import read_exact, read_weights
from btfsynth.netlist.text import format_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import Metric


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Path:
    """Return a design of a 3-bit multiplier that is off by at most 4."""
    from btfsynth.approximation.search import ApproximateOptions, approximate
    from btfsynth.workers.executor import local_executor

    folder = tmp_path_factory.mktemp("near")
    exact = array_multiplier(3, 3)
    options = ApproximateOptions(bounds={Metric.WCE: Fraction(4)}, sweeps=1, jobs=1)
    report = approximate(exact, folder, options, executor=local_executor)
    assert 0 < report.front[0].errors.wce <= 4
    assert report.front[0].cells < exact.n_cells
    return folder / report.front[0].path


def test_the_command_writes_the_front(cli, tmp_path):
    (tmp_path / "m2.mig").write_text(format_netlist(array_multiplier(2, 2)))
    outcome = cli(
        "approximate", "m2.mig", "--bound", "1", "--sweeps", "1", "--jobs", "1", "-o", "out", "--json"
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    point = outcome.json["front"][0]
    assert point["errors"]["wce"] == 1
    assert point["cells"] < outcome.json["exact"]["cells"]
    index = json.loads((tmp_path / "out" / "front.json").read_text())
    assert [f"out/{entry['path']}" for entry in index["front"]] == [point["path"]]
    assert (tmp_path / point["path"] / "manifest.json").exists()


@pytest.mark.parametrize(
    ("option", "key", "words"),
    [(("--objective", "lut6"), "luts", "LUT6"), (("--basis", "aig"), "ands", "ANDs")],
)
def test_what_is_counted_is_shown_everywhere(cli, tmp_path, option, key, words):
    """Beside majority cells, which say little of circuits that are small in other units."""
    (tmp_path / "m2.mig").write_text(format_netlist(array_multiplier(2, 2)))
    given = ("approximate", "m2.mig", "--bound", "1", "--sweeps", "1", "--jobs", "1", *option)
    outcome = cli(*given, "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    exact = outcome.json["exact"]
    assert exact[key] == {"luts": 4, "ands": 8}[key]
    point = outcome.json["front"][0]
    count, folder = point[key], tmp_path / point["path"]
    assert count < exact[key]
    index = json.loads((tmp_path / "out/front.json").read_text())
    assert (index["exact"], index["front"][0][key]) == (exact, count)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["options"]["size"][key], manifest["options"]["exact"]) == (count, exact)
    of_exact, of_point = f"{exact[key]} {words}, ", f"{count} {words}, "
    for role in ("verilog", "vhdl"):
        header = (folder / manifest["files"][role]).read_text().split("cells:")[0]
        assert f"m2.mig, {of_exact}" in header
        assert f"size: {of_point}" in header
    for page in (tmp_path / "out/index.html", folder / "error.html"):
        text = page.read_text()
        assert f"<b>m2.mig</b> of {of_exact}" in text
        assert of_point in text
    again = btf.approximate(
        btf.read(tmp_path / "m2.mig"),
        tmp_path / "out",
        1,
        sweeps=1,
        resume=True,
        **{option[0][2:]: option[1]},
    )
    assert again.front[0].size == count
    assert f"exact {of_exact}" in repr(again)
    assert f"<th>{words}</th>" in (tmp_path / "out/index.html").read_text()
    assert cli("report", folder).code == 0
    report = (folder / "report.html").read_text()
    assert re.search(
        rf"cells {point['cells']}, depth \d+, luts {count}|ands {count}, cells", report
    )
    assert f"wce {point['errors']['wce']}, wcre" in report


def test_the_exact_circuit_does_not_depend_on_how_it_is_given(cli, tmp_path):
    """A product in Verilog, a design folder and the task begin with the same number of cells."""
    (tmp_path / "m3.v").write_text(
        "module m3(input [2:0] a, input [2:0] b, output [5:0] p); assign p = a * b; endmodule\n"
    )
    assert cli("emit", "m3.v", "-o", "design").code == 0
    read, task = read_exact(tmp_path / "m3.v"), read_exact("multiplier:3").netlist
    assert read.netlist.n_cells > task.n_cells
    note = f"m3: {read.netlist.n_cells} cells as read, {task.n_cells} simplified"
    assert note in read.simplified().notes
    outcome = cli("approximate", tmp_path / "design", "--bound", "9", "--sweeps", "1", "-o", "out")
    assert outcome.code == 0, outcome.stderr
    assert f"note: {note}" in outcome.stderr
    index = json.loads((tmp_path / "out/front.json").read_text())
    assert (index["exact"]["cells"], index["source"]) == (task.n_cells, "design")
    for source in (tmp_path / "m3.v", btf.Design(tmp_path / "design")):
        found = btf.approximate(source, tmp_path / "out", 9, sweeps=1, jobs=1)
        assert found.front[0].wce <= 9
        assert found.front[0].size == found.front[0].cells
    assert json.loads((tmp_path / "out/front.json").read_text())["exact"] == index["exact"]


def test_input_vectors_that_a_table_leaves_open_have_no_error(cli, tmp_path):
    lines = "".join(f"{v:03b} {(v >> 1) * (v & 1):02b}\n" for v in range(6))
    (tmp_path / "m.pla").write_text(f".i 3\n.o 2\n.type fd\n{lines}11- --\n.e\n")
    outcome = cli("approximate", "m.pla", "--bound", "0", "--sweeps", "1", "-o", "out")
    assert outcome.code == 0, outcome.stderr
    assert "errors measured on 6 of 8 input vectors, weighted" in outcome.stdout
    (tmp_path / "m.pla").write_text(f".i 3\n.o 2\n.type fd\n{lines}11- 1-\n.e\n")
    outcome = cli("approximate", "m.pla", "--bound", "0", "--sweeps", "1", "-o", "out")
    assert outcome.code == 2
    assert "m.pla: expected an input vector to leave all outputs open or none" in outcome.stderr


def test_the_design_is_verified(cli, found):
    outcome = cli("verify", found, "--simulator", "icarus", "--mutants", "5", "--json")
    assert outcome.code == 0, outcome.stderr
    links = {link["name"]: link for link in outcome.json["links"]}
    assert links["error"]["result"] == "passed"
    assert links["error"]["covers"] == "all 2^6 inputs"


def test_the_metrics_are_in_the_verilog_and_the_manifest(found):
    manifest = json.loads((found / "manifest.json").read_text())
    header = (found / manifest["files"]["verilog"]).read_text()
    wce = manifest["options"]["error"]["wce"]
    assert f"wce {wce}" in header
    assert "exact circuit" in header


def test_a_product_off_by_one_more_is_caught(cli, found, tmp_path):
    """Where the Verilog is changed so that the bound is missed, the link shows the operands."""
    folder = tmp_path / "bad"
    shutil.copytree(found, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    text = (folder / manifest["files"]["verilog"]).read_text()
    changed = text.replace("assign p[5] =", "assign p[5] = 1'b1; //", 1)
    assert changed != text
    (folder / manifest["files"]["verilog"]).write_text(changed)
    outcome = cli("verify", folder, "--simulator", "icarus", "--mutants", "1", "--json")
    assert outcome.code == 1
    links = {link["name"]: link for link in outcome.json["links"]}
    assert links["error"]["result"] == "failed"
    assert "is above 4" in links["error"]["detail"]
    assert links["error"]["counterexample"]["inputs"].startswith("a=3'b")


def test_the_error_between_two_designs(cli, found):
    outcome = cli("equiv", "multiplier:3", found, "--metric", "wce", "--json")
    assert outcome.code == 0, outcome.stderr
    manifest = json.loads((found / "manifest.json").read_text())
    assert outcome.json["errors"] == manifest["options"]["error"]
    wce = outcome.json["errors"]["wce"]
    outcome = cli("equiv", "multiplier:3", found, "--metric", "wce", "--bound", str(wce - 1))
    assert outcome.code == 1
    assert f"wce is {wce}, expected at most {wce - 1}" in outcome.stderr


def test_verilog_off_by_one_more_on_one_pair_of_operands_is_caught(cli, found, tmp_path):
    """Only 7 times 7 changes, to one more than the bound from 49."""
    folder = tmp_path / "near"
    shutil.copytree(found, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / manifest["files"]["verilog"]
    text = path.read_text()
    for bit in range(6):
        one = 49 - 5 >> bit & 1
        text, changed = re.subn(
            rf"assign p\[{bit}\] = (.*?);",
            rf"assign p[{bit}] = (&{{a, b}}) ? 1'b{one} : (\1);",
            text,
        )
        assert changed == 1
    path.write_text(text)
    outcome = cli("verify", folder, "--simulator", "icarus", "--mutants", "1", "--json")
    assert outcome.code == 1
    links = {link["name"]: link for link in outcome.json["links"]}
    assert "wce 5 is above 4" in links["error"]["detail"]
    assert links["error"]["counterexample"]["inputs"] == "a=3'b111 b=3'b111"


def test_weighted_errors_are_called_weighted(cli, tmp_path):
    (tmp_path / "w.csv").write_text("a,b,weight\n1,2,3\n3,3,5\n")
    given = ("--weights", "w.csv", "--bound", "0", "--sweeps", "1", "-o", "x")
    outcome = cli("approximate", "multiplier:2", *given)
    assert outcome.code == 0
    assert "errors measured on 2 of 16 input vectors, weighted" in outcome.stdout
    (folder,) = (tmp_path / "x/front").iterdir()
    said = "wcre 0 (weighted, on 2 of 16 input vectors)"
    assert said in (folder / "multiplier_2.v").read_text()
    assert said in (folder / "multiplier_2_model.c").read_text()
    weighted = "weighted, on 2 of 16 input vectors"
    assert f"The table is {weighted}; the pictures" in (folder / "error.html").read_text()
    assert f"Errors are {weighted}." in (tmp_path / "x/index.html").read_text()
    for name in ("front.json", folder / "manifest.json"):
        assert f'"weighted": "{weighted}"' in (tmp_path / "x" / name).read_text()
    outcome = cli("verify", folder, "--simulator", "icarus", "--mutants", "1", "--json")
    links = {link["name"]: link for link in outcome.json["links"]}
    assert links["error"]["detail"] == f"wce 0 ({weighted})"
    assert links["error"]["covers"] == "2 of 2^4 inputs"


def test_a_bound_that_no_decimal_equals_is_kept_exactly(cli, tmp_path):
    """One of three vectors may be wrong: 1/3, which is above 0.3333333333333333."""
    (tmp_path / "w.csv").write_text("a,b\n1,1\n2,3\n3,3\n")
    given = ("--weights", "w.csv", "--bound", "ep=1/3", "--sweeps", "1", "-o", "x", "--json")
    outcome = cli("approximate", "multiplier:2", *given)
    point = outcome.json["front"][0]
    assert (point["errors"]["ep"], point["origin"]["bounds"]) == (1 / 3, {"ep": "1/3"})
    outcome = cli("verify", point["path"], "--simulator", "icarus", "--mutants", "1", "--json")
    links = {link["name"]: link for link in outcome.json["links"]}
    assert links["error"]["result"] == "passed"


def test_weights_of_another_width_are_refused(cli, tmp_path):
    np.save(tmp_path / "w.npy", np.ones(8, dtype=np.int64))
    outcome = cli("approximate", "multiplier:2", "--weights", "w.npy", "--bound", "1", "-o", "x")
    _is_one_line(outcome, "w.npy: expected 16 weights, got an array of shape (8,)")
    for text, message in (
        ("a,b,weight\n4,0,1\n", "w.csv:2: a: expected a whole number from 0 to 3, got '4'"),
        ("a,c\n1,1\n", "w.csv:1: expected a column for each of a, b"),
        ("a,b,weight\n1,1,-1\n", "w.csv:2: weight: expected a whole number from 0"),
        ("a,b,weight\n1,1,0\n", "w.csv: expected at least one vector with a weight above 0"),
    ):
        (tmp_path / "w.csv").write_text(text)
        given = ("--weights", "w.csv", "--bound", "1", "-o", "x")
        _is_one_line(cli("approximate", "multiplier:2", *given), message)


def test_weights_where_a_table_says_nothing_are_refused(cli, tmp_path):
    """They would be errors against an arbitrary value."""
    (tmp_path / "t.csv").write_text("a,b,y,z\n0,0,0,1\n1,1,1,1\n1,0,1,0\n")
    given = ("--weights", "w.csv", "--metric", "ep", "--bound", "0", "--sweeps", "1", "-o", "x")
    (tmp_path / "w.csv").write_text("a,b,weight\n1,1,2\n0,1,5\n")
    outcome = cli("approximate", "t.csv", *given)
    assert outcome.code == 2
    assert outcome.stderr.endswith(
        "--weights: expected 0 where t.csv does not define the outputs, got 5 for a=1'b0 b=1'b1 "
        "(vectors in all: 1)\n"
    )
    (tmp_path / "w.csv").write_text("a,b,weight\n1,1,2\n1,0,5\n")
    assert cli("approximate", "t.csv", *given).code == 0


ONE_BIT = "expected an output port of at least two bits"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "mre", "--bound", "0.1"), f"mre: {ONE_BIT} for a relative error, got single"),
        (("--bound", "wcre=0.1"), f"wcre: {ONE_BIT}"),
        (("--metric", "mae", "--signed"), f"--signed: {ONE_BIT}, got single bits"),
        ((), "--metric: wce of single bits is 0 or 1, so that there is no front; use ep or mae"),
    ],
)
def test_a_metric_that_does_not_fit_the_ports_is_one_line(cli, tmp_path, arguments, message):
    given = ("parity:3", "--sweeps", "1", "-o", tmp_path / "x")
    _is_one_line(cli("approximate", *given, *arguments), message)
    assert not (tmp_path / "x").exists()


def test_a_metric_of_equiv_that_does_not_fit_the_ports_is_one_line(cli):
    given = ("equiv", "parity:3", "parity:3", "--metric")
    _is_one_line(cli(*given, "wcre"), f"wcre: {ONE_BIT}")
    _is_one_line(cli(*given, "mae", "--signed"), f"--signed: {ONE_BIT}")
    _is_one_line(cli(*given, "wce", "--bound", "-1"), "--bound: expected a number of 0 or more")


def _is_one_line(outcome, message):
    assert outcome.code == 2
    lines = [line for line in outcome.stderr.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--bound", "-1"), "wce: expected a bound of 0 or more, got -1"),
        (("--bound", "x=1"), "--bound: expected a number, or one of wce, mae, mse, ep, mre, wcre"),
        (("--bound", "1", "--bound", "wce=2"), "--bound: expected one bound of wce, got two"),
        (("--signed", "--bits"), "single bits have no sign"),
        (
            ("--bound", "1e300"),
            "wce: expected a bound below 15, as no circuit with these outputs can exceed it",
        ),
        (("--bound", "ep=1"), "ep: expected a bound below 1, as no circuit"),
        (("--basis", "aig", "--bound", "mae=1"), "aig needs bounds on wce and wcre only, got mae"),
        (("--weights", "none.csv"), "none.csv: cannot be read"),
    ],
)
def test_bad_input_is_one_line(cli, tmp_path, arguments, message):
    outcome = cli("approximate", "multiplier:2", "--sweeps", "1", "-o", tmp_path / "x", *arguments)
    _is_one_line(outcome, message)


def test_an_approximate_source_is_told(cli, found, tmp_path):
    """Errors are those against it, so its own error does not count."""
    given = ("approximate", found, "--bound", "0", "--sweeps", "1", "--jobs", "1", "-o")
    outcome = cli(*given, tmp_path / "out")
    assert outcome.code == 0, outcome.stderr
    assert (
        "is an approximate circuit; errors are measured against it, not against" in outcome.stderr
    )
    outcome = cli(*given, found)
    assert outcome.code == 2
    assert "is a design folder; name another folder" in outcome.stderr
    assert not (found / "points.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,weight\n1,2\n", "w.csv:2: expected 3 cells as in the heading, got 2"),
        ("a,b\n1,2,3\n", "w.csv:2: expected 2 cells as in the heading, got 3"),
    ],
)
def test_rows_of_weights_are_complete(cli, tmp_path, text, message):
    (tmp_path / "w.csv").write_text(text)
    given = ("approximate", "multiplier:2", "--sweeps", "1", "-o", tmp_path / "x")
    _is_one_line(cli(*given, "--weights", "w.csv"), message)


def test_weights_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "w.csv").write_text("a,weight\n1,3\n", encoding="utf-8-sig")
    assert read_weights(tmp_path / "w.csv", [Port("a", 1)]).tolist() == [0, 3]
