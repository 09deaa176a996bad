"""The text of a PLA file, as cubes and marks; `pla` gives them their meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import SourceFile, check_names, plural, quoted
from btfsynth.dataset.formats.cubes import FREE

__all__ = ["DONT_CARE", "OFF", "ON", "SILENT", "PlaFile", "parse_pla"]

OFF, ON, DONT_CARE, SILENT = 0, 1, 2, 3
"""What an output of a row says."""

MAX_WIDTH = 1_000_000
"""Largest number of inputs or of outputs."""

_TYPES = ("f", "fd", "fr", "fdr")
_KEYWORDS = (".i", ".o", ".p", ".ilb", ".ob", ".type", ".e", ".end")
_IGNORED = (".model", ".name", ".title")
_BAD = 255


def _codes(meaning: dict[str, int]) -> NDArray[np.uint8]:
    table = np.full(256, _BAD, dtype=np.uint8)
    for characters, code in meaning.items():
        for character in characters:
            table[ord(character)] = code
    return table


_INPUT_CODES = _codes({"0": 0, "1": 1, "-2": FREE})
_OUTPUT_CODES = _codes({"0": OFF, "14": ON, "-2": DONT_CARE, "~3": SILENT})


@dataclass(frozen=True)
class PlaFile:
    """The content of a PLA file.

    Parameters
    ----------
    kind
        ``f``, ``fd``, ``fr`` or ``fdr``.
    n_inputs, n_outputs
        As the header states them.
    input_names, output_names
        In the order of the columns, None where the file does not name them.
    cubes
        ``(rows, inputs)`` uint8: 0, 1 or `cubes.FREE`.
    marks
        ``(rows, outputs)`` uint8: `OFF`, `ON`, `DONT_CARE` or `SILENT`.
    lines
        ``(rows,)`` int64, the line of each row.
    """

    kind: str
    n_inputs: int
    n_outputs: int
    input_names: tuple[str, ...] | None
    output_names: tuple[str, ...] | None
    cubes: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    lines: NDArray[np.int64]


@dataclass
class _Parser:
    file: SourceFile
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    names: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    kind: str | None = None
    rows: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def run(self) -> PlaFile:
        for number, text in enumerate(self.file.lines, start=1):
            line = text.partition("#")[0].strip()
            if line.startswith("."):
                keyword, *words = line.split()
                if keyword in (".e", ".end"):
                    break
                self.keyword(keyword, words, number)
            elif line:
                self.row(line, number)
        n_inputs, n_outputs = self.width(".i"), self.width(".o")
        self.check_row_count()
        cubes, marks = self.decode(n_inputs, n_outputs)
        return PlaFile(
            kind=self.kind or "fd",
            n_inputs=n_inputs,
            n_outputs=n_outputs,
            input_names=self.port_names(".ilb", "input", n_inputs),
            output_names=self.port_names(".ob", "output", n_outputs),
            cubes=cubes,
            marks=marks,
            lines=np.array(self.lines, dtype=np.int64),
        )

    def keyword(self, keyword: str, words: list[str], line: int) -> None:
        if keyword in _IGNORED:
            return
        if keyword not in _KEYWORDS:
            raise self.file.error(
                f"the keyword {quoted(keyword)} is not supported; known ones are: "
                f"{' '.join(_KEYWORDS)}",
                line,
            )
        if keyword in self.numbers or keyword in self.names or (keyword == ".type" and self.kind):
            raise self.file.error(f"{keyword} is given twice", line)
        if keyword in (".ilb", ".ob"):
            self.names[keyword] = tuple(words), line
        elif keyword == ".type":
            if words not in [[kind] for kind in _TYPES]:
                raise self.file.error(
                    f"expected .type {', '.join(_TYPES[:-1])} or {_TYPES[-1]}, got "
                    f"{quoted(' '.join(words))}",
                    line,
                )
            self.kind = words[0]
        else:
            self.number(keyword, words, line)

    def number(self, keyword: str, words: list[str], line: int) -> None:
        low, high = (0, 10**18) if keyword == ".p" else (1, MAX_WIDTH)
        if (
            len(words) != 1
            or not re.fullmatch(r"[0-9]{1,18}", words[0])
            or not low <= int(words[0]) <= high
        ):
            raise self.file.error(
                f"expected a whole number from {low} to {high} after {keyword}, got "
                f"{quoted(' '.join(words))}",
                line,
            )
        if self.rows and keyword != ".p":
            raise self.file.error(f"expected {keyword} before the first row", line)
        self.numbers[keyword] = int(words[0]), line

    def width(self, keyword: str) -> int:
        if keyword not in self.numbers:
            what = "inputs" if keyword == ".i" else "outputs"
            raise self.file.error(f"expected a line {keyword} with the number of {what}, got none")
        return self.numbers[keyword][0]

    def row(self, line: str, number: int) -> None:
        if ".i" not in self.numbers or ".o" not in self.numbers:
            raise self.file.error(
                f"expected .i and .o before the first row, got {quoted(line)}", number
            )
        inputs, outputs = self.numbers[".i"][0], self.numbers[".o"][0]
        parts = ["".join(part.split()) for part in line.split("|")]
        width = sum(map(len, parts))
        expected = (
            f"{inputs + outputs} characters ({plural(inputs, 'input')} and "
            f"{plural(outputs, 'output')})"
        )
        if width != inputs + outputs:
            raise self.file.error(f"expected {expected}, got {width}", number)
        if len(parts) == 2 and len(parts[0]) != inputs:
            raise self.file.error(
                f"expected {plural(inputs, 'input')} before the '|', got {len(parts[0])}", number
            )
        self.rows.append("".join(parts).encode("latin-1", "replace"))
        self.lines.append(number)

    def check_row_count(self) -> None:
        if ".p" in self.numbers and self.numbers[".p"][0] != len(self.rows):
            count, line = self.numbers[".p"]
            raise self.file.error(
                f".p {count} announces {plural(count, 'row')}, the file has {len(self.rows)}", line
            )

    def port_names(self, keyword: str, what: str, width: int) -> tuple[str, ...] | None:
        if keyword not in self.names:
            return None
        names, line = self.names[keyword]
        if len(names) != width:
            raise self.file.error(
                f"expected {plural(width, f'{what} name')} after {keyword}, got {len(names)}", line
            )
        check_names(self.file, names, what, line)
        return names

    def decode(self, n_inputs: int, n_outputs: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if not self.rows:
            shapes = (0, n_inputs), (0, n_outputs)
            return np.zeros(shapes[0], dtype=np.uint8), np.zeros(shapes[1], dtype=np.uint8)
        characters = np.frombuffer(b"".join(self.rows), dtype=np.uint8)
        characters = characters.reshape(len(self.rows), n_inputs + n_outputs)
        cubes = _INPUT_CODES[characters[:, :n_inputs]]
        marks = _OUTPUT_CODES[characters[:, n_inputs:]]
        for codes, what, legal, first in (
            (cubes, "input", "0, 1 or -", 0),
            (marks, "output", "0, 1, - or ~", n_inputs),
        ):
            bad = codes == _BAD
            if bad.any():
                row, column = (int(i) for i in np.argwhere(bad)[0])
                character = chr(characters[row, first + column])
                raise self.file.error(
                    f"{what} {column + 1}: expected {legal}, got {quoted(character)}",
                    self.lines[row],
                )
        return cubes, marks


def parse_pla(file: SourceFile) -> PlaFile:
    """Parse a PLA file.

    Raises
    ------
    DataError
        Naming the line, if it is no PLA file, uses a keyword that is not supported or contradicts
        its own header.
    """
    return _Parser(file).run()
