"""Binary, ternary and few-bit multilayer perceptrons in ONNX or QONNX, as threshold networks.

The graph is walked once. Constants are evaluated. A value that depends on the input is kept as the sums of the
last layer and the operators after them, until a matrix product or the output needs its levels (see
`btfsynth.models.integer_layers`). This does not need ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError, MissingToolError, shown
from btfsynth.models.integer_layers import (
    Apply,
    Integers,
    Levels,
    Neurons,
    NotIntegerError,
    Scores,
    Sums,
    add_up,
    quantised,
    scored,
)
from btfsynth.models.onnx_ops import (
    CONSTANT,
    ELEMENTWISE,
    LAST,
    NEWEST_OPSET,
    OLDEST_OPSET,
    QUANTISED,
    QUANTISERS,
    SHAPES,
    STANDARD,
    Operator,
    UnknownOptionError,
    matrix_product,
)
from btfsynth.plugins import install_command

_LAYERS = ("MatMul", "Gemm")
_INSTEAD = {
    "Conv": "write a convolution as a matrix product over its whole input",
    "ConvTranspose": "write a convolution as a matrix product over its whole input",
    "MaxPool": "use fully connected layers",
    "Sigmoid": "use a sign or a quantiser of few bits",
    "Tanh": "use a sign or a quantiser of few bits",
}
_OF_LABELS = ("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten")


@dataclass(frozen=True)
class Node:
    """A node of the graph with its attributes as plain values."""

    name: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    given: dict[str, Any]

    @property
    def standard(self) -> bool:
        return self.domain in STANDARD


@dataclass(frozen=True, eq=False)
class Graph:
    """A model with one input and one output."""

    path: Path
    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    input: str
    shape: tuple[int, ...]  # Shape of a row, without the batch
    one_row: bool  # True if the model takes one row at a time
    output: str
    producer: str

    @property
    def standard(self) -> bool:
        """True if ONNX Runtime knows all of the operators."""
        return all(node.standard for node in self.nodes)


def read_graph(path: Path) -> Graph:
    """Read a file.

    Raises
    ------
    DataError
        If it is not a model of a known version with one input of known size.
    MissingToolError
        If the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingToolError(f"onnx is not installed; {install_command('onnx')}") from None
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except Exception as error:  # protobuf's errors, which differ by version
        raise DataError(f"expected an ONNX model, got {shown(str(error))}", path) from None
    for each in model.opset_import:
        if each.domain in STANDARD and not OLDEST_OPSET <= each.version <= NEWEST_OPSET:
            raise DataError(
                f"expected operators of version {OLDEST_OPSET} to {NEWEST_OPSET}, got {each.version}; "
                "export the model for one of these, or convert it with onnx.version_converter",
                path,
            )
    graph = model.graph
    constants = {each.name: _array(onnx, each, path) for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise DataError(
            f"expected a model of one input and one output, got {len(inputs)} and {len(graph.output)}",
            path,
        )
    sizes = [each.dim_value for each in inputs[0].type.tensor_type.shape.dim]
    if len(sizes) < 2 or sizes[0] > 1 or not all(size > 0 for size in sizes[1:]):
        raise DataError(
            f"input {shown(inputs[0].name, 40)}: expected rows of a fixed size, got the shape "
            f"{[size or '?' for size in sizes]}; export the model with the size of a row, and one row or any "
            "number of them",
            path,
        )
    nodes = tuple(_node(onnx, each, place) for place, each in enumerate(graph.node))
    return Graph(
        path,
        nodes,
        constants,
        inputs[0].name,
        tuple(sizes[1:]),
        sizes[0] == 1,
        graph.output[0].name,
        " ".join(word for word in (model.producer_name, model.producer_version) if word),
    )


def _array(onnx: Any, tensor: Any, path: Path) -> NDArray[Any]:
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # types unknown to NumPy, and data in missing files
        raise DataError(
            f"constant {shown(tensor.name, 40)}: cannot be read: {shown(str(error))}", path
        ) from None
    return np.asarray(array.astype(np.float32) if array.dtype == np.float64 else array)


def _node(onnx: Any, node: Any, place: int) -> Node:
    given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "Constant" and "value" in given:
        given["value"] = onnx.numpy_helper.to_array(given["value"])
    return Node(
        node.name or f"number {place + 1}",
        node.op_type,
        node.domain,
        tuple(node.input),
        tuple(node.output),
        given,
    )


def refusal(graph: Graph, node: Node, why: str) -> DataError:
    """Return the error for an unsupported node."""
    return DataError(f"node {shown(node.name, 60)} ({node.kind}): {why}", graph.path)


def operator_of(graph: Graph, node: Node) -> Operator:
    """Return the function of a node on arrays; a `DataError` if it is unknown."""
    if node.standard:
        known = {
            **ELEMENTWISE,
            **SHAPES,
            **CONSTANT,
            **LAST,
            **dict.fromkeys(_LAYERS, matrix_product),
        }
    elif node.domain in QUANTISED:
        known = QUANTISERS
    else:
        raise refusal(
            graph,
            node,
            f"unknown domain {shown(node.domain, 40)}; expected operators of ONNX or QONNX",
        )
    if node.kind not in known:
        raise refusal(
            graph,
            node,
            "unknown operator; "
            + _INSTEAD.get(node.kind, "export a perceptron of matrix products and quantisers"),
        )
    return known[node.kind]


def run_node(graph: Graph, node: Node, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Evaluate a node on arrays."""
    operator = operator_of(graph, node)
    try:
        with np.errstate(all="ignore"):
            return operator(values, node.given)
    except UnknownOptionError as error:
        raise refusal(graph, node, error.args[0]) from None
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise refusal(graph, node, f"does not fit its inputs: {shown(str(error))}") from None


@dataclass(frozen=True, eq=False)
class Flow:
    """A value that depends on the input: the sums of a layer and the operators after them.

    ``apply`` maps ``(rows, sums)`` to ``(rows, *shape)``; `index` has the shape and contains the sum of each
    element.
    """

    sums: Sums | None  # None: the input itself
    depth: int  # Previous layers of neurons
    apply: Apply
    index: Integers
    ordered: bool = False  # Only the index of the largest value is still unchanged
    label: bool = False  # The index of the largest value
    scores: str = ""  # The value with the scores themselves, once only their order is left

    def flat(self, values: NDArray[Any]) -> NDArray[Any]:
        return self.apply(values).reshape(len(values), -1)


class Walk:
    """Conversion of a graph into layers of neurons.

    `read_input` turns the input and its operators into levels of bits.
    """

    def __init__(self, graph: Graph, read_input: Any) -> None:
        self.graph = graph
        self.read_input = read_input
        self.layers: list[Neurons] = []
        self.unsure = 0
        shape = graph.shape
        size = int(np.prod(shape))
        self.values: dict[str, NDArray[Any] | Flow] = dict(graph.constants)
        self.values[graph.input] = Flow(
            None,
            0,
            lambda rows: rows.reshape(len(rows), *shape),
            np.arange(size, dtype=np.int64).reshape(shape),
        )
        self.last = graph.nodes[-1] if graph.nodes else None

    def run(self) -> Flow:
        """Walk the graph and return its output."""
        for node in self.graph.nodes:
            inputs = [self._value(node, name) for name in node.inputs]
            flows = [place for place, each in enumerate(inputs) if isinstance(each, Flow)]
            made = self._made(node, inputs, flows)
            for output in node.outputs[:1]:
                self.values[output] = made
            self.last = node
        found = self.values.get(self.graph.output)
        if not isinstance(found, Flow):
            raise DataError("the output does not depend on the input", self.graph.path)
        return found

    def _value(self, node: Node, name: str) -> NDArray[Any] | Flow:
        if not name:
            return np.zeros(0, dtype=np.float32)
        if name not in self.values:
            raise refusal(self.graph, node, f"reads {shown(name, 40)}, which no node makes")
        return self.values[name]

    def _made(
        self, node: Node, inputs: list[NDArray[Any] | Flow], flows: Sequence[int]
    ) -> NDArray[Any] | Flow:
        arrays = [each for each in inputs if not isinstance(each, Flow)]
        if not flows:
            return run_node(self.graph, node, arrays)
        flow = inputs[flows[0]]
        assert isinstance(flow, Flow)
        if len(flows) > 1:
            raise refusal(
                self.graph, node, "joins two activations; expected layers one after the other"
            )
        if node.standard and node.kind in LAST:
            return self._largest(node, flow)
        if node.standard and node.kind == "Shape":
            return np.array([1, *flow.index.shape], dtype=np.int64)
        operator_of(self.graph, node)
        if flow.label or flow.ordered:
            if node.standard and node.kind in _OF_LABELS:
                return flow
            raise refusal(self.graph, node, "comes after the scores; expected the output there")
        if node.standard and node.kind in _LAYERS:
            return self._layer(node, flow, inputs, flows[0])
        if node.standard and node.kind in SHAPES:
            return self._moved(node, flow, arrays)
        return self._each(node, flow, inputs)

    def _largest(self, node: Node, flow: Flow) -> Flow:
        rank = flow.index.ndim + 1
        axis = int(node.given.get("axis", 0 if node.kind == "ArgMax" else -1)) % rank
        if rank != 2 or axis != 1 or node.given.get("select_last_index", 0):
            raise refusal(
                self.graph,
                node,
                "expected the argmax over the scores of a row, the first of equal ones",
            )
        return replace(
            flow,
            ordered=True,
            label=node.kind == "ArgMax",
            scores=flow.scores or node.inputs[0],
        )

    def _moved(self, node: Node, flow: Flow, arrays: Sequence[NDArray[Any]]) -> Flow:
        places = np.arange(flow.index.size).reshape(1, *flow.index.shape)
        moved = run_node(self.graph, node, [places, *arrays])
        if moved.shape[:1] != (1,) or moved.size != places.size:
            raise refusal(
                self.graph, node, "moves values between rows; keep the batch as the first dimension"
            )
        order, shape, before = moved.reshape(-1), moved.shape[1:], flow.flat

        def apply(values: NDArray[Any]) -> NDArray[Any]:
            return before(values)[:, order].reshape(len(values), *shape)

        return replace(flow, apply=apply, index=flow.index.reshape(-1)[order].reshape(shape))

    def _each(self, node: Node, flow: Flow, inputs: Sequence[NDArray[Any] | Flow]) -> Flow:
        if node.kind in CONSTANT:
            raise refusal(self.graph, node, "expected constants here")
        before, graph = flow.apply, self.graph

        def apply(values: NDArray[Any]) -> NDArray[Any]:
            rows = before(values)
            found = run_node(graph, node, [rows if isinstance(e, Flow) else e for e in inputs])
            if found.shape != rows.shape:
                raise refusal(graph, node, f"makes {found.shape[1:]} of {rows.shape[1:]} values")
            return found

        apply(np.zeros((2, self._width(flow)), dtype=np.float32))  # report a mismatch now
        return replace(flow, apply=apply)

    def _width(self, flow: Flow) -> int:
        return int(np.prod(self.graph.shape)) if flow.sums is None else len(flow.sums.scale)

    def _layer(
        self, node: Node, flow: Flow, inputs: Sequence[NDArray[Any] | Flow], place: int
    ) -> Flow:
        given = node.given
        plain = given.get("alpha", 1.0) == 1 and given.get("beta", 1.0) == 1
        weights = inputs[1]
        if place != 0 or given.get("transA", 0) or not plain or isinstance(weights, Flow):
            raise refusal(
                self.graph, node, "expected activations times constant weights, without factors"
            )
        if given.get("transB", 0):
            weights = weights.T
        if weights.ndim != 2 or flow.index.shape != weights.shape[:1]:
            raise refusal(
                self.graph,
                node,
                f"weights of {weights.shape} for activations of {flow.index.shape}",
            )
        bias = np.zeros(weights.shape[1], dtype=np.float32)
        if len(inputs) > 2 and not isinstance(inputs[2], Flow) and inputs[2].size:
            bias = np.broadcast_to(inputs[2].reshape(-1), bias.shape).astype(np.float32)
        levels = self.levels(node, flow)
        try:
            sums = add_up(levels, weights.astype(np.float32), bias)
        except NotIntegerError as error:
            raise refusal(self.graph, node, str(error)) from None
        index = np.arange(weights.shape[1], dtype=np.int64)
        return Flow(sums, len(self.layers), lambda rows: rows, index)

    def levels(self, node: Node, flow: Flow) -> Levels:
        """Return activations as bits: of new neurons, or of the input."""
        if flow.depth != len(self.layers):
            raise refusal(
                self.graph,
                node,
                "reads a layer that is also read by another one; expected a chain of layers",
            )
        index = flow.index.reshape(-1)
        try:
            if flow.sums is None:
                found: Levels = self.read_input(flow.flat, index)
            else:
                neurons, found, unsure = quantised(flow.sums, flow.flat, index)
                self.layers.append(neurons)
                self.unsure += unsure
        except NotIntegerError as error:
            raise refusal(self.graph, node, f"reads {error}") from None
        return found

    def scores(self, flow: Flow, bits: int | None) -> Scores:
        """Return the output as scores of classes."""
        assert self.last is not None
        index = flow.index.reshape(-1)
        try:
            if flow.sums is not None:
                return scored(flow.sums, flow.flat, index, bits)
        except NotIntegerError:
            pass  # not plain sums of a layer, but possibly activations with few levels
        levels = self.levels(self.last, flow)
        same = np.eye(len(levels.base), dtype=np.float32)
        try:
            sums = add_up(levels, same, np.zeros(len(same), dtype=np.float32))
            return scored(sums, lambda rows: rows, np.arange(len(same)), bits)
        except NotIntegerError as error:
            raise refusal(self.graph, self.last, str(error)) from None
