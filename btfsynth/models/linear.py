"""Sums over bits with real weights as imported models: one layer of threshold neurons with integer weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.frames import frame_columns
from btfsynth.dataset.table_code import LEVELS, STEPS, ColumnCode, TableCode
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import plural
from btfsynth.lower.adder import add_columns
from btfsynth.lower.class_sums import place_of_largest
from btfsynth.models.ensemble import TRIED_BITS
from btfsynth.models.reading import Reading
from btfsynth.models.record import ImportedModel, class_port, lowered
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.network.topology import layered
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port

_MOST_BITS = 20
_TRIED_ROWS = 1024


@dataclass(frozen=True, eq=False)
class BitSums:
    """Sums of bits: of one output the sign decides, of several the largest.

    Parameters
    ----------
    weights
        ``(bits, outputs)`` float64: what a bit of 1 adds.
    bias
        ``(outputs,)`` float64.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


def linear_model(sums: BitSums, code: TableCode, reading: Reading) -> ImportedModel:
    """Return sums with integer weights, of which the largest has as many bits as was asked for.

    If nothing was asked, 8, and more until the rows that are known have the library's labels.
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
        else (f"weights of {plural(bits, 'bit')}: sums are off by at most {bound:.3g}",)
    )
    whole = [each.name for each in code.columns if each.kind == LEVELS]
    if whole:
        few = ", ".join(whole[:3]) + (f", ... ({len(whole)})" if len(whole) > 3 else "")
        said = (*said, f"whole numbers: {few}; what is outside their range in `X` is cut off")
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
    """Return integer weights and biases, and how far a sum may be from the exact one."""
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
    """Build the sums and the number of the largest."""
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
