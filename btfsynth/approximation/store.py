"""The folder of a search for approximate circuits.

::

    DIR/points.jsonl        every circuit kept, one record per line, in the order found
    DIR/exact.mig           the exact circuit
    DIR/front.json          the index of the front, and the circuit and settings of the records
    DIR/index.html          the front as a plot, see `btfsynth.approximation.page`
    DIR/front/NAME/         one circuit: a design folder with its error, see `btfsynth.verify.error_metrics`,
                            software models and a page of its errors

An incomplete last line of a killed run is dropped. Design folders are made elsewhere and moved; the index is
written after the folders that it names exist and before others are removed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.approximation.page import ERROR_FILE, PAGE_FILE, error_page, front_page
from btfsynth.approximation.point import FRONT, Point, Subject, parse_point, size_words
from btfsynth.errors import DataError
from btfsynth.files import make_folder, staging_folder, write_text
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.manifest import MANIFEST_FILE
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.formats.tables import c_names, emit_c, emit_python, python_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate, exhaustive_words, unpack_bits
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.passes.sat_sweep import random_vectors
from btfsynth.ports import Port
from btfsynth.records import RecordFolder, file_content, whole
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import ErrorClaim, Errors, Reading

FRONT_FILE, POINTS_FILE, EXACT_FILE = "front.json", "points.jsonl", "exact.mig"
_NAMES = (FRONT_FILE, POINTS_FILE, EXACT_FILE, PAGE_FILE, FRONT)
_FORMAT = 1
_LISTED_INPUTS = 12
"""Maximum inputs for which a design folder lists every vector; with more it lists a sample."""
_VECTORS = 4096
_SECONDS_BETWEEN = 5.0
"""Seconds between two updates of the front on disk."""


class Store(RecordFolder):
    def __init__(
        self,
        directory: Path,
        identity: str,
        subject: Subject,
    ) -> None:
        super().__init__(directory, _NAMES, "a search for approximate circuits", _FORMAT)
        self.walks = 0
        self._identity, self._subject = identity, subject
        self._written = 0.0
        self._names: list[str] = []

    def open(self, resume: bool) -> list[tuple[int, Point]] | Path:
        """Open the folder; return what an earlier search found, or the place to which it was moved.

        Each point comes with the number of walks until it was found; `walks` is that of all.
        """
        if (self.directory / MANIFEST_FILE).exists():
            raise DataError(
                "is a design folder; name another folder for the search", self.directory
            )
        there = self.exists()
        if there and resume:
            self._check_index()
            return self.read_lines(self._parse, "a record of a circuit")
        moved = self.set_aside() if there else None
        make_folder(self.directory)
        write_text(self.directory / EXACT_FILE, format_netlist(self._subject.exact))
        self._write_front([], 0)
        return [] if moved is None else moved

    def append(self, point: Point, walks: int) -> None:
        """Append a point to the file and flush it to disk."""
        self.walks = walks
        self.append_line(point.to_json() | {"walks": walks})

    def is_due(self, front: Sequence[Point]) -> bool:
        """Return True if the front on disk is outdated and an update is due."""
        return [point.name for point in front] != self._names and (
            time.monotonic() - self._written >= _SECONDS_BETWEEN
        )

    def write(self, front: Sequence[Point], walks: int) -> None:
        """Bring the design folders and the index up to date."""
        make_folder(self.directory / FRONT)
        for point in front:
            target = self.directory / point.path
            if not target.exists():
                self._write_design(point, target)
        self._write_front(front, walks)
        self._names = [point.name for point in front]
        for folder in sorted((self.directory / FRONT).glob("c*_d*_wce*_*")):
            if folder.name not in self._names:
                shutil.rmtree(folder, ignore_errors=True)
        self._written = time.monotonic()

    def _write_design(self, point: Point, target: Path) -> None:
        netlist = parse_netlist(point.netlist)
        errors = point.errors
        bounds = {
            Metric(name): Fraction(str(most)) for name, most in point.origin["bounds"].items()
        }
        subject = self._subject
        claim = ErrorClaim.of(subject.reading, bounds, errors, subject.weights)
        size, exact = point.size(subject.unit), subject.size
        said = ", ".join(f"{name} {value:g}" for name, value in _metrics(errors).items())
        limits = subject.weighted or errors.sample_words
        if limits:
            said += f" ({limits})"
        provenance = {
            "exact circuit": f"{subject.title}, {size_words(exact)}",
            "size": size_words(size),
            "error": said,
        }
        origin = Origin(
            provenance=provenance,
            made_with={
                "error": errors.record(),
                "size": size,
                "exact": exact,
                "weighted": subject.weighted,
                "origin": dict(point.origin),
            },
            files=lambda module: {
                **claim.files(module, subject.exact),
                **model_files(module, netlist, subject.reading, provenance),
            },
        )
        with staging_folder(self.directory) as scratch:
            folder = scratch / point.name
            make_folder(folder)
            manifest = write_design(netlist, self._vectors(netlist), folder, origin=origin)
            write_text(folder / f"{manifest.module}.mig", point.netlist)
            write_text(folder / ERROR_FILE, error_page(subject, point))
            folder.replace(target)

    def _vectors(self, netlist: Netlist) -> VectorTable:
        inputs = netlist.n_inputs
        listed = inputs <= _LISTED_INPUTS
        if listed:
            vectors = unpack_bits(exhaustive_words(inputs), 1 << inputs)
        else:
            vectors = unpack_bits(random_vectors(inputs, _VECTORS // 64, 1), _VECTORS)
            vectors = np.unique(vectors, axis=0)
        expected = evaluate(netlist, vectors)
        return VectorTable(vectors, expected, np.ones(expected.shape, dtype=np.bool_), listed)

    def _write_front(self, front: Sequence[Point], walks: int) -> None:
        subject = self._subject
        content = {
            "name": subject.exact.name,
            "source": subject.source,
            "settings": self._identity,
            "exact": subject.size,
            "weighted": subject.weighted,
            "walks": walks,
            "front": [{"path": point.path, **point.record(subject.unit)} for point in front],
        }
        self.write_index(content)
        write_text(self.directory / PAGE_FILE, front_page(subject, front))

    def _check_index(self) -> None:
        content = self.read_index()
        if content.get("settings") != self._identity:
            raise DataError(
                "was made for another circuit or with other settings: metric, bounds, reading, weights, "
                "objective, basis and seed must match; name another folder",
                self.index,
            )
        with file_content(self.index):
            self.walks = whole(content, "walks")

    def _parse(self, record: Any) -> tuple[int, Point]:
        walks = whole(record, "walks")
        self.walks = max(self.walks, walks)
        return walks, parse_point(record)


def _metrics(errors: Errors) -> dict[str, float]:
    return {metric.value: float(errors.value(metric)) for metric in Metric}


# Software models of a circuit on numbers: Python for NumPy arrays, and C.
#
# Both contain the circuit as bit-parallel code (see `btfsynth.netlist.formats.tables`) and make a lookup table
# of all input vectors from it, for use in the arithmetic of a network.

MAX_TABLE_INPUTS = 20
PYTHON_ROLE, C_ROLE = "python_model", "c_model"


def model_files(
    module: str, netlist: Netlist, reading: Reading, provenance: Mapping[str, str]
) -> dict[str, tuple[str, bytes]]:
    """Return the names and content of both models by their roles in a design folder.

    Nothing for a circuit whose outputs are read as single bits or that has too many inputs for a table.
    """
    if netlist.n_inputs > MAX_TABLE_INPUTS or len(reading.ports) != len(netlist.output_ports):
        return {}
    return {
        PYTHON_ROLE: (
            f"{module}_model.py",
            _python(netlist, reading, provenance).encode(),
        ),
        C_ROLE: (f"{module}_model.c", _c(netlist, provenance).encode()),
    }


def _starts(ports: tuple[Port, ...]) -> list[tuple[int, int]]:
    """Return (first bit, width) of ports."""
    places, first = [], 0
    for port in ports:
        places.append((first, port.width))
        first += port.width
    return places


def _python(netlist: Netlist, reading: Reading, provenance: Mapping[str, str]) -> str:
    names = python_names(netlist)
    operands = ", ".join(f"({port.name!a}, {port.width})" for port in netlist.input_ports)
    named = ", ".join(_plain(port.name) for port in netlist.input_ports)
    signed = any(port[2] for port in reading.ports)
    lines = [
        emit_python(netlist, names, provenance),
        "",
        f"_OPERANDS = [{operands}]  # name and width",
        f"_OUTPUTS = {[list(port) for port in reading.ports]}  # first bit, width and whether it is signed",
        "_TABLE = []",
        "",
        "",
        f"def {names.module}_values(*operands):",
        f'    """Return the results for {named} as a ufunc does.',
        "",
        "    Operands are whole numbers or arrays, "
        + ("unsigned or in two's complement." if signed else "unsigned.")
        + " Several outputs are a tuple.",
        "    A ValueError names an operand out of range.",
        '    """',
        "    if len(operands) != len(_OPERANDS):",
        '        raise ValueError(f"expected {len(_OPERANDS)} operands, got {len(operands)}")',
        "    if not _TABLE:",
        f"        numbers = np.arange(1 << {netlist.n_inputs})",
        f"        rows = numbers[:, None] >> np.arange({netlist.n_inputs}) & 1",
        f"        bits = {names.module}(rows).astype(np.int64)",
        "        for first, width, signed in _OUTPUTS:",
        "            worth = 1 << np.arange(width, dtype=np.int64)",
        "            worth[-1] *= -1 if signed else 1",
        "            _TABLE.append(bits[:, first : first + width] @ worth)",
        "    index, first = 0, 0",
        "    for operand, (name, width) in zip(operands, _OPERANDS):",
        "        operand = np.asarray(operand)",
        '        if operand.dtype.kind not in "bui":',
        '            raise ValueError(f"{name}: expected whole numbers, got {operand.dtype}")',
        f"        low, high = {'-(1 << width - 1)' if signed else '0'}, (1 << width) - 1",
        "        if operand.size and (int(operand.min()) < low or int(operand.max()) > high):",
        '            raise ValueError(f"{name}: expected numbers from {low} to {high}")',
        "        index = index | (operand.astype(np.int64) & ((1 << width) - 1)) << first",
        "        first += width",
        "    found = tuple(table[index] for table in _TABLE)",
        "    return found[0] if len(found) == 1 else found",
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(each if each.isalnum() or each in "_, " else "?" for each in text)


def _c(netlist: Netlist, provenance: Mapping[str, str]) -> str:
    names = c_names(netlist)
    inputs, outputs = netlist.n_inputs, netlist.n_outputs
    places = ", ".join(
        f"{port.name} << {first}" if first else port.name
        for port, (first, _) in zip(netlist.input_ports, _starts(netlist.input_ports), strict=True)
    )
    return f"""{emit_c(netlist, names, provenance)}
/*
 * Fills a table of 2^{inputs} entries: all output bits, output 0 least significant, at the index
 * {_plain(places.replace("<<", "times 2 to the"))} added up. Operands are not checked: reduce each to its
 * width first (negative ones in two's complement), as its higher bits would reach into the next operand.
 */
void {names.module}_table(uint64_t *table);

void {names.module}_table(uint64_t *table)
{{
    uint64_t x[{max(1, inputs)}], y[{max(1, outputs)}];
    const uint64_t end = UINT64_C(1) << {inputs};
    for (uint64_t first = 0; first < end; first += 64) {{
        for (int bit = 0; bit < {inputs}; bit++) {{
            x[bit] = 0;
            for (int k = 0; k < 64; k++)
                x[bit] |= (((first + (uint64_t)k) >> bit) & 1) << k;
        }}
        {names.module}_words(x, y);
        for (uint64_t k = 0; k < 64 && first + k < end; k++) {{
            table[first + k] = 0;
            for (int bit = 0; bit < {outputs}; bit++)
                table[first + k] |= ((y[bit] >> k) & 1) << bit;
        }}
    }}
}}
"""
