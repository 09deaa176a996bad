"""The exact circuit and the weights of its input vectors, from a task, a file or a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import require_bits
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.load import load
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError, UsageError, plural
from btfsynth.files import StrPath, as_path
from btfsynth.flow.simplify import optimise
from btfsynth.hdl.formats import read_noted
from btfsynth.hdl.manifest import load_manifest
from btfsynth.lower.adder import lower_sum
from btfsynth.lower.starts import table_starts
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    evaluate,
    exhaustive_words,
    function_reference,
    output_words,
    unpack_bits,
)
from btfsynth.passes.base import Ended
from btfsynth.ports import Port
from btfsynth.sim.simulators import port_values
from btfsynth.time_box import time_box
from btfsynth.verify.error_metrics import ERROR_ROLE, EXACT_ROLE, MAX_MEASURED_INPUTS
from btfsynth.verify.subjects import is_table, stored_netlist, verilog_netlist

Weights = NDArray[np.int64]
_SUM_INPUTS, _SUM_DIGITS = 12, 256
"""With more inputs, a sum of up to this many products stays unchanged; optimising it would take a minute."""
_LARGEST = 1 << 31
"""Exclusive maximum of a weight."""


@dataclass(frozen=True, eq=False)
class Exact:
    """The circuit to approximate, the weights of its input vectors, and what to say about them."""

    netlist: Netlist
    weights: Weights | None = None
    notes: tuple[str, ...] = ()
    source: str = ""  # without a folder

    def simplified(self) -> Exact:
        """Return it with a smaller netlist of the same function if one is found soon."""
        given = self.netlist
        small = _simplified(given)
        if small is given:
            return self
        note = f"{given.name}: {plural(given.n_cells, 'cell')} as read, {small.n_cells} simplified"
        return replace(self, netlist=small, notes=(*self.notes, note))

    def weighted(self, weights: Weights) -> Exact:
        """Return it with other weights; refuse those of vectors that the source leaves undefined."""
        if self.weights is not None:
            undefined = np.flatnonzero((weights > 0) & (self.weights == 0))
            if undefined.size:
                ports, first = self.netlist.input_ports, int(undefined[0])
                where = port_values(ports, f"{first:0{self.netlist.n_inputs}b}")
                raise UsageError(
                    f"`weights`: expected 0 where {self.source or 'the source'} does not define the outputs, "
                    f"got {weights[first]} for {where} (vectors in all: {undefined.size})"
                )
        return replace(self, weights=weights)


def read_exact(source: StrPath, comb: bool = False) -> Exact:
    """Read a task, a table, a netlist or a design folder; `comb` makes registers ports."""
    if (isinstance(source, str) and is_task_spec(source)) or is_table(as_path(source)):
        dataset = load(source)
        return Exact(*exact_netlist(dataset), tuple(dataset.notices), dataset.source)
    path = as_path(source)
    if path.is_dir():
        manifest = load_manifest(path)
        netlist = stored_netlist(path, manifest) or verilog_netlist(path, manifest)
        told: tuple[str, ...] = ()
        if ERROR_ROLE in manifest.files:
            told = (
                f"{path}: is an approximate circuit; errors are measured against it, not against "
                f"{manifest.files[EXACT_ROLE]} in this folder",
            )
        return Exact(netlist, None, told, path.resolve().name)
    design = read_noted(path, comb)
    notes = tuple(f"{path.name}: {note}" for note in design.notes)
    weights = None if design.dont_care is None else _care(path, design.dont_care)
    return Exact(design.netlist, weights, notes, path.name)


def _care(path: Path, dont_care: Netlist) -> Weights:
    """Return weights of 0 where all outputs are don't-cares, and of 1 where none is."""
    inputs = dont_care.n_inputs
    if inputs > MAX_MEASURED_INPUTS:
        raise UsageError(
            f"{path}: expected at most {MAX_MEASURED_INPUTS} inputs with don't-cares, got {inputs}"
        )
    bits = unpack_bits(output_words(dont_care, exhaustive_words(inputs)), 1 << inputs)
    open_outputs = bits.sum(axis=1)
    if not np.isin(open_outputs, (0, dont_care.n_outputs)).all():
        raise UsageError(
            f"{path}: expected an input vector to leave all outputs open or none, since a number that is "
            "partly a don't-care has no error"
        )
    return np.asarray(open_outputs == 0, dtype=np.int64)


def _simplified(given: Netlist) -> Netlist:
    """Return the smallest of a netlist and those that are made from its table."""
    if not 0 < given.n_inputs <= MAX_EXHAUSTIVE_INPUTS or not given.n_cells:
        return given
    vectors = 1 << given.n_inputs
    words = exhaustive_words(given.n_inputs)
    tables = np.ascontiguousarray(unpack_bits(output_words(given, words), vectors).T)
    with time_box(None):  # for Ctrl-C in a kernel
        if given.n_inputs > _SUM_INPUTS:
            found = [_as_sum(given, tables)]
        else:
            reference = function_reference(partial(evaluate, given), given.n_inputs)
            made = _smallest(given, tables, tables)
            found = [made, _optimised(given, reference)]
    smaller = (each for each in found if each is not None and each.n_cells < given.n_cells)
    best = min(smaller, key=lambda each: each.n_cells, default=given)
    same = tables == unpack_bits(output_words(best, words), vectors).T
    return best if same.all() else given


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
    return _optimised(smallest, reference)


def _optimised(netlist: Netlist, reference: Reference) -> Netlist:
    found = optimise(netlist, reference, "fast")
    if found.ended is Ended.USER:  # part of it would make what follows depend on the moment
        raise KeyboardInterrupt
    return found.netlist


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
        with path.open(newline="", encoding="utf-8-sig") as stream:
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
                if row and len(row) != len(heading):
                    raise DataError(
                        f"expected {len(heading)} cells as in the heading, got {len(row)}",
                        path,
                        line,
                    )
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
