"""A file of ONNX or QONNX as an imported model: its network, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.frames import number_matrix
from btfsynth.errors import DataError, WidthError
from btfsynth.files import StrPath, as_path
from btfsynth.models.integer_layers import Neurons, NotIntegerError, Scores, quantised
from btfsynth.models.onnx import Flow, Graph, Walk, read_graph, run_node
from btfsynth.models.onnx_inputs import Inputs
from btfsynth.models.readers import ReadOptions
from btfsynth.models.record import ImportedModel, Library, lowered
from btfsynth.network.accuracy import hardware_outputs
from btfsynth.network.topology import layered
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port

_LARGEST_WEIGHT = 1 << 24


def read_onnx(path: StrPath, X: Any, options: ReadOptions) -> ImportedModel:
    """Read a model of ONNX or QONNX.

    `X` shows what values inputs have where the model does not quantise them itself.

    Raises
    ------
    DataError, UsageError
        If it is no perceptron of few-bit activations, or its inputs could be any number.
    """
    graph = read_graph(as_path(path))
    inputs = Inputs(graph.input, int(np.prod(graph.shape)), None if X is None else _rows(graph, X))
    walk = Walk(graph, inputs.levels)
    flow = walk.run()
    name = options.name or graph.path.stem
    bits = None if flow.ordered or flow.sums is None else _output_bits(flow)
    scores: Scores | None = None
    if bits is None:
        if flow.index.size < 2 or flow.sums is None:
            raise DataError(
                "the output is one float, a regression; expected a bit, by a sign behind it, or the scores of "
                "classes",
                graph.path,
            )
        scores = walk.scores(flow, options.leaf_bits)
    network = _network(name, inputs, walk.layers, bits[0] if bits else scores)
    label = scores is not None
    return ImportedModel(
        name=name,
        source=f"ONNX model{' of ' + graph.producer if graph.producer else ''}",
        netlist=lowered(network, label),
        function=hardware_outputs(network, label),
        code=inputs.code,
        classes=network.classes,
        network=network,
        library=_library(graph, flow, bits[1] if bits else None),
        border_rows=inputs.border_rows,
        bound=0.0 if scores is None else scores.bound,
        notes=_notes(walk, scores),
    )


def _notes(walk: Walk, scores: Scores | None) -> tuple[str, ...]:
    notes = []
    if scores is not None and scores.bound:
        notes.append(
            f"scores of classes are whole numbers, each at most {scores.bound:.3g} from the model's"
        )
    if walk.unsure:
        notes.append(
            f"{walk.unsure} activations depend on how single precision rounds a sum; the nearest float counts"
        )
    return tuple(notes)


def _rows(graph: Graph, X: Any) -> NDArray[np.float64]:
    """Return rows of as many numbers as the model takes."""
    given = np.asarray(X)
    values = number_matrix("X", given.reshape(len(given), -1) if given.ndim > 2 else X)
    size = int(np.prod(graph.shape))
    if values.shape[1] != size:
        raise WidthError(f"{graph.path}: expected rows of {size} numbers, got {values.shape[1]}")
    return values


def _output_bits(flow: Flow) -> tuple[Neurons, NDArray[np.float64]] | None:
    """Return the neurons of outputs of at most two levels, and what lies between these; None for others."""
    assert flow.sums is not None
    try:
        neurons, levels, _ = quantised(flow.sums, flow.flat, flow.index.reshape(-1))
    except NotIntegerError:
        return None
    counts = [len(each) for each in levels.values]
    if max(counts) > 2:
        return None
    # Of an output that never changes, a neuron without weights.
    weights = np.zeros((len(counts), neurons.weights.shape[1]), dtype=np.int64)
    thresholds = np.array([0 if each[0] > 0 else 1 for each in levels.values], dtype=np.int64)
    changing = np.array(counts) == 2
    weights[changing], thresholds[changing] = neurons.weights, neurons.thresholds
    middle = [float(each.mean()) if len(each) == 2 else 0.0 for each in levels.values]
    return Neurons(weights, thresholds), np.array(middle)


def _network(
    name: str, inputs: Inputs, layers: Sequence[Neurons], last: Neurons | Scores | None
) -> TrainedNetwork:
    """Return layers as a network: ``sum w b >= t`` over bits is ``sum w x > 2 t - sum w - 1`` over -1/+1."""
    assert last is not None
    hidden = [each for each in (*layers, last) if isinstance(each, Neurons)]
    rows = [
        np.column_stack([2 * each.thresholds - each.weights.sum(axis=1) - 1, each.weights])
        for each in hidden
    ]
    classes: tuple[int, ...] = ()
    if isinstance(last, Scores):
        weights = last.factor[:, None] * last.weights
        rows.append(np.column_stack([-weights.sum(axis=1) - 2 * last.offset, weights]))
        classes = tuple(range(len(weights)))
        rows[-1] //= np.gcd.reduce(rows[-1], axis=None) or 1
    if max(int(np.abs(each).max(initial=0)) for each in rows) > _LARGEST_WEIGHT:
        raise DataError(f"{name}: weights of more than 24 bits; train with fewer bits")
    if any(not each.shape[0] for each in rows):
        raise DataError(
            f"{name}: a layer whose activations never change; nothing depends on the input"
        )
    widths = [rows[0].shape[1] - 1, *(len(each) for each in rows)]
    return TrainedNetwork(
        name,
        layered(widths),
        np.concatenate([each.reshape(-1) for each in rows]).astype(np.float32),
        inputs.ports,
        (Port("score" if classes else "y", widths[-1]),),
        {"imported": True},
        inputs.code,
        classes,
    )


# The model itself, row by row.

Rows = NDArray[np.float32]


def _library(graph: Graph, flow: Flow, middle: NDArray[np.float64] | None) -> Library:
    """Return ONNX Runtime's, or this module's own, answers to rows."""
    name, run = _runtime(graph) or ("its operators in single precision", _own(graph, graph.output))
    score = _own(graph, flow.scores) if flow.scores else run

    def values(X: Any, run: Callable[[Rows], NDArray[Any]]) -> NDArray[Any]:
        rows = _rows(graph, X).astype(np.float32).reshape(-1, *graph.shape)
        parts = [rows[k : k + 1] for k in range(len(rows))] if graph.one_row else [rows]
        return np.concatenate([np.asarray(run(part)).reshape(len(part), -1) for part in parts])

    def predict(X: Any) -> NDArray[Any]:
        found = values(X, run)
        if middle is not None:
            return np.asarray(found > middle, dtype=np.uint8)
        return found[:, 0].astype(np.int64) if flow.label else found.argmax(axis=1)

    def scores(X: Any) -> NDArray[np.float64]:
        return values(X, score).astype(np.float64)

    return Library(name, predict, None if middle is not None else scores)


def _runtime(graph: Graph) -> tuple[str, Callable[[Rows], NDArray[Any]]] | None:
    """Return ONNX Runtime as it evaluates every node by itself; None if it is not there or lacks operators."""
    if not graph.standard:
        return None
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(graph.path), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # its own, of versions and types that it does not know
        return None

    def run(rows: Rows) -> NDArray[Any]:
        return np.asarray(session.run(None, {graph.input: rows})[0])

    return f"onnxruntime {onnxruntime.__version__}", run


def _own(graph: Graph, output: str) -> Callable[[Rows], NDArray[Any]]:
    def run(rows: Rows) -> NDArray[Any]:
        values = {"": np.zeros(0, dtype=np.float32), **graph.constants, graph.input: rows}
        for node in graph.nodes:
            made = run_node(graph, node, [values[each] for each in node.inputs])
            values.update(dict.fromkeys(node.outputs[:1], made))
        return values[output]

    return run
