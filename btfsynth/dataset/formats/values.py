"""What the numbers and words of a table mean: bits, analog values or classes, alike for every format.

Inputs of 0 and 1 are bits, of -1 and 1 too, other numbers from 0 to 1 are analog. Outputs are bits in the
same way; a single output of other whole numbers or of words holds classes. Whether a number is written 1, 1.0
or 1e0 makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import InputKind, OutputKind
from btfsynth.dataset.table_code import Scalar

MAX_CLASSES = 1000
"""Largest number of classes that a column of labels may have."""

_SHOWN = 8
_REPEATED = 2
"""Times that whole numbers with gaps occur on average if they are classes."""


class BadValue(Exception):  # noqa: N818 - the caller makes an error of it that names line or pattern
    """A value that fits nothing."""

    def __init__(self, row: int, column: int, expected: str) -> None:
        super().__init__(expected)
        self.row, self.column, self.expected = row, column, expected


class Outputs(NamedTuple):
    """Targets, where they matter, and what they are."""

    targets: NDArray[np.uint8]  # (rows, bits) 0/1, a one-hot row for each label
    care: NDArray[np.bool_]
    kind: OutputKind = OutputKind.BOOLEAN
    notes: tuple[str, ...] = ()
    classes: tuple[Scalar, ...] = ()  # in the order of the bits


def is_signed(numbers: NDArray[Any]) -> bool:
    """Return True if all numbers but NaN are -1 or 1 and some is -1."""
    return bool((numbers == -1).any() and ((np.abs(numbers) == 1) | np.isnan(numbers)).all())


def read_inputs(
    numbers: NDArray[np.float64],
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], InputKind, tuple[str, ...]]:
    """Return inputs, ``(rows, columns)`` float64, as what they are, their kind, and notes."""
    if ((numbers == 0) | (numbers == 1)).all():
        return numbers.astype(np.uint8), InputKind.BOOLEAN, ()
    if is_signed(numbers):
        return (numbers == 1).astype(np.uint8), InputKind.BOOLEAN, ("inputs: -1 is read as 0",)
    return analog_inputs(numbers), InputKind.ANALOG, ()


def analog_inputs(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return numbers from 0 to 1; raise a `BadValue` for the first other one, NaN among them."""
    bad = ~((numbers >= 0) & (numbers <= 1))
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        whole = bool((np.floor(numbers) == numbers).all())
        raise BadValue(row, column, "0, 1 or -" if whole else "a number from 0 to 1")
    return numbers.astype(np.float32)


def read_outputs(numbers: NDArray[np.float64], name: str) -> Outputs:
    """Return what columns of numbers mean as outputs; NaN is a don't-care."""
    care = ~np.isnan(numbers)
    bad = care & (numbers != 0) & (numbers != 1)
    if not bad.any():
        return Outputs((numbers == 1).astype(np.uint8), care)
    if is_signed(numbers):
        targets = (numbers == 1).astype(np.uint8)
        return Outputs(targets, care, notes=("outputs: -1 is read as 0",))
    known = numbers[care]
    expected = "0, 1 or -"
    if numbers.shape[1] == 1 and (np.floor(known) == known).all() and (abs(known) < 2**53).all():
        count = len(np.unique(known))
        if known.max() - known.min() == count - 1 or _REPEATED * count <= len(known):
            labels = [None if np.isnan(number) else int(number) for number in numbers[:, 0]]
            found = classes_of(labels, name)
            if found is not None:
                return found
        expected = f"0, 1 or -, or 2 to {MAX_CLASSES} classes, numbers that follow each other or occur often"
    row, column = (int(place) for place in np.argwhere(bad)[0])
    raise BadValue(row, column, expected)


def classes_of(
    labels: Sequence[Any], name: str, shown: Callable[[Any], str] = str
) -> Outputs | None:
    """Return what labels of one type stand for, None is a don't-care; no result unless 2 to 1000 differ.

    Classes are numbered in the order of their labels: numbers by value, words by their characters.
    """
    names = sorted({label for label in labels if label is not None})
    if not 2 <= len(names) <= MAX_CLASSES:
        return None
    place = {label: code for code, label in enumerate(names)}
    codes = np.array([-1 if label is None else place[label] for label in labels], dtype=np.int64)
    width = 1 if len(names) == 2 else len(names)
    care = np.repeat((codes >= 0)[:, None], width, axis=1)
    if width == 1:
        targets = (codes == 1).astype(np.uint8)[:, None]
    else:
        # A label that does not matter is a one-hot row like all others.
        targets = (np.maximum(codes, 0)[:, None] == np.arange(width)).astype(np.uint8)
    listed = [f"{code} = {shown(label)}" for code, label in enumerate(names)]
    if len(listed) > _SHOWN:
        listed = [*listed[: _SHOWN - 1], "...", listed[-1]]
    note = f"{name}: {len(names)} classes, {', '.join(listed)}"
    kind = OutputKind.BOOLEAN if width == 1 else OutputKind.LABEL
    return Outputs(targets, care, kind, (note,), tuple(names))
