"""Espresso's PLA format (R. Rudell's espresso, page espresso(5) of its manual).

An input is ``0``, ``1`` or ``-`` (or ``2``) for both. The meaning of an output depends on the type,
which is fd unless the file has another one:

====  ==================================================================================
f     ``1`` is on; everything else is off
fd    ``1`` is on, ``-`` is don't-care; everything else is off
fr    ``1`` is on, ``0`` is off; everything else is don't-care
fdr   ``1`` is on, ``0`` is off, ``-`` is don't-care; so is what is not listed
r     ``0`` is off; everything else is on
dr    ``0`` is off, ``-`` is don't-care; everything else is on
====  ==================================================================================

``4``, ``2`` and ``3`` mean ``1``, ``-`` and ``0``; ``~`` has no meaning. Don't-care overrides on, off overrides
don't-care, and an overlap of on and off is a contradiction. A row may continue on the next line.

Types f, fd, r and dr give the whole table in counting order; types fr and fdr give the input vectors for
which at least one output is specified, in the order of the file, or in counting order where rows overlap so
much that the table is smaller than what they list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats.base import (
    MAX_CELLS,
    SourceFile,
    check_names,
    quoted,
    require_boolean,
)
from btfsynth.dataset.patterns import contradiction, group_rows
from btfsynth.dataset.vectors import (
    FREE,
    MAX_EXPANDED,
    MAX_TABLE_INPUTS,
    CubeTable,
    counting_inputs,
    expand_cubes,
    expanded_size,
    numbers_of,
)
from btfsynth.errors import DataError, UsageError, plural
from btfsynth.ports import Port, bit_names, group_columns

OFF, ON, DONT_CARE, SILENT = 0, 1, 2, 3
"""Meanings of an output of a row."""

MAX_WIDTH = 1_000_000
"""Largest number of inputs or of outputs."""

_TYPES = ("f", "fd", "fr", "fdr", "r", "dr")
_INPUT_NAMES = (".ilb", ".lb")
_OUTPUT_NAMES = (".ob", ".olb")
_IGNORED = (".model", ".name", ".title", ".pair")
"""Keywords without meaning for the function: espresso pairs inputs only while minimising."""

_REFUSED = {
    ".kiss": "describes a state machine",
    ".label": "declares a multi-valued variable",
    ".symbolic": "joins inputs into a multi-valued variable",
    ".symbolic-output": "joins outputs into a multi-valued variable",
}
_ROW = re.compile(r"[-01234~?|\s]+")
_BAD = 255


def _codes(meaning: dict[str, int]) -> NDArray[np.uint8]:
    table = np.full(256, _BAD, dtype=np.uint8)
    for characters, code in meaning.items():
        for character in characters:
            table[ord(character)] = code
    return table


_INPUT_CODES = _codes({"0": 0, "1": 1, "-2": FREE})
_OUTPUT_CODES = _codes({"03": OFF, "14": ON, "-2": DONT_CARE, "~": SILENT})


@dataclass(frozen=True)
class PlaFile:
    """The content of a PLA file."""

    kind: str
    n_inputs: int
    n_outputs: int
    # In the order of the columns, None where the file does not name them
    input_names: tuple[str, ...] | None
    output_names: tuple[str, ...] | None
    cubes: NDArray[np.uint8]  # (rows, inputs) uint8: 0, 1 or `cubes.FREE`
    marks: NDArray[np.uint8]  # (rows, outputs) uint8: `OFF`, `ON`, `DONT_CARE` or `SILENT`
    lines: NDArray[np.int64]  # (rows,) int64, the line in which each row begins
    # (outputs,) bool: where on and off change places, as .phase says
    complemented: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


@dataclass
class _Parser:
    file: SourceFile
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    names: dict[str, tuple[list[str], int]] = field(default_factory=dict)
    kind: str | None = None
    phase: tuple[str, int] | None = None
    rows: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    part: str = ""
    """The first part of a row that continues on the next line."""
    part_line: int = 0
    wrapped: int = 0
    naming: str | None = None
    """The keyword whose names may continue on the next line."""
    notes: list[str] = field(default_factory=list)

    def run(self) -> PlaFile:
        for number, text in enumerate(self.file.lines, start=1):
            line = text.partition("#")[0].strip()
            if line.startswith("."):
                self.end_row()
                keyword, *words = line.split()
                if keyword in (".e", ".end"):
                    break
                self.keyword(keyword, words, number)
            elif line and self.naming and self.names_go_on(line):
                self.names[self.naming][0].extend(line.split())
            elif line:
                self.naming = None
                self.row(line, number)
        self.end_row()
        n_inputs, n_outputs = self.width(".i"), self.width(".o")
        self.check_row_count()
        cubes, marks = self.decode(n_inputs, n_outputs)
        if self.wrapped:
            what = plural(self.wrapped, "row spans", "rows span")
            self.notes.append(f"{what} more than one line")
        return PlaFile(
            kind=self.kind or "fd",
            n_inputs=n_inputs,
            n_outputs=n_outputs,
            input_names=self.port_names(_INPUT_NAMES, "input", n_inputs),
            output_names=self.port_names(_OUTPUT_NAMES, "output", n_outputs),
            cubes=cubes,
            marks=marks,
            lines=np.array(self.lines, dtype=np.int64),
            complemented=self.complemented(n_outputs),
            notes=tuple(self.notes),
        )

    def keyword(self, keyword: str, words: list[str], line: int) -> None:
        self.naming = None
        if keyword in _REFUSED:
            raise self.file.error(
                f"{keyword} {_REFUSED[keyword]}; expected only Boolean inputs and outputs", line
            )
        if keyword in (".i", ".o", ".p"):
            self.number(keyword, words, line)
        elif keyword == ".mv":
            self.sizes(words, line)
        elif keyword == ".type":
            self.set_kind(words, line)
        elif keyword in (*_INPUT_NAMES, *_OUTPUT_NAMES):
            if keyword in self.names:
                raise self.file.error(f"{keyword} is given twice", line)
            self.names[keyword] = words, line
            self.naming = keyword
        elif keyword == ".phase":
            if self.phase is not None:
                raise self.file.error(f"{keyword} is given twice", line)
            self.phase = "".join(words), line
        elif keyword not in _IGNORED:
            note = f"line {line}: the unknown keyword {quoted(keyword)} is ignored"
            self.notes.append(note)

    def set_kind(self, words: list[str], line: int) -> None:
        if words not in [[kind] for kind in _TYPES]:
            raise self.file.error(
                f"expected .type {', '.join(_TYPES[:-1])} or {_TYPES[-1]}, got "
                f"{quoted(' '.join(words))}",
                line,
            )
        if self.kind not in (None, words[0]):
            raise self.file.error(".type is given twice", line)
        if self.rows:
            raise self.file.error("expected .type before the first row", line)
        self.kind = words[0]

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
        value = int(words[0])
        if keyword in self.numbers:
            if keyword != ".p" and self.numbers[keyword][0] != value:
                raise self.file.error(f"{keyword} is given twice", line)
            return
        self.numbers[keyword] = value, line

    def sizes(self, words: list[str], line: int) -> None:
        """Take ``.mv``, which is .i and .o where no variable but the outputs has many values."""
        shown = quoted(" ".join(words))
        if len(words) < 3 or not all(re.fullmatch(r"[0-9]{1,7}", word) for word in words):
            raise self.file.error(
                f"expected .mv variables binary-variables sizes, got {shown}", line
            )
        variables, binary, *sizes = words
        if int(variables) != int(binary) + 1 or len(sizes) != 1:
            raise self.file.error(
                f".mv {shown} has multi-valued variables; expected only Boolean inputs and outputs",
                line,
            )
        self.number(".i", [binary], line)
        self.number(".o", sizes, line)

    def width(self, keyword: str) -> int:
        if keyword not in self.numbers:
            what = "inputs" if keyword == ".i" else "outputs"
            raise self.file.error(f"expected a line {keyword} with the number of {what}, got none")
        return self.numbers[keyword][0]

    def row(self, line: str, number: int) -> None:
        """Take a line of characters: of one row, of a part of one, or of several."""
        if ".i" not in self.numbers or ".o" not in self.numbers:
            if not self.numbers and not _ROW.fullmatch(line):
                self.notes.append(f"line {number} is ignored as a title: {quoted(line)}")
                return
            raise self.file.error(
                f"expected .i and .o before the first row, got {quoted(line)}", number
            )
        inputs = self.numbers[".i"][0]
        width = inputs + self.numbers[".o"][0]
        at = len(self.part)
        parts = ["".join(part.split()) for part in line.split("|")]
        for part in parts[:-1]:
            at += len(part)
            if at % width not in (0, inputs):
                raise self.file.error(
                    f"expected {plural(inputs, 'input')} before the '|', got {at % width}", number
                )
        text = self.part + "".join(parts)
        if self.part:
            # A row that ends within a line would hide that one of them has too few characters.
            if len(text) > width:
                self.end_row()
            self.wrapped += len(text) == width
        elif len(text) > width and len(text) % width:
            raise self.short_row(len(text), number)
        first = self.part_line if self.part else number
        while len(text) >= width:
            self.rows.append(text[:width].encode("latin-1", "replace"))
            self.lines.append(first)
            text = text[width:]
        self.part, self.part_line = text, first

    def end_row(self) -> None:
        if self.part:
            raise self.short_row(len(self.part), self.part_line)

    def short_row(self, found: int, line: int) -> DataError:
        inputs, outputs = self.numbers[".i"][0], self.numbers[".o"][0]
        return self.file.error(
            f"expected {inputs + outputs} characters ({plural(inputs, 'input')} and "
            f"{plural(outputs, 'output')}), got {found}",
            line,
        )

    def names_go_on(self, line: str) -> bool:
        assert self.naming is not None
        keyword = ".i" if self.naming in _INPUT_NAMES else ".o"
        wanted = self.numbers.get(keyword, (0, 0))[0]
        return len(self.names[self.naming][0]) < wanted and not _ROW.fullmatch(line)

    def complemented(self, n_outputs: int) -> NDArray[np.bool_]:
        if self.phase is None:
            return np.zeros(n_outputs, dtype=np.bool_)
        text, line = self.phase
        if len(text) != n_outputs or set(text) - {"0", "1"}:
            raise self.file.error(
                f"expected {n_outputs} characters 0 or 1 after .phase, got {quoted(text)}", line
            )
        zeros = text.count("0")
        if zeros:
            what = plural(zeros, "output is", "outputs are")
            self.notes.append(f".phase: {what} complemented, as espresso reads it")
        return np.array([phase == "0" for phase in text], dtype=np.bool_)

    def check_row_count(self) -> None:
        count, line = self.numbers.get(".p", (len(self.rows), 0))
        if count != len(self.rows):
            self.notes.append(
                f"line {line}: .p {count} announces {plural(count, 'row')}, the file has "
                f"{len(self.rows)}; all are read"
            )

    def port_names(
        self, keywords: tuple[str, ...], what: str, width: int
    ) -> tuple[str, ...] | None:
        for keyword in keywords:
            if keyword in self.names:
                names, line = self.names[keyword]
                if len(names) != width:
                    raise self.file.error(
                        f"expected {plural(width, f'{what} name')} after {keyword}, got {len(names)}",
                        line,
                    )
                check_names(self.file, names, what, line)
                return tuple(names)
        return None

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
    return _Parser(file).run()


def sniff(file: SourceFile) -> bool:
    return any(re.match(r"\s*\.i\s+[0-9]", line) for line in file.lines)


_WHOLE = ("f", "fd", "r", "dr")
"""The types that define every input vector."""


def read(file: SourceFile) -> Dataset:
    pla = parse_pla(file)
    input_ports, input_order = _ports(pla.input_names, "x", pla.n_inputs)
    output_ports, output_order = _ports(pla.output_names, "y", pla.n_outputs)
    whole = pla.kind in _WHOLE
    error: DataError | None = None
    if whole:
        _check_table_size(file, pla)  # before anything is made in the size the header claims
    cubes, marks = pla.cubes[:, input_order], pla.marks[:, output_order]
    flipped = pla.complemented[output_order]
    if whole:
        inputs, targets, care = _whole_table(pla, cubes, marks)
        targets = targets ^ flipped
    else:
        swap = flipped & (marks <= ON)
        marks = np.where(swap, np.uint8(ON + OFF) - marks, marks)
        (inputs, targets, care), error = _listed(file, pla, cubes, marks, bit_names(output_ports))
    return Dataset(
        name=file.function_name,
        source=file.base_name,
        inputs=inputs,
        targets=targets,
        care=care,
        input_ports=input_ports,
        output_ports=output_ports,
        unlisted_dont_care=pla.kind not in ("f", "r"),
        notices=pla.notes,
        contradiction=error,
    )


def _ports(
    names: tuple[str, ...] | None, default: str, width: int
) -> tuple[tuple[Port, ...], list[int] | slice]:
    if names is None:
        return (Port(default, width),), slice(None)
    return group_columns(names)


_Patterns = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]
"""Inputs, targets, and their care mask."""


def _check_table_size(file: SourceFile, pla: PlaFile) -> None:
    if pla.n_inputs > MAX_TABLE_INPUTS:
        raise file.error(
            f"a file of type {pla.kind} is a complete table, which has at "
            f"most {MAX_TABLE_INPUTS} inputs; got .i {pla.n_inputs} (type fr lists only some patterns)"
        )
    if pla.n_outputs << pla.n_inputs > MAX_CELLS:
        raise file.error(
            f"a table of {pla.n_inputs} inputs and {pla.n_outputs} outputs is too large"
        )


def _paint(cubes: NDArray[np.uint8], marks: NDArray[np.uint8], says: int) -> NDArray[np.bool_]:
    """Return ``(outputs, vectors)`` bool: where some row has this meaning for an output."""
    table = CubeTable(cubes.shape[1], marks.shape[1])
    table.paint(cubes, marks == says)
    return table.cells


def _whole_table(pla: PlaFile, cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Patterns:
    listed = _paint(cubes, marks, ON if "f" in pla.kind else OFF)
    care = np.ones(listed.shape, dtype=np.bool_)
    if "d" in pla.kind:
        care = ~_paint(cubes, marks, DONT_CARE)
        if "r" in pla.kind:
            care |= listed
    on = listed if "f" in pla.kind else ~listed
    return counting_inputs(pla.n_inputs), on.T.astype(np.uint8), care.T


def _listed(
    file: SourceFile,
    pla: PlaFile,
    cubes: NDArray[np.uint8],
    marks: NDArray[np.uint8],
    names: list[str],
) -> tuple[_Patterns, DataError | None]:
    """Return the vectors of the rows, each once; row by row where some contradict, with the error."""
    says = (marks == ON) | (marks == OFF)
    if not says.any():
        raise file.error(
            f"no output is specified as 0 or 1, which a file of type {pla.kind} must do"
        )
    if pla.kind == "fdr":
        says |= marks == DONT_CARE
    rows = np.flatnonzero(says.any(axis=1))
    cubes, marks, lines = cubes[rows], marks[rows], pla.lines[rows]
    size = expanded_size(cubes)
    fits = pla.n_inputs <= MAX_TABLE_INPUTS and pla.n_outputs << pla.n_inputs <= MAX_CELLS
    if size > MAX_EXPANDED and not fits:
        raise file.error(
            f"the rows list {size} input vectors, counting repeated ones; "
            f"expected at most {MAX_EXPANDED}, or a table of at most {MAX_TABLE_INPUTS} inputs"
        )
    make = _from_table if size > MAX_EXPANDED else _from_rows
    vectors, said = make(cubes, marks)
    off, on, loose = said[OFF], said[ON], said[DONT_CARE]
    if (on & off).any():
        output, vector = (int(place) for place in np.argwhere((on & off).T)[0])
        hit = ((cubes == FREE) | (cubes == vectors[vector])).all(axis=1)
        one, other = (int(np.argmax(hit & (marks[:, output] == mark))) for mark in (OFF, ON))
        error = contradiction(
            (one, other), names[output], file.path, lambda pattern: int(lines[pattern])
        )
        if size > MAX_EXPANDED:
            raise error
        vectors, place = expand_cubes(cubes)
        said_of = marks[place]
        return (
            vectors,
            (said_of == ON).astype(np.uint8),
            (said_of == ON) | (said_of == OFF),
        ), error
    care = off | (on & ~loose) if pla.kind == "fdr" else off | on
    kept = care.any(axis=1)
    return (vectors[kept], on[kept].astype(np.uint8), care[kept]), None


_Said = tuple[NDArray[np.uint8], tuple[NDArray[np.bool_], ...]]
"""Input vectors, and ``(vectors, outputs)`` bool for each of off, on and don't-care: where a row says it."""


def _from_rows(cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Said:
    """Return the vectors of the cubes in their order."""
    inputs, rows = expand_cubes(cubes)
    groups, first = group_rows(inputs)
    said = []
    for says in (OFF, ON, DONT_CARE):
        merged = np.zeros((len(first), marks.shape[1]), dtype=np.bool_)
        for output in range(marks.shape[1]):
            merged[groups[(marks[:, output] == says)[rows]], output] = True
        said.append(merged)
    return inputs[first], tuple(said)


def _from_table(cubes: NDArray[np.uint8], marks: NDArray[np.uint8]) -> _Said:
    """Return all vectors, in counting order."""
    said = tuple(_paint(cubes, marks, says).T for says in (OFF, ON, DONT_CARE))
    return counting_inputs(cubes.shape[1]), said


def write(dataset: Dataset) -> bytes:
    require_boolean(dataset, "pla")
    inputs, outputs = bit_names(dataset.input_ports), bit_names(dataset.output_ports)
    for name in (*inputs, *outputs):
        if "#" in name or name.split() != [name]:
            raise UsageError(f"a pla file cannot hold the port name {quoted(name)}")
    kind, rows = _written_rows(dataset)
    marks = np.where(dataset.targets == 1, np.uint8(ord("1")), np.uint8(ord("0")))
    marks[~dataset.care_mask] = ord("-")
    text = np.concatenate(
        [
            dataset.inputs[rows] + np.uint8(ord("0")),
            np.full((len(rows), 1), ord(" "), dtype=np.uint8),
            marks[rows],
            np.full((len(rows), 1), ord("\n"), dtype=np.uint8),
        ],
        axis=1,
    )
    header = (
        f".i {len(inputs)}\n.o {len(outputs)}\n.ilb {' '.join(inputs)}\n.ob {' '.join(outputs)}\n"
        f".type {kind}\n.p {len(rows)}\n"
    )
    return header.encode() + text.tobytes() + b".e\n"


def _written_rows(dataset: Dataset) -> tuple[str, NDArray[np.intp]]:
    """Return the type that reproduces the patterns, and the rows to list."""
    n_inputs = dataset.n_inputs
    if n_inputs > MAX_TABLE_INPUTS or dataset.n_patterns != 1 << n_inputs:
        return "fr", np.arange(dataset.n_patterns)
    if not np.array_equal(numbers_of(dataset.inputs), np.arange(1 << n_inputs)):
        return "fr", np.arange(dataset.n_patterns)
    loose = ~dataset.care_mask
    kind = "fd" if loose.any() else "f"
    return kind, np.flatnonzero(((dataset.targets == 1) | loose).any(axis=1))
