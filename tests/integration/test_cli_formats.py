"""``btfsynth build`` on files of every format, checked by means of the tests' own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Table = dict[int, tuple[int | None, ...]]
"""For input vectors as numbers, bit 0 the first column: the outputs, None where there is no care."""


def table_of(function: Callable[[int], tuple[int | None, ...]], n_inputs: int) -> Table:
    """Tabulate a function of an input vector."""
    return {x: function(x) for x in range(1 << n_inputs)}


def bits(x: int, width: int) -> str:
    """Return a number's bits, the least significant first."""
    return "".join(str(x >> bit & 1) for bit in range(width))


def evaluate(verilog: str, ports: dict, x: int) -> str:
    """Compute the outputs of an emitted module in Python, first output column first.

    Knows only what is emitted: assignments of expressions in & | ~ and brackets, in order.
    """
    values: dict[str, int] = {}
    position = 0
    for port in ports["inputs"]:
        for bit in range(port["width"]):
            name = port["hdl"] if port["width"] == 1 else f"{port['hdl']}[{bit}]"
            values[name] = x >> position & 1
            position += 1
    body = re.sub(r"//.*|/\*.*?\*/", "", verilog)
    for target, expression in re.findall(r"assign\s+(\S+)\s*=\s*([^;]+);", body):
        tokens = re.findall(r"[A-Za-z_]\w*(?:\[\d+\])?|1'b[01]|[&|~()^]", expression)
        assert "".join(tokens) == re.sub(r"\s", "", expression), expression
        python = " ".join(
            t if t in "&|~()^" else t[-1] if t.startswith("1'b") else str(values[t]) for t in tokens
        )
        values[target] = eval(python) & 1
    return "".join(
        str(values[port["hdl"] if port["width"] == 1 else f"{port['hdl']}[{bit}]"])
        for port in ports["outputs"]
        for bit in range(port["width"])
    )


def run_icarus(folder: Path, manifest: dict, n_inputs: int, workspace: Path) -> list[str]:
    """Simulate every input vector with a testbench of the tests' own."""
    module, ports = manifest["module"], manifest["ports"]
    n_outputs = sum(port["width"] for port in ports["outputs"])
    connections, position = [], 0
    for port in ports["inputs"]:
        connections.append(f".{port['hdl']}(x[{position} +: {port['width']}])")
        position += port["width"]
    position = 0
    for port in ports["outputs"]:
        connections.append(f".{port['hdl']}(y[{position} +: {port['width']}])")
        position += port["width"]
    bench = workspace / "own_bench.v"
    bench.write_text(
        f"module own_bench; reg [{n_inputs}:0] x; wire [{n_outputs - 1}:0] y;\n"
        f"{module} dut ({', '.join(connections)});\n"
        f'initial for (x = 0; x < {1 << n_inputs}; x = x + 1) begin #1; $display("%b", y); end\n'
        "endmodule\n"
    )
    image = workspace / "own_bench.vvp"
    sources = [str(folder / manifest["files"]["verilog"]), str(bench)]
    subprocess.run(
        ["iverilog", "-g2012", "-s", "own_bench", "-o", str(image), *sources], check=True
    )
    answer = subprocess.run(["vvp", "-n", str(image)], check=True, capture_output=True, text=True)
    return [line[::-1] for line in answer.stdout.split()]


def assert_computes(folder: Path, table: Table, n_inputs: int, workspace: Path) -> None:
    """Check the emitted Verilog against the table on every target that matters."""
    manifest = json.loads((folder / "manifest.json").read_text())
    verilog = (folder / manifest["files"]["verilog"]).read_text()
    ways = {"python": [evaluate(verilog, manifest["ports"], x) for x in range(1 << n_inputs)]}
    if shutil.which("iverilog"):
        ways["icarus"] = run_icarus(folder, manifest, n_inputs, workspace)
    for way, outputs in ways.items():
        for x, targets in table.items():
            for column, target in enumerate(targets):
                if target is not None:
                    assert outputs[x][column] == str(target), (way, bits(x, n_inputs), column)
    if "icarus" in ways:
        assert ways["icarus"] == ways["python"]


def dat_file(table: Table, n_inputs: int) -> str:
    """Write a .dat file."""
    n_outputs = len(next(iter(table.values())))
    lines = [str(len(table)), f"2 {n_inputs}", f"2 {n_outputs}"]
    for x, targets in table.items():
        lines.append(" ".join([*bits(x, n_inputs), *map(str, targets)]))
    return "\n".join(lines) + "\n"


def pla_file(table: Table, n_inputs: int, kind: str) -> str:
    """Write a PLA file of type f, fd or fr, leaving out rows the type lets one leave out."""
    n_outputs = len(next(iter(table.values())))
    lines = [f".i {n_inputs}", f".o {n_outputs}", f".type {kind}"]
    for x, targets in table.items():
        says = (0, 1) if kind == "fr" else (1, None)
        if any(target in says for target in targets):
            row = "".join("-" if target is None else str(target) for target in targets)
            lines.append(f"{bits(x, n_inputs)} {row}")
    return "\n".join([*lines, ".e"]) + "\n"


def csv_file(table: Table, n_inputs: int) -> str:
    """Write a CSV file with a header."""
    n_outputs = len(next(iter(table.values())))
    header = [f"in{i}" for i in range(n_inputs)] + [f"out{i}" for i in range(n_outputs)]
    lines = [",".join(header)]
    for x, targets in table.items():
        cells = ["-" if target is None else str(target) for target in targets]
        lines.append(",".join([*bits(x, n_inputs), *cells]))
    return "\n".join(lines) + "\n"


def truth_file(table: Table, n_inputs: int) -> str:
    """Write truth tables, the highest input vector first."""
    lines = []
    for column in range(len(next(iter(table.values())))):
        values = [table[x][column] for x in range((1 << n_inputs) - 1, -1, -1)]
        lines.append("".join("-" if value is None else str(value) for value in values))
    return "\n".join(lines) + "\n"


def selector(x: int) -> tuple[int, ...]:
    """Choose one of four data bits by two select bits: 6 inputs."""
    return (x >> (2 + (x & 3)) & 1,)


def threshold_pair(x: int) -> tuple[int, ...]:
    """Say whether at least 3, and at least 5, of 8 inputs are 1."""
    ones = x.bit_count()
    return int(ones >= 3), int(ones >= 5)


def carry_chain(x: int) -> tuple[int, ...]:
    """Add two 2-bit numbers: 4 inputs, 3 outputs."""
    total = (x & 3) + (x >> 2)
    return total & 1, total >> 1 & 1, total >> 2


def decimal_digit(x: int) -> tuple[int | None, ...]:
    """Detect multiples of 3 and numbers from 5 among decimal digits; 4 inputs, 6 rows don't care."""
    return (int(x % 3 == 0), int(x >= 5)) if x < 10 else (None, None)


def partly_open(x: int) -> tuple[int | None, ...]:
    """Compute two functions of 5 inputs that each leave other rows open."""
    first = None if x % 5 == 4 else int((x & 7) > (x >> 3))
    second = None if x & 12 == 12 else (x ^ x >> 1) & 1
    return first, second


CASES = {
    "carry.dat": (carry_chain, 4, dat_file),
    "select.dat": (selector, 6, dat_file),
    "f.pla": (carry_chain, 4, lambda t, n: pla_file(t, n, "f")),
    "fd.pla": (decimal_digit, 4, lambda t, n: pla_file(t, n, "fd")),
    "fd_mixed.pla": (partly_open, 5, lambda t, n: pla_file(t, n, "fd")),
    "fr.pla": (decimal_digit, 4, lambda t, n: pla_file(t, n, "fr")),
    "fr_mixed.pla": (partly_open, 5, lambda t, n: pla_file(t, n, "fr")),
    "digit.csv": (decimal_digit, 4, csv_file),
    "select.csv": (selector, 6, csv_file),
    "many.truth": (threshold_pair, 8, truth_file),
    "open.truth": (partly_open, 5, truth_file),
}


@pytest.mark.parametrize("name", CASES)
def test_format(cli, tmp_path, fast_simulator, name):
    """The hardware of a file computes its table wherever the table says anything."""
    function, n_inputs, write = CASES[name]
    table = table_of(function, n_inputs)
    (tmp_path / name).write_text(write(table, n_inputs))
    outcome = cli("build", name, "-o", "out", "--json", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["verified"] is True
    assert outcome.json["source"] == name
    assert_computes(tmp_path / "out", table, n_inputs, tmp_path)


def test_dont_cares_save_cells(cli, tmp_path, fast_simulator):
    """Open rows make a netlist smaller than the same table with zeros in their place."""
    table = table_of(decimal_digit, 4)
    closed = {x: tuple(target or 0 for target in targets) for x, targets in table.items()}
    cells = []
    for name, content in (("open", table), ("closed", closed)):
        (tmp_path / f"{name}.pla").write_text(pla_file(content, 4, "fd"))
        outcome = cli("build", f"{name}.pla", "--json", "--simulator", fast_simulator)
        assert outcome.code == 0, outcome.stderr
        cells.append(outcome.json["netlist"]["cells"])
    assert cells[0] < cells[1]


@pytest.mark.parametrize(
    ("ending", "names"),
    [
        ("csv", ["module", "a b", "$(touch x)", "3n", "é"]),
        ("pla", ["always", "`touch`", "$(touch_x)", "a;b", "1st"]),
    ],
)
def test_port_names_from_a_file(cli, tmp_path, fast_simulator, ending, names):
    """Names that are no identifiers become legal ones, with a notice; nothing in them is run."""
    table = table_of(lambda x: (int(x.bit_count() >= 3),), 5)
    if ending == "csv":
        rows = [",".join([*names, "reg"])]
        rows += [",".join([*bits(x, 5), str(y)]) for x, (y,) in table.items()]
        text = "\n".join(rows)
    else:
        text = pla_file(table, 5, "f").replace(".o 1", f".o 1\n.ilb {' '.join(names)}\n.ob reg")
    path = tmp_path / f"ports.{ending}"
    path.write_text(text)
    before = set(tmp_path.iterdir())
    outcome = cli("build", path.name, "-o", "out", "--json", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    ports = [*manifest["ports"]["inputs"], *manifest["ports"]["outputs"]]
    assert [port["name"] for port in ports] == [*names, "reg"]
    assert all(re.fullmatch("[a-z][a-z0-9_]*", port["hdl"]) for port in ports)
    assert len({port["hdl"] for port in ports}) == 6
    for name in (*names, "reg"):
        assert any(repr(name) in notice for notice in outcome.json["notices"]), name
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out"}
    assert not (tmp_path / "out" / "x").exists()
    assert_computes(tmp_path / "out", table, 5, tmp_path)


@pytest.mark.parametrize("name", ["module.dat", "always.dat", "9 lives.dat", "$(touch x).dat"])
def test_module_names_from_a_file(cli, tmp_path, fast_simulator, name):
    """The name of a file becomes a legal module name."""
    table = table_of(carry_chain, 4)
    (tmp_path / name).write_text(dat_file(table, 4))
    outcome = cli("build", name, "-o", "out", "--json", "--simulator", fast_simulator)
    assert outcome.code == 0, outcome.stderr
    assert {path.name for path in tmp_path.iterdir()} == {name, "out"}
    assert_computes(tmp_path / "out", table, 4, tmp_path)


@pytest.mark.parametrize("ending", ["truth", "dat", "csv"])
def test_a_bus_that_falls(cli, tmp_path, ending):
    """Where position is all that tells bits apart, a note says that they were moved; where names do, none."""
    (tmp_path / "f.pla").write_text(".i 1\n.o 2\n.ilb a\n.ob f[1] f[0]\n0 01\n1 10\n.e\n")
    outcome = cli("data", "f.pla", "-o", f"f.{ending}")
    noted = "note: outputs come in the order of their ports" in outcome.stderr
    assert (outcome.code, noted) == (0, ending != "csv")
