"""Few-bit perceptrons in ONNX and QONNX: the same answers on every row, or a refusal that names the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx_files import bipolar, node, perceptron, write

import btfsynth as btf
from btfsynth.dataset.load import load
from btfsynth.errors import DataError, UsageError, VerificationError
from btfsynth.models.onnx_model import read_onnx
from btfsynth.models.readers import ReadOptions, rows_of
from btfsynth.netlist.simulation import evaluate


def answers(model: Any, rows: Any) -> tuple[Any, Any]:
    return model.predict(rows), model.library.predict(rows)


def all_signs(width: int) -> np.ndarray[Any, Any]:
    return 2.0 * ((np.arange(1 << width)[:, None] >> np.arange(width)) & 1) - 1


@given(
    seed=st.integers(0, 10**6),
    widths=st.lists(st.integers(2, 6), min_size=2, max_size=4),
    quantiser=st.sampled_from(["BipolarQuant", "Sign", "Quant", "MultiThreshold"]),
    ternary=st.booleans(),
    last=st.sampled_from(["scores", "ArgMax", "bits"]),
)
@settings(max_examples=25, deadline=None)
def test_small_perceptrons_are_the_model(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    widths: list[int],
    quantiser: str,
    ternary: bool,
    last: str,
) -> None:
    """Rows at all thresholds of the inputs; network, netlist and the float model agree."""
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    perceptron(path, widths, seed, quantiser, ternary, last)
    try:
        model = read_onnx(path, None, ReadOptions())
    except DataError as error:
        assume("constant activations" not in str(error))  # a layer whose scales are all 0
        raise
    assert model.border_rows is not None
    assert model.library is not None
    rows = model.border_rows(200)
    found, wanted = answers(model, rows)
    scores = None if model.library.scores is None else model.library.scores(rows)
    for k in np.flatnonzero((found != wanted).reshape(len(rows), -1).any(axis=1)):
        assert scores is not None
        apart = abs(scores[k, int(found[k])] - scores[k, int(wanted[k])])
        assert apart <= 2 * model.bound, "scores that are apart have to compare as in the model"
    bits = model.bits(rows)
    assert np.array_equal(evaluate(model.netlist, bits), model.function(bits))


@pytest.mark.parametrize("quantiser", ["BipolarQuant", "Sign"])
def test_a_sum_at_the_threshold(tmp_path: Path, quantiser: str) -> None:
    """Batch normalisation gives exactly 0 for the sum 0: +1 by BipolarQuant, 0 by Sign."""
    constants = {
        "w": np.ones((2, 3), dtype=np.float32),
        "s": np.array([1, -1, 0], dtype=np.float32),  # a falling and a constant one
        "z": np.zeros(3, dtype=np.float32),
        "v": np.ones(3, dtype=np.float32),
        "u": np.array([[1, 0], [1, 2], [4, 0]], dtype=np.float32),
    }
    kind = bipolar("n", "q") if quantiser == "BipolarQuant" else node("Sign", ["n"], "q")
    nodes = [
        bipolar("x", "a"),
        node("MatMul", ["a", "w"], "h"),
        node("BatchNormalization", ["h", "s", "z", "z", "v"], "n", epsilon=0.0),
        kind,
        node("MatMul", ["q", "u"], "y"),
    ]
    path = write(tmp_path / "m.onnx", nodes, constants, (["N", 2], ["N", 2]))
    model = read_onnx(path, None, ReadOptions())
    rows = np.array([[-1, -1], [-1, 1], [1, 1], [0, -0.5]])
    middle = [1, 1, 1] if quantiser == "BipolarQuant" else [0, 0, 0]
    third = middle[2]
    hidden = np.array([[-1, 1, third], middle, [1, -1, third], middle])
    assert model.library is not None
    assert model.library.scores is not None
    assert np.array_equal(model.library.scores(rows), hidden @ constants["u"])
    assert model.bound == 0
    assert model.predict(rows).tolist() == (hidden @ constants["u"]).argmax(axis=1).tolist()
    levels = {"BipolarQuant": [2, 2], "Sign": [2, 4]}[quantiser]
    assert model.network is not None
    assert [2, *levels[1:]] == list(model.network.topology.widths or ())[:2], (
        "no bit that never changes"
    )


def test_standard_operators_are_compared_with_onnx_runtime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    random = np.random.default_rng(3)
    constants = {
        "w": random.choice([-1, 1], (8, 6)).astype(np.float32),
        "c": random.integers(-3, 4, 6).astype(np.float32) + np.float32(0.5),
        "s": random.normal(size=6).astype(np.float32),
        "b": random.normal(size=6).astype(np.float32),
        "m": random.normal(size=6).astype(np.float32),
        "v": random.uniform(0.5, 2, 6).astype(np.float32),
        "u": random.choice([-1, 0, 1], (3, 6)).astype(np.float32),
        "shape": np.array([-1, 8], dtype=np.int64),
    }
    nodes = [
        node("Sign", ["x"], "a"),
        node("Reshape", ["a", "shape"], "r"),
        node("Gemm", ["r", "w", "c"], "h"),
        node("BatchNormalization", ["h", "s", "b", "m", "v"], "n"),
        node("Sign", ["n"], "q"),
        node("Gemm", ["q", "u"], "y", transB=1),
    ]
    path = write(tmp_path / "m.onnx", nodes, constants, ([1, 2, 4], [1, 3]))
    rows = all_signs(8)
    model = btf.from_onnx(path, rows)
    assert model.core.library is not None
    assert model.core.library.name.startswith("onnxruntime")
    assert model.compared["same"].tolist() == model.compared["rows"].tolist()
    assert model.network is not None
    assert np.array_equal(
        np.asarray(model.network.core.output_sums(model.core.bits(rows))).argmax(axis=1),
        model.predict(rows),
    )


@pytest.mark.parametrize(
    ("rows", "ports"),
    [
        (np.eye(4), ["x[4]"]),
        (2 * np.eye(4) - 1, ["x_0", "x_1", "x_2", "x_3"]),
        (np.arange(12.0).reshape(3, 4) % 4, [f"x_{k}[3]" for k in range(4)]),
        (np.arange(12.0).reshape(3, 4) * 11, [f"x_{k}[7]" for k in range(4)]),
    ],
    ids=["bits", "signs", "thermometers", "binary numbers"],
)
def test_inputs_without_a_quantiser_are_what_rows_show(
    tmp_path: Path, rows: Any, ports: list[str]
) -> None:
    constants = {
        "w": np.array([[1, -1], [-1, 2], [0, 1], [3, 0]], dtype=np.float32),
        "c": np.array([0.5, -0.5], dtype=np.float32),
    }
    nodes = [node("Gemm", ["x", "w", "c"], "h"), bipolar("h", "y")]
    path = write(tmp_path / "m.onnx", nodes, constants, (["N", 4], ["N", 2]))
    model = read_onnx(path, rows, ReadOptions())
    assert [port.label for port in model.netlist.input_ports] == ports
    wanted = rows @ constants["w"] + constants["c"] > 0
    assert np.array_equal(model.predict(rows), wanted)
    with pytest.raises(DataError, match=r"node 'Gemm_h' .*of unknown range; give rows"):
        read_onnx(path, None, ReadOptions())
    with pytest.raises(DataError, match=r"Gemm.*float inputs, such as -?0\.[27]5"):
        read_onnx(path, rows + 0.25, ReadOptions())


def test_factors_of_classes_have_a_bound(tmp_path: Path) -> None:
    """Few bits: labels may differ only where scores are within the bound, which is tight."""
    path = perceptron(tmp_path / "m.onnx", [12, 8, 4], 5)
    rows = all_signs(12)
    coarse = read_onnx(path, None, ReadOptions(leaf_bits=3))
    fine = read_onnx(path, None, ReadOptions())
    assert fine.bound < coarse.bound
    found, wanted = answers(coarse, rows)
    assert coarse.library is not None
    assert coarse.library.scores is not None
    scores = coarse.library.scores(rows)
    assert np.array_equal(scores.argmax(axis=1), wanted)
    k = np.arange(len(rows))
    apart = np.abs(scores[k, found] - scores[k, wanted])
    assert (apart > 0).any()
    assert apart.max() <= 2 * coarse.bound
    assert (answers(fine, rows)[0] != wanted).sum() < (found != wanted).sum()


def test_classes_that_single_precision_tells_apart_by_its_rounding(tmp_path: Path) -> None:
    """Of scores that are equal as whole numbers the order of adding decides, within a bound."""
    random = np.random.default_rng(2)
    constants = {
        "w": random.choice([-1.0, 1.0], (10, 6)).astype(np.float32),
        "scale": np.float32(0.3), "zero": np.float32(0), "bits": np.float32(2),
        "u": (random.integers(-3, 4, (6, 3)) * 0.1).astype(np.float32),
    }  # fmt: skip
    quant = {"signed": 0, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [
        bipolar("x", "a"),
        node("MatMul", ["a", "w"], "h"),
        node("Relu", ["h"], "r"),
        node("Quant", ["r", "scale", "zero", "bits"], "q", "qonnx.custom_op.general", **quant),
        node("MatMul", ["q", "u"], "y"),
    ]
    path = write(tmp_path / "m.onnx", nodes, constants, (["N", 10], ["N", 3]))
    model = btf.from_onnx(path, all_signs(10))
    assert model.compared["near"].tolist()[0] > 0
    assert model.core.library is not None
    assert 0 < model.core.library.rounding < 1e-5
    assert "adds scores in single precision, with an error of up to" in model.notes[-1]


def test_a_wrong_network_is_an_error_that_shows_the_row(tmp_path: Path) -> None:
    path = perceptron(tmp_path / "m.onnx", [6, 5, 3], 2, last="bits")
    model = btf.from_onnx(path)
    assert model.core.library is not None
    right = model.core.library.predict
    object.__setattr__(model.core.library, "predict", lambda X: right(X) ^ 1)
    with pytest.raises(VerificationError, match=r"the first is row 0: .* predicts"):
        model.compare(all_signs(6))


def test_rows_of_a_file_keep_their_signs(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b,y\n-1,1,0\n1,1,1\n-1,-1,0\n")
    rows = rows_of(load(tmp_path / "rows.csv"))
    assert rows.tolist() == [[-1, 1], [1, 1], [-1, -1]]


REFUSED: dict[str, tuple[list[Any], str]] = {
    "convolution": (
        [node("Conv", ["x", "w"], "y")],
        r"node 'Conv_y' \(Conv\): unknown operator; write a convolution as a matrix product",
    ),
    "float activation": (
        [
            bipolar("x", "a"), node("MatMul", ["a", "w"], "h"), node("Relu", ["h"], "r"),
            node("Mul", ["r", "pi"], "q"), node("MatMul", ["q", "big"], "k"),
            node("Relu", ["k"], "l"), node("MatMul", ["l", "w3"], "y"),
        ],
        r"node 'MatMul_y' \(MatMul\): reads a float activation of more than 16 levels; add a quantiser",
    ),
    "float weights": (
        [bipolar("x", "a"), node("MatMul", ["a", "f"], "h"), bipolar("h", "y")],
        r"node 'MatMul_h' .*weights that are not multiples of one step .*quantise them",
    ),
    "unknown domain": (
        [node("BipolarQuant", ["x", "one"], "y", "my.own")],
        "node 'BipolarQuant_y' .*unknown domain 'my.own'; expected operators of ONNX or QONNX",
    ),
    "residual": (
        [bipolar("x", "a"), node("MatMul", ["a", "w"], "h"), node("Add", ["a", "h"], "y")],
        r"node 'Add_y' \(Add\): joins two activations",
    ),
    "regression": (
        [bipolar("x", "a"), node("MatMul", ["a", "w1"], "y")],
        "the output is one float, a regression; expected scores of classes",
    ),
    "undefined": ([node("Sign", ["nothing"], "y")], "reads 'nothing', which no node makes"),
    "shapes": (
        [bipolar("x", "a"), node("MatMul", ["a", "w3"], "y")],
        r"node 'MatMul_y' .*weights of \(40, 2\) for activations of \(4,\)",
    ),
    "factor": ([bipolar("x", "a"), node("Gemm", ["a", "w"], "y", alpha=0.5)], "without factors"),
    "constant": ([node("Identity", ["w"], "y")], "the output does not depend on the input"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_refused_in_one_line_that_names_the_node(tmp_path: Path, case: str) -> None:
    nodes, message = REFUSED[case]
    random = np.random.default_rng(0)
    constants = {
        "w": np.where(random.random((4, 4)) < 0.5, -1, 1).astype(np.float32),
        "w1": np.ones((4, 1), dtype=np.float32),
        "w3": np.ones((40, 2), dtype=np.float32),
        "big": np.eye(4, 40, dtype=np.float32) + np.ones((4, 40), dtype=np.float32) * 7,
        "f": random.normal(size=(4, 4)).astype(np.float32),
        "pi": np.float32(3),
    }
    path = write(tmp_path / "m.onnx", nodes, constants, (["N", 4], ["N", 4]))
    with pytest.raises(DataError, match=message) as caught:
        read_onnx(path, None, ReadOptions())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refused_files(tmp_path: Path) -> None:
    good = [bipolar("x", "y")]
    old = write(tmp_path / "old.onnx", good, {}, (["N", 4], ["N", 4]), opset=6)
    with pytest.raises(DataError, match="version 7 to 24, got 6"):
        read_onnx(old, None, ReadOptions())
    loose = write(tmp_path / "loose.onnx", good, {}, (["N", "M"], ["N", "M"]))
    with pytest.raises(DataError, match=r"input 'x': expected rows of a fixed size"):
        read_onnx(loose, None, ReadOptions())
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model at all")
    with pytest.raises(DataError, match="expected an ONNX model"):
        read_onnx(broken, None, ReadOptions())
    with pytest.raises(DataError, match=r"cannot be read|no such file"):
        read_onnx(tmp_path / "missing.onnx", None, ReadOptions())
    fine = perceptron(tmp_path / "m.onnx", [4, 3, 2], 1)
    with pytest.raises(UsageError, match="expected rows of 4 numbers, got 3"):
        read_onnx(fine, np.zeros((2, 3)), ReadOptions())
