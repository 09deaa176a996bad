"""Lookup tables of an imported binary perceptron and network of gates, compared with plain flows.

    python benchmarks/import_networks.py [perceptron | gates] [--hidden N] [--gates N] [--inputs N] [--script S]

`perceptron`: 64-128-10 with batch normalisation, in QONNX. Weights are the signs of a regression on random
features of scikit-learn's digits, 64 pixels of -1 and 1. The import is compared with the model on 1,000 rows.
It is compared with plain Verilog of the same network: a population count of XNORs with a ``+`` per input, a
comparison with the integer threshold, a multiplication per class, and comparisons. Yosys elaborates it, ``synth
-flatten -noabc``, and ABC maps both, ``strash; if -K 6``. (ABC's scripts with SAT sweeping take hours for 128
parities of 64 bits.)

`gates`: four layers of two-input gates, pairs and functions drawn at random, none of them constant or a wire,
and sums of ten groups. The netlist is written as an and-inverter graph, which ABC maps after ``resyn2``. It is
compared with the netlist after the passes, proven equivalent and covered by `btfsynth.fpga.lut_mapper`. ABC is
``yosys-abc`` or ``abc``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from btfsynth.flow.importing import compared
from btfsynth.flow.simplify import optimise, proves_equal
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.hdl.formats import get_writer
from btfsynth.models.gates import GateNetwork, Score, gate_table, imported_gates
from btfsynth.models.onnx_model import read_onnx
from btfsynth.models.readers import ReadOptions
from btfsynth.netlist.netlist import Netlist
from btfsynth.network.network import TrainedNetwork

RESYN2 = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"
YOSYS = "read_verilog -sv {}; synth -flatten -noabc; write_blif {}"


def tool(*names: str) -> str:
    """Return the first of some programs that is installed."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"needs one of {', '.join(names)}")


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def written(netlist: Netlist, path: Path) -> Path:
    """Write a netlist in the format of a file's name."""
    path.write_bytes(get_writer(path).content(netlist)[0])
    return path


# A binary perceptron.


def perceptron(path: Path, hidden: int) -> np.ndarray[Any, Any]:
    """Write a perceptron and return 1,000 rows."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import RidgeClassifier

    images, labels = load_digits(return_X_y=True)
    rows = np.where(images >= 8, 1.0, -1.0)
    random = np.random.default_rng(1)
    first = random.choice([-1.0, 1.0], (64, hidden))
    sums = rows @ first
    scale = random.uniform(0.5, 1.5, hidden) * random.choice([-1, 1], hidden)
    signs = np.where((sums - sums.mean(axis=0)) * scale >= 0, 1.0, -1.0)
    second = np.where(RidgeClassifier(100.0).fit(signs, labels).coef_.T >= 0, 1.0, -1.0)
    scores = signs @ second
    arrays: dict[str, Any] = {
        "one": 1.0,
        "w": first,
        "u": second,
        "s": scale,
        "b": np.zeros(hidden),
    }
    arrays |= {"m": sums.mean(axis=0), "v": sums.var(axis=0), "s2": random.uniform(0.9, 1.1, 10)}
    arrays |= {"b2": np.zeros(10), "m2": scores.mean(axis=0), "v2": scores.var(axis=0)}
    own = {"domain": "qonnx.custom_op.general"}
    nodes = [
        helper.make_node("BipolarQuant", ["x", "one"], ["a"], **own),
        helper.make_node("BipolarQuant", ["w", "one"], ["wq"], **own),
        helper.make_node("MatMul", ["a", "wq"], ["h"]),
        helper.make_node("BatchNormalization", ["h", "s", "b", "m", "v"], ["n"]),
        helper.make_node("BipolarQuant", ["n", "one"], ["q"], **own),
        helper.make_node("BipolarQuant", ["u", "one"], ["uq"], **own),
        helper.make_node("MatMul", ["q", "uq"], ["k"]),
        helper.make_node("BatchNormalization", ["k", "s2", "b2", "m2", "v2"], ["y"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])
        for name, width in (("x", 64), ("y", 10))
    ]
    made = [numpy_helper.from_array(np.float32(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "digits", ports[:1], ports[1:], made)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(own["domain"], 1)]
    save(helper.make_model(graph, opset_imports=versions, ir_version=8), str(path))
    return rows[:1000]


def plain_verilog(network: TrainedNetwork) -> str:
    """Return a perceptron of -1/+1 weights in the hidden layer as one writes it: counts and comparisons."""
    inputs, hidden, classes = network.topology.widths or ()
    ports = "; ".join(f"wire {port.name}_ = {port.name}" for port in network.input_ports)
    names = ", ".join(f"input {port.name}" for port in network.input_ports)
    lines = [f"module plain({names}, output [3:0] y);", f"{ports};", f"wire [{hidden - 1}:0] h;"]
    x = [f"{port.name}_" for port in network.input_ports]
    whole = network.weights.astype(np.int64)
    rows = whole[: hidden * (1 + inputs)].reshape(hidden, -1)
    for k, (bias, *weights) in enumerate(rows.tolist()):
        terms = [
            name if weight > 0 else f"~{name}" for name, weight in zip(x, weights, strict=True)
        ]
        lines.append(f"wire [{inputs - 1}:0] p{k} = {{{', '.join(reversed(terms))}}};")
        ones = " + ".join(f"p{k}[{bit}]" for bit in range(inputs))
        # 2 ones - inputs > bias
        lines += [f"wire [7:0] s{k} = {ones};", f"assign h[{k}] = s{k} > {(bias + inputs) // 2};"]
    rows = whole[hidden * (1 + inputs) :].reshape(classes, -1)
    for k, (bias, *weights) in enumerate(rows.tolist()):
        factor = abs(weights[0])
        terms = [f"h[{bit}]" if weight > 0 else f"~h[{bit}]" for bit, weight in enumerate(weights)]
        lines.append(f"wire [{hidden - 1}:0] q{k} = {{{', '.join(reversed(terms))}}};")
        ones = " + ".join(f"q{k}[{bit}]" for bit in range(hidden))
        offset = -bias - factor * hidden
        lines.append(f"wire [8:0] u{k} = {ones};")
        lines.append(
            f"wire signed [24:0] c{k} = $signed({{1'b0, u{k}}}) * {2 * factor} + ({offset});"
        )
    lines.append("wire [3:0] b0 = 0; wire signed [24:0] m0 = c0;")
    for k in range(1, classes):
        lines.append(
            f"wire g{k} = c{k} > m{k - 1}; wire signed [24:0] m{k} = g{k} ? c{k} : m{k - 1}; "
            f"wire [3:0] b{k} = g{k} ? {k} : b{k - 1};"
        )
    return "\n".join([*lines, f"assign y = b{classes - 1};", "endmodule", ""])


def show_perceptron(folder: Path, hidden: int) -> None:
    begin = time.process_time()
    rows = perceptron(folder / "digits.onnx", hidden)
    model = read_onnx(folder / "digits.onnx", None, ReadOptions())
    found = compared(model, rows)
    seconds = time.process_time() - begin
    print(
        f"imported in {seconds:.1f} s CPU; {model.netlist.n_cells} cells; bound {model.bound:.2g}"
    )
    for each in found:
        print(f"{each.same} of {each.rows} rows {each.place} have the model's label")
    assert model.network is not None
    (folder / "plain.v").write_text(plain_verilog(model.network))
    run(tool("yosys"), "-p", YOSYS.format(folder / "plain.v", folder / "plain.blif"))
    ours = abc_luts(written(model.netlist, folder / "imported.blif"), "strash")
    plain = abc_luts(folder / "plain.blif", "strash")
    print(f"LUT6: imported {ours}, plain Verilog {plain}, ratio {ours / plain:.2f}")


# A network of gates.


def gate_network(inputs: int, gates: int) -> GateNetwork:
    """Return four layers of random gates that all read two different signals, and ten groups."""
    random = np.random.default_rng(1)
    reads: list[tuple[int, ...]] = []
    tables: list[int] = []
    first, before, size = 0, inputs, gates // 40 * 10
    for _ in range(4):
        for _ in range(size):
            a, b = random.choice(before, 2, replace=False).tolist()
            reads.append((first + a, first + b))
            tables.append(gate_table(int(random.choice([1, 2, 4, 6, 7, 8, 9, 11, 13, 14]))))
        first, before = inputs + len(reads) - size, size
    groups = np.split(np.arange(first, first + size), 10)
    return GateNetwork(inputs, reads, tables, scores=tuple(Score(each) for each in groups))


def abc_luts(path: Path, script: str) -> int:
    """Return 6-input tables by ABC."""
    command = f"read {path}; {script}; if -K 6; print_stats"
    said = run(tool("yosys-abc", "abc"), "-q", command)
    return int(re.findall(r"nd\s*=\s*(\d+)", said)[-1])


def show_gates(folder: Path, inputs: int, gates: int, script: str) -> None:
    network = gate_network(inputs, gates)
    netlist = imported_gates(network, "gates", "random gates").netlist
    begin = time.process_time()
    result = optimise(netlist, None, script)
    seconds = time.process_time() - begin
    small = result.netlist
    proven = proves_equal(netlist, small, None)
    ours = map_luts(small, 6).luts
    print(f"{len(network.tables)} gates: {netlist.n_cells} cells, {small.n_cells} after `{script}`")
    print(f"proven equal {proven}; {seconds:.0f} s CPU with the proof")
    theirs = abc_luts(written(netlist, folder / "gates.aig"), RESYN2)
    print(f"LUT6: {ours}; ABC {theirs}, ratio {ours / theirs:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["perceptron", "gates"])
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--gates", type=int, default=6000)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--script", default="fast")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.what != "gates":
            show_perceptron(Path(name), given.hidden)
        if given.what != "perceptron":
            show_gates(Path(name), given.inputs, given.gates, given.script)


if __name__ == "__main__":
    main()
