"""Truth tables and PLA files, read and written, and programs that compute them.

A table becomes a netlist: the smaller of a decision diagram and the sum of products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats import format_by_name, truth
from btfsynth.dataset.formats import pla as pla_format
from btfsynth.dataset.formats.base import SourceFile
from btfsynth.dataset.formats.pla import DONT_CARE, OFF, ON, PlaFile, parse_pla
from btfsynth.dataset.patterns import contradiction
from btfsynth.dataset.vectors import FREE, MAX_TABLE_INPUTS, counting_inputs
from btfsynth.errors import UsageError, plural
from btfsynth.netlist.builder import NetlistBuilder, lower_table, make_table
from btfsynth.netlist.formats.nets import Design, plain_cells, token_names
from btfsynth.netlist.functions import (
    MAX_TABLE_WIDTH,
    and_gate,
    build_cover,
    build_table,
    or_gate,
)
from btfsynth.netlist.gates import AnyNetlist, gate_output_words, read_cells
from btfsynth.netlist.identifiers import HdlNames, cell_names, legal_names, printable
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.netlist.simulation import pack_bits, unpack_bits
from btfsynth.ports import Port, bit_names, group_columns

_MAX_DIAGRAM_INPUTS = 16
_MAX_ROW_PAIRS = 1 << 28
_MARKS = np.array(["0", "1", "-"])


def parse_truth_design(file: SourceFile, _: bool = False) -> Design:
    """Read a truth table; outputs that do not matter get the cheapest value."""
    dataset = _read(truth.read, file)
    return Design(_diagram(dataset), dont_care=_open_outputs(dataset))


def parse_pla_design(file: SourceFile, _: bool = False) -> Design:
    """Read a PLA file of any number of inputs.

    With up to 16 inputs, outputs that do not matter get the cheapest value; beyond, vectors that the rows do
    not list are off, or on in types r and dr.
    """
    pla = parse_pla(file)
    products = _products(file, pla)
    if pla.n_inputs > _MAX_DIAGRAM_INPUTS:
        notes = list(pla.notes)
        if pla.kind in ("fr", "fdr"):
            notes.extend(_contradictions(file, pla))
        return Design(products, tuple(notes), _open_products(file, pla))
    dataset = _read(pla_format.read, file)
    netlist = min(products, _diagram(dataset), key=lambda netlist: netlist.n_cells)
    return Design(netlist, pla.notes, _open_outputs(dataset))


def _read(read: Callable[[SourceFile], Dataset], file: SourceFile) -> Dataset:
    """Read a table for a netlist; contradictory rows are an error."""
    dataset = read(file)
    if dataset.contradiction is not None:
        raise dataset.contradiction
    return dataset


def _contradictions(file: SourceFile, pla: PlaFile) -> list[str]:
    """Raise a `DataError` if a vector is both on and off; return a note if there are too many rows to check."""
    on, off = ((pla.marks == mark).any(axis=1) for mark in (ON, OFF))
    if int(on.sum()) * int(off.sum()) > _MAX_ROW_PAIRS:
        return [f"{len(on)} rows: not checked for contradictions"]
    ones, zeros = ((pla.cubes == value).astype(np.float32) for value in (1, 0))
    says_on, says_off = ((pla.marks == mark).astype(np.float32) for mark in (ON, OFF))
    others = np.flatnonzero(off)
    for row in np.flatnonzero(on):
        # Cubes meet unless one has a 1 where the other has a 0.
        apart = ones[others] @ zeros[row] + zeros[others] @ ones[row]
        bad = (apart == 0) & (says_off[others] @ says_on[row] > 0)
        if bad.any():
            other = int(others[np.argmax(bad)])
            output = int(np.argmax((pla.marks[row] == ON) & (pla.marks[other] == OFF)))
            names = bit_names([Port("y", pla.n_outputs)])
            name = (pla.output_names or names)[output]
            raise contradiction((other, int(row)), name, file.path, lambda at: int(pla.lines[at]))
    return []


def _open_outputs(dataset: Dataset) -> Netlist | None:
    """Return a netlist that is 1 where an output does not matter; None if every output always does."""
    if dataset.exhaustive:
        return None

    def unlisted(output: int) -> NDArray[np.uint8]:
        table = np.ones(1 << dataset.n_inputs, dtype=np.uint8)
        table[dataset.input_numbers[dataset.care_mask[:, output]]] = 0
        return table

    return _of_tables(dataset, unlisted)


def _diagram(dataset: Dataset) -> Netlist:
    def wanted(output: int) -> NDArray[np.uint8]:
        care = dataset.care_mask[:, output]
        return make_table(dataset.inputs[care], dataset.targets[care, output].astype(np.bool_))

    return _of_tables(dataset, wanted)


def _of_tables(dataset: Dataset, table: Callable[[int], NDArray[np.uint8]]) -> Netlist:
    """Return a netlist of the ports of a data set from the table of every output."""
    builder = NetlistBuilder(dataset.name, dataset.input_ports, dataset.output_ports)
    literals = [builder.input(bit) for bit in range(dataset.n_inputs)]
    outputs = [_build(builder, table(output), literals) for output in range(dataset.n_outputs)]
    return builder.build(outputs)


def _build(builder: NetlistBuilder, table: NDArray[np.uint8], literals: list[int]) -> int:
    if len(literals) <= MAX_TABLE_WIDTH and not (table > 1).any():
        return build_table(builder, int("".join(map(str, table[::-1])), 2), literals)
    return lower_table(builder, table, literals)


def _products(file: SourceFile, pla: PlaFile) -> Netlist:
    cover = _Cover(file, pla)
    listed = OFF if pla.kind in ("r", "dr") else ON
    outputs = []
    for column in cover.driven:
        flip = int(pla.complemented[column]) ^ int(listed == OFF)
        outputs.append(cover.sum(column, listed) ^ flip)
    return cover.builder.build(outputs)


def _open_products(file: SourceFile, pla: PlaFile) -> Netlist | None:
    """Return a netlist that is 1 where an output does not matter; None if every output always does."""
    if pla.kind in ("f", "r") or (pla.kind in ("fd", "dr") and not (pla.marks == DONT_CARE).any()):
        return None
    cover = _Cover(file, pla)
    builder = cover.builder
    outputs = []
    for column in cover.driven:
        if pla.kind in ("fd", "dr"):
            loose = cover.sum(column, DONT_CARE)
            off = cover.sum(column, OFF) if pla.kind == "dr" else FALSE
            outputs.append(builder.and_(loose, off ^ 1))
        else:
            on = cover.sum(column, ON)
            if pla.kind == "fdr":
                on = builder.and_(on, cover.sum(column, DONT_CARE) ^ 1)
            outputs.append(builder.or_(cover.sum(column, OFF), on) ^ 1)
    return cover.builder.build(outputs)


class _Cover:
    def __init__(self, file: SourceFile, pla: PlaFile) -> None:
        self.pla = pla
        input_ports, columns = _ports(pla.input_names, "x", pla.n_inputs)
        output_ports, self.driven = _ports(pla.output_names, "y", pla.n_outputs)
        self.builder = NetlistBuilder(file.function_name, input_ports, output_ports)
        self.literals = [self.builder.input(bit) for bit in range(pla.n_inputs)]
        self.cubes = pla.cubes[:, columns]
        self.products: dict[int, int] = {}

    def sum(self, column: int, mark: int) -> int:
        rows = np.flatnonzero(self.pla.marks[:, column] == mark).tolist()
        if self.pla.n_inputs <= MAX_TABLE_WIDTH:
            texts = ["".join(_MARKS[self.cubes[row]].tolist()) for row in rows]
            return build_cover(self.builder, texts, True, self.literals)
        return or_gate(self.builder, [self.product(row) for row in rows])

    def product(self, row: int) -> int:
        if row not in self.products:
            cube = self.cubes[row]
            read = np.flatnonzero(cube != FREE).tolist()
            self.products[row] = and_gate(
                self.builder, [self.literals[bit] ^ int(cube[bit] == 0) for bit in read]
            )
        return self.products[row]


def _ports(
    names: tuple[str, ...] | None, default: str, width: int
) -> tuple[tuple[Port, ...], list[int]]:
    if names is None:
        return (Port(default, width),), list(range(width))
    return group_columns(names)


# A netlist as a program, a Python function over NumPy arrays or C over words of 64 vectors, or as a table.
#
# A cell is one statement. Port names come from files, so code contains them only as legal identifiers, and
# comments contain them without characters that could end a comment.

_PYTHON_WORDS = ("np",)
_OPERATORS = {"and": "&", "or": "|", "xor": "^"}
_ROWS_AT_ONCE = 1 << 16


def python_names(netlist: AnyNetlist) -> HdlNames:
    """Return names for Python, those of the outputs unchanged, since they occur only in strings."""
    names = legal_names(netlist.name, netlist.input_ports, (), _PYTHON_WORDS)
    return replace(names, outputs=netlist.output_ports)


def emit_python(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return a module with one function from rows of input bits to rows of output bits.

    Eight rows are packed into a byte; besides NumPy it needs nothing.
    """
    netlist = plain_cells(netlist)
    inputs = [
        port.name if port.width == 1 else f"{port.name}[{bit}]"
        for port in names.inputs
        for bit in range(port.width)
    ]
    code = _Code(netlist, inputs, "_zero")
    n_inputs, n_outputs = netlist.n_inputs, netlist.n_outputs
    body = [
        f'"""Return the outputs, ``(rows, {n_outputs})`` uint8 0/1, for ``(rows, {n_inputs})`` 0/1.',
        "",
        "One row gives one row.",
        '"""',
        "_given = np.asarray(X)",
        "_rows = np.atleast_2d(_given)",
        f"if _rows.ndim != 2 or _rows.shape[1] != {n_inputs} or not np.isin(_rows, (0, 1)).all():",
        f'    raise ValueError(f"expected rows of {n_inputs} bits, 0 or 1, got {{_given.shape}}")',
        "_x = np.packbits(_rows.astype(bool), axis=0).T  # eight rows per byte",
        "_zero = np.zeros((len(_rows) + 7) // 8, dtype=np.uint8)",
        *(
            f"{port.name} = _x[{first}{'' if port.width == 1 else f':{first + port.width}'}]"
            for port, first in zip(names.inputs, _places(names.inputs), strict=True)
        ),
        *code.statements(),
        "_y = [",
        *(f"    {value}," for value in code.outputs()),
        "]",
        "_bits = np.unpackbits(np.array(_y), axis=1, count=len(_rows)).T",
        "return _bits if _given.ndim == 2 else _bits[0]",
    ]
    head, *facts = _facts(netlist, names, provenance)
    lines = [
        f'"""{head}',
        *facts,
        "Ports, least significant bit first:",
        *_listing("input", netlist.input_ports, "X[:, {}]"),
        *_listing("output", netlist.output_ports, "column {}"),
        '"""',
        "",
        "import numpy as np",
        "",
        "",
        f"def {names.module}(X):",
        *(f"    {line}".rstrip() for line in body),
    ]
    return "\n".join(lines) + "\n"


def c_names(netlist: AnyNetlist) -> HdlNames:
    """Return a name for C, those of the ports unchanged, since they occur only in a comment."""
    names = legal_names(netlist.name, (), ())
    return replace(names, inputs=netlist.input_ports, outputs=netlist.output_ports)


def emit_c(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return a C99 function of 64 input vectors at once, one bit of every word each."""
    netlist = plain_cells(netlist)
    inputs = [f"x[{bit}]" for bit in range(netlist.n_inputs)]
    code = _Code(netlist, inputs, "UINT64_C(0)")
    head = f"void {names.module}_words(const uint64_t *restrict x, uint64_t *restrict y)"
    facts = [
        *_facts(netlist, names, provenance),
        "64 input vectors at once: bit k of every word belongs to vector k. The arrays must not overlap.",
        "Ports, least significant bit first:",
        *_listing("input", netlist.input_ports, "x[{}]"),
        *_listing("output", netlist.output_ports, "y[{}]"),
    ]
    body = [
        *(f"const uint64_t {statement};" for statement in code.statements()),
        *(f"y[{place}] = {value};" for place, value in enumerate(code.outputs())),
    ]
    if not any("x[" in line for line in body):
        body.insert(0, "(void)x;")
    lines = [
        "/*",
        *(f" * {line}".rstrip() for line in facts),
        " */",
        "",
        "#include <stdint.h>",
        "",
        f"{head};",
        "",
        head,
        "{",
        *(f"    {line}" for line in body),
        "}",
    ]
    return "\n".join(lines) + "\n"


class _Code:
    """The statements of a netlist in the common syntax of Python and C."""

    def __init__(self, netlist: AnyNetlist, inputs: Sequence[str], zero: str) -> None:
        self.netlist = netlist
        self.zero = zero
        self.nets = ["", *inputs, *cell_names(netlist)]

    def statements(self) -> Iterator[str]:
        cells = self.nets[self.netlist.first_cell :]
        for name, (kind, literals) in zip(cells, read_cells(self.netlist), strict=True):
            reads = [self.read(literal) for literal in literals]
            if kind == "maj":
                a, b, c = reads
                yield f"{name} = ({a} & {b}) | ({c} & ({a} | {b}))"
            else:
                yield f"{name} = {f' {_OPERATORS[kind]} '.join(reads)}"

    def outputs(self) -> list[str]:
        return [self.read(literal) for literal in self.netlist.outputs.tolist()]

    def read(self, literal: int) -> str:
        net = self.zero if literal <= TRUE else self.nets[literal >> 1]
        return f"~{net}" if literal & 1 else net


def _facts(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> list[str]:
    """Return the header comment of a program."""
    inputs, outputs = plural(netlist.n_inputs, "input"), plural(netlist.n_outputs, "output")
    lines = [f"{names.module}: {inputs}, {outputs}, {plural(netlist.n_cells, 'cell')}.", ""]
    lines += [f"{_plain(key)}: {_plain(value)}" for key, value in provenance.items()]
    return lines


def _listing(kind: str, ports: Sequence[Port], place: str) -> list[str]:
    lines = []
    for port, first in zip(ports, _places(ports), strict=True):
        last = first + port.width - 1
        end = "" if port.width == 1 else f" to {place.format(last)}"
        lines.append(f"    {kind} {_plain(port.label)}: {place.format(first)}{end}")
    return lines


def _places(ports: Sequence[Port]) -> list[int]:
    """Return where the bits of each port begin among those of all."""
    return [0, *accumulate(port.width for port in ports)][:-1]


def _plain(text: str) -> str:
    """Return text that ends neither a comment of C nor a text of Python."""
    return printable(text).replace("\\", "/").replace('"', "'").replace("*/", "* /")


# A netlist as a table


def table_names(netlist: AnyNetlist) -> HdlNames:
    return token_names(netlist, " #", one_space=False)


def emit_truth(netlist: AnyNetlist, names: HdlNames, _: Mapping[str, str]) -> bytes:
    return _table(netlist, names, "truth")


def emit_pla(netlist: AnyNetlist, names: HdlNames, _: Mapping[str, str]) -> bytes:
    return _table(netlist, names, "pla")


def _table(netlist: AnyNetlist, names: HdlNames, kind: str) -> bytes:
    """Return the outputs for every input vector in a format of data; a `UsageError` if these are too many."""
    if not 1 <= netlist.n_inputs <= MAX_TABLE_INPUTS:
        raise UsageError(
            f"{netlist.name}: a table has 1 to {MAX_TABLE_INPUTS} inputs, the netlist has {netlist.n_inputs}"
        )
    inputs = counting_inputs(netlist.n_inputs)
    parts = []
    for start in range(0, len(inputs), _ROWS_AT_ONCE):
        rows = inputs[start : start + _ROWS_AT_ONCE]
        parts.append(unpack_bits(gate_output_words(netlist, pack_bits(rows)), len(rows)))
    dataset = Dataset(
        netlist.name, netlist.name, inputs, np.concatenate(parts), names.inputs, names.outputs
    )
    return format_by_name(kind).write(dataset)
