"""From a binarised ONNX to proven Verilog: a binary perceptron as an equivalent netlist.

    python examples/from_onnx.py [FOLDER] [--quick]

A perceptron classifies the digits of scikit-learn from 64 pixels of -1 and 1. It has random signs as weights of
the first layer, batch normalisation, signs, and a logistic regression rounded to -1, 0 and 1. The script writes
it as ONNX, imports it, compares it with ONNX Runtime, optimises it, and proves its Verilog equivalent. With
--quick it has 6 neurons instead of 64.
"""

import argparse
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import btfsynth as btf


def perceptron(path: Path, rows: np.ndarray, labels: np.ndarray, hidden: int) -> None:
    """Train the perceptron and write it."""
    first = np.random.default_rng(1).choice([-1.0, 1.0], (rows.shape[1], hidden))
    mean, variance = (rows @ first).mean(axis=0) + 0.5, (rows @ first).var(axis=0)
    model = LogisticRegression(max_iter=500).fit(np.sign(rows @ first - mean), labels)
    step = np.abs(model.coef_).mean()
    arrays = {"w": first, "s": np.ones(hidden), "b": np.zeros(hidden), "m": mean, "v": variance}
    arrays["u"] = np.rint(model.coef_.T / step).clip(-1, 1)
    arrays["c"] = np.rint(model.intercept_ / step)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("BatchNormalization", ["h", "s", "b", "m", "v"], ["n"]),
        helper.make_node("Sign", ["n"], ["a"]),
        helper.make_node("Gemm", ["a", "u", "c"], ["y"]),
    ]
    sizes = [("x", TensorProto.FLOAT, ["N", 64]), ("y", TensorProto.FLOAT, ["N", 10])]
    x, y = (helper.make_tensor_value_info(*size) for size in sizes)
    made = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    graph = helper.make_graph(nodes, "digits", [x], [y], made)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/from_onnx"))
parser.add_argument("--quick", action="store_true", help="6 hidden neurons")
given = parser.parse_args()
images, labels = load_digits(return_X_y=True)
rows = np.where(images >= 8, 1.0, -1.0)
given.folder.mkdir(parents=True, exist_ok=True)
perceptron(given.folder / "digits.onnx", rows[:1200], labels[:1200], 6 if given.quick else 64)
found = btf.from_onnx(given.folder / "digits.onnx", rows)
print(f"network     {found.network}", found.compared, sep="\n")
design = found.write(given.folder / "design", rows, simulators=["icarus"], passes="light")
right = np.mean(design.predict(rows[1200:]) == labels[1200:])
print(f"predicts    {right:.1%} of {len(rows) - 1200} rows that were not trained on")
print(f"netlist     {found.netlist.cells} cells as built, {design.netlist.cells} after the passes")
proven = design.netlist.equivalent(found.netlist) if given.quick else design.verify()
print(f"proven      {bool(proven)}; files in {given.folder}")
