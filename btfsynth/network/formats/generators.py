"""The ``.gen`` format: the generators of a generative model and how many patterns use each.

The header counts the generators that are listed and those of them that are used. Then comes one
generator a line, its bits first and after a tab the number of patterns::

    2  2

     1 0	23
     0 1	94

One-hot generators are all listed, as many as they have bits, in order of the bit that is 1. Of the
vectors of a hypercube only those in use are listed, in counting order, the first bit least
significant.

The file does not say how many bits a generator has, so in one that is read each generator has a line
of its own. White space within lines and empty lines are free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import MAX_CELLS, quoted
from btfsynth.errors import UsageError, plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.network.formats.tokens import NumberFile, is_count, read_numbers

__all__ = ["read_generators", "write_generators"]

_HEADER = ("the number of generators", "the number of generators in use")


def read_generators(path: StrPath) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read generators and how many patterns use each.

    Returns
    -------
    codes : numpy.ndarray
        ``(generators, width)`` uint8 0/1, in the order of the file.
    counts : numpy.ndarray
        ``(generators,)`` int64; 0 for a generator not in use.

    Raises
    ------
    DataError
        If the file is missing or is anything else.
    """
    path = as_path(path)
    numbers = read_numbers(path)
    listed, used = numbers.header(_HEADER)
    file = numbers.file
    rows = [(line, row) for line, row in enumerate(map(str.split, file.lines), start=1) if row]
    if len(rows[0][1]) != len(_HEADER):
        raise file.error(
            f"expected a line of two numbers, got {plural(len(rows[0][1]), 'number')}", rows[0][0]
        )
    if not 1 <= used <= listed:
        raise file.error(
            f"expected 1 to {listed} generators in use of {listed}, got {used}"
            if listed
            else "expected at least one generator, got 0",
            rows[0][0],
        )
    del rows[0]
    if len(rows) != listed:
        line = rows[listed][0] if len(rows) > listed else numbers.line_of(len(numbers.tokens))
        raise file.error(
            f"expected {plural(listed, 'generator')}, one a line, got {len(rows)}", line
        )
    codes, counts = _read_rows(numbers, rows)
    found = int(np.count_nonzero(counts))
    if found != used:
        raise file.error(f"expected {plural(used, 'generator')} in use, got {found}")
    return codes, counts


def _read_rows(
    numbers: NumberFile, rows: list[tuple[int, list[str]]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the codes and counts of the lines after the header."""
    file = numbers.file
    width = len(rows[0][1]) - 1
    if width < 1:
        raise file.error("expected the bits of a generator and a count, got one number", rows[0][0])
    seen: dict[bytes, int] = {}
    counts = []
    for line, row in rows:
        if len(row) != width + 1:
            raise file.error(
                f"expected {plural(width, 'bit')} and a count as in the lines before, "
                f"got {plural(len(row), 'number')}",
                line,
            )
        for bit in row[:-1]:
            if bit not in ("0", "1"):
                raise file.error(f"expected a bit, 0 or 1, got {quoted(bit)}", line)
        if not is_count(row[-1]):
            raise file.error(f"expected a number of patterns, got {quoted(row[-1])}", line)
        code = "".join(row[:-1]).encode()
        if code in seen:
            raise file.error(f"the generator of line {seen[code]} is listed again", line)
        seen[code] = line
        counts.append(int(row[-1]))
    bits = np.frombuffer(b"".join(seen), dtype=np.uint8) - np.uint8(ord("0"))
    return bits.reshape(len(rows), width), np.array(counts, dtype=np.int64)


def write_generators(path: StrPath, codes: NDArray[Any], one_hot: bool | None = None) -> None:
    """Write the generators that patterns use.

    Parameters
    ----------
    path
        The file.
    codes
        ``(patterns, width)`` 0/1, the generator of every pattern.
    one_hot
        True for one-hot generators, False for those of a hypercube; None takes them for one-hot if
        exactly one bit of every code is 1.

    Raises
    ------
    UsageError
        If there are no codes or bits, a value is not 0 or 1, codes said to be one-hot are not, or
        there would be too many.
    OutputError
        If the file cannot be written.
    """
    path = as_path(path)
    given = np.asarray(codes)
    if given.ndim != 2 or not given.size:
        raise UsageError(f"expected a row of bits a pattern, got an array of shape {given.shape}")
    if not np.isin(given, (0, 1)).all():
        raise UsageError("expected generators of bits, 0 or 1")
    bits = np.asarray(given, dtype=np.uint8)
    single = bool((bits.sum(axis=1, dtype=np.int64) == 1).all())
    if one_hot and not single:
        raise UsageError("expected one-hot generators, got a code without exactly one 1")
    width = bits.shape[1]
    if single if one_hot is None else one_hot:
        if width * width > MAX_CELLS:
            raise UsageError(f"one-hot generators of {width} bits are too many to list")
        listed = np.eye(width, dtype=np.uint8)
        counts = bits.sum(axis=0, dtype=np.int64)
    else:
        found, counts = np.unique(bits[:, ::-1], axis=0, return_counts=True)
        listed = found[:, ::-1]  # compared from the last bit, so in counting order
    lines = [f"{len(listed)}  {np.count_nonzero(counts)}", ""]
    for code, count in zip(listed, counts.tolist(), strict=True):
        lines.append("".join(f" {bit}" for bit in code.tolist()) + f"\t{count}")
    write_text(path, "\n".join(lines) + "\n")
