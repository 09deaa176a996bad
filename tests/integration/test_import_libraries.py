"""A model of every library, trained here, as hardware: its own labels on every row, simulated and verified."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import btfsynth as btf

X, Y = load_iris(return_X_y=True)
SEEN, UNSEEN = slice(0, None, 2), slice(1, None, 2)
BINS = {"encode": "onehot-dense", "quantile_method": "averaged_inverted_cdf"}
SIMULATOR = "icarus" if shutil.which("iverilog") else "amaranth"

Case = Callable[[Path], tuple[btf.Imported, Any, list[Any]]]
"""From a folder to a model, rows it was not trained on, and what the library says of them."""


def require_verified(case: Case, folder: Path) -> btf.Design:
    """Every row as the library has it; simulated, and verified from the hashes to the faults that are found."""
    found, rows, wanted = case(folder)
    assert found.core.library is not None
    assert found.compared["same"].tolist() == found.compared["rows"].tolist()
    assert found.predict(rows).tolist() == wanted
    design = found.write(folder / "out", rows, simulators=[SIMULATOR], passes="light")
    assert design.predict(rows).tolist() == wanted
    assert bool(design.netlist.equivalent(found.netlist))
    links = design.verify(SIMULATOR, mutants=20)
    assert links, str(links)
    return design


def fitted(model: Any, rows: Any, labels: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, labels)


def of_sklearn(model: Any, rows: Any = X[:, 2:]) -> Case:
    def case(_: Path) -> tuple[btf.Imported, Any, list[Any]]:
        fitted(model, rows[SEEN], Y[SEEN])
        found = btf.from_sklearn(model, rows[UNSEEN], name="iris")
        return found, rows[UNSEEN], model.predict(rows[UNSEEN]).tolist()

    return case


SKLEARN = {
    "tree": DecisionTreeClassifier(max_depth=3, random_state=1),
    "forest": RandomForestClassifier(3, max_depth=2, random_state=1),
    "extra trees": ExtraTreesClassifier(3, max_depth=2, random_state=1),
    "gradient boosting": GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=1),
    "histograms": HistGradientBoostingClassifier(max_iter=2, max_depth=2, random_state=1),
    "adaboost": AdaBoostClassifier(n_estimators=3, random_state=1),
    "logistic regression": make_pipeline(KBinsDiscretizer(3, **BINS), LogisticRegression()),
    "linear svm": make_pipeline(Binarizer(threshold=2.0), LinearSVC(random_state=1)),
    "naive bayes": make_pipeline(KBinsDiscretizer(3, **BINS), BernoulliNB()),
    "mlp": make_pipeline(
        StandardScaler(), KBinsDiscretizer(3, **BINS),
        MLPClassifier((3,), activation="identity", max_iter=30, random_state=1),
    ),
}  # fmt: skip


QUICK = ("tree", "gradient boosting", "logistic regression")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else pytest.mark.slow) for kind in SKLEARN],
)
def test_scikit_learn(kind: str, tmp_path: Path) -> None:
    require_verified(of_sklearn(SKLEARN[kind]), tmp_path)


@pytest.mark.slow
def test_whole_numbers_of_a_linear_model(tmp_path: Path) -> None:
    rows = np.rint(X[:, 2:])
    design = require_verified(of_sklearn(RidgeClassifier(), rows), tmp_path)
    assert list(design.folder.glob("*.npz"))  # the network


@pytest.mark.parametrize("classes", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_xgboost(classes: int, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")

    def case(folder: Path) -> tuple[btf.Imported, Any, list[Any]]:
        labels = np.minimum(Y, classes - 1)
        model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1, random_state=1)
        model.fit(X[SEEN], labels[SEEN])
        model.save_model(folder / "iris.json")
        found = btf.from_xgboost(folder / "iris.json", X[UNSEEN], leaf_bits=8)
        return found, X[UNSEEN], model.predict(X[UNSEEN]).tolist()

    require_verified(case, tmp_path)


@pytest.mark.parametrize("classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_lightgbm(classes: int, tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")

    def case(folder: Path) -> tuple[btf.Imported, Any, list[Any]]:
        labels = np.minimum(Y, classes - 1)
        model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, n_jobs=1, verbose=-1)
        model.fit(X[SEEN], labels[SEEN])
        model.booster_.save_model(folder / "iris.txt")
        found = btf.from_lightgbm(folder / "iris.txt", X[UNSEEN], leaf_bits=8)
        return found, X[UNSEEN], model.predict(X[UNSEEN]).tolist()

    require_verified(case, tmp_path)


def signs() -> Any:
    """Rows of -1 and 1: three bits of a column."""
    steps = np.quantile(X[SEEN], [0.25, 0.5, 0.75], axis=0)
    return np.where((X[:, :, None] > steps.T[None]).reshape(len(X), -1), 1.0, -1.0)


@pytest.mark.parametrize("quantised", [False, True], ids=["ONNX", "QONNX"])
def test_a_perceptron_in_onnx(quantised: bool, tmp_path: Path) -> None:
    """Random signs, batch normalisation of what is seen, and a regression rounded to -1, 0 and 1."""
    onnx_files = pytest.importorskip("onnx_files")
    onnxruntime = None if quantised else pytest.importorskip("onnxruntime")
    node, rows = onnx_files.node, signs()
    first = np.random.default_rng(1).choice([-1.0, 1.0], (12, 6))
    sums = rows[SEEN] @ first
    mean, variance = sums.mean(axis=0), sums.var(axis=0)
    model = LogisticRegression(max_iter=500).fit(np.where(sums >= mean, 1, -1), Y[SEEN])
    step = np.abs(model.coef_).mean()
    arrays = {"w": first, "s": np.ones(6), "z": np.zeros(6), "m": mean, "v": variance}
    arrays["u"] = np.rint(model.coef_ / step).clip(-1, 1)
    arrays["c"] = np.rint(model.intercept_ / step)
    hidden = onnx_files.bipolar("n", "a") if quantised else node("Sign", ["n"], "a")
    nodes = [
        *([onnx_files.bipolar("x", "q")] if quantised else [node("Identity", ["x"], "q")]),
        node("MatMul", ["q", "w"], "h"),
        node("BatchNormalization", ["h", "s", "z", "m", "v"], "n"),
        hidden,
        node("Gemm", ["a", "u", "c"], "y", transB=1),
    ]

    def case(folder: Path) -> tuple[btf.Imported, Any, list[Any]]:
        single = {name: np.float32(array) for name, array in arrays.items()}
        path = onnx_files.write(folder / "iris.onnx", nodes, single, (["N", 12], ["N", 3]))
        found = btf.from_onnx(path, rows[UNSEEN])
        if onnxruntime is None:
            activations = np.where(rows[UNSEEN] @ first >= mean, 1, -1)
            scores = activations @ arrays["u"].T + arrays["c"]
        else:
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            (scores,) = session.run(None, {"x": np.float32(rows[UNSEEN])})
        return found, rows[UNSEEN], scores.argmax(axis=1).tolist()

    design = require_verified(case, tmp_path)
    assert list(design.folder.glob("*.npz"))  # the network


def layers(seed: int, inputs: int, width: int) -> tuple[list[Any], list[Any]]:
    """Connections and tables of two layers, chosen from random ones by how they go with the classes."""
    random = np.random.default_rng(seed)
    bits = (signs()[SEEN] > 0).astype(int)
    connections, tables = [], []
    for gates in (12, 9):
        read, table, outputs = [], [], []
        for gate in range(gates):
            wanted = Y[SEEN] == gate * 3 // gates
            places = random.choice(bits.shape[1], width, replace=False)
            at = bits[:, places] @ (1 << np.arange(width))
            found = np.bincount(at, np.where(wanted, 2, -1), 1 << width) > 0
            read.append(places)
            table.append(found.astype(int))
            outputs.append(found[at])
        connections.append(np.array(read))
        tables.append(np.array(table))
        bits = np.stack(outputs, axis=1).astype(int)
    return connections, tables


def said(connections: list[Any], tables: list[Any], rows: Any) -> list[Any]:
    """The class of the largest group of the last layer, gate by gate."""
    bits = rows.astype(int)
    for read, table in zip(connections, tables, strict=True):
        at = bits[:, read] @ (1 << np.arange(read.shape[1]))
        bits = np.take_along_axis(table[None], at[:, :, None], axis=2)[:, :, 0]
    return bits.reshape(len(rows), 3, -1).sum(axis=2).argmax(axis=1).tolist()


@pytest.mark.parametrize("width", [2, 4], ids=["gates", "lookup tables"])
def test_arrays_of_gates(width: int, tmp_path: Path) -> None:
    def case(folder: Path) -> tuple[btf.Imported, Any, list[Any]]:
        connections, tables = layers(1, 12, width)
        arrays: dict[str, Any] = {"inputs": 12, "groups": 3}
        for k, (read, table) in enumerate(zip(connections, tables, strict=True)):
            arrays[f"connections{k}"] = read
            if width == 2:  # difflogic's numbers count 00, 01, 10, 11 from the most significant bit
                arrays[f"gates{k}"] = table[:, [0, 2, 1, 3]] @ [8, 4, 2, 1]
            else:
                arrays[f"tables{k}"] = table
        np.savez(folder / "iris.npz", **arrays)
        rows = (signs()[UNSEEN] > 0).astype(int)
        return btf.from_gates(folder / "iris.npz", rows), rows, said(connections, tables, rows)

    require_verified(case, tmp_path)


def test_a_circuit_of_torchlogix(tmp_path: Path) -> None:
    names = {
        (0, 0, 0, 0): "CONST_FALSE", (0, 0, 0, 1): "AND", (0, 0, 1, 0): "AND_NOT_A",
        (0, 1, 0, 0): "AND_NOT_B", (0, 1, 1, 0): "XOR", (0, 1, 1, 1): "OR", (1, 0, 0, 0): "NOR",
        (1, 0, 0, 1): "XNOR", (1, 0, 1, 1): "OR_NOT_A", (1, 1, 0, 1): "OR_NOT_B", (1, 1, 1, 0): "NAND",
        (1, 1, 1, 1): "CONST_TRUE", (0, 1, 0, 1): "WIRE", (1, 0, 1, 0): "NOT", (0, 0, 1, 1): "B",
        (1, 1, 0, 0): "NOT_B",
    }  # fmt: skip

    def case(folder: Path) -> tuple[btf.Imported, Any, list[Any]]:
        connections, tables = layers(2, 12, 2)
        before, gates = list(range(12)), []
        for read, table in zip(connections, tables, strict=True):
            own = []
            for (a, b), values in zip(read.tolist(), table.tolist(), strict=True):
                number, op, in0, in1 = 12 + len(gates), names[tuple(values)], before[a], before[b]
                if op in ("B", "NOT_B"):  # of one input, as torchlogix writes it
                    op, in0 = {"B": "WIRE", "NOT_B": "NOT"}[op], before[b]
                gates.append({"gate_id": number, "op": op, "in0": in0, "in1": in1})
                own.append(number)
            before = own
        sums = [
            {"node_id": 100 + k, "input_ids": before[3 * k : 3 * k + 3], "tau": 1.0, "beta": 0.0}
            for k in range(3)
        ]
        circuit = {"n_inputs": 12, "gates": gates, "sum_nodes": sums, "outputs": [100, 101, 102]}
        (folder / "iris.json").write_text(json.dumps(circuit))
        rows = (signs()[UNSEEN] > 0).astype(int)
        return btf.from_gates(folder / "iris.json", rows), rows, said(connections, tables, rows)

    require_verified(case, tmp_path)
