"""An ONNX or QONNX file as an imported model: its network, its inputs, and its comparison.

The bits of an input are those of the model's own quantiser, or of the whole numbers in known rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import number_matrix
from btfsynth.dataset.fit_code import between
from btfsynth.dataset.table_code import LEVELS, REFUSE, STEPS, ColumnCode, TableCode
from btfsynth.errors import DataError, WidthError
from btfsynth.files import StrPath, as_path
from btfsynth.models.integer_layers import (
    MOST_LEVELS,
    Integers,
    Levels,
    Neurons,
    NotIntegerError,
    Scores,
    quantised,
)
from btfsynth.models.onnx import Flow, Graph, Walk, read_graph, run_node
from btfsynth.models.readers import ReadOptions
from btfsynth.models.record import ImportedModel, Library, lowered
from btfsynth.network.network import TrainedNetwork, hardware_outputs, layered
from btfsynth.ports import Port

_LARGEST_WEIGHT = 1 << 24


def read_onnx(path: StrPath, X: Any, options: ReadOptions) -> ImportedModel:
    """Read a model of ONNX or QONNX.

    `X` shows the values of inputs that the model does not quantise.

    Raises
    ------
    DataError, UsageError
        If the model is not a perceptron of few-bit activations, or the range of its inputs is unknown.
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
                "the output is one float, a regression; expected scores of classes, or a bit (add a Sign)",
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
        library=_library(
            graph, flow, bits[1] if bits else None, 0.0 if scores is None else scores.rounding
        ),
        border_rows=inputs.border_rows,
        bound=0.0 if scores is None else scores.bound,
        notes=_notes(walk, scores),
    )


def _notes(walk: Walk, scores: Scores | None) -> tuple[str, ...]:
    notes = []
    if scores is not None and scores.bound:
        notes.append(
            "scores of classes are rounded to whole numbers; the error of a score is at most "
            f"{scores.bound:.3g}"
        )
    if scores is not None and scores.rounding:
        notes.append(
            f"the model adds scores in single precision, with an error of up to {scores.rounding:.3g}; where "
            "two scores are closer, it may choose either class"
        )
    if walk.unsure:
        notes.append(
            f"{walk.unsure} activations depend on how single precision rounds a sum; sums are rounded to the "
            "nearest float"
        )
    return tuple(notes)


def _rows(graph: Graph, X: Any) -> NDArray[np.float64]:
    """Return rows with the model's number of inputs."""
    given = np.asarray(X)
    values = number_matrix("X", given.reshape(len(given), -1) if given.ndim > 2 else X)
    size = int(np.prod(graph.shape))
    if values.shape[1] != size:
        raise WidthError(f"{graph.path}: expected rows of {size} numbers, got {values.shape[1]}")
    return values


def _output_bits(flow: Flow) -> tuple[Neurons, NDArray[np.float64]] | None:
    """Return the neurons of outputs of at most two levels, and the middle of these; None for others."""
    assert flow.sums is not None
    try:
        neurons, levels, _ = quantised(flow.sums, flow.flat, flow.index.reshape(-1))
    except NotIntegerError:
        return None
    counts = [len(each) for each in levels.values]
    if max(counts) > 2:
        return None
    # A constant output is a neuron without weights.
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
            f"{name}: a layer with constant activations; the output does not depend on the input"
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


def _library(
    graph: Graph, flow: Flow, middle: NDArray[np.float64] | None, rounding: float
) -> Library:
    """Return the outputs for rows, by ONNX Runtime or by this module."""
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

    return Library(name, predict, None if middle is not None else scores, rounding)


def _runtime(graph: Graph) -> tuple[str, Callable[[Rows], NDArray[Any]]] | None:
    """Return ONNX Runtime without operator fusion; None if it is not installed or lacks operators."""
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
    except Exception:  # errors of ONNX Runtime about unknown versions and types
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


# Bits of the inputs

_FAR = np.float32(1e30)
_PROBES = 256
_NUMBERS = 256
"""Maximum number of different whole numbers of an input."""

Apply = Callable[[NDArray[Any]], NDArray[Any]]
Singles = NDArray[np.float32]


class Inputs:
    """The inputs of a model; code and ports are known after `levels`.

    `rows` ``(rows, inputs)`` float64, or None, show the values of the inputs.
    """

    def __init__(self, name: str, size: int, rows: NDArray[np.float64] | None) -> None:
        self.name = name
        self.size = size
        self.rows = rows
        self.ports: tuple[Port, ...] = (Port(name, size),)
        self.code: TableCode | None = None
        self._tried: list[Singles] = [np.array([0, 1], dtype=np.float32)] * size

    def levels(self, apply: Apply, index: Integers) -> Levels:
        """Return the levels of the inputs after operators.

        ``apply`` maps ``(rows, inputs)`` to ``(rows, activations)``; activation ``e`` depends on input
        ``index[e]`` alone.

        Raises
        ------
        NotIntegerError
            If the range of the inputs is unknown.
        """
        if sorted(index.tolist()) != list(range(self.size)):
            raise NotIntegerError("an input that is used twice or not at all")
        found = self._quantised(apply, index)
        return self._listed(apply, index) if found is None else found

    def border_rows(self, count: int) -> NDArray[np.float64]:
        """Return rows of values beside the thresholds of the inputs."""
        random = np.random.default_rng(0)
        columns = [each[random.integers(len(each), size=count)] for each in self._tried]
        return np.stack(columns, axis=1).astype(np.float64)

    def _quantised(self, apply: Apply, index: Integers) -> Levels | None:
        """Find the thresholds of a quantiser by bisection; None if there are too many levels."""
        cuts: list[list[tuple[np.float32, np.float32]]] = [[] for _ in range(self.size)]
        ends = np.asarray(
            apply(np.full((2, self.size), _FAR) * np.array([[-1], [1]], dtype=np.float32)),
            dtype=np.float32,
        )
        open_: list[tuple[int, np.float32, np.float32, np.float32, np.float32]] = [
            (place, -_FAR, ends[0, place], _FAR, ends[1, place]) for place in range(self.size)
        ]
        while open_:
            slots = np.zeros(self.size, dtype=np.int64)
            asked = []
            for place, a, value_a, b, value_b in open_:
                middle = None if value_a == value_b else _between(a, b)
                if middle is not None:
                    asked.append((place, int(slots[place]), a, value_a, middle, b, value_b))
                    slots[place] += 1
                elif value_a != value_b:
                    cuts[place].append((b, value_b))
            if max(slots.max(), *map(len, cuts)) >= MOST_LEVELS:
                return None
            rows = np.zeros((max(1, int(slots.max())), self.size), dtype=np.float32)
            for place, slot, _, _, middle, _, _ in asked:
                rows[slot, index[place]] = middle
            made = np.asarray(apply(rows), dtype=np.float32)
            open_ = []
            for place, slot, a, value_a, middle, b, value_b in asked:
                value = made[slot, place]
                open_ += [(place, a, value_a, middle, value), (place, middle, value, b, value_b)]
        limits = [np.array(sorted(cut for cut, _ in own), dtype=np.float32) for own in cuts]
        values = [
            np.array([start, *(after for _, after in sorted(own))], dtype=np.float32)
            for start, own in zip(ends[0], cuts, strict=True)
        ]
        self._require_steps(apply, index, limits, values)
        by_input = np.argsort(index)
        cut = [limits[place] for place in by_input]
        self._set_steps([np.nextafter(each, -_FAR) for each in cut], cut)
        return self._thermometers(index, values)

    def _require_steps(
        self, apply: Apply, index: Integers, limits: Sequence[Singles], values: Sequence[Singles]
    ) -> None:
        """Refuse functions that are not monotonic, where bisection would have missed changes."""
        random = np.random.default_rng(0)
        spread = (
            max((float(np.abs(each).max()) for each in limits if len(each)), default=0.0) or 1.0
        )
        probes = random.uniform(-4 * spread, 4 * spread, (_PROBES, self.size)).astype(np.float32)
        made = np.asarray(apply(probes), dtype=np.float32)
        for place, own in enumerate(index):
            level = np.searchsorted(limits[place], probes[:, own], side="right")
            if not np.array_equal(values[place][level], made[:, place]):
                raise NotIntegerError(
                    "inputs with other operators than one quantiser of up to 4 bits"
                )

    def _listed(self, apply: Apply, index: Integers) -> Levels:
        """Take the levels from rows: bits, signs or small whole numbers."""
        if self.rows is None or not self.rows.size:
            raise NotIntegerError(
                "inputs of unknown range; give rows `X` of whole numbers, or train with an input quantiser of "
                "up to 4 bits"
            )
        seen = np.unique(self.rows)
        broken = seen[seen != np.rint(seen)]
        if len(broken) or seen[-1] - seen[0] >= _NUMBERS:
            what = f"{broken[0]:g}" if len(broken) else f"{seen[0]:g} to {seen[-1]:g}"
            raise NotIntegerError(
                f"float inputs, such as {what}; train with an input quantiser of up to 4 bits, or use whole "
                f"numbers in a range of {_NUMBERS}"
            )
        numbers = _domain(seen)
        table = np.repeat(numbers.astype(np.float32)[:, None], self.size, axis=1)
        made = np.asarray(apply(table), dtype=np.float64)
        self._tried = [numbers.astype(np.float32)] * self.size
        if len(numbers) > MOST_LEVELS:
            return self._binary(index, made, numbers)
        if not np.array_equal(numbers, (0, 1)):
            single = numbers.astype(np.float32)
            self._set_steps([single[:-1]] * self.size, [single[1:]] * self.size)
        return self._thermometers(index, [column.astype(np.float32) for column in made.T])

    def _binary(
        self, index: Integers, made: NDArray[np.float64], numbers: NDArray[np.float64]
    ) -> Levels:
        """Code inputs of many values as binary numbers; their operators must be linear."""
        last = len(numbers) - 1
        width = last.bit_length()
        slope = (made[-1] - made[0]) / last
        line = made[0] + slope * np.arange(len(numbers))[:, None]
        if np.abs(line - made).max() > 1e-6 * np.abs(made).max():
            raise NotIntegerError("whole numbers with other operators than a scale and an offset")
        low, high = float(numbers[0]), float(numbers[-1])
        self._set_code(
            [
                ColumnCode(*self._names(place), low=low, high=high, levels=last)
                for place in range(self.size)
            ]
        )
        step = np.zeros((self.size, self.size, width))
        step[np.arange(self.size), index] = slope[:, None] * 2.0 ** np.arange(width)
        values = [column.astype(np.float32) for column in made.T]
        return Levels(made[0], step.reshape(self.size, -1), values)

    def _thermometers(self, index: Integers, values: Sequence[Singles]) -> Levels:
        widths = np.zeros(self.size, dtype=np.int64)
        widths[index] = [len(each) - 1 for each in values]
        ends = np.cumsum(widths)
        step = np.zeros((self.size, int(ends[-1])))
        for place, own in enumerate(index):
            steps = np.diff(values[place].astype(np.float64))
            step[place, ends[own] - widths[own] : ends[own]] = steps
        return Levels(np.array([float(each[0]) for each in values]), step, values)

    def _names(self, place: int, kind: str = LEVELS) -> tuple[str, str, str]:
        return f"{self.name}[{place}]", kind, f"{self.name}_{place}"

    def _set_steps(self, below: Sequence[Singles], limits: Sequence[Singles]) -> None:
        """Take thermometers: bit ``t`` of an input is 1 from limit ``t`` on, 0 up to the number below it."""
        columns = []
        for place, (under, own) in enumerate(zip(below, limits, strict=True)):
            cuts = tuple(
                between(float(a), float(b)) if b else 0.0 for a, b in zip(under, own, strict=True)
            )
            columns.append(ColumnCode(*self._names(place, STEPS), thresholds=cuts))
        self._tried = [
            np.concatenate([under, own]) if len(own) else np.zeros(1, dtype=np.float32)
            for under, own in zip(below, limits, strict=True)
        ]
        self._set_code(columns)

    def _set_code(self, columns: Sequence[ColumnCode]) -> None:
        self.code = TableCode("model", tuple(columns), REFUSE)
        self.ports = self.code.ports


def _domain(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the possible whole numbers of an input: 0 and 1, -1 and 1, or a range."""
    for usual in ((0, 1), (-1, 1)):
        if np.isin(seen, usual).all():
            return np.array(usual, dtype=np.float64)
    low = min(0.0, float(seen[0]))
    count = int(seen[-1] - low) + 1
    if count > MOST_LEVELS:  # a whole number of bits
        count = 1 << (count - 1).bit_length()
    return low + np.arange(count, dtype=np.float64)


def _between(a: np.float32, b: np.float32) -> np.float32 | None:
    """Return the number midway between two in the order of single precision; None if they are adjacent."""
    low, high = (_order(each) for each in (a, b))
    if high - low <= 1:
        return None
    middle = (low + high) // 2
    word = np.uint32(middle if middle >= 0 else (-middle) | 0x80000000)
    bits = np.array([word], dtype=np.uint32)
    found: np.float32 = bits.view(np.float32)[0]
    return found


def _order(number: np.float32) -> int:
    word = int(np.array(number, dtype=np.float32).view(np.uint32))
    return word if word < 0x80000000 else -(word & 0x7FFFFFFF)
