"""Codes that turn analog inputs into bits, and so into ports of hardware.

Every code here is linear: a value ``v`` in [0, 1] becomes a whole number ``n = round(levels * v)``, halves
upwards, and ``n`` is a weighted sum of the bits. A neuron over an analog input is therefore exactly a neuron
over the bits of its code, with other weights (see `btfsynth.network.integers`).

Designs and networks contain the code of their table as JSON, which is checked when it is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.fit_code import MAX_LEVELS, CodeSpec, between, fit_code, parse_spec
from btfsynth.dataset.patterns import group_rows
from btfsynth.dataset.table_code import (
    IMPUTE,
    INTERVAL,
    LEVELS,
    ORDER,
    REFUSE,
    SKIP,
    STEPS,
    WORDS,
    ColumnCode,
    Scalar,
    TableCode,
    plain_class,
)
from btfsynth.dataset.tasks import whole_number
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import DataError, UsageError, shown
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.ports import Port, bit_names
from btfsynth.records import read_record

FORMAT = 1
_KIND = "input code"
_MAX_COLUMNS = 1_000_000
_MAX_BITS = 65_536
"""Of one column."""

Coded = tuple[TableCode, tuple[Scalar, ...]]
"""A code, and the classes of the outputs of its data."""


def code_record(code: TableCode, classes: tuple[Scalar, ...] = ()) -> dict[str, Any]:
    """Return plain values for a file."""
    return {
        "format": FORMAT,
        "kind": _KIND,
        "text": code.text,
        "missing": code.missing,
        "columns": [_column_record(each) for each in code.columns],
        "classes": [plain_class(each) for each in classes],
    }


def _column_record(code: ColumnCode) -> dict[str, Any]:
    record: dict[str, Any] = {"name": code.name, "kind": code.kind}
    if code.kind == SKIP:
        return record
    record |= {"port": code.port, "fill": code.fill}
    if code.kind in (STEPS, INTERVAL):
        return {**record, "thresholds": list(code.thresholds)}
    if code.kind == LEVELS:
        return {**record, "low": code.low, "high": code.high, "levels": code.levels}
    return {**record, "categories": list(code.categories)}


def code_text(code: TableCode, classes: tuple[Scalar, ...] = ()) -> str:
    """Return the content of a file: the same for the same code."""
    return json.dumps(code_record(code, classes), indent=1, ensure_ascii=True) + "\n"


def save_code(code: TableCode, classes: tuple[Scalar, ...], path: StrPath) -> None:
    write_text(as_path(path), code_text(code, classes))


def load_code(path: StrPath) -> Coded:
    """Read a code.

    Raises
    ------
    DataError
        If the file is not a valid code.
    """
    path = as_path(path)
    record = read_record(path, "the JSON object of a code")
    try:
        return code_of_record(record)
    except DataError as error:
        raise DataError(str(error), path) from None


def code_of_record(record: Any) -> Coded:
    """Return the code that plain values describe (see `load_code`)."""
    if not isinstance(record, dict) or record.get("kind") != _KIND:
        raise DataError(f"expected an {_KIND}")
    if record.get("format") != FORMAT:
        raise DataError(f"expected format {FORMAT}, got {shown(record.get('format'))}")
    text, missing = record.get("text"), record.get("missing")
    if not isinstance(text, str) or missing not in (IMPUTE, REFUSE):
        raise DataError(f"expected `text`, and {IMPUTE} or {REFUSE} as `missing`")
    listed = record.get("columns")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MAX_COLUMNS:
        raise DataError("columns: expected a list of columns")
    columns = tuple(_column(each, place) for place, each in enumerate(listed))
    ports = [each.port for each in columns if each.width]
    if not ports or len(set(ports)) < len(ports):
        raise DataError("columns: expected different ports, at least one")
    return TableCode(text, columns, missing), _classes(record.get("classes", []))


def _classes(listed: Any) -> tuple[Scalar, ...]:
    if not isinstance(listed, list) or not all(_is_scalar(each) for each in listed):
        raise DataError("classes: expected a list of names")
    if len(set(map(repr, listed))) < len(listed):
        raise DataError("classes: expected different names")
    return tuple(listed)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool, int)) or _is_number(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _column(record: Any, place: int) -> ColumnCode:
    where = f"columns[{place}]"
    if not isinstance(record, dict) or not isinstance(record.get("name"), str):
        raise DataError(f"{where}: expected an object with a name")
    name, kind = record["name"], record.get("kind")
    if kind == SKIP:
        return ColumnCode(name, SKIP)
    port, fill = record.get("port"), record.get("fill")
    if not isinstance(port, str) or not port.strip():
        raise DataError(f"{where}: expected the name of a port, got {shown(port)}")
    if kind in (WORDS, ORDER):
        words = record.get("categories")
        least = 2 if kind == ORDER else 1
        if not isinstance(words, list) or not least <= len(words) <= _MAX_BITS:
            raise DataError(f"{where}: expected {least} to {_MAX_BITS} categories")
        if not all(isinstance(word, str) for word in words) or len(set(words)) < len(words):
            raise DataError(f"{where}: expected different words as categories")
        if fill not in words:
            raise DataError(f"{where}: expected a category as fill, got {shown(fill)}")
        return ColumnCode(name, kind, port, categories=tuple(words), fill=str(fill))
    filled = _number(record, "fill", where)
    if kind in (STEPS, INTERVAL):
        return ColumnCode(name, kind, port, thresholds=_thresholds(record, where), fill=filled)
    if kind == LEVELS:
        low, high = (_number(record, key, where) for key in ("low", "high"))
        levels = record.get("levels")
        if not low < high:
            raise DataError(f"{where}: expected low below high, got {low:g} and {high:g}")
        if type(levels) is not int or not 1 <= levels <= MAX_LEVELS:
            raise DataError(f"{where}: expected 1 to {MAX_LEVELS} levels, got {shown(levels)}")
        return ColumnCode(name, kind, port, low=low, high=high, levels=levels, fill=filled)
    raise DataError(f"{where}: expected a known kind, got {shown(kind)}")


def _number(record: dict[str, Any], key: str, where: str) -> float:
    if not _is_number(record.get(key)):
        raise DataError(f"{where}: expected a number as {key}, got {shown(record.get(key))}")
    return float(record[key])


def _thresholds(record: dict[str, Any], where: str) -> tuple[float, ...]:
    listed = record.get("thresholds")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_BITS:
        raise DataError(f"{where}: expected at least 1 threshold")
    if not all(map(_is_number, listed)):
        raise DataError(f"{where}: expected numbers as thresholds")
    found = tuple(map(float, listed))
    if any(after <= before for before, after in pairwise(found)):
        raise DataError(f"{where}: expected ascending thresholds")
    return found


CODES = "binary:K, levels:N, thermometer:K, threshold:X, auto, quantile:K or tree:K"
"""The codes there are, for messages."""

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
        """True if a network is trained on the bits themselves, not on the rounded values."""
        return self.thermometer

    def numbers(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of every value, int64 of the same shape, 0 to `levels`."""
        exact = np.asarray(values, dtype=np.float64)
        if self.threshold is not None:
            return np.asarray(exact >= np.float32(self.threshold), dtype=np.int64)
        return np.asarray(np.floor(exact * self.levels + 0.5), dtype=np.int64)

    def quantised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the values of the numbers, float32 of the same shape."""
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
        """Excess of the value of all bits over `levels`."""
        return sum(self.bit_weights) - self.levels


Code = InputCode | CodeSpec
"""The code given for the inputs: one linear code for all, or the rules of a table."""


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
    """Return analog data with every input rounded by its code."""
    _require_analog(dataset)
    return replace(dataset, inputs=code.quantised(dataset.inputs))


def code_inputs(dataset: Dataset, code: InputCode) -> Dataset:
    """Return analog data as Boolean data, each input a port of the bits of its code.

    Patterns with equal codes but different targets are kept; a notice counts them.
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
    """Return a linear code as a code of every column."""
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
    """Return whether inputs have to be coded before they are bits, or could be."""
    return dataset.input_kind in (InputKind.TABLE, InputKind.ANALOG)


def columns_of(dataset: Dataset) -> tuple[TableColumn, ...]:
    """Return the columns of a table; those of analog data hold numbers."""
    if dataset.columns:
        return dataset.columns
    return tuple(TableColumn(name) for name in bit_names(dataset.input_ports))


def choose_code(dataset: Dataset, spec: Code, missing: str = IMPUTE) -> tuple[TableCode, list[str]]:
    """Choose the code of a table from its rows, which are the training rows.

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

    Contradictions are not resolved here; `btfsynth.dataset.patterns.settled` must follow.
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
