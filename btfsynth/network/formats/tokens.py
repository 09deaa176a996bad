"""What the formats share: numbers between any white space, each with its line for messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import SourceFile, quoted, read_source
from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path

__all__ = ["NumberFile", "is_count", "read_numbers"]

_COUNT = re.compile(r"[0-9]{1,18}")
_REAL = re.compile(r"[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class NumberFile:
    """A text file of numbers in free layout.

    Parameters
    ----------
    file
        Its content.
    """

    file: SourceFile

    @cached_property
    def tokens(self) -> list[str]:
        """All its pieces between white space."""
        return [token for line in self.file.lines for token in line.split()]

    def line_of(self, index: int) -> int:
        """Return the line of a token; the last line with one if there are not that many."""
        last = 1
        for number, line in enumerate(self.file.lines, start=1):
            count = len(line.split())
            if index < count:
                return number
            index -= count
            last = number if count else last
        return last

    def error(self, message: str, index: int) -> DataError:
        """Return the error that names the file and the line of a token."""
        return self.file.error(message, self.line_of(index))

    def header(self, names: Sequence[str]) -> list[int]:
        """Return the counts the file begins with.

        Parameters
        ----------
        names
            What each of them is, for messages.

        Raises
        ------
        DataError
            If one is missing or is no count.
        """
        for index, name in enumerate(names):
            if index >= len(self.tokens):
                raise self.error(f"expected {name}, got the end of the file", index)
            if not is_count(self.tokens[index]):
                raise self.error(f"expected {name}, got {quoted(self.tokens[index])}", index)
        return [int(token) for token in self.tokens[: len(names)]]

    def counts(self, start: int, step: int, name: str) -> NDArray[np.int64]:
        """Return every `step`-th token from `start` on as a whole number, none negative."""
        column = self.tokens[start::step]
        for row, token in enumerate(column):
            if not is_count(token):
                raise self.error(f"expected {name}, got {quoted(token)}", start + row * step)
        return np.fromiter(map(int, column), dtype=np.int64, count=len(column))

    def reals(self, start: int, step: int, name: str) -> NDArray[np.float32]:
        """Return every `step`-th token from `start` on as a number that is finite in float32."""
        column = self.tokens[start::step]
        for row, token in enumerate(column):
            if not _REAL.fullmatch(token):
                raise self.error(
                    f"expected a finite number as {name}, got {quoted(token)}", start + row * step
                )
        wide = np.fromiter(map(float, column), dtype=np.float64, count=len(column))
        with np.errstate(over="ignore", under="ignore"):
            numbers = wide.astype(np.float32)
        infinite = np.flatnonzero(~np.isfinite(numbers))
        if infinite.size:
            row = int(infinite[0])
            raise self.error(
                f"expected a number of float32 as {name}, got {quoted(column[row])}",
                start + row * step,
            )
        return numbers


def is_count(token: str) -> bool:
    """Return True if a token is a whole number of up to 18 digits without a sign."""
    return _COUNT.fullmatch(token) is not None


def read_numbers(path: StrPath) -> NumberFile:
    """Read a file of numbers.

    Raises
    ------
    DataError
        If it is missing, empty, too large, or no text.
    """
    path = as_path(path)
    return NumberFile(read_source(path))
