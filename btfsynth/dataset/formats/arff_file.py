"""ARFF, Weka's format, and KEEL's dialect of it: declared attributes, then rows of values.

``@attribute NAME TYPE`` declares a column: ``numeric``, ``real``, ``integer`` (KEEL adds a range), ``string``,
or its categories in braces. KEEL lists the outputs after ``@outputs``; otherwise the caller names them, or the
output is the attribute ``class``, or else the last one. ``?`` is a missing value. Rows may be sparse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from btfsynth.dataset.columns import MISSING, NUMBER
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.formats import OutputColumns
from btfsynth.dataset.formats.base import SourceFile, check_names, quoted, require_no_table
from btfsynth.dataset.formats.csv_file import dataset_of
from btfsynth.dataset.formats.csv_layout import Column, Table, as_utf8, decide_roles
from btfsynth.errors import UsageError, plural
from btfsynth.ports import bit_names

_NAME = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s{,]+"""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_NAME})\s*(.*)", re.I)
_CELL = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*?)\s*(?:,|$)""")
_NUMERIC = re.compile(r"(numeric|real|integer)\b\s*(\[[^\]]*\])?\s*", re.I)
_CLASS = "class"


@dataclass
class _Header:
    """The header above the rows."""

    names: list[str] = field(default_factory=list)
    # Categories of each attribute; None for numbers, empty for text
    categories: list[frozenset[str] | None] = field(default_factory=list)
    first: dict[str, str] = field(
        default_factory=dict
    )  # the first category, which sparse rows omit
    outputs: list[str] = field(default_factory=list)
    line: int = 0  # of the last attribute
    data: int = 0  # of @data


def sniff(file: SourceFile) -> bool:
    for line in file.lines:
        text = line.strip().lower()
        if text and not text.startswith("%"):
            return text.startswith(("@relation", "@attribute"))
    return False


def read(file: SourceFile, outputs: OutputColumns | None) -> Dataset:
    file, notes = as_utf8(file)
    header = _read_header(file)
    check_names(file, header.names, "attribute", header.line)
    rows, lines = _read_rows(file, header)
    table = Table(file, header.names, header.line, rows, lines, notes)
    columns = [
        Column(place, name, (name,), words=header.categories[place] is not None)
        for place, name in enumerate(header.names)
    ]
    chosen = outputs if outputs is not None else header.outputs or _class_attribute(header)
    roles = decide_roles(
        file,
        columns,
        header_line=header.line,
        separator=None,
        chosen=chosen,
        lists_all=lambda _: False,
    )
    return dataset_of(table, roles)


def _class_attribute(header: _Header) -> list[str] | None:
    """Return the attribute called class, the last one if there is none."""
    named = [name for name in header.names if name.lower() == _CLASS]
    return named if len(named) == 1 else header.names[-1:]


def _read_header(file: SourceFile) -> _Header:
    header = _Header()
    for number, line in enumerate(file.lines, start=1):
        text = line.strip()
        word = text.split(None, 1)[0].lower() if text else ""
        if not text or text.startswith("%"):
            continue
        if word == "@data":
            header.data = number
            break
        if word == "@attribute" or word.startswith("@attribute"):
            _add_attribute(file, header, text, number)
        elif word in ("@outputs", "@output"):
            header.outputs = _split(text[len(word) :])
        elif word not in ("@relation", "@inputs", "@input"):
            raise file.error(f"expected @attribute, @outputs or @data, got {quoted(text)}", number)
    if not header.data:
        raise file.error("expected @data before the rows, got the end of the file", len(file.lines))
    if len(header.names) < 2:
        raise file.error(
            f"expected at least one input and one output, got {plural(len(header.names), 'attribute')}",
            header.line or header.data,
        )
    return header


def _add_attribute(file: SourceFile, header: _Header, text: str, number: int) -> None:
    match = _ATTRIBUTE.fullmatch(text)
    if match is None:
        raise file.error(f"expected @attribute NAME TYPE, got {quoted(text)}", number)
    name, kind = _unquoted(match[1]), match[2].strip()
    categories: frozenset[str] | None
    if kind.startswith("{") and kind.endswith("}"):
        cells = _split(kind[1:-1])
        categories = frozenset(cells)
        header.first[name] = cells[0]
    elif _NUMERIC.fullmatch(kind):
        categories = None
    elif kind.split(None, 1)[:1] and kind.split(None, 1)[0].lower() in ("string", "date"):
        categories = frozenset()
    else:
        raise file.error(
            f"attribute {quoted(name)}: expected numeric, real, integer, string or categories in braces, got "
            f"{quoted(kind)}",
            number,
        )
    header.names.append(name)
    header.categories.append(categories)
    header.line = number


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _split(text: str) -> list[str]:
    """Return the values of a row, without their quotes."""
    if "'" not in text and '"' not in text:
        return [cell.strip() for cell in text.split(",")]
    cells, start = [], 0
    while start <= len(text):
        match = _CELL.match(text, start)
        if match is None:  # a quote inside a word
            return [cell.strip() for cell in text.split(",")]
        cells.append(_unquoted(match[1]))
        if match.end() == len(text) and not match[0].endswith(","):
            break
        start = match.end()
    return cells


def _read_rows(file: SourceFile, header: _Header) -> tuple[list[list[str]], list[int]]:
    rows, lines = [], []
    width = len(header.names)
    for number, line in enumerate(file.lines[header.data :], start=header.data + 1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.startswith("{") and text.endswith("}"):
            cells = _sparse(file, header, text[1:-1], number)
        else:
            cells = _split(text) if "," in text or width == 1 else text.split()
        if len(cells) != width:
            raise file.error(
                f"expected {plural(width, 'value')}, one per attribute, got {len(cells)}", number
            )
        _check(file, header, cells, number)
        rows.append(cells)
        lines.append(number)
    if not rows:
        raise file.error("expected rows after @data, got none", header.data)
    return rows, lines


def _check(file: SourceFile, header: _Header, cells: list[str], number: int) -> None:
    """Refuse a value that its attribute does not have."""
    for name, cell, categories in zip(header.names, cells, header.categories, strict=True):
        if cell.lower() in MISSING:
            continue
        if categories is None and not NUMBER.fullmatch(cell):
            raise file.error(
                f"attribute {quoted(name)}: expected a number, got {quoted(cell)}", number
            )
        if categories and cell not in categories:
            few = ", ".join(sorted(categories)[:8])
            raise file.error(
                f"attribute {quoted(name)}: expected one of {few}{', ...' if len(categories) > 8 else ''}, "
                f"got {quoted(cell)}",
                number,
            )


def _sparse(file: SourceFile, header: _Header, text: str, number: int) -> list[str]:
    cells = [header.first.get(name, "0") for name in header.names]
    for part in _split(text) if text.strip() else []:
        place, _, value = part.partition(" ")
        if (
            not place.isascii()
            or not place.isdigit()
            or int(place) >= len(cells)
            or not value.strip()
        ):
            raise file.error(
                f"expected the number of an attribute, 0 to {len(cells) - 1}, and a value, got {quoted(part)}",
                number,
            )
        cells[int(place)] = _unquoted(value)
    return cells


def write(dataset: Dataset) -> bytes:
    """Return the patterns with an attribute for each bit and analog input, and one for classes."""
    require_no_table(dataset, "arff")
    if not dataset.n_inputs:
        raise UsageError(
            f"{dataset.name}: an arff file lists its inputs, these come from a {dataset.input_kind.value}"
        )
    label = dataset.output_kind is OutputKind.LABEL
    outputs = [dataset.output_ports[0].name] if label else bit_names(dataset.output_ports)
    inputs = [_quoted_name(name) for name in bit_names(dataset.input_ports)]
    if label:
        classes = dataset.classes or tuple(range(dataset.n_outputs))
        words = [_quoted_name(str(name)) for name in classes]
        cells = np.array(words, dtype=object)[dataset.targets.argmax(axis=1)][:, None]
    else:
        words = ["0", "1"]
        cells = np.array(words, dtype=object)[dataset.targets]
    known = dataset.care_mask.all(axis=1, keepdims=True) if label else dataset.care_mask
    cells = np.where(known, cells, "?")
    kind = "numeric" if dataset.input_kind is InputKind.ANALOG else "{0, 1}"
    names = [_quoted_name(name) for name in outputs]
    lines = [
        f"@relation {_quoted_name(dataset.name)}",
        *(f"@attribute {name} {kind}" for name in inputs),
        *(f"@attribute {name} {{{', '.join(words)}}}" for name in names),
        f"@outputs {', '.join(names)}",
        "@data",
    ]
    for given, wanted in zip(dataset.inputs, cells, strict=True):
        lines.append(",".join([*map(str, given), *wanted]))
    return ("\n".join(lines) + "\n").encode()


def _quoted_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.+<>=-]+", name):
        return name
    text = re.sub(r"([\\'])", r"\\\1", " ".join(name.split()) or " ")
    return f"'{text}'"
