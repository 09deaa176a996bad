"""Linear classifiers of scikit-learn as a layer of threshold neurons over bits.

Each column has a table with the contribution of each of its values to the sum of every class. Bins and words
have few values. Numbers must be whole, as the rows `X` show, because there is no grid on which sums of real
numbers are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import frame_columns
from btfsynth.dataset.table_code import LEVELS, REFUSE, SKIP, STEPS, ColumnCode, TableCode
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import UsageError, plural, shown
from btfsynth.lower.adder import add_columns
from btfsynth.lower.class_sums import place_of_largest
from btfsynth.models.ensemble import TRIED_BITS
from btfsynth.models.grid import (
    Feature,
    NumberFeature,
    PiecesFeature,
    WordFeature,
    port_names,
    whole_code,
    words_code,
)
from btfsynth.models.readers import Reading
from btfsynth.models.record import ImportedModel, class_port, lowered
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port

_EPS = float(np.finfo(np.float64).eps)


def linear_classifier(model: Any, reading: Reading) -> ImportedModel:
    """Return a model that decides by ``coef_ @ x + intercept_``."""
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    bias = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64), (len(weights),))

    def scores(X: Any) -> NDArray[np.float64]:
        found = np.asarray(model.decision_function(reading.before(X)), dtype=np.float64)
        return np.stack([np.zeros(len(found)), found], axis=1) if found.ndim == 1 else found

    return _model(weights, bias, reading, scores)


def bernoulli_bayes(model: Any, reading: Reading) -> ImportedModel:
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    weights = np.asarray(model.feature_log_prob_ - absent)
    bias = np.asarray(model.class_log_prior_ + absent.sum(axis=1))
    features = list(reading.features)
    if model.binarize is not None:
        edge = np.array([np.nextafter(float(model.binarize), np.inf)])
        features = [feature.cut(edge, lambda values: values) for feature in features]

    def scores(X: Any) -> NDArray[np.float64]:
        found = np.asarray(model._joint_log_likelihood(model._check_X(reading.before(X))))
        if found.shape[1] == 2:
            return np.stack([np.zeros(len(found)), found[:, 1] - found[:, 0]], axis=1)
        return found

    if len(weights) == 2:
        weights, bias = weights[1:] - weights[:1], bias[1:] - bias[:1]
    return _model(weights, bias, reading.over(features), scores)


def perceptron(model: Any, reading: Reading) -> ImportedModel:
    """Return a multilayer perceptron without an activation, which is linear; others are refused."""
    if model.activation != "identity" and len(model.coefs_) > 1:
        raise UsageError(
            f"{reading.kind}: hidden activation {model.activation} gives real numbers, expected threshold "
            "neurons; train with activation='identity', with `btf.train`, or a binarised network "
            "for `btf.from_onnx`"
        )
    weights, bias = np.eye(model.n_features_in_), np.zeros(model.n_features_in_)
    for layer, shift in zip(model.coefs_, model.intercepts_, strict=True):
        weights, bias = weights @ layer, bias @ layer + shift
    return _model(weights.T, bias, reading, None)


def _model(
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    reading: Reading,
    scores: Any,
) -> ImportedModel:
    """Return a linear model; `weights` is ``(outputs, features)``."""
    if len(weights) != (1 if len(reading.origin.classes) == 2 else len(reading.origin.classes)):
        raise UsageError(f"{reading.kind}: expected one sum per class, got {len(weights)}")
    known = reading.values()
    names = port_names(reading.columns)
    codes: list[ColumnCode] = []
    rows: list[NDArray[np.float64]] = []
    base = bias.astype(np.float64)
    for place in range(len(reading.columns)):
        used = [
            n
            for n, each in enumerate(reading.features)
            if each.column == place and weights[:, n].any()
        ]
        if not used:
            codes.append(ColumnCode(reading.columns[place].name, SKIP))
            continue
        features = [reading.features[number] for number in used]
        coded, table = _table(
            reading,
            place,
            names[place],
            features,
            weights[:, used],
            None if known is None else known[:, place],
        )
        codes.append(coded)
        if coded.kind == SKIP:
            base = base + table[0]
            continue
        base = base + table[0]
        rows += _bit_weights(coded, table)
    code = TableCode("grid", tuple(codes), REFUSE)
    if not code.width:
        raise UsageError(
            f"{reading.kind}: gives every row the same label; there is no hardware to make"
        )
    if scores is not None:
        size = float(np.abs(np.array(rows)).sum(axis=0).max() + np.abs(base).max())
        reading = reading.scored(scores, 4 * _EPS * size * (weights.shape[1] + 1))
    return linear_model(BitSums(np.array(rows), base), code, reading)


def _table(
    reading: Reading,
    place: int,
    port: str,
    features: Sequence[Feature],
    weights: NDArray[np.float64],
    known: NDArray[np.float64] | None,
) -> tuple[ColumnCode, NDArray[np.float64]]:
    """Return the code of a column and ``(values, outputs)``, the contribution of each value."""
    column = reading.columns[place]
    if isinstance(features[0], WordFeature):
        values = [each.values for each in features if isinstance(each, WordFeature)]
        return words_code(column, port), np.stack(values, axis=1) @ weights.T
    pieces = [each for each in features if isinstance(each, PiecesFeature)]
    borders = sorted({border for each in pieces for border in each.borders})
    if len(pieces) == len(features):
        at = np.array([-np.inf, *borders])
        made = [each.values[np.searchsorted(each.borders, at, side="right")] for each in pieces]
        table = np.stack(made, axis=1) @ weights.T
        if not borders:
            return ColumnCode(column.name, SKIP), table
        return ColumnCode(column.name, STEPS, port, thresholds=tuple(borders)), table
    whole = whole_code(column, port, borders, known)
    if whole is None:
        raise UsageError(
            f"{reading.kind}: column {shown(column.name, 40)}: sums of real numbers have no exact grid; put "
            "KBinsDiscretizer or Binarizer before the model in a Pipeline, or give rows `X` of whole numbers"
        )
    numbers = np.arange(whole.low, whole.high + 1)
    made = []
    for each in features:
        if isinstance(each, NumberFeature):
            made.append(each.of(numbers))
        elif isinstance(each, PiecesFeature):
            made.append(each.values[np.searchsorted(each.borders, numbers, side="right")])
    table = np.stack(made, axis=1) @ weights.T
    steps = np.diff(table, axis=0)
    if np.allclose(steps, steps[:1], rtol=1e-9, atol=1e-12 * float(np.abs(table).max() + 1)):
        return whole, table
    return ColumnCode(column.name, STEPS, port, thresholds=tuple(numbers[1:].tolist())), table


def _bit_weights(coded: ColumnCode, table: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the contribution of each bit of a column to every sum, relative to the first row of its table."""
    if coded.kind == STEPS:
        return list(np.diff(table, axis=0))
    if coded.kind == LEVELS:
        slope = (table[-1] - table[0]) / (len(table) - 1)
        return [slope * (1 << bit) for bit in range(coded.width)]
    if coded.width == 1:
        return [table[1] - table[0]]
    return list(table - table[0])


# Integer weights of the sums

_MOST_BITS = 20
_TRIED_ROWS = 1024


@dataclass(frozen=True, eq=False)
class BitSums:
    """Weighted sums of bits; a single output decides by its sign, several by the largest.

    Parameters
    ----------
    weights
        ``(bits, outputs)`` float64: contribution of a bit of 1.
    bias
        ``(outputs,)`` float64.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


def linear_model(sums: BitSums, code: TableCode, reading: Reading) -> ImportedModel:
    """Return sums with integer weights, the largest with the requested number of bits.

    By default 8 bits, or more until all known rows have the library's labels.
    """
    origin = reading.origin
    borders = partial(_grid_rows, code, origin.rows_of)
    bits = reading.options.leaf_bits or _bits_for(sums, code, reading, borders)
    weights, bias, bound = _rounded(sums, bits)
    classes = len(origin.classes)
    width = class_port(classes).width

    def function(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return bits_of(_labels(weights, bias, rows), width)

    network = _network(weights, bias, origin.name, code, origin.classes)
    netlist = (
        lowered(network, False) if classes == 2 else _largest(weights, bias, origin.name, code)
    )
    said = (
        ()
        if not bound
        else (f"weights of {plural(bits, 'bit')}: the error of a sum is at most {bound:.3g}",)
    )
    whole = [each.name for each in code.columns if each.kind == LEVELS]
    if whole:
        few = ", ".join(whole[:3]) + (f", ... ({len(whole)})" if len(whole) > 3 else "")
        said = (*said, f"whole numbers: {few}; values outside their range in `X` are clipped")
    return ImportedModel(
        origin.name,
        origin.source,
        netlist,
        function,
        code=code,
        classes=origin.classes,
        network=network,
        library=origin.library,
        border_rows=borders,
        bound=bound,
        notes=(*origin.notes, *said),
    )


def _rounded(sums: BitSums, bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Return integer weights and biases, and the maximum error of a sum."""
    largest = float(np.abs(sums.weights).max()) or 1.0
    scale = ((1 << bits) - 1) / largest
    weights, bias = np.rint(sums.weights * scale), np.rint(sums.bias * scale)
    off = np.abs(weights / scale - sums.weights).sum(axis=0) + np.abs(bias / scale - sums.bias)
    return weights.astype(np.int64), bias.astype(np.int64), float(off.max())


def _labels(
    weights: NDArray[np.int64], bias: NDArray[np.int64], rows: NDArray[np.uint8]
) -> NDArray[np.int64]:
    found = rows.astype(np.int64) @ weights + bias
    if found.shape[1] == 1:
        return (found[:, 0] > 0).astype(np.int64)
    return np.asarray(found.argmax(axis=1))


def _bits_for(sums: BitSums, code: TableCode, reading: Reading, borders: Any) -> int:
    origin = reading.origin
    if origin.library is None:
        return TRIED_BITS[1]
    place = {str(label): number for number, label in enumerate(origin.classes)}
    coded, expected = [], []
    for rows in [borders(_TRIED_ROWS), *([] if reading.X is None else [reading.X])]:
        coded.append(code.bits(*frame_columns("X", rows), "X")[0])
        labels = np.asarray(origin.library.predict(rows)).reshape(-1).tolist()
        expected += [place.get(str(each), -1) for each in labels]
    bits, wanted = np.concatenate(coded), np.array(expected)
    tried = [each for each in TRIED_BITS if each <= _MOST_BITS]
    wrong = [int((_labels(*_rounded(sums, each)[:2], bits) != wanted).sum()) for each in tried]
    return tried[wrong.index(min(wrong))]


def _network(
    weights: NDArray[np.int64],
    bias: NDArray[np.int64],
    name: str,
    code: TableCode,
    classes: tuple[Any, ...],
) -> TrainedNetwork:
    """Return the sums as neurons over -1/+1: twice a sum is ``W . x`` and a bias, on the constant -1."""
    constant = -(2 * bias + weights.sum(axis=0))
    edges = np.concatenate([constant[:, None], weights.T], axis=1).astype(np.float32)
    port = class_port(2) if len(bias) == 1 else Port("votes", len(bias))
    return TrainedNetwork(
        name,
        layered([len(weights), len(bias)]),
        edges.reshape(-1),
        code.ports,
        (port,),
        code=code,
        classes=classes,
    )


def _largest(
    weights: NDArray[np.int64], bias: NDArray[np.int64], name: str, code: TableCode
) -> Netlist:
    """Build the sums and the index of the largest."""
    builder = NetlistBuilder(name, code.ports, (class_port(len(bias)),))
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    # w b = |w| !b - |w| for a negative w
    rest = bias + np.minimum(weights, 0).sum(axis=0)
    numbers = []
    for output, offset in enumerate((rest - rest.min()).tolist()):
        terms = [
            (abs(weight), literal ^ int(weight < 0))
            for weight, literal in zip(weights[:, output].tolist(), inputs, strict=True)
            if weight
        ]
        numbers.append(add_columns(builder, terms, offset))
    most = max(len(bits) for bits in numbers)
    return builder.build(
        place_of_largest(builder, [bits + [FALSE] * (most - len(bits)) for bits in numbers])
    )


def _grid_rows(code: TableCode, rows_of: Any, count: int) -> Any:
    """Return rows of random values of the grid: on, and just below, thresholds."""
    random = np.random.Generator(np.random.PCG64(0))
    columns = []
    for each in code.columns:
        values = _tried_values(each)
        columns.append(values[random.integers(0, len(values), count)])
    return rows_of(np.stack(columns, axis=1))


def _tried_values(coded: ColumnCode) -> NDArray[np.float64]:
    if coded.kind == LEVELS:
        return np.arange(coded.low, coded.high + 1)
    if coded.kind == STEPS:
        at = np.array(coded.thresholds)
        return np.concatenate([np.nextafter(at, -np.inf), at])
    return np.arange(float(max(1, len(coded.categories))))
