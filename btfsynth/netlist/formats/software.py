"""A netlist as a program, a Python function over NumPy arrays or C over words of 64 vectors, or as a table.

A cell is one statement. Port names come from files, so code contains them only as legal identifiers, and
comments contain them without characters that could end a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats import format_by_name
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, counting_inputs
from btfsynth.errors import UsageError, plural
from btfsynth.netlist.formats.nets import plain_cells, token_names
from btfsynth.netlist.gates import AnyNetlist, gate_output_words, read_cells
from btfsynth.netlist.identifiers import HdlNames, cell_names, legal_names, printable
from btfsynth.netlist.netlist import TRUE
from btfsynth.netlist.simulation import pack_bits, unpack_bits
from btfsynth.ports import Port

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


# tables


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
