"""The check that no two patterns ask for different outputs at the same inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import DataError
from btfsynth.ports import bit_names

_WORD_BYTES = 8


def group_rows(rows: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number equal rows of ``(rows, columns)`` uint8 0/1 or float32 alike.

    Returns ``(rows,)`` intp, the group of each row, numbered in order of first appearance, and ``(groups,)``
    intp, the first row of each group.
    """
    count = len(rows)
    words = _words(rows)
    # lexsort is stable, so the first of a run of equal rows is the first one in the file too.
    order = np.lexsort(words.T) if words.shape[1] else np.arange(count)
    starts = np.ones(count, dtype=np.bool_)
    starts[1:] = np.any(words[order[1:]] != words[order[:-1]], axis=1)
    first = order[starts]
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    groups = np.empty(count, dtype=np.intp)
    groups[order] = rank[np.cumsum(starts) - 1]
    return groups, np.sort(first)


def _words(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Pack every row into as few 64-bit words as hold it."""
    if rows.dtype == np.float32:
        raw = np.ascontiguousarray(rows + np.float32(0)).view(np.uint8)  # -0.0 becomes 0.0
    else:
        raw = np.packbits(rows, axis=1)
    raw = raw.reshape(len(rows), -1)
    padded = np.zeros((len(rows), -(-raw.shape[1] // _WORD_BYTES) * _WORD_BYTES), dtype=np.uint8)
    padded[:, : raw.shape[1]] = raw
    return padded.view(np.uint64)


def find_contradiction(
    dataset: Dataset,
    path: str | Path | None = None,
    line_of: Callable[[int], int] | None = None,
) -> DataError | None:
    """Return the error that names two patterns with the same inputs and different targets, None without.

    Targets that do not matter contradict nothing. `line_of` gives the line of a pattern in the file; without
    it, patterns are counted from 1.
    """
    groups, first = group_rows(dataset.inputs)
    if len(first) == dataset.n_patterns or not dataset.n_inputs:
        return None
    for output, name in enumerate(bit_names(dataset.output_ports)):
        care, wanted = dataset.care_mask[:, output], dataset.targets[:, output]
        rows = [np.flatnonzero(care & (wanted == value)) for value in (0, 1)]
        both = np.intersect1d(groups[rows[0]], groups[rows[1]])
        if both.size:
            zero, one = (int(each[groups[each] == both[0]][0]) for each in rows)
            return contradiction((zero, one), name, path, line_of)
    return None


def with_contradiction(
    dataset: Dataset, path: str | Path | None, line_of: Callable[[int], int] | None = None
) -> Dataset:
    """Return the patterns of a file with the error that their first contradiction makes, if there is one."""
    return replace(dataset, contradiction=find_contradiction(dataset, path, line_of))


def contradiction(
    rows: tuple[int, int],
    name: str,
    path: str | Path | None,
    line_of: Callable[[int], int] | None,
) -> DataError:
    """Describe the contradiction of two patterns, the one that asks for 0 first."""
    (one, earlier), (two, later) = sorted((row, value) for value, row in enumerate(rows))
    if line_of is None:
        return DataError(
            f"patterns {one + 1} and {two + 1} contradict each other: the same inputs, but output "
            f"{name} is {earlier} in the first and {later} in the second",
            path,
        )
    line_one, line_two = line_of(one), line_of(two)
    return DataError(
        f"contradicts line {line_one}: the same inputs, but output {name} is {earlier} there and "
        f"{later} here",
        path,
        line_two,
    )
