"""The ``.dat`` format: counts and types first, then numbers separated by white space.

The first number is the number of patterns. Then come type and count of the inputs, and type and
count of the outputs; then, for each pattern, its inputs and its outputs.

====================  ==========================================================================
``2 n`` inputs        n bits
``0 n`` inputs        n numbers between 0 and 1
``1 n`` inputs        n bits of which exactly one is 1
``1 0``, ``2 0``      no inputs: a one-hot or a hypercube generator makes them
``2 n`` outputs       n bits
``C 1`` outputs       a class label from 0 to C-1, C other than 2; it becomes a one-hot row
====================  ==========================================================================
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.formats.base import (
    MAX_CELLS,
    NumberFile,
    SourceFile,
    is_count,
    quoted,
    require_no_table,
)
from btfsynth.dataset.patterns import with_contradiction
from btfsynth.errors import UsageError, plural
from btfsynth.ports import Port

_HEADER = (
    "the number of patterns",
    "the type of the inputs",
    "the number of inputs",
    "the type of the outputs",
    "the number of outputs",
)
_ANALOG, _ONE_HOT, _BOOLEAN = 0, 1, 2
_MAX_TOKEN = 40
_GENERATORS = {
    _ONE_HOT: InputKind.ONE_HOT_GENERATOR,
    _BOOLEAN: InputKind.HYPERCUBE_GENERATOR,
}


@dataclass(frozen=True)
class _Header:
    patterns: int
    input_type: int
    inputs: int
    output_type: int
    outputs: int

    @property
    def labels(self) -> bool:
        return self.output_type != _BOOLEAN

    @property
    def columns(self) -> int:
        return self.inputs + self.outputs


def sniff(file: SourceFile) -> bool:
    head = list(itertools.islice((t for line in file.lines for t in line.split()), len(_HEADER)))
    return len(head) == len(_HEADER) and all(map(is_count, head))


def read(source: SourceFile) -> Dataset:
    file = NumberFile(source)
    header = _read_header(file)
    values = _values(file, header)
    targets = _read_outputs(file, header, values[:, header.inputs :])
    if header.inputs:
        kind = InputKind.ANALOG if header.input_type == _ANALOG else InputKind.BOOLEAN
    else:
        kind = _GENERATORS[header.input_type]
    dataset = Dataset(
        name=source.function_name,
        source=source.base_name,
        inputs=_read_inputs(file, header, values[:, : header.inputs]),
        targets=targets,
        input_ports=(Port("x", header.inputs),) if header.inputs else (),
        output_ports=(Port("y", targets.shape[1]),),
        input_kind=kind,
        output_kind=OutputKind.LABEL if header.labels else OutputKind.BOOLEAN,
    )
    return with_contradiction(
        dataset, source.path, lambda row: file.line_of(len(_HEADER) + row * header.columns)
    )


def _read_header(file: NumberFile) -> _Header:
    header = _Header(*file.header(_HEADER))
    outputs = f"'{header.output_type} {header.outputs}'"
    faults = (
        (header.patterns < 1, 0, "expected at least one pattern, got 0"),
        (
            header.input_type not in (_ANALOG, _ONE_HOT, _BOOLEAN),
            1,
            "expected input type 0 (numbers from 0 to 1), 1 (one-hot) or 2 (Boolean), got "
            f"{header.input_type}",
        ),
        (
            header.input_type == _ANALOG and not header.inputs,
            2,
            "expected at least one input of type 0, got 0",
        ),
        (
            header.output_type == _ANALOG,
            3,
            "expected output type 2 (Boolean) or a number of classes, got 0",
        ),
        (header.outputs < 1, 4, "expected at least one output, got 0"),
        (
            header.labels and header.outputs != 1,
            3,
            f"expected outputs '2 n' (n bits) or 'C 1' (a label of C classes), got {outputs}",
        ),
        (
            header.labels and header.patterns * header.output_type > MAX_CELLS,
            3,
            f"{plural(header.patterns, 'pattern')} of {header.output_type} classes are more than "
            "can be held",
        ),
    )
    for wrong, index, message in faults:
        if wrong:
            raise file.error(message, index)
    return header


def _values(file: NumberFile, header: _Header) -> NDArray[Any]:
    """Return the values, ``(patterns, columns)`` text, once their number is right."""
    expected = header.patterns * header.columns
    found = len(file.tokens) - len(_HEADER)
    if found != expected:
        label = "label" if header.labels else "output"
        shape = f"{plural(header.inputs, 'input')} and {plural(header.outputs, label)}"
        raise file.error(
            f"expected {plural(expected, 'value')} for {plural(header.patterns, 'pattern')} of "
            f"{shape}, got {found}",
            len(_HEADER) + expected,
        )
    values = file.tokens[len(_HEADER) :]
    longest = max(map(len, values))
    if longest > _MAX_TOKEN:  # the array would take this much for every value
        index = next(i for i, value in enumerate(values) if len(value) > _MAX_TOKEN)
        raise file.error(f"expected a number, got {quoted(values[index])}", index + len(_HEADER))
    return np.array(values, dtype=f"U{longest}").reshape(header.patterns, header.columns)


def _refuse(
    file: NumberFile, header: _Header, bad: NDArray[np.bool_], text: NDArray[Any], first: int
) -> None:
    """Raise for the first bad value of a block whose first column is `first`."""
    if not bad.any():
        return
    row, column = (int(i) for i in np.argwhere(bad)[0])
    if first < header.inputs:
        expected = "a number from 0 to 1" if header.input_type == _ANALOG else "0 or 1"
        what = f"input {column + 1}"
    elif header.labels:
        expected, what = f"a label from 0 to {header.output_type - 1}", "its class"
    else:
        expected, what = "0 or 1", f"output {column + 1}"
    raise file.error(
        f"pattern {row + 1}, {what}: expected {expected}, got {quoted(str(text[row, column]))}",
        len(_HEADER) + row * header.columns + first + column,
    )


def _read_bits(
    file: NumberFile, header: _Header, text: NDArray[Any], first: int
) -> NDArray[np.uint8]:
    ones = text == "1"
    _refuse(file, header, ~(ones | (text == "0")), text, first)
    return np.asarray(ones, dtype=np.uint8)


def _read_inputs(file: NumberFile, header: _Header, text: NDArray[Any]) -> NDArray[Any]:
    if not header.inputs:
        return np.zeros((header.patterns, 0), dtype=np.uint8)
    if header.input_type == _ANALOG:
        numbers = _floats(text)
        _refuse(file, header, ~((numbers >= 0) & (numbers <= 1)), text, 0)
        return numbers.astype(np.float32)
    bits = _read_bits(file, header, text, 0)
    if header.input_type == _ONE_HOT:
        ones = bits.sum(axis=1, dtype=np.int64)
        wrong = np.flatnonzero(ones != 1)
        if wrong.size:
            row = int(wrong[0])
            raise file.error(
                f"pattern {row + 1}: expected exactly one 1 among {header.inputs} one-hot inputs, "
                f"got {ones[row]}",
                len(_HEADER) + row * header.columns,
            )
    return bits


def _floats(text: NDArray[Any]) -> NDArray[np.float64]:
    """Return text as numbers, NaN where it is none."""
    try:
        return text.astype(np.float64)
    except ValueError:
        return np.array([[_float(str(value)) for value in row] for row in text], dtype=np.float64)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _read_outputs(file: NumberFile, header: _Header, text: NDArray[Any]) -> NDArray[np.uint8]:
    if not header.labels:
        return _read_bits(file, header, text, header.inputs)
    classes = header.output_type
    labels = np.array([int(t) if is_count(t) else -1 for t in map(str, text[:, 0])], dtype=np.int64)
    _refuse(file, header, ((labels < 0) | (labels >= classes))[:, None], text, header.inputs)
    targets = np.zeros((header.patterns, classes), dtype=np.uint8)
    targets[np.arange(header.patterns), labels] = 1
    return targets


def write(dataset: Dataset) -> bytes:
    require_no_table(dataset, "dat")
    if not bool(dataset.care_mask.all()):
        raise UsageError(f"{dataset.name}: a dat file cannot hold don't-care outputs")
    input_type = {
        InputKind.BOOLEAN: _BOOLEAN,
        InputKind.ANALOG: _ANALOG,
        InputKind.ONE_HOT_GENERATOR: _ONE_HOT,
        InputKind.HYPERCUBE_GENERATOR: _BOOLEAN,
    }[dataset.input_kind]
    # Two classes written as '2 1' would read as one bit; they are written as two bits.
    labels = dataset.output_kind is OutputKind.LABEL and dataset.n_outputs != _BOOLEAN
    outputs = f"{dataset.n_outputs} 1" if labels else f"{_BOOLEAN} {dataset.n_outputs}"
    lines = [str(dataset.n_patterns), f"{input_type} {dataset.n_inputs}", outputs]
    targets = dataset.targets.argmax(axis=1)[:, None] if labels else dataset.targets
    for inputs, target in zip(dataset.inputs, targets, strict=True):
        lines.append(" ".join([*map(str, inputs), *map(str, target)]))
    return ("\n".join(lines) + "\n").encode()
