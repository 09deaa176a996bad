"""The check that no two patterns ask for different outputs at the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError

_WORD_BYTES = 8


def group_rows(rows: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number equal rows alike.

    Parameters
    ----------
    rows
        ``(rows, columns)`` uint8 0/1 or float32.

    Returns
    -------
    groups : numpy.ndarray
        ``(rows,)`` intp, the group of each row; groups are numbered in order of first appearance.
    first : numpy.ndarray
        ``(groups,)`` intp, the first row of each group.
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


def check_contradictions(
    inputs: NDArray[Any],
    targets: NDArray[np.uint8],
    care: NDArray[np.bool_],
    *,
    names: Sequence[str],
    path: str | Path | None = None,
    line_of: Callable[[int], int] | None = None,
) -> None:
    """Raise if two patterns have the same inputs and different targets that both matter.

    Parameters
    ----------
    inputs
        ``(patterns, input bits)`` uint8 0/1 or float32.
    targets, care
        ``(patterns, output bits)`` uint8 0/1 and bool.
    """
    found = find_contradiction(inputs, targets, care, names=names, path=path, line_of=line_of)
    if found is not None:
        raise found


def find_contradiction(
    inputs: NDArray[Any],
    targets: NDArray[np.uint8],
    care: NDArray[np.bool_],
    *,
    names: Sequence[str],
    path: str | Path | None = None,
    line_of: Callable[[int], int] | None = None,
) -> DataError | None:
    """Return the error that `check_contradictions` raises, None if there is none."""
    groups, first = group_rows(inputs)
    if len(first) == len(inputs):
        return None
    for output in range(targets.shape[1]):
        wanted = [
            np.flatnonzero(care[:, output] & (targets[:, output] == value)) for value in (0, 1)
        ]
        seen = np.zeros((2, len(first)), dtype=np.bool_)
        for value in (0, 1):
            seen[value, groups[wanted[value]]] = True
        both = np.flatnonzero(seen[0] & seen[1])
        if both.size:
            rows = [int(rows[groups[rows] == both[0]][0]) for rows in wanted]
            return contradiction((rows[0], rows[1]), names[output], path, line_of)
    return None


def contradiction(
    rows: tuple[int, int],
    name: str,
    path: str | Path | None,
    line_of: Callable[[int], int] | None,
) -> DataError:
    """Describe the contradiction between a pattern that asks for 0 and one that asks for 1."""
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
