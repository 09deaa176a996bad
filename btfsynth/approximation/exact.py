"""The exact circuit and the weights of its input vectors, from a task, a file or a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import require_bits
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.flow.simplify import optimise
from btfsynth.lower.adder import lower_sum
from btfsynth.lower.starts import table_starts
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS, evaluate, function_reference
from btfsynth.ports import Port
from btfsynth.time_box import time_box
from btfsynth.verify.error_metrics import MAX_MEASURED_INPUTS

Weights = NDArray[np.int64]
_SUM_INPUTS, _SUM_DIGITS = 12, 256
"""With more inputs, a sum of up to this many products stays unchanged; optimising it would take a minute."""
_LARGEST = 1 << 31
"""Exclusive maximum of a weight."""


def exact_netlist(dataset: Dataset) -> tuple[Netlist, Weights | None]:
    """Return a small netlist of a data set, and the weights of its input vectors.

    Vectors that are not listed have weight zero: their error is ignored. Targets of listed vectors must not be
    don't-cares. The weights are None if all vectors are listed once.
    """
    require_bits(dataset)
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs, got {dataset.input_kind.value}"
        )
    if dataset.n_inputs > MAX_EXHAUSTIVE_INPUTS:
        raise UsageError(
            f"{dataset.source}: expected at most {MAX_EXHAUSTIVE_INPUTS} inputs of a table, got "
            f"{dataset.n_inputs}; give a netlist"
        )
    if not dataset.care_mask.all():
        raise UsageError(
            f"{dataset.source}: expected targets without don't-cares, which have no error; omit such rows"
        )
    worth = 1 << np.arange(dataset.n_inputs, dtype=np.int64)
    numbers = dataset.inputs.astype(np.int64) @ worth
    tables = np.zeros((dataset.n_outputs, 1 << dataset.n_inputs), dtype=np.uint8)
    tables[:, numbers] = dataset.targets.T.astype(np.uint8)
    if (tables[:, numbers] != dataset.targets.T).any():
        raise UsageError(f"{dataset.source}: rows contradict each other")
    weights = np.bincount(numbers, minlength=1 << dataset.n_inputs).astype(np.int64)
    wanted = np.where(weights[None, :] > 0, tables, np.uint8(2))
    ports = dataset.input_ports, dataset.output_ports
    like = NetlistBuilder(dataset.name, *ports).build([FALSE] * dataset.n_outputs)
    made = _as_sum(like, tables) if like.n_inputs > _SUM_INPUTS else None
    if made is None:
        with time_box(None):  # for Ctrl-C in a kernel
            made = _smallest(like, tables, wanted)
    return made, None if (weights == 1).all() else weights


def _smallest(like: Netlist, tables: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> Netlist:
    starts = table_starts(like, tables, wanted)
    smallest = min((start.netlist for start in starts), key=lambda netlist: netlist.n_cells)
    reference = function_reference(lambda vectors: evaluate(smallest, vectors), like.n_inputs)
    return optimise(smallest, reference, "fast").netlist


def _as_sum(like: Netlist, tables: NDArray[np.uint8]) -> Netlist | None:
    """Return a sum of few products as full adders, None if the tables are not such a sum."""
    builder = NetlistBuilder(like.name, like.input_ports, like.output_ports)
    literals = [builder.input(bit) for bit in range(like.n_inputs)]
    bits = lower_sum(builder, tables, literals, _SUM_DIGITS)
    return None if bits is None else builder.build(bits)


def read_weights(path: StrPath, ports: Sequence[Port]) -> Weights:
    """Return ``(2 ** inputs,)`` int64, the weights of input vectors from a file.

    A .csv has a column with whole numbers for each input port, and optionally a column ``weight`` (default 1);
    the weights of equal rows are added. An .npy has ``(2 ** inputs,)`` whole numbers.
    """
    path = as_path(path)
    inputs = sum(port.width for port in ports)
    if inputs > MAX_MEASURED_INPUTS:
        raise UsageError(
            f"{path}: expected at most {MAX_MEASURED_INPUTS} inputs for weights, got {inputs}"
        )
    weights = (
        _read_array(path, inputs)
        if path.suffix.lower() == ".npy"
        else _read_table(path, ports, inputs)
    )
    if not weights.any():
        raise DataError("expected at least one vector with a weight above 0", path)
    return weights


def _read_array(path: Path, inputs: int) -> Weights:
    try:
        values = np.load(path, allow_pickle=False)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except ValueError as error:
        raise DataError(f"expected an array of NumPy: {error}", path) from None
    if values.shape != (1 << inputs,):
        raise DataError(
            f"expected {1 << inputs} weights, got an array of shape {values.shape}", path
        )
    if values.dtype.kind not in "bui" or values.min() < 0 or values.max() >= _LARGEST:
        raise DataError(f"expected whole numbers from 0 to {_LARGEST - 1}", path)
    return np.asarray(values, dtype=np.int64)


def _read_table(path: Path, ports: Sequence[Port], inputs: int) -> Weights:
    weights = np.zeros(1 << inputs, dtype=np.int64)
    names = [port.name for port in ports]
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.reader(stream)
            heading = [cell.strip() for cell in next(rows, [])]
            if sorted(set(heading) - {"weight"}) != sorted(names) or len(heading) != len(
                set(heading)
            ):
                raise DataError(
                    f"expected a column for each of {', '.join(names)}, and optionally weight, got "
                    f"{', '.join(heading)[:80] or 'nothing'}",
                    path,
                    1,
                )
            for line, row in enumerate(rows, start=2):
                if row:
                    number, weight = _row(dict(zip(heading, row, strict=False)), ports, path, line)
                    weights[number] += weight
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"expected a CSV file: {error}", path) from None
    return weights


def _row(cells: dict[str, str], ports: Sequence[Port], path: Path, line: int) -> tuple[int, int]:
    number, first = 0, 0
    for port in ports:
        number |= _whole(cells.get(port.name), port.name, 1 << port.width, path, line) << first
        first += port.width
    weight = _whole(cells.get("weight", "1"), "weight", _LARGEST, path, line)
    return number, weight


def _whole(cell: str | None, name: str, end: int, path: Path, line: int) -> int:
    text = (cell or "").strip()
    if not text.isascii() or not text.isdigit() or int(text) >= end:
        raise DataError(
            f"{name}: expected a whole number from 0 to {end - 1}, got {text[:40]!r}", path, line
        )
    return int(text)
