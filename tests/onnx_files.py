"""ONNX and QONNX files made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper, save

QUANTISED = "qonnx.custom_op.general"


def node(kind: str, inputs: Sequence[str], output: str, domain: str = "", **given: Any) -> Any:
    return helper.make_node(
        kind, list(inputs), [output], name=f"{kind}_{output}", domain=domain, **given
    )


def bipolar(source: str, output: str) -> Any:
    return node("BipolarQuant", [source, "one"], output, QUANTISED)


def write(
    path: Path,
    nodes: Sequence[Any],
    constants: dict[str, Any],
    shapes: tuple[Sequence[Any], Sequence[Any]],
    opset: int = 17,
) -> Path:
    """Write a model from ``x`` to ``y`` with the shapes of both."""
    listed = {"one": np.float32(1), **constants}
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[1])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in listed.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(QUANTISED, 1)]
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = 8
    save(model, str(path))
    return path


def batch_norm(random: np.random.Generator, width: int) -> list[NDArray[np.float32]]:
    """Scale, bias, mean and variance: some scales negative, one 0, one that hits the threshold exactly."""
    scale = random.choice([-1.5, -0.25, 0.5, 1.0, 2.0], width)
    bias, mean = random.normal(size=width), random.normal(size=width)
    variance = random.uniform(0.5, 4, width)
    exact = random.integers(0, 2, width).astype(bool)
    # (x - mean) / sqrt(1) + 0 is 0 where the sum is the mean: +1 by BipolarQuant, 0 by Sign.
    bias[exact], mean[exact], variance[exact] = 0, random.integers(-2, 3, int(exact.sum())), 1
    scale[0] = 0
    return [each.astype(np.float32) for each in (scale, bias, mean, variance)]


def perceptron(
    path: Path,
    widths: Sequence[int],
    seed: int,
    quantiser: str = "BipolarQuant",
    ternary: bool = False,
    last: str = "scores",
) -> Path:
    """A perceptron of binary or ternary weights with batch normalisation behind every layer.

    `quantiser`: ``BipolarQuant``, ``Sign``, ``Quant`` of two bits, or ``MultiThreshold``. `last`: ``scores``,
    ``ArgMax`` or ``bits``.
    """
    random = np.random.default_rng(seed)
    nodes = [quantised(quantiser, "x", "a0", 0)]
    constants: dict[str, Any] = {
        "scale": np.float32(0.5),
        "zero": np.float32(0),
        "bits": np.float32(2),
    }
    constants["limits"] = np.array([[-1.5, 0.25, 2.0]], dtype=np.float32)
    for layer, (before, after) in enumerate(pairwise(widths)):
        choices = [-1.0, 0.0, 1.0] if ternary else [-1.0, 1.0]
        constants[f"w{layer}"] = random.choice(choices, (before, after)).astype(np.float32)
        names = [f"{what}{layer}" for what in ("s", "b", "m", "v")]
        constants |= dict(zip(names, batch_norm(random, after), strict=True))
        nodes.append(node("MatMul", [f"a{layer}", f"w{layer}"], f"h{layer}"))
        end = layer == len(widths) - 2
        out = "y" if end and last == "scores" else f"n{layer}"
        nodes.append(node("BatchNormalization", [f"h{layer}", *names], out, epsilon=0.0))
        if not end:
            nodes.append(quantised(quantiser, f"n{layer}", f"a{layer + 1}", after))
        elif last == "bits":
            nodes.append(bipolar(out, "y"))
        elif last == "ArgMax":
            nodes.append(node("ArgMax", [out], "label", axis=1, keepdims=0))
            nodes.append(node("Cast", ["label"], "y", to=TensorProto.FLOAT))
    shape = ["N"] if last == "ArgMax" else ["N", widths[-1]]
    return write(path, nodes, constants, (["N", widths[0]], shape))


def quantised(kind: str, source: str, output: str, width: int) -> Any:
    if kind == "BipolarQuant":
        return bipolar(source, output)
    if kind == "Quant":
        return node(
            "Quant", [source, "scale", "zero", "bits"], output, QUANTISED, signed=1, narrow=0,
            rounding_mode="ROUND",
        )  # fmt: skip
    if kind == "MultiThreshold":
        return node("MultiThreshold", [source, "limits"], output, QUANTISED, out_dtype="UINT2")
    return node("Sign", [source], output)
