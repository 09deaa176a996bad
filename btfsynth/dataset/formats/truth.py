"""Truth tables as text: one line per output, the pattern with the highest number leftmost.

A line is binary (``0``, ``1``, ``-`` for don't-care) or hexadecimal after ``0x``, four patterns per
digit. The rightmost character is the output for the all-zero inputs; input bit 0 is the least
significant bit of a pattern's number. Blank lines and what follows ``#`` are skipped.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import SourceFile, quoted, require_boolean
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, counting_inputs, numbers_of
from btfsynth.errors import UsageError, plural
from btfsynth.ports import Port

_BINARY = re.compile(r"[01-]+")
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]+")
_DONT_CARE = ord("-")


def _content(file: SourceFile) -> list[tuple[int, str]]:
    stripped = (line.partition("#")[0].strip() for line in file.lines)
    return [(number, line) for number, line in enumerate(stripped, start=1) if line]


def sniff(file: SourceFile) -> bool:
    lines = [line for _, line in _content(file)]
    if not lines or not all(_BINARY.fullmatch(t) or _HEXADECIMAL.fullmatch(t) for t in lines):
        return False
    sizes = {_length(line) for line in lines}
    size = sizes.pop()
    return not sizes and size >= 2 and size & (size - 1) == 0


def _length(line: str) -> int:
    return 4 * (len(line) - 2) if _HEXADECIMAL.fullmatch(line) else len(line)


def read(file: SourceFile) -> Dataset:
    content = _content(file)
    if not content:
        raise file.error("expected one line of 0 and 1 per output, got none")
    for number, line in content:
        if not _BINARY.fullmatch(line) and not _HEXADECIMAL.fullmatch(line):
            raise file.error(
                f"expected 0, 1 and - or a hexadecimal number after 0x, got {quoted(line)}", number
            )
    size = _length(content[0][1])
    for number, line in content:
        if _length(line) != size:
            raise file.error(
                f"expected {plural(size, 'pattern')} as in line {content[0][0]}, got "
                f"{_length(line)}",
                number,
            )
    if size < 2 or size & (size - 1):
        raise file.error(
            f"expected a power of two of patterns, at least 2, got {size}", content[0][0]
        )
    n_inputs = size.bit_length() - 1
    if n_inputs > MAX_TABLE_INPUTS:
        raise file.error(
            f"expected a table of at most {MAX_TABLE_INPUTS} inputs, got {n_inputs}", content[0][0]
        )
    columns = np.stack([_column(line, size) for _, line in content], axis=1)
    return Dataset(
        name=file.function_name,
        source=file.base_name,
        inputs=counting_inputs(n_inputs),
        targets=columns == ord("1"),
        care=columns != _DONT_CARE,
        input_ports=(Port("x", n_inputs),),
        output_ports=(Port("y", len(content)),),
    )


def _column(line: str, size: int) -> NDArray[np.uint8]:
    """Return the characters of an output in counting order."""
    if _HEXADECIMAL.fullmatch(line):
        line = "".join(f"{int(digit, 16):04b}" for digit in line[2:])
    assert len(line) == size  # checked by the caller
    return np.frombuffer(line.encode("ascii"), dtype=np.uint8)[::-1]


def write(dataset: Dataset) -> bytes:
    require_boolean(dataset, "truth")
    n_inputs = dataset.n_inputs
    if n_inputs > MAX_TABLE_INPUTS:
        raise UsageError(
            f"{dataset.name}: a truth file holds up to {MAX_TABLE_INPUTS} inputs, these are "
            f"{n_inputs}"
        )
    table = np.full((1 << n_inputs, dataset.n_outputs), _DONT_CARE, dtype=np.uint8)
    numbers = numbers_of(dataset.inputs)
    listed = len(np.unique(numbers))
    if listed != len(table):
        raise UsageError(
            f"{dataset.name}: a truth file needs all {len(table)} input vectors, {listed} are "
            f"listed"
        )
    for value in (0, 1):
        rows, outputs = np.nonzero(dataset.care_mask & (dataset.targets == value))
        table[numbers[rows], outputs] = ord("0") + value
    return b"".join(table[::-1, output].tobytes() + b"\n" for output in range(dataset.n_outputs))
