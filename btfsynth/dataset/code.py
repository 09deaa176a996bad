"""Codes that turn analog inputs into bits, and so into ports of hardware.

Every code here is linear: a value ``v`` in [0, 1] becomes a whole number ``n = round(levels * v)``, halves
upwards, and ``n`` is a weighted sum of the bits. What a neuron makes of an analog input it can therefore make
of the bits of its code with other weights (see `btfsynth.network.coded`), exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.fit_code import CodeSpec, between, fit_code, parse_spec
from btfsynth.dataset.patterns import group_rows
from btfsynth.dataset.table_code import IMPUTE, LEVELS, REFUSE, STEPS, ColumnCode, TableCode
from btfsynth.dataset.tasks import whole_number
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import DataError, UsageError
from btfsynth.ports import Port, bit_names

CODES = "binary:K, levels:N, thermometer:K, threshold:X, auto, quantile:K or tree:K"
"""The codes there are, for messages."""

MAX_LEVELS = 4095
"""Largest number an input becomes: twelve bits."""
MAX_THERMOMETER = 256
_TABLE_RULES = ("auto", "quantile", "tree")
"""Rules that choose from the training rows."""


@dataclass(frozen=True)
class InputCode:
    """How one analog input becomes bits."""

    text: str  # The specification in its normal form, such as binary:4
    levels: int
    bit_weights: tuple[int, ...]
    # True if bit i says that the number is above i, False if it is binary
    thermometer: bool = False
    threshold: float | None = None  # Value from which on a single bit is 1; None rounds

    @property
    def width(self) -> int:
        """Bits of one input."""
        return len(self.bit_weights)

    @property
    def trains_on_bits(self) -> bool:
        """True if a network is to be trained on the bits themselves, not on the values they stand for."""
        return self.thermometer

    def numbers(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of every value, int64 of the same shape, 0 to `levels`."""
        exact = np.asarray(values, dtype=np.float64)
        if self.threshold is not None:
            return np.asarray(exact >= np.float32(self.threshold), dtype=np.int64)
        return np.asarray(np.floor(exact * self.levels + 0.5), dtype=np.int64)

    def quantised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values that the numbers stand for, float32 of the same shape."""
        return (self.numbers(values) / self.levels).astype(np.float32)

    def bits(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return ``(patterns, columns * width)`` uint8 0/1 for ``(patterns, columns)`` values."""
        patterns, columns = values.shape
        numbers = self.numbers(values).reshape(-1)
        if self.thermometer:
            bits = (numbers[:, None] > np.arange(self.width)).astype(np.uint8)
        else:
            bits = bits_of(numbers, self.width)
        return bits.reshape(patterns, columns * self.width)

    @cached_property
    def unused(self) -> int:
        """How much all bits together count beyond `levels`: numbers that no value becomes."""
        return sum(self.bit_weights) - self.levels


Code = InputCode | CodeSpec
"""What is told of the code of inputs: the same linear one for all, or the rules of a table."""


def parse_code(text: str) -> Code:
    if "," in text or "=" in text or text.strip().lower().partition(":")[0] in _TABLE_RULES:
        return parse_spec(text)
    return parse_linear(text)


def parse_linear(text: str) -> InputCode:
    name, _, argument = (part.strip() for part in text.lower().partition(":"))
    what = f"code {text[:40]!r}"
    if name == "binary":
        width = whole_number(what, argument, 1, MAX_LEVELS.bit_length())
        return _binary(f"binary:{width}", (1 << width) - 1)
    if name == "levels":
        levels = whole_number(what, argument, 1, MAX_LEVELS)
        return _binary(f"levels:{levels}", levels)
    if name == "thermometer":
        width = whole_number(what, argument, 1, MAX_THERMOMETER)
        return InputCode(f"thermometer:{width}", width, (1,) * width, thermometer=True)
    if name == "threshold":
        threshold = _threshold(what, argument)
        return InputCode(f"threshold:{threshold:g}", 1, (1,), thermometer=True, threshold=threshold)
    raise UsageError(f"{what}: expected {CODES}")


def _binary(text: str, levels: int) -> InputCode:
    return InputCode(text, levels, tuple(1 << bit for bit in range(levels.bit_length())))


def _threshold(what: str, argument: str) -> float:
    try:
        value = float(argument)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise UsageError(f"{what}: expected a number above 0 and up to 1, got {argument[:40]!r}")
    return value


def coded_ports(ports: Sequence[Port], code: InputCode) -> tuple[Port, ...]:
    """Return one port for every analog input: those of a bus ``x`` are called ``x_0``, ``x_1``, ...

    If such a name is taken, all keep the index in brackets.
    """
    plain = bit_names(ports)
    names = [re.sub(r"\[([0-9]+)\]$", r"_\1", name) for name in plain]
    if len(set(names)) < len(names):
        names = plain
    return tuple(Port(name, code.width) for name in names)


def _require_analog(dataset: Dataset) -> None:
    if dataset.input_kind is not InputKind.ANALOG:
        raise UsageError(
            f"{dataset.source}: expected analog inputs to code, got {dataset.input_kind.value} ones"
        )


def quantise_inputs(dataset: Dataset, code: InputCode) -> Dataset:
    """Return analog data with every input moved to the value that its code stands for."""
    _require_analog(dataset)
    return replace(dataset, inputs=code.quantised(dataset.inputs))


def code_inputs(dataset: Dataset, code: InputCode) -> Dataset:
    """Return analog data as Boolean data, each input a port of the bits of its code.

    Patterns that the code cannot tell apart although their targets differ stay in; a notice counts them.
    """
    _require_analog(dataset)
    bits = code.bits(dataset.inputs)
    groups, _ = group_rows(bits)
    wanted = np.concatenate([dataset.targets & dataset.care_mask, dataset.care_mask], axis=1)
    pairs, _ = group_rows(np.concatenate([bits, wanted.astype(np.uint8)], axis=1))
    per_group = np.bincount(np.unique(np.stack([groups, pairs]), axis=1)[0])
    clashing = int((per_group[groups] > 1).sum())
    notices = dataset.notices
    if clashing:
        notices += (
            f"{code.text}: {clashing} of {dataset.n_patterns} patterns have the bits of a pattern with "
            "other targets",
        )
    ports = coded_ports(dataset.input_ports, code)
    return replace(
        dataset,
        inputs=bits,
        input_ports=ports,
        input_kind=InputKind.BOOLEAN,
        notices=notices,
        code=_as_table_code(dataset, code, ports),
    )


def _as_table_code(dataset: Dataset, code: InputCode, ports: Sequence[Port]) -> TableCode:
    """Return a linear code as what it does to every column."""
    columns = []
    for name, port in zip(bit_names(dataset.input_ports), ports, strict=True):
        if code.thermometer:
            steps = _steps(code)
            columns.append(ColumnCode(name, STEPS, port.name, thresholds=steps))
        else:
            columns.append(ColumnCode(name, LEVELS, port.name, levels=code.levels))
    return TableCode(code.text, tuple(columns), REFUSE)


def _steps(code: InputCode) -> tuple[float, ...]:
    """Return from which single-precision value on each bit of a thermometer is 1, as a short number."""
    if code.threshold is not None:
        first = [np.float32(code.threshold)]
    else:
        first = []
        for bit in range(code.width):
            value = np.float32((bit + 0.5) / code.levels)
            while code.numbers(np.nextafter(value, np.float32(0))) > bit:
                value = np.nextafter(value, np.float32(0))
            while code.numbers(value) <= bit:
                value = np.nextafter(value, np.float32(2))
            first.append(value)
    return tuple(between(float(np.nextafter(each, np.float32(0))), float(each)) for each in first)


# Codes that are chosen from the rows of a table.


def is_table(dataset: Dataset) -> bool:
    """Tell whether inputs have to be coded before they are bits, or could be."""
    return dataset.input_kind in (InputKind.TABLE, InputKind.ANALOG)


def columns_of(dataset: Dataset) -> tuple[TableColumn, ...]:
    """Return the columns of a table; those of analog data hold numbers."""
    if dataset.columns:
        return dataset.columns
    return tuple(TableColumn(name) for name in bit_names(dataset.input_ports))


def choose_code(dataset: Dataset, spec: Code, missing: str = IMPUTE) -> tuple[TableCode, list[str]]:
    """Choose the code of a table from its rows, which are those of the training.

    Returns
    -------
    The code, and notes on columns that it does not use.

    Raises
    ------
    UsageError, DataError
        If there is nothing to code, or a rule does not fit its column.
    """
    if not is_table(dataset):
        raise UsageError(
            f"{dataset.source}: expected analog inputs or a table to code, got "
            f"{dataset.input_kind.value} ones"
        )
    if isinstance(spec, InputCode):
        spec = parse_spec(spec.text)
    columns = columns_of(dataset)
    names = [re.sub(r"\[([0-9]+)\]$", r"_\1", column.name) for column in columns]
    if len(set(names)) < len(names):
        names = [column.name for column in columns]
    return fit_code(
        columns,
        names,
        dataset.inputs.astype(np.float64),
        np.where(dataset.care_mask, dataset.targets, np.nan),
        spec,
        missing=missing,
        source=dataset.source,
    )


def with_code(dataset: Dataset, code: TableCode) -> Dataset:
    """Return a table as Boolean data: every column that its code has is a port.

    What contradicts another pattern may change: `btfsynth.dataset.conflicts.settled` is to follow.
    """
    columns = columns_of(dataset)
    bits, notes = code.bits(columns, dataset.inputs, dataset.source, dataset.lines)
    return replace(
        dataset,
        inputs=bits,
        input_ports=code.ports,
        input_kind=InputKind.BOOLEAN,
        columns=(),
        lines=None,
        not_bits=None,
        contradiction=None,
        notices=(*dataset.notices, *notes),
        code=code,
    )


def require_bits(dataset: Dataset) -> None:
    """Refuse a table where bits or analog values are needed, with the cell that is neither."""
    if dataset.input_kind is InputKind.TABLE:
        raise DataError(
            f"{dataset.not_bits or f'{dataset.source}: expected inputs of 0 and 1'}; `code=auto` turns the "
            "columns of such a table into bits"
        )
